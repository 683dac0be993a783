//! shell: reads the first committed version of the `head` row out of a write-ahead log
//! (<https://sqlite.org/fileformat2.html>, sections 1.5, 2.1 and 4), to find out whether the database file next to it is the one
//! that the log continues.

use std::io::Read;

/// The log's header and that of a frame, in bytes.
const HEADER: usize = 32;
const FRAME: usize = 24;

/// A page that is the leaf of a table.
const TABLE_LEAF: u8 = 0x0d;

/// What the row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeadRow {
    /// The last row of the audit log.
    pub(super) seq: u64,
    /// The same before the transaction that wrote this version; `None` in a schema that doesn't keep it.
    pub(super) prev_seq: Option<u64>,
}

/// The places of the columns in the table.
const SEQ: usize = 1;
const PREV_SEQ: usize = 7;

impl HeadRow {
    /// Whether a file whose head is at `base` is what a log with this first version continues: it was written just before,
    /// or the log has been copied into it since.
    pub(super) fn continues(self, base: u64) -> bool {
        base >= self.seq || self.prev_seq.is_none_or(|before| before == base)
    }
}

/// The first version of the row on `page` that a transaction of the log has committed.
pub(super) fn first_head(mut log: impl Read, page: u32) -> Option<HeadRow> {
    let mut header = [0; HEADER];
    log.read_exact(&mut header).ok()?;
    let size = usize::try_from(number(&header[8..12])).ok()?;
    let salts: [u8; 8] = header[16..24].try_into().ok()?;
    let (mut frame, mut content) = ([0; FRAME], vec![0; size]);
    let mut found = None;
    while log.read_exact(&mut frame).is_ok() && log.read_exact(&mut content).is_ok() {
        if frame[8..16] != salts {
            return None; // what follows was left by an earlier log
        }
        if found.is_none() && number(&frame[..4]) == u64::from(page) {
            found = head_row(&content);
        }
        let is_commit = number(&frame[4..8]) > 0;
        if is_commit && found.is_some() {
            return found;
        }
    }
    None
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The one row of a table's leaf.
fn head_row(page: &[u8]) -> Option<HeadRow> {
    if *page.first()? != TABLE_LEAF || number(page.get(3..5)?) != 1 {
        return None;
    }
    let cell = page.get(usize::try_from(number(page.get(8..10)?)).ok()?..)?;
    let (_payload, rest) = varint(cell)?;
    let (_rowid, record) = varint(rest)?;
    Some(HeadRow { seq: integer(record, SEQ)?, prev_seq: integer(record, PREV_SEQ) })
}

/// An integer column of a record.
fn integer(record: &[u8], column: usize) -> Option<u64> {
    let (length, _) = varint(record)?;
    let length = usize::try_from(length).ok()?;
    let mut kinds = varint(record.get(..length)?)?.1;
    let mut at = length;
    for _before in 0..column {
        let (kind, rest) = varint(kinds)?;
        (at, kinds) = (at + width(kind)?, rest);
    }
    let (kind, _) = varint(kinds)?;
    match kind {
        8 => Some(0),
        9 => Some(1),
        1..=6 => Some(number(record.get(at..at + width(kind)?)?)),
        _ => None,
    }
}

/// How many bytes a value of that serial type takes.
fn width(kind: u64) -> Option<usize> {
    Some(match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        12.. => usize::try_from((kind - 12) / 2).ok()?,
        _ => return None,
    })
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        if place == 8 {
            return Some((value << 8 | u64::from(*byte), &bytes[9..]));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A database with a row like that of `head`, and the page that holds it.
    fn database(path: &std::path::Path) -> (Connection, u32) {
        let conn = Connection::open(path).expect("it opens");
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE head (one INTEGER PRIMARY KEY, seq, hash, a, b, c, d, prev_seq); \
             INSERT INTO head VALUES (1, 300, zeroblob(32), 0, zeroblob(32), NULL, 1, 299); \
             PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .expect("a row");
        let page = conn.query_row("SELECT rootpage FROM sqlite_master WHERE name = 'head'", [], |row| row.get(0));
        (conn, page.expect("its page"))
    }

    #[test]
    fn the_first_version_in_the_log_is_read_whatever_follows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        let (conn, page) = database(&path);
        let first = || first_head(std::fs::File::open(folder.path().join("ledger.db-wal")).expect("a log"), page);
        assert_eq!(first(), None, "nothing was committed yet");
        for seq in [301_i64, 70_000, 5_000_000_000] {
            conn.execute("UPDATE head SET prev_seq = seq, seq = ?1", [seq]).expect("an update");
            assert_eq!(first(), Some(HeadRow { seq: 301, prev_seq: Some(300) }));
        }
    }

    #[test]
    fn a_file_belongs_to_a_log_that_continues_it_or_was_copied_into_it() {
        let head = HeadRow { seq: 10, prev_seq: Some(7) };
        let belongs: Vec<u64> = (0..13).filter(|base| head.continues(*base)).collect();
        assert_eq!(belongs, [7, 10, 11, 12]);
        assert!(HeadRow { prev_seq: None, ..head }.continues(3), "an older schema can't say");
    }
}
