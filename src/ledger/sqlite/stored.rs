//! shell: values as the tables hold them, and back.

use std::cell::RefCell;
use std::collections::HashMap;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{Row, ToSql};
use uuid::Uuid;

use crate::ledger::gate::Opening;
use crate::ledger::{LedgerError, LedgerResult};
use crate::reminder::from_micros;
use crate::zones::{CallingHours, Zone, Zones};

type Read<T> = rusqlite::Result<T>;

fn wrong<E: std::error::Error + Send + Sync + 'static>(column: usize, kind: Type) -> impl FnOnce(E) -> rusqlite::Error {
    move |error| rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

/// Microseconds UTC, the tables' form of time.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// An instant.
pub(super) fn time(row: &Row<'_>, column: usize) -> Read<Timestamp> {
    from_micros(row.get(column)?).map_err(wrong(column, Type::Integer))
}

/// An instant or null.
pub(super) fn time_or_null(row: &Row<'_>, column: usize) -> Read<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    micros.map(from_micros).transpose().map_err(wrong(column, Type::Integer))
}

/// A word of a closed set, a lead, or anything else that reads back from its text.
pub(super) fn word<T: FromStr>(row: &Row<'_>, column: usize) -> Read<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str()?.parse().map_err(wrong(column, Type::Text))
}

/// The same, or null.
pub(super) fn word_or_null<T: FromStr>(row: &Row<'_>, column: usize) -> Read<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(str::parse).transpose().map_err(wrong(column, Type::Text))
}

/// An id as the tables hold it, so that people can read them: 36 lower-case characters.
pub(super) struct IdText([u8; uuid::fmt::Hyphenated::LENGTH]);

/// That form of an id.
pub(super) fn id_text(id: Uuid) -> IdText {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    id.hyphenated().encode_lower(&mut text);
    IdText(text)
}

impl ToSql for IdText {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

/// An id.
pub(super) fn uuid(row: &Row<'_>, column: usize) -> Read<Uuid> {
    same_text(row.get_ref(column)?.as_str()?).map_err(wrong(column, Type::Text))
}

/// The same, or null.
pub(super) fn uuid_or_null(row: &Row<'_>, column: usize) -> Read<Option<Uuid>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(same_text).transpose().map_err(wrong(column, Type::Text))
}

/// Reads the one form that is written: any other is an edit.
fn same_text(text: &str) -> Result<Uuid, OtherForm> {
    let id = Uuid::try_parse(text).map_err(|_| OtherForm)?;
    if id_text(id).0 == text.as_bytes() { Ok(id) } else { Err(OtherForm) }
}

#[derive(Debug, thiserror::Error)]
#[error("this is no id in the form that the ledger writes")]
struct OtherForm;

/// A calendar day, written `2026-11-24`.
pub(super) fn day(row: &Row<'_>, column: usize) -> Read<Date> {
    row.get_ref(column)?.as_str()?.parse().map_err(wrong(column, Type::Text))
}

/// By the hours' text and the zone's name.
type Known = HashMap<(String, String), (CallingHours, Zone)>;

/// Calling hours by their text and zone name, each read once.
pub(super) struct Hours {
    zones: Zones,
    known: RefCell<Known>,
}

impl Hours {
    pub(super) fn new(zones: Zones) -> Self {
        Self { zones, known: RefCell::default() }
    }

    /// Whether phones may ring at `now` under hours as a schedule writes them, in that zone.
    pub(super) fn opening(&self, hours: &str, zone: &str, now: Timestamp) -> LedgerResult<Opening> {
        if hours == "always" {
            return Ok(Opening::Open);
        }
        let mut known = self.known.borrow_mut();
        let key = (hours.to_owned(), zone.to_owned());
        let entry = match known.entry(key) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => free.insert(self.understood(hours, zone)?),
        };
        Ok(match entry {
            (CallingHours::Always, _) => Opening::Open,
            (hours, zone) if hours.is_open(now, zone) => Opening::Open,
            (hours, zone) => Opening::At(hours.next_opening(now, zone)),
        })
    }

    fn understood(&self, hours: &str, zone: &str) -> LedgerResult<(CallingHours, Zone)> {
        let hours = CallingHours::parse(hours).map_err(LedgerError::Storage)?;
        let zone = self.zones.zone_of_row(zone).map_err(|error| LedgerError::Storage(error.to_string()))?;
        Ok((hours, zone))
    }
}
