//! pure: decides what happens to each nominal time that has come due: run it, queue it, or record it as missed or skipped.

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{SKIPPED_BY_OVERLAP, SKIPPED_BY_PAUSE};
use crate::reminder::RunKind;

#[cfg(test)]
mod tests;

/// The state of one schedule at one tick.
#[derive(Debug, Clone)]
pub struct DueInput<'a> {
    /// Nominal times up to and including this one have been handled.
    pub cursor: Timestamp,
    /// The instant of the tick.
    pub now: Timestamp,
    /// The first tick after the last break (start, suspension, clock step). The service did not observe what came due
    /// until then.
    pub ticking_since: Timestamp,
    /// A nominal time older than this gets no catch-up run.
    pub max_lateness: SignedDuration,
    /// The nominal times in (`cursor`, `now`], in order.
    pub times: &'a [Timestamp],
    /// Whether a run of the schedule is under way.
    pub occupancy: Occupancy,
    /// Whether the schedule may run.
    pub permission: Permission,
    /// The latest nominal time that a pause skipped and that has had no catch-up run.
    pub latest_skipped_by_pause: Option<Timestamp>,
}

/// Whether a run of the schedule is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupancy {
    /// None is.
    Idle,
    /// One is.
    Running,
    /// One is, and the run of this nominal time follows it.
    RunningAndQueued(Timestamp),
}

/// Whether a schedule may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// It is paused, everything is paused, or the `STOP` file exists. A catch-up run follows when that ends.
    Paused,
    /// `enabled = false`. No catch-up run follows.
    Disabled,
}

/// Why a nominal time gets no run although the service was ticking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A run was under way and another one already queued.
    Overlap,
    /// The schedule was paused.
    Paused,
}

impl Skip {
    /// The word in the run's row and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => SKIPPED_BY_OVERLAP,
            Self::Paused => SKIPPED_BY_PAUSE,
        }
    }
}

/// The decision about one nominal time, or about the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is evaluated now.
    Run {
        /// The nominal time.
        nominal: Timestamp,
        /// Scheduled or catch-up.
        kind: RunKind,
    },
    /// It is evaluated after the run that is under way.
    Queue {
        /// The nominal time.
        nominal: Timestamp,
        /// Scheduled or catch-up.
        kind: RunKind,
    },
    /// It came due while the service was not ticking, and gets no catch-up run.
    Missed(Timestamp),
    /// It came due while the service was ticking, and gets no run.
    Skipped {
        /// The nominal time.
        nominal: Timestamp,
        /// The rule that skips it.
        why: Skip,
    },
    /// The wall clock was set back behind the cursor: the cursor is set to this instant.
    ResetCursor(Timestamp),
}

/// Decides about every nominal time of `input.times`, in order.
#[must_use]
pub fn decide(input: &DueInput<'_>) -> Vec<Decision> {
    if input.now < input.cursor {
        return vec![Decision::ResetCursor(input.now)];
    }
    match input.permission {
        Permission::Granted => decide_granted(input),
        Permission::Paused | Permission::Disabled => {
            input.times.iter().map(|nominal| Decision::Skipped { nominal: *nominal, why: Skip::Paused }).collect()
        }
    }
}

/// A time that came due while the service was ticking runs on time. Of those before, only the latest of all may get a
/// catch-up run; the others are missed.
fn decide_granted(input: &DueInput<'_>) -> Vec<Decision> {
    let mut slots = RunSlots { occupancy: input.occupancy, decisions: Vec::with_capacity(input.times.len()) };
    let skipped = input.latest_skipped_by_pause.filter(|_| input.times.is_empty());
    if let Some(nominal) = skipped.filter(|nominal| is_within_lateness(input, *nominal)) {
        slots.take(nominal, RunKind::CatchUp);
    }
    for (index, nominal) in input.times.iter().copied().enumerate() {
        let is_latest = index + 1 == input.times.len();
        if nominal > input.ticking_since {
            slots.take(nominal, RunKind::Scheduled);
        } else if is_latest && is_within_lateness(input, nominal) {
            slots.take(nominal, RunKind::CatchUp);
        } else {
            slots.decisions.push(Decision::Missed(nominal));
        }
    }
    slots.decisions
}

fn is_within_lateness(input: &DueInput<'_>, nominal: Timestamp) -> bool {
    nominal.duration_until(input.now) <= input.max_lateness
}

/// A schedule's two slots: one run under way, one queued. Further nominal times are skipped.
struct RunSlots {
    occupancy: Occupancy,
    decisions: Vec<Decision>,
}

impl RunSlots {
    fn take(&mut self, nominal: Timestamp, kind: RunKind) {
        let decision = match self.occupancy {
            Occupancy::Idle => {
                self.occupancy = Occupancy::Running;
                Decision::Run { nominal, kind }
            }
            Occupancy::Running => {
                self.occupancy = Occupancy::RunningAndQueued(nominal);
                Decision::Queue { nominal, kind }
            }
            // the clock was set back and the queued time came due again: it is queued once
            Occupancy::RunningAndQueued(queued) if queued == nominal => return,
            Occupancy::RunningAndQueued(_) => Decision::Skipped { nominal, why: Skip::Overlap },
        };
        self.decisions.push(decision);
    }
}
