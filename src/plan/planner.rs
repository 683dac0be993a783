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
use super::rules::{self, Block, Case, LeadDue, Stage, Why};
use super::window::{LeadWindow, Saturating as _, lead_windows};
use super::{Candidates, Counts, Knowledge, Known, KnownKey, Occasion, SkippedRow};
use crate::appointment::mapping::{Mapping, TimeProblem, to_micros};
use crate::appointment::{Phone, PhoneProblem, Start};
use crate::reminder::{Lead, SkipReason, State};
use crate::row::{Record, RecordSink, Row};
use crate::schedule::Schedule;
use crate::zones::{Zone, Zones};

/// Takes a source's records one by one and keeps only those that matter.
pub struct Planner {
    pub(super) terms: Terms,
    mapping: Mapping,
    windows: Vec<LeadWindow>,
    pendings: Pendings,
    seen: HashSet<(String, Timestamp)>,
    counts: Counts,
    skipped: Vec<SkippedRow>,
    candidates: Vec<Candidate>,
    watch: Option<Watch>,
}

/// What stays the same for every row of a read.
pub(super) struct Terms {
    pub(super) schedule: Arc<Schedule>,
    pub(super) occasion: Occasion,
    pub(super) knowledge: Knowledge,
    pub(super) do_not_call: HashSet<String>,
}

/// A row that passed every rule that can be asked of one row.
pub(super) struct Candidate {
    pub(super) number: u64,
    pub(super) row: Row,
    pub(super) id: String,
    pub(super) start: Start,
    pub(super) lead: LeadDue,
    pub(super) known: Option<Known>,
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

/// One record with what was read of it.
struct Sighting<'a> {
    number: u64,
    record: Record<'a>,
    id: Option<String>,
    start: Result<Start, TimeProblem>,
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
        Self {
            mapping: Mapping::new(&schedule.appointment, &schedule.zone, zones),
            pendings: Pendings::of(&knowledge, occasion.only.as_deref()),
            terms: Terms { schedule, occasion, knowledge, do_not_call },
            windows,
            seen: HashSet::new(),
            counts: Counts::default(),
            skipped: Vec::new(),
            candidates: Vec::new(),
            watch: None,
        }
    }

    /// Keeps what the rules say of one appointment, for [`Candidates::explain`].
    #[must_use]
    pub fn watching(mut self, appointment_id: &str) -> Self {
        self.watch = Some(Watch::of(appointment_id));
        self
    }

    /// The read was complete.
    #[must_use]
    pub fn finish(self) -> Candidates {
        let Self { terms, windows, pendings, counts, skipped, candidates, watch, .. } = self;
        let cancellations = pendings.cancellations(&windows);
        Candidates { terms, counts, skipped, candidates, cancellations, watch }
    }

    fn is_in_a_window(&self, start: Timestamp) -> bool {
        self.windows.iter().any(|window| window.holds(start))
    }

    fn is_watched(&self, id: Option<&str>) -> bool {
        self.watch.as_ref().is_some_and(|watch| Some(watch.appointment_id()) == id)
    }

    /// A row that isn't plainly outside: its leads are found and the rules asked for each.
    fn consider(&mut self, sighting: &Sighting<'_>) {
        let (main, further) = self.leads(sighting);
        let row = sighting.record.to_row();
        let is_duplicate = match (&sighting.id, &sighting.start, main) {
            (Some(id), Ok(start), Some(_)) => !self.seen.insert((id.clone(), start.at)),
            _ => false,
        };
        self.judge(sighting, row.as_ref(), main, Share::Main, is_duplicate);
        for lead in further {
            self.judge(sighting, row.as_ref(), Some(lead), Share::Further, is_duplicate);
        }
    }

    /// The lead nearest the start among those whose window holds it and those pending for it, and the other pending ones.
    fn leads(&self, sighting: &Sighting<'_>) -> (Option<Lead>, Vec<Lead>) {
        let (Some(id), Ok(start)) = (&sighting.id, &sighting.start) else { return (None, Vec::new()) };
        let mut pending = self.pendings.leads_at(id, start.at);
        let in_window = self.windows.iter().filter(|window| window.holds(start.at)).map(|window| window.lead);
        let main = in_window.chain(pending.iter().copied()).min_by_key(|lead| hours_of(*lead));
        pending.retain(|lead| Some(*lead) != main);
        (main, pending)
    }

    fn due(&self, lead: Lead, start: Timestamp, known: Option<&Known>) -> LeadDue {
        let due_at = match (known, lead) {
            (Some(known), _) if known.state == State::Pending => known.due_at,
            (_, Lead::Days(_)) => self.terms.occasion.nominal_at,
            (_, Lead::Hours(hours)) => {
                start.saturating_sub_duration(jiff::SignedDuration::from_hours(i64::from(hours)))
            }
        };
        LeadDue { lead, due_at }
    }

    fn judge(
        &mut self,
        sighting: &Sighting<'_>,
        row: Option<&Row>,
        lead: Option<Lead>,
        share: Share,
        is_duplicate: bool,
    ) {
        let recipient_zone = self.mapping.recipient_zone(&sighting.record);
        let known =
            lead.and_then(|lead| self.terms.known(sighting.id.as_deref()?, sighting.start.as_ref().ok()?.at, lead));
        let due = lead.zip(sighting.start.as_ref().ok()).map(|(lead, start)| self.due(lead, start.at, known));
        let mapping = &self.mapping;
        let read_phone = || mapping.phone(&sighting.record);
        let case = Case {
            broken: match sighting.record {
                Record::Broken(why) => Some(why),
                Record::Text { .. } | Record::Tree(_) => None,
            },
            id: sighting.id.as_deref(),
            start: sighting.start.clone(),
            recipient_zone,
            lead: due,
            known,
            is_duplicate,
            row,
            read_phone: &read_phone,
            ..self.terms.case()
        };
        if share == Share::Main
            && let Some(watch) = self.watch.as_mut().filter(|watch| Some(watch.appointment_id()) == case.id)
        {
            watch.see(&case);
        }
        match rules::ask(&case, Stage::Row) {
            Ok(()) => {
                let candidate = candidate(sighting, &case, mapping, share);
                self.candidates.extend(candidate);
            }
            Err(block) => {
                let blocked = Blocked::of(sighting, &case, block);
                self.blocked(blocked, share);
            }
        }
    }

    fn blocked(&mut self, blocked: Blocked, share: Share) {
        if let (Some(pending), Why::Skip(reason)) = (blocked.pending, blocked.block.why)
            && cancels(reason)
        {
            self.pendings.cancel(pending, reason.as_str(), &blocked.block.detail);
        }
        if share == Share::Further {
            return;
        }
        match blocked.block.why {
            Why::OutsideWindow => self.counts.outside_window += 1,
            Why::AlreadyReminded => self.counts.already_reminded += 1,
            Why::Skip(_) => {
                self.counts.skipped += 1;
                self.skipped.extend(blocked.skipped);
            }
        }
    }
}

impl RecordSink for Planner {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.counts.rows += 1;
        let id = self.mapping.id(&record);
        if let Some(only) = &self.terms.occasion.only
            && id.as_deref() != Some(only.as_str())
        {
            self.counts.outside_window += 1;
            return ControlFlow::Continue(());
        }
        let start = match record {
            Record::Broken(_) => Err(TimeProblem::Invalid(String::new())),
            Record::Text { .. } | Record::Tree(_) => self.mapping.start(&record),
        };
        if let Some(id) = id.as_deref() {
            let is_pending_here = self.pendings.witness(id, &start);
            if let Ok(start) = &start
                && !is_pending_here
                && !self.is_in_a_window(start.at)
                && !self.is_watched(Some(id))
            {
                self.counts.outside_window += 1;
                return ControlFlow::Continue(());
            }
        }
        let id = id.map(std::borrow::Cow::into_owned);
        self.consider(&Sighting { number, record, id, start });
        ControlFlow::Continue(())
    }
}

impl Terms {
    /// What the ledger holds under a key.
    fn known(&self, id: &str, starts_at: Timestamp, lead: Lead) -> Option<&Known> {
        if self.knowledge.reminders.is_empty() {
            return None;
        }
        self.knowledge.reminders.get(&KnownKey { appointment_id: id.to_owned(), starts_at, lead })
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
            recipient_zone: Err(String::new()),
            lead: None,
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

/// A blocked row, free of its record.
struct Blocked {
    block: Block,
    pending: Option<crate::reminder::ReminderId>,
    skipped: Option<SkippedRow>,
}

impl Blocked {
    fn of(sighting: &Sighting<'_>, case: &Case<'_>, block: Block) -> Self {
        let skipped = match block.why {
            Why::OutsideWindow | Why::AlreadyReminded => None,
            Why::Skip(reason) => Some(SkippedRow {
                row: sighting.number,
                appointment_id: sighting.id.clone(),
                starts_at: case.start.as_ref().ok().map(|start| start.at),
                lead: case.lead.map(|lead| lead.lead),
                reason,
                detail: block.detail.clone(),
                phone: case.phone.get().and_then(|phone| phone.as_ref().ok()).map(|phone| phone.e164.clone()),
                recipient_zone: case.recipient_zone.as_ref().ok().map(|zone| zone.name().to_owned()),
            }),
        };
        let pending = case.known.filter(|known| known.state == State::Pending).map(|known| known.id);
        Self { block, pending, skipped }
    }
}

/// Whether a block is evidence against a pending reminder. A second row with its key says nothing against the first; what
/// came too late expires by itself.
fn cancels(reason: SkipReason) -> bool {
    match reason {
        SkipReason::DuplicateRow
        | SkipReason::AlreadyStarted
        | SkipReason::TooLate
        | SkipReason::OutsideCallingHours
        | SkipReason::LateBooking => false,
        SkipReason::BadRow
        | SkipReason::MissingId
        | SkipReason::InvalidTime
        | SkipReason::NoSuchTime
        | SkipReason::Cancelled
        | SkipReason::UnknownStatus
        | SkipReason::Filtered
        | SkipReason::NoPhone
        | SkipReason::InvalidPhone
        | SkipReason::OptedOut
        | SkipReason::NoConsent
        | SkipReason::Merged
        | SkipReason::PersonLimit
        | SkipReason::PayloadError => true,
    }
}

fn candidate(sighting: &Sighting<'_>, case: &Case<'_>, mapping: &Mapping, share: Share) -> Option<Candidate> {
    let phone = rules::phone_of(case).ok()?.clone();
    let (lead, zone) = (case.lead?, case.recipient_zone.clone().ok()?);
    Some(Candidate {
        number: sighting.number,
        row: case.row?.clone(),
        id: sighting.id.clone()?,
        start: sighting.start.clone().ok()?,
        lead,
        known: case.known.cloned(),
        person: mapping.person(&sighting.record, &phone),
        phone,
        due_day: zone.date(lead.due_at),
        send_at: rules::sending_time(case)?,
        expires_at: rules::over_at(case)?,
        zone,
        share,
    })
}

/// How far before the start a lead is, to compare days with hours.
fn hours_of(lead: Lead) -> u64 {
    match lead {
        Lead::Days(days) => u64::from(days) * 24,
        Lead::Hours(hours) => u64::from(hours),
    }
}

/// Pending reminders by appointment.
pub(super) type ByAppointment<T> = HashMap<String, Vec<T>>;
