//! shell: the conductor: read → map → plan → render → record. `run`, `trigger`, `plan`, `explain`, the page and the fresh
//! read before a late send all go through it.

mod bounds;
mod do_not_call;
mod fresh;
mod moment;
mod reading;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::appointment::{Phone, phone};
use crate::attempt::TargetAddress;
use crate::clock::SharedClock;
use crate::http::Http;
use crate::ledger::{KnowledgeAsk, Ledger, LedgerError, ReminderTerms, Runs};
use crate::plan::{Explanation, Knowledge, Occasion, Plan};
use crate::schedule::Schedule;
use crate::settings::{Account, Secrets};
use crate::sources::{Again, ReadReport, SourceError};
use crate::targets;
use crate::zones::Zones;

pub use bounds::STUCK;
pub use do_not_call::{numbers_of, read_do_not_call};
pub use fresh::fresh_read;
pub use moment::{clock_is_set, machine, new_reminder_id, new_run_id, nominal_now};
pub use reading::{open_source, read_window};
pub use run::{Approval, BegunRun, RunAsk, RunOutcome, approve_run, begin_run, next_read_at, run_once};

/// What an evaluation needs of the world.
#[derive(Clone)]
pub struct Env {
    /// The only reader of time.
    pub clock: SharedClock,
    /// The zone rules in use.
    pub zones: Zones,
    /// The one way out.
    pub http: Http,
    /// Where secrets live.
    pub secrets: Secrets,
    /// By name: where targets of accounts send.
    pub accounts: Arc<BTreeMap<String, Account>>,
    /// What is known; `None` when there is no ledger yet (`plan` before the first run).
    pub ledger: Option<Arc<Ledger>>,
}

/// A complete read, planned.
#[derive(Debug)]
pub struct Evaluation {
    /// The decision.
    pub plan: Plan,
    /// What the source says of itself.
    pub report: ReadReport,
    /// When the read began (UTC).
    pub read_at: Timestamp,
    /// Where the schedule's target sends; `None` when it can't be opened.
    pub target: Option<TargetAddress>,
}

impl Env {
    /// Where a schedule's target sends now; `None` when it can't be opened, since a secret isn't set.
    #[must_use]
    pub fn target_address(&self, schedule: &Schedule) -> Option<TargetAddress> {
        let account = self.accounts.get(schedule.target.account());
        targets::open(schedule, account, &self.secrets).ok().map(|target| target.address())
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EvaluationError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The do-not-call file, or anything else the rules need.
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
    pub const fn again(&self) -> Again {
        match self {
            Self::Source(error) => error.again,
            Self::Exhausted(_) => Again::Soon,
            // a file that was moved away for a moment, a disk that fails: the run waits
            Self::Ledger(LedgerError::Busy(_) | LedgerError::Storage(_)) => Again::Later,
            Self::Ledger(LedgerError::NewerSchema(_) | LedgerError::ReadOnly | LedgerError::Refused(_))
            | Self::Rule(_)
            | Self::Internal(_) => Again::Never,
        }
    }
}

/// Reads the schedule's source whole (again after 1, 2 and 4 s when that may help) and plans it.
///
/// # Errors
/// When the source, the ledger or a file the rules need can't be read: then nobody is planned.
pub async fn evaluate(schedule: &Arc<Schedule>, occasion: Occasion, env: &Env) -> Result<Evaluation, EvaluationError> {
    EvaluationRequest { schedule, occasion, planned_at: None, explained: None }.evaluate(env).await
}

/// What each rule says of one appointment; nothing is kept.
///
/// # Errors
/// As [`evaluate`].
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
    /// For a fresh read: when the run that planned the pending reminders read its source. The read covers its windows too.
    planned_at: Option<Timestamp>,
    /// The appointment of which every rule's answer is wanted.
    explained: Option<String>,
}

impl EvaluationRequest<'_> {
    async fn evaluate(&self, env: &Env) -> Result<Evaluation, EvaluationError> {
        let target = env.target_address(self.schedule);
        let (windows, knowledge) = self.known(target, env).await?;
        let window = read_window(self.schedule, &self.occasion, &windows, &knowledge);
        reading::SourceRead { request: self, knowledge: Arc::new(knowledge), window, target }.with_retries(env).await
    }

    /// The windows, and what the ledger knows of them. How far back they reach is itself in the ledger.
    async fn known(&self, target: Option<TargetAddress>, env: &Env) -> Result<(Windows, Knowledge), EvaluationError> {
        let windows = self.windows(None);
        let known = self.knowledge(windows.clone(), target, env).await?;
        let reaching = self.windows(known.previous_evaluation);
        if reaching == windows {
            return Ok((windows, known));
        }
        let known = self.knowledge(reaching.clone(), target, env).await?;
        Ok((reaching, known))
    }

    fn windows(&self, previous: Option<Timestamp>) -> Windows {
        let mut windows = crate::plan::windows(self.schedule, &self.occasion, previous);
        if let Some(now) = self.planned_at {
            windows.extend(crate::plan::windows(self.schedule, &Occasion { now, ..self.occasion.clone() }, None));
        }
        windows
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
            same_weekdays: crate::plan::same_weekdays(self.schedule, self.occasion.nominal_at),
            windows,
        };
        Ok(ledger.knowledge(ask).await?)
    }
}

/// Half-open ranges of starts (UTC).
type Windows = Vec<(Timestamp, Timestamp)>;

/// What the rows of new reminders take from their schedule, whose target sends to that address.
#[must_use]
pub fn terms_of(schedule: &Schedule, target: Option<TargetAddress>) -> ReminderTerms {
    ReminderTerms {
        account: schedule.target.account().to_owned(),
        calling_hours: schedule.remind.calling_hours.to_string(),
        max_per_person_per_day: schedule.remind.max_per_person_per_day,
        target,
    }
}

/// A phone number that may be called, read in that region.
#[must_use]
pub fn phone_of(text: &str, region: Option<&str>) -> Option<Phone> {
    phone::read(text, region).ok()
}

fn internal_error(when: &str) -> EvaluationError {
    EvaluationError::Internal(format!("the evaluation ended {when}; the source is not at fault"))
}
