//! shell: the rules in order for one appointment: each with its input and result, the first that blocks, and what would
//! let it through.

mod earlier;
mod steps;

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{House, VerbError, VerbResult, pause};
use crate::appointment::mapping::Mapping;
use crate::evaluation::{evaluate, nominal_now, open_source, read_window};
use crate::ledger::{ReminderAsk, ReminderRow};
use crate::plan::{Knowledge, Occasion, Plan};
use crate::reminder::{SkipReason, State};
use crate::row::{Record, RecordSink};
use crate::schedule::Schedule;
use crate::zones::{Zone, Zones};

pub use earlier::explain_run;
pub use steps::{Rule, Step, StepResult};
use steps::{Block, Facts};

/// What is decided for one appointment, as `explain --format json` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainAnswer {
    /// The schedule's name.
    pub schedule: String,
    /// The appointment's id.
    pub appointment_id: String,
    /// In a word.
    pub verdict: Verdict,
    /// A skip's reason, or `outside_window`, `already_reminded`, `run_held`, `run_failed`, `run_missed`, `paused`.
    pub reason: Option<String>,
    /// The rules in their order.
    pub steps: Vec<Step>,
}

/// What is decided for one appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is called.
    Call,
    /// It isn't, or not by this run.
    Skip,
    /// It was reminded before.
    Reminded,
    /// There is no such row.
    Absent,
}

/// What would be decided for this appointment at this moment.
///
/// # Errors
/// When the source or the ledger can't be read.
pub async fn explain(house: &House, name: &str, appointment: &str) -> VerbResult<ExplainAnswer> {
    let schedule = house.schedule(name)?;
    let nominal_at = nominal_now(house.around.clock.as_ref());
    let occasion = Occasion { nominal_at, now: house.around.clock.now(), only: None };
    let evaluation = evaluate(&schedule, occasion.clone(), &house.around)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    let seen = rows_of(house, &schedule, &occasion, appointment).await?;
    let reminders = reminders_of(house, &schedule, appointment).await?;
    let case = Case { schedule: &schedule, appointment, plan: &evaluation.plan, seen: &seen, reminders: &reminders };
    let mut answer = case.decide(occasion.now);
    if answer.verdict == Verdict::Call {
        hold_back(house, &schedule, &evaluation.plan, &mut answer).await?;
    }
    Ok(answer)
}

/// A call that passes every rule and still isn't made: the run would be held, or everything is paused.
async fn hold_back(house: &House, schedule: &Schedule, plan: &Plan, answer: &mut ExplainAnswer) -> VerbResult<()> {
    let (rule, reason, detail) = match &plan.held {
        Some(held) => (Rule::Guard, "run_held", held.detail.clone()),
        None => match pause::reason_not_to_send(house, schedule).await? {
            Some(detail) => (Rule::Pause, "paused", detail),
            None => return Ok(()),
        },
    };
    answer.verdict = Verdict::Skip;
    answer.reason = Some(reason.to_owned());
    for step in answer.steps.iter_mut().filter(|step| step.rule >= rule) {
        step.result = if step.rule == rule { StepResult::Block } else { StepResult::NotReached };
        step.detail = if step.rule == rule { detail.clone() } else { String::new() };
    }
    Ok(())
}

/// One appointment and all that is known of it.
struct Case<'a> {
    schedule: &'a Schedule,
    appointment: &'a str,
    plan: &'a Plan,
    seen: &'a [Seen],
    reminders: &'a [ReminderRow],
}

impl Case<'_> {
    fn decide(&self, now: Timestamp) -> ExplainAnswer {
        let facts = Facts { schedule: self.schedule, seen: self.seen, plan: self.plan, id: self.appointment, now };
        if self.plan.reminders.iter().any(|planned| planned.appointment_id == self.appointment) {
            return self.answer(Verdict::Call, None, facts.steps(None));
        }
        let skipped = self.plan.skipped.iter().filter(|row| row.appointment_id.as_deref() == Some(self.appointment));
        let mut skipped: Vec<_> = skipped.collect();
        // of two rows with one id and start the first was decided, the second is only its double
        skipped.sort_by_key(|row| row.reason == SkipReason::DuplicateRow);
        let settled = self.settled_reminder();
        if let Some(row) = skipped.first()
            && (row.reason != SkipReason::DuplicateRow || settled.is_none())
        {
            let block = Block { rule: Rule::of(row.reason), detail: row.detail.clone() };
            return self.answer(Verdict::Skip, Some(row.reason.as_str()), facts.steps(Some(block)));
        }
        if let Some(reminder) = settled {
            let block = Block { rule: Rule::AlreadyReminded, detail: told(reminder, &self.schedule.zone) };
            return self.answer(Verdict::Reminded, Some("already_reminded"), facts.steps(Some(block)));
        }
        if self.seen.is_empty() {
            let detail = "the source has no row with this id in what was read".to_owned();
            return self.answer(Verdict::Absent, None, facts.steps(Some(Block { rule: Rule::Row, detail })));
        }
        let block = Block { rule: Rule::Window, detail: facts.outside() };
        self.answer(Verdict::Skip, Some("outside_window"), facts.steps(Some(block)))
    }

    /// The reminder under which this appointment, at a start its rows have now, counts as reminded.
    fn settled_reminder(&self) -> Option<&ReminderRow> {
        let starts: Vec<Timestamp> = self.seen.iter().filter_map(|row| row.start.as_ref().ok().copied()).collect();
        self.reminders.iter().rev().find(|reminder| {
            starts.contains(&reminder.starts_at)
                && match reminder.state {
                    State::Pending | State::Cancelled => false,
                    State::Sending
                    | State::Delivered
                    | State::Failed
                    | State::Uncertain
                    | State::Expired
                    | State::Dropped => true,
                }
        })
    }

    fn answer(&self, verdict: Verdict, reason: Option<&str>, steps: Vec<Step>) -> ExplainAnswer {
        ExplainAnswer {
            schedule: self.schedule.name.clone(),
            appointment_id: self.appointment.to_owned(),
            verdict,
            reason: reason.map(str::to_owned),
            steps,
        }
    }
}

/// A reminder's state and times, for people.
fn told(reminder: &ReminderRow, zone: &Zone) -> String {
    format!(
        "reminder {} ({} before) is {}, due {}, last touched {}",
        reminder.id,
        reminder.lead,
        reminder.state,
        zone.rfc3339(reminder.due_at),
        zone.rfc3339(reminder.updated_at)
    )
}

async fn reminders_of(house: &House, schedule: &Schedule, appointment: &str) -> VerbResult<Vec<ReminderRow>> {
    let Some(ledger) = &house.around.ledger else { return Ok(Vec::new()) };
    let ask = ReminderAsk {
        schedule: Some(schedule.name.clone()),
        appointment_id: Some(appointment.to_owned()),
        ..ReminderAsk::default()
    };
    Ok(ledger.reminders(ask).await?)
}

/// What one row of the appointment says; no phone is kept.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    number: u64,
    start: Result<Timestamp, String>,
    zone: Option<Zone>,
    status: Option<String>,
    phone_last4: Option<String>,
}

/// Keeps what the rows of one appointment say.
struct RowsOf {
    mapping: Mapping,
    appointment: String,
    seen: Vec<Seen>,
}

impl RecordSink for RowsOf {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        if self.mapping.id(&record).as_deref() != Some(self.appointment.as_str()) {
            return ControlFlow::Continue(());
        }
        let start = self.mapping.start(&record).map(|start| start.at).map_err(|problem| format!("{problem:?}"));
        let phone = self.mapping.phone(&record).ok().map(|phone| super::redact::phone(&phone.e164, super::Reveal::LastFour));
        self.seen.push(Seen {
            number,
            start,
            zone: self.mapping.recipient_zone(&record).ok(),
            status: self.mapping.status(&record).map(|status| status.into_owned()),
            phone_last4: phone,
        });
        ControlFlow::Continue(())
    }
}

async fn rows_of(
    house: &House,
    schedule: &Arc<Schedule>,
    occasion: &Occasion,
    appointment: &str,
) -> VerbResult<Vec<Seen>> {
    let windows = crate::plan::windows(schedule, occasion, None);
    let window = read_window(schedule, occasion, &windows, &Knowledge::default());
    let source = open_source(schedule, &house.around);
    let zones: &Zones = &house.around.zones;
    let mapping = Mapping::new(&schedule.appointment, &schedule.zone, zones);
    let mut rows = RowsOf { mapping, appointment: appointment.to_owned(), seen: Vec::new() };
    let (rows, read) = tokio::task::spawn_blocking(move || {
        let read = source.read(&window, &mut rows);
        (rows, read)
    })
    .await
    .map_err(|_| VerbError::Failed("reading the source broke off: that is a fault of this program".into()))?;
    read.map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error: error.into() })?;
    Ok(rows.seen)
}
