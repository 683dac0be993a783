//! pure: the hash chain of the audit log.
//!
//! Each row's hash covers the hash before it, the plain fields, and a commitment to the personal ones. The commitment is
//! an HMAC under the row's own random salt: when a person is erased, fields and salt go, the commitment stays, and the
//! chain is whole still.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::audit::Event;
use crate::reminder::Lead;

/// A SHA-256.
pub type Hash = [u8; 32];
/// A row's own randomness.
pub type Salt = [u8; 16];

/// What the first row of a log names as the hash before it.
pub const EMPTY: Hash = [0; 32];

/// The fields of a row that say nothing of a person; times in µs UTC.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a> {
    /// From 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: i64,
    /// What.
    pub event: Event,
    /// Of which schedule.
    pub schedule: Option<&'a str>,
    /// Of which run.
    pub run_id: Option<[u8; 16]>,
    /// Of which reminder.
    pub reminder_id: Option<[u8; 16]>,
    /// Which lead.
    pub lead: Option<Lead>,
    /// The attempt's number.
    pub attempt: Option<u32>,
    /// A word.
    pub reason: Option<&'a str>,
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// How long the exchange took.
    pub latency_ms: Option<u64>,
    /// Who.
    pub actor: Option<&'a str>,
}

/// The fields of a row that can point to a person.
#[derive(Debug, Clone, Copy)]
pub struct Personal<'a> {
    /// Of which appointment.
    pub appointment_id: Option<&'a str>,
    /// The last four digits.
    pub phone_last4: Option<&'a str>,
    /// The phone under the ledger's key.
    pub phone_hash: Option<&'a [u8]>,
    /// The appointment's start, µs UTC.
    pub starts_at: Option<i64>,
    /// A sentence.
    pub detail: Option<&'a str>,
}

/// Length before content, and absence told from emptiness: no two rows have the same form.
struct Form<'b>(&'b mut Vec<u8>);

impl Form<'_> {
    fn bytes(&mut self, field: Option<&[u8]>) {
        match field {
            None => self.0.push(0),
            Some(bytes) => {
                self.0.push(1);
                self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                self.0.extend_from_slice(bytes);
            }
        }
    }

    fn text(&mut self, field: Option<&str>) {
        self.bytes(field.map(str::as_bytes));
    }

    fn number(&mut self, field: Option<i64>) {
        self.bytes(field.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }

    fn lead(&mut self, field: Option<Lead>) {
        match field {
            None => self.0.push(0),
            Some(Lead::Days(count)) => self.number(Some(i64::from(count) << 1)),
            Some(Lead::Hours(count)) => self.number(Some(i64::from(count) << 1 | 1)),
        }
    }
}

/// The HMAC that stands for the personal fields.
#[must_use]
pub fn commitment(salt: &Salt, personal: &Personal<'_>) -> Hash {
    let mut bytes = Vec::with_capacity(256);
    let mut form = Form(&mut bytes);
    form.text(personal.appointment_id);
    form.text(personal.phone_last4);
    form.bytes(personal.phone_hash);
    form.number(personal.starts_at);
    form.text(personal.detail);
    let mut mac = keyed(salt);
    mac.update(&bytes);
    mac.finalize().into_bytes().into()
}

/// The hash of a row.
#[must_use]
pub fn hash(prev: &Hash, plain: &Plain<'_>, commitment: &Hash) -> Hash {
    let mut bytes = Vec::with_capacity(320);
    bytes.extend_from_slice(prev);
    bytes.extend_from_slice(&plain.seq.to_be_bytes());
    bytes.extend_from_slice(&plain.at.to_be_bytes());
    let mut form = Form(&mut bytes);
    form.text(Some(plain.event.as_str()));
    form.text(plain.schedule);
    form.bytes(plain.run_id.as_ref().map(<[u8; 16]>::as_slice));
    form.bytes(plain.reminder_id.as_ref().map(<[u8; 16]>::as_slice));
    form.lead(plain.lead);
    form.number(plain.attempt.map(i64::from));
    form.text(plain.reason);
    form.number(plain.http_status.map(i64::from));
    form.number(plain.latency_ms.map(u64::cast_signed));
    form.text(plain.actor);
    bytes.extend_from_slice(commitment);
    Sha256::digest(&bytes).into()
}

/// A phone (E.164) under the ledger's key: without the key a list of all numbers doesn't undo it.
#[must_use]
pub fn phone_hash(key: &[u8; 32], phone: &str) -> Hash {
    PhoneKey::new(key).hash(phone)
}

/// The ledger's key, made ready for many phones.
#[derive(Clone)]
pub struct PhoneKey(Hmac<Sha256>);

impl PhoneKey {
    /// That key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(keyed(key))
    }

    /// As [`phone_hash`].
    #[must_use]
    pub fn hash(&self, phone: &str) -> Hash {
        let mut mac = self.0.clone();
        mac.update(phone.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all that is written");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Plain<'static> = Plain {
        seq: 1,
        at: 0,
        event: Event::RunStarted,
        schedule: None,
        run_id: None,
        reminder_id: None,
        lead: None,
        attempt: None,
        reason: None,
        http_status: None,
        latency_ms: None,
        actor: None,
    };

    #[test]
    fn every_plain_field_changes_the_hash() {
        let variants = [
            Plain { seq: 2, ..PLAIN },
            Plain { at: 1, ..PLAIN },
            Plain { event: Event::RunHeld, ..PLAIN },
            Plain { schedule: Some(""), ..PLAIN },
            Plain { run_id: Some([0; 16]), ..PLAIN },
            Plain { reminder_id: Some([0; 16]), ..PLAIN },
            Plain { lead: Some(Lead::Days(1)), ..PLAIN },
            Plain { lead: Some(Lead::Hours(1)), ..PLAIN },
            Plain { attempt: Some(0), ..PLAIN },
            Plain { reason: Some("x"), ..PLAIN },
            Plain { http_status: Some(200), ..PLAIN },
            Plain { latency_ms: Some(7), ..PLAIN },
            Plain { actor: Some("x"), ..PLAIN },
            PLAIN,
        ];
        let hashes: std::collections::HashSet<_> = variants.iter().map(|row| hash(&EMPTY, row, &EMPTY)).collect();
        assert_eq!(hashes.len(), variants.len());
        assert_ne!(hash(&[1; 32], &PLAIN, &EMPTY), hash(&EMPTY, &PLAIN, &EMPTY));
        assert_ne!(hash(&EMPTY, &PLAIN, &[1; 32]), hash(&EMPTY, &PLAIN, &EMPTY));
    }

    #[test]
    fn a_text_that_moves_to_the_next_field_is_another_commitment() {
        let none =
            Personal { appointment_id: None, phone_last4: None, phone_hash: None, starts_at: None, detail: None };
        let here = Personal { appointment_id: Some("0143"), ..none };
        let there = Personal { phone_last4: Some("0143"), ..none };
        assert_ne!(commitment(&[0; 16], &here), commitment(&[0; 16], &there));
        assert_ne!(commitment(&[0; 16], &here), commitment(&[1; 16], &here));
    }
}
