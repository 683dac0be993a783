//! shell: sends the request of one committed intent; every end, a panic too, becomes a settlement.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::Sender;
use super::brake::Brake;
use super::classify::{Attempt, judge};
use super::final_check::Readings;
use super::lanes::OpenLane;
use super::settlement_log;
use crate::attempt::{Effect, Intent, SettleTo, Settlement, Step, StepRequest};
use crate::clock::SharedClock;
use crate::http::{Http, Sent};
use crate::ledger::Outbox;
use crate::targets::{self, Facts, TargetError};

/// What every send needs.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) clock: SharedClock,
    pub(super) http: Http,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) actor: Arc<str>,
    pub(super) brake: Arc<Brake>,
}

impl Tools {
    pub(super) fn new(sender: &Sender, outbox: Arc<dyn Outbox>) -> Self {
        let parts = &sender.parts;
        Self {
            clock: Arc::clone(&parts.env.clock),
            http: parts.env.http.clone(),
            outbox,
            actor: parts.actor.as_str().into(),
            brake: Arc::clone(&sender.brake),
        }
    }
}

/// A request that has ended and is not settled yet.
pub(super) struct FinishedStep {
    pub(super) schedule: String,
    /// How its intent is to be settled.
    pub(super) settlement: Settlement,
}

/// Sends exactly one request and returns how it ended. After a panic nobody knows whether it was sent. `readings` were
/// taken before the intent was committed.
pub(super) async fn send(lane: Arc<OpenLane>, intent: Intent, readings: Readings, tools: Tools) -> FinishedStep {
    let (settlement, facts) = StepSend::new(&lane, &intent, &tools).perform(readings).await;
    settlement_log::log(&intent, &settlement, &facts);
    FinishedStep { schedule: intent.schedule, settlement }
}

/// The one request that an intent allows.
struct StepSend<'a> {
    lane: &'a OpenLane,
    intent: &'a Intent,
    request: StepRequest,
    tools: &'a Tools,
}

impl<'a> StepSend<'a> {
    fn new(lane: &'a OpenLane, intent: &'a Intent, tools: &'a Tools) -> Self {
        let request = match intent.step {
            Step::Contact if lane.is_searching(intent.reminder_id) => StepRequest::FindContact,
            Step::Contact | Step::Call => StepRequest::of(intent.step),
        };
        Self { lane, intent, request, tools }
    }

    async fn perform(&self, readings: Readings) -> (Settlement, Facts) {
        let (sent, facts) = match AssertUnwindSafe(self.send(readings)).catch_unwind().await {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) => return (self.never_sent(&error), Facts::default()),
            Err(_panic) => {
                let detail = "an internal error happened while the request was sent".to_owned();
                (Sent::Unknown { class: "panic", detail, latency: Duration::ZERO }, Facts::default())
            }
        };
        (self.settlement(&sent, &facts), facts)
    }

    async fn send(&self, readings: Readings) -> Result<(Sent, Facts), TargetError> {
        let Self { lane, intent, request, tools } = self;
        let message = lane.target.request(intent, *request, tools.clock.real())?;
        let sent = match tools.brake.commitment(intent, readings) {
            Ok(commitment) => tools.http.send_checked(message, tools.brake.check(commitment)).await,
            Err(detail) => Sent::NotSent { class: "unsent", detail },
        };
        let facts = match &sent {
            Sent::Answered(answer) => targets::facts(lane.target.as_ref(), *request, answer),
            Sent::NotSent { .. } | Sent::Unknown { .. } => Facts::default(),
        };
        Ok((sent, facts))
    }

    fn settlement(&self, sent: &Sent, facts: &Facts) -> Settlement {
        let Self { lane, intent, request, tools } = self;
        let attempt = Attempt {
            intent,
            terms: &lane.schedule.delivery,
            request: *request,
            accepted_by: lane.accepted_by.as_deref(),
            credentials: &lane.credentials,
            address: &lane.address,
            actor: &tools.actor,
            now: tools.clock.now(),
            jitter: random_fraction,
        };
        let judgement = judge(&attempt, sent, facts);
        if intent.step == Step::Contact {
            let is_repeated = matches!(judgement.settlement.to, SettleTo::Again { .. });
            let keeps_searching = *request == StepRequest::FindContact && is_repeated;
            lane.set_searching(intent.reminder_id, judgement.search_next || keeps_searching);
        }
        judgement.settlement
    }

    /// No request can be made of the intent: nothing was sent, and a retry would fail in the same way.
    fn never_sent(&self, error: &TargetError) -> Settlement {
        Settlement {
            reminder_id: self.intent.reminder_id,
            attempt: self.intent.attempt,
            at: self.tools.clock.now(),
            to: SettleTo::Failed,
            http_status: None,
            latency: None,
            remote_id: None,
            class: Some("unfit".to_owned()),
            detail: Some(format!("not sent: {error}")),
            effect: Effect::None,
            trial: None,
            actor: self.tools.actor.to_string(),
        }
    }
}

/// A number in [0, 1) for the jitter of retries; 0 when the system gives no randomness.
pub(super) fn random_fraction() -> f64 {
    f64::from(getrandom::u32().unwrap_or(0)) / 4_294_967_296.0
}
