//! shell: searches for appointments by the last digits of a phone or by a name. Neither has an index, which would be written with
//! each call: the newest rows are read, and the answer says since when.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::time;
use crate::ledger::{FoundAppointment, FoundPeople, LedgerResult, PeopleAsk};

/// Appointments of rows about a phone with these last digits, the newest first.
const OF_DIGITS: &str = "SELECT schedule, appointment_id, max(seq) FROM audit NOT INDEXED \
    WHERE seq > ?1 AND phone_last4 = ?2 AND appointment_id IS NOT NULL AND schedule IS NOT NULL \
    GROUP BY schedule, appointment_id ORDER BY max(seq) DESC LIMIT ?3";
/// Names that reminders keep, the newest first.
const NAMES: &str =
    "SELECT label, reminder FROM content WHERE reminder > ?1 AND label IS NOT NULL ORDER BY reminder DESC";
/// Names of appointments that have no reminder.
const OTHER_NAMES: &str = "SELECT label, schedule, appointment_id FROM appointment_label LIMIT ?1";

pub(super) fn people(conn: &Connection, ask: &PeopleAsk) -> LedgerResult<FoundPeople> {
    match ask {
        PeopleAsk::LastFour(digits) => of_digits(conn, digits.as_str()),
        PeopleAsk::Named(name) => named(conn, &name.as_str().to_lowercase()),
    }
}

fn of_digits(conn: &Connection, digits: &str) -> LedgerResult<FoundPeople> {
    let last: Option<i64> = conn.query_row("SELECT max(seq) FROM audit", [], |row| row.get(0))?;
    let after = last.unwrap_or(0).saturating_sub_unsigned(FoundPeople::ROWS).max(0);
    let mut statement = conn.prepare_cached(OF_DIGITS)?;
    let found = statement.query_map(params![after, digits, FoundPeople::MAX_APPOINTMENTS as u64], |row| {
        Ok(FoundAppointment { schedule: row.get(0)?, appointment_id: row.get(1)? })
    })?;
    let appointments = found.collect::<Result<_, _>>()?;
    let since = first(conn, "SELECT at FROM audit WHERE seq > ?1 ORDER BY seq LIMIT 1", after)?;
    let has_earlier =
        after > 0 && conn.prepare_cached("SELECT 1 FROM audit WHERE seq <= ?1 LIMIT 1")?.exists([after])?;
    Ok(FoundPeople { appointments, since: since.filter(|_| has_earlier) })
}

fn named(conn: &Connection, name: &str) -> LedgerResult<FoundPeople> {
    let last: Option<i64> = conn.query_row("SELECT max(reminder) FROM content", [], |row| row.get(0))?;
    let after = last.unwrap_or(0).saturating_sub_unsigned(FoundPeople::NAMES).max(0);
    let mut found = EachOnce::default();
    let mut statement = conn.prepare_cached(NAMES)?;
    let mut rows = statement.query([after])?;
    let mut key = conn.prepare_cached("SELECT schedule, appointment_id FROM reminder WHERE nr = ?1")?;
    while let Some(row) = rows.next()?.filter(|_| !found.is_full()) {
        if contains(row.get_ref(0)?.as_str().unwrap_or_default(), name) {
            let reminder: i64 = row.get(1)?;
            let appointment = key.query_row([reminder], |row| {
                Ok(FoundAppointment { schedule: row.get(0)?, appointment_id: row.get(1)? })
            });
            found.add(appointment?);
        }
    }
    let mut statement = conn.prepare_cached(OTHER_NAMES)?;
    let mut rows = statement.query([FoundPeople::NAMES])?;
    while let Some(row) = rows.next()?.filter(|_| !found.is_full()) {
        if contains(row.get_ref(0)?.as_str().unwrap_or_default(), name) {
            found.add(FoundAppointment { schedule: row.get(1)?, appointment_id: row.get(2)? });
        }
    }
    let since = match after {
        0 => None,
        after => first(conn, "SELECT due_at FROM reminder WHERE nr > ?1 ORDER BY nr LIMIT 1", after)?,
    };
    Ok(FoundPeople { appointments: found.appointments, since })
}

/// Whether a name has this text, which is in small letters.
fn contains(name: &str, text: &str) -> bool {
    name.to_lowercase().contains(text)
}

fn first(conn: &Connection, sql: &str, after: i64) -> LedgerResult<Option<Timestamp>> {
    Ok(conn.prepare_cached(sql)?.query_row([after], |row| time(row, 0)).optional()?)
}

/// Appointments, each once.
#[derive(Debug, Default)]
struct EachOnce {
    appointments: Vec<FoundAppointment>,
    known: HashSet<FoundAppointment>,
}

impl EachOnce {
    fn is_full(&self) -> bool {
        self.appointments.len() >= FoundPeople::MAX_APPOINTMENTS
    }

    fn add(&mut self, appointment: FoundAppointment) {
        if self.known.insert(appointment.clone()) {
            self.appointments.push(appointment);
        }
    }
}
