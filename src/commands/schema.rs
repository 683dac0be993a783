//! shell: `tickler schema`.

use super::output::print;
use crate::verbs::{Exit, schema};

/// Prints the JSON Schema of the schedule file.
pub fn schema() -> anyhow::Result<Exit> {
    print(&schema::schema())?;
    Ok(Exit::Done)
}
