//! Leads that had passed when the appointment was booked.

use tickler::plan::explain::StepResult;
use tickler::plan::{FirstSight, WatchedLead};
use tickler::reminder::State;
use tickler::schedule::{LateBooking, Leads};

use crate::world::{TUESDAY_NINE, World, at};

const PHONE: &str = "+12025550143";

/// Tuesday 09:00 in New York; the schedule ran at 08:45. The one appointment starts so many hours later.
pub fn booked(hours: i64, leads: &[u32], mode: LateBooking) -> World {
    let mut world = World::new();
    world.schedule.remind.leads = Leads::Hours(leads.to_vec());
    world.schedule.remind.late_booking = mode;
    world.schedule.remind.calling_hours = "always".parse().expect("hours");
    evaluated_since_long(&mut world, at("2026-11-24T13:45:00Z"));
    let start = at(TUESDAY_NINE) + jiff::SignedDuration::from_hours(hours);
    world.row(&["a", PHONE, &start.to_string()]);
    world
}

/// Runs have read the source for a year; this was the last one.
fn evaluated_since_long(world: &mut World, last: jiff::Timestamp) {
    (world.knowledge.previous_evaluation, world.knowledge.seen_until) = (Some(last), Some(last));
    world.knowledge.watched_leads = WatchedLead::all_since(&world.schedule, at("2025-11-24T14:00:00Z"));
}

fn fate(world: &World) -> String {
    match world.calls().first() {
        Some(call) => format!("call {call}"),
        None => world.verdict(),
    }
}

#[test]
fn a_lead_that_had_passed_at_the_booking_is_skipped_or_called_at_once_for_the_latest_one() {
    let leads = [168, 24, 2];
    let cases = [
        // hours before the start at which it is booked, with skip, with nearest
        (169, "outside", "outside"),
        (168, "call a 168h", "call a 168h"), // due at this very moment, after the last run
        (165, "late_booking", "call a 168h"),
        (36, "outside", "call a 168h"),
        (24, "call a 24h", "call a 24h"),
        (20, "late_booking", "call a 24h"),
        (10, "outside", "call a 24h"),
        (2, "call a 2h", "call a 2h"),
        (1, "late_booking", "call a 2h"),
    ];
    for (hours, skip, nearest) in cases {
        // an hour before the start is `min_notice`
        assert_eq!(fate(&booked(hours, &leads, LateBooking::Skip)), skip, "{hours} h, skip");
        assert_eq!(fate(&booked(hours, &leads, LateBooking::Nearest)), nearest, "{hours} h, nearest");
    }
}

#[test]
fn the_call_for_a_late_booking_goes_out_at_once_and_only_once() {
    let mut world = booked(36, &[168, 24], LateBooking::Nearest);
    let plan = world.plan();
    assert_eq!((plan.reminders[0].due_at, plan.reminders[0].send_at), (at(TUESDAY_NINE), at(TUESDAY_NINE)));
    let sight = FirstSight {
        appointment_id: "a".into(),
        starts_at: Some(plan.reminders[0].starts_at),
        unseen_at: world.knowledge.seen_until,
    };
    assert_eq!(plan.first_sights, [sight]);
    // the next run knows of it
    world.knowledge.first_sights.insert("a".into(), world.knowledge.seen_until);
    world.now("2026-11-24T14:15:00Z", "2026-11-24T14:15:00Z");
    world.knowledge.seen_until = Some(at(TUESDAY_NINE));
    assert_eq!(world.calls(), ["a 168h"], "it was not sent yet");
    world.known("a", &plan.reminders[0].starts_at.to_string(), "168h", State::Delivered, TUESDAY_NINE);
    assert_eq!(fate(&world), "already");
    assert!(world.plan().first_sights.is_empty());
}

#[test]
fn what_an_earlier_run_saw_is_no_late_booking_and_what_was_late_once_stays_so() {
    for (what, unseen_at, expected) in [
        ("seen by the first run of all", Some(None), "call a 24h"),
        ("not seen by a run before the lead was due", Some(Some("2026-11-24T08:00:00Z")), "call a 24h"),
        ("not seen by a run after it", Some(Some("2026-11-24T12:00:00Z")), "late_booking"),
        ("never seen", None, "late_booking"),
    ] {
        let mut world = booked(20, &[24], LateBooking::Skip);
        if let Some(unseen_at) = unseen_at {
            world.knowledge.first_sights.insert("a".into(), unseen_at.map(at));
        }
        assert_eq!(fate(&world), expected, "{what}");
    }
    let mut world = booked(20, &[24], LateBooking::Skip);
    (world.knowledge.seen_until, world.knowledge.previous_evaluation) = (None, None);
    assert_eq!(fate(&world), "call a 24h", "with no earlier run nothing is late");
}

#[test]
fn an_appointment_that_was_called_about_and_moves_is_no_late_booking() {
    let mut world = booked(20, &[24], LateBooking::Skip);
    world.known("a", "2026-11-24T15:00:00Z", "24h", State::Delivered, "2026-11-23T15:00:00Z");
    world.schedule.remind.max_per_person_per_day = 5;
    assert_eq!(fate(&world), "call a 24h");
}

#[test]
fn a_late_booking_that_is_pending_or_returns_is_not_judged_again() {
    for (state, expected) in
        [(State::Pending, "call a 24h"), (State::Cancelled, "call a 24h"), (State::Failed, "already")]
    {
        let mut world = booked(20, &[24], LateBooking::Skip);
        world.known("a", "2026-11-25T10:00:00Z", "24h", state, "2026-11-24T10:00:00Z");
        assert_eq!(fate(&world), expected, "{state}");
        assert!(world.plan().cancellations.is_empty(), "{state}");
    }
}

#[test]
fn explain_names_a_late_booking_and_what_would_let_it_through() {
    let explanation = booked(20, &[24], LateBooking::Skip).explain("a");
    assert_eq!(explanation.reason.as_deref(), Some("late_booking"));
    let step = explanation.steps.iter().find(|step| step.result == StepResult::Block).expect("a block");
    let detail = step.detail.as_deref().expect("a sentence");
    assert_eq!(step.rule, "late_booking");
    let words = ["due 2026-11-24 05:00", "the run of 2026-11-24 08:45", "booked, or moved", "nearest"];
    assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
}

/// A run each day at nine, seven days before; the last one was on Monday. The appointment is on that date.
fn week_ahead(date: &str, mode: LateBooking) -> World {
    let mut world = World::new();
    world.schedule.remind.leads = Leads::Days(vec![7]);
    world.schedule.remind.late_booking = mode;
    evaluated_since_long(&mut world, at("2026-11-23T14:00:00Z"));
    world.row(&["a", PHONE, &format!("{date} 15:00")]);
    world
}

#[test]
fn with_days_a_late_booking_is_called_between_the_dates_of_the_run_and_of_the_lead() {
    for (date, skip, nearest) in [
        ("2026-11-23", "outside", "outside"),
        ("2026-11-24", "outside", "call a 7d"),
        ("2026-11-27", "outside", "call a 7d"),
        ("2026-11-30", "outside", "call a 7d"),
        ("2026-12-01", "call a 7d", "call a 7d"), // this run's own date
        ("2026-12-02", "outside", "outside"),
    ] {
        assert_eq!(fate(&week_ahead(date, LateBooking::Skip)), skip, "{date}, skip");
        assert_eq!(fate(&week_ahead(date, LateBooking::Nearest)), nearest, "{date}, nearest");
    }
}

#[test]
fn with_days_whoever_was_seen_in_time_is_not_called_between_the_dates() {
    let mut world = week_ahead("2026-11-27", LateBooking::Nearest);
    // the run that was seven days before saw it, and skipped it: it had no phone then
    world.knowledge.first_sights.insert("a".into(), Some(at("2026-11-19T14:00:00Z")));
    assert_eq!(fate(&world), "outside");
    world.knowledge.first_sights.clear();
    (world.knowledge.seen_until, world.knowledge.previous_evaluation) = (None, None);
    assert_eq!(fate(&world), "outside", "with no earlier run nothing is late");
}

#[test]
fn with_days_and_skip_nobody_writes_down_who_was_seen() {
    assert!(week_ahead("2026-12-01", LateBooking::Skip).plan().first_sights.is_empty());
    assert_eq!(week_ahead("2026-12-01", LateBooking::Nearest).plan().first_sights.len(), 1);
}

#[test]
fn a_lead_is_left_out_once_the_person_confirmed_in_the_call_of_an_earlier_one() {
    let mut world = booked(2, &[24, 2], LateBooking::Skip);
    world.schedule.remind.max_per_person_per_day = 5;
    world.known("a", "2026-11-24T16:00:00Z", "24h", State::Delivered, "2026-11-23T16:00:00Z");
    assert_eq!(fate(&world), "call a 2h");
    world
        .knowledge
        .reminders
        .values_mut()
        .for_each(|known| known.outcome = Some(tickler::reminder::CallOutcome::Confirmed));
    assert_eq!(fate(&world), "confirmed");
    let explanation = world.explain("a");
    let step = explanation.steps.iter().find(|step| step.result == StepResult::Block).expect("a block");
    assert!(step.detail.as_deref().expect("a sentence").contains("confirmed"), "{step:?}");
}

/// What earlier evaluations were, and what becomes of an appointment whose lead of 24 hours was due at 05:00, four hours ago.
struct Evidence {
    what: &'static str,
    /// The last evaluation of all rows.
    last: Option<&'static str>,
    /// The first of an unbroken row of them with this lead.
    since: Option<&'static str>,
    /// The evaluations wrote down whoever was due from this time on.
    due_from: Option<&'static str>,
    fate: &'static str,
}

const EVIDENCE: &[Evidence] = &[
    Evidence { what: "a new ledger", last: None, since: None, due_from: None, fate: "call a 24h" },
    Evidence {
        what: "the last run, or trigger, was before the lead was due",
        last: Some("2026-11-24T09:30:00Z"),
        since: Some("2026-11-20T14:00:00Z"),
        due_from: Some("2026-11-20T08:00:00Z"),
        fate: "call a 24h",
    },
    Evidence {
        what: "the last run read the source after the lead was due",
        last: Some("2026-11-24T10:30:00Z"),
        since: Some("2026-11-20T14:00:00Z"),
        due_from: Some("2026-11-20T08:00:00Z"),
        fate: "late_booking",
    },
    Evidence {
        what: "the first run of all read the source after the lead was due, within `max_lateness`",
        last: Some("2026-11-24T13:45:00Z"),
        since: Some("2026-11-24T13:45:00Z"),
        due_from: Some("2026-11-24T07:45:00Z"),
        fate: "late_booking",
    },
    Evidence {
        what: "the first run of all had a shorter `max_lateness` and looked for nobody who was due so early",
        last: Some("2026-11-24T13:45:00Z"),
        since: Some("2026-11-24T13:45:00Z"),
        due_from: Some("2026-11-24T12:45:00Z"),
        fate: "call a 24h",
    },
    Evidence {
        what: "runs have read the source, but without this lead",
        last: Some("2026-11-24T13:45:00Z"),
        since: None,
        due_from: None,
        fate: "call a 24h",
    },
    Evidence {
        what: "the lead is watched since a rehearsal of the day to come",
        last: Some("2026-11-24T13:45:00Z"),
        since: Some("2026-11-25T14:00:00Z"),
        due_from: Some("2026-11-25T08:00:00Z"),
        fate: "call a 24h",
    },
    Evidence {
        what: "the last run began in the middle of the second in which the lead was due",
        last: Some("2026-11-24T10:00:00.5Z"),
        since: Some("2026-11-20T14:00:00Z"),
        due_from: Some("2026-11-20T08:00:00Z"),
        fate: "late_booking",
    },
];

#[test]
fn only_a_run_that_read_the_source_for_this_lead_after_it_was_due_proves_a_late_booking() {
    for case in EVIDENCE {
        let mut world = booked(20, &[24], LateBooking::Skip);
        let last = case.last.map(at);
        (world.knowledge.previous_evaluation, world.knowledge.seen_until) = (last, last);
        let rules = || world.knowledge.watched_leads.first().map(|watched| watched.rules.clone()).unwrap_or_default();
        let watched = case.since.map(|since| WatchedLead {
            lead: "24h".parse().expect("a lead"),
            since: at(since),
            due_from: case.due_from.map(at),
            rules: rules(),
        });
        world.knowledge.watched_leads = watched.into_iter().collect();
        assert_eq!(fate(&world), case.fate, "{}", case.what);
    }
}

/// Carries out the plan of this world as far as the next evaluation's knowledge of first sights goes.
fn next_run(world: &mut World, now: &str) {
    let plan = world.plan();
    for sight in plan.first_sights {
        world.knowledge.first_sights.entry(sight.appointment_id).or_insert(sight.unseen_at);
    }
    if let Some(watched) = plan.newly_watched {
        world.knowledge.watched_leads = watched;
    }
    let evaluated = Some(world.occasion.now);
    (world.knowledge.previous_evaluation, world.knowledge.seen_until) = (evaluated, evaluated);
    world.now(now, now);
}

#[test]
fn the_first_runs_with_nearest_call_nobody_whose_lead_had_passed_before_them_and_then_whoever_books_late() {
    for leads in [Leads::Hours(vec![168, 24]), Leads::Days(vec![7])] {
        let mut world = World::new();
        world.schedule.remind.leads = leads.clone();
        world.schedule.remind.late_booking = LateBooking::Nearest;
        world.row(&["old", PHONE, "2026-11-27T20:00:00Z"]);
        assert!(world.calls().is_empty(), "{leads:?}: {:?}", world.calls());
        next_run(&mut world, "2026-11-24T14:30:00Z");
        world.row(&["new", PHONE, "2026-11-27T21:00:00Z"]);
        let lead = if matches!(leads, Leads::Days(_)) { "7d" } else { "168h" };
        assert_eq!(world.calls(), [format!("new {lead}")], "{leads:?}");
        next_run(&mut world, "2026-11-24T15:00:00Z");
        assert_eq!(world.calls(), [format!("new {lead}")], "it was not sent yet: {leads:?}");
    }
}

#[test]
fn a_lead_that_is_added_calls_whoever_is_due_by_it_within_max_lateness_and_nobody_else() {
    for (mode, later) in [(LateBooking::Skip, ["x 48h late_booking"]), (LateBooking::Nearest, ["call x 48h"])] {
        let mut world = booked(44, &[24], mode); // due by 48 h four hours ago
        world.schedule.remind.max_per_person_per_day = 9;
        world.row(&["b", PHONE, "2026-11-26T00:00:00Z"]); // by 48 h fourteen hours ago
        assert!(world.calls().is_empty());
        next_run(&mut world, "2026-11-24T14:01:00Z");
        world.schedule.remind.leads = Leads::Hours(vec![48, 24]);
        assert_eq!(world.calls(), ["a 48h"], "{mode:?}");
        assert!(world.skips().is_empty(), "{mode:?}");
        next_run(&mut world, "2026-11-24T14:30:00Z");
        // from now on a booking is late that no run saw
        world.row(&["x", PHONE, "2026-11-26T11:00:00Z"]);
        let told = world.plan().skipped.iter().map(|row| format!("x 48h {}", row.reason)).collect::<Vec<_>>();
        let called = world.calls().into_iter().filter(|call| call.starts_with('x')).map(|call| format!("call {call}"));
        assert_eq!(told.into_iter().chain(called).collect::<Vec<_>>(), later, "{mode:?}");
    }
}

#[test]
fn closed_days_that_are_added_make_nobody_a_late_booking() {
    // Tuesday 09:00; the lead is due on Wednesday at 05:00, or on Tuesday at 05:00 where Wednesday is closed
    let mut world = booked(44, &[24], LateBooking::Skip);
    next_run(&mut world, "2026-11-24T14:01:00Z");
    assert!(world.calls().is_empty());
    world.schedule.remind.closed =
        tickler::zones::ClosedDays::of(["wed"], std::collections::BTreeSet::new()).expect("a weekday");
    assert_eq!(fate(&world), "call a 24h");
    next_run(&mut world, "2026-11-24T14:30:00Z");
    world.rows.clear();
    world.row(&["b", PHONE, "2026-11-26T11:00:00Z"]);
    assert_eq!(fate(&world), "late_booking", "from then on a booking is late that no run saw");
}

#[test]
fn a_run_of_one_appointment_proves_nothing_of_others() {
    let mut world = booked(20, &[24], LateBooking::Skip);
    world.knowledge.watched_leads.clear();
    world.occasion.only = Some("b".into());
    let plan = world.plan();
    assert!(plan.newly_watched.is_none() && plan.in_window.is_none());
}
