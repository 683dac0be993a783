//! shell: reminders and log rows as they are read, and the one form in which verbs hold a reminder.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::chained::entry;
use super::reading::Reader;
use super::stored::{id_text, micros, time, uuid, word};
use super::trail;
use super::writer::Desk;
use crate::audit::{AuditFilter, AuditRow, Entry, Event, LoggedPhone};
use crate::ledger::{LedgerError, LedgerResult, ReminderAsk, ReminderBrief, ReminderRow, Tally, chain};
use crate::reminder::{Lead, ReminderId, RunId, State};

/// A reminder as the writing verbs hold it.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) nr: i64,
    pub(super) id: ReminderId,
    pub(super) run_id: RunId,
    pub(super) schedule: String,
    pub(super) appointment_id: String,
    pub(super) starts_at: Timestamp,
    pub(super) lead: Lead,
    pub(super) account: String,
    pub(super) phone: Option<String>,
    pub(super) state: State,
    pub(super) attempt: u32,
    pub(super) tries: u32,
    pub(super) unknown_fates: u32,
    pub(super) expires_at: Timestamp,
    pub(super) person: String,
    pub(super) calling_hours: String,
    pub(super) recipient_zone: String,
    pub(super) contact_renewed: bool,
}

/// The columns of [`card`], from `reminder r`, as a literal.
macro_rules! card_columns {
    () => {
        "r.nr, r.id, r.run_id, r.schedule, r.appointment_id, r.starts_at, r.lead, r.account, r.phone, r.state, \
         r.attempt, r.tries, r.unknown_fates, r.expires_at, r.person, r.calling_hours, r.recipient_zone, \
         r.contact_renewed"
    };
}
pub(super) use card_columns;

/// The columns of [`card`], from `reminder r`.
pub(super) const CARD: &str = card_columns!();
/// How many they are.
pub(super) const CARD_WIDTH: usize = 18;

pub(super) fn card(row: &Row<'_>) -> rusqlite::Result<Card> {
    Ok(Card {
        nr: row.get(0)?,
        id: ReminderId(uuid(row, 1)?),
        run_id: RunId(uuid(row, 2)?),
        schedule: row.get(3)?,
        appointment_id: row.get(4)?,
        starts_at: time(row, 5)?,
        lead: word(row, 6)?,
        account: row.get(7)?,
        phone: row.get(8)?,
        state: word(row, 9)?,
        attempt: row.get(10)?,
        tries: row.get(11)?,
        unknown_fates: row.get(12)?,
        expires_at: time(row, 13)?,
        person: row.get(14)?,
        calling_hours: row.get(15)?,
        recipient_zone: row.get(16)?,
        contact_renewed: row.get(17)?,
    })
}

impl Card {
    /// A row of the log about this reminder.
    pub(super) fn entry(&self, at: Timestamp, event: Event) -> Entry<'_> {
        Entry {
            schedule: Some(self.schedule.as_str().into()),
            run_id: Some(self.run_id),
            reminder_id: Some(self.id),
            appointment_id: Some(self.appointment_id.as_str().into()),
            phone: self.phone.as_deref().map(LoggedPhone::whole),
            starts_at: Some(self.starts_at),
            lead: Some(self.lead),
            ..Entry::new(at, event)
        }
    }
}

impl Desk<'_> {
    /// A schedule's pending reminders, oldest first.
    pub(super) fn pending_of(&self, schedule: &str) -> LedgerResult<Vec<Card>> {
        let sql = format!("SELECT {CARD} FROM reminder r WHERE r.schedule = ?1 AND r.state = 'pending' ORDER BY r.nr");
        Ok(self.conn.prepare_cached(&sql)?.query_map([schedule], card)?.collect::<Result<_, _>>()?)
    }

    /// A reminder by its id.
    pub(super) fn card_of(&self, id: ReminderId) -> LedgerResult<Option<Card>> {
        let sql = format!("SELECT {CARD} FROM reminder r WHERE r.id = ?1");
        Ok(self.conn.prepare_cached(&sql)?.query_row([id_text(id.0)], card).optional()?)
    }

    /// Sets the state and nothing else.
    pub(super) fn set_state(&self, nr: i64, state: State, now: Timestamp) -> LedgerResult<()> {
        let sql = "UPDATE reminder SET state = ?2, updated_at = ?3 WHERE nr = ?1";
        self.conn.prepare_cached(sql)?.execute(params![nr, state.as_str(), micros(now)])?;
        Ok(())
    }

    pub(super) fn cancel(&self, nr: i64, now: Timestamp) -> LedgerResult<()> {
        self.set_state(nr, State::Cancelled, now)
    }
}

/// The columns of [`reminder_row`].
const REMINDER: &str = "SELECT r.id, r.schedule, r.run_id, r.appointment_id, r.starts_at, r.lead, r.phone, r.state, \
    r.due_at, r.next_at, r.expires_at, r.attempt, r.tries, a.http_status, a.remote_id, c.payload, r.updated_at \
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
    })
}

/// Conditions joined by AND, each with its value.
#[derive(Default)]
struct Where {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Where {
    fn and(&mut self, column_and_operator: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.push(value.into());
            self.conditions.push(format!("{column_and_operator} ?{}", self.values.len()));
        }
    }

    /// Rows of the log about that appointment.
    fn of_appointment(&mut self, appointment: Option<String>) {
        if let Some(appointment) = appointment {
            self.values.push(appointment.into());
            self.conditions.push(trail::of_appointment(self.values.len()));
        }
    }

    /// In one of these states: each is looked up by itself, so that its own index serves and settled rows cost nothing.
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
const BRIEF: &str = "SELECT r.id, r.appointment_id, r.state, r.attempt, a.http_status \
    FROM reminder r LEFT JOIN attempt a ON a.reminder = r.nr AND a.number = r.attempt";

fn brief(row: &Row<'_>) -> rusqlite::Result<ReminderBrief> {
    Ok(ReminderBrief {
        id: ReminderId(uuid(row, 0)?),
        appointment_id: row.get(1)?,
        state: word(row, 2)?,
        attempts: row.get(3)?,
        http_status: row.get(4)?,
    })
}

/// Reminders, oldest first, or in the order of the ids that are asked for.
pub(super) fn reminders(conn: &Connection, ask: &ReminderAsk) -> LedgerResult<Vec<ReminderRow>> {
    let found = selected(conn, ask, REMINDER, reminder_row)?;
    Ok(in_order(found, ask, |row| row.id))
}

/// The same in brief.
pub(super) fn briefs(conn: &Connection, ask: &ReminderAsk) -> LedgerResult<Vec<ReminderBrief>> {
    let found = selected(conn, ask, BRIEF, brief)?;
    Ok(in_order(found, ask, |row| row.id))
}

fn in_order<T>(mut found: Vec<T>, ask: &ReminderAsk, id: impl Fn(&T) -> ReminderId) -> Vec<T> {
    if ask.ids.is_empty() {
        return found;
    }
    let place: HashMap<ReminderId, usize> = ask.ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    found.sort_by_cached_key(|row| place.get(&id(row)).copied());
    found.truncate(ask.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX));
    found
}

fn selected<T>(
    conn: &Connection,
    ask: &ReminderAsk,
    columns: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> LedgerResult<Vec<T>> {
    let mut conditions = Where::default();
    conditions.and("r.id =", ask.id.map(|id| id.to_string()));
    conditions.and("r.appointment_id =", ask.appointment_id.clone());
    let one_row = ask.id.is_some() || !ask.ids.is_empty();
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
        // all at once: each by itself would be prepared anew. Unordered, so that their index is what is gone through
        false => {
            let ids: Vec<String> = ask.ids.iter().map(ToString::to_string).collect();
            conditions.values.push(serde_json::Value::from(ids).to_string().into());
            conditions.conditions.push(format!("r.id IN (SELECT value FROM json_each(?{}))", conditions.values.len()));
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

/// Rows of one page.
const PAGE: u64 = 10_000;

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
    let conditions = audit_conditions(reader, filter)?;
    let limit = filter.limit.unwrap_or(PAGE).min(PAGE);
    let sql = format!("SELECT * FROM audit{} ORDER BY seq LIMIT {limit}", conditions.clause());
    let mut statement = reader.conn.prepare(&sql)?;
    Ok(statement.query_map(params_from_iter(conditions.values), audit_row)?.collect::<Result<_, _>>()?)
}

fn audit_conditions(reader: &Reader, filter: &AuditFilter) -> LedgerResult<Where> {
    let mut conditions = Where::default();
    conditions.and("seq >", filter.after_seq.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX)));
    conditions.and("at >=", filter.since.map(micros));
    conditions.and("at <", filter.until.map(micros));
    conditions.and("schedule =", filter.schedule.clone());
    conditions.and("reason =", filter.reason.clone());
    conditions.of_appointment(filter.appointment.clone());
    conditions.and("run_id =", filter.run.map(|run| run.to_string()));
    if let Some(event) = &filter.event {
        // a family is a word without its point: `delivery`
        conditions.and("event GLOB", Some(if event.contains('.') { event.clone() } else { format!("{event}.*") }));
    }
    if let Some(phone) = &filter.phone {
        let key = reader.key.ok_or_else(|| {
            LedgerError::Storage(
                "the ledger's key can't be read, so no phone can be looked for: ask the service".into(),
            )
        })?;
        conditions.and("phone_hash =", Some(chain::phone_hash(&key, phone).to_vec()));
    }
    if let Some(reminder) = filter.reminder {
        // the log is indexed by appointment, which the reminder knows
        let sql = "SELECT appointment_id FROM reminder WHERE id = ?1";
        let found: Option<String> = reader.conn.query_row(sql, [id_text(reminder.0)], |row| row.get(0)).optional()?;
        conditions.and("reminder_id =", Some(reminder.to_string()));
        conditions.of_appointment(found);
    }
    Ok(conditions)
}
