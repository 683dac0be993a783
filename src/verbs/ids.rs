//! shell: finds a reminder or run by what a person has typed: an id, its unique beginning, or an appointment's id.

use super::{App, VerbError, VerbResult};
use crate::ledger::{ReminderAsk, ReminderRow, RunsAsk};
use crate::reminder::{NoId, ReminderId, RunId, State};
use crate::row::unseen;

/// Minimum length of the beginning of an id.
const MIN_PREFIX: usize = 4;

/// Maximum candidates that are listed for an ambiguous id.
const MAX_CANDIDATES: usize = 5;

/// The reminder whose id is `text` or, alone, begins so.
///
/// # Errors
/// When several do, or the ledger can't be read.
pub async fn beginning(app: &App, text: &str) -> VerbResult<Option<ReminderRow>> {
    let Some(prefix) = prefix(text) else { return Ok(None) };
    let ask = ReminderAsk { id_prefix: Some(prefix), limit: Some(MAX_CANDIDATES as u64 + 1), ..ReminderAsk::default() };
    let Some(ledger) = &app.env.ledger else { return Ok(None) };
    let mut found = ledger.reminders(ask).await?;
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err(several(text, &found)),
    }
}

/// Finds the reminder; with `schedule`, `text` may be an appointment's id. Of an appointment's reminders, those in one of
/// `states` come first.
///
/// # Errors
/// When there is none, there are several, or the ledger can't be read.
pub async fn reminder(app: &App, text: &str, schedule: Option<&str>, states: &[State]) -> VerbResult<ReminderId> {
    if let (Some(schedule), Some(ledger)) = (schedule, &app.env.ledger) {
        let ask = ReminderAsk {
            appointment_id: Some(text.to_owned()),
            schedule: Some(schedule.to_owned()),
            ..ReminderAsk::default()
        };
        let all = ledger.reminders(ask).await?;
        let fitting: Vec<ReminderRow> = all.iter().filter(|row| states.contains(&row.state)).cloned().collect();
        match if fitting.is_empty() { &all[..] } else { &fitting[..] } {
            [] => {}
            [one] => return Ok(one.id),
            more => return Err(several(text, more)),
        }
    }
    if let Some(found) = beginning(app, text).await? {
        return Ok(found.id);
    }
    let shown = unseen::on_one_line(text);
    if prefix(text).is_none() && schedule.is_none() {
        return Err(VerbError::Usage(format!("`{shown}` is not a valid id of a reminder: {NoId}")));
    }
    let of = schedule.map(|schedule| format!(", and `{schedule}` has no reminder of such an appointment"));
    Err(VerbError::Failed(format!(
        "there is no reminder whose id is or begins with `{shown}`{}",
        of.unwrap_or_default()
    )))
}

/// The run whose id is `text` or, alone, begins so.
///
/// # Errors
/// When there is none, there are several, or the ledger can't be read.
pub async fn run(app: &App, text: &str) -> VerbResult<RunId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let prefix =
        prefix(text).ok_or_else(|| VerbError::Usage(format!("`{text}` is not a valid id of a run: {NoId}")))?;
    let found = match &app.env.ledger {
        Some(ledger) => ledger.runs(RunsAsk::Beginning(prefix)).await?,
        None => Vec::new(),
    };
    match &found[..] {
        [] => Err(VerbError::Failed(format!("there is no run whose id begins with `{text}`"))),
        [one] => Ok(one.id),
        more => {
            let ids: Vec<String> = more.iter().take(MAX_CANDIDATES).map(|run| run.id.to_string()).collect();
            Err(VerbError::Usage(format!("`{text}` begins the ids of several runs: {}", ids.join(", "))))
        }
    }
}

/// What may be the beginning of an id, as ids are written.
fn prefix(text: &str) -> Option<String> {
    let is_of_ids = |c: char| c.is_ascii_hexdigit() || c == '-';
    (text.len() >= MIN_PREFIX && text.len() <= 36 && text.chars().all(is_of_ids)).then(|| text.to_ascii_lowercase())
}

fn several(text: &str, found: &[ReminderRow]) -> VerbError {
    let named: Vec<String> = found
        .iter()
        .take(MAX_CANDIDATES)
        .map(|row| format!("{} ({} of {}, {})", row.id, row.appointment_id, row.schedule, row.state))
        .collect();
    let more = if found.len() > MAX_CANDIDATES { ", and more" } else { "" };
    VerbError::Usage(format!("`{text}` may mean several reminders: {}{more}", named.join(", ")))
}
