//! The closed set of reasons: each of them comes about in some world, and `explain` names it.

use jiff::SignedDuration;
use tickler::plan::explain::{StepResult, Verdict};
use tickler::reminder::SkipReason;
use tickler::schedule::LateBooking;

use crate::late::booked;
use crate::merge::two;
use crate::rules::{each_reason, good};
use crate::world::World;

/// A world in which an appointment has that reason, and its id. A new reason needs a line here.
fn world_of(reason: SkipReason) -> (World, &'static str) {
    let of_one_row = || each_reason().into_iter().find(|(it, _)| *it == reason).expect("a world for it").1;
    match reason {
        SkipReason::BadRow
        | SkipReason::MissingId
        | SkipReason::InvalidTime
        | SkipReason::NoSuchTime
        | SkipReason::Cancelled
        | SkipReason::UnknownStatus
        | SkipReason::Filtered
        | SkipReason::NoPhone
        | SkipReason::InvalidPhone
        | SkipReason::WrongNumber
        | SkipReason::OptedOut
        | SkipReason::NoConsent
        | SkipReason::Confirmed
        | SkipReason::Declined
        | SkipReason::Reschedule
        | SkipReason::AlreadyStarted
        | SkipReason::TooLate
        | SkipReason::OutsideCallingHours
        | SkipReason::PayloadError
        | SkipReason::PersonLimit => (of_one_row(), "a"),
        SkipReason::DuplicateRow => {
            let mut world = good();
            world.rows.push(world.rows[0].clone());
            (world, "a")
        }
        SkipReason::LateBooking => (booked(20, &[24, 2], LateBooking::Skip), "a"),
        SkipReason::Merged => (two(), "b"),
    }
}

/// What `explain` says of the rule that blocks.
fn block(world: &World) -> String {
    let steps = world.explain("a").steps;
    let step = steps.iter().find(|step| step.result == StepResult::Block).expect("a rule blocks");
    format!("{}: {}", step.rule, step.detail.as_deref().unwrap_or_default())
}

#[test]
fn the_remedy_of_calling_hours_names_what_binds() {
    let world = |notice: i64, lateness: i64| {
        World::with(|world| {
            world.row(&["a", "+12025550143", "2026-11-25 10:00"]);
            // at 22:00 the day before; the next opening is at 08:00
            world.now("2026-11-24T14:00:00Z", "2026-11-25T03:00:00Z");
            world.schedule.remind.min_notice = SignedDuration::from_hours(notice);
            world.schedule.remind.max_lateness = SignedDuration::from_hours(lateness);
        })
    };
    let by_notice = block(&world(3, 22));
    assert!(
        by_notice.starts_with("outside_calling_hours: ") && by_notice.contains("`min_notice` (3h) before the start"),
        "{by_notice}"
    );
    assert!(
        by_notice.ends_with("A smaller `min_notice`, wider `calling_hours`, or a run that is due inside them"),
        "{by_notice}"
    );
    let by_lateness = block(&world(1, 16));
    assert!(by_lateness.contains("`max_lateness` (16h) after"), "{by_lateness}");
    assert!(
        by_lateness.ends_with("An earlier run, a longer `max_lateness`, or wider `calling_hours`"),
        "{by_lateness}"
    );
}

#[test]
fn a_remedy_names_only_what_would_have_let_the_call_through() {
    // (start, nominal time and now, notice and lateness in hours, the end of what is said)
    let cases = [
        // the hours open at 08:00, after the start
        ("2026-11-25 07:30", "2026-11-25T03:00:00Z", (1, 48), "they open after the start"),
        // they open before it, but too short before it
        ("2026-11-25 10:00", "2026-11-25T03:00:00Z", (3, 16), "An earlier run, or wider `calling_hours`"),
        (
            "2026-11-25 10:00",
            "2026-11-25T03:00:00Z",
            (1, 16),
            "An earlier run, a longer `max_lateness`, or wider `calling_hours`",
        ),
        // 09:30 in the morning of the start
        (
            "2026-11-25 10:00",
            "2026-11-25T14:30:00Z",
            (1, 48),
            "An earlier run, or a smaller `min_notice`, would have called it",
        ),
        ("2026-11-25 10:00", "2026-11-25T14:30:00Z", (1, 6), "An earlier run would have called it"),
        (
            "2026-11-25 16:00",
            "2026-11-25T14:30:00Z",
            (1, 6),
            "An earlier run, or a longer `max_lateness`, would have called it",
        ),
    ];
    for (start, now, (notice, lateness), remedy) in cases {
        let world = World::with(|world| {
            world.row(&["a", "+12025550143", start]);
            world.now("2026-11-24T14:00:00Z", now);
            world.schedule.remind.min_notice = SignedDuration::from_hours(notice);
            world.schedule.remind.max_lateness = SignedDuration::from_hours(lateness);
        });
        let said = block(&world);
        assert!(said.ends_with(remedy), "{start} at {now}, {notice} and {lateness}: {said}");
    }
}

#[test]
fn every_reason_of_the_closed_set_comes_about_and_explain_names_it() {
    for reason in SkipReason::ALL {
        let (world, id) = world_of(*reason);
        let skips: Vec<SkipReason> = world.plan().skipped.iter().map(|row| row.reason).collect();
        assert_eq!(skips, [*reason]);
        let explanation = world.explain(id);
        let said = explanation.steps.iter().filter_map(|step| step.detail.as_deref()).collect::<Vec<_>>().join("\n");
        match reason {
            // such a row has no id by which it could be asked for: any id may be the one that it should have
            SkipReason::BadRow | SkipReason::MissingId => {
                assert_eq!(explanation.verdict, Verdict::Absent, "{reason}");
                assert!(said.contains("line 2") && said.contains(reason.as_str()), "{said}");
            }
            // the appointment is called, its second row is not
            SkipReason::DuplicateRow => {
                assert_eq!(explanation.verdict, Verdict::Call);
                assert!(said.contains("line 3") && said.contains("`duplicate_row`"), "{said}");
            }
            _ => {
                assert_eq!(
                    (explanation.verdict, explanation.reason.as_deref()),
                    (Verdict::Skip, Some(reason.as_str()))
                );
                let blocks = explanation.steps.iter().filter(|step| step.result == StepResult::Block);
                let remedies: Vec<&str> = blocks.filter_map(|step| step.detail.as_deref()).collect();
                assert!(matches!(remedies.as_slice(), [detail] if detail.len() > 20), "{reason}: {remedies:?}");
            }
        }
    }
}
