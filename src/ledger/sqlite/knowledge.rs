//! shell: loads what a plan needs to know.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{COUNTED, day, micros, time, time_or_null, uuid, uuid_or_null, word, word_or_null};
use super::readers::Reader;
use super::schedules;
use crate::attempt::TargetAddress;
use crate::ledger::chain::{Hash, PhoneKey};
use crate::ledger::questions::in_order;
use crate::ledger::returning::{self, Returning};
use crate::ledger::{KnowledgeAsk, LastCalledAsk, LedgerError, LedgerResult, OptOut};
use crate::personal::Personal;
use crate::plan::{Knowledge, KnownReminder, OptOuts, PersonCall, WrongNumbers};
use crate::reminder::{CallKind, ReminderId, ReminderKey, State};
use crate::seeded::{Seed, SeededMap};

/// The columns of [`known`].
const KNOWN: &str = "SELECT appointment_id, starts_at, lead, id, state, due_at, updated_at, unknown_fates, person, due_day, trial, \
    outcome, withdrawn FROM reminder";

// Both find their rows by an index and then read them in the order of the file: in the order of the index, each page would be read
// once for each of its rows as soon as the table is larger than the connection's cache.

/// The rows of a schedule's reminders for starts in a range.
const STARTS_IN_RANGE: &str = "FROM reminder WHERE schedule = ?1 AND starts_at >= ?2 AND starts_at < ?3";

/// A schedule's reminders for starts in a range.
fn started() -> String {
    format!("{KNOWN} WHERE nr IN (SELECT nr {STARTS_IN_RANGE})")
}

/// How many [`started`] finds.
fn count_of_started() -> String {
    format!("SELECT count(*) {STARTS_IN_RANGE}")
}

/// An account's calls of a range of days that count for the person.
fn counted_calls() -> String {
    format!(
        "SELECT person, due_day, id, appointment_id, starts_at, nullif(schedule, ?4), root, due_at FROM reminder WHERE nr IN \
        (SELECT nr FROM reminder WHERE account = ?1 AND due_day BETWEEN ?2 AND ?3) \
        AND state IN ({}) AND (trial IS NULL OR trial = ?5) AND (substr(lead, 1, 3) = 'now') = ?6",
        *COUNTED
    )
}

fn known(row: &Row<'_>, schedule: &Arc<str>, target: Option<&Hash>) -> rusqlite::Result<(ReminderKey, KnownReminder)> {
    let schedule = Arc::clone(schedule);
    let key = ReminderKey { schedule, appointment_id: row.get(0)?, starts_at: time(row, 1)?, lead: word(row, 2)? };
    let state: State = word(row, 4)?;
    let (unknown_fates, withdrawn): (u32, bool) = (row.get(7)?, row.get(12)?);
    let trial: Option<Hash> = row.get(10)?;
    let known = KnownReminder {
        id: ReminderId(uuid(row, 3)?),
        state,
        due_at: time(row, 5)?,
        updated_at: time(row, 6)?,
        may_return: returning::may_return(Returning { state, unknown_fates, withdrawn, trial: trial.as_ref(), target }),
        is_trial: trial.is_some(),
        outcome: word_or_null(row, 11)?,
        previous_outcome: None,
        told_with: None,
        is_shadow: false,
        person: row.get(8)?,
        due_day: day(row, 9)?,
    };
    Ok((key, known))
}

/// The schedule's reminders of the windows and all its pending ones, and whom the account calls on those days.
pub(super) fn load(reader: &Reader, ask: &KnowledgeAsk) -> LedgerResult<Knowledge> {
    let conn = &reader.conn;
    let target = address_hash(reader, ask.target.as_ref());
    let target = target.as_ref();
    let schedule: Arc<str> = ask.schedule.as_str().into();
    let mut reminders = SeededMap::default();
    let pending = format!("{KNOWN} WHERE schedule = ?1 AND state = 'pending'");
    for found in conn.prepare_cached(&pending)?.query_map([&ask.schedule], |row| known(row, &schedule, target))? {
        reminders.extend([found?]);
    }
    let (started, count) = (started(), count_of_started());
    for (from, until) in &ask.windows {
        let values = params![ask.schedule, micros(*from), micros(*until)];
        // a map that grows copies everything each time, which takes longer than counting
        reminders.reserve(conn.prepare_cached(&count)?.query_row(values, |row| row.get(0))?);
        for found in conn.prepare_cached(&started)?.query_map(values, |row| known(row, &schedule, target))? {
            reminders.extend([found?]);
        }
    }
    let seen_until = schedules::seen_until(conn, &ask.schedule, ask.now)?;
    let mut knowledge = Knowledge {
        rehearsed_to_come: SeededMap::default(),
        told_by_pending: SeededMap::default(),
        gaps: super::loss::gaps(conn)?,
        people: people(conn, ask, target, reminders.len())?,
        reminders,
        opted_out: opted_out(reader)?,
        usual_rows: super::runs::usual_rows(conn, &ask.schedule, &ask.comparable)?,
        wrong_numbers: wrong_numbers(reader, &ask.account)?,
        // the next evaluation continues from the last one of all rows, or, where there is none, from the last one of any kind
        previous_evaluation: match seen_until {
            Some(whole) => Some(whole),
            None => schedules::last_evaluation(conn, &ask.schedule, ask.now)?,
        },
        seen_until,
        watched_leads: super::watched::of(conn, &ask.schedule)?,
        first_sights: first_sights(conn, ask)?,
    };
    add_previous_outcomes(conn, &mut knowledge)?;
    super::merged::extend(conn, ask, target, &mut knowledge)?;
    super::shadow::extend(conn, ask, target, &mut knowledge)?;
    Ok(knowledge)
}

fn first_sights(conn: &Connection, ask: &KnowledgeAsk) -> LedgerResult<SeededMap<String, Option<Timestamp>>> {
    let Some(from) = ask.first_sights_from else { return Ok(SeededMap::default()) };
    let sql = "SELECT appointment_id, unseen_at FROM first_sight WHERE schedule = ?1 AND (starts_at IS NULL OR starts_at >= ?2)";
    let mut statement = conn.prepare_cached(sql)?;
    let values = params![ask.schedule, micros(from)];
    let rows = statement.query_map(values, |row| Ok((row.get(0)?, time_or_null(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A target's address under the ledger's key; `None` where the key may not be read.
fn address_hash(reader: &Reader, address: Option<&TargetAddress>) -> Option<Hash> {
    Some(PhoneKey::new(reader.key.as_ref()?).address_hash(address?))
}

type CallsByDay = SeededMap<(Personal, Date), Vec<PersonCall>>;

/// `expected`: about how many persons there are.
fn people(conn: &Connection, ask: &KnowledgeAsk, target: Option<&Hash>, expected: usize) -> LedgerResult<CallsByDay> {
    let (first, last) = ask.due_days;
    let mut statement = conn.prepare_cached(&counted_calls())?;
    let is_request = ask.kind == CallKind::Request;
    let values = params![ask.account, first.to_string(), last.to_string(), ask.schedule, target, is_request];
    let rows = statement.query_map(values, |row| {
        let schedule: Option<Arc<str>> = row.get(5)?;
        let appointment = if schedule.is_none() { Some((row.get(3)?, time(row, 4)?)) } else { None };
        let id = ReminderId(uuid(row, 2)?);
        let chain = uuid_or_null(row, 6)?.map_or(id, ReminderId);
        let call = PersonCall { id, chain, due_at: time(row, 7)?, schedule, is_shadow: false, appointment };
        Ok(((row.get::<_, Personal>(0)?, day(row, 1)?), call))
    })?;
    let mut people: SeededMap<_, Vec<_>> = SeededMap::with_capacity_and_hasher(expected, Seed::default());
    for row in rows {
        let (person, call) = row?;
        // nearly everybody has one call, and a list that grows begins with room for four
        people.entry(person).or_insert_with(|| Vec::with_capacity(1)).push(call);
    }
    Ok(people)
}

/// What became of the calls before the retries that wait.
fn add_previous_outcomes(conn: &Connection, knowledge: &mut Knowledge) -> LedgerResult<()> {
    let sql =
        "SELECT outcome FROM reminder WHERE schedule = ?1 AND appointment_id = ?2 AND starts_at = ?3 AND lead = ?4";
    let retries = knowledge.reminders.iter_mut().filter(|(key, _)| key.lead.is_retry());
    for (key, known) in retries.filter(|(_, known)| known.state == State::Pending) {
        let lead = key.lead.at_retry(key.lead.retry - 1).to_string();
        let values = params![&*key.schedule, key.appointment_id, micros(key.starts_at), lead];
        let found = conn.prepare_cached(sql)?.query_row(values, |row| word_or_null(row, 0)).optional()?;
        known.previous_outcome = found.flatten();
    }
    Ok(())
}

/// Numbers can only be compared with the ledger's key.
fn wrong_numbers(reader: &Reader, account: &str) -> LedgerResult<WrongNumbers> {
    let mut statement =
        reader.conn.prepare_cached("SELECT person_hash, phone_hash FROM wrong_number WHERE account = ?1")?;
    let hashes = statement.query_map([account], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let hashes = hashes.collect::<Result<HashSet<(Hash, Hash)>, _>>()?;
    if hashes.is_empty() {
        return Ok(WrongNumbers::default());
    }
    let unreadable = || {
        LedgerError::Storage(
            "the ledger's key can't be read, and without it nobody knows which numbers are wrong".into(),
        )
    };
    let key = PhoneKey::new(reader.key.as_ref().ok_or_else(unreadable)?);
    Ok(WrongNumbers::new(move |person, phone| hashes.contains(&(key.hash(person), key.hash(phone)))))
}

/// Whether a number is on the opt-out list can only be found out with the ledger's key.
fn opted_out(reader: &Reader) -> LedgerResult<OptOuts> {
    let mut statement = reader.conn.prepare_cached("SELECT phone_hash FROM optout")?;
    let hashes = statement.query_map([], |row| row.get(0))?.collect::<Result<HashSet<Hash>, _>>()?;
    if hashes.is_empty() {
        return Ok(OptOuts::default());
    }
    let unreadable =
        || LedgerError::Storage("the ledger's key can't be read, and without it nobody knows who opted out".into());
    let phones = PhoneKey::new(reader.key.as_ref().ok_or_else(unreadable)?);
    Ok(OptOuts::new(move |phone| hashes.contains(&phones.hash(phone))))
}

/// The whole opt-out list.
pub(super) fn optouts(conn: &Connection) -> LedgerResult<Vec<OptOut>> {
    let mut statement = conn.prepare_cached("SELECT phone_last4, since, actor, reason FROM optout")?;
    let listed = statement.query_map([], |row| {
        Ok(OptOut { phone_last4: row.get(0)?, since: time(row, 1)?, actor: row.get(2)?, reason: row.get(3)? })
    })?;
    let mut listed = listed.collect::<Result<Vec<_>, _>>()?;
    in_order(&mut listed);
    Ok(listed)
}

/// See `Runs::last_called_starts`.
pub(super) fn last_called_starts(reader: &Reader, ask: LastCalledAsk) -> LedgerResult<HashMap<String, Timestamp>> {
    let sql = "SELECT max(starts_at) FROM (SELECT max(starts_at) AS starts_at FROM reminder WHERE schedule = ?1 \
        AND appointment_id = ?2 AND state IN ('delivered', 'sending', 'uncertain') AND (trial IS NULL OR trial = ?3) \
        UNION ALL SELECT max(m.starts_at) FROM merged m JOIN reminder r ON r.id = m.reminder WHERE m.schedule = ?1 \
        AND m.appointment_id = ?2 AND r.state IN ('delivered', 'sending', 'uncertain') AND (r.trial IS NULL OR r.trial = ?3))";
    let target = address_hash(reader, ask.target.as_ref());
    let mut statement = reader.conn.prepare_cached(sql)?;
    let mut latest = HashMap::new();
    for id in ask.appointments {
        if let Some(start) = statement.query_row(params![ask.schedule, id, target], |row| time_or_null(row, 0))? {
            latest.insert(id, start);
        }
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::statement_tests::{new_ledger, plan_of};

    #[test]
    fn reminders_are_found_by_an_index_and_read_in_the_order_of_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = new_ledger(&folder);
        for (sql, index) in [(started(), "reminder_start"), (counted_calls(), "reminder_person")] {
            let plan = plan_of(&conn, &sql).join("; ");
            assert!(plan.contains("reminder USING INTEGER PRIMARY KEY (rowid=?)"), "{plan}");
            assert!(plan.contains(&format!("reminder USING COVERING INDEX {index} ")), "{plan}");
        }
    }
}
