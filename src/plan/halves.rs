//! pure: many independent things made on two threads, in their order.

use std::panic::resume_unwind;

/// Fewer aren't worth a thread.
const WORTH_HALVING: usize = 512;

/// Makes each of them; the second half of a long list on a thread of its own. The order is that of the list.
pub(super) fn in_halves<T: Send, U: Send>(mut items: Vec<T>, make: impl Fn(T) -> U + Sync) -> Vec<U> {
    if items.len() < WORTH_HALVING {
        return items.into_iter().map(make).collect();
    }
    let mut made = Vec::with_capacity(items.len());
    let behind = items.split_off(items.len() / 2);
    std::thread::scope(|threads| {
        let second = threads.spawn(|| behind.into_iter().map(&make).collect::<Vec<U>>());
        made.extend(items.into_iter().map(&make));
        made.extend(second.join().unwrap_or_else(|panic| resume_unwind(panic)));
    });
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_list_however_long() {
        for length in [0, 1, WORTH_HALVING - 1, WORTH_HALVING, 2 * WORTH_HALVING + 1] {
            let made = in_halves((0..length).collect(), |number| number * 2);
            assert_eq!(made, (0..length).map(|number| number * 2).collect::<Vec<_>>());
        }
    }
}
