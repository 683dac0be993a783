//! pure: the audit log of a ledger in memory: appended to, walked, read by its filters, cut at its beginning.

use std::sync::Arc;

use jiff::Timestamp;

use super::tables::micro;
use crate::audit::fates::{DecidedFate, FateCount, FateRow};
use crate::audit::{AuditFilter, AuditRow, Entry, LoggedPhone};
use crate::ledger::chain::{self, Hash, PhoneKey, Salt, Sealing};
use crate::ledger::walk::{Sealed, Walk, prune_mark};
use crate::ledger::{FatesAsk, Head, Verification};
use crate::reminder::ReminderId;

/// Rows of one page.
const PAGE_ROWS: u64 = 10_000;

/// The log, from the row after the last one that was removed.
#[derive(Debug, Clone, Default)]
pub(super) struct AuditLog {
    rows: Vec<Arc<Sealed<'static>>>,
    /// How many rows were removed, and the hash of the last of them.
    pruned: (u64, Hash),
}

/// A filter together with what the log alone doesn't know.
pub(super) struct AskedRows<'a> {
    pub(super) filter: &'a AuditFilter,
    /// The appointment of the reminder that is asked for.
    pub(super) appointment: Option<&'a str>,
    pub(super) phones: &'a PhoneKey,
}

fn owned(entry: &Entry<'_>) -> Entry<'static> {
    let text = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().map(|text| text.to_owned().into());
    Entry {
        at: micro(entry.at),
        event: entry.event,
        schedule: text(&entry.schedule),
        run_id: entry.run_id,
        reminder_id: entry.reminder_id,
        appointment_id: text(&entry.appointment_id),
        phone: entry.phone_last4().map(|digits| LoggedPhone::LastFour(digits.to_owned().into())),
        starts_at: entry.starts_at.map(micro),
        lead: entry.lead,
        attempt: entry.attempt,
        reason: text(&entry.reason),
        http_status: entry.http_status,
        latency_ms: entry.latency_ms,
        actor: text(&entry.actor),
        detail: text(&entry.detail),
    }
}

fn fate_row<'e>(seq: u64, entry: &'e Entry<'_>) -> FateRow<'e> {
    FateRow {
        seq,
        at: entry.at,
        event: entry.event,
        schedule: entry.schedule.as_deref(),
        appointment: entry.appointment_id.as_deref(),
        reminder: entry.reminder_id,
        reason: entry.reason.as_deref(),
        detail: entry.detail.as_deref(),
    }
}

impl AuditLog {
    /// The number and hash of the last row.
    fn end(&self) -> (u64, Hash) {
        let (pruned, hash) = self.pruned;
        (pruned + self.rows.len() as u64, self.rows.last().map_or(hash, |row| row.hash))
    }

    pub(super) fn head(&self) -> Head {
        let (seq, hash) = self.end();
        Head { seq, hash: chain::hex(&hash) }
    }

    pub(super) fn last_entry_at(&self) -> Option<Timestamp> {
        self.rows.last().map(|row| row.entry.at)
    }

    pub(super) fn append(&mut self, entry: &Entry<'_>, salt: Salt, phones: &PhoneKey, sealing: &Sealing) {
        let (seq, prev) = self.end();
        let phone_hash = match &entry.phone {
            Some(LoggedPhone::Whole(phone)) => Some(phones.hash(phone).to_vec()),
            Some(LoggedPhone::LastFour(_)) | None => None,
        };
        let entry = owned(entry);
        let cells = entry.cells();
        let commitment = chain::commitment(&salt, &cells, phone_hash.as_deref());
        let hash = chain::hash(sealing, &prev, seq + 1, &cells, &commitment);
        let phone_hash = phone_hash.map(Into::into);
        self.rows.push(Arc::new(Sealed { entry, phone_hash, salt: Some(salt), commitment, prev, hash }));
    }

    pub(super) fn sealed(&self) -> impl Iterator<Item = &Sealed<'static>> {
        self.rows.iter().map(AsRef::as_ref)
    }

    pub(super) fn numbered_mut(&mut self) -> impl Iterator<Item = (u64, &mut Arc<Sealed<'static>>)> {
        let first = self.pruned.0 + 1;
        self.rows.iter_mut().enumerate().map(move |(place, row)| (first + place as u64, row))
    }

    fn numbered(&self) -> impl DoubleEndedIterator<Item = (u64, &Sealed<'static>)> {
        let first = self.pruned.0 + 1;
        self.rows.iter().enumerate().map(move |(place, row)| (first + place as u64, row.as_ref()))
    }

    pub(super) fn verify(&self, sealing: Sealing) -> Verification {
        let head = self.head();
        let mut walk = Walk::from(self.pruned, sealing);
        for (seq, row) in self.numbered() {
            if let Err(sentence) = walk.expect(seq).and_then(|()| walk.follow(seq, row)) {
                return Verification { rows: walk.rows(), head, broken: Some((seq, sentence)) };
            }
        }
        Verification { rows: walk.rows(), broken: walk.end(&head), head }
    }

    /// One page of the log, oldest first.
    pub(super) fn page(&self, asked: &AskedRows<'_>) -> Vec<AuditRow> {
        let filter = asked.filter;
        let read = |(seq, row): (u64, &Sealed<'static>)| AuditRow {
            seq,
            entry: row.entry.clone(),
            hash: chain::hex(&row.hash),
        };
        let phone = filter.phone.as_deref().map(|phone| asked.phones.hash(phone));
        let wanted = self.numbered().filter(|(seq, row)| asked.wants(*seq, row, phone.as_ref()));
        let limit = filter.limit.unwrap_or(PAGE_ROWS);
        let places = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        match filter.newest {
            true => {
                let mut rows: Vec<AuditRow> = wanted.rev().take(places(limit)).map(read).collect();
                rows.reverse();
                rows
            }
            false => wanted.take(places(limit.min(PAGE_ROWS))).map(read).collect(),
        }
    }

    /// How the calls of a time stand.
    pub(super) fn fates(&self, ask: &FatesAsk) -> Vec<DecidedFate> {
        let mut count = FateCount::default();
        let (since, until) = (micro(ask.since), micro(ask.until));
        let of_time = self.numbered().filter(|row| (since..until).contains(&row.1.entry.at));
        of_time.for_each(|(seq, row)| count.add(&fate_row(seq, &row.entry)));
        let later = self.numbered().filter(|row| row.1.entry.at >= until);
        later.for_each(|(seq, row)| count.settle(&fate_row(seq, &row.entry)));
        count.decide()
    }

    /// Removes the beginning up to the first row that is young enough, never the last row.
    pub(super) fn prune(&mut self, before: Timestamp) -> (u64, Option<String>) {
        let before = micro(before);
        let first_young = self.rows.iter().position(|row| row.entry.at >= before);
        let gone = first_young.unwrap_or(self.rows.len().saturating_sub(1));
        let Some(last) = gone.checked_sub(1) else { return (0, None) };
        let (seq, hash) = (self.pruned.0 + gone as u64, self.rows[last].hash);
        self.rows.drain(..gone);
        self.pruned = (seq, hash);
        (gone as u64, Some(prune_mark(seq, &hash)))
    }
}

impl AskedRows<'_> {
    fn wants(&self, seq: u64, row: &Sealed<'_>, phone: Option<&Hash>) -> bool {
        let AuditFilter { since, until, schedule, event, reason, appointment, phone: _, run, runs, reminder, .. } =
            self.filter;
        let entry = &row.entry;
        let is = |wanted: Option<&str>, found: Option<&str>| wanted.is_none() || wanted == found;
        self.filter.after_seq.is_none_or(|after| seq > after)
            && self.filter.before_seq.is_none_or(|before| seq < before)
            && (self.filter.seqs.is_empty() || self.filter.seqs.contains(&seq))
            && since.is_none_or(|since| entry.at >= micro(since))
            && until.is_none_or(|until| entry.at < micro(until))
            && is(schedule.as_deref(), entry.schedule.as_deref())
            && is(reason.as_deref(), entry.reason.as_deref())
            && is(appointment.as_deref(), entry.appointment_id.as_deref())
            && run.is_none_or(|run| entry.run_id == Some(run))
            && (runs.is_empty() || entry.run_id.is_some_and(|run| runs.contains(&run)))
            && event.as_deref().is_none_or(|event| is_of(event, entry.event.as_str()))
            && phone.is_none_or(|hash| row.phone_hash.as_deref() == Some(hash.as_slice()))
            && self
                .filter
                .phone_mark
                .as_ref()
                .is_none_or(|mark| row.phone_hash.as_deref().is_some_and(|hash| chain::hex(hash) == *mark))
            && reminder.is_none_or(|id: ReminderId| entry.reminder_id == Some(id))
            && is(self.appointment, entry.appointment_id.as_deref())
    }
}

/// Whether an event is the one that is asked for, or of that family: `delivery`.
fn is_of(asked: &str, event: &str) -> bool {
    event == asked || event.split_once('.').is_some_and(|(family, _)| family == asked)
}
