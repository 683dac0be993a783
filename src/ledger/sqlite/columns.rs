//! shell: values as the tables hold them, and back.

use std::str::FromStr;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, Type, ValueRef};
use rusqlite::{Row, ToSql};
use uuid::Uuid;

use crate::personal::Personal;
use crate::reminder::State;

type ColumnResult<T> = rusqlite::Result<T>;

fn wrong<E: std::error::Error + Send + Sync + 'static>(column: usize, kind: Type) -> impl FnOnce(E) -> rusqlite::Error {
    move |error| rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

/// Microseconds UTC, the tables' form of time.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

impl FromSql for Personal {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(Self::from)
    }
}

/// An instant.
pub(super) fn time(row: &Row<'_>, column: usize) -> ColumnResult<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(wrong(column, Type::Integer))
}

/// An instant or null.
pub(super) fn time_or_null(row: &Row<'_>, column: usize) -> ColumnResult<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    micros.map(Timestamp::from_microsecond).transpose().map_err(wrong(column, Type::Integer))
}

/// A word of a closed set, a lead, or anything else that reads back from its text.
pub(super) fn word<T: FromStr>(row: &Row<'_>, column: usize) -> ColumnResult<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str()?.parse().map_err(wrong(column, Type::Text))
}

/// The same, or null.
pub(super) fn word_or_null<T: FromStr>(row: &Row<'_>, column: usize) -> ColumnResult<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(str::parse).transpose().map_err(wrong(column, Type::Text))
}

/// An id as the tables hold it, so that people can read them: 36 lower-case characters.
pub(super) struct IdText([u8; uuid::fmt::Hyphenated::LENGTH]);

/// The id in the form that the tables hold.
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
pub(super) fn uuid(row: &Row<'_>, column: usize) -> ColumnResult<Uuid> {
    same_text(row.get_ref(column)?.as_str()?).map_err(wrong(column, Type::Text))
}

/// The same, or null.
pub(super) fn uuid_or_null(row: &Row<'_>, column: usize) -> ColumnResult<Option<Uuid>> {
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
pub(super) fn day(row: &Row<'_>, column: usize) -> ColumnResult<Date> {
    row.get_ref(column)?.as_str()?.parse().map_err(wrong(column, Type::Text))
}

/// The states of reminders that count for their person, as a list for `IN`.
pub(super) static COUNTED: LazyLock<String> = LazyLock::new(|| {
    // words of a closed set need no quoting
    let words: Vec<String> =
        State::ALL.iter().filter(|state| state.counts_for_person()).map(|state| format!("'{state}'")).collect();
    words.join(", ")
});
