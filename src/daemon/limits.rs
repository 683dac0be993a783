//! shell: the limit of open files, and the number of connections that it allows.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::connections::MAX_CONNECTIONS;

/// Files that the service needs besides connections: ledger, sources, targets, runtime.
const OWN_FILES: u64 = 48;

/// Raises the soft limit of open files to the hard one if that is allowed; returns the limit.
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::debug!(%error, "the limit of open files can't be raised");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Maximum connections of each listener; with few files most are left to the runs.
pub fn connections(open_files: u64) -> usize {
    let share = open_files.saturating_sub(OWN_FILES) / 4;
    usize::try_from(share).unwrap_or(MAX_CONNECTIONS).clamp(2, MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_few_files_the_listeners_take_few_connections() {
        for (files, expected) in [(0, 2), (64, 4), (256, 52), (1_024, MAX_CONNECTIONS), (u64::MAX, MAX_CONNECTIONS)] {
            assert_eq!(connections(files), expected, "{files}");
        }
    }
}
