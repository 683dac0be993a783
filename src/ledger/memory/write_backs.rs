//! pure: the table of write-backs of outcomes, in memory.

use jiff::Timestamp;

use super::tables::{Tables, micro};
use crate::ledger::{WriteBackRow, WriteBacksAsk};
use crate::reminder::WriteBackState;

impl Tables {
    pub(super) fn write_backs_of(&self, which: &WriteBacksAsk) -> Vec<WriteBackRow> {
        let is_pending = |row: &&WriteBackRow| row.state == WriteBackState::Pending;
        let rows = self.write_backs.values();
        let mut found: Vec<WriteBackRow> = match which {
            WriteBacksAsk::Of(id) => rows.filter(|row| row.reminder_id == *id).cloned().collect(),
            WriteBacksAsk::OfMany(ids) => rows.filter(|row| ids.contains(&row.reminder_id)).cloned().collect(),
            WriteBacksAsk::Waiting { schedule, appointment_id } => {
                let is_of = |row: &&WriteBackRow| row.schedule == *schedule && row.appointment_id == *appointment_id;
                rows.filter(is_pending).filter(is_of).cloned().collect()
            }
            WriteBacksAsk::Due { now, limit } => {
                let now = micro(*now);
                let mut due: Vec<WriteBackRow> =
                    rows.filter(is_pending).filter(|row| row.next_at <= now).cloned().collect();
                due.sort_by_key(|row| row.next_at);
                due.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
                due
            }
            WriteBacksAsk::Failed => rows.filter(|row| row.state == WriteBackState::Failed).cloned().collect(),
        };
        if matches!(which, WriteBacksAsk::Failed) {
            found.sort_by_key(|row| row.created_at);
        }
        found
    }

    pub(super) fn put_write_back(&mut self, row: &WriteBackRow) {
        let key = (row.reminder_id, row.number);
        let next_at = micro(row.next_at);
        let row = match self.write_backs.get(&key) {
            Some(known) => WriteBackRow {
                state: row.state,
                tries: row.tries,
                next_at,
                reason: row.reason.clone(),
                ..known.clone()
            },
            None => WriteBackRow {
                starts_at: micro(row.starts_at),
                outcome_at: micro(row.outcome_at),
                created_at: micro(row.created_at),
                next_at,
                ..row.clone()
            },
        };
        self.write_backs.insert(key, row);
    }

    /// Removes those that are over.
    pub(super) fn prune_write_backs(&mut self, before: Timestamp) {
        self.write_backs.retain(|_, row| {
            row.created_at >= before || matches!(row.state, WriteBackState::Pending | WriteBackState::Failed)
        });
    }
}
