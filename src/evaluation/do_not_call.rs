//! shell: the schedule's own do-not-call file, read at every run.

use std::collections::HashSet;

use super::EvaluationError;
use crate::disk::{self, Links};
use crate::schedule::Schedule;

/// More than this is no list of numbers.
const LARGEST_LIST: u64 = 64 * 1024 * 1024;

/// The numbers nobody may call for this schedule, E.164. Blocking.
///
/// One number a line; blanks around it, empty lines and what follows a `#` are passed over. A line that is no number
/// fails the run: it may be somebody who asked not to be called.
///
/// # Errors
/// When the file can't be read, is no text, or holds a line that is no number.
pub(super) fn read(schedule: &Schedule) -> Result<HashSet<String>, EvaluationError> {
    let Some(path) = &schedule.remind.do_not_call else { return Ok(HashSet::new()) };
    let fail = |what: String| EvaluationError::Rule(format!("the do-not-call list {} {what}", path.display()));
    let text = disk::read_text(path, Links::Followed, LARGEST_LIST).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => fail("is larger than 64 MiB".into()),
        _ => fail(format!("can't be read: {error}")),
    })?;
    numbers(&text, schedule.appointment.default_region.as_deref()).map_err(|line| {
        fail(format!("has no phone number in line {line}: write one number a line, `#` before remarks"))
    })
}

/// The numbers of a list, or the line that holds none.
fn numbers(text: &str, region: Option<&str>) -> Result<HashSet<String>, usize> {
    let text = text.trim_start_matches('\u{feff}');
    let mut found = HashSet::new();
    for (place, line) in text.lines().enumerate() {
        let entry = line.split('#').next().unwrap_or_default().trim();
        if entry.is_empty() {
            continue;
        }
        found.insert(super::phone_of(entry, region).map(|phone| phone.e164).ok_or(place + 1)?);
    }
    Ok(found)
}
