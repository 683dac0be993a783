//! pure: the vocabulary that every stage shares: reminders, their keys, states, and the reasons why nobody is called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Identifies one reminder for its whole life: a UUIDv7, sent as `Idempotency-Key` and usable in payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReminderId(pub Uuid);

/// Identifies one run of a schedule: a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

/// A text that is no id of a reminder or a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an id looks like 01a20d74-fb00-79d2-8af1-139fd9830846; `tickler audit` and `tickler uncertain list` show them"
)]
pub struct NoId;

macro_rules! uuid_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = NoId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self).map_err(|_| NoId)
            }
        }
    };
}
uuid_text!(ReminderId);
uuid_text!(RunId);

/// Makes a UUIDv7 from an instant and ten random bytes (RFC 9562, section 5.7).
#[must_use]
pub fn uuid_v7(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// When a reminder is due, and which call of its chain it is: `1d`, and `1d+1` for the first retry of that call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lead {
    /// How long before the appointment the chain's first call is due.
    pub before: LeadTime,
    /// 0 for the chain's first call, 1 for its first retry.
    pub retry: u8,
}

/// How long before the appointment a call is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeadTime {
    /// Calendar days in the schedule's zone, counted from the run's nominal date; written `1d`.
    Days(u32),
    /// Exact hours before the start; written `24h`.
    Hours(u32),
    /// As soon as the request for it is received; written `now`.
    Now,
}

impl Lead {
    /// The lead of a request: it is due as soon as it is received.
    pub const NOW: Self = Self { before: LeadTime::Now, retry: 0 };

    /// The lead of this many calendar days before the start.
    #[must_use]
    pub const fn days(days: u32) -> Self {
        Self { before: LeadTime::Days(days), retry: 0 }
    }

    /// The lead of this many hours before the start.
    #[must_use]
    pub const fn hours(hours: u32) -> Self {
        Self { before: LeadTime::Hours(hours), retry: 0 }
    }

    /// The retry with this number in the same chain; 0 is the chain's first call.
    #[must_use]
    pub const fn at_retry(self, retry: u8) -> Self {
        Self { before: self.before, retry }
    }

    /// Whether it is a retry.
    #[must_use]
    pub const fn is_retry(self) -> bool {
        self.retry > 0
    }

    /// What kind of call it is.
    #[must_use]
    pub const fn kind(self) -> CallKind {
        match self.before {
            LeadTime::Days(_) | LeadTime::Hours(_) => CallKind::Reminder,
            LeadTime::Now => CallKind::Request,
        }
    }
}

/// What a call is for. A person's calls of the day are counted for each kind apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallKind {
    /// It reminds of an appointment.
    Reminder,
    /// Somebody asked for it.
    Request,
}

/// The order in which calls of an account are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before every normal one.
    High,
    /// By its start.
    #[default]
    Normal,
}

impl Priority {
    /// What a row says: `high` and `urgent` in any case are high, everything else is normal.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        let word = word.trim();
        if ["high", "urgent"].iter().any(|high| word.eq_ignore_ascii_case(high)) { Self::High } else { Self::Normal }
    }
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.before {
            LeadTime::Days(days) => write!(f, "{days}d")?,
            LeadTime::Hours(hours) => write!(f, "{hours}h")?,
            LeadTime::Now => f.write_str("now")?,
        }
        if self.is_retry() { write!(f, "+{}", self.retry) } else { Ok(()) }
    }
}

/// A text that is no lead (`1d`, `24h`, `now`, `1d+1`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid lead: write days as `1d`, hours as `24h`, a retry as `1d+1`")]
pub struct NoLead(String);

impl FromStr for Lead {
    type Err = NoLead;
    fn from_str(text: &str) -> Result<Self, NoLead> {
        let no_lead = || NoLead(text.to_owned());
        let (first, retry) = match text.split_once('+') {
            Some((first, retry)) => (first, retry.parse::<std::num::NonZeroU8>().map_err(|_| no_lead())?.get()),
            None => (text, 0),
        };
        if first == "now" {
            return Ok(Self::NOW.at_retry(retry));
        }
        let split = first.len().checked_sub(1).filter(|at| first.is_char_boundary(*at)).ok_or_else(no_lead)?;
        let count: u32 = first[..split].parse().map_err(|_| no_lead())?;
        match &first[split..] {
            "d" => Ok(Self::days(count).at_retry(retry)),
            "h" => Ok(Self::hours(count).at_retry(retry)),
            _ => Err(no_lead()),
        }
    }
}

impl Serialize for Lead {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lead {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What makes two reminders the same: neither the phone nor any other column is part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReminderKey {
    /// The schedule's name, shared by many keys.
    pub schedule: Arc<str>,
    /// The appointment's id, as text.
    pub appointment_id: String,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// The lead before the start.
    pub lead: Lead,
}

macro_rules! word_enum {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The word used in files, JSON, the ledger and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
                    .ok_or_else(|| UnknownWord { what: $what, word: text.to_owned() })
            }
        }
    };
}

/// A word that is not one of a closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what}")]
pub struct UnknownWord {
    /// The name of the set of words, for people.
    pub what: &'static str,
    /// The word that isn't in it.
    pub word: String,
}

word_enum! {
    /// Where a reminder stands. `delivered`, `failed`, `expired`, `cancelled`, `dropped` are terminal.
    State, "state of a reminder" {
        /// Planned; not sent, and nothing of it is under way.
        Pending => "pending",
        /// Its intent is committed; a request may be on its way.
        Sending => "sending",
        /// Accepted by the other side; proves no ringing phone.
        Delivered => "delivered",
        /// Refused for good.
        Failed => "failed",
        /// A call may have been placed; nobody can know but a person.
        Uncertain => "uncertain",
        /// It was not sent in time.
        Expired => "expired",
        /// Gone, cancelled or moved in the source before anything was sent.
        Cancelled => "cancelled",
        /// Attempts used up, or given up by an operator.
        Dropped => "dropped",
    }
}

impl State {
    /// Whether nothing leaves this state by itself.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Sending | Self::Uncertain => false,
            Self::Delivered | Self::Failed | Self::Expired | Self::Cancelled | Self::Dropped => true,
        }
    }

    /// Whether a reminder in this state takes one of its person's calls of the day.
    #[must_use]
    pub const fn counts_for_person(self) -> bool {
        match self {
            Self::Pending | Self::Sending | Self::Delivered | Self::Uncertain => true,
            Self::Failed | Self::Expired | Self::Cancelled | Self::Dropped => false,
        }
    }
}

word_enum! {
    /// Why a run failed, where more than a sentence depends on it.
    RunFailure, "reason of a failed run" {
        /// A read of its source did not come back and was given up.
        Stuck => "stuck",
        /// The service died while it was evaluated, again and again.
        Crashed => "crashed",
    }
}

word_enum! {
    /// Why an appointment in the window is not called: a closed set, used in plan, explain, audit and metrics.
    SkipReason, "reason of a skip" {
        /// The row can't be read (ragged, too long, not text).
        BadRow => "bad_row",
        /// The id column is empty or missing.
        MissingId => "missing_id",
        /// The start fits no `date_format`.
        InvalidTime => "invalid_time",
        /// The wall-clock time falls into a daylight-saving gap.
        NoSuchTime => "no_such_time",
        /// The same id and start came earlier in this read.
        DuplicateRow => "duplicate_row",
        /// Its status says cancelled.
        Cancelled => "cancelled",
        /// Its status isn't in `statuses`.
        UnknownStatus => "unknown_status",
        /// `only_if` says no.
        Filtered => "filtered",
        /// No phone column holds anything.
        NoPhone => "no_phone",
        /// No phone column holds a usable number.
        InvalidPhone => "invalid_phone",
        /// Somebody else answered at the number, and no phone column holds another one.
        WrongNumber => "wrong_number",
        /// On a do-not-call list.
        OptedOut => "opted_out",
        /// The consent column isn't true.
        NoConsent => "no_consent",
        /// The person confirmed the appointment in another lead's call.
        Confirmed => "confirmed",
        /// The person asked to cancel it in another lead's call.
        Declined => "declined",
        /// The person asked for another time in another lead's call.
        Reschedule => "reschedule",
        /// The appointment has begun.
        AlreadyStarted => "already_started",
        /// Past its expiry, or closer to the start than `min_notice`.
        TooLate => "too_late",
        /// Booked after the lead had passed.
        LateBooking => "late_booking",
        /// The next opening comes after the expiry.
        OutsideCallingHours => "outside_calling_hours",
        /// Part of another appointment's call.
        Merged => "merged",
        /// The person has had the calls of that day.
        PersonLimit => "person_limit",
        /// The payload's templates can't be filled.
        PayloadError => "payload_error",
    }
}

impl SkipReason {
    /// Whether the data of the appointment, or the schedule's reading of it, is at fault: somebody should have been called
    /// and can't be.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        match self {
            Self::BadRow
            | Self::MissingId
            | Self::InvalidTime
            | Self::NoSuchTime
            | Self::UnknownStatus
            | Self::NoPhone
            | Self::InvalidPhone
            | Self::WrongNumber
            | Self::OutsideCallingHours
            | Self::PayloadError => true,
            Self::DuplicateRow
            | Self::Cancelled
            | Self::Filtered
            | Self::OptedOut
            | Self::NoConsent
            | Self::Confirmed
            | Self::Declined
            | Self::Reschedule
            | Self::AlreadyStarted
            | Self::TooLate
            | Self::LateBooking
            | Self::Merged
            | Self::PersonLimit => false,
        }
    }
}

word_enum! {
    /// What became of a call that was accepted: a closed set, used in schedules, the ledger, the audit log and metrics.
    CallOutcome, "outcome of a call" {
        /// The person says that they will come.
        Confirmed => "confirmed",
        /// The person asks to cancel.
        Declined => "declined",
        /// The person asks for another time.
        Reschedule => "reschedule",
        /// The person doesn't want to be called any more.
        OptedOut => "opted_out",
        /// The number is somebody else's.
        WrongNumber => "wrong_number",
        /// Somebody spoke; what was said is not known.
        Answered => "answered",
        /// The call was handed to a person.
        Transferred => "transferred",
        /// A message was left.
        Voicemail => "voicemail",
        /// The call ended, and nothing more is known.
        Unknown => "unknown",
        /// Nobody picked up.
        NoAnswer => "no_answer",
        /// The line was busy.
        Busy => "busy",
        /// The call could not be made.
        Failed => "failed",
        /// The platform did not place the call.
        Suppressed => "suppressed",
        /// No report came in time.
        Unreported => "unreported",
    }
}

impl CallOutcome {
    /// How much it says: a report of a higher rank replaces one of a lower rank, and never the other way round.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::OptedOut | Self::WrongNumber => 4,
            Self::Confirmed | Self::Declined | Self::Reschedule => 3,
            Self::Answered | Self::Transferred | Self::Voicemail | Self::Unknown => 2,
            Self::NoAnswer | Self::Busy | Self::Failed | Self::Suppressed => 1,
            Self::Unreported => 0,
        }
    }

    /// Whether the call was made and nobody spoke to it.
    #[must_use]
    pub const fn is_unanswered(self) -> bool {
        match self {
            Self::NoAnswer | Self::Busy | Self::Voicemail => true,
            Self::Confirmed
            | Self::Declined
            | Self::Reschedule
            | Self::OptedOut
            | Self::WrongNumber
            | Self::Answered
            | Self::Transferred
            | Self::Unknown
            | Self::Failed
            | Self::Suppressed
            | Self::Unreported => false,
        }
    }

    /// Whether somebody was on the line, so that what was said counts.
    #[must_use]
    pub const fn is_of_a_talk(self) -> bool {
        match self {
            Self::Answered | Self::Transferred | Self::Unknown => true,
            Self::Confirmed
            | Self::Declined
            | Self::Reschedule
            | Self::OptedOut
            | Self::WrongNumber
            | Self::Voicemail
            | Self::NoAnswer
            | Self::Busy
            | Self::Failed
            | Self::Suppressed
            | Self::Unreported => false,
        }
    }
}

word_enum! {
    /// How a canary stands: a call to the operator of which a sign of life is awaited.
    CanaryState, "state of a canary" {
        /// A sign of life is awaited.
        Waiting => "waiting",
        /// One came.
        Heard => "heard",
        /// None came in time.
        Silent => "silent",
        /// Its request was not accepted.
        Failed => "failed",
    }
}

word_enum! {
    /// How a write-back of an outcome stands.
    WriteBackState, "state of a write-back" {
        /// To be sent, for the first time or again.
        Pending => "pending",
        /// The other side accepted it.
        Sent => "sent",
        /// It was refused, or could not be sent in time.
        Failed => "failed",
        /// It is not sent any more: the appointment has changed, or a newer outcome came.
        Dropped => "dropped",
        /// It failed, and a person has seen that.
        Acknowledged => "acknowledged",
    }
}

word_enum! {
    /// What a run's row says of it.
    RunState, "state of a run" {
        /// Begun, its plan not yet recorded.
        Running => "running",
        /// Its source can't be read yet; it will be tried again.
        Waiting => "waiting",
        /// Its plan is recorded.
        Done => "done",
        /// It could not be done.
        Failed => "failed",
        /// A guard stopped it.
        Held => "held",
        /// Not done on purpose (paused, overlap).
        Skipped => "skipped",
        /// Its time passed while nobody was there.
        Missed => "missed",
    }
}

word_enum! {
    /// What brought a run about.
    RunKind, "kind of run" {
        /// The cron line, on time.
        Scheduled => "scheduled",
        /// The cron line, made up for later.
        CatchUp => "catch_up",
        /// An operator's `trigger`.
        Trigger => "trigger",
        /// A request that was posted to the service.
        Inbound => "inbound",
    }
}

impl RunKind {
    /// Whether the cron line brought it about, so that its nominal time is evaluated once.
    #[must_use]
    pub const fn is_of_cron(self) -> bool {
        match self {
            Self::Scheduled | Self::CatchUp => true,
            Self::Trigger | Self::Inbound => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_are_written_as_they_are_read() {
        for text in ["1d", "0d", "24h", "now", "1d+1", "24h+5", "now+2"] {
            assert_eq!(text.parse::<Lead>().map(|lead| lead.to_string()).as_deref(), Ok(text));
        }
        for text in ["é", "", "d", "1d+", "1d+0", "1d+1+1", "now1", "+1"] {
            assert!(text.parse::<Lead>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_skip_reason_reads_back() {
        for reason in SkipReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert_eq!(SkipReason::ALL.len(), 23);
    }
}
