//! shell: the calls that are planned already and not made yet.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{App, Reveal, VerbResult, redact};
use crate::audit::{AuditFilter, Event};
use crate::ledger::{ReminderAsk, ReminderRow};
use crate::personal::Personal;
use crate::reminder::State;

/// Maximum calls that are read: a list for people.
pub const MAX_CALLS: usize = 500;

/// A call that waits for its time.
#[derive(Debug, Clone)]
pub struct WaitingCall {
    /// The schedule's name.
    pub schedule: String,
    /// The appointment's id.
    pub appointment_id: String,
    /// How the schedule names it.
    pub label: Option<Personal>,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// When it is to be made (UTC).
    pub next_at: Timestamp,
    /// The phone's last four digits.
    pub phone: Option<Personal>,
    /// Attempts made before.
    pub attempts: u32,
}

/// The calls that wait, and how many more there are than are read.
#[derive(Debug, Clone, Default)]
pub struct WaitingCalls {
    /// The soonest first.
    pub calls: Vec<WaitingCall>,
    /// How many further ones wait, whenever they are due.
    pub further: u64,
}

/// The calls of these schedules that are to be made before `until`.
///
/// # Errors
/// When the ledger can't be read.
pub async fn before(app: &App, schedules: &[String], until: Timestamp) -> VerbResult<WaitingCalls> {
    let Some(ledger) = &app.env.ledger else { return Ok(WaitingCalls::default()) };
    let limit = Some(MAX_CALLS as u64);
    let ask = ReminderAsk { states: vec![State::Pending], limit, ..ReminderAsk::default() };
    let read = ledger.reminders(ask).await?;
    let further = ledger.tally().await?.pending.saturating_sub(read.len() as u64);
    let is_asked = |row: &ReminderRow| row.next_at < until && schedules.contains(&row.schedule);
    let mut calls: Vec<WaitingCall> = read.into_iter().filter(is_asked).map(WaitingCall::of).collect();
    calls.sort_by_key(|call| (call.next_at, call.starts_at));
    Ok(WaitingCalls { calls, further })
}

/// How many of the newest plannings of a phone are searched for calls that wait.
const PLANNINGS: u64 = 100;

/// The calls to the phone with that mark that are still to be made, the soonest first.
///
/// # Errors
/// When the ledger can't be read.
pub async fn to_phone(app: &App, mark: &str) -> VerbResult<Vec<WaitingCall>> {
    let ledger = app.ledger()?;
    let planned = AuditFilter {
        phone_mark: Some(mark.to_owned()),
        event: Some(Event::ReminderPlanned.as_str().to_owned()),
        newest: true,
        limit: Some(PLANNINGS),
        ..AuditFilter::default()
    };
    let ids: BTreeSet<_> = ledger.audit(planned).await?.iter().filter_map(|row| row.reminder_id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = ledger.reminders(ReminderAsk { ids: ids.into_iter().collect(), ..ReminderAsk::default() }).await?;
    let waits = |row: &ReminderRow| row.state == State::Pending;
    let mut calls: Vec<WaitingCall> = found.into_iter().filter(waits).map(WaitingCall::of).collect();
    calls.sort_by_key(|call| (call.next_at, call.starts_at));
    Ok(calls)
}

impl WaitingCall {
    fn of(row: ReminderRow) -> Self {
        Self {
            phone: row.phone.map(|phone| redact::phone(phone.as_str(), Reveal::LastFour).into()),
            label: row.label,
            schedule: row.schedule,
            appointment_id: row.appointment_id,
            starts_at: row.starts_at,
            next_at: row.next_at,
            attempts: row.attempts,
        }
    }
}
