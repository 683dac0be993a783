//! shell: watches the folder of schedules; a file is read once it has been unchanged for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use notify_debouncer_full::notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::Notify;

use super::runs::{ACTOR, Daemon};
use crate::clock::{Clock as _, SystemClock};

/// A file is read once it has been unchanged for so long.
const SETTLED: Duration = Duration::from_millis(250);

/// While some files never rest, those that do are taken this often.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often files that may still be written are looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Where the folder can't be watched (no inotify watches left, a network file system) it is looked at this often.
const WITHOUT_WATCH: Duration = Duration::from_secs(5);

/// Beside a watch, for what it doesn't see: the folder itself was replaced.
const BESIDE_WATCH: Duration = Duration::from_secs(30);

/// What tells two states of a file apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: Option<std::time::SystemTime>,
    inode: u64,
}

impl Stamp {
    /// Whether it was written less than 250 ms before `now` (UTC). A time ahead of the clock tells nothing.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let Some(modified) = self.modified.and_then(|modified| Timestamp::try_from(modified).ok()) else {
            return false;
        };
        let age = modified.duration_until(now);
        !age.is_negative() && age.unsigned_abs() < SETTLED
    }
}

/// Which files have rested.
#[derive(Debug, Default)]
pub struct Stillness {
    seen: BTreeMap<String, (Option<Stamp>, Duration)>,
}

impl Stillness {
    /// Everything that is there now has rested.
    #[must_use]
    pub fn of(stamps: BTreeMap<String, Stamp>) -> Self {
        let seen = stamps.into_iter().map(|(name, stamp)| (name, (Some(stamp), Duration::ZERO))).collect();
        Self { seen }
    }

    /// Takes another look at this moment (monotonic); `true` when something changed.
    pub fn look(&mut self, stamps: &BTreeMap<String, Stamp>, monotonic: Duration) -> bool {
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
    pub fn restless(&self, monotonic: Duration) -> BTreeSet<String> {
        let is_restless = |since: &Duration| *since > Duration::ZERO && monotonic.saturating_sub(*since) < SETTLED;
        self.seen.iter().filter(|(_, (_, since))| is_restless(since)).map(|(name, _)| name.clone()).collect()
    }
}

/// The files of the folder by their stems: a schedule's name is its file's stem.
#[must_use]
pub fn stamps(folder: &Path) -> BTreeMap<String, Stamp> {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let stamp = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let meta = std::fs::symlink_metadata(&path).ok()?;
        let stem = path.file_stem()?.to_string_lossy().into_owned();
        let is_schedule = path.extension().is_some_and(|extension| extension == "toml");
        let stamp = Stamp { length: meta.len(), modified: meta.modified().ok(), inode: meta.ino() };
        is_schedule.then_some((stem, stamp))
    };
    entries.filter_map(stamp).collect()
}

/// Follows the folder until it is dropped.
pub async fn follow(daemon: Arc<Daemon>, stillness: Stillness) {
    let folder = daemon.house.settings.schedules.clone();
    let clock = Arc::clone(&daemon.house.around.clock);
    let nudge = Arc::new(Notify::new());
    let watcher = watch(&folder, Arc::clone(&nudge));
    if let Err(error) = &watcher {
        tracing::warn!(%error, "the folder of schedules can't be watched: it is looked at every few seconds");
    }
    let pause = if watcher.is_ok() { BESIDE_WATCH } else { WITHOUT_WATCH };
    let mut settling = Settling::of(stillness);
    loop {
        // What changed between the first reading and the watch's beginning was seen by nobody.
        while settling.glance(&daemon).await == Rest::No {
            clock.sleep(GLANCE).await;
        }
        tokio::select! {
            () = nudge.notified() => {}
            () = clock.sleep(pause) => {}
        }
    }
}

/// Waits for the files of the folder to rest, and reads it.
#[derive(Debug)]
pub struct Settling {
    stillness: Stillness,
    /// Since when something is unread (monotonic).
    unread_since: Option<Duration>,
}

/// Whether every file has rested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// And what was new was read.
    Yes,
    /// It is to be looked at again soon.
    No,
}

impl Settling {
    /// Nothing is unread.
    #[must_use]
    pub const fn of(stillness: Stillness) -> Self {
        Self { stillness, unread_since: None }
    }

    /// One look at the folder: it is read when all that changed has rested; where some files never rest, the others are
    /// read every two seconds.
    pub async fn glance(&mut self, daemon: &Daemon) -> Rest {
        let clock = &daemon.house.around.clock;
        let stamps = stamps_aside(daemon.house.settings.schedules.clone()).await;
        let now = clock.monotonic();
        if self.stillness.look(&stamps, now) {
            self.unread_since = self.unread_since.or(Some(now));
        }
        let restless = self.stillness.restless(now);
        let is_at_rest = restless.is_empty();
        let is_to_be_read =
            self.unread_since.is_some_and(|since| is_at_rest || now.saturating_sub(since) >= LONGEST_WAIT);
        if is_to_be_read {
            daemon.reload(ACTOR, restless).await;
            self.unread_since = if is_at_rest { None } else { Some(clock.monotonic()) };
        }
        if is_at_rest { Rest::Yes } else { Rest::No }
    }
}

/// Somebody asks for the folder to be read now: files that are being written at this moment are given time to rest. Answers
/// those that don't. (By the files' own times, hence by the machine's clock.)
pub async fn rest(folder: &Path) -> BTreeSet<String> {
    let clock = SystemClock::new();
    loop {
        let stamps = stamps_aside(folder.to_owned()).await;
        let now = clock.now();
        let restless: BTreeSet<String> =
            stamps.into_iter().filter(|(_, stamp)| stamp.is_fresh(now)).map(|(name, _)| name).collect();
        if restless.is_empty() || clock.monotonic() >= LONGEST_WAIT {
            return restless;
        }
        clock.sleep(GLANCE).await;
    }
}

async fn stamps_aside(folder: PathBuf) -> BTreeMap<String, Stamp> {
    tokio::task::spawn_blocking(move || stamps(&folder)).await.unwrap_or_default()
}

type Watcher = Debouncer<RecommendedWatcher, RecommendedCache>;

fn watch(folder: &Path, nudge: Arc<Notify>) -> notify_debouncer_full::notify::Result<Watcher> {
    let mut watcher = new_debouncer(SETTLED, None, move |result: DebounceEventResult| {
        // Reading the folder is no change to it.
        let is_access = |events: &Vec<notify_debouncer_full::DebouncedEvent>| {
            events.iter().all(|event| matches!(event.kind, EventKind::Access(_)))
        };
        if !result.as_ref().is_ok_and(is_access) {
            nudge.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(length: u64) -> Stamp {
        Stamp { length, modified: None, inode: 1 }
    }

    fn folder(files: &[(&str, u64)]) -> BTreeMap<String, Stamp> {
        files.iter().map(|(name, length)| ((*name).to_owned(), stamp(*length))).collect()
    }

    fn names(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_file_rests_when_it_was_unchanged_for_250_ms() {
        let at = Duration::from_millis;
        let mut stillness = Stillness::of(folder(&[("a", 10)]));
        assert!(!stillness.look(&folder(&[("a", 10)]), at(1_000)));
        assert!(stillness.look(&folder(&[("a", 10), ("b", 5)]), at(1_000)));
        assert_eq!(names(&stillness.restless(at(1_249))), ["b"]);
        assert!(stillness.look(&folder(&[("a", 10), ("b", 9)]), at(1_200)));
        assert_eq!(names(&stillness.restless(at(1_449))), ["b"]);
        assert_eq!(names(&stillness.restless(at(1_450))), [""; 0]);
    }

    #[test]
    fn a_file_that_goes_for_a_moment_is_restless_not_gone() {
        let at = Duration::from_millis;
        let mut stillness = Stillness::of(folder(&[("a", 10)]));
        assert!(stillness.look(&folder(&[]), at(1_000)));
        assert_eq!(names(&stillness.restless(at(1_100))), ["a"]);
        assert!(stillness.look(&folder(&[("a", 12)]), at(1_100)));
        assert_eq!(names(&stillness.restless(at(1_300))), ["a"]);
        assert_eq!(names(&stillness.restless(at(1_350))), [""; 0]);
    }
}
