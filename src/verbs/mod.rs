//! what an operator can do: one verb, one file: the opened [`House`] and arguments → an answer; called by terminal,
//! control socket and page alike.

pub mod check;
pub mod config;
pub mod schema;

use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};

use crate::audit::{AuditEntry, AuditFilter};
use crate::delivery::Sender;
use crate::evaluation::Surroundings;
use crate::ledger::Verdict;
use crate::reminder::ReminderId;
use crate::schedule::load::Folder;
use crate::settings::Settings;

/// The opened house: everything a verb works with.
pub struct House {
    /// The service's own settings.
    pub settings: Settings,
    /// Clock, zones, the one way out, secrets, ledger.
    pub around: Surroundings,
    /// The schedules as loaded last; replaced whole by a reload.
    pub folder: RwLock<Arc<Folder>>,
    /// What sends; `None` where nothing may be sent (reading verbs).
    pub sender: Option<Arc<Sender>>,
    /// Whether this is the running service.
    pub is_service: bool,
}

/// A verb with its arguments, as it goes through the control socket (one JSON object a line).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Read the folder again (the service alone does it).
    Reload,
    /// Health, schedules, runs.
    Status,
    /// Evaluate now and deliver.
    Trigger {
        /// Which schedule.
        schedule: String,
        /// That appointment alone.
        only: Option<String>,
        /// How long to wait for what isn't due yet, in seconds.
        wait_seconds: u64,
    },
    /// Pause a schedule, or all.
    Pause {
        /// `None`: all.
        schedule: Option<String>,
        /// Why.
        reason: String,
        /// Until (UTC).
        until: Option<jiff::Timestamp>,
    },
    /// Lift a pause.
    Resume {
        /// `None`: all.
        schedule: Option<String>,
    },
    /// One real payload with `test: true` to one's own phone.
    TestCall {
        /// Which schedule.
        schedule: String,
        /// E.164.
        to: String,
    },
    /// A person's word on what nobody else can know.
    Resolve {
        /// Which reminder.
        reminder_id: ReminderId,
        /// What they say.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// A reading verb's record (export, reveal).
    Record {
        /// Event and detail; the actor is the caller's.
        event: crate::audit::Event,
        /// A sentence.
        detail: String,
    },
    /// A consistent copy.
    Backup {
        /// Into this new file (absolute).
        file: std::path::PathBuf,
    },
    /// Reading verbs of those who may not open the ledger themselves.
    Audit {
        /// Which rows.
        filter: AuditFilter,
    },
    /// Reminders of unknown fate.
    UncertainList,
}

/// A verb's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The exit code (see `commands::exit`).
    pub exit: u8,
    /// What `--format json` prints.
    pub body: serde_json::Value,
    /// What stderr is told.
    pub message: Option<String>,
}

/// Does it, in the house of the service or in one opened for this verb.
pub async fn perform(_house: &House, _actor: &str, _request: Request) -> Answer {
    todo!()
}

/// An entry of the log by an operator.
#[must_use]
pub fn entry_of(_house: &House, _actor: &str, _event: crate::audit::Event, _detail: &str) -> AuditEntry {
    todo!()
}
