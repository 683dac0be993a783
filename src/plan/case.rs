//! pure: a row that may lie in a window, and one of its leads: what the rules about rows are asked about.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use jiff::{SignedDuration, Timestamp};

use super::terms::{CalledStart, Terms};
use super::window::Saturating as _;
use super::{KnownReminder, leads};
use crate::appointment::mapping::{TimeProblem, nested_in, trimmed};
use crate::appointment::{CallTimes, Phone, PhoneProblem, Start, phone};
use crate::reminder::{CallKind, CallOutcome, Lead, LeadTime, Priority, State};
use crate::row::{Column, Row, unseen};
use crate::schedule::{LateBooking, Schedule};
use crate::zones::Zone;

/// A row that isn't plainly outside every window, as `[appointment]` reads it.
#[derive(Clone)]
pub(super) struct Sighting {
    /// The row's number in the source.
    pub(super) number: u64,
    /// The row, or why it can't be read.
    pub(super) row: Result<Row, String>,
    pub(super) id: Option<String>,
    pub(super) start: Result<Start, TimeProblem>,
    /// Where the person is, or why that is unknown.
    pub(super) recipient_zone: Result<Zone, String>,
    /// When a request wants its call, or why that is unknown.
    pub(super) call_times: Result<CallTimes, TimeProblem>,
    pub(super) priority: Priority,
    /// The leads that are pending for exactly its id and start.
    pub(super) pending_leads: Vec<Lead>,
    /// Read once: ahead of the rules, or when it is first asked for.
    pub(super) phone: OnceCell<Result<Phone, PhoneProblem>>,
    /// Whether somebody else answered at every usable number of the row.
    has_wrong_number: Cell<bool>,
}

impl Sighting {
    pub(super) fn new(
        number: u64,
        row: Result<Row, String>,
        id: Option<String>,
        start: Result<Start, TimeProblem>,
        recipient_zone: Result<Zone, String>,
    ) -> Self {
        let (phone, has_wrong_number) = (OnceCell::new(), Cell::new(false));
        let (pending_leads, call_times, priority) = (Vec::new(), Ok(CallTimes::default()), Priority::Normal);
        Self { number, row, id, start, recipient_zone, call_times, priority, pending_leads, phone, has_wrong_number }
    }

    /// The first usable phone of the row at which nobody else answered; where there is no such, the first usable one.
    pub(super) fn phone(&self, terms: &Terms) -> Result<&Phone, &PhoneProblem> {
        let read = || match &self.row {
            Ok(row) if terms.knowledge.wrong_numbers.is_empty() => first_phone(row, &terms.schedule),
            Ok(row) => self.right_phone(row, terms),
            Err(_) => Err(PhoneProblem::Missing),
        };
        self.phone.get_or_init(read).as_ref()
    }

    fn right_phone(&self, row: &Row, terms: &Terms) -> Result<Phone, PhoneProblem> {
        let (record, columns) = (row.as_record(), &terms.schedule.appointment);
        let person = columns.person.as_ref().and_then(|column| record.text(column)).and_then(trimmed);
        let is_right = |phone: &Phone| {
            let person = person.as_deref().unwrap_or_else(|| phone.e164.as_str());
            !terms.knowledge.wrong_numbers.hold(person, &phone.e164)
        };
        let region = columns.default_region.as_deref();
        let each = columns.phone.iter().map(|column| phone::first_usable([record.text(column)].into_iter(), region));
        let mut usable = each.filter_map(Result::ok);
        let Some(first) = usable.next() else { return first_phone(row, &terms.schedule) };
        if is_right(&first) {
            return Ok(first);
        }
        let right = usable.find(is_right);
        self.has_wrong_number.set(right.is_none());
        Ok(right.unwrap_or(first))
    }

    /// Whether somebody else answered at every usable number of the row.
    pub(super) fn is_wrong_number(&self, terms: &Terms) -> bool {
        self.phone(terms).is_ok() && self.has_wrong_number.get()
    }
}

/// The first usable phone of a row.
fn first_phone(row: &Row, schedule: &Schedule) -> Result<Phone, PhoneProblem> {
    let (record, columns) = (row.as_record(), &schedule.appointment);
    let texts = columns.phone.iter().map(|column| record.text(column));
    phone::first_usable(texts, columns.default_region.as_deref()).map_err(|problem| match problem {
        PhoneProblem::Missing => {
            nested_in(&record, &columns.phone).map_or(PhoneProblem::Missing, PhoneProblem::Invalid)
        }
        PhoneProblem::Invalid(_) => problem,
    })
}

/// A lead of a row and its moments (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeadDue {
    pub(super) lead: Lead,
    pub(super) due_at: Timestamp,
    /// When it would go out: neither before it is due nor before now, and inside the recipient's calling hours.
    pub(super) send_at: Timestamp,
    /// The last second in which it may be sent.
    pub(super) last_second: Timestamp,
}

/// A row in one of its leads: what the rules about rows are asked.
pub(super) struct Case<'a> {
    pub(super) terms: &'a Terms,
    pub(super) sighting: &'a Sighting,
    /// The lead whose window holds the start, or whose key is pending.
    pub(super) lead: Option<LeadDue>,
    /// What the ledger holds under the key.
    pub(super) known: Option<&'a KnownReminder>,
    /// The call that was made about another start of this appointment by this lead, from which it moved by less than
    /// `min_change`.
    pub(super) moved_little: Option<&'a CalledStart>,
    /// What the person said in another lead's call about this start, and in which.
    pub(super) said: Option<(Lead, CallOutcome)>,
    pub(super) is_duplicate: bool,
    /// The evaluation that shows that the lead had passed when the appointment was booked, or moved to this start (UTC).
    pub(super) missed_by: Option<Timestamp>,
}

impl<'a> Case<'a> {
    /// The case of a row in a lead, if it has one.
    pub(super) fn new(
        terms: &'a Terms,
        sighting: &'a Sighting,
        lead: Option<Lead>,
        is_duplicate: bool,
        openings: &mut OpeningTimes,
    ) -> Self {
        let (Some(lead), Ok(start)) = (lead, &sighting.start) else {
            let (known, moved_little, said, missed_by) = (None, None, None, None);
            return Self { terms, sighting, lead: None, known, moved_little, said, is_duplicate, missed_by };
        };
        let known = sighting.id.as_deref().and_then(|id| terms.known(id, start.at, lead));
        let rehearsed_due = sighting.id.as_deref().and_then(|id| terms.rehearsed_due(id, start.at, lead));
        let missed_by = match lead.before {
            LeadTime::Now => None,
            // a run in shadow mode found it in time
            LeadTime::Days(_) | LeadTime::Hours(_) if rehearsed_due.is_some() => None,
            // this run is the one for these dates, so no earlier one has missed it
            LeadTime::Days(_) if terms.is_due(start.at, lead) => None,
            LeadTime::Days(_) | LeadTime::Hours(_) => {
                sighting.id.as_deref().and_then(|id| terms.missed_by(id, start.at, lead))
            }
        };
        let is_late = missed_by.is_some();
        let times = sighting.call_times.as_ref().copied().unwrap_or_default();
        let is_first_request = lead == Lead::NOW;
        let due_at = match (known, lead.before) {
            // what a renewed request says of its time holds from now on
            (Some(known), _) if known.state == State::Pending && !is_first_request => known.due_at,
            (_, LeadTime::Now) => times.call_at.map_or(start.at, |at| at.max(start.at)),
            (_, LeadTime::Days(_)) => rehearsed_due.unwrap_or(terms.occasion.nominal_at),
            (_, LeadTime::Hours(_)) if is_late && terms.schedule.remind.late_booking == LateBooking::Nearest => {
                terms.occasion.now
            }
            (_, LeadTime::Hours(hours)) => leads::due_by_hours(&terms.schedule, start.at, hours),
        };
        // a row whose zone is unknown is skipped for that; its moments only have to be some
        let zone = sighting.recipient_zone.as_ref().unwrap_or(&terms.schedule.zone);
        let allowed_at = openings.due.after(due_at, zone, &terms.schedule);
        // a request is due when phones may ring: that day is its person's
        let due_at = if is_first_request { allowed_at } else { due_at };
        let now = terms.occasion.now;
        let send_at = if allowed_at < now { openings.now.after(now, zone, &terms.schedule) } else { allowed_at };
        let last_second = match lead.kind() {
            CallKind::Reminder => last_second(&terms.schedule, start.at, allowed_at),
            CallKind::Request => last_second_of_request(&terms.schedule, times.expires, allowed_at),
        };
        let due = LeadDue { lead, due_at, send_at, last_second };
        let moved_little = sighting.id.as_deref().and_then(|id| terms.moved_little(id, start.at, lead));
        let said = sighting.id.as_deref().and_then(|id| terms.said(id, start.at, lead));
        Self { terms, sighting, lead: Some(due), known, moved_little, said, is_duplicate, missed_by }
    }

    pub(super) fn schedule(&self) -> &'a Schedule {
        &self.terms.schedule
    }

    /// The moment of evaluation (UTC).
    pub(super) fn now(&self) -> Timestamp {
        self.terms.occasion.now
    }

    /// A column's text without outer blanks; `None` when it is empty or not mapped.
    pub(super) fn column_text(&self, column: Option<&Column>) -> Option<Cow<'a, str>> {
        self.sighting.row.as_ref().ok()?.as_record().text(column?).and_then(trimmed)
    }

    /// Says that a column holds an object or a list, which is not the same as empty.
    pub(super) fn nested(&self, column: &Column) -> Option<String> {
        nested_in(&self.sighting.row.as_ref().ok()?.as_record(), [column])
    }

    /// Where the row is in its source, for people: `line 3` of a text table, `row 3` of anything else.
    pub(super) fn place(&self) -> String {
        place_of(self.schedule(), self.sighting.number)
    }

    /// An instant for people: on the recipient's wall clock, else on the schedule's.
    pub(super) fn wall(&self, at: Timestamp) -> String {
        let zone = self.sighting.recipient_zone.as_ref().unwrap_or(&self.schedule().zone);
        zone.wall(at).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// What the cells of the start hold, where they can't be read as a time: for whoever plans, and never for the log, since
    /// anything may have got into a cell.
    pub(super) fn unread_time(&self) -> Option<String> {
        if self.sighting.start.is_ok() {
            return None;
        }
        let record = self.sighting.row.as_ref().ok()?;
        let cells = self.schedule().appointment.starts_at.columns().into_iter();
        let texts: Vec<Cow<'_, str>> =
            cells.filter_map(|column| record.as_record().text(column).and_then(trimmed)).collect();
        let text = texts.join(" ");
        let shown: String = unseen::on_one_line(&text).chars().take(CELL_SHOWN).collect();
        let more = if text.chars().nth(CELL_SHOWN).is_some() { "…" } else { "" };
        (!text.is_empty()).then(|| format!("{shown}{more}"))
    }

    /// The start for people; nothing when it can't be read.
    pub(super) fn start_in_words(&self) -> String {
        self.sighting.start.as_ref().map_or_else(|_| String::new(), |start| self.wall(start.at))
    }
}

/// The number of characters that are shown of a cell that can't be read.
const CELL_SHOWN: usize = 40;

/// Where a row is in its source, for people.
pub(super) fn place_of(schedule: &Schedule, number: u64) -> String {
    let word = if schedule.source.has_lines() { "line" } else { "row" };
    format!("{word} {number}")
}

/// The earlier of `max_lateness` after the first moment at which the call is allowed, and start − `min_notice`: what is
/// due in the night doesn't expire before phones may ring.
fn last_second(schedule: &Schedule, start: Timestamp, allowed_at: Timestamp) -> Timestamp {
    let by_lateness = allowed_at.saturating_add_duration(schedule.remind.max_lateness);
    by_lateness.min(start.saturating_sub_duration(schedule.remind.min_notice))
}

/// The last second at which a request's call may be sent: `max_lateness` after the first moment at which the call is allowed, but
/// not after the time that the request names.
fn last_second_of_request(schedule: &Schedule, expires: Option<Timestamp>, allowed_at: Timestamp) -> Timestamp {
    let by_lateness = allowed_at.saturating_add_duration(schedule.remind.max_lateness);
    expires.map_or(by_lateness, |expires| expires.saturating_sub_duration(SECOND).min(by_lateness))
}

/// The last second counts whole.
pub(super) const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Openings of calling hours that were asked for.
#[derive(Default)]
pub(super) struct OpeningTimes {
    /// The last opening after the due time.
    due: LastOpening,
    /// The last opening after now.
    now: LastOpening,
}

/// The last opening that was asked for: most rows of a run are due at one moment in one zone.
#[derive(Default)]
struct LastOpening {
    last: Option<(Zone, Timestamp, Timestamp)>,
}

impl LastOpening {
    fn after(&mut self, at: Timestamp, zone: &Zone, schedule: &Schedule) -> Timestamp {
        match &self.last {
            Some((known, asked, opening)) if *asked == at && known.name() == zone.name() => *opening,
            Some(_) | None => {
                let opening = schedule.remind.calendar().next_opening(at, zone);
                self.last = Some((zone.clone(), at, opening));
                opening
            }
        }
    }
}
