//! pure: what of a schedule's accepted calls came back: outcomes, signs of life, or nothing at all.

use jiff::{SignedDuration, Timestamp};

use crate::reminder::{CallOutcome, ReminderId};

/// An agent that is only a draft accepts every call and reports none; a slow report must not look like that.
const SILENT_FOR: SignedDuration = SignedDuration::from_mins(30);

/// A call that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedCall {
    /// Its reminder.
    pub id: ReminderId,
    /// The schedule that made the call.
    pub schedule: String,
    /// When its intent was committed (UTC).
    pub at: Timestamp,
    /// Whether any record of it came.
    pub is_heard: bool,
    /// What became of it.
    pub outcome: Option<CallOutcome>,
}

impl AcceptedCall {
    /// Whether anything is known of it besides that it was accepted.
    fn gave_a_sign(&self) -> bool {
        self.is_heard || self.outcome.is_some_and(|outcome| outcome != CallOutcome::Unreported)
    }
}

/// Calls in a row of which nothing was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// How many.
    pub calls: usize,
    /// When the first of them was made (UTC).
    pub since: Timestamp,
}

/// The silence at the end of one schedule's calls (in their order), if there are `silent_after` of them and it has lasted.
#[must_use]
pub fn silence(calls: &[&AcceptedCall], silent_after: usize, now: Timestamp) -> Option<Silence> {
    let unheard = calls.iter().rev().take_while(|call| !call.gave_a_sign()).count();
    let first = calls.get(calls.len() - unheard)?;
    let has_lasted = first.at.duration_until(now) >= SILENT_FOR;
    (unheard >= silent_after && has_lasted).then_some(Silence { calls: unheard, since: first.at })
}

/// How many calls are still to be reported, of those made at or after `since`.
#[must_use]
pub fn awaited(calls: &[&AcceptedCall], since: Timestamp) -> u64 {
    calls.iter().filter(|call| call.outcome.is_none() && call.at >= since).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    /// One call a minute: `-` without a sign, `h` heard, `u` unreported, `y` with an outcome.
    fn calls(signs: &str) -> Vec<AcceptedCall> {
        let call = |(at, sign): (usize, char)| AcceptedCall {
            id: ReminderId(uuid::Uuid::nil()),
            schedule: "day-before".into(),
            at: minute(i64::try_from(at).expect("few")),
            is_heard: sign == 'h',
            outcome: match sign {
                'u' => Some(CallOutcome::Unreported),
                'y' => Some(CallOutcome::Confirmed),
                _ => None,
            },
        };
        signs.chars().enumerate().map(call).collect()
    }

    #[test]
    fn calls_in_a_row_without_a_sign_are_a_silence_once_it_has_lasted() {
        let cases = [
            ("", 5, 60, None),
            ("-----", 5, 29, None),
            ("-----", 5, 30, Some((5, 0))),
            ("----", 5, 60, None),
            ("-u-u-", 5, 60, Some((5, 0))),
            ("--y-----", 5, 32, None),
            ("--y-----", 5, 33, Some((5, 3))),
            ("------h", 5, 60, None),
            ("h------", 5, 60, Some((6, 1))),
            ("-", 1, 60, Some((1, 0))),
        ];
        for (signs, silent_after, now, expected) in cases {
            let calls = calls(signs);
            let calls: Vec<&AcceptedCall> = calls.iter().collect();
            let found = silence(&calls, silent_after, minute(now));
            let expected = expected.map(|(calls, since)| Silence { calls, since: minute(since) });
            assert_eq!(found, expected, "{signs} {now}");
        }
    }

    #[test]
    fn a_call_is_awaited_until_it_has_an_outcome_or_its_time_is_over() {
        let calls = calls("--hy-u");
        let calls: Vec<&AcceptedCall> = calls.iter().collect();
        assert_eq!(awaited(&calls, minute(1)), 3);
    }
}
