//! shell: an export as a database of its own, for `sqlite3` and Datasette: no phone, no key, times as text.

use std::path::Path;
use std::sync::Mutex;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use crate::audit::AuditRow;
use crate::audit::entry::{AUDIT_COLUMNS, Cell};
use crate::disk;
use crate::ledger::{LedgerError, LedgerResult};

/// One row a reminder: what the rows of the log say of it.
const CALLS: &str = "CREATE VIEW calls AS
SELECT reminder_id, min(schedule) AS schedule, min(appointment_id) AS appointment_id, min(starts_at) AS starts_at_utc,
    min(lead) AS lead, min(phone_last4) AS phone_last4,
    min(at) FILTER (WHERE event = 'reminder.planned') AS planned_at_utc,
    count(*) FILTER (WHERE event = 'delivery.intent') AS attempts,
    max(at) FILTER (WHERE event = 'delivery.intent') AS last_attempt_at_utc,
    (SELECT last.event FROM audit last WHERE last.reminder_id = audit.reminder_id ORDER BY last.seq DESC LIMIT 1) AS last_event,
    (SELECT last.at FROM audit last WHERE last.reminder_id = audit.reminder_id ORDER BY last.seq DESC LIMIT 1) AS last_event_at_utc
FROM audit WHERE reminder_id IS NOT NULL GROUP BY reminder_id";

/// A database that is being written.
pub struct ExportedDatabase {
    /// Shared by nobody, and still asked for from whatever thread the export is on.
    conn: Mutex<Connection>,
}

impl ExportedDatabase {
    /// A new file, for its owner alone.
    ///
    /// # Errors
    /// When there is one already, or it can't be written.
    pub fn create(path: &Path) -> LedgerResult<Self> {
        disk::open_private(path, std::fs::OpenOptions::new().write(true).create_new(true))
            .map_err(|error| LedgerError::Storage(format!("{} can't be created: {error}", path.display())))?;
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let columns: Vec<&str> = AUDIT_COLUMNS.iter().map(|column| column.name).collect();
        conn.execute_batch(&format!(
            "BEGIN; CREATE TABLE audit (seq INTEGER PRIMARY KEY, {}, hash TEXT); {CALLS};",
            columns.join(", ")
        ))?;
        Ok(Self { conn: Mutex::new(conn) })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn add(&self, rows: &[AuditRow]) -> LedgerResult<()> {
        let places: Vec<String> = (1..=AUDIT_COLUMNS.len() + 2).map(|place| format!("?{place}")).collect();
        let conn = self.conn.lock().expect("no holder of this lock can panic");
        let mut insert = conn.prepare_cached(&format!("INSERT INTO audit VALUES ({})", places.join(", ")))?;
        for row in rows {
            let seq = std::iter::once(Value::Integer(i64::try_from(row.seq).unwrap_or(i64::MAX)));
            let cells = row.cells().map(value);
            insert.execute(params_from_iter(seq.chain(cells).chain([Value::Text(row.hash.clone())])))?;
        }
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(self) -> LedgerResult<()> {
        let conn = self.conn.into_inner().expect("no holder of this lock can panic");
        Ok(conn.execute_batch(
            "CREATE INDEX audit_reminder ON audit (reminder_id, seq); CREATE INDEX audit_at ON audit (at);
             CREATE INDEX audit_event ON audit (event, at); COMMIT;",
        )?)
    }
}

fn value(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => Value::Text(text.to_owned()),
        Cell::Time(at) => Value::Text(at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        Cell::Number(number) => Value::Integer(number.cast_signed()),
        Cell::Id(id) => Value::Text(id.to_string()),
        Cell::Lead(lead) => Value::Text(lead.to_string()),
    }
}
