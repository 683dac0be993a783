//! The account's rate, on a virtual clock: whatever the arrivals, and however often the process is started anew.

use jiff::SignedDuration;
use proptest::prelude::*;
use tickler::ledger::*;
use tickler::plan::PlannedReminder;
use tickler::settings::Rate;

use crate::calls::*;
use crate::makers;

const RATE: Rate = Rate::Every { interval_us: 631_579 };
const IN_FLIGHT: usize = 4;

/// Chance as proptest gives it: the n-th number decides the n-th step.
#[derive(Debug, Clone)]
struct Course {
    /// When each reminder becomes due, ms after the start.
    due: Vec<i64>,
    /// For each request, the milliseconds until it is received, and until it is over.
    lags: Vec<(i64, i64)>,
    /// The number of steps after which the process is killed and started again, for each life.
    lives: Vec<usize>,
}

fn course() -> impl Strategy<Value = Course> {
    let due = prop_oneof![
        Just(vec![0; 160]),
        proptest::collection::vec(0..60_000_i64, 160),
        proptest::collection::vec((0..4_i64).prop_map(|burst| burst * 20_000), 160),
    ];
    let lag = prop_oneof![9 => 0..50_i64, 1 => 0..30_000_i64];
    let lags = proptest::collection::vec((lag, 0..2_000_i64), 400);
    (due, lags, proptest::collection::vec(8..80_usize, 1..8)).prop_map(|(due, lags, lives)| Course { due, lags, lives })
}

fn ms(count: i64) -> SignedDuration {
    SignedDuration::from_millis(count)
}

/// Runs a course for two minutes; answers when the receiver got each request (ms).
async fn receipts(maker: &dyn crate::Maker, course: &Course) -> Vec<i64> {
    let ledger = maker.open();
    let reminders = course.due.iter().enumerate().map(|(n, due)| {
        let due_at = at(0) + ms(*due);
        PlannedReminder { due_at, send_at: due_at, ..planned(&format!("A{n}")) }
    });
    run_plan(&ledger, at(0), plan_of(reminders.collect())).await;
    drop(ledger);
    let (mut now, mut lags, mut received) = (0_i64, course.lags.iter().cycle(), Vec::new());
    for life in course.lives.iter().cycle() {
        let ledger = maker.open();
        ledger.recover(recover(at(0) + ms(now), &[])).await.expect("recovered");
        // what was in flight died with the process: it is received by its end or never
        let mut flying: Vec<(i64, Intent)> = Vec::new();
        for _ in 0..*life {
            if now > 120_000 {
                return received;
            }
            let (over, rest) = flying.into_iter().partition::<Vec<_>, _>(|(end, _)| *end <= now);
            flying = rest;
            for (_, intent) in over {
                ledger.settle(settlement(&intent, at(0) + ms(now), SettleTo::Delivered)).await.expect("settled");
            }
            let free = u32::try_from(IN_FLIGHT - flying.len()).expect("a few");
            let lanes = if free == 0 { Vec::new() } else { vec![Lane { rate: RATE, free, ..lane(SCHEDULE) }] };
            let taken = ledger.take_intents(asking(at(0) + ms(now), lanes)).await.expect("taken");
            for intent in taken.intents {
                let (arrival, rest) = lags.next().expect("a cycle has no end");
                received.push(now + arrival);
                flying.push((now + arrival + rest, intent));
            }
            let wake = taken.wake_at.map(|wake| wake.duration_since(at(0)).as_millis());
            let wake = wake.map_or(i64::MAX, |wake| i64::try_from(wake).expect("a few minutes") + 1);
            let end = flying.iter().map(|(end, _)| *end).min().unwrap_or(i64::MAX);
            now = wake.min(end).clamp(now + 1, now + 5_000);
        }
        let lost = flying.iter().map(|(end, _)| *end).collect::<Vec<_>>();
        received.retain(|at| *at <= now || !lost.iter().any(|end| end >= at));
    }
    received
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_receiver_counts_at_most_one_hundred_requests_in_any_minute(course in course()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for maker in makers() {
            let mut received = runtime.block_on(receipts(maker.as_ref(), &course));
            received.sort_unstable();
            let within = |from: &i64| received.iter().filter(|at| *at >= from && **at < from + 60_000).count();
            let most = received.iter().map(within).max().unwrap_or(0);
            prop_assert!(most <= 100, "{most} in a minute");
            prop_assert!(received.len() >= 30, "{} at all", received.len());
        }
    }
}

#[tokio::test]
async fn a_backlog_of_a_thousand_keeps_the_allowed_pace() {
    for maker in makers() {
        let ledger = maker.open();
        let reminders = (0..1_000).map(|n| planned(&format!("A{n}"))).collect();
        run_plan(&ledger, at(0), plan_of(reminders)).await;
        let (mut now, mut sent) = (at(0), 0);
        loop {
            let lanes = vec![Lane { rate: RATE, ..lane(SCHEDULE) }];
            let taken = ledger.take_intents(asking(now, lanes)).await.expect("taken");
            sent += taken.intents.len();
            if sent == 1_000 {
                break;
            }
            // a timer and a commit later than asked for
            now = taken.wake_at.expect("more to come").max(now) + ms(8);
        }
        let allowed = ms(999 * 60_000 / 95);
        let took = now.duration_since(at(0));
        assert!(took >= allowed && took <= allowed * 21 / 20, "{took:?} where {allowed:?} is allowed");
    }
}
