//! shell: what tests of statements share: a new ledger, and how SQLite executes a statement in it.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::schema::{self, Copies};
use super::steps::Steps;

/// A new ledger in this folder.
pub(super) fn new_ledger(folder: &tempfile::TempDir) -> Connection {
    let path = folder.path().canonicalize().expect("a real path").join("ledger.db");
    schema::open(&path, Copies::Kept, &Steps::default()).expect("a ledger")
}

/// The steps by which SQLite executes a statement.
pub(super) fn plan_of(conn: &Connection, sql: &str) -> Vec<String> {
    let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
    let values = vec![Value::Null; plan.parameter_count()];
    let steps = plan.query_map(params_from_iter(values), |row| row.get("detail")).expect("a plan");
    steps.collect::<Result<_, _>>().expect("its steps")
}
