//! pure: the log for people: events, filters, one appointment's story; shared by terminal, page and export.

pub mod entry;
mod escape;
pub mod export;
pub mod fates;
pub mod stats;
pub mod story;
pub mod times;
pub mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::personal::Personal;
use crate::reminder::{ReminderId, RunId};
pub use entry::{AuditRow, Entry, LoggedPhone};
pub use escape::{cell, escape, is_treacherous, json, one_line};

macro_rules! events {
    ($($(#[doc = $meaning:literal])+ $variant:ident => $word:literal,)+) => {
        /// What an audit row reports: a closed set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Event { $($(#[doc = $meaning])+ $variant,)+ }
        impl Event {
            /// Every event.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The word in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
            /// What it records, in one sentence for the reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+),)+ }
            }
        }
    };
}

events! {
    /// A run begins.
    RunStarted => "run.started",
    /// A run ended; its `reason` is `failed` when it failed.
    RunFinished => "run.finished",
    /// A guard held a run: nobody is called until a person decides.
    RunHeld => "run.held",
    /// A run's time passed while no service was running.
    RunMissed => "run.missed",
    /// A run was left out on purpose; `reason` is `paused` or `overlap`.
    RunSkipped => "run.skipped",
    /// A reminder was planned: for the first time, again after a cancellation or a trial, or with another phone.
    ReminderPlanned => "reminder.planned",
    /// An appointment in the window is not called; `reason` says why.
    ReminderSkipped => "reminder.skipped",
    /// A schedule in shadow mode would have called.
    ReminderShadowed => "reminder.shadowed",
    /// A pending reminder was cancelled: its appointment is gone, cancelled or moved.
    ReminderCancelled => "reminder.cancelled",
    /// A pending reminder was not sent in time.
    ReminderExpired => "reminder.expired",
    /// An attempt begins; this row is on disk before the first byte leaves.
    DeliveryIntent => "delivery.intent",
    /// The target accepted the reminder.
    DeliveryDelivered => "delivery.delivered",
    /// The target refused for now, or could not be reached; it is retried.
    DeliveryRefused => "delivery.refused",
    /// The target refused for good.
    DeliveryFailed => "delivery.failed",
    /// A request may have arrived; nobody can know.
    DeliveryUncertain => "delivery.uncertain",
    /// The reminder was given up.
    DeliveryDropped => "delivery.dropped",
    /// What became of a call.
    OutcomeReceived => "outcome.received",
    /// A record of a call belongs to no reminder; `reason` says why.
    OutcomeUnmatched => "outcome.unmatched",
    /// No report of a call came in time: it is `unreported`, until a later one says more.
    OutcomeMissing => "outcome.missing",
    /// An outcome was written back.
    WriteBackSent => "write_back.sent",
    /// An outcome could not be written back: it was refused, or a day of retries is over.
    WriteBackFailed => "write_back.failed",
    /// An outcome is not written back: its appointment has changed, or a newer outcome came; `reason` says which.
    WriteBackDropped => "write_back.dropped",
    /// The canary, a call to the operator, is about to be sent.
    CanarySent => "canary.sent",
    /// A record of the canary's call came.
    CanaryHeard => "canary.heard",
    /// Nothing was heard of the canary in time, or its request was not accepted; `reason` says which.
    CanarySilent => "canary.silent",
    /// The contact step is done, the call comes next. (Earlier versions wrote `outcome.received`, reason `contact_ready`.)
    DeliveryPrepared => "delivery.prepared",
    /// A request was posted to the service: a new one, or with the reason `renewed` or `refused`.
    InboundReceived => "inbound.received",
    /// A held run was let go.
    OperatorApproved => "operator.approved",
    /// A held run was ended.
    OperatorRejected => "operator.rejected",
    /// A person settled what nobody else could know.
    OperatorResolved => "operator.resolved",
    /// A person said what became of a call.
    OperatorOutcome => "operator.outcome",
    /// A person had somebody called again.
    OperatorRetried => "operator.retried",
    /// A person cancelled a pending reminder: no run plans it again.
    OperatorCancelled => "operator.cancelled",
    /// Sending was paused: everything, a schedule, its target, or an account.
    OperatorPaused => "operator.paused",
    /// A pause ended.
    OperatorResumed => "operator.resumed",
    /// A number was put on the opt-out list: no schedule calls it any more. With the reason `wrong_number`: somebody else answered.
    OptoutAdded => "optout.added",
    /// A number was taken off the opt-out list.
    OptoutRemoved => "optout.removed",
    /// A person's data were erased.
    OperatorForgot => "operator.forgot",
    /// Old payloads or old rows were removed.
    OperatorPruned => "operator.pruned",
    /// The audit log was exported.
    OperatorExported => "operator.exported",
    /// Whole phone numbers were shown.
    OperatorRevealed => "operator.revealed",
    /// A person got a token for the page.
    PageTokenAdded => "page.token_added",
    /// A token for the page was removed: whoever had it is signed out.
    PageTokenRemoved => "page.token_removed",
    /// Somebody signed in at the page.
    PageSignedIn => "page.signed_in",
    /// The service started.
    ServiceStarted => "service.started",
    /// The service stopped.
    ServiceStopped => "service.stopped",
    /// Reminders that a crash or a restored copy left in doubt were found.
    ServiceRecovered => "service.recovered",
    /// A version of a schedule file was loaded.
    ConfigLoaded => "config.loaded",
    /// A schedule file was refused.
    ConfigRejected => "config.rejected",
    /// The machine's clock jumped.
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

/// The conditions that rows of the log have to meet to be listed; what is not set selects nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// Rows written at or after this (UTC).
    pub since: Option<Timestamp>,
    /// Rows written before this (UTC).
    pub until: Option<Timestamp>,
    /// Rows about this schedule.
    pub schedule: Option<String>,
    /// Rows of this event, or of a family of events (`delivery`).
    pub event: Option<String>,
    /// Rows with this reason.
    pub reason: Option<String>,
    /// Rows about this appointment.
    pub appointment: Option<String>,
    /// Rows about this phone, E.164 (matched by its keyed hash).
    pub phone: Option<Personal>,
    /// Rows about the phone with this keyed hash (hex), where the number itself must not be named.
    #[serde(default)]
    pub phone_mark: Option<String>,
    /// Rows of this run.
    pub run: Option<RunId>,
    /// Rows of one of these runs; an empty list selects nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
    /// Rows about this reminder.
    pub reminder: Option<ReminderId>,
    /// Rows with these numbers; an empty list selects nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seqs: Vec<u64>,
    /// The largest number of rows; all when absent.
    pub limit: Option<u64>,
    /// Whether `limit` means the newest; they are answered oldest first all the same.
    #[serde(default)]
    pub newest: bool,
    /// Only rows after that sequence number: how pages go on.
    pub after_seq: Option<u64>,
    /// Only rows before that sequence number: how pages of the newest go on, and where an export ends.
    #[serde(default)]
    pub before_seq: Option<u64>,
}
