//! pure: when an account is asked for records of its calls, and how long it is left alone after that.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `[outcome.poll]`, with what it takes from `[outcome]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollTerms {
    /// How old a call without an outcome is before its record is asked for.
    pub after: SignedDuration,
    /// The pause between two polls at first.
    pub every: Duration,
    /// When a call's time to be reported is over.
    pub report_within: SignedDuration,
}

/// A pause doubles up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

impl PollTerms {
    /// Whether a call whose request was made then is asked for: nothing came in time, and it may still come.
    #[must_use]
    pub fn asks_for(&self, called_at: Timestamp, now: Timestamp) -> bool {
        let age = called_at.duration_until(now);
        age >= self.after && age < self.report_within
    }

    /// The pause after a poll that follows a pause of `before` (`None`: the first one).
    #[must_use]
    pub fn pause_after(&self, before: Option<Duration>, has_found: bool) -> Duration {
        match before {
            Some(before) if !has_found => before.saturating_mul(2).min(LONGEST_PAUSE.max(self.every)),
            Some(_) | None => self.every,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: PollTerms = PollTerms {
        after: SignedDuration::from_mins(10),
        every: Duration::from_secs(300),
        report_within: SignedDuration::from_hours(24),
    };

    #[test]
    fn a_call_is_asked_for_from_ten_minutes_on_until_its_time_is_over() {
        let called_at = Timestamp::UNIX_EPOCH;
        for (minutes, expected) in [(0, false), (9, false), (10, true), (60, true), (1_439, true), (1_440, false)] {
            let now = called_at + SignedDuration::from_mins(minutes);
            assert_eq!(TERMS.asks_for(called_at, now), expected, "{minutes}");
        }
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_begin_anew_after_a_find() {
        let mut pause = None;
        let mut minutes = Vec::new();
        for has_found in [false, false, false, false, false, false, true, false] {
            pause = Some(TERMS.pause_after(pause, has_found));
            minutes.extend(pause.map(|pause| pause.as_secs() / 60));
        }
        assert_eq!(minutes, [5, 10, 20, 40, 60, 60, 5, 10]);
    }
}
