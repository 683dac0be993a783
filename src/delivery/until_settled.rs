//! shell: waits until a scope is settled by the dispatcher of another task.

use jiff::Timestamp;

use super::fresh_reads::BETWEEN_READS;
use super::{DeliveryScope, Sender};
use crate::ledger::gate::Gate;
use crate::ledger::{LedgerResult, Questions, ReminderAsk};
use crate::reminder::State;

/// Maximum time between two reads of the ledger: another process may have changed it.
const MAX_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// Returns once everything of the scope is settled, blocked, or not due before the deadline.
pub(super) async fn until_settled(
    sender: &Sender,
    ledger: &Questions,
    scope: &DeliveryScope,
    deadline: Timestamp,
) -> LedgerResult<()> {
    let mut progress = sender.progress.subscribe();
    while !sender.has_stopped() && !is_settled(sender, ledger, scope, deadline).await? {
        tokio::select! {
            _alive = progress.changed() => {}
            () = sender.parts.env.clock.sleep(MAX_WAIT) => {}
        }
    }
    Ok(())
}

async fn is_settled(
    sender: &Sender,
    ledger: &Questions,
    scope: &DeliveryScope,
    deadline: Timestamp,
) -> LedgerResult<bool> {
    let ask = |states: &[State], limit| ReminderAsk {
        schedule: Some(scope.schedule.clone()),
        states: states.to_vec(),
        appointment_id: scope.only.clone(),
        limit,
        ..ReminderAsk::default()
    };
    // pending first: a reminder that is taken between the two queries is then found as `sending`
    let next = match &scope.only {
        // one appointment has few reminders
        Some(_) => ledger.reminders(ask(&[State::Pending], None)).await?.iter().map(|row| row.next_at).min(),
        None => ledger.next_due(vec![scope.schedule.clone()]).await?,
    };
    if !ledger.reminders(ask(&[State::Sending], Some(1))).await?.is_empty() {
        return Ok(false);
    }
    match next {
        Some(next) if next <= deadline => is_blocked(sender, ledger, scope, deadline).await,
        Some(_) | None => Ok(true),
    }
}

/// Whether nothing of the schedule can be sent before the deadline, whatever is due.
async fn is_blocked(
    sender: &Sender,
    ledger: &Questions,
    scope: &DeliveryScope,
    deadline: Timestamp,
) -> LedgerResult<bool> {
    let lanes = sender.lanes();
    let Some(lane) = lanes.get(&scope.schedule) else { return Ok(true) };
    let is_unresolvable = lane.named_origin.as_ref().is_some_and(|origin| sender.names.problem(origin).is_some());
    if is_unresolvable || read_failed_recently(sender, scope) {
        return Ok(true);
    }
    let holds = ledger.holds(sender.brake.machine()).await?;
    Ok(match holds.gate(&lane.subject(), sender.parts.env.clock.now()) {
        Gate::Open => false,
        Gate::Until(end) => end > deadline,
        Gate::Shut => true,
    })
}

fn read_failed_recently(sender: &Sender, scope: &DeliveryScope) -> bool {
    let now = sender.parts.env.clock.monotonic();
    let failed = sender.failed_reads.lock().expect(super::UNPOISONED);
    failed.get(&scope.schedule).is_some_and(|at| *at + BETWEEN_READS > now)
}
