//! shell: `tickler config`.

use super::arguments::Globals;
use super::context::Context;
use super::output::{Rows, Shown};
use crate::verbs::{Exit, config};

/// Prints every setting with where it came from, secrets as `***`.
pub fn config(globals: &Globals) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let answer = config::config(&context.origins);
    let rows = || {
        let mut rows = Rows::of(&["key", "value", "origin"]);
        for row in &answer.settings {
            rows.push(vec![row.key.clone(), row.value.clone().unwrap_or_default(), row.origin.clone()]);
        }
        rows
    };
    Shown { answer: &answer, people: &|| rows().to_table(), rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}
