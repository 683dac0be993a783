//! pure: one attempt to send a reminder: the step it is for, the committed intent, and how it ended.
//!
//! The ledger commits an [`Intent`] before the first byte leaves, a target makes a request of it, the sender judges what
//! came of the request, and the ledger applies the [`Settlement`].

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::personal::Personal;
use crate::reminder::ReminderId;

/// What a committed intent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The only step, or the call.
    Call,
    /// Finding or creating the contact: repeating it rings nobody's phone.
    Contact,
}

/// The request that a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepRequest {
    /// The only one, or the call.
    Call,
    /// Creating the contact.
    CreateContact,
    /// Finding the contact, after creating it met one that exists.
    FindContact,
}

impl StepRequest {
    /// What a step asks for first.
    #[must_use]
    pub const fn of(step: Step) -> Self {
        match step {
            Step::Call => Self::Call,
            Step::Contact => Self::CreateContact,
        }
    }
}

/// A committed intent: exactly one request may follow.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Its reminder; sent as `Idempotency-Key` and `webhook-id`.
    pub reminder_id: ReminderId,
    /// The schedule's name.
    pub schedule: String,
    /// Its appointment.
    pub appointment_id: String,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// Refusals counted so far.
    pub tries: u32,
    /// What it is for.
    pub step: Step,
    /// E.164.
    pub phone: Personal,
    /// The exact bytes to send.
    pub payload: Personal,
    /// The rendered contact fields (JSON), for `target.call`.
    pub contact: Option<Personal>,
    /// The remembered contact.
    pub contact_id: Option<String>,
    /// Whether the contact was made anew for this reminder after a 404.
    pub contact_renewed: bool,
    /// The request must not be sent at or after this instant (UTC).
    pub expires_at: Timestamp,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// When the recipient's phone may ring, as written: `08:00-21:00` or `always`.
    pub calling_hours: String,
    /// The zone of these hours (IANA).
    pub recipient_zone: String,
}

/// The class of a delivery that a sandbox accepted.
pub const SANDBOX: &str = "sandbox";

/// Where a target sends, as a hash: an address may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetAddress([u8; 32]);

impl TargetAddress {
    /// The hash of an address.
    #[must_use]
    pub fn of(url: &str) -> Self {
        Self(Sha256::digest(url.as_bytes()).into())
    }

    /// The hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Where an attempt ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettleTo {
    /// Accepted.
    Delivered,
    /// Refused for good.
    Failed,
    /// Nobody can know.
    Uncertain,
    /// Back to pending (refused for now, not connected, fate of the contact step unknown, or a resend).
    Again {
        /// The earliest time of the next request (UTC).
        next_at: Timestamp,
        /// Whether it uses up one of the attempts.
        counts: bool,
        /// Whether its fate is unknown and it is repeated all the same (`on_uncertain = "resend"`).
        resend: bool,
    },
    /// Attempts used up.
    Dropped,
    /// The contact step is done: pending, the call step next.
    ContactReady {
        /// The remote contact.
        contact_id: String,
    },
    /// The remembered contact is unknown there: forget it, pending, the contact step next, once.
    ContactForgotten,
}

/// What an answer means for the account or the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// 429: the whole account waits (UTC).
    PauseAccountUntil(Timestamp),
    /// 401: the account waits until resumed or the credentials change.
    PauseAccount {
        /// Fingerprint of the refused credentials.
        credentials: String,
    },
    /// 402, 403, 404 or 410, which speak of the endpoint rather than of the person: three in a row pause the schedule's
    /// target.
    Forbidden,
    /// Anything accepted ends such a row.
    Accepted,
}

/// The end of one attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Its reminder.
    pub reminder_id: ReminderId,
    /// Its number, from 1.
    pub attempt: u32,
    /// When it was over (UTC).
    pub at: Timestamp,
    /// Where it ends.
    pub to: SettleTo,
    /// The HTTP status, when one came.
    pub http_status: Option<u16>,
    /// How long it took.
    pub latency: Option<Duration>,
    /// The other side's id.
    pub remote_id: Option<String>,
    /// A word for the audit: `timeout`, `http_503`, `error_in_200`, …
    pub class: Option<String>,
    /// A sentence without personal data and secrets.
    pub detail: Option<String>,
    /// What it means for the account or the target.
    pub effect: Effect,
    /// The address at which a sandbox accepted it: it was a trial, and nobody was phoned.
    pub trial: Option<TargetAddress>,
    /// Who the audit says it was.
    pub actor: String,
}

#[cfg(test)]
impl Settlement {
    /// The first attempt of an invented reminder that ended so, at nine in New York.
    pub(crate) fn example(to: SettleTo) -> Self {
        Self {
            reminder_id: ReminderId(uuid::Uuid::from_u128(7)),
            attempt: 1,
            at: "2026-11-24T14:00:00Z".parse().expect("a valid instant"),
            to,
            http_status: None,
            latency: None,
            remote_id: None,
            class: None,
            detail: None,
            effect: Effect::None,
            trial: None,
            actor: "service".to_owned(),
        }
    }
}

impl Settlement {
    /// When the reminder may be sent again (UTC), if it may.
    #[must_use]
    pub const fn next_at(&self) -> Option<Timestamp> {
        match &self.to {
            SettleTo::Again { next_at, .. } => Some(*next_at),
            SettleTo::ContactReady { .. } | SettleTo::ContactForgotten => Some(self.at),
            SettleTo::Delivered | SettleTo::Failed | SettleTo::Uncertain | SettleTo::Dropped => None,
        }
    }
}
