use std::collections::HashSet;

use tickler::plan::{Standing, due_days, read_span, windows};
use tickler::reminder::State;
use tickler::schedule::{ContactTemplates, Leads, TargetSpec};
use tickler::settings::TextOrSecret;
use tickler::template::{Payload, PayloadTemplate, Template};

use crate::world::{TUESDAY_NINE, WEDNESDAY_TEN, World, at, column, payload_of};

const PHONE: &str = "+12025550143";
const OTHER: &str = "+12025550144";

fn tomorrow() -> World {
    World::with(|world| {
        world.row(&["a", PHONE, "2026-11-25 10:00"]);
    })
}

fn cancellations(world: &World) -> Vec<String> {
    world.plan().cancellations.into_iter().map(|it| it.reason).collect()
}

#[test]
fn a_moved_appointment_cancels_the_old_reminder_and_is_a_new_one() {
    let mut world = World::new();
    let old = world.known("a", WEDNESDAY_TEN, "1d", State::Pending, TUESDAY_NINE);
    world.row(&["a", PHONE, "2026-11-25 15:00"]);
    let plan = world.plan();
    assert_eq!((plan.cancellations[0].id, plan.cancellations[0].reason.as_str()), (old, "moved"));
    assert_eq!((plan.reminders[0].standing, plan.reminders[0].starts_at), (Standing::New, at("2026-11-25T20:00:00Z")));
}

#[test]
fn a_start_that_was_told_before_is_named_in_the_new_call() {
    let mut world = tomorrow();
    let payload =
        serde_json::json!({"before": "{{ previous_starts_at }}", "id": "{{ reminder_id }}", "lead": "{{ lead }}"});
    world.schedule.payload = PayloadTemplate::compile(&payload).expect("it parses");
    assert_eq!(payload_of(&world.plan())["before"], serde_json::Value::Null);
    world.told.insert("a".into(), at("2026-11-24T15:00:00Z"));
    let plan = world.plan();
    assert_eq!(plan.reminders[0].previous_starts_at, Some(at("2026-11-24T15:00:00Z")));
    assert_eq!(payload_of(&plan)["before"], "2026-11-24T10:00:00-05:00");
    assert_eq!(payload_of(&plan)["id"], plan.reminders[0].id.to_string());
    world.told.insert("a".into(), at(WEDNESDAY_TEN));
    assert_eq!(world.plan().reminders[0].previous_starts_at, None);
}

#[test]
fn a_corrected_phone_is_the_same_reminder_with_another_number() {
    let mut world = World::new();
    let id = world.known("a", WEDNESDAY_TEN, "1d", State::Pending, "2026-11-24T13:00:00Z");
    world.row(&["a", OTHER, "2026-11-25 10:00"]);
    let plan = world.plan();
    let reminder = &plan.reminders[0];
    assert_eq!((reminder.id, reminder.standing, reminder.phone.as_str()), (id, Standing::Pending, OTHER));
    assert_eq!(reminder.due_at, at("2026-11-24T13:00:00Z"));
    assert_eq!(reminder.expires_at, at("2026-11-24T19:00:01Z"));
    world.knowledge.reminders.values_mut().for_each(|known| known.state = State::Delivered);
    assert_eq!((world.plan().counts.already_reminded, world.plan().reminders.len()), (1, 0));
}

#[test]
fn settled_reminders_are_not_planned_again_and_a_cancelled_one_may_return() {
    for state in State::ALL {
        let mut world = tomorrow();
        let id = world.known("a", WEDNESDAY_TEN, "1d", *state, "2026-11-24T13:00:00Z");
        let plan = world.plan();
        match state {
            State::Pending => assert_eq!(plan.reminders[0].standing, Standing::Pending),
            State::Cancelled => {
                assert_eq!((plan.reminders[0].id, plan.reminders[0].standing), (id, Standing::Returning));
                assert_eq!(plan.reminders[0].due_at, at(TUESDAY_NINE));
            }
            State::Sending | State::Delivered | State::Failed | State::Uncertain | State::Expired | State::Dropped => {
                assert_eq!(plan.counts.already_reminded, 1, "{state}");
            }
        }
    }
    let mut world = tomorrow();
    world.known("a", WEDNESDAY_TEN, "1d", State::Cancelled, TUESDAY_NINE);
    world.knowledge.reminders.values_mut().for_each(|known| known.may_return = false);
    assert_eq!(world.plan().counts.already_reminded, 1);
}

#[test]
fn what_waits_stays_while_other_dates_are_read_and_goes_when_its_row_says_so() {
    // Planned on Friday for Monday; Saturday's run reads Sunday.
    let saturday = |rows: &[&[&str]]| {
        World::with(|world| {
            world.now("2026-11-28T14:00:00Z", "2026-11-28T14:00:00Z");
            world.known("a", "2026-11-30T15:00:00Z", "3d", State::Pending, "2026-11-27T14:00:00Z");
            world.schedule.remind.max_lateness = jiff::SignedDuration::from_hours(96);
            world.header.push("st");
            world.schedule.appointment.status = Some(column("st"));
            rows.iter().for_each(|row| {
                world.row(row);
            });
        })
    };
    assert_eq!(cancellations(&saturday(&[])), Vec::<String>::new());
    let there = saturday(&[&["a", OTHER, "2026-11-30 10:00", "ok"]]).plan();
    assert_eq!((there.cancellations.len(), there.reminders[0].standing), (0, Standing::Pending));
    assert_eq!((there.reminders[0].lead.to_string().as_str(), there.reminders[0].phone.as_str()), ("3d", OTHER));
    assert_eq!(cancellations(&saturday(&[&["a", PHONE, "2026-11-30 10:00", "Cancelled"]])), ["cancelled"]);
    assert_eq!(cancellations(&saturday(&[&["a", PHONE, "2026-12-02 10:00", "ok"]])), ["moved"]);
    assert_eq!(cancellations(&saturday(&[&["a", PHONE, "soon", "ok"]])), ["invalid_time"]);
    assert_eq!(cancellations(&saturday(&[&["a", "911", "2026-11-30 10:00", "ok"]])), ["invalid_phone"]);
}

#[test]
fn a_missing_row_cancels_only_inside_the_windows_of_the_read() {
    let mut world = World::new();
    world.known("a", WEDNESDAY_TEN, "1d", State::Pending, TUESDAY_NINE);
    world.known("b", "2026-11-26T15:00:00Z", "1d", State::Pending, TUESDAY_NINE);
    assert_eq!(cancellations(&world), ["missing"]);
    world.occasion.only = Some("c".into());
    assert_eq!(cancellations(&world), Vec::<String>::new());
    world.occasion.only = Some("a".into());
    assert_eq!(cancellations(&world), ["missing"]);
}

#[test]
fn a_row_with_the_key_outweighs_another_row_of_the_same_appointment() {
    let mut world = World::new();
    world.known("a", WEDNESDAY_TEN, "1d", State::Pending, TUESDAY_NINE);
    world.row(&["a", PHONE, "2026-11-25 10:00"]);
    world.row(&["a", PHONE, "2026-12-25 10:00"]);
    world.row(&["a", PHONE, "2026-11-25 10:00"]);
    let plan = world.plan();
    assert_eq!((plan.cancellations.len(), plan.reminders.len(), plan.counts.outside_window), (0, 1, 1));
    assert_eq!(world.skips(), ["a duplicate_row"]);
}

#[test]
fn a_pending_reminder_that_came_too_late_expires_and_is_not_cancelled() {
    let mut world = tomorrow();
    world.known("a", WEDNESDAY_TEN, "1d", State::Pending, TUESDAY_NINE);
    world.now(TUESDAY_NINE, "2026-11-24T20:30:00Z");
    assert_eq!((world.skips(), cancellations(&world)), (vec!["a too_late".to_owned()], Vec::new()));
}

#[test]
fn hours_before_calls_once_for_the_nearest_lead_and_never_for_one_that_had_passed() {
    let planned = |start: &str, now: &str, previous: Option<&str>| {
        let world = World::with(|world| {
            world.schedule.remind.leads = Leads::Hours(vec![168, 24, 2]);
            world.schedule.remind.calling_hours = tickler::zones::CallingHours::Always;
            world.now(now, now);
            world.knowledge.previous_evaluation = previous.map(at);
            world.row(&["a", PHONE, start]);
        });
        world.calls().first().cloned().unwrap_or_else(|| world.skips().first().cloned().unwrap_or("outside".into()))
    };
    let start = "2026-11-25 15:00"; // 20:00 UTC
    let hourly = Some("2026-11-24T19:00:00Z");
    assert_eq!(planned(start, "2026-11-24T20:00:00Z", hourly), "a 24h");
    assert_eq!(planned(start, "2026-11-24T19:59:59Z", hourly), "outside");
    assert_eq!(planned(start, "2026-11-25T02:00:00Z", hourly), "a 24h", "within max_lateness");
    assert_eq!(planned(start, "2026-11-25T02:00:01Z", hourly), "a too_late", "due since the previous evaluation");
    assert_eq!(planned(start, "2026-11-25T02:00:01Z", Some("2026-11-25T01:00:00Z")), "outside");
    assert_eq!(planned(start, "2026-11-25T18:00:00Z", Some("2026-11-25T17:00:00Z")), "a 2h");
    assert_eq!(planned(start, "2026-11-25T19:30:00Z", Some("2026-11-25T17:00:00Z")), "a too_late");
    assert_eq!(planned(start, "2026-11-25T20:30:00Z", Some("2026-11-25T17:00:00Z")), "a already_started");
}

#[test]
fn a_row_in_two_windows_takes_the_lead_nearer_the_start() {
    let world = World::with(|world| {
        world.schedule.remind.leads = Leads::Hours(vec![24, 20]);
        world.now("2026-11-24T19:30:00Z", "2026-11-24T19:30:00Z");
        world.row(&["a", PHONE, "2026-11-25 10:00"]);
    });
    assert_eq!(world.calls(), ["a 20h"]);
}

#[test]
fn a_further_lead_that_waits_is_kept_current_or_cancelled_with_its_row() {
    let with_status = |status: &str| {
        World::with(|world| {
            world.schedule.remind.leads = Leads::Hours(vec![24, 20]);
            world.now("2026-11-24T19:30:00Z", "2026-11-24T19:30:00Z");
            world.known("a", WEDNESDAY_TEN, "24h", State::Pending, "2026-11-24T15:00:00Z");
            world.schedule.remind.max_per_person_per_day = 2;
            world.row(&["a", PHONE, "2026-11-25 10:00"]);
            world.column("st", status);
            world.schedule.appointment.status = Some(column("st"));
        })
    };
    let plan = with_status("ok").plan();
    assert_eq!((plan.counts.planned, plan.reminders.len(), plan.cancellations.len()), (1, 2, 0));
    let plan = with_status("cancelled").plan();
    assert_eq!((plan.counts.skipped, plan.reminders.len(), plan.cancellations.len()), (1, 0, 1));
}

#[test]
fn days_count_on_the_wall_and_hours_by_duration_over_a_clock_change() {
    for (nominal, start, instant) in [
        ("2026-03-07T14:00:00Z", "2026-03-08 09:00", "2026-03-08T13:00:00Z"),
        ("2026-10-31T13:00:00Z", "2026-11-01 09:00", "2026-11-01T14:00:00Z"),
        ("2026-10-31T13:00:00Z", "2026-11-01 23:59", "2026-11-02T04:59:00Z"),
        ("2026-10-31T13:00:00Z", "2026-11-01 00:00", "2026-11-01T04:00:00Z"),
    ] {
        let mut world = World::new();
        world.now(nominal, nominal);
        world.row(&["a", PHONE, start]);
        assert_eq!(world.plan().reminders[0].starts_at, at(instant));
        world.schedule.remind.leads = Leads::Hours(vec![24]);
        let due = at(instant) - jiff::SignedDuration::from_hours(24);
        world.occasion.now = due;
        world.schedule.remind.calling_hours = tickler::zones::CallingHours::Always;
        assert_eq!(world.plan().reminders[0].due_at, due);
    }
}

#[test]
fn one_phone_in_many_spellings_is_called_once_and_the_others_say_why() {
    let spellings = ["+12025550143", "(202) 555-0143", "202.555.0143", "1-202-555-0143", "２０２ ５５５ ０１４３"];
    let world = World::with(|world| {
        for number in 0..40 {
            let minute = format!("2026-11-25 10:{:02}", 39 - number);
            world.row(&[&format!("a{number}"), spellings[number % 5], &minute]);
        }
    });
    assert_eq!(world.calls(), ["a39 1d"], "the soonest start");
    assert_eq!(world.skips().len(), 39);
    assert!(world.skips().iter().all(|skip| skip.ends_with("person_limit")));
}

#[test]
fn the_person_limit_counts_others_but_not_what_this_plan_cancels_or_can_not_render() {
    let mut world = tomorrow();
    world.known("gone", "2026-11-25T20:00:00Z", "1d", State::Pending, TUESDAY_NINE);
    assert_eq!((world.calls(), cancellations(&world)), (vec!["a 1d".to_owned()], vec!["missing".to_owned()]));
    let mut world = World::new();
    world.header.push("name");
    world.row(&["a", PHONE, "2026-11-25 09:00", ""]);
    world.row(&["b", PHONE, "2026-11-25 10:00", "12"]);
    let payload = serde_json::json!({"n": "{{ name | int }}"});
    world.schedule.payload = PayloadTemplate::compile(&payload).expect("it parses");
    assert_eq!((world.skips(), world.calls()), (vec!["a payload_error".to_owned()], vec!["b 1d".to_owned()]));
    let mut world = tomorrow();
    let other_day = world.known("b", "2026-11-27T15:00:00Z", "1d", State::Delivered, "2026-11-23T14:00:00Z");
    assert_eq!(world.calls(), ["a 1d"], "{other_day} was on Monday");
}

#[test]
fn pending_reminders_keep_their_place_against_newer_ones() {
    let mut world = World::new();
    world.known("late", "2026-11-25T20:00:00Z", "1d", State::Pending, TUESDAY_NINE);
    world.row(&["early", PHONE, "2026-11-25 09:00"]);
    world.row(&["late", PHONE, "2026-11-25 15:00"]);
    assert_eq!((world.calls(), world.skips()), (vec!["late 1d".to_owned()], vec!["early person_limit".to_owned()]));
}

#[test]
fn a_person_column_counts_instead_of_the_phone() {
    let world = World::with(|world| {
        world.header.push("person");
        world.schedule.appointment.person = Some(column("person"));
        world.row(&["a", PHONE, "2026-11-25 09:00", "p1"]);
        world.row(&["b", PHONE, "2026-11-25 10:00", "p2"]);
        world.row(&["c", OTHER, "2026-11-25 11:00", " p1 "]);
    });
    assert_eq!(world.calls(), ["a 1d", "b 1d"]);
}

#[test]
fn more_calls_than_allowed_hold_the_run_and_cancel_nothing() {
    let mut world = World::with(|world| {
        world.row(&["a", PHONE, "2026-11-25 09:00"]);
        world.row(&["b", OTHER, "2026-11-25 10:00"]);
    });
    world.known("gone", "2026-11-25T20:00:00Z", "1d", State::Pending, TUESDAY_NINE);
    world.schedule.remind.max_per_person_per_day = 5;
    world.schedule.guard.max_calls = 1;
    let plan = world.plan();
    assert!(plan.held.is_some_and(|held| held.guard == "max_calls" && held.detail.contains("2 calls")));
    assert_eq!(plan.cancellations.len(), 0);
    world.schedule.guard.max_calls = 2;
    assert!(world.plan().held.is_none());
}

#[test]
fn one_appointment_alone_is_planned_when_only_it_is_asked_for() {
    let mut world = World::with(|world| {
        world.row(&["a", PHONE, "2026-11-25 09:00"]);
        world.row(&["b", OTHER, "2026-11-25 10:00"]);
        world.row(&["BROKEN"]);
    });
    world.occasion.only = Some("b".into());
    assert_eq!(
        (world.calls(), world.skips().len(), world.plan().counts.outside_window),
        (vec!["b 1d".to_owned()], 0, 2)
    );
}

#[test]
fn empty_tables_title_lines_and_totals_are_no_crash() {
    assert_eq!(World::new().plan().counts.rows, 0);
    let world = World::with(|world| {
        world.row(&["Appointments of Tuesday"]);
        world.row(&["", "", ""]);
        world.row(&["Total", "", "40"]);
        world.row(&["old", PHONE, "2024-11-25 09:00"]);
    });
    assert_eq!(world.skips(), ["Appointments of Tuesday invalid_time", "- missing_id", "Total invalid_time"]);
    assert_eq!(world.plan().counts.outside_window, 1);
}

#[test]
fn an_empty_column_is_null_alone_and_nothing_inside_a_text() {
    let mut world = tomorrow();
    world.column("first name", "Zoë Müßig");
    world.column("note", "");
    let payload = serde_json::json!({
        "name": "{{ row['first name'] }}", "note": "{{ note }}", "text": "Hello {{ note }}!", "at": "{{ weekday }} {{ date }} {{ time }}",
        "keys": "{{ phone_national }} {{ appointment_id }} {{ schedule }}", "raw": "{{ row.starts_at }}",
    });
    world.schedule.payload = PayloadTemplate::compile(&payload).expect("it parses");
    assert_eq!(
        payload_of(&world.plan()),
        serde_json::json!({
            "name": "Zoë Müßig", "note": null, "text": "Hello !", "at": "Wednesday 2026-11-25 10:00",
            "keys": "(202) 555-0143 a day-before", "raw": "2026-11-25 10:00",
        })
    );
}

#[test]
fn contacts_are_rendered_for_the_target_that_wants_them_without_empty_fields() {
    let mut world = tomorrow();
    world.column("mail", "");
    let template = |text: &str| Template::compile(text).expect("it parses");
    world.schedule.target = TargetSpec::Call {
        agent: TextOrSecret::Text("agent".into()),
        contact: ContactTemplates {
            name: Some(template("Patient {{ appointment_id }}")),
            email: Some(template("{{ mail }}")),
            tags: vec![template("reminder"), template("{{ mail }}")],
            attributes: vec![("when".into(), template("{{ date }}")), ("mail".into(), template("{{ mail }}"))],
        },
        account: "thoughtly".into(),
    };
    assert_eq!(
        world.plan().reminders[0].contact.as_ref().map(Payload::as_str),
        Some(r#"{"name":"Patient a","tags":["reminder"],"attributes":{"when":"2026-11-25"}}"#)
    );
}

#[test]
fn the_source_is_asked_for_whole_days_around_windows_and_what_waits() {
    let mut world = World::new();
    let windows = windows(&world.schedule, &world.occasion, None);
    assert_eq!(windows, [(at("2026-11-25T05:00:00Z"), at("2026-11-26T05:00:00Z"))]);
    let span = |world: &World, pending: &[&str]| {
        let pending: Vec<_> = pending.iter().map(|start| at(start)).collect();
        read_span(&world.schedule, &windows, &pending)
    };
    assert_eq!(span(&world, &[]), (at("2026-11-25T05:00:00Z"), at("2026-11-26T05:00:00Z")));
    assert_eq!(
        span(&world, &["2026-11-24T04:00:00Z", "2026-11-30T15:00:00Z"]),
        (at("2026-11-23T05:00:00Z"), at("2026-12-01T05:00:00Z"))
    );
    world.schedule.appointment.timezone = Some(column("zone"));
    assert_eq!(span(&world, &[]), (at("2026-11-24T05:00:00Z"), at("2026-11-27T05:00:00Z")));
}

#[test]
fn days_of_due_times_reach_two_days_around_what_can_be_due() {
    let mut world = World::new();
    let days = |world: &World| {
        let windows = windows(&world.schedule, &world.occasion, Some(at("2026-11-20T14:00:00Z")));
        due_days(&world.schedule, &world.occasion, &windows)
    };
    let date = |text: &str| text.parse::<jiff::civil::Date>().expect("a date");
    assert_eq!(days(&world), (date("2026-11-22"), date("2026-11-26")));
    world.schedule.remind.leads = Leads::Hours(vec![24]);
    assert_eq!(days(&world), (date("2026-11-18"), date("2026-11-26")));
}

#[test]
fn ids_of_calls_are_all_different() {
    let world = World::with(|world| {
        world.schedule.remind.max_per_person_per_day = 50;
        for number in 0..30 {
            world.row(&[&number.to_string(), PHONE, "2026-11-25 10:00"]);
        }
    });
    let ids: HashSet<_> = world.plan().reminders.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), 30);
}
