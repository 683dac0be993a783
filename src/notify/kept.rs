//! shell: the file next to the ledger that keeps the open alerts over a restart.

use std::path::Path;

use super::alerts::Alerts;
use crate::disk::{self, Links};

/// Maximum size of that file; the alerts of a hundred schedules take a few kilobytes.
const MAX_FILE_SIZE: u64 = 16 << 20;

/// Loads the file of an earlier process; a damaged or missing file is taken as empty.
#[must_use]
pub(super) fn load(file: &Path) -> Alerts {
    disk::read(file, Links::Refused, MAX_FILE_SIZE)
        .map_or_else(|_| Alerts::default(), |stored| Alerts::of_stored(&stored))
}

/// Keeps them; where that fails, a restart may report something twice.
pub(super) fn save(alerts: &Alerts, file: &Path) {
    if let Err(error) = disk::replace_private(file, &alerts.to_stored()) {
        tracing::debug!(%error, "which alerts were reported could not be saved");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::notify::{AlertKind, Conditions};

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tickler.db.told");
        let mut alerts = Alerts::default();
        alerts.observe(&Conditions::from([((AlertKind::LedgerDown, String::new()), "the disk is full".to_owned())]));
        save(&alerts, &file);
        assert_eq!(load(&file), alerts);
        assert_eq!(std::fs::metadata(&file).expect("saved").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_missing_or_damaged_file_is_taken_as_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tickler.db.told");
        assert_eq!(load(&file), Alerts::default());
        std::fs::write(&file, "{").expect("written");
        assert_eq!(load(&file), Alerts::default());
    }
}
