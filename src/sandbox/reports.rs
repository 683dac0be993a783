//! shell: how calls are reported: in which shape, how often, in which order.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::state::{Sandbox, SandboxCall};
use crate::http::{HttpRequest, Sent};

/// The shape in which the callback is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportShape {
    /// As the README recommends to map it.
    #[default]
    Callback,
    /// As subscribers get it.
    Subscription,
    /// As Thoughtly's guide shows it.
    Guide,
}

/// How often, and in which order, a call is reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportCourse {
    /// Its end.
    #[default]
    Once,
    /// Its end, twice.
    Twice,
    /// Also its beginning, before the caller is answered.
    Early,
    /// Its end first, then that it goes on.
    Reversed,
    /// Not at all.
    Never,
}

/// How the callback is told.
#[derive(Debug, Clone, Default)]
pub struct Reporting {
    /// The shape of the reports.
    pub shape: ReportShape,
    /// How often.
    pub course: ReportCourse,
    /// A header that goes with it: its name and value.
    pub header: Option<(String, SecretString)>,
}

/// A pause that a receiver may ask for is no longer than this.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The call was placed.
pub(super) async fn begun(sandbox: &Arc<Sandbox>, call: &SandboxCall) {
    if sandbox.options.reporting.course == ReportCourse::Early {
        to_callback(sandbox, call).await;
    }
}

/// The call is over; `going_on` is the call as it was before.
pub(super) async fn ended(sandbox: &Arc<Sandbox>, call: &SandboxCall, going_on: &SandboxCall) {
    match sandbox.options.reporting.course {
        ReportCourse::Once | ReportCourse::Early => to_callback(sandbox, call).await,
        ReportCourse::Twice => {
            to_callback(sandbox, call).await;
            to_callback(sandbox, call).await;
        }
        ReportCourse::Reversed => {
            to_callback(sandbox, call).await;
            to_callback(sandbox, going_on).await;
        }
        ReportCourse::Never => {}
    }
    to_subscribers(sandbox, call).await;
}

async fn to_callback(sandbox: &Sandbox, call: &SandboxCall) {
    let Some(url) = sandbox.callback.get() else { return };
    let body = match sandbox.options.reporting.shape {
        ReportShape::Callback => call.to_callback(),
        ReportShape::Subscription => call.to_json(sandbox.options.metadata_echo),
        ReportShape::Guide => call.to_guide(),
    };
    let header = sandbox.options.reporting.header.as_ref();
    post(sandbox, url.clone(), &body, header).await;
}

async fn to_subscribers(sandbox: &Sandbox, call: &SandboxCall) {
    let subscribed: Vec<String> = {
        let memory = sandbox.memory();
        let wants = |kind: &str, agent: &str| kind == "NEW_RESPONSE" && agent == call.agent;
        memory.subscriptions.iter().filter(|s| wants(&s.kind, &s.agent)).map(|s| s.url.clone()).collect()
    };
    for url in subscribed.iter().filter_map(|url| Url::parse(url).ok()) {
        post(sandbox, url, &call.to_json(sandbox.options.metadata_echo), None).await;
    }
}

/// Posts once; after 429 once more.
async fn post(sandbox: &Sandbox, url: Url, body: &Value, header: Option<&(String, SecretString)>) {
    for _try in 0..2 {
        let own = header.map(|(name, value)| (name.clone(), value.clone()));
        let ask = HttpRequest {
            method: reqwest::Method::POST,
            url: url.clone(),
            headers: std::iter::once(("content-type".to_owned(), "application/json".into())).chain(own).collect(),
            body: Bytes::from(body.to_string()),
            timeout: Duration::from_secs(10),
            max_bytes: 64 * 1024,
        };
        match sandbox.around.http.send(ask).await {
            Sent::Answered(answer) if answer.status == 429 => {
                let seconds = answer.header("retry-after").and_then(|value| value.parse().ok());
                let pause = seconds.map_or(Duration::from_secs(1), Duration::from_secs).min(MAX_PAUSE);
                sandbox.around.clock.sleep(pause).await;
            }
            Sent::Answered(answer) => {
                if !answer.is_success() {
                    tracing::warn!(http_status = answer.status, "the receiver refused the record of a call");
                }
                return;
            }
            Sent::NotSent { class, .. } | Sent::Unknown { class, .. } => {
                tracing::warn!(class, "a call could not be reported to its callback");
                return;
            }
        }
    }
}

impl SandboxCall {
    /// The record as *On Call Completed → Send Webhook* posts it when it is mapped the way our documentation recommends.
    pub(super) fn to_callback(&self) -> Value {
        let mut body = json!({
            "reminder_id": self.reminder_id, "call_id": self.id, "status": self.status,
            "duration_ms": self.duration_ms, "phone_number": self.phone, "recording_url": null,
        });
        if let Some(said) = self.said {
            body["outcome"] = said.into();
        }
        if let Some(ended) = &self.ended {
            body["ended_at"] = ended.as_str().into();
        }
        body
    }

    /// The record as Thoughtly's guide shows it.
    fn to_guide(&self) -> Value {
        json!({
            "call_id": self.id, "agent_id": self.agent, "duration": self.duration_ms / 1_000, "status": self.status,
            "outcome": self.said, "transcript": null,
            "variables": { "reminder_id": self.reminder_id, "outcome": self.said, "phone": self.phone },
        })
    }
}
