//! shell: statements that every reminder needs, kept prepared by the writer: to look one up by its text costs as much as
//! to run a small one.

use std::cell::RefCell;
use std::rc::Rc;

use rusqlite::{Connection, Params, PrepFlags, Row, Statement};

/// A statement that is kept.
type Shared<'c> = Rc<RefCell<Statement<'c>>>;

/// The writer's statements, each prepared when it is first used.
pub(super) struct Kept<'c> {
    conn: &'c Connection,
    statements: RefCell<Vec<(&'static str, Shared<'c>)>>,
}

impl<'c> Kept<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self { conn, statements: RefCell::default() }
    }

    /// Runs a statement that changes rows; answers how many.
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

    /// Found by where its text lies, which for a text of the program never changes.
    fn find(&self, sql: &'static str) -> rusqlite::Result<Shared<'c>> {
        let mut statements = self.statements.borrow_mut();
        if let Some((_, found)) = statements.iter().find(|(known, _)| std::ptr::eq(*known, sql)) {
            return Ok(Rc::clone(found));
        }
        let prepared = self.conn.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?;
        let shared = Rc::new(RefCell::new(prepared));
        statements.push((sql, Rc::clone(&shared)));
        Ok(shared)
    }
}
