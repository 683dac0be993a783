//! pure: a row becomes an appointment, or a reason why not.

pub mod cell;
pub mod dates;
pub mod flags;
pub mod ids;
pub mod mapping;
pub mod phone;

#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::personal::Personal;
use crate::row::Column;
use crate::template::Template;
use crate::zones::Zone;

/// `[appointment]`: the column of each value.
#[derive(Debug, Clone)]
pub struct AppointmentColumns {
    /// The column of the id, or several whose values are joined.
    pub id: Vec<Column>,
    /// The phone columns: the first usable number is taken.
    pub phone: Vec<Column>,
    /// Region of national numbers, such as `US`.
    pub default_region: Option<String>,
    /// The start.
    pub starts_at: StartColumns,
    /// How the start is written.
    pub date_format: DateFormat,
    /// The column with the zone in which the start is written.
    pub timezone: Option<Column>,
    /// The zone in which starts are written that have neither an offset nor a zone of their row; the schedule's unless set.
    pub source_timezone: Option<Zone>,
    /// The column with the recipient's zone.
    pub recipient_timezone: Option<Column>,
    /// The column that `statuses` applies to.
    pub status: Option<Column>,
    /// The appointment's name in lists.
    pub label: Option<Template>,
    /// The column that identifies the person; the phone unless set.
    pub person: Option<Column>,
    /// The column with the person's language (BCP 47 tag).
    pub language: Option<Column>,
    /// The opt-out column: anything but an empty cell or a known no opts out.
    pub do_not_call: Option<Column>,
    /// The consent column: anything but a known yes is no consent.
    pub consent: Option<Column>,
    /// The column with a recurrence rule.
    pub recurrence: Option<Column>,
    /// The column with the dates on which the series doesn't happen.
    pub recurrence_exceptions: Option<Column>,
    /// The column that distinguishes the occurrences of a series; `None` where rows aren't occurrences.
    pub occurrence: Option<Column>,
    /// The column with the time before which a request is not called.
    pub call_at: Option<Column>,
    /// The column with the time after which it is not called any more.
    pub expires: Option<Column>,
    /// The column that says which calls come first.
    pub priority: Option<Column>,
}

/// When a row wants its call, besides what its start says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallTimes {
    /// The call is not made before this (UTC).
    pub call_at: Option<Timestamp>,
    /// The call is not made after this (UTC).
    pub expires: Option<Timestamp>,
}

/// The column or columns of the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartColumns {
    /// One column.
    One(Column),
    /// Two, joined by a blank before `date_format` reads them.
    DateAndTime {
        /// The date.
        date: Column,
        /// The time of day.
        time: Column,
    },
    /// No column: the start of a request is the moment of its receipt.
    Receipt,
}

impl StartColumns {
    /// The columns it consists of.
    #[must_use]
    pub fn columns(&self) -> Vec<&Column> {
        match self {
            Self::One(column) => vec![column],
            Self::DateAndTime { date, time } => vec![date, time],
            Self::Receipt => Vec::new(),
        }
    }
}

/// How starts are written. Nothing is guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DateFormat {
    /// ISO 8601, `T` or blank, offset or none.
    Iso,
    /// strftime patterns, tried in order.
    Patterns(Vec<String>),
    /// Serial numbers of a spreadsheet (1900 date system).
    Excel,
    /// Seconds since 1970.
    Epoch,
    /// Milliseconds since 1970, also as `/Date(…)/`.
    EpochMs,
}

/// A start as read: an instant when the text carried an offset, else a wall-clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartText {
    /// It carried an offset.
    Instant(Timestamp),
    /// It carried none.
    Wall(jiff::civil::DateTime),
}

/// An appointment's start in its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The instant (UTC).
    pub at: Timestamp,
    /// Whether the wall clock shows this time twice; the first pass was taken.
    pub is_ambiguous: bool,
}

/// A usable phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// `+15551234567`.
    pub e164: Personal,
    /// E.164 and of possible length, but in no assigned range.
    pub is_unassigned: bool,
    /// A landline that was written without the 0 of its area code: it may be a number without its area code, too.
    pub lacks_zero: bool,
}

/// Why no phone column is usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneProblem {
    /// Nothing in any column.
    Missing,
    /// No usable number, though a column isn't empty; a sentence with the remedy. It contains phone numbers only where a text may
    /// mean two of them.
    Invalid(String),
}
