//! shell: who would be called, when, with what; who not, and why. Nothing is sent or written.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::redact::{self, Reveal};
use super::{House, VerbError, VerbResult};
use crate::evaluation::{Surroundings, evaluate, nominal_now};
use crate::plan::{Counts, Held, Occasion, Plan, PlannedReminder, SkippedRow, in_halves};
use crate::reminder::{Lead, SkipReason};
use crate::schedule::Schedule;
use crate::template::Payload;
use crate::zones::Zone;

/// One schedule's plan, as `plan --format json` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanAnswer {
    /// The schedule's name.
    pub schedule: String,
    /// The time it stands for, with the schedule's offset.
    pub nominal_at: String,
    /// The schedule's zone.
    pub timezone: String,
    /// Rows by fate.
    pub counts: Counts,
    /// Who would be called.
    pub reminders: Vec<PlannedCall>,
    /// Who not.
    pub skipped: Vec<SkippedCall>,
    /// Why nobody is called although the read succeeded.
    pub held: Option<Held>,
}

/// One call that would be made; times with the recipient's offset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlannedCall {
    /// The appointment's id.
    pub appointment_id: String,
    /// Its start.
    pub starts_at: String,
    /// Which lead.
    pub lead: Lead,
    /// When it would really go out.
    pub due_at: String,
    /// The last four digits, unless revealed.
    pub phone: String,
    /// What would be sent.
    pub payload: Payload,
    /// Worth knowing.
    pub note: Option<String>,
}

/// One row in the window that isn't called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SkippedCall {
    /// The appointment's id, when the row has one.
    pub appointment_id: Option<String>,
    /// Its start, when it could be read.
    pub starts_at: Option<String>,
    /// Why.
    pub reason: SkipReason,
    /// The input, the rule, the remedy.
    pub detail: String,
}

/// The plan of one schedule, evaluated as a trigger would at this moment.
///
/// # Errors
/// When its source can't be read, or the ledger.
pub async fn plan(house: &House, schedule: &Arc<Schedule>, reveal: Reveal) -> VerbResult<PlanAnswer> {
    let nominal_at = nominal_now(house.around.clock.as_ref());
    // the plan of a second: asked twice within it, it says the same
    let occasion = Occasion { nominal_at, now: nominal_at, only: None };
    let evaluation = evaluate(schedule, occasion, &house.around)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    let showing = Showing { schedule, around: &house.around, reveal };
    Ok(showing.answer(nominal_at, evaluation.plan))
}

/// How a plan is shown.
pub(super) struct Showing<'a> {
    /// Whose plan.
    pub schedule: &'a Schedule,
    /// Zones.
    pub around: &'a Surroundings,
    /// How much of a phone.
    pub reveal: Reveal,
}

impl Showing<'_> {
    fn answer(&self, nominal_at: jiff::Timestamp, plan: Plan) -> PlanAnswer {
        PlanAnswer {
            schedule: self.schedule.name.clone(),
            nominal_at: self.schedule.zone.rfc3339(nominal_at),
            timezone: self.schedule.zone.name().to_owned(),
            counts: plan.counts,
            reminders: in_halves(plan.reminders, |reminder| self.call(reminder)),
            skipped: plan.skipped.into_iter().map(|row| self.skip(row)).collect(),
            held: plan.held,
        }
    }

    fn call(&self, reminder: PlannedReminder) -> PlannedCall {
        let zone = self.zone(Some(&reminder.recipient_zone));
        PlannedCall {
            appointment_id: reminder.appointment_id,
            starts_at: zone.rfc3339(reminder.starts_at),
            lead: reminder.lead,
            due_at: zone.rfc3339(reminder.send_at),
            phone: redact::phone(&reminder.phone, self.reveal),
            payload: redact::payload(reminder.payload, &reminder.phone, self.reveal),
            note: reminder.note,
        }
    }

    fn skip(&self, row: SkippedRow) -> SkippedCall {
        let zone = self.zone(row.recipient_zone.as_deref());
        SkippedCall {
            appointment_id: row.appointment_id,
            starts_at: row.starts_at.map(|at| zone.rfc3339(at)),
            reason: row.reason,
            detail: match self.reveal {
                Reveal::LastFour => redact::text(&row.detail),
                Reveal::Whole => row.detail,
            },
        }
    }

    /// The recipient's zone, the schedule's where it isn't known.
    pub(super) fn zone(&self, name: Option<&str>) -> Cow<'_, Zone> {
        let other = name.filter(|name| *name != self.schedule.zone.name());
        let found = other.and_then(|name| self.around.zones.zone(name).ok());
        found.map_or(Cow::Borrowed(&self.schedule.zone), Cow::Owned)
    }
}
