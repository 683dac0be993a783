//! shell: one intent is sent, and whatever happens on the way there is a settlement.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::Sender;
use super::brake::Brake;
use super::classify::{Attempt, judge};
use super::lanes::OpenLane;
use super::last_look::Readings;
use crate::attempt::{Effect, Intent, SettleTo, Settlement, Step, StepRequest};
use crate::clock::SharedClock;
use crate::http::{Http, Sent};
use crate::ledger::Outbox;
use crate::targets::{Facts, HTML, TargetError};

/// What every send needs.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) clock: SharedClock,
    pub(super) http: Http,
    pub(super) ledger: Arc<dyn Outbox>,
    pub(super) actor: Arc<str>,
    pub(super) brake: Arc<Brake>,
}

impl Tools {
    pub(super) fn of(sender: &Sender, ledger: Arc<dyn Outbox>) -> Self {
        let parts = &sender.parts;
        Self {
            clock: Arc::clone(&parts.around.clock),
            http: parts.around.http.clone(),
            ledger,
            actor: parts.actor.as_str().into(),
            brake: Arc::clone(&sender.brake),
        }
    }
}

/// A request that is over and not settled yet.
pub(super) struct FinishedStep {
    pub(super) schedule: String,
    /// How its intent is to be settled.
    pub(super) settlement: Settlement,
}

/// Sends exactly one request and says what became of it; a panic on the way leaves its fate unknown. `readings` are those
/// from before its intent was committed.
pub(super) async fn send(lane: Arc<OpenLane>, intent: Intent, readings: Readings, tools: Tools) -> FinishedStep {
    let request = request_of(&lane, &intent);
    let outcome = AssertUnwindSafe(exchange(&lane, &intent, request, readings, &tools)).catch_unwind().await;
    let settlement = match outcome {
        Ok(Ok((exchange, facts))) => settlement(&lane, &intent, request, &exchange, &facts, &tools),
        Ok(Err(unfit)) => never_sent(&intent, &unfit, &tools),
        Err(_panic) => {
            let detail = "the program failed while it was sending".to_owned();
            let exchange = Sent::Unknown { class: "panic", detail, latency: Duration::ZERO };
            settlement(&lane, &intent, request, &exchange, &Facts::default(), &tools)
        }
    };
    log(&intent, &settlement);
    FinishedStep { schedule: intent.schedule, settlement }
}

fn request_of(lane: &OpenLane, intent: &Intent) -> StepRequest {
    match intent.step {
        Step::Contact if lane.is_searching(intent.reminder_id) => StepRequest::FindContact,
        Step::Contact | Step::Call => StepRequest::of(intent.step),
    }
}

async fn exchange(
    lane: &OpenLane,
    intent: &Intent,
    request: StepRequest,
    readings: Readings,
    tools: &Tools,
) -> Result<(Sent, Facts), TargetError> {
    let ask = lane.target.request(intent, request, tools.clock.real())?;
    let exchange = match tools.brake.commitment(intent, readings) {
        Ok(commitment) => tools.http.send_checked(ask, tools.brake.check(commitment)).await,
        Err(detail) => Sent::NotSent { class: "unsent", detail },
    };
    let facts = match &exchange {
        Sent::Answered(answer) => lane.target.facts(request, answer),
        Sent::NotSent { .. } | Sent::Unknown { .. } => Facts::default(),
    };
    Ok((exchange, facts))
}

fn settlement(
    lane: &OpenLane,
    intent: &Intent,
    request: StepRequest,
    exchange: &Sent,
    facts: &Facts,
    tools: &Tools,
) -> Settlement {
    let attempt = Attempt {
        intent,
        terms: &lane.schedule.delivery,
        request,
        accepted_by: lane.accepted_by.as_deref(),
        credentials: &lane.credentials,
        actor: &tools.actor,
        now: tools.clock.now(),
        jitter: chance,
    };
    let judgement = judge(&attempt, exchange, facts);
    if judgement.settlement.to == SettleTo::Delivered && facts.note == Some(HTML) {
        let (schedule, reminder) = (intent.schedule.as_str(), intent.reminder_id);
        let detail = judgement.settlement.detail.as_deref().unwrap_or_default();
        tracing::warn!(schedule, %reminder, "{detail}");
    }
    if intent.step == Step::Contact {
        let is_repeated = matches!(judgement.settlement.to, SettleTo::Again { .. });
        let keeps_searching = request == StepRequest::FindContact && is_repeated;
        lane.set_searching(intent.reminder_id, judgement.search_next || keeps_searching);
    }
    judgement.settlement
}

/// A number in [0, 1); when the system has no randomness, none is needed to stay correct.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or(0)) / 4_294_967_296.0
}

/// No request could be made of it: nothing left this machine, and trying again would change nothing.
fn never_sent(intent: &Intent, unfit: &TargetError, tools: &Tools) -> Settlement {
    Settlement {
        reminder_id: intent.reminder_id,
        attempt: intent.attempt,
        at: tools.clock.now(),
        to: SettleTo::Failed,
        http_status: None,
        latency: None,
        remote_id: None,
        class: Some("unfit".to_owned()),
        detail: Some(format!("not sent: {unfit}")),
        effect: Effect::None,
        actor: tools.actor.to_string(),
    }
}

fn log(intent: &Intent, settlement: &Settlement) {
    let (schedule, reminder) = (intent.schedule.as_str(), intent.reminder_id);
    if settlement.next_at().is_some_and(|next_at| next_at >= intent.expires_at) {
        tracing::warn!(schedule, %reminder, "a reminder expired before it could be sent: nobody was called");
    }
    let class = settlement.class.as_deref().unwrap_or_default();
    let detail = settlement.detail.as_deref().unwrap_or_default();
    match &settlement.effect {
        Effect::PauseAccount { .. } => {
            tracing::error!(schedule, "the credentials were refused (401): the account is paused");
        }
        Effect::None | Effect::PauseAccountUntil(_) | Effect::Forbidden | Effect::Accepted => {}
    }
    match &settlement.to {
        SettleTo::Failed => tracing::warn!(schedule, %reminder, class, "a delivery failed"),
        SettleTo::Uncertain => tracing::warn!(schedule, %reminder, class, "the fate of a delivery is unknown"),
        SettleTo::Dropped => tracing::warn!(schedule, %reminder, class, "a delivery was dropped: attempts used up"),
        SettleTo::Again { .. } => tracing::warn!(schedule, %reminder, class, "a delivery waits: {detail}"),
        SettleTo::Delivered | SettleTo::ContactReady { .. } | SettleTo::ContactForgotten => {}
    }
}
