//! pure: what happens to nominal times that have come due: run now, wait, missed, skipped.

use jiff::{SignedDuration, Timestamp};

use crate::reminder::RunKind;

#[cfg(test)]
mod tests;

/// One schedule at one tick of the heartbeat.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// Nominal times up to and including this have been handled (UTC).
    pub cursor: Timestamp,
    /// The tick (UTC).
    pub now: Timestamp,
    /// Since when the ticks have come without a break (UTC): what came due before that passed unwatched.
    pub watched_since: Timestamp,
    /// A nominal time that lies longer ago than this is not made up for.
    pub max_lateness: SignedDuration,
    /// The nominal times in (`cursor`, `now`], in order (UTC).
    pub times: &'a [Timestamp],
    /// Whether a run is going.
    pub occupancy: Occupancy,
    /// Whether it may fire.
    pub permission: Permission,
    /// The latest nominal time that was skipped by a pause and not yet made up for (UTC).
    pub owed: Option<Timestamp>,
}

/// Whether a run of the schedule is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupancy {
    /// None.
    Idle,
    /// One.
    Running,
    /// One, and that nominal time waits for its end.
    RunningAndNext(Timestamp),
}

/// Whether a schedule may fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// Paused, or all is paused, or the `STOP` file is there: made up for later.
    Paused,
    /// `enabled = false`: never made up for.
    Disabled,
}

/// Why a nominal time is left out on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A run was going and another one already waited for it.
    Overlap,
    /// The schedule was paused.
    Paused,
}

impl Skip {
    /// The word in the run's row and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Paused => "paused",
        }
    }
}

/// What is decided for one nominal time, or for the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is evaluated now.
    Run {
        /// The time it stands for (UTC).
        nominal: Timestamp,
        /// On time, or made up for.
        kind: RunKind,
    },
    /// It is evaluated when the run that is going has ended.
    Wait {
        /// The time it stands for (UTC).
        nominal: Timestamp,
        /// On time, or made up for.
        kind: RunKind,
    },
    /// It passed unwatched and isn't made up for.
    Missed(Timestamp),
    /// It is left out on purpose.
    Skipped {
        /// The nominal time (UTC).
        nominal: Timestamp,
        /// The rule that skips it.
        why: Skip,
    },
    /// The wall clock lies before the cursor: it goes back with it (UTC).
    CursorBack(Timestamp),
}

/// Decides for every nominal time of `view.times`, in order: each gets a decision.
#[must_use]
pub fn decide(view: &View<'_>) -> Vec<Decision> {
    if view.now < view.cursor {
        return vec![Decision::CursorBack(view.now)];
    }
    match view.permission {
        Permission::Granted => decide_granted(view),
        Permission::Paused | Permission::Disabled => {
            view.times.iter().map(|nominal| Decision::Skipped { nominal: *nominal, why: Skip::Paused }).collect()
        }
    }
}

fn decide_granted(view: &View<'_>) -> Vec<Decision> {
    let mut lane = RunSlots { occupancy: view.occupancy, decisions: Vec::with_capacity(view.times.len()) };
    let Some((latest, older)) = view.times.split_last() else {
        if let Some(owed) = view.owed.filter(|owed| is_worth_making_up(view, *owed)) {
            lane.take(owed, RunKind::CatchUp);
        }
        return lane.decisions;
    };
    let all_watched = view.times.iter().all(|nominal| *nominal > view.watched_since);
    for nominal in older {
        if all_watched {
            lane.take(*nominal, RunKind::Scheduled);
        } else {
            lane.decisions.push(Decision::Missed(*nominal));
        }
    }
    if *latest > view.watched_since {
        lane.take(*latest, RunKind::Scheduled);
    } else if is_worth_making_up(view, *latest) {
        lane.take(*latest, RunKind::CatchUp);
    } else {
        lane.decisions.push(Decision::Missed(*latest));
    }
    lane.decisions
}

fn is_worth_making_up(view: &View<'_>, nominal: Timestamp) -> bool {
    nominal.duration_until(view.now) <= view.max_lateness
}

/// Hands out a schedule's two places: one run is going, one waits for its end; more are skipped.
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
                self.occupancy = Occupancy::RunningAndNext(nominal);
                Decision::Wait { nominal, kind }
            }
            // The clock was set back and the time that already waits comes due again: it waits once.
            Occupancy::RunningAndNext(next) if next == nominal => return,
            Occupancy::RunningAndNext(_) => Decision::Skipped { nominal, why: Skip::Overlap },
        };
        self.decisions.push(decision);
    }
}
