//! shell: the life of a call: it rings, it is answered or not (the phone's last two digits decide), and its end is reported.

use std::sync::Arc;

use serde_json::Value;

use super::reports;
use super::state::{Sandbox, SandboxCall};

/// What a call that was placed is about.
pub(super) struct PlacedCall {
    pub(super) agent: String,
    pub(super) contact_id: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) reminder_id: Option<String>,
    pub(super) metadata: Value,
}

/// How a call to this number ends.
pub(super) fn ending(phone: Option<&str>) -> &'static str {
    let Some(phone) = phone else { return "FAILED" };
    match phone.get(phone.len().saturating_sub(2)..).unwrap_or_default() {
        "02" => "NO_ANSWER",
        "03" => "BUSY",
        "04" => "LEFT_VOICEMAIL",
        "05" => "FAILED",
        "06" => "SUPPRESSED",
        _ => "COMPLETED",
    }
}

/// What the persons at numbers with these last two digits say.
type Answers = [(&'static str, &'static str)];

/// How the `nth` call to this number ends (from 0), and what the person says.
fn course(phone: Option<&str>, nth: usize, answers: &Answers) -> (&'static str, Option<&'static str>) {
    let last_two = phone.and_then(|phone| phone.get(phone.len().saturating_sub(2)..));
    if let Some((_, said)) = answers.iter().find(|(digits, _)| Some(*digits) == last_two) {
        return ("COMPLETED", Some(said));
    }
    match last_two {
        Some("07") if nth == 0 => ("NO_ANSWER", None),
        Some("11") => ("COMPLETED", Some("yes")),
        Some("12") => ("COMPLETED", Some("cancel")),
        Some("13") => ("COMPLETED", Some("move")),
        Some("14") => ("COMPLETED", Some("stop")),
        Some("15") => ("COMPLETED", Some("wrong")),
        Some("16") => ("COMPLETED", Some("maybe")),
        Some(_) | None => (ending(phone), None),
    }
}

/// Places a call and lets it run its course; returns its id.
pub(super) fn place(sandbox: &Arc<Sandbox>, placed: PlacedCall) -> String {
    let id = sandbox.new_id();
    let call = SandboxCall {
        id: id.clone(),
        agent: placed.agent,
        contact_id: placed.contact_id,
        phone: placed.phone,
        reminder_id: placed.reminder_id,
        metadata: placed.metadata,
        status: "NOT_STARTED",
        started: sandbox.around.clock.now().to_string(),
        ended: None,
        duration_ms: 0,
        said: None,
        nth: 0,
    };
    let call = {
        let mut memory = sandbox.memory();
        let nth = memory.calls.iter().filter(|other| other.phone.is_some() && other.phone == call.phone).count();
        let call = SandboxCall { nth, ..call };
        memory.calls.push(call.clone());
        call
    };
    tokio::spawn(run_its_course(Arc::clone(sandbox), call));
    id
}

async fn run_its_course(sandbox: Arc<Sandbox>, placed: SandboxCall) {
    let (pace, id) = (sandbox.options.call_pace, placed.id.clone());
    reports::begun(&sandbox, &SandboxCall { status: "IN_PROGRESS", ..placed.clone() }).await;
    sandbox.around.clock.sleep(pace).await;
    change(&sandbox, &id, |call| call.status = "IN_PROGRESS");
    sandbox.around.clock.sleep(pace).await;
    let now = sandbox.around.clock.now().to_string();
    let ended = change(&sandbox, &id, |call| {
        (call.status, call.said) = course(call.phone.as_deref(), call.nth, &sandbox.options.answers);
        call.duration_ms = u64::try_from(pace.as_millis()).unwrap_or(u64::MAX);
        call.ended = Some(now);
    });
    if let Some(call) = ended {
        reports::ended(&sandbox, &call, &SandboxCall { status: "IN_PROGRESS", ..placed }).await;
    }
}

fn change(sandbox: &Sandbox, id: &str, change: impl FnOnce(&mut SandboxCall)) -> Option<SandboxCall> {
    let mut memory = sandbox.memory();
    let call = memory.calls.iter_mut().find(|call| call.id == id)?;
    change(call);
    Some(call.clone())
}
