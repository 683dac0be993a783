//! The program as every test starts it.
#![allow(dead_code, reason = "every test takes what it needs of it")]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The built binary in that folder, with nothing of this machine's environment and nobody at its keyboard. With a given clock
/// the ledger is named, so that what is sent is no trial.
pub fn tickler(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = bare(folder, arguments);
    if arguments.contains(&"--now") {
        command.env("TICKLER_LEDGER", "tickler.db");
    }
    command
}

/// The same with no ledger named.
pub fn bare(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickler"));
    command.args(arguments).current_dir(folder).env_clear().env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command
}

/// The same as another user runs it, which only root can. The folder must be open to that user: the binary is put there,
/// since the one that was built may lie where others can't reach it.
pub fn tickler_as(user: u32, group: u32, folder: &Path, arguments: &[&str]) -> Command {
    let binary = folder.join("tickler-for-others");
    if !binary.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_tickler"), &binary).expect("a copy of the binary");
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).expect("its mode is set");
    }
    let mut command = Command::new(binary);
    command.args(arguments).current_dir(folder).env_clear().env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    if arguments.contains(&"--now") {
        command.env("TICKLER_LEDGER", "tickler.db");
    }
    command.uid(user).gid(group);
    command
}

/// Whether these tests may be other users; says so when they may not.
pub fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("not root: what other users may do isn't looked at here");
    }
    is_root
}
