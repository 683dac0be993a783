//! pure: the rules in their order, each with what it looked at.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Seen;
use crate::plan::{Plan, PlannedReminder};
use crate::reminder::{SkipReason, write_duration};
use crate::schedule::{Leads, Schedule};
use crate::zones::Zone;

/// One rule's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which rule.
    pub rule: Rule,
    /// What it said.
    pub result: StepResult,
    /// Its input, and for the one that blocks what would let the appointment through.
    pub detail: String,
}

/// What a rule said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It lets the appointment through; one that isn't set does too.
    Pass,
    /// The first that doesn't.
    Block,
    /// An earlier one blocked.
    NotReached,
}

/// The rules, in the order they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// There is a row and it can be read.
    Row,
    /// It has an id.
    Id,
    /// Its start can be read.
    Time,
    /// Its start lies in a lead's window.
    Window,
    /// It wasn't reminded before.
    AlreadyReminded,
    /// It is the first of its id and start.
    DuplicateRow,
    /// Its status is one of those listed.
    Status,
    /// `only_if` holds.
    OnlyIf,
    /// It has a usable phone.
    Phone,
    /// The phone is on no do-not-call list.
    DoNotCall,
    /// There is consent.
    Consent,
    /// It hasn't begun.
    AlreadyStarted,
    /// There is time enough.
    TooLate,
    /// It was booked before the lead passed.
    LateBooking,
    /// Phones may ring before it expires.
    CallingHours,
    /// The payload can be filled.
    Payload,
    /// It isn't told in another call.
    Merge,
    /// The person hasn't had the calls of that day.
    PersonLimit,
    /// No guard holds the run.
    Guard,
    /// Nothing is paused.
    Pause,
}

impl Rule {
    /// Every rule, in order.
    pub const ALL: [Self; 20] = [
        Self::Row,
        Self::Id,
        Self::Time,
        Self::Window,
        Self::AlreadyReminded,
        Self::DuplicateRow,
        Self::Status,
        Self::OnlyIf,
        Self::Phone,
        Self::DoNotCall,
        Self::Consent,
        Self::AlreadyStarted,
        Self::TooLate,
        Self::LateBooking,
        Self::CallingHours,
        Self::Payload,
        Self::Merge,
        Self::PersonLimit,
        Self::Guard,
        Self::Pause,
    ];

    /// The rule that gives this reason.
    #[must_use]
    pub const fn of(reason: SkipReason) -> Self {
        match reason {
            SkipReason::BadRow => Self::Row,
            SkipReason::MissingId => Self::Id,
            SkipReason::InvalidTime | SkipReason::NoSuchTime => Self::Time,
            SkipReason::DuplicateRow => Self::DuplicateRow,
            SkipReason::Cancelled | SkipReason::UnknownStatus => Self::Status,
            SkipReason::Filtered => Self::OnlyIf,
            SkipReason::NoPhone | SkipReason::InvalidPhone => Self::Phone,
            SkipReason::OptedOut => Self::DoNotCall,
            SkipReason::NoConsent => Self::Consent,
            SkipReason::AlreadyStarted => Self::AlreadyStarted,
            SkipReason::TooLate => Self::TooLate,
            SkipReason::LateBooking => Self::LateBooking,
            SkipReason::OutsideCallingHours => Self::CallingHours,
            SkipReason::Merged => Self::Merge,
            SkipReason::PersonLimit => Self::PersonLimit,
            SkipReason::PayloadError => Self::Payload,
        }
    }
}

/// The rule that blocks, and why.
pub(super) struct Block {
    pub rule: Rule,
    pub detail: String,
}

/// The steps up to the one that blocks, each with what `input` says of it.
pub(super) fn steps(block: Option<Block>, input: impl Fn(Rule) -> String) -> Vec<Step> {
    let step = |rule: Rule| match &block {
        Some(block) if rule == block.rule => Step { rule, result: StepResult::Block, detail: block.detail.clone() },
        Some(block) if rule > block.rule => Step { rule, result: StepResult::NotReached, detail: String::new() },
        Some(_) | None => Step { rule, result: StepResult::Pass, detail: input(rule) },
    };
    Rule::ALL.into_iter().map(step).collect()
}

/// What the rules look at.
pub(super) struct Facts<'a> {
    pub schedule: &'a Schedule,
    pub seen: &'a [Seen],
    pub plan: &'a Plan,
    pub id: &'a str,
    pub now: Timestamp,
}

impl Facts<'_> {
    pub(super) fn steps(&self, block: Option<Block>) -> Vec<Step> {
        steps(block, |rule| self.input(rule))
    }

    /// The row that was decided: the planned one's, else the first.
    fn row(&self) -> Option<&Seen> {
        let planned = self.planned().map(|planned| planned.starts_at);
        let same = |row: &&Seen| planned.is_some() && row.start.as_ref().ok() == planned.as_ref();
        self.seen.iter().find(same).or_else(|| self.seen.first())
    }

    fn planned(&self) -> Option<&PlannedReminder> {
        self.plan.reminders.iter().find(|planned| planned.appointment_id == self.id)
    }

    fn zone(&self) -> &Zone {
        self.row().and_then(|row| row.zone.as_ref()).unwrap_or(&self.schedule.zone)
    }

    fn start(&self) -> Option<Timestamp> {
        self.row().and_then(|row| row.start.as_ref().ok().copied())
    }

    /// Why the start lies outside, and when it would lie inside.
    pub(super) fn outside(&self) -> String {
        let at = self.start().map_or_else(|| "the start".to_owned(), |at| format!("{} ", self.zone().rfc3339(at)));
        format!("{at}lies in no lead's window now ({})", leads(&self.schedule.remind.leads))
    }

    fn input(&self, rule: Rule) -> String {
        let remind = &self.schedule.remind;
        match rule {
            Rule::Row => self.row().map(|row| format!("row {} of the source", row.number)).unwrap_or_default(),
            Rule::Id => format!("`{}`", self.id),
            Rule::Time => self.start().map(|at| format!("starts {}", self.zone().rfc3339(at))).unwrap_or_default(),
            Rule::Window => match self.planned() {
                Some(planned) => format!("lead {}, due {}", planned.lead, self.zone().rfc3339(planned.due_at)),
                None => leads(&remind.leads),
            },
            Rule::AlreadyReminded => "no reminder of it went out".to_owned(),
            Rule::DuplicateRow => format!("{} with this id", rows(self.seen.len())),
            Rule::Status => self.status(),
            Rule::OnlyIf => set(remind.only_if.is_some(), "it holds"),
            Rule::Phone => self.row().and_then(|row| row.phone_last4.clone()).unwrap_or_default(),
            Rule::DoNotCall => "on no list".to_owned(),
            Rule::Consent => set(self.schedule.appointment.consent.is_some(), "given"),
            Rule::AlreadyStarted => format!("now is {}", self.zone().rfc3339(self.now)),
            Rule::TooLate => self.latest(),
            Rule::LateBooking | Rule::Merge => "not set".to_owned(),
            Rule::CallingHours => self.hours(),
            Rule::Payload => "filled".to_owned(),
            Rule::PersonLimit => format!("at most {} a person and day", remind.max_per_person_per_day),
            Rule::Guard => format!("{} of at most {} calls", self.plan.reminders.len(), self.schedule.max_calls),
            Rule::Pause => "nothing is paused".to_owned(),
        }
    }

    fn status(&self) -> String {
        let written = self.row().and_then(|row| row.status.clone());
        let written = written.map_or_else(|| "no status".to_owned(), |status| format!("`{status}`"));
        match &self.schedule.remind.statuses {
            Some(allowed) => format!("{written}, allowed: {}", allowed.join(", ")),
            None => format!("{written}; `statuses` isn't set"),
        }
    }

    fn latest(&self) -> String {
        match self.planned() {
            Some(planned) => format!("not after {}", self.zone().rfc3339(planned.expires_at)),
            None => {
                let remind = &self.schedule.remind;
                let (notice, late) = (write_duration(remind.min_notice), write_duration(remind.max_lateness));
                format!("at least {notice} before the start, at most {late} after it was due")
            }
        }
    }

    fn hours(&self) -> String {
        let hours = self.schedule.remind.calling_hours;
        match self.planned() {
            Some(planned) => format!("{hours}: goes out {}", self.zone().rfc3339(planned.send_at)),
            None => format!("{hours} in {}", self.zone().name()),
        }
    }
}

fn rows(count: usize) -> String {
    if count == 1 { "one row".to_owned() } else { format!("{count} rows") }
}

fn set(is_set: impl Into<bool>, word: &str) -> String {
    if is_set.into() { word.to_owned() } else { "not set".to_owned() }
}

/// The leads, for people.
fn leads(leads: &Leads) -> String {
    let (name, counts) = match leads {
        Leads::Days(days) => ("days_before", days),
        Leads::Hours(hours) => ("hours_before", hours),
    };
    let counts: Vec<String> = counts.iter().map(u32::to_string).collect();
    format!("{name} = {}", counts.join(", "))
}
