//! The figures the ledger is built for; run in release: `cargo test --release --test ledger -- --ignored --nocapture`.

use std::time::Duration;

use tickler::clock::{Clock, SystemClock};
use tickler::ledger::{Effect, RunEnd, SettleTo, Settlement};
use tickler::plan::PlannedReminder;
use tickler::reminder::RunKind;

use crate::calls::*;
use crate::makers;

fn many(count: usize, from: usize) -> Vec<PlannedReminder> {
    (from..from + count)
        .map(|number| PlannedReminder {
            payload: serde_json::json!({"contact_phone": PHONE, "name": "Somebody Invented", "number": number,
                "text": "An appointment of the usual kind at the usual place, which is not far from the station."}),
            ..planned(&format!("A{number}"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn ten_thousand_are_planned_and_sent_in_groups_of_256() {
    let sizes: usize = std::env::args().find_map(|arg| arg.strip_prefix("rounds=")?.parse().ok()).unwrap_or(3);
    for maker in makers() {
        let ledger = maker.open();
        let clock = SystemClock::new();
        for round in 0..sizes {
            let plan = plan_of(many(10_000, round * 10_000));
            let start = run_start(SCHEDULE, RunKind::Trigger, at(0));
            let run = ledger.begin_run(start).await.expect("it begins").expect("a new run");
            let before = clock.monotonic();
            ledger.record_run(record(run, at(0), RunEnd::Planned(Box::new(plan)))).await.expect("it is recorded");
            let planned = clock.monotonic();
            let mut sent = 0;
            let (mut taking, mut settling) = (Duration::ZERO, Duration::ZERO);
            loop {
                let t0 = clock.monotonic();
                let taken = take(&ledger, at(1)).await;
                let t1 = clock.monotonic();
                if taken.intents.is_empty() {
                    break;
                }
                sent += taken.intents.len();
                let settled = taken.intents.iter().map(|intent| {
                    ledger.settle(Settlement {
                        effect: Effect::Accepted,
                        ..settlement(intent, at(2), SettleTo::Delivered)
                    })
                });
                for settled in futures_util::future::join_all(settled).await {
                    assert!(settled.expect("it settles"));
                }
                taking += t1 - t0;
                settling += clock.monotonic() - t1;
            }
            let rate = sent as f64 / (clock.monotonic() - planned).as_secs_f64();
            println!(
                "round {round}: planned in {:?}, {sent} sent, {rate:.0}/s (take {taking:?}, settle {settling:?})",
                planned - before
            );
        }
    }
}
