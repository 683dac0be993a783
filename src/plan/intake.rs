//! pure, on threads: takes a source's records one by one and keeps those that matter: rows in a window, rows whose reminder is
//! pending, and rows that can't be read.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::cancellations::Evidence;
use super::candidates::Candidates;
use super::case::Sighting;
use super::row_judge::{Findings, Judge};
use super::terms::Terms;
use super::{PlanRequest, SourceStarts};
use crate::appointment::Start;
use crate::appointment::mapping::{Mapping, TimeProblem};
use crate::parallel::{BATCH, Worker};
use crate::row::{Kept, Record, RecordSink, Restarts, Row};

/// What a kept row takes at most besides its own text: its candidate, its place among the rows seen, its reason or its rendered
/// payload, its place in the plan. Measured (`tests/attacks/run all`): 650 bytes.
const ROW_OVERHEAD: usize = 768;

/// Takes records and passes on those that matter.
pub(super) struct Intake {
    terms: Arc<Terms>,
    mapping: Mapping,
    evidence: Evidence,
    rows: u64,
    outside_window: u64,
    starts: Option<SourceStarts>,
    kept: Kept,
    /// Sightings that are not judged yet.
    waiting: Vec<Sighting>,
    judging: Judging,
}

/// Where the rules about rows are asked.
enum Judging {
    /// The rows are judged on the thread that reads, while there are few.
    Here(Box<Judge>),
    /// The rows are judged on a thread of their own, in their order, so it finds what one thread would have found.
    Aside(Worker<Sighting, Judge>),
}

impl Intake {
    pub(super) fn new(request: PlanRequest) -> Self {
        let mapping = Mapping::new(&request.schedule.appointment, &request.schedule.zone, &request.zones);
        Self::empty(Arc::new(Terms::new(request)), mapping)
    }

    /// The intake before the first record.
    fn empty(terms: Arc<Terms>, mapping: Mapping) -> Self {
        Self {
            evidence: Evidence::of(&terms.knowledge, terms.occasion.only.as_deref()),
            mapping,
            judging: Judging::Here(Box::new(Judge::new(Arc::clone(&terms)))),
            waiting: Vec::new(),
            terms,
            rows: 0,
            outside_window: 0,
            starts: None,
            kept: Kept::default(),
        }
    }

    /// The read was complete.
    pub(super) fn finish(self) -> Candidates {
        let Self { terms, mut evidence, rows, outside_window, starts, waiting, judging, .. } = self;
        let judge = match judging {
            Judging::Here(mut judge) => {
                waiting.into_iter().for_each(|sighting| judge.judge(sighting));
                *judge
            }
            Judging::Aside(worker) => {
                worker.send(waiting, |_| {});
                worker.finish()
            }
        };
        let Findings { mut counts, reminded, rehearsed, skipped, calls, passed, blocked, watch } = judge.findings;
        counts.rows = rows;
        counts.outside_window += outside_window;
        let elsewhere = starts.filter(|_| counts.rows == counts.outside_window && terms.occasion.is_of_all_rows());
        for (id, block) in blocked {
            evidence.block(id, block);
        }
        let corrected = evidence.corrected();
        let cancellations = evidence.cancellations(&terms.windows);
        Candidates {
            terms,
            counts,
            reminded,
            rehearsed,
            elsewhere,
            skipped,
            calls,
            passed,
            cancellations,
            corrected,
            watch,
        }
    }

    /// The record as a row that matters; `None` when it is plainly outside. Most rows are, and of these no more is read
    /// than has to be: the id of a row is made only where it is needed.
    fn sighting(&mut self, number: u64, record: &Record<'_>) -> Option<Sighting> {
        let start = match record {
            Record::Broken(_) => Err(TimeProblem::Invalid(String::new())),
            Record::Text { .. } | Record::Tree(_) | Record::Json(_) => self.mapping.start(record),
        };
        // which days the source has is asked only where no row is in a window
        if self.kept.rows == 0
            && let Ok(start) = &start
        {
            self.starts = Some(SourceStarts::with(self.starts, start.at, self.terms.occasion.now));
        }
        let is_outside = start.as_ref().is_ok_and(|start| !self.terms.is_in_a_window(start.at));
        if is_outside && !self.needs_every_id() && self.mapping.has_id(record) {
            return None;
        }
        let id = self.mapping.id(record);
        if let Some(only) = &self.terms.occasion.only
            && id.as_deref() != Some(only)
        {
            return None;
        }
        let pending_leads = id.as_deref().map_or_else(Vec::new, |id| self.evidence.witness(id, &start));
        if is_outside && id.is_some() && pending_leads.is_empty() && !self.terms.is_explained(id.as_deref()) {
            return None;
        }
        let row = match *record {
            Record::Broken(why) => Err(why.to_owned()),
            Record::Text { .. } | Record::Tree(_) | Record::Json(_) => match self.mapping.id_problem(record) {
                Some(why) => Err(why),
                None => record.to_row().ok_or_else(String::new),
            },
        };
        let zone = self.mapping.recipient_zone(record);
        let (id, call_times) = (id.map(Cow::into_owned), self.mapping.call_times(record, self.terms.occasion.now));
        let priority = self.mapping.priority(record);
        let mut sighting = Sighting::new(number, row, id, start, zone);
        (sighting.call_times, sighting.priority) = (call_times, priority);
        sighting.pending_leads = pending_leads;
        Some(sighting)
    }

    /// Whether a row outside every window may matter by its id.
    fn needs_every_id(&self) -> bool {
        self.terms.explained.is_some() || self.terms.occasion.only.is_some() || !self.evidence.is_empty()
    }

    fn judge(&mut self, sighting: Sighting) {
        self.waiting.push(sighting);
        if self.waiting.len() < BATCH {
            return;
        }
        if let Judging::Here(judge) = &mut self.judging {
            let judge = std::mem::replace(&mut **judge, Judge::new(Arc::clone(&self.terms)));
            self.judging = Judging::Aside(Worker::start(judge, Judge::judge));
        }
        if let Judging::Aside(worker) = &self.judging {
            let batch = std::mem::replace(&mut self.waiting, worker.empty_batch());
            // reading phones takes longest of what the rules do
            worker.send(batch, |sighting| {
                let _read_ahead = sighting.phone(&self.terms);
            });
        }
    }
}

impl RecordSink for Intake {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.rows += 1;
        match self.sighting(number, &record) {
            Some(sighting) => {
                let is_in_a_window = |start: &Start| self.terms.is_in_a_window(start.at);
                self.kept.rows += u64::from(sighting.start.as_ref().is_ok_and(is_in_a_window));
                self.kept.bytes += ROW_OVERHEAD + sighting.row.as_ref().map_or(0, Row::size);
                self.judge(sighting);
            }
            None => self.outside_window += 1,
        }
        ControlFlow::Continue(())
    }

    fn restarts(&self) -> Restarts {
        Restarts::Yes
    }

    fn kept(&self) -> Kept {
        self.kept
    }

    fn restart(&mut self) {
        *self = Self::empty(Arc::clone(&self.terms), self.mapping.anew());
    }
}
