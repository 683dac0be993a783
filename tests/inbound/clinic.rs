//! A clinic whose service takes records of calls.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::binary::{Receiver, Service, tickler};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const SECRET: &str = "kept-by-the-platform";
/// Some seconds before nine in New York, the day before the appointments: a busy machine takes some to start.
pub const BEFORE_NINE: &str = "2026-11-24T13:59:55Z";

pub const SCHEDULE: &str = r#"
cron = "0 9 * * *"
timezone = "America/New_York"
[source.csv]
path = "../appointments.csv"
[appointment]
id = "id"
phone = "phone"
default_region = "US"
starts_at = "starts_at"
[remind]
days_before = 1
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
contact_phone = "{{ phone }}"
reminder_id = "{{ reminder_id }}"
[outcome]
secret = [{ env = "OUTCOME_SECRET" }, { env = "OUTCOME_SECRET_BEFORE" }]
[outcome.values]
yes = "confirmed"
cancel = "declined"
move = "reschedule"
stop = "opted_out"
wrong = "wrong_number"
"#;

/// Ways to write one number.
pub const SPELLINGS: [&str; 12] = [
    "+12025550143",
    "12025550143",
    "2025550143",
    "(202) 555-0143",
    "202-555-0143",
    "202.555.0143",
    "202 555 0143",
    "+1 (202) 555-0143",
    "+1-202-555-0143",
    "1-202-555-0143",
    "1 (202) 555 0143",
    "tel:+12025550143",
];

/// A clinic with one appointment, a receiver of its calls, and a service that takes records.
pub struct Clinic {
    folder: TempDir,
    pub receiver: Receiver,
}

impl Clinic {
    pub fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
        let clinic = Self { folder, receiver: Receiver::listen() };
        clinic.table("A-1,(202) 555-0143,2026-11-25 10:00\n");
        clinic.schedule("day-before", &format!("{SCHEDULE}{more}"));
        clinic
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn table(&self, rows: &str) {
        let text = format!("id,phone,starts_at\n{rows}");
        std::fs::write(self.path().join("appointments.csv"), text).expect("a table");
    }

    pub fn schedule(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(format!("schedules/{name}.toml")), text).expect("a schedule");
    }

    pub fn start(&self, now: &str) -> Service {
        self.start_with(now, &[])
    }

    /// The same with more variables of the environment.
    pub fn start_with(&self, now: &str, more: &[(&str, &str)]) -> Service {
        let url = self.receiver.url();
        let mut variables = vec![
            ("THOUGHTLY_AUTOMATION_URL", url.as_str()),
            ("OUTCOME_SECRET", SECRET),
            ("OUTCOME_SECRET_BEFORE", "the-one-before"),
            ("TICKLER_INBOUND__LISTEN", "127.0.0.1:0"),
        ];
        variables.extend(more);
        Service::start(self.path(), &["--now", now], &variables)
    }

    /// The service after its one call was accepted, and the reminder's id.
    pub fn called(&self) -> (Service, String) {
        let service = self.start(BEFORE_NINE);
        let call = self.receiver.request();
        let id = reminder_id(&call.text);
        call.accept();
        self.until(|row| row["state"] == "delivered");
        (service, id)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = tickler(self.path())
            .env("THOUGHTLY_AUTOMATION_URL", self.receiver.url())
            .args(arguments)
            .args(["--format", "json"])
            .output()
            .expect("tickler runs");
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The outcome's row once it is as awaited.
    pub fn until(&self, is_awaited: impl Fn(&Value) -> bool) -> Value {
        // each look takes a process, some tens of milliseconds
        for _look in 0..600 {
            let listed = self.json(&["outcome", "list"]);
            if let Some(row) = listed.as_array().and_then(|rows| rows.first()).filter(|row| is_awaited(row)) {
                return row.clone();
            }
        }
        panic!("it did not come to that: {}", self.json(&["outcome", "list"]));
    }
}

pub fn reminder_id(request: &str) -> String {
    let body = request.split_once("\r\n\r\n").expect("a body").1;
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["reminder_id"].as_str().expect("an id").to_owned()
}

/// What is sent, as written.
pub fn exchange(address: &str, request: &[u8]) -> (u16, Value, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
    // a server that answers early may close before it has read everything
    let _cut = stream.write_all(request);
    let mut answer = Vec::new();
    let _cut = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null), answer)
}

pub fn posted(address: &str, path: &str, headers: &str, body: &str) -> (u16, Value, String) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: here\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    exchange(address, request.as_bytes())
}

/// Posts a record with its secret.
pub fn tell(address: &str, record: &Value) -> (u16, Value) {
    let headers = format!("x-tickler-secret: {SECRET}\r\n");
    let (status, body, _) = posted(address, "/outcome/day-before", &headers, &record.to_string());
    (status, body)
}

pub fn received(outcome: Option<&str>, duplicate: bool) -> (u16, Value) {
    (200, json!({"received": true, "matched": true, "outcome": outcome, "duplicate": duplicate}))
}
