//! shell: removes what the ledger holds of one person, and every copy of it that SQLite has left in the file.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::appointment_filter::INDEXED;
use super::log_index;
use crate::audit::entry::{AUDIT_COLUMNS, ColumnKind};
use crate::ledger::chain::Hash;
use crate::ledger::store::Erased;
use crate::ledger::{LedgerError, LedgerResult};

/// Removes the person's fields: the keys of the reminders stay, so that nobody is called a second time about the same
/// appointment.
pub(super) fn erase(conn: &Connection, phone: &str, hash: &Hash) -> LedgerResult<Erased> {
    let of_phone = log_index::all_of_phone(conn, hash)?;
    let reminders = reminders(conn, phone, &of_phone)?;
    let rows = rows(conn, &reminders, (hash, &of_phone))?;
    let sql = "SELECT account, contact_id FROM contact WHERE phone_hash = ?1";
    let mut statement = conn.prepare(sql)?;
    let contacts = statement.query_map([hash], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    super::labels::erase(conn, hash, (&rows, &reminders))?;
    for nr in &reminders {
        conn.execute("DELETE FROM content WHERE reminder = ?1", [nr])?;
        super::posts::erase_of_reminder(conn, *nr)?;
        conn.execute("UPDATE reminder SET phone = NULL, person = '', note = NULL WHERE nr = ?1", [nr])?;
        conn.execute("UPDATE attempt SET remote_id = NULL WHERE reminder = ?1", [nr])?;
        conn.execute("DELETE FROM write_back WHERE reminder = (SELECT id FROM reminder WHERE nr = ?1)", [nr])?;
        conn.execute("DELETE FROM call WHERE reminder = (SELECT id FROM reminder WHERE nr = ?1)", [nr])?;
    }
    super::posts::erase_of_phone(conn, hash)?;
    let of_shadows = "UPDATE shadow SET person = '' WHERE person = ?1 \
        OR id IN (SELECT reminder_id FROM audit WHERE seq IN (SELECT value FROM json_each(?2)))";
    conn.execute(of_shadows, params![phone, listed(&of_phone)])?;
    conn.execute("DELETE FROM contact WHERE phone_hash = ?1", [hash])?;
    conn.execute("DELETE FROM canary WHERE phone_hash = ?1", [hash])?;
    // the keyed hash stays: whoever is erased stays uncalled
    conn.execute("UPDATE optout SET phone_last4 = '', reason = NULL WHERE phone_hash = ?1", [hash])?;
    conn.execute("INSERT INTO permit (what) VALUES ('forget')", [])?;
    let personal = AUDIT_COLUMNS.iter().filter(|column| column.kind == ColumnKind::Personal);
    let nulls: Vec<String> = personal.map(|column| format!("{} = NULL", column.name)).collect();
    let blanked = format!("UPDATE audit SET {}, phone_hash = NULL, salt = NULL WHERE seq = ?1", nulls.join(", "));
    for seq in &rows {
        log_index::forget(conn, *seq)?;
        conn.execute(&blanked, [seq])?;
    }
    conn.execute("DELETE FROM permit", [])?;
    Ok(Erased { rows: rows.into_iter().collect(), reminders: reminders.len() as u64, contacts })
}

/// Numbers of rows as a list of JSON, for `json_each`.
fn listed(seqs: &[i64]) -> String {
    serde_json::Value::from(seqs).to_string()
}

/// The reminders to this phone, also those whose phone is no longer kept and that the log knows: `of_phone` are its rows about
/// the phone.
fn reminders(conn: &Connection, phone: &str, of_phone: &[i64]) -> LedgerResult<BTreeSet<i64>> {
    let sql = "SELECT nr FROM reminder WHERE phone = ?1 UNION SELECT r.nr FROM audit l JOIN reminder r ON r.id = l.reminder_id \
        WHERE l.seq IN (SELECT value FROM json_each(?2))";
    let mut statement = conn.prepare(sql)?;
    Ok(statement.query_map(params![phone, listed(of_phone)], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The rows of the log about this phone and about those reminders, and those without a phone about their appointments.
fn rows(
    conn: &Connection,
    reminders: &BTreeSet<i64>,
    (hash, of_phone): (&Hash, &[i64]),
) -> LedgerResult<BTreeSet<u64>> {
    let mut rows: BTreeSet<u64> = of_phone.iter().copied().map(i64::cast_unsigned).collect();
    let mut key = conn.prepare("SELECT id, schedule, appointment_id FROM reminder WHERE nr = ?1")?;
    let mut of_appointment = conn.prepare(
        "SELECT seq FROM audit WHERE (schedule = ?1 AND appointment_id = ?2 AND phone_hash IS NULL AND salt IS NOT NULL) \
         OR reminder_id = ?3",
    )?;
    let mut appointments: BTreeSet<(String, String)> = super::labels::appointments_of(conn, hash)?;
    let mut named = conn.prepare("SELECT schedule, appointment_id FROM audit WHERE seq = ?1")?;
    for seq in &rows {
        let key: (Option<String>, Option<String>) = named.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
        appointments.extend(key.0.zip(key.1));
    }
    let mut left_out = conn.prepare(&format!(
        "SELECT seq FROM audit INDEXED BY audit_appointment WHERE appointment_id = ?2 AND {INDEXED} AND schedule = ?1 \
         AND phone_hash IS NULL AND salt IS NOT NULL"
    ))?;
    for (schedule, appointment) in appointments {
        let found = left_out.query_map([schedule, appointment], |row| row.get(0))?;
        rows.extend(found.collect::<Result<Vec<u64>, _>>()?);
    }
    for nr in reminders {
        let (id, schedule, appointment): (String, String, String) =
            key.query_row([nr], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let found = of_appointment.query_map([schedule, appointment, id], |row| row.get(0))?;
        rows.extend(found.collect::<Result<Vec<u64>, _>>()?);
    }
    // what was erased before has nothing left
    let mut is_whole = conn.prepare("SELECT salt IS NOT NULL FROM audit WHERE seq = ?1")?;
    let mut left = BTreeSet::new();
    for seq in rows {
        if is_whole.query_row([seq], |row| row.get(0))? {
            left.insert(seq);
        }
    }
    Ok(left)
}

/// Writes the file anew, so that no page holds a copy of what was removed, and empties the write-ahead log.
pub(super) fn overwrite(conn: &Connection) -> LedgerResult<()> {
    let not_overwritten = |error: &dyn std::fmt::Display| {
        LedgerError::Storage(format!(
            "the person is erased, but the file still holds copies: it can't be written anew ({error}); run it again"
        ))
    };
    conn.execute_batch("VACUUM").map_err(|error| not_overwritten(&error))?;
    let is_busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    match is_busy.map_err(|error| not_overwritten(&error))? {
        0 => Ok(()),
        _ => Err(not_overwritten(&"somebody reads it")),
    }
}
