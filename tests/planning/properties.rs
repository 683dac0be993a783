use std::collections::HashSet;

use proptest::prelude::*;
use tickler::plan::explain::Verdict;
use tickler::reminder::State;
use tickler::schedule::Leads;

use crate::world::{TUESDAY_NINE, World, at};

/// A table with everything in it that goes wrong, more often near the window than far from it.
fn rows() -> impl Strategy<Value = Vec<Vec<String>>> {
    let id = prop_oneof!["[a-e]", "[a-e]", Just(String::new()), Just("BROKEN".to_owned())];
    let phone = prop_oneof!["\\+1202555014[0-9]", Just("911".to_owned()), Just(String::new()), "\\PC{0,12}"];
    let start = prop_oneof![
        "2026-11-2[3-7] (0[0-9]|1[0-9]|2[0-3]):[0-5]0",
        "2026-11-25 (0[8-9]|1[0-9]):[0-5]0",
        "2026-11-2[3-7]T1[0-9]:00(Z|\\+05:30)",
        Just("soon".to_owned()),
    ];
    prop::collection::vec((id, phone, start).prop_map(|(id, phone, start)| vec![id, phone, start]), 0..40)
}

fn leads() -> impl Strategy<Value = Leads> {
    prop_oneof![
        prop::collection::vec(0_u32..4, 1..3).prop_map(Leads::Days),
        prop::collection::vec(2_u32..50, 1..4).prop_map(Leads::Hours),
    ]
}

fn known() -> impl Strategy<Value = Vec<(String, String, usize)>> {
    prop::collection::vec(("[a-e]", "2026-11-2[4-6]T1[0-9]:[0-5]0:00Z", 0..State::ALL.len()), 0..8)
}

proptest! {
    #[test]
    fn every_plan_adds_up_calls_no_key_twice_and_nobody_too_late(
        rows in rows(), leads in leads(), known in known(), minutes in 0_i64..600, limit in 1_u32..3,
    ) {
        let mut world = World::new();
        world.schedule.guard.max_invalid = tickler::schedule::Percent(10_000);
        let lead = match &leads {
            Leads::Days(days) => format!("{}d", days[0]),
            Leads::Hours(hours) => format!("{}h", hours[0]),
            Leads::Now => unreachable!("appointments have no such lead"),
        };
        world.schedule.remind.leads = leads;
        world.schedule.remind.max_per_person_per_day = limit;
        world.occasion.now = at(TUESDAY_NINE) + jiff::SignedDuration::from_mins(minutes);
        for (id, starts_at, state) in known {
            world.known(&id, &starts_at, &lead, State::ALL[state], TUESDAY_NINE);
        }
        world.rows = rows;
        let plan = world.plan(); // asserts that the counts add up
        let again = world.plan();
        prop_assert_eq!(format!("{plan:?}"), format!("{again:?}"));

        let keys: HashSet<_> = plan.reminders.iter().map(|it| (it.appointment_id.clone(), it.starts_at, it.lead)).collect();
        prop_assert_eq!(keys.len(), plan.reminders.len());
        let ids: HashSet<_> = plan.reminders.iter().map(|it| it.id).collect();
        prop_assert!(plan.cancellations.iter().all(|cancellation| !ids.contains(&cancellation.id)));
        prop_assert!(plan.reminders.is_sorted_by_key(|it| it.starts_at));
        for reminder in &plan.reminders {
            let latest = reminder.starts_at - world.schedule.remind.min_notice;
            prop_assert!(reminder.send_at < reminder.expires_at && reminder.send_at <= latest);
            prop_assert!(reminder.send_at >= world.occasion.now);
        }
        for skipped in &plan.skipped {
            prop_assert!(!skipped.detail.is_empty());
        }
        for id in ["a", "b", "c", "d", "e"] {
            let explanation = world.explain(id);
            let is_called = plan.reminders.iter().any(|it| it.appointment_id == id);
            let is_pending = world.knowledge.reminders.iter().any(|(key, known)| key.appointment_id == id && known.state == State::Pending);
            prop_assert!(explanation.verdict != Verdict::Call || is_called, "{}", id);
            prop_assert!(explanation.verdict == Verdict::Call || !is_called || is_pending, "{}", id);
        }
    }
}
