//! pure: nominal times that get no run, as they are recorded.

use jiff::Timestamp;

use crate::ledger::FoldedTimes;
use crate::reminder::RunState;

/// A nominal time without a run, its state and the reason.
pub(super) type TimeWithoutRun = (Timestamp, RunState, &'static str);

/// Nominal times without a run: the newest with a row each, the others as a count for each reason.
pub(super) struct Passed {
    pub(super) folded: Vec<FoldedTimes>,
    pub(super) times: Vec<TimeWithoutRun>,
}

impl Passed {
    pub(super) fn new(carried: Option<FoldedTimes>, mut times: Vec<TimeWithoutRun>, own_rows: usize) -> Self {
        let newest = times.split_off(times.len().saturating_sub(own_rows));
        let mut folded: Vec<FoldedTimes> = carried.into_iter().collect();
        for (at, state, why) in times {
            match folded.last_mut().filter(|last| (last.state, last.why) == (state, why)) {
                Some(last) => (last.last, last.count) = (at, last.count + 1),
                None => folded.push(FoldedTimes { first: at, last: at, count: 1, state, why }),
            }
        }
        Self { folded, times: newest }
    }

    pub(super) fn last(&self) -> Option<Timestamp> {
        self.times.last().map(|(at, ..)| *at).or_else(|| self.folded.last().map(|folded| folded.last))
    }

    pub(super) fn as_only_folded(&self) -> Option<FoldedTimes> {
        match (self.folded.as_slice(), self.times.as_slice()) {
            ([only], []) => Some(*only),
            _ => None,
        }
    }
}
