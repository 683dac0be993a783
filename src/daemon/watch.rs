//! shell: watches the folder of schedules; a file is read once it has been unchanged for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::runs::{ACTOR, Daemon};
use crate::clock::{Clock as _, SystemClock};

/// A file is read once it has been unchanged for this long (debouncing).
const SETTLED_AFTER: Duration = Duration::from_millis(250);

/// Maximum wait for all files to settle; then the settled ones are loaded.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// How often files that may still be written are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// How often the folder is checked where it cannot be watched (no inotify watches left, a network file system).
const WITHOUT_WATCH: Duration = Duration::from_secs(5);

/// How often it is checked in addition to a watch, which does not report that the folder itself was replaced.
const WITH_WATCH: Duration = Duration::from_secs(30);

/// Distinguishes two states of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    length: u64,
    modified: Option<std::time::SystemTime>,
    inode: u64,
}

impl FileStamp {
    /// Whether it was written less than 250 ms before `now`. A modification time ahead of the clock is ignored.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let Some(modified) = self.modified.and_then(|modified| Timestamp::try_from(modified).ok()) else {
            return false;
        };
        let age = modified.duration_until(now);
        !age.is_negative() && age.unsigned_abs() < SETTLED_AFTER
    }
}

/// The files of the folder as they were last seen: with them a check finds those that have settled.
#[derive(Debug, Default)]
pub struct Stillness {
    seen: BTreeMap<String, (Option<FileStamp>, Duration)>,
}

impl Stillness {
    /// Everything that is there now has settled.
    #[must_use]
    pub fn of(stamps: BTreeMap<String, FileStamp>) -> Self {
        let seen = stamps.into_iter().map(|(name, stamp)| (name, (Some(stamp), Duration::ZERO))).collect();
        Self { seen }
    }

    /// Compares with the folder at this moment (monotonic); `true` when something changed.
    pub fn observe(&mut self, stamps: &BTreeMap<String, FileStamp>, monotonic: Duration) -> bool {
        let mut is_changed = false;
        let names: BTreeSet<String> = self.seen.keys().chain(stamps.keys()).cloned().collect();
        for name in names {
            let now = stamps.get(&name).copied();
            let before = self.seen.get(&name).and_then(|(stamp, _)| *stamp);
            if now != before {
                self.seen.insert(name, (now, monotonic));
                is_changed = true;
            }
        }
        is_changed
    }

    /// The names whose files changed, came or went less than 250 ms ago (monotonic).
    #[must_use]
    pub fn unsettled(&self, monotonic: Duration) -> BTreeSet<String> {
        let is_unsettled =
            |since: &Duration| *since > Duration::ZERO && monotonic.saturating_sub(*since) < SETTLED_AFTER;
        self.seen.iter().filter(|(_, (_, since))| is_unsettled(since)).map(|(name, _)| name.clone()).collect()
    }
}

/// The files of the folder by their stems: a schedule's name is its file's stem.
#[must_use]
pub fn stamps(folder: &Path) -> BTreeMap<String, FileStamp> {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let stamp = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let meta = std::fs::symlink_metadata(&path).ok()?;
        let stem = path.file_stem()?.to_string_lossy().into_owned();
        let is_schedule = path.extension().is_some_and(|extension| extension == "toml");
        let stamp = FileStamp { length: meta.len(), modified: meta.modified().ok(), inode: meta.ino() };
        is_schedule.then_some((stem, stamp))
    };
    entries.filter_map(stamp).collect()
}

/// Follows the folder until it is dropped.
pub async fn follow(daemon: Arc<Daemon>, stillness: Stillness) {
    let folder = daemon.app.settings.schedules.clone();
    let clock = Arc::clone(&daemon.app.env.clock);
    let nudge = Arc::new(Notify::new());
    let watcher = watch(&folder, Arc::clone(&nudge));
    if let Err(error) = &watcher {
        tracing::warn!(%error, "the folder of schedules can't be watched: it is read every few seconds");
    }
    let pause = if watcher.is_ok() { WITH_WATCH } else { WITHOUT_WATCH };
    let mut settling = Settling::of(stillness);
    loop {
        // the watch did not report changes between the first read and its own start
        while settling.check(&daemon).await == IsSettled::No {
            clock.sleep(CHECK_INTERVAL).await;
        }
        tokio::select! {
            () = nudge.notified() => {}
            () = clock.sleep(pause) => {}
        }
    }
}

/// Waits for the files of the folder to settle, and reads it.
#[derive(Debug)]
pub struct Settling {
    stillness: Stillness,
    /// Since when something is unread (monotonic).
    unread_since: Option<Duration>,
}

/// Whether every file has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsSettled {
    /// Yes, and what was new has been read.
    Yes,
    /// Not yet: it is to be checked again soon.
    No,
}

impl Settling {
    /// The state when every file has been read.
    #[must_use]
    pub const fn of(stillness: Stillness) -> Self {
        Self { stillness, unread_since: None }
    }

    /// Checks the folder once: it is read when all that changed has settled; where some files keep changing, the others
    /// are read every two seconds.
    pub async fn check(&mut self, daemon: &Daemon) -> IsSettled {
        let clock = &daemon.app.env.clock;
        let stamps = stamps_aside(daemon.app.settings.schedules.clone()).await;
        let now = clock.monotonic();
        if self.stillness.observe(&stamps, now) {
            self.unread_since = self.unread_since.or(Some(now));
        }
        let unsettled = self.stillness.unsettled(now);
        let is_at_rest = unsettled.is_empty();
        let is_to_be_read = self.unread_since.is_some_and(|since| is_at_rest || now.saturating_sub(since) >= MAX_WAIT);
        if is_to_be_read {
            daemon.reload(ACTOR, unsettled).await;
            self.unread_since = if is_at_rest { None } else { Some(clock.monotonic()) };
        }
        if is_at_rest { IsSettled::Yes } else { IsSettled::No }
    }
}

/// Waits, before a reload on request, for files that are being written at this moment, and returns those that did not settle.
/// Compares modification times with the machine's clock.
pub async fn wait_until_settled(folder: &Path) -> BTreeSet<String> {
    let clock = SystemClock::new();
    loop {
        let stamps = stamps_aside(folder.to_owned()).await;
        let now = clock.now();
        let unsettled: BTreeSet<String> =
            stamps.into_iter().filter(|(_, stamp)| stamp.is_fresh(now)).map(|(name, _)| name).collect();
        if unsettled.is_empty() || clock.monotonic() >= MAX_WAIT {
            return unsettled;
        }
        clock.sleep(CHECK_INTERVAL).await;
    }
}

async fn stamps_aside(folder: PathBuf) -> BTreeMap<String, FileStamp> {
    tokio::task::spawn_blocking(move || stamps(&folder)).await.unwrap_or_default()
}

/// Wakes [`follow`] at every change; the debouncing is done by [`Settling`].
fn watch(folder: &Path, wake: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // reading the folder does not change it
        if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            wake.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(length: u64) -> FileStamp {
        FileStamp { length, modified: None, inode: 1 }
    }

    fn folder(files: &[(&str, u64)]) -> BTreeMap<String, FileStamp> {
        files.iter().map(|(name, length)| ((*name).to_owned(), stamp(*length))).collect()
    }

    fn names(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_file_rests_when_it_was_unchanged_for_250_ms() {
        let at = Duration::from_millis;
        let mut stillness = Stillness::of(folder(&[("a", 10)]));
        assert!(!stillness.observe(&folder(&[("a", 10)]), at(1_000)));
        assert!(stillness.observe(&folder(&[("a", 10), ("b", 5)]), at(1_000)));
        assert_eq!(names(&stillness.unsettled(at(1_249))), ["b"]);
        assert!(stillness.observe(&folder(&[("a", 10), ("b", 9)]), at(1_200)));
        assert_eq!(names(&stillness.unsettled(at(1_449))), ["b"]);
        assert_eq!(names(&stillness.unsettled(at(1_450))), [""; 0]);
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_is_unsettled_not_removed() {
        let at = Duration::from_millis;
        let mut stillness = Stillness::of(folder(&[("a", 10)]));
        assert!(stillness.observe(&folder(&[]), at(1_000)));
        assert_eq!(names(&stillness.unsettled(at(1_100))), ["a"]);
        assert!(stillness.observe(&folder(&[("a", 12)]), at(1_100)));
        assert_eq!(names(&stillness.unsettled(at(1_300))), ["a"]);
        assert_eq!(names(&stillness.unsettled(at(1_350))), [""; 0]);
    }
}
