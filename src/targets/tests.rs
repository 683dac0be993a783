//! pure: requests as they leave, and what answers say.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::attempt::Step;
use crate::reminder::ReminderId;
use crate::schedule::WebhookSpec;
use crate::settings::{Rate, SecretRef, TextOrSecret};

const ID: &str = "01997c3e-8a00-7000-8000-000000000001";
const TIMEOUT: Duration = Duration::from_secs(30);

/// Secrets in files, as far as a test needs them.
struct Vault(tempfile::TempDir);

impl Vault {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn keep(&self, name: &str, value: &str) -> SecretRef {
        let path = self.0.path().join(name);
        std::fs::write(&path, value).expect("a written secret");
        SecretRef::File(path)
    }
}

fn intent() -> Intent {
    Intent {
        reminder_id: ReminderId(ID.parse().expect("an id")),
        schedule: "day-before".to_owned(),
        appointment_id: "a1".to_owned(),
        attempt: 1,
        tries: 0,
        step: Step::Call,
        phone: "+12025550143".into(),
        payload: r#"{"contact_phone":"+12025550143","minutes":30}"#.into(),
        contact: None,
        contact_id: None,
        contact_renewed: false,
        expires_at: signed_at(),
        starts_at: signed_at(),
        calling_hours: "always".to_owned(),
        recipient_zone: "America/New_York".to_owned(),
    }
}

fn signed_at() -> Timestamp {
    Timestamp::from_second(1_731_705_121).expect("a valid instant")
}

fn request(target: &dyn Target, intent: &Intent, step: StepRequest) -> Result<HttpRequest, TargetError> {
    target.request(intent, step, signed_at())
}

fn header<'a>(ask: &'a HttpRequest, name: &str) -> Vec<&'a str> {
    ask.headers.iter().filter(|(have, _)| have == name).map(|(_, value)| value.expose_secret()).collect()
}

fn answer(status: u16, body: &str) -> HttpResponse {
    let body = Bytes::copy_from_slice(body.as_bytes());
    HttpResponse { status, headers: Vec::new(), body, end: BodyEnd::Whole, latency: Duration::ZERO }
}

fn automation(vault: &Vault, url: &str, token: Option<&SecretRef>) -> Result<Endpoint, TargetError> {
    let url = vault.keep("url", url);
    automation::open(
        &automation::AutomationTerms { url: &url, api_token: token, timeout: TIMEOUT },
        None,
        &Secrets::default(),
    )
}

fn webhook_spec(url: &str) -> WebhookSpec {
    WebhookSpec {
        url: TextOrSecret::Text(url.to_owned()),
        method: "POST".to_owned(),
        headers: Vec::new(),
        secret: None,
        accept_status: None,
        error_pointer: None,
        id_pointer: None,
        account: "example".to_owned(),
    }
}

fn webhook(spec: &WebhookSpec) -> Result<Endpoint, TargetError> {
    webhook::open(spec, TIMEOUT, &Secrets::default())
}

fn account(vault: &Vault, base_url: &str) -> Account {
    Account {
        base_url: Url::parse(base_url).expect("a URL"),
        api_token: Some(vault.keep("token", "t-1")),
        team_id: Some(TextOrSecret::Text("team-1".to_owned())),
        rate: Rate::Unlimited,
    }
}

fn caller(vault: &Vault) -> call::Caller {
    let agent = TextOrSecret::Text("agent-1".to_owned());
    let written = call::CallTerms { agent: &agent, account: "thoughtly", timeout: TIMEOUT };
    let account = account(vault, "http://127.0.0.1:9/v1");
    call::Caller::open(&written, Some(&account), &Secrets::default()).expect("a target")
}

#[test]
fn an_automation_gets_the_exact_payload_once_with_its_id() {
    let vault = Vault::new();
    let token = vault.keep("token", "t-1\n");
    let target = automation(&vault, "http://127.0.0.1:9/webhook/automation/hidden", Some(&token)).expect("a target");
    let ask = request(&target, &intent(), StepRequest::Call).expect("a request");
    assert_eq!((ask.method.as_str(), ask.url.path()), ("POST", "/webhook/automation/hidden"));
    assert_eq!(ask.body, intent().payload.as_str());
    assert_eq!(header(&ask, "idempotency-key"), [ID]);
    assert_eq!(header(&ask, "content-type"), ["application/json"]);
    assert_eq!(header(&ask, "x-api-token"), ["t-1"]);
    assert_eq!(header(&ask, "team_id"), Vec::<&str>::new());
    assert_eq!((ask.max_bytes, ask.timeout), (65_536, TIMEOUT));
    assert_eq!(target.origin(), "http://127.0.0.1:9");
    assert!(target.is_loopback() && !target.needs_contact());
}

#[test]
fn an_automation_without_verification_sends_no_token() {
    let target = automation(&Vault::new(), "https://api.example.com/webhook/automation/hidden", None);
    let target = target.expect("a target");
    assert_eq!(header(&request(&target, &intent(), StepRequest::Call).expect("a request"), "x-api-token").len(), 0);
    assert!(!target.is_loopback());
}

#[test]
fn a_refused_or_broken_address_is_told_without_being_shown() {
    for url in ["http://169.254.169.254/hidden", "ftp://example.com/hidden", "hidden", ""] {
        let Err(refused) = automation(&Vault::new(), url, None) else { panic!("{url} is refused") };
        assert!(!refused.to_string().contains("hidden"), "{refused}");
    }
}

#[test]
fn thoughtlys_answers_are_read_in_every_form() {
    let target = automation(&Vault::new(), "http://127.0.0.1:9/a", None).expect("a target");
    let facts = |body: &str| target.facts(StepRequest::Call, &answer(200, body));
    let with_id = |id: &str| Facts { is_accepted_status: true, remote_id: Some(id.to_owned()), ..Facts::default() };
    assert_eq!(facts(r#"{"error":null,"data":{"id":"r-1"}}"#), with_id("r-1"));
    assert_eq!(facts(r#"{"data":{"call_id":42}}"#), with_id("42"));
    assert_eq!(facts(r#"{"data":{"response_id":"r-3"}}"#), with_id("r-3"));
    assert_eq!(facts("<html>").note, Some("html"));
    assert_eq!(facts("  <!DOCTYPE HTML><p>Sign in").note, Some("html"));
    assert_eq!(facts("thank you").note, Some("not_json"));
    assert_eq!(facts("").note, Some("not_json"));
    assert_eq!(facts(r#"{"ok":true}"#).note, Some("no_envelope"));
    assert_eq!(facts("[]").note, Some("no_envelope"));
    assert_eq!(target.facts(StepRequest::Call, &answer(500, "{}")), Facts::default());
}

#[test]
fn an_error_gives_a_word_and_never_free_text() {
    for (error, word) in [
        (json!({ "code": "agent_disabled", "message": "Ada Test, +12025550143" }), "agent_disabled"),
        (json!({ "message": "Ada Test" }), "error"),
        (json!({ "code": "12025550143" }), "error"),
        (json!("Ada Test was called already"), "error"),
        (json!(true), "error"),
        (json!(7), "7"),
        (json!([0]), "error"),
        (json!({ "code": null }), "error"),
    ] {
        assert_eq!(error_class(&error).as_deref(), Some(word), "{error}");
    }
    for nothing in [json!(null), json!(false), json!(""), json!(0), json!(0.0), json!([]), json!({})] {
        assert_eq!(error_class(&nothing), None, "{nothing}");
    }
}

#[test]
fn a_webhook_is_signed_as_standard_webhooks_says() {
    let vault = Vault::new();
    let secret = "whsec_plJ3nmyCDGBKInavdOK15jsl";
    let payload = r#"{"event_type":"ping","data":{"success":true}}"#;
    // the example of the Standard Webhooks specification
    let key = webhook::SigningKey::read(&secret.into()).expect("a key");
    let [id, timestamp, signature] = key.headers("msg_loFOjxBNrRLzqYUf", signed_at(), payload);
    assert_eq!((id.0.as_str(), id.1.expose_secret()), ("webhook-id", "msg_loFOjxBNrRLzqYUf"));
    assert_eq!((timestamp.0.as_str(), timestamp.1.expose_secret()), ("webhook-timestamp", "1731705121"));
    let expected = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=";
    assert_eq!((signature.0.as_str(), signature.1.expose_secret()), ("webhook-signature", expected));

    let spec =
        WebhookSpec { secret: Some(vault.keep("secret", secret)), ..webhook_spec("https://hooks.example.com/in") };
    let target = webhook(&spec).expect("a target");
    let ask = request(&target, &Intent { payload: payload.into(), ..intent() }, StepRequest::Call).expect("a request");
    let [_, _, signature] = key.headers(ID, signed_at(), payload);
    assert_eq!(header(&ask, "webhook-id"), [ID]);
    assert_eq!(header(&ask, "webhook-timestamp"), ["1731705121"]);
    assert_eq!(header(&ask, "webhook-signature"), [signature.1.expose_secret()]);
    assert_eq!(ask.body, payload);
}

#[test]
fn a_signing_secret_that_is_none_is_refused_without_being_shown() {
    for secret in ["whsec_", "not base64!", ""] {
        let Err(refused) = webhook::SigningKey::read(&secret.into()) else { panic!("`{secret}` is refused") };
        assert!(!refused.to_string().contains("base64!"), "{refused}");
    }
}

#[test]
fn a_webhook_follows_its_own_rules_of_success() {
    let spec = WebhookSpec {
        accept_status: Some(vec![202, 409]),
        error_pointer: Some("/problem".to_owned()),
        id_pointer: Some("/call/id".to_owned()),
        ..webhook_spec("http://127.0.0.1:9/in")
    };
    let target = webhook(&spec).expect("a target");
    let facts = |status, body: &str| target.facts(StepRequest::Call, &answer(status, body));
    assert_eq!(facts(202, r#"{"call":{"id":"x"}}"#).remote_id.as_deref(), Some("x"));
    assert_eq!(facts(202, r#"{"problem":{"type":"full"}}"#).error.as_deref(), Some("full"));
    assert_eq!(facts(202, r#"{"error":"ignored"}"#).error, None);
    assert!(facts(409, "{}").is_accepted_status);
    assert!(!facts(200, "{}").is_accepted_status);
    let plain = webhook(&webhook_spec("http://127.0.0.1:9/in")).expect("a target");
    assert_eq!(plain.facts(StepRequest::Call, &answer(204, "")).note, None);
}

#[test]
fn an_authors_content_type_takes_the_place_of_ours() {
    let headers = vec![("Content-Type".to_owned(), TextOrSecret::Text("application/cloudevents+json".to_owned()))];
    let spec = WebhookSpec { headers, method: "PUT".to_owned(), ..webhook_spec("http://127.0.0.1:9/in") };
    let ask = request(&webhook(&spec).expect("a target"), &intent(), StepRequest::Call).expect("a request");
    assert_eq!(header(&ask, "content-type"), ["application/cloudevents+json"]);
    assert_eq!(ask.method.as_str(), "PUT");
}

#[test]
fn a_call_creates_its_contact_from_known_fields_alone() {
    let target = caller(&Vault::new());
    let contact = r#"{"name":"Ada Test","email":null,"tags":["x"],"custom_fields":{}}"#;
    let with_contact = |contact: &str| Intent { contact: Some(contact.into()), ..intent() };
    let ask = request(&target, &with_contact(contact), StepRequest::CreateContact).expect("a request");
    assert_eq!((ask.method.as_str(), ask.url.as_str()), ("POST", "http://127.0.0.1:9/v1/contact/create"));
    let body: Value = serde_json::from_slice(&ask.body).expect("JSON");
    assert_eq!(body, json!({ "phone_number": "+12025550143", "name": "Ada Test", "tags": ["x"] }));
    assert_eq!((header(&ask, "x-api-token"), header(&ask, "team_id")), (vec!["t-1"], vec!["team-1"]));
    let bare = request(&target, &with_contact("null"), StepRequest::CreateContact).expect("a request");
    assert_eq!(bare.body, r#"{"phone_number":"+12025550143"}"#);
}

#[test]
fn a_call_carries_its_payload_as_flat_metadata() {
    let target = caller(&Vault::new());
    let payload = r#"{"name":"Zoë","minutes":30,"vip":true,"note":null,"list":[1,"a"]}"#;
    let intent = Intent { payload: payload.into(), contact_id: Some("c-1".to_owned()), ..intent() };
    let ask = request(&target, &intent, StepRequest::Call).expect("a request");
    assert_eq!(ask.url.path(), "/v1/contact/call");
    let body: Value = serde_json::from_slice(&ask.body).expect("JSON");
    let metadata = json!({ "name": "Zoë", "minutes": "30", "vip": "true", "list": "[1,\"a\"]" });
    assert_eq!(body, json!({ "contact_id": "c-1", "interview_id": "agent-1", "metadata": metadata }));
    let unfit = [Intent { payload: "[]".into(), ..intent.clone() }, Intent { contact_id: None, ..intent }];
    assert!(unfit.iter().all(|intent| request(&target, intent, StepRequest::Call).is_err()));
}

#[test]
fn a_contact_is_searched_by_its_number_and_conflicts_are_seen_in_every_form() {
    let target = caller(&Vault::new());
    let ask = request(&target, &intent(), StepRequest::FindContact).expect("a request");
    assert_eq!(ask.url.as_str(), "http://127.0.0.1:9/v1/contact?search=%2B12025550143&limit=50");
    assert_eq!((ask.method.as_str(), ask.body.len()), ("GET", 0));
    let found = r#"{"data":{"contacts":[{"id":"c-1","phone_number":"+12025550143"},{"id":"c-2"}]}}"#;
    let found = target.facts(StepRequest::FindContact, &answer(200, found)).found;
    assert_eq!(found, [("+12025550143".into(), "c-1".to_owned())]);
    let conflict = |step, status, body: &str| target.facts(step, &answer(status, body)).is_conflict;
    assert!(conflict(StepRequest::CreateContact, 409, ""));
    assert!(conflict(StepRequest::CreateContact, 400, r#"{"error":{"message":"Contact already exists"}}"#));
    assert!(conflict(StepRequest::CreateContact, 200, r#"{"error":{"code":"duplicate_contact"}}"#));
    assert!(!conflict(StepRequest::CreateContact, 400, r#"{"error":{"message":"phone does not exist"}}"#));
    assert!(!conflict(StepRequest::Call, 409, ""));
}

#[test]
fn a_call_without_its_accounts_credentials_is_refused_by_the_keys_name() {
    let vault = Vault::new();
    let agent = TextOrSecret::Text("agent-1".to_owned());
    let written = call::CallTerms { agent: &agent, account: "thoughtly", timeout: TIMEOUT };
    let without_team = Account { team_id: None, ..account(&vault, "http://127.0.0.1:9") };
    let complaint = |account: Option<&Account>| match call::Caller::open(&written, account, &Secrets::default()) {
        Ok(_) => panic!("it is refused"),
        Err(refused) => refused.to_string(),
    };
    assert!(complaint(Some(&without_team)).contains("[accounts.thoughtly] team_id"));
    assert!(complaint(None).contains("[accounts.thoughtly]"));
}

#[test]
fn a_fingerprint_changes_with_the_credentials_and_tells_nothing_of_them() {
    let (one, other) = (SecretString::from("t-1"), SecretString::from("t-2"));
    assert_ne!(fingerprint([Some(&one)]), fingerprint([Some(&other)]));
    assert_ne!(fingerprint([Some(&one), None]), fingerprint([None, Some(&one)]));
    assert_eq!(fingerprint([Some(&one)]), fingerprint([Some(&one)]));
    assert!(!fingerprint([Some(&one)]).contains("t-1"));
}

#[test]
fn an_automation_of_the_account_has_the_same_credentials_as_its_calls() {
    let vault = Vault::new();
    let url = vault.keep("url", "http://127.0.0.1:9/a");
    let account = account(&vault, "http://127.0.0.1:9");
    let written = automation::AutomationTerms { url: &url, api_token: None, timeout: TIMEOUT };
    let automation = automation::open(&written, Some(&account), &Secrets::default()).expect("a target");
    assert_eq!(automation.credentials(), caller(&vault).credentials());
}

#[test]
fn an_id_of_the_other_side_is_stored_when_it_is_plain_and_as_a_hash_when_it_is_not() {
    let long = "x".repeat(64);
    for id in ["r-1", "01997c3e:8a00_7000.x", "4711", long.as_str()].map(str::to_owned) {
        assert_eq!(storable(id.clone()), id);
    }
    for id in ["+12025550143", "Ada Test", "r 1", "ä", "{}", "a/b", &"x".repeat(65)].map(str::to_owned) {
        let stored = storable(id.clone());
        assert!(stored.starts_with("sha256:") && stored.len() == 39 && !stored.contains(&id), "{id}: {stored}");
        assert_eq!(storable(id), stored, "the same id is the same hash");
    }
    let target = caller(&Vault::new());
    let contact = target.facts(StepRequest::CreateContact, &answer(200, r#"{"data":{"id":"Ada Test"}}"#));
    assert_eq!(contact.remote_id, None, "a contact is called by its id: a hash would be of no use");
    let call = target.facts(StepRequest::Call, &answer(200, r#"{"data":{"id":"Ada Test"}}"#));
    assert!(call.remote_id.is_some_and(|id| id.starts_with("sha256:")));
}

#[test]
fn a_sandbox_is_known_by_its_mark_and_only_on_this_machine() {
    let vault = Vault::new();
    let target = |url: &str| {
        let url = vault.keep("url", url);
        let written = automation::AutomationTerms { url: &url, api_token: None, timeout: TIMEOUT };
        automation::open(&written, None, &Secrets::default()).expect("a target")
    };
    let marked = |mark: &str| HttpResponse {
        headers: vec![("x-tickler-sandbox".to_owned(), mark.to_owned())],
        ..answer(200, r#"{"error":null,"data":{}}"#)
    };
    let is_sandbox = |url: &str, answer: &HttpResponse| facts(&target(url), StepRequest::Call, answer).is_sandbox;
    assert!(is_sandbox("http://127.0.0.1:9/a", &marked("1")) && is_sandbox("http://localhost:9/a", &marked("1")));
    assert!(!is_sandbox("http://127.0.0.1:9/a", &marked("0")) && !is_sandbox("http://127.0.0.1:9/a", &answer(200, "")));
    assert!(!is_sandbox("https://api.example.com/a", &marked("1")), "no other host makes a delivery a trial");
    assert_ne!(target("http://127.0.0.1:9/a").address(), target("http://127.0.0.1:9/b").address());
}
