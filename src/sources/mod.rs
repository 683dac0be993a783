//! shell: where bytes come from. To add a source: its file here, a variant in [`crate::schedule::SourceSpec`], an arm
//! in [`open`].

use jiff::Timestamp;
use jiff::civil::Date;

use crate::http::Http;
use crate::row::RecordSink;
use crate::schedule::Schedule;
use crate::settings::Secrets;

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
pub fn open(_schedule: &Schedule, _tools: SourceTools) -> Box<dyn Source> {
    todo!()
}
