//! shell: the schedule's own do-not-call file, read at every run.

use std::collections::HashSet;

use super::EvaluationError;
use crate::appointment::{PhoneProblem, phone};
use crate::disk::{self, Links};
use crate::personal::Personal;
use crate::row::unseen;
use crate::schedule::Schedule;

/// More than this is no list of numbers.
const LARGEST_LIST: u64 = 64 * 1024 * 1024;

/// The numbers nobody may call for this schedule, E.164. Blocks; for `check` too.
///
/// One number a line; blanks around it, empty lines and what follows a `#` are passed over. A line that is no number
/// fails the run: it may be somebody who asked not to be called.
///
/// # Errors
/// When the file can't be read, is no text, or holds a line that is no number.
pub fn read_do_not_call(schedule: &Schedule) -> Result<HashSet<Personal>, EvaluationError> {
    let Some(path) = &schedule.remind.do_not_call else { return Ok(HashSet::new()) };
    let fail = |what: String| EvaluationError::Rule(format!("the do-not-call list {} {what}", path.display()));
    let text = disk::read_text(path, Links::Followed, LARGEST_LIST).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => fail("is larger than 64 MiB".into()),
        _ if disk::is_exhaustion(&error) => {
            EvaluationError::Exhausted(format!("the do-not-call list {} can't be read now: {error}", path.display()))
        }
        _ => fail(format!("can't be read: {error}")),
    })?;
    numbers(&text, schedule.appointment.default_region.as_deref()).map_err(|UnreadLine { number, why }| {
        fail(format!("has no phone number in line {number} ({why}): write one number a line, `#` before remarks"))
    })
}

/// The numbers of a list (E.164), one a line, `#` before remarks.
///
/// # Errors
/// A sentence with the line that is no number, without the number.
pub fn numbers_of(text: &str, region: Option<&str>) -> Result<Vec<Personal>, String> {
    let found = numbers(text, region).map_err(|UnreadLine { number, why }| {
        format!(
            "line {number} is no phone number ({why}): write one number a line, `#` before remarks; nothing was changed"
        )
    })?;
    let mut sorted: Vec<Personal> = found.into_iter().collect();
    sorted.sort_unstable();
    Ok(sorted)
}

/// A line that may be somebody's number, and can't be read as one.
struct UnreadLine {
    /// From 1.
    number: usize,
    /// Why, without the number.
    why: String,
}

/// The numbers of a list.
fn numbers(text: &str, region: Option<&str>) -> Result<HashSet<Personal>, UnreadLine> {
    let text = text.trim_start_matches('\u{feff}');
    let mut found = HashSet::new();
    for (place, line) in text.lines().enumerate() {
        let entry = unseen::trim(line.split('#').next().unwrap_or_default());
        if entry.is_empty() {
            continue;
        }
        let phone = phone::read(entry, region).map_err(|problem| {
            let why = match problem {
                PhoneProblem::Missing => "it is empty".into(),
                PhoneProblem::Invalid(why) => phone::masked(&why).into_owned(),
            };
            UnreadLine { number: place + 1, why }
        })?;
        found.insert(phone.e164);
    }
    Ok(found)
}
