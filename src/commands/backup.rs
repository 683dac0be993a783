//! shell: `tickler backup`.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown};
use crate::daemon::control::{self, ControlError};
use crate::disk;
use crate::verbs::backup::{self, BackedUp};
use crate::verbs::{Access, Exit, Request, VerbError, VerbResult};

/// Copies the ledger into a new file. A user who may read the ledger makes the copy in this process, also while a service runs;
/// for any other user the service writes into a file that this process opened. Either way the file belongs to the user.
pub async fn backup(globals: &Globals, file: PathBuf) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let file = std::path::absolute(file)?;
    let copy = match context.open(Access::Reading).await {
        Ok(app) => backup::backup(&app, &file).await?,
        Err(closed_to_this_user) => by_service(&context, &file, closed_to_this_user).await?,
    };
    let people = || format!("{} holds the ledger and its key ({} bytes)", copy.file.display(), copy.bytes);
    let rows = || {
        let mut rows = Rows::of(&["file", "bytes"]);
        rows.push(vec![copy.file.display().to_string(), copy.bytes.to_string()]);
        rows
    };
    Shown { answer: &copy, people: &people, rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}

/// Passes the open file to the service, because the service may see other folders under the same path.
async fn by_service(context: &Context, file: &Path, closed: VerbError) -> anyhow::Result<BackedUp> {
    let open = disk::open_private(file, OpenOptions::new().read(true).write(true).create_new(true));
    let open = open.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => backup::is_there(file),
        _ => VerbError::Failed(format!("{} can't be written: {error}", file.display())),
    })?;
    let written = written_by_service(context, &open, closed).await;
    if written.is_err() {
        let _nothing_more_to_do = std::fs::remove_file(file);
    }
    Ok(BackedUp { file: file.to_owned(), bytes: written? })
}

/// Has the service write the copy into `file`; returns the size in bytes.
async fn written_by_service(context: &Context, file: &File, closed: VerbError) -> VerbResult<u64> {
    let answer = match control::ask_with(&context.settings.socket, &Request::BackupInto, Some(file)).await {
        Ok(answer) => answer,
        Err(ControlError::NobodyThere(_)) => return Err(closed),
        Err(error @ (ControlError::Forbidden(_) | ControlError::Broken(_))) => {
            return Err(VerbError::Unreachable(error.to_string()));
        }
    };
    let (bytes, _): (u64, Exit) = dispatch::body(answer)
        .map_err(|error| error.downcast().unwrap_or_else(|other| VerbError::Failed(other.to_string())))?;
    match file.metadata() {
        Ok(found) if found.len() == bytes => Ok(bytes),
        Ok(_) | Err(_) => Err(VerbError::Failed("the service reported a copy that is not complete".into())),
    }
}
