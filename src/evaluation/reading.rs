//! shell: the read of a source and the plan made of it, on a thread that may block, again when that may help.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::bounds::{Bounded, stuck};
use super::moment::ReminderIds;
use super::{Env, Evaluation, EvaluationError, EvaluationRequest, broke_off, read_do_not_call};
use crate::ledger::{Ledger, LedgerResult, Runs};
use crate::plan::{Knowledge, Occasion, PlanRequest, ToldStarts, plan};
use crate::reminder::State;
use crate::row::RecordSink;
use crate::schedule::Schedule;
use crate::sources::{self, Again, ReadWindow, Source, SourceTools};

/// How long a read that may pass by itself waits before it is tried again.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// One read to be made.
pub(super) struct SourceRead<'a> {
    /// Whose source, and the circumstances.
    pub request: &'a EvaluationRequest<'a>,
    /// What the ledger knows.
    pub knowledge: Arc<Knowledge>,
    /// What the read binds.
    pub window: ReadWindow,
}

impl SourceRead<'_> {
    /// Reads and plans, again after 1, 2 and 4 s of the clock while the failure may pass by itself.
    pub(super) async fn repeated(&self, env: &Env) -> Result<Evaluation, EvaluationError> {
        for pause in PAUSES {
            match self.once(env).await {
                Err(error) if error.again() == Again::Soon => {
                    tracing::info!(schedule = %self.request.schedule.name, "the source can't be read, it is tried again: {error}");
                    env.clock.sleep(pause).await;
                }
                settled => return settled,
            }
        }
        self.once(env).await
    }

    async fn once(&self, env: &Env) -> Result<Evaluation, EvaluationError> {
        let read_at = env.clock.now();
        let EvaluationRequest { schedule, occasion, explained, .. } = self.request;
        let (schedule, occasion, explained) = (Arc::clone(schedule), occasion.clone(), explained.clone());
        let (knowledge, window, env) = (Arc::clone(&self.knowledge), self.window, env.clone());
        let limits = schedule.limits;
        let (finished, read_finished) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let evaluate = move || {
            let source = open_source(&schedule, &env);
            let do_not_call = read_do_not_call(&schedule)?;
            let (zones, name) = (env.zones.clone(), schedule.name.clone());
            let request = PlanRequest { schedule, occasion, knowledge, zones, do_not_call, explained };
            let mut ids = ReminderIds::new(env.clock.as_ref());
            let read = |rows: &mut dyn RecordSink| {
                let mut bounded = Bounded::new(rows, limits, Arc::clone(&env.clock));
                let report = source.read(&window, &mut bounded);
                let bounds = bounded.respected();
                let _nobody_waits = finished.send(());
                bounds?;
                Ok::<_, EvaluationError>(report?)
            };
            let (mut plan, report) = plan(
                request,
                read,
                |appointments| Ok(told_starts(env.ledger.as_deref(), &name, appointments)?),
                &mut || ids.next(),
            )?;
            plan.notes.clone_from(&report.notes);
            Ok(Evaluation { plan, report, read_at })
        };
        // a thread of its own, not one of the runtime's: a read that never comes back holds up no shutdown
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("source".into()).spawn(move || {
            let _entered = runtime.enter();
            let _nobody_waits = answer.send(evaluate());
        });
        thread
            .map_err(|error| EvaluationError::Exhausted(format!("no thread can be started for the read: {error}")))?;
        let patience = limits.deadline.unsigned_abs() + GRACE;
        if tokio::time::timeout(patience, read_finished).await.is_err() {
            return Err(stuck(limits).into());
        }
        answered.await.map_err(|_| broke_off("while its source was read"))?
    }
}

/// How much longer than its deadline a read is waited for: sources end by themselves when they can.
const GRACE: Duration = Duration::from_secs(2);

/// For which start each appointment was called last. Blocks; called on a thread that may.
fn told_starts(ledger: Option<&Ledger>, schedule: &str, appointments: &[String]) -> LedgerResult<ToldStarts> {
    match ledger {
        Some(ledger) => tokio::runtime::Handle::current().block_on(ledger.told_starts(schedule, appointments)),
        None => Ok(ToldStarts::new()),
    }
}

fn tools(env: &Env) -> SourceTools {
    SourceTools { http: env.http.clone(), secrets: env.secrets.clone(), runtime: tokio::runtime::Handle::current() }
}

/// The schedule's source, opened. To be used on a thread that may block.
#[must_use]
pub fn open_source(schedule: &Schedule, env: &Env) -> Box<dyn Source> {
    sources::open(schedule, tools(env))
}

/// What the read binds: whole days of the schedule's zone that cover the windows and the starts of pending reminders; a
/// day more on each side where rows have a zone of their own.
#[must_use]
pub fn read_window(
    schedule: &Schedule,
    occasion: &Occasion,
    windows: &[(Timestamp, Timestamp)],
    knowledge: &Knowledge,
) -> ReadWindow {
    let pending = knowledge.reminders.iter().filter(|(_, known)| known.state == State::Pending);
    let pending: Vec<Timestamp> = pending.map(|(key, _)| key.starts_at).collect();
    let (from, until) = crate::plan::read_span(schedule, windows, &pending);
    ReadWindow {
        from,
        until,
        day: schedule.recurrence.nominal_date(&schedule.zone, occasion.nominal_at),
        now: occasion.now,
    }
}
