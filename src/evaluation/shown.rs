//! shell: reads a source again to see how single appointments stand in it; plans nobody and records nothing.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;

use super::bounds::LimitedSink;
use super::reading::read_on_a_thread;
use super::shared_reads::MemoryShare;
use super::{Env, EvaluationError, nominal_now, open_source};
use crate::appointment::mapping::Mapping;
use crate::ledger::RunsAsk;
use crate::plan::{Occasion, is_cancelled, read_span, windows};
use crate::reminder::RunId;
use crate::row::{Record, RecordSink, Row};
use crate::schedule::Schedule;
use crate::sources::ReadWindow;
use crate::zones::Zone;

/// How an appointment that somebody was called about stands in its source now.
#[derive(Debug, Clone)]
pub enum ShownNow {
    /// Its row, with the start that was called about.
    Here(Box<RowNow>),
    /// The appointment's row says that it is cancelled.
    Cancelled,
    /// The appointment has another start.
    Moved,
    /// The source has no row of the appointment.
    Missing,
}

/// A row as its source shows it now.
#[derive(Debug, Clone)]
pub struct RowNow {
    /// The row.
    pub row: Row,
    /// The recipient's zone.
    pub zone: Zone,
}

/// An appointment and the start that was called about (UTC).
pub type ShownKey = (String, Timestamp);

/// Reads the source as the run that planned these calls did, and returns how each stands.
///
/// # Errors
/// When the source can't be read completely: then nothing is known.
pub async fn shown_now(
    schedule: &Arc<Schedule>,
    run: RunId,
    wanted: BTreeSet<ShownKey>,
    env: &Env,
) -> Result<HashMap<ShownKey, ShownNow>, EvaluationError> {
    let planned_by = env.run_ledger()?.runs(RunsAsk::Id(run)).await?.pop();
    let moment = Occasion::at(nominal_now(env.clock.as_ref()));
    let occasion = match planned_by {
        Some(run) => Occasion { nominal_at: run.nominal_at, now: run.started_at, ..moment.clone() },
        None => moment.clone(),
    };
    let starts: Vec<Timestamp> = wanted.iter().map(|(_, starts_at)| *starts_at).collect();
    let (from, until) = read_span(schedule, &windows(schedule, &occasion, None), &starts);
    let day = schedule.recurrence.nominal_date(&schedule.zone, occasion.nominal_at);
    let window = ReadWindow { from, until, day, now: moment.now };
    let job = ShownJob { schedule: Arc::clone(schedule), window, wanted, env: env.clone() };
    read_on_a_thread(schedule, env, |_ended| job.read()).await
}

/// What the thread of one read owns.
struct ShownJob {
    schedule: Arc<Schedule>,
    window: ReadWindow,
    wanted: BTreeSet<ShownKey>,
    env: Env,
}

impl ShownJob {
    /// Blocks.
    fn read(self) -> Result<HashMap<ShownKey, ShownNow>, EvaluationError> {
        let Self { schedule, window, wanted, env } = self;
        let source = open_source(&schedule, &env);
        let mapping = Mapping::new(&schedule.appointment, &schedule.zone, &env.zones);
        let mut seen = SeenRows::new(mapping, wanted);
        let mut memory = MemoryShare::of(&env.reads.kept);
        let mut sink = LimitedSink::new(&mut seen, schedule.limits, Arc::clone(&env.clock), &mut memory);
        let read = source.read(&window, &mut sink);
        sink.check_limits()?;
        read?;
        Ok(seen.found)
    }
}

/// Looks for rows of the wanted appointments; the first with a wanted start counts.
struct SeenRows {
    mapping: Mapping,
    /// For each appointment, the starts that are wanted.
    wanted: HashMap<String, Vec<Timestamp>>,
    found: HashMap<ShownKey, ShownNow>,
}

impl SeenRows {
    fn new(mapping: Mapping, wanted: BTreeSet<ShownKey>) -> Self {
        let found = wanted.iter().map(|called| (called.clone(), ShownNow::Missing)).collect();
        let mut by_appointment: HashMap<String, Vec<Timestamp>> = HashMap::new();
        for (appointment, starts_at) in wanted {
            by_appointment.entry(appointment).or_default().push(starts_at);
        }
        Self { mapping, wanted: by_appointment, found }
    }

    fn see(&mut self, record: &Record<'_>) {
        let Some(id) = self.mapping.id(record) else { return };
        let Some(starts) = self.wanted.get(id.as_ref()).cloned() else { return };
        let id = id.into_owned();
        let start = self.mapping.start(record).ok().map(|start| start.at);
        for wanted in starts {
            let shown = match start {
                Some(start) if start == wanted => self.here(record),
                Some(_) | None => ShownNow::Moved,
            };
            let place = self.found.entry((id.clone(), wanted)).or_insert(ShownNow::Missing);
            match place {
                ShownNow::Here(_) | ShownNow::Cancelled => {}
                ShownNow::Missing | ShownNow::Moved => *place = shown,
            }
        }
    }

    fn here(&mut self, record: &Record<'_>) -> ShownNow {
        if self.mapping.status(record).is_some_and(|status| is_cancelled(&status)) {
            return ShownNow::Cancelled;
        }
        match (record.to_row(), self.mapping.recipient_zone(record)) {
            (Some(row), Ok(zone)) => ShownNow::Here(Box::new(RowNow { row, zone })),
            (None, _) | (_, Err(_)) => ShownNow::Moved,
        }
    }
}

impl RecordSink for SeenRows {
    fn record(&mut self, _number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.see(&record);
        ControlFlow::Continue(())
    }
}
