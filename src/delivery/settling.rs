//! shell: settles requests in the ledger: all that have ended in one commit, or one by one when that commit fails.

use std::sync::Arc;

use super::dispatcher::Dispatcher;
use super::send::FinishedStep;
use crate::attempt::Settlement;
use crate::ledger::{LedgerResult, TakeIntents, Taken};

impl Dispatcher<'_> {
    /// Settles the requests that have ended.
    pub(super) async fn settle(&mut self) -> LedgerResult<()> {
        self.settle_and_take(None).await.map(drop)
    }

    /// Settles the requests that have ended, then takes intents, both in one commit.
    pub(super) async fn settle_and_take(&mut self, ask: Option<TakeIntents>) -> LedgerResult<Taken> {
        if self.ended.is_empty() && ask.is_none() {
            return Ok(Taken::default());
        }
        let ended = std::mem::take(&mut self.ended);
        let (schedules, settlements): (Vec<String>, Vec<Settlement>) =
            ended.into_iter().map(|ended| (ended.schedule, ended.settlement)).unzip();
        let settlements: Arc<[Settlement]> = settlements.into();
        let failure = match self.tools.outbox.exchange(Arc::clone(&settlements), ask.clone()).await {
            Ok(done) => {
                for ((schedule, settlement), is_ours) in schedules.iter().zip(settlements.iter()).zip(done.settled) {
                    if !is_ours {
                        warn_settled_elsewhere(settlement);
                    }
                    self.report(schedule, settlement);
                    self.release_slot(schedule);
                }
                return Ok(done.taken);
            }
            Err(failure) => failure,
        };
        let back = schedules.into_iter().zip(settlements.iter().cloned());
        self.ended = back.map(|(schedule, settlement)| FinishedStep { schedule, settlement }).collect();
        if self.ended.is_empty() {
            return Err(failure);
        }
        self.settle_one_by_one().await?;
        match ask {
            Some(ask) => Ok(self.tools.outbox.exchange([].into(), Some(ask)).await?.taken),
            None => Ok(Taken::default()),
        }
    }

    fn report(&mut self, schedule: &str, settlement: &Settlement) {
        self.batches.settled(schedule, settlement, self.sender);
    }

    /// Settles each request in a commit of its own, so that one that can't be settled does not affect the others.
    async fn settle_one_by_one(&mut self) -> LedgerResult<()> {
        let mut first = Ok(());
        for ended in std::mem::take(&mut self.ended) {
            match self.tools.outbox.exchange([ended.settlement.clone()].into(), None).await {
                Ok(done) => {
                    if done.settled != [true] {
                        warn_settled_elsewhere(&ended.settlement);
                    }
                    self.report(&ended.schedule, &ended.settlement);
                    self.release_slot(&ended.schedule);
                }
                Err(failure) => {
                    tracing::error!(%failure, "a request could not be settled in the ledger");
                    self.ended.push(ended);
                    first = first.and(Err(failure));
                }
            }
        }
        first
    }
}

fn warn_settled_elsewhere(settlement: &Settlement) {
    tracing::warn!(reminder = %settlement.reminder_id, "the reminder was settled elsewhere before its request ended");
}
