//! pure: the rules that one row answers by itself, asked on a second thread while the read goes on. That thread takes the
//! rows in their order, so what it finds is what one thread would have found.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::explain::Watch;
use super::planner::{Candidate, Kept, Share, Terms};
use super::rules::{self, Block, Case, LeadDue, Stage, Why};
use super::window::Saturating as _;
use super::{Counts, SkippedRow};
use crate::appointment::mapping::{TimeProblem, trimmed};
use crate::appointment::{Phone, PhoneProblem, Start, phone};
use crate::reminder::{Lead, ReminderId, SkipReason, State};
use crate::row::Row;
use crate::zones::Zone;

/// So many rows go over at once; a read with fewer needs no second thread.
const BATCH: usize = 256;

/// So many batches may wait before the read does.
const WAITING: usize = 8;

/// One lead of a row that isn't plainly outside, free of its record.
pub(super) struct Sighting {
    pub(super) number: u64,
    /// The row, or why it can't be read.
    pub(super) row: Result<Row, String>,
    pub(super) id: Option<String>,
    pub(super) start: Result<Start, TimeProblem>,
    pub(super) recipient_zone: Result<Zone, String>,
    pub(super) lead: Option<Lead>,
    pub(super) share: Share,
    pub(super) is_duplicate: bool,
}

/// What the rules made of the rows so far.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) counts: Counts,
    pub(super) skipped: Vec<SkippedRow>,
    pub(super) candidates: Vec<Kept>,
    /// Pending reminders that a rule blocks now: which, why, and in what words.
    pub(super) against: Vec<(ReminderId, SkipReason, String)>,
}

/// Takes sightings in the order of their rows.
pub(super) struct Judging {
    terms: Arc<Terms>,
    waiting: Vec<Sighting>,
    worker: Option<Worker>,
}

struct Worker {
    batches: SyncSender<Vec<Sighting>>,
    thread: JoinHandle<Findings>,
}

impl Worker {
    fn start(terms: Arc<Terms>) -> Self {
        let (batches, received): (_, Receiver<Vec<Sighting>>) = sync_channel(WAITING);
        let thread = std::thread::spawn(move || {
            let mut findings = Findings::default();
            received.iter().flatten().for_each(|sighting| findings.judge(&terms, sighting));
            findings
        });
        Self { batches, thread }
    }

    fn ended(self) -> Findings {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Judging {
    pub(super) fn new(terms: Arc<Terms>) -> Self {
        Self { terms, waiting: Vec::new(), worker: None }
    }

    /// Asks the rules of a row aloud.
    pub(super) fn tell(&self, sighting: &Sighting, watch: &mut Watch) {
        let read_phone = || read_phone(&self.terms, sighting);
        watch.see(&case(&self.terms, sighting, &read_phone));
    }

    /// One more.
    pub(super) fn take(&mut self, sighting: Sighting) {
        self.waiting.push(sighting);
        if self.waiting.len() < BATCH {
            return;
        }
        let batch = std::mem::replace(&mut self.waiting, Vec::with_capacity(BATCH));
        let terms = &self.terms;
        let worker = self.worker.get_or_insert_with(|| Worker::start(Arc::clone(terms)));
        if worker.batches.send(batch).is_err() {
            // the thread broke off: joining it tells with what
            let _findings = self.worker.take().map(Worker::ended);
        }
    }

    /// The read is complete.
    pub(super) fn findings(self) -> Findings {
        let mut findings = self.worker.map(Worker::ended).unwrap_or_default();
        for sighting in self.waiting {
            findings.judge(&self.terms, sighting);
        }
        findings
    }
}

impl Findings {
    /// Asks the rules of one row.
    fn judge(&mut self, terms: &Terms, sighting: Sighting) {
        let read_phone = || read_phone(terms, &sighting);
        let case = case(terms, &sighting, &read_phone);
        match rules::ask(&case, Stage::Row) {
            Err(block) => self.blocked(&sighting, &case, block),
            Ok(()) => {
                let passed = Passed::of(&case);
                let candidate = passed.and_then(|passed| passed.candidate(terms, sighting));
                self.candidates.extend(candidate.map(Box::new));
            }
        }
    }

    fn blocked(&mut self, sighting: &Sighting, case: &Case<'_>, block: Block) {
        let pending = case.known.filter(|known| known.state == State::Pending).map(|known| known.id);
        if let (Some(pending), Why::Skip(reason)) = (pending, block.why)
            && cancels(reason)
        {
            self.against.push((pending, reason, block.detail.clone()));
        }
        if sighting.share == Share::Further {
            return;
        }
        match block.why {
            Why::OutsideWindow => self.counts.outside_window += 1,
            Why::AlreadyReminded => self.counts.already_reminded += 1,
            Why::Skip(reason) => {
                self.counts.skipped += 1;
                self.skipped.push(skipped(sighting, case, reason, block.detail));
            }
        }
    }
}

fn case<'a>(
    terms: &'a Terms,
    sighting: &'a Sighting,
    read_phone: &'a dyn Fn() -> Result<Phone, PhoneProblem>,
) -> Case<'a> {
    let known = sighting.lead.and_then(|lead| {
        let start = sighting.start.as_ref().ok()?;
        terms.known(sighting.id.as_deref()?, start.at, lead)
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
    Case {
        broken: sighting.row.as_ref().err().map(String::as_str),
        id: sighting.id.as_deref(),
        start: sighting.start.clone(),
        recipient_zone: sighting.recipient_zone.clone(),
        lead: sighting.lead.zip(sighting.start.as_ref().ok()).map(due),
        known,
        is_duplicate: sighting.is_duplicate,
        row: sighting.row.as_ref().ok(),
        read_phone,
        ..terms.case()
    }
}

/// The first usable phone of the row.
fn read_phone(terms: &Terms, sighting: &Sighting) -> Result<Phone, PhoneProblem> {
    let Ok(row) = &sighting.row else { return Err(PhoneProblem::Missing) };
    let columns = &terms.schedule.appointment;
    let texts = columns.phone.iter().map(|column| row.as_record().text(column));
    phone::first_usable(texts, columns.default_region.as_deref())
}

fn skipped(sighting: &Sighting, case: &Case<'_>, reason: SkipReason, detail: String) -> SkippedRow {
    SkippedRow {
        row: sighting.number,
        appointment_id: sighting.id.clone(),
        starts_at: case.start.as_ref().ok().map(|start| start.at),
        lead: case.lead.map(|lead| lead.lead),
        reason,
        detail,
        phone: case.phone.get().and_then(|phone| phone.as_ref().ok()).map(|phone| phone.e164.clone()),
        recipient_zone: case.recipient_zone.as_ref().ok().map(|zone| zone.name().to_owned()),
    }
}

/// What the rules worked out of a row that passed them.
struct Passed {
    lead: LeadDue,
    known: Option<super::Known>,
    phone: Phone,
    send_at: jiff::Timestamp,
    expires_at: jiff::Timestamp,
}

impl Passed {
    fn of(case: &Case<'_>) -> Option<Self> {
        Some(Self {
            lead: case.lead?,
            known: case.known.cloned(),
            phone: rules::phone_of(case).ok()?.clone(),
            send_at: rules::sending_time(case)?,
            expires_at: rules::over_at(case)?,
        })
    }

    fn candidate(self, terms: &Terms, sighting: Sighting) -> Option<Candidate> {
        let Self { lead, known, phone, send_at, expires_at } = self;
        let (row, zone) = (sighting.row.ok()?, sighting.recipient_zone.ok()?);
        let person = terms.schedule.appointment.person.as_ref();
        let named = person.and_then(|column| row.as_record().text(column)).and_then(trimmed);
        Some(Candidate {
            number: sighting.number,
            person: named.map_or_else(|| phone.e164.clone(), std::borrow::Cow::into_owned),
            row,
            id: sighting.id?,
            start: sighting.start.ok()?,
            lead,
            known,
            phone,
            due_day: zone.date(lead.due_at),
            send_at,
            expires_at,
            zone,
            share: sighting.share,
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
