//! shell: `tickler backup`.

use std::path::{Path, PathBuf};

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown};
use crate::verbs::backup::{self, BackedUp};
use crate::verbs::{Access, Exit, Request, VerbError};

/// Copies the ledger into a new file. Whoever may read the ledger makes the copy themselves, beside a running service too:
/// the file then lies where they mean, and is theirs. The service makes it for the others.
pub async fn backup(globals: &Globals, file: PathBuf) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let file = std::path::absolute(file)?;
    let (copy, exit) = match context.open(Access::Reading).await {
        Ok(app) => (backup::backup(&app, &file).await?, Exit::Done),
        Err(_closed_to_this_user) => by_service(&context, &file).await?,
    };
    let people = || format!("{} holds the ledger and its key ({} bytes)", copy.file.display(), copy.bytes);
    let rows = || {
        let mut rows = Rows::of(&["file", "bytes"]);
        rows.push(vec![copy.file.display().to_string(), copy.bytes.to_string()]);
        rows
    };
    Shown { answer: &copy, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}

/// A service may have folders of its own under the same names.
async fn by_service(context: &Context, file: &Path) -> anyhow::Result<(BackedUp, Exit)> {
    let request = Request::Backup { file: file.to_owned() };
    let (copy, exit): (BackedUp, Exit) = dispatch::change(context, request).await?;
    match file.metadata() {
        Ok(found) if found.len() == copy.bytes => Ok((copy, exit)),
        Ok(_) | Err(_) => {
            let place = file.display();
            let sentence =
                format!("the service wrote {place}, but where you can't see it: name a place that both can use");
            Err(VerbError::Failed(sentence).into())
        }
    }
}
