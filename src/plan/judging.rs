//! pure: the rules that one row answers by itself, asked on a second thread while the read goes on. That thread takes the
//! rows in their order, so what it finds is what one thread would have found.

use std::borrow::Cow;
use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SendError, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;

use jiff::Timestamp;

use super::explain::Watch;
use super::planner::{Candidate, Kept, Share, Terms};
use super::rules::{self, Block, Case, LeadDue, Stage, Why};
use super::window::{LeadWindow, Saturating as _};
use super::{Counts, Seed, SkippedRow};
use crate::appointment::mapping::{Mapping, TimeProblem, trimmed};
use crate::appointment::{Phone, PhoneProblem, Start, phone};
use crate::reminder::{Lead, ReminderId, SkipReason, State};
use crate::row::{Record, Row};
use crate::zones::Zone;

/// So many rows go over at once; a read with fewer needs no second thread.
const BATCH: usize = 256;

/// So many batches may wait before the read does.
const WAITING: usize = 4;

/// A row that isn't plainly outside, free of its record.
pub(super) struct Sighting {
    pub(super) number: u64,
    /// The row, or why it can't be read.
    pub(super) row: Result<Row, String>,
    pub(super) start: Result<Start, TimeProblem>,
    /// The leads that are pending for exactly its id and start.
    pub(super) pending: Vec<Lead>,
    /// Its phone, when the reading thread had time to read it.
    pub(super) phone: Option<Result<Phone, PhoneProblem>>,
}

/// One lead of such a row.
struct Asked {
    number: u64,
    row: Result<Row, String>,
    id: Option<String>,
    start: Result<Start, TimeProblem>,
    recipient_zone: Result<Zone, String>,
    lead: Option<Lead>,
    share: Share,
    is_duplicate: bool,
    phone: Option<Result<Phone, PhoneProblem>>,
}

/// What the rules made of the rows so far.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) counts: Counts,
    pub(super) skipped: Vec<SkippedRow>,
    pub(super) candidates: Vec<Kept>,
    /// Pending reminders that a rule blocks now: which, why, and in what words.
    pub(super) against: Vec<(ReminderId, SkipReason, String)>,
    /// What was said of the watched appointment.
    pub(super) watch: Option<Watch>,
    opening: Opening,
}

/// The last opening that was asked for: most rows of a run are due at one moment in one zone.
#[derive(Default)]
struct Opening {
    last: Option<(Zone, Timestamp, Timestamp)>,
}

impl Opening {
    fn at(&mut self, due_at: Timestamp, zone: &Zone, terms: &Terms) -> Timestamp {
        let at = due_at.max(terms.occasion.now);
        match &self.last {
            Some((known, asked, opening)) if *asked == at && known.name() == zone.name() => *opening,
            Some(_) | None => {
                let opening = terms.schedule.remind.calling_hours.next_opening(at, zone);
                self.last = Some((zone.clone(), at, opening));
                opening
            }
        }
    }
}

/// Takes sightings in the order of their rows.
pub(super) struct Judging {
    terms: Arc<Terms>,
    waiting: Vec<Sighting>,
    /// On this thread while there are few rows, then on one of its own.
    judge: Option<Judge>,
    worker: Option<Worker>,
}

struct Worker {
    batches: SyncSender<Vec<Sighting>>,
    /// Batches that were taken and may be filled again.
    spare: Receiver<Vec<Sighting>>,
    thread: JoinHandle<Findings>,
}

impl Worker {
    fn start(judge: Judge) -> Self {
        let (batches, received) = sync_channel::<Vec<Sighting>>(WAITING);
        let (taken, spare) = channel();
        let thread = std::thread::spawn(move || {
            let mut judge = judge;
            for mut batch in received {
                batch.drain(..).for_each(|sighting| judge.judge(sighting));
                // the reader may have ended: then nobody fills it again
                let _unwanted = taken.send(batch);
            }
            judge.findings
        });
        Self { batches, spare, thread }
    }

    /// Waits until there is room; then there is time to read the phones, which takes longest.
    fn hand_over(&self, batch: Vec<Sighting>, terms: &Terms) -> Result<(), SendError<Vec<Sighting>>> {
        let mut batch = match self.batches.try_send(batch) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(batch)) => return Err(SendError(batch)),
            Err(TrySendError::Full(batch)) => batch,
        };
        for sighting in &mut batch {
            sighting.phone = sighting.row.as_ref().ok().map(|row| read_phone(terms, row));
        }
        self.batches.send(batch)
    }

    fn ended(self) -> Findings {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Judging {
    pub(super) fn new(judge: Judge) -> Self {
        Self { terms: Arc::clone(&judge.terms), waiting: Vec::new(), judge: Some(judge), worker: None }
    }

    /// Keeps what the rules say of one appointment.
    pub(super) fn watch(&mut self, watch: Watch) {
        if let Some(judge) = &mut self.judge {
            judge.findings.watch = Some(watch);
        }
    }

    /// One more.
    pub(super) fn take(&mut self, sighting: Sighting) {
        self.waiting.push(sighting);
        if self.waiting.len() < BATCH {
            return;
        }
        let spare = self.worker.as_ref().and_then(|worker| worker.spare.try_recv().ok());
        let batch = std::mem::replace(&mut self.waiting, spare.unwrap_or_else(|| Vec::with_capacity(BATCH)));
        if let Some(judge) = self.judge.take() {
            self.worker = Some(Worker::start(judge));
        }
        let is_gone = self.worker.as_ref().is_some_and(|worker| worker.hand_over(batch, &self.terms).is_err());
        if is_gone {
            // the thread broke off: joining it tells with what
            let _findings = self.worker.take().map(Worker::ended);
        }
    }

    /// The read is complete.
    pub(super) fn findings(self) -> Findings {
        match (self.judge, self.worker) {
            (Some(judge), _) => judge.all(self.waiting.into_iter()),
            (None, Some(worker)) => {
                let _sent = worker.batches.send(self.waiting);
                worker.ended()
            }
            (None, None) => Findings::default(),
        }
    }
}

/// Asks the rules of one row after another.
pub(super) struct Judge {
    terms: Arc<Terms>,
    mapping: Mapping,
    windows: Vec<LeadWindow>,
    seen: HashSet<(String, Timestamp), Seed>,
    findings: Findings,
}

impl Judge {
    pub(super) fn new(terms: Arc<Terms>, mapping: Mapping, windows: Vec<LeadWindow>) -> Self {
        Self { terms, mapping, windows, seen: HashSet::default(), findings: Findings::default() }
    }

    fn all(mut self, sightings: impl Iterator<Item = Sighting>) -> Findings {
        for sighting in sightings {
            self.judge(sighting);
        }
        self.findings
    }

    /// Finds the leads of a row and asks the rules for each.
    fn judge(&mut self, sighting: Sighting) {
        let Sighting { number, row, start, pending, phone } = sighting;
        let record = match &row {
            Ok(row) => row.as_record(),
            Err(why) => Record::Broken(why),
        };
        let id = self.mapping.id(&record).map(Cow::into_owned);
        let recipient_zone = self.mapping.recipient_zone(&record);
        let (lead, further) = self.leads(&start, pending);
        let is_duplicate = match (&id, &start, lead) {
            (Some(id), Ok(start), Some(_)) => !self.seen.insert((id.clone(), start.at)),
            _ => false,
        };
        let main = Asked { number, row, id, start, recipient_zone, lead, share: Share::Main, is_duplicate, phone };
        let further: Vec<Asked> = further.into_iter().map(|lead| main.further(lead)).collect();
        self.findings.tell(&self.terms, &main);
        self.findings.judge(&self.terms, main);
        for asked in further {
            self.findings.judge(&self.terms, asked);
        }
    }

    /// The lead nearest the start among those whose window holds it and those pending for it, and the other pending ones.
    fn leads(&self, start: &Result<Start, TimeProblem>, mut pending: Vec<Lead>) -> (Option<Lead>, Vec<Lead>) {
        let Ok(start) = start else { return (None, Vec::new()) };
        let in_window = self.windows.iter().filter(|window| window.holds(start.at)).map(|window| window.lead);
        let main = in_window.chain(pending.iter().copied()).min_by_key(|lead| hours_of(*lead));
        pending.retain(|lead| Some(*lead) != main);
        (main, pending)
    }
}

/// How far before the start a lead is, to compare days with hours.
fn hours_of(lead: Lead) -> u64 {
    match lead {
        Lead::Days(days) => u64::from(days) * 24,
        Lead::Hours(hours) => u64::from(hours),
    }
}

impl Asked {
    /// Another lead of the same row.
    fn further(&self, lead: Lead) -> Self {
        Self {
            number: self.number,
            row: self.row.clone(),
            id: self.id.clone(),
            start: self.start.clone(),
            recipient_zone: self.recipient_zone.clone(),
            lead: Some(lead),
            share: Share::Further,
            is_duplicate: self.is_duplicate,
            phone: self.phone.clone(),
        }
    }
}

impl Findings {
    /// Asks the rules aloud of the appointment that is watched.
    fn tell(&mut self, terms: &Terms, asked: &Asked) {
        let watch = self.watch.as_mut().filter(|watch| Some(watch.appointment_id()) == asked.id.as_deref());
        if let Some(watch) = watch {
            let read_phone = || asked.read_phone(terms);
            watch.see(&case(terms, asked, &read_phone, &mut self.opening));
        }
    }

    /// Asks the rules of one row.
    fn judge(&mut self, terms: &Terms, asked: Asked) {
        let read_phone = || asked.read_phone(terms);
        let case = case(terms, &asked, &read_phone, &mut self.opening);
        match rules::ask(&case, Stage::Row) {
            Err(block) => self.blocked(&asked, &case, block),
            Ok(()) => {
                let passed = Passed::of(&case);
                let candidate = passed.and_then(|passed| passed.candidate(terms, asked));
                self.candidates.extend(candidate.map(Box::new));
            }
        }
    }

    fn blocked(&mut self, asked: &Asked, case: &Case<'_>, block: Block) {
        let pending = case.known.filter(|known| known.state == State::Pending).map(|known| known.id);
        if let (Some(pending), Why::Skip(reason)) = (pending, block.why)
            && cancels(reason)
        {
            self.against.push((pending, reason, block.detail.clone()));
        }
        if asked.share == Share::Further {
            return;
        }
        match block.why {
            Why::OutsideWindow => self.counts.outside_window += 1,
            Why::AlreadyReminded => self.counts.already_reminded += 1,
            Why::Skip(reason) => {
                self.counts.skipped += 1;
                self.skipped.push(skipped(asked, case, reason, block.detail));
            }
        }
    }
}

fn case<'a>(
    terms: &'a Terms,
    asked: &'a Asked,
    read_phone: &'a dyn Fn() -> Result<Phone, PhoneProblem>,
    opening: &mut Opening,
) -> Case<'a> {
    let known = asked.lead.and_then(|lead| {
        let start = asked.start.as_ref().ok()?;
        terms.known(asked.id.as_deref()?, start.at, lead)
    });
    let due = |(lead, start): (Lead, &Start)| {
        let due_at = match (known, lead) {
            (Some(known), _) if known.state == State::Pending => known.due_at,
            (_, Lead::Days(_)) => terms.occasion.nominal_at,
            (_, Lead::Hours(hours)) => {
                start.at.saturating_sub_duration(jiff::SignedDuration::from_hours(i64::from(hours)))
            }
        };
        LeadDue { lead, due_at }
    };
    let lead = asked.lead.zip(asked.start.as_ref().ok()).map(due);
    let zone = asked.recipient_zone.as_ref();
    Case {
        opening: lead.zip(zone.ok()).map(|(lead, zone)| opening.at(lead.due_at, zone, terms)),
        broken: asked.row.as_ref().err().map(String::as_str),
        id: asked.id.as_deref(),
        start: asked.start.clone(),
        recipient_zone: zone.map_err(String::as_str),
        lead,
        known,
        is_duplicate: asked.is_duplicate,
        row: asked.row.as_ref().ok(),
        read_phone,
        ..terms.case()
    }
}

impl Asked {
    /// The first usable phone of the row.
    fn read_phone(&self, terms: &Terms) -> Result<Phone, PhoneProblem> {
        match (&self.phone, &self.row) {
            (Some(read), _) => read.clone(),
            (None, Ok(row)) => read_phone(terms, row),
            (None, Err(_)) => Err(PhoneProblem::Missing),
        }
    }
}

fn read_phone(terms: &Terms, row: &Row) -> Result<Phone, PhoneProblem> {
    let columns = &terms.schedule.appointment;
    let texts = columns.phone.iter().map(|column| row.as_record().text(column));
    phone::first_usable(texts, columns.default_region.as_deref())
}

fn skipped(asked: &Asked, case: &Case<'_>, reason: SkipReason, detail: String) -> SkippedRow {
    SkippedRow {
        row: asked.number,
        appointment_id: asked.id.clone(),
        starts_at: case.start.as_ref().ok().map(|start| start.at),
        lead: case.lead.map(|lead| lead.lead),
        reason,
        detail,
        phone: case.phone.get().and_then(|phone| phone.as_ref().ok()).map(|phone| phone.e164.clone()),
        recipient_zone: case.recipient_zone.ok().map(|zone| zone.name().to_owned()),
    }
}

/// What the rules worked out of a row that passed them.
struct Passed {
    lead: LeadDue,
    known: Option<Box<super::Known>>,
    phone: Phone,
    send_at: Timestamp,
    expires_at: Timestamp,
}

impl Passed {
    fn of(case: &Case<'_>) -> Option<Self> {
        Some(Self {
            lead: case.lead?,
            known: case.known.cloned().map(Box::new),
            phone: rules::phone_of(case).ok()?.clone(),
            send_at: case.opening?,
            expires_at: rules::over_at(case)?,
        })
    }

    fn candidate(self, terms: &Terms, asked: Asked) -> Option<Candidate> {
        let Self { lead, known, phone, send_at, expires_at } = self;
        let (row, zone) = (asked.row.ok()?, asked.recipient_zone.ok()?);
        let person = terms.schedule.appointment.person.as_ref();
        let named = person.and_then(|column| row.as_record().text(column)).and_then(trimmed);
        Some(Candidate {
            number: asked.number,
            person: named.map_or_else(|| phone.e164.clone(), std::borrow::Cow::into_owned),
            row,
            id: asked.id?,
            start: asked.start.ok()?,
            lead,
            known,
            phone,
            due_day: zone.date(lead.due_at),
            send_at,
            expires_at,
            zone,
            share: asked.share,
        })
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
