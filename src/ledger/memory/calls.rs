//! pure: the table of calls that records report, in memory.

use jiff::Timestamp;

use super::tables::{Attempt, Tables, micro};
use crate::ledger::change::HeldRow;
use crate::ledger::outcomes::CallRow;
use crate::ledger::{CallsOf, ReportedCall, Step};

impl Tables {
    pub(super) fn call(&self, account: &str, call_id: &str) -> Option<CallRow> {
        self.calls.get(&(account.to_owned(), call_id.to_owned())).cloned()
    }

    pub(super) fn put_call(&mut self, row: &CallRow) {
        let key = (row.account.clone(), row.call_id.clone());
        let first_at = self.calls.get(&key).map_or(micro(row.first_at), |known| known.first_at);
        let (ended_at, last_at) = (row.ended_at.map(micro), micro(row.last_at));
        self.calls.insert(key, CallRow { first_at, last_at, ended_at, ..row.clone() });
    }

    /// The calls of these reminders, in the order of their ids.
    pub(super) fn reported(&self, ask: &CallsOf) -> Vec<ReportedCall> {
        let reported = |call: &CallRow| {
            let reminder_id = call.reminder.filter(|id| ask.reminders.contains(id))?;
            let CallRow { call_id, outcome, unmapped, ended_at, first_at, last_at, .. } = call.clone();
            Some(ReportedCall { reminder_id, call_id, outcome, unmapped, ended_at, first_at, last_at })
        };
        let mut found: Vec<ReportedCall> = self.calls.values().filter_map(reported).collect();
        found.sort_by(|one, other| (one.reminder_id, &one.call_id).cmp(&(other.reminder_id, &other.call_id)));
        found
    }

    /// Reminders of which an attempt has this id at the other side.
    pub(super) fn with_remote_id(&self, remote_id: &str) -> Vec<HeldRow> {
        self.with_attempt(&|attempt| attempt.remote_id.as_deref() == Some(remote_id))
    }

    /// Those of an account of which a call's intent was committed in that time (UTC).
    pub(super) fn called_between(&self, account: &str, from: Timestamp, until: Timestamp) -> Vec<HeldRow> {
        let times = micro(from)..micro(until);
        let is_call = |attempt: &Attempt| attempt.step == Step::Call && times.contains(&attempt.intent_at);
        self.with_attempt(&is_call).into_iter().filter(|held| held.account == account).collect()
    }

    fn with_attempt(&self, is_one: &dyn Fn(&Attempt) -> bool) -> Vec<HeldRow> {
        let found = self.reminders.values().filter(|kept| kept.attempts.values().any(is_one));
        found.map(|kept| kept.held.clone()).collect()
    }
}
