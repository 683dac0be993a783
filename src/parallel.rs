//! shell: work spread over a second thread; results come in the order in which one thread would have made them.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;

/// Shorter lists take less time than starting a thread.
const WORTH_HALVING: usize = 512;

/// Maps a list; the second half of a long one on a thread of its own.
pub fn map<T: Send, U: Send>(mut items: Vec<T>, make: impl Fn(T) -> U + Sync) -> Vec<U> {
    if items.len() < WORTH_HALVING {
        return items.into_iter().map(make).collect();
    }
    let mut made = Vec::with_capacity(items.len());
    let behind = items.split_off(items.len() / 2);
    items.shrink_to_fit();
    std::thread::scope(|threads| {
        let second = threads.spawn(|| behind.into_iter().map(&make).collect::<Vec<U>>());
        made.extend(items.into_iter().map(&make));
        made.extend(second.join().unwrap_or_else(|panic| resume_unwind(panic)));
    });
    made
}

/// Items handed over at once: one hand-over costs about as much as judging a few rows.
pub const BATCH: usize = 256;

/// Batches that may queue before the sender waits.
const QUEUED: usize = 4;

/// A second thread that works through batches in their order and gives its state back at the end.
pub struct Worker<T, S> {
    batches: SyncSender<Vec<T>>,
    /// Emptied batches, to be filled again.
    emptied: Receiver<Vec<T>>,
    thread: JoinHandle<S>,
}

impl<T: Send + 'static, S: Send + 'static> Worker<T, S> {
    /// Starts the thread.
    pub fn start(mut state: S, work: impl Fn(&mut S, T) + Send + 'static) -> Self {
        let (batches, received) = sync_channel::<Vec<T>>(QUEUED);
        let (give_back, emptied) = channel();
        let thread = std::thread::spawn(move || {
            for mut batch in received {
                batch.drain(..).for_each(|item| work(&mut state, item));
                // fails when the sender has ended and nobody fills batches any more
                let _unwanted = give_back.send(batch);
            }
            state
        });
        Self { batches, emptied, thread }
    }

    /// An empty batch, one that was used before if there is one.
    #[must_use]
    pub fn empty_batch(&self) -> Vec<T> {
        self.emptied.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH))
    }

    /// Queues a batch. While the queue is full, `prepare` does some of the work of each item before waiting. A thread that
    /// panicked takes no more batches; [`Worker::finish`] passes its panic on.
    pub fn send(&self, batch: Vec<T>, prepare: impl Fn(&mut T)) {
        match self.batches.try_send(batch) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(mut batch)) => {
                batch.iter_mut().for_each(prepare);
                let _panicked = self.batches.send(batch);
            }
        }
    }

    /// Waits until every batch is done.
    #[must_use]
    pub fn finish(self) -> S {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_mapped_in_its_order_whatever_its_length() {
        for length in [0, 1, WORTH_HALVING - 1, WORTH_HALVING, 2 * WORTH_HALVING + 1] {
            let made = map((0..length).collect(), |number| number * 2);
            assert_eq!(made, (0..length).map(|number| number * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_worker_takes_items_in_their_order_and_gives_its_state_back() {
        let worker = Worker::start(Vec::new(), |seen: &mut Vec<usize>, item| seen.push(item));
        for batch in 0..20 {
            let mut items = worker.empty_batch();
            items.extend(batch * 10..batch * 10 + 10);
            worker.send(items, |_| {});
        }
        assert_eq!(worker.finish(), (0..200).collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "a row too much")]
    fn a_panic_of_the_second_thread_is_passed_on() {
        let worker = Worker::start((), |(), item: usize| assert!(item < 3, "a row too much"));
        for item in 0..20 {
            worker.send(vec![item], |_| {});
        }
        let () = worker.finish();
    }
}
