//! shell: whether the ledger's folder takes files, and whether the ledger's files are closed to others.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;

use super::{DoctorVerdict, Finding, finding};
use crate::disk::{self, Links};

/// What is created to see whether it can be.
const TRIAL_FILE: &str = ".tickler-doctor";

/// Whether a file can be created and written in the ledger's folder, tried as the user who will do it: file modes don't show mounts
/// and quotas. Root tries it as the folder's owner, which is the service's user.
pub(super) fn trial(folder: &Path) -> Finding {
    let place = folder.display();
    let owner = std::fs::metadata(folder).ok().filter(|found| found.uid() != 0);
    let tried = match owner.filter(|_| rustix::process::geteuid().is_root()) {
        Some(owner) => try_as(&owner, folder),
        None => try_here(folder),
    };
    match tried {
        Ok(()) => finding("ledger", DoctorVerdict::Ok, format!("{place} takes files")),
        Err(_) if is_read_only(folder) => {
            let detail = format!("{place} is mounted read-only: nothing can be recorded, so nobody is called");
            finding("ledger", DoctorVerdict::Problem, detail)
        }
        Err(why) => {
            let detail =
                format!("no file can be written in {place}: {why}; nothing can be recorded, so nobody is called");
            finding("ledger", DoctorVerdict::Problem, detail)
        }
    }
}

fn is_read_only(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Creates, writes and locks a file, and removes it again.
fn try_here(folder: &Path) -> Result<(), String> {
    let file = folder.join(TRIAL_FILE);
    let tried = disk::open_private(&file, std::fs::OpenOptions::new().write(true).create(true).truncate(true))
        .and_then(|mut open| std::io::Write::write_all(&mut open, b"x").map(|()| open))
        .map_err(|error| error.to_string())
        .and_then(|_written| lock(&file));
    let _it_may_not_be_there = std::fs::remove_file(&file);
    tried
}

/// The same with a file that a shell of that user creates and writes: whether it can be locked depends on the disk alone.
fn try_as(user: &std::fs::Metadata, folder: &Path) -> Result<(), String> {
    let file = folder.join(TRIAL_FILE);
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "umask 077; echo x > \"$0\""]).arg(&file).uid(user.uid()).gid(user.gid());
    let ended = shell.stdin(std::process::Stdio::null()).output().map_err(|error| error.to_string())?;
    let tried = match ended.status.success() {
        true => lock(&file),
        false => Err(String::from_utf8_lossy(&ended.stderr).trim().to_owned()),
    };
    let _it_may_not_be_there = std::fs::remove_file(&file);
    tried
}

fn lock(file: &Path) -> Result<(), String> {
    let open = disk::open(file, Links::Refused).map_err(|error| error.to_string())?;
    open.try_lock().map_err(|error| format!("it can't be locked: {error}"))
}

/// Whether nobody but the owner may read the ledger: it holds phone numbers.
pub(super) fn modes(path: &Path, allowed: u32) -> Finding {
    let place = path.display();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            finding("ledger", DoctorVerdict::Ok, format!("{place} isn't there yet: the first run creates it"))
        }
        Err(error) => finding("ledger", DoctorVerdict::Problem, format!("{place} can't be inspected: {error}")),
        Ok(found) => {
            let mode = found.permissions().mode() & 0o777;
            if mode & !allowed == 0 {
                finding("ledger", DoctorVerdict::Ok, format!("{place} is closed to others"))
            } else {
                let detail = format!("{place} is open to others (mode {mode:o}): chmod {allowed:o} {place}");
                finding("ledger", DoctorVerdict::Warning, detail)
            }
        }
    }
}
