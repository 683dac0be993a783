//! shell: one SELECT on somebody else's SQLite file, which stays untouched: read-only, one statement, bounded in time
//! and size, with an authorizer that knows what reading is.

use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::ffi::ErrorCode;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use super::{ReadReport, ReadWindow, RepeatRead, Source, SourceError, WindowTexts, demand_columns};
use crate::clock::SharedClock;
use crate::formats::{Wanted, two_columns};
use crate::row::{Header, Record, RecordSink};
use crate::schedule::{ReadLimits, SqliteSpec};
use crate::zones::Zone;

mod clocks;
mod file;
mod framework;

/// How often the time is checked, in steps of SQLite's machine.
const STEPS_BETWEEN_CHECKS: i32 = 10_000;
/// A writer that holds the file this long makes it busy.
const BUSY: Duration = Duration::from_millis(500);
/// Maximum length of a text, blob or row, in bytes.
const MAX_VALUE: i32 = 1 << 20;
/// Rows of a query.
const MAX_ROWS: u64 = 10_000_000;

/// The names a query may bind.
const NAMES: &str = ":from, :until, :from_utc, :until_utc, :from_epoch, :until_epoch, :day, :now_utc";

/// `[source.sqlite]`.
#[derive(Debug)]
pub struct Database {
    spec: SqliteSpec,
    wanted: Wanted,
    zone: Zone,
    limits: ReadLimits,
    clock: SharedClock,
}

impl Database {
    /// A query whose result must have the columns that are wanted; wall-clock bounds are written for `zone`.
    #[must_use]
    pub fn new(spec: SqliteSpec, wanted: Wanted, zone: Zone, limits: ReadLimits, clock: SharedClock) -> Self {
        Self { spec, wanted, zone, limits, clock }
    }

    fn place(&self) -> String {
        self.spec.path.display().to_string()
    }

    fn never(&self, message: &str) -> SourceError {
        SourceError::new(RepeatRead::Never, format!("{}: {message}", self.place()))
    }

    /// An error of the query rather than of the file.
    fn of_query(&self, message: &str) -> SourceError {
        self.never(message).at("query")
    }

    fn open(&self) -> Result<Connection, SourceError> {
        file::examine(&self.spec.path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&self.spec.path, flags);
        opened.and_then(|connection| self.restrain(connection)).map_err(|error| self.failed(&error))
    }

    fn restrain(&self, mut connection: Connection) -> rusqlite::Result<Connection> {
        connection.busy_timeout(BUSY)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "query_only", true)?;
        for (limit, most) in [
            (Limit::SQLITE_LIMIT_ATTACHED, 0),
            (Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE),
            (Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000),
            (Limit::SQLITE_LIMIT_VDBE_OP, 250_000),
            (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
            (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
            (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
            (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
            (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
        ] {
            connection.set_limit(limit, most)?;
        }
        let clock = self.clock.clone();
        let stop_at = clock.monotonic() + self.limits.deadline.unsigned_abs();
        connection.progress_handler(STEPS_BETWEEN_CHECKS, Some(move || clock.monotonic() >= stop_at))?;
        connection.authorizer(Some(judge))?;
        Ok(connection)
    }

    /// The query, with every name it binds and every clock it reads checked.
    fn prepare<'c>(&self, connection: &'c Connection) -> Result<Statement<'c>, SourceError> {
        self.demand_one_clock(connection)?;
        let statement = connection.prepare(&self.spec.query).map_err(|error| self.failed(&error))?;
        if !statement.readonly() || statement.is_explain() != 0 || statement.column_count() == 0 {
            return Err(self.of_query("the query must be one SELECT"));
        }
        for index in 1..=statement.parameter_count() {
            match statement.parameter_name(index) {
                Some(name) if NAMES.split(", ").any(|known| known == name) => {}
                Some(other) => return Err(self.of_query(&format!("the query names `{other}`; it may name {NAMES}"))),
                None => return Err(self.of_query(&format!("the query has a nameless `?`; it may name {NAMES}"))),
            }
        }
        Ok(statement)
    }

    /// Refuses clocks and zones of SQLite's own, in the query and in the views it reads.
    fn demand_one_clock(&self, connection: &Connection) -> Result<(), SourceError> {
        let refused = |what: String, place: &str| {
            self.of_query(&format!(
                "{what}{place} is a second clock or zone: the run's moment and the schedule's zone are `:day`, `:from`, `:until` \
                 and `:now_utc`, as in `date(:day, '+1 day')`"
            ))
        };
        if let Some(what) = clocks::second_clock(&self.spec.query) {
            return Err(refused(what, ""));
        }
        let mut views = self.views(connection).map_err(|error| self.failed(&error))?;
        let mut names = clocks::names(&self.spec.query);
        while let Some(name) = names.pop() {
            let Some(at) = views.iter().position(|(view, _)| view.eq_ignore_ascii_case(&name)) else { continue };
            let (view, sql) = views.swap_remove(at);
            if let Some(what) = clocks::second_clock(&sql) {
                return Err(refused(what, &format!(" in the view `{view}`")));
            }
            names.extend(clocks::names(&sql));
        }
        Ok(())
    }

    fn views(&self, connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
        let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view'")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }

    fn bind(&self, statement: &mut Statement<'_>, texts: &WindowTexts) -> Result<(), SourceError> {
        for index in 1..=statement.parameter_count() {
            let name = statement.parameter_name(index).map(str::to_owned);
            let bound = match name.as_deref() {
                Some(":from") => statement.raw_bind_parameter(index, &texts.sql_local[0]),
                Some(":until") => statement.raw_bind_parameter(index, &texts.sql_local[1]),
                Some(":from_utc") => statement.raw_bind_parameter(index, &texts.sql_utc[0]),
                Some(":until_utc") => statement.raw_bind_parameter(index, &texts.sql_utc[1]),
                Some(":from_epoch") => statement.raw_bind_parameter(index, texts.epoch[0]),
                Some(":until_epoch") => statement.raw_bind_parameter(index, texts.epoch[1]),
                Some(":day") => statement.raw_bind_parameter(index, &texts.day),
                Some(":now_utc") => statement.raw_bind_parameter(index, &texts.sql_now_utc),
                // `prepare` knows them all
                Some(_) | None => Ok(()),
            };
            bound.map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// Gives each row to the sink; the fingerprint is a hash of all values.
    fn rows(
        &self,
        statement: &mut Statement<'_>,
        columns: &[String],
        sink: &mut dyn RecordSink,
    ) -> Result<String, SourceError> {
        // of two columns with one name that nobody uses the first is taken
        let places: Vec<usize> = (0..columns.len()).filter(|at| !columns[..*at].contains(&columns[*at])).collect();
        let mut tree: Map<String, Value> = places.iter().map(|at| (columns[*at].clone(), Value::Null)).collect();
        let (mut number, mut hash) = (0, Sha256::new());
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
            number += 1;
            if number > MAX_ROWS {
                return Err(self.of_query(&format!("the query has more than {MAX_ROWS} rows")));
            }
            let mut broken = None;
            for (at, slot) in places.iter().zip(tree.values_mut()) {
                let cell = row.get_ref(*at).map_err(|error| self.failed(&error))?;
                feed(&mut hash, cell);
                match value(cell) {
                    Ok(value) => *slot = value,
                    Err(reason) => broken = Some(reason),
                }
            }
            if sink.record(number, broken.map_or(Record::Tree(&tree), Record::Broken)).is_break() {
                break;
            }
        }
        Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    fn failed(&self, error: &rusqlite::Error) -> SourceError {
        let place = self.place();
        let soon = |message: &str| SourceError::new(RepeatRead::Soon, format!("{place}: {message}"));
        if let rusqlite::Error::MultipleStatement = error {
            return self.of_query("the query must be one SELECT and nothing after it");
        }
        let Some(code) = error.sqlite_error_code() else { return self.of_query(&error.to_string()) };
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                soon("the database is busy: its application is writing")
            }
            ErrorCode::OperationInterrupted => {
                let deadline = crate::duration::write(self.limits.deadline);
                self.of_query(&format!(
                    "the query was stopped after {deadline}: narrow it, add an index, or raise `deadline`"
                ))
            }
            ErrorCode::OutOfMemory => file::exhausted(&self.spec.path),
            ErrorCode::CannotOpen if file::are_descriptors_used_up(&self.spec.path) => file::exhausted(&self.spec.path),
            ErrorCode::CannotOpen | ErrorCode::ReadOnly => self.never(file::COLD_WAL),
            ErrorCode::NotADatabase => self.never("this is not a SQLite database"),
            ErrorCode::AuthorizationForStatementDenied => self.of_query(
                "the query must be one SELECT that only reads (no ATTACH, PRAGMA, writes or unusual functions)",
            ),
            ErrorCode::TooBig => self.of_query(&format!("a value or row is longer than {MAX_VALUE} bytes")),
            ErrorCode::DatabaseCorrupt => self.never(&format!("the database is damaged: {error}")),
            _ => self.of_query(&format!("the query can't be done: {error}")),
        }
    }
}

impl Source for Database {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let as_of = file::modified_at(&self.spec.path);
        let connection = self.open()?;
        let mut statement = self.prepare(&connection)?;
        let columns = names(&statement);
        let header = Header::new(columns.clone());
        demand_columns(&self.place(), &self.wanted, &header).map_err(|error| error.at("query"))?;
        if let Some((name, places)) = self.wanted.doubled(&header) {
            return Err(self.of_query(&two_columns(name, places)));
        }
        self.bind(&mut statement, &WindowTexts::new(window, &self.zone))?;
        let fingerprint = self.rows(&mut statement, &columns, sink)?;
        Ok(ReadReport { columns: Some(columns), as_of, fingerprint, ..ReadReport::default() })
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        let connection = self.open()?;
        let statement = self.prepare(&connection)?;
        Ok(Some(names(&statement)))
    }

    fn framework_in_utc(&self, column: &str) -> Option<&'static str> {
        framework::of(&self.open().ok()?, column)
    }
}

fn names(statement: &Statement<'_>) -> Vec<String> {
    statement.column_names().map(str::to_owned).collect()
}

/// A cell with its type. A blob is text when it is UTF-8, as some applications store it; a short one of other bytes, such as a UUID, is
/// what SQLite's `hex` writes, and a long one null.
fn value(cell: ValueRef<'_>) -> Result<Value, &'static str> {
    Ok(match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        ValueRef::Text(text) => str_value(text).ok_or("it has a text that isn't UTF-8")?,
        ValueRef::Blob(bytes) => plain_text(bytes).or_else(|| hex(bytes)).unwrap_or(Value::Null),
    })
}

/// The text that a blob holds; bytes that happen to be UTF-8 have control characters, as a rule.
fn plain_text(bytes: &[u8]) -> Option<Value> {
    let is_text = !bytes.iter().any(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
    str_value(bytes).filter(|_| is_text)
}

fn hex(bytes: &[u8]) -> Option<Value> {
    /// An id has 16 bytes, a hash 32 or 64.
    const MAX_BYTES: usize = 64;
    let text = || bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    (bytes.len() <= MAX_BYTES).then(|| Value::from(text()))
}

fn str_value(bytes: &[u8]) -> Option<Value> {
    std::str::from_utf8(bytes).ok().map(|text| Value::String(text.to_owned()))
}

fn feed(hash: &mut Sha256, cell: ValueRef<'_>) {
    match cell {
        ValueRef::Null => hash.update(b"n"),
        ValueRef::Integer(number) => {
            hash.update(b"i");
            hash.update(number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            hash.update(b"r");
            hash.update(number.to_le_bytes());
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            hash.update(b"t");
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
}

/// What a query may do: read, and call functions that only compute.
fn judge(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Read { table_name, .. } if is_readable(table_name) => Authorization::Allow,
        AuthAction::Function { function_name } if is_harmless(function_name) => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

/// Whether a table may be read: raw pages and page statistics are no appointments.
fn is_readable(table: &str) -> bool {
    !["sqlite_dbpage", "dbstat"].iter().any(|name| name.eq_ignore_ascii_case(table))
}

/// SQLite's functions that compute from their arguments or a random number; nothing that loads or writes. Those of date
/// and time may not read SQLite's clock (see [`clocks`]).
const HARMLESS_FUNCTIONS: &str = " \
    abs avg char coalesce concat concat_ws count cume_dist date datetime \
    dense_rank first_value format glob group_concat hex if ifnull iif instr julianday lag last_value lead length like \
    likelihood likely lower ltrim match max median min nth_value ntile nullif octet_length percent_rank percentile \
    percentile_cont percentile_disc printf quote random randomblob rank regexp replace round row_number rtrim sign \
    soundex sqlite_version strftime string_agg substr substring sum time timediff total trim typeof unhex unicode \
    unistr unistr_quote unixepoch unlikely upper zeroblob \
    acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power \
    radians sin sinh sqrt tan tanh trunc \
    -> ->> json json_array json_array_insert json_array_length json_error_position json_extract json_group_array \
    json_group_object json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set \
    json_type json_valid jsonb jsonb_array jsonb_array_insert jsonb_extract jsonb_group_array jsonb_group_object \
    jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set \
    bm25 highlight snippet ";

fn is_harmless(function: &str) -> bool {
    let lower = function.to_ascii_lowercase();
    !lower.contains(' ') && HARMLESS_FUNCTIONS.contains(&format!(" {lower} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_raw_tables_are_known_by_their_whole_names() {
        for name in ["DateTime", "->>", "abs", "snippet"] {
            assert!(is_harmless(name), "{name}");
        }
        assert!(is_readable("visits") && !is_readable("SQLITE_dbpage") && !is_readable("dbstat"));
        for name in ["load_extension", "date datetime", "", "writefile", "fts3_tokenizer"] {
            assert!(!is_harmless(name), "{name}");
        }
    }
}
