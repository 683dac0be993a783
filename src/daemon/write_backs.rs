//! shell: sends outcomes to the systems from which the appointments come, when they are due: after a fresh read of the source,
//! each schedule independently of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use jiff::SignedDuration;
use tokio::task::JoinSet;

use super::runs::{ACTOR, Daemon};
use crate::delivery::write_back::{Attempted, WriteBackRequest, write_back};
use crate::evaluation::{ShownNow, shown_now};
use crate::ledger::{LedgerResult, Outcomes, ReminderAsk, ReminderRow, WriteBackRow, WriteBacksAsk};
use crate::reminder::{ReminderId, RunId, WriteBackState};
use crate::schedule::{Schedule, ScheduleMode, WriteBackSpec};

/// How often it is checked whether an outcome is to be written.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Outcomes of all schedules that are taken in one round.
const MAX_ROWS: u32 = 1_000;

/// Requests of one schedule at once.
const MAX_CONCURRENT: usize = 4;

/// The pause after a source could not be read, and of a schedule that is not loaded.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(1);

/// Reads for write-backs take at most this share of the time, so that outcomes that trickle in don't read a large source
/// again and again.
const READ_SHARE: u32 = 20;

/// Maximum pause of a schedule between two rounds.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// The rounds of all schedules.
#[derive(Default)]
struct Rounds {
    /// A task answers its schedule, and how long its read took.
    tasks: JoinSet<(String, Duration)>,
    under_way: BTreeSet<String>,
    /// The earliest time of each schedule's next round (monotonic).
    next_at: BTreeMap<String, Duration>,
}

/// Runs until it is dropped.
pub async fn keep(daemon: Arc<Daemon>) {
    let clock = Arc::clone(&daemon.app.env.clock);
    let mut rounds = Rounds::default();
    loop {
        daemon.begin_rounds(&mut rounds).await;
        clock.sleep(CHECK_INTERVAL).await;
        while let Some(Ok((schedule, read))) = rounds.tasks.try_join_next() {
            rounds.under_way.remove(&schedule);
            let pause = (read * READ_SHARE).min(MAX_PAUSE);
            rounds.next_at.insert(schedule, clock.monotonic() + pause);
        }
    }
}

impl Daemon {
    async fn begin_rounds(self: &Arc<Self>, rounds: &mut Rounds) {
        let ask = WriteBacksAsk::Due { now: self.now(), limit: MAX_ROWS };
        // a ledger that can't be read has an alert of its own
        let due = self.ledger.write_backs(ask).await.unwrap_or_default();
        let mut of_schedules: BTreeMap<String, Vec<WriteBackRow>> = BTreeMap::new();
        for row in due {
            of_schedules.entry(row.schedule.clone()).or_default().push(row);
        }
        let now = self.app.env.clock.monotonic();
        for (schedule, rows) in of_schedules {
            let is_too_early = rounds.next_at.get(&schedule).is_some_and(|at| *at > now);
            if is_too_early || !rounds.under_way.insert(schedule.clone()) {
                continue;
            }
            let daemon = Arc::clone(self);
            rounds.tasks.spawn(async move {
                // a panic ends this round only
                let round = AssertUnwindSafe(daemon.round(&schedule, rows)).catch_unwind().await;
                (schedule, round.unwrap_or(MAX_PAUSE))
            });
        }
    }

    /// Writes these outcomes of one schedule; returns how long its source was read.
    async fn round(&self, name: &str, rows: Vec<WriteBackRow>) -> Duration {
        let Some(schedule) = self.schedule(name) else {
            self.put_off(&rows, "not_loaded", "its schedule is not loaded").await;
            return Duration::ZERO;
        };
        let Some(spec) = schedule.outcome.as_ref().and_then(|outcome| outcome.write_back.as_ref()) else {
            self.end_all(&rows, "switched_off").await;
            return Duration::ZERO;
        };
        if schedule.mode == ScheduleMode::Shadow {
            self.end_all(&rows, "shadow").await;
            return Duration::ZERO;
        }
        let (rows, unwanted): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| spec.on.contains(&row.outcome));
        self.end_all(&unwanted, "switched_off").await;
        match self.reminders_of(&rows).await {
            Ok(reminders) => self.write(&schedule, spec, (rows, reminders)).await,
            Err(error) => {
                self.note_ledger_failure(&error.to_string());
                Duration::ZERO
            }
        }
    }

    async fn reminders_of(&self, rows: &[WriteBackRow]) -> LedgerResult<BTreeMap<ReminderId, ReminderRow>> {
        let ids = rows.iter().map(|row| row.reminder_id).collect::<BTreeSet<_>>().into_iter().collect();
        let found = self.ledger.reminders(ReminderAsk { ids, ..ReminderAsk::default() }).await?;
        Ok(found.into_iter().map(|row| (row.id, row)).collect())
    }

    /// Writes the outcomes; reads the source once for the calls of each run.
    async fn write(
        &self,
        schedule: &Arc<Schedule>,
        spec: &WriteBackSpec,
        (rows, reminders): (Vec<WriteBackRow>, BTreeMap<ReminderId, ReminderRow>),
    ) -> Duration {
        let mut of_runs: BTreeMap<RunId, Vec<(WriteBackRow, &ReminderRow)>> = BTreeMap::new();
        for row in rows {
            let Some(reminder) = reminders.get(&row.reminder_id) else { continue };
            of_runs.entry(reminder.run_id).or_default().push((row, reminder));
        }
        let (env, mut read) = (&self.app.env, Duration::ZERO);
        for (run, rows) in of_runs {
            let begun = env.clock.monotonic();
            let wanted = rows.iter().map(|(row, _)| (row.appointment_id.clone(), row.starts_at)).collect();
            let shown = shown_now(schedule, run, wanted, env).await;
            read += env.clock.monotonic().saturating_sub(begun);
            let shown = match shown {
                Ok(shown) => shown,
                Err(error) => {
                    let rows: Vec<WriteBackRow> = rows.into_iter().map(|(row, _)| row).collect();
                    self.put_off(&rows, "source", &error.to_string()).await;
                    continue;
                }
            };
            stream::iter(rows)
                .for_each_concurrent(MAX_CONCURRENT, |(row, reminder)| {
                    let shown = shown.get(&(row.appointment_id.clone(), row.starts_at));
                    async move { self.write_one(schedule, spec, (&row, reminder), shown).await }
                })
                .await;
        }
        read
    }

    async fn write_one(
        &self,
        schedule: &Schedule,
        spec: &WriteBackSpec,
        (row, reminder): (&WriteBackRow, &ReminderRow),
        shown: Option<&ShownNow>,
    ) {
        // a newer outcome may have come while the source was read
        let still = self.ledger.write_backs(WriteBacksAsk::Of(row.reminder_id)).await.unwrap_or_default();
        let is_it = |other: &WriteBackRow| other.number == row.number && other.state == WriteBackState::Pending;
        if !still.iter().any(is_it) {
            return;
        }
        let attempted = match shown {
            Some(ShownNow::Here(shown)) => {
                let request = WriteBackRequest { schedule, spec, row, reminder, shown };
                write_back(&request, &self.app.env).await
            }
            Some(ShownNow::Cancelled) => Attempted::dropped("cancelled"),
            Some(ShownNow::Moved) => Attempted::dropped("moved"),
            Some(ShownNow::Missing) | None => Attempted::dropped("missing"),
        };
        self.settle(row, attempted).await;
    }

    async fn put_off(&self, rows: &[WriteBackRow], reason: &str, detail: &str) {
        for row in rows {
            let attempted = Attempted::put_off(row, reason, Some(detail.to_owned()), (self.now(), PUT_OFF));
            self.settle(row, attempted).await;
        }
    }

    async fn end_all(&self, rows: &[WriteBackRow], reason: &str) {
        for row in rows {
            self.settle(row, Attempted::dropped(reason)).await;
        }
    }

    async fn settle(&self, row: &WriteBackRow, attempted: Attempted) {
        if let (Some(reason), Some(_)) = (&attempted.reason, attempted.latency) {
            tracing::warn!(schedule = row.schedule, reason, "an outcome could not be written back");
        }
        if let Err(error) = self.ledger.settle_write_back(attempted.settled(row, ACTOR, self.now())).await {
            self.note_ledger_failure(&error.to_string());
        }
    }
}
