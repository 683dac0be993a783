//! a payload becomes a request, a response becomes facts. To add a target: its file here, a variant in
//! [`crate::schedule::TargetSpec`], an arm in [`open`].

use secrecy::SecretString;

use crate::http::{Answer, Ask};
use crate::schedule::Schedule;
use crate::settings::{Account, Secrets};

/// What a target needs of an intent to make its request. (`ledger` is a sibling floor: delivery copies the fields.)
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    /// Sent as `Idempotency-Key` and `webhook-id`.
    pub reminder_id: &'a str,
    /// E.164.
    pub phone: &'a str,
    /// The exact bytes.
    pub payload: &'a str,
    /// The rendered contact fields (JSON).
    pub contact: Option<&'a str>,
    /// The remembered contact.
    pub contact_id: Option<&'a str>,
    /// Which request.
    pub step: TargetStep,
    /// UTC; for signatures with a timestamp.
    pub now: jiff::Timestamp,
}

/// Which request of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetStep {
    /// The only one, or the call.
    Call,
    /// Finding or creating the contact.
    Contact,
}

/// What an answer says, before anybody decides what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether the status is one the target accepts.
    pub is_accepted_status: bool,
    /// A non-null error inside an accepted answer: a short class, no free text of the other side.
    pub error: Option<String>,
    /// The other side's id of the call, or of the contact in the contact step.
    pub remote_id: Option<String>,
    /// Worth noting: `not_json`, `no_envelope`, `too_long`.
    pub note: Option<&'static str>,
}

/// Why no request can be made; nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(pub String);

/// Somewhere reminders go.
pub trait Target: Send + Sync {
    /// The request for one step.
    ///
    /// # Errors
    /// When a secret isn't set, or the payload doesn't fit the step.
    fn request(&self, parcel: Parcel<'_>) -> Result<Ask, TargetError>;
    /// What the answer says.
    fn facts(&self, step: TargetStep, answer: &Answer) -> Facts;
    /// Whether a contact must be known before the call.
    fn needs_contact(&self) -> bool;
    /// A fingerprint of the credentials in use (a hash, never the value), to notice when they change.
    fn credentials(&self) -> String;
    /// Whether every host it may ask is this machine (`--now` sends only there).
    fn is_loopback(&self) -> bool;
    /// The URL's origin for people: scheme and host, never path or query.
    fn origin(&self) -> String;
}

/// The schedule's target, its secrets resolved.
///
/// # Errors
/// When a secret isn't set or an address is refused: before any intent.
pub fn open(
    _schedule: &Schedule,
    _account: Option<&Account>,
    _secrets: &Secrets,
) -> Result<Box<dyn Target>, TargetError> {
    todo!()
}

/// A header with a secret value.
pub type SecretHeader = (String, SecretString);
