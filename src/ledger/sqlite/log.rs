//! shell: one row of the log, in the transaction of what it reports.

use rusqlite::params;

use super::chained::Chain;
use super::stored::{id_text, micros};
use super::writer::Desk;
use crate::audit::AuditEntry;
use crate::ledger::LedgerResult;
use crate::ledger::chain::{self, Personal, Plain};

const INSERT: &str = "INSERT INTO audit (seq, at, event, schedule, run_id, reminder_id, appointment_id, phone_last4, \
    starts_at, lead, attempt, reason, http_status, latency_ms, actor, detail, phone_hash, salt, commitment, prev, hash) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";

impl Desk {
    /// Appends a row to the log.
    pub(super) fn log(&self, entry: &AuditEntry) -> LedgerResult<()> {
        let last = self.chain.get();
        let salt = self.salts.borrow_mut().next()?;
        let phone_hash = entry.phone.as_deref().map(|phone| chain::phone_hash(&self.key, phone));
        let plain = plain(entry, last.seq + 1);
        let personal = Personal {
            appointment_id: entry.appointment_id.as_deref(),
            phone_last4: entry.phone.as_deref().map(last_four),
            phone_hash: phone_hash.as_ref().map(<[u8; 32]>::as_slice),
            starts_at: entry.starts_at.map(micros),
            detail: entry.detail.as_deref(),
        };
        let commitment = chain::commitment(&salt, &personal);
        let hash = chain::hash(&last.hash, &plain, &commitment);
        self.conn.prepare_cached(INSERT)?.execute(params![
            plain.seq,
            plain.at,
            plain.event.as_str(),
            plain.schedule,
            entry.run_id.map(|run| id_text(run.0)),
            entry.reminder_id.map(|reminder| id_text(reminder.0)),
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
        ])?;
        self.chain.set(Chain { seq: plain.seq, hash, is_saved: false });
        Ok(())
    }
}

fn plain(entry: &AuditEntry, seq: u64) -> Plain<'_> {
    Plain {
        seq,
        at: micros(entry.at),
        event: entry.event,
        schedule: entry.schedule.as_deref(),
        run_id: entry.run_id.map(|run| run.0.into_bytes()),
        reminder_id: entry.reminder_id.map(|reminder| reminder.0.into_bytes()),
        lead: entry.lead,
        attempt: entry.attempt,
        reason: entry.reason.as_deref(),
        http_status: entry.http_status,
        latency_ms: entry.latency_ms,
        actor: entry.actor.as_deref(),
    }
}

/// The last four characters of a phone; all of a shorter one.
fn last_four(phone: &str) -> &str {
    phone.char_indices().rev().nth(3).map_or(phone, |(at, _)| &phone[at..])
}
