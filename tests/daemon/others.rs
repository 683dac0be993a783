//! The control socket as other users of the machine see it: the service's group may speak to it, nobody else.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output};

use crate::binary::Service;
use crate::command::{is_root, tickler_as};

/// Numbers that no machine gives out by itself.
const SERVICE: u32 = 54_320;
const GROUP: u32 = 54_321;
const MEMBER: u32 = 54_322;
const STRANGER: u32 = 54_323;

/// As systemd lays it out: the ledger's folder for the service alone, the socket's for its group as well.
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
        .env("TICKLER_WEB__LISTEN", "off");
    command
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn members_of_the_services_group_speak_to_it_under_their_own_name_and_strangers_do_not() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    lay_out(folder.path());
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
    assert!(!log.contains("no business of theirs"), "{log}");
}
