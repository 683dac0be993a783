//! What real schedules ran into: calls due in the night, corrections, skipped wall-clock times, runs that don't exist.

use tickler::plan::explain::StepResult;
use tickler::plan::{Knowledge, Reminded};
use tickler::reminder::State;
use tickler::schedule::Leads;
use tickler::schedule::recurrence::Recurrence;
use tickler::zones::CallingHours;

use crate::world::{TUESDAY_NINE, WEDNESDAY_TEN, World, ZONES, at};

const PHONE: &str = "+12025550143";

/// The plan of one row with this start, planned and evaluated at these moments.
fn due(nominal: &str, now: &str, start: &str) -> World {
    World::with(|world| {
        world.row(&["a", PHONE, start]);
        world.now(nominal, now);
    })
}

#[test]
fn what_is_due_in_the_night_expires_counted_from_the_opening() {
    // due at 02:00 in New York; phones may ring from 08:00 on, `max_lateness` is 6 h, `min_notice` 1 h
    let night = "2026-11-24T07:00:00Z";
    for (now, start, expected) in [
        (night, "2026-11-25 15:00", "sent 2026-11-24T13:00:00Z until 2026-11-24T19:00:01Z"),
        ("2026-11-24T18:59:00Z", "2026-11-25 15:00", "sent 2026-11-24T18:59:00Z until 2026-11-24T19:00:01Z"),
        ("2026-11-24T19:00:00Z", "2026-11-25 15:00", "sent 2026-11-24T19:00:00Z until 2026-11-24T19:00:01Z"),
        ("2026-11-24T19:00:01Z", "2026-11-25 15:00", "too_late"),
    ] {
        let world = due(night, now, start);
        let plan = world.plan();
        let planned = plan.reminders.first();
        let outcome = planned.map_or_else(
            || world.verdict(),
            |planned| format!("sent {} until {}", planned.send_at, planned.expires_at),
        );
        assert_eq!(outcome, expected, "{now}");
    }
    let evening = due("2026-11-25T03:30:00Z", "2026-11-25T03:30:00Z", "2026-11-25 09:30").plan();
    assert_eq!(
        (evening.reminders[0].send_at, evening.reminders[0].expires_at),
        (at("2026-11-25T13:00:00Z"), at("2026-11-25T13:30:01Z")),
        "the notice before the start is the earlier bound"
    );
    let by_day = due(TUESDAY_NINE, TUESDAY_NINE, "2026-11-25 10:00").plan();
    assert_eq!(by_day.reminders[0].expires_at, at("2026-11-24T20:00:01Z"), "inside the hours nothing changes");
    let too_early = due("2026-11-25T03:30:00Z", "2026-11-25T03:30:00Z", "2026-11-25 08:30");
    assert_eq!(too_early.verdict(), "outside_calling_hours");
}

/// The person was called today about 10:00 tomorrow; the row says 15:00 now.
fn moved() -> World {
    World::with(|world| {
        world.known("a", WEDNESDAY_TEN, "1d", State::Delivered, TUESDAY_NINE);
        world.row(&["a", PHONE, "2026-11-25 15:00"]);
        world.told.insert("a".into(), at(WEDNESDAY_TEN));
    })
}

#[test]
fn a_correction_is_not_another_call_of_its_person() {
    let world = moved();
    let plan = world.plan();
    let corrected = world.knowledge.reminders.values().next().expect("one").id;
    assert_eq!(plan.reminders.len(), 1, "{:?}", plan.skipped);
    assert_eq!(plan.reminders[0].previous_starts_at, Some(at(WEDNESDAY_TEN)));
    assert_eq!(plan.reminders[0].corrects, [corrected]);

    let mut another = moved();
    another.rows[0][0] = "b".into();
    assert_eq!(another.skips(), ["b person_limit"], "another appointment of the person");

    let mut still_there = moved();
    still_there.row(&["a", PHONE, "2026-11-25 10:00"]);
    assert_eq!(still_there.skips(), ["a person_limit"], "the row with the start that was called about is there");

    let mut outside = moved();
    outside.knowledge = Knowledge::default();
    outside.schedule.remind.leads = Leads::Hours(vec![24]);
    outside.now("2026-11-24T20:00:00Z", "2026-11-24T20:00:00Z");
    outside.known("a", "2026-11-26T15:00:00Z", "24h", State::Delivered, TUESDAY_NINE);
    assert_eq!(outside.calls(), ["a 24h"], "moved from another day");
    outside.row(&["a", PHONE, "2026-11-26 10:00"]);
    assert_eq!(outside.skips(), ["a person_limit"], "its row is there, outside every window");

    let mut elsewhere = moved();
    elsewhere.knowledge.people.values_mut().flatten().for_each(|call| call.appointment = None);
    assert_eq!(elsewhere.skips(), ["a person_limit"], "a call of another schedule");

    let mut third = moved();
    third.known("c", "2026-11-25T21:00:00Z", "1d", State::Delivered, TUESDAY_NINE);
    third.row(&["c", PHONE, "2026-11-25 16:00"]);
    assert_eq!(third.skips(), ["a person_limit"], "the call about another appointment still counts");
}

#[test]
fn a_run_whose_time_is_skipped_stands_for_the_day_that_names_it() {
    // in Nuuk the clocks go from 22:00 to 23:00 on a Saturday night: 22:30 of 2026-03-28 doesn't exist
    let verdict = |cron: &str, run: &str, start: &str| {
        let world = World::with(|world| {
            world.schedule.zone = ZONES.zone("America/Nuuk").expect("a zone");
            world.schedule.recurrence = Recurrence::parse(cron).expect("a cron line");
            world.schedule.remind.calling_hours = CallingHours::Always;
            world.row(&["a", PHONE, start]);
            world.now(run, run);
        });
        world.verdict()
    };
    let nuuk = ZONES.zone("America/Nuuk").expect("a zone");
    for cron in ["30 22 * * *", "30 23 * * *"] {
        let recurrence = Recurrence::parse(cron).expect("a cron line");
        let run = recurrence.first_on(&nuuk, "2026-03-28".parse().expect("a date")).expect("it runs");
        assert_eq!(run.civil.date().to_string(), "2026-03-28", "{run:?}");
        assert_eq!(recurrence.nominal_date(&nuuk, run.at), run.civil.date());
        for (start, expected) in [("2026-03-29 10:00", "call"), ("2026-03-30 10:00", "outside")] {
            assert_eq!(verdict(cron, &run.at.to_string(), start), expected, "{run:?} {start}");
        }
    }
    for (start, expected) in [("2026-03-30 10:00", "call"), ("2026-03-29 10:00", "outside")] {
        assert_eq!(verdict("0 9 * * *", "2026-03-29T10:00:00Z", start), expected, "{start}");
    }
}

fn window_detail(world: &World) -> String {
    let explanation = world.explain("a");
    let block = explanation.steps.into_iter().find(|step| step.result == StepResult::Block).expect("one blocks");
    assert_eq!(block.rule, "window");
    block.detail.expect("a detail")
}

#[test]
fn explaining_names_only_runs_that_the_cron_makes() {
    let with = |cron: &str, leads: Leads, start: &str| {
        let world = World::with(|world| {
            world.schedule.cron = cron.into();
            world.schedule.recurrence = Recurrence::parse(cron).expect("a cron line");
            world.schedule.remind.leads = leads;
            world.row(&["a", PHONE, start]);
        });
        window_detail(&world)
    };
    let days = |days: &[u32]| Leads::Days(days.to_vec());
    for (cron, leads, start, expected) in [
        ("0 9 * * *", days(&[1]), "2026-12-01 10:00", "the run of 2026-11-30 09:00 is the one for it"),
        ("0 9,18 * * *", days(&[7, 1]), "2026-12-10 10:00", "the run of 2026-12-03 09:00 or 2026-12-09 09:00"),
        ("0 9 * * MON-FRI", days(&[1]), "2026-11-29 10:00", "no run is one day before this appointment"),
        ("0 9 * * MON-FRI", days(&[2, 1]), "2026-11-30 10:00", "no run is 2 days before or one day before"),
        ("0 9 * * MON-FRI", days(&[0]), "2026-11-29 10:00", "no run is on the day of this appointment"),
        ("0 9 * * *", Leads::Hours(vec![24]), "2026-12-01 12:00", "the run of 2026-12-01 09:00 is the one for it"),
        ("0 9 * * *", Leads::Hours(vec![2]), "2026-12-01 10:30", "the run of 2026-12-01 09:00"),
        ("0 9 * * *", Leads::Hours(vec![2]), "2026-12-01 12:00", "no run is 2 hours before this appointment"),
    ] {
        let detail = with(cron, leads, start);
        assert!(detail.contains(expected), "{cron} {start}: {detail}");
    }
}

#[test]
fn rows_reminded_already_are_counted_by_what_is_known_of_them() {
    let states = [State::Delivered, State::Delivered, State::Uncertain, State::Failed, State::Dropped, State::Expired];
    let mut world = World::new();
    world.schedule.remind.max_per_person_per_day = 50;
    for (number, state) in states.into_iter().enumerate() {
        let id = format!("a{number}");
        world.known(&id, WEDNESDAY_TEN, "1d", state, TUESDAY_NINE);
        world.row(&[&id, PHONE, "2026-11-25 10:00"]);
    }
    let plan = world.plan();
    let Reminded {
        accepted,
        unknown_fate,
        failed,
        dropped,
        expired,
        sending,
        cancelled,
        sandbox,
        shadowed,
        repeated,
        waiting,
    } = plan.reminded;
    assert_eq!((accepted, unknown_fate, failed, dropped, expired, sending, cancelled), (2, 1, 1, 1, 1, 0, 0));
    assert_eq!((sandbox, shadowed, repeated, waiting), (0, 0, 0, 0));
    assert_eq!(plan.counts.already_reminded, 6);
    for (id, words) in
        [("a0", "accepted by"), ("a2", "of unknown fate"), ("a3", "refused for good"), ("a5", "not sent in time")]
    {
        let steps = world.explain(id).steps;
        assert!(steps[3].detail.as_deref().is_some_and(|detail| detail.contains(words)), "{id}: {:?}", steps[3]);
    }
}

#[test]
fn a_plan_without_a_row_in_the_window_knows_the_days_of_its_source() {
    let mut world = World::new();
    world.row(&["a", PHONE, "2026-11-02 10:00"]);
    world.row(&["b", PHONE, "2026-12-10 10:00"]);
    world.row(&["c", PHONE, "2026-11-27 10:00"]);
    let words = world.plan().elsewhere.expect("no row is in the window").in_words(&world.schedule);
    assert!(words.contains("from 2026-11-02 to 2026-12-10, the next on 2026-11-27"), "{words}");
    assert!(words.contains("`tickler plan day-before --next`"), "{words}");
    world.row(&["d", PHONE, "2026-11-25 10:00"]);
    assert_eq!(world.plan().elsewhere, None);
    assert_eq!(World::new().plan().elsewhere, None, "an empty source has no days");
}
