//! pure: which outcomes are written back to where the appointments come from, and how a write-back ends.

use jiff::{SignedDuration, Timestamp};

use super::change::LoadedReminder;
use super::{SettledWriteBack, WriteBackEnd, WriteBackRow};
use crate::audit::{Entry, Event};
use crate::outcome::ReportedOutcome;
use crate::reminder::{CallOutcome, WriteBackState};

/// The time after its outcome during which a write-back is tried.
pub const TRIED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The reason of one that a newer outcome of its appointment replaces.
pub const SUPERSEDED: &str = "superseded";

/// The reason in the log of one that a person has acknowledged.
const ACKNOWLEDGED: &str = "acknowledged";

/// An outcome that holds from now on.
#[derive(Debug, Clone, Copy)]
pub struct NewOutcome<'a> {
    /// The call that had the outcome.
    pub held: &'a LoadedReminder,
    /// What became of it.
    pub told: ReportedOutcome,
    /// The other side's id of the call.
    pub call_id: Option<&'a str>,
    /// The outcomes that its schedule writes back.
    pub on: &'a [CallOutcome],
    /// Now (UTC).
    pub now: Timestamp,
    /// Who brought it.
    pub actor: &'a str,
}

impl NewOutcome<'_> {
    /// The write-back of the outcome, if its schedule writes it; `last` is the number of the reminder's write-back before.
    #[must_use]
    pub fn write_back(&self, last: Option<u32>) -> Option<WriteBackRow> {
        let Self { held, told, now, .. } = *self;
        self.on.contains(&told.outcome).then(|| WriteBackRow {
            reminder_id: held.id,
            number: last.unwrap_or(0) + 1,
            schedule: held.schedule.clone(),
            appointment_id: held.appointment_id.clone(),
            starts_at: held.starts_at,
            outcome: told.outcome,
            outcome_at: told.at,
            call_id: self.call_id.map(str::to_owned),
            state: WriteBackState::Pending,
            tries: 0,
            next_at: now,
            created_at: now,
            reason: None,
        })
    }

    /// Whether a write-back of the same appointment that still waits says what is no longer so. An outcome that is written
    /// replaces it; one that isn't does so when it says as much: who asks to cancel after a yes has not confirmed.
    #[must_use]
    pub fn supersedes(&self, waiting: &WriteBackRow) -> bool {
        let outcome = self.told.outcome;
        waiting.reminder_id == self.held.id || self.on.contains(&outcome) || outcome.rank() >= waiting.outcome.rank()
    }
}

/// The row after an attempt, and what the log says of it.
#[must_use]
pub fn settled<'a>(
    held: &'a LoadedReminder,
    row: &WriteBackRow,
    ended: &'a SettledWriteBack,
) -> (WriteBackRow, Option<Entry<'a>>) {
    let (state, event, next_at) = match ended.to {
        WriteBackEnd::Sent => (WriteBackState::Sent, Some(Event::WriteBackSent), row.next_at),
        WriteBackEnd::Again(next_at) => (WriteBackState::Pending, None, next_at),
        WriteBackEnd::Failed => (WriteBackState::Failed, Some(Event::WriteBackFailed), row.next_at),
        WriteBackEnd::Dropped => (WriteBackState::Dropped, Some(Event::WriteBackDropped), row.next_at),
    };
    let tries = row.tries + u32::from(ended.latency.is_some());
    let after = WriteBackRow { state, next_at, tries, reason: ended.reason.clone(), ..row.clone() };
    let what = format!("{} (write-back {})", row.outcome, row.number);
    let detail = ended.detail.as_ref().map_or_else(|| what.clone(), |detail| format!("{what}: {detail}"));
    let reason = ended.reason.as_deref().unwrap_or(row.outcome.as_str());
    let entry = event.map(|event| Entry {
        reason: Some(reason.to_owned().into()),
        http_status: ended.http_status,
        latency_ms: ended.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
        actor: Some(ended.actor.as_str().into()),
        detail: Some(detail.into()),
        ..held.entry(ended.now, event)
    });
    (after, entry)
}

/// The write-back that a newer outcome of its appointment replaces, and its entry of the log.
#[must_use]
pub fn superseded<'a>(held: &'a LoadedReminder, row: &WriteBackRow, new: &NewOutcome<'a>) -> (WriteBackRow, Entry<'a>) {
    let after = WriteBackRow { state: WriteBackState::Dropped, reason: Some(SUPERSEDED.to_owned()), ..row.clone() };
    let detail = format!("{} (write-back {}): {} holds now", row.outcome, row.number, new.told.outcome);
    let entry = Entry {
        reason: Some(SUPERSEDED.into()),
        actor: Some(new.actor.into()),
        detail: Some(detail.into()),
        ..held.entry(new.now, Event::WriteBackDropped)
    };
    (after, entry)
}

/// The failed write-back after a person has acknowledged it.
#[must_use]
pub fn acknowledged(row: &WriteBackRow) -> WriteBackRow {
    WriteBackRow { state: WriteBackState::Acknowledged, ..row.clone() }
}

/// What the log says of it.
#[must_use]
pub fn acknowledged_entry<'a>(
    held: &'a LoadedReminder,
    now: Timestamp,
    actor: &'a str,
    reason: Option<&'a str>,
) -> Entry<'a> {
    Entry {
        reason: Some(ACKNOWLEDGED.into()),
        actor: Some(actor.into()),
        detail: reason.map(Into::into),
        ..held.entry(now, Event::OperatorOutcome)
    }
}
