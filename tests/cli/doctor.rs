//! `tickler doctor`: each thing it looks at, as it should be and as it shouldn't.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use tickler::clock::Clock;
use tickler::settings::{Flags, ProcessEnvironment, Settings};
use tickler::verbs::doctor::{DoctorVerdict, examine};

use crate::clinic::{Clinic, DAY_BEFORE};
use crate::support::command::{is_root, tickler, tickler_as};
use crate::support::{Conduct, Receiver, answer, closed_port};

/// What the doctor says of one subject: verdict and sentence of each finding.
fn said(clinic: &Clinic, subject: &str) -> Vec<(String, String)> {
    let (_, told) = clinic.json(&["doctor"]);
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let findings = told["findings"].as_array().expect("a list").iter().filter(|finding| finding["subject"] == subject);
    findings.map(|finding| (text(finding, "verdict"), text(finding, "detail"))).collect()
}

/// The only finding on that subject has this verdict, and words among its own.
fn says(clinic: &Clinic, subject: &str, verdict: &str, words: &str) {
    let found = said(clinic, subject);
    let is_it = |(given, detail): &(String, String)| given == verdict && detail.contains(words);
    assert!(found.len() == 1 && is_it(&found[0]), "{subject}: {verdict}: {words}: {found:?}");
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode is set");
}

fn answering(status: &str) -> Receiver {
    Receiver::start(vec![Conduct::Answer(answer(status, &[], "{}"))])
}

/// A machine's clock that stands at some moment; it isn't one given by `--now`.
#[derive(Debug)]
struct StandsAt(Timestamp);

#[async_trait]
impl Clock for StandsAt {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _pause: Duration) {}

    fn is_shifted(&self) -> bool {
        false
    }
}

async fn said_at(moment: &str, subject: &str) -> (DoctorVerdict, String) {
    let clinic = Clinic::new();
    let flags = Flags { ledger: Some(clinic.path().join("tickler.db")), ..Flags::default() };
    let environment = ProcessEnvironment::of([("THOUGHTLY_AUTOMATION_URL", clinic.url.as_str())], clinic.path());
    let settings = Settings::load(flags, environment).expect("settings").0;
    let clock = Arc::new(StandsAt(moment.parse().expect("an instant")));
    let told = examine(settings, clock, "clinic", &std::collections::HashSet::new()).await;
    let found = told.findings.into_iter().find(|finding| finding.subject == subject).expect("it was looked at");
    (found.verdict, found.detail)
}

#[tokio::test]
async fn a_clock_from_before_the_program_is_a_problem() {
    let (verdict, detail) = said_at("2026-12-01T09:00:00Z", "clock").await;
    assert_eq!((verdict, detail.as_str()), (DoctorVerdict::Ok, "it reads 2026-12-01T09:00:00Z"));
    let (verdict, detail) = said_at("1970-01-01T00:00:07Z", "clock").await;
    assert_eq!(verdict, DoctorVerdict::Problem);
    assert!(detail.contains("1970-01-01T00:00:07Z") && detail.contains("timedatectl"), "{detail}");
}

#[tokio::test]
async fn zone_rules_that_are_years_old_are_worth_a_look() {
    let (verdict, detail) = said_at("2026-12-01T09:00:00Z", "zones").await;
    assert!(verdict == DoctorVerdict::Ok && detail.starts_with("rules of 20"), "{detail}");
    let (verdict, detail) = said_at("2031-12-01T09:00:00Z", "zones").await;
    assert!(verdict == DoctorVerdict::Warning && detail.contains("update tzdata"), "{detail}");
}

#[test]
fn schedules_that_are_refused_or_missing_are_told() {
    let clinic = Clinic::new();
    says(&clinic, "schedules", "ok", "1 in ");
    clinic.write("schedules/broken.toml", "cron = 5\n");
    says(&clinic, "schedules", "problem", "refused: broken");
    let folder = clinic.path().join("schedules");
    for file in ["broken.toml", "day-before.toml"] {
        std::fs::remove_file(folder.join(file)).expect("it goes");
    }
    says(&clinic, "schedules", "warning", "holds no schedule");
    std::fs::remove_dir(folder).expect("it goes");
    says(&clinic, "schedules", "problem", "can't be read");
    assert_eq!(clinic.run(&["doctor"]).exit, 1);
}

#[test]
fn a_source_is_looked_for_where_the_service_looks_for_it() {
    let clinic = Clinic::new();
    let outside = tempfile::tempdir_in("/dev/shm").expect("a folder that no directive hides");
    let table = outside.path().join("export.csv");
    let schedule = DAY_BEFORE.replace("../appointments.csv", &table.display().to_string());
    clinic.write("schedules/day-before.toml", &schedule);
    says(&clinic, "source", "problem", "can't be read: No such file");
    std::fs::create_dir(&table).expect("a folder of that name");
    says(&clinic, "source", "problem", "no regular file");
    std::fs::remove_dir(&table).expect("it goes");
    std::fs::write(&table, "id,phone,starts_at,status\n").expect("a table");
    says(&clinic, "source", "ok", "can be read");
    let hidden = tempfile::tempdir_in("/tmp").expect("a folder that PrivateTmp hides");
    let moved = hidden.path().join("export.csv");
    std::fs::rename(&table, &moved).or_else(|_| std::fs::copy(&table, &moved).map(drop)).expect("it moves");
    clinic.write("schedules/day-before.toml", &schedule.replace(&*table.to_string_lossy(), &moved.to_string_lossy()));
    says(&clinic, "source", "warning", "PrivateTmp");
}

#[test]
fn a_source_that_its_reader_may_not_open_is_a_problem() {
    let clinic = Clinic::new();
    let table = clinic.path().join("appointments.csv");
    set_mode(&table, 0o000);
    if !is_root() {
        return says(&clinic, "source", "problem", "Permission denied");
    }
    // root may read everything: somebody else is asked
    set_mode(clinic.path(), 0o755);
    let nobody = tickler_as(65_534, 65_534, clinic.path(), &["doctor", "--format", "json"]).output().expect("it runs");
    let told: Value = serde_json::from_slice(&nobody.stdout).expect("JSON");
    let source = told["findings"].as_array().expect("a list").iter().find(|finding| finding["subject"] == "source");
    let source = source.expect("it was looked at");
    assert_eq!(source["verdict"], "problem", "{source}");
    assert!(source["detail"].as_str().is_some_and(|detail| detail.contains("Permission denied")), "{source}");
}

#[test]
fn a_ledger_that_others_may_read_or_that_is_none_or_stopped_is_told() {
    let clinic = Clinic::new();
    let state = clinic.path().join("state");
    std::fs::create_dir(&state).expect("a folder");
    set_mode(&state, 0o700);
    clinic.write("tickler.toml", "ledger = \"state/tickler.db\"\n[web]\nlisten = \"off\"\n");
    let verdicts = || -> Vec<String> { said(&clinic, "ledger").into_iter().map(|(verdict, _)| verdict).collect() };
    assert_eq!(verdicts(), ["ok", "ok", "ok"], "the folder's mode, the ledger that isn't there yet, and a file tried");
    assert_eq!(clinic.run(&["pause", "--all", "--reason", "a fire drill"]).exit, 0);
    let ledger = state.join("tickler.db");
    assert_eq!(verdicts(), ["ok", "ok", "ok"], "the folder, the ledger, and a file tried");
    set_mode(&ledger, 0o644);
    set_mode(&state, 0o755);
    let found = said(&clinic, "ledger");
    assert!(found[0].0 == "warning" && found[0].1.contains("mode 755): chmod 700"), "{found:?}");
    assert!(found[1].0 == "warning" && found[1].1.contains("mode 644): chmod 600"), "{found:?}");
    set_mode(&ledger, 0o600);
    set_mode(&state, 0o700);
    clinic.write("state/STOP", "");
    let found = said(&clinic, "ledger");
    assert!(found[3].0 == "problem" && found[3].1.contains("nobody is called"), "{found:?}");
    std::fs::remove_file(state.join("STOP")).expect("it goes");
    clinic.write("state/tickler.db", "no database");
    let found = said(&clinic, "ledger");
    assert_eq!(found.last().map(|(verdict, _)| verdict.as_str()), Some("problem"), "{found:?}");
}

#[test]
fn a_folder_that_takes_no_file_of_the_services_user_is_a_problem_whatever_its_mode_says() {
    let clinic = Clinic::new();
    // the kernel's own file system takes no files from anybody, root included
    clinic.write("tickler.toml", "ledger = \"/proc/sys/tickler.db\"\n[web]\nlisten = \"off\"\n");
    let found = said(&clinic, "ledger");
    assert!(found.iter().any(|(verdict, why)| verdict == "problem" && why.contains("nobody is called")), "{found:?}");
    assert!(!clinic.path().join(".tickler-doctor").exists());
}

#[test]
fn a_secret_that_is_not_set_is_a_problem_and_is_named() {
    let receiver = answering("200 OK");
    let clinic = Clinic::with_target(&receiver.url("/webhook/automation/x"));
    says(&clinic, "credentials", "ok", "every secret is set");
    let without = tickler(clinic.path(), &["doctor", "--format", "json"]).output().expect("it runs");
    assert_eq!(without.status.code(), Some(1));
    let told = String::from_utf8(without.stdout).expect("UTF-8");
    assert!(told.contains("`THOUGHTLY_AUTOMATION_URL` isn't set"), "{told}");
    let source = "[source.http]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }\nauth.bearer = { env = \"CRM_TOKEN\" }";
    clinic.write(
        "schedules/day-before.toml",
        &DAY_BEFORE.replace("[source.csv]\npath = \"../appointments.csv\"", source),
    );
    says(&clinic, "credentials", "problem", "CRM_TOKEN");
}

#[test]
fn a_host_is_looked_at_once_and_nobody_is_called() {
    let receiver = answering("404 Not Found");
    let clinic = Clinic::with_target(&receiver.url("/webhook/automation/x"));
    clinic.write("schedules/two-hours.toml", &DAY_BEFORE.replace("days_before = 1", "hours_before = 2"));
    says(&clinic, "reachability", "ok", "answers");
    let looks: Vec<String> = receiver.received().into_iter().map(|request| request.line).collect();
    assert_eq!(looks, ["GET / HTTP/1.1"]);
    let nobody = Clinic::with_target(&format!("http://{}/webhook/automation/x", closed_port()));
    says(&nobody, "reachability", "problem", "can't be reached");
}

#[test]
fn thoughtly_is_asked_for_its_agents_with_the_credentials() {
    let call = "[target.call]\nagent = \"agent-1\"\n[target.call.contact]\nname = \"Somebody\"";
    let schedule = DAY_BEFORE.replace("[target.automation]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }", call);
    for (status, verdict, words) in [
        ("200 OK", "ok", "takes the credentials"),
        ("401 Unauthorized", "problem", "THOUGHTLY_API_TOKEN"),
        ("502 Bad Gateway", "warning", "502"),
    ] {
        let receiver = answering(status);
        let clinic = Clinic::new();
        clinic.write("schedules/day-before.toml", &schedule);
        let settings = format!("[web]\nlisten = \"off\"\n[accounts.thoughtly]\nbase_url = \"{}\"\n", receiver.url("/"));
        clinic.write("tickler.toml", &settings);
        clinic.write(".env", "THOUGHTLY_API_TOKEN=token-1\nTHOUGHTLY_TEAM_ID=team-1\n");
        set_mode(&clinic.path().join(".env"), 0o600);
        says(&clinic, "reachability", verdict, words);
        let asked = &receiver.received()[0];
        assert_eq!(asked.line, "GET /interview HTTP/1.1");
        assert_eq!((asked.header("x-api-token"), asked.header("team_id")), (Some("token-1"), Some("team-1")));
    }
}

#[test]
fn a_service_that_answers_or_not_is_told() {
    let clinic = Clinic::new();
    says(&clinic, "unit", "warning", "no service answers");
    let (_, settings) = clinic.json(&["config"]);
    let rows = settings.as_array().or_else(|| settings["settings"].as_array()).expect("a list");
    let row = rows.iter().find(|row| row["key"] == "socket").expect("the socket's place");
    let socket = PathBuf::from(row["value"].as_str().expect("a path"));
    let _listening = std::os::unix::net::UnixListener::bind(clinic.path().join(socket)).expect("a socket");
    says(&clinic, "unit", "ok", "the service answers");
}

#[test]
fn a_proxy_that_is_set_and_not_used_is_named() {
    let clinic = Clinic::new();
    let mut command = clinic.command(&["doctor", "--format", "json"]);
    let output = command.env("HTTPS_PROXY", "http://proxy.example:3128").output().expect("the program runs");
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(found.contains("HTTPS_PROXY is set and not used") && !found.contains("proxy.example"), "{found}");
}
