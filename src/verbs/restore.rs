//! shell: a copy becomes the ledger again; whoever may have been called meanwhile is left to a person.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::gap::{self, UnplannedGap};
use super::{Access, App, VerbError, VerbResult};
use crate::clock::SharedClock;
use crate::ledger::Restored;
use crate::ledger::sqlite::{self, Restore};
use crate::plan::Gap;
use crate::settings::Settings;
use crate::zones::Zones;

/// What became of a restoring.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestoreAnswer {
    /// The copy.
    pub file: PathBuf,
    /// Where the former ledger is now; null where there was none.
    pub kept: Option<PathBuf>,
    /// The time of which nothing is known.
    pub gap: Gap,
    /// Reminders that are uncertain by it.
    pub uncertain: u64,
    /// Numbers that were taken over from the replaced ledger's opt-out list; null where it couldn't be read: who asked not to be
    /// called since the copy was made must be added again.
    pub optouts: Option<u64>,
    /// Schedules whose sources couldn't be read: their reminders of the gap become uncertain as soon as a run plans them.
    pub unread: Vec<UnplannedGap>,
}

/// Restores a copy under the ledger's lock; sends nothing.
///
/// # Errors
/// Busy while a service runs; when the file is not a backup, or the disk fails.
pub async fn restore(settings: &Settings, clock: SharedClock, file: &Path, actor: &str) -> VerbResult<RestoreAnswer> {
    let (copy, path, now) = (file.to_owned(), settings.ledger.clone(), clock.now());
    let ask = Restore { copy, path, now, actor: actor.to_owned() };
    let restoring = tokio::task::spawn_blocking(move || sqlite::restore(&ask, Zones::newest())).await;
    let Restored { gap, uncertain, kept, optouts } =
        restoring.map_err(|_| VerbError::Failed("internal error: the restore ended early".to_owned()))??;
    let mut answer = RestoreAnswer { file: file.to_owned(), kept, gap, uncertain, optouts, unread: Vec::new() };
    let app = App::open(settings.clone(), clock, Access::Working, actor).await?;
    let planned = gap::plan(&app, gap, actor).await;
    answer.uncertain += planned.uncertain;
    answer.unread = planned.unread;
    Ok(answer)
}
