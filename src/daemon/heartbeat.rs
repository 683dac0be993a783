//! pure: what becomes of the nominal times that have come: run now, wait, missed, skipped; and what the clock did
//! between two beats.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::reminder::RunKind;

#[cfg(test)]
mod tests;

/// One schedule at one beat.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// Nominal times up to and including this were dealt with (UTC).
    pub cursor: Timestamp,
    /// The beat (UTC).
    pub now: Timestamp,
    /// Since when beats have followed each other without a break (UTC): what came before passed unwatched.
    pub watched_since: Timestamp,
    /// What is older isn't made up for.
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
    /// It might not fire.
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

/// What becomes of one nominal time, or of the cursor.
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
        /// Which (UTC).
        nominal: Timestamp,
        /// Why.
        why: Skip,
    },
    /// The wall clock lies before the cursor: it goes back with it (UTC).
    CursorBack(Timestamp),
}

/// Decides over every nominal time of `view.times`, in their order: none is passed over in silence.
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
    let mut lane = Lane { occupancy: view.occupancy, decisions: Vec::with_capacity(view.times.len()) };
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

/// One schedule's place to run in: one run goes, one waits, more are left out.
struct Lane {
    occupancy: Occupancy,
    decisions: Vec<Decision>,
}

impl Lane {
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
            // The clock was set back and the time that already waits has come again: it waits once.
            Occupancy::RunningAndNext(next) if next == nominal => return,
            Occupancy::RunningAndNext(_) => Decision::Skipped { nominal, why: Skip::Overlap },
        };
        self.decisions.push(decision);
    }
}

/// A difference between the wall clock and monotonic time up to this is the slewing of NTP, not a step.
const SLEW: SignedDuration = SignedDuration::from_secs(2);

/// Beats come every second; when none came for so long, what became due meanwhile passed unwatched.
const AWAY: Duration = Duration::from_secs(30);

/// What happened between two beats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Nothing worth a word.
    Steady,
    /// The process stood still so long.
    Away(Duration),
    /// The wall clock was stepped by so much (negative: back), or the machine slept.
    Jumped(SignedDuration),
}

/// Follows the beats.
#[derive(Debug, Clone, Copy)]
pub struct Pulse {
    last: (Timestamp, Duration),
    watched_since: Timestamp,
}

impl Pulse {
    /// Begins to watch at this instant (wall clock and monotonic).
    #[must_use]
    pub const fn starting_at(now: Timestamp, monotonic: Duration) -> Self {
        Self { last: (now, monotonic), watched_since: now }
    }

    /// One beat; tells what happened since the last.
    pub fn beat(&mut self, now: Timestamp, monotonic: Duration) -> Rhythm {
        let (last_now, last_monotonic) = self.last;
        self.last = (now, monotonic);
        let passed = monotonic.saturating_sub(last_monotonic);
        let step = last_now.duration_until(now) - SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let rhythm = if step.abs() > SLEW {
            Rhythm::Jumped(step)
        } else if passed > AWAY {
            Rhythm::Away(passed)
        } else {
            return Rhythm::Steady;
        };
        self.watched_since = now;
        rhythm
    }

    /// Since when beats have followed each other without a break (UTC).
    #[must_use]
    pub const fn watched_since(&self) -> Timestamp {
        self.watched_since
    }
}
