//! pure: how long the dispatcher waits after polls of the ledger that found nothing to send, or failed.

use std::time::Duration;

use jiff::Timestamp;

use super::wakeup::{MAX_WAIT, Wakeup};

/// The first pause after a failure of the ledger; it doubles up to [`MAX_WAIT`].
pub(super) const FIRST_FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// The first pause after a poll whose ledger said that something is due and gave nothing (its fresh read fails, for
/// instance): it keeps the dispatcher from polling without a pause.
const FIRST_EMPTY_PAUSE: Duration = Duration::from_millis(50);

/// Maximum pause after empty polls: reminders that become due meanwhile must not wait long.
const MAX_EMPTY_PAUSE: Duration = Duration::from_secs(5);

/// The number of such polls in a row after which what is left is taken for blocked.
const POLLS_UNTIL_BLOCKED: u32 = 3;

/// Counts polls in a row that led to nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Backoff {
    /// Polls in a row for which something was due and nothing was given.
    empty: u32,
    /// Polls in a row that started no request.
    idle: u32,
    /// Polls in a row that failed.
    failed: u32,
}

impl Backoff {
    /// A poll succeeded: it started `started` requests, and the ledger returned `next` as the time of the next poll. Returns
    /// that time, or a pause when it is in the past although nothing could be started.
    pub(super) fn after_poll(&mut self, started: usize, next: Wakeup, now: Timestamp) -> Wakeup {
        self.failed = 0;
        self.idle = if started == 0 { self.idle.saturating_add(1) } else { 0 };
        let is_empty = started == 0 && matches!(next, Wakeup::At(at) if at <= now);
        if !is_empty {
            self.empty = 0;
            return next;
        }
        let pause = doubled(FIRST_EMPTY_PAUSE, self.empty).min(MAX_EMPTY_PAUSE);
        self.empty = self.empty.saturating_add(1);
        Wakeup::In(pause)
    }

    /// A poll failed: how long to wait before the next.
    pub(super) fn after_failure(&mut self) -> Duration {
        let pause = doubled(FIRST_FAILURE_PAUSE, self.failed).min(MAX_WAIT);
        self.failed = self.failed.saturating_add(1);
        pause
    }

    /// A fresh read ended: what it was read for may be startable now.
    pub(super) fn after_read(&mut self) {
        self.idle = 0;
    }

    /// Whether the last poll was empty, and too few before it to take what is due for blocked.
    pub(super) fn is_trying(&self) -> bool {
        (1..POLLS_UNTIL_BLOCKED).contains(&self.empty)
    }

    /// Whether enough polls in a row started nothing to take what is due for blocked.
    pub(super) fn is_blocked(&self) -> bool {
        self.idle >= POLLS_UNTIL_BLOCKED
    }
}

/// `first`, doubled `times` times; beyond ten doublings every pause here is at its limit.
fn doubled(first: Duration, times: u32) -> Duration {
    first * (1 << times.min(10))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T14:00:00Z".parse().expect("a valid instant")
    }

    /// The pause in milliseconds, if the wakeup is one.
    fn pause_of(wakeup: Wakeup) -> Option<u128> {
        match wakeup {
            Wakeup::In(pause) => Some(pause.as_millis()),
            Wakeup::At(_) | Wakeup::Nothing => None,
        }
    }

    #[test]
    fn empty_polls_wait_twice_as_long_each_time_up_to_five_seconds() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..9).map(|_| pause_of(backoff.after_poll(0, Wakeup::At(now()), now()))).collect();
        let expected = [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
        assert_eq!(pauses, expected.map(Some));
        backoff.empty = u32::MAX;
        assert_eq!(pause_of(backoff.after_poll(0, Wakeup::At(now()), now())), Some(5_000));
    }

    #[test]
    fn a_poll_is_empty_only_if_something_is_due_and_nothing_started() {
        let later = now() + SignedDuration::from_secs(60);
        let pause = Wakeup::In(Duration::from_secs(9));
        for (started, next) in [(1, Wakeup::At(now())), (0, Wakeup::At(later)), (0, Wakeup::Nothing), (0, pause)] {
            let mut backoff = Backoff { empty: 2, ..Backoff::default() };
            let returned = backoff.after_poll(started, next, now());
            assert_eq!(pause_of(returned), pause_of(next), "{started} {next:?}");
            assert_eq!(backoff.empty, 0, "{started} {next:?}");
        }
    }

    #[test]
    fn failures_wait_from_a_second_to_half_a_minute_and_a_success_ends_the_row() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u64> = (0..7).map(|_| backoff.after_failure().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        backoff.after_poll(0, Wakeup::Nothing, now());
        assert_eq!(backoff.after_failure().as_secs(), 1);
    }

    #[test]
    fn three_polls_that_start_nothing_are_a_block_until_a_request_or_a_read_comes() {
        let mut backoff = Backoff::default();
        let poll = |backoff: &mut Backoff, started| {
            backoff.after_poll(started, Wakeup::At(now()), now());
        };
        let mut seen = Vec::new();
        for _ in 0..3 {
            poll(&mut backoff, 0);
            seen.push((backoff.is_trying(), backoff.is_blocked()));
        }
        assert_eq!(seen, [(true, false), (true, false), (false, true)]);
        backoff.after_read();
        assert!(!backoff.is_blocked());
        (0..3).for_each(|_| poll(&mut backoff, 0));
        poll(&mut backoff, 1);
        assert!(!backoff.is_blocked() && !backoff.is_trying());
    }
}
