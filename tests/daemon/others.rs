//! The control socket as other users of the machine see it: the service's group may speak to it, nobody else.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output};

use tickler::audit::{Entry, Event};
use tickler::ledger::{Log, sqlite};
use tickler::zones::Zones;

use crate::binary::{Service, export, tickler};
use crate::command::{is_root, tickler_as};

/// Numbers that no machine gives out by itself.
const SERVICE: u32 = 54_320;
const GROUP: u32 = 54_321;
const MEMBER: u32 = 54_322;
const STRANGER: u32 = 54_323;

/// Makes the folders as systemd lays them out: the ledger's for the service alone, the socket's for its group as well.
fn lay_out(folder: &Path) {
    let own = |name: &str, mode: u32| {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        chown(&path, Some(SERVICE), Some(GROUP)).expect("it is given to the service");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode is set");
    };
    own("", 0o755);
    own("schedules", 0o755);
    own("state", 0o700);
    own("run", 0o755);
}

fn as_user(user: u32, group: u32, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = tickler_as(user, group, folder, arguments);
    command
        .env("TICKLER_LEDGER", folder.join("state/tickler.db"))
        .env("TICKLER_SOCKET", folder.join("run/tickler.sock"))
        .env("CLOSED_URL", "http://127.0.0.1:9/")
        .env("TICKLER_WEB__LISTEN", "off");
    command
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A user and group run the program with arguments: how it ends, and what it says.
type By<'a> = dyn Fn(u32, u32, &[&str]) -> (i32, String) + 'a;

/// `plan` and `explain` need the ledger, and here the table too, both closed to a member.
fn planning_is_read_by_the_service(by: &By<'_>) {
    let (exit, text) = by(MEMBER, GROUP, &["plan", "--format", "json"]);
    assert_eq!(exit, 0, "{text}");
    let plans: serde_json::Value = serde_json::from_str(&text).expect("a plan");
    assert_eq!((&plans[0]["schedule"], &plans[0]["counts"]["rows"]), (&"closed".into(), &1.into()), "{text}");
    let (exit, text) = by(MEMBER, GROUP, &["plan"]);
    assert!(exit == 0 && text.starts_with("closed at "), "{exit}: {text}");
    let (exit, text) = by(MEMBER, GROUP, &["explain", "closed", "A1", "--format", "json"]);
    assert!(exit == 0 && text.contains("outside_window"), "{exit}: {text}");
    let (exit, text) = by(MEMBER, GROUP, &["plan", "nothing"]);
    assert!(exit == 2 && text.contains("nothing"), "{exit}: {text}");
    let (exit, text) = by(MEMBER, GROUP, &["plan", "--now", "2026-11-24T14:00:00Z"]);
    assert!(exit == 7 && text.contains("--now"), "{exit}: {text}");
    for arguments in [&["plan"][..], &["explain", "closed", "A1"]] {
        let (exit, text) = by(STRANGER, STRANGER, arguments);
        assert!(exit != 0 && !text.contains("closed at"), "{arguments:?}: {text}");
    }
    // whole phones are shown to a member, and the log says to whom
    let (exit, text) = by(MEMBER, GROUP, &["plan", "--reveal"]);
    assert_eq!(exit, 0, "{text}");
}

/// A schedule that is due at no time of this test, and its one appointment in a far year, in a table of the service alone.
fn write_schedule(folder: &Path) {
    let table = folder.join("state/table.csv");
    std::fs::write(&table, "id,phone,starts_at\nA1,+12025550143,2099-01-01T10:00\n").expect("a table");
    chown(&table, Some(SERVICE), Some(GROUP)).expect("it is given to the service");
    std::fs::set_permissions(&table, std::fs::Permissions::from_mode(0o600)).expect("its mode is set");
    let text = "cron = \"0 9 1 1 *\"\ntimezone = \"UTC\"\nsource.csv.path = \"../state/table.csv\"\n\
        appointment = { id = \"id\", phone = \"phone\", starts_at = \"starts_at\" }\nremind.days_before = 1\n\
        target.automation.url = { env = \"CLOSED_URL\" }\npayload = { contact_phone = \"{{ phone }}\" }\n";
    std::fs::write(folder.join("schedules/closed.toml"), text).expect("a schedule");
}

#[test]
fn members_of_the_services_group_speak_to_it_under_their_own_name_and_strangers_do_not() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    lay_out(folder.path());
    write_schedule(folder.path());
    let service = Service::of(as_user(SERVICE, GROUP, folder.path(), &["run"]));
    let by = |user: u32, group: u32, arguments: &[&str]| -> (i32, String) {
        let output = as_user(user, group, folder.path(), arguments).output().expect("an answer");
        (output.status.code().expect("it ends by itself"), told(&output))
    };

    // reading: the ledger is closed to all of them, the service reads for its group
    for arguments in
        [&["status", "--format", "json"][..], &["audit", "list", "--format", "json"], &["uncertain", "list"]]
    {
        let (exit, text) = by(MEMBER, GROUP, arguments);
        assert_eq!(exit, 0, "{arguments:?}: {text}");
        let (exit, text) = by(STRANGER, STRANGER, arguments);
        assert!(exit != 0 && !text.contains("service.started"), "{arguments:?}: {text}");
    }
    let (_, log) = by(MEMBER, GROUP, &["audit", "list", "--format", "json"]);
    assert!(log.contains("service.started"), "{log}");
    planning_is_read_by_the_service(&by);

    // changing: what a member asks for is done and bears the member's name
    let (exit, text) = by(STRANGER, STRANGER, &["pause", "--all", "--reason", "no business of theirs"]);
    assert!(exit == 6 && text.contains("member of its group"), "{exit}: {text}");
    let (exit, text) = by(MEMBER, GROUP, &["pause", "--all", "--reason", "a fire drill"]);
    assert_eq!(exit, 0, "{text}");
    let (exit, text) = by(SERVICE, GROUP, &["resume", "--all"]);
    assert_eq!(exit, 0, "{text}");
    assert_eq!(service.stop().code(), Some(0));

    let (_, log) = by(SERVICE, GROUP, &["audit", "export", "--format", "jsonl"]);
    let actor_of = |event: &str| {
        let line = log.lines().find(|line| line.contains(event)).unwrap_or_else(|| panic!("{log}"));
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        row["actor"].as_str().expect("an actor").to_owned()
    };
    assert_eq!(actor_of("operator.paused"), format!("uid {MEMBER}"));
    assert_eq!(actor_of("operator.resumed"), format!("uid {SERVICE}"));
    assert_eq!(actor_of("operator.revealed"), format!("uid {MEMBER}"));
    assert!(!log.contains("no business of theirs"), "{log}");
}

#[test]
fn root_makes_its_own_backup_beside_a_service_and_restores_it_so_that_the_service_starts_again() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    lay_out(folder.path());
    write_schedule(folder.path());
    let by = |user: u32, group: u32, arguments: &[&str]| -> (i32, String) {
        let output = as_user(user, group, folder.path(), arguments).output().expect("an answer");
        (output.status.code().expect("it ends by itself"), told(&output))
    };
    let closed = |name: &str, user: u32| -> String {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).expect("a folder");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("its mode is set");
        chown(&path, Some(user), Some(user)).expect("it is given away");
        path.join("copy.db").to_str().expect("UTF-8").to_owned()
    };
    let (roots, members) = (closed("of-root", 0), closed("of-a-member", MEMBER));
    let service = Service::of(as_user(SERVICE, GROUP, folder.path(), &["run"]));
    // neither folder lets the service in
    let (exit, text) = by(0, 0, &["backup", &roots]);
    assert_eq!(exit, 0, "{text}");
    assert!(Path::new(&roots).exists(), "{text}");
    let (exit, text) = by(MEMBER, GROUP, &["backup", &members]);
    assert_eq!(exit, 0, "{text}");
    let copy = std::fs::metadata(&members).expect("the member sees the file");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&copy), MEMBER);
    assert_eq!(copy.permissions().mode() & 0o777, 0o600);
    assert!(!folder.path().join("state/tickler.db.backup").exists());
    let (exit, text) = by(MEMBER, GROUP, &["backup", &members]);
    assert!(exit == 1 && text.contains("is there already"), "{exit}: {text}");
    let unopened = format!("{members}.d/copy.db");
    let (exit, text) = by(MEMBER, GROUP, &["backup", &unopened]);
    assert!(exit == 1 && text.contains("copy.db can't be written"), "{exit}: {text}");
    let stranger = closed("of-a-stranger", STRANGER);
    let (exit, text) = by(STRANGER, STRANGER, &["backup", &stranger]);
    assert!(exit != 0 && !Path::new(&stranger).exists(), "no file without a copy in it: {exit}: {text}");
    assert_eq!(service.stop().code(), Some(0));
    // what a member has is the whole ledger, too
    let (exit, text) = by(0, 0, &["restore", &members]);
    assert_eq!(exit, 0, "{text}");
    let (exit, text) = by(0, 0, &["restore", &roots]);
    assert_eq!(exit, 0, "{text}");
    for file in std::fs::read_dir(folder.path().join("state")).expect("it is read").flatten() {
        let found = file.metadata().expect("it is there");
        let (owner, mode) = (std::os::unix::fs::MetadataExt::uid(&found), found.permissions().mode() & 0o777);
        assert_eq!((owner, mode), (SERVICE, 0o600), "{}", file.path().display());
    }
    let service = Service::of(as_user(SERVICE, GROUP, folder.path(), &["run"]));
    assert_eq!(service.stop().code(), Some(0));
}

/// A ledger whose log is longer than what the service answers at once.
fn write_long_log(folder: &Path, rows: usize) {
    let path = folder.join("tickler.db");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let ledger = sqlite::open(&path, sqlite::LedgerAccess::Write, Zones::newest()).expect("a new ledger");
        let at = "2026-11-24T14:00:00Z".parse().expect("a valid instant");
        ledger.append(vec![Entry::new(at, Event::ClockJumped); rows]).await.expect("it is written");
        ledger.checkpoint().await.expect("it lies in the file");
    });
}

/// One line to the control socket, and the answer to it.
fn asked(folder: &Path, line: &str) -> serde_json::Value {
    let mut socket = UnixStream::connect(folder.join("tickler.sock")).expect("a service");
    writeln!(socket, "{line}").expect("it is written");
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer).expect("an answer");
    serde_json::from_str(&answer).expect("JSON")
}

fn seqs(jsonl: &str) -> Vec<u64> {
    let rows = jsonl.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    rows.filter_map(|row| row["seq"].as_u64()).collect()
}

#[test]
fn the_socket_records_only_what_the_service_itself_did_and_answers_the_log_in_pages() {
    const ROWS: usize = 2_300;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
    write_long_log(folder.path(), ROWS);
    let service = Service::start(folder.path(), &[], &[]);

    let forged =
        asked(folder.path(), r#"{"verb":"record","event":"operator.exported","detail":"nothing of the kind"}"#);
    assert_eq!((&forged["exit"], &forged["body"]), (&2.into(), &serde_json::Value::Null), "{forged}");
    for filter in ["{}", r#"{"limit":100000}"#, r#"{"limit":100000,"newest":true}"#] {
        let page = asked(folder.path(), &format!(r#"{{"verb":"audit_page","filter":{filter}}}"#));
        assert_eq!(page["body"].as_array().map(Vec::len), Some(1_000), "{filter}");
    }

    // the rows are all there all the same, each once, and the export isn't its own last row
    let exported = export(folder.path());
    let rows = seqs(&exported);
    assert_eq!(rows, (1..=rows.len() as u64).collect::<Vec<_>>());
    assert!(rows.len() > ROWS && !exported.contains("operator.exported"), "{}", rows.len());
    let limited = tickler(folder.path()).args(["audit", "export", "--limit", "1500"]).output().expect("an export");
    assert_eq!(seqs(&told(&limited)), (1..=1_500).collect::<Vec<_>>());
    let log = export(folder.path());
    let found: Vec<&str> = log.lines().filter(|line| line.contains("operator.exported")).collect();
    assert!(found.len() == 2 && found[0].contains(&format!("{} rows of the log", rows.len())), "{found:?}");
    assert!(found[1].contains("1500 rows of the log") && !log.contains("nothing of the kind"), "{found:?}");
    assert_eq!(service.stop().code(), Some(0));
}

#[test]
fn who_may_not_open_the_ledger_is_answered_the_whole_log_page_by_page() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    lay_out(folder.path());
    write_long_log(&folder.path().join("state"), 2_300);
    for file in std::fs::read_dir(folder.path().join("state")).expect("it is read").flatten() {
        chown(file.path(), Some(SERVICE), Some(GROUP)).expect("it is given to the service");
    }
    let service = Service::of(as_user(SERVICE, GROUP, folder.path(), &["run"]));
    let listed = |arguments: &[&str]| {
        let output = as_user(MEMBER, GROUP, folder.path(), arguments).output().expect("an answer");
        seqs(&told(&output))
    };
    let all = listed(&["audit", "list", "--format", "jsonl"]);
    assert!(all.len() > 2_300 && all == (1..=all.len() as u64).collect::<Vec<_>>(), "{}", all.len());
    let newest = listed(&["audit", "list", "--format", "jsonl", "--limit", "1500"]);
    assert_eq!(newest, all[all.len() - 1_500..]);
    assert_eq!(service.stop().code(), Some(0));
}
