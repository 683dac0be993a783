//! shell: one run: begun in the ledger, evaluated, recorded; whatever goes wrong ends as a state of the run.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use jiff::Timestamp;

use super::{Env, Evaluation, EvaluationError, LOOK_AGAIN, broke_off, evaluate, new_run_id, nominal_now, terms_of};
use crate::ledger::{Ledger, LedgerError, LedgerResult, RecordedRun, RunEnd, RunRecord, RunStart};
use crate::plan::{Counts, Occasion};
use crate::reminder::{RunId, RunKind, RunState};
use crate::schedule::Schedule;
use crate::sources::Again;

/// A run to be made.
#[derive(Debug, Clone)]
pub struct RunAsk {
    /// What brings it about.
    pub kind: RunKind,
    /// The time it stands for (UTC).
    pub nominal_at: Timestamp,
    /// Who the audit says it was.
    pub actor: String,
    /// Touch that appointment alone.
    pub only: Option<String>,
}

/// What became of a run.
#[derive(Debug)]
pub struct RunOutcome {
    /// Its id; `None` when this nominal time was evaluated before, or the ledger failed before the run began.
    pub run_id: Option<RunId>,
    /// The time it stands for (UTC).
    pub nominal_at: Timestamp,
    /// `done`, `held`, `failed`, `waiting` (the cron's runs alone), or `skipped` when it was evaluated before.
    pub state: RunState,
    /// Rows by fate, when there is a decision.
    pub counts: Option<Counts>,
    /// What the ledger made of it.
    pub recorded: Option<RecordedRun>,
    /// Why it failed or waits, is held, or wasn't made.
    pub error: Option<String>,
    /// When a waiting run's source is to be read again (UTC).
    pub again: Option<Timestamp>,
}

/// Makes a run: the row first, then the evaluation, then its record. Never panics.
pub async fn run_once(schedule: &Arc<Schedule>, ask: RunAsk, around: &Env) -> RunOutcome {
    match begin_run(schedule, ask, around).await {
        Ok(begun) => begun.evaluated().await,
        Err(not_begun) => *not_begun,
    }
}

/// Records that a run begins, and evaluates nothing yet: its row is committed when this returns.
///
/// # Errors
/// The outcome, when this nominal time was evaluated before or the ledger failed.
pub async fn begin_run<'a>(
    schedule: &'a Arc<Schedule>,
    ask: RunAsk,
    around: &'a Env,
) -> Result<BegunRun<'a>, Box<RunOutcome>> {
    let Some(ledger) = around.ledger.clone() else {
        return Err(Box::new(not_begun(&ask, RunState::Failed, LedgerError::ReadOnly.to_string())));
    };
    match ledger.begin_run(start_of(schedule, &ask, around)).await {
        Ok(Some(run)) => Ok(BegunRun { schedule, run, ask, ledger, around }),
        Ok(None) => Err(Box::new(not_begun(&ask, RunState::Skipped, "this nominal time was evaluated before".into()))),
        Err(error) => Err(Box::new(not_begun(&ask, RunState::Failed, error.to_string()))),
    }
}

fn start_of(schedule: &Schedule, ask: &RunAsk, around: &Env) -> RunStart {
    RunStart {
        id: new_run_id(around.clock.as_ref()),
        schedule: schedule.name.clone(),
        nominal_at: ask.nominal_at,
        kind: ask.kind,
        started_at: around.clock.now(),
        text_hash: schedule.text_hash.clone(),
        text: schedule.text.clone(),
        zone_rules: around.zones.version().to_owned(),
        actor: ask.actor.clone(),
    }
}

fn not_begun(ask: &RunAsk, state: RunState, error: String) -> RunOutcome {
    RunOutcome {
        run_id: None,
        nominal_at: ask.nominal_at,
        state,
        counts: None,
        recorded: None,
        error: Some(error),
        again: None,
    }
}

/// A run whose row stands, and what it needs to end.
pub struct BegunRun<'a> {
    schedule: &'a Arc<Schedule>,
    run: RunId,
    ask: RunAsk,
    ledger: Arc<dyn Ledger>,
    around: &'a Env,
}

impl BegunRun<'_> {
    /// The evaluation and its record. Never panics.
    pub async fn evaluated(self) -> RunOutcome {
        // decided by the second, as `plan` does: what it shows for a moment is what a run of that moment makes of it
        let now = nominal_now(self.around.clock.as_ref());
        let occasion = Occasion { nominal_at: self.ask.nominal_at, now, only: self.ask.only.clone() };
        // a panic in one schedule's run is that run's failure, nobody else's
        let evaluated = AssertUnwindSafe(evaluate(self.schedule, occasion, self.around)).catch_unwind().await;
        match evaluated.unwrap_or_else(|_| Err(broke_off("in the middle"))) {
            Ok(evaluation) => self.record_plan(evaluation).await,
            Err(error) => self.record_failure(error).await,
        }
    }

    async fn record_plan(self, evaluation: Evaluation) -> RunOutcome {
        let plan = evaluation.plan.without_numbers();
        let (counts, held) = (plan.counts, plan.held.as_ref().map(|held| held.detail.clone()));
        if held.is_none() && !plan.reminders.is_empty() {
            self.around.http.get_ready();
        }
        let end = RunEnd::Planned(Box::new(plan));
        let recorded = self.record(end, Some(evaluation.report.fingerprint), evaluation.read_at).await;
        match recorded {
            Ok(recorded) => RunOutcome {
                state: if held.is_some() { RunState::Held } else { RunState::Done },
                counts: Some(counts),
                recorded: Some(recorded),
                error: held,
                ..self.outcome()
            },
            Err(error) => RunOutcome { error: Some(error.to_string()), ..self.outcome() },
        }
    }

    async fn record_failure(self, error: EvaluationError) -> RunOutcome {
        let detail = error.to_string();
        if let Some(again) = self.may_wait(&error) {
            return match self.ledger.postpone_run(self.run, self.around.clock.now(), &detail).await {
                Ok(()) => {
                    RunOutcome { state: RunState::Waiting, error: Some(detail), again: Some(again), ..self.outcome() }
                }
                Err(error) => RunOutcome { error: Some(error.to_string()), ..self.outcome() },
            };
        }
        let recorded = self.record(RunEnd::Failed(detail.clone()), None, self.around.clock.now()).await;
        let error = match recorded {
            Ok(_) => detail,
            Err(also) => format!("{detail}; and the ledger could not record it: {also}"),
        };
        RunOutcome { error: Some(error), ..self.outcome() }
    }

    /// When a failed read of the cron's run is tried again; `None` when waiting helps nobody.
    fn may_wait(&self, error: &EvaluationError) -> Option<Timestamp> {
        let EvaluationError::Source(source) = error else { return None };
        match (self.ask.kind, source.again) {
            (RunKind::Trigger, _) | (_, Again::Never) => None,
            (RunKind::Scheduled | RunKind::CatchUp, Again::Soon | Again::Later) => {
                next_look(self.schedule, self.ask.nominal_at, self.around.clock.now())
            }
        }
    }

    async fn record(&self, end: RunEnd, fingerprint: Option<String>, read_at: Timestamp) -> LedgerResult<RecordedRun> {
        let record = RunRecord {
            id: self.run,
            finished_at: self.around.clock.now(),
            end,
            source_fingerprint: fingerprint,
            read_at,
            terms: terms_of(self.schedule),
            actor: self.ask.actor.clone(),
        };
        self.ledger.record_run(record).await
    }

    /// The outcome of a run that came to nothing.
    fn outcome(&self) -> RunOutcome {
        RunOutcome { run_id: Some(self.run), ..not_begun(&self.ask, RunState::Failed, String::new()) }
    }
}

/// When a waiting run's source is read again: 5, 10, 15 … minutes after its nominal time, until `max_lateness` or the
/// schedule's next nominal time. `None`: it has waited long enough.
#[must_use]
pub fn next_look(schedule: &Schedule, nominal_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let step = LOOK_AGAIN.as_secs();
    let looks = (now.as_second() - nominal_at.as_second()).max(0) / step + 1;
    let at = nominal_at.saturating_add(LOOK_AGAIN * i32::try_from(looks).ok()?).ok()?;
    let latest = nominal_at.saturating_add(schedule.remind.max_lateness).ok()?;
    let following = schedule.recurrence.next(&schedule.zone, nominal_at, 1).first().map(|next| next.at);
    (at <= latest && following.is_none_or(|next| at < next)).then_some(at)
}
