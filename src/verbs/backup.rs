//! shell: a consistent copy of the ledger with its key, in one new file, also under a running service.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{App, VerbError, VerbResult};

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
        return Err(VerbError::Failed(format!("{} is there already: a backup overwrites nothing", file.display())));
    }
    app.ledger()?.backup(file).await?;
    let bytes = file.metadata().map(|copy| copy.len()).map_err(|error| VerbError::Failed(error.to_string()))?;
    Ok(BackedUp { file: file.to_owned(), bytes })
}
