//! shell: work spread over a second thread; results come in the order in which one thread would have made them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;

/// The least length of a list for which a second thread is worth its start.
const WORTH_HALVING: usize = 512;

/// Maps a list; the second half of a long one on a thread of its own.
pub fn map<T: Send, U: Send>(mut items: Vec<T>, make: impl Fn(T) -> U + Sync) -> Vec<U> {
    if items.len() < WORTH_HALVING {
        return items.into_iter().map(make).collect();
    }
    let behind = items.split_off(items.len() / 2);
    items.shrink_to_fit();
    std::thread::scope(|threads| {
        // collecting puts what is made into the room of what it is made of
        let second = threads.spawn(|| behind.into_iter().map(&make).collect::<Vec<U>>());
        let mut made: Vec<U> = items.into_iter().map(&make).collect();
        let behind = second.join().unwrap_or_else(|panic| resume_unwind(panic));
        made.reserve_exact(behind.len());
        made.extend(behind);
        made
    })
}

/// Changes each item with what belongs to it; the second half of a long list on a thread of its own.
pub fn change<T: Send, W: Send>(items: &mut [T], mut with: Vec<W>, change: impl Fn(&mut T, W) + Sync) {
    let each = |items: &mut [T], with: Vec<W>| items.iter_mut().zip(with).for_each(|(item, with)| change(item, with));
    if items.len() < WORTH_HALVING {
        return each(items, with);
    }
    let (front, behind) = items.split_at_mut(items.len() / 2);
    let with_behind = with.split_off(front.len());
    std::thread::scope(|threads| {
        let second = threads.spawn(|| each(behind, with_behind));
        each(front, with);
        second.join().unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// Maps a list and takes each result, in the list's order. The results of a long list are made by two threads, ahead of their
/// taking, and only some of them exist at a time.
///
/// # Errors
/// What `take` fails with.
pub fn map_ahead<T: Sync, U: Send, E>(
    items: &[T],
    make: impl Fn(&T) -> U + Sync,
    take: impl FnMut(U) -> Result<(), E>,
) -> Result<(), E> {
    if items.len() <= WORTH_HALVING {
        return items.iter().map(make).try_for_each(take);
    }
    let pieces = Pieces { all: items.chunks(WORTH_HALVING).collect(), begun: AtomicUsize::new(0), make };
    std::thread::scope(|threads| {
        let (made, arriving) = sync_channel(MAX_QUEUED);
        let work = || {
            let made = made;
            // fails when no further piece is wanted
            while let Some(piece) = pieces.make_next()
                && made.send(piece).is_ok()
            {}
        };
        // where the machine has no thread left, this one makes all pieces
        let second = std::thread::Builder::new().spawn_scoped(threads, work).ok();
        let taken = pieces.take_in_order(&arriving, take);
        drop(arriving);
        if let Some(second) = second {
            second.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        taken
    })
}

/// The pieces of a list that two threads map.
struct Pieces<'a, T, F> {
    all: Vec<&'a [T]>,
    /// The number of pieces that have been begun.
    begun: AtomicUsize,
    make: F,
}

/// A piece that is made: its place and its results.
type MadePiece<U> = (usize, Vec<U>);

impl<T, U, F: Fn(&T) -> U> Pieces<'_, T, F> {
    /// Makes a piece that nobody has begun.
    fn make_next(&self) -> Option<MadePiece<U>> {
        let place = self.begun.fetch_add(1, Ordering::Relaxed);
        self.all.get(place).map(|piece| (place, piece.iter().map(&self.make).collect()))
    }

    /// Takes the pieces that the other thread makes. While the next one isn't there, this thread makes one.
    fn take_in_order<E>(
        &self,
        arriving: &Receiver<MadePiece<U>>,
        mut take: impl FnMut(U) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ahead = BTreeMap::new();
        for place in 0..self.all.len() {
            while !ahead.contains_key(&place) {
                let piece = match arriving.try_recv() {
                    Ok(piece) => Some(piece),
                    Err(TryRecvError::Disconnected) => self.make_next(),
                    Err(TryRecvError::Empty) if ahead.len() < MAX_QUEUED => {
                        self.make_next().or_else(|| arriving.recv().ok())
                    }
                    Err(TryRecvError::Empty) => arriving.recv().ok(),
                };
                // none is left that could be made: the other thread panicked over the one that is missing
                let Some((place, made)) = piece else { return Ok(()) };
                ahead.insert(place, made);
            }
            ahead.remove(&place).into_iter().flatten().try_for_each(&mut take)?;
        }
        Ok(())
    }
}

/// Fills batches and takes each of them, in their order, until `fill` breaks with the last one, or `take` breaks or fails. From
/// the second batch on they are filled on a thread of their own, ahead of their taking; emptied ones are filled again.
///
/// # Errors
/// What `take` fails with.
pub fn fill_ahead<B: Default + Send, E>(
    mut fill: impl FnMut(&mut B) -> ControlFlow<()> + Send,
    mut take: impl FnMut(&mut B) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let mut batch = B::default();
    if fill(&mut batch).is_break() {
        return take(&mut batch).map(drop);
    }
    if take(&mut batch)?.is_break() {
        return Ok(());
    }
    let taken_ahead = std::thread::scope(|threads| {
        let (filled, batches) = sync_channel::<B>(MAX_QUEUED);
        let (give_back, emptied) = channel();
        let fill = &mut fill;
        let work = move || {
            loop {
                let mut batch = emptied.try_recv().unwrap_or_default();
                let flow = fill(&mut batch);
                // fails when no further batch is wanted
                if filled.send(batch).is_err() || flow.is_break() {
                    return;
                }
            }
        };
        let filler = std::thread::Builder::new().spawn_scoped(threads, work).ok()?;
        let taken = batches.into_iter().try_for_each(|mut batch| {
            let flow = take(&mut batch).map_err(Some)?;
            // fails when the last batch is filled
            let _unwanted = give_back.send(batch);
            if flow.is_break() { Err(None) } else { Ok(()) }
        });
        filler.join().unwrap_or_else(|panic| resume_unwind(panic));
        Some(taken.or_else(|failure| failure.map_or(Ok(()), Err)))
    });
    match taken_ahead {
        Some(taken) => taken,
        // the machine has no thread left
        None => loop {
            let is_last = fill(&mut batch).is_break();
            if take(&mut batch)?.is_break() || is_last {
                return Ok(());
            }
        },
    }
}

/// Items handed over at once: one hand-over costs about as much as judging a few rows.
pub const BATCH: usize = 256;

/// Batches that may queue before the sender waits.
const MAX_QUEUED: usize = 4;

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
        let (batches, received) = sync_channel::<Vec<T>>(MAX_QUEUED);
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
    fn a_list_is_mapped_ahead_in_its_order_until_the_first_failure() {
        for length in [0, 1, WORTH_HALVING, WORTH_HALVING + 1, 20 * WORTH_HALVING + 1] {
            let items: Vec<usize> = (0..length).collect();
            let mut taken = Vec::new();
            let done = map_ahead(
                &items,
                |number| number * 2,
                |number| {
                    taken.push(number);
                    Ok::<_, ()>(())
                },
            );
            assert_eq!((done, taken), (Ok(()), items.iter().map(|number| number * 2).collect()), "{length}");
            let refused = map_ahead(&items, |number| *number, |number| if number < 600 { Ok(()) } else { Err(number) });
            assert_eq!(refused, if length <= 600 { Ok(()) } else { Err(600) }, "{length}");
        }
    }

    #[test]
    #[should_panic(expected = "an item too much")]
    fn a_panic_over_an_item_is_passed_on_whichever_thread_has_it() {
        let items: Vec<usize> = (0..20 * WORTH_HALVING).collect();
        let make = |number: &usize| assert!(*number < 5 * WORTH_HALVING, "an item too much");
        let _broke_off: Result<(), ()> = map_ahead(&items, make, |()| Ok(()));
    }

    #[test]
    fn items_are_changed_with_what_belongs_to_them() {
        for length in [0, 1, WORTH_HALVING - 1, WORTH_HALVING, 2 * WORTH_HALVING + 1] {
            let mut items: Vec<usize> = (0..length).collect();
            change(&mut items, (0..length).rev().collect(), |item, with| *item = *item * 10_000 + with);
            let expected: Vec<usize> = (0..length).map(|item| item * 10_000 + (length - 1 - item)).collect();
            assert_eq!(items, expected);
        }
    }

    /// Fills batches with the numbers from 0 below `count`, two each, and takes them until one is `unwanted`.
    fn filled_ahead(count: usize, unwanted: usize) -> Result<Vec<usize>, usize> {
        let (mut next, mut taken) = (0, Vec::new());
        let fill = |batch: &mut Vec<usize>| {
            batch.clear();
            batch.extend(next..count.min(next + 2));
            next += 2;
            if next < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        fill_ahead(fill, |batch| {
            taken.extend_from_slice(batch);
            match taken.contains(&unwanted) {
                true if unwanted % 2 == 1 => Err(unwanted),
                true => Ok(ControlFlow::Break(())),
                false => Ok(ControlFlow::Continue(())),
            }
        })?;
        Ok(taken)
    }

    #[test]
    fn batches_that_are_filled_ahead_are_taken_in_their_order_and_to_the_last() {
        for count in [0, 1, 2, 3, 4, 5, 1_000, 1_001] {
            assert_eq!(filled_ahead(count, usize::MAX - 1), Ok((0..count).collect()), "{count}");
        }
    }

    #[test]
    fn nothing_is_taken_behind_a_batch_that_is_the_last_one_wanted_or_fails() {
        for (unwanted, taken) in [(0, Ok(2)), (1, Err(1)), (500, Ok(502)), (501, Err(501))] {
            assert_eq!(filled_ahead(1_000, unwanted).map(|taken| taken.len()), taken, "{unwanted}");
        }
    }

    #[test]
    #[should_panic(expected = "a batch too much")]
    fn a_panic_of_the_filling_thread_is_passed_on() {
        let mut count = 0;
        let fill = |_: &mut Vec<usize>| {
            count += 1;
            assert!(count < 5, "a batch too much");
            ControlFlow::Continue(())
        };
        let _broke_off: Result<(), ()> = fill_ahead(fill, |_| Ok(ControlFlow::Continue(())));
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
