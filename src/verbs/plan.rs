//! shell: who would be called, when, with what; who not, and why. Nothing is sent or written.

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use super::redact::{self, Reveal};
use super::{House, VerbError, VerbResult};
use crate::evaluation::{Surroundings, evaluate, nominal_now};
use crate::plan::{Counts, Held, Occasion, Plan, PlannedReminder, SkippedRow};
use crate::reminder::{Lead, SkipReason};
use crate::schedule::Schedule;
use crate::template::Payload;
use crate::zones::Zone;

/// One schedule's plan, as `plan --format json` prints it.
#[derive(Debug, Clone, Serialize)]
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

/// One call that would be made. What is shown of it is made when it is asked for: a plan may have tens of thousands.
#[derive(Debug, Clone)]
pub struct PlannedCall {
    reminder: PlannedReminder,
    /// The recipient's.
    zone: Zone,
    reveal: Reveal,
}

impl PlannedCall {
    /// The appointment's id.
    #[must_use]
    pub fn appointment_id(&self) -> &str {
        &self.reminder.appointment_id
    }

    /// Its start, with the recipient's offset.
    #[must_use]
    pub fn starts_at(&self) -> String {
        self.zone.rfc3339(self.reminder.starts_at)
    }

    /// Which lead.
    #[must_use]
    pub fn lead(&self) -> Lead {
        self.reminder.lead
    }

    /// When it would really go out, with the recipient's offset.
    #[must_use]
    pub fn due_at(&self) -> String {
        self.zone.rfc3339(self.reminder.send_at)
    }

    /// The last four digits, unless revealed.
    #[must_use]
    pub fn phone(&self) -> String {
        redact::phone(&self.reminder.phone, self.reveal)
    }

    /// What would be sent, phones as their last four digits unless revealed.
    #[must_use]
    pub fn payload(&self) -> Cow<'_, Payload> {
        redact::payload(&self.reminder.payload, &self.reminder.phone, self.reveal)
    }

    /// Worth knowing.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.reminder.note.as_deref()
    }
}

impl Serialize for PlannedCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut call = serializer.serialize_struct("PlannedCall", 7)?;
        call.serialize_field("appointment_id", self.appointment_id())?;
        call.serialize_field("starts_at", &self.starts_at())?;
        call.serialize_field("lead", &self.lead())?;
        call.serialize_field("due_at", &self.due_at())?;
        call.serialize_field("phone", &self.phone())?;
        call.serialize_field("payload", self.payload().as_ref())?;
        call.serialize_field("note", &self.note())?;
        call.end()
    }
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
            reminders: plan.reminders.into_iter().map(|reminder| self.call(reminder)).collect(),
            skipped: plan.skipped.into_iter().map(|row| self.skip(row)).collect(),
            held: plan.held,
        }
    }

    fn call(&self, reminder: PlannedReminder) -> PlannedCall {
        let zone = self.zone(Some(&reminder.recipient_zone)).into_owned();
        PlannedCall { reminder, zone, reveal: self.reveal }
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
