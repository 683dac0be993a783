//! shell: where appointments are read from. A source is a way to get at them (a file, SQLite, HTTP, posted requests); a format
//! turns bytes into rows.
//! README's *For developers* lists what a new source needs.

use std::sync::Arc;

use jiff::Timestamp;

use crate::appointment::mapping::Mapping;
use crate::formats::{FormatError, Wanted};
use crate::http::Http;
use crate::row::{Column, Header, RecordSink, unseen};
use crate::schedule::{Schedule, SourceSpec};
use crate::settings::Secrets;
use crate::zones::{Zone, Zones};

pub use crate::formats::ReadWindow;
pub use inbox::{PostedRow, PostedRows};

mod computed;
pub mod file;
pub mod http;
mod inbox;
mod series;
pub mod sqlite;

/// What a completed read reports besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// The columns, where the source has a fixed set.
    pub columns: Option<Vec<String>>,
    /// When what was read was last changed (UTC), where the source says so.
    pub as_of: Option<Timestamp>,
    /// A short hash or version of what was read, for the run's row.
    pub fingerprint: String,
    /// Warnings about a read that is used all the same, such as signs that the list may be incomplete.
    pub notes: Vec<String>,
    /// Hints for the author of the schedule; shown by `check --connect` only.
    pub hints: Vec<String>,
}

impl crate::plan::SourceAge for ReadReport {
    fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }
}

/// Why a source can't be read completely. None of its rows is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What failed, where, and the remedy; without secrets and personal data.
    pub message: String,
    /// Whether to read again.
    pub again: RepeatRead,
    /// The key of the source's table that caused the error, unless it is `path` or `url`.
    pub key: Option<&'static str>,
}

/// Whether and when to repeat a failed read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatRead {
    /// The failure may pass (no connection, time-out, 408, 429, 5xx, busy database, a changing or cut file): it is repeated after
    /// 1, 2 and 4 s; if it still fails, the scheduled run waits.
    Soon,
    /// The file doesn't exist: it is not repeated at once, but a scheduled run waits for the file.
    Later,
    /// The failure won't pass by itself: the run fails at once.
    Never,
}

/// A place from which appointments are read.
pub trait Source: Send {
    /// Reads everything once and passes the rows to `sink`. After an error, the caller discards the rows that it already passed.
    /// Blocks; call it on a thread that may.
    ///
    /// # Errors
    /// What [`SourceError`] says.
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError>;

    /// The columns in their order, unnamed ones as empty texts; `None` where only a request over the network would show them.
    ///
    /// # Errors
    /// What [`SourceError`] says.
    fn columns(&self) -> Result<Option<Vec<String>>, SourceError>;

    /// Warnings for `check` that need no read.
    fn doubts(&self) -> Vec<String> {
        Vec::new()
    }

    /// The framework whose database it is and that keeps the times of this column in UTC, as a rule, though nothing in them says so.
    fn framework_in_utc(&self, _column: &str) -> Option<&'static str> {
        None
    }
}

/// What sources need from outside.
#[derive(Clone)]
pub struct SourceTools {
    /// The HTTP client.
    pub http: Http,
    /// Resolves references to secrets.
    pub secrets: Secrets,
    /// The runtime on which HTTP sources run their requests.
    pub runtime: tokio::runtime::Handle,
    /// Answers of HTTP sources that are kept in memory between reads.
    pub answers: http::KeptAnswers,
    /// Where requests are kept that were posted; `None` where there is no ledger.
    pub inbox: Option<Arc<dyn PostedRows>>,
}

/// Opens the schedule's source, with its computed columns and recurrences.
#[must_use]
pub fn open(schedule: &Schedule, tools: SourceTools) -> Box<dyn Source> {
    let mut source = open_as_written(schedule, tools);
    if !schedule.columns.is_empty() {
        source = Box::new(computed::ComputedSource { inner: source, columns: schedule.columns.clone() });
    }
    match &schedule.appointment.recurrence {
        None => source,
        Some(rule) => Box::new(series::SeriesSource::new(source, schedule, rule.clone())),
    }
}

/// A sink that adds the schedule's computed columns to each row, as reading its source does, and passes it on.
pub fn computing<'s>(schedule: &'s Schedule, sink: &'s mut dyn RecordSink) -> impl RecordSink + 's {
    computed::Computing { sink, columns: &schedule.columns }
}

/// Opens the source alone, without computed columns and recurrences.
fn open_as_written(schedule: &Schedule, tools: SourceTools) -> Box<dyn Source> {
    let wanted = wanted(schedule);
    let limits = schedule.limits;
    match &schedule.source {
        SourceSpec::File(spec) => Box::new(file::FileSource::new(spec.clone(), wanted)),
        SourceSpec::Sqlite(spec) => {
            let clock = tools.http.clock().clone();
            let zone = schedule.appointment.source_timezone.as_ref().unwrap_or(&schedule.zone).clone();
            Box::new(sqlite::Database::new(spec.clone(), wanted, zone, limits, clock))
        }
        SourceSpec::Http(spec) => {
            let phones = &schedule.appointment.phone;
            let is_own = phones.iter().all(|column| !is_made(schedule, column.as_str()));
            let alternatives = if is_own { phones.clone() } else { Vec::new() };
            let api = http::Api::new(spec.as_ref().clone(), wanted, schedule.zone.clone(), limits, tools);
            let mapping = Mapping::new(&schedule.appointment, &schedule.zone, &Zones::newest());
            let join_rows = http::JoinRows::new(mapping, &|column| is_made(schedule, column));
            Box::new(api.with_alternatives(alternatives).with_join_rows(join_rows))
        }
        SourceSpec::Inbound(_) => Box::new(inbox::InboxSource::new(schedule.name.clone(), tools.inbox)),
    }
}

/// Every column that the schedule uses, each once.
fn wanted(schedule: &Schedule) -> Wanted {
    let columns = &schedule.appointment;
    let vital = columns.id.iter().chain(&columns.phone).chain(columns.starts_at.columns());
    let names = |columns: Vec<&Column>| {
        let own = columns.into_iter().map(Column::as_str).filter(|name| !is_made(schedule, name));
        own.map(str::to_owned).collect()
    };
    Wanted {
        mapped: names(schedule.mapped_columns()),
        named: schedule.named_columns(),
        cut_matters: names(vital.collect()),
    }
}

/// Whether a column is joined or computed, so that the source itself doesn't have it.
fn is_made(schedule: &Schedule, column: &str) -> bool {
    let outer = column.split('.').next().unwrap_or(column);
    let is_joined = match &schedule.source {
        SourceSpec::Http(http) => http.join_names().any(|name| name == outer),
        SourceSpec::File(_) | SourceSpec::Sqlite(_) | SourceSpec::Inbound(_) => false,
    };
    is_joined || schedule.columns.iter().any(|made| made.name == column || made.name == outer)
}

/// A read window in every notation that queries and addresses can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowTexts {
    /// The range's bounds, the earlier first: RFC 3339 with the schedule's offset.
    pub local: [String; 2],
    /// The bounds, RFC 3339 with `Z`.
    pub utc: [String; 2],
    /// The bounds as wall-clock times of the schedule's zone, in SQLite's notation.
    pub sql_local: [String; 2],
    /// The bounds in UTC, in SQLite's notation.
    pub sql_utc: [String; 2],
    /// The bounds in seconds since 1970.
    pub epoch: [i64; 2],
    /// The run's date.
    pub day: String,
    /// The run's time in UTC, in SQLite's notation.
    pub sql_now_utc: String,
}

impl WindowTexts {
    /// The window's texts; wall-clock times are those of `zone`, in which the source writes its times.
    #[must_use]
    pub fn new(window: &ReadWindow, zone: &Zone) -> Self {
        let bounds = [window.from, window.until];
        let utc = jiff::tz::TimeZone::UTC;
        Self {
            local: bounds.map(|at| zone.rfc3339(at)),
            utc: bounds.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            sql_local: bounds.map(|at| zone.wall(at).strftime("%Y-%m-%d %H:%M:%S").to_string()),
            sql_utc: bounds.map(|at| utc.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()),
            epoch: bounds.map(Timestamp::as_second),
            day: window.day.to_string(),
            sql_now_utc: utc.to_datetime(window.now).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        }
    }
}

impl std::fmt::Debug for SourceTools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceTools")
    }
}

impl SourceError {
    /// Escapes invisible characters in the message, because it may quote a source's content.
    fn new(again: RepeatRead, message: impl AsRef<str>) -> Self {
        Self { message: unseen::shown(message.as_ref()).into_owned(), again, key: None }
    }

    fn of_format(place: &str, error: &FormatError) -> Self {
        let again = if error.may_pass { RepeatRead::Soon } else { RepeatRead::Never };
        Self { key: error.key, ..Self::new(again, format!("{place}: {}", error.message)) }
    }

    /// Adds the key of the source's table that caused the error.
    fn at(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }
}

/// Checks that the source has every mapped column.
fn demand_columns(place: &str, wanted: &Wanted, have: &Header) -> Result<(), SourceError> {
    match wanted.mapped.iter().find(|column| have.place(column).is_none()) {
        None => Ok(()),
        Some(column) => Err(SourceError::new(
            RepeatRead::Never,
            format!("{place}: there is no column `{column}`; there are: {}", have.names().join(", ")),
        )),
    }
}
