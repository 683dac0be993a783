//! shell: what the sandbox remembers: contacts, calls, subscriptions.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use serde_json::{Map, Value, json};
use url::Url;

use super::faults::FaultDealer;
use super::{DuplicateContact, Options, Surroundings};
use crate::reminder::uuid_v7;

/// The whole of it, shared by all connections.
pub(super) struct Sandbox {
    pub(super) options: Options,
    pub(super) around: Surroundings,
    /// Where ended calls are posted to.
    pub(super) callback: Arc<OnceLock<Url>>,
    memory: Mutex<SandboxMemory>,
}

/// What changes.
pub(super) struct SandboxMemory {
    pub(super) dealer: FaultDealer,
    pub(super) contacts: Vec<SandboxContact>,
    pub(super) calls: Vec<SandboxCall>,
    pub(super) subscriptions: Vec<Subscription>,
}

/// A contact.
#[derive(Clone)]
pub(super) struct SandboxContact {
    pub(super) id: String,
    pub(super) phone: String,
    pub(super) created: String,
    /// `name`, `email`, `tags`, `attributes`, `country_code` as they came.
    pub(super) fields: Map<String, Value>,
}

/// A call, from its placing to its end.
#[derive(Clone)]
pub(super) struct SandboxCall {
    pub(super) id: String,
    pub(super) agent: String,
    pub(super) contact_id: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) reminder_id: Option<String>,
    pub(super) metadata: Value,
    pub(super) status: &'static str,
    pub(super) started: String,
    pub(super) ended: Option<String>,
    pub(super) duration_ms: u64,
    /// What the person said.
    pub(super) said: Option<&'static str>,
    /// How many calls this phone had before.
    pub(super) nth: usize,
}

/// A subscriber that wants to hear of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) kind: String,
    pub(super) url: String,
    pub(super) agent: String,
}

/// What creating a contact came to.
pub(super) enum Created {
    /// A new one, or the one that was there.
    Contact(Box<SandboxContact>),
    /// There is one already, and the sandbox is set to reject duplicates.
    Conflict,
}

impl Sandbox {
    pub(super) fn new(options: Options, around: Surroundings) -> Self {
        let dealer = FaultDealer::new(options.faults.clone());
        let memory = SandboxMemory { dealer, contacts: Vec::new(), calls: Vec::new(), subscriptions: Vec::new() };
        let callback = Arc::new(options.callback.clone().map_or_else(OnceLock::new, OnceLock::from));
        Self { options, around, callback, memory: Mutex::new(memory) }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, SandboxMemory> {
        self.memory.lock().expect("nobody panics while holding the sandbox's memory")
    }

    pub(super) fn new_id(&self) -> String {
        let mut random = [0_u8; 10];
        getrandom::fill(&mut random).expect("the system gives random bytes");
        uuid_v7(self.around.clock.now(), random).to_string()
    }

    pub(super) fn create_contact(&self, phone: String, fields: Map<String, Value>) -> Created {
        let id = self.new_id();
        let created = self.around.clock.now().to_string();
        let mut memory = self.memory();
        let known = memory.contacts.iter().find(|contact| contact.phone == phone).cloned();
        match (known, self.options.duplicate_contact) {
            (Some(known), DuplicateContact::Reuse) => Created::Contact(Box::new(known)),
            (Some(_), DuplicateContact::Conflict) => Created::Conflict,
            (Some(_), DuplicateContact::New) | (None, _) => {
                let contact = SandboxContact { id, phone, created, fields };
                memory.contacts.push(contact.clone());
                Created::Contact(Box::new(contact))
            }
        }
    }

    pub(super) fn contact(&self, id: &str) -> Option<SandboxContact> {
        self.memory().contacts.iter().find(|contact| contact.id == id).cloned()
    }
}

impl SandboxContact {
    /// The call as the API shows it.
    pub(super) fn to_json(&self) -> Value {
        let field = |name: &str, absent: Value| self.fields.get(name).cloned().unwrap_or(absent);
        json!({
            "id": self.id, "created": self.created, "updated": self.created, "version": 1, "team_id": "sandbox",
            "status": "ACTIVE", "name": field("name", Value::Null), "caller_type": "CONTACT",
            "phone_number": self.phone, "email": field("email", Value::Null),
            "attributes": field("attributes", json!({})), "tags": field("tags", json!([])),
        })
    }
}

impl SandboxCall {
    /// The response as the API and `NEW_RESPONSE` show it: a bare object, the duration a string.
    pub(super) fn to_json(&self, metadata_echo: bool) -> Value {
        json!({
            "id": self.id, "created": self.started, "updated": self.ended.as_ref().unwrap_or(&self.started),
            "version": 1, "interview": { "id": self.agent },
            "contact": { "id": self.contact_id, "phone_number": self.phone },
            "team": "sandbox", "type": "OUTBOUND_CALL", "status": self.status, "start_time": self.started,
            "end_time": self.ended, "duration_ms": self.duration_ms.to_string(), "conversation_history": [],
            "ai_name": "Sandbox", "phone_number": self.phone, "recording_url": null, "transcript": null,
            "summary_data": null, "metadata": if metadata_echo { self.metadata.clone() } else { Value::Null },
        })
    }
}
