//! shell: the sender: take intents → send → classify → settle.
//!
//! One dispatcher runs at a time. It sends the reminders that are due, then waits for the next due time, for a request to
//! end, or for a nudge. A *lane* is the opened target of one schedule with its rate; a *nudge* is the signal that new
//! reminders may be due.

mod backoff;
mod batches;
mod brake;
pub mod classify;
mod dispatcher;
mod final_check;
mod fresh_reads;
mod lanes;
mod names;
pub mod retry;
mod send;
mod settlement_log;
mod settling;
mod test_call;
#[cfg(test)]
mod tests;
mod until_settled;
mod wakeup;
pub mod write_back;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::attempt::{SettleTo, Settlement};
use crate::evaluation::Env;
use crate::ledger::{LedgerError, LedgerResult, Outbox};
use crate::reminder::ReminderId;
use crate::schedule::Schedule;
use brake::Brake;
use dispatcher::{Dispatcher, Until};
use lanes::Lanes;
use names::Names;
pub use test_call::{TestCallError, TestReminder};

/// Sends the reminders that are due. A process has one; [`Sender::set_schedules`] sets its lanes.
pub struct Sender {
    parts: SenderParts,
    brake: Arc<Brake>,
    lanes: RwLock<Arc<Lanes>>,
    problems: RwLock<BTreeMap<String, String>>,
    /// For each schedule, why its last request is retried.
    troubles: Mutex<BTreeMap<String, Trouble>>,
    /// For each schedule, when (monotonic) its trouble was first seen by [`Sender::lasting_troubles`].
    troubled_since: Mutex<BTreeMap<String, Duration>>,
    wake: Notify,
    names: Names,
    /// Held while a dispatcher runs.
    at_work: tokio::sync::Mutex<()>,
    is_running: AtomicBool,
    /// Whether no new intent is taken, because the process is about to end.
    is_stopping: AtomicBool,
    /// Counts the polls of the running dispatcher, for tasks that wait for its progress.
    progress: watch::Sender<u64>,
    /// When (monotonic) a schedule's fresh read last failed.
    failed_reads: Mutex<HashMap<String, Duration>>,
}

/// A request that is retried.
struct Trouble {
    reminder: ReminderId,
    /// The target's last response, or why it could not be reached.
    why: String,
}

/// What a sender is made of.
pub struct SenderParts {
    /// Clock, ledger, HTTP client and accounts. `env.ledger` is `Some`.
    pub env: Env,
    /// While this file exists, no intent is taken.
    pub stop_file: PathBuf,
    /// The actor in the audit log: `service` or `trigger`.
    pub actor: String,
}

/// The reminders of one `deliver`.
#[derive(Debug, Clone)]
pub struct DeliveryScope {
    /// The schedule's name.
    pub schedule: String,
    /// Only this appointment.
    pub only: Option<String>,
}

impl Sender {
    /// A sender without schedules.
    #[must_use]
    pub fn new(parts: SenderParts) -> Arc<Self> {
        Arc::new(Self {
            brake: Brake::new(&parts),
            parts,
            lanes: RwLock::default(),
            problems: RwLock::default(),
            troubles: Mutex::default(),
            troubled_since: Mutex::default(),
            names: Names::default(),
            wake: Notify::new(),
            at_work: tokio::sync::Mutex::default(),
            is_running: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            progress: watch::Sender::new(0),
            failed_reads: Mutex::default(),
        })
    }

    /// Sets the schedules that may send, and opens their targets. Problems are logged and kept for [`Sender::problems`].
    pub fn set_schedules(&self, schedules: &BTreeMap<String, Arc<Schedule>>) {
        let (lanes, problems) = lanes::open(schedules, &self.parts);
        for (schedule, problem) in &problems {
            tracing::warn!(schedule, problem, "this schedule can't send");
        }
        *self.lanes.write().expect(UNPOISONED) = Arc::new(lanes);
        *self.problems.write().expect(UNPOISONED) = problems;
        self.nudge();
    }

    /// Schedules whose target can't be opened, and why.
    #[must_use]
    pub fn problems(&self) -> BTreeMap<String, String> {
        self.problems.read().expect(UNPOISONED).clone()
    }

    /// For each schedule in trouble, why its reminders are retried: the target's last response, or why it could not be reached.
    #[must_use]
    pub fn troubles(&self) -> BTreeMap<String, String> {
        let of_requests = self.troubles.lock().expect(UNPOISONED);
        let mut troubles: BTreeMap<String, String> =
            of_requests.iter().map(|(schedule, trouble)| (schedule.clone(), trouble.why.clone())).collect();
        drop(of_requests);
        for (schedule, lane) in self.lanes().iter() {
            if let Some(problem) = lane.named_origin.as_ref().and_then(|origin| self.names.problem(origin)) {
                troubles.insert(schedule.clone(), format!("nothing is sent to {}: {problem}", lane.target.origin()));
            }
        }
        troubles
    }

    /// The troubles that have lasted for at least this time. Relies on being asked every few seconds.
    #[must_use]
    pub fn lasting_troubles(&self, at_least: Duration) -> BTreeMap<String, String> {
        let (mut troubles, now) = (self.troubles(), self.parts.env.clock.monotonic());
        let mut since = self.troubled_since.lock().expect(UNPOISONED);
        since.retain(|schedule, _| troubles.contains_key(schedule));
        troubles.retain(|schedule, _| now.saturating_sub(*since.entry(schedule.clone()).or_insert(now)) >= at_least);
        troubles
    }

    /// The reminders whose requests are retried, by schedule.
    #[must_use]
    pub fn troubled(&self) -> BTreeMap<String, ReminderId> {
        let troubles = self.troubles.lock().expect(UNPOISONED);
        troubles.iter().map(|(schedule, trouble)| (schedule.clone(), trouble.reminder)).collect()
    }

    /// Forgets the trouble of a reminder that is not retried any more, because it has expired or was cancelled.
    pub fn end_trouble(&self, schedule: &str, reminder: ReminderId) {
        let mut troubles = self.troubles.lock().expect(UNPOISONED);
        if troubles.get(schedule).is_some_and(|trouble| trouble.reminder == reminder) {
            troubles.remove(schedule);
        }
    }

    /// The host that accepts this schedule's requests; `None` for Thoughtly.
    #[must_use]
    pub fn accepted_by(&self, schedule: &str) -> Option<String> {
        self.lanes().get(schedule)?.accepted_by.clone()
    }

    fn note_trouble(&self, schedule: &str, settlement: &Settlement) {
        let mut troubles = self.troubles.lock().expect(UNPOISONED);
        match &settlement.to {
            SettleTo::Again { .. } => {
                let why = waits_because(settlement.detail.as_deref(), settlement.http_status);
                troubles.insert(schedule.to_owned(), Trouble { reminder: settlement.reminder_id, why });
            }
            SettleTo::Delivered => {
                troubles.remove(schedule);
                self.troubled_since.lock().expect(UNPOISONED).remove(schedule);
            }
            SettleTo::Failed
            | SettleTo::Uncertain
            | SettleTo::Dropped
            | SettleTo::ContactReady { .. }
            | SettleTo::ContactForgotten => {}
        }
    }

    /// Makes the dispatcher poll at once, because new reminders may be due.
    pub fn nudge(&self) {
        self.wake.notify_one();
    }

    /// Begins the shutdown: [`Sender::deliver`] returns as soon as the requests in flight have ended. Call this before
    /// stopping [`Sender::run`].
    pub fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Whether the shutdown has begun: nothing new is sent.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Delivers until `stop` turns true. Then takes no new intents, waits for the requests in flight, and settles them.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        let _running = AtWork::begin(self);
        let _at_work = self.at_work.lock().await;
        let ended = match self.outbox() {
            Ok(outbox) => Dispatcher::new(self, outbox, Until::Stopped(stop)).work().await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = ended {
            tracing::error!(%failure, "delivery ended, and requests in flight could not be settled");
        }
    }

    /// Delivers the reminders of `scope` until each is settled or not due within `wait` from now. While [`Sender::run`] is
    /// active in this process, this only waits for it.
    ///
    /// # Errors
    /// When the ledger fails: nothing more is sent.
    pub async fn deliver(&self, scope: &DeliveryScope, wait: Duration) -> LedgerResult<()> {
        let outbox = self.outbox()?;
        let wait = jiff::SignedDuration::try_from(wait).unwrap_or(jiff::SignedDuration::MAX);
        let deadline = retry::after(self.parts.env.clock.now(), wait);
        let mut progress = self.progress.subscribe();
        let _at_work = loop {
            if self.is_running.load(Ordering::Acquire) {
                self.nudge();
                return until_settled::until_settled(self, &outbox, scope, deadline).await;
            }
            tokio::select! {
                biased;
                at_work = self.at_work.lock() => break at_work,
                // `run` has begun, and keeps the lock until it is stopped
                _begun = progress.changed() => {}
            }
        };
        if self.is_stopping() {
            return Ok(());
        }
        Dispatcher::new(self, outbox, Until::Settled { scope, deadline }).work().await
    }

    /// What sending may change.
    fn outbox(&self) -> LedgerResult<Arc<dyn Outbox>> {
        let none = || LedgerError::Storage("nothing can be sent without a ledger".to_owned());
        Ok(self.parts.env.ledger.clone().ok_or_else(none)?)
    }

    fn lanes(&self) -> Arc<Lanes> {
        Arc::clone(&self.lanes.read().expect(UNPOISONED))
    }

    /// Learns that this process has committed a pause: intents whose first byte is not sent yet go back to pending.
    pub fn pause_was_set(&self) {
        self.brake.pause_was_set();
    }

    /// Whether the last dispatcher has ended.
    fn has_stopped(&self) -> bool {
        self.is_stopping() && !self.is_running.load(Ordering::Acquire)
    }

    fn note_progress(&self) {
        self.progress.send_modify(|polls| *polls = polls.wrapping_add(1));
    }
}

/// Why reminders wait that were refused for now.
#[must_use]
pub fn waits_because(detail: Option<&str>, http_status: Option<u16>) -> String {
    let status = http_status.map_or_else(String::new, |status| format!(" (HTTP {status})"));
    format!("reminders that are due are retried: {}{status}", detail.unwrap_or("refused for now"))
}

/// Marks [`Sender::run`] as active until it is dropped, also when its task is aborted.
struct AtWork<'a>(&'a Sender);

impl<'a> AtWork<'a> {
    fn begin(sender: &'a Sender) -> Self {
        sender.is_running.store(true, Ordering::Release);
        sender.note_progress();
        Self(sender)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.is_running.store(false, Ordering::Release);
        self.0.note_progress();
    }
}

/// Why the sender's locks are never poisoned: no holder calls anything that can panic.
const UNPOISONED: &str = "no holder of the sender's locks panics";
