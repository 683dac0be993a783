//! pure: what holds a run whose source looks wrong: nobody is called and nothing is cancelled until a person decides.

use serde::{Deserialize, Serialize};

use super::{Guards, Occasion, Plan, Standing};
use crate::schedule::Schedule;

/// A guard that holds a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which guard: `max_calls`.
    pub guard: String,
    /// Why, and what to do.
    pub detail: String,
}

/// Asks the guards of a finished plan; the first that holds it takes its cancellations away.
pub(super) fn ask(plan: &mut Plan, schedule: &Schedule, occasion: &Occasion) {
    match occasion.guards {
        Guards::Waived => {}
        Guards::Asked => plan.held = max_calls(plan, schedule.max_calls),
    }
    if plan.held.is_some() {
        plan.cancellations.clear();
    }
}

/// More new calls than `max_calls`.
fn max_calls(plan: &Plan, limit: u32) -> Option<Held> {
    let calls = plan.reminders.iter().filter(|reminder| reminder.standing != Standing::Pending).count();
    let is_too_many = calls > usize::try_from(limit).unwrap_or(usize::MAX);
    is_too_many.then(|| Held {
        guard: "max_calls".into(),
        detail: format!(
            "{calls} calls are more than `max_calls` = {limit}: check the source, or raise `max_calls` under `[guard]`"
        ),
    })
}
