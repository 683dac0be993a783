//! shell: what makes the heart beat: one recurring job of the scheduler, in UTC, and a plain timer that stands in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::runs::Daemon;
use super::systemd;
use crate::clock::SharedClock;

/// The scheduler's channels lag silently when they are full; one job leaves this one far from it.
const CHANNEL: usize = 4_096;

/// Every second.
const EVERY_SECOND: &str = "* * * * * *";

/// A heartbeat that stays away so long is replaced: a step back of the clock silences the scheduler.
const PATIENCE: Duration = Duration::from_secs(5);

/// When the scheduler beat last (monotonic).
struct LastBeat {
    clock: SharedClock,
    at_ms: AtomicU64,
}

impl LastBeat {
    fn mark(&self) {
        self.at_ms.store(u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn silence(&self) -> Duration {
        self.clock.monotonic().saturating_sub(Duration::from_millis(self.at_ms.load(Ordering::Relaxed)))
    }
}

/// Beats until it is dropped: by the scheduler, and for good by a plain timer once the scheduler stays away.
pub async fn beat(daemon: Arc<Daemon>) {
    let clock = Arc::clone(&daemon.app.around.clock);
    let last = Arc::new(LastBeat { clock: Arc::clone(&clock), at_ms: AtomicU64::new(0) });
    last.mark();
    match begin(&daemon, &last).await {
        Ok(mut scheduler) => {
            while last.silence() <= PATIENCE {
                clock.sleep(Duration::from_secs(1)).await;
            }
            tracing::error!("the scheduler fell silent (the clock was set back?): a plain timer beats instead");
            if let Err(error) = scheduler.shutdown().await {
                tracing::debug!(%error, "the silent scheduler could not be shut down");
            }
        }
        Err(error) => tracing::error!(%error, "the scheduler could not begin: a plain timer beats instead"),
    }
    daemon.vitals.set_stand_in();
    systemd::status(&daemon.status_line());
    loop {
        daemon.tick().await;
        clock.sleep(Duration::from_secs(1)).await;
    }
}

async fn begin(daemon: &Arc<Daemon>, last: &Arc<LastBeat>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new_with_channel_size(CHANNEL).await?;
    let (daemon, last) = (Arc::clone(daemon), Arc::clone(last));
    let heartbeat = Job::new_async_tz(EVERY_SECOND, chrono::Utc, move |_id, _scheduler| {
        let (daemon, last) = (Arc::clone(&daemon), Arc::clone(&last));
        Box::pin(async move {
            last.mark();
            daemon.tick().await;
        })
    })?;
    scheduler.add(heartbeat).await?;
    scheduler.start().await?;
    Ok(scheduler)
}
