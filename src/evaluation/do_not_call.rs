//! shell: reads a schedule's do-not-call list, at every run.

use std::collections::HashSet;

use super::EvaluationError;
use crate::appointment::{PhoneProblem, phone};
use crate::disk::{self, Links};
use crate::personal::Personal;
use crate::row::unseen;
use crate::schedule::Schedule;

/// Maximum size of a list; a larger file is something else.
const MAX_FILE_SIZE: u64 = 64 * 1024 * 1024;

/// The numbers that this schedule must not call, E.164. Also used by `check`. Blocks.
///
/// The file has one number a line; blanks around it, empty lines and text after a `#` are ignored. An invalid line fails
/// the run: it may be the number of somebody who asked not to be called.
///
/// # Errors
/// When the file can't be read, is not text, or has an invalid line.
pub fn read_do_not_call(schedule: &Schedule) -> Result<HashSet<Personal>, EvaluationError> {
    let Some(path) = &schedule.remind.do_not_call else { return Ok(HashSet::new()) };
    let fail = |what: String| EvaluationError::Rule(format!("the do-not-call list {} {what}", path.display()));
    let text = disk::read_text(path, Links::Followed, MAX_FILE_SIZE).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => fail("is larger than 64 MiB".into()),
        _ if disk::is_exhaustion(&error) => {
            EvaluationError::Exhausted(format!("the do-not-call list {} can't be read now: {error}", path.display()))
        }
        _ => fail(format!("can't be read: {error}")),
    })?;
    numbers(&text, schedule.appointment.default_region.as_deref()).map_err(|InvalidLine { line, reason }| {
        fail(format!(
            "has no valid phone number in line {line} ({reason}): write one number a line, `#` before remarks"
        ))
    })
}

/// Parses a list with one number a line and `#` before remarks; the numbers are E.164.
///
/// # Errors
/// A sentence with the invalid line, without its digits.
pub fn numbers_of(text: &str, region: Option<&str>) -> Result<Vec<Personal>, String> {
    let found = numbers(text, region).map_err(|InvalidLine { line, reason }| {
        format!(
            "line {line} is not a valid phone number ({reason}): write one number a line, `#` before remarks; nothing was changed"
        )
    })?;
    let mut sorted: Vec<Personal> = found.into_iter().collect();
    sorted.sort_unstable();
    Ok(sorted)
}

/// A line that can't be parsed as a phone number.
struct InvalidLine {
    /// The number of the line, from 1.
    line: usize,
    /// Why the line can't be used, without the digits of its number.
    reason: String,
}

/// Parses a list.
fn numbers(text: &str, region: Option<&str>) -> Result<HashSet<Personal>, InvalidLine> {
    let text = text.trim_start_matches('\u{feff}');
    let mut found = HashSet::new();
    for (index, line) in text.lines().enumerate() {
        let entry = unseen::trim(line.split('#').next().unwrap_or_default());
        if entry.is_empty() {
            continue;
        }
        let phone = phone::read(entry, region).map_err(|problem| {
            let reason = match problem {
                PhoneProblem::Missing => "it is empty".into(),
                PhoneProblem::Invalid(why) => phone::masked(&why).into_owned(),
            };
            InvalidLine { line: index + 1, reason }
        })?;
        found.insert(phone.e164);
    }
    Ok(found)
}
