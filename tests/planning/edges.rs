//! `max_change` where leads count hours: the window moves over the day, and in the morning and the evening the number of its
//! rows changes steeply. A sound day holds no run at any time; a loss holds one as soon as twenty rows are usual.

use jiff::{SignedDuration, Timestamp};
use tickler::plan::{ComparableRuns, MeasuredRun, Occasion};
use tickler::schedule::Leads;
use tickler::schedule::recurrence::Recurrence;

use crate::world::{World, at};

/// A day's starts: one every so many seconds between two times of day, in minutes.
#[derive(Debug, Clone, Copy)]
struct Day {
    opens: i64,
    closes: i64,
    every: i64,
}

/// Forty an hour, from eight to six.
const USUAL: Day = Day { opens: 8 * 60, closes: 18 * 60, every: 90 };

impl Day {
    /// How many of them are in the window of a run at that minute, whose lead is so many hours. Each day is the same.
    fn in_window(self, minute: i64, lead: i64) -> u64 {
        let last = (minute + lead * 60) * 60;
        let first = last - 6 * 3_600;
        let of_day = |day: i64| {
            let midnight = day * 86_400;
            let starts = (self.opens * 60..self.closes * 60).step_by(usize::try_from(self.every).expect("few"));
            starts.filter(move |start| (first..=last).contains(&(midnight + start))).count()
        };
        (-1..3).map(of_day).sum::<usize>().try_into().expect("few")
    }
}

/// A Tuesday without a clock change, as those before it; in New York it begins at 04:00 or 05:00 UTC.
fn midnight(weeks_ago: i64) -> Timestamp {
    at("2026-10-20T04:00:00Z") - SignedDuration::from_hours(weeks_ago * 7 * 24)
}

/// A schedule of hours that ran on earlier Tuesdays, and the run of one minute of this one.
struct Runs {
    lead: u32,
    /// Minutes between two runs.
    every: i64,
    tuesdays: i64,
}

const QUARTERS: Runs = Runs { lead: 24, every: 15, tuesdays: 3 };

impl Runs {
    fn world(&self, minute: i64) -> World {
        World::with(|world| {
            world.schedule.remind.leads = Leads::Hours(vec![self.lead]);
            world.schedule.recurrence = Recurrence::parse(&format!("*/{} * * * *", self.every)).expect("a cron line");
            world.occasion = Occasion::at(midnight(0) + SignedDuration::from_mins(minute));
            let weeks = 1..=self.tuesdays;
            let of_week = |week: i64| {
                // an hour of the days around it, too
                (-60 / self.every..25 * 60 / self.every).rev().map(move |number| MeasuredRun {
                    nominal_at: midnight(week) + SignedDuration::from_mins(number * self.every),
                    rows: USUAL.in_window(number * self.every, i64::from(self.lead)),
                    is_approved: false,
                })
            };
            let runs: Vec<MeasuredRun> = weeks.flat_map(of_week).collect();
            world.knowledge.usual_rows = ComparableRuns::of(&world.schedule, &world.occasion).usual(&runs);
        })
    }

    /// The detail of the guard that holds the run of this minute when its window has this many rows.
    fn held(&self, minute: i64, rows: u64) -> Option<String> {
        let mut world = self.world(minute);
        let start = world.occasion.now + SignedDuration::from_hours(i64::from(self.lead));
        for number in 0..rows {
            world.row(&[&format!("A{number}"), "+12025550143", &start.to_string()]);
        }
        world.plan().held.map(|held| held.detail)
    }
}

const fn clock(hour: i64, minute: i64) -> i64 {
    hour * 60 + minute
}

#[test]
fn no_run_of_a_sound_day_is_held_at_any_time_of_it() {
    let late = Day { opens: clock(8, 30), ..USUAL };
    let early = Day { opens: clock(7, 30), ..USUAL };
    let short = Day { closes: clock(17, 30), ..USUAL };
    let half = Day { every: 2 * USUAL.every, ..USUAL };
    let full = Day { every: USUAL.every / 2, ..USUAL };
    for runs in [QUARTERS, Runs { lead: 2, ..QUARTERS }, Runs { every: 30, ..QUARTERS }, Runs { every: 5, ..QUARTERS }]
    {
        let every = if runs.every == 15 && runs.lead == 24 { 15 } else { 30 };
        for minute in (0..24 * 60).step_by(every) {
            for day in [USUAL, late, early, short, half, full] {
                let rows = day.in_window(minute, i64::from(runs.lead));
                let held = runs.held(minute, rows);
                assert_eq!(held, None, "{}h, {}:{:02}, {day:?}", runs.lead, minute / 60, minute % 60);
            }
        }
    }
}

#[test]
fn a_loss_is_held_as_soon_as_twenty_rows_are_usual_on_an_edge_too() {
    let by_two_hours = Runs { lead: 2, ..QUARTERS };
    let half_hours = Runs { every: 30, ..QUARTERS };
    let hours = Runs { every: 60, ..QUARTERS };
    let cases = [
        // a header alone: in the morning, at the first quarter before which the window held twenty rows, and from then on
        (&QUARTERS, clock(8, 45), 0, ""),
        (&QUARTERS, clock(9, 0), 0, "fewer than a third of the usual 21 "),
        (&QUARTERS, clock(12, 0), 0, "fewer than a third of the usual 141 "),
        // in the evening, as long as it will hold them half an hour later
        (&QUARTERS, clock(23, 0), 0, "fewer than a third of the usual 20 "),
        (&QUARTERS, clock(23, 15), 0, ""),
        // a few rows of many
        (&QUARTERS, clock(15, 0), 4, "fewer than a third of the usual 2"),
        (&QUARTERS, clock(10, 0), 20, "fewer than a third of the usual 61 "),
        (&QUARTERS, clock(10, 0), 21, ""),
        // ten times as many
        (&QUARTERS, clock(9, 0), 400, "more than 3x the usual 61 "),
        (&QUARTERS, clock(15, 0), 2_400, "more than 3x the usual 2"),
        (&by_two_hours, clock(7, 0), 0, "fewer than a third of the usual 21 "),
        (&by_two_hours, clock(21, 0), 0, "fewer than a third of the usual 20 "),
        (&by_two_hours, clock(9, 0), 4, "fewer than a third of the usual 101 "),
        (&half_hours, clock(9, 0), 0, "fewer than a third of the usual 21 "),
        // a run each hour is compared with those of the same time
        (&hours, clock(9, 0), 0, "fewer than a third of the usual 41 "),
        (&hours, clock(9, 0), 14, ""),
    ];
    for (runs, minute, rows, expected) in cases {
        let held = runs.held(minute, rows);
        let is_as_expected = match &held {
            Some(detail) => !expected.is_empty() && detail.contains(expected),
            None => expected.is_empty(),
        };
        assert!(is_as_expected, "{rows} rows at {}:{:02}: {held:?}", minute / 60, minute % 60);
    }
    let detail = QUARTERS.held(clock(12, 0), 4).expect("it is held");
    for part in [
        "4 rows in the window",
        "the fewest that each of the last 3 Tuesdays had at about this time",
        "`max_change` is 3x",
    ] {
        assert!(detail.contains(part), "{part} in {detail}");
    }
}

#[test]
fn many_runs_of_two_tuesdays_say_nothing_of_what_is_usual() {
    for (every, tuesdays) in [(15, 2), (5, 1), (5, 2)] {
        assert_eq!(Runs { every, tuesdays, ..QUARTERS }.held(clock(12, 0), 0), None, "{every} {tuesdays}");
    }
}

#[test]
fn the_first_run_after_an_outage_covers_missed_times_too_and_may_have_more_rows() {
    let held = |hours_ago: i64| {
        let mut world = QUARTERS.world(clock(9, 0));
        world.knowledge.previous_evaluation = Some(world.occasion.now - SignedDuration::from_hours(hours_ago));
        for number in 0..300 {
            world.row(&[&format!("A{number}"), "+12025550143", "2026-10-21T12:30:00Z"]);
        }
        world.plan().held.is_some()
    };
    assert!(held(1), "its window is the usual one");
    assert!(!held(20), "it reaches back to the evening");
}
