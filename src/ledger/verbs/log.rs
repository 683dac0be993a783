//! shell: removes what is older than its retention, and what is known of one person.

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::store::ManyReminders;
use crate::ledger::walk::erasure_mark;
use crate::ledger::{Forget, Forgotten, LedgerError, LedgerResult, Prune, Pruned, life};
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
}

impl Tx<'_> {
    /// Cancels what is pending to the phone, erases the person, and records which rows of the log have lost what.
    pub(in crate::ledger) fn forget(&self, forget: &Forget) -> LedgerResult<Forgotten> {
        let being_sent = self.store.reminders(&ManyReminders::OfPhone(&forget.phone))?;
        if let Some(held) = being_sent.iter().find(|held| held.state == State::Sending) {
            return Err(LedgerError::Refused(format!(
                "a call to that number is being sent (reminder {}): try again in a minute; nothing was erased",
                held.id
            )));
        }
        let pending: Vec<_> = being_sent.iter().filter(|held| held.state == State::Pending).collect();
        for held in &pending {
            let entry = Entry {
                reason: Some("forgotten".into()),
                actor: Some(forget.actor.as_str().into()),
                ..held.entry(forget.now, Event::ReminderCancelled)
            };
            self.apply(&life::cancelled(held, entry)?)?;
        }
        let erased = self.store.erase(&forget.phone)?;
        let rows = erased.rows.len() as u64;
        let detail = format!("{}; {} reminders", erasure_mark(&erased.rows), erased.reminders);
        self.store.append(&Entry {
            actor: Some(forget.actor.as_str().into()),
            detail: Some(detail.into()),
            ..Entry::new(forget.now, Event::OperatorForgot)
        })?;
        let cancelled = pending.len() as u64;
        Ok(Forgotten { rows, reminders: erased.reminders, cancelled, contacts: erased.contacts })
    }
}
