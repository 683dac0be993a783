//! The real binary against a simulated Thoughtly, and against a webhook: what each reading of the other side leads to.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use support::clinic::{Clinic, PARTS, Parts};
use support::command::tickler;
use support::{Conduct, Receiver, answer};

/// A simulated Thoughtly of its own process.
struct Sandbox {
    child: Child,
    lines: BufReader<ChildStdout>,
    base: String,
}

impl Sandbox {
    fn start(options: &[&str]) -> Self {
        let mut child = tickler(&std::env::temp_dir(), &["sandbox", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let mut greeting = String::new();
        BufReader::new(child.stderr.take().expect("its stderr")).read_line(&mut greeting).expect("a greeting");
        let base = greeting.split([' ', ';']).find(|word| word.starts_with("http://")).expect("an address").to_owned();
        let lines = BufReader::new(child.stdout.take().expect("its stdout"));
        Self { child, lines, base }
    }

    /// Ends it; what it received, each with its outcome.
    fn received(mut self) -> Vec<String> {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it is told to end");
        let mut text = String::new();
        self.lines.read_to_string(&mut text).expect("its lines");
        self.child.wait().expect("it ends");
        text.lines().map(|line| line.split(' ').skip(1).take(3).collect::<Vec<_>>().join(" ")).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _reaped = self.child.wait();
    }
}

const CREATED: &str = "POST /contact/create 200";
const CALLED: &str = "POST /contact/call 200";

/// The same person on two days.
const TABLE: &str = "id,phone,starts_at\nA1,+12025550143,2036-11-25T09:00:00\nB1,+12025550143,2036-11-26T09:00:00\n";

const CALL: &str = "[target.call]\nagent = \"agent-1\"\n[target.call.contact]\nname = \"Somebody\"";

/// A clinic with one schedule, whose calls go where each command says.
struct CallingClinic(Clinic);

impl CallingClinic {
    fn new(target: &str, delivery: &str) -> Self {
        let clinic = Clinic::bare("http://127.0.0.1:9");
        clinic.write("appointments.csv", TABLE);
        let more = format!("[delivery]\ntimeout = \"2s\"\n{delivery}");
        let remind = "days_before = 1\ncalling_hours = \"always\"";
        clinic.schedule("clinic", &Parts { remind, target, more: &more, ..PARTS }.text());
        Self(clinic)
    }

    fn command(&self, arguments: &[&str], base: &str) -> Command {
        let mut command = tickler(self.0.path(), arguments);
        command
            .env("THOUGHTLY_API_TOKEN", "token-1")
            .env("THOUGHTLY_TEAM_ID", "team-1")
            .env("SIGNING_SECRET", "whsec_plJ3nmyCDGBKInavdOK15jsl")
            .env("TICKLER_ACCOUNTS__THOUGHTLY__BASE_URL", base)
            .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited");
        command
    }

    /// `trigger` at that time of 2036-11; the exit code and the one reminder's state.
    fn trigger(&self, day_and_time: &str, base: &str) -> (i32, Option<String>) {
        let now = format!("2036-11-{day_and_time}Z");
        let arguments = ["trigger", "clinic", "--now", &now, "--wait", "0s", "--format", "json"];
        let output = self.command(&arguments, base).output().expect("tickler runs");
        let told: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("JSON: {}", String::from_utf8_lossy(&output.stderr)));
        let state = told["reminders"].get(0).and_then(|reminder| reminder["state"].as_str());
        (output.status.code().expect("an exit code"), state.map(str::to_owned))
    }

    fn forget_everything(&self) {
        for suffix in ["", "-wal", "-shm", ".key", ".lock", ".witness"] {
            let _absent = std::fs::remove_file(self.0.file(&format!("tickler.db{suffix}")));
        }
    }

    fn answered(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments, "http://127.0.0.1:9").output().expect("tickler runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The rows of the log about deliveries.
    fn log(&self) -> Vec<Value> {
        let text = self.answered(&["audit", "export", "--event", "delivery", "--format", "jsonl"]);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn done(state: &str) -> (i32, Option<String>) {
    (0, Some(state.to_owned()))
}

/// Pending, and refused for safety: somebody has to lift a pause.
fn paused() -> (i32, Option<String>) {
    (7, Some("pending".to_owned()))
}

#[test]
fn a_contact_that_exists_is_used_whatever_the_other_side_makes_of_a_second_one() {
    for (reading, second) in [
        ("reuse", vec![CREATED, CALLED]),
        ("new", vec![CREATED, CALLED]),
        ("conflict", vec!["POST /contact/create 409", "GET /contact 200", CALLED]),
    ] {
        let sandbox = Sandbox::start(&["--duplicate-contact", reading]);
        let clinic = CallingClinic::new(CALL, "");
        assert_eq!(clinic.trigger("24T14:00:00", &sandbox.base), done("delivered"), "{reading}");
        clinic.forget_everything();
        assert_eq!(clinic.trigger("24T14:00:00", &sandbox.base), done("delivered"), "{reading}");
        assert_eq!(sandbox.received(), [vec![CREATED, CALLED], second].concat(), "{reading}");
    }
}

#[test]
fn a_contact_is_remembered_and_one_that_is_gone_is_made_again_once() {
    let clinic = CallingClinic::new(CALL, "");
    let first = Sandbox::start(&[]);
    assert_eq!(clinic.trigger("24T14:00:00", &first.base), done("delivered"));
    assert_eq!(clinic.trigger("25T14:00:00", &first.base), done("delivered"));
    let table = TABLE.replace("B1", "B2");
    std::fs::write(clinic.0.file("appointments.csv"), table).expect("another appointment");
    assert_eq!(clinic.trigger("25T15:00:00", &first.base), (0, None), "one call a person a day");
    assert_eq!(first.received(), [CREATED, CALLED, CALLED], "the second call of a person needs no contact");
    let other = Sandbox::start(&[]);
    std::fs::write(clinic.0.file("appointments.csv"), TABLE.replace("11-25", "11-27")).expect("one more");
    assert_eq!(clinic.trigger("26T14:00:00", &other.base), done("delivered"));
    assert_eq!(other.received(), ["POST /contact/call 404", CREATED, CALLED]);
}

/// A contact step may be repeated, a call step never by itself; a person can send what ended badly once more.
#[test]
fn an_unknown_fate_of_the_contact_is_repeated_and_one_of_the_call_is_for_a_person() {
    for (faults, delivery, first, exit, then) in [
        (["--reset-after", "0"], "", "pending", 0, "delivered"),
        (["--reset-after", "1"], "", "uncertain", 3, "resent"),
        (["--fail", "400:1"], "", "failed", 3, "resent"),
        (["--fail", "503:1"], "attempts = 1", "dropped", 3, "resent"),
    ] {
        let clinic = CallingClinic::new(CALL, delivery);
        let faulty = Sandbox::start(&faults);
        assert_eq!(clinic.trigger("24T14:00:00", &faulty.base), (exit, Some(first.to_owned())), "{faults:?}");
        assert!(faulty.received().iter().filter(|line| line.contains("/contact/call")).count() <= 1, "{faults:?}");
        // the same reading, so that the contact is known: what is uncertain after that was the call
        let sound = Sandbox::start(&[]);
        let again = clinic.trigger("24T14:05:00", &sound.base);
        if then == "delivered" {
            assert_eq!((again, sound.received()), (done("delivered"), vec![CREATED.to_owned(), CALLED.to_owned()]));
            continue;
        }
        assert_eq!(again, (0, None), "{faults:?}: it counts as reminded");
        let id = clinic.log()[0]["reminder_id"].as_str().expect("an id").to_owned();
        clinic.answered(&["uncertain", "resolve", &id, "--resend", "--reason", "nobody was called"]);
        assert_eq!(clinic.trigger("24T14:06:00", &sound.base), done("delivered"), "{faults:?}");
        let calls = sound.received().iter().filter(|line| *line == CALLED).count();
        assert_eq!(calls, 1, "{faults:?}");
    }
}

#[test]
fn refused_credentials_pause_the_account_until_they_change_or_somebody_resumes() {
    for remedy in ["other credentials", "resume"] {
        let clinic = CallingClinic::new(CALL, "");
        let sandbox = Sandbox::start(&["--fail", "401:1"]);
        assert_eq!(clinic.trigger("24T14:00:00", &sandbox.base), paused());
        assert_eq!(clinic.trigger("24T14:10:00", &sandbox.base), paused(), "nothing is sent while it is paused");
        let status = clinic.answered(&["status", "--format", "json"]);
        assert!(status.contains("401") && status.contains("resume --all"), "{status}");
        if remedy == "resume" {
            clinic.answered(&["resume", "--all"]);
            assert_eq!(clinic.trigger("24T14:12:00", &sandbox.base), done("delivered"));
        } else {
            let arguments = ["trigger", "clinic", "--now", "2036-11-24T14:12:00Z", "--wait", "0s", "--format", "json"];
            let mut command = clinic.command(&arguments, &sandbox.base);
            assert!(command.env("THOUGHTLY_API_TOKEN", "token-2").status().expect("tickler runs").success());
        }
        assert_eq!(sandbox.received(), ["POST /contact/create 401", CREATED, CALLED], "{remedy}");
    }
}

#[test]
fn three_403_in_a_row_pause_the_schedules_target_and_status_says_so() {
    let clinic = CallingClinic::new(CALL, "max_in_flight = 1");
    let rows: String = (1..=5).map(|n| format!("C{n},+1202555014{n},2036-11-25T1{n}:00:00\n")).collect();
    std::fs::write(clinic.0.file("appointments.csv"), format!("id,phone,starts_at\n{rows}")).expect("rows");
    let sandbox = Sandbox::start(&["--fail", "403:99"]);
    assert_eq!(clinic.trigger("24T14:00:00", &sandbox.base).0, 3);
    let status: Value = serde_json::from_str(&clinic.answered(&["status", "--format", "json"])).expect("JSON");
    assert_eq!((&status["schedules"][0]["state"], &status["pending"]), (&"paused".into(), &2.into()));
    let problem = status["schedules"][0]["problem"].as_str().expect("a problem");
    assert!(problem.contains("calling may be disabled"), "{problem}");
    let arguments = ["trigger", "clinic", "--now", "2036-11-24T14:30:00Z", "--wait", "0s"];
    let refused = clinic.command(&arguments, &sandbox.base).output().expect("tickler runs");
    assert_eq!(refused.status.code(), Some(7), "{}", String::from_utf8_lossy(&refused.stderr));
    assert_eq!(sandbox.received().len(), 3);
}

#[test]
fn a_webhook_is_sent_as_its_schedule_says_signed_and_judged_by_its_own_rules() {
    let body = r#"{"problem":null,"call":{"id":"call-77"}}"#;
    let script = [answer("202 Accepted", &[], body), answer("200 OK", &[], body)];
    let erring = answer("202 Accepted", &[], r#"{"problem":{"code":"full"}}"#);
    let receiver = Receiver::start([&script[..], &[erring]].concat().into_iter().map(Conduct::Answer).collect());
    let target = format!(
        "[target.webhook]\nurl = \"{}\"\nmethod = \"PUT\"\nsecret = {{ env = \"SIGNING_SECRET\" }}\n\
         accept_status = [202]\nerror_pointer = \"/problem\"\nid_pointer = \"/call/id\"\naccount = \"hooks\"\n\
         [target.webhook.headers]\nX-Clinic = \"north\"",
        receiver.url("/in?list=1")
    );
    let clinic = CallingClinic::new(&target, "");
    let nowhere = "http://127.0.0.1:9";
    assert_eq!(clinic.trigger("24T14:00:00", nowhere), done("delivered"));
    assert_eq!(clinic.trigger("25T14:00:00", nowhere), (3, Some("failed".to_owned())), "200 isn't in the list");
    let table = TABLE.replace("11-25", "11-27");
    std::fs::write(clinic.0.file("appointments.csv"), table).expect("one more");
    assert_eq!(clinic.trigger("26T14:00:00", nowhere), (3, Some("failed".to_owned())), "an error inside");

    let sent = receiver.received().remove(0);
    assert_eq!(sent.line, "PUT /in?list=1 HTTP/1.1");
    assert_eq!((sent.header("x-clinic"), sent.header("content-type")), (Some("north"), Some("application/json")));
    let header = |name: &str| sent.header(name).unwrap_or_else(|| panic!("`{name}` is sent")).to_owned();
    assert_eq!(header("webhook-id"), header("idempotency-key"));
    // whoever checks the signature compares with a clock of today, whatever `--now` says
    let signed_at: i64 = header("webhook-timestamp").parse().expect("seconds");
    let real = tickler::clock::Clock::now(&tickler::clock::SystemClock::new()).as_second();
    assert!((real - 600..=real).contains(&signed_at), "{signed_at}");
    let key = STANDARD.decode("plJ3nmyCDGBKInavdOK15jsl").expect("base64");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("a key");
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&sent.body);
    assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));

    let log = clinic.log();
    let ends: Vec<_> = log.iter().filter(|row| row["event"] != "delivery.intent" && row["event"] != "end").collect();
    assert_eq!(ends[0]["reminder_id"], Value::String(header("webhook-id")));
    assert!(ends[0]["detail"].as_str().is_some_and(|detail| detail.contains("remote id call-77")), "{}", ends[0]);
    assert_eq!((&ends[1]["reason"], &ends[2]["reason"]), (&"http_200".into(), &"error_in_202".into()));
}

const TEST_CALL: [&str; 8] =
    ["test-call", "clinic", "--to", "+12025550199", "--now", "2036-11-24T14:00:00Z", "--format", "json"];

fn test_call(clinic: &CallingClinic, base: &str) -> (i32, Value) {
    let output = clinic.command(&TEST_CALL, base).output().expect("tickler runs");
    let told = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("JSON: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().expect("an exit code"), told)
}

#[test]
fn a_test_call_takes_the_steps_of_a_reminder_and_is_judged_as_one() {
    let clinic = CallingClinic::new(CALL, "on_uncertain = \"resend\"");
    let sandbox = Sandbox::start(&["--duplicate-contact", "conflict"]);
    assert_eq!(test_call(&clinic, &sandbox.base).1["state"], "delivered");
    clinic.forget_everything();
    assert_eq!(test_call(&clinic, &sandbox.base).1["state"], "delivered");
    let second = ["POST /contact/create 409", "GET /contact 200", CALLED];
    assert_eq!(sandbox.received(), [vec![CREATED, CALLED], second.to_vec()].concat());
    for (faults, state, reason) in [
        // what a reminder would be sent again for ends a test call
        (["--reset-after", "1"], "uncertain", "reset"),
        (["--fail", "503:1"], "failed", "http_503"),
        (["--fail", "401:1"], "failed", "http_401"),
    ] {
        let clinic = CallingClinic::new(CALL, "on_uncertain = \"resend\"");
        let faulty = Sandbox::start(&faults);
        let (exit, told) = test_call(&clinic, &faulty.base);
        assert_eq!((exit, &told["state"], &told["reason"]), (3, &state.into(), &reason.into()), "{faults:?}");
    }
}

#[test]
fn a_test_call_with_refused_credentials_pauses_the_account_and_one_with_other_ones_goes_on() {
    let clinic = CallingClinic::new(CALL, "");
    let sandbox = Sandbox::start(&["--fail", "401:1"]);
    assert_eq!(test_call(&clinic, &sandbox.base).1["reason"], "http_401");
    assert_eq!(clinic.trigger("24T14:00:00", &sandbox.base), paused());
    let again = clinic.command(&TEST_CALL, &sandbox.base).output().expect("tickler runs");
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.code() == Some(7) && complaint.contains("its credentials were refused"), "{complaint}");
    let log = clinic.answered(&["audit", "export", "--event", "operator.paused", "--format", "jsonl"]);
    assert_eq!(log.matches("account_refused").count(), 1, "{log}");
    let mut other = clinic.command(&TEST_CALL, &sandbox.base);
    assert!(other.env("THOUGHTLY_API_TOKEN", "token-2").status().expect("tickler runs").success());
    assert_eq!(clinic.trigger("24T14:01:00", &sandbox.base), done("delivered"), "its refusal is forgotten");
    assert_eq!(sandbox.received(), ["POST /contact/create 401", CREATED, CALLED, CREATED, CALLED]);
}

#[test]
fn every_name_of_a_payload_is_there_in_a_test_call() {
    let receiver = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], "{}"))]);
    let clinic = CallingClinic::new(&format!("[target.webhook]\nurl = \"{}\"", receiver.url("/in")), "");
    let path = clinic.0.file("schedules/clinic.toml");
    let names: String =
        tickler::template::BUILT_IN_NAMES.iter().map(|name| format!("x_{name} = \"{{{{ {name} }}}}\"\n")).collect();
    let text =
        std::fs::read_to_string(&path).expect("the schedule").replace("[payload]\n", &format!("[payload]\n{names}"));
    std::fs::write(path, text).expect("a schedule");
    let (exit, told) = test_call(&clinic, "http://127.0.0.1:9");
    assert_eq!((exit, &told["payload"]["x_appointment_id"]), (0, &"test".into()), "{told}");
}

#[test]
fn what_a_webhook_takes_is_said_to_be_accepted_by_its_host() {
    let receiver = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], "<html>sign in</html>"))]);
    let clinic = CallingClinic::new(&format!("[target.webhook]\nurl = \"{}\"", receiver.url("/in")), "");
    let arguments = ["trigger", "clinic", "--now", "2036-11-24T14:00:00Z", "--wait", "0s"];
    let output = clinic.command(&arguments, "http://127.0.0.1:9").output().expect("tickler runs");
    let (told, warned) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("1 accepted by 127.0.0.1") && !told.contains("Thoughtly"), "{told}");
    assert!(warned.contains("web page"), "a page in the place of an answer is a warning: {warned}");
    let log = clinic.log();
    let end = log.iter().find(|row| row["event"] == "delivery.delivered").expect("it was delivered");
    assert!(end["detail"].as_str().is_some_and(|detail| detail.starts_with("accepted by 127.0.0.1; ")), "{end}");
    let appointment = end["appointment_id"].as_str().expect("an id").to_owned();
    for arguments in [&["audit", "show", &appointment][..], &["test-call", "clinic", "--to", "+12025550199"]] {
        let output = clinic.command(arguments, "http://127.0.0.1:9").output().expect("tickler runs");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("accepted by 127.0.0.1") && !told.contains("Thoughtly"), "{arguments:?}: {told}");
    }
}

#[test]
fn an_accepting_answer_of_another_form_than_thoughtlys_is_noted_in_the_audit_log_alone() {
    let receiver = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], "{\"success\":true}"))]);
    let clinic = CallingClinic::new("[target.automation]\nurl = { env = \"AUTOMATION_URL\" }", "");
    let arguments = ["trigger", "clinic", "--now", "2036-11-24T14:00:00Z", "--wait", "0s"];
    let mut command = clinic.command(&arguments, "http://127.0.0.1:9");
    let output = command.env("AUTOMATION_URL", receiver.url("/in")).output().expect("tickler runs");
    let warned = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !warned.contains("WARN"), "one warning for each call would be noise: {warned}");
    let log = clinic.log();
    let end = log.iter().find(|row| row["event"] == "delivery.delivered").expect("it was delivered");
    assert!(end["detail"].as_str().is_some_and(|detail| detail.contains("no_envelope")), "{end}");
}

#[test]
fn what_waits_is_told_with_its_reason_and_what_expires_ends_with_three() {
    let target = format!("[target.webhook]\nurl = \"http://{}/in\"", support::closed_port());
    let arguments = ["trigger", "clinic", "--now", "2036-11-24T14:00:00Z", "--wait", "0s", "--format", "json"];
    let trigger = |clinic: &CallingClinic| {
        let output = clinic.command(&arguments, "http://127.0.0.1:9").output().expect("tickler runs");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), told, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (exit, told, warned) = trigger(&CallingClinic::new(&target, ""));
    assert_eq!((exit, &told["counts"]["pending"], &told["service"]), (Some(0), &1.into(), &false.into()), "{told}");
    assert!(told["refusal"].as_str().is_some_and(|reason| reason.contains("no connection")), "{told}");
    assert!(warned.contains("no connection") && warned.contains("no service runs"), "{warned}");

    let clinic = CallingClinic::new(&format!("max_lateness = \"5s\"\n{target}"), "");
    let (exit, told, warned) = trigger(&clinic);
    assert_eq!((exit, &told["counts"]["expired"]), (Some(3), &1.into()), "{told}");
    assert!(warned.contains("expired"), "{warned}");
    let status = clinic.answered(&["status", "--format", "json"]);
    assert!(status.contains("1 expired within a day"), "{status}");
}

/// A name that leads nowhere costs no intent: the log has nothing of it, and the reminder nothing behind it.
#[test]
fn a_name_that_cannot_be_resolved_is_found_out_before_any_intent() {
    use tickler::clock::Clock;
    let target = "[target.webhook]\nurl = \"http://nowhere.invalid/in\"";
    let clinic = CallingClinic::new(target, "");
    let zone = jiff::tz::TimeZone::get("America/New_York").expect("a zone");
    let today = zone.to_datetime(tickler::clock::SystemClock::new().now());
    let tomorrow = today.date().tomorrow().expect("a day").to_string();
    std::fs::write(clinic.0.file("appointments.csv"), TABLE.replace("2036-11-25", &tomorrow)).expect("a table");
    let arguments = ["trigger", "clinic", "--wait", "0s", "--format", "json"];
    let output = clinic.command(&arguments, "http://127.0.0.1:9").output().expect("tickler runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&told["counts"]["pending"], &told["reminders"][0]["attempts"]), (&1.into(), &0.into()), "{told}");
    assert!(told["refusal"].as_str().is_some_and(|reason| reason.contains("resolved")), "{told}");
    assert_eq!(clinic.log().iter().filter(|row| row["event"] == "delivery.intent").count(), 0);
}
