//! shell: one real payload with `test: true` to one's own phone. It is no reminder, and the log tells of it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::trigger::only_loopback;
use super::{App, Exit, VerbError, VerbResult, holds, redact};
use crate::appointment::{Phone, PhoneProblem, phone};
use crate::audit::{Entry, Event, LoggedPhone};
use crate::evaluation::{new_reminder_id, nominal_now, open_source, read_window};
use crate::http::Exchange;
use crate::plan::{Knowledge, Occasion};
use crate::reminder::{Lead, ReminderId};
use crate::row::{Record, RecordSink, Row};
use crate::schedule::{Leads, Schedule};
use crate::targets::{self, Facts, Parcel, Target, TargetStep};
use crate::template::Payload;
use crate::template::Scope;

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestCallAnswer {
    /// The schedule's name.
    pub schedule: String,
    /// What the payload was sent as.
    pub reminder_id: ReminderId,
    /// `delivered`, `failed` or `uncertain`.
    pub state: crate::reminder::State,
    /// When an answer came.
    pub http_status: Option<u16>,
    /// How long it took.
    pub latency_ms: Option<u64>,
    /// A word on what went wrong.
    pub reason: Option<String>,
    /// What was sent, the phone as its last four digits.
    pub payload: Payload,
}

impl TestCallAnswer {
    /// How the verb ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.state == crate::reminder::State::Delivered { Exit::Done } else { Exit::Undelivered }
    }
}

/// Sends one payload of this schedule to that phone.
///
/// # Errors
/// When the phone isn't usable, everything is paused, there is no row to make a payload of, or the ledger fails: then
/// nothing is sent.
pub async fn test_call(app: &App, actor: &str, name: &str, to: &str) -> VerbResult<TestCallAnswer> {
    super::trigger::refuse_when_stopping(app)?;
    let schedule = app.schedule(name)?;
    let phone = phone::read(to, schedule.appointment.default_region.as_deref()).map_err(|problem| {
        let why = match problem {
            PhoneProblem::Missing => "it is empty".into(),
            PhoneProblem::Invalid(why) => phone::masked(&why).into_owned(),
        };
        VerbError::Usage(format!("--to is no phone number that can be called ({why}): write it as +12025550143"))
    })?;
    if app.around.clock.is_shifted() {
        only_loopback(app, &schedule)?;
    }
    if let Some(reason) = holds::first(app, &schedule, |_any| true).await? {
        return Err(VerbError::Unsafe(reason));
    }
    let account = app.settings.accounts.get(schedule.target.account());
    let target = targets::open(&schedule, account, &app.around.secrets)
        .map_err(|error| VerbError::Failed(format!("{name}: {error}")))?;
    let reminder_id = new_reminder_id(app.around.clock.as_ref());
    let payload = sample_payload(app, &schedule, &phone, reminder_id).await?;
    let call = TestCall { app, actor, schedule: &schedule, target: target.as_ref(), reminder_id, phone, payload };
    // reading the source may have taken a while
    super::trigger::refuse_when_stopping(app)?;
    call.send().await
}

/// One test call, ready to go.
struct TestCall<'a> {
    app: &'a App,
    actor: &'a str,
    schedule: &'a Schedule,
    target: &'a dyn Target,
    reminder_id: ReminderId,
    phone: Phone,
    payload: Payload,
}

/// What one request came to.
struct Came {
    state: crate::reminder::State,
    http_status: Option<u16>,
    latency: Option<Duration>,
    reason: Option<String>,
    remote_id: Option<String>,
}

impl TestCall<'_> {
    async fn send(&self) -> VerbResult<TestCallAnswer> {
        // the log knows of it before the first byte leaves
        self.write(Event::DeliveryIntent, None).await?;
        let mut came = Came {
            state: crate::reminder::State::Delivered,
            http_status: None,
            latency: None,
            reason: None,
            remote_id: None,
        };
        if self.target.needs_contact() {
            came = self.step(TargetStep::Contact, None).await;
        }
        if came.state == crate::reminder::State::Delivered {
            let contact = came.remote_id.take();
            came = self.step(TargetStep::Call, contact.as_deref()).await;
        }
        let event = match came.state {
            crate::reminder::State::Delivered => Event::DeliveryDelivered,
            crate::reminder::State::Uncertain => Event::DeliveryUncertain,
            _ => Event::DeliveryFailed,
        };
        self.write(event, Some(&came)).await?;
        Ok(TestCallAnswer {
            schedule: self.schedule.name.clone(),
            reminder_id: self.reminder_id,
            state: came.state,
            http_status: came.http_status,
            latency_ms: came.latency.map(millis),
            reason: came.reason,
            payload: redact::payload(&self.payload, &self.phone.e164, super::Reveal::LastFour).into_owned(),
        })
    }

    async fn step(&self, step: TargetStep, contact_id: Option<&str>) -> Came {
        let id = self.reminder_id.to_string();
        let now = self.app.around.clock.now();
        let contact = None;
        let parcel = Parcel {
            reminder_id: &id,
            phone: &self.phone.e164,
            payload: self.payload.as_str(),
            contact,
            contact_id,
            step,
            now,
        };
        match self.target.request(parcel) {
            Ok(ask) => self.came_of(step, self.app.around.http.send(ask).await),
            Err(error) => failed(error.to_string()),
        }
    }

    fn came_of(&self, step: TargetStep, exchange: Exchange) -> Came {
        match exchange {
            Exchange::NotSent { class, .. } => failed(class.to_owned()),
            Exchange::Unknown { class, latency, .. } => {
                Came { state: crate::reminder::State::Uncertain, latency: Some(latency), ..failed(class.to_owned()) }
            }
            Exchange::Answered(answer) => {
                let facts = self.target.facts(step, &answer);
                let reason = reason_of(answer.status, &facts);
                let state = match (&reason, answer.status) {
                    (None, _) => crate::reminder::State::Delivered,
                    (Some(_), 408 | 500..=502 | 504..=599) => crate::reminder::State::Uncertain,
                    (Some(_), _) => crate::reminder::State::Failed,
                };
                Came {
                    state,
                    http_status: Some(answer.status),
                    latency: Some(answer.latency),
                    reason,
                    remote_id: facts.remote_id,
                }
            }
        }
    }

    async fn write(&self, event: Event, came: Option<&Came>) -> VerbResult<()> {
        let word = came.and_then(|came| came.reason.clone());
        let entry = Entry {
            schedule: Some(self.schedule.name.clone().into()),
            phone: Some(LoggedPhone::whole(self.phone.e164.clone())),
            reason: Some("test".into()),
            http_status: came.and_then(|came| came.http_status),
            latency_ms: came.and_then(|came| came.latency).map(millis),
            actor: Some(self.actor.to_owned().into()),
            detail: Some(word.map_or_else(|| "a test call".into(), |word| format!("a test call: {word}").into())),
            ..Entry::new(self.app.around.clock.now(), event)
        };
        Ok(self.app.ledger()?.append(vec![entry]).await?)
    }
}

fn failed(reason: String) -> Came {
    Came {
        state: crate::reminder::State::Failed,
        http_status: None,
        latency: None,
        reason: Some(reason),
        remote_id: None,
    }
}

fn reason_of(status: u16, facts: &Facts) -> Option<String> {
    match (facts.is_accepted_status, &facts.error) {
        (true, None) => None,
        (true, Some(error)) => Some(error.clone()),
        (false, _) => Some(format!("http_{status}")),
    }
}

fn millis(latency: Duration) -> u64 {
    u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)
}

/// The payload of the source's first row, with `test: true` and this phone wherever the row's own would stand.
async fn sample_payload(
    app: &App,
    schedule: &Arc<Schedule>,
    phone: &Phone,
    reminder_id: ReminderId,
) -> VerbResult<Payload> {
    let now = app.around.clock.now();
    let row = first_row(app, schedule).await?;
    let sample = Sample { schedule, phone, reminder_id, row: with_phone(schedule, row, phone), now };
    let payload = schedule.payload.render(&sample).map_err(|error| {
        VerbError::Failed(format!("{}: the payload can't be filled from the first row: {error}", schedule.name))
    })?;
    let mut payload = payload.to_value().map_err(|error| {
        VerbError::Failed(format!("{}: the payload of the first row can't be used: {error}", schedule.name))
    })?;
    if let Value::Object(tree) = &mut payload {
        tree.insert("test".into(), Value::Bool(true));
    }
    Ok(Payload::of(&payload))
}

async fn first_row(app: &App, schedule: &Arc<Schedule>) -> VerbResult<Row> {
    let nominal_at = nominal_now(app.around.clock.as_ref());
    let occasion = Occasion { nominal_at, now: app.around.clock.now(), only: None };
    let windows = crate::plan::windows(schedule, &occasion, None);
    let window = read_window(schedule, &occasion, &windows, &Knowledge::default());
    let source = open_source(schedule, &app.around);
    let (row, read) = tokio::task::spawn_blocking(move || {
        let mut first = FirstRow(None);
        let read = source.read(&window, &mut first);
        (first.0, read)
    })
    .await
    .map_err(|_| VerbError::Failed("reading the source broke off: that is a fault of this program".into()))?;
    read.map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error: error.into() })?;
    row.ok_or_else(|| VerbError::Failed(format!("{}: the source has no row to make a payload of", schedule.name)))
}

/// Keeps the first row that can be read.
struct FirstRow(Option<Row>);

impl RecordSink for FirstRow {
    fn record(&mut self, _number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.0 = record.to_row();
        if self.0.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The row as an object in which no phone of the source is left.
fn with_phone(schedule: &Schedule, row: Row, phone: &Phone) -> serde_json::Map<String, Value> {
    let mut tree = row.to_object();
    for column in &schedule.appointment.phone {
        replace(&mut tree, column.as_str(), &Value::String(phone.e164.clone()));
    }
    tree
}

fn replace(tree: &mut serde_json::Map<String, Value>, column: &str, value: &Value) {
    if let Some(place) = tree.get_mut(column) {
        *place = value.clone();
    } else if let Some((first, rest)) = column.split_once('.')
        && let Some(Value::Object(inner)) = tree.get_mut(first)
    {
        replace(inner, rest, value);
    }
}

/// What the payload's names mean in a test call: an appointment tomorrow at this time.
struct Sample<'a> {
    schedule: &'a Schedule,
    phone: &'a Phone,
    reminder_id: ReminderId,
    row: serde_json::Map<String, Value>,
    now: Timestamp,
}

impl Scope for Sample<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        let zone = &self.schedule.zone;
        let starts_at = self.now.saturating_add(24.hours()).unwrap_or(self.now);
        let wall = zone.wall(starts_at);
        Some(match name {
            "phone" => json!(self.phone.e164),
            "phone_national" => json!(self.phone.national()),
            "starts_at" => json!(zone.rfc3339(starts_at)),
            "date" => json!(wall.date().to_string()),
            "time" => json!(wall.strftime("%H:%M").to_string()),
            "weekday" => json!(wall.strftime("%A").to_string()),
            "appointment_id" => json!("test"),
            "reminder_id" => json!(self.reminder_id.to_string()),
            "lead" => json!(first_lead(&self.schedule.remind.leads).to_string()),
            "schedule" => json!(self.schedule.name),
            "previous_starts_at" => Value::Null,
            column => return crate::row::in_tree(&self.row, column).cloned(),
        })
    }

    fn row(&self) -> Value {
        Value::Object(self.row.clone())
    }
}

fn first_lead(leads: &Leads) -> Lead {
    match leads {
        Leads::Days(days) => Lead::Days(days.first().copied().unwrap_or(0)),
        Leads::Hours(hours) => Lead::Hours(hours.first().copied().unwrap_or(0)),
    }
}
