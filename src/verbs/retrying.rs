//! shell: why reminders that were tried wait to be tried again: what the running sender knows, else what the log says.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};

use super::{App, VerbResult};
use crate::audit::{AuditFilter, AuditRow, Event};
use crate::delivery::waits_because;
use crate::ledger::{Questions, ReminderAsk, Tally};
use crate::reminder::{ReminderId, State};

/// How many of a day's newest refusals are read: the reason of each schedule's last one is wanted.
const MAX_REFUSALS: u64 = 2_000;

/// The reason of each schedule whose last try was refused and is repeated.
///
/// # Errors
/// When the ledger can't be read.
pub(super) async fn reasons(app: &App, ledger: &Questions, tally: Tally) -> VerbResult<BTreeMap<String, String>> {
    end_settled(app, ledger).await?;
    let known = app.sender.as_ref().map(|sender| sender.troubles()).unwrap_or_default();
    if tally.pending == 0 {
        return Ok(known);
    }
    let mut reasons = of_log(ledger, app.env.clock.now()).await?;
    reasons.extend(known);
    Ok(reasons)
}

/// The sender's troubles about reminders that are not pending any more end: they have expired, or were cancelled.
///
/// # Errors
/// When the ledger can't be read.
pub(crate) async fn end_settled(app: &App, ledger: &Questions) -> VerbResult<()> {
    let Some(sender) = &app.sender else { return Ok(()) };
    for (schedule, reminder) in sender.troubled() {
        let ask = ReminderAsk { id: Some(reminder), ..ReminderAsk::default() };
        let brief = ledger.briefs(ask).await?.pop();
        if brief.is_none_or(|brief| !matches!(brief.state, State::Pending | State::Sending)) {
            sender.end_trouble(&schedule, reminder);
        }
    }
    Ok(())
}

async fn of_log(ledger: &Questions, now: Timestamp) -> VerbResult<BTreeMap<String, String>> {
    let since = now.saturating_sub(24.hours()).unwrap_or(now);
    let of = |event: Event| {
        let (limit, event) = (Some(MAX_REFUSALS), Some(event.as_str().to_owned()));
        ledger.audit(AuditFilter { since: Some(since), event, limit, newest: true, ..AuditFilter::default() })
    };
    let last_refused = last_of_each(of(Event::DeliveryRefused).await?);
    if last_refused.is_empty() {
        return Ok(BTreeMap::new());
    }
    let last_accepted = last_of_each(of(Event::DeliveryDelivered).await?);
    let ids = last_refused.values().filter_map(|row| row.reminder_id).collect();
    let ask = ReminderAsk { ids, states: vec![State::Pending], ..ReminderAsk::default() };
    let pending: Vec<ReminderId> = ledger.briefs(ask).await?.into_iter().map(|brief| brief.id).collect();
    let waits = |schedule: &str, row: &AuditRow| {
        last_accepted.get(schedule).is_none_or(|accepted| accepted.seq < row.seq)
            && row.reminder_id.is_some_and(|id| pending.contains(&id))
    };
    let waiting = last_refused.into_iter().filter(|(schedule, row)| waits(schedule, row));
    Ok(waiting.map(|(schedule, row)| (schedule, waits_because(row.detail.as_deref(), row.http_status))).collect())
}

fn last_of_each(rows: Vec<AuditRow>) -> BTreeMap<String, AuditRow> {
    rows.into_iter().filter_map(|row| Some((row.schedule.as_deref()?.to_owned(), row))).collect()
}
