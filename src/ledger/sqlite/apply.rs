//! shell: changes of reminders as statements. Where a reminder is not in the expected state, its row stays as it is and nothing else is
//! written.

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{params, params_from_iter};

use super::columns::{id_text, micros};
use super::held::{NEVER_READ, priority_number, step_word};
use super::store::SqliteStore;
use crate::ledger::LedgerResult;
use crate::ledger::change::{AttemptChange, Change, Columns, ExpectedState, NewRow, RowChange, RowUpdate};
use crate::ledger::store::Applied;
use crate::outcome::Teller;

/// What a plan sets, in the order of [`values`].
const REMINDER_COLUMNS: [&str; 19] = [
    "account",
    "phone",
    "person",
    "due_day",
    "recipient_zone",
    "calling_hours",
    "due_at",
    "next_at",
    "expires_at",
    "state",
    "tries",
    "unknown_fates",
    "waited_for_opening",
    "read_at",
    "previous_starts_at",
    "note",
    "payload_hash",
    "updated_at",
    "priority",
];

/// The key of a reminder, before what a plan sets.
const KEY: [&str; 6] = ["id", "run_id", "schedule", "appointment_id", "starts_at", "lead"];

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let names = [&KEY[..], &REMINDER_COLUMNS[..]].concat();
    let places: Vec<String> = (1..=names.len()).map(|place| format!("?{place}")).collect();
    format!(
        "INSERT INTO reminder ({}) VALUES ({}) ON CONFLICT (schedule, appointment_id, starts_at, lead) DO NOTHING",
        names.join(", "),
        places.join(", ")
    )
});

/// What a record or a person says of a call, with the time of the call.
const TOLD: &str = "UPDATE reminder SET state = ?4, outcome = ?5, outcome_at = ?6, outcome_by_person = ?7, heard_at = ?8, \
    updated_at = CASE WHEN state = ?4 THEN updated_at ELSE ?9 END, \
    called_at = CASE WHEN ?5 IS NULL THEN called_at ELSE (SELECT a.intent_at FROM attempt a \
    WHERE a.reminder = reminder.nr AND a.number = reminder.attempt) END \
    WHERE nr = ?1 AND state = ?2 AND attempt = ?3";

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let set: Vec<String> =
        REMINDER_COLUMNS.iter().enumerate().map(|(place, name)| format!("{name} = ?{}", place + 4)).collect();
    // one that returns begins anew: what became of its trial says nothing about the next call
    let told = ["outcome", "outcome_at", "heard_at", "called_at"]
        .map(|name| format!("{name} = iif(state = 'pending', {name}, NULL)"));
    format!(
        "UPDATE reminder SET {}, {}, outcome_by_person = iif(state = 'pending', outcome_by_person, 0), \
         trial = iif(state = 'pending', trial, NULL) \
         WHERE nr = ?1 AND state = ?2 AND attempt = ?3",
        set.join(", "),
        told.join(", ")
    )
});

fn text(value: &str) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes()))
}

fn number(value: impl Into<i64>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(Value::Integer(value.into()))
}

fn owned(value: String) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(Value::Text(value))
}

const NULL: ToSqlOutput<'static> = ToSqlOutput::Borrowed(ValueRef::Null);

fn values<'v>(columns: &'v Columns<'_>) -> [ToSqlOutput<'v>; REMINDER_COLUMNS.len()] {
    [
        text(columns.account),
        text(columns.phone),
        text(columns.person),
        owned(columns.due_day.to_string()),
        text(columns.recipient_zone),
        text(columns.calling_hours),
        number(micros(columns.due_at)),
        number(micros(columns.next_at)),
        number(micros(columns.expires_at)),
        text(columns.moved.to().as_str()),
        number(columns.tries),
        number(columns.unknown_fates),
        number(columns.waited_for_opening),
        number(columns.rendered.as_ref().map_or(NEVER_READ, |rendered| micros(rendered.read_at))),
        columns.previous_starts_at.map_or(NULL, |at| number(micros(at))),
        columns.note.map_or(NULL, text),
        ToSqlOutput::Owned(Value::Blob(columns.payload_hash().to_vec())),
        number(micros(columns.updated_at)),
        number(priority_number(columns.priority)),
    ]
}

impl SqliteStore<'_> {
    pub(super) fn write_change(&self, change: &Change<'_>) -> LedgerResult<Applied> {
        let nr = match &change.row {
            RowChange::Insert(row) => self.insert(row)?,
            RowChange::Update(expected, set) => self.set(*expected, set, change.at)?.then_some(expected.nr),
        };
        let Some(nr) = nr else { return Ok(Applied::Miss) };
        if let Some(attempt) = &change.attempt {
            self.write_attempt(nr, attempt, change.at)?;
        }
        change.entries.iter().try_for_each(|entry| self.append_entry(entry))?;
        Ok(Applied::Hit)
    }

    /// Adds a reminder and returns its number; `None` when the ledger holds one with the same key.
    fn insert(&self, row: &NewRow<'_>) -> LedgerResult<Option<i64>> {
        let key = [
            owned(row.id.0.hyphenated().to_string()),
            owned(row.run_id.0.hyphenated().to_string()),
            text(row.schedule),
            text(row.appointment_id),
            number(micros(row.starts_at)),
            owned(row.lead.to_string()),
        ];
        let values = key.into_iter().chain(values(&row.columns));
        if self.statements.run(&INSERT, params_from_iter(values))? == 0 {
            return Ok(None);
        }
        let nr = self.conn.last_insert_rowid();
        if let Some((root, _trial_of_root)) = row.chain {
            let sql = "UPDATE reminder SET root = ?2 WHERE nr = ?1";
            self.statements.run(sql, params![nr, id_text(root.0)])?;
        }
        self.write_content(nr, &row.columns)?;
        Ok(Some(nr))
    }

    fn write_content(&self, nr: i64, columns: &Columns<'_>) -> LedgerResult<()> {
        let sql = "INSERT INTO content (reminder, payload, contact, label) VALUES (?1, ?2, ?3, ?4) \
            ON CONFLICT (reminder) DO UPDATE SET payload = excluded.payload, contact = excluded.contact, \
            label = excluded.label";
        let rendered = columns.rendered.as_ref();
        let (contact, label) = (rendered.and_then(|it| it.contact.as_deref()), rendered.and_then(|it| it.label));
        self.statements.run(sql, params![nr, columns.kept_payload(), contact, label])?;
        Ok(())
    }

    /// Updates a reminder if it is in the expected state; returns whether it was.
    fn set(&self, expected: ExpectedState, set: &RowUpdate<'_>, at: Timestamp) -> LedgerResult<bool> {
        let (nr, state, attempt, at) = (expected.nr, expected.state.as_str(), expected.attempt, micros(at));
        let changed = match set {
            RowUpdate::State { moved, unknown_fates, trial } => {
                let sql = "UPDATE reminder SET state = ?4, unknown_fates = ?5, updated_at = ?6, trial = ?7 \
                    WHERE nr = ?1 AND state = ?2 AND attempt = ?3";
                let to = moved.to().as_str();
                self.statements.run(sql, params![nr, state, attempt, to, unknown_fates, at, trial])?
            }
            RowUpdate::Taken { moved, attempt: number, account } => {
                let sql = "UPDATE reminder SET state = ?4, attempt = ?5, updated_at = ?6 \
                    WHERE nr = ?1 AND state = ?2 AND attempt = ?3";
                let changed = self.statements.run(sql, params![nr, state, attempt, moved.to().as_str(), number, at])?;
                if let Some(account) = account.filter(|_| changed == 1) {
                    let sql = "UPDATE reminder SET account = ?2 WHERE nr = ?1";
                    self.conn.prepare_cached(sql)?.execute(params![nr, account])?;
                }
                changed
            }
            RowUpdate::Retry { moved, next_at, tries, unknown_fates, contact_renewed } => {
                let sql = "UPDATE reminder SET state = ?4, next_at = ?5, tries = ?6, unknown_fates = ?7, \
                    contact_renewed = ?8, updated_at = ?9 WHERE nr = ?1 AND state = ?2 AND attempt = ?3";
                let (to, next_at) = (moved.to().as_str(), micros(*next_at));
                let values = params![nr, state, attempt, to, next_at, tries, unknown_fates, contact_renewed, at];
                self.statements.run(sql, values)?
            }
            RowUpdate::Withdrawn { moved } => {
                let sql = "UPDATE reminder SET state = ?4, withdrawn = 1, updated_at = ?5 \
                    WHERE nr = ?1 AND state = ?2 AND attempt = ?3";
                self.statements.run(sql, params![nr, state, attempt, moved.to().as_str(), at])?
            }
            RowUpdate::Told { moved, outcome, heard_at } => {
                let (word, told_at) = (outcome.map(|told| told.outcome.as_str()), outcome.map(|told| micros(told.at)));
                let by_person = outcome.is_some_and(|told| told.teller == Teller::Person);
                let (to, heard_at) = (moved.to().as_str(), heard_at.map(micros));
                // what is being sent is settled by what is known of it now
                self.sending.borrow_mut().retain(|_, held| held.nr != nr);
                self.statements.run(TOLD, params![nr, state, attempt, to, word, told_at, by_person, heard_at, at])?
            }
            RowUpdate::PutOff { next_at } => {
                let sql = "UPDATE reminder SET next_at = ?4, waited_for_opening = 1 \
                    WHERE nr = ?1 AND state = ?2 AND attempt = ?3";
                self.statements.run(sql, params![nr, state, attempt, micros(*next_at)])?
            }
            RowUpdate::Columns(columns) => {
                let expected = [number(nr), text(state), number(attempt)];
                let changed =
                    self.statements.run(&UPDATE, params_from_iter(expected.into_iter().chain(values(columns))))?;
                if changed == 1 {
                    self.write_content(nr, columns)?;
                }
                changed
            }
        };
        Ok(changed == 1)
    }

    fn write_attempt(&self, nr: i64, attempt: &AttemptChange<'_>, at: Timestamp) -> LedgerResult<()> {
        match attempt {
            AttemptChange::Begin { number, step } => {
                let sql = "INSERT INTO attempt (reminder, number, step, intent_at) VALUES (?1, ?2, ?3, ?4)";
                self.statements.run(sql, params![nr, number, step_word(*step), micros(at)])?;
            }
            AttemptChange::End { number, outcome, came } => {
                let sql = "UPDATE attempt SET finished_at = ?3, outcome = ?4, http_status = ?5, latency_us = ?6, \
                    remote_id = ?7, class = ?8 WHERE reminder = ?1 AND number = ?2";
                let (status, latency) = (came.http_status, came.latency_us);
                let values = params![nr, number, micros(at), outcome, status, latency, came.remote_id, came.class];
                self.statements.run(sql, values)?;
            }
        }
        Ok(())
    }
}
