//! pure: the hash chain of the audit log.
//!
//! Each row's hash covers the hash before it, the plain fields, and a commitment to the personal ones. The commitment is
//! an HMAC under the row's own random salt: when a person is erased, fields and salt go, the commitment stays, and the
//! chain is whole still.
//!
//! In a new ledger the hashes are HMACs under a key derived from the ledger's own: who can write the file and cannot read the
//! key beside it cannot make hashes that fit. Ledgers of the first four schemas keep plain SHA-256.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::attempt::TargetAddress;
use crate::audit::entry::{AUDIT_COLUMNS, AuditColumn, Cell, ColumnKind, EntryCells};
use crate::reminder::{Lead, LeadTime};

/// A SHA-256.
pub type Hash = [u8; 32];
/// A row's own randomness.
pub type Salt = [u8; 16];

/// What the first row of a log names as the hash before it.
pub const EMPTY: Hash = [0; 32];

/// Length before content, and absence distinct from emptiness: no two rows have the same form.
struct Form<'b>(&'b mut Vec<u8>);

impl Form<'_> {
    fn bytes(&mut self, field: Option<&[u8]>) {
        match field {
            None => self.0.push(0),
            Some(bytes) => {
                self.0.push(1);
                self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                self.0.extend_from_slice(bytes);
            }
        }
    }

    fn number(&mut self, number: i64) {
        self.bytes(Some(&number.to_be_bytes()));
    }

    fn cell(&mut self, cell: Cell<'_>) {
        match cell {
            Cell::Empty => self.bytes(None),
            Cell::Text(text) => self.bytes(Some(text.as_bytes())),
            Cell::Time(at) => self.number(at.as_microsecond()),
            Cell::Number(number) => self.number(number.cast_signed()),
            Cell::Id(id) => self.bytes(Some(id.as_bytes())),
            Cell::Lead(lead) => self.number(number_of(lead)),
        }
    }
}

/// A lead as a number. That of a chain's first call, counted in days or hours, is what it was before there were others.
fn number_of(lead: Lead) -> i64 {
    let before = match lead.before {
        LeadTime::Days(count) => i64::from(count) << 1,
        LeadTime::Hours(count) => i64::from(count) << 1 | 1,
        LeadTime::Now => 1 << 33,
    };
    before | i64::from(lead.retry) << 34
}

/// The columns of the first ledgers. Each enters the form, set or not.
const FIRST_COLUMNS: usize = 15;

impl Form<'_> {
    /// The cell of the column with that index. A column that was added later enters the form by name, and only where it is
    /// set: rows that were written before keep their hashes.
    fn column(&mut self, index: usize, column: &AuditColumn, cell: Cell<'_>) {
        if index < FIRST_COLUMNS {
            self.cell(cell);
        } else if cell != Cell::Empty {
            self.bytes(Some(column.name.as_bytes()));
            self.cell(cell);
        }
    }
}

/// The cells of one kind with the index of their column, in the order of the columns.
fn cells_of<'e>(
    cells: &EntryCells<'e>,
    kind: ColumnKind,
) -> impl Iterator<Item = (usize, &'static AuditColumn, Cell<'e>)> {
    let columns = AUDIT_COLUMNS.iter().zip(cells).enumerate().map(|(index, (column, cell))| (index, column, *cell));
    columns.filter(move |(_, column, _)| column.kind == kind)
}

/// The HMAC that represents the personal fields. The phone is its last four digits and its hash under the ledger's key.
#[must_use]
pub fn commitment(salt: &Salt, cells: &EntryCells<'_>, phone_hash: Option<&[u8]>) -> Hash {
    let mut bytes = Vec::with_capacity(256);
    let mut form = Form(&mut bytes);
    for (index, column, cell) in cells_of(cells, ColumnKind::Personal) {
        form.column(index, column, cell);
        if column.name == "phone_last4" {
            form.bytes(phone_hash);
        }
    }
    let mut mac = keyed(salt);
    mac.update(&bytes);
    mac.finalize().into_bytes().into()
}

/// How the hashes of a log are made.
#[derive(Clone)]
pub enum Sealing {
    /// By SHA-256 alone.
    Plain,
    /// By HMAC-SHA-256 under a key that is derived from the ledger's.
    Keyed(Hmac<Sha256>),
}

impl Sealing {
    /// The keyed way, with a key that is derived from the ledger's and used for nothing else.
    #[must_use]
    pub fn keyed(key: &[u8; 32]) -> Self {
        Self::Keyed(keyed(&derived(key, b"tickler: hashes of the audit log")))
    }

    fn seal(&self, bytes: &[u8]) -> Hash {
        match self {
            Self::Plain => Sha256::digest(bytes).into(),
            Self::Keyed(mac) => {
                let mut mac = mac.clone();
                mac.update(bytes);
                mac.finalize().into_bytes().into()
            }
        }
    }
}

/// What a ledger stores of its key, to recognise it; the key can't be derived from it.
#[must_use]
pub fn key_check(key: &[u8; 32]) -> Hash {
    derived(key, b"tickler: the key of this ledger")
}

fn derived(key: &[u8; 32], purpose: &[u8]) -> Hash {
    let mut mac = keyed(key);
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

/// The hash of the row with this number.
#[must_use]
pub fn hash(sealing: &Sealing, prev: &Hash, seq: u64, cells: &EntryCells<'_>, commitment: &Hash) -> Hash {
    let mut bytes = Vec::with_capacity(320);
    bytes.extend_from_slice(prev);
    bytes.extend_from_slice(&seq.to_be_bytes());
    let mut form = Form(&mut bytes);
    for (index, column, cell) in cells_of(cells, ColumnKind::Plain) {
        // every row has its instant, which is written without a mark of being there
        if index == 0
            && let Cell::Time(at) = cell
        {
            form.0.extend_from_slice(&at.as_microsecond().to_be_bytes());
        } else {
            form.column(index, column, cell);
        }
    }
    bytes.extend_from_slice(commitment);
    sealing.seal(&bytes)
}

/// A phone (E.164) under the ledger's key: without the key a list of all numbers doesn't undo it.
#[must_use]
pub fn phone_hash(key: &[u8; 32], phone: &str) -> Hash {
    PhoneKey::new(key).hash(phone)
}

/// The ledger's key, made ready for many phones.
#[derive(Clone)]
pub struct PhoneKey(Hmac<Sha256>);

impl PhoneKey {
    /// Makes the key ready.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(keyed(key))
    }

    /// The same as [`phone_hash`].
    #[must_use]
    pub fn hash(&self, phone: &str) -> Hash {
        let mut mac = self.0.clone();
        mac.update(phone.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// A target's address under the same key.
    #[must_use]
    pub fn address_hash(&self, address: &TargetAddress) -> Hash {
        let mut mac = self.0.clone();
        mac.update(b"tickler: the address of a target");
        mac.update(address.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all that is written");
        text
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::audit::{Entry, Event, LoggedPhone};
    use crate::reminder::{ReminderId, RunId};

    const ROW: Entry<'static> = Entry::new(Timestamp::UNIX_EPOCH, Event::RunStarted);

    /// The same row with one column set, for each column.
    fn variants() -> Vec<Entry<'static>> {
        let id = uuid::Uuid::nil();
        let text = || Some("".into());
        vec![
            Entry { at: Timestamp::from_microsecond(1).expect("a valid instant"), ..ROW },
            Entry { event: Event::RunHeld, ..ROW },
            Entry { schedule: text(), ..ROW },
            Entry { run_id: Some(RunId(id)), ..ROW },
            Entry { reminder_id: Some(ReminderId(id)), ..ROW },
            Entry { appointment_id: text(), ..ROW },
            Entry { phone: Some(LoggedPhone::LastFour("".into())), ..ROW },
            Entry { starts_at: Some(Timestamp::UNIX_EPOCH), ..ROW },
            Entry { lead: Some(Lead::days(1)), ..ROW },
            Entry { lead: Some(Lead::hours(1)), ..ROW },
            Entry { lead: Some(Lead::days(1).at_retry(1)), ..ROW },
            Entry { lead: Some(Lead::NOW), ..ROW },
            Entry { attempt: Some(0), ..ROW },
            Entry { reason: text(), ..ROW },
            Entry { http_status: Some(200), ..ROW },
            Entry { latency_ms: Some(7), ..ROW },
            Entry { actor: text(), ..ROW },
            Entry { detail: text(), ..ROW },
            ROW,
        ]
    }

    fn hash_of(entry: &Entry<'_>) -> Hash {
        hash(&Sealing::Plain, &EMPTY, 1, &entry.cells(), &commitment(&[0; 16], &entry.cells(), None))
    }

    #[test]
    fn every_column_changes_the_hash() {
        let variants = variants();
        for (place, column) in AUDIT_COLUMNS.iter().enumerate() {
            let is_changed = |entry: &Entry<'_>| entry.cells()[place] != ROW.cells()[place];
            assert!(variants.iter().any(is_changed), "a variant changes `{}`", column.name);
        }
        let hashes: std::collections::HashSet<_> = variants.iter().map(hash_of).collect();
        assert_eq!(hashes.len(), variants.len());
        assert_ne!(
            hash(&Sealing::Plain, &[1; 32], 1, &ROW.cells(), &EMPTY),
            hash(&Sealing::Plain, &EMPTY, 1, &ROW.cells(), &EMPTY)
        );
        assert_ne!(
            hash(&Sealing::Plain, &EMPTY, 2, &ROW.cells(), &EMPTY),
            hash(&Sealing::Plain, &EMPTY, 1, &ROW.cells(), &EMPTY)
        );
        assert_ne!(
            hash(&Sealing::Plain, &EMPTY, 1, &ROW.cells(), &[1; 32]),
            hash(&Sealing::Plain, &EMPTY, 1, &ROW.cells(), &EMPTY)
        );
    }

    #[test]
    fn a_text_that_moves_to_the_next_field_is_another_commitment() {
        let here = Entry { appointment_id: Some("0143".into()), ..ROW };
        let there = Entry { phone: Some(LoggedPhone::LastFour("0143".into())), ..ROW };
        assert_ne!(commitment(&[0; 16], &here.cells(), None), commitment(&[0; 16], &there.cells(), None));
        assert_ne!(commitment(&[0; 16], &here.cells(), None), commitment(&[1; 16], &here.cells(), None));
        assert_ne!(commitment(&[0; 16], &here.cells(), Some(&[0; 32])), commitment(&[0; 16], &here.cells(), None));
    }

    #[test]
    fn a_column_that_was_added_later_changes_the_form_only_where_it_is_set() {
        let later = |name| AuditColumn { name, kind: ColumnKind::Plain };
        let form_of = |cells: &[(&'static str, Cell<'_>)]| {
            let mut bytes = Vec::new();
            let mut form = Form(&mut bytes);
            cells
                .iter()
                .enumerate()
                .for_each(|(at, (name, cell))| form.column(FIRST_COLUMNS + at, &later(name), *cell));
            bytes
        };
        assert!(form_of(&[("one", Cell::Empty), ("two", Cell::Empty)]).is_empty());
        let (first, second) = (
            form_of(&[("one", Cell::Number(1)), ("two", Cell::Empty)]),
            form_of(&[("one", Cell::Empty), ("two", Cell::Number(1))]),
        );
        assert!(!first.is_empty() && first != second, "two columns with the same value have two forms");
    }

    /// The form may grow and never change: these are the hashes of ledgers that exist.
    #[test]
    fn a_row_of_an_older_version_keeps_its_hash() {
        let entry = Entry {
            schedule: Some("clinic".into()),
            run_id: Some(RunId(uuid::Uuid::from_u128(1))),
            reminder_id: Some(ReminderId(uuid::Uuid::from_u128(2))),
            appointment_id: Some("A1".into()),
            phone: Some(LoggedPhone::whole("+12025550143")),
            starts_at: Some(Timestamp::UNIX_EPOCH),
            lead: Some(Lead::hours(24)),
            attempt: Some(3),
            reason: Some("resend".into()),
            http_status: Some(503),
            latency_ms: Some(12),
            actor: Some("service".into()),
            detail: Some("a sentence".into()),
            ..ROW
        };
        let commitment = commitment(&[7; 16], &entry.cells(), Some(&[9; 32]));
        assert_eq!(hex(&commitment), "d46dd5d4688cfa42705818b3c0983a68209b19493f1bc07aee2eee4d9e5b466e");
        assert_eq!(
            hex(&hash(&Sealing::Plain, &[5; 32], 11, &entry.cells(), &commitment)),
            "029fc6be67029c1487ad75643118730be4cc5543cc315ee1cbe918574720bf3f"
        );
    }
}
