//! shell: the files that a path with `*`, `?` or `[` matches. What a spreadsheet or an editor keeps beside its files is none.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use glob::MatchOptions;

use crate::schedule::FileSpec;

/// The most files of one folder that are searched.
const MAX_MATCHES: usize = 10_000;

const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The one file that is read: the path itself where it has no pattern or a file has that very name, else the match that was
/// changed last; of several the last by name.
pub(super) fn newest(spec: &FileSpec) -> Option<PathBuf> {
    let Some(pattern) = plain_pattern(spec) else { return Some(spec.path.clone()) };
    let changed =
        |path: &Path| std::fs::metadata(path).and_then(|facts| facts.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    matching(pattern).into_iter().max_by_key(|path| (changed(path), path.clone()))
}

/// Every file, in the order of their names.
pub(super) fn all(spec: &FileSpec) -> Vec<PathBuf> {
    match plain_pattern(spec) {
        None => vec![spec.path.clone()],
        Some(pattern) => {
            let mut found = matching(pattern);
            found.sort();
            found
        }
    }
}

fn plain_pattern(spec: &FileSpec) -> Option<&str> {
    spec.pattern.as_deref().filter(|_| !spec.path.is_file())
}

fn matching(pattern: &str) -> Vec<PathBuf> {
    let Ok(paths) = glob::glob_with(pattern, OPTIONS) else { return Vec::new() };
    let is_kept = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // `~$book.xlsx`: the lock of an open workbook
        !name.starts_with("~$") && path.is_file()
    };
    paths.flatten().filter(is_kept).take(MAX_MATCHES).collect()
}
