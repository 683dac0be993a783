//! shell: days of a schedule on a virtual clock: its source is read, nothing is sent, and the ledger is only asked who is on
//! the opt-out list and who was called before these days.

mod days;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::{App, VerbError, VerbResult};
use crate::appointment::mapping::Mapping;
use crate::evaluation::{
    Env, EvaluationError, new_reminder_id, open_source, read_do_not_call, read_window, with_holidays,
};
use crate::ledger::KnowledgeAsk;
use crate::personal::Personal;
use crate::plan::{Knowledge, Occasion, Plan, PlanRequest, plan, windows};
use crate::row::{Record, RecordSink, Row};
use crate::schedule::{Schedule, SourceSpec};
use crate::settings::Rate;
use crate::sources::ReadReport;

pub use days::{CallsOfDay, CallsOfHour, Simulation};

use days::Days;

/// The most runs that are simulated: more are no rehearsal of some days.
const MAX_RUNS: usize = 20_000;

/// The whole days that are simulated, in the schedule's zone.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedDays {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
}

/// Makes every run of those days on a virtual clock.
///
/// # Errors
/// When the source, or a file that the rules need, can't be read, or the days have too many runs.
pub async fn simulate(app: &App, name: &str, days: SimulatedDays) -> VerbResult<Simulation> {
    let schedule = app.schedule(name)?;
    if days.to < days.from {
        return Err(VerbError::Usage("`--to` lies before `--from`".to_owned()));
    }
    let runs = runs(&schedule, days)?;
    let rate = app.settings.accounts.get(schedule.target.account()).map_or(Rate::Unlimited, |account| account.rate);
    let env = app.env.clone();
    let before = known_before(app, &schedule, days).await?;
    let failed = |error| VerbError::Evaluation { schedule: name.to_owned(), error };
    let simulated = tokio::task::spawn_blocking(move || {
        let days_so_far = Days::new(&schedule, rate, before);
        Simulating::new(schedule, env, &runs).and_then(|simulating| simulating.all(&runs, days_so_far, days))
    });
    simulated.await.map_err(|error| VerbError::Failed(format!("internal error: {error}")))?.map_err(failed)
}

/// What the ledger knows on the eve of those days: its opt-out list, and this schedule's reminders that were due before.
async fn known_before(app: &App, schedule: &Schedule, days: SimulatedDays) -> VerbResult<Knowledge> {
    let Some(ledger) = &app.env.ledger else { return Ok(Knowledge::default()) };
    let begin = schedule.zone.day_start(days.from);
    let ask = KnowledgeAsk::about_all_ahead(schedule, app.env.target_address(schedule), begin);
    let mut known = ledger.knowledge(ask).await?;
    known.reminders.retain(|_, reminder| reminder.due_at < begin);
    Ok(known)
}

/// The nominal times of those days.
fn runs(schedule: &Schedule, days: SimulatedDays) -> VerbResult<Vec<Timestamp>> {
    let zone = &schedule.zone;
    let until = zone.day_start(days.to.saturating_add(1.days()));
    let before = zone.day_start(days.from).saturating_sub(1.microsecond()).unwrap_or(Timestamp::MIN);
    let found = schedule.recurrence.next(zone, before, MAX_RUNS + 1);
    let runs: Vec<Timestamp> = found.iter().map(|run| run.at).take_while(|at| *at < until).collect();
    if runs.len() > MAX_RUNS {
        let message = format!("`{}` has more than {MAX_RUNS} runs on these days: simulate fewer", schedule.name);
        return Err(VerbError::Usage(message));
    }
    Ok(runs)
}

struct Simulating {
    schedule: Arc<Schedule>,
    env: Env,
    do_not_call: HashSet<Personal>,
    /// The rows of a file by their starts, and those without a readable start: it is read once.
    rows: Option<FileRows>,
}

impl Simulating {
    fn new(schedule: Arc<Schedule>, env: Env, runs: &[Timestamp]) -> Result<Self, EvaluationError> {
        let do_not_call = read_do_not_call(&schedule)?;
        let rows = match schedule.source {
            SourceSpec::File(_) => Some(FileRows::read(&schedule, &env, runs)?),
            SourceSpec::Sqlite(_) | SourceSpec::Http(_) | SourceSpec::Inbound(_) => None,
        };
        Ok(Self { schedule, env, do_not_call, rows })
    }

    fn all(self, runs: &[Timestamp], mut so_far: Days, days: SimulatedDays) -> Result<Simulation, EvaluationError> {
        for at in runs {
            // the file is as old as it is today, whatever day is simulated
            let occasion = Occasion { waived: vec!["max_age".to_owned()], ..Occasion::at(*at) };
            let plan = self.one(&occasion, &so_far)?;
            so_far.carry_out(plan, &occasion);
        }
        Ok(so_far.result(days.from, days.to))
    }

    fn one(&self, occasion: &Occasion, so_far: &Days) -> Result<Plan, EvaluationError> {
        let schedule = with_holidays(&self.schedule, occasion.now)?;
        let windows = windows(&schedule, occasion, so_far.previous_run());
        let knowledge = Arc::new(so_far.knowledge(occasion));
        let window = read_window(&schedule, occasion, &windows, &knowledge);
        let request = PlanRequest {
            schedule: Arc::clone(&schedule),
            occasion: occasion.clone(),
            knowledge,
            zones: self.env.zones.clone(),
            do_not_call: self.do_not_call.clone(),
            explained: None,
        };
        let read = |sink: &mut dyn RecordSink| -> Result<ReadReport, EvaluationError> {
            match &self.rows {
                Some(rows) => {
                    rows.feed((window.from, window.until), sink);
                    Ok(ReadReport::default())
                }
                None => Ok(open_source(&schedule, &self.env).read(&window, sink)?),
            }
        };
        let called = |ids: Vec<String>| Ok(so_far.last_called(&ids, occasion.now));
        let mut new_id = || new_reminder_id(self.env.clock.as_ref());
        plan(request, read, called, &mut new_id).map(|(plan, _)| plan)
    }
}

/// The rows of a file in the order of their starts.
struct FileRows {
    readable: Vec<(Timestamp, u64, Row)>,
    /// Rows without a readable start, and those that can't be read at all.
    others: Vec<(u64, Result<Row, String>)>,
}

impl FileRows {
    /// The rows that any of the runs may ask for: a calendar makes those of its series from this range.
    fn read(schedule: &Arc<Schedule>, env: &Env, runs: &[Timestamp]) -> Result<Self, EvaluationError> {
        let occasion = Occasion::at(env.clock.now());
        let ends = [runs.first(), runs.last()].into_iter().flatten();
        let asked: Vec<_> = ends.flat_map(|at| windows(schedule, &Occasion::at(*at), None)).collect();
        let window = read_window(schedule, &occasion, &asked, &Knowledge::default());
        let mapping = Mapping::new(&schedule.appointment, &schedule.zone, &env.zones);
        let mut sink = RowsSink { mapping, rows: Self { readable: Vec::new(), others: Vec::new() } };
        open_source(schedule, env).read(&window, &mut sink)?;
        let mut rows = sink.rows;
        rows.readable.sort_by_key(|(start, number, _)| (*start, *number));
        Ok(rows)
    }

    /// Gives the sink the rows that start within the range, and those whose start can't be read.
    fn feed(&self, (from, until): (Timestamp, Timestamp), sink: &mut dyn RecordSink) {
        let first = self.readable.partition_point(|(start, _, _)| *start < from);
        let within = self.readable[first..].iter().take_while(|(start, _, _)| *start < until);
        let mut rows: Vec<(u64, Record<'_>)> = within.map(|(_, number, row)| (*number, row.as_record())).collect();
        rows.extend(self.others.iter().map(|(number, row)| match row {
            Ok(row) => (*number, row.as_record()),
            Err(why) => (*number, Record::Broken(why)),
        }));
        rows.sort_by_key(|(number, _)| *number);
        for (number, record) in rows {
            if sink.record(number, record).is_break() {
                return;
            }
        }
    }
}

struct RowsSink {
    mapping: Mapping,
    rows: FileRows,
}

impl RecordSink for RowsSink {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        match (self.mapping.start(&record), record.to_row()) {
            (Ok(start), Some(row)) => self.rows.readable.push((start.at, number, row)),
            (Err(_), Some(row)) => self.rows.others.push((number, Ok(row))),
            (_, None) => {
                let why = if let Record::Broken(why) = record { why } else { "" };
                self.rows.others.push((number, Err(why.to_owned())));
            }
        }
        ControlFlow::Continue(())
    }
}
