//! The storm of requests: clients that repeat until they are answered, outcomes that come twice, out of order and not at all, and
//! a service that is killed again and again. Every acknowledged request is called once or has its reason, no id reaches
//! the receiver twice, no chain has more calls than it may, every acknowledged outcome holds, and of the calls that nobody
//! reports those that the account knows are found by a poll and the others are `unreported`.
//!
//! A longer storm: `STORM_LEADS=2000 STORM_KILLS=50 ./test --test inbound storm`.
//!
//! That it catches a wrong build was seen with two:
//!
//! - *The answer before the commit*: in `Ledger::take_post` (`src/ledger/opened.rs`) answer with what the work came to as soon as it is
//!   done in its transaction, which is committed afterwards.
//! - *A retry without its key*: in `Tx::plan_retry` (`src/ledger/verbs/retries.rs`) give the retry an id and a lead that no other
//!   has, so that each record that asks for a retry makes one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::{Service, export, tickler};
use crate::clinic::Clinic;

const LEADS_SECRET: &str = "kept-by-the-crm";
const CLIENTS: usize = 8;
const REPORTERS: usize = 3;

/// The first call and its retry.
const MOST_CALLS: usize = 2;

/// Each start of the service is so much later: what nobody reported before is polled for.
const BETWEEN_STARTS: SignedDuration = SignedDuration::from_mins(10);

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
[outcome]
secret = { env = "OUTCOME_SECRET" }
[outcome.values]
yes = "confirmed"
[outcome.retry]
on = ["no_answer", "busy"]
times = 1
after = "1s"
[outcome.poll]
agent = "storm"
[delivery]
max_in_flight = 8
"#;

#[expect(clippy::disallowed_methods, reason = "whoever wants a longer storm says so in the environment")]
fn number_of(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// What the reports about a lead's calls are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// First busy, then no answer: each asks for a retry.
    NoAnswer,
    /// Confirmed; the record of the call that goes on comes afterwards.
    Reversed,
    /// Confirmed.
    Plain,
    /// Nothing is posted; the account knows the call.
    OnlyPolled,
    /// Nothing is posted, and the account knows nothing.
    Unknown,
}

/// The number of a lead: `L17` has 17.
fn number_in(lead: &str) -> usize {
    lead.trim_start_matches('L').parse().expect("a lead's number")
}

impl Course {
    /// The course for a lead; one in twenty is never reported.
    fn of(lead: &str) -> Self {
        match number_in(lead) {
            number if number % 40 == 7 => Self::OnlyPolled,
            number if number % 20 == 7 => Self::Unknown,
            number if number.is_multiple_of(3) => Self::NoAnswer,
            number if number % 3 == 1 => Self::Reversed,
            _ => Self::Plain,
        }
    }

    /// What becomes of each of its calls.
    const fn outcome(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::Reversed | Self::Plain => "confirmed",
            Self::OnlyPolled => "answered",
            Self::Unknown => "unreported",
        }
    }

    /// What is posted about a call, in its order.
    fn records(self, reminder: &str, now: Timestamp) -> Vec<Value> {
        let record = |status: &str, said: Option<&str>, second: i64| {
            json!({"reminder_id": reminder, "call_id": format!("call-{reminder}"), "status": status, "outcome": said,
                "ended_at": (now + SignedDuration::from_secs(second)).to_string()})
        };
        match self {
            Self::NoAnswer => vec![record("BUSY", None, 1), record("NO_ANSWER", None, 2)],
            Self::Reversed => vec![record("COMPLETED", Some("yes"), 9), record("IN_PROGRESS", None, 1)],
            Self::Plain => vec![record("COMPLETED", Some("yes"), 9)],
            Self::OnlyPolled | Self::Unknown => Vec::new(),
        }
    }
}

/// Rings when something has changed; whoever waits checks again, at the latest after a moment.
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

/// What clients and receiver know: where the service is now, who was called, and what was acknowledged.
#[derive(Default)]
struct World {
    address: Mutex<String>,
    now: Mutex<Timestamp>,
    is_over: AtomicBool,
    /// The test has failed: nobody is to wait for an answer any more.
    is_given_up: AtomicBool,
    bell: Bell,
    /// Reminder and lead of each call, in the order in which they reached the receiver.
    calls: Mutex<Vec<(String, String)>>,
    /// The status of the answer to each lead.
    leads: Mutex<BTreeMap<String, u16>>,
    /// Reminders whose records were all acknowledged.
    reported: Mutex<BTreeSet<String>>,
    /// How many calls the reporters are done with.
    handled: AtomicUsize,
    /// How many records were acknowledged.
    acknowledged: AtomicUsize,
    /// Records that were answered with something else than 200.
    refused: Mutex<Vec<(String, u16)>>,
}

fn kept<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics")
}

impl World {
    /// Posts until it is answered with something that is not to be repeated.
    fn until_answered(&self, path: &str, secret: &str, body: &Value) -> u16 {
        let body = body.to_string();
        loop {
            let address = kept(&self.address).clone();
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: here\r\nx-tickler-secret: {secret}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            match attempt(&address, &request) {
                None | Some(429) if self.is_given_up.load(Ordering::Acquire) => return 0,
                None | Some(429) => self.bell.wait(),
                Some(status) => return status,
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.is_over.load(Ordering::Acquire) || self.is_given_up.load(Ordering::Acquire)
    }

    fn calls_so_far(&self) -> usize {
        kept(&self.calls).len()
    }

    fn wait_until(&self, is_so: impl Fn() -> bool) {
        while !is_so() {
            self.bell.wait();
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

/// The status of one exchange; `None` when nobody answers.
fn attempt(address: &str, request: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let _cut = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

/// Accepts every call at once, and lists the calls that the account knows.
fn receive(world: &Arc<World>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let world = Arc::clone(world);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let world = Arc::clone(&world);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                while accept_one(&mut reader, &stream, &world).is_some() {}
            });
        }
    });
    url
}

fn accept_one(reader: &mut BufReader<&TcpStream>, mut stream: &TcpStream, world: &World) -> Option<()> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|count| *count > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = if first.starts_with("GET") {
        known_calls(world, &first)
    } else {
        let body: Value = serde_json::from_slice(&body).ok()?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        kept(&world.calls).push((text("reminder_id"), text("lead_id")));
        world.bell.ring();
        json!({"data": {}})
    }
    .to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}", answer.len());
    stream.write_all(format!("{head}\r\n\r\n{answer}").as_bytes()).ok()
}

/// One page of the calls, as the account's API lists them.
fn known_calls(world: &World, request: &str) -> Value {
    let number = |name: &str| {
        let (_, rest) = request.split_once(&format!("{name}="))?;
        rest.split(['&', ' ']).next()?.parse::<usize>().ok()
    };
    let (page, limit) = (number("page").unwrap_or(0), number("limit").unwrap_or(20));
    let now = kept(&world.now).to_string();
    let calls = kept(&world.calls);
    let known = calls.iter().filter(|(_, lead)| Course::of(lead) == Course::OnlyPolled).map(|(reminder, _)| {
        json!({"id": format!("call-{reminder}"), "interview": {"id": "storm"}, "status": "COMPLETED", "end_time": now,
            "metadata": {"reminder_id": reminder}})
    });
    json!({"data": {"responses": known.skip(page * limit).take(limit).collect::<Vec<_>>()}})
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
        kept(&world.leads).insert(id, status);
        world.bell.ring();
    }
}

/// One reporter posts what became of its share of the calls: every other lead's records twice.
fn report(world: &World, reporter: usize) {
    let mut next = reporter;
    while !world.has_ended() {
        let Some((reminder, lead)) = kept(&world.calls).get(next).cloned() else {
            world.bell.wait();
            continue;
        };
        next += REPORTERS;
        let now = *kept(&world.now);
        let records = Course::of(&lead).records(&reminder, now);
        let repeats = if number_in(&lead).is_multiple_of(2) { &records[..] } else { &[] };
        for record in records.iter().chain(repeats) {
            let status = world.until_answered("/outcome/leads", crate::clinic::SECRET, record);
            if status != 200 {
                kept(&world.refused).push((lead.clone(), status));
            }
            world.acknowledged.fetch_add(1, Ordering::AcqRel);
            world.bell.ring();
        }
        if !records.is_empty() {
            kept(&world.reported).insert(reminder);
        }
        world.handled.fetch_add(1, Ordering::AcqRel);
    }
}

/// The clinic of the storm, whose service is started again and again.
struct Storm {
    clinic: Clinic,
    world: Arc<World>,
    url: String,
}

impl Storm {
    fn new() -> Self {
        let clinic = Clinic::new("");
        std::fs::remove_file(clinic.path().join("schedules/day-before.toml")).expect("the schedule of appointments");
        clinic.schedule("leads", STORM);
        let world = Arc::new(World {
            now: Mutex::new("2026-11-24T15:00:00Z".parse().expect("an instant")),
            ..World::default()
        });
        let url = receive(&world);
        let account = format!(
            "[accounts.thoughtly]\nrate = \"unlimited\"\nbase_url = \"{url}\"\napi_token = {{ env = \"TOKEN\" }}\nteam_id = \"team\"\n"
        );
        std::fs::write(clinic.path().join("tickler.toml"), account).expect("settings");
        Self { clinic, world, url }
    }

    /// Starts the service so much later than before.
    fn start(&self, later: SignedDuration) -> Service {
        let now = {
            let mut now = kept(&self.world.now);
            *now += later;
            now.to_string()
        };
        let automation = format!("{}/webhook/automation/storm", self.url);
        let variables = [
            ("THOUGHTLY_AUTOMATION_URL", automation.as_str()),
            ("OUTCOME_SECRET", crate::clinic::SECRET),
            ("LEADS_SECRET", LEADS_SECRET),
            ("TOKEN", "token-1"),
            ("TICKLER_INBOUND__LISTEN", "127.0.0.1:0"),
        ];
        let service = Service::start(self.clinic.path(), &["--now", &now], &variables);
        kept(&self.world.address).clone_from(&service.inbound());
        self.world.bell.ring();
        service
    }

    /// Waits for so many acknowledged leads, and then for what comes next: nothing, a record that is acknowledged, or a call
    /// that reached the receiver and was not answered yet.
    fn await_kill(&self, kill: usize, leads: usize) {
        let world = &self.world;
        world.wait_until(|| kept(&world.leads).len() >= leads);
        let (acknowledged, calls) = (world.acknowledged.load(Ordering::Acquire), world.calls_so_far());
        match kill % 3 {
            0 => {}
            1 => world.wait_until(|| world.acknowledged.load(Ordering::Acquire) > acknowledged),
            _ => world.wait_until(|| world.calls_so_far() > calls),
        }
    }

    /// Waits until every call was reported and nothing that a report asked for is left.
    fn until_settled(&self) {
        let world = &self.world;
        loop {
            let calls = world.calls_so_far();
            world.wait_until(|| world.handled.load(Ordering::Acquire) >= calls);
            let status = self.clinic.json(&["status"]);
            if status["pending"] == 0 && status["sending"] == 0 && world.calls_so_far() == calls {
                return;
            }
        }
    }

    /// State and outcome of each reminder.
    fn outcomes(&self) -> BTreeMap<String, (String, String)> {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("none").to_owned();
        let listed = self.clinic.json(&["outcome", "list"]);
        let rows = listed.as_array().expect("a list").iter();
        rows.map(|row| (text(row, "reminder_id"), (text(row, "state"), text(row, "outcome")))).collect()
    }

    /// Waits until each call of that course whose request was accepted has its outcome.
    fn await_outcomes(&self, course: Course) {
        let calls = kept(&self.world.calls).clone();
        let of_course: Vec<&String> =
            calls.iter().filter(|(_, lead)| Course::of(lead) == course).map(|(reminder, _)| reminder).collect();
        let is_settled = |(state, outcome): &(String, String)| outcome == course.outcome() || state == "uncertain";
        for _look in 0..600 {
            let outcomes = self.outcomes();
            if of_course.iter().all(|id| outcomes.get(*id).is_some_and(is_settled)) {
                return;
            }
        }
        panic!("{course:?}: {:?}", self.outcomes());
    }
}

#[test]
fn a_storm_of_requests_outcomes_and_kills_calls_each_lead_once_and_loses_no_answer() {
    let (leads, kills) = (number_of("STORM_LEADS", 120), number_of("STORM_KILLS", 5));
    let storm = Storm::new();
    let world = &storm.world;
    let service = std::thread::scope(|scope| {
        let mut service = storm.start(SignedDuration::ZERO);
        let _unless_it_ends_well = GivesUp(world);
        let posting: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || post_leads(world, client, leads))).collect();
        let reporting: Vec<_> = (0..REPORTERS).map(|reporter| scope.spawn(move || report(world, reporter))).collect();
        for kill in 1..=kills {
            storm.await_kill(kill, leads * kill / (kills + 1));
            service.signal(Signal::KILL);
            service.wait();
            service = storm.start(BETWEEN_STARTS);
        }
        posting.into_iter().for_each(|client| client.join().expect("a client"));
        storm.until_settled();
        world.is_over.store(true, Ordering::Release);
        reporting.into_iter().for_each(|reporter| reporter.join().expect("a reporter"));
        service
    });
    assert_eq!(service.stop().code(), Some(0));
    let service = storm.start(SignedDuration::from_mins(11));
    storm.await_outcomes(Course::OnlyPolled);
    assert_eq!(service.stop().code(), Some(0));
    let service = storm.start(SignedDuration::from_hours(25));
    storm.await_outcomes(Course::Unknown);
    assert_eq!(service.stop().code(), Some(0));
    judge_calls(&storm, kills);
    judge_outcomes(&storm);
    let verified = tickler(storm.clinic.path()).args(["audit", "verify"]).output().expect("tickler runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// Every acknowledged lead was called or has its reason; nobody was called twice by one reminder, or too often.
fn judge_calls(storm: &Storm, kills: usize) {
    let listed = storm.clinic.json(&["inbound", "list"]);
    let rows = listed.as_array().expect("a list").iter();
    let listed: BTreeMap<&str, &Value> =
        rows.map(|row| (row["appointment_id"].as_str().expect("an id"), row)).collect();
    let calls = kept(&storm.world.calls);
    let reminders: BTreeSet<&String> = calls.iter().map(|(reminder, _)| reminder).collect();
    assert_eq!(reminders.len(), calls.len(), "a reminder reached the receiver twice");
    let mut of_lead: BTreeMap<&str, usize> = BTreeMap::new();
    calls.iter().for_each(|(_, lead)| *of_lead.entry(lead).or_default() += 1);
    let too_often: Vec<_> = of_lead
        .iter()
        .filter(|(lead, count)| **count > if Course::of(lead) == Course::NoAnswer { MOST_CALLS } else { 1 })
        .collect();
    assert!(too_often.is_empty(), "called too often: {too_often:?}");
    let (mut lost, mut uncertain) = (Vec::new(), 0);
    for (lead, status) in &*kept(&storm.world.leads) {
        let row = listed.get(lead.as_str());
        match status {
            200 | 202 if of_lead.contains_key(lead.as_str()) => {}
            200 | 202 if row.is_some_and(|row| row["state"] == "uncertain") => uncertain += 1,
            422 if row.is_some_and(|row| row["reason"] == "invalid_phone") => {}
            _ => lost.push((lead.clone(), *status, row.map(ToString::to_string))),
        }
    }
    assert_eq!(lost, [], "acknowledged, and neither called nor with a reason");
    let called_once = of_lead.iter().filter(|(lead, count)| Course::of(lead) == Course::NoAnswer && **count == 1);
    let without_retry = called_once.count();
    assert!(uncertain + without_retry <= kills * 8, "{uncertain} are uncertain, {without_retry} have no retry");
    let retried = of_lead.values().filter(|count| **count == MOST_CALLS).count();
    assert!(retried > of_lead.len() / 5, "{retried} of {} were called again", of_lead.len());
    eprintln!("{} calls to {} leads, {retried} retries, {uncertain} uncertain", calls.len(), of_lead.len());
}

/// Every acknowledged outcome holds, and whatever was not posted was found by a poll or is `unreported`.
fn judge_outcomes(storm: &Storm) {
    assert_eq!(*kept(&storm.world.refused), [], "records that were refused");
    let (outcomes, reported) = (storm.outcomes(), kept(&storm.world.reported));
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (reminder, lead) in &*kept(&storm.world.calls) {
        let course = Course::of(lead);
        let expected = course.outcome();
        assert_eq!(reported.contains(reminder), !course.records(reminder, Timestamp::UNIX_EPOCH).is_empty(), "{lead}");
        match outcomes.get(reminder) {
            Some((state, outcome)) if state == "delivered" && outcome == expected => {}
            // its fate is unknown, and nobody said anything of it
            Some((state, outcome)) if course == Course::Unknown && state == "uncertain" && outcome == "none" => {}
            found => wrong.push((lead.clone(), course, found.cloned())),
        }
        *seen.entry(expected).or_default() += 1;
    }
    assert_eq!(wrong, [], "another outcome than the one that was acknowledged");
    assert_eq!(seen.len(), 4, "each kind of outcome: {seen:?}");
    let log = export(storm.clinic.path());
    let polled = log.lines().filter(|line| line.contains("outcome.received") && line.contains("\"actor\":\"poll\""));
    assert_eq!(polled.count(), seen["answered"], "found by a poll");
    eprintln!("outcomes: {seen:?}");
}
