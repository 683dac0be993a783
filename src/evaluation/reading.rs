//! shell: reads a source and plans its rows, on a thread that may block; failures that may pass are retried.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::bounds::{LimitedSink, all_stuck, stuck};
use super::moment::ReminderIds;
use super::posting::LedgerInbox;
use super::shared_reads::{MemoryShare, ReadThread};
use super::{Env, Evaluation, EvaluationError, EvaluationRequest, internal_error, read_do_not_call};
use crate::attempt::TargetAddress;
use crate::ledger::{LastCalledAsk, Ledger, LedgerResult};
use crate::plan::{Knowledge, LastCalledStarts, Occasion, PlanRequest, plan};
use crate::reminder::State;
use crate::row::RecordSink;
use crate::schedule::Schedule;
use crate::sources::{self, ReadWindow, RepeatRead, Source, SourceTools};

/// The delays before the retries of a read whose failure may pass by itself.
const RETRY_DELAYS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// A read is given up this long after its deadline. Most sources check the deadline themselves and end before that.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// A read to be made.
pub(super) struct SourceRead<'a> {
    /// The schedule and the moment it is planned for.
    pub request: &'a EvaluationRequest<'a>,
    /// What the ledger knows.
    pub knowledge: Arc<Knowledge>,
    /// The values for the source's placeholders.
    pub window: ReadWindow,
    /// Where the schedule's target sends.
    pub target: Option<TargetAddress>,
}

impl SourceRead<'_> {
    /// Reads and plans; retries after 1, 2 and 4 s while the failure may pass by itself and the deadline of one read has not
    /// passed.
    pub(super) async fn with_retries(&self, env: &Env) -> Result<Evaluation, EvaluationError> {
        let stop_at = env.clock.monotonic() + self.request.schedule.limits.deadline.unsigned_abs();
        for delay in RETRY_DELAYS {
            match self.once(env).await {
                Err(error) if error.again() == RepeatRead::Soon && env.clock.monotonic() < stop_at => {
                    tracing::info!(schedule = %self.request.schedule.name, "the source can't be read and is retried: {error}");
                    env.clock.sleep(delay).await;
                }
                result => return result,
            }
        }
        self.once(env).await
    }

    async fn once(&self, env: &Env) -> Result<Evaluation, EvaluationError> {
        let job = self.job(env);
        read_on_a_thread(self.request.schedule, env, |read_ended| job.evaluate(read_ended)).await
    }

    fn job(&self, env: &Env) -> ReadJob {
        let EvaluationRequest { schedule, occasion, explained, .. } = self.request;
        ReadJob {
            schedule: Arc::clone(schedule),
            occasion: occasion.clone(),
            explained: explained.clone(),
            knowledge: Arc::clone(&self.knowledge),
            window: self.window,
            target: self.target,
            env: env.clone(),
            read_at: env.clock.now(),
        }
    }
}

/// Reads a schedule's source on a thread of its own, which is given up some time after the deadline of the read. `job` signals
/// the end of the read, by dropping the sender if by nothing else; what it does afterwards is waited for.
pub(super) async fn read_on_a_thread<T: Send + 'static>(
    schedule: &Schedule,
    env: &Env,
    job: impl FnOnce(oneshot::Sender<()>) -> Result<T, EvaluationError> + Send + 'static,
) -> Result<T, EvaluationError> {
    let (given_up, limits) = (&env.reads.given_up, schedule.limits);
    if given_up.are_too_many(&schedule.name) {
        return Err(EvaluationError::Stuck(all_stuck()));
    }
    let (read_ended, read_end) = oneshot::channel();
    let (result, answer) = oneshot::channel();
    let thread = ReadThread::start(move || {
        // nobody receives it after the read was given up
        let _given_up = result.send(job(read_ended));
    });
    let thread = thread.map_err(|error| no_thread(&error))?;
    // `Err` in here means that the thread ended before its read did: `answer` holds the reason
    if tokio::time::timeout(limits.deadline.unsigned_abs() + GRACE_PERIOD, read_end).await.is_err() {
        given_up.add(&schedule.name, thread);
        return Err(EvaluationError::Stuck(stuck(limits)));
    }
    answer.await.map_err(|_| internal_error("while its source was read"))?
}

fn no_thread(error: &std::io::Error) -> EvaluationError {
    EvaluationError::Exhausted(format!("no thread can be started to read the source: {error}"))
}

/// What the thread of one read owns.
struct ReadJob {
    schedule: Arc<Schedule>,
    occasion: Occasion,
    explained: Option<String>,
    knowledge: Arc<Knowledge>,
    window: ReadWindow,
    target: Option<TargetAddress>,
    env: Env,
    read_at: Timestamp,
}

impl ReadJob {
    /// Reads the source and plans its rows; `read_ended` is signalled between the two. Blocks.
    fn evaluate(self, read_ended: oneshot::Sender<()>) -> Result<Evaluation, EvaluationError> {
        let Self { schedule, occasion, explained, knowledge, window, target, env, read_at } = self;
        let limits = schedule.limits;
        let source = open_source(&schedule, &env);
        let do_not_call = read_do_not_call(&schedule)?;
        let (zones, name) = (env.zones.clone(), schedule.name.clone());
        let planned_for = Arc::clone(&schedule);
        let request = PlanRequest { schedule, occasion, knowledge, zones, do_not_call, explained };
        let mut memory = MemoryShare::of(&env.reads.kept);
        let read = |rows: &mut dyn RecordSink| {
            let mut sink = LimitedSink::new(rows, limits, Arc::clone(&env.clock), &mut memory);
            let report = source.read(&window, &mut sink);
            let within_limits = sink.check_limits();
            let _given_up = read_ended.send(());
            within_limits?;
            Ok::<_, EvaluationError>(report?)
        };
        let called = |appointments: Vec<String>| {
            Ok(last_called_starts(env.ledger.as_deref(), LastCalledAsk { schedule: name, appointments, target })?)
        };
        let mut ids = ReminderIds::new(env.clock.as_ref());
        let (mut plan, report) = plan(request, read, called, &mut || ids.next())?;
        plan.notes.clone_from(&report.notes);
        Ok(Evaluation { plan, report, read_at, target, schedule: planned_for })
    }
}

/// The start for which each appointment was called last. Blocks.
fn last_called_starts(ledger: Option<&Ledger>, ask: LastCalledAsk) -> LedgerResult<LastCalledStarts> {
    match ledger {
        Some(ledger) => tokio::runtime::Handle::current().block_on(ledger.last_called_starts(ask)),
        None => Ok(LastCalledStarts::new()),
    }
}

fn tools(env: &Env) -> SourceTools {
    SourceTools {
        http: env.http.clone(),
        secrets: env.secrets.clone(),
        runtime: tokio::runtime::Handle::current(),
        answers: env.reads.answers.clone(),
        inbox: env
            .ledger
            .as_ref()
            .map(|ledger| Arc::new(LedgerInbox(ledger.questions())) as Arc<dyn sources::PostedRows>),
    }
}

/// Opens the schedule's source. Its reads block.
#[must_use]
pub fn open_source(schedule: &Schedule, env: &Env) -> Box<dyn Source> {
    sources::open(schedule, tools(env))
}

/// The range of a read: whole days of the schedule's zone that cover the windows and the starts of pending reminders, and
/// one more day on each side where rows have their own zones.
#[must_use]
pub fn read_window(
    schedule: &Schedule,
    occasion: &Occasion,
    windows: &[(Timestamp, Timestamp)],
    knowledge: &Knowledge,
) -> ReadWindow {
    let pending = knowledge.reminders.iter().filter(|(_, known)| known.state == State::Pending);
    let to_come = knowledge.rehearsed_to_come.keys();
    let pending: Vec<Timestamp> = pending.map(|(key, _)| key).chain(to_come).map(|key| key.starts_at).collect();
    let (from, until) = crate::plan::read_span(schedule, windows, &pending);
    ReadWindow {
        from,
        until,
        day: schedule.recurrence.nominal_date(&schedule.zone, occasion.nominal_at),
        now: occasion.now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_for_which_no_thread_can_be_started_is_retried() {
        let error = no_thread(&std::io::Error::from_raw_os_error(11));
        assert!(matches!(error, EvaluationError::Exhausted(_)));
        assert_eq!(error.again(), RepeatRead::Soon);
    }
}
