//! shell: Thoughtly's routes as far as they are known, and the way every request takes through the faults.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;
use tower_http::set_header::SetResponseHeaderLayer;

use super::calls::{self, PlacedCall};
use super::connection::ConnectionCut;
use super::faults::RequestFate;
use super::state::{Created, Sandbox, Subscription};
use super::{Outcome, ReceivedRequest};

type SandboxState = State<Arc<Sandbox>>;

/// The maximum size of a request; larger ones are answered 413.
const REQUEST_LIMIT: usize = 1024 * 1024;

/// The fields that creating a contact takes.
const CONTACT_FIELDS: [&str; 6] = ["phone_number", "name", "email", "country_code", "tags", "attributes"];

/// The one agent that the sandbox lists; calls by any agent are placed.
const AGENT: &str = "sandbox-agent";

/// Every answer carries this header: whoever sends reminders to it knows that nobody was phoned.
const MARK: (HeaderName, HeaderValue) = (HeaderName::from_static("x-tickler-sandbox"), HeaderValue::from_static("1"));

/// Every route, behind the faults.
pub(super) fn router(sandbox: Arc<Sandbox>) -> Router {
    let api = Router::new()
        .route("/contact", get(list_contacts))
        .route("/contact/create", post(create_contact))
        .route("/contact/call", post(call_contact))
        .route("/contact/{id}", get(show_contact).delete(delete_contact))
        .route("/interview", get(list_agents))
        .route("/interview/{id}/responses", get(list_calls))
        .route("/webhooks", get(list_subscriptions))
        .route("/webhooks/subscribe", post(subscribe))
        .route("/webhooks/unsubscribe", delete(unsubscribe))
        .route_layer(from_fn_with_state(Arc::clone(&sandbox), demand_credentials));
    Router::new()
        .route("/webhook/automation/{id}", post(run_automation))
        .merge(api)
        .fallback(|| async { failure(StatusCode::NOT_FOUND, "not_found", "no such route") })
        .layer(from_fn_with_state(Arc::clone(&sandbox), meet_faults))
        .layer(SetResponseHeaderLayer::overriding(MARK.0, MARK.1))
        .with_state(sandbox)
}

/// Reads the whole request, applies the configured faults, and reports it.
async fn meet_faults(
    State(sandbox): SandboxState,
    ConnectInfo(cut): ConnectInfo<ConnectionCut>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_LIMIT).await else {
        return failure(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the request is too large");
    };
    let mut event = ReceivedRequest {
        at: sandbox.around.clock.now(),
        method: parts.method.to_string(),
        route: route_of(parts.uri.path()),
        outcome: Outcome::Reset,
        phone_last4: phone_of(&sandbox, &body),
        reminder_id: reminder_id_of(&parts.headers),
        has_no_number: false,
    };
    if !sandbox.options.faults.latency.is_zero() {
        sandbox.around.clock.sleep(sandbox.options.faults.latency).await;
    }
    let fate = sandbox.memory().dealer.deal(sandbox.around.clock.monotonic());
    let request = Request::from_parts(parts, Body::from(body));
    let response = match fate {
        RequestFate::Obeyed | RequestFate::ObeyedThenReset => next.run(request).await,
        RequestFate::ObeyedInHtml => in_html(next.run(request).await),
        RequestFate::Throttled => later(&sandbox, StatusCode::TOO_MANY_REQUESTS),
        RequestFate::Fails(status) => later(&sandbox, StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)),
        RequestFate::ErrorIn200 => {
            failure(StatusCode::OK, "sandbox_error", "the sandbox was started with an injected error")
        }
    };
    event.has_no_number = response.extensions().get::<NoNumber>().is_some();
    if fate == RequestFate::ObeyedThenReset {
        cut.cut();
    } else {
        event.outcome = Outcome::Answered(response.status().as_u16());
    }
    (sandbox.around.events)(event);
    response
}

/// The route without ids; a path that is none of ours isn't repeated, it may hold anything.
fn route_of(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["webhook", "automation", _] => "/webhook/automation/{id}".to_owned(),
        ["contact", "create" | "call"] | ["contact" | "interview" | "webhooks"] => path.to_owned(),
        ["webhooks", "subscribe" | "unsubscribe"] => path.to_owned(),
        ["contact", _] => "/contact/{id}".to_owned(),
        ["interview", _, "responses"] => "/interview/{id}/responses".to_owned(),
        _ => "(no such route)".to_owned(),
    }
}

fn in_html(response: Response) -> Response {
    if response.status().is_success() {
        let mut page = Html("<!doctype html><title>Sign in</title><p>Please sign in.").into_response();
        *page.extensions_mut() = response.extensions().clone();
        return page;
    }
    response
}

fn later(sandbox: &Sandbox, status: StatusCode) -> Response {
    let mut response = failure(status, "sandbox_fault", "the sandbox was started with an injected failure");
    let names_a_time = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    if let Some(seconds) = sandbox.options.retry_after.filter(|_| names_a_time) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// The API demands both headers, with any value unless the sandbox was given one.
async fn demand_credentials(State(sandbox): SandboxState, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let wanted = [("x-api-token", &sandbox.options.api_token), ("team_id", &sandbox.options.team_id)];
    for (name, value) in wanted {
        if headers.get(name).is_none_or(HeaderValue::is_empty) {
            return unauthorized(&format!("the header `{name}` is missing"));
        }
        if !has(headers, name, value.as_ref()) {
            return unauthorized(&format!("the value of the header `{name}` is wrong"));
        }
    }
    next.run(request).await
}

fn has(headers: &HeaderMap, name: &str, wanted: Option<&SecretString>) -> bool {
    let Some(wanted) = wanted else { return true };
    let given = headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    given.ct_eq(wanted.expose_secret().as_bytes()).into()
}

fn success(data: &Value) -> Response {
    Json(json!({ "error": null, "data": data })).into_response()
}

fn failure(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message }, "data": null }))).into_response()
}

fn unauthorized(message: &str) -> Response {
    failure(StatusCode::UNAUTHORIZED, "unauthorized", message)
}

fn bad_request(message: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, "bad_request", message)
}

fn unknown_contact() -> Response {
    failure(StatusCode::NOT_FOUND, "contact_not_found", "no such contact")
}

fn object(body: &Bytes) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

/// Marks the answer to a payload without a number: its call fails.
#[derive(Debug, Clone, Copy)]
struct NoNumber;

async fn run_automation(State(sandbox): SandboxState, headers: HeaderMap, body: Bytes) -> Response {
    if sandbox.options.verify_automations && !has(&headers, "x-api-token", sandbox.options.api_token.as_ref()) {
        return unauthorized("the header `x-api-token` is missing or wrong");
    }
    let Some(payload) = object(&body) else { return bad_request("the body must be a JSON object") };
    if sandbox.options.draft {
        return success(&json!({ "status": "draft" }));
    }
    let payload = Value::Object(payload);
    let reminder_id = payload.get("reminder_id").and_then(Value::as_str).map(str::to_owned);
    let phone = first_number(&payload);
    let has_no_number = phone.is_none();
    let placed = PlacedCall { agent: AGENT.to_owned(), contact_id: None, phone, reminder_id, metadata: Value::Null };
    let mut answer = success(&json!({ "id": calls::place(&sandbox, placed) }));
    if has_no_number {
        answer.extensions_mut().insert(NoNumber);
    }
    answer
}

async fn create_contact(State(sandbox): SandboxState, body: Bytes) -> Response {
    let Some(mut fields) = object(&body) else { return bad_request("the body must be a JSON object") };
    if let Some(name) = fields.keys().find(|name| !CONTACT_FIELDS.contains(&name.as_str())) {
        return bad_request(&format!("`{name}` is not a field of a contact"));
    }
    let phone = fields.remove("phone_number");
    let Some(phone) = phone.as_ref().and_then(Value::as_str).filter(|phone| is_e164(phone)) else {
        return bad_request("`phone_number` must be there, in E.164");
    };
    match sandbox.create_contact(phone.to_owned(), fields) {
        Created::Contact(contact) => success(&contact.to_json()),
        Created::Conflict => failure(StatusCode::CONFLICT, "contact_exists", "a contact with this phone exists"),
    }
}

async fn call_contact(State(sandbox): SandboxState, body: Bytes) -> Response {
    let Some(fields) = object(&body) else { return bad_request("the body must be a JSON object") };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(contact_id), Some(agent)) = (text("contact_id"), text("interview_id")) else {
        return bad_request("`contact_id` and `interview_id` must be there");
    };
    let metadata = fields.get("metadata").cloned().unwrap_or(Value::Null);
    let is_flat = match &metadata {
        Value::Null => true,
        Value::Object(pairs) => pairs.values().all(Value::is_string),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    };
    if !is_flat {
        return bad_request("`metadata` must be a flat object of strings, or null");
    }
    let Some(contact) = sandbox.contact(contact_id) else { return unknown_contact() };
    let reminder_id = metadata.get("reminder_id").and_then(Value::as_str).map(str::to_owned);
    let placed = PlacedCall {
        agent: agent.to_owned(),
        contact_id: Some(contact.id),
        phone: Some(contact.phone),
        reminder_id,
        metadata,
    };
    success(&json!({ "id": calls::place(&sandbox, placed) }))
}

#[derive(Debug, Deserialize)]
struct Listing {
    #[serde(default)]
    search: String,
    #[serde(default)]
    tags: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    page: usize,
    #[serde(default = "default_limit")]
    limit: usize,
}

fn default_limit() -> usize {
    20
}

impl Listing {
    fn page_of(&self, found: Vec<Value>) -> Vec<Value> {
        found.into_iter().skip(self.page.saturating_mul(self.limit)).take(self.limit).collect()
    }

    fn has_bad_limit(&self) -> bool {
        !(1..=50).contains(&self.limit)
    }
}

async fn list_contacts(State(sandbox): SandboxState, Query(ask): Query<Listing>) -> Response {
    if ask.has_bad_limit() {
        return bad_request("`limit` must be 1 to 50");
    }
    let memory = sandbox.memory();
    let found = memory.contacts.iter().filter(|contact| contact.phone.contains(&ask.search) || ask.names(contact));
    let found = found.filter(|contact| ask.tags.is_empty() || ask.tags.split(',').any(|tag| contact.has_tag(tag)));
    let found = found.map(super::state::SandboxContact::to_json).collect();
    success(&json!({ "contacts": ask.page_of(found) }))
}

impl Listing {
    fn names(&self, contact: &super::state::SandboxContact) -> bool {
        contact.fields.get("name").and_then(Value::as_str).is_some_and(|name| name.contains(&self.search))
    }
}

impl super::state::SandboxContact {
    fn has_tag(&self, tag: &str) -> bool {
        self.fields.get("tags").and_then(Value::as_array).is_some_and(|tags| tags.iter().any(|have| have == tag))
    }
}

async fn show_contact(State(sandbox): SandboxState, Path(id): Path<String>) -> Response {
    sandbox.contact(&id).map_or_else(unknown_contact, |contact| success(&contact.to_json()))
}

async fn delete_contact(State(sandbox): SandboxState, Path(id): Path<String>) -> Response {
    let mut memory = sandbox.memory();
    let before = memory.contacts.len();
    memory.contacts.retain(|contact| contact.id != id);
    if memory.contacts.len() == before { unknown_contact() } else { success(&json!({ "id": id })) }
}

async fn list_agents() -> Response {
    success(&json!({ "interviews": [{ "id": AGENT, "title": "Sandbox agent" }] }))
}

async fn list_calls(State(sandbox): SandboxState, Path(agent): Path<String>, Query(ask): Query<Listing>) -> Response {
    if ask.has_bad_limit() {
        return bad_request("`limit` must be 1 to 50");
    }
    let memory = sandbox.memory();
    let calls = memory.calls.iter().filter(|call| call.agent == agent);
    let calls = calls.filter(|call| ask.status.is_empty() || call.status.eq_ignore_ascii_case(&ask.status));
    let calls = calls.filter(|call| call.phone.as_deref().unwrap_or_default().contains(&ask.search));
    let found = calls.map(|call| call.to_json(sandbox.options.metadata_echo)).collect();
    success(&json!({ "responses": ask.page_of(found) }))
}

async fn list_subscriptions(State(sandbox): SandboxState) -> Response {
    let memory = sandbox.memory();
    let shown = memory.subscriptions.iter().map(|s| json!({ "type": s.kind, "url": s.url, "data": s.agent }));
    success(&json!({ "webhooks": shown.collect::<Vec<_>>() }))
}

async fn subscribe(State(sandbox): SandboxState, body: Bytes) -> Response {
    let Some(subscription) = subscription(&body) else {
        return bad_request("`type`, `url` and `data` (the agent's id) must be there");
    };
    let mut memory = sandbox.memory();
    if !memory.subscriptions.contains(&subscription) {
        memory.subscriptions.push(subscription);
    }
    success(&json!({}))
}

async fn unsubscribe(State(sandbox): SandboxState, body: Bytes) -> Response {
    let Some(subscription) = subscription(&body) else {
        return bad_request("`type`, `url` and `data` (the agent's id) must be there");
    };
    sandbox.memory().subscriptions.retain(|known| *known != subscription);
    success(&json!({}))
}

fn subscription(body: &Bytes) -> Option<Subscription> {
    let fields = object(body)?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Subscription { kind: text("type")?, url: text("url")?, agent: text("data")? })
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The first phone number anywhere in a payload: which field holds it is the user's own choice.
fn first_number(payload: &Value) -> Option<String> {
    match payload {
        Value::String(text) => is_e164(text).then(|| text.clone()),
        Value::Array(items) => items.iter().find_map(first_number),
        Value::Object(fields) => fields.values().find_map(first_number),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn phone_of(sandbox: &Sandbox, body: &Bytes) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let by_contact = || Some(sandbox.contact(body.get("contact_id")?.as_str()?)?.phone);
    let phone = first_number(&body).or_else(by_contact)?;
    phone.get(phone.len().checked_sub(4)?..).map(str::to_owned)
}

/// The reminder's id, if it is one: nothing else of a header gets into an event.
fn reminder_id_of(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("idempotency-key")?.to_str().ok()?;
    text.parse::<crate::reminder::ReminderId>().ok().map(|id| id.to_string())
}
