//! shell: `POST /outcome/{schedule}`: a record of a call, answered after its commit.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Inbound;
use super::answer::Refusal;
use super::server;
use crate::ledger::{LedgerError, Outcomes, RecordOrigin, RecordedCall, ReportTaken};
use crate::outcome::{CallFacts, NoRecord};
use crate::schedule::Schedule;
use crate::verbs::outcome::records::RecordsOf;

/// Who brought it, in the audit log.
const ACTOR: &str = "inbound";

impl Inbound {
    /// Reads a record and has the ledger take it.
    ///
    /// # Errors
    /// Why it isn't taken.
    pub(super) async fn take(&self, schedule: &Schedule, body: &[u8]) -> Result<Response, Refusal> {
        let record = self.record(schedule, body)?;
        let ledger = self.app.ledger().map_err(|_| Refusal::Unavailable)?;
        match ledger.take_report(record).await {
            Ok(taken) => {
                if let (Ok(_), Some(sender)) = (&taken.reminder, &self.app.sender) {
                    sender.nudge();
                }
                Ok(answer(&taken))
            }
            Err(error) => {
                log_failure(&error);
                Err(Refusal::Unavailable)
            }
        }
    }

    fn record(&self, schedule: &Schedule, body: &[u8]) -> Result<RecordedCall, Refusal> {
        let spec = schedule.outcome.clone().unwrap_or_default();
        let now = self.app.env.clock.now();
        let facts = CallFacts::read(body, &spec.places, now).map_err(|error| match error {
            NoRecord::TooDeep => Refusal::TooLarge(server::RECORD_LIMIT),
            NoRecord::NoObject => Refusal::Unreadable("the body is not a JSON object"),
            NoRecord::NoFact => Refusal::Unreadable("the body has none of the facts of a call"),
        })?;
        Ok(RecordsOf::new(&self.app, schedule, &spec, RecordOrigin::Posted, ACTOR).record(facts, now))
    }
}

fn answer(taken: &ReportTaken) -> Response {
    let outcome = taken.outcome.map(crate::reminder::CallOutcome::as_str);
    let (matched, duplicate) = (taken.reminder.is_ok(), taken.is_duplicate);
    Json(json!({"received": true, "matched": matched, "outcome": outcome, "duplicate": duplicate})).into_response()
}

fn log_failure(error: &LedgerError) {
    tracing::error!(%error, "a record of a call could not be written; its sender is asked to repeat it");
}
