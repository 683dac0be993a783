//! pure: rows that are reminded already, by what is known of their reminder; and the days that a source has.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{KnownReminder, Plan};
use crate::reminder::State;
use crate::schedule::{Schedule, ScheduleMode};

/// Rows that are reminded already, by the state of their reminder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminded {
    /// Accepted by the other side.
    pub accepted: u64,
    /// Accepted by the sandbox: nobody was phoned.
    #[serde(default)]
    pub sandbox: u64,
    /// A run in shadow mode would have called them: tickler phoned nobody.
    #[serde(default)]
    pub shadowed: u64,
    /// Repeat the id and start of an earlier row that is reminded already.
    #[serde(default)]
    pub repeated: u64,
    /// Being sent at this moment.
    pub sending: u64,
    /// Nobody knows whether a call was placed.
    pub unknown_fate: u64,
    /// Refused for good.
    pub failed: u64,
    /// Given up.
    pub dropped: u64,
    /// Calls not sent in time.
    pub expired: u64,
    /// Cancelled after a request of unknown fate.
    pub cancelled: u64,
    /// Calls that, in a plan of a later moment, are planned already, and made or expired by then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Reminded {
    /// Counts a row whose reminder that is.
    pub(super) const fn count(&mut self, known: &KnownReminder) {
        match known.state {
            State::Delivered if known.is_shadow => self.shadowed += 1,
            State::Delivered if known.is_trial => self.sandbox += 1,
            State::Delivered => self.accepted += 1,
            // a pending reminder is planned again, so its row is no row that is reminded already
            State::Sending | State::Pending => self.sending += 1,
            State::Uncertain => self.unknown_fate += 1,
            State::Failed => self.failed += 1,
            State::Dropped => self.dropped += 1,
            State::Expired => self.expired += 1,
            State::Cancelled => self.cancelled += 1,
        }
    }

    /// Whether no row is reminded already.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Each count with its words, for people.
    #[must_use]
    pub const fn in_words(&self) -> [(u64, &'static str); 11] {
        [
            (self.accepted, "accepted before"),
            (self.sandbox, "accepted by the sandbox before"),
            (self.shadowed, "would have been called before (shadow mode)"),
            (self.sending, "being sent"),
            (self.waiting, "waiting to be called before that"),
            (self.unknown_fate, "of unknown fate before"),
            (self.failed, "failed before"),
            (self.dropped, "given up before"),
            (self.expired, "expired before"),
            (self.cancelled, "cancelled with an unknown fate"),
            (self.repeated, "repeating an earlier row"),
        ]
    }
}

/// A reminder's state for people.
pub(super) const fn state_in_words(known: &KnownReminder) -> &'static str {
    match known.state {
        State::Pending => "pending",
        State::Sending => "being sent",
        State::Delivered if known.is_shadow => "one that would have been called (shadow mode: tickler phoned nobody)",
        State::Delivered if known.is_trial => "delivered (accepted by the sandbox: nobody was phoned)",
        State::Delivered => "delivered (accepted by the other side)",
        State::Uncertain => "uncertain (of unknown fate: nobody knows whether a call was placed)",
        State::Failed => "failed (refused for good)",
        State::Dropped => "dropped (given up)",
        State::Expired => "expired (not sent in time)",
        State::Cancelled => "cancelled",
    }
}

impl Plan {
    /// A sentence for people about a live schedule: how many rows are not called because a run in shadow mode would have called
    /// them, and how to call them nevertheless.
    #[must_use]
    pub fn rehearsed_in_words(&self, schedule: &Schedule) -> Option<String> {
        let is_live = match schedule.mode {
            ScheduleMode::Live => true,
            ScheduleMode::Shadow => false,
        };
        let rows = match self.reminded.shadowed {
            0 => return None,
            1 => "1 row is".to_owned(),
            more => format!("{more} rows are"),
        };
        is_live.then(|| {
            format!(
                "{rows} not called, because a run in shadow mode would have called there already: these calls count as made \
                 by the system that tickler replaces. If no other system made them, `tickler trigger {} --rehearsed` does, all of them or with `--only ID` \
                 one",
                schedule.name
            )
        })
    }

    /// A sentence for people that names the first of those appointments by their ids. It stands in an answer, and never in a log.
    #[must_use]
    pub fn rehearsed_by_id(&self, schedule: &Schedule) -> Option<String> {
        self.rehearsed_in_words(schedule)?;
        let more = self.reminded.shadowed.saturating_sub(self.rehearsed.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!("called in shadow mode and not now: {}{more}", self.rehearsed.join(", ")))
    }
}

/// The starts that a source has, whatever the windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceStarts {
    /// The earliest (UTC).
    pub first: Timestamp,
    /// The latest (UTC).
    pub last: Timestamp,
    /// The earliest after the moment of evaluation (UTC).
    pub next: Option<Timestamp>,
}

impl SourceStarts {
    /// The starts after one more was seen.
    pub(super) fn with(seen: Option<Self>, start: Timestamp, now: Timestamp) -> Self {
        let next = (start > now).then_some(start);
        match seen {
            None => Self { first: start, last: start, next },
            Some(Self { first, last, next: known }) => Self {
                first: first.min(start),
                last: last.max(start),
                next: match (known, next) {
                    (Some(known), Some(next)) => Some(known.min(next)),
                    (known, next) => known.or(next),
                },
            },
        }
    }

    /// A sentence for people, when no row is in a window: the days that the source has, and how to plan for one of them.
    #[must_use]
    pub fn in_words(&self, schedule: &Schedule) -> String {
        let date = |at: Timestamp| -> Date { schedule.zone.date(at) };
        let (first, last, name) = (date(self.first), date(self.last), &schedule.name);
        let days = if first == last { format!("on {first}") } else { format!("from {first} to {last}") };
        let (next, remedy) = match self.next {
            Some(next) => (
                format!(", the next on {}", date(next)),
                format!("try `tickler plan {name} --next`, or `--now` with another time"),
            ),
            None => (
                ", none of them after now".to_owned(),
                "is the export an old one? `--now` with an earlier time plans for it".to_owned(),
            ),
        };
        format!("no row is in the window; the source has appointments {days}{next}: {remedy}")
    }
}
