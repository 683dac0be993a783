//! shell: the only reader of time. Everything else is handed `now` or a [`Clock`].

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A source of time: the system's, one shifted by `--now`, or one moved by hand in tests.
#[async_trait]
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock's instant (UTC, may step).
    fn now(&self) -> Timestamp;
    /// Time since this clock was made; never steps, keeps counting while the wall clock is set.
    fn monotonic(&self) -> Duration;
    /// Time since the machine was started, the time it slept included; never steps.
    fn since_boot(&self) -> Duration {
        self.monotonic()
    }
    /// The machine's own wall clock (UTC), whatever `--now` says: for what other machines compare with theirs.
    fn real(&self) -> Timestamp {
        self.now()
    }
    /// Returns after `pause` of this clock's monotonic time.
    async fn sleep(&self, pause: Duration);
    /// Lets what is under way at this very moment come to its end: a millisecond or two where time runs by itself, no time
    /// at all on a clock that is moved by hand.
    async fn linger(&self) {
        tokio::task::yield_now().await;
    }
    /// Whether the time was given by `--now`: then nothing is purged and real hosts are refused.
    fn is_shifted(&self) -> bool;
}

/// A clock that is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// Sleeps until `at` on the wall clock, waking early enough to notice that the clock was stepped.
pub async fn sleep_until(clock: &dyn Clock, at: Timestamp) {
    loop {
        let left = clock.now().duration_until(at);
        if left <= SignedDuration::ZERO {
            return;
        }
        clock.sleep(left.unsigned_abs().min(MAX_NAP)).await;
    }
}

/// Maximum time between two reads of the wall clock while sleeping, so that a step of the clock is noticed within a minute.
const MAX_NAP: Duration = Duration::from_secs(60);

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "clock.rs is the one reader of time")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "clock.rs is the one reader of time")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn since_boot(&self) -> Duration {
        let read = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(read).unwrap_or_default()
    }

    #[expect(clippy::disallowed_methods, reason = "clock.rs is the one sleeper")]
    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }

    async fn linger(&self) {
        self.sleep(Duration::from_millis(1)).await;
    }

    fn is_shifted(&self) -> bool {
        false
    }
}

/// The machine's clock, moved so that it read `--now` when it was made; it runs on from there.
#[derive(Debug)]
pub struct ShiftedClock {
    started_at: Timestamp,
    system: SystemClock,
}

impl ShiftedClock {
    /// A clock that reads `start` at this moment.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { started_at: start, system: SystemClock::new() }
    }
}

#[async_trait]
impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.system.monotonic()).unwrap_or(SignedDuration::MAX);
        self.started_at.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }

    fn since_boot(&self) -> Duration {
        self.system.since_boot()
    }

    fn real(&self) -> Timestamp {
        self.system.now()
    }

    async fn sleep(&self, pause: Duration) {
        self.system.sleep(pause).await;
    }

    async fn linger(&self) {
        self.system.linger().await;
    }

    fn is_shifted(&self) -> bool {
        true
    }
}

/// A clock that stops until somebody moves it; sleepers wake when enough monotonic time was advanced.
#[derive(Debug)]
pub struct ManualClock {
    reading: Mutex<ManualTime>,
    moved: watch::Sender<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct ManualTime {
    now: Timestamp,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that reads `start` until it is moved.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            reading: Mutex::new(ManualTime { now: start, monotonic: Duration::ZERO }),
            moved: watch::Sender::new(Duration::ZERO),
        }
    }

    /// Lets `step` pass: wall clock and monotonic time both move on, sleepers wake.
    pub fn advance(&self, step: Duration) {
        let monotonic = {
            let mut reading = self.reading.lock().expect("no holder of the clock's lock can panic");
            let step_signed = SignedDuration::try_from(step).unwrap_or(SignedDuration::MAX);
            reading.now = reading.now.saturating_add(step_signed).unwrap_or(Timestamp::MAX);
            reading.monotonic += step;
            reading.monotonic
        };
        self.moved.send_replace(monotonic);
    }

    /// Steps the wall clock to `now` without letting monotonic time pass, as an administrator or NTP would.
    pub fn set(&self, now: Timestamp) {
        self.reading.lock().expect("no holder of the clock's lock can panic").now = now;
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.reading.lock().expect("no holder of the clock's lock can panic").now
    }

    fn monotonic(&self) -> Duration {
        self.reading.lock().expect("no holder of the clock's lock can panic").monotonic
    }

    async fn sleep(&self, pause: Duration) {
        let until = self.monotonic() + pause;
        let mut moved = self.moved.subscribe();
        let _closed = moved.wait_for(|monotonic| *monotonic >= until).await;
    }

    fn is_shifted(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_on_a_manual_clock_wakes_when_enough_time_was_advanced() {
        let clock = Arc::new(ManualClock::starting_at("2026-11-24T09:00:00Z".parse().expect("a valid instant")));
        let sleeper = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep(Duration::from_secs(10)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.expect("the sleeper ends");
        assert_eq!(clock.now().to_string(), "2026-11-24T09:00:10Z");
    }

    #[test]
    fn a_step_of_the_wall_clock_leaves_monotonic_time_alone() {
        let clock = ManualClock::starting_at("2026-11-24T09:00:00Z".parse().expect("a valid instant"));
        clock.set("2026-11-24T08:00:00Z".parse().expect("a valid instant"));
        assert_eq!((clock.now().to_string(), clock.monotonic()), ("2026-11-24T08:00:00Z".into(), Duration::ZERO));
    }
}
