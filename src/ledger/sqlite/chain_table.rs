//! shell: the log's chain in its table: its end written with each commit, its rows read for the walk.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::append::{Bound, READ, SEAL_AT};
use super::columns::{time, time_or_null, uuid_or_null, word, word_or_null};
use super::files::KeyBytes;
use super::schema;
use super::store::SqliteStore;
use crate::audit::{Entry, LoggedPhone};
use crate::ledger::chain::{self, Hash, Salt, Sealing};
use crate::ledger::walk::{Sealed, Walk};
use crate::ledger::{Head, LedgerError, LedgerResult, Verification};
use crate::reminder::{ReminderId, RunId};

/// The log's end as the writer remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    /// Whether the table `head` has it, too.
    pub(super) is_saved: bool,
}

impl Chain {
    pub(super) fn load(conn: &Connection) -> LedgerResult<Self> {
        let (seq, hash) = conn.query_row("SELECT seq, hash FROM head", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self { seq, hash, is_saved: true })
    }
}

/// How the times of the log's rows run, as the writer remembers it (µs).
#[derive(Debug, Clone, Copy)]
pub(super) struct LogTimes {
    /// The latest time of any row.
    latest_at: i64,
    /// How far behind the latest time before it a row has ever been: the clock may be set back.
    set_back: i64,
    /// What the table `set_back` has of that.
    saved: i64,
}

impl LogTimes {
    pub(super) fn load(conn: &Connection) -> LedgerResult<Self> {
        let sql = "SELECT coalesce((SELECT max(at) FROM audit), 0), coalesce((SELECT max(micros) FROM set_back), 0)";
        let (latest_at, set_back) = conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self { latest_at, set_back, saved: set_back })
    }

    /// The times after one more row, written at `at`.
    pub(super) fn with(self, at: i64) -> Self {
        let latest_at = self.latest_at.max(at);
        Self { latest_at, set_back: self.set_back.max(latest_at.saturating_sub(at)), ..self }
    }

    /// The times after a transaction was lost: what it saved is written again.
    pub(super) fn unsaved(self) -> Self {
        Self { saved: -1, ..self }
    }
}

/// Random salts, asked for in bulk: one call of the system serves 256 rows.
pub(super) struct Salts {
    pool: [u8; 4_096],
    used: usize,
}

impl Default for Salts {
    fn default() -> Self {
        Self { pool: [0; 4_096], used: 4_096 }
    }
}

impl Salts {
    pub(super) fn next(&mut self) -> LedgerResult<Salt> {
        if self.used == self.pool.len() {
            getrandom::fill(&mut self.pool)
                .map_err(|_| LedgerError::Storage("the system gives no random bytes".into()))?;
            self.used = 0;
        }
        let mut salt = Salt::default();
        let end = self.used + salt.len();
        salt.copy_from_slice(&self.pool[self.used..end]);
        self.used = end;
        Ok(salt)
    }
}

impl SqliteStore<'_> {
    /// Writes the log's end, once for each commit.
    pub(super) fn save_head(&self) -> LedgerResult<()> {
        let chain = self.chain.get();
        if !chain.is_saved {
            self.statements
                .run("UPDATE head SET prev_seq = seq, seq = ?1, hash = ?2", params![chain.seq, chain.hash])?;
            self.chain.set(Chain { is_saved: true, ..chain });
        }
        let times = self.times.get();
        if times.set_back > times.saved {
            self.statements.run("UPDATE set_back SET micros = max(micros, ?1)", params![times.set_back])?;
            self.times.set(LogTimes { saved: times.set_back, ..times });
        }
        Ok(())
    }
}

/// The log's end.
pub(super) fn head(conn: &Connection) -> LedgerResult<Head> {
    let chain = Chain::load(conn)?;
    Ok(Head { seq: chain.seq, hash: chain::hex(&chain.hash) })
}

/// How this log's hashes are made.
pub(super) fn sealing(conn: &Connection, key: &KeyBytes) -> LedgerResult<Sealing> {
    Ok(if is_keyed(conn)? { Sealing::keyed(key) } else { Sealing::Plain })
}

fn is_keyed(conn: &Connection) -> LedgerResult<bool> {
    match conn.query_row("SELECT keyed FROM head", [], |row| row.get(0))? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(LedgerError::Storage(format!("the ledger was changed: `keyed` of its head is {other}"))),
    }
}

/// Walks the whole chain and compares its end with the head row; then demands the triggers that protect the log.
pub(super) fn verify(conn: &Connection, key: Option<&KeyBytes>) -> LedgerResult<Verification> {
    let sealing = match key {
        Some(key) => sealing(conn, key)?,
        None if is_keyed(conn)? => {
            return Err(LedgerError::Refused(
                "the log is sealed with the ledger's key, which can't be read: ask as the ledger's user".into(),
            ));
        }
        None => Sealing::Plain,
    };
    let start: (u64, Hash) =
        conn.query_row("SELECT pruned_seq, pruned_hash FROM head", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let head = head(conn)?;
    let mut walk = Walk::from(start, sealing);
    let mut statement = conn.prepare(&format!("SELECT {} FROM audit ORDER BY seq", *READ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Err(sentence) = step(&mut walk, row) {
            let seq: u64 = row.get(0)?;
            return Ok(Verification { rows: walk.rows(), head, broken: Some((seq, sentence)) });
        }
    }
    let mut broken = walk.end(&head);
    if broken.is_none() {
        let missing = missing_trigger(conn)?;
        broken = missing.map(|name| (head.seq, format!("the trigger `{name}`, which protects the log, is missing")));
    }
    if broken.is_none() && is_unprotected(conn)? {
        broken = Some((head.seq, "a permit to change the log was left in it: its triggers protect nothing".to_owned()));
    }
    Ok(Verification { rows: walk.rows(), head, broken })
}

/// The first of the log's triggers that isn't there as this program wrote it.
fn missing_trigger(conn: &Connection) -> LedgerResult<Option<&'static str>> {
    let sql = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit' AND name = ?1";
    for name in ["audit_only_grows", "audit_is_not_changed", "audit_is_not_cut"] {
        let found: Option<String> = conn.query_row(sql, [name], |row| row.get(0)).optional()?;
        if !found.is_some_and(|sql| schema::has_statement(&sql)) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Whether a permit is there that lives only within a transaction of this program.
fn is_unprotected(conn: &Connection) -> LedgerResult<bool> {
    Ok(conn.query_row("SELECT EXISTS (SELECT 1 FROM permit)", [], |row| row.get(0))?)
}

/// Checks the next row of the table.
fn step(walk: &mut Walk, row: &Row<'_>) -> Result<(), String> {
    let seq: u64 = row.get("seq").map_err(|_| "its number can't be read".to_owned())?;
    walk.expect(seq)?;
    let found = sealed(row).map_err(|_| "a field can't be read: it was changed".to_owned())?;
    if !is_spelled_as_written(&found, row) {
        return Err("a field was changed: it is not spelled as the ledger writes it".to_owned());
    }
    walk.follow(seq, &found)
}

/// A row with its seal, read as [`READ`] names its columns.
fn sealed<'r>(row: &'r Row<'_>) -> rusqlite::Result<Sealed<'r>> {
    Ok(Sealed {
        entry: entry(row, |column| row.get_ref(column).and_then(|value| Ok(value.as_str_or_null()?)))?,
        phone_hash: row.get_ref(SEAL_AT)?.as_blob_or_null()?.map(Cow::Borrowed),
        salt: row.get(SEAL_AT + 1)?,
        commitment: row.get(SEAL_AT + 2)?,
        prev: row.get(SEAL_AT + 3)?,
        hash: row.get(SEAL_AT + 4)?,
    })
}

/// The hashes cover values; so each value must be stored in the one type and spelling that the ledger writes.
fn is_spelled_as_written(found: &Sealed<'_>, row: &Row<'_>) -> bool {
    let mut columns = 1..;
    found.entry.cells().into_iter().map(Bound::Cell).all(|cell| {
        let stored = columns.next().and_then(|column| row.get_ref(column).ok());
        let written = cell.to_sql();
        let written = written.as_ref().map(|written| match written {
            ToSqlOutput::Borrowed(value) => *value,
            ToSqlOutput::Owned(value) => ValueRef::from(value),
            _ => ValueRef::Null,
        });
        written.ok() == stored
    })
}

/// Each number is the column's place in `AUDIT_COLUMNS`, plus one for the row's number before them.
///
/// An entry of a row that was read as [`READ`] names its columns; `text` reads a text of that column.
pub(super) fn entry<'a, T: Into<Cow<'a, str>>>(
    row: &Row<'_>,
    text: impl Fn(usize) -> rusqlite::Result<Option<T>>,
) -> rusqlite::Result<Entry<'a>> {
    let text = |column| Ok::<_, rusqlite::Error>(text(column)?.map(Into::into));
    Ok(Entry {
        at: time(row, 1)?,
        event: word(row, 2)?,
        schedule: text(3)?,
        run_id: uuid_or_null(row, 4)?.map(RunId),
        reminder_id: uuid_or_null(row, 5)?.map(ReminderId),
        appointment_id: text(6)?,
        phone: text(7)?.map(LoggedPhone::LastFour),
        starts_at: time_or_null(row, 8)?,
        lead: word_or_null(row, 9)?,
        attempt: row.get(10)?,
        reason: text(11)?,
        http_status: row.get(12)?,
        latency_ms: row.get(13)?,
        actor: text(14)?,
        detail: text(15)?,
    })
}

/// The hash of the row at `seq`, if it is there.
pub(super) fn hash_at(conn: &Connection, seq: u64) -> LedgerResult<Option<Hash>> {
    Ok(conn.query_row("SELECT hash FROM audit WHERE seq = ?1", [seq], |row| row.get(0)).optional()?)
}
