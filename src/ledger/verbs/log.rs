//! shell: what is too old goes; a restored copy becomes the ledger.

use jiff::Timestamp;

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::store::{Many, Put};
use crate::ledger::{LedgerResult, Prune, Pruned, life};
use crate::plan::Gap;
use crate::reminder::State;

impl Tx<'_> {
    pub(in crate::ledger) fn prune(&self, prune: &Prune) -> LedgerResult<Pruned> {
        let removed = self.store.prune(prune)?;
        let pruned = Pruned { payloads: removed.payloads, audit_rows: removed.audit_rows };
        if pruned == Pruned::default() {
            return Ok(pruned);
        }
        let rest = format!("{} payloads with their phones removed", removed.payloads);
        let (word, detail) = match removed.mark {
            Some(mark) => ("audit", format!("{mark}; {rest}")),
            None => ("payloads", rest),
        };
        self.store.append(&Entry {
            reason: Some(word.into()),
            actor: Some("service".into()),
            detail: Some(detail.into()),
            ..Entry::new(prune.now, Event::OperatorPruned)
        })?;
        Ok(pruned)
    }

    /// A copy has become the ledger: calls made since its last row are forgotten, so whatever it holds as open is uncertain.
    /// Answers the time that is forgotten and how many reminders became uncertain.
    pub(in crate::ledger) fn mark_restored(&self, now: Timestamp, actor: &str) -> LedgerResult<(Gap, u64)> {
        let from = self.store.last_entry_at()?.unwrap_or(Timestamp::UNIX_EPOCH);
        let gap = Gap { from, until: now.max(from) };
        self.store.put(&Put::Gap(gap))?;
        let open = self.store.reminders(&Many::In(&[State::Pending, State::Sending]))?;
        for held in &open {
            self.apply(&life::doubted(held, now, actor)?)?;
        }
        let detail = format!("an older copy is the ledger now; calls from {} to {} are forgotten", gap.from, gap.until);
        self.store.append(&Entry {
            reason: Some("restored".into()),
            actor: Some(actor.into()),
            detail: Some(detail.into()),
            ..Entry::new(now, Event::ServiceRecovered)
        })?;
        Ok((gap, open.len() as u64))
    }
}
