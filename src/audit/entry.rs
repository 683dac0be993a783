//! pure: one row of the audit log, in the only shape in which it is written, hashed, stored, read and exported.
//!
//! It is part of `audit`, not of `ledger`, because the story, the export and the alerts read it too, and they are on a
//! lower floor. A new column is a field at the end of [`Entry`], with its default in [`Entry::new`], and an element at the end of
//! [`AUDIT_COLUMNS`] and of [`Entry::cells`]. The compiler names each place that holds an entry, those in the two stores among them;
//! JSON, CSV, the table's statements and the hash chain follow. It does not name the migration of the table, for which a
//! test asks.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Event;
use crate::reminder::{Lead, ReminderId, RunId};

/// What one row of the audit log says. Texts are borrowed where the row is written and owned where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// When it was written (UTC).
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// The schedule's name.
    pub schedule: Option<Cow<'a, str>>,
    /// The run it belongs to.
    pub run_id: Option<RunId>,
    /// The reminder it belongs to.
    pub reminder_id: Option<ReminderId>,
    /// The appointment's id.
    pub appointment_id: Option<Cow<'a, str>>,
    /// The person's phone; in a stored row its last four digits.
    #[serde(rename = "phone_last4")]
    pub phone: Option<LoggedPhone<'a>>,
    /// The appointment's start (UTC).
    pub starts_at: Option<Timestamp>,
    /// The lead before the start.
    pub lead: Option<Lead>,
    /// The attempt's number.
    pub attempt: Option<u32>,
    /// A word: a skip's reason, an error class.
    pub reason: Option<Cow<'a, str>>,
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// How long the exchange took.
    pub latency_ms: Option<u64>,
    /// Who did it: `service`, `trigger`, or a user's name.
    pub actor: Option<Cow<'a, str>>,
    /// A sentence.
    pub detail: Option<Cow<'a, str>>,
}

/// The values of an entry, each in the place of its column in [`AUDIT_COLUMNS`].
pub type EntryCells<'e> = [Cell<'e>; AUDIT_COLUMNS.len()];

/// A column of the log between `seq` and `hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditColumn {
    /// Its name in the export and in the ledger's table.
    pub name: &'static str,
    /// Whether it is erased with its person.
    pub kind: ColumnKind,
}

/// Whether a column holds personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// No personal data.
    Plain,
    /// Data that may identify a person: erased by `tickler forget`.
    Personal,
}

const fn plain(name: &'static str) -> AuditColumn {
    AuditColumn { name, kind: ColumnKind::Plain }
}

const fn personal(name: &'static str) -> AuditColumn {
    AuditColumn { name, kind: ColumnKind::Personal }
}

/// The columns in the order of the export and of the hash chain.
pub const AUDIT_COLUMNS: [AuditColumn; 15] = [
    plain("at"),
    plain("event"),
    plain("schedule"),
    plain("run_id"),
    plain("reminder_id"),
    personal("appointment_id"),
    personal("phone_last4"),
    personal("starts_at"),
    plain("lead"),
    plain("attempt"),
    plain("reason"),
    plain("http_status"),
    plain("latency_ms"),
    plain("actor"),
    personal("detail"),
];

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'c> {
    /// Not set.
    Empty,
    /// A text or a word.
    Text(&'c str),
    /// An instant (UTC).
    Time(Timestamp),
    /// A count, a status, milliseconds.
    Number(u64),
    /// The id of a run or a reminder.
    Id(Uuid),
    /// A lead.
    Lead(Lead),
}

impl<'a> Entry<'a> {
    /// An entry with nothing but its event; the rest is set by name.
    #[must_use]
    pub const fn new(at: Timestamp, event: Event) -> Self {
        Self {
            at,
            event,
            schedule: None,
            run_id: None,
            reminder_id: None,
            appointment_id: None,
            phone: None,
            starts_at: None,
            lead: None,
            attempt: None,
            reason: None,
            http_status: None,
            latency_ms: None,
            actor: None,
            detail: None,
        }
    }

    /// The values, each in the place of its column in [`AUDIT_COLUMNS`].
    #[must_use]
    pub fn cells(&self) -> EntryCells<'_> {
        let Self {
            at,
            event,
            schedule,
            run_id,
            reminder_id,
            appointment_id,
            phone,
            starts_at,
            lead,
            attempt,
            reason,
            http_status,
            latency_ms,
            actor,
            detail,
        } = self;
        [
            Cell::Time(*at),
            Cell::Text(event.as_str()),
            text(schedule),
            run_id.map_or(Cell::Empty, |id| Cell::Id(id.0)),
            reminder_id.map_or(Cell::Empty, |id| Cell::Id(id.0)),
            text(appointment_id),
            phone.as_ref().map_or(Cell::Empty, |phone| Cell::Text(phone.last_four())),
            starts_at.map_or(Cell::Empty, Cell::Time),
            lead.map_or(Cell::Empty, Cell::Lead),
            number(*attempt),
            text(reason),
            number(*http_status),
            number(*latency_ms),
            text(actor),
            text(detail),
        ]
    }

    /// The last four digits of the phone.
    #[must_use]
    pub fn phone_last4(&self) -> Option<&str> {
        self.phone.as_ref().map(LoggedPhone::last_four)
    }
}

fn text<'c>(value: &'c Option<Cow<'_, str>>) -> Cell<'c> {
    value.as_deref().map_or(Cell::Empty, Cell::Text)
}

fn number(value: Option<impl Into<u64>>) -> Cell<'static> {
    value.map_or(Cell::Empty, |value| Cell::Number(value.into()))
}

/// The phone of an entry.
#[derive(Clone, PartialEq, Eq)]
pub enum LoggedPhone<'a> {
    /// E.164, of an entry that is to be written: only its last four digits and a keyed hash are.
    Whole(Cow<'a, str>),
    /// What a written row says of it.
    LastFour(Cow<'a, str>),
}

impl<'a> LoggedPhone<'a> {
    /// The phone of an entry that is to be written, E.164.
    pub fn whole(e164: impl Into<Cow<'a, str>>) -> Self {
        Self::Whole(e164.into())
    }

    /// The last four characters of the number; the whole text where it is shorter.
    #[must_use]
    pub fn last_four(&self) -> &str {
        match self {
            Self::Whole(phone) => phone.char_indices().rev().nth(3).map_or(phone, |(at, _)| &phone[at..]),
            Self::LastFour(digits) => digits,
        }
    }
}

/// Shows no more than the log holds: an entry may be printed by a failing test or a log.
impl fmt::Debug for LoggedPhone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{}", self.last_four())
    }
}

impl Serialize for LoggedPhone<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.last_four())
    }
}

impl<'de> Deserialize<'de> for LoggedPhone<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::LastFour(String::deserialize(deserializer)?.into()))
    }
}

/// A row as it was read: an entry with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// The row's number: from 1, without gaps.
    pub seq: u64,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry<'static>,
    /// Hex.
    pub hash: String,
}

/// A row is read for what it says.
impl std::ops::Deref for AuditRow {
    type Target = Entry<'static>;

    fn deref(&self) -> &Self::Target {
        &self.entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry with a value in every column.
    fn full() -> Entry<'static> {
        Entry {
            at: Timestamp::UNIX_EPOCH,
            event: Event::DeliveryDelivered,
            schedule: Some("clinic".into()),
            run_id: Some(RunId(Uuid::from_u128(1))),
            reminder_id: Some(ReminderId(Uuid::from_u128(2))),
            appointment_id: Some("A1".into()),
            phone: Some(LoggedPhone::whole("+12025550143")),
            starts_at: Some(Timestamp::UNIX_EPOCH),
            lead: Some(Lead::days(1)),
            attempt: Some(1),
            reason: Some("resend".into()),
            http_status: Some(200),
            latency_ms: Some(12),
            actor: Some("service".into()),
            detail: Some("a sentence".into()),
        }
    }

    #[test]
    fn every_column_has_its_cell_under_the_name_that_json_gives_it() {
        let json = serde_json::to_value(full()).expect("an entry is JSON");
        for (column, cell) in AUDIT_COLUMNS.iter().zip(full().cells()) {
            let expected: serde_json::Value = match cell {
                Cell::Empty => panic!("{} has no cell", column.name),
                Cell::Text(text) => text.into(),
                Cell::Time(at) => at.to_string().into(),
                Cell::Number(number) => number.into(),
                Cell::Id(id) => id.to_string().into(),
                Cell::Lead(lead) => lead.to_string().into(),
            };
            assert_eq!(json[column.name], expected, "{}", column.name);
        }
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(AUDIT_COLUMNS.len()));
    }

    #[test]
    fn a_row_keeps_its_json_from_end_to_end_and_no_more_than_four_digits_of_a_phone() {
        let row = AuditRow { seq: 7, entry: full(), hash: "ab".to_owned() };
        let json = serde_json::to_string(&row).expect("a row is JSON");
        assert!(!json.contains("555") && !format!("{row:?}").contains("555"), "{json}");
        let read: AuditRow = serde_json::from_str(&json).expect("it reads back");
        assert_eq!(read.phone, Some(LoggedPhone::LastFour("0143".into())));
        assert_eq!(serde_json::to_string(&read).expect("a row is JSON"), json);
    }
}
