//! pure: watched leads: the leads for which evaluations write down every appointment that they see, and since when. An
//! appointment that was not written down in that time was booked later.

use jiff::{SignedDuration, Timestamp};

use super::Occasion;
use super::terms::Terms;
use super::window::{self, Saturating as _};
use crate::reminder::Lead;
use crate::schedule::{LateBooking, Leads, OnClosedDay, Schedule};

/// A lead that each evaluation since then had, under the same rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedLead {
    /// The lead.
    pub lead: Lead,
    /// The first of those evaluations (UTC).
    pub since: Timestamp,
    /// Appointments whose lead was due earlier (UTC) were not written down; `None`: all of them were.
    pub due_from: Option<Timestamp>,
    /// What decides when the lead is due and whom an evaluation writes down.
    pub rules: String,
}

impl WatchedLead {
    /// Each lead of a schedule, as if every evaluation since then had written down everybody.
    #[must_use]
    pub fn all_since(schedule: &Schedule, since: Timestamp) -> Vec<Self> {
        let rules = rules_of(schedule);
        let watched = |lead| Self { lead, since, due_from: None, rules: rules.clone() };
        leads_of(schedule).into_iter().map(watched).collect()
    }

    /// Whether the evaluation `unseen_at`, which did not write the appointment down, would have done so if the source had had
    /// it with this due time.
    pub(super) fn proves(&self, due_at: Timestamp, unseen_at: Timestamp) -> bool {
        // an evaluation counts in whole seconds
        let evaluated_at = Timestamp::from_second(unseen_at.as_second()).unwrap_or(unseen_at);
        self.since <= evaluated_at && due_at <= evaluated_at && self.due_from.is_none_or(|from| from <= due_at)
    }

    fn holds_at(&self, schedule: &Schedule, now: Timestamp) -> bool {
        // not so where the clock was set back, or where the plan is of an earlier day
        self.since <= now && self.rules == rules_of(schedule) && leads_of(schedule).contains(&self.lead)
    }
}

/// The watched leads that still hold for this evaluation.
pub(super) fn holding(schedule: &Schedule, occasion: &Occasion, known: &[WatchedLead]) -> Vec<WatchedLead> {
    known.iter().filter(|watched| watched.holds_at(schedule, occasion.now)).cloned().collect()
}

impl Terms {
    /// The leads as they are watched from this evaluation on; `None` when that is known already, or it doesn't see every row.
    pub(super) fn newly_watched(&self) -> Option<Vec<WatchedLead>> {
        if !self.occasion.is_of_all_rows() {
            return None;
        }
        let rules = rules_of(&self.schedule);
        let watched = |lead: Lead| {
            let before = self.watched.iter().find(|watched| watched.lead == lead);
            before.cloned().unwrap_or_else(|| self.watched_from_now_on(lead, rules.clone()))
        };
        let leads: Vec<WatchedLead> = leads_of(&self.schedule).into_iter().map(watched).collect();
        (leads != self.knowledge.watched_leads).then_some(leads)
    }

    fn watched_from_now_on(&self, lead: Lead, rules: String) -> WatchedLead {
        let now = self.occasion.now;
        // the last evaluation didn't watch it, even if it was in the same second
        let since = self.knowledge.seen_until.map_or(now, |last| now.max(last.saturating_add_duration(SECOND)));
        let due_from = match self.schedule.remind.late_booking {
            LateBooking::Skip => Some(window::due_since(&self.schedule, now, self.knowledge.previous_evaluation)),
            // those that are too late for a window are written down, too
            LateBooking::Nearest => None,
        };
        WatchedLead { lead, since, due_from, rules }
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The leads for which it matters who was seen before, the nearest to the start first.
fn leads_of(schedule: &Schedule) -> Vec<Lead> {
    if !schedule.remind.needs_first_sights() {
        return Vec::new();
    }
    let mut leads: Vec<Lead> = match &schedule.remind.leads {
        Leads::Days(days) => days.iter().copied().map(Lead::days).collect(),
        Leads::Hours(hours) => hours.iter().copied().map(Lead::hours).collect(),
        Leads::Now => Vec::new(),
    };
    leads.sort_unstable();
    leads.dedup();
    leads
}

/// The rules by which a lead is watched, as a text: when it changes, the watch begins anew. With `"nearest"` everybody is written
/// down, whenever they are due. With `"skip"` only whoever is due is: closed days that were added make others due in the past,
/// whom no evaluation looked for.
fn rules_of(schedule: &Schedule) -> String {
    let remind = &schedule.remind;
    match (remind.late_booking, remind.on_closed_day) {
        (LateBooking::Nearest, _) => "nearest".to_owned(),
        (LateBooking::Skip, OnClosedDay::CallAnyway) => "skip".to_owned(),
        (LateBooking::Skip, _) if remind.closed.is_empty() => "skip".to_owned(),
        (LateBooking::Skip, OnClosedDay::Previous) => format!("skip, open day before {}", closed_days(schedule)),
        (LateBooking::Skip, OnClosedDay::CountOpenDays) => format!("skip, open days {}", closed_days(schedule)),
    }
}

/// The closed days as a text. Calendar files are read for a year around the evaluation, which is another one each day: where a
/// schedule has some, its closed weekdays count alone.
fn closed_days(schedule: &Schedule) -> String {
    let closed = &schedule.remind.closed;
    if schedule.remind.holiday_files.is_empty() { closed.to_string() } else { closed.weekdays_alone().to_string() }
}
