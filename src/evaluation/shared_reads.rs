//! shell: what the reads of one process share: their memory, and those that did not come back and are not waited for any more.
//! The threads of the latter may never end: they get the lowest priority, and their number is limited for each schedule.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rustix::process::setpriority_process;
use rustix::thread::{Pid, gettid};

use crate::sources::http::KeptAnswers;

/// Reads of one schedule that may go on although they were given up: each holds a thread, and the rows it has kept.
const MAX_GIVEN_UP: usize = 3;

/// What every other thread comes before.
const LOWEST_PRIORITY: i32 = 19;

/// What the reads of one process share.
#[derive(Debug, Clone, Default)]
pub struct SharedReads {
    /// The reads that were given up.
    pub(super) given_up: GivenUpReads,
    /// The memory for their rows.
    pub(super) kept: KeptMemory,
    /// Answers of HTTP sources, each until the server says that it changed.
    pub(super) answers: KeptAnswers,
}

impl SharedReads {
    /// Forgets the answers that are kept of HTTP sources: the next reads ask for them as a whole.
    pub fn forget_answers(&self) {
        self.answers.clear();
    }
}

/// Maximum memory for the rows of all runs that are evaluated at the same time, apart from small ones; a run that is alone
/// has its own limit.
pub(super) const MAX_SHARED_BYTES: usize = 128 << 20;

/// A run that keeps less than this is not counted.
const SMALL_BYTES: usize = 8 << 20;

/// How many bytes the runs that are counted keep of their rows.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptMemory(Arc<AtomicUsize>);

/// One run's part of the kept memory; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct MemoryShare {
    of: KeptMemory,
    bytes: usize,
}

impl MemoryShare {
    pub(super) fn of(all: &KeptMemory) -> Self {
        Self { of: all.clone(), bytes: 0 }
    }

    /// Raises the share to this many bytes; returns whether they fit together with the other shares.
    pub(super) fn fits(&mut self, bytes: usize) -> bool {
        if bytes < SMALL_BYTES || bytes <= self.bytes {
            return true;
        }
        let before = self.of.0.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        let (others, kept) = (before.saturating_sub(self.bytes), before + bytes - self.bytes);
        self.bytes = bytes;
        others == 0 || kept <= MAX_SHARED_BYTES
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The reads that were given up, by schedule.
#[derive(Debug, Clone, Default)]
pub(super) struct GivenUpReads(Arc<Mutex<HashMap<String, Vec<Weak<ReadThread>>>>>);

/// A thread that reads a source; alive as long as it is.
#[derive(Debug, Default)]
pub(super) struct ReadThread(OnceLock<Pid>);

impl ReadThread {
    /// Runs `work` on a new thread inside this runtime. Threads of the runtime's pool would not do: a read that never returns
    /// would keep the process from shutting down.
    pub(super) fn start(work: impl FnOnce() + Send + 'static) -> io::Result<Weak<Self>> {
        let read = Arc::<Self>::default();
        let started = Arc::downgrade(&read);
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("source".into()).spawn(move || {
            let _begun_once = read.0.set(gettid());
            let _entered = runtime.enter();
            work();
        })?;
        Ok(started)
    }
}

impl GivenUpReads {
    /// Whether another read of this schedule's source would be one too many.
    pub(super) fn are_too_many(&self, schedule: &str) -> bool {
        let mut reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reads) = reads.get_mut(schedule) else { return false };
        reads.retain(|read| read.strong_count() > 0);
        reads.len() >= MAX_GIVEN_UP
    }

    /// Adds a read that nobody waits for any more.
    pub(super) fn add(&self, schedule: &str, read: Weak<ReadThread>) {
        if let Some(thread) = read.upgrade().and_then(|read| read.0.get().copied())
            && let Err(error) = setpriority_process(Some(thread), LOWEST_PRIORITY)
        {
            tracing::debug!(%error, "a read that was given up keeps its priority");
        }
        let mut reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reads.entry(schedule.to_owned()).or_default().push(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_runs_share_their_memory_and_small_ones_are_not_counted() {
        let all = KeptMemory::default();
        let (mut first, mut second, mut small) = (MemoryShare::of(&all), MemoryShare::of(&all), MemoryShare::of(&all));
        assert!(first.fits(2 * MAX_SHARED_BYTES), "alone its own limit decides");
        assert!(!second.fits(SMALL_BYTES) && small.fits(SMALL_BYTES - 1));
        drop((first, second));
        let mut third = MemoryShare::of(&all);
        assert!(third.fits(MAX_SHARED_BYTES - SMALL_BYTES));
        assert!(small.fits(SMALL_BYTES) && !small.fits(SMALL_BYTES + 1));
        drop((third, small));
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_schedule_has_three_reads_that_were_given_up_at_most_and_those_that_end_count_no_more() {
        let given_up = GivenUpReads::default();
        let reads: Vec<Arc<ReadThread>> = std::iter::repeat_with(Arc::default).take(MAX_GIVEN_UP).collect();
        for read in &reads {
            assert!(!given_up.are_too_many("day-before"));
            given_up.add("day-before", Arc::downgrade(read));
        }
        assert!(given_up.are_too_many("day-before") && !given_up.are_too_many("another"));
        drop(reads);
        assert!(!given_up.are_too_many("day-before"));
    }

    #[tokio::test]
    async fn a_thread_whose_read_was_given_up_comes_after_all_others() {
        let (began, has_begun) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let read = ReadThread::start(move || {
            began.send(gettid()).expect("somebody waits");
            let _end = ended.recv();
        });
        let id = has_begun.recv().expect("it has begun");
        GivenUpReads::default().add("day-before", read.expect("a thread"));
        let priority = rustix::process::getpriority_process(Some(id)).expect("its priority");
        assert_eq!(priority, LOWEST_PRIORITY);
        drop(end);
    }
}
