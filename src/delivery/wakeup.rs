//! shell: when the dispatcher polls again if nothing else happens.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::retry;
use crate::clock::{Clock, sleep_until};

/// Maximum time between two polls of the ledger.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(30);

/// When to poll again if nothing else happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wakeup {
    /// At an instant.
    At(Timestamp),
    /// After a pause.
    In(Duration),
    /// No time is known.
    Nothing,
}

/// Returns when it is time.
pub(super) async fn pause(clock: &dyn Clock, again: Wakeup) {
    match again {
        Wakeup::At(at) => {
            tokio::select! {
                () = sleep_until(clock, at) => {}
                () = clock.sleep(MAX_WAIT) => {}
            }
        }
        Wakeup::In(wait) => clock.sleep(wait).await,
        Wakeup::Nothing => clock.sleep(MAX_WAIT).await,
    }
}

/// The shorter of a pending pause and `wait`; `wait` where the other is an instant or nothing.
pub(super) fn sooner(again: Wakeup, wait: Duration) -> Wakeup {
    match again {
        Wakeup::In(other) => Wakeup::In(other.min(wait)),
        Wakeup::At(_) | Wakeup::Nothing => Wakeup::In(wait),
    }
}

/// The sooner of two.
pub(super) fn soonest(one: Wakeup, other: Wakeup, now: Timestamp) -> Wakeup {
    let instant = |again| match again {
        Wakeup::At(at) => Some(at),
        Wakeup::In(wait) => Some(retry::after(now, SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX))),
        Wakeup::Nothing => None,
    };
    match (instant(one), instant(other)) {
        (Some(a), Some(b)) if b < a => other,
        (Some(_), _) => one,
        (None, _) => other,
    }
}
