//! shell: who would be called, when, with what; who not, and why. Nothing is sent or written.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use super::redact::{self, Reveal};
use super::{App, VerbError, VerbResult};
use crate::appointment;
use crate::evaluation::{Env, evaluate, nominal_now};
use crate::plan::{Counts, Held, Occasion, Plan, PlannedReminder, Reminded, SkippedRow};
use crate::reminder::{Lead, SkipReason};
use crate::schedule::Schedule;
use crate::template::Payload;
use crate::zones::{Zone, Zones};

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
    /// The rows reminded before, by what is known of them.
    #[serde(skip_serializing_if = "Reminded::is_none")]
    pub reminded: Reminded,
    /// Who would be called.
    pub reminders: PlannedCalls,
    /// Who not.
    pub skipped: Vec<SkippedCall>,
    /// Why nobody is called although the read succeeded.
    pub held: Option<Held>,
    /// What a person should know of the read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The calls that would be made. What is shown of one is made when it is asked for: a plan may have tens of thousands.
#[derive(Debug, Clone)]
pub struct PlannedCalls {
    planned: Vec<PlannedReminder>,
    zones: Zones,
    /// The schedule's.
    zone: Zone,
    reveal: Reveal,
}

impl PlannedCalls {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.planned.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.planned.is_empty()
    }

    /// Some of them, soonest start first.
    pub fn range(&self, places: std::ops::Range<usize>) -> impl Iterator<Item = PlannedCall<'_>> {
        self.planned[places].iter().map(|reminder| self.call(reminder))
    }

    /// All of them, soonest start first.
    pub fn iter(&self) -> impl Iterator<Item = PlannedCall<'_>> {
        self.range(0..self.len())
    }

    /// Takes them out.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let planned = std::mem::take(&mut self.planned);
        Self { planned, zones: self.zones.clone(), zone: self.zone.clone(), reveal: self.reveal }
    }

    fn call<'c>(&'c self, reminder: &'c PlannedReminder) -> PlannedCall<'c> {
        let zone = zone_or(&self.zone, Some(&reminder.recipient_zone), &self.zones);
        PlannedCall { reminder, zone, reveal: self.reveal }
    }
}

impl Serialize for PlannedCalls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The zone of that name, the schedule's where it has none or isn't known.
fn zone_or<'z>(schedules: &'z Zone, name: Option<&str>, zones: &Zones) -> Cow<'z, Zone> {
    let other = name.filter(|name| *name != schedules.name());
    let found = other.and_then(|name| zones.zone(name).ok());
    found.map_or(Cow::Borrowed(schedules), Cow::Owned)
}

/// One call that would be made.
#[derive(Debug, Clone)]
pub struct PlannedCall<'c> {
    reminder: &'c PlannedReminder,
    /// The recipient's.
    zone: Cow<'c, Zone>,
    reveal: Reveal,
}

impl<'c> PlannedCall<'c> {
    /// The appointment's id.
    #[must_use]
    pub fn appointment_id(&self) -> &'c str {
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
    pub fn payload(&self) -> Cow<'c, Payload> {
        redact::payload(&self.reminder.payload, &self.reminder.phone, self.reveal)
    }

    /// Worth knowing.
    #[must_use]
    pub fn note(&self) -> Option<&'c str> {
        self.reminder.note.as_deref()
    }
}

impl Serialize for PlannedCall<'_> {
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
    /// The rule that skips the row.
    pub reason: SkipReason,
    /// The input, the rule, the remedy.
    pub detail: String,
}

/// For which moment a plan is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// This one.
    #[default]
    Now,
    /// The schedule's next nominal time.
    Next,
}

impl When {
    fn moment(self, schedule: &Schedule, now: jiff::Timestamp) -> VerbResult<jiff::Timestamp> {
        match self {
            Self::Now => Ok(now),
            Self::Next => {
                let next = schedule.recurrence.next(&schedule.zone, now, 1);
                let next = next.first().map(|nominal| nominal.at);
                next.ok_or_else(|| VerbError::Failed(format!("{}: its cron line has no next run", schedule.name)))
            }
        }
    }
}

/// The plan of one schedule, evaluated as a trigger would at that moment.
///
/// # Errors
/// When its source can't be read, or the ledger.
pub async fn plan(app: &App, schedule: &Arc<Schedule>, when: When, reveal: Reveal) -> VerbResult<PlanAnswer> {
    let nominal_at = when.moment(schedule, nominal_now(app.around.clock.as_ref()))?;
    // the plan of a second: asked twice within it, it says the same
    let occasion = Occasion::at(nominal_at);
    let evaluation = evaluate(schedule, occasion, &app.around)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    let showing = Showing { schedule, around: &app.around, reveal };
    Ok(showing.answer(nominal_at, evaluation.plan))
}

/// The plans of the named schedules (none names all), and why there is none of some.
///
/// # Errors
/// When a schedule doesn't exist, or anything but its evaluation fails.
pub async fn plans(
    app: &App,
    names: &[String],
    when: When,
    reveal: Reveal,
) -> VerbResult<(Vec<PlanAnswer>, Vec<VerbError>)> {
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    let schedules = app.named(names)?;
    // at the same time: one that waits for a file that is being written holds nobody up
    for planned in join_all(schedules.iter().map(|schedule| plan(app, schedule, when, reveal))).await {
        match planned {
            Ok(answer) => answers.push(answer),
            Err(error @ VerbError::Evaluation { .. }) => failures.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((answers, failures))
}

/// What the log says of plans that were shown with whole phones.
#[must_use]
pub fn revealed(answers: &[PlanAnswer]) -> String {
    let names: Vec<&str> = answers.iter().map(|answer| answer.schedule.as_str()).collect();
    format!("the plan of {}", names.join(", "))
}

/// A plan as it is printed, every text made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownPlan {
    /// The schedule's name.
    pub schedule: String,
    /// The time it stands for, with the schedule's offset.
    pub nominal_at: String,
    /// The schedule's zone.
    pub timezone: String,
    /// Rows by fate.
    pub counts: Counts,
    /// The rows reminded before, by what is known of them.
    #[serde(default, skip_serializing_if = "Reminded::is_none")]
    pub reminded: Reminded,
    /// Who would be called.
    pub reminders: Vec<ShownCall>,
    /// Who not.
    pub skipped: Vec<SkippedCall>,
    /// Why nobody is called although the read succeeded.
    pub held: Option<Held>,
    /// What a person should know of the read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A call as it is printed; see [`PlannedCall`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownCall {
    /// The appointment's id.
    pub appointment_id: String,
    /// Its start.
    pub starts_at: String,
    /// The lead before the start.
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

impl From<&PlanAnswer> for ShownPlan {
    fn from(answer: &PlanAnswer) -> Self {
        let shown = |call: PlannedCall<'_>| ShownCall {
            appointment_id: call.appointment_id().to_owned(),
            starts_at: call.starts_at(),
            lead: call.lead(),
            due_at: call.due_at(),
            phone: call.phone(),
            payload: call.payload().into_owned(),
            note: call.note().map(str::to_owned),
        };
        Self {
            schedule: answer.schedule.clone(),
            nominal_at: answer.nominal_at.clone(),
            timezone: answer.timezone.clone(),
            counts: answer.counts,
            reminded: answer.reminded,
            reminders: answer.reminders.iter().map(shown).collect(),
            skipped: answer.skipped.clone(),
            held: answer.held.clone(),
            notes: answer.notes.clone(),
        }
    }
}

/// How a plan is shown.
pub(super) struct Showing<'a> {
    /// Whose plan.
    pub schedule: &'a Schedule,
    /// Zones.
    pub around: &'a Env,
    /// How much of a phone.
    pub reveal: Reveal,
}

impl Showing<'_> {
    fn answer(&self, nominal_at: jiff::Timestamp, plan: Plan) -> PlanAnswer {
        let mut notes = plan.notes;
        notes.extend(plan.elsewhere.map(|starts| starts.in_words(self.schedule)));
        PlanAnswer {
            schedule: self.schedule.name.clone(),
            nominal_at: self.schedule.zone.rfc3339(nominal_at),
            timezone: self.schedule.zone.name().to_owned(),
            counts: plan.counts,
            reminded: plan.reminded,
            reminders: PlannedCalls {
                planned: plan.reminders,
                zones: self.around.zones.clone(),
                zone: self.schedule.zone.clone(),
                reveal: self.reveal,
            },
            skipped: plan.skipped.into_iter().map(|row| self.skip(row)).collect(),
            held: plan.held,
            notes,
        }
    }

    fn skip(&self, row: SkippedRow) -> SkippedCall {
        let zone = self.zone(row.recipient_zone.as_deref());
        SkippedCall {
            appointment_id: row.appointment_id,
            starts_at: row.starts_at.map(|at| zone.rfc3339(at)),
            reason: row.reason,
            detail: match self.reveal {
                Reveal::LastFour if row.reason == SkipReason::InvalidPhone => {
                    redact::text(&appointment::phone::masked(&row.detail))
                }
                Reveal::LastFour => redact::text(&row.detail),
                Reveal::Whole => row.detail,
            },
        }
    }

    /// The recipient's zone, the schedule's where it isn't known.
    pub(super) fn zone(&self, name: Option<&str>) -> Cow<'_, Zone> {
        zone_or(&self.schedule.zone, name, &self.around.zones)
    }
}
