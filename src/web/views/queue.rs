//! pure: how the queue empties under the rate limit.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::charts::{ChartTitle, Quantity, UprightBars};
use super::moments::Moments;
use crate::ledger::{QueueSlot, SLOT_MICROS};
use crate::settings::Rate;

/// How many slots of five minutes are drawn: two hours.
pub const SLOTS: i64 = 24;

/// A schedule's account and how fast it may send.
#[derive(Debug, Clone, Copy)]
pub struct QueueLane<'a> {
    /// The account's name.
    pub account: &'a str,
    /// Its rate.
    pub rate: Rate,
}

/// What waits at the end of each slot, all accounts together.
#[must_use]
pub fn waiting(slots: &[QueueSlot], lanes: &BTreeMap<String, QueueLane<'_>>, now: Timestamp) -> Vec<u64> {
    let first = now.as_microsecond().div_euclid(SLOT_MICROS);
    let mut arriving: BTreeMap<&str, (Rate, Vec<u64>)> = BTreeMap::new();
    for slot in slots {
        let Some(lane) = lanes.get(&slot.schedule) else { continue };
        // what was due before now is due now
        let place = (slot.from.as_microsecond().div_euclid(SLOT_MICROS) - first).clamp(0, SLOTS);
        let (_, due) = arriving.entry(lane.account).or_insert_with(|| (lane.rate, vec![0; SLOTS as usize + 1]));
        due[place as usize] += slot.count;
    }
    let mut left = vec![0; SLOTS as usize];
    for (rate, due) in arriving.into_values() {
        let mut queue = 0_u64;
        for (place, left) in left.iter_mut().enumerate() {
            queue = (queue + due[place]).saturating_sub(capacity(rate));
            *left += queue;
        }
    }
    left
}

/// How many requests an account may send within a slot.
fn capacity(rate: Rate) -> u64 {
    match rate {
        Rate::Every { interval_us } => u64::try_from(SLOT_MICROS / interval_us.max(1)).unwrap_or(0),
        Rate::Unlimited => u64::MAX,
    }
}

/// The chart.
#[must_use]
pub fn chart(left: Vec<u64>, due_now: u64, nothing: &'static str, moments: &Moments) -> UprightBars {
    let name = |place: usize| {
        let micros = SLOT_MICROS * i64::try_from(place).unwrap_or_default();
        let at = moments.now().checked_add(jiff::SignedDuration::from_micros(micros)).unwrap_or(moments.now());
        moments.zone(None).wall(at).strftime("%H:%M").to_string()
    };
    let mut quantities = vec![Quantity::new("now", due_now)];
    quantities.extend(left.into_iter().enumerate().map(|(place, count)| Quantity::new(name(place + 1), count)));
    let title = ChartTitle {
        title: "The queue under the rate limit, next two hours".to_owned(),
        of: "At",
        counts: "Waiting",
        nothing,
    };
    UprightBars::over(title, quantities, 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_empties_as_fast_as_its_account_may_send() {
        let now: Timestamp = "2026-11-24T14:00:00Z".parse().expect("an instant");
        let rate = Rate::parse("10/min").expect("a rate");
        let lanes = BTreeMap::from([
            ("a".to_owned(), QueueLane { account: "one", rate }),
            ("b".to_owned(), QueueLane { account: "one", rate }),
            ("c".to_owned(), QueueLane { account: "two", rate: Rate::Unlimited }),
        ]);
        let slot = |schedule: &str, at: &str, count| QueueSlot {
            schedule: schedule.to_owned(),
            from: at.parse().expect("an instant"),
            count,
        };
        let slots = [
            slot("a", "2026-11-24T13:00:00Z", 60),
            slot("b", "2026-11-24T14:00:00Z", 60),
            slot("b", "2026-11-24T14:05:00Z", 10),
            slot("c", "2026-11-24T14:00:00Z", 5_000),
            slot("gone", "2026-11-24T14:00:00Z", 5_000),
        ];
        assert_eq!(waiting(&slots, &lanes, now)[..4], [70, 30, 0, 0]);
    }
}
