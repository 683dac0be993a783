//! pure: the audit log's chain walked from end to end, row by row, as a store reads it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Head;
use super::chain::{self, Hash, Salt, Sealing};
use crate::audit::{Entry, Event};

/// A row of the log with its seal.
#[derive(Debug, Clone)]
pub struct Sealed<'r> {
    /// What it says.
    pub entry: Entry<'r>,
    /// The phone under the ledger's key.
    pub phone_hash: Option<Cow<'r, [u8]>>,
    /// Its own randomness.
    pub salt: Option<Salt>,
    /// What represents the personal fields.
    pub commitment: Hash,
    /// The hash before it.
    pub prev: Hash,
    /// Its own hash.
    pub hash: Hash,
}

/// Where a walk has come to.
pub struct Walk {
    /// The log's beginning: number and hash of the last row that was removed.
    start: (u64, Hash),
    seq: u64,
    hash: Hash,
    rows: u64,
    /// The last `operator.pruned` that cut the log's beginning, as it says itself.
    last_prune: Option<String>,
    /// Rows without their personal fields that no erasure has named yet.
    unnamed: BTreeSet<u64>,
    sealing: Sealing,
}

/// The words by which a row reports that the log's beginning was removed.
#[must_use]
pub fn prune_mark(seq: u64, hash: &Hash) -> String {
    format!("removed up to {seq}, whose hash is {}", chain::hex(hash))
}

/// How the list of erased rows begins.
const ERASED: &str = "erased in rows ";

/// The words by which a row reports which rows have lost their personal fields: `erased in rows 5, 9, 12-14`.
#[must_use]
pub fn erasure_mark(rows: &[u64]) -> String {
    if rows.is_empty() {
        return "the log had no row of that number".to_owned();
    }
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for row in rows {
        match ranges.last_mut().filter(|(_, last)| last + 1 == *row) {
            Some((_, last)) => *last = *row,
            None => ranges.push((*row, *row)),
        }
    }
    let shown = |(first, last): (u64, u64)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    format!("{ERASED}{}", ranges.into_iter().map(shown).collect::<Vec<_>>().join(", "))
}

/// The rows that such a report names.
fn erased_rows(detail: &str) -> impl Iterator<Item = std::ops::RangeInclusive<u64>> {
    let list = detail.strip_prefix(ERASED).and_then(|rest| rest.split(';').next()).unwrap_or_default();
    list.split(", ").filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    })
}

/// Whether a row says anything that an erasure removes.
fn has_personal_fields(row: &Sealed<'_>) -> bool {
    let Entry { appointment_id, phone, starts_at, detail, .. } = &row.entry;
    appointment_id.is_some() || phone.is_some() || starts_at.is_some() || detail.is_some() || row.phone_hash.is_some()
}

impl Walk {
    /// Begins after the row with this number and hash, the last one that was removed.
    #[must_use]
    pub const fn from(start: (u64, Hash), sealing: Sealing) -> Self {
        Self { start, seq: start.0, hash: start.1, rows: 0, last_prune: None, unnamed: BTreeSet::new(), sealing }
    }

    /// How many rows were found whole.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether the next row may have this number.
    ///
    /// # Errors
    /// A sentence.
    pub fn expect(&self, seq: u64) -> Result<(), String> {
        match seq == self.seq + 1 {
            true => Ok(()),
            false => Err(format!("rows {} to {} are missing", self.seq + 1, seq.saturating_sub(1))),
        }
    }

    /// Checks the row with this number, and continues after it.
    ///
    /// # Errors
    /// A sentence.
    pub fn follow(&mut self, seq: u64, found: &Sealed<'_>) -> Result<(), String> {
        if found.prev != self.hash {
            return Err("it doesn't follow the row before it".to_owned());
        }
        let cells = found.entry.cells();
        let commitment = match found.salt {
            Some(salt) => chain::commitment(&salt, &cells, found.phone_hash.as_deref()),
            None if has_personal_fields(found) => return Err("a row that was erased has personal fields".to_owned()),
            None => {
                self.unnamed.insert(seq);
                found.commitment
            }
        };
        if commitment != found.commitment {
            return Err("a personal field was changed".to_owned());
        }
        if chain::hash(&self.sealing, &self.hash, seq, &cells, &commitment) != found.hash {
            return Err("a field was changed".to_owned());
        }
        if found.entry.event == Event::OperatorPruned && found.entry.reason.as_deref() == Some("audit") {
            self.last_prune = found.entry.detail.as_deref().map(str::to_owned);
        }
        if found.entry.event == Event::OperatorForgot
            && let Some(detail) = found.entry.detail.as_deref()
        {
            erased_rows(detail).for_each(|rows| self.unnamed.retain(|row| !rows.contains(row)));
        }
        (self.seq, self.hash, self.rows) = (seq, found.hash, self.rows + 1);
        Ok(())
    }

    /// What is wrong with the log's end or its beginning.
    #[must_use]
    pub fn end(&self, head: &Head) -> Option<(u64, String)> {
        if (self.seq, chain::hex(&self.hash)) != (head.seq, head.hash.clone()) {
            return Some((self.seq + 1, format!("the log ends at {}, but {} rows were written", self.seq, head.seq)));
        }
        if let Some(row) = self.unnamed.first() {
            return Some((*row, "its salt is gone, and no erasure names it".to_owned()));
        }
        let (start, hash) = &self.start;
        let is_reported =
            self.last_prune.as_deref().is_some_and(|detail| detail.starts_with(&prune_mark(*start, hash)));
        (*start > 0 && !is_reported)
            .then(|| (*start, "the log's beginning is gone, and no removal names it".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_that_an_erasure_names_are_read_back() {
        for (rows, mark) in [
            (&[5, 9, 12, 13, 14][..], "erased in rows 5, 9, 12-14"),
            (&[1], "erased in rows 1"),
            (&[], "the log had no row of that number"),
        ] {
            assert_eq!(erasure_mark(rows), mark);
            let read: Vec<u64> = erased_rows(&format!("{mark}; 2 reminders")).flatten().collect();
            assert_eq!(read, rows);
        }
    }
}
