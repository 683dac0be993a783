//! shell: the calls that schedules in shadow mode would have made.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::columns::{COUNTED, day, id_text, micros, time, uuid, word};
use crate::ledger::chain::Hash;
use crate::ledger::store::ShadowedCall;
use crate::ledger::{KnowledgeAsk, LedgerResult, Prune};
use crate::plan::{Knowledge, KnownReminder, PersonCall, Rehearsed};
use crate::reminder::{ReminderId, ReminderKey};
use crate::schedule::ScheduleMode;
use crate::seeded::SeededMap;

/// Writes a rehearsed call, and the appointments that it would have told of; one that is known already stays as it is.
pub(super) fn put(conn: &Connection, shadowed: &ShadowedCall<'_>) -> LedgerResult<()> {
    let sql = "INSERT INTO shadow (schedule, appointment_id, starts_at, lead, id, account, person, due_day, due_at, at, send_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING";
    let planned = shadowed.planned;
    let mut statement = conn.prepare_cached(sql)?;
    for (call, person) in shadowed.calls() {
        statement.execute(params![
            shadowed.schedule,
            call.appointment_id,
            micros(call.starts_at),
            call.lead.to_string(),
            id_text(planned.id.0),
            shadowed.account,
            person,
            planned.due_day.to_string(),
            micros(planned.due_at),
            micros(shadowed.at),
            micros(planned.send_at),
        ])?;
    }
    Ok(())
}

/// Removes the rehearsed calls whose payloads would have been removed by now.
pub(super) fn prune(conn: &Connection, prune: &Prune) -> LedgerResult<()> {
    conn.prepare_cached("DELETE FROM shadow WHERE at < ?1")?.execute([micros(prune.payloads_before)])?;
    Ok(())
}

/// Adds the rehearsed calls, which count as made: in shadow mode those of every schedule, for a live schedule its own whose time
/// has come (the others it makes itself). In the limit of calls for each person they count where the call was not really made
/// afterwards.
pub(super) fn extend(
    conn: &Connection,
    ask: &KnowledgeAsk,
    target: Option<&Hash>,
    knowledge: &mut Knowledge,
) -> LedgerResult<()> {
    match ask.rehearsed {
        Rehearsed::ArePlanned => return Ok(()),
        Rehearsed::CountAsMade | Rehearsed::AreCompleted => {}
    }
    let schedule: Arc<str> = ask.schedule.as_str().into();
    let is_shadow = match ask.mode {
        ScheduleMode::Live => false,
        ScheduleMode::Shadow => true,
    };
    if !is_shadow {
        knowledge.rehearsed_to_come = to_come(conn, &schedule, ask.now)?;
    }
    let until_now = micros(if is_shadow { Timestamp::MAX } else { ask.now });
    let sql = "SELECT appointment_id, starts_at, lead, id, person, due_day, due_at, at FROM shadow \
        WHERE schedule = ?1 AND starts_at >= ?2 AND starts_at < ?3 AND coalesce(send_at, at) <= ?4";
    for (from, until) in &ask.windows {
        let mut statement = conn.prepare_cached(sql)?;
        let values = params![ask.schedule, micros(*from), micros(*until), until_now];
        for found in statement.query_map(values, |row| known(row, &schedule))? {
            knowledge.add_rehearsed(found?);
        }
    }
    let sql = format!(
        "SELECT person, due_day, id, appointment_id, starts_at, nullif(schedule, ?4), due_at FROM shadow s \
        WHERE account = ?1 AND due_day BETWEEN ?2 AND ?3 AND person != '' AND (?5 OR schedule = ?4) AND (substr(s.lead, 1, 3) = 'now') = ?7 \
        AND coalesce(s.send_at, s.at) <= ?8 \
        AND NOT EXISTS (SELECT 1 FROM reminder r WHERE r.schedule = s.schedule AND r.appointment_id = s.appointment_id \
        AND r.starts_at = s.starts_at AND r.lead = s.lead AND r.state IN ({}) AND (r.trial IS NULL OR r.trial = ?6))",
        *COUNTED
    );
    let (first, last) = ask.due_days;
    let is_request = ask.kind == crate::reminder::CallKind::Request;
    let mut statement = conn.prepare_cached(&sql)?;
    let (first, last) = (first.to_string(), last.to_string());
    let values = params![ask.account, first, last, ask.schedule, is_shadow, target, is_request, until_now];
    let rows = statement.query_map(values, |row| {
        let schedule: Option<Arc<str>> = row.get(5)?;
        let appointment = if schedule.is_none() { Some((row.get(3)?, time(row, 4)?)) } else { None };
        let id = ReminderId(uuid(row, 2)?);
        let call = PersonCall { id, chain: id, due_at: time(row, 6)?, schedule, is_shadow: true, appointment };
        Ok(((row.get(0)?, day(row, 1)?), call))
    })?;
    for found in rows {
        let (person, call) = found?;
        knowledge.people.entry(person).or_default().push(call);
    }
    Ok(())
}

/// The rehearsed calls whose time is still to come and of which no reminder was made.
const TO_COME: &str = "FROM shadow s WHERE s.starts_at > ?1 AND s.send_at > ?1 AND NOT EXISTS (SELECT 1 FROM reminder r \
    WHERE r.schedule = s.schedule AND r.appointment_id = s.appointment_id AND r.starts_at = s.starts_at AND r.lead = s.lead)";

/// A schedule's rehearsed calls that are still to come, with their due times.
fn to_come(conn: &Connection, schedule: &Arc<str>, now: Timestamp) -> LedgerResult<SeededMap<ReminderKey, Timestamp>> {
    let sql = format!("SELECT appointment_id, starts_at, lead, due_at {TO_COME} AND s.schedule = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let found = statement.query_map(params![micros(now), &**schedule], |row| {
        let (schedule, appointment_id) = (Arc::clone(schedule), row.get(0)?);
        let key = ReminderKey { schedule, appointment_id, starts_at: time(row, 1)?, lead: word(row, 2)? };
        Ok((key, time(row, 3)?))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// For each schedule, the number of rehearsed calls that are still to come.
pub(super) fn count_to_come(conn: &Connection, now: Timestamp) -> LedgerResult<BTreeMap<String, u64>> {
    let mut statement = conn.prepare_cached(&format!("SELECT s.schedule, count(*) {TO_COME} GROUP BY s.schedule"))?;
    let found = statement.query_map([micros(now)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
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
