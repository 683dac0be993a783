//! pure: whether a person is called again after an outcome, and when.

use jiff::{SignedDuration, Timestamp};

use crate::reminder::CallOutcome;

/// `[outcome.retry]`, with what it takes from `[remind]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryTerms {
    /// The outcomes after which the person is called again.
    pub on: Vec<CallOutcome>,
    /// How often at most.
    pub times: u8,
    /// How long after the call's end, for each retry; the last one holds for all that follow.
    pub after: Vec<SignedDuration>,
    /// A retry waits no longer than this for an opening.
    pub max_lateness: SignedDuration,
    /// Nobody is called later than this before the start.
    pub min_notice: SignedDuration,
}

/// A call that ended, of which a retry is considered.
#[derive(Debug, Clone, Copy)]
pub struct EndedCall {
    /// What became of it.
    pub outcome: CallOutcome,
    /// The number of the retry that this call was; 0 for the first call.
    pub retry: u8,
    /// When it ended (UTC).
    pub ended_at: Timestamp,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
}

/// A retry that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueRetry {
    /// The number of the retry, from 1.
    pub number: u8,
    /// Its due time (UTC).
    pub due_at: Timestamp,
}

/// When a retry can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryTimes {
    /// When it is due (UTC).
    pub due_at: Timestamp,
    /// When the recipient's hours allow it (UTC).
    pub send_at: Timestamp,
    /// It is not sent at or after this (UTC).
    pub expires_at: Timestamp,
}

/// Why nobody is called again although an outcome asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRetry {
    /// The next opening comes too late.
    OutsideCallingHours,
    /// The start is too near, or the report came too late.
    TooLate,
    /// The person has the calls of that day.
    PersonLimit,
    /// All retries are used up.
    UsedUp,
    /// A sandbox took the call, and the target has another address now.
    TrialOver,
    /// The phone is no longer kept.
    NoPhone,
}

impl NoRetry {
    /// The word in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutsideCallingHours => "outside_calling_hours",
            Self::TooLate => "too_late",
            Self::PersonLimit => "person_limit",
            Self::UsedUp => "used_up",
            Self::TrialOver => "trial_over",
            Self::NoPhone => "no_phone",
        }
    }
}

impl RetryTerms {
    /// The retry that follows a call; `None` where none is asked for, or all are used up.
    #[must_use]
    pub fn after(&self, call: &EndedCall) -> Option<DueRetry> {
        if !self.on.contains(&call.outcome) || call.retry >= self.times {
            return None;
        }
        let wait = self.after.get(usize::from(call.retry)).or(self.after.last())?;
        Some(DueRetry { number: call.retry + 1, due_at: call.ended_at.checked_add(*wait).ok()? })
    }

    /// When it can be sent, for a recipient whose phone may ring from `opening` on (UTC): the first such instant that is
    /// neither before its due time nor before `now`.
    ///
    /// # Errors
    /// Why it can't.
    pub fn times(
        &self,
        due: &DueRetry,
        starts_at: Timestamp,
        (now, opening): (Timestamp, Timestamp),
    ) -> Result<RetryTimes, NoRetry> {
        let after = |at: Timestamp, by| at.checked_add(by).unwrap_or(Timestamp::MAX);
        let (earliest, latest) = (now.max(due.due_at), after(due.due_at, self.max_lateness));
        let send_at = opening.max(earliest);
        let last_call = starts_at.checked_sub(self.min_notice).unwrap_or(Timestamp::MIN);
        if earliest.max(send_at) >= last_call || earliest > due.due_at && earliest >= latest {
            return Err(NoRetry::TooLate);
        }
        if send_at >= latest && send_at > due.due_at {
            return Err(NoRetry::OutsideCallingHours);
        }
        let expires_at = after(send_at, self.max_lateness).min(last_call);
        Ok(RetryTimes { due_at: due.due_at, send_at, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    const fn hours(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    fn terms(times: u8, after: &[i64]) -> RetryTerms {
        RetryTerms {
            on: vec![CallOutcome::NoAnswer, CallOutcome::Busy],
            times,
            after: after.iter().copied().map(hours).collect(),
            max_lateness: hours(6),
            min_notice: hours(1),
        }
    }

    fn call(outcome: CallOutcome, retry: u8) -> EndedCall {
        let (ended_at, starts_at) = (at("2026-11-24T14:02:00Z"), at("2026-11-25T15:00:00Z"));
        EndedCall { outcome, retry, ended_at, starts_at }
    }

    #[test]
    fn a_call_is_followed_by_the_retry_that_its_outcome_asks_for() {
        use CallOutcome::{Busy, Confirmed, NoAnswer, Voicemail};
        for (terms, call, expected) in [
            (terms(1, &[1]), call(NoAnswer, 0), Some((1, "2026-11-24T15:02:00Z"))),
            (terms(1, &[1]), call(Busy, 0), Some((1, "2026-11-24T15:02:00Z"))),
            (terms(1, &[1]), call(NoAnswer, 1), None),
            (terms(1, &[1]), call(Voicemail, 0), None),
            (terms(1, &[1]), call(Confirmed, 0), None),
            (terms(3, &[1, 4]), call(NoAnswer, 1), Some((2, "2026-11-24T18:02:00Z"))),
            (terms(3, &[1, 4]), call(NoAnswer, 2), Some((3, "2026-11-24T18:02:00Z"))),
            (terms(3, &[1, 4]), call(NoAnswer, 3), None),
        ] {
            let expected = expected.map(|(number, due)| DueRetry { number, due_at: at(due) });
            assert_eq!(terms.after(&call), expected, "{call:?}");
        }
    }

    #[test]
    fn opening_and_expiry_decide_whether_a_retry_can_be_sent() {
        let starts_at = at("2026-11-25T15:00:00Z");
        let due = |due: &str| DueRetry { number: 1, due_at: at(due) };
        let sent = |send_at: &str, expires_at: &str| Ok((at(send_at), at(expires_at)));
        // a phone that rings from 8:00 to 21:00 in New York, UTC−5; the report comes at once, then an hour and six hours late
        let at_once = "2026-11-24T14:03:00Z";
        let in_time = "2026-11-24T15:02:00Z";
        let cases = [
            (in_time, at_once, in_time, 6, sent(in_time, "2026-11-24T21:02:00Z")),
            (
                "2026-11-25T02:30:00Z",
                at_once,
                "2026-11-25T13:00:00Z",
                12,
                sent("2026-11-25T13:00:00Z", "2026-11-25T14:00:00Z"),
            ),
            ("2026-11-25T02:30:00Z", at_once, "2026-11-25T13:00:00Z", 6, Err(NoRetry::OutsideCallingHours)),
            (
                "2026-11-25T13:59:59Z",
                at_once,
                "2026-11-25T13:59:59Z",
                6,
                sent("2026-11-25T13:59:59Z", "2026-11-25T14:00:00Z"),
            ),
            ("2026-11-25T14:00:00Z", at_once, "2026-11-25T14:00:00Z", 6, Err(NoRetry::TooLate)),
            (
                in_time,
                "2026-11-24T16:02:00Z",
                "2026-11-24T16:02:00Z",
                6,
                sent("2026-11-24T16:02:00Z", "2026-11-24T22:02:00Z"),
            ),
            (in_time, "2026-11-24T21:02:00Z", "2026-11-24T21:02:00Z", 6, Err(NoRetry::TooLate)),
        ];
        for (due_at, now, opening, max_lateness, expected) in cases {
            let terms = RetryTerms { max_lateness: hours(max_lateness), ..terms(1, &[1]) };
            let found = terms.times(&due(due_at), starts_at, (at(now), at(opening)));
            assert_eq!(found.map(|times| (times.send_at, times.expires_at)), expected, "{due_at} {max_lateness}");
        }
    }
}
