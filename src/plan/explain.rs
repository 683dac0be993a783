//! pure: the same rules asked aloud for one appointment: each with its input and result, the first that blocks, and what
//! would let it through.

use serde::{Deserialize, Serialize};

use super::Held;
use super::rules::{Case, RULES, Stage, Why};
use crate::appointment::phone;
use crate::reminder::{SkipReason, State};

/// What `explain` answers; its JSON has these fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The schedule's name.
    pub schedule: String,
    /// The appointment's id.
    pub appointment_id: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// A skip's reason, or `outside_window`, `already_reminded`, `run_held`; null for a call.
    pub reason: Option<String>,
    /// Every rule in order.
    pub steps: Vec<Step>,
}

/// What becomes of an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It would be called.
    Call,
    /// It isn't called.
    Skip,
    /// Its key has a reminder: it waits, is under way, or is settled.
    Reminded,
    /// The read had no such row.
    Absent,
}

/// One rule's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The rule's name.
    pub rule: String,
    /// What it said.
    pub result: StepResult,
    /// Its input, and for a block what would let it through; null when it wasn't reached.
    pub detail: Option<String>,
}

/// What a rule said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It lets the row through.
    Pass,
    /// It is the first that doesn't.
    Block,
    /// An earlier rule blocked.
    NotReached,
}

/// The watched appointment and what the rules said of its rows.
pub(super) struct Watch {
    appointment_id: String,
    seen: Vec<Seen>,
}

/// What was said of one row.
struct Seen {
    starts_at: Option<jiff::Timestamp>,
    steps: Vec<Step>,
    block: Option<Why>,
    /// Its key has a reminder that waits.
    is_pending: bool,
}

impl Watch {
    pub(super) fn of(appointment_id: &str) -> Self {
        Self { appointment_id: appointment_id.to_owned(), seen: Vec::new() }
    }

    pub(super) fn appointment_id(&self) -> &str {
        &self.appointment_id
    }

    /// A row of it, right after it was read.
    pub(super) fn see(&mut self, case: &Case<'_>) {
        let starts_at = case.start.as_ref().ok().map(|start| start.at);
        let is_pending = case.known.is_some_and(|known| known.state == State::Pending);
        let mut seen = Seen { starts_at, steps: Vec::new(), block: None, is_pending };
        seen.ask(case, Stage::Row);
        self.seen.push(seen);
    }

    /// The same row, after the whole read.
    pub(super) fn see_whole(&mut self, case: &Case<'_>) {
        let starts_at = case.start.as_ref().ok().map(|start| start.at);
        let passed = self.seen.iter_mut().find(|seen| seen.block.is_none() && seen.starts_at == starts_at);
        if let Some(seen) = passed {
            seen.ask(case, Stage::WholeRead);
        }
    }

    /// What is told of it. Of several rows the one is meant that got furthest.
    pub(super) fn explanation(self, schedule: &str, held: Option<&Held>) -> Explanation {
        let told = |verdict, reason: Option<&str>, steps| Explanation {
            schedule: schedule.to_owned(),
            appointment_id: self.appointment_id.clone(),
            verdict,
            reason: reason.map(str::to_owned),
            steps,
        };
        let furthest = self.seen.into_iter().max_by_key(|seen| (seen.passed(), std::cmp::Reverse(seen.starts_at)));
        let Some(seen) = furthest else {
            let steps = RULES.iter().map(|rule| not_reached(rule.name)).collect();
            return told(Verdict::Absent, None, steps);
        };
        let reached = seen.steps.len();
        let mut steps = seen.steps;
        steps.extend(RULES[reached..].iter().map(|rule| not_reached(rule.name)));
        match (seen.block, held) {
            (Some(Why::Skip(reason)), _) => told(Verdict::Skip, Some(reason.as_str()), steps),
            (Some(Why::OutsideWindow), _) => told(Verdict::Skip, Some("outside_window"), steps),
            (Some(Why::AlreadyReminded), _) => told(Verdict::Reminded, Some("already_reminded"), steps),
            (None, _) if seen.is_pending => told(Verdict::Reminded, None, steps),
            (None, Some(held)) => {
                let detail = Some(held.detail.clone());
                steps.push(Step { rule: "guard".to_owned(), result: StepResult::Block, detail });
                told(Verdict::Skip, Some("run_held"), steps)
            }
            (None, None) => told(Verdict::Call, None, steps),
        }
    }
}

impl Seen {
    fn passed(&self) -> usize {
        self.steps.iter().filter(|step| step.result == StepResult::Pass).count()
    }

    fn ask(&mut self, case: &Case<'_>, stage: Stage) {
        for rule in RULES.iter().filter(|rule| rule.stage == stage) {
            let rule_name = rule.name.to_owned();
            match (rule.ask)(case) {
                Ok(()) => {
                    self.steps.push(Step {
                        rule: rule_name,
                        result: StepResult::Pass,
                        detail: Some((rule.tell)(case)),
                    });
                }
                Err(block) => {
                    let is_phone = block.why == Why::Skip(SkipReason::InvalidPhone);
                    let detail = if is_phone { phone::masked(&block.detail).into_owned() } else { block.detail };
                    let detail = match remedy(block.why) {
                        "" => detail,
                        remedy => format!("{detail}. {remedy}"),
                    };
                    self.steps.push(Step { rule: rule_name, result: StepResult::Block, detail: Some(detail) });
                    self.block = Some(block.why);
                    return;
                }
            }
        }
    }
}

fn not_reached(rule: &str) -> Step {
    Step { rule: rule.to_owned(), result: StepResult::NotReached, detail: None }
}

/// What would let a row through, where the rule's own detail doesn't say it.
fn remedy(why: Why) -> &'static str {
    match why {
        Why::OutsideWindow => "",
        Why::AlreadyReminded => {
            "A reminder goes out once; `tickler uncertain resolve` settles what is uncertain, failed or dropped"
        }
        Why::Skip(reason) => match reason {
            SkipReason::BadRow => "Repair the row in the source",
            SkipReason::MissingId => "Fill the id in the source, or map another column",
            SkipReason::InvalidTime => "Write the start in the mapped format, or set `date_format`",
            SkipReason::NoSuchTime => "Correct the start in the source",
            SkipReason::DuplicateRow => "Nothing is lost: the first row with this id and start is called",
            SkipReason::Cancelled => "Another status in the source lets it through",
            SkipReason::UnknownStatus => "Add the status to `statuses`, or change it in the source",
            SkipReason::Filtered => "Change the row, or `only_if`",
            SkipReason::NoPhone => "Fill the phone in the source, or map another column",
            SkipReason::InvalidPhone => "Correct the number in the source",
            SkipReason::OptedOut => "Take the number off the list, or change the column",
            SkipReason::NoConsent => "A consent of `yes` lets it through",
            SkipReason::AlreadyStarted => "Nothing: nobody is called after the start",
            SkipReason::TooLate => {
                "An earlier run, a smaller `min_notice` or a longer `max_lateness` would have called it"
            }
            SkipReason::LateBooking => "",
            SkipReason::OutsideCallingHours => "Wider `calling_hours`, or a run that is due inside them",
            SkipReason::Merged => "",
            SkipReason::PersonLimit => "A higher `max_per_person_per_day`, or another day",
            SkipReason::PayloadError => "Correct `[payload]`, or the source's columns",
        },
    }
}
