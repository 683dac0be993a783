//! shell: why posts were refused as unauthorized, for the log of whoever sets a sender up. The sender learns none of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// Strangers may post as often as they like: one of their posts a minute is logged.
const ONE_IN: Duration = Duration::from_secs(60);

/// What is wrong with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    #[error("no schedule has the name that its address says")]
    UnknownSchedule,
    #[error("the schedule takes no such posts: it has no `[outcome]` or `[source.inbound]` table with a `secret`")]
    NothingPosted,
    #[error("it shows no secret: `X-Tickler-Secret: …` or `Authorization: Bearer …`")]
    NoSecret,
    #[error("its secret is in the address, which the schedule doesn't allow")]
    SecretInAddress,
    #[error("its secret is another one, or the schedule's is not set")]
    OtherSecret,
}

/// The refusals that were not logged yet.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Refused>);

#[derive(Debug, Default)]
struct Refused {
    /// Monotonic time of the latest row in the log.
    logged_at: Option<Duration>,
    since: u64,
}

impl Strangers {
    /// Logs a refusal, with how many there were since the one that was logged before it.
    pub(super) fn log(&self, why: Stranger, schedule: Option<&str>, clock: &dyn Clock) {
        let Some(further) = self.count(clock.monotonic()) else { return };
        let others = if further > 0 { format!("; {further} others since the last such line") } else { String::new() };
        tracing::warn!(schedule, "a post was refused with 401: {why}{others}");
    }

    /// How many refusals were passed over, if this one is to be logged.
    fn count(&self, now: Duration) -> Option<u64> {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.logged_at.is_some_and(|at| now.saturating_sub(at) < ONE_IN) {
            refused.since += 1;
            return None;
        }
        refused.logged_at = Some(now);
        Some(std::mem::take(&mut refused.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_a_minute_is_logged_and_tells_how_many_there_were() {
        let strangers = Strangers::default();
        let at = |seconds| strangers.count(Duration::from_secs(seconds));
        assert_eq!([at(5), at(6), at(64), at(65), at(66), at(200)], [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
