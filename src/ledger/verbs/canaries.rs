//! shell: begins and settles canaries, and records whether something was heard of them.

use jiff::Timestamp;

use super::Tx;
use crate::ledger::canaries;
use crate::ledger::store::Put;
use crate::ledger::{
    BeginCanary, CanariesAsk, CanaryPurpose, CanaryRow, LedgerResult, RecordedCall, ReportTaken, SettledCanary,
};
use crate::outcome::matching::{self, Unmatched};
use crate::reminder::ReminderId;

impl Tx<'_> {
    pub(in crate::ledger) fn begin_canary(&self, begin: &BeginCanary) -> LedgerResult<()> {
        self.store.put(&Put::Canary(&begin.row, Some(&begin.phone)))?;
        canaries::begun(begin).map_or(Ok(()), |entry| self.store.append(&entry))
    }

    pub(in crate::ledger) fn settle_canary(&self, ended: &SettledCanary) -> LedgerResult<()> {
        let Some(row) = self.store.canaries(&CanariesAsk::Of(ended.id))?.pop() else { return Ok(()) };
        let (after, entry) = canaries::settled(&row, ended);
        self.store.put(&Put::Canary(&after, None))?;
        entry.map_or(Ok(()), |entry| self.store.append(&entry))
    }

    /// Records that nothing was heard of canaries in time, and returns those that a `[canary]` table has sent.
    pub(in crate::ledger) fn pass_canaries(&self, now: Timestamp, actor: &str) -> LedgerResult<Vec<CanaryRow>> {
        let mut silent = Vec::new();
        for row in self.store.canaries(&CanariesAsk::Waiting)? {
            let Some((after, entry)) = canaries::passed(&row, now, actor) else { continue };
            self.store.put(&Put::Canary(&after, None))?;
            entry.map_or(Ok(()), |entry| self.store.append(&entry))?;
            if after.purpose == CanaryPurpose::Schedule {
                silent.push(after);
            }
        }
        Ok(silent)
    }

    /// A record that belongs to no reminder may be of a canary's call.
    pub(super) fn hear_canary(&self, record: &RecordedCall, why: Unmatched) -> LedgerResult<Option<ReportTaken>> {
        match why {
            Unmatched::UnknownReminder | Unmatched::Nothing => {}
            Unmatched::Ambiguous | Unmatched::NotSent => return Ok(None),
        }
        let Some(row) = self.canary_of(record)? else { return Ok(None) };
        let heard = canaries::heard(&row, record);
        let is_duplicate = heard.is_none();
        if let Some((after, entry)) = heard {
            self.store.put(&Put::Canary(&after, None))?;
            entry.map_or(Ok(()), |entry| self.store.append(&entry))?;
        }
        Ok(Some(ReportTaken { reminder: Ok(row.id), outcome: None, is_duplicate, is_proof: false }))
    }

    /// The canary to which a record belongs: known by its id, by its call's id, or by its number where nobody else was called at
    /// that time.
    fn canary_of(&self, record: &RecordedCall) -> LedgerResult<Option<CanaryRow>> {
        let facts = &record.facts;
        let is_of_account = |row: &CanaryRow| row.account == record.account;
        if let Some(named) = &facts.reminder_id {
            let Ok(id) = named.parse::<ReminderId>() else { return Ok(None) };
            return Ok(self.store.canaries(&CanariesAsk::Of(id))?.pop().filter(is_of_account));
        }
        if let Some(call_id) = &facts.call_id {
            let ask = CanariesAsk::WithRemoteId(record.account.clone(), call_id.clone());
            if let Some(row) = self.store.canaries(&ask)?.pop() {
                return Ok(Some(row));
            }
        }
        let Some(phone) = &facts.phone else { return Ok(None) };
        let times = matching::intents_of(facts, record.match_within, record.now);
        let ask = CanariesAsk::CalledBetween(record.account.clone(), phone.clone(), times);
        let mut found = self.store.canaries(&ask)?;
        Ok(if found.len() == 1 { found.pop() } else { None })
    }
}
