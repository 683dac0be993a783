//! shell: one run: begun in the ledger, evaluated, recorded; whatever goes wrong ends as a state of the run.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};

use super::{Env, Evaluation, EvaluationError, evaluate, internal_error, new_run_id, nominal_now, terms_of};
use crate::attempt::TargetAddress;
use crate::ledger::{LedgerError, LedgerResult, RecordedRun, RunEnd, RunRecord, RunRow, RunStart, Runs};
use crate::plan::{Counts, Occasion, Reminded};
use crate::reminder::{RunId, RunKind, RunState};
use crate::schedule::Schedule;
use crate::sources::Again;

/// How long after its nominal time, and then between reads, a waiting run's source is read again.
const READ_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// A run that could not read the ledger is evaluated again this much later: what is in its way is mostly gone soon.
const LEDGER_AGAIN: SignedDuration = SignedDuration::from_secs(10);

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
pub enum RunOutcome {
    /// Its plan is recorded.
    Done {
        /// The run's id.
        run: RunId,
        /// Rows by fate.
        counts: Counts,
        /// Those reminded already, by what is known of them.
        reminded: Reminded,
        /// What the ledger made of the plan.
        recorded: RecordedRun,
        /// What a person should know of the read.
        notes: Vec<String>,
    },
    /// A guard held it: nobody is called.
    Held {
        /// The run's id.
        run: RunId,
        /// Rows by fate.
        counts: Counts,
        /// Why, and what to do.
        why: String,
    },
    /// Its source, or what the ledger knows, can't be read yet (the cron's runs alone).
    Waiting {
        /// The run's id.
        run: RunId,
        /// The reason, as a sentence.
        why: String,
        /// When its source is read again (UTC).
        again_at: Timestamp,
    },
    /// It failed, or its end could not be recorded.
    Failed {
        /// The run's id.
        run: RunId,
        /// The reason, as a sentence.
        why: String,
    },
    /// The ledger could not record that it begins.
    NotBegun {
        /// The reason, as a sentence.
        why: String,
    },
    /// This nominal time was evaluated before.
    EvaluatedBefore,
}

impl RunOutcome {
    /// The run's row, when it has one of its own.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::Done { run, .. } | Self::Held { run, .. } | Self::Waiting { run, .. } | Self::Failed { run, .. } => {
                Some(*run)
            }
            Self::NotBegun { .. } | Self::EvaluatedBefore => None,
        }
    }

    /// The rows that were reminded already, by what is known of them.
    #[must_use]
    pub fn reminded(&self) -> Reminded {
        match self {
            Self::Done { reminded, .. } => *reminded,
            Self::Held { .. }
            | Self::Waiting { .. }
            | Self::Failed { .. }
            | Self::NotBegun { .. }
            | Self::EvaluatedBefore => Reminded::default(),
        }
    }

    /// The state it ended in.
    #[must_use]
    pub const fn state(&self) -> RunState {
        match self {
            Self::Done { .. } => RunState::Done,
            Self::Held { .. } => RunState::Held,
            Self::Waiting { .. } => RunState::Waiting,
            Self::Failed { .. } | Self::NotBegun { .. } => RunState::Failed,
            Self::EvaluatedBefore => RunState::Skipped,
        }
    }

    /// What a person should know of the read.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Done { notes, .. } => notes,
            Self::Held { .. }
            | Self::Waiting { .. }
            | Self::Failed { .. }
            | Self::NotBegun { .. }
            | Self::EvaluatedBefore => &[],
        }
    }

    /// Why nobody is called; `None` for a run that is done.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Done { .. } => None,
            Self::Held { why, .. } | Self::Waiting { why, .. } | Self::Failed { why, .. } | Self::NotBegun { why } => {
                Some(why)
            }
            Self::EvaluatedBefore => Some("this nominal time was evaluated before"),
        }
    }
}

/// Makes a run: the row first, then the evaluation, then its record. Never panics.
pub async fn run_once(schedule: &Arc<Schedule>, ask: RunAsk, env: &Env) -> RunOutcome {
    match begin_run(schedule, ask, env).await {
        Ok(begun) => begun.evaluated().await,
        Err(not_begun) => not_begun,
    }
}

/// A person lets a held run go.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The run as it is held.
    pub held: RunRow,
    /// The reason given.
    pub reason: Option<String>,
    /// Who approves it.
    pub actor: String,
}

/// Evaluates a held run again for its own nominal time, without the guards that hold it, and records what comes of it
/// together with the approval.
///
/// # Errors
/// When the source, the ledger or a file the rules need can't be read: then the run is still held.
pub async fn approve_run(
    schedule: &Arc<Schedule>,
    approval: Approval,
    env: &Env,
) -> Result<RunOutcome, EvaluationError> {
    let ledger = env.ledger.clone().ok_or(LedgerError::ReadOnly)?;
    let held = &approval.held;
    let ask = RunAsk { kind: held.kind, nominal_at: held.nominal_at, actor: approval.actor.clone(), only: None };
    let moment = Occasion::at(nominal_now(env.clock.as_ref()));
    let occasion = Occasion { nominal_at: held.nominal_at, waived: held.guards.clone(), ..moment };
    let evaluated = AssertUnwindSafe(evaluate(schedule, occasion, env)).catch_unwind().await;
    let evaluation = evaluated.unwrap_or_else(|_| Err(internal_error("by a panic")))?;
    let run = BegunRun { schedule, run: held.id, ask, ledger, env };
    Ok(run.record_plan(evaluation, Some(approval)).await)
}

/// Whether the source is another one than the one that was held.
fn changed_since(held: &RunRow, fingerprint: &str) -> Option<String> {
    let before = held.fingerprint.as_deref().filter(|before| *before != fingerprint)?;
    Some(format!("the source has changed since the run was held: it was {before}, now it is {fingerprint}"))
}

/// Records that a run begins, and evaluates nothing yet: its row is committed when this returns.
///
/// # Errors
/// The outcome, when this nominal time was evaluated before or the ledger failed.
pub async fn begin_run<'a>(schedule: &'a Arc<Schedule>, ask: RunAsk, env: &'a Env) -> Result<BegunRun<'a>, RunOutcome> {
    let Some(ledger) = env.ledger.clone() else {
        return Err(RunOutcome::NotBegun { why: LedgerError::ReadOnly.to_string() });
    };
    match ledger.begin_run(start_of(schedule, &ask, env)).await {
        Ok(Some(run)) => Ok(BegunRun { schedule, run, ask, ledger, env }),
        Ok(None) => Err(RunOutcome::EvaluatedBefore),
        Err(error) => Err(RunOutcome::NotBegun { why: error.to_string() }),
    }
}

fn start_of(schedule: &Schedule, ask: &RunAsk, env: &Env) -> RunStart {
    RunStart {
        id: new_run_id(env.clock.as_ref()),
        schedule: schedule.name.clone(),
        nominal_at: ask.nominal_at,
        kind: ask.kind,
        started_at: env.clock.now(),
        text_hash: schedule.text_hash.clone(),
        text: schedule.text.clone(),
        zone_rules: env.zones.version().to_owned(),
        actor: ask.actor.clone(),
    }
}

/// A run whose row is committed, and what it needs to end.
pub struct BegunRun<'a> {
    schedule: &'a Arc<Schedule>,
    run: RunId,
    ask: RunAsk,
    ledger: Arc<dyn Runs>,
    env: &'a Env,
}

impl BegunRun<'_> {
    /// The evaluation and its record. Never panics.
    pub async fn evaluated(self) -> RunOutcome {
        // decided by the second, as `plan` does: what it shows for a moment is what a run of that moment makes of it
        let moment = Occasion::at(nominal_now(self.env.clock.as_ref()));
        let occasion = Occasion { nominal_at: self.ask.nominal_at, only: self.ask.only.clone(), ..moment };
        // a panic in one schedule's run fails that run alone
        let evaluated = AssertUnwindSafe(evaluate(self.schedule, occasion, self.env)).catch_unwind().await;
        match evaluated.unwrap_or_else(|_| Err(internal_error("by a panic"))) {
            Ok(evaluation) => self.record_plan(evaluation, None).await,
            Err(error) => self.record_failure(error).await,
        }
    }

    async fn record_plan(self, evaluation: Evaluation, approval: Option<Approval>) -> RunOutcome {
        let mut plan = evaluation.plan.without_numbers();
        for note in &plan.notes {
            tracing::warn!(schedule = %self.schedule.name, "the source was read, and may be a part: {note}");
        }
        let fingerprint = &evaluation.report.fingerprint;
        plan.notes.extend(approval.as_ref().and_then(|approval| changed_since(&approval.held, fingerprint)));
        let (run, counts, held) = (self.run, plan.counts, plan.held.as_ref().map(|held| held.of_run(self.run)));
        let (notes, reminded) = (plan.notes.clone(), plan.reminded);
        if held.is_none() && !plan.reminders.is_empty() {
            self.env.http.get_ready();
        }
        let plan = Box::new(plan);
        let end = match approval {
            None => RunEnd::Planned(plan),
            Some(approval) => RunEnd::Approved { plan, reason: approval.reason },
        };
        let read = ReadFacts {
            fingerprint: Some(evaluation.report.fingerprint),
            at: evaluation.read_at,
            target: evaluation.target,
        };
        let recorded = self.record(end, read).await;
        match (recorded, held) {
            (Ok(_), Some(why)) => RunOutcome::Held { run, counts, why },
            (Ok(recorded), None) => RunOutcome::Done { run, counts, reminded, recorded, notes },
            (Err(error), _) => RunOutcome::Failed { run, why: error.to_string() },
        }
    }

    async fn record_failure(self, error: EvaluationError) -> RunOutcome {
        let (run, detail) = (self.run, error.to_string());
        let now = self.env.clock.now();
        if let Some(again_at) = self.may_wait(&error) {
            return match self.record(RunEnd::Waiting(detail.clone()), ReadFacts::none(now)).await {
                Ok(_) => RunOutcome::Waiting { run, why: detail, again_at },
                Err(error) => RunOutcome::Failed { run, why: error.to_string() },
            };
        }
        match self.record(RunEnd::Failed(detail.clone()), ReadFacts::none(now)).await {
            Ok(_) => RunOutcome::Failed { run, why: detail },
            Err(also) => {
                RunOutcome::Failed { run, why: format!("{detail}; and the ledger could not record it: {also}") }
            }
        }
    }

    /// When a failed evaluation of the cron's run is tried again; `None` when waiting helps nobody.
    fn may_wait(&self, error: &EvaluationError) -> Option<Timestamp> {
        match (self.ask.kind, error.again()) {
            (RunKind::Trigger, _) | (_, Again::Never) => None,
            (RunKind::Scheduled | RunKind::CatchUp, Again::Soon | Again::Later) => {
                let now = self.env.clock.now();
                let again_at = next_read_at(self.schedule, self.ask.nominal_at, now)?;
                Some(match error {
                    EvaluationError::Ledger(_) => again_at.min(now.saturating_add(LEDGER_AGAIN).unwrap_or(again_at)),
                    EvaluationError::Source(_)
                    | EvaluationError::Rule(_)
                    | EvaluationError::Exhausted(_)
                    | EvaluationError::Internal(_) => again_at,
                })
            }
        }
    }

    async fn record(&self, end: RunEnd, read: ReadFacts) -> LedgerResult<RecordedRun> {
        let record = RunRecord {
            id: self.run,
            finished_at: self.env.clock.now(),
            end,
            source_fingerprint: read.fingerprint,
            read_at: read.at,
            terms: terms_of(self.schedule, read.target),
            actor: self.ask.actor.clone(),
        };
        self.ledger.record_run(record).await
    }
}

/// What a run's record takes from its read.
struct ReadFacts {
    fingerprint: Option<String>,
    /// UTC.
    at: Timestamp,
    /// Where the schedule's target sent then.
    target: Option<TargetAddress>,
}

impl ReadFacts {
    /// Of a read that failed then.
    const fn none(at: Timestamp) -> Self {
        Self { fingerprint: None, at, target: None }
    }
}

/// When a waiting run's source is read again: 5, 10, 15 … minutes after its nominal time, until `max_lateness` or the
/// schedule's next nominal time. `None`: it has waited long enough.
#[must_use]
pub fn next_read_at(schedule: &Schedule, nominal_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let step = READ_AGAIN.as_secs();
    let reads = (now.as_second() - nominal_at.as_second()).max(0) / step + 1;
    let at = nominal_at.saturating_add(READ_AGAIN * i32::try_from(reads).ok()?).ok()?;
    let latest = nominal_at.saturating_add(schedule.remind.max_lateness).ok()?;
    let following = schedule.recurrence.next(&schedule.zone, nominal_at, 1).first().map(|next| next.at);
    (at <= latest && following.is_none_or(|next| at < next)).then_some(at)
}
