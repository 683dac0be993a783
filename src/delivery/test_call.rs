//! shell: sends a test call: one payload to the operator's own phone, through the steps and judgements of the sender.

use std::sync::Arc;

use jiff::SignedDuration;

use super::final_check::Readings;
use super::lanes::OpenLane;
use super::send::{self, Tools};
use super::{Sender, retry};
use crate::attempt::{Effect, Intent, SettleTo, Settlement, Step};
use crate::clock::sleep_until;
use crate::ledger::gate::Hold;
use crate::ledger::{LedgerError, TestAnswered, TestAsk, TestSlot};
use crate::personal::Personal;
use crate::reminder::ReminderId;
use crate::schedule::{DeliveryTerms, OnUncertain, Schedule};

/// Maximum requests of one test call: create the contact, find it, call, and again after a forgotten contact.
const MAX_REQUESTS: u32 = 5;

/// What is sent.
#[derive(Debug, Clone)]
pub struct TestReminder {
    /// Sent as `Idempotency-Key`.
    pub reminder_id: ReminderId,
    /// E.164.
    pub phone: Personal,
    /// The exact bytes.
    pub payload: Personal,
    /// The rendered contact fields (JSON), for `target.call`.
    pub contact: Option<Personal>,
}

/// How long a test call waits for a slot of its account's rate before each of its requests.
const SLOT_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Why a test call has no end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestCallError {
    /// Nobody may be called since this was found: its next request was not sent.
    #[error("{0}")]
    Held(Hold),
    /// Reminders took every slot of the account's rate for a minute: its next request was not sent.
    #[error(
        "reminders take all requests that the rate of account `{account}` allows: nothing was sent; try again later"
    )]
    Crowded {
        /// The account's name.
        account: String,
    },
    /// The schedule's target can't be opened.
    #[error("{0}")]
    Closed(String),
    /// There is no ledger, or it failed: a request may have been sent.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl TestCallError {
    /// Whether it is certain that its next request was not sent.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        match self {
            Self::Held(_) | Self::Crowded { .. } | Self::Closed(_) => true,
            Self::Ledger(_) => false,
        }
    }
}

impl Sender {
    /// Sends one test call of this schedule. It is never retried. What an answer means for the account is written to the ledger as
    /// for a reminder, and so is that the target accepted. A refusal by the target isn't, nor is the contact, which has the fields of
    /// another person's row.
    ///
    /// # Errors
    /// When it may not be sent, the schedule's target can't be opened, or the ledger fails.
    pub async fn test_call(&self, schedule: &Schedule, test: &TestReminder) -> Result<Settlement, TestCallError> {
        let delivery = DeliveryTerms { on_uncertain: OnUncertain::Hold, ..schedule.delivery.clone() };
        let schedule = Arc::new(Schedule { delivery, ..schedule.clone() });
        let lane = OpenLane::open(&schedule, &self.parts).map_err(TestCallError::Closed)?;
        let (lane, tools) = (Arc::new(lane), Tools::new(self, self.outbox()?));
        let mut intent = self.first_intent(&lane, test);
        loop {
            let readings = self.wait_for_slot(&lane).await?;
            let settlement = send::send(Arc::clone(&lane), intent.clone(), readings, tools.clone()).await.settlement;
            self.take_test_answer(&lane, &settlement).await?;
            let is_last = intent.attempt >= MAX_REQUESTS;
            intent.attempt += 1;
            match &settlement.to {
                SettleTo::ContactReady { contact_id } if !is_last => {
                    intent.contact_id = Some(contact_id.clone());
                    intent.step = Step::Call;
                }
                SettleTo::ContactForgotten if !is_last => {
                    intent.contact_id = None;
                    intent.contact_renewed = true;
                    intent.step = Step::Contact;
                }
                // the contact exists already and is searched for next
                SettleTo::Again { .. } if !is_last && lane.is_searching(test.reminder_id) => {}
                SettleTo::Delivered
                | SettleTo::Failed
                | SettleTo::Uncertain
                | SettleTo::Again { .. }
                | SettleTo::Dropped
                | SettleTo::ContactReady { .. }
                | SettleTo::ContactForgotten => return Ok(settlement),
            }
        }
    }

    /// Waits until the next request may be sent. Answers what was read before the ledger allowed it, for the check before the
    /// first byte.
    async fn wait_for_slot(&self, lane: &OpenLane) -> Result<Readings, TestCallError> {
        let (clock, outbox) = (&self.parts.env.clock, self.outbox()?);
        let until = retry::after(clock.now(), SLOT_TIMEOUT);
        loop {
            let readings = self.brake.readings();
            let ask = TestAsk { now: readings.now, lane: lane.with_free(1), machine: self.brake.machine() };
            match outbox.admit_test(ask).await? {
                TestSlot::Taken => return Ok(readings),
                TestSlot::Held(hold) => return Err(TestCallError::Held(hold)),
                TestSlot::NotBefore(_) if clock.now() >= until => {
                    return Err(TestCallError::Crowded { account: lane.account.clone() });
                }
                TestSlot::NotBefore(next) => sleep_until(clock.as_ref(), next).await,
            }
        }
    }

    /// Keeps what an answer means for the account, and that a target accepted. A refusal by the target is reported to whoever makes
    /// the test call and pauses nothing: test calls are how a wrong address is found and a mended one is tried.
    async fn take_test_answer(&self, lane: &OpenLane, settlement: &Settlement) -> Result<(), TestCallError> {
        match settlement.effect {
            Effect::None | Effect::Forbidden => Ok(()),
            Effect::PauseAccountUntil(_) | Effect::PauseAccount { .. } | Effect::Accepted => {
                let (schedule, account) = (lane.schedule.name.clone(), lane.account.clone());
                let answered = TestAnswered { schedule, account, settlement: settlement.clone() };
                Ok(self.outbox()?.take_test_answer(answered).await?)
            }
        }
    }

    fn first_intent(&self, lane: &OpenLane, test: &TestReminder) -> Intent {
        let now = self.parts.env.clock.now();
        Intent {
            reminder_id: test.reminder_id,
            schedule: lane.schedule.name.clone(),
            appointment_id: "test".to_owned(),
            attempt: 1,
            tries: 0,
            step: if lane.target.needs_contact() { Step::Contact } else { Step::Call },
            phone: test.phone.clone(),
            payload: test.payload.clone(),
            contact: test.contact.clone(),
            contact_id: None,
            contact_renewed: false,
            expires_at: jiff::Timestamp::MAX,
            starts_at: now,
            // the operator who asks for a test call is at the phone
            calling_hours: "always".to_owned(),
            recipient_zone: lane.schedule.zone.name().to_owned(),
        }
    }
}
