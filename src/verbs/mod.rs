//! shell: what an operator can have done, with one file per verb: each takes the opened [`App`] and arguments, and gives an
//! answer. Called by the terminal, the page and the control socket.

pub mod accept_loss;
pub mod account;
mod app;
pub mod audit;
pub mod backup;
mod before_ledger;
pub mod canary;
pub mod cancel;
pub mod check;
pub mod compare;
pub mod config;
pub mod doctor;
mod exit;
pub mod explain;
pub mod forget;
mod gap;
pub mod held;
pub mod holds;
pub mod ids;
pub mod inbound;
pub mod init;
pub mod labels;
pub mod last_run;
pub mod next;
pub mod notify_test;
pub mod optout;
pub mod outcome;
pub mod page_token;
pub mod pause;
pub mod people;
mod perform;
pub mod phones;
pub mod plan;
pub mod plan_diff;
pub mod redact;
pub mod reference;
pub mod rehearsal;
pub mod restore;
pub(crate) mod retrying;
pub mod schedule_tests;
mod schedule_zones;
pub mod schema;
pub mod secrets;
pub mod service;
pub mod simulate;
pub mod status;
pub mod test_call;
#[cfg(test)]
mod tests;
pub mod toml_text;
pub mod traffic;
pub mod trigger;
pub mod uncertain;
pub mod vitals;
pub mod waiting;
pub mod whole_phones;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::audit::AuditFilter;
use crate::personal::Personal;
use crate::plan::Rehearsed;

pub use app::{Access, App, env_of, outbound, refusal, sender_of};
pub use before_ledger::answer_without_ledger;
pub use exit::{Exit, VerbError, likely_name};
pub use gap::UnplannedGap;
pub use perform::{entry_of, perform};
pub use redact::Reveal;
pub use schedule_zones::ScheduleZones;

/// The result of a verb.
pub type VerbResult<T> = Result<T, VerbError>;

/// A verb with its arguments, as it is sent through the control socket (one JSON object a line).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Read the folder again (only a running service can).
    Reload,
    /// Health, schedules, runs.
    Status,
    /// Evaluate now and deliver.
    Trigger {
        /// The schedule's name.
        schedule: String,
        /// Only this appointment.
        only: Option<String>,
        /// What becomes of calls that a run in shadow mode would have made.
        #[serde(default)]
        rehearsed: Rehearsed,
        /// How long to wait for what isn't due yet, in seconds.
        wait_seconds: u64,
    },
    /// Pause a schedule, or all.
    Pause(pause::PauseAsk),
    /// Lift a pause.
    Resume {
        /// `None`: all.
        schedule: Option<String>,
        /// The reason given.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Accept that the ledger has lost rows.
    AcceptLoss {
        /// The reason given.
        reason: String,
    },
    /// One real payload with `test: true` to one's own phone.
    TestCall {
        /// The schedule's name.
        schedule: String,
        /// E.164.
        to: Personal,
        /// How long a sign of life of its call is awaited, in seconds; `None`: it isn't.
        #[serde(default)]
        wait_seconds: Option<u64>,
    },
    /// Settle reminders by a person's verdict.
    Resolve(uncertain::ResolveAsk),
    /// Approve a held run, and deliver.
    Approve(held::ApproveAsk),
    /// End a held run.
    Reject(held::RejectAsk),
    /// Put numbers on the opt-out list, or take them off it.
    OptOut(optout::OptOutAsk),
    /// The opt-out list.
    OptOuts,
    /// Erase a person.
    Forget(forget::ForgetAsk),
    /// Add or remove a token of the page.
    PageToken(page_token::PageTokenChange),
    /// A person's word about what became of a call.
    SetOutcome(outcome::SetOutcomeAsk),
    /// A person has somebody called again.
    CallAgain {
        /// Whom.
        whom: outcome::AgainAsk,
        /// The reason given.
        reason: Option<String>,
    },
    /// A person has seen that outcomes could not be written back.
    AcknowledgeOutcomes(outcome::AcknowledgeAsk),
    /// What became of calls.
    OutcomeList(outcome::OutcomeListAsk),
    /// Requests that were posted.
    InboundList(inbound::listing::RequestListAsk),
    /// Post a request.
    InboundPost(inbound::PostAsk),
    /// Cancel a pending reminder.
    Cancel(cancel::CancelAsk),
    /// The contacts of an account with a phone; the search is recorded first.
    FindContacts {
        /// The account's name.
        account: String,
        /// E.164.
        phone: Personal,
    },
    /// The beginning of an export, which is recorded first; the rest follows as pages.
    Export {
        /// The rows that are exported.
        filter: AuditFilter,
    },
    /// A consistent copy.
    Backup {
        /// The new file that becomes the copy (absolute).
        file: std::path::PathBuf,
    },
    /// The same, into an open file that the caller passes with the request (only a running service can).
    BackupInto,
    /// Whether the service has each of these secrets; never a value.
    SecretsSet {
        /// The secrets; files by their whole paths.
        secrets: Vec<crate::settings::SecretRef>,
    },
    /// Apply the retention.
    Prune,
    /// One page of the log, for those who may not open the ledger themselves: at most [`audit::SOCKET_PAGE`] rows.
    AuditPage {
        /// The rows of the page.
        filter: AuditFilter,
    },
    /// One reminder's or appointment's story.
    Show(audit::ShowAsk),
    /// The whole numbers of these reminders, at most [`whole_phones::AT_ONCE`]; recorded first.
    WholePhones {
        /// The reminders' ids.
        reminders: Vec<crate::reminder::ReminderId>,
    },
    /// The uncertain reminders.
    UncertainList,
    /// Who would be called; a plan with whole phones is recorded first.
    Plan {
        /// The schedules' names; an empty list names all.
        schedules: Vec<String>,
        /// The moment that is planned for.
        #[serde(default)]
        when: plan::When,
        /// How much of a phone is shown.
        reveal: Reveal,
    },
    /// The decision of each rule about one appointment.
    Explain {
        /// The schedule's name.
        schedule: String,
        /// The appointment's id.
        appointment: String,
        /// The run whose decision is asked for; `None`: the rules as they are now.
        run: Option<crate::reminder::RunId>,
    },
}

/// A verb's answer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The exit code (see [`Exit`]).
    pub exit: u8,
    /// What `--format json` prints, as JSON text; `null` when it couldn't be done.
    pub body: Box<RawValue>,
    /// The message for stderr.
    pub message: Option<String>,
}

impl Answer {
    /// An answer with this body.
    #[must_use]
    pub fn of(exit: Exit, body: &impl Serialize) -> Self {
        let body = to_raw_value(body).expect("answers are plain trees with text keys");
        Self { exit: exit.code(), body, message: None }
    }

    /// An answer with a message only.
    #[must_use]
    pub fn refusal(exit: u8, message: String) -> Self {
        Self { exit, body: RawValue::NULL.to_owned(), message: Some(message) }
    }
}

impl From<VerbError> for Answer {
    fn from(error: VerbError) -> Self {
        Self::refusal(error.exit().code(), error.to_string())
    }
}

/// The last `limit` rows of a list whose newest stand last; `None`: all.
fn newest<T>(mut rows: Vec<T>, limit: Option<usize>) -> Vec<T> {
    let left_out = limit.map_or(0, |limit| rows.len().saturating_sub(limit));
    rows.split_off(left_out)
}
