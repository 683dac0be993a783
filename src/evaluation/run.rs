//! shell: a run: begins in the ledger, is evaluated and recorded. Every failure becomes a state of the run.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};

use super::{Env, Evaluation, EvaluationError, evaluate, internal_error, new_run_id, nominal_now, terms_of};
use crate::attempt::TargetAddress;
use crate::ledger::{LedgerError, LedgerResult, RecordedRun, RunEnd, RunRecord, RunRow, RunStart, Runs};
use crate::plan::{Counts, Occasion, Rehearsed, Reminded, closed_run_in_words};
use crate::reminder::{RunId, RunKind, RunState};
use crate::schedule::Schedule;
use crate::sources::RepeatRead;

/// The interval, from its nominal time, at which a waiting run's source is read again.
const READ_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

/// The pause after which a run that could not read the ledger is evaluated again.
const LEDGER_PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// A run to be made.
#[derive(Debug, Clone)]
pub struct RunAsk {
    /// Scheduled, catch-up or triggered.
    pub kind: RunKind,
    /// The nominal time.
    pub nominal_at: Timestamp,
    /// The actor in the audit log.
    pub actor: String,
    /// Plan only this appointment.
    pub only: Option<String>,
    /// What becomes of calls that a run in shadow mode would have made.
    pub rehearsed: Rehearsed,
}

/// The result of a run.
#[derive(Debug)]
pub enum RunOutcome {
    /// Its plan is recorded.
    Done {
        /// The run's id.
        run: RunId,
        /// Counts of rows.
        counts: Counts,
        /// Counts of the rows that were reminded before, by state.
        reminded: Reminded,
        /// What the ledger changed.
        recorded: RecordedRun,
        /// Remarks about the read, for people.
        notes: Vec<String>,
    },
    /// A guard held it: nobody is called.
    Held {
        /// The run's id.
        run: RunId,
        /// Counts of rows.
        counts: Counts,
        /// The reason and the remedy.
        why: String,
    },
    /// Its source, or what the ledger knows, can't be read yet (the cron's runs alone).
    Waiting {
        /// The run's id.
        run: RunId,
        /// The reason, as a sentence.
        why: String,
        /// When its source is read again.
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
    /// The run's id, if it has a row.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::Done { run, .. } | Self::Held { run, .. } | Self::Waiting { run, .. } | Self::Failed { run, .. } => {
                Some(*run)
            }
            Self::NotBegun { .. } | Self::EvaluatedBefore => None,
        }
    }

    /// Counts of the rows that were reminded before, by state.
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

    /// The state of the run.
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

    /// Remarks about the read, for people.
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

    /// Why the run planned nobody; `None` for a run that is done.
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

/// Makes a run: begins it, evaluates it, and records the result. Never panics.
pub async fn run_once(schedule: &Arc<Schedule>, ask: RunAsk, env: &Env) -> RunOutcome {
    match begin_run(schedule, ask, env).await {
        Ok(begun) => begun.evaluated().await,
        Err(not_begun) => not_begun,
    }
}

/// The approval of a held run.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The held run.
    pub held: RunRow,
    /// The reason given.
    pub reason: Option<String>,
    /// The actor in the audit log.
    pub actor: String,
}

/// Evaluates a held run again for its nominal time, without the guards that held it, and records the result together with
/// the approval.
///
/// # Errors
/// When the source, the ledger or a file the rules need can't be read: then the run is still held.
pub async fn approve_run(
    schedule: &Arc<Schedule>,
    approval: Approval,
    env: &Env,
) -> Result<RunOutcome, EvaluationError> {
    let ledger = env.run_ledger()?;
    let held = &approval.held;
    let (actor, only, rehearsed) = (approval.actor.clone(), None, Rehearsed::CountAsMade);
    let ask = RunAsk { kind: held.kind, nominal_at: held.nominal_at, actor, only, rehearsed };
    let occasion = occasion_of_approval(held, env);
    let evaluated = AssertUnwindSafe(evaluate(schedule, occasion, env)).catch_unwind().await;
    let evaluation = evaluated.unwrap_or_else(|_| Err(internal_error("by a panic")))?;
    let run = BegunRun { schedule, run: held.id, ask, ledger, env };
    Ok(run.record_plan(evaluation, Some(approval)).await)
}

/// What an approval of a held run is evaluated for: its nominal time, now, without the guards that hold it.
#[must_use]
pub fn occasion_of_approval(held: &RunRow, env: &Env) -> Occasion {
    let moment = Occasion::at(nominal_now(env.clock.as_ref()));
    Occasion { nominal_at: held.nominal_at, waived: held.guards.clone(), ..moment }
}

/// How the source differs from the one of the held run, if it does.
fn changed_since(schedule: &Schedule, held: &RunRow, fingerprint: &str) -> Option<String> {
    let before = held.fingerprint.as_deref().filter(|before| *before != fingerprint)?;
    let (before, now) = (for_people(schedule, before), for_people(schedule, fingerprint));
    Some(format!("the source has changed since the run was held: it was {before}, now it is {now}"))
}

/// What a source was, its moment in the schedule's zone and to the second.
fn for_people(schedule: &Schedule, fingerprint: &str) -> String {
    let words = fingerprint.split(' ').map(|word| match word.parse::<Timestamp>() {
        Ok(at) => schedule.zone.wall(at).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Begins a run: commits its row, without evaluating it.
///
/// # Errors
/// When this nominal time was evaluated before, or the ledger failed.
pub async fn begin_run<'a>(schedule: &'a Arc<Schedule>, ask: RunAsk, env: &'a Env) -> Result<BegunRun<'a>, RunOutcome> {
    let not_begun = |error: LedgerError| RunOutcome::NotBegun { why: error.to_string() };
    let ledger = env.run_ledger().map_err(not_begun)?;
    match ledger.begin_run(start_of(schedule, &ask, env)).await.map_err(not_begun)? {
        Some(run) => Ok(BegunRun { schedule, run, ask, ledger, env }),
        None => Err(RunOutcome::EvaluatedBefore),
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

/// A run that has begun.
pub struct BegunRun<'a> {
    schedule: &'a Arc<Schedule>,
    run: RunId,
    ask: RunAsk,
    ledger: Arc<dyn Runs>,
    env: &'a Env,
}

impl BegunRun<'_> {
    /// Evaluates and records it. Never panics.
    pub async fn evaluated(self) -> RunOutcome {
        // truncated to the second as in `plan`, so that both make the same plan
        let moment = Occasion::at(nominal_now(self.env.clock.as_ref()));
        let RunAsk { nominal_at, rehearsed, .. } = self.ask;
        let occasion = Occasion { nominal_at, only: self.ask.only.clone(), rehearsed, ..moment };
        // a panic fails this run only
        let evaluated = AssertUnwindSafe(evaluate(self.schedule, occasion, self.env)).catch_unwind().await;
        match evaluated.unwrap_or_else(|_| Err(internal_error("by a panic"))) {
            Ok(evaluation) => self.record_plan(evaluation, None).await,
            Err(error) => self.record_failure(error).await,
        }
    }

    async fn record_plan(self, evaluation: Evaluation, approval: Option<Approval>) -> RunOutcome {
        let mut plan = evaluation.plan.without_numbers();
        for note in &plan.notes {
            tracing::warn!(schedule = %self.schedule.name, "the source was read, perhaps not completely: {note}");
        }
        let fingerprint = &evaluation.report.fingerprint;
        plan.notes
            .extend(approval.as_ref().and_then(|approval| changed_since(self.schedule, &approval.held, fingerprint)));
        if let Some(sentence) = plan.rehearsed_in_words(self.schedule) {
            match self.ask.kind {
                // whoever asked for the run reads the sentence in its answer
                RunKind::Trigger | RunKind::Inbound => {}
                RunKind::Scheduled | RunKind::CatchUp => {
                    tracing::warn!(schedule = %self.schedule.name, "{}: {sentence}", self.schedule.name);
                }
            }
            plan.notes.push(sentence);
        }
        let (run, counts, held) = (self.run, plan.counts, plan.held.as_ref().map(|held| held.of_run(self.run)));
        let mut notes = plan.notes.clone();
        notes.extend(plan.rehearsed_by_id(self.schedule));
        notes.extend(plan.elsewhere.and_then(|_| closed_run_in_words(self.schedule, self.ask.nominal_at)));
        notes.extend(plan.elsewhere.map(|starts| starts.in_words(self.schedule)));
        let reminded = plan.reminded;
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
            schedule: Some(evaluation.schedule),
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
        let end = match error {
            EvaluationError::Stuck(_) => RunEnd::Stuck(detail.clone()),
            EvaluationError::Source(_)
            | EvaluationError::Ledger(_)
            | EvaluationError::Rule(_)
            | EvaluationError::Exhausted(_)
            | EvaluationError::Internal(_) => RunEnd::Failed(detail.clone()),
        };
        match self.record(end, ReadFacts::none(now)).await {
            Ok(_) => RunOutcome::Failed { run, why: detail },
            Err(also) => {
                RunOutcome::Failed { run, why: format!("{detail}; and the ledger could not record it: {also}") }
            }
        }
    }

    /// When a failed scheduled run is evaluated again; `None` when it is not.
    fn may_wait(&self, error: &EvaluationError) -> Option<Timestamp> {
        match (self.ask.kind, error.again()) {
            (RunKind::Trigger | RunKind::Inbound, _) | (_, RepeatRead::Never) => None,
            (RunKind::Scheduled | RunKind::CatchUp, RepeatRead::Soon | RepeatRead::Later) => {
                let now = self.env.clock.now();
                let again_at = next_read_at(self.schedule, self.ask.nominal_at, now)?;
                Some(match error {
                    EvaluationError::Ledger(_) => again_at.min(now.saturating_add(LEDGER_PAUSE).unwrap_or(again_at)),
                    EvaluationError::Source(_)
                    | EvaluationError::Stuck(_)
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
            terms: terms_of(read.schedule.as_ref().unwrap_or(self.schedule), read.target),
            actor: self.ask.actor.clone(),
        };
        self.ledger.record_run(record).await
    }
}

/// What a run's record takes from its read.
struct ReadFacts {
    fingerprint: Option<String>,
    /// When it began (UTC).
    at: Timestamp,
    /// Where the schedule's target sent then.
    target: Option<TargetAddress>,
    /// The schedule as it held for the read.
    schedule: Option<Arc<Schedule>>,
}

impl ReadFacts {
    /// What is recorded of a read that failed at this time.
    const fn none(at: Timestamp) -> Self {
        Self { fingerprint: None, at, target: None, schedule: None }
    }
}

/// When a waiting run's source is read again: 5, 10, 15 … minutes after its nominal time, until `max_lateness` or the
/// schedule's next nominal time; then `None`.
#[must_use]
pub fn next_read_at(schedule: &Schedule, nominal_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let step = READ_INTERVAL.as_secs();
    let reads = (now.as_second() - nominal_at.as_second()).max(0) / step + 1;
    let at = nominal_at.saturating_add(READ_INTERVAL * i32::try_from(reads).ok()?).ok()?;
    let latest = nominal_at.saturating_add(schedule.remind.max_lateness).ok()?;
    let following = schedule.recurrence.next(&schedule.zone, nominal_at, 1).first().map(|next| next.at);
    (at <= latest && following.is_none_or(|next| at < next)).then_some(at)
}
