//! pure: what becomes of a canary, a call to the operator: heard, silent or not accepted.

use jiff::Timestamp;

use super::{BeginCanary, CanaryPurpose, CanaryRow, RecordedCall, SettledCanary};
use crate::audit::{Entry, Event, LoggedPhone};
use crate::reminder::CanaryState;

/// The reason of a canary of which nothing was heard in time.
const NO_SIGN: &str = "no_sign";

/// A row of the log about a canary; `None` for one that `test-call` sent, about which it writes rows of its own.
fn entry<'a>(row: &'a CanaryRow, at: Timestamp, event: Event, actor: &'a str) -> Option<Entry<'a>> {
    let entry = || Entry {
        schedule: Some(row.schedule.as_str().into()),
        reminder_id: Some(row.id),
        actor: Some(actor.into()),
        ..Entry::new(at, event)
    };
    (row.purpose == CanaryPurpose::Schedule).then(entry)
}

/// The entry of the log that a canary is about to be sent; `None` for a test call, whose entries its verb writes.
#[must_use]
pub fn begun(begin: &BeginCanary) -> Option<Entry<'_>> {
    let entry = entry(&begin.row, begin.row.sent_at, Event::CanarySent, &begin.actor)?;
    Some(Entry { phone: Some(LoggedPhone::whole(begin.phone.as_str())), ..entry })
}

/// The canary after its request has ended, and the entry of the log about that. A canary that was not accepted is not awaited any
/// more.
#[must_use]
pub fn settled<'a>(row: &'a CanaryRow, ended: &'a SettledCanary) -> (CanaryRow, Option<Entry<'a>>) {
    let remote_id = ended.remote_id.clone().or_else(|| row.remote_id.clone());
    let is_failed = ended.failure.is_some() && row.state == CanaryState::Waiting;
    let state = if is_failed { CanaryState::Failed } else { row.state };
    let failed = ended.failure.as_ref().filter(|_| is_failed);
    let entry = failed.and_then(|(reason, http_status)| {
        let entry = entry(row, ended.now, Event::CanarySilent, &ended.actor)?;
        Some(Entry { reason: Some(reason.as_str().into()), http_status: *http_status, ..entry })
    });
    (CanaryRow { state, remote_id, ..row.clone() }, entry)
}

/// The canary of which nothing was heard in time, and the entry of the log about that; `None` while something may still be heard,
/// or when nobody waits for it.
#[must_use]
pub fn passed<'a>(row: &'a CanaryRow, now: Timestamp, actor: &'a str) -> Option<(CanaryRow, Option<Entry<'a>>)> {
    if row.state != CanaryState::Waiting || row.until > now {
        return None;
    }
    let entry = entry(row, now, Event::CanarySilent, actor);
    let entry = entry.map(|entry| Entry { reason: Some(NO_SIGN.into()), ..entry });
    Some((CanaryRow { state: CanaryState::Silent, ..row.clone() }, entry))
}

/// A record of its call came, late or not; `None` when one came before.
#[must_use]
pub fn heard<'a>(row: &'a CanaryRow, record: &'a RecordedCall) -> Option<(CanaryRow, Option<Entry<'a>>)> {
    match row.state {
        CanaryState::Heard => None,
        CanaryState::Waiting | CanaryState::Silent | CanaryState::Failed => {
            let entry = entry(row, record.now, Event::CanaryHeard, &record.actor);
            Some((CanaryRow { state: CanaryState::Heard, ..row.clone() }, entry))
        }
    }
}
