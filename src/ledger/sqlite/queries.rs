//! shell: reminders and rows of the audit log as they are read for people.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::append::READ;
use super::appointment_filter;
use super::chain_table::entry;
use super::columns::{id_text, micros, time, time_or_null, uuid, word, word_or_null};
use super::files::KeyBytes;
use super::log_index;
use super::lookups::{self, Bounds, FoundRows};
use super::readers::Reader;
use crate::audit::{AuditFilter, AuditRow};
use crate::ledger::{LedgerError, LedgerResult, ReminderAsk, ReminderBrief, ReminderRow, Tally, chain};
use crate::reminder::{ReminderId, RunId, State};

/// The columns of [`reminder_row`].
const REMINDER: &str = "SELECT r.id, r.schedule, r.run_id, r.appointment_id, r.starts_at, r.lead, r.phone, r.state, \
    r.due_at, r.next_at, r.expires_at, r.attempt, r.tries, a.http_status, a.remote_id, c.payload, r.updated_at, \
    r.trial IS NOT NULL, c.label, r.outcome, r.outcome_at, r.calling_hours, r.recipient_zone \
    FROM reminder r LEFT JOIN attempt a ON a.reminder = r.nr AND a.number = r.attempt \
    LEFT JOIN content c ON c.reminder = r.nr";

fn reminder_row(row: &Row<'_>) -> rusqlite::Result<ReminderRow> {
    Ok(ReminderRow {
        id: ReminderId(uuid(row, 0)?),
        schedule: row.get(1)?,
        run_id: RunId(uuid(row, 2)?),
        appointment_id: row.get(3)?,
        starts_at: time(row, 4)?,
        lead: word(row, 5)?,
        phone: row.get(6)?,
        state: word(row, 7)?,
        due_at: time(row, 8)?,
        next_at: time(row, 9)?,
        expires_at: time(row, 10)?,
        attempts: row.get(11)?,
        tries: row.get(12)?,
        http_status: row.get(13)?,
        remote_id: row.get(14)?,
        payload: row.get(15)?,
        updated_at: time(row, 16)?,
        trial: row.get(17)?,
        label: row.get::<_, Option<String>>(18)?.map(Into::into),
        outcome: word_or_null(row, 19)?,
        outcome_at: time_or_null(row, 20)?,
        calling_hours: row.get(21)?,
        recipient_zone: row.get(22)?,
    })
}

/// Conditions joined by AND, each with its value.
#[derive(Clone, Default)]
struct WhereClause {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl WhereClause {
    fn and(&mut self, column_and_operator: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.push(value.into());
            self.conditions.push(format!("{column_and_operator} ?{}", self.values.len()));
        }
    }

    /// Rows of the log about the phone with that keyed hash.
    fn of_phone(&mut self, hash: Vec<u8>) {
        self.values.push(hash.into());
        self.conditions.push(format!("phone_hash = ?{}", self.values.len()));
    }

    /// Rows of the log of which that column has one of these values.
    fn among(&mut self, column: &str, values: &serde_json::Value) {
        self.values.push(values.to_string().into());
        self.conditions.push(format!("{column} IN (SELECT value FROM json_each(?{}))", self.values.len()));
    }

    /// Rows of the log about that appointment.
    fn of_appointment(&mut self, appointment: Option<String>) {
        if let Some(appointment) = appointment {
            self.values.push(appointment.into());
            self.conditions.push(appointment_filter::of_appointment(self.values.len()));
        }
    }

    /// Adds the condition that a reminder is in one of these states: each is looked up by itself, so that its own index serves
    /// and settled rows cost nothing.
    fn in_states(&mut self, states: &[State], schedule: Option<String>) {
        let of_schedule = schedule.map_or_else(String::new, |schedule| {
            self.values.push(schedule.into());
            format!(" AND schedule = ?{}", self.values.len())
        });
        // words of a closed set need no quoting
        let each = |state: &State| format!("SELECT nr FROM reminder WHERE state = '{state}'{of_schedule}");
        let all: Vec<String> = states.iter().map(each).collect();
        self.conditions.push(format!("r.nr IN ({})", all.join(" UNION ALL ")));
    }

    fn clause(&self) -> String {
        match self.conditions.as_slice() {
            [] => String::new(),
            conditions => format!(" WHERE {}", conditions.join(" AND ")),
        }
    }
}

/// The columns of [`brief`].
const BRIEF: &str = "SELECT r.id, r.appointment_id, r.state, r.attempt, a.http_status, r.trial IS NOT NULL, c.label, r.outcome \
    FROM reminder r LEFT JOIN attempt a ON a.reminder = r.nr AND a.number = r.attempt \
    LEFT JOIN content c ON c.reminder = r.nr";

fn brief(row: &Row<'_>) -> rusqlite::Result<ReminderBrief> {
    Ok(ReminderBrief {
        id: ReminderId(uuid(row, 0)?),
        appointment_id: row.get(1)?,
        state: word(row, 2)?,
        attempts: row.get(3)?,
        http_status: row.get(4)?,
        is_trial: row.get(5)?,
        label: row.get::<_, Option<String>>(6)?.map(Into::into),
        outcome: word_or_null(row, 7)?,
    })
}

/// Reminders, oldest first, or in the order of the ids that are asked for.
pub(super) fn reminders(conn: &Connection, ask: &ReminderAsk) -> LedgerResult<Vec<ReminderRow>> {
    let found = selected(conn, ask, REMINDER, reminder_row)?;
    Ok(ask.in_order(found, |row| row.id))
}

/// The same in brief.
pub(super) fn briefs(conn: &Connection, ask: &ReminderAsk) -> LedgerResult<Vec<ReminderBrief>> {
    let found = selected(conn, ask, BRIEF, brief)?;
    Ok(ask.in_order(found, |row| row.id))
}

fn selected<T>(
    conn: &Connection,
    ask: &ReminderAsk,
    columns: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> LedgerResult<Vec<T>> {
    let mut conditions = WhereClause::default();
    conditions.and("r.id =", ask.id.map(|id| id.to_string()));
    conditions.and("r.appointment_id =", ask.appointment_id.clone());
    // a lead says which retry it is: `1d+1`
    conditions.and("r.lead GLOB", ask.only_retries.then(|| "*+*".to_owned()));
    // every id is made of digits, small letters and hyphens, so `~` ends the range
    conditions.and("r.id >=", ask.id_prefix.clone());
    conditions.and("r.id <", ask.id_prefix.as_ref().map(|prefix| format!("{prefix}~")));
    let one_row = ask.id.is_some() || ask.id_prefix.is_some() || !ask.ids.is_empty();
    match (ask.states.as_slice(), one_row || ask.appointment_id.is_some()) {
        ([], _) => conditions.and("r.schedule =", ask.schedule.clone()),
        (states, true) => {
            conditions.and("r.schedule =", ask.schedule.clone());
            // words of a closed set need no quoting
            let words: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
            conditions.conditions.push(format!("r.state IN ({})", words.join(", ")));
        }
        (states, false) => conditions.in_states(states, ask.schedule.clone()),
    }
    let order = match ask.ids.is_empty() {
        true => {
            let limit = ask.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
            format!("ORDER BY r.nr LIMIT {limit}")
        }
        // all at once: each by itself would be prepared anew. By number, since ids of one run have no order, and their rows would
        // be read from pages here and there
        false => {
            let ids: Vec<String> = ask.ids.iter().map(ToString::to_string).collect();
            conditions.values.push(serde_json::Value::from(ids).to_string().into());
            let place = conditions.values.len();
            conditions
                .conditions
                .push(format!("r.nr IN (SELECT nr FROM reminder WHERE id IN (SELECT value FROM json_each(?{place})))"));
            String::new()
        }
    };
    let sql = format!("{columns}{} {order}", conditions.clause());
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map(params_from_iter(conditions.values), read)?.collect::<Result<_, _>>()?)
}

/// Counts for `status`.
pub(super) fn tally(conn: &Connection) -> LedgerResult<Tally> {
    let sql = "SELECT (SELECT count(*) FROM reminder WHERE state = 'pending'), \
        (SELECT count(*) FROM reminder WHERE state = 'sending'), \
        (SELECT count(*) FROM reminder WHERE state = 'uncertain'), \
        (SELECT count(*) FROM run WHERE state = 'held'), (SELECT count(*) FROM run WHERE state = 'waiting')";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| {
        Ok(Tally {
            pending: row.get(0)?,
            sending: row.get(1)?,
            uncertain: row.get(2)?,
            held_runs: row.get(3)?,
            waiting_runs: row.get(4)?,
        })
    })?)
}

/// When something of these schedules may next be sent or expires.
pub(super) fn next_due(conn: &Connection, schedules: &[String]) -> LedgerResult<Option<Timestamp>> {
    let sql = "SELECT min((SELECT min(next_at) FROM reminder WHERE schedule = ?1 AND state = 'pending'), \
        (SELECT min(expires_at) FROM reminder WHERE schedule = ?1 AND state = 'pending'))";
    let mut statement = conn.prepare_cached(sql)?;
    let mut earliest = None;
    for schedule in schedules {
        let due = statement.query_row([schedule], |row| time_or_null(row, 0))?;
        earliest = earliest.into_iter().chain(due).min();
    }
    Ok(earliest)
}

/// When the next pending reminder of the schedule is due after `now`, or expires.
pub(super) fn next_time(conn: &Connection, schedule: &str, now: Timestamp) -> LedgerResult<Option<Timestamp>> {
    let sql = "SELECT (SELECT min(next_at) FROM reminder WHERE schedule = ?1 AND state = 'pending' AND next_at > ?2), \
        (SELECT min(expires_at) FROM reminder WHERE schedule = ?1 AND state = 'pending')";
    let (next, expiry) = conn
        .prepare_cached(sql)?
        .query_row(params![schedule, micros(now)], |row| Ok((time_or_null(row, 0)?, time_or_null(row, 1)?)))?;
    Ok(next.into_iter().chain(expiry).min())
}

/// Rows of one page.
const PAGE_ROWS: u64 = 10_000;

/// A row of the table, in the order of its columns.
fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        seq: row.get("seq")?,
        entry: entry(row, |column| row.get::<_, Option<String>>(column))?,
        hash: chain::hex(row.get_ref("hash")?.as_blob()?),
    })
}

/// One page of the log, oldest first.
pub(super) fn audit(reader: &Reader, filter: &AuditFilter) -> LedgerResult<Vec<AuditRow>> {
    let limit = match filter.newest {
        true => filter.limit.unwrap_or(PAGE_ROWS),
        false => filter.limit.unwrap_or(PAGE_ROWS).min(PAGE_ROWS),
    };
    let bounds = Bounds::of(&reader.conn, filter)?;
    let mut conditions = audit_conditions(reader, filter)?;
    // an appointment's rows are found by its own condition
    if filter.appointment.is_none() && filter.reminder.is_none() && lookups::knows(filter) {
        return looked_up(reader, filter, (bounds, limit), &conditions);
    }
    conditions.and("seq >", Some(bounds.after).filter(|after| *after > 0));
    conditions.and("seq <", Some(bounds.before).filter(|before| *before < i64::MAX));
    read_rows(reader, &conditions, (filter.newest, limit))
}

/// Rows that the log's index knows, and those that it doesn't have yet.
fn looked_up(
    reader: &Reader,
    filter: &AuditFilter,
    (bounds, limit): (Bounds, u64),
    conditions: &WhereClause,
) -> LedgerResult<Vec<AuditRow>> {
    let until = log_index::indexed_until(&reader.conn)?.cast_signed();
    let indexed = |most| {
        let bounds = Bounds { before: bounds.before.min(until.saturating_add(1)), ..bounds };
        by_index(reader, filter, (bounds, most), conditions)
    };
    let not_indexed = |most| {
        let mut younger = conditions.clone();
        younger.and("seq >", Some(bounds.after.max(until)));
        younger.and("seq <", Some(bounds.before).filter(|before| *before < i64::MAX));
        read_rows(reader, &younger, (filter.newest, most))
    };
    let (mut rows, younger) = match filter.newest {
        true => {
            let younger = not_indexed(limit)?;
            (indexed(limit - younger.len() as u64)?, younger)
        }
        false => {
            let older = indexed(limit)?;
            let left = limit - older.len() as u64;
            (older, not_indexed(left)?)
        }
    };
    rows.extend(younger);
    Ok(rows)
}

/// Rows by their numbers out of the log's index, a few at a time: some may turn out not to be wanted.
fn by_index(
    reader: &Reader,
    filter: &AuditFilter,
    (mut bounds, limit): (Bounds, u64),
    conditions: &WhereClause,
) -> LedgerResult<Vec<AuditRow>> {
    let mut rows: Vec<AuditRow> = Vec::new();
    loop {
        let wanted = limit - rows.len() as u64;
        let FoundRows { seqs, is_all } = lookups::find(reader, filter, bounds, wanted.min(lookups::ROWS_AT_ONCE))?;
        let (first, last) = (seqs.first().copied(), seqs.last().copied());
        let mut of_these = conditions.clone();
        of_these.among("seq", &seqs.into());
        let found = read_rows(reader, &of_these, (filter.newest, wanted))?;
        match filter.newest {
            true => drop(rows.splice(..0, found)),
            false => rows.extend(found),
        }
        let (Some(first), Some(last), false) = (first, last, is_all) else { return Ok(rows) };
        if rows.len() as u64 >= limit {
            return Ok(rows);
        }
        match filter.newest {
            true => bounds.before = first,
            false => bounds.after = last,
        }
    }
}

fn read_rows(reader: &Reader, conditions: &WhereClause, (newest, limit): (bool, u64)) -> LedgerResult<Vec<AuditRow>> {
    let mut statement = reader.conn.prepare(&rows_statement(conditions, newest, limit))?;
    let mut rows: Vec<AuditRow> =
        statement.query_map(params_from_iter(&conditions.values), audit_row)?.collect::<Result<_, _>>()?;
    if newest {
        rows.reverse();
    }
    Ok(rows)
}

/// Rows by number: the conditions name the numbers, and no other index is to be walked instead.
fn rows_statement(conditions: &WhereClause, newest: bool, limit: u64) -> String {
    let order = if newest { "DESC" } else { "ASC" };
    format!("SELECT {} FROM audit NOT INDEXED{} ORDER BY seq {order} LIMIT {limit}", *READ, conditions.clause())
}

/// The key of the phone hashes.
pub(super) fn key(reader: &Reader) -> LedgerResult<&KeyBytes> {
    reader.key.as_ref().ok_or_else(|| {
        LedgerError::Storage("the ledger's key can't be read, so no phone can be searched for: ask the service".into())
    })
}

fn audit_conditions(reader: &Reader, filter: &AuditFilter) -> LedgerResult<WhereClause> {
    let mut conditions = WhereClause::default();
    conditions.and("seq >", filter.after_seq.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX)));
    conditions.and("seq <", filter.before_seq.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX)));
    conditions.and("at >=", filter.since.map(micros));
    conditions.and("at <", filter.until.map(micros));
    conditions.and("schedule =", filter.schedule.clone());
    conditions.and("reason =", filter.reason.clone());
    conditions.of_appointment(filter.appointment.clone());
    conditions.and("run_id =", filter.run.map(|run| run.to_string()));
    if !filter.runs.is_empty() {
        let runs: Vec<String> = filter.runs.iter().map(ToString::to_string).collect();
        conditions.among("run_id", &runs.into());
    }
    if !filter.seqs.is_empty() {
        conditions.among("seq", &filter.seqs.clone().into());
    }
    if let Some(event) = &filter.event {
        // a family is a word without its point: `delivery`
        conditions.and("event GLOB", Some(if event.contains('.') { event.clone() } else { format!("{event}.*") }));
    }
    if let Some(phone) = &filter.phone {
        conditions.of_phone(chain::phone_hash(key(reader)?, phone).to_vec());
    }
    if let Some(mark) = filter.phone_mark.as_deref() {
        conditions.of_phone(lookups::bytes_of(mark));
    }
    if let Some(reminder) = filter.reminder {
        // the log is indexed by appointment, which the reminder knows
        let sql = "SELECT appointment_id FROM reminder WHERE id = ?1";
        let found: Option<String> = reader.conn.query_row(sql, [id_text(reminder.0)], |row| row.get(0)).optional()?;
        conditions.and("reminder_id =", Some(reminder.to_string()));
        match found {
            Some(appointment) => conditions.of_appointment(Some(appointment)),
            // no row is about a reminder that there never was
            None => conditions.and("seq =", Some(-1)),
        }
    }
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::statement_tests::{new_ledger, plan_of};
    use crate::ledger::sqlite::{calls, counting, held, outcomes, runs};

    fn assert_no_walk(conn: &Connection, sql: &str) {
        let steps = plan_of(conn, sql);
        // a list of values, or a table of one row
        let walks = |step: &&String| {
            step.starts_with("SCAN ")
                && !["json_each", "names", "log_indexed_until"].iter().any(|part| step.contains(part))
        };
        assert_eq!(steps.iter().find(walks), None, "{sql}: {steps:#?}");
    }

    /// Each filter, and each with every other.
    fn filters() -> Vec<AuditFilter> {
        let empty = AuditFilter::default;
        let run = "01a20d74-fb00-7000-8000-00000000000f";
        let single = [
            AuditFilter { since: Some(Timestamp::UNIX_EPOCH), ..empty() },
            AuditFilter { schedule: Some("clinic".into()), ..empty() },
            AuditFilter { event: Some("delivery".into()), ..empty() },
            AuditFilter { reason: Some("no_phone".into()), ..empty() },
            AuditFilter { appointment: Some("A-1".into()), ..empty() },
            AuditFilter { phone_mark: Some("00".into()), ..empty() },
            AuditFilter { run: run.parse().ok(), ..empty() },
            AuditFilter { runs: run.parse().into_iter().collect(), ..empty() },
            AuditFilter { reminder: run.parse().ok(), ..empty() },
        ];
        let both = |one: &AuditFilter, other: &AuditFilter| AuditFilter {
            since: one.since.or(other.since),
            schedule: one.schedule.clone().or_else(|| other.schedule.clone()),
            event: one.event.clone().or_else(|| other.event.clone()),
            reason: one.reason.clone().or_else(|| other.reason.clone()),
            appointment: one.appointment.clone().or_else(|| other.appointment.clone()),
            phone_mark: one.phone_mark.clone().or_else(|| other.phone_mark.clone()),
            run: one.run.or(other.run),
            runs: [one.runs.as_slice(), other.runs.as_slice()].concat(),
            reminder: one.reminder.or(other.reminder),
            ..empty()
        };
        single.iter().flat_map(|one| single.iter().map(move |other| both(one, other))).collect()
    }

    #[test]
    fn no_filter_and_no_two_filters_walk_through_the_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let reader = Reader { conn: new_ledger(&folder), key: None };
        for filter in filters() {
            let mut conditions = audit_conditions(&reader, &filter).expect("conditions");
            match filter.appointment.is_none() && filter.reminder.is_none() && lookups::knows(&filter) {
                true => conditions.among("seq", &vec![1].into()),
                // a time becomes a number
                false => conditions.and("seq >", filter.since.map(|_| 1)),
            }
            for newest in [true, false] {
                assert_no_walk(&reader.conn, &rows_statement(&conditions, newest, 100));
            }
        }
        for sql in [outcomes::COUNTS, outcomes::LATEST, outcomes::OF_PERSONS] {
            assert_no_walk(&reader.conn, sql);
        }
        for sql in [outcomes::COUNTS, outcomes::OF_PERSONS] {
            let steps = plan_of(&reader.conn, sql);
            assert!(steps.iter().all(|step| step.contains("COVERING INDEX reminder_outcome")), "{sql}: {steps:#?}");
        }
        assert_no_walk(&reader.conn, &counting::FATES);
        assert_no_walk(&reader.conn, counting::SETTLED_LATER);
        assert_no_walk(&reader.conn, &counting::SETTLED_NOT_INDEXED);
        assert_no_walk(&reader.conn, &runs::days());
        assert_no_walk(&reader.conn, calls::ACCEPTED);
        assert_no_walk(&reader.conn, held::INTENTS);
    }
}
