//! shell: the source of ticks: one recurring job of the scheduler, in UTC, or a plain timer when the scheduler stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::runs::Daemon;
use super::systemd;
use crate::clock::SharedClock;

/// tokio-cron-scheduler drops ticks silently when its channels are full: with one job, which ticks once a second, that takes
/// minutes. The room of its ten channels is allocated at once.
const CHANNEL_SIZE: usize = 256;

/// Every second.
const EVERY_SECOND: &str = "* * * * * *";

/// When no tick came for this time, the timer replaces the scheduler, which stops when the clock is set back.
const TICK_TIMEOUT: Duration = Duration::from_secs(5);

/// When the scheduler ticked last (monotonic).
struct LastTick {
    clock: SharedClock,
    at_ms: AtomicU64,
}

impl LastTick {
    fn mark(&self) {
        self.at_ms.store(u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn silence(&self) -> Duration {
        self.clock.monotonic().saturating_sub(Duration::from_millis(self.at_ms.load(Ordering::Relaxed)))
    }
}

/// Ticks until it is dropped: by the scheduler, and by a plain timer after the scheduler has stopped once.
pub async fn run(daemon: Arc<Daemon>) {
    let clock = Arc::clone(&daemon.app.env.clock);
    let last = Arc::new(LastTick { clock: Arc::clone(&clock), at_ms: AtomicU64::new(0) });
    last.mark();
    match begin(&daemon, &last).await {
        Ok(mut scheduler) => {
            while last.silence() <= TICK_TIMEOUT {
                clock.sleep(Duration::from_secs(1)).await;
            }
            tracing::error!("the scheduler stopped (the clock may have been set back): a plain timer ticks instead");
            if let Err(error) = scheduler.shutdown().await {
                tracing::debug!(%error, "the stopped scheduler could not be shut down");
            }
        }
        Err(error) => tracing::error!(%error, "the scheduler could not start: a plain timer ticks instead"),
    }
    daemon.vitals.set_stand_in();
    systemd::status(&daemon.status_line());
    loop {
        daemon.tick().await;
        clock.sleep(Duration::from_secs(1)).await;
    }
}

async fn begin(daemon: &Arc<Daemon>, last: &Arc<LastTick>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new_with_channel_size(CHANNEL_SIZE).await?;
    let (daemon, last) = (Arc::clone(daemon), Arc::clone(last));
    let every_second = Job::new_async_tz(EVERY_SECOND, chrono::Utc, move |_id, _scheduler| {
        let (daemon, last) = (Arc::clone(&daemon), Arc::clone(&last));
        Box::pin(async move {
            last.mark();
            daemon.tick().await;
        })
    })?;
    scheduler.add(every_second).await?;
    scheduler.start().await?;
    Ok(scheduler)
}
