//! Guards: a source that looks wrong holds the run; one that looks as usual doesn't.

use jiff::SignedDuration;
use tickler::plan::{ComparableRuns, Held, MeasuredRun, Occasion, Plan, RowRange, SkippedRow};
use tickler::schedule::{Factor, Leads, Percent};

use crate::world::{TUESDAY_NINE, WEDNESDAY_TEN, World, at, clinic};

/// A world with this many rows of tomorrow, each with its own number, and as many of them unusable as asked.
fn rows(count: u32, unusable: &[[&str; 3]]) -> World {
    World::with(|world| {
        for number in 0..count {
            let fields = [format!("A{number}"), format!("+1202555{:04}", 100 + number), WEDNESDAY_TEN.to_owned()];
            world.row(&[&fields[0], &fields[1], &fields[2]]);
        }
        for fields in unusable {
            world.row(fields);
        }
    })
}

fn usual(mut world: World, usual: &[u64]) -> World {
    world.knowledge.usual_rows.earlier = usual.iter().map(|rows| RowRange::of_run(*rows)).collect();
    world
}

fn guards(plan: &Plan) -> Vec<String> {
    plan.held.as_ref().map(|held| held.guards().map(str::to_owned).collect()).unwrap_or_default()
}

fn detail(plan: &Plan) -> String {
    plan.held.as_ref().map(|held| held.detail.clone()).unwrap_or_default()
}

#[test]
fn a_run_is_held_by_far_more_or_far_fewer_rows_than_its_weekday_has_as_a_rule() {
    let sixty = [60, 58, 62, 61, 59, 60, 60, 64];
    let cases: [(u32, &[u64], bool); 14] = [
        (60, &sixty, false),
        (4, &sixty, true),
        (0, &sixty, true),
        (19, &sixty, true),
        (20, &sixty, false),
        (180, &sixty, false),
        (181, &sixty, true),
        (4, &[60, 60], false),
        (4, &[60, 60, 60], true),
        (0, &[19, 19, 19], false),
        (0, &[20, 20, 20], true),
        (190, &[19, 19, 19], false),
        (0, &[], false),
        (7, &[21, 22, 500, 21], true),
    ];
    for (count, earlier, is_held) in cases {
        let plan = usual(rows(count, &[]), earlier).plan();
        assert_eq!(guards(&plan), if is_held { vec!["max_change"] } else { vec![] }, "{count} of {earlier:?}");
    }
    let seen = detail(&usual(rows(4, &[]), &sixty).plan());
    for part in
        ["4 rows in the window", "fewer than a third of the usual 60", "8 runs on a Tuesday", "`max_change` is 3x"]
    {
        assert!(seen.contains(part), "{part} in {seen}");
    }
}

#[test]
fn what_is_too_much_of_a_change_is_the_schedules_choice() {
    for (factor, count, is_held) in
        [(200, 29, true), (200, 30, false), (1_000, 6, false), (1_000, 5, true), (150, 91, true)]
    {
        let mut world = usual(rows(count, &[]), &[60, 60, 60]);
        world.schedule.guard.max_change = Factor(factor);
        assert_eq!(guards(&world.plan()).len(), usize::from(is_held), "{factor} {count}");
    }
}

/// The half-open ranges, as New York's clocks show them.
fn comparable(leads: Leads, nominal_at: &str) -> Vec<String> {
    let mut schedule = clinic();
    schedule.remind.leads = leads;
    let wall = |at| schedule.zone.wall(at).strftime("%m-%d %H:%M").to_string();
    let comparable = ComparableRuns::of(&schedule, &Occasion::at(at(nominal_at)));
    comparable.times.into_iter().take(3).map(|(from, until)| format!("{} to {}", wall(from), wall(until))).collect()
}

#[test]
fn runs_of_the_same_weekday_are_comparable_and_where_leads_count_hours_those_of_about_the_same_time() {
    let (days, hours) = (|| Leads::Days(vec![1]), || Leads::Hours(vec![24]));
    for (leads, nominal_at, expected) in [
        (
            days(),
            TUESDAY_NINE,
            ["11-24 00:00 to 11-25 00:00", "11-17 00:00 to 11-18 00:00", "11-10 00:00 to 11-11 00:00"],
        ),
        (
            hours(),
            TUESDAY_NINE,
            ["11-17 08:30 to 11-17 09:30", "11-10 08:30 to 11-10 09:30", "11-03 08:30 to 11-03 09:30"],
        ),
        // also over midnight
        (
            hours(),
            "2026-11-25T04:45:00Z",
            ["11-17 23:15 to 11-18 00:15", "11-10 23:15 to 11-11 00:15", "11-03 23:15 to 11-04 00:15"],
        ),
        (
            hours(),
            "2026-11-24T05:00:00Z",
            ["11-16 23:30 to 11-17 00:30", "11-09 23:30 to 11-10 00:30", "11-02 23:30 to 11-03 00:30"],
        ),
        // by the wall clock, also beside the Sunday of 25 hours
        (
            hours(),
            "2026-11-09T03:30:00Z",
            ["11-01 22:00 to 11-01 23:00", "10-25 22:00 to 10-25 23:00", "10-18 22:00 to 10-18 23:00"],
        ),
    ] {
        assert_eq!(comparable(leads.clone(), nominal_at), expected, "{leads:?} {nominal_at}");
    }
}

#[test]
fn a_person_who_approves_a_run_is_not_asked_again_on_that_day_about_as_many_rows() {
    let schedule = clinic();
    let run = |at_text: &str, rows, is_approved| MeasuredRun { nominal_at: at(at_text), rows, is_approved };
    let usual = |approved: &[MeasuredRun]| {
        let mut runs = approved.to_vec();
        runs.extend(["17", "10", "03"].map(|day| run(&format!("2026-11-{day}T14:00:00Z"), 60, false)));
        ComparableRuns::of(&schedule, &Occasion::at(at("2026-11-24T20:00:00Z"))).usual(&runs)
    };
    let of_today = run(TUESDAY_NINE, 6, true);
    for (approved, count, is_held) in [
        (&[of_today][..], 6, false),
        (&[of_today], 2, false),
        (&[of_today], 0, true),
        // not approved, or on another day
        (&[MeasuredRun { is_approved: false, ..of_today }], 6, true),
        (&[run("2026-11-23T14:00:00Z", 6, true)], 6, true),
        (&[], 6, true),
    ] {
        let mut world = rows(count, &[]);
        world.now("2026-11-24T20:00:00Z", "2026-11-24T20:00:00Z");
        world.knowledge.usual_rows = usual(approved);
        assert_eq!(guards(&world.plan()).len(), usize::from(is_held), "{count} after {approved:?}");
    }
}

#[test]
fn rows_outside_the_window_say_nothing_and_one_appointment_alone_is_not_measured() {
    let mut world = usual(rows(0, &[]), &[60, 60, 60]);
    for number in 0..60 {
        world.row(&[&format!("B{number}"), "+12025550143", "2026-11-24T15:00:00Z"]);
    }
    assert_eq!(guards(&world.plan()), ["max_change"], "yesterday's file has sixty rows, none of them of tomorrow");
    world.occasion.only = Some("B1".to_owned());
    assert_eq!(guards(&world.plan()), Vec::<String>::new());
}

#[test]
fn a_fifth_of_the_rows_without_a_usable_id_phone_or_time_holds_the_run_from_three_on() {
    let no_phone = ["N1", "", WEDNESDAY_TEN];
    let no_id = ["", "+12025550143", WEDNESDAY_TEN];
    let no_time = ["N2", "+12025550143", "soon"];
    let bad_phone = ["N3", "12", WEDNESDAY_TEN];
    let broken = ["BROKEN", "", ""];
    let cases: [(u32, &[[&str; 3]], bool); 7] = [
        (9, &[no_phone, no_id, no_time], true),
        (12, &[no_phone, no_id, no_time], false),
        (11, &[no_phone, no_id, no_time], true),
        (0, &[no_phone, bad_phone], false),
        (0, &[no_phone, bad_phone, broken], true),
        (40, &[broken; 10], false),
        (39, &[broken; 10], true),
    ];
    for (count, unusable, is_held) in cases {
        let plan = rows(count, unusable).plan();
        assert_eq!(guards(&plan), if is_held { vec!["max_invalid"] } else { vec![] }, "{count} beside {unusable:?}");
    }
    let seen = detail(&rows(2, &[no_phone, ["N4", "", WEDNESDAY_TEN], ["N5", "", WEDNESDAY_TEN], no_id]).plan());
    for part in ["4 of 6 rows", "mostly `no_phone`", "`max_invalid` is 20%"] {
        assert!(seen.contains(part), "{part} in {seen}");
    }
    let mut patient = rows(0, &[no_phone, no_id, no_time]);
    patient.schedule.guard.max_invalid = Percent(10_000);
    assert_eq!(guards(&patient.plan()), Vec::<String>::new());
}

#[test]
fn cancelled_rows_and_numbers_of_other_countries_are_usable() {
    let abroad = ["N1", "N2", "N3"].map(|id| [id, "+442079460018", WEDNESDAY_TEN]);
    let mut world = rows(1, &abroad);
    world.schedule.remind.allowed_countries = Some(vec!["US".to_owned()]);
    let plan = world.plan();
    let phones: Vec<_> = plan.skipped.iter().map(|row: &SkippedRow| row.phone.is_some()).collect();
    assert_eq!((guards(&plan), phones), (Vec::new(), vec![true; 3]));
}

#[test]
fn an_old_source_holds_the_run_where_a_limit_is_set() {
    let written = |hours: i64| at(TUESDAY_NINE) - SignedDuration::from_hours(hours);
    for (limit, changed, is_held) in [
        (None, Some(written(1_000)), false),
        (Some(26), Some(written(26)), false),
        (Some(26), Some(written(27)), true),
        (Some(26), Some(written(-3)), false),
        (Some(26), None, false),
    ] {
        let mut world = rows(1, &[]);
        world.schedule.guard.max_age = limit.map(SignedDuration::from_hours);
        world.as_of = changed;
        assert_eq!(guards(&world.plan()).len(), usize::from(is_held), "{limit:?} {changed:?}");
    }
    let mut world = rows(1, &[]);
    world.schedule.guard.max_age = Some(SignedDuration::from_hours(26));
    world.as_of = Some(written(27));
    let seen = detail(&world.plan());
    for part in ["2026-11-23 06:00", "27 h 0 min", "`max_age` is 26h"] {
        assert!(seen.contains(part), "{part} in {seen}");
    }
}

#[test]
fn all_guards_that_hold_are_named_at_once_and_those_that_are_waived_are_not_asked() {
    let mut world = usual(rows(4, &[["", "", WEDNESDAY_TEN]; 3]), &[60, 60, 60]);
    world.schedule.guard.max_calls = 3;
    let plan = world.plan();
    assert_eq!(guards(&plan), ["max_invalid", "max_change", "max_calls"]);
    assert!(plan.cancellations.is_empty() && plan.held.as_ref().is_some_and(|held: &Held| held.guard == "max_invalid"));
    world.occasion.waived = vec!["max_invalid".to_owned(), "max_calls".to_owned()];
    assert_eq!(guards(&world.plan()), ["max_change"]);
    world.occasion.waived.push("max_change".to_owned());
    let plan = world.plan();
    assert_eq!((guards(&plan), plan.reminders.len()), (Vec::new(), 4));
}

#[test]
fn explain_says_that_the_run_would_be_held() {
    let explanation = usual(rows(4, &[]), &[60, 60, 60]).explain("A1");
    assert_eq!(explanation.reason.as_deref(), Some("run_held"));
    assert!(explanation.steps.last().and_then(|step| step.detail.clone()).is_some_and(|detail| detail.contains("60")));
}

#[test]
fn rows_without_an_id_on_other_dates_hold_no_run_and_say_that_every_run_leaves_them_out() {
    let mut world = World::new();
    for number in 0..4 {
        world.row(&[&format!("a{number}"), &format!("+1202555014{number}"), "2026-11-25 10:00"]);
        world.row(&["", "+12025550150", "2026-12-24 10:00"]);
    }
    let plan = world.plan();
    assert!(plan.held.is_none(), "{:?}", plan.held);
    assert_eq!((plan.counts.planned, plan.counts.skipped, plan.in_window), (4, 4, Some(4)));
    assert!(plan.skipped[0].detail.contains("on another date; every run leaves it out"), "{}", plan.skipped[0].detail);
    // on its own date each counts
    for row in world.rows.iter_mut().filter(|row| row[0].is_empty()) {
        row[2] = "2026-11-25 11:00".to_owned();
    }
    let plan = world.plan();
    assert_eq!(plan.held.as_ref().map(|held| held.guard.as_str()), Some("max_invalid"));
    assert!(!plan.skipped[0].detail.contains("every run"), "{}", plan.skipped[0].detail);
    world.rows = vec![vec!["BROKEN".to_owned()]];
    let plan = world.plan();
    assert!(plan.skipped[0].detail.contains("its date isn't known"), "{}", plan.skipped[0].detail);
}
