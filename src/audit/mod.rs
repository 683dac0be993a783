//! pure: the log for people: events, filters, one appointment's story; shared by terminal, page and export.

pub mod entry;
pub mod export;
mod safe;
pub mod story;
pub mod times;
pub mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reminder::{ReminderId, RunId};
pub use entry::{AuditRow, Entry, LoggedPhone};
pub use safe::{cell, escape, is_treacherous, json, one_line};

macro_rules! events {
    ($($(#[$meta:meta])* $variant:ident => $word:literal,)+) => {
        /// What an audit row reports: a closed set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event { $($(#[$meta])* $variant,)+ }
        impl Event {
            /// Every event.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The word in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

events! {
    /// A run begins.
    RunStarted => "run.started",
    /// A run is over; `reason` = `failed` when it failed.
    RunFinished => "run.finished",
    /// A guard held it.
    RunHeld => "run.held",
    /// Its time passed while nobody was there.
    RunMissed => "run.missed",
    /// Left out on purpose (`paused`, `overlap`).
    RunSkipped => "run.skipped",
    /// Planned for the first time, again after a cancellation, or by another phone.
    ReminderPlanned => "reminder.planned",
    /// A row in the window that isn't called.
    ReminderSkipped => "reminder.skipped",
    /// What a shadow schedule would have called.
    ReminderShadowed => "reminder.shadowed",
    /// Pending no more: gone, cancelled or moved.
    ReminderCancelled => "reminder.cancelled",
    /// Not sent in time.
    ReminderExpired => "reminder.expired",
    /// Committed before the first byte leaves.
    DeliveryIntent => "delivery.intent",
    /// Accepted by the other side.
    DeliveryDelivered => "delivery.delivered",
    /// Refused for now; it is tried again.
    DeliveryRefused => "delivery.refused",
    /// Refused for good.
    DeliveryFailed => "delivery.failed",
    /// Fate unknown.
    DeliveryUncertain => "delivery.uncertain",
    /// Given up.
    DeliveryDropped => "delivery.dropped",
    /// What became of a call.
    OutcomeReceived => "outcome.received",
    /// The contact step is done, the call comes next. (Earlier versions wrote `outcome.received`, reason `contact_ready`.)
    DeliveryPrepared => "delivery.prepared",
    /// A held run was let go.
    OperatorApproved => "operator.approved",
    /// A held run was ended.
    OperatorRejected => "operator.rejected",
    /// A person settled what nobody else could know.
    OperatorResolved => "operator.resolved",
    /// A person cancelled a pending reminder: no run plans it again.
    OperatorCancelled => "operator.cancelled",
    /// Paused.
    OperatorPaused => "operator.paused",
    /// Resumed.
    OperatorResumed => "operator.resumed",
    /// A person was erased.
    OperatorForgot => "operator.forgot",
    /// Old rows were removed.
    OperatorPruned => "operator.pruned",
    /// The log was exported.
    OperatorExported => "operator.exported",
    /// Whole phone numbers were shown.
    OperatorRevealed => "operator.revealed",
    /// The service is up.
    ServiceStarted => "service.started",
    /// The service ends.
    ServiceStopped => "service.stopped",
    /// What a crash left was found.
    ServiceRecovered => "service.recovered",
    /// A schedule file was taken.
    ConfigLoaded => "config.loaded",
    /// A schedule file was refused.
    ConfigRejected => "config.rejected",
    /// The wall clock stepped.
    ClockJumped => "clock.jumped",
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Event {
    type Err = crate::reminder::UnknownWord;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|event| event.as_str() == text)
            .ok_or_else(|| crate::reminder::UnknownWord { what: "audit event", word: text.to_owned() })
    }
}

impl Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Which rows of the log are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// At or after (UTC).
    pub since: Option<Timestamp>,
    /// Before (UTC).
    pub until: Option<Timestamp>,
    /// Of that schedule.
    pub schedule: Option<String>,
    /// Of that event, or a family (`delivery`).
    pub event: Option<String>,
    /// With that reason.
    pub reason: Option<String>,
    /// Of that appointment.
    pub appointment: Option<String>,
    /// Of that phone, E.164 (matched by its keyed hash).
    pub phone: Option<String>,
    /// Of that run.
    pub run: Option<RunId>,
    /// Of that reminder.
    pub reminder: Option<ReminderId>,
    /// At most so many.
    pub limit: Option<u64>,
    /// Whether `limit` means the newest; they are answered oldest first all the same.
    #[serde(default)]
    pub newest: bool,
    /// Only rows after that sequence number: how pages go on.
    pub after_seq: Option<u64>,
}
