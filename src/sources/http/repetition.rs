//! pure: recognises a page whose rows an earlier page had. Every page's rows are hashed while they are used; only a page that
//! begins with the first row of an earlier one is hashed as a whole before any row of it is used.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hasher as _};
use std::ops::ControlFlow;

use foldhash::quality::{FoldHasher, RandomState};

use super::paging::RowsHash;
use crate::row::{Kept, Record, RecordSink};

/// The first rows of the pages so far, and the seed of the hashes of one read.
#[derive(Debug, Default)]
pub(super) struct FirstRows {
    seed: RandomState,
    first: HashSet<RowsHash>,
}

impl FirstRows {
    /// Adds the first row of a page whose rows were used or skipped.
    pub(super) fn add(&mut self, first: Option<RowsHash>) {
        self.first.extend(first);
    }

    fn hash_of(&self, record: &Record<'_>) -> RowsHash {
        let mut hasher = self.seed.build_hasher();
        record.hash_into(&mut hasher);
        hasher.finish()
    }
}

/// Hashes rows and passes them on.
pub(super) struct HashedRows<'s> {
    first_rows: &'s FirstRows,
    hasher: FoldHasher<'s>,
    first: Option<RowsHash>,
    next: NextSink<'s>,
}

/// What becomes of the rows that are hashed.
enum NextSink<'s> {
    /// They are only hashed.
    Nobody,
    /// They are used, unless the page begins like an earlier one: then none is.
    UnlessSeen(&'s mut dyn RecordSink),
    /// The page begins like an earlier one.
    Withheld,
}

impl<'s> HashedRows<'s> {
    /// A sink that only hashes the rows.
    pub(super) fn alone(first_rows: &'s FirstRows) -> Self {
        Self::new(first_rows, NextSink::Nobody)
    }

    /// Passes rows on to `sink` unless the page begins like an earlier one.
    pub(super) fn unless_seen(first_rows: &'s FirstRows, sink: &'s mut dyn RecordSink) -> Self {
        Self::new(first_rows, NextSink::UnlessSeen(sink))
    }

    fn new(first_rows: &'s FirstRows, next: NextSink<'s>) -> Self {
        Self { first_rows, hasher: first_rows.seed.build_hasher(), first: None, next }
    }

    /// Whether the page begins like an earlier one, so that none of its rows was passed on.
    pub(super) fn begins_like_another(&self) -> bool {
        matches!(self.next, NextSink::Withheld)
    }

    /// The hash of the first row.
    pub(super) fn first(&self) -> Option<RowsHash> {
        self.first
    }

    /// The hash of all rows.
    pub(super) fn all(&self) -> RowsHash {
        self.hasher.finish()
    }
}

impl RecordSink for HashedRows<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let hash = self.first_rows.hash_of(&record);
        self.hasher.write_u64(hash);
        if self.first.is_none() {
            self.first = Some(hash);
            if matches!(self.next, NextSink::UnlessSeen(_)) && self.first_rows.first.contains(&hash) {
                self.next = NextSink::Withheld;
            }
        }
        match &mut self.next {
            NextSink::Nobody => ControlFlow::Continue(()),
            NextSink::UnlessSeen(sink) => sink.record(number, record),
            NextSink::Withheld => ControlFlow::Break(()),
        }
    }

    fn kept(&self) -> Kept {
        match &self.next {
            NextSink::UnlessSeen(sink) => sink.kept(),
            NextSink::Nobody | NextSink::Withheld => Kept::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Count(u64);

    impl RecordSink for Count {
        fn record(&mut self, _: u64, _: Record<'_>) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }
    }

    #[test]
    fn a_page_that_begins_like_an_earlier_one_is_withheld_and_its_hash_tells_whether_it_is_one() {
        let give = |rows: &[&str], sink: &mut dyn RecordSink| {
            let mut flow = |row: &&str| sink.record(1, Record::Broken(row)).is_continue();
            rows.iter().take_while(|row| flow(row)).count()
        };
        let mut first_rows = FirstRows::default();
        let mut used = Count::default();
        let (mut first, mut earlier) = (None, 0);
        for (rows, is_withheld) in
            [(&["a", "b"][..], false), (&["b", "a"], false), (&["a", "c"], true), (&["a", "b"], true)]
        {
            let mut hashed = HashedRows::unless_seen(&first_rows, &mut used);
            give(rows, &mut hashed);
            assert_eq!(hashed.begins_like_another(), is_withheld, "{rows:?}");
            let mut alone = HashedRows::alone(&first_rows);
            give(rows, &mut alone);
            if is_withheld {
                assert_eq!(alone.all() == earlier, rows[1] == "b", "{rows:?}");
            } else {
                assert_eq!((hashed.all(), hashed.first()), (alone.all(), alone.first()));
            }
            if first.is_none() {
                (first, earlier) = (alone.first(), alone.all());
            }
            first_rows.add(hashed.first());
        }
        assert_eq!(used.0, 4);
    }
}
