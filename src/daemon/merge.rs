//! pure: combines the folder as it was read again with what is loaded, file by file.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::schedule::Schedule;
use crate::schedule::load::Folder;
use crate::schedule::problems::Problem;

/// The folder that is to be loaded, and how it differs from the one that is.
pub(super) struct Merge {
    pub(super) folder: Folder,
    /// New and changed schedules.
    pub(super) taken: Vec<Arc<Schedule>>,
    /// The names of schedules whose file is gone.
    pub(super) removed: Vec<String>,
}

/// Takes each good file. A refused file, or an `unsettled` one that is being written at this moment, keeps the version
/// that is loaded.
pub(super) fn merge(before: &Folder, mut read: Folder, unsettled: &BTreeSet<String>) -> Merge {
    read.schedules.retain(|name, _| !unsettled.contains(name));
    keep_problems_of_unsettled(&mut read, before, unsettled);
    let is_changed = |schedule: &Schedule| {
        before.schedules.get(&schedule.name).is_none_or(|loaded| loaded.text_hash != schedule.text_hash)
    };
    let taken = read.schedules.values().filter(|schedule| is_changed(schedule)).cloned().collect();
    let mut removed = Vec::new();
    for (name, schedule) in &before.schedules {
        if read.schedules.contains_key(name) {
            continue;
        }
        if read.refuses(name) || unsettled.contains(name) {
            read.schedules.insert(name.clone(), Arc::clone(schedule));
        } else {
            removed.push(name.clone());
        }
    }
    Merge { folder: read, taken, removed }
}

/// Replaces what was found out about unsettled files by what was known of them before.
fn keep_problems_of_unsettled(read: &mut Folder, before: &Folder, unsettled: &BTreeSet<String>) {
    let is_unsettled =
        |problem: &Problem| problem.file.file_stem().is_some_and(|stem| unsettled.contains(&*stem.to_string_lossy()));
    read.refused.retain(|name| !unsettled.contains(name));
    read.problems.retain(|problem| !is_unsettled(problem));
    read.refused.extend(before.refused.iter().filter(|name| unsettled.contains(*name)).cloned());
    read.problems.extend(before.problems.iter().filter(|problem| is_unsettled(problem)).cloned());
    read.refused.sort();
}

/// The schedule could not be loaded: the folder keeps the version of it that is.
pub(super) fn keep_former(folder: &mut Folder, before: &Folder, name: &str) {
    match before.schedules.get(name) {
        Some(former) => folder.schedules.insert(name.to_owned(), Arc::clone(former)),
        None => folder.schedules.remove(name),
    };
}
