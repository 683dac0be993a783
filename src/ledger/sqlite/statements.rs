//! shell: prepared statements of the hot path, found by the address of their SQL: hashing the text costs as much as running a
//! small statement.

use std::cell::RefCell;
use std::rc::Rc;

use rusqlite::{Connection, Params, PrepFlags, Row, Statement};

/// A prepared statement, shared between the list and whoever runs it.
type SharedStatement<'c> = Rc<RefCell<Statement<'c>>>;

/// The writer's statements, each prepared when it is first used.
pub(super) struct Statements<'c> {
    conn: &'c Connection,
    prepared: RefCell<Vec<(&'static str, SharedStatement<'c>)>>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self { conn, prepared: RefCell::default() }
    }

    /// Runs a statement that changes rows; returns how many.
    pub(super) fn run(&self, sql: &'static str, values: impl Params) -> rusqlite::Result<usize> {
        self.find(sql)?.borrow_mut().execute(values)
    }

    /// The one row that a query finds.
    pub(super) fn row<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.find(sql)?.borrow_mut().query_row(values, read)
    }

    /// A `&'static str` never moves, so its address names it.
    fn find(&self, sql: &'static str) -> rusqlite::Result<SharedStatement<'c>> {
        let mut prepared = self.prepared.borrow_mut();
        if let Some((_, found)) = prepared.iter().find(|(known, _)| std::ptr::eq(*known, sql)) {
            return Ok(Rc::clone(found));
        }
        let statement = self.conn.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?;
        let shared = Rc::new(RefCell::new(statement));
        prepared.push((sql, Rc::clone(&shared)));
        Ok(shared)
    }
}
