//! shell: reports the first and the last call of what a schedule sends in one go, so that whoever watches the log of the
//! service sees when calling begins and when it is over.

use std::collections::{HashMap, VecDeque};

use super::Sender;
use super::dispatcher::Dispatcher;
use crate::attempt::{SettleTo, Settlement};
use crate::audit::words::{TRIAL, accepted_by};

/// Maximum schedules that are checked after one poll: each costs a query, and a crowded account leaves thousands open.
const CHECKED_AT_ONCE: usize = 16;

/// The schedules that are sending.
#[derive(Default)]
pub(super) struct Batches {
    by_schedule: HashMap<String, Batch>,
    /// The same schedules, in the order in which they are checked.
    turns: VecDeque<String>,
}

/// What became of one schedule's calls since it began to send.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batch {
    accepted: u32,
    trials: u32,
    failed: u32,
    uncertain: u32,
    /// The number of times that a call was put off.
    delayed: u32,
}

impl Batch {
    /// Counts one attempt. `None`: its call is yet to come.
    fn count(&mut self, settlement: &Settlement) -> Option<&mut u32> {
        let count = match settlement.to {
            SettleTo::Delivered if settlement.trial.is_some() => &mut self.trials,
            SettleTo::Delivered => &mut self.accepted,
            SettleTo::Failed | SettleTo::Dropped => &mut self.failed,
            SettleTo::Uncertain => &mut self.uncertain,
            SettleTo::Again { .. } => &mut self.delayed,
            SettleTo::ContactReady { .. } | SettleTo::ContactForgotten => return None,
        };
        *count += 1;
        Some(count)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `38 accepted by Thoughtly, 1 of unknown fate`.
    fn in_words(&self, host: Option<&str>) -> String {
        let accepted = accepted_by(host);
        let counts = [
            (self.accepted, accepted.as_str()),
            (self.trials, TRIAL),
            (self.failed, "failed"),
            (self.uncertain, "of unknown fate"),
            (self.delayed, "put off"),
        ];
        let words = counts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

impl Batches {
    /// A request of this schedule begins.
    pub(super) fn begin(&mut self, schedule: &str) {
        if !self.by_schedule.contains_key(schedule) {
            self.by_schedule.insert(schedule.to_owned(), Batch::default());
            self.turns.push_back(schedule.to_owned());
        }
    }

    /// A request of this schedule is settled; `sender` knows who accepts its requests.
    pub(super) fn settled(&mut self, schedule: &str, settlement: &Settlement, sender: &Sender) {
        let Some(batch) = self.by_schedule.get_mut(schedule) else { return };
        let is_first = batch.is_empty();
        if batch.count(settlement).is_some() && is_first {
            let host = sender.accepted_by(schedule);
            tracing::info!(schedule, "the first call: {}", batch.in_words(host.as_deref()));
        }
    }

    fn end(&mut self, schedule: &str, host: Option<&str>) {
        if let Some(batch) = self.by_schedule.remove(schedule)
            && !batch.is_empty()
        {
            tracing::info!(schedule, "the last call for now: {}", batch.in_words(host));
        }
    }
}

impl Dispatcher<'_> {
    /// Reports schedules that have nothing in flight and nothing that is due.
    pub(super) async fn report_ended_batches(&mut self) {
        for _ in 0..self.batches.turns.len().min(CHECKED_AT_ONCE) {
            let Some(schedule) = self.batches.turns.pop_front() else { return };
            if self.is_in_flight(&schedule) || self.has_due(&schedule).await {
                self.batches.turns.push_back(schedule);
            } else {
                self.batches.end(&schedule, self.sender.accepted_by(&schedule).as_deref());
            }
        }
    }

    async fn has_due(&self, schedule: &str) -> bool {
        let next = self.tools.outbox.next_due(vec![schedule.to_owned()]).await;
        // a ledger that can't be read is reported by the next poll
        next.is_ok_and(|next| next.is_some_and(|due| due <= self.tools.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_counts_calls_and_no_contacts() {
        let mut batch = Batch::default();
        let contact = Settlement::example(SettleTo::ContactReady { contact_id: "c1".to_owned() });
        assert!(batch.count(&contact).is_none() && batch.is_empty());
        for to in [SettleTo::Delivered, SettleTo::Delivered, SettleTo::Failed, SettleTo::Dropped, SettleTo::Uncertain] {
            assert!(batch.count(&Settlement::example(to)).is_some());
        }
        assert_eq!(batch.in_words(None), "2 accepted by Thoughtly, 2 failed, 1 of unknown fate");
        assert_eq!(batch.in_words(Some("hook.example")), "2 accepted by hook.example, 2 failed, 1 of unknown fate");
    }
}
