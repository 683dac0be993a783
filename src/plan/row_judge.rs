//! pure: asks the rules about rows of one row after another.

use std::sync::Arc;

use jiff::Timestamp;

use super::candidates::CandidateCall;
use super::case::{Case, OpeningTimes, Sighting};
use super::explain::WatchedAppointment;
use super::rules::{Block, BlockedAs};
use super::terms::{Terms, hours_of};
use super::window::{LeadWindow, WindowKind};
use super::{Counts, Reminded, SkippedRow, label, row_rules};
use crate::personal::Personal;
use crate::reminder::{Lead, ReminderId, SkipReason, State};
use crate::seeded::SeededSet;

/// Asks the rules, and remembers what they said.
pub(super) struct Judge {
    terms: Arc<Terms>,
    /// Id and start of the rows so far.
    seen: SeededSet<(String, Timestamp)>,
    openings: OpeningTimes,
    pub(super) findings: Findings,
}

/// What the rules said of the rows so far.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) counts: Counts,
    pub(super) reminded: Reminded,
    /// The first appointments that a run in shadow mode would have called.
    pub(super) rehearsed: Vec<String>,
    pub(super) skipped: Vec<SkippedRow>,
    pub(super) calls: Vec<CandidateCall>,
    /// Id and start of appointments outside every window whose lead had passed before anybody looked for them.
    pub(super) passed: Vec<(String, Timestamp)>,
    /// Pending reminders that a rule blocks now.
    pub(super) blocked: Vec<(ReminderId, (SkipReason, String))>,
    /// What was said of the appointment to be explained.
    pub(super) watch: Option<WatchedAppointment>,
}

/// The number of appointments that are named which a run in shadow mode would have called.
pub(super) const REHEARSED_NAMED: usize = 5;

/// The part that one of a row's leads has in how the row is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// The lead that decides how the row is counted.
    Main,
    /// Another lead of the row that is pending already.
    Further,
}

impl Judge {
    pub(super) fn new(terms: Arc<Terms>) -> Self {
        let watch = terms.explained.as_deref().map(WatchedAppointment::of);
        let findings = Findings { watch, ..Findings::default() };
        Self { terms, seen: SeededSet::default(), openings: OpeningTimes::default(), findings }
    }

    /// Finds the leads of a row and asks the rules for each.
    pub(super) fn judge(&mut self, sighting: Sighting) {
        let terms = Arc::clone(&self.terms);
        let (main, further) = leads(&terms, &sighting);
        if main.is_none() {
            self.findings.passed.extend(passed(&terms, &sighting));
        }
        let is_duplicate = match (&sighting.id, &sighting.start, main) {
            (Some(id), Ok(start), Some(_)) => !self.seen.insert((id.clone(), start.at)),
            _ => false,
        };
        for lead in further {
            let case = Case::new(&terms, &sighting, Some(lead), is_duplicate, &mut self.openings);
            if self.findings.passes(&case, Share::Further) {
                self.findings.calls.extend(CandidateCall::further(&case));
            }
        }
        let case = Case::new(&terms, &sighting, main, is_duplicate, &mut self.openings);
        if let Some(watch) = &mut self.findings.watch
            && terms.is_explained(sighting.id.as_deref())
        {
            watch.see(&case);
        }
        if self.findings.passes(&case, Share::Main) {
            let (lead, known) = (case.lead, case.known.cloned());
            self.findings.calls.extend(CandidateCall::of(&terms, sighting, lead, known));
        }
    }
}

/// The lead nearest the start among those whose window holds it and those pending for it, and the other pending ones.
fn leads(terms: &Terms, sighting: &Sighting) -> (Option<Lead>, Vec<Lead>) {
    let Ok(start) = &sighting.start else { return (None, Vec::new()) };
    let is_meant = |window: &&LeadWindow| match window.kind {
        WindowKind::Due => true,
        WindowKind::LateBookings => sighting.id.as_deref().is_some_and(|id| terms.is_late(id, start.at, window.lead)),
    };
    let in_window = terms.windows.iter().filter(|window| window.holds(start.at)).filter(is_meant);
    let in_window = in_window.map(|window| window.lead);
    let pending = &sighting.pending_leads;
    let main = in_window.chain(pending.iter().copied()).min_by_key(|lead| hours_of(*lead));
    (main, pending.iter().copied().filter(|lead| Some(*lead) != main).collect())
}

/// The appointment of a row that is too late for its leads, without any sign that it was booked late: nobody looked for it
/// before.
fn passed(terms: &Terms, sighting: &Sighting) -> Option<(String, Timestamp)> {
    let (id, start) = (sighting.id.as_ref()?, sighting.start.as_ref().ok()?.at);
    (terms.is_in_a_window(start) && terms.is_new(id)).then(|| (id.clone(), start))
}

impl Findings {
    /// Asks the rules of one case; counts and notes one that is blocked.
    fn passes(&mut self, case: &Case<'_>, share: Share) -> bool {
        let Err(block) = row_rules::ask(case) else { return true };
        self.note(case, share, block);
        false
    }

    fn note(&mut self, case: &Case<'_>, share: Share, block: Block) {
        let pending = case.known.filter(|known| known.state == State::Pending);
        if let (Some(pending), BlockedAs::Skip(reason)) = (pending, block.why)
            && cancels(reason)
        {
            self.blocked.push((pending.id, (reason, block.detail.clone())));
        }
        match (share, block.why) {
            (Share::Further, _) => {}
            (Share::Main, BlockedAs::OutsideWindow) => self.counts.outside_window += 1,
            (Share::Main, BlockedAs::AlreadyReminded) => {
                self.counts.already_reminded += 1;
                let called = case.sighting.id.as_deref().zip(case.moved_little);
                let called = called.and_then(|(id, called)| case.terms.known_of(id, called));
                match called.or(case.known) {
                    Some(_) if case.is_duplicate => self.reminded.repeated += 1,
                    Some(known) => {
                        self.reminded.count(known);
                        if known.is_shadow && self.rehearsed.len() < REHEARSED_NAMED {
                            self.rehearsed.extend(case.sighting.id.clone());
                        }
                    }
                    None => {}
                }
            }
            (Share::Main, BlockedAs::Skip(reason)) => {
                self.counts.skipped += 1;
                self.skipped.push(skipped(case, reason, block.detail));
            }
        }
    }
}

fn skipped(case: &Case<'_>, reason: SkipReason, detail: String) -> SkippedRow {
    let Case { sighting, lead, .. } = case;
    let label = sighting.row.as_ref().ok().and_then(|row| label::of_row(case.schedule(), row));
    let label_phone = label.as_ref().and_then(|_| sighting.phone(case.terms).ok());
    SkippedRow {
        label_phone: label_phone.map(|phone| phone.e164.clone()),
        label,
        row: sighting.number,
        appointment_id: sighting.id.clone(),
        starts_at: sighting.start.as_ref().ok().map(|start| start.at),
        lead: lead.map(|lead| lead.lead),
        reason,
        detail,
        cell: (reason == SkipReason::InvalidTime).then(|| case.unread_time()).flatten().map(Personal::from),
        phone: names_phone(reason).then(|| sighting.phone(case.terms).ok()).flatten().map(|phone| phone.e164.clone()),
        recipient_zone: sighting.recipient_zone.as_ref().ok().map(|zone| zone.name().to_owned()),
    }
}

/// Whether a skipped row is found by its phone. What can't be read is found by its place in the source, a repeated row by the
/// first one.
fn names_phone(reason: SkipReason) -> bool {
    match reason {
        SkipReason::BadRow
        | SkipReason::MissingId
        | SkipReason::InvalidTime
        | SkipReason::NoSuchTime
        | SkipReason::DuplicateRow => false,
        SkipReason::Cancelled
        | SkipReason::UnknownStatus
        | SkipReason::Filtered
        | SkipReason::NoPhone
        | SkipReason::InvalidPhone
        | SkipReason::WrongNumber
        | SkipReason::OptedOut
        | SkipReason::NoConsent
        | SkipReason::Confirmed
        | SkipReason::Declined
        | SkipReason::Reschedule
        | SkipReason::AlreadyStarted
        | SkipReason::TooLate
        | SkipReason::LateBooking
        | SkipReason::OutsideCallingHours
        | SkipReason::Merged
        | SkipReason::PersonLimit
        | SkipReason::PayloadError => true,
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
        | SkipReason::WrongNumber
        | SkipReason::OptedOut
        | SkipReason::NoConsent
        | SkipReason::Confirmed
        | SkipReason::Declined
        | SkipReason::Reschedule
        | SkipReason::Merged
        | SkipReason::PersonLimit
        | SkipReason::PayloadError => true,
    }
}
