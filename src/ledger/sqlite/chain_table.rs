//! shell: the log's chain in its table: written row by row, walked from end to end.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::append::Bound;
use super::columns::{time, time_or_null, uuid_or_null, word, word_or_null};
use super::files::Key;
use super::schema;
use super::store::SqliteStore;
use crate::audit::{Entry, Event, LoggedPhone};
use crate::ledger::chain::{self, Hash, Salt, Sealing};
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
        Ok(())
    }
}

/// The log's end.
pub(super) fn head(conn: &Connection) -> LedgerResult<Head> {
    let chain = Chain::load(conn)?;
    Ok(Head { seq: chain.seq, hash: chain::hex(&chain.hash) })
}

/// Where the walk stands.
struct Walk {
    seq: u64,
    hash: Hash,
    rows: u64,
    /// The last `operator.pruned` that cut the log's beginning, as it says itself.
    last_prune: Option<String>,
    sealing: Sealing,
}

/// How this log's hashes are made.
pub(super) fn sealing(conn: &Connection, key: &Key) -> LedgerResult<Sealing> {
    Ok(if is_keyed(conn)? { Sealing::keyed(key) } else { Sealing::Plain })
}

fn is_keyed(conn: &Connection) -> LedgerResult<bool> {
    Ok(conn.query_row("SELECT keyed FROM head", [], |row| row.get(0))?)
}

/// Walks the whole chain and compares its end with the head row; then demands the triggers that protect the log.
pub(super) fn verify(conn: &Connection, key: Option<&Key>) -> LedgerResult<Verification> {
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
    let mut walk = Walk { seq: start.0, hash: start.1, rows: 0, last_prune: None, sealing };
    let mut statement = conn.prepare("SELECT * FROM audit ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Err(sentence) = walk.step(row) {
            let seq: u64 = row.get(0)?;
            return Ok(Verification { rows: walk.rows, head, broken: Some((seq, sentence)) });
        }
    }
    let mut broken = walk.end(&head, start);
    if broken.is_none() {
        let missing = missing_trigger(conn)?;
        broken = missing.map(|name| (head.seq, format!("the trigger `{name}`, which protects the log, is missing")));
    }
    Ok(Verification { rows: walk.rows, head, broken })
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

/// The word by which a row tells that the log's beginning was removed.
pub(super) fn prune_mark(seq: u64, hash: &Hash) -> String {
    format!("removed up to {seq}, whose hash is {}", chain::hex(hash))
}

impl Walk {
    fn step(&mut self, row: &Row<'_>) -> Result<(), String> {
        let seq: u64 = row.get("seq").map_err(|_| "its number can't be read".to_owned())?;
        if seq != self.seq + 1 {
            return Err(format!("rows {} to {} are missing", self.seq + 1, seq.saturating_sub(1)));
        }
        let found = Sealed::of(row).map_err(|_| "a field can't be read: it was changed".to_owned())?;
        if !found.is_spelled_as_written(row) {
            return Err("a field was changed: it is not spelled as the ledger writes it".to_owned());
        }
        if found.prev != self.hash {
            return Err("it doesn't follow the row before it".to_owned());
        }
        let commitment = match found.salt {
            Some(salt) => chain::commitment(&salt, &found.entry, found.phone_hash),
            None => return Err("its salt is gone, and no erasure names it".to_owned()),
        };
        if commitment != found.commitment {
            return Err("a personal field was changed".to_owned());
        }
        if chain::hash(&self.sealing, &self.hash, seq, &found.entry, &commitment) != found.hash {
            return Err("a field was changed".to_owned());
        }
        if found.entry.event == Event::OperatorPruned && found.entry.reason.as_deref() == Some("audit") {
            self.last_prune = found.entry.detail.map(Cow::into_owned);
        }
        (self.seq, self.hash, self.rows) = (seq, found.hash, self.rows + 1);
        Ok(())
    }

    fn end(&self, head: &Head, start: (u64, Hash)) -> Option<(u64, String)> {
        if (self.seq, chain::hex(&self.hash)) != (head.seq, head.hash.clone()) {
            return Some((self.seq + 1, format!("the log ends at {}, but {} rows were written", self.seq, head.seq)));
        }
        let told = self.last_prune.as_deref().is_some_and(|detail| detail.starts_with(&prune_mark(start.0, &start.1)));
        (start.0 > 0 && !told).then(|| (start.0, "the log's beginning is gone, and no removal names it".to_owned()))
    }
}

/// A row of the table with its seal.
struct Sealed<'r> {
    entry: Entry<'r>,
    phone_hash: Option<&'r [u8]>,
    salt: Option<Salt>,
    commitment: Hash,
    prev: Hash,
    hash: Hash,
}

impl<'r> Sealed<'r> {
    /// Columns in the order of the table.
    fn of(row: &'r Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            entry: entry(row, |column| row.get_ref(column).and_then(|value| Ok(value.as_str_or_null()?)))?,
            phone_hash: row.get_ref(16)?.as_blob_or_null()?,
            salt: row.get(17)?,
            commitment: row.get(18)?,
            prev: row.get(19)?,
            hash: row.get(20)?,
        })
    }

    /// The hashes cover values; so each value must be stored in the one type and spelling that the ledger writes.
    fn is_spelled_as_written(&self, row: &Row<'_>) -> bool {
        let mut columns = 1..;
        self.entry.cells().into_iter().map(Bound::Cell).all(|cell| {
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
}

/// An entry as its row says it, the texts as `text` answers them. The row begins with the table's columns.
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
