//! shell: `tickler config`.

use super::arguments::Globals;
use super::context::Context;
use super::output::{Rows, Shown};
use super::table::{Table, sentence, words};
use crate::verbs::{Exit, config};

/// Prints every setting with its origin, secrets as `***`.
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
    let people = || {
        let mut table = Table::of(&[words("key"), sentence("value"), words("origin")]);
        rows().cells.into_iter().for_each(|row| table.push(row));
        table.fit(context.screen)
    };
    Shown { answer: &answer, people: &people, rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}
