//! shell: the read of a source: what it binds, on a thread that may block, again when that may help.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::{Env, EvaluationError, EvaluationRequest, broke_off, do_not_call};
use crate::plan::{Candidates, Knowledge, Occasion, Planner};
use crate::reminder::State;
use crate::schedule::Schedule;
use crate::sources::{self, Again, ReadReport, ReadWindow, Source, SourceTools};

/// How long a read that may pass by itself waits before it is tried again.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// One read to be made.
pub(super) struct Reading<'a> {
    /// Whose source, and the circumstances.
    pub request: &'a EvaluationRequest<'a>,
    /// What the ledger knows.
    pub knowledge: &'a Knowledge,
    /// What the read binds.
    pub window: ReadWindow,
}

/// A read that was complete.
pub(super) struct Complete {
    /// The rows that matter.
    pub candidates: Candidates,
    /// What the source says of itself.
    pub report: ReadReport,
    /// When the read began (UTC).
    pub read_at: Timestamp,
}

impl Reading<'_> {
    /// Reads, and reads again after 1, 2 and 4 s of the clock while the failure may pass by itself.
    pub(super) async fn repeated(&self, around: &Env) -> Result<Complete, EvaluationError> {
        for pause in PAUSES {
            match self.once(around).await {
                Err(EvaluationError::Source(error)) if error.again == Again::Soon => {
                    tracing::info!(schedule = %self.request.schedule.name, "the source can't be read, it is tried again: {error}");
                    around.clock.sleep(pause).await;
                }
                settled => return settled,
            }
        }
        self.once(around).await
    }

    async fn once(&self, around: &Env) -> Result<Complete, EvaluationError> {
        let read_at = around.clock.now();
        let schedule = Arc::clone(self.request.schedule);
        let (occasion, knowledge, window) = (self.request.occasion.clone(), self.knowledge.clone(), self.window);
        let (zones, tools, watched) = (around.zones.clone(), tools(around), self.request.watched.clone());
        tokio::task::spawn_blocking(move || {
            let listed = do_not_call::read(&schedule)?;
            let source = sources::open(&schedule, tools);
            let mut planner = Planner::new(schedule, occasion, knowledge, &zones, listed);
            if let Some(appointment) = &watched {
                planner = planner.watching(appointment);
            }
            let report = source.read(&window, &mut planner)?;
            Ok(Complete { candidates: planner.finish(), report, read_at })
        })
        .await
        .map_err(|_| broke_off("while its source was read"))?
    }
}

fn tools(around: &Env) -> SourceTools {
    SourceTools {
        http: around.http.clone(),
        secrets: around.secrets.clone(),
        runtime: tokio::runtime::Handle::current(),
    }
}

/// The schedule's source, opened. To be used on a thread that may block.
#[must_use]
pub fn open_source(schedule: &Schedule, around: &Env) -> Box<dyn Source> {
    sources::open(schedule, tools(around))
}

/// What the read binds: whole days of the schedule's zone that cover the windows and the starts of what is pending; a
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
    ReadWindow { from, until, day: nominal_date(schedule, occasion.nominal_at), now: occasion.now }
}

/// The date a nominal time stands for: that of the wall-clock time the cron line names, which a gap around midnight can
/// put a day before the instant's own date.
fn nominal_date(schedule: &Schedule, nominal_at: Timestamp) -> Date {
    let just_before = nominal_at.saturating_sub(1.microsecond()).unwrap_or(nominal_at);
    let named = schedule.recurrence.between(&schedule.zone, just_before, nominal_at, 1);
    named.last().map_or_else(|| schedule.zone.date(nominal_at), |nominal| nominal.civil.date())
}
