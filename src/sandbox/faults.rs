//! pure: which fault the next request meets. Time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use super::Faults;

/// What the sandbox does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestFate {
    /// It is obeyed and answered.
    Obeyed,
    /// It is obeyed, and answered with a page.
    ObeyedInHtml,
    /// It is obeyed, and its connection reset.
    ObeyedThenReset,
    /// It is refused: too many in a minute.
    Throttled,
    /// It fails with a status.
    Fails(u16),
    /// It is answered 200 with an error.
    ErrorIn200,
}

/// Deals out faults, request by request.
#[derive(Debug)]
pub(super) struct FaultDealer {
    faults: Faults,
    requests: u64,
    recent: VecDeque<Duration>,
}

impl FaultDealer {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, requests: 0, recent: VecDeque::new() }
    }

    /// The fate of a request that came at `now` (monotonic).
    pub(super) fn deal(&mut self, now: Duration) -> RequestFate {
        self.requests += 1;
        if self.is_above_rate(now) {
            return RequestFate::Throttled;
        }
        if let Some(failure) = self.faults.fail.iter_mut().find(|failure| failure.count > 0) {
            failure.count -= 1;
            return RequestFate::Fails(failure.status);
        }
        if self.faults.reset_after.is_some_and(|served| self.requests > served) {
            return RequestFate::ObeyedThenReset;
        }
        match (self.faults.error_in_200, self.faults.html) {
            (true, _) => RequestFate::ErrorIn200,
            (false, true) => RequestFate::ObeyedInHtml,
            (false, false) => RequestFate::Obeyed,
        }
    }

    fn is_above_rate(&mut self, now: Duration) -> bool {
        const MINUTE: Duration = Duration::from_secs(60);
        let Some(limit) = self.faults.rate_per_minute else { return false };
        while self.recent.front().is_some_and(|at| *at + MINUTE <= now) {
            self.recent.pop_front();
        }
        if self.recent.len() >= limit as usize {
            return true;
        }
        self.recent.push_back(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::FailingRequests;
    use super::*;

    fn fates(faults: Faults, seconds: &[u64]) -> Vec<RequestFate> {
        let mut dealer = FaultDealer::new(faults);
        seconds.iter().map(|second| dealer.deal(Duration::from_secs(*second))).collect()
    }

    #[test]
    fn the_rate_counts_the_requests_of_any_minute() {
        let faults = Faults { rate_per_minute: Some(2), ..Faults::default() };
        let expected = [
            RequestFate::Obeyed,
            RequestFate::Obeyed,
            RequestFate::Throttled,
            RequestFate::Obeyed,
            RequestFate::Throttled,
        ];
        assert_eq!(fates(faults, &[0, 30, 59, 60, 61]), expected);
    }

    #[test]
    fn failures_come_first_and_end() {
        let fail = vec![FailingRequests { status: 503, count: 2 }, FailingRequests { status: 500, count: 1 }];
        let faults = Faults { fail, ..Faults::default() };
        assert_eq!(
            fates(faults, &[0; 4]),
            [RequestFate::Fails(503), RequestFate::Fails(503), RequestFate::Fails(500), RequestFate::Obeyed]
        );
    }

    #[test]
    fn resets_begin_after_so_many_requests() {
        let faults = Faults { reset_after: Some(1), ..Faults::default() };
        assert_eq!(
            fates(faults, &[0; 3]),
            [RequestFate::Obeyed, RequestFate::ObeyedThenReset, RequestFate::ObeyedThenReset]
        );
    }
}
