//! pure: what the ledger is asked about requests that are posted to the service, and what it answers.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RunStart;
use crate::attempt::TargetAddress;
use crate::personal::Personal;
use crate::reminder::{CallOutcome, ReminderId, SkipReason, State, UnknownWord};
use crate::schedule::Schedule;
use crate::zones::Zones;

/// SHA-256 of a body as it was posted.
pub type BodyDigest = [u8; 32];

/// The rate of requests is counted by minutes: the present one and this many before it.
pub const MINUTES_OF_RATE: i64 = 60;

/// What became of the request that was posted last under an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostStanding {
    /// A rule has let it pass, or would have let it in shadow mode.
    Accepted,
    /// A rule has refused it.
    Refused,
    /// Its sender has withdrawn it.
    Withdrawn,
}

impl PostStanding {
    /// The word in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl std::str::FromStr for PostStanding {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let all = [Self::Accepted, Self::Refused, Self::Withdrawn];
        let unknown = || UnknownWord { what: "standing of a request", word: text.to_owned() };
        all.into_iter().find(|standing| standing.as_str() == text).ok_or_else(unknown)
    }
}

/// A request as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRow {
    /// The schedule to which it was posted.
    pub schedule: String,
    /// Its id.
    pub appointment_id: String,
    /// When the request that stands was received (UTC): its reminder's start.
    pub received_at: Timestamp,
    /// When its present body was posted (UTC).
    pub posted_at: Timestamp,
    /// Its fields (JSON); `None` once removed.
    pub body: Option<Personal>,
    /// The digest of the body as it was posted.
    pub digest: BodyDigest,
    /// What became of it.
    pub standing: PostStanding,
    /// Why it was refused.
    pub reason: Option<SkipReason>,
}

/// The requests that are asked for; what is `None` selects nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostsAsk {
    /// Requests to this schedule.
    pub schedule: Option<String>,
    /// Requests with this id.
    pub appointment_id: Option<String>,
    /// Requests received at or after this (UTC).
    pub from: Option<Timestamp>,
    /// Requests received before this (UTC).
    pub until: Option<Timestamp>,
}

/// A request to be judged and kept.
#[derive(Clone)]
pub struct TakePost {
    /// The schedule to which it is posted, as it holds for this evaluation.
    pub schedule: Arc<Schedule>,
    /// The rules of zones.
    pub zones: Zones,
    /// The schedule's own do-not-call list, E.164.
    pub do_not_call: HashSet<Personal>,
    /// Where its target sends; `None` when that isn't known.
    pub target: Option<TargetAddress>,
    /// Its id; `None` where it has none, which a rule refuses.
    pub id: Option<String>,
    /// Its fields, computed ones among them, without its receipt.
    pub row: Map<String, Value>,
    /// Its own fields, as they are kept (JSON).
    pub body: Personal,
    /// The digest of the body as it was posted.
    pub digest: BodyDigest,
    /// Its number (E.164), where it has a usable one.
    pub phone: Option<Personal>,
    /// Every usable number of it (E.164).
    pub phones: Vec<Personal>,
    /// Whom it counts for, where a column says so.
    pub person: Option<Personal>,
    /// How many new requests are accepted within an hour.
    pub max_per_hour: u32,
    /// Its run, which begins with its receipt.
    pub run: RunStart,
    /// The id of its reminder, should it be new.
    pub reminder_id: ReminderId,
    /// Who posts it.
    pub actor: String,
}

/// Shows neither the person nor the numbers.
impl fmt::Debug for TakePost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakePost").field("schedule", &self.schedule.name).finish_non_exhaustive()
    }
}

/// Where the call of a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedCall {
    /// Its reminder; `None` in shadow mode, where there is none.
    pub reminder_id: Option<ReminderId>,
    /// Its id.
    pub appointment_id: String,
    /// Its state; `None` in shadow mode.
    pub state: Option<State>,
    /// When it is or was to be made (UTC).
    pub due_at: Timestamp,
    /// The call is not made at or after this (UTC).
    pub expires_at: Timestamp,
    /// What became of it.
    pub outcome: Option<CallOutcome>,
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostTaken {
    /// It is new, or renews one whose call is still to be made.
    Accepted(RequestedCall),
    /// It is known, or its call was made.
    Duplicate {
        /// How that stands.
        call: RequestedCall,
        /// The request has another phone than the one that is or was to be called.
        has_other_phone: bool,
    },
    /// A rule says no.
    Refused {
        /// The reason.
        reason: SkipReason,
        /// A sentence, without a phone.
        detail: String,
    },
    /// The schedule has accepted as many as it may; the number of seconds until it accepts another one.
    TooMany {
        /// Seconds.
        retry_after: u64,
    },
}

/// A request is not to be called any more.
#[derive(Debug, Clone)]
pub struct Withdraw {
    /// The schedule to which it was posted.
    pub schedule: String,
    /// Its id, or that of its reminder.
    pub id: String,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// Who says so.
    pub actor: String,
}

/// What a withdrawal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawal {
    /// There is no such request.
    Unknown,
    /// Its call was made, or may have been.
    AlreadySent(RequestedCall),
    /// Nobody is called for it any more.
    Done(RequestedCall),
}
