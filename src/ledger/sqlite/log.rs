//! shell: one row of the log, in the transaction of what it reports.

use jiff::Timestamp;
use rusqlite::params;

use super::chained::Chain;
use super::stored::{id_text, micros};
use super::writer::Desk;
use crate::audit::{AuditEntry, Event};
use crate::ledger::chain::{self, Personal, Plain};
use crate::ledger::{LedgerError, LedgerResult};
use crate::reminder::{Lead, ReminderId, RunId};

/// Without its number, which the table gives it, and failing without an undoing of its own: so SQLite needn't keep the
/// pages as they were before each row.
const INSERT: &str = "INSERT OR FAIL INTO audit (at, event, schedule, run_id, reminder_id, appointment_id, \
    phone_last4, starts_at, lead, attempt, reason, http_status, latency_ms, actor, detail, phone_hash, salt, commitment, \
    prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";

/// What is to be written into the log, borrowed from where it is: see [`AuditEntry`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) at: Timestamp,
    pub(super) event: Event,
    pub(super) schedule: Option<&'a str>,
    pub(super) run_id: Option<RunId>,
    pub(super) reminder_id: Option<ReminderId>,
    pub(super) appointment_id: Option<&'a str>,
    pub(super) phone: Option<&'a str>,
    pub(super) starts_at: Option<Timestamp>,
    pub(super) lead: Option<Lead>,
    pub(super) attempt: Option<u32>,
    pub(super) reason: Option<&'a str>,
    pub(super) http_status: Option<u16>,
    pub(super) latency_ms: Option<u64>,
    pub(super) actor: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(entry: &'a AuditEntry) -> Self {
        Self {
            at: entry.at,
            event: entry.event,
            schedule: entry.schedule.as_deref(),
            run_id: entry.run_id,
            reminder_id: entry.reminder_id,
            appointment_id: entry.appointment_id.as_deref(),
            phone: entry.phone.as_deref(),
            starts_at: entry.starts_at,
            lead: entry.lead,
            attempt: entry.attempt,
            reason: entry.reason.as_deref(),
            http_status: entry.http_status,
            latency_ms: entry.latency_ms,
            actor: entry.actor.as_deref(),
            detail: entry.detail.as_deref(),
        }
    }

    fn plain(&self, seq: u64) -> Plain<'a> {
        Plain {
            seq,
            at: micros(self.at),
            event: self.event,
            schedule: self.schedule,
            run_id: self.run_id.map(|run| run.0.into_bytes()),
            reminder_id: self.reminder_id.map(|reminder| reminder.0.into_bytes()),
            lead: self.lead,
            attempt: self.attempt,
            reason: self.reason,
            http_status: self.http_status,
            latency_ms: self.latency_ms,
            actor: self.actor,
        }
    }
}

impl Desk<'_> {
    /// Appends a row to the log.
    pub(super) fn log(&self, entry: &AuditEntry) -> LedgerResult<()> {
        self.write_line(&Line::of(entry))
    }

    /// As [`Desk::log`].
    pub(super) fn write_line(&self, line: &Line<'_>) -> LedgerResult<()> {
        let last = self.chain.get();
        let salt = self.salts.borrow_mut().next()?;
        let phone_hash = line.phone.map(|phone| self.phone_key.hash(phone));
        let plain = line.plain(last.seq + 1);
        let personal = Personal {
            appointment_id: line.appointment_id,
            phone_last4: line.phone.map(last_four),
            phone_hash: phone_hash.as_ref().map(<[u8; 32]>::as_slice),
            starts_at: line.starts_at.map(micros),
            detail: line.detail,
        };
        let commitment = chain::commitment(&salt, &personal);
        let hash = chain::hash(&last.hash, &plain, &commitment);
        self.kept.run(
            INSERT,
            params![
                plain.at,
                plain.event.as_str(),
                plain.schedule,
                line.run_id.map(|run| id_text(run.0)),
                line.reminder_id.map(|reminder| id_text(reminder.0)),
                personal.appointment_id,
                personal.phone_last4,
                personal.starts_at,
                plain.lead.map(|lead| lead.to_string()),
                plain.attempt,
                plain.reason,
                plain.http_status,
                plain.latency_ms,
                plain.actor,
                personal.detail,
                personal.phone_hash,
                salt,
                commitment,
                last.hash,
                hash
            ],
        )?;
        if u64::try_from(self.conn.last_insert_rowid()) != Ok(plain.seq) {
            return Err(LedgerError::Storage(
                "the log's end was changed by another program; look into `tickler audit verify`".into(),
            ));
        }
        self.chain.set(Chain { seq: plain.seq, hash, is_saved: false });
        Ok(())
    }
}

/// The last four characters of a phone; all of a shorter one.
fn last_four(phone: &str) -> &str {
    phone.char_indices().rev().nth(3).map_or(phone, |(at, _)| &phone[at..])
}
