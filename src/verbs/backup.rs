//! shell: a consistent copy of the ledger with its key, in one new file, also under a running service.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{Answer, App, Exit, VerbError, VerbResult};
use crate::disk::{self, Links, NotRegular};

/// A copy that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackedUp {
    /// Where.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Copies the ledger into a file that isn't there yet.
///
/// # Errors
/// When the file is there already, or the ledger can't be copied.
pub async fn backup(app: &App, file: &Path) -> VerbResult<BackedUp> {
    if file.symlink_metadata().is_ok() {
        return Err(is_there(file));
    }
    let folder = disk::folder_of(file);
    if !folder.is_dir() {
        let (file, folder) = (file.display(), folder.display());
        return Err(VerbError::Failed(format!(
            "{file} can't be written: there is no folder {folder}; create it first"
        )));
    }
    app.ledger()?.backup(file).await?;
    let bytes = file.metadata().map(|copy| copy.len()).map_err(|error| VerbError::Failed(error.to_string()))?;
    Ok(BackedUp { file: file.to_owned(), bytes })
}

/// Why nothing is written into a file that is there.
#[must_use]
pub fn is_there(file: &Path) -> VerbError {
    VerbError::Failed(format!("{} is there already: a backup overwrites nothing", file.display()))
}

/// A backup for a caller who opened the file: the answer is its size in bytes.
pub async fn backup_into(app: &App, file: Option<File>) -> Answer {
    let Some(file) = file else { return VerbError::Usage("no file was handed over".into()).into() };
    match copied_into(app, file).await {
        Ok(bytes) => Answer::of(Exit::Done, &bytes),
        Err(error) => error.into(),
    }
}

/// Writes the copy into the open file. SQLite writes into names, not into open files, so the copy is made next to the ledger
/// first; one at a time, so that what a crash left is removed by the next.
async fn copied_into(app: &App, file: File) -> VerbResult<u64> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let failed = |error: std::io::Error| VerbError::Failed(format!("the copy can't be written: {error}"));
    let found = file.metadata().map_err(failed)?;
    match NotRegular::of(found.file_type()) {
        Some(what) => return Err(VerbError::Failed(format!("the copy can't be written: {what}"))),
        None if found.len() > 0 => return Err(VerbError::Failed("the file that was handed over isn't empty".into())),
        None => {}
    }
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut draft = app.settings.ledger.clone().into_os_string();
    draft.push(".backup");
    let draft = PathBuf::from(draft);
    let _left_by_a_crash = std::fs::remove_file(&draft);
    backup(app, &draft).await?;
    let copying = move || {
        let mut from = disk::open(&draft, Links::Refused)?;
        // without a name the system removes it, whatever happens
        std::fs::remove_file(&draft)?;
        let bytes = std::io::copy(&mut from, &mut &file)?;
        file.sync_all()?;
        Ok(bytes)
    };
    let copied = tokio::task::spawn_blocking(copying).await;
    copied.map_err(|_| VerbError::Failed("the copy was interrupted".to_owned()))?.map_err(failed)
}
