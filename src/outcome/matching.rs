//! pure: which reminder a record belongs to, from what the ledger finds for its facts.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::CallFacts;
use crate::reminder::{ReminderId, State};

/// The clocks of the two sides may differ by so much: a call may seem to begin before its intent was committed.
const CLOCKS: SignedDuration = SignedDuration::from_secs(60);

/// Why a record belongs to no reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmatched {
    /// It could belong to several.
    Ambiguous,
    /// Its reminder was never sent.
    NotSent,
    /// It names a reminder that the account doesn't have.
    UnknownReminder,
    /// Nothing in it points to a reminder.
    Nothing,
}

impl Unmatched {
    /// The reason in the audit log; `None` for what is only counted.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Ambiguous => Some("ambiguous"),
            Self::NotSent => Some("not_sent"),
            Self::UnknownReminder => Some("unknown_reminder"),
            Self::Nothing => None,
        }
    }
}

/// Whether a request of the reminder went out that may have placed a call.
#[must_use]
pub const fn was_sent(state: State, attempts: u32, unknown_fates: u32) -> bool {
    match state {
        State::Sending | State::Delivered | State::Uncertain | State::Failed => true,
        State::Pending | State::Expired | State::Cancelled | State::Dropped => attempts > 0 && unknown_fates > 0,
    }
}

/// The one reminder among those that were found; the same one found twice is one.
///
/// # Errors
/// [`Unmatched::Ambiguous`] for several.
pub fn only_one(found: impl IntoIterator<Item = ReminderId>) -> Result<Option<ReminderId>, Unmatched> {
    let distinct: BTreeSet<ReminderId> = found.into_iter().collect();
    match distinct.len() {
        0 | 1 => Ok(distinct.first().copied()),
        _ => Err(Unmatched::Ambiguous),
    }
}

/// When the intent of a record's call was committed, which arrived at `now`: a half-open range (UTC).
#[must_use]
pub fn intents_of(facts: &CallFacts, match_within: SignedDuration, now: Timestamp) -> (Timestamp, Timestamp) {
    let start = facts.started_at.or(facts.ended_at).unwrap_or(now);
    let from = start.checked_sub(match_within).unwrap_or(Timestamp::MIN);
    let until = start.checked_add(CLOCKS).unwrap_or(Timestamp::MAX);
    (from, until)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn one_reminder_found_twice_is_one_and_two_are_ambiguous() {
        let id = |number| ReminderId(Uuid::from_u128(number));
        assert_eq!(only_one([]), Ok(None));
        assert_eq!(only_one([id(1), id(1)]), Ok(Some(id(1))));
        assert_eq!(only_one([id(1), id(2)]), Err(Unmatched::Ambiguous));
    }

    #[test]
    fn what_was_refused_or_never_tried_was_not_sent() {
        let cases = [
            (State::Pending, 0, 0, false),
            (State::Pending, 2, 0, false),
            (State::Pending, 1, 1, true),
            (State::Sending, 1, 0, true),
            (State::Delivered, 1, 0, true),
            (State::Uncertain, 0, 1, true),
            (State::Failed, 1, 0, true),
            (State::Cancelled, 0, 1, false),
            (State::Expired, 3, 0, false),
            (State::Dropped, 6, 2, true),
            (State::Dropped, 6, 0, false),
        ];
        for (state, attempts, unknown_fates, expected) in cases {
            assert_eq!(was_sent(state, attempts, unknown_fates), expected, "{state} {attempts} {unknown_fates}");
        }
    }

    #[test]
    fn the_intent_came_before_the_start_or_before_what_else_is_known() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let half_an_hour = SignedDuration::from_mins(30);
        let facts = CallFacts { ended_at: Some(at("2026-11-24T14:05:00Z")), ..CallFacts::default() };
        let started = CallFacts { started_at: Some(at("2026-11-24T14:00:00Z")), ..facts.clone() };
        for (facts, from, until) in [
            (started, "2026-11-24T13:30:00Z", "2026-11-24T14:01:00Z"),
            (facts, "2026-11-24T13:35:00Z", "2026-11-24T14:06:00Z"),
            (CallFacts::default(), "2026-11-24T14:40:00Z", "2026-11-24T15:11:00Z"),
        ] {
            let found = intents_of(&facts, half_an_hour, at("2026-11-24T15:10:00Z"));
            assert_eq!(found, (at(from), at(until)));
        }
    }
}
