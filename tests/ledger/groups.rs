//! Many at once: what waits is committed together, and each is still settled by itself.

use tickler::ledger::{Effect, RunEnd, Runs, SettleTo, Settlement, Tally};
use tickler::plan::PlannedReminder;
use tickler::reminder::RunKind;

use crate::calls::*;
use crate::makers;

const REMINDERS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_are_settled_many_at_once_and_each_by_itself() {
    for maker in makers() {
        let ledger = maker.open();
        let many: Vec<PlannedReminder> = (0..REMINDERS).map(|number| planned(&format!("A{number}"))).collect();
        let run = ledger.begin_run(run_start(SCHEDULE, RunKind::Trigger, at(0))).await.expect("it begins");
        let run = run.expect("a new run");
        ledger.record_run(record(run, at(0), RunEnd::Planned(Box::new(plan_of(many))))).await.expect("it is recorded");
        let mut sent = 0;
        loop {
            let taken = take(&ledger, at(1)).await;
            if taken.intents.is_empty() {
                break;
            }
            sent += taken.intents.len();
            let settled = taken.intents.iter().map(|intent| {
                ledger.settle(Settlement { effect: Effect::Accepted, ..settlement(intent, at(2), SettleTo::Delivered) })
            });
            for settled in futures_util::future::join_all(settled).await {
                assert!(settled.expect("it settles"));
            }
        }
        assert_eq!(sent, REMINDERS);
        assert_eq!(ledger.tally().await.expect("a tally"), Tally::default(), "nothing is left open");
        assert_eq!(ledger.verify().await.expect("a walk").broken, None);
    }
}
