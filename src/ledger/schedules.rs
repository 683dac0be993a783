//! pure: how the stored state of a schedule changes when a version of it is loaded.

use super::LoadedSchedule;
use super::store::StoredSchedule;
use crate::audit::{Entry, Event};

/// The schedule as it is from now on. One whose cron, zone or `enabled` changed starts anew, and so does one that was gone;
/// any other keeps its cursor.
#[must_use]
pub fn loaded(loaded: &LoadedSchedule, known: Option<&StoredSchedule>) -> StoredSchedule {
    let fires_as_before = |known: &&StoredSchedule| {
        !known.is_removed
            && known.cron == loaded.cron
            && known.timezone == loaded.timezone
            && known.enabled == loaded.enabled
    };
    StoredSchedule {
        name: loaded.name.clone(),
        cron: loaded.cron.clone(),
        timezone: loaded.timezone.clone(),
        enabled: loaded.enabled,
        text_hash: loaded.text_hash.clone(),
        first_loaded: known.map_or(loaded.now, |known| known.first_loaded),
        cursor: known.filter(fires_as_before).map_or(loaded.now, |known| known.cursor),
        is_removed: false,
    }
}

/// The row of the audit log about a new version; `None` for the one that was in force before, as after a restart.
#[must_use]
pub fn version_entry<'a>(loaded: &'a LoadedSchedule, known: Option<&StoredSchedule>) -> Option<Entry<'a>> {
    if known.is_some_and(|known| !known.is_removed && known.text_hash == loaded.text_hash) {
        return None;
    }
    let version: String = loaded.text_hash.chars().take(12).collect();
    Some(Entry {
        schedule: Some(loaded.name.as_str().into()),
        actor: Some(loaded.actor.as_str().into()),
        detail: Some(format!("version {version}").into()),
        ..Entry::new(loaded.now, Event::ConfigLoaded)
    })
}
