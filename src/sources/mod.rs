//! shell: where bytes come from. To add a source: its file here, a variant in [`crate::schedule::SourceSpec`], an arm
//! in [`open`].

use jiff::Timestamp;
use jiff::civil::Date;

use crate::appointment::{AppointmentColumns, StartColumns};
use crate::formats::FormatError;
use crate::http::Http;
use crate::row::{Column, RecordSink};
use crate::schedule::{Schedule, SourceSpec};
use crate::settings::Secrets;
use crate::zones::Zone;

pub mod file;
pub mod http;
pub mod sqlite;

/// What a read binds: the run's date and the half-open range of starts that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadWindow {
    /// From the first instant of a day in the schedule's zone (UTC).
    pub from: Timestamp,
    /// To the first instant of a day in the schedule's zone (UTC), exclusive.
    pub until: Timestamp,
    /// The run's nominal date.
    pub day: Date,
}

/// What a complete read says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadReport {
    /// The columns, where the source has a fixed set.
    pub columns: Option<Vec<String>>,
    /// A short hash or version of what was read, for the run's row.
    pub fingerprint: String,
}

/// A source that can't be read whole. No row of it is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What, where and the remedy; no secrets, no personal data.
    pub message: String,
    /// What to do about it by itself.
    pub again: Again,
}

/// Whether a failed read may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No connection, time-out, 408, 429, 5xx, busy database, a changing or cut file: read again after 1, 2 and 4 s,
    /// then the scheduled run waits.
    Soon,
    /// The file isn't there: not read again at once, but a scheduled run waits for it.
    Later,
    /// It fails at once.
    Never,
}

/// Somewhere appointments come from.
pub trait Source: Send {
    /// Reads everything once, whole or not at all: rows given to `sink` before an error are to be thrown away.
    /// Blocking; called on a thread that may block.
    ///
    /// # Errors
    /// As [`SourceError`] says.
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError>;
    /// The columns, where they can be told without a network (`check`); `None` where not.
    ///
    /// # Errors
    /// As [`SourceError`] says.
    fn columns(&self) -> Result<Option<Vec<String>>, SourceError>;
}

/// What sources need from outside.
#[derive(Debug, Clone)]
pub struct SourceTools {
    /// The one way out.
    pub http: Http,
    /// Where secrets live.
    pub secrets: Secrets,
    /// The runtime that HTTP sources block on.
    pub runtime: tokio::runtime::Handle,
}

/// The schedule's source.
#[must_use]
pub fn open(schedule: &Schedule, tools: SourceTools) -> Box<dyn Source> {
    let mapped = mapped_columns(&schedule.appointment);
    match &schedule.source {
        SourceSpec::Csv(spec) => Box::new(file::TextFile::new(spec.clone(), mapped)),
        SourceSpec::Sqlite(spec) => {
            let clock = tools.http.clock().clone();
            Box::new(sqlite::Database::new(spec.clone(), mapped, schedule.zone.clone(), clock))
        }
        SourceSpec::Http(spec) => Box::new(http::Api::new(spec.as_ref().clone(), mapped, schedule.zone.clone(), tools)),
    }
}

/// Every column that `[appointment]` names, each once.
fn mapped_columns(columns: &AppointmentColumns) -> Vec<String> {
    let start: Vec<&Column> = match &columns.starts_at {
        StartColumns::One(column) => vec![column],
        StartColumns::DateAndTime { date, time } => vec![date, time],
    };
    let others = [
        &columns.timezone,
        &columns.recipient_timezone,
        &columns.status,
        &columns.person,
        &columns.language,
        &columns.do_not_call,
        &columns.consent,
    ];
    let mut names: Vec<String> = Vec::new();
    for column in columns.id.iter().chain(&columns.phone).chain(start).chain(others.into_iter().flatten()) {
        if !names.iter().any(|name| name == column.as_str()) {
            names.push(column.as_str().to_owned());
        }
    }
    names
}

/// A read window in the forms that queries and addresses take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowTexts {
    /// The range's bounds, the earlier first: RFC 3339 with the schedule's offset.
    pub local: [String; 2],
    /// The bounds, RFC 3339 with `Z`.
    pub utc: [String; 2],
    /// The bounds on the schedule's wall clock, in the form SQLite's own functions write.
    pub sql_local: [String; 2],
    /// The bounds in UTC, in the form SQLite's own functions write.
    pub sql_utc: [String; 2],
    /// The bounds in seconds since 1970.
    pub epoch: [i64; 2],
    /// The run's date.
    pub day: String,
}

impl WindowTexts {
    /// Writes a window for a schedule's zone.
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
        }
    }
}

impl SourceError {
    fn new(again: Again, message: impl Into<String>) -> Self {
        Self { message: message.into(), again }
    }

    fn of_format(place: &str, error: &FormatError) -> Self {
        let again = if error.may_pass { Again::Soon } else { Again::Never };
        Self::new(again, format!("{place}: {}", error.message))
    }
}

/// Demands that every mapped column is among those a source has.
fn demand_columns(place: &str, mapped: &[String], have: &[String]) -> Result<(), SourceError> {
    match mapped.iter().find(|column| !have.contains(column)) {
        None => Ok(()),
        Some(column) => Err(SourceError::new(
            Again::Never,
            format!("{place}: there is no column `{column}`; there are: {}", have.join(", ")),
        )),
    }
}
