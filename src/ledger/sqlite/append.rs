//! shell: appends rows to the audit log, in the transaction of what they report.

use std::sync::LazyLock;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use uuid::fmt::Hyphenated;

use super::chain_table::Chain;
use super::columns::micros;
use super::store::SqliteStore;
use crate::audit::entry::{AUDIT_COLUMNS, Cell};
use crate::audit::{Entry, LoggedPhone};
use crate::ledger::{LedgerError, LedgerResult, chain};

/// The columns that follow those of an entry: what its hash is made of besides, and the hash.
pub(super) const SEAL: [&str; 5] = ["phone_hash", "salt", "commitment", "prev", "hash"];

/// Where the columns of the seal begin in a row that was read as [`READ`] names its columns.
pub(super) const SEAL_AT: usize = 1 + AUDIT_COLUMNS.len();

/// The columns of a row in the order in which it is read, whatever their order in the table: `seq`, those of an entry, those
/// of its seal. (SQLite puts a column that a migration adds behind all others.)
pub(super) static READ: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> =
        std::iter::once("seq").chain(AUDIT_COLUMNS.iter().map(|column| column.name)).chain(SEAL).collect();
    names.join(", ")
});

/// The statement that inserts a row. `seq` is left to the rowid, and `OR FAIL` avoids the statement journal: SQLite then copies
/// no page before each insert.
static INSERT: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = AUDIT_COLUMNS.iter().map(|column| column.name).chain(SEAL).collect();
    let places: Vec<String> = (1..=names.len()).map(|place| format!("?{place}")).collect();
    format!("INSERT OR FAIL INTO audit ({}) VALUES ({})", names.join(", "), places.join(", "))
});

impl SqliteStore<'_> {
    /// Appends one row.
    pub(super) fn append_entry(&self, entry: &Entry<'_>) -> LedgerResult<()> {
        let last = self.chain.get();
        let seq = last.seq + 1;
        let salt = self.salts.borrow_mut().next()?;
        let phone_hash = match &entry.phone {
            Some(LoggedPhone::Whole(phone)) => Some(self.phone_key.hash(phone)),
            Some(LoggedPhone::LastFour(_)) | None => None,
        };
        let phone_hash = phone_hash.as_ref().map(<[u8; 32]>::as_slice);
        let cells = entry.cells();
        let commitment = chain::commitment(&salt, &cells, phone_hash);
        let hash = chain::hash(&self.sealing, &last.hash, seq, &cells, &commitment);
        let seal = [phone_hash, Some(&salt), Some(&commitment), Some(&last.hash), Some(&hash)];
        let mut ids = [[0; Hyphenated::LENGTH]; 2];
        let mut rooms = ids.iter_mut();
        let values = cells.map(|cell| {
            if let Cell::Id(id) = cell
                && let Some(room) = rooms.next()
            {
                Bound::Text(id.hyphenated().encode_lower(room))
            } else {
                Bound::Cell(cell)
            }
        });
        let values = values.into_iter().chain(seal.map(Bound::Blob));
        self.statements.run(&INSERT, rusqlite::params_from_iter(values))?;
        if u64::try_from(self.conn.last_insert_rowid()) != Ok(seq) {
            return Err(LedgerError::Storage(
                "the log's end was changed by another program; run `tickler audit verify`".into(),
            ));
        }
        self.chain.set(Chain { seq, hash, is_saved: false });
        self.times.set(self.times.get().with(micros(entry.at)));
        Ok(())
    }
}

/// A value of the row that is inserted.
pub(super) enum Bound<'a> {
    Cell(Cell<'a>),
    /// The text of an id, borrowed: most rows have two ids, which are not worth an allocation.
    Text(&'a str),
    Blob(Option<&'a [u8]>),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Cell(Cell::Empty) | Self::Blob(None) => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Cell(Cell::Text(text)) | Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Cell(Cell::Time(at)) => ToSqlOutput::Owned(Value::Integer(micros(*at))),
            Self::Cell(Cell::Number(number)) => ToSqlOutput::Owned(Value::Integer(number.cast_signed())),
            Self::Cell(Cell::Id(id)) => ToSqlOutput::Owned(Value::Text(id.hyphenated().to_string())),
            Self::Cell(Cell::Lead(lead)) => ToSqlOutput::Owned(Value::Text(lead.to_string())),
            Self::Blob(Some(bytes)) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}
