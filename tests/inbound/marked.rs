//! Marked secrets and persons, in paths, headers, bodies and transcripts: whatever the listener is sent, and however much is
//! logged, none of them is in the log, the metrics or an answer, and no secret in the ledger.

use rustix::process::Signal;
use serde_json::json;

use crate::binary::{export, tickler};
use crate::clinic::{BEFORE_NINE, Clinic, exchange, posted, reminder_id};

/// The mark that is in every secret, and nowhere else.
const MARK: &str = "canary7f3a";
/// Said in a call, and kept nowhere.
const TRANSCRIPT: &str = "transcriptmark4c1e";
/// Names and numbers, as they are posted.
const PERSONS: [&str; 4] = ["Canarypatient", "2025550164", "555-0164", "2025550150"];

const LEADS: &str = r#"
timezone = "America/New_York"
[source.inbound]
secret = { env = "LEADS_SECRET" }
secret_in_url = true
[appointment]
id = "id"
phone = "phone"
default_region = "US"
[remind]
now = true
allowed_countries = ["US"]
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
reminder_id = "{{ reminder_id }}"
name = "{{ name }}"
[outcome]
secret = { env = "RECORDS_SECRET" }
secret_in_url = true
[outcome.values]
yes = "confirmed"
"#;

/// The log that was written, and every answer that was given.
struct Heard {
    log: Vec<String>,
    answers: Vec<String>,
}

#[test]
fn no_secret_and_no_person_that_is_posted_comes_out_again() {
    let clinic = Clinic::new("");
    std::fs::remove_file(clinic.path().join("schedules/day-before.toml")).expect("the schedule of appointments");
    clinic.schedule("leads", LEADS);
    let heard = heard(&clinic);
    for text in heard.log.iter().chain(&heard.answers) {
        assert!(!text.contains(MARK), "a secret: {text}");
        assert!(!text.contains(TRANSCRIPT), "a transcript: {text}");
        assert!(!PERSONS.iter().any(|person| text.contains(person)), "a person: {text}");
    }
    assert!(heard.answers.iter().any(|answer| answer.contains("inbound_requests_total")), "the metrics were read");
    for file in std::fs::read_dir(clinic.path()).expect("the folder").flatten().filter(|it| it.path().is_file()) {
        let bytes = std::fs::read(file.path()).expect("a file");
        for mark in [MARK, TRANSCRIPT] {
            let is_marked = bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
            assert!(!is_marked, "{mark} in {}", file.path().display());
        }
    }
}

fn heard(clinic: &Clinic) -> Heard {
    let (leads, records) = (format!("{MARK}-leads"), format!("{MARK}-records"));
    let service = clinic.start_with(
        BEFORE_NINE,
        &[
            ("LEADS_SECRET", &leads),
            ("RECORDS_SECRET", &records),
            ("TICKLER_WEB__LISTEN", "127.0.0.1:0"),
            ("TICKLER_LOG__LEVEL", "trace"),
            ("RUST_LOG", "trace"),
        ],
    );
    let address = service.inbound();
    let mut answers = Vec::new();
    let lead = json!({"id": "L1", "phone": "(202) 555-0164", "name": "Ada Canarypatient"}).to_string();
    let header = format!("x-tickler-secret: {leads}\r\n");
    let post = |path: &str, headers: &str, body: &str| posted(&address, path, headers, body).2;
    answers.push(post(&format!("/call/leads/{leads}"), "", &lead));
    let call = clinic.receiver.request();
    let id = reminder_id(&call.text);
    call.accept();
    let record = json!({
        "reminder_id": id, "call_id": "c-1", "status": "COMPLETED", "outcome": "yes",
        "transcript": format!("{TRANSCRIPT}: I am Ada Canarypatient, call me on +12025550164"),
        "contact_phone": "+12025550164", "recording_url": format!("https://records.example/{MARK}/{TRANSCRIPT}"),
        "conversation_history": [{"role": "user", "content": TRANSCRIPT}], "tags": [TRANSCRIPT],
    });
    let subscription = json!({
        "id": "c-2", "interview": {"id": "a1", "title": "Canarypatient"}, "status": "COMPLETED", "phone_number": "+12025550164",
        "contact": {"id": "p1", "name": "Ada Canarypatient", "attributes": {"key": MARK}}, "transcript": TRANSCRIPT,
        "metadata": {"reminder_id": id, "token": MARK}, "summary_data": {"text": TRANSCRIPT},
    });
    let odd = "(202) 555-0164, \"name\": \"Ada Canarypatient";
    for (path, headers, body) in [
        (format!("/call/leads/{MARK}-wrong"), "", lead.as_str()),
        (format!("/call/{MARK}-nobody"), "authorization: Bearer canary7f3a-wrong\r\n", &lead),
        (format!("/call/leads?secret={leads}&name=Canarypatient"), "", &lead),
        (format!("/call/leads/{leads}"), "", &lead),
        (format!("/call/leads/{leads}"), "", odd),
        (format!("/call/leads/{leads}"), "", "{\"id\":\"L2\",\"phone\":\"+2025550150\",\"name\":\"Canarypatient\"}"),
        (format!("/call/leads/{leads}"), "", "{\"id\":\"L3\",\"phone\":\"911\",\"name\":\"Canarypatient\"}"),
        (format!("/outcome/leads/{records}"), "", &record.to_string()),
        (format!("/outcome/leads/{records}"), "", &subscription.to_string()),
        (format!("/outcome/leads/{records}"), "", odd),
        (format!("/outcome/leads/{MARK}-wrong"), "", &record.to_string()),
        (format!("/{MARK}/Canarypatient"), "", &lead),
    ] {
        answers.push(post(&path, headers, body));
    }
    for (method, path) in [("GET", "L1"), ("GET", "L3"), ("DELETE", "L1"), ("GET", "Canarypatient"), ("PUT", "L1")] {
        let asked = format!("{method} /call/leads/{path} HTTP/1.1\r\nhost: here\r\n{header}connection: close\r\n\r\n");
        answers.push(exchange(&address, asked.as_bytes()).2);
    }
    for page in ["/metrics", "/readyz"] {
        let asked = format!("GET {page} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", service.page());
        answers.push(exchange(&service.page(), asked.as_bytes()).2);
    }
    let verbs: [&[&str]; 5] =
        [&["status"], &["audit", "list"], &["outcome", "list"], &["inbound", "list"], &["inbound", "urls"]];
    for arguments in verbs {
        let output = tickler(clinic.path())
            .envs([("LEADS_SECRET", &leads), ("RECORDS_SECRET", &records)])
            .args(arguments)
            .output()
            .expect("tickler runs");
        answers.push(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned());
    }
    answers.push(export(clinic.path()));
    service.signal(Signal::TERM);
    let (rest, last) = service.lines_until("the service has stopped");
    let log = service.beginning().iter().cloned().chain(rest).chain([last]).collect();
    service.wait();
    Heard { log, answers }
}
