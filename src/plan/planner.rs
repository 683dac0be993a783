//! pure: takes a source's records one by one and keeps only those that matter: rows in a window, rows whose reminder is
//! pending, and rows that can't be read.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::evidence::Pendings;
use super::explain::Watch;
use super::judging::{Findings, Judge, Judging, Sighting};
use super::rules::{Case, LeadDue};
use super::window::{LeadWindow, lead_windows};
use super::{Candidates, Knowledge, Known, Occasion};
use crate::appointment::mapping::{Mapping, TimeProblem, to_micros};
use crate::appointment::{Phone, PhoneProblem, Start};
use crate::reminder::{Lead, ReminderKey};
use crate::row::{Record, RecordSink, Restarts, Row};
use crate::schedule::Schedule;
use crate::zones::{Zone, Zones};

/// Takes a source's records one by one and keeps only those that matter.
pub struct Planner {
    terms: Arc<Terms>,
    mapping: Mapping,
    windows: Vec<LeadWindow>,
    pendings: Pendings,
    rows: u64,
    outside_window: u64,
    judging: Judging,
    watched: Option<String>,
}

/// What stays the same for every row of a read.
pub(super) struct Terms {
    pub(super) schedule: Arc<Schedule>,
    /// Its name, as keys hold it.
    name: Arc<str>,
    pub(super) occasion: Occasion,
    pub(super) knowledge: Knowledge,
    pub(super) do_not_call: HashSet<String>,
}

/// As it is kept: sorting and deciding tens of thousands move pointers.
pub(super) type Kept = Box<Candidate>;

/// A row that passed every rule that can be asked of one row.
pub(super) struct Candidate {
    pub(super) number: u64,
    pub(super) row: Row,
    pub(super) id: String,
    pub(super) start: Start,
    pub(super) lead: LeadDue,
    /// Few have one, and it is large.
    pub(super) known: Option<Box<Known>>,
    pub(super) zone: Zone,
    pub(super) phone: Phone,
    pub(super) person: String,
    pub(super) due_day: Date,
    pub(super) send_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// Whether it stands for its row in the counts; a row's further pending leads don't.
    pub(super) share: Share,
}

/// Which of a row's leads this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// The one that decides what is counted for the row.
    Main,
    /// Another lead of it that is pending already.
    Further,
}

impl Planner {
    /// A planner for one read. `do_not_call`: the schedule's own list, E.164.
    #[must_use]
    pub fn new(
        schedule: Arc<Schedule>,
        occasion: Occasion,
        knowledge: Knowledge,
        zones: &Zones,
        do_not_call: HashSet<String>,
    ) -> Self {
        let windows = lead_windows(&schedule, &occasion, knowledge.previous_evaluation);
        let occasion =
            Occasion { nominal_at: to_micros(occasion.nominal_at), now: to_micros(occasion.now), only: occasion.only };
        let mapping = Mapping::new(&schedule.appointment, &schedule.zone, zones);
        let name = Arc::from(schedule.name.as_str());
        let terms = Arc::new(Terms { schedule, name, occasion, knowledge, do_not_call });
        Self::beginning(terms, mapping, windows)
    }

    /// Before the first record.
    fn beginning(terms: Arc<Terms>, mapping: Mapping, windows: Vec<LeadWindow>) -> Self {
        let judge = Judge::new(Arc::clone(&terms), mapping.clone(), windows.clone());
        Self {
            pendings: Pendings::of(&terms.knowledge, terms.occasion.only.as_deref()),
            mapping,
            judging: Judging::new(judge),
            terms,
            windows,
            rows: 0,
            outside_window: 0,
            watched: None,
        }
    }

    /// Keeps what the rules say of one appointment, for [`Candidates::explain`].
    #[must_use]
    pub fn watching(mut self, appointment_id: &str) -> Self {
        self.watched = Some(appointment_id.to_owned());
        self.judging.watch(Watch::of(appointment_id));
        self
    }

    /// The read was complete.
    #[must_use]
    pub fn finish(self) -> Candidates {
        let Self { terms, windows, mut pendings, rows, outside_window, judging, .. } = self;
        let Findings { mut counts, skipped, candidates, against, watch, .. } = judging.findings();
        counts.rows = rows;
        counts.outside_window += outside_window;
        for (id, reason, detail) in &against {
            pendings.cancel(*id, reason.as_str(), detail);
        }
        let cancellations = pendings.cancellations(&windows);
        Candidates { terms, counts, skipped, candidates, cancellations, watch }
    }

    fn is_in_a_window(&self, start: Timestamp) -> bool {
        self.windows.iter().any(|window| window.holds(start))
    }

    fn is_watched(&self, id: &str) -> bool {
        self.watched.as_deref() == Some(id)
    }

    /// The leads that are pending for a row that matters; `None` for one that is plainly outside. Most rows are, and of
    /// these no more is looked at than has to be.
    fn pending_of(&mut self, record: &Record<'_>, start: &Result<Start, TimeProblem>) -> Option<Vec<Lead>> {
        let is_in_a_window = start.as_ref().is_ok_and(|start| self.is_in_a_window(start.at));
        let asks_for_id = self.watched.is_some() || !self.pendings.is_empty();
        if !asks_for_id {
            let is_outside = start.is_ok() && !is_in_a_window && self.mapping.has_id(record);
            return (!is_outside).then(Vec::new);
        }
        let Some(id) = self.mapping.id(record) else { return Some(Vec::new()) };
        let is_pending_here = self.pendings.witness(&id, start);
        match start {
            Ok(start) if is_pending_here => Some(self.pendings.leads_at(&id, start.at)),
            Ok(_) if is_in_a_window || self.is_watched(&id) => Some(Vec::new()),
            Ok(_) => None,
            Err(_) => Some(Vec::new()),
        }
    }
}

impl RecordSink for Planner {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.rows += 1;
        if let Some(only) = &self.terms.occasion.only
            && self.mapping.id(&record).as_deref() != Some(only.as_str())
        {
            self.outside_window += 1;
            return ControlFlow::Continue(());
        }
        let start = match record {
            Record::Broken(_) => Err(TimeProblem::Invalid(String::new())),
            Record::Text { .. } | Record::Tree(_) => self.mapping.start(&record),
        };
        let Some(pending) = self.pending_of(&record, &start) else {
            self.outside_window += 1;
            return ControlFlow::Continue(());
        };
        let row = match record {
            Record::Broken(why) => Err(why.to_owned()),
            Record::Text { .. } | Record::Tree(_) => match self.mapping.id_problem(&record) {
                Some(why) => Err(why),
                None => record.to_row().ok_or_else(String::new),
            },
        };
        self.judging.take(Sighting { number, row, start, pending, phone: None });
        ControlFlow::Continue(())
    }

    fn restarts(&self) -> Restarts {
        Restarts::Yes
    }

    fn restart(&mut self) {
        let anew = Self::beginning(Arc::clone(&self.terms), self.mapping.anew(), self.windows.clone());
        let before = std::mem::replace(self, anew);
        if let Some(watched) = before.watched {
            self.judging.watch(Watch::of(&watched));
            self.watched = Some(watched);
        }
    }
}

impl Terms {
    /// What the ledger holds under a key.
    pub(super) fn known(&self, id: &str, starts_at: Timestamp, lead: Lead) -> Option<&Known> {
        if self.knowledge.reminders.is_empty() {
            return None;
        }
        self.knowledge.reminders.get(&ReminderKey {
            schedule: Arc::clone(&self.name),
            appointment_id: id.to_owned(),
            starts_at,
            lead,
        })
    }

    /// A case with nothing of a row in it yet.
    pub(super) fn case(&self) -> Case<'_> {
        Case {
            schedule: &self.schedule,
            now: self.occasion.now,
            do_not_call: &self.do_not_call,
            opted_out: &self.knowledge.opted_out,
            broken: None,
            id: None,
            start: Err(TimeProblem::Invalid(String::new())),
            recipient_zone: Err(""),
            lead: None,
            opening: None,
            known: None,
            is_duplicate: false,
            row: None,
            phone: OnceCell::new(),
            read_phone: &|| Err(PhoneProblem::Missing),
            payload_problem: None,
            person_calls: None,
        }
    }
}

/// Pending reminders by appointment.
pub(super) type ByAppointment<T> = HashMap<String, Vec<T>>;
