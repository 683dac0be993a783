//! pure: from wall-clock times to instants.
//!
//! Between two changes of a zone's clocks the wall clock runs evenly: such a stretch is walked in whole seconds. Of
//! fixed times each runs once, when the clock *first comes to it or passes it*: a time shown before (the second pass
//! of an overlap) is left out, and one jumped over runs at the jump. Elapsed times run whenever the clock shows them.

use jiff::{SignedDuration, Timestamp};

use super::grammar::HourField;
use super::pattern::{Pattern, civil};
use super::{ClockChange, Nominal};
use crate::zones::{WallMeaning, Zone};

/// No two offsets of a zone lie further apart than a day and a bit (Samoa crossed the date line by 24 hours): a change
/// longer ago than this can't have shown a wall-clock time that is still ahead.
const LONGEST_AGO: i64 = 48 * 3600;

/// No run is searched for beyond the year 9000: `2999-12-31`-like dates are far inside, overflow far outside.
pub(super) const HORIZON: i64 = 221_845_392_000;

/// A stretch of even time, in seconds: instants `start` ≤ t ≤ `last`, whose wall clock reads t + `offset`.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: i64,
    last: i64,
    offset: i64,
    /// The time on the wall clock up to which times are used up; it may lie after the stretch's first (an overlap) or
    /// before it (a gap). For elapsed times the stretch's first.
    shown: i64,
    opening: StretchBegin,
}

/// How a stretch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StretchBegin {
    /// A stretch that ends with a change of the clocks: times in a gap belong to it.
    Change,
    /// Where the question begins.
    Cut,
}

/// A pattern on the wall clocks of a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockWalk<'a> {
    pub(super) pattern: &'a Pattern,
    pub(super) zone: &'a Zone,
}

impl ClockWalk<'_> {
    /// The latest times in (`after`, `until`] (seconds), latest first, at most `limit`.
    pub(super) fn backward(self, after: i64, until: i64, limit: usize) -> Vec<Nominal> {
        let mut found = Vec::new();
        let mut last = until.min(HORIZON);
        while last > after && found.len() < limit {
            let stretch = self.stretch_up_to(last, after);
            self.collect_backward(&stretch, limit, &mut found);
            last = stretch.start - 1;
        }
        found
    }

    /// The first `count` times after an instant (seconds), in order.
    pub(super) fn forward(self, after: i64, count: usize) -> Vec<Nominal> {
        let mut found = Vec::new();
        let mut start = after + 1;
        while start <= HORIZON && found.len() < count {
            let change = self.zone.change_after(timestamp(start)).map_or(HORIZON, |change| change.at.as_second() - 1);
            let stretch = self.stretch_up_to(change.min(HORIZON), start - 1);
            self.collect_forward(&stretch, count, &mut found);
            start = stretch.last + 1;
        }
        found
    }

    /// The stretch that ends with `last`, cut after `after`.
    fn stretch_up_to(self, last: i64, after: i64) -> Stretch {
        let change = self.zone.change_before(timestamp(last));
        let (changed, offset) = match change {
            Some(change) => (change.at.as_second(), i64::from(change.offset)),
            None => (i64::MIN / 2, i64::from(self.zone.offset(timestamp(last)))),
        };
        let (start, opening) =
            if changed > after { (changed, StretchBegin::Change) } else { (after + 1, StretchBegin::Cut) };
        let shown = match self.pattern.hour_field {
            HourField::Elapsed => start + offset,
            HourField::Fixed if start - changed > LONGEST_AGO => start + offset,
            HourField::Fixed => match opening {
                StretchBegin::Change => self.shown_before(changed).unwrap_or(start + offset),
                StretchBegin::Cut => {
                    self.shown_before(changed).map_or(start + offset, |shown| shown.max(start + offset))
                }
            },
        };
        Stretch { start, last, offset, shown, opening }
    }

    /// The furthest the wall clock came before a change, as the first time it had not shown; `None` at the beginning
    /// of time.
    fn shown_before(self, changed: i64) -> Option<i64> {
        let mut end = changed;
        let mut shown = None;
        while end > changed - LONGEST_AGO {
            let change = self.zone.change_before(timestamp(end - 1));
            let offset = change.map_or_else(|| self.zone.offset(timestamp(end - 1)), |change| change.offset);
            shown = shown.max(Some(end + i64::from(offset)));
            match change {
                Some(change) => end = change.at.as_second(),
                None => break,
            }
        }
        shown
    }

    fn collect_backward(self, stretch: &Stretch, limit: usize, found: &mut Vec<Nominal>) {
        let (from, jump) = self.bounds(stretch);
        let mut end = stretch.last + stretch.offset + 1;
        while found.len() < limit && end > from {
            let Some(time) = self.pattern.last_in(from, end) else { break };
            found.extend(self.nominal(time, time - stretch.offset, jump));
            end = time;
        }
        let landed = found.last().is_some_and(|last| last.at.as_second() == stretch.start);
        if let Some(skipped) = jump.filter(|_| !landed && found.len() < limit) {
            found.extend(gap_run(skipped, stretch.start));
        }
    }

    fn collect_forward(self, stretch: &Stretch, count: usize, found: &mut Vec<Nominal>) {
        let (mut from, jump) = self.bounds(stretch);
        let end = stretch.last + stretch.offset + 1;
        let lands = jump.is_some() && self.pattern.first_in(from, end.min(from + 1)).is_some();
        if let Some(skipped) = jump.filter(|_| !lands) {
            found.extend(gap_run(skipped, stretch.start));
        }
        while found.len() < count && from < end {
            let Some(time) = self.pattern.first_in(from, end) else { break };
            found.extend(self.nominal(time, time - stretch.offset, jump));
            from = time + 1;
        }
    }

    /// The first wall-clock time of a stretch that may run, and the first of those its opening jumped over.
    fn bounds(self, stretch: &Stretch) -> (i64, Option<i64>) {
        let first = stretch.start + stretch.offset;
        let jump = match stretch.opening {
            StretchBegin::Change if stretch.shown < first => self.pattern.first_in(stretch.shown, first),
            StretchBegin::Change | StretchBegin::Cut => None,
        };
        (stretch.shown.max(first), jump)
    }

    /// A time that the clock shows. Where times that were jumped over fall on it, it represents them, because it exists.
    fn nominal(self, time: i64, at: i64, jump: Option<i64>) -> Option<Nominal> {
        let wall = civil(time)?;
        let odd = match self.zone.resolve(wall) {
            WallMeaning::Twice { .. } => Some(ClockChange::Overlap),
            WallMeaning::Gap { .. } => Some(ClockChange::Gap),
            WallMeaning::Once(_) => None,
        };
        let opens = jump.is_some() && self.zone.change_before(timestamp(at)).is_some_and(|c| c.at.as_second() == at);
        Some(Nominal { at: timestamp(at), civil: wall, odd: if opens { Some(ClockChange::Gap) } else { odd } })
    }
}

/// The one run for all times that were jumped over, named by the first of them.
fn gap_run(skipped: i64, at: i64) -> Option<Nominal> {
    Some(Nominal { at: timestamp(at), civil: civil(skipped)?, odd: Some(ClockChange::Gap) })
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The whole second at or before an instant: runs lie on whole seconds.
pub(super) fn floor(at: Timestamp) -> i64 {
    let second = at.as_second();
    if at < timestamp(second) { second - 1 } else { second }
}

/// A pause in whole seconds.
pub(super) fn pause(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}
