//! shell: appointments that the call of another one covers.

use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::columns::{day, id_text, micros, time, uuid, word};
use crate::ledger::chain::Hash;
use crate::ledger::returning::{self, Returning};
use crate::ledger::{KnowledgeAsk, LedgerResult};
use crate::plan::{Knowledge, KnownReminder, MergedAppointment};
use crate::reminder::{ReminderId, ReminderKey, State};

/// Replaces what is told in a reminder's call.
pub(super) fn put(
    conn: &Connection,
    schedule: &str,
    reminder: ReminderId,
    merged: &[MergedAppointment],
) -> LedgerResult<()> {
    let reminder = id_text(reminder.0);
    conn.prepare_cached("DELETE FROM merged WHERE reminder = ?1")?.execute([&reminder])?;
    let sql = "INSERT INTO merged (schedule, appointment_id, starts_at, lead, reminder) VALUES (?1, ?2, ?3, ?4, ?5)";
    for told in merged {
        let (starts_at, lead) = (micros(told.starts_at), told.lead.to_string());
        conn.prepare_cached(sql)?.execute(params![schedule, told.appointment_id, starts_at, lead, reminder])?;
    }
    Ok(())
}

/// What was told in a call that was made, or may have been, is reminded; what is to be told in one that waits is known.
pub(super) fn extend(
    conn: &Connection,
    ask: &KnowledgeAsk,
    target: Option<&Hash>,
    knowledge: &mut Knowledge,
) -> LedgerResult<()> {
    let schedule: Arc<str> = ask.schedule.as_str().into();
    let sql = "SELECT m.appointment_id, m.starts_at, m.lead, r.id, r.state, r.due_at, r.updated_at, r.unknown_fates, \
        r.person, r.due_day, r.trial, r.appointment_id, r.withdrawn FROM merged m JOIN reminder r ON r.id = m.reminder \
        WHERE m.schedule = ?1 AND m.starts_at >= ?2 AND m.starts_at < ?3 \
        AND r.state IN ('pending', 'sending', 'delivered', 'uncertain') ORDER BY r.nr";
    for (from, until) in &ask.windows {
        let mut statement = conn.prepare_cached(sql)?;
        let values = params![ask.schedule, micros(*from), micros(*until)];
        for found in statement.query_map(values, |row| told(row, &schedule, target))? {
            let (key, told) = found?;
            knowledge.add_merged(key, told);
        }
    }
    Ok(())
}

fn told(row: &Row<'_>, schedule: &Arc<str>, target: Option<&Hash>) -> rusqlite::Result<(ReminderKey, KnownReminder)> {
    let key = ReminderKey {
        schedule: Arc::clone(schedule),
        appointment_id: row.get(0)?,
        starts_at: time(row, 1)?,
        lead: word(row, 2)?,
    };
    let state: State = word(row, 4)?;
    let unknown_fates: u32 = row.get(7)?;
    let trial: Option<Hash> = row.get(10)?;
    let told = KnownReminder {
        id: ReminderId(uuid(row, 3)?),
        state,
        due_at: time(row, 5)?,
        updated_at: time(row, 6)?,
        may_return: returning::may_return(Returning {
            state,
            unknown_fates,
            withdrawn: row.get(12)?,
            trial: trial.as_ref(),
            target,
        }),
        is_trial: trial.is_some(),
        told_with: Some(row.get(11)?),
        is_shadow: false,
        outcome: None,
        previous_outcome: None,
        person: row.get(8)?,
        due_day: day(row, 9)?,
    };
    Ok((key, told))
}
