//! shell: the calls that schedules in shadow mode would have made.

use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::columns::{day, id_text, micros, time, uuid, word};
use crate::ledger::store::ShadowedCall;
use crate::ledger::{KnowledgeAsk, LedgerResult, Prune};
use crate::plan::{Knowledge, KnownReminder, PersonCall};
use crate::reminder::{ReminderId, ReminderKey};
use crate::schedule::ScheduleMode;

/// Writes one; one that is known stays as it is.
pub(super) fn put(conn: &Connection, shadowed: &ShadowedCall<'_>) -> LedgerResult<()> {
    let sql = "INSERT INTO shadow (schedule, appointment_id, starts_at, lead, id, account, person, due_day, due_at, at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let planned = shadowed.planned;
    conn.prepare_cached(sql)?.execute(params![
        shadowed.schedule,
        planned.appointment_id,
        micros(planned.starts_at),
        planned.lead.to_string(),
        id_text(planned.id.0),
        shadowed.account,
        planned.person.as_str(),
        planned.due_day.to_string(),
        micros(planned.due_at),
        micros(shadowed.at),
    ])?;
    Ok(())
}

/// Removes those whose payloads would have been removed.
pub(super) fn prune(conn: &Connection, prune: &Prune) -> LedgerResult<()> {
    conn.prepare_cached("DELETE FROM shadow WHERE at < ?1")?.execute([micros(prune.payloads_before)])?;
    Ok(())
}

/// For a schedule in shadow mode they count as made.
pub(super) fn extend(conn: &Connection, ask: &KnowledgeAsk, knowledge: &mut Knowledge) -> LedgerResult<()> {
    match ask.mode {
        ScheduleMode::Live => return Ok(()),
        ScheduleMode::Shadow => {}
    }
    let schedule: Arc<str> = ask.schedule.as_str().into();
    let sql = "SELECT appointment_id, starts_at, lead, id, person, due_day, due_at, at FROM shadow \
        WHERE schedule = ?1 AND starts_at >= ?2 AND starts_at < ?3";
    for (from, until) in &ask.windows {
        let mut statement = conn.prepare_cached(sql)?;
        let values = params![ask.schedule, micros(*from), micros(*until)];
        for found in statement.query_map(values, |row| known(row, &schedule))? {
            knowledge.add_told(found?);
        }
    }
    let sql = "SELECT person, due_day, id, appointment_id, starts_at, schedule = ?4 FROM shadow \
        WHERE account = ?1 AND due_day BETWEEN ?2 AND ?3";
    let (first, last) = ask.due_days;
    let mut statement = conn.prepare_cached(sql)?;
    let values = params![ask.account, first.to_string(), last.to_string(), ask.schedule];
    let rows = statement.query_map(values, |row| {
        let appointment = if row.get(5)? { Some((row.get(3)?, time(row, 4)?)) } else { None };
        let id = ReminderId(uuid(row, 2)?);
        Ok(((row.get(0)?, day(row, 1)?), PersonCall { id, chain: id, appointment }))
    })?;
    for found in rows {
        let (person, call) = found?;
        knowledge.people.entry(person).or_default().push(call);
    }
    Ok(())
}

fn known(row: &Row<'_>, schedule: &Arc<str>) -> rusqlite::Result<(ReminderKey, KnownReminder)> {
    let key = ReminderKey {
        schedule: Arc::clone(schedule),
        appointment_id: row.get(0)?,
        starts_at: time(row, 1)?,
        lead: word(row, 2)?,
    };
    let known =
        KnownReminder::shadowed(ReminderId(uuid(row, 3)?), row.get(4)?, day(row, 5)?, time(row, 6)?, time(row, 7)?);
    Ok((key, known))
}
