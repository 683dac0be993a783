//! The simulated Thoughtly reports its calls to the real service: in each shape, however often and in whatever order.

use std::collections::BTreeMap;
use std::net::TcpListener;

use serde_json::Value;

use crate::binary::{Service, export};
use crate::clinic::*;
use crate::sandboxed::Sandbox;

/// The last two digits of the phones that decide how a call ends, and what is said.
const DIGITS: [&str; 9] = ["01", "02", "07", "11", "12", "13", "14", "15", "16"];

/// What becomes of them where what was said is reported, and where it isn't.
const SAID: [&str; 9] = [
    "answered",
    "no_answer",
    "no_answer",
    "confirmed",
    "declined",
    "reschedule",
    "opted_out",
    "wrong_number",
    "answered",
];
const UNSAID: [&str; 9] =
    ["answered", "no_answer", "no_answer", "answered", "answered", "answered", "answered", "answered", "answered"];

/// The shape in which reports come, how often, and what then becomes of the calls; `None`: nothing is ever posted.
type Combination = (&'static str, &'static str, Option<[&'static str; 9]>);

const COMBINATIONS: [Combination; 15] = [
    ("callback", "once", Some(SAID)),
    ("callback", "twice", Some(SAID)),
    ("callback", "early", Some(SAID)),
    ("callback", "reversed", Some(SAID)),
    ("callback", "never", None),
    ("guide", "once", Some(SAID)),
    ("guide", "twice", Some(SAID)),
    ("guide", "early", Some(SAID)),
    ("guide", "reversed", Some(SAID)),
    ("guide", "never", None),
    ("subscription", "once", Some(UNSAID)),
    ("subscription", "twice", Some(UNSAID)),
    ("subscription", "early", Some(UNSAID)),
    ("subscription", "reversed", Some(UNSAID)),
    ("subscription", "never", None),
];

/// A schedule, a table and a sandbox of their own for each combination, and one service for all of them.
struct Combined {
    clinic: Clinic,
    sandboxes: Vec<Sandbox>,
    /// A free port that both sides can be told of.
    place: String,
}

impl Combined {
    fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let place = free.local_addr().expect("an address").to_string();
        let clinic = Clinic::new("");
        std::fs::remove_file(clinic.path().join("schedules/day-before.toml")).expect("the usual schedule");
        let settings = "[accounts.thoughtly]\nrate = \"unlimited\"\n";
        std::fs::write(clinic.path().join("tickler.toml"), settings).expect("settings");
        let header = format!("X-Tickler-Secret: {SECRET}");
        let mut sandboxes = Vec::new();
        for (number, (tell, told, _)) in COMBINATIONS.iter().enumerate() {
            let name = format!("{tell}-{told}");
            let callback = format!("http://{place}/outcome/{name}");
            let flags =
                ["--callback", &callback, "--tell", tell, "--told", told, "--tell-header", &header, "--metadata-echo"];
            sandboxes.push(Sandbox::start(&flags));
            // an area code of its own: nobody is called by two of them
            let row = |digits: &str| format!("A-{digits},+1{}55501{digits},2026-11-25 10:00\n", AREAS[number]);
            let table = format!("id,phone,starts_at\n{}", DIGITS.map(row).concat());
            std::fs::write(clinic.path().join(format!("{name}.csv")), table).expect("a table");
            let text = SCHEDULE.replace("appointments.csv", &format!("{name}.csv"));
            clinic.schedule(&name, &text.replace("THOUGHTLY_AUTOMATION_URL", &variable(number)));
        }
        Self { clinic, sandboxes, place }
    }

    fn start(&self) -> Service {
        let urls: Vec<(String, &str)> =
            self.sandboxes.iter().enumerate().map(|(number, sandbox)| (variable(number), &*sandbox.url)).collect();
        let mut variables: Vec<(&str, &str)> = urls.iter().map(|(name, url)| (name.as_str(), *url)).collect();
        variables.push(("TICKLER_INBOUND__LISTEN", &self.place));
        self.clinic.start_with(BEFORE_NINE, &variables)
    }

    /// State and outcome of each call, by schedule and appointment.
    fn outcomes(&self) -> BTreeMap<(String, String), (String, String)> {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let listed = self.clinic.json(&["outcome", "list"]);
        let rows = listed.as_array().expect("rows").iter();
        let of =
            |row| ((text(row, "schedule"), text(row, "appointment_id")), (text(row, "state"), text(row, "outcome")));
        rows.map(of).collect()
    }

    /// What is expected in the end.
    fn expected() -> BTreeMap<(String, String), (String, String)> {
        let each = COMBINATIONS.iter().flat_map(|(tell, told, outcomes)| {
            DIGITS.iter().enumerate().map(move |(place, digits)| {
                let outcome = outcomes.map_or("", |outcomes| outcomes[place]);
                ((format!("{tell}-{told}"), format!("A-{digits}")), ("delivered".to_owned(), outcome.to_owned()))
            })
        });
        each.collect()
    }
}

const AREAS: [u16; 15] = [202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218];

fn variable(number: usize) -> String {
    format!("AUTOMATION_{number}")
}

/// Whether a sandbox has ended every call that it took.
fn has_ended(sandbox: &Sandbox) -> bool {
    let address = sandbox.url.trim_start_matches("http://").split('/').next().expect("an address");
    let get = format!(
        "GET /interview/sandbox-agent/responses?limit=50 HTTP/1.1\r\nhost: {address}\r\nx-api-token: t\r\nteam_id: t\r\nconnection: close\r\n\r\n"
    );
    let (_, answer, text) = exchange(address, get.as_bytes());
    let calls = answer["data"]["responses"].as_array().unwrap_or_else(|| panic!("{text}"));
    calls.len() == DIGITS.len() && calls.iter().all(|call| !call["end_time"].is_null())
}

#[test]
fn each_shape_and_each_course_of_reports_comes_to_the_same_outcomes() {
    let combined = Combined::new();
    let service = combined.start();
    let expected = Combined::expected();
    let mut found = combined.outcomes();
    for _look in 0..600 {
        if found == expected && combined.sandboxes.iter().all(has_ended) {
            break;
        }
        found = combined.outcomes();
    }
    let differing: Vec<_> = expected.iter().filter(|(key, value)| found.get(key) != Some(value)).collect();
    assert!(differing.is_empty() && found.len() == expected.len(), "expected {differing:?}, found {found:?}");
    let clinic = &combined.clinic;
    let unmapped = clinic.json(&["outcome", "list", "callback-once", "--unmapped"]);
    assert_eq!(unmapped[0]["calls"][0]["unmapped"], "maybe", "{unmapped}");
    service.stop();
    let log = export(clinic.path());
    for (tell, told, outcomes) in COMBINATIONS {
        let of_schedule = format!("\"schedule\":\"{tell}-{told}\"");
        let received =
            log.lines().filter(|line| line.contains("outcome.received") && line.contains(&of_schedule)).count();
        assert_eq!(received, outcomes.map_or(0, |outcomes| outcomes.len()), "{tell} {told}: a repeat writes nothing");
    }
    assert!(!log.contains("outcome.unmatched"));
}

#[test]
fn a_report_that_is_turned_away_for_now_is_repeated_once() {
    let crm = crate::binary::Receiver::listen();
    let callback = format!("http://{}/outcome/day-before", crm.address());
    let sandbox = Sandbox::start(&["--callback", &callback]);
    let clinic = Clinic::new("");
    clinic.table("A-01,(202) 555-0101,2026-11-25 10:00\n");
    let service = clinic.start_with(BEFORE_NINE, &[("THOUGHTLY_AUTOMATION_URL", &*sandbox.url)]);
    let body = |call: &crate::binary::Call| call.text.split_once("\r\n\r\n").expect("a body").1.to_owned();
    let first = crm.request();
    let text = body(&first);
    first.answer("429 Too Many Requests", "retry-after: 1\r\n");
    let second = crm.request();
    assert_eq!(body(&second), text);
    second.answer("200 OK", "");
    service.stop();
}
