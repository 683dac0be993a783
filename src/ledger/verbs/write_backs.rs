//! shell: write-backs of outcomes: queued in the transaction of the outcome, settled after each attempt, acknowledged by a person.

use super::Tx;
use crate::ledger::store::{OneReminder, Put};
use crate::ledger::write_backs::{self, NewOutcome};
use crate::ledger::{AcknowledgeWriteBacks, LedgerError, LedgerResult, SettledWriteBack, WriteBackRow, WriteBacksAsk};
use crate::reminder::WriteBackState;

impl Tx<'_> {
    /// Queues the write-back of an outcome, if it is written, and drops what waits of the same appointment and no longer holds.
    pub(super) fn queue_write_back(&self, new: &NewOutcome<'_>) -> LedgerResult<()> {
        if new.on.is_empty() {
            return Ok(());
        }
        let (schedule, appointment_id) = (new.held.schedule.clone(), new.held.appointment_id.clone());
        for row in self.store.write_backs(&WriteBacksAsk::Waiting { schedule, appointment_id })? {
            if !new.supersedes(&row) {
                continue;
            }
            let Some(held) = self.store.reminder(&OneReminder::Id(row.reminder_id))? else { continue };
            let (after, entry) = write_backs::superseded(&held, &row, new);
            self.store.put(&Put::WriteBack(&after))?;
            self.store.append(&entry)?;
        }
        let before = self.store.write_backs(&WriteBacksAsk::Of(new.held.id))?;
        match new.write_back(before.last().map(|row| row.number)) {
            Some(row) => self.store.put(&Put::WriteBack(&row)),
            None => Ok(()),
        }
    }

    /// Records how an attempt to write an outcome ended. `false`: the write-back doesn't wait any more.
    pub(in crate::ledger) fn settle_write_back(&self, ended: &SettledWriteBack) -> LedgerResult<bool> {
        let found = self.store.write_backs(&WriteBacksAsk::Of(ended.reminder_id))?;
        let is_it = |row: &WriteBackRow| row.number == ended.number && row.state == WriteBackState::Pending;
        let Some(row) = found.into_iter().find(is_it) else { return Ok(false) };
        let Some(held) = self.store.reminder(&OneReminder::Id(row.reminder_id))? else { return Ok(false) };
        let (after, entry) = write_backs::settled(&held, &row, ended);
        self.store.put(&Put::WriteBack(&after))?;
        entry.map_or(Ok(()), |entry| self.store.append(&entry))?;
        Ok(true)
    }

    /// Acknowledges failed write-backs and returns them as they are then.
    pub(in crate::ledger) fn acknowledge_write_backs(
        &self,
        ask: &AcknowledgeWriteBacks,
    ) -> LedgerResult<Vec<WriteBackRow>> {
        let mut failed = self.store.write_backs(&WriteBacksAsk::Failed)?;
        failed.retain(|row| ask.reminder_id.is_none_or(|id| id == row.reminder_id));
        if let (Some(id), true) = (ask.reminder_id, failed.is_empty()) {
            let why = format!("no write-back of reminder {id} has failed: there is nothing to acknowledge");
            return Err(LedgerError::Refused(why));
        }
        let mut acknowledged = Vec::new();
        for row in &failed {
            let Some(held) = self.store.reminder(&OneReminder::Id(row.reminder_id))? else { continue };
            let after = write_backs::acknowledged(row);
            self.store.put(&Put::WriteBack(&after))?;
            let reason = ask.reason.as_deref();
            self.store.append(&write_backs::acknowledged_entry(&held, ask.now, &ask.actor, reason))?;
            acknowledged.push(after);
        }
        Ok(acknowledged)
    }
}
