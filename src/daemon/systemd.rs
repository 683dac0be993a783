//! shell: what systemd is told; nothing happens where no systemd listens.

use std::future::Future;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::Clock;
use crate::verbs::vitals::Vitals;

/// `READY=1` with a line for `systemctl status`.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// A line for `systemctl status`.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(&one_line(status))]);
}

/// `RELOADING=1`; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// `STOPPING=1`.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}

/// A line break would begin another assignment in the notification.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Feeds systemd's watchdog, where one is set, as long as heartbeat and writer live. Never returns.
pub async fn feed_watchdog(vitals: &Vitals, clock: &dyn Clock) {
    match sd_notify::watchdog_enabled() {
        Some(limit) => feed(vitals, clock, limit, || async { tell(&[NotifyState::Watchdog]) }).await,
        None => std::future::pending().await,
    }
}

/// Feeds with `food` three times within `limit`, as long as both live.
pub async fn feed<F: Future<Output = ()>>(vitals: &Vitals, clock: &dyn Clock, limit: Duration, food: impl Fn() -> F) {
    loop {
        if vitals.are_live().await {
            food().await;
        } else {
            tracing::error!("heartbeat or ledger writer don't answer: the watchdog isn't fed");
        }
        clock.sleep(limit / 3).await;
    }
}
