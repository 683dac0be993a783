//! shell: how schedules name appointments that have no reminder: reminders keep theirs with the payload.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::micros;
use crate::ledger::LedgerResult;
use crate::ledger::chain::Hash;
use crate::ledger::store::NamedAppointment;
use crate::personal::Personal;

/// Writes one, of whoever has a phone of that keyed hash.
pub(super) fn put(conn: &Connection, named: &NamedAppointment<'_>, phone: Option<Hash>) -> LedgerResult<()> {
    let sql = "INSERT INTO appointment_label (schedule, appointment_id, label, phone_hash, at) VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT (schedule, appointment_id) DO UPDATE \
        SET label = excluded.label, phone_hash = excluded.phone_hash, at = excluded.at \
        WHERE label <> excluded.label OR phone_hash IS NOT excluded.phone_hash OR at <= ?6";
    let NamedAppointment { schedule, appointment_id, label, .. } = named;
    let at = micros(named.at);
    let again_before = at - NamedAppointment::WRITTEN_AGAIN_AFTER.as_micros() as i64;
    conn.prepare_cached(sql)?.execute(params![schedule, appointment_id, label, phone, at, again_before])?;
    Ok(())
}

/// The appointments with a label of whoever has a phone of that keyed hash.
pub(super) fn appointments_of(conn: &Connection, phone: &Hash) -> LedgerResult<BTreeSet<(String, String)>> {
    let mut found =
        conn.prepare_cached("SELECT schedule, appointment_id FROM appointment_label WHERE phone_hash = ?1")?;
    Ok(found.query_map([phone], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Removes those that were written before an instant.
pub(super) fn prune(conn: &Connection, before: Timestamp) -> LedgerResult<()> {
    conn.prepare_cached("DELETE FROM appointment_label WHERE at < ?1")?.execute([micros(before)])?;
    Ok(())
}

/// Removes those of whoever has a phone of that keyed hash, and those of the appointments of these rows of the log and reminders.
pub(super) fn erase(
    conn: &Connection,
    phone: &Hash,
    (rows, reminders): (&BTreeSet<u64>, &BTreeSet<i64>),
) -> LedgerResult<()> {
    conn.execute("DELETE FROM appointment_label WHERE phone_hash = ?1", [phone])?;
    let of_row = "DELETE FROM appointment_label WHERE (schedule, appointment_id) = \
        (SELECT schedule, appointment_id FROM audit WHERE seq = ?1)";
    let of_reminder = "DELETE FROM appointment_label WHERE (schedule, appointment_id) = \
        (SELECT schedule, appointment_id FROM reminder WHERE nr = ?1)";
    for seq in rows {
        conn.prepare_cached(of_row)?.execute([seq])?;
    }
    for nr in reminders {
        conn.prepare_cached(of_reminder)?.execute([nr])?;
    }
    Ok(())
}

/// The labels of these appointments, as far as there are any.
pub(super) fn read(
    conn: &Connection,
    appointments: &BTreeSet<(String, String)>,
) -> LedgerResult<HashMap<(String, String), Personal>> {
    let sql = "SELECT label FROM appointment_label WHERE schedule = ?1 AND appointment_id = ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = HashMap::new();
    for (schedule, appointment) in appointments {
        let label: Option<String> = statement.query_row(params![schedule, appointment], |row| row.get(0)).optional()?;
        found.extend(label.map(|label| ((schedule.clone(), appointment.clone()), label.into())));
    }
    Ok(found)
}
