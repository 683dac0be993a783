//! shell: reads schedule files without following links and without blocking, and keeps what was read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::Schedule;
use super::problems::Problem;
use crate::zones::Zones;

/// The folder as read once: every file is a schedule or refused, none is passed over in silence.
#[derive(Debug, Default)]
pub struct Folder {
    /// By name.
    pub schedules: BTreeMap<String, Arc<Schedule>>,
    /// Every problem of every file, warnings among them, in the order of files and places.
    pub problems: Vec<Problem>,
    /// Names of files that were refused (a schedule name, or a file name that is none).
    pub refused: Vec<String>,
    /// Files looked at.
    pub files: usize,
}

/// Reads every schedule of a folder.
///
/// # Errors
/// When the folder itself can't be read.
pub fn folder(_path: &Path, _zones: &Zones) -> std::io::Result<Folder> {
    todo!()
}

/// Reads single files or folders (`check PATH…`).
#[must_use]
pub fn paths(_paths: &[std::path::PathBuf], _zones: &Zones) -> Folder {
    todo!()
}
