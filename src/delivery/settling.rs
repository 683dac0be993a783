//! shell: writes into the ledger what became of requests: many in one commit, or one by one where that commit fails.

use std::sync::Arc;

use super::dispatcher::Dispatcher;
use super::send::FinishedStep;
use crate::attempt::Settlement;
use crate::ledger::{LedgerResult, TakeIntents, Taken};

impl Dispatcher<'_> {
    /// Settles what has ended.
    pub(super) async fn settle(&mut self) -> LedgerResult<()> {
        self.settle_and_take(None).await.map(drop)
    }

    /// Settles what has ended, and only then, but with the same commit, takes what is asked for.
    pub(super) async fn settle_and_take(&mut self, ask: Option<TakeIntents>) -> LedgerResult<Taken> {
        if self.ended.is_empty() && ask.is_none() {
            return Ok(Taken::default());
        }
        let ended = std::mem::take(&mut self.ended);
        let (schedules, settlements): (Vec<String>, Vec<Settlement>) =
            ended.into_iter().map(|ended| (ended.schedule, ended.settlement)).unzip();
        let settlements: Arc<[Settlement]> = settlements.into();
        let failure = match self.tools.ledger.exchange(Arc::clone(&settlements), ask.clone()).await {
            Ok(done) => {
                for ((schedule, settlement), is_ours) in schedules.iter().zip(settlements.iter()).zip(done.settled) {
                    if !is_ours {
                        warn_of(settlement);
                    }
                    self.leave(schedule);
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
            Some(ask) => Ok(self.tools.ledger.exchange([].into(), Some(ask)).await?.taken),
            None => Ok(Taken::default()),
        }
    }

    /// So that one that can't be settled keeps no other from it.
    async fn settle_one_by_one(&mut self) -> LedgerResult<()> {
        let mut first = Ok(());
        for ended in std::mem::take(&mut self.ended) {
            match self.tools.ledger.exchange([ended.settlement.clone()].into(), None).await {
                Ok(done) => {
                    if done.settled != [true] {
                        warn_of(&ended.settlement);
                    }
                    self.leave(&ended.schedule);
                }
                Err(failure) => {
                    tracing::error!(%failure, "an outcome could not be settled");
                    self.ended.push(ended);
                    first = first.and(Err(failure));
                }
            }
        }
        first
    }
}

fn warn_of(settlement: &Settlement) {
    tracing::warn!(reminder = %settlement.reminder_id, "settled by somebody else before its answer came");
}
