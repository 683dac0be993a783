//! A clinic whose calls are accepted.
#![allow(dead_code, reason = "every test takes what it needs of it")]

use std::ops::Deref;

use super::clinic::Clinic;
use super::{Conduct, Receiver, answer};

/// An empty clinic and what accepts its calls.
pub struct AnsweredClinic {
    clinic: Clinic,
    pub receiver: Receiver,
}

impl AnsweredClinic {
    pub fn new() -> Self {
        let receiver = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{}}"#))]);
        Self { clinic: Clinic::empty(&receiver.url("/hook")), receiver }
    }
}

impl Deref for AnsweredClinic {
    type Target = Clinic;
    fn deref(&self) -> &Clinic {
        &self.clinic
    }
}
