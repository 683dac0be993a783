//! shell: evaluates a schedule: read → map → plan → render → record. Used by `run`, `trigger`, `plan`, `explain`, and by the
//! fresh read before a delayed send.

mod bounds;
mod do_not_call;
mod fresh;
mod holidays;
mod moment;
mod posting;
mod reading;
mod run;
mod shared_reads;
mod shown;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::appointment::{Phone, phone};
use crate::attempt::TargetAddress;
use crate::clock::SharedClock;
use crate::http::Http;
use crate::ledger::{KnowledgeAsk, Ledger, LedgerError, LedgerResult, ReminderTerms, Runs};
use crate::plan::{ComparableRuns, Explanation, Knowledge, Occasion, Plan};
use crate::schedule::Schedule;
use crate::settings::{Account, Secrets};
use crate::sources::{ReadReport, RepeatRead, SourceError};
use crate::targets;
use crate::zones::Zones;

pub use do_not_call::{numbers_of, read_do_not_call};
pub use fresh::fresh_read;
pub use holidays::with_holidays;
pub use moment::{clock_is_set, machine, new_reminder_id, new_run_id, nominal_now};
pub use posting::{NotPosted, Post, take_post};
pub use reading::{open_source, read_window};
pub use run::{
    Approval, BegunRun, RunAsk, RunOutcome, approve_run, begin_run, next_read_at, occasion_of_approval, run_once,
};
pub use shared_reads::SharedReads;
pub use shown::{RowNow, ShownKey, ShownNow, shown_now};

/// What an evaluation needs from outside: the clock, the rules of zones, the network, secrets, the ledger.
#[derive(Clone)]
pub struct Env {
    /// The clock.
    pub clock: SharedClock,
    /// The zone rules.
    pub zones: Zones,
    /// The HTTP client.
    pub http: Http,
    /// Resolves secrets.
    pub secrets: Secrets,
    /// The accounts, by name.
    pub accounts: Arc<BTreeMap<String, Account>>,
    /// The ledger; `None` when there is none yet (`plan` before the first run).
    pub ledger: Option<Arc<Ledger>>,
    /// What the reads of sources share.
    pub reads: SharedReads,
}

/// The plan of a complete read.
#[derive(Debug)]
pub struct Evaluation {
    /// The plan.
    pub plan: Plan,
    /// The source's report about the read.
    pub report: ReadReport,
    /// When the read began.
    pub read_at: Timestamp,
    /// Where the schedule's target sends; `None` when it can't be opened.
    pub target: Option<TargetAddress>,
    /// The schedule as it held for this evaluation: with the holidays of its calendar files.
    pub schedule: Arc<Schedule>,
}

impl Env {
    /// What an evaluation may change of the ledger.
    fn run_ledger(&self) -> LedgerResult<Arc<dyn Runs>> {
        Ok(self.ledger.clone().ok_or(LedgerError::ReadOnly)?)
    }

    /// Where a schedule's target sends now; `None` when it can't be opened, since a secret isn't set.
    #[must_use]
    pub fn target_address(&self, schedule: &Schedule) -> Option<TargetAddress> {
        let account = self.accounts.get(schedule.target.account());
        targets::open(schedule, account, &self.secrets).ok().map(|target| target.address())
    }
}

/// Why an evaluation failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EvaluationError {
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A read of the source did not come back and was given up.
    #[error(transparent)]
    Stuck(SourceError),
    /// The ledger can't be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The do-not-call list, or something else that the rules need, can't be used.
    #[error("{0}")]
    Rule(String),
    /// The system has no file descriptor, memory or thread left for the read.
    #[error("{0}")]
    Exhausted(String),
    /// A panic of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

impl EvaluationError {
    /// Whether another evaluation may succeed without anybody changing anything.
    #[must_use]
    pub const fn again(&self) -> RepeatRead {
        match self {
            Self::Source(error) | Self::Stuck(error) => error.again,
            Self::Exhausted(_) => RepeatRead::Soon,
            // the ledger's file may be back soon, or its disk: the run waits
            Self::Ledger(LedgerError::Busy(_) | LedgerError::Storage(_)) => RepeatRead::Later,
            Self::Ledger(LedgerError::NewerSchema(_) | LedgerError::ReadOnly | LedgerError::Refused(_))
            | Self::Rule(_)
            | Self::Internal(_) => RepeatRead::Never,
        }
    }
}

/// Reads the schedule's whole source (with retries after 1, 2 and 4 s) and plans its rows.
///
/// # Errors
/// When the source, the ledger or a file that the rules need can't be read: then nobody is planned.
pub async fn evaluate(schedule: &Arc<Schedule>, occasion: Occasion, env: &Env) -> Result<Evaluation, EvaluationError> {
    EvaluationRequest { schedule, occasion, planned_at: None, explained: None }.evaluate(env).await
}

/// Returns the decision of each rule about one appointment; records nothing.
///
/// # Errors
/// Those of [`evaluate`].
pub async fn explain(
    schedule: &Arc<Schedule>,
    occasion: Occasion,
    appointment: &str,
    env: &Env,
) -> Result<Explanation, EvaluationError> {
    let request = EvaluationRequest { schedule, occasion, planned_at: None, explained: Some(appointment.to_owned()) };
    let explanation = request.evaluate(env).await?.plan.explanation;
    explanation.ok_or_else(|| internal_error("before the rules were explained"))
}

/// An evaluation to be made.
struct EvaluationRequest<'a> {
    schedule: &'a Arc<Schedule>,
    occasion: Occasion,
    /// When the run that planned the pending reminders started, for a fresh read: it also covers the windows of that run.
    planned_at: Option<Timestamp>,
    /// The appointment for which every rule's decision is recorded.
    explained: Option<String>,
}

impl EvaluationRequest<'_> {
    async fn evaluate(self, env: &Env) -> Result<Evaluation, EvaluationError> {
        let (schedule, now) = (Arc::clone(self.schedule), self.occasion.now);
        let completed = tokio::task::spawn_blocking(move || with_holidays(&schedule, now)).await;
        let schedule = completed.map_err(|_| internal_error("while its holidays were read"))??;
        let target = env.target_address(&schedule);
        let request = EvaluationRequest { schedule: &schedule, ..self };
        let (windows, knowledge) = request.known(target, env).await?;
        let window = read_window(&schedule, &request.occasion, &windows, &knowledge);
        reading::SourceRead { request: &request, knowledge: Arc::new(knowledge), window, target }
            .with_retries(env)
            .await
    }

    /// The windows, and what the ledger knows about them. Their beginning depends on the ledger's previous evaluation.
    async fn known(&self, target: Option<TargetAddress>, env: &Env) -> Result<(Windows, Knowledge), EvaluationError> {
        let windows = self.windows(None);
        let known = self.knowledge(windows.clone(), target, env).await?;
        let extended = self.windows(known.previous_evaluation);
        if extended == windows {
            return Ok((windows, known));
        }
        let known = self.knowledge(extended.clone(), target, env).await?;
        Ok((extended, known))
    }

    fn windows(&self, previous: Option<Timestamp>) -> Windows {
        let mut windows = crate::plan::windows(self.schedule, &self.occasion, previous);
        if let Some(now) = self.planned_at {
            windows.extend(crate::plan::windows(self.schedule, &Occasion { now, ..self.occasion.clone() }, None));
        }
        windows
    }

    /// The windows, and what is so near to them that a move into them counts as small.
    fn around(&self, windows: Windows) -> Windows {
        let by = self.schedule.remind.min_change;
        let wider = |(from, until): (Timestamp, Timestamp)| {
            (from.saturating_sub(by).unwrap_or(from), until.saturating_add(by).unwrap_or(until))
        };
        windows.into_iter().map(wider).collect()
    }

    /// An appointment may move from a day that has passed.
    fn first_sights_from(&self) -> Option<Timestamp> {
        const DAYS_BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(8 * 24);
        let from = self.occasion.now.saturating_sub(DAYS_BACK).unwrap_or(Timestamp::MIN);
        self.schedule.remind.needs_first_sights().then_some(from)
    }

    async fn knowledge(
        &self,
        windows: Windows,
        target: Option<TargetAddress>,
        env: &Env,
    ) -> Result<Knowledge, EvaluationError> {
        let Some(ledger) = &env.ledger else { return Ok(Knowledge::default()) };
        let ask = KnowledgeAsk {
            schedule: self.schedule.name.clone(),
            account: self.schedule.target.account().to_owned(),
            target,
            due_days: crate::plan::due_days(self.schedule, &self.occasion, &windows),
            comparable: ComparableRuns::of(self.schedule, &self.occasion),
            mode: self.schedule.mode,
            rehearsed: self.occasion.rehearsed,
            now: self.occasion.now,
            first_sights_from: self.first_sights_from(),
            windows: self.around(windows),
            kind: self.schedule.remind.leads.first().kind(),
        };
        let mut known = ledger.knowledge(ask).await?;
        if let Some(run) = self.occasion.as_of_run {
            known.forget_since(run);
        }
        Ok(known)
    }
}

/// Half-open ranges of starts.
type Windows = Vec<(Timestamp, Timestamp)>;

/// The columns of new reminders that come from their schedule, whose target sends to this address.
#[must_use]
pub fn terms_of(schedule: &Schedule, target: Option<TargetAddress>) -> ReminderTerms {
    ReminderTerms::of(schedule, target)
}

/// Parses a phone number in this region; `None` if it is not a valid one.
#[must_use]
pub fn phone_of(text: &str, region: Option<&str>) -> Option<Phone> {
    phone::read(text, region).ok()
}

fn internal_error(when: &str) -> EvaluationError {
    EvaluationError::Internal(format!("the evaluation ended {when}; the source is not at fault"))
}
