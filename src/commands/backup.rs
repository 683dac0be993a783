//! shell: `tickler backup`.

use std::path::PathBuf;

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown};
use crate::verbs::backup::BackedUp;
use crate::verbs::{Exit, Request};

/// Copies the ledger into a new file.
pub async fn backup(globals: &Globals, file: PathBuf) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let file = std::path::absolute(file)?;
    let (copy, exit): (BackedUp, Exit) = dispatch::change(&context, Request::Backup { file }).await?;
    let people = || format!("{} holds the ledger and its key ({} bytes)", copy.file.display(), copy.bytes);
    let rows = || {
        let mut rows = Rows::of(&["file", "bytes"]);
        rows.push(vec![copy.file.display().to_string(), copy.bytes.to_string()]);
        rows
    };
    Shown { answer: &copy, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}
