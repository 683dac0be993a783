//! shell: sends a test call: a real payload with `test: true` to the operator's own phone. It is recorded in the audit log,
//! and is not a reminder.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::trigger::only_loopback;
use super::{App, Exit, VerbError, VerbResult, holds, redact};
use crate::appointment::{Phone, PhoneProblem, phone};
use crate::attempt::{SettleTo, Settlement};
use crate::audit::{Entry, Event, LoggedPhone, words};
use crate::delivery::TestReminder;
use crate::evaluation::{new_reminder_id, nominal_now, open_source, read_window};
use crate::ledger::{BeginCanary, CanariesAsk, CanaryPurpose, CanaryRow, Log, Outcomes, SettledCanary};
use crate::personal::Personal;
use crate::plan::payload::{self, PayloadScope};
use crate::plan::{Knowledge, Occasion};
use crate::reminder::{CanaryState, ReminderId, State};
use crate::row::{Record, RecordSink, Row};
use crate::schedule::Schedule;
use crate::targets;
use crate::template::Payload;

/// A test call to be made.
#[derive(Debug, Clone)]
pub struct TestCallAsk {
    /// The schedule's name.
    pub schedule: String,
    /// The number as it was typed.
    pub to: Personal,
    /// How long a sign of life of the call is awaited; `None`: it isn't.
    pub wait: Option<Duration>,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestCallAnswer {
    /// The schedule's name.
    pub schedule: String,
    /// What the payload was sent as.
    pub reminder_id: ReminderId,
    /// `delivered`, `failed` or `uncertain`.
    pub state: State,
    /// When it ended.
    pub http_status: Option<u16>,
    /// How long it took.
    pub latency_ms: Option<u64>,
    /// Whether a sandbox accepted it: nobody was phoned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
    /// A word on what went wrong.
    pub reason: Option<String>,
    /// The host that accepts what is sent, when it isn't Thoughtly.
    #[serde(default)]
    pub accepted_by: Option<String>,
    /// What was sent, the phone as its last four digits.
    pub payload: Payload,
    /// Whether a record of the call came; null where none was awaited.
    #[serde(default)]
    pub heard: Option<bool>,
}

impl TestCallAnswer {
    /// How the verb ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match (self.state, self.heard) {
            (_, Some(true)) | (State::Delivered, None) => Exit::Done,
            (State::Delivered, Some(false)) => Exit::Failed,
            (_, Some(false) | None) => Exit::Undelivered,
        }
    }
}

/// Sends one payload of this schedule to this phone.
///
/// # Errors
/// When the phone isn't usable, everything is paused, there is no row to make a payload of, or the ledger fails: then
/// nothing is sent.
pub async fn test_call(app: &App, actor: &str, ask: &TestCallAsk) -> VerbResult<TestCallAnswer> {
    super::trigger::refuse_when_stopping(app)?;
    let (schedule, phone) = allowed(app, ask).await?;
    let sender = app.sender.clone().ok_or_else(|| VerbError::Failed("nothing may be sent from here".into()))?;
    let reminder_id = new_reminder_id(app.env.clock.as_ref());
    let (payload, contact) = sample(app, &schedule, &phone, reminder_id).await?;
    // reading the source may have taken a while
    super::trigger::refuse_when_stopping(app)?;
    let log = TestLog { app, actor, schedule: &schedule, phone: &phone };
    // the log knows of it before the first byte leaves
    log.write(Event::DeliveryIntent, None).await?;
    if let Some(wait) = ask.wait {
        log.await_signs(reminder_id, wait).await?;
    }
    let test = TestReminder {
        reminder_id,
        phone: phone.e164.clone(),
        payload: payload.as_str().into(),
        contact: contact.map(Personal::from),
    };
    let settled = match sender.test_call(&schedule, &test).await {
        Ok(settled) => settled,
        Err(error) => {
            if error.is_unsent() {
                log.write_unsent().await?;
            }
            return Err(error.into());
        }
    };
    let (state, event) = end_of(&settled.to);
    log.write(event, Some(&settled)).await?;
    let heard = match ask.wait {
        Some(wait) => Some(log.is_heard(reminder_id, &settled, wait).await?),
        None => None,
    };
    Ok(TestCallAnswer {
        heard,
        schedule: schedule.name.clone(),
        reminder_id,
        state,
        trial: settled.trial.is_some(),
        http_status: settled.http_status,
        latency_ms: settled.latency.map(millis),
        reason: settled.class.filter(|_| state != State::Delivered),
        accepted_by: accepted_by(app, &schedule),
        payload: redact::payload(&payload, &phone.e164, super::Reveal::LastFour),
    })
}

/// The schedule and the phone, when such a call may be made now.
async fn allowed(app: &App, ask: &TestCallAsk) -> VerbResult<(Arc<Schedule>, Phone)> {
    let schedule = app.schedule(&ask.schedule)?;
    if ask.wait.is_some() && !app.is_service {
        let why =
            "no service is running, so nobody takes a record of the call: start `tickler run`, or leave --wait out";
        return Err(VerbError::Unreachable(why.into()));
    }
    let phone = phone::read(&ask.to, schedule.appointment.default_region.as_deref()).map_err(|problem| {
        let why = match problem {
            PhoneProblem::Missing => "it is empty".into(),
            PhoneProblem::Invalid(why) => phone::masked(&why).into_owned(),
        };
        VerbError::Usage(format!(
            "--to is not a valid phone number that can be called ({why}): write it as +12025550143"
        ))
    })?;
    only_where_allowed(app, &schedule).await?;
    Ok((schedule, phone))
}

/// Refuses where nobody may be called now, the operator neither.
///
/// # Errors
/// When something holds the schedule, or a time was given by `--now` and its target is another host.
pub(super) async fn only_where_allowed(app: &App, schedule: &Arc<Schedule>) -> VerbResult<()> {
    if app.env.clock.is_shifted() {
        only_loopback(app, schedule)?;
    }
    match holds::first(app, schedule, |_any| true).await? {
        Some(reason) => Err(VerbError::Unsafe(reason)),
        None => Ok(()),
    }
}

/// Refuses a test call that can't be made, before there is a ledger to record it in.
///
/// # Errors
/// Those of [`test_call`].
pub(super) async fn refuse(app: &App, ask: &TestCallAsk) -> VerbResult<()> {
    let (schedule, phone) = allowed(app, ask).await?;
    super::trigger::refuse_closed_target(app, &schedule)?;
    sample(app, &schedule, &phone, new_reminder_id(app.env.clock.as_ref())).await.map(drop)
}

/// The host whose word an acceptance is; `None` for Thoughtly.
fn accepted_by(app: &App, schedule: &Schedule) -> Option<String> {
    let account = app.settings.accounts.get(schedule.target.account());
    targets::open(schedule, account, &app.settings.secrets).ok()?.accepted_by()
}

/// What a settlement means for a call that is never repeated.
const fn end_of(to: &SettleTo) -> (State, Event) {
    match to {
        SettleTo::Delivered => (State::Delivered, Event::DeliveryDelivered),
        SettleTo::Uncertain => (State::Uncertain, Event::DeliveryUncertain),
        SettleTo::Failed
        | SettleTo::Again { .. }
        | SettleTo::Dropped
        | SettleTo::ContactReady { .. }
        | SettleTo::ContactForgotten => (State::Failed, Event::DeliveryFailed),
    }
}

/// What the log says of a test call or a canary that was held up before it was sent.
pub(super) const UNSENT: &str = "not_sent";

/// The detail of a test call in the audit log.
struct TestLog<'a> {
    app: &'a App,
    actor: &'a str,
    schedule: &'a Schedule,
    phone: &'a Phone,
}

impl TestLog<'_> {
    async fn write(&self, event: Event, settled: Option<&Settlement>) -> VerbResult<()> {
        let word = settled.and_then(|settled| match settled.trial {
            Some(_) => Some(words::TRIAL),
            None => settled.class.as_deref(),
        });
        self.append(self.entry(event, settled, word)).await
    }

    /// It was held up after the log knew of it.
    async fn write_unsent(&self) -> VerbResult<()> {
        self.append(self.entry(Event::DeliveryFailed, None, Some(UNSENT))).await
    }

    async fn append(&self, entry: Entry<'static>) -> VerbResult<()> {
        Ok(self.app.ledger()?.append(vec![entry]).await?)
    }

    fn entry(&self, event: Event, settled: Option<&Settlement>, word: Option<&str>) -> Entry<'static> {
        Entry {
            schedule: Some(self.schedule.name.clone().into()),
            phone: Some(LoggedPhone::whole(self.phone.e164.as_str().to_owned())),
            reason: Some("test".into()),
            http_status: settled.and_then(|settled| settled.http_status),
            latency_ms: settled.and_then(|settled| settled.latency).map(millis),
            actor: Some(self.actor.to_owned().into()),
            detail: Some(word.map_or_else(|| "a test call".into(), |word| format!("a test call: {word}").into())),
            ..Entry::new(self.app.env.clock.now(), event)
        }
    }
}

/// How often it is checked whether a record of a test call has come.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

impl TestLog<'_> {
    /// Tells the ledger to wait for a record of the call: one that comes from now on is taken for a sign of life.
    async fn await_signs(&self, id: ReminderId, wait: Duration) -> VerbResult<()> {
        let now = self.app.env.clock.now();
        let row = CanaryRow {
            id,
            schedule: self.schedule.name.clone(),
            account: self.schedule.target.account().to_owned(),
            purpose: CanaryPurpose::TestCall,
            sent_at: now,
            until: now.checked_add(wait).unwrap_or(jiff::Timestamp::MAX),
            state: CanaryState::Waiting,
            remote_id: None,
        };
        let (phone, actor) = (self.phone.e164.clone(), self.actor.to_owned());
        Ok(self.app.ledger()?.begin_canary(BeginCanary { row, phone, actor }).await?)
    }

    /// Waits until a record of the call comes, or the time is over.
    async fn is_heard(&self, id: ReminderId, settled: &Settlement, wait: Duration) -> VerbResult<bool> {
        let (ledger, clock) = (self.app.ledger()?, &self.app.env.clock);
        let (remote_id, actor) = (settled.remote_id.clone(), self.actor.to_owned());
        ledger.settle_canary(SettledCanary { id, remote_id, failure: None, actor, now: clock.now() }).await?;
        let stop_at = clock.monotonic() + wait;
        loop {
            let state = ledger.canaries(CanariesAsk::Of(id)).await?.pop().map(|row| row.state);
            if state == Some(CanaryState::Heard) {
                return Ok(true);
            }
            if clock.monotonic() >= stop_at || end_of(&settled.to).0 == State::Failed {
                return Ok(false);
            }
            clock.sleep(CHECK_INTERVAL).await;
        }
    }
}

fn millis(latency: Duration) -> u64 {
    u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)
}

/// The payload and contact fields of the source's first row, with `test: true` and this phone wherever the row's own
/// would stand, for an appointment tomorrow at this time.
async fn sample(
    app: &App,
    schedule: &Arc<Schedule>,
    phone: &Phone,
    reminder_id: ReminderId,
) -> VerbResult<(Payload, Option<String>)> {
    let row = with_phone(schedule, &first_row(app, schedule).await?, phone);
    payload_of(app, schedule, (&row, phone), reminder_id)
}

/// The same of this row.
pub(super) fn payload_of(
    app: &App,
    schedule: &Schedule,
    (row, phone): (&Row, &Phone),
    reminder_id: ReminderId,
) -> VerbResult<(Payload, Option<String>)> {
    // as an export writes times: without fractions of a second
    let now = nominal_now(app.env.clock.as_ref());
    let scope = PayloadScope {
        schedule,
        row,
        phone,
        zone: &schedule.zone,
        starts_at: now.saturating_add(24.hours()).unwrap_or(now),
        appointment_id: "test",
        lead: schedule.remind.leads.first(),
        reminder_id,
        previous_starts_at: None,
        previous_outcome: None,
        appointments: &[],
    };
    let unusable = |error: String| {
        VerbError::Failed(format!("{}: the payload can't be filled from the first row: {error}", schedule.name))
    };
    let (payload, contact) = payload::rendered(schedule, &scope).map_err(|error| unusable(error.to_string()))?;
    let mut payload = payload.to_value().map_err(|error| unusable(error.to_string()))?;
    if let Value::Object(tree) = &mut payload {
        tree.insert("test".into(), Value::Bool(true));
    }
    Ok((Payload::of(&payload), contact.map(|contact| contact.as_str().to_owned())))
}

async fn first_row(app: &App, schedule: &Arc<Schedule>) -> VerbResult<Row> {
    let nominal_at = nominal_now(app.env.clock.as_ref());
    let occasion = Occasion { nominal_at, ..Occasion::at(app.env.clock.now()) };
    let windows = crate::plan::windows(schedule, &occasion, None);
    let window = read_window(schedule, &occasion, &windows, &Knowledge::default());
    let source = open_source(schedule, &app.env);
    let (row, read) = tokio::task::spawn_blocking(move || {
        let mut first = FirstRow(None);
        let read = source.read(&window, &mut first);
        (first.0, read)
    })
    .await
    .map_err(|_| VerbError::Failed("internal error: reading the source panicked".into()))?;
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

/// The row in which no phone of the source is left.
pub(super) fn with_phone(schedule: &Schedule, row: &Row, phone: &Phone) -> Row {
    let mut tree = row.to_object();
    for column in &schedule.appointment.phone {
        replace(&mut tree, column.as_str(), &Value::String(phone.e164.as_str().to_owned()));
    }
    Row::Tree(tree)
}

fn replace(tree: &mut serde_json::Map<String, Value>, column: &str, value: &Value) {
    if let Some(place) = tree.get_mut(column) {
        *place = value.clone();
    } else if !column.contains('.') {
        tree.insert(column.to_owned(), value.clone());
    } else if let Some((first, rest)) = column.split_once('.')
        && let Some(Value::Object(inner)) = tree.get_mut(first)
    {
        replace(inner, rest, value);
    }
}
