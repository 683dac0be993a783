//! shell: notifications to systemd; without systemd they do nothing.

use std::future::Future;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::Clock;
use crate::verbs::vitals::Vitals;

/// `READY=1` with a line for `systemctl status`.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// A line for `systemctl status`.
pub fn status(status: &str) {
    notify(&[NotifyState::Status(&one_line(status))]);
}

/// `RELOADING=1`; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// `STOPPING=1`.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be notified");
    }
}

/// A line break would begin another assignment in the notification.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Notifies systemd's watchdog, if one is set, while the scheduler and the ledger's writer respond. Never returns.
pub async fn feed_watchdog(vitals: &Vitals, clock: &dyn Clock) {
    match sd_notify::watchdog_enabled() {
        Some(limit) => feed(vitals, clock, limit, || async { notify(&[NotifyState::Watchdog]) }).await,
        None => std::future::pending().await,
    }
}

/// Calls `food` three times within `limit` while both respond.
pub async fn feed<F: Future<Output = ()>>(vitals: &Vitals, clock: &dyn Clock, limit: Duration, food: impl Fn() -> F) {
    loop {
        if vitals.are_live().await {
            food().await;
        } else {
            tracing::error!(
                "the scheduler or the ledger's writer does not respond: systemd's watchdog is not notified"
            );
        }
        clock.sleep(limit / 3).await;
    }
}
