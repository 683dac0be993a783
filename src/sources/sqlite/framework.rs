//! shell: whose database it is, by the tables that frameworks keep for themselves.

use rusqlite::Connection;

/// The table in which a framework keeps its own state, and its name.
const FRAMEWORKS: [(&str, &str); 2] = [("django_migrations", "Django"), ("ar_internal_metadata", "Ruby on Rails")];

/// The framework, where one of its tables has a column of this name for a date and a time: frameworks write these in UTC.
pub(super) fn of(connection: &Connection, column: &str) -> Option<&'static str> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").ok()?;
    let tables = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
    let tables: Vec<(String, String)> = tables.collect::<Result<_, _>>().ok()?;
    let (_, framework) = FRAMEWORKS.iter().find(|(own, _)| tables.iter().any(|(name, _)| name == own))?;
    // as frameworks write it: `"starts_at" datetime(6) NOT NULL`
    let declared = format!("\"{column}\" datetime").to_lowercase();
    tables.iter().any(|(_, sql)| sql.to_lowercase().contains(&declared)).then_some(framework)
}
