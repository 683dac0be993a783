//! Closed days and holidays: which runs cover whom, and when what is due on a closed day is called.

use std::collections::BTreeSet;

use jiff::civil::Date;
use tickler::schedule::{Leads, OnClosedDay};
use tickler::zones::ClosedDays;

use crate::world::World;

fn closed(weekdays: &[&str], holidays: &[&str]) -> ClosedDays {
    let holidays: BTreeSet<Date> = holidays.iter().map(|date| date.parse().expect("a date")).collect();
    ClosedDays::of(weekdays.iter().copied(), holidays).expect("weekdays")
}

/// One appointment at ten of each day from Thursday 26 November to Wednesday 2 December 2026.
fn week(leads: Leads, on_closed_day: OnClosedDay, closed: ClosedDays) -> World {
    World::with(|world| {
        let dates = ["2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30", "2026-12-01", "2026-12-02"];
        for (place, date) in dates.iter().enumerate() {
            let phone = format!("+1202555{:04}", 150 + place);
            world.row(&[&date[5..], &phone, &format!("{date}T10:00:00-05:00")]);
        }
        world.schedule.remind.leads = leads;
        world.schedule.remind.on_closed_day = on_closed_day;
        world.schedule.remind.closed = closed;
    })
}

/// The appointments that the run at nine of that day calls.
fn called(world: &mut World, day: &str) -> Vec<String> {
    let nine = format!("{day}T14:00:00Z");
    world.now(&nine, &nine);
    world.plan().reminders.iter().map(|reminder| reminder.appointment_id.clone()).collect()
}

const THURSDAY: &str = "2026-11-26";
const FRIDAY: &str = "2026-11-27";
const SATURDAY: &str = "2026-11-28";
const SUNDAY: &str = "2026-11-29";
const MONDAY: &str = "2026-11-30";

type Expected = &'static [&'static str];

fn covers(leads: &[u32], on_closed_day: OnClosedDay, holidays: &[&str], expected: [Expected; 5]) {
    let mut world = week(Leads::Days(leads.to_vec()), on_closed_day, closed(&["sat", "sun"], holidays));
    for (day, expected) in [THURSDAY, FRIDAY, SATURDAY, SUNDAY, MONDAY].into_iter().zip(expected) {
        assert_eq!(called(&mut world, day), expected, "{on_closed_day:?} {leads:?} on {day}");
    }
}

#[test]
fn the_run_of_the_open_day_before_covers_what_is_due_on_closed_days() {
    covers(&[1], OnClosedDay::Previous, &[], [&["11-27"], &["11-28", "11-29", "11-30"], &[], &[], &["12-01"]]);
    covers(&[2], OnClosedDay::Previous, &[], [&["11-28"], &["11-29", "11-30", "12-01"], &[], &[], &["12-02"]]);
    covers(&[1], OnClosedDay::Previous, &[FRIDAY], [&["11-27", "11-28", "11-29", "11-30"], &[], &[], &[], &["12-01"]]);
}

#[test]
fn a_lead_may_count_open_days_alone() {
    covers(&[1], OnClosedDay::CountOpenDays, &[], [&["11-27"], &["11-28", "11-29", "11-30"], &[], &[], &["12-01"]]);
    covers(&[2], OnClosedDay::CountOpenDays, &[], [&["11-28", "11-29", "11-30"], &["12-01"], &[], &[], &["12-02"]]);
    covers(
        &[1],
        OnClosedDay::CountOpenDays,
        &[MONDAY],
        [&["11-27"], &["11-28", "11-29", "11-30", "12-01"], &[], &[], &[]],
    );
}

#[test]
fn closed_days_may_be_called_on_all_the_same() {
    covers(&[1], OnClosedDay::CallAnyway, &[], [&["11-27"], &["11-28"], &["11-29"], &["11-30"], &["12-01"]]);
}

#[test]
fn hours_before_a_start_fall_on_the_open_day_before_at_the_same_time() {
    // every hour of the week: who is called when
    for (on_closed_day, expected) in [
        (
            OnClosedDay::Previous,
            ["11-26 10", "11-27 10", "11-27 10", "11-27 10", "11-30 10", "12-01 10"].map(str::to_owned),
        ),
        (
            OnClosedDay::CountOpenDays,
            // what starts on a closed day counts its open hours from midnight before it
            ["11-26 10", "11-27 00", "11-27 00", "11-27 10", "11-30 10", "12-01 10"].map(str::to_owned),
        ),
    ] {
        let mut world = week(Leads::Hours(vec![24]), on_closed_day, closed(&["sat", "sun"], &[]));
        world.schedule.remind.calling_hours = tickler::zones::CallingHours::Always;
        let mut due = std::collections::BTreeMap::new();
        let mut now = crate::world::at("2026-11-26T05:00:00Z");
        for _ in 0..150 {
            world.now(&now.to_string(), &now.to_string());
            world.knowledge.previous_evaluation = Some(now - jiff::SignedDuration::from_hours(1));
            for reminder in world.plan().reminders {
                let at = world.schedule.zone.wall(reminder.due_at).strftime("%m-%d %H").to_string();
                due.insert(reminder.appointment_id, at);
            }
            now += jiff::SignedDuration::from_hours(1);
        }
        let found: Vec<String> = due.into_iter().filter(|(id, _)| id != "11-26").map(|(_, at)| at).collect();
        // sorted by month and day of the appointment
        assert_eq!(found, expected, "{on_closed_day:?}");
    }
}

#[test]
fn a_reminder_waits_over_closed_days_or_expires_and_nobody_is_called_on_one() {
    let mut world = week(Leads::Hours(vec![24]), OnClosedDay::Previous, closed(&["sat", "sun"], &[]));
    // a person in Auckland: Friday afternoon in New York is their Saturday
    world.column("zone", "Pacific/Auckland");
    world.schedule.appointment.recipient_timezone = Some(crate::world::column("zone"));
    world.now("2026-11-27T15:00:00Z", "2026-11-27T15:00:00Z");
    for reminder in world.plan().reminders {
        let day = reminder.send_at.in_tz("Pacific/Auckland").expect("a zone").date();
        assert!(!world.schedule.remind.closed.holds(day), "{reminder:?}");
    }
}

#[test]
fn explain_names_the_run_of_the_open_day_before() {
    let mut world = week(Leads::Days(vec![1]), OnClosedDay::Previous, closed(&["sat", "sun"], &[]));
    world.now("2026-11-26T14:00:00Z", "2026-11-26T14:00:00Z");
    let detail =
        world.explain("11-30").steps.iter().find_map(|step| step.detail.clone().filter(|it| it.contains("run")));
    assert!(detail.as_deref().is_some_and(|detail| detail.contains("the run of 2026-11-27 09:00")), "{detail:?}");
}
