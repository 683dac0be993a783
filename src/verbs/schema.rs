//! pure: `tickler schema`: the JSON Schema of the schedule file.

use crate::schedule::json_schema::json_schema;

/// The schema as text, ready for a file that an editor reads.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", json_schema())
}
