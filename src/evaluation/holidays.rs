//! shell: the calendar files that a schedule names, read at every evaluation.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};

use super::EvaluationError;
use crate::disk::{self, Links};
use crate::schedule::{Remind, Schedule};
use crate::zones::dates_of;

/// The size in bytes up to which a file is taken for a list of holidays.
const LARGEST_CALENDAR: u64 = 16 << 20;

/// Dates so far back and ahead of an evaluation decide about its leads and openings.
const DAYS_AROUND: (i64, i64) = (30, 430);

/// The schedule with the holidays of its calendar files. Blocks; for `check` too.
///
/// # Errors
/// When a file can't be read or understood: then nobody knows who may be called.
pub fn with_holidays(schedule: &Arc<Schedule>, now: Timestamp) -> Result<Arc<Schedule>, EvaluationError> {
    let Remind { holiday_files, closed, .. } = &schedule.remind;
    if holiday_files.is_empty() {
        return Ok(Arc::clone(schedule));
    }
    let today = schedule.zone.date(now);
    let (from, until) = (today.saturating_sub(DAYS_AROUND.0.days()), today.saturating_add(DAYS_AROUND.1.days()));
    let mut closed = closed.clone();
    for file in holiday_files {
        let fail = |why: String| EvaluationError::Rule(format!("the holidays in {}: {why}", file.display()));
        let text = disk::read_text(file, Links::Followed, LARGEST_CALENDAR)
            .map_err(|error| fail(format!("the file can't be read: {error}")))?;
        closed = closed.with(dates_of(&text, from, until).map_err(fail)?);
    }
    let remind = Remind { closed, ..schedule.remind.clone() };
    Ok(Arc::new(Schedule { remind, ..Schedule::clone(schedule) }))
}
