//! shell: what became of calls, counted and listed for people. Every question is answered by the index `reminder_outcome`
//! alone, so that it costs the outcomes of the time that is asked for, whatever else the ledger holds.

use std::cmp::Reverse;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::columns::{micros, time, uuid, word};
use crate::ledger::{CALL_SLOT_MICROS, CalledWith, LedgerResult, OutcomeCount, OutcomesAsk, Unanswered, UnansweredAsk};
use crate::reminder::ReminderId;
use crate::seeded::SeededMap;

/// Counts, in the order of the index. The number is [`CALL_SLOT_MICROS`], as in the index.
pub(super) const COUNTS: &str = "SELECT called_at / 900000000 * 900000000, schedule, outcome, count(*) \
    FROM reminder INDEXED BY reminder_outcome WHERE outcome IS NOT NULL AND called_at / 900000000 >= ?1 \
    AND (?2 IS NULL OR schedule = ?2) GROUP BY called_at / 900000000, schedule, outcome";
/// The latest calls with one outcome.
pub(super) const LATEST: &str = "SELECT id FROM reminder WHERE nr IN (\
    SELECT nr FROM reminder INDEXED BY reminder_outcome WHERE outcome IS NOT NULL AND called_at / 900000000 >= ?1 \
    AND (?2 IS NULL OR schedule = ?2) AND outcome = ?3 ORDER BY called_at DESC, nr DESC LIMIT ?4) \
    ORDER BY called_at DESC, nr DESC";
/// Every call of which something was reported, with its person.
pub(super) const OF_PERSONS: &str = "SELECT account, person, \
    outcome IN ('no_answer', 'busy', 'voicemail'), called_at, nr FROM reminder INDEXED BY reminder_outcome \
    WHERE outcome IS NOT NULL AND called_at / 900000000 >= ?1 AND (?2 IS NULL OR schedule = ?2) \
    AND outcome <> 'unreported' AND person <> ''";

fn slot(at: Timestamp) -> i64 {
    micros(at).div_euclid(CALL_SLOT_MICROS)
}

/// How many calls of each quarter of an hour have which outcome.
pub(super) fn counts(conn: &Connection, ask: &OutcomesAsk) -> LedgerResult<Vec<OutcomeCount>> {
    let mut statement = conn.prepare_cached(COUNTS)?;
    let rows = statement.query_map(params![slot(ask.since), ask.schedule], |row| {
        Ok(OutcomeCount { from: time(row, 0)?, schedule: row.get(1)?, outcome: word(row, 2)?, count: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The latest calls with an outcome, the newest first.
pub(super) fn latest(conn: &Connection, ask: &CalledWith) -> LedgerResult<Vec<ReminderId>> {
    let values = params![slot(ask.since), ask.schedule, ask.outcome.as_str(), ask.limit];
    let mut statement = conn.prepare_cached(LATEST)?;
    let ids = statement.query_map(values, |row| Ok(ReminderId(uuid(row, 0)?)))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// What was reported of one person's calls.
#[derive(Debug, Clone, Copy)]
struct PersonCalls {
    calls: u64,
    is_answered: bool,
    last_at: i64,
    /// The row of the latest one.
    latest: i64,
}

/// Persons of whose calls two or more were reported and none was answered, the most called first.
pub(super) fn unanswered(conn: &Connection, ask: &UnansweredAsk) -> LedgerResult<Vec<Unanswered>> {
    let mut statement = conn.prepare_cached(OF_PERSONS)?;
    let mut rows = statement.query(params![slot(ask.since), ask.schedule])?;
    let mut persons: SeededMap<Vec<u8>, PersonCalls> = SeededMap::default();
    let mut key = Vec::new();
    while let Some(row) = rows.next()? {
        set_key(&mut key, row)?;
        let call =
            PersonCalls { calls: 1, is_answered: !row.get::<_, bool>(2)?, last_at: row.get(3)?, latest: row.get(4)? };
        match persons.get_mut(&key) {
            Some(person) => person.add(call),
            None => drop(persons.insert(key.clone(), call)),
        }
    }
    let mut found: Vec<PersonCalls> =
        persons.into_values().filter(|person| person.calls > 1 && !person.is_answered).collect();
    found.sort_unstable_by_key(|person| (Reverse((person.calls, person.last_at)), person.latest));
    found.truncate(usize::try_from(ask.limit).unwrap_or(usize::MAX));
    let mut found: Vec<Unanswered> = found.iter().map(|person| of_person(conn, person)).collect::<LedgerResult<_>>()?;
    found.sort_by_key(|person| (Reverse((person.calls, person.last_at)), person.latest));
    Ok(found)
}

impl PersonCalls {
    fn add(&mut self, call: Self) {
        self.calls += call.calls;
        self.is_answered |= call.is_answered;
        (self.last_at, self.latest) = (self.last_at, self.latest).max((call.last_at, call.latest));
    }
}

/// The account and the person of a row, written over those of the row before: most persons are met once.
fn set_key(key: &mut Vec<u8>, row: &Row<'_>) -> rusqlite::Result<()> {
    key.clear();
    for place in [0, 1] {
        if let ValueRef::Text(text) = row.get_ref(place)? {
            key.extend_from_slice(text);
        }
        key.push(0);
    }
    Ok(())
}

fn of_person(conn: &Connection, person: &PersonCalls) -> LedgerResult<Unanswered> {
    let sql = "SELECT id, schedule, appointment_id, substr(phone, -4), called_at FROM reminder WHERE nr = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([person.latest], |row| {
        Ok(Unanswered {
            latest: ReminderId(uuid(row, 0)?),
            schedule: row.get(1)?,
            appointment_id: row.get(2)?,
            phone_last4: row.get(3)?,
            last_at: time(row, 4)?,
            calls: person.calls,
        })
    })?)
}

#[cfg(test)]
mod tests {
    use super::OF_PERSONS;
    use crate::reminder::CallOutcome;

    #[test]
    fn the_statement_knows_every_outcome_that_is_no_answer() {
        for outcome in CallOutcome::ALL {
            let is_named = OF_PERSONS.contains(&format!("'{outcome}'"));
            let is_skipped = *outcome == CallOutcome::Unreported;
            assert_eq!(is_named, outcome.is_unanswered() || is_skipped, "{outcome}");
        }
    }
}
