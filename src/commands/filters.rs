//! shell: the arguments that select rows of the audit log.

use clap::Args;
use jiff::Timestamp;

use super::context::Context;
use crate::audit::times;
use crate::personal::Personal;
use crate::verbs::VerbError;

/// The times that a person typed, `since` and `until`, in the zone of a schedule.
///
/// # Errors
/// When one of them is no time.
pub fn between(
    context: &Context,
    schedule: Option<&str>,
    (since, until): (&Option<String>, &Option<String>),
) -> Result<(Option<Timestamp>, Option<Timestamp>), VerbError> {
    let (now, zone) = (context.clock.now(), context.zone_of(schedule));
    let time = |text: &Option<String>| text.as_deref().map(|text| times::read(text, now, &zone)).transpose();
    Ok((time(since).map_err(VerbError::Usage)?, time(until).map_err(VerbError::Usage)?))
}

/// The conditions for rows of the log to be selected. Times may be relative: `yesterday 06:00`, `-2h`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which rows")]
pub struct Filters {
    /// Only rows at or after this time (`yesterday 06:00`, `-2h`, RFC 3339)
    #[arg(long, global = true, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only rows before this time
    #[arg(long, global = true, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Only rows about this schedule
    #[arg(long, global = true, value_name = "NAME")]
    pub schedule: Option<String>,
    /// Only rows of this event, or of a family of events (`delivery`)
    #[arg(long, global = true, value_name = "EVENT")]
    pub event: Option<String>,
    /// Only rows with this reason
    #[arg(long, global = true, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only rows about this appointment
    #[arg(long, global = true, value_name = "ID", value_parser = super::arguments::typed_id)]
    pub appointment: Option<String>,
    /// Only rows about this phone
    #[arg(long, global = true, value_name = "NUMBER", allow_hyphen_values = true)]
    pub phone: Option<Personal>,
    /// Only rows of this run
    #[arg(long, global = true, value_name = "RUN")]
    pub run: Option<String>,
    /// Only rows before the one with this number: the page before
    #[arg(long, global = true, value_name = "SEQ")]
    pub before: Option<u64>,
    /// Only rows after the one with this number: the page after
    #[arg(long, global = true, value_name = "SEQ")]
    pub after: Option<u64>,
    /// Only this number of the newest rows; with `--after`, of the oldest
    #[arg(long, global = true, value_name = "N")]
    pub limit: Option<u64>,
}
