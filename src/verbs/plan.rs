//! shell: who would be called, when and with which payload; who would not, and why. Sends and records nothing.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Serialize, Serializer};

use super::redact::{self, Reveal};
use super::{App, VerbError, VerbResult};
use crate::appointment;
use crate::evaluation::{Env, evaluate, nominal_now};
use crate::ledger::ReminderAsk;
use crate::parallel;
use crate::personal::Personal;
use crate::plan::{Counts, Held, Occasion, Plan, PlannedReminder, Reminded, SkippedRow, closed_run_in_words};
use crate::reminder::{Lead, Priority, SkipReason, State};
use crate::schedule::{Schedule, ScheduleMode};
use crate::template::Payload;
use crate::zones::Zone;

/// One schedule's plan, as `plan` prints it and as a service returns it. Its calls are shown all at once, or while they are
/// printed ([`CallsInTurn`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownPlan<C = Vec<ShownCall>> {
    /// The schedule's name.
    pub schedule: String,
    /// The nominal time, with the schedule's offset.
    pub nominal_at: String,
    /// The schedule's zone.
    pub timezone: String,
    /// How many rows were planned, skipped, reminded before or outside the window.
    pub counts: Counts,
    /// The rows reminded before, by state.
    #[serde(default, skip_serializing_if = "Reminded::is_none")]
    pub reminded: Reminded,
    /// The calls, by start.
    pub reminders: C,
    /// The rows that are not called.
    pub skipped: Vec<SkippedCall>,
    /// Why nobody is called although the read succeeded.
    pub held: Option<Held>,
    /// Remarks about the read, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One call that would be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownCall {
    /// The appointment's id.
    pub appointment_id: String,
    /// Its start, with the recipient's offset.
    pub starts_at: String,
    /// The lead it is due by: `1d`, `24h`.
    pub lead: Lead,
    /// When it would be sent, with the recipient's offset.
    pub due_at: String,
    /// The last four digits, unless revealed.
    pub phone: Personal,
    /// What would be sent, phones as their last four digits unless revealed.
    pub payload: Payload,
    /// Remarks, for people.
    pub note: Option<String>,
    /// `high` for what comes before all others of its account.
    #[serde(default)]
    pub priority: Priority,
    /// How the schedule names the appointment (`appointment.label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal>,
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
    /// What the cell of the start holds, where it can't be read as a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Personal>,
    /// How the schedule names the appointment (`appointment.label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal>,
}

impl SkippedCall {
    /// The sentence, and what the cell holds that can't be read.
    #[must_use]
    pub fn detail_with_cell(&self) -> String {
        match &self.cell {
            Some(cell) => format!("{}; the cell holds `{}`", self.detail, cell.as_str()),
            None => self.detail.clone(),
        }
    }
}

/// The moment of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The moment at which it is asked.
    #[default]
    Now,
    /// The schedule's next nominal time.
    Next,
    /// This moment (UTC).
    At(jiff::Timestamp),
}

impl When {
    fn moment(self, schedule: &Schedule, now: jiff::Timestamp) -> VerbResult<jiff::Timestamp> {
        match self {
            Self::Now => Ok(now),
            Self::At(at) => Ok(at),
            // every request is a run of its own, whenever it comes
            Self::Next if schedule.recurrence.is_never() => Ok(now),
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
pub async fn plan(app: &App, schedule: &Arc<Schedule>, when: When, reveal: Reveal) -> VerbResult<ShownPlan> {
    Ok(made(app, schedule, when, reveal).await?.all_at_once())
}

/// The same with its first calls alone, masked, and how many there are: for a list that people read.
///
/// # Errors
/// When its source can't be read, or the ledger.
pub async fn beginning(app: &App, schedule: &Arc<Schedule>, when: When, most: usize) -> VerbResult<(ShownPlan, usize)> {
    let mut whole = made(app, schedule, when, Reveal::LastFour).await?;
    let count = whole.reminders.calls.len();
    whole.reminders.calls.truncate(most);
    Ok((whole.all_at_once(), count))
}

async fn made<'a>(
    app: &'a App,
    schedule: &Arc<Schedule>,
    when: When,
    reveal: Reveal,
) -> VerbResult<ShownPlan<CallsInTurn<'a>>> {
    let nominal_at = when.moment(schedule, nominal_now(app.env.clock.as_ref()))?;
    // truncated to the second, so that two plans of the same second are equal
    let occasion = Occasion::at(nominal_at);
    let evaluation = evaluate(schedule, occasion, &app.env)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    let mut plan = evaluation.plan;
    if nominal_at > app.env.clock.now() {
        set_waiting_apart(app, schedule, nominal_at, &mut plan).await?;
    }
    let showing = Showing { schedule: Arc::clone(schedule), env: &app.env, reveal };
    Ok(showing.answer(nominal_at, plan))
}

/// What waits now is called, or expires, before a later moment: a plan of that moment doesn't leave it out as too late.
async fn set_waiting_apart(app: &App, schedule: &Schedule, at: jiff::Timestamp, plan: &mut Plan) -> VerbResult<()> {
    let is_late = |row: &SkippedRow| row.reason == SkipReason::TooLate;
    let Some(ledger) = app.env.ledger.as_ref().filter(|_| plan.skipped.iter().any(is_late)) else { return Ok(()) };
    let (schedule, states) = (Some(schedule.name.clone()), vec![State::Pending]);
    let waiting = ledger.reminders(ReminderAsk { schedule, states, ..ReminderAsk::default() }).await?;
    let waiting: HashSet<(&str, jiff::Timestamp)> = waiting
        .iter()
        .filter(|row| row.next_at <= at)
        .map(|row| (row.appointment_id.as_str(), row.starts_at))
        .collect();
    let rows = plan.skipped.len();
    plan.skipped.retain(|row| {
        let key = row.appointment_id.as_deref().zip(row.starts_at);
        !(is_late(row) && key.is_some_and(|key| waiting.contains(&key)))
    });
    let count = (rows - plan.skipped.len()) as u64;
    plan.counts.skipped -= count;
    plan.counts.already_reminded += count;
    plan.reminded.waiting += count;
    Ok(())
}

/// A plan as it is shown, with the last digits of phones.
pub(super) fn masked(app: &App, schedule: &Arc<Schedule>, nominal_at: jiff::Timestamp, plan: Plan) -> ShownPlan {
    let showing = Showing { schedule: Arc::clone(schedule), env: &app.env, reveal: Reveal::LastFour };
    showing.answer(nominal_at, plan).all_at_once()
}

/// The plans of the named schedules (of all if there are no names), and the reasons for those that failed.
///
/// # Errors
/// When a schedule doesn't exist, or anything but its evaluation fails.
pub async fn plans<'a>(
    app: &'a App,
    names: &[String],
    when: When,
    reveal: Reveal,
) -> VerbResult<(Vec<ShownPlan<CallsInTurn<'a>>>, Vec<VerbError>)> {
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    let schedules = app.named(names)?;
    // concurrently, since one may wait for a file that is being written
    for planned in join_all(schedules.iter().map(|schedule| made(app, schedule, when, reveal))).await {
        match planned {
            Ok(answer) => answers.push(answer),
            Err(error @ VerbError::Evaluation { .. }) => failures.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((answers, failures))
}

/// The detail in the audit log of plans that were shown with whole phones.
#[must_use]
pub fn reveal_detail<C>(answers: &[ShownPlan<C>]) -> String {
    let names: Vec<&str> = answers.iter().map(|answer| answer.schedule.as_str()).collect();
    format!("the plan of {}", names.join(", "))
}

/// What a person should know of the plans of a schedule in shadow mode.
pub(super) const SHADOW_NOTE: &str =
    "the schedule is in shadow mode: nobody is called; the audit log has who would have been called";

/// Calls that are shown one after another while they are printed: tens of thousands of them never exist in both forms.
pub struct CallsInTurn<'a> {
    showing: Showing<'a>,
    calls: Vec<PlannedReminder>,
}

impl Serialize for CallsInTurn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.calls.len()))?;
        let shown = |call: &PlannedReminder| self.showing.call(call);
        parallel::map_ahead(&self.calls, shown, |call| list.serialize_element(&call))?;
        list.end()
    }
}

impl<C> ShownPlan<C> {
    /// Whether nobody of it is called, because the schedule is in shadow mode.
    #[must_use]
    pub fn is_rehearsal(&self) -> bool {
        self.notes.iter().any(|note| note == SHADOW_NOTE)
    }
}

impl ShownPlan<CallsInTurn<'_>> {
    /// The plan with all its calls shown.
    #[must_use]
    pub fn all_at_once(self) -> ShownPlan {
        let Self { schedule, nominal_at, timezone, counts, reminded, reminders, skipped, held, notes } = self;
        let CallsInTurn { showing, calls } = reminders;
        let reminders = parallel::map(calls, |call| showing.call(&call));
        ShownPlan { schedule, nominal_at, timezone, counts, reminded, reminders, skipped, held, notes }
    }
}

/// How a plan is shown.
struct Showing<'a> {
    /// The schedule that is planned.
    schedule: Arc<Schedule>,
    /// Zones.
    env: &'a Env,
    /// How much of a phone.
    reveal: Reveal,
}

impl<'a> Showing<'a> {
    fn answer(self, nominal_at: jiff::Timestamp, plan: Plan) -> ShownPlan<CallsInTurn<'a>> {
        let rehearsed = [plan.rehearsed_in_words(&self.schedule), plan.rehearsed_by_id(&self.schedule)];
        let mut notes = plan.notes;
        notes.extend(rehearsed.into_iter().flatten());
        notes.extend((self.schedule.mode == ScheduleMode::Shadow).then(|| SHADOW_NOTE.to_owned()));
        notes.extend(closed_run_in_words(&self.schedule, nominal_at));
        notes.extend(plan.elsewhere.map(|starts| starts.in_words(&self.schedule)));
        ShownPlan {
            schedule: self.schedule.name.clone(),
            nominal_at: self.schedule.zone.rfc3339(nominal_at),
            timezone: self.schedule.zone.name().to_owned(),
            counts: plan.counts,
            reminded: plan.reminded,
            skipped: plan.skipped.into_iter().map(|row| self.skip(row)).collect(),
            reminders: CallsInTurn { showing: self, calls: plan.reminders },
            held: plan.held,
            notes,
        }
    }

    fn call(&self, reminder: &PlannedReminder) -> ShownCall {
        let zone = self.zone(Some(&reminder.recipient_zone));
        ShownCall {
            starts_at: zone.rfc3339(reminder.starts_at),
            lead: reminder.lead,
            due_at: zone.rfc3339(reminder.send_at),
            phone: redact::phone(&reminder.phone, self.reveal).into(),
            payload: redact::payload(&reminder.payload, &reminder.phone, self.reveal),
            appointment_id: reminder.appointment_id.clone(),
            priority: reminder.priority,
            note: reminder.note.clone().map(|note| self.with_hidden_numbers(note)),
            label: redact::label(reminder.label.as_deref()),
        }
    }

    fn skip(&self, row: SkippedRow) -> SkippedCall {
        let zone = self.zone(row.recipient_zone.as_deref());
        SkippedCall {
            appointment_id: row.appointment_id,
            starts_at: row.starts_at.map(|at| zone.rfc3339(at)),
            reason: row.reason,
            label: redact::label(row.label.as_deref()),
            cell: row.cell.map(|cell| self.with_hidden_digits(cell.as_str()).into()),
            detail: match (self.reveal, row.reason) {
                (_, SkipReason::InvalidPhone) | (Reveal::Whole, _) => self.with_hidden_numbers(row.detail),
                (Reveal::LastFour, _) => redact::text(&row.detail),
            },
        }
    }

    /// A cell of the source, in which what may be a phone number is hidden unless it is to be shown.
    fn with_hidden_digits(&self, cell: &str) -> String {
        match self.reveal {
            Reveal::LastFour => redact::text(cell),
            Reveal::Whole => cell.to_owned(),
        }
    }

    /// A text about a phone number, in which the number is hidden in every form unless it is to be shown.
    fn with_hidden_numbers(&self, text: String) -> String {
        match self.reveal {
            Reveal::LastFour => redact::text(&appointment::phone::masked(&text)),
            Reveal::Whole => text,
        }
    }

    /// The recipient's zone, the schedule's where it isn't known.
    fn zone(&self, name: Option<&str>) -> Cow<'_, Zone> {
        let schedules = &self.schedule.zone;
        let other = name.filter(|name| *name != schedules.name());
        let found = other.and_then(|name| self.env.zones.zone(name).ok());
        found.map_or(Cow::Borrowed(schedules), Cow::Owned)
    }
}
