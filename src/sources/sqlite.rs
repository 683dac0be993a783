//! shell: one SELECT on somebody else's SQLite file, which stays untouched: read-only, one statement, bounded in time
//! and size, with an authorizer that knows what reading is.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::ffi::ErrorCode;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use super::{Again, ReadReport, ReadWindow, Source, SourceError, WindowTexts, demand_columns};
use crate::clock::SharedClock;
use crate::disk::{self, Links};
use crate::row::{Record, RecordSink};
use crate::schedule::SqliteSpec;
use crate::zones::Zone;

/// A query that takes longer is stopped.
const LONGEST_QUERY: Duration = Duration::from_secs(20);
/// How often the time is looked at, in steps of SQLite's machine.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;
/// A writer that holds the file this long makes it busy.
const BUSY: Duration = Duration::from_millis(500);
/// The longest text, blob or row, in bytes.
const LONGEST_VALUE: i32 = 16 << 20;
/// Rows of a query.
const MAX_ROWS: u64 = 10_000_000;

/// Why a database can't be read without harm or at all, and what to do.
const COLD_WAL: &str = "the database can't be opened for reading: it is in WAL mode (or was left in the middle of a change) \
    and nobody has it open, so SQLite needs to make its `-wal` and `-shm` files beside it: let its application keep it open, \
    or run this program as the file's owner with the right to write in that folder, or read a copy";

/// The names a query may bind.
const NAMES: &str = ":from, :until, :from_utc, :until_utc, :from_epoch, :until_epoch, :day";

/// `[source.sqlite]`.
#[derive(Debug)]
pub struct Database {
    spec: SqliteSpec,
    mapped: Vec<String>,
    zone: Option<Zone>,
    clock: SharedClock,
}

impl Database {
    /// A query whose result must have the `mapped` columns; wall-clock bounds are written for `zone`.
    #[must_use]
    pub fn new(spec: SqliteSpec, mapped: Vec<String>, zone: Zone, clock: SharedClock) -> Self {
        Self { spec, mapped, zone: Some(zone), clock }
    }

    /// A query that is read by [`Database::read_window`] alone.
    #[must_use]
    pub fn without_zone(spec: SqliteSpec, mapped: Vec<String>, clock: SharedClock) -> Self {
        Self { spec, mapped, zone: None, clock }
    }

    /// As [`Source::read`], with the window already written out.
    ///
    /// # Errors
    /// As [`SourceError`] says.
    pub fn read_window(&self, texts: &WindowTexts, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let connection = self.open()?;
        let mut statement = self.prepare(&connection)?;
        let columns = names(&statement);
        demand_columns(&self.place(), &self.mapped, &columns)?;
        self.bind(&mut statement, texts)?;
        let fingerprint = self.rows(&mut statement, &columns, sink)?;
        Ok(ReadReport { columns: Some(columns), fingerprint })
    }

    fn place(&self) -> String {
        self.spec.path.display().to_string()
    }

    fn never(&self, message: &str) -> SourceError {
        SourceError::new(Again::Never, format!("{}: {message}", self.place()))
    }

    fn open(&self) -> Result<Connection, SourceError> {
        disk::check_database(&self.spec.path)
            .map_err(|(place, special)| SourceError::new(Again::Never, format!("{}: {special}", place.display())))?;
        match std::fs::metadata(&self.spec.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(SourceError::new(Again::Later, format!("{}: the file isn't there", self.place())));
            }
            Err(error) => return Err(self.never(&format!("the file can't be read: {}", error.kind()))),
            Ok(facts)
                if self.is_cold_wal() && !may_make_companions(rustix::process::geteuid().as_raw(), facts.uid()) =>
            {
                return Err(self.never(COLD_WAL));
            }
            Ok(_) => {}
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&self.spec.path, flags);
        opened.and_then(|connection| self.restrain(connection)).map_err(|error| self.failed(&error))
    }

    /// In WAL mode (bytes 18 and 19 of the header are 2), and nobody has it open.
    fn is_cold_wal(&self) -> bool {
        let mut header = [0; 20];
        let is_read =
            disk::open(&self.spec.path, Links::Followed).and_then(|mut file| file.read_exact(&mut header)).is_ok();
        let mut companion = self.spec.path.clone().into_os_string();
        companion.push("-shm");
        is_read && header[18..] == [2, 2] && !Path::new(&companion).exists()
    }

    fn restrain(&self, mut connection: Connection) -> rusqlite::Result<Connection> {
        connection.busy_timeout(BUSY)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "query_only", true)?;
        for (limit, most) in [
            (Limit::SQLITE_LIMIT_ATTACHED, 0),
            (Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE),
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
        let stop_at = clock.monotonic() + LONGEST_QUERY;
        connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || clock.monotonic() >= stop_at))?;
        connection.authorizer(Some(judge))?;
        Ok(connection)
    }

    fn prepare<'c>(&self, connection: &'c Connection) -> Result<Statement<'c>, SourceError> {
        let statement = connection.prepare(&self.spec.query).map_err(|error| self.failed(&error))?;
        if !statement.readonly() || statement.is_explain() != 0 || statement.column_count() == 0 {
            return Err(self.never("the query must be one SELECT"));
        }
        Ok(statement)
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
                Some(other) => return Err(self.never(&format!("the query names `{other}`; it may name {NAMES}"))),
                None => return Err(self.never(&format!("the query has a nameless `?`; it may name {NAMES}"))),
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
        // of two columns with one name the first is meant
        let places: Vec<usize> = (0..columns.len()).filter(|at| !columns[..*at].contains(&columns[*at])).collect();
        let mut tree: Map<String, Value> = places.iter().map(|at| (columns[*at].clone(), Value::Null)).collect();
        let (mut number, mut hash) = (0, Sha256::new());
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
            number += 1;
            if number > MAX_ROWS {
                return Err(self.never(&format!("the query has more than {MAX_ROWS} rows")));
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
        let soon = |message: &str| SourceError::new(Again::Soon, format!("{place}: {message}"));
        if let rusqlite::Error::MultipleStatement = error {
            return self.never("the query must be one SELECT and nothing after it");
        }
        let Some(code) = error.sqlite_error_code() else { return self.never(&error.to_string()) };
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                soon("the database is busy: its application is writing")
            }
            ErrorCode::OperationInterrupted => self.never(&format!(
                "the query was stopped after {} s: narrow it, or add an index",
                LONGEST_QUERY.as_secs()
            )),
            ErrorCode::CannotOpen | ErrorCode::ReadOnly => self.never(COLD_WAL),
            ErrorCode::NotADatabase => self.never("this is no SQLite database"),
            ErrorCode::AuthorizationForStatementDenied => self
                .never("the query must be one SELECT that only reads (no ATTACH, PRAGMA, writes or unusual functions)"),
            ErrorCode::TooBig => self.never(&format!("a value or row is longer than {LONGEST_VALUE} bytes")),
            _ => self.never(&format!("the query can't be done: {error}")),
        }
    }
}

impl Source for Database {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let zone = self.zone.as_ref().ok_or_else(|| self.never("this source was opened without a zone"))?;
        self.read_window(&WindowTexts::new(window, zone), sink)
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        let connection = self.open()?;
        let statement = self.prepare(&connection)?;
        Ok(Some(names(&statement)))
    }
}

/// Whether the `-wal` and `-shm` files that reading makes would still be its application's to write. SQLite gives them to
/// the database's owner when root makes them; made by somebody else they would lock the application out.
fn may_make_companions(user: u32, owner: u32) -> bool {
    user == 0 || user == owner
}

fn names(statement: &Statement<'_>) -> Vec<String> {
    statement.column_names().map(str::to_owned).collect()
}

/// A cell with its type. A blob is text when it is UTF-8, as some applications store it, and null otherwise.
fn value(cell: ValueRef<'_>) -> Result<Value, &'static str> {
    Ok(match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        ValueRef::Text(text) => str_value(text).ok_or("it has a text that isn't UTF-8")?,
        ValueRef::Blob(bytes) => str_value(bytes).unwrap_or(Value::Null),
    })
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

/// Raw pages and page statistics are no appointments.
fn is_readable(table: &str) -> bool {
    !["sqlite_dbpage", "dbstat"].iter().any(|name| name.eq_ignore_ascii_case(table))
}

/// SQLite's functions that compute from their arguments, the clock or a random number; nothing that loads or writes.
const HARMLESS: &str = " \
    abs avg char coalesce concat concat_ws count cume_dist current_date current_time current_timestamp date datetime \
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
    !lower.contains(' ') && HARMLESS.contains(&format!(" {lower} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_and_root_make_files_beside_a_database() {
        assert!(may_make_companions(0, 1000) && may_make_companions(1000, 1000));
        assert!(!may_make_companions(1001, 1000));
    }

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
