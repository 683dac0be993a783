//! Appointments that move: small moves after a call are no new reminder, and dates and times as they are spoken.

use jiff::SignedDuration;
use serde_json::json;
use tickler::reminder::State;
use tickler::template::PayloadTemplate;

use crate::world::{TUESDAY_NINE, World, payload_of};

/// An appointment that was called about at ten o'clock, whose row says another time now.
fn moved(time: &str, state: State) -> World {
    World::with(|world| {
        world.known("A1", "2026-11-25T15:00:00Z", "1d", state, TUESDAY_NINE);
        world.row(&["A1", "+12025550143", &format!("2026-11-25 {time}")]);
    })
}

#[test]
fn a_move_by_less_than_min_change_after_the_call_is_no_new_reminder() {
    for (time, state, verdict) in [
        ("10:14", State::Delivered, "already"),
        ("09:46", State::Delivered, "already"),
        ("10:15", State::Delivered, "call"),
        ("09:45", State::Delivered, "call"),
        ("10:05", State::Uncertain, "already"),
        ("10:05", State::Sending, "already"),
        ("10:05", State::Cancelled, "call"),
        ("10:05", State::Expired, "call"),
        ("10:05", State::Pending, "call"),
    ] {
        assert_eq!(moved(time, state).verdict(), verdict, "{time} after {state}");
    }
    let plan = moved("10:05", State::Delivered).plan();
    assert_eq!(plan.reminded.in_words().iter().map(|(count, _)| count).sum::<u64>(), 1);
}

#[test]
fn how_small_a_move_is_counts_from_the_start_that_was_called_about_and_by_lead() {
    let mut world = moved("10:20", State::Delivered);
    world.schedule.remind.min_change = SignedDuration::from_mins(30);
    assert_eq!(world.verdict(), "already");
    world.schedule.remind.min_change = SignedDuration::ZERO;
    assert_eq!(world.verdict(), "call");
    let mut other_lead = World::new();
    other_lead.known("A1", "2026-11-25T15:00:00Z", "7d", State::Delivered, "2026-11-18T14:00:00Z");
    other_lead.row(&["A1", "+12025550143", "2026-11-25 10:05"]);
    assert_eq!(other_lead.verdict(), "call", "the call a week before is not the one of the day before");
}

#[test]
fn explain_names_the_start_that_was_called_about() {
    let explanation = moved("10:05", State::Delivered).explain("A1");
    assert_eq!(explanation.reason.as_deref(), Some("already_reminded"));
    let told =
        explanation.steps.iter().find_map(|step| step.detail.clone().filter(|detail| detail.contains("min_change")));
    assert!(
        told.as_deref().is_some_and(|detail| detail.contains("2026-11-25 10:00") && detail.contains("15m")),
        "{told:?}"
    );
}

#[test]
fn dates_and_times_are_spoken_in_the_language_of_the_row_else_of_the_schedule() {
    let said = |language: &str, schedule: &str| {
        let mut world = World::new();
        world.row(&["A1", "+12025550143", "2026-11-25 09:30"]);
        world.column("tongue", language);
        world.schedule.language = schedule.to_owned();
        world.schedule.appointment.language = Some(crate::world::column("tongue"));
        world.schedule.payload =
            PayloadTemplate::compile(&json!({"said": "{{ weekday }}|{{ spoken_date }}|{{ spoken_time }}"}))
                .expect("a payload");
        payload_of(&world.plan())["said"].as_str().expect("a text").to_owned()
    };
    assert_eq!(said("", "en"), "Wednesday|Wednesday, November 25|9:30 AM");
    assert_eq!(said("", "de"), "Mittwoch|Mittwoch, 25. November|9 Uhr 30");
    assert_eq!(said("es-MX", "de"), "miércoles|miércoles 25 de noviembre|las 9 y media de la mañana");
    assert_eq!(said("xx", "fr"), "mercredi|mercredi 25 novembre|9 heures 30");
}
