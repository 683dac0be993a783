//! The storm of requests: clients that repeat until they are answered, outcomes that come twice, out of order and not at all, and
//! a service that is killed again and again. Every acknowledged request is called once or has its reason, no id reaches
//! the receiver twice, no chain has more calls than it may, and every acknowledged outcome stands.
//!
//! A longer storm: `STORM_LEADS=2000 STORM_KILLS=50 ./test --test inbound storm`.
//!
//! That it catches a wrong build was seen with two:
//!
//! - *The answer before the commit*: in `Inbound::take_post` (`src/ledger/opened.rs`) answer `PostTaken::Accepted` at once, and
//!   have the writer do its work in a task of its own.
//! - *A retry without its key*: in `NewRetry::inserted` (`src/ledger/retries.rs`) give the retry the lead of a later number, so that
//!   the next record of the call makes another one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::{Service, export, tickler};
use crate::clinic::{Clinic, exchange};

const LEADS_SECRET: &str = "kept-by-the-crm";
const CLIENTS: usize = 8;

/// The first retry, and no further one.
const MOST_CALLS: usize = 2;

const STORM: &str = r#"
timezone = "America/New_York"
[source.inbound]
secret = { env = "LEADS_SECRET" }
max_per_hour = 1000000
[appointment]
id = "id"
phone = "phone"
[remind]
now = true
allowed_countries = ["US"]
calling_hours = "always"
max_per_person_per_day = 1000
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
reminder_id = "{{ reminder_id }}"
lead_id = "{{ appointment_id }}"
retry = "{{ retry }}"
[outcome]
secret = { env = "OUTCOME_SECRET" }
[outcome.values]
yes = "confirmed"
[outcome.retry]
on = ["no_answer"]
times = 1
after = "1s"
[delivery]
max_in_flight = 8
"#;

#[expect(clippy::disallowed_methods, reason = "whoever wants a longer storm says so in the environment")]
fn number_of(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// Whoever was called, in the order of the calls: reminder and lead.
type Calls = Arc<Mutex<Vec<(String, String)>>>;

/// Accepts every call at once.
fn receive() -> (String, Calls) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/webhook/automation/storm", listener.local_addr().expect("an address"));
    let calls = Calls::default();
    let kept = Arc::clone(&calls);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || while accept_one(&stream, &kept).is_some() {});
        }
    });
    (url, calls)
}

fn accept_one(mut stream: &TcpStream, calls: &Calls) -> Option<()> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    let body = loop {
        let found = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = found.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break body.to_owned();
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => text.extend_from_slice(&chunk[..count]),
        }
    };
    let body: Value = serde_json::from_str(&body).ok()?;
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    calls.lock().expect("nobody panics").push((text("reminder_id"), text("lead_id")));
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{\"data\": {}}")
        .ok()
}

/// Rings when something has changed; whoever waits looks again, at the latest after a moment.
#[derive(Default)]
struct Bell(Mutex<()>, Condvar);

impl Bell {
    fn ring(&self) {
        self.1.notify_all();
    }

    fn wait(&self) {
        let held = self.0.lock().expect("nobody panics");
        drop(self.1.wait_timeout(held, Duration::from_millis(20)).expect("nobody panics"));
    }
}

/// What clients know: where the service is now, and what was acknowledged.
#[derive(Default)]
struct World {
    address: Mutex<String>,
    is_over: AtomicBool,
    /// The test has failed: nobody is to wait for an answer any more.
    is_given_up: AtomicBool,
    bell: Bell,
    /// By lead, the status of the answer.
    leads: Mutex<BTreeMap<String, u16>>,
    /// By reminder, the outcomes that were acknowledged.
    outcomes: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl World {
    /// Posts until it is answered with something that is not to be repeated.
    fn until_answered(&self, path: &str, secret: &str, body: &Value) -> u16 {
        let body = body.to_string();
        loop {
            let address = self.address.lock().expect("nobody panics").clone();
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: here\r\nx-tickler-secret: {secret}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let status = TcpStream::connect(&address).map_or(0, |_| attempt(&address, &request));
            match status {
                0 | 429 if self.is_given_up.load(Ordering::Acquire) => return 0,
                0 | 429 => self.bell.wait(),
                status => return status,
            }
        }
    }
}

/// Lets every client end when the test fails.
struct GivesUp<'a>(&'a World);

impl Drop for GivesUp<'_> {
    fn drop(&mut self) {
        self.0.is_given_up.store(std::thread::panicking(), Ordering::Release);
    }
}

/// The status of one exchange; 0 when nobody answers.
fn attempt(address: &str, request: &str) -> u16 {
    let exchanged = std::panic::catch_unwind(|| exchange(address, request.as_bytes()).0);
    exchanged.unwrap_or(0)
}

/// An invented phone: a hundred to an area code.
fn phone(number: usize) -> String {
    const AREAS: [u16; 20] =
        [202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229];
    format!("+1{}55501{:02}", AREAS[number / 100 % AREAS.len()], number % 100)
}

/// One client posts its share of the leads.
fn post_leads(world: &World, client: usize, leads: usize) {
    for number in (client..leads).step_by(CLIENTS) {
        let id = format!("L{number}");
        // every 17th has no number that may be called
        let phone = if number % 17 == 3 { "911".to_owned() } else { phone(number) };
        let status = world.until_answered("/call/leads", LEADS_SECRET, &json!({"id": id, "phone": phone}));
        world.leads.lock().expect("nobody panics").insert(id, status);
        world.bell.ring();
    }
}

/// Reports what became of the calls: of one in twenty nothing, of one in three first that nobody answered, all twice.
fn report(world: &World, calls: &Calls) {
    let mut reported = 0;
    loop {
        let next = calls.lock().expect("nobody panics").get(reported).cloned();
        let Some((reminder, lead)) = next else {
            if world.is_over.load(Ordering::Acquire) || world.is_given_up.load(Ordering::Acquire) {
                return;
            }
            world.bell.wait();
            continue;
        };
        reported += 1;
        let number: usize = lead.trim_start_matches('L').parse().unwrap_or(0);
        if number % 20 == 7 {
            continue;
        }
        let record = |status: &str, said: Option<&str>, second: u8| {
            json!({"reminder_id": reminder, "call_id": format!("call-{reminder}"), "status": status, "outcome": said,
                "ended_at": format!("2026-11-24T15:00:{second:02}Z")})
        };
        let records = match number % 3 {
            0 => vec![record("NO_ANSWER", None, 1)],
            // the later one comes first
            1 => vec![record("COMPLETED", Some("yes"), 9), record("IN_PROGRESS", None, 1)],
            _ => vec![record("COMPLETED", Some("yes"), 9)],
        };
        for record in records.iter().chain(&records) {
            assert_eq!(world.until_answered("/outcome/leads", crate::clinic::SECRET, record), 200);
        }
        let outcome = if number.is_multiple_of(3) { "no_answer" } else { "confirmed" };
        world.outcomes.lock().expect("nobody panics").entry(reminder).or_default().insert(outcome.to_owned());
    }
}

#[test]
fn a_storm_of_requests_outcomes_and_kills_calls_each_lead_once_and_loses_no_answer() {
    let (leads, kills) = (number_of("STORM_LEADS", 120), number_of("STORM_KILLS", 5));
    let clinic = Clinic::new("");
    std::fs::remove_file(clinic.path().join("schedules/day-before.toml")).expect("the schedule of appointments");
    clinic.schedule("leads", STORM);
    std::fs::write(clinic.path().join("tickler.toml"), "[accounts.thoughtly]\nrate = \"unlimited\"\n")
        .expect("settings");
    let (url, calls) = receive();
    let start = || {
        let variables = [
            ("THOUGHTLY_AUTOMATION_URL", url.as_str()),
            ("OUTCOME_SECRET", crate::clinic::SECRET),
            ("LEADS_SECRET", LEADS_SECRET),
            ("TICKLER_INBOUND__LISTEN", "127.0.0.1:0"),
        ];
        Service::start(clinic.path(), &[], &variables)
    };
    let world = World::default();
    let service = start();
    world.address.lock().expect("nobody panics").clone_from(&service.inbound());
    let service = std::thread::scope(|scope| {
        let mut service = service;
        let _unless_it_ends_well = GivesUp(&world);
        let posting: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn({
                    let world = &world;
                    move || post_leads(world, client, leads)
                })
            })
            .collect();
        let reporting = scope.spawn(|| report(&world, &calls));
        for kill in 1..=kills {
            // so many leads are acknowledged before the next kill
            while world.leads.lock().expect("nobody panics").len() < leads * kill / (kills + 1) {
                world.bell.wait();
            }
            service.signal(Signal::KILL);
            service.wait();
            service = start();
            world.address.lock().expect("nobody panics").clone_from(&service.inbound());
            world.bell.ring();
        }
        posting.into_iter().for_each(|client| client.join().expect("a client"));
        until_settled(&clinic);
        world.is_over.store(true, Ordering::Release);
        reporting.join().expect("the reports");
        service
    });
    until_settled(&clinic);
    assert_eq!(service.stop().code(), Some(0));
    judge(&clinic, &world, &calls.lock().expect("nobody panics"), kills);
}

/// Waits until nothing is pending or being sent, many times in a row: a retry may be planned by the next record.
fn until_settled(clinic: &Clinic) {
    let mut settled = 0;
    // each look takes a process, some tens of milliseconds
    while settled < 40 {
        let status = clinic.json(&["status"]);
        settled = if status["pending"] == 0 && status["sending"] == 0 { settled + 1 } else { 0 };
    }
}

fn judge(clinic: &Clinic, world: &World, calls: &[(String, String)], kills: usize) {
    let listed = clinic.json(&["inbound", "list"]);
    let listed: BTreeMap<&str, &Value> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (row["appointment_id"].as_str().expect("an id"), row))
        .collect();
    let reminders: BTreeSet<&String> = calls.iter().map(|(reminder, _)| reminder).collect();
    assert_eq!(reminders.len(), calls.len(), "a reminder reached the receiver twice");
    let mut of_lead: BTreeMap<&str, usize> = BTreeMap::new();
    calls.iter().for_each(|(_, lead)| *of_lead.entry(lead).or_default() += 1);
    let most = of_lead.values().max().copied().unwrap_or(0);
    assert!(most <= MOST_CALLS, "a chain has {most} calls: {of_lead:?}");
    let (mut lost, mut uncertain) = (Vec::new(), 0);
    for (lead, status) in &*world.leads.lock().expect("nobody panics") {
        let row = listed.get(lead.as_str());
        match status {
            200 | 202 if row.is_some_and(|row| row["state"] == "uncertain") => uncertain += 1,
            200 | 202 if of_lead.contains_key(lead.as_str()) => {}
            422 if row.is_some_and(|row| row["reason"] == "invalid_phone") => {}
            _ => lost.push((lead.clone(), *status, row.map(ToString::to_string))),
        }
    }
    assert_eq!(lost, [], "acknowledged, and neither called nor with a reason");
    assert!(uncertain <= kills * 8, "{uncertain} are uncertain");
    let outcomes = clinic.json(&["outcome", "list"]);
    let outcomes: BTreeMap<&str, &str> = outcomes
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (row["reminder_id"].as_str().expect("an id"), row["outcome"].as_str().unwrap_or("none")))
        .collect();
    for (reminder, acknowledged) in &*world.outcomes.lock().expect("nobody panics") {
        let found = outcomes.get(reminder.as_str()).copied().unwrap_or("no reminder");
        assert!(acknowledged.contains(found), "{reminder}: {found} in place of {acknowledged:?}");
    }
    let verified = tickler(clinic.path()).args(["audit", "verify"]).output().expect("tickler runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    assert!(export(clinic.path()).contains("inbound.received"));
}
