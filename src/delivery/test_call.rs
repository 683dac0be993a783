//! shell: sends a test call: one payload to the operator's own phone, through the steps and judgements of the sender.

use std::sync::Arc;

use jiff::SignedDuration;

use super::lanes::OpenLane;
use super::send::{self, Tools};
use super::{Sender, retry};
use crate::attempt::{Intent, SettleTo, Settlement, Step};
use crate::clock::sleep_until;
use crate::ledger::{LedgerError, Pauses};
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

impl Sender {
    /// Sends one test call of this schedule. It is never retried.
    ///
    /// # Errors
    /// When the schedule's target can't be opened, or there is no ledger.
    pub async fn test_call(&self, schedule: &Schedule, test: &TestReminder) -> Result<Settlement, LedgerError> {
        let delivery = DeliveryTerms { on_uncertain: OnUncertain::Hold, ..schedule.delivery.clone() };
        let schedule = Arc::new(Schedule { delivery, ..schedule.clone() });
        let lane = OpenLane::open(&schedule, &self.parts).map_err(LedgerError::Refused)?;
        let (lane, tools) = (Arc::new(lane), Tools::new(self, self.ledger()?));
        let mut intent = self.first_intent(&lane, test);
        loop {
            self.wait_for_slot(&lane).await?;
            let settlement =
                send::send(Arc::clone(&lane), intent.clone(), self.brake.readings(), tools.clone()).await.settlement;
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

    /// Waits for a slot of the account's rate, which reminders take as well.
    async fn wait_for_slot(&self, lane: &OpenLane) -> Result<(), LedgerError> {
        let (clock, ledger) = (&self.parts.env.clock, self.ledger()?);
        let until = retry::after(clock.now(), SLOT_TIMEOUT);
        while let Some(next) = ledger.take_slot(&lane.account, lane.rate, clock.now()).await? {
            if clock.now() >= until {
                let account = &lane.account;
                return Err(LedgerError::Refused(format!(
                    "reminders take all requests that the rate of account `{account}` allows: nothing was sent; try again later"
                )));
            }
            sleep_until(clock.as_ref(), next).await;
        }
        Ok(())
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
