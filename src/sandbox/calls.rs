//! shell: the life of a call: it rings, it is answered or not (the phone's last two digits decide), and its end is reported.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use super::state::{Sandbox, SandboxCall};
use crate::http::{HttpRequest, Sent};

/// What a call that was placed is about.
pub(super) struct Placed {
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

/// Places a call and lets it run its course; answers its id.
pub(super) fn place(sandbox: &Arc<Sandbox>, placed: Placed) -> String {
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
    };
    sandbox.memory().calls.push(call);
    tokio::spawn(run_its_course(Arc::clone(sandbox), id.clone()));
    id
}

async fn run_its_course(sandbox: Arc<Sandbox>, id: String) {
    let pace = sandbox.options.call_pace;
    sandbox.around.clock.sleep(pace).await;
    change(&sandbox, &id, |call| call.status = "IN_PROGRESS");
    sandbox.around.clock.sleep(pace).await;
    let now = sandbox.around.clock.now().to_string();
    let ended = change(&sandbox, &id, |call| {
        call.status = ending(call.phone.as_deref());
        call.duration_ms = u64::try_from(pace.as_millis()).unwrap_or(u64::MAX);
        call.ended = Some(now);
    });
    if let Some(call) = ended {
        report(&sandbox, &call).await;
    }
}

fn change(sandbox: &Sandbox, id: &str, change: impl FnOnce(&mut SandboxCall)) -> Option<SandboxCall> {
    let mut memory = sandbox.memory();
    let call = memory.calls.iter_mut().find(|call| call.id == id)?;
    change(call);
    Some(call.clone())
}

/// Posts what a call came to: to the callback, and to those who subscribed to its agent.
async fn report(sandbox: &Sandbox, call: &SandboxCall) {
    if let Some(url) = &sandbox.options.callback {
        post(sandbox, url.clone(), &call.to_callback()).await;
    }
    let subscribed: Vec<String> = {
        let memory = sandbox.memory();
        let wants = |kind: &str, agent: &str| kind == "NEW_RESPONSE" && agent == call.agent;
        memory.subscriptions.iter().filter(|s| wants(&s.kind, &s.agent)).map(|s| s.url.clone()).collect()
    };
    for url in subscribed.iter().filter_map(|url| Url::parse(url).ok()) {
        post(sandbox, url, &call.to_json(sandbox.options.metadata_echo)).await;
    }
}

async fn post(sandbox: &Sandbox, url: Url, body: &Value) {
    let ask = HttpRequest {
        method: reqwest::Method::POST,
        url,
        headers: vec![("content-type".to_owned(), "application/json".into())],
        body: Bytes::from(body.to_string()),
        timeout: Duration::from_secs(10),
        max_bytes: 64 * 1024,
    };
    match sandbox.around.http.send(ask).await {
        Sent::Answered(_) => {}
        Sent::NotSent { class, .. } | Sent::Unknown { class, .. } => {
            tracing::warn!(class, "a call's end could not be reported to its callback");
        }
    }
}
