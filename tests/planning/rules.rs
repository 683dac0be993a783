//! The rules that decide whether a row is called: each with its reason, their order, and what `explain` says of them.

use tickler::appointment::{DateFormat, StartColumns};
use tickler::plan::WrongNumbers;
use tickler::plan::explain::{StepResult, Verdict};
use tickler::reminder::{CallOutcome, SkipReason, State};
use tickler::schedule::Leads;
use tickler::template::{Condition, PayloadTemplate};

use crate::world::{TUESDAY_NINE, WEDNESDAY_TEN, World, at, column, payload_of, reason_word};

const PHONE: &str = "+12025550143";
const LOCAL_TEN: &str = "2026-11-25 10:00";

/// A world with one row, which is called.
pub fn good() -> World {
    World::with(|world| {
        world.row(&["a", PHONE, LOCAL_TEN]);
    })
}

/// The world of [`good`], changed.
fn changed(change: impl FnOnce(&mut World)) -> World {
    let mut world = good();
    change(&mut world);
    world
}

#[test]
fn a_good_row_is_called_at_the_runs_time_with_its_payload() {
    let plan = good().plan();
    let reminder = &plan.reminders[0];
    assert_eq!(
        (reminder.starts_at, reminder.due_at, reminder.send_at),
        (at(WEDNESDAY_TEN), at(TUESDAY_NINE), at(TUESDAY_NINE))
    );
    assert_eq!(reminder.expires_at, at("2026-11-24T20:00:01Z"));
    assert_eq!((reminder.lead.to_string().as_str(), &*reminder.recipient_zone), ("1d", "America/New_York"));
    assert_eq!(payload_of(&plan), serde_json::json!({"contact_phone": PHONE, "at": "2026-11-25T10:00:00-05:00"}));
    assert_eq!(reminder.contact, None);
}

#[test]
fn each_rule_blocks_for_its_own_reason() {
    for (expected, world) in each_reason() {
        assert_eq!(world.verdict(), reason_word(expected), "{expected}");
        assert!(!world.detail().contains("0143"), "{expected}: {}", world.detail());
    }
}

/// A world in which the person said this in a call a week before.
fn said(outcome: CallOutcome) -> World {
    changed(|world| {
        world.known("a", WEDNESDAY_TEN, "7d", State::Delivered, "2026-11-18T14:00:00Z");
        world.knowledge.reminders.values_mut().for_each(|known| known.outcome = Some(outcome));
    })
}

/// One world for each reason that a single row can be skipped for, in the order of the rules.
pub fn each_reason() -> Vec<(SkipReason, World)> {
    let set = |index: usize, value: &'static str| changed(move |world| world.rows[0][index] = value.into());
    let with_column = |name: &'static str, value: &'static str, map: fn(&mut World)| {
        changed(move |world| {
            world.column(name, value);
            map(world);
        })
    };
    vec![
        (SkipReason::BadRow, set(0, "BROKEN")),
        (SkipReason::MissingId, set(0, "  ")),
        (SkipReason::InvalidTime, set(2, "26/04/2026 10:00")),
        (
            SkipReason::NoSuchTime,
            changed(|world| {
                world.now("2026-03-07T14:00:00Z", "2026-03-07T14:00:00Z");
                world.rows[0][2] = "2026-03-08 02:30".into();
            }),
        ),
        (
            SkipReason::Cancelled,
            with_column("st", " Canceled ", |world| world.schedule.appointment.status = Some(column("st"))),
        ),
        (
            SkipReason::UnknownStatus,
            with_column("st", "Foo", |world| {
                world.schedule.appointment.status = Some(column("st"));
                world.schedule.remind.statuses = Some(vec!["Confirmed".into(), "Booked".into()]);
            }),
        ),
        (
            SkipReason::Filtered,
            with_column("service", "Walk-in", |world| {
                world.schedule.remind.only_if = Some(Condition::compile("service != 'Walk-in'").expect("a condition"));
            }),
        ),
        (SkipReason::NoPhone, set(1, " ")),
        (SkipReason::InvalidPhone, set(1, "911")),
        (
            SkipReason::WrongNumber,
            changed(|world| {
                world.knowledge.wrong_numbers = WrongNumbers::new(|_, phone| phone == "+12025550143");
            }),
        ),
        (
            SkipReason::OptedOut,
            with_column("dnc", "Yes", |world| world.schedule.appointment.do_not_call = Some(column("dnc"))),
        ),
        (SkipReason::NoConsent, with_column("ok", "", |world| world.schedule.appointment.consent = Some(column("ok")))),
        (SkipReason::Confirmed, said(CallOutcome::Confirmed)),
        (SkipReason::Declined, said(CallOutcome::Declined)),
        (SkipReason::Reschedule, said(CallOutcome::Reschedule)),
        (
            SkipReason::AlreadyStarted,
            changed(|world| {
                world.schedule.remind.leads = Leads::Days(vec![0]);
                world.now("2026-11-25T14:00:00Z", "2026-11-25T15:00:00Z");
            }),
        ),
        (SkipReason::TooLate, changed(|world| world.now(TUESDAY_NINE, "2026-11-24T20:00:01Z"))),
        (
            SkipReason::OutsideCallingHours,
            changed(|world| {
                // at 22:00 the day before; the next opening is later than the notice before 10:00
                world.now("2026-11-25T03:00:00Z", "2026-11-25T03:00:00Z");
                world.schedule.remind.calling_hours = "09:30-14:00".parse().expect("hours");
            }),
        ),
        (
            SkipReason::PayloadError,
            changed(|world| {
                let payload = serde_json::json!({"a": "{{ nobody }}"});
                world.schedule.payload = PayloadTemplate::compile(&payload).expect("it parses");
            }),
        ),
        (
            SkipReason::PersonLimit,
            changed(|world| {
                world.known("other", "2026-11-25T20:00:00Z", "1d", State::Delivered, TUESDAY_NINE);
            }),
        ),
    ]
}

#[test]
fn the_last_second_before_the_notice_still_counts_and_the_next_is_too_late() {
    let today = |now: &str| {
        changed(|world| {
            world.schedule.remind.leads = Leads::Days(vec![0]);
            world.now("2026-11-25T14:00:00Z", now);
        })
    };
    let last = today("2026-11-25T14:00:00Z").plan();
    assert_eq!(last.reminders[0].expires_at, at("2026-11-25T14:00:01Z"));
    assert_eq!(today("2026-11-25T14:00:01Z").verdict(), "too_late");
    let without_notice = changed(|world| {
        world.schedule.remind.leads = Leads::Days(vec![0]);
        world.schedule.remind.min_notice = jiff::SignedDuration::ZERO;
        world.now("2026-11-25T14:00:00Z", "2026-11-25T14:00:00Z");
    });
    assert_eq!(without_notice.plan().reminders[0].expires_at, at(WEDNESDAY_TEN), "never after the start");
}

#[test]
fn of_two_blocking_rules_the_earlier_names_the_reason() {
    let order = each_reason();
    let words = |world: &World| world.explain("a").steps.iter().position(|step| step.result == StepResult::Block);
    let places: Vec<_> = order.iter().skip(2).map(|(_, world)| words(world)).collect();
    assert!(places.is_sorted(), "{places:?}");
    let everything_wrong = |until: usize| {
        let mut world = good();
        for (name, value) in [("st", "Canceled"), ("service", "Walk-in"), ("dnc", "x"), ("ok", "no")] {
            world.column(name, value);
        }
        world.schedule.appointment.status = Some(column("st"));
        world.schedule.remind.only_if = Some(Condition::compile("service != 'Walk-in'").expect("a condition"));
        world.schedule.appointment.do_not_call = Some(column("dnc"));
        world.schedule.appointment.consent = Some(column("ok"));
        world.schedule.payload = PayloadTemplate::compile(&serde_json::json!("{{ nobody }}")).expect("it parses");
        world.rows[0][1] = String::new();
        world.schedule.remind.leads = Leads::Days(vec![0]);
        world.now("2026-11-25T14:00:00Z", "2026-11-25T22:00:00Z");
        world.known("other", "2026-11-25T20:00:00Z", "0d", State::Delivered, "2026-11-25T14:00:00Z");
        let repairs: [fn(&mut World); 8] = [
            |world| world.rows[0][3] = "Confirmed".into(),
            |world| world.rows[0][4] = "Check-up".into(),
            |world| world.rows[0][1] = PHONE.into(),
            |world| world.rows[0][5] = String::new(),
            |world| world.rows[0][6] = "yes".into(),
            |world| world.now("2026-11-25T05:00:00Z", "2026-11-25T14:30:00Z"),
            |world| world.now("2026-11-25T13:00:00Z", "2026-11-25T13:00:00Z"),
            |world| world.schedule.payload = PayloadTemplate::compile(&serde_json::json!("x")).expect("it parses"),
        ];
        repairs.iter().take(until).for_each(|repair| repair(&mut world));
        world.verdict()
    };
    let expected = [
        "cancelled",
        "filtered",
        "no_phone",
        "opted_out",
        "no_consent",
        "already_started",
        "too_late",
        "payload_error",
        "person_limit",
    ];
    for (repaired, reason) in expected.iter().enumerate() {
        assert_eq!(everything_wrong(repaired), *reason, "{repaired} repaired");
    }
}

#[test]
fn statuses_compare_without_case_and_blanks_and_tell_what_they_met() {
    for (status, expected) in [
        ("Confirmed", "call"),
        (" CONFIRMED ", "call"),
        ("booked", "call"),
        ("x", "unknown_status"),
        ("%", "unknown_status"),
        ("Cancelled ", "cancelled"),
        ("CANCELLED_BY_CUSTOMER", "unknown_status"),
        ("", "unknown_status"),
        ("Foo", "unknown_status"),
    ] {
        let world = changed(|world| {
            world.column("st", status);
            world.schedule.appointment.status = Some(column("st"));
            world.schedule.remind.statuses = Some(vec!["Confirmed".into(), " Booked".into()]);
        });
        assert_eq!(world.verdict(), expected, "{status}");
        if status == "Foo" {
            assert_eq!(world.detail(), "status is `Foo`, allowed: Confirmed,  Booked");
        }
    }
}

#[test]
fn a_filter_tells_the_expression_and_the_values_it_looked_at_but_no_phone() {
    let world = |condition: &str| {
        changed(|world| {
            world.column("service", "Walk-in");
            world.column("note", "");
            world.schedule.remind.only_if = Some(Condition::compile(condition).expect("a condition"));
        })
    };
    let detail = world("service != 'Walk-in' or note == 'x' or phone == 'y'").detail();
    assert_eq!(
        detail,
        "`only_if` doesn't hold: `service != 'Walk-in' or note == 'x' or phone == 'y'`, where note is empty, \
         phone is not shown, service is \"Walk-in\""
    );
    assert!(world("row['service'] == 'x'").detail().ends_with("`row['service'] == 'x'`"));
}

#[test]
fn do_not_call_lists_and_countries_are_asked_with_the_normalised_number() {
    let listed = changed(|world| {
        world.rows[0][1] = "(202) 555-0143".into();
        world.do_not_call.insert(PHONE.into());
    });
    assert_eq!(listed.verdict(), "opted_out");
    let app = changed(|world| {
        world.knowledge.opted_out = tickler::plan::OptOuts::new(|phone| phone == PHONE);
    });
    assert_eq!(app.verdict(), "opted_out");
    for (countries, expected) in [(&["US", "CA"][..], "call"), (&["ca"], "invalid_phone"), (&["us"], "call")] {
        let countries = countries.iter().map(|country| (*country).to_owned()).collect();
        let world = changed(|world| world.schedule.remind.allowed_countries = Some(countries));
        assert_eq!(world.verdict(), expected);
    }
}

#[test]
fn calling_hours_are_the_recipients_and_a_reminder_waits_for_them() {
    let world = changed(|world| {
        world.column("zone", "America/Los_Angeles");
        world.schedule.appointment.recipient_timezone = Some(column("zone"));
    });
    let plan = world.plan();
    let reminder = &plan.reminders[0];
    assert_eq!((reminder.due_at, reminder.send_at), (at(TUESDAY_NINE), at("2026-11-24T16:00:00Z")));
    assert_eq!(reminder.payload.to_value().expect("a flat payload")["at"], "2026-11-25T07:00:00-08:00");
    let unknown = changed(|world| {
        world.column("zone", "Mars/Olympus");
        world.schedule.appointment.recipient_timezone = Some(column("zone"));
    });
    assert_eq!(unknown.verdict(), "invalid_time");
    let windows_name = changed(|world| {
        world.column("zone", "Pacific Standard Time");
        world.schedule.appointment.timezone = Some(column("zone"));
    });
    assert_eq!(windows_name.plan().reminders[0].starts_at, at("2026-11-25T18:00:00Z"));
}

#[test]
fn explaining_tells_every_rule_in_order_and_the_first_that_blocks() {
    let names = [
        "row",
        "time",
        "window",
        "already_reminded",
        "duplicate_row",
        "status",
        "filtered",
        "phone",
        "wrong_number",
        "opted_out",
        "no_consent",
        "confirmed",
        "declined",
        "reschedule",
        "already_started",
        "too_late",
        "late_booking",
        "outside_calling_hours",
        "payload_error",
        "merged",
        "person_limit",
    ];
    let explanation = good().explain("a");
    assert_eq!((explanation.verdict, explanation.reason.as_deref()), (Verdict::Call, None));
    assert_eq!(explanation.steps.iter().map(|step| step.rule.as_str()).collect::<Vec<_>>(), names);
    assert!(explanation.steps.iter().all(|step| step.result == StepResult::Pass && step.detail.is_some()));
    for (reason, world) in each_reason().into_iter().skip(2) {
        let explanation = world.explain("a");
        assert_eq!((explanation.verdict, explanation.reason.as_deref()), (Verdict::Skip, Some(reason.as_str())));
        let block = explanation.steps.iter().position(|step| step.result == StepResult::Block).expect("one blocks");
        assert!(explanation.steps[..block].iter().all(|step| step.result == StepResult::Pass), "{reason}");
        assert!(explanation.steps[block + 1..].iter().all(|step| step.result == StepResult::NotReached), "{reason}");
        assert_eq!(explanation.steps.len(), names.len());
    }
}

#[test]
fn explaining_tells_what_lies_outside_is_absent_reminded_or_held() {
    let outside = changed(|world| world.rows[0][2] = "2026-11-26 10:00".into());
    let explanation = outside.explain("a");
    assert_eq!((explanation.verdict, explanation.reason.as_deref()), (Verdict::Skip, Some("outside_window")));
    assert_eq!(outside.explain("b").verdict, Verdict::Absent);
    let reminded = changed(|world| {
        world.known("a", WEDNESDAY_TEN, "1d", State::Delivered, TUESDAY_NINE);
    });
    let explanation = reminded.explain("a");
    assert_eq!((explanation.verdict, explanation.reason.as_deref()), (Verdict::Reminded, Some("already_reminded")));
    assert!(explanation.steps[3].detail.as_deref().is_some_and(|detail| detail.contains("delivered")));
    let held = changed(|world| world.schedule.guard.max_calls = 0);
    let explanation = held.explain("a");
    assert_eq!((explanation.verdict, explanation.reason.as_deref()), (Verdict::Skip, Some("run_held")));
    let last = explanation.steps.last().expect("steps");
    assert_eq!((last.rule.as_str(), last.result), ("guard", StepResult::Block));
    let waiting = changed(|world| {
        world.known("a", WEDNESDAY_TEN, "1d", State::Pending, TUESDAY_NINE);
    });
    let explanation = waiting.explain("a");
    assert_eq!((explanation.verdict, explanation.reason.as_deref()), (Verdict::Reminded, None));
    assert!(explanation.steps[3].detail.as_deref().is_some_and(|detail| detail.contains("is pending, due")));
}

#[test]
fn two_columns_join_and_a_doubled_time_takes_its_first_pass() {
    let world = World::with(|world| {
        world.header = vec!["id", "phone", "day", "time"];
        world.schedule.appointment.starts_at = StartColumns::DateAndTime { date: column("day"), time: column("time") };
        world.schedule.appointment.date_format = DateFormat::Patterns(vec!["%m/%d/%Y %I:%M %p".into()]);
        world.now("2026-10-31T13:00:00Z", "2026-10-31T13:00:00Z");
        world.row(&["a", "+15551234567", "11/01/2026", "1:30 AM"]);
    });
    let plan = world.plan();
    assert_eq!(plan.reminders[0].starts_at, at("2026-11-01T05:30:00Z"));
    assert_eq!(plan.reminders[0].note.as_deref(), Some("ambiguous_time, unassigned range"));
}

#[test]
fn an_id_of_several_columns_never_joins_two_rows_into_one() {
    let world = World::with(|world| {
        world.header = vec!["id", "phone", "starts_at", "line"];
        world.schedule.appointment.id = vec![column("id"), column("line")];
        world.schedule.remind.max_per_person_per_day = 9;
        world.row(&["a|", PHONE, LOCAL_TEN, "b"]);
        world.row(&["a", PHONE, LOCAL_TEN, "|b"]);
        world.row(&["", PHONE, LOCAL_TEN, ""]);
    });
    assert_eq!(world.calls(), ["a\\||b 1d", "a|\\|b 1d"]);
    assert_eq!(world.skips(), ["- missing_id"]);
}

/// The remedy that `explain` names for the rule that blocks.
fn remedy(world: &World) -> String {
    let steps = world.explain("a").steps;
    let block = steps.into_iter().find(|step| step.result == StepResult::Block).expect("a rule blocks");
    block.detail.expect("a sentence")
}

#[test]
fn an_explanation_names_the_remedy_of_the_place_that_blocks_and_no_other() {
    let with_stop = |value: &'static str| {
        changed(move |world| {
            world.column("stop", value);
            world.schedule.appointment.do_not_call = Some(column("stop"));
        })
    };
    let with_status = |value: &'static str| {
        changed(move |world| {
            world.column("status", value);
            world.schedule.appointment.status = Some(column("status"));
            world.schedule.remind.statuses = Some(vec!["confirmed".into()]);
        })
    };
    let in_file = changed(|world| {
        world.do_not_call.insert(PHONE.into());
    });
    let on_list = changed(|world| world.knowledge.opted_out = tickler::plan::OptOuts::new(|phone| phone == PHONE));
    for (world, wanted, unwanted) in [
        (with_stop("yes"), "Only the source can change it", "optout remove"),
        (with_stop("perhaps"), "Only the source can change it", "optout remove"),
        (in_file, "Take its line out of that file", "optout remove"),
        (on_list, "`tickler optout remove`", "column"),
        (with_status("waiting"), "Add the status to `statuses`", "sounds like"),
        (with_status("Patient cancelled"), "keep it out of `statuses`", "Add the status"),
        (with_status("abgesagt"), "keep it out of `statuses`", "Add the status"),
        (with_status("No-Show"), "keep it out of `statuses`", "Add the status"),
    ] {
        let said = remedy(&world);
        assert!(said.contains(wanted) && !said.contains(unwanted), "{said}");
    }
}

#[test]
fn the_limit_of_a_person_names_the_other_call() {
    let other = |schedule: Option<&str>, is_shadow: bool| {
        changed(|world| {
            let id = tickler::reminder::ReminderId(uuid::Uuid::from_u128(9));
            let call = tickler::plan::PersonCall {
                id,
                chain: id,
                due_at: at("2026-11-24T20:30:00Z"),
                schedule: schedule.map(Into::into),
                is_shadow,
                appointment: schedule.is_none().then(|| ("b".to_owned(), at("2026-11-25T20:00:00Z"))),
            };
            let day = jiff::civil::date(2026, 11, 24);
            world.knowledge.people.insert((PHONE.into(), day), vec![call]);
        })
    };
    let of_this_plan = changed(|world| {
        world.row(&["b", PHONE, "2026-11-25 09:00"]);
    });
    for (world, wanted) in [
        (other(Some("evening"), false), "1 other call (of the schedule `evening`, due 2026-11-24 15:30)"),
        (
            other(None, false),
            "1 other call (of this schedule about an appointment at 2026-11-25 15:00, due 2026-11-24 15:30)",
        ),
        (other(None, true), "due 2026-11-24 15:30, which a run in shadow mode would have made)"),
        (
            of_this_plan,
            "1 other call (of this schedule about an appointment at 2026-11-25 09:00, due 2026-11-24 09:00)",
        ),
    ] {
        let said = remedy(&world);
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_row_that_only_repeats_a_reminded_one_is_counted_apart() {
    let mut world = changed(|world| {
        world.known("a", WEDNESDAY_TEN, "1d", State::Delivered, TUESDAY_NINE);
    });
    world.rows.push(world.rows[0].clone());
    world.row(&["b", "+12025550164", LOCAL_TEN]);
    let plan = world.plan();
    assert_eq!((plan.counts.rows, plan.counts.planned, plan.counts.already_reminded), (3, 1, 2));
    assert_eq!((plan.reminded.accepted, plan.reminded.repeated), (1, 1));
}

#[test]
fn a_run_on_a_closed_day_says_that_it_is_one_and_which_runs_are_not() {
    let world = |nominal: &str, on_closed_day| {
        changed(|world| {
            world.schedule.remind.closed =
                tickler::zones::ClosedDays::of(["sat", "sun"], Default::default()).expect("weekdays");
            world.schedule.remind.on_closed_day = on_closed_day;
            world.now(nominal, nominal);
        })
    };
    use tickler::schedule::OnClosedDay::{CallAnyway, CountOpenDays, Previous};
    for (nominal, on_closed_day, closed) in [
        ("2026-11-21T14:00:00Z", Previous, true),
        ("2026-11-21T14:00:00Z", CountOpenDays, true),
        ("2026-11-21T14:00:00Z", CallAnyway, false),
        ("2026-11-20T14:00:00Z", Previous, false),
    ] {
        let said = remedy(&world(nominal, on_closed_day));
        let sentence = "2026-11-21 is a closed day (`closed_days`, `holidays`): its run calls nobody; the last one before it \
                        was that of 2026-11-20, the next one that does is that of 2026-11-23";
        assert_eq!(said.contains(sentence), closed, "{said}");
    }
}
