//! shell: the conductor: read → map → plan → render → record. `run`, `trigger`, `plan`, `explain`, the page and the fresh
//! read before a late send all go through it.

mod do_not_call;
mod fresh;
mod reading;
mod run;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};

use crate::appointment::{Phone, phone};
use crate::clock::{Clock, SharedClock};
use crate::http::Http;
use crate::ledger::{KnowledgeAsk, Ledger, LedgerError, Machine, ReminderTerms};
use crate::plan::{Explanation, Knowledge, Occasion, Plan};
use crate::reminder::{ReminderId, RunId, uuid_v7};
use crate::schedule::{Leads, Schedule};
use crate::settings::Secrets;
use crate::sources::{ReadReport, SourceError};
use crate::zones::Zones;

pub use fresh::fresh_read;
pub use reading::{open_source, read_window};
pub use run::{BegunRun, RunAsk, RunOutcome, begin_run, next_look, run_once};

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
    /// What is known; `None` when there is no ledger yet (`plan` before the first run).
    pub ledger: Option<Arc<dyn Ledger>>,
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
}

/// Reads the schedule's source whole (again after 1, 2 and 4 s when that may help) and plans it.
///
/// # Errors
/// When the source, the ledger or a file the rules need can't be read: then nobody is planned.
pub async fn evaluate(
    schedule: &Arc<Schedule>,
    occasion: Occasion,
    around: &Env,
) -> Result<Evaluation, EvaluationError> {
    let request = EvaluationRequest { schedule, occasion, planned_at: None, watched: None };
    request.evaluated(around).await.map(|(evaluation, _)| evaluation)
}

/// As [`evaluate`], telling what each rule said of one appointment.
///
/// # Errors
/// As [`evaluate`].
pub async fn explain(
    schedule: &Arc<Schedule>,
    occasion: Occasion,
    appointment: &str,
    around: &Env,
) -> Result<Explanation, EvaluationError> {
    let request = EvaluationRequest { schedule, occasion, planned_at: None, watched: Some(appointment.to_owned()) };
    request.evaluated(around).await.map(|(_, explanation)| explanation)
}

/// One evaluation to be made.
struct EvaluationRequest<'a> {
    schedule: &'a Arc<Schedule>,
    occasion: Occasion,
    /// For a fresh read: when the run that planned what waits looked at its source. The read covers its windows too.
    planned_at: Option<Timestamp>,
    /// The appointment whose rules are told.
    watched: Option<String>,
}

impl EvaluationRequest<'_> {
    async fn evaluated(&self, around: &Env) -> Result<(Evaluation, Explanation), EvaluationError> {
        let Self { schedule, occasion, .. } = self;
        let (windows, knowledge) = self.known(around).await?;
        let window = read_window(schedule, occasion, &windows, &knowledge);
        let reading = reading::Reading { request: self, knowledge: &knowledge, window };
        let read = reading.repeated(around).await?;
        let told = match &around.ledger {
            Some(ledger) => ledger.told_starts(&schedule.name, &read.candidates.appointment_ids()).await?,
            None => std::collections::HashMap::new(),
        };
        let (clock, candidates) = (Arc::clone(&around.clock), read.candidates);
        let decide = move || {
            let (mut chance, now) = (Chance::default(), clock.now());
            candidates.explain(&told, &mut || ReminderId(uuid_v7(now, chance.next())))
        };
        let decided = tokio::task::spawn_blocking(decide).await;
        let (mut plan, explanation) = decided.map_err(|_| broke_off("while its rows were decided"))?;
        crate::plan::set_apart(&mut plan, &knowledge.gaps, schedule);
        Ok((Evaluation { plan, report: read.report, read_at: read.read_at }, explanation))
    }

    /// The windows, and what the ledger knows of them. How far back they reach is itself in the ledger.
    async fn known(&self, around: &Env) -> Result<(Windows, Knowledge), EvaluationError> {
        let windows = self.windows(None);
        let known = knowledge(self.schedule, &self.occasion, windows.clone(), around).await?;
        let reaching = self.windows(known.previous_evaluation);
        if reaching == windows {
            return Ok((windows, known));
        }
        let known = knowledge(self.schedule, &self.occasion, reaching.clone(), around).await?;
        Ok((reaching, known))
    }

    fn windows(&self, previous: Option<Timestamp>) -> Windows {
        let mut windows = crate::plan::windows(self.schedule, &self.occasion, previous);
        if let Some(now) = self.planned_at {
            windows.extend(crate::plan::windows(self.schedule, &Occasion { now, ..self.occasion.clone() }, None));
        }
        windows
    }
}

/// Half-open ranges of starts (UTC).
type Windows = Vec<(Timestamp, Timestamp)>;

async fn knowledge(
    schedule: &Schedule,
    occasion: &Occasion,
    windows: Windows,
    around: &Env,
) -> Result<Knowledge, EvaluationError> {
    let Some(ledger) = &around.ledger else { return Ok(Knowledge::default()) };
    let ask = KnowledgeAsk {
        schedule: schedule.name.clone(),
        account: schedule.target.account().to_owned(),
        due_days: due_days(schedule, occasion, &windows),
        windows,
    };
    Ok(ledger.knowledge(ask).await?)
}

/// The recipients' calendar days on which anything this evaluation looks at may be due: between the due time of the
/// windows' earliest start, or `max_lateness` ago, and now; every zone's day lies within one day of the schedule's.
fn due_days(schedule: &Schedule, occasion: &Occasion, windows: &Windows) -> (Date, Date) {
    let late = occasion.now.saturating_sub(schedule.remind.max_lateness).unwrap_or(Timestamp::MIN);
    let earliest = match &schedule.remind.leads {
        Leads::Days(_) => late,
        Leads::Hours(hours) => {
            let furthest = SignedDuration::from_hours(i64::from(hours.iter().max().copied().unwrap_or(0)));
            let start = windows.iter().map(|(from, _)| *from).min().unwrap_or(late);
            start.saturating_sub(furthest).unwrap_or(Timestamp::MIN)
        }
    };
    let first = earliest.min(late).min(occasion.nominal_at);
    let last = occasion.now.max(occasion.nominal_at);
    (schedule.zone.date(first).saturating_sub(2.days()), schedule.zone.date(last).saturating_add(2.days()))
}

/// What the rows of new reminders take from their schedule.
#[must_use]
pub fn terms_of(schedule: &Schedule) -> ReminderTerms {
    ReminderTerms {
        account: schedule.target.account().to_owned(),
        calling_hours: schedule.remind.calling_hours.to_string(),
        max_per_person_per_day: schedule.remind.max_per_person_per_day,
    }
}

/// A phone number that may be called, read in that region.
#[must_use]
pub fn phone_of(text: &str, region: Option<&str>) -> Option<Phone> {
    phone::read(text, region).ok()
}

/// The moment as a nominal time: cut to the second.
#[must_use]
pub fn nominal_now(clock: &dyn Clock) -> Timestamp {
    Timestamp::from_second(clock.now().as_second()).expect("the second of a valid instant is a valid instant")
}

/// A reminder id of this moment.
#[must_use]
pub fn new_reminder_id(clock: &dyn Clock) -> ReminderId {
    ReminderId(uuid_v7(clock.now(), random_bytes()))
}

/// A run id of this moment.
#[must_use]
pub fn new_run_id(clock: &dyn Clock) -> RunId {
    RunId(uuid_v7(clock.now(), random_bytes()))
}

fn random_bytes() -> [u8; 10] {
    let mut bytes = [0; 10];
    fill(&mut bytes);
    bytes
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes on every machine tickler is built for");
}

/// Random bytes for many ids, asked for in bulk.
struct Chance {
    pool: [[u8; 10]; 256],
    left: usize,
}

impl Default for Chance {
    fn default() -> Self {
        Self { pool: [[0; 10]; 256], left: 0 }
    }
}

impl Chance {
    fn next(&mut self) -> [u8; 10] {
        if self.left == 0 {
            fill(self.pool.as_flattened_mut());
            self.left = self.pool.len();
        }
        self.left -= 1;
        self.pool[self.left]
    }
}

/// Whether the machine's clock can be right: it can't be before the program was written. One given by `--now` may be any.
#[must_use]
pub fn clock_is_set(clock: &dyn Clock) -> bool {
    clock.is_shifted() || clock.now() >= WRITTEN_AT
}

/// What of this machine keeps everybody from being called. A file that cannot be looked for counts as there.
#[must_use]
pub fn machine(stop_file: &Path, clock: &dyn Clock) -> Machine {
    let is_stopped = stop_file.try_exists().unwrap_or(true);
    let path = || std::path::absolute(stop_file).unwrap_or_else(|_| stop_file.to_owned());
    Machine { stop_file: is_stopped.then(path), clock_is_unset: !clock_is_set(clock) }
}

/// 2026-11-01T00:00:00Z: no machine that runs this program lives before it.
const WRITTEN_AT: Timestamp = Timestamp::constant(1_793_491_200, 0);

fn broke_off(when: &str) -> EvaluationError {
    EvaluationError::Rule(format!(
        "the evaluation broke off {when}: that is a fault of this program, not of the source"
    ))
}

/// How long after its nominal time, and then between looks, a waiting run's source is read again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);
