//! pure: how many rows of a window are usual: which earlier runs are comparable, and which difference from them is a change.

use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::Occasion;
use super::leads::at_time;
use super::window::{MICROSECOND, Saturating as _, comparable_date};
use crate::schedule::{Factor, Leads, Schedule};

/// The usual number of rows is the median of at most this many of the last comparable runs or dates.
pub const USUAL_RUNS: usize = 8;

/// Weeks in which the last eight runs of a weekday are looked for: some of its days were holidays.
const WEEKS_BACK: i64 = 16;

/// How far the time of day of a comparable run may be from this one's, where leads count hours: schedules of that kind
/// usually run every quarter of an hour or every half, so that a run before and one after it are comparable.
const MAX_TIME_APART: SignedDuration = SignedDuration::from_mins(30);

/// The earlier runs whose numbers of rows count as usual.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComparableRuns {
    /// Half-open ranges (UTC) of nominal times, the latest first.
    pub times: Vec<(Timestamp, Timestamp)>,
    /// What is counted in a range.
    pub counted: Counted,
    /// The half-open range (UTC) of the nominal times of this run's day: what a person approved on it is usual for it.
    pub day: Option<(Timestamp, Timestamp)>,
}

/// What is counted in a range of comparable times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counted {
    /// Each of its runs.
    #[default]
    Runs,
    /// The range once, from the fewest rows that one of its runs had to the most.
    Range,
}

/// An earlier run of all rows that was carried out.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredRun {
    /// Its nominal time (UTC).
    pub nominal_at: Timestamp,
    /// How many rows its windows held.
    pub rows: u64,
    /// Whether a person approved it although `max_change` held it.
    pub is_approved: bool,
}

/// The fewest and the most rows of several runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRange {
    /// The fewest.
    pub fewest: u64,
    /// The most.
    pub most: u64,
}

impl RowRange {
    /// The range of one run.
    #[must_use]
    pub const fn of_run(rows: u64) -> Self {
        Self { fewest: rows, most: rows }
    }

    fn of(rows: impl Iterator<Item = u64>) -> Option<Self> {
        rows.map(Self::of_run)
            .reduce(|one, other| Self { fewest: one.fewest.min(other.fewest), most: one.most.max(other.most) })
    }
}

/// How many rows are usual.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsualRows {
    /// The rows of the last comparable runs or ranges, at most [`USUAL_RUNS`] of them, the latest first.
    pub earlier: Vec<RowRange>,
    /// The rows of the runs of the same day that a person approved although `max_change` held them.
    pub approved: Option<RowRange>,
}

impl ComparableRuns {
    /// The runs with which this evaluation is compared: those of its weekday.
    ///
    /// Where leads count hours, a window moves over the day, and in the morning and the evening the number of its rows
    /// changes manyfold within an hour. A steep edge is no change of the source, so that each earlier date counts as the
    /// range of what its runs around this time of day had.
    #[must_use]
    pub fn of(schedule: &Schedule, occasion: &Occasion) -> Self {
        let zone = &schedule.zone;
        let own = comparable_date(schedule, occasion);
        let dates = |weeks: std::ops::Range<i64>| weeks.filter_map(|week| own.checked_sub((week * 7).days()).ok());
        let whole = |date: jiff::civil::Date| Some((zone.day_start(date), zone.day_start(date.tomorrow().ok()?)));
        match schedule.remind.leads {
            // each request is a run of its own
            Leads::Now => Self::default(),
            Leads::Days(_) => {
                let times = dates(0..WEEKS_BACK).filter_map(whole).collect();
                Self { times, counted: Counted::Runs, day: whole(own) }
            }
            Leads::Hours(_) => {
                // on the wall clock: clocks may have been set since
                let time = zone.wall(occasion.now).time();
                let around = |date| {
                    let same_time = at_time(zone, date, time);
                    let last = same_time.saturating_add_duration(MAX_TIME_APART);
                    (same_time.saturating_sub_duration(MAX_TIME_APART), last.saturating_add_duration(MICROSECOND))
                };
                Self { times: dates(1..WEEKS_BACK + 1).map(around).collect(), counted: Counted::Range, day: whole(own) }
            }
        }
    }

    /// What is usual by these runs of the schedule, the latest first.
    #[must_use]
    pub fn usual(&self, runs: &[MeasuredRun]) -> UsualRows {
        let within = |(from, until): (Timestamp, Timestamp)| {
            runs.iter().filter(move |run| from <= run.nominal_at && run.nominal_at < until)
        };
        let ranges = self.times.iter().copied().map(within);
        let earlier = match self.counted {
            Counted::Runs => ranges.flatten().map(|run| RowRange::of_run(run.rows)).take(USUAL_RUNS).collect(),
            Counted::Range => {
                ranges.filter_map(|range| RowRange::of(range.map(|run| run.rows))).take(USUAL_RUNS).collect()
            }
        };
        let of_day = self.day.map(within).into_iter().flatten();
        UsualRows { earlier, approved: RowRange::of(of_day.filter(|run| run.is_approved).map(|run| run.rows)) }
    }
}

/// The least number of earlier runs or dates that say what is usual.
const FEWEST_EARLIER: usize = 3;
/// The least usual number of rows that is compared: smaller ones change manyfold by chance.
const FEWEST_USUAL: u64 = 20;

/// How far back a window reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WindowReach {
    /// As far as those of earlier runs.
    AsUsual,
    /// Further: runs were missed, and it covers their time, too.
    Further,
}

/// A number of rows that is not usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnusualRows {
    /// Far more rows than this number, which is given twice so that it is whole.
    More(u64),
    /// Far fewer.
    Fewer(u64),
}

/// Whether this number of rows is more than `limit` times the usual, or less than the usual divided by it.
pub(super) fn change(rows: u64, usual: &UsualRows, limit: Factor, reach: WindowReach) -> Option<UnusualRows> {
    if usual.earlier.len() < FEWEST_EARLIER {
        return None;
    }
    let median_of = |number: fn(&RowRange) -> u64| {
        let twice = median_twice(usual.earlier.iter().map(number).collect())?;
        (twice >= 2 * FEWEST_USUAL).then_some(twice)
    };
    let limit = u64::from(limit.0);
    let is_more = |twice: u64| rows.saturating_mul(200) > twice.saturating_mul(limit);
    let is_fewer = |twice: u64| rows.saturating_mul(2).saturating_mul(limit) < twice.saturating_mul(100);
    let is_approved = |is_change: &dyn Fn(u64) -> bool, number: fn(&RowRange) -> u64| {
        usual.approved.as_ref().is_some_and(|approved| !is_change(number(approved).saturating_mul(2)))
    };
    let most = median_of(|range| range.most).filter(|_| reach == WindowReach::AsUsual);
    if let Some(most) = most.filter(|most| is_more(*most) && !is_approved(&is_more, |range| range.most)) {
        return Some(UnusualRows::More(most));
    }
    let fewest = median_of(|range| range.fewest);
    fewest.filter(|fewest| is_fewer(*fewest) && !is_approved(&is_fewer, |range| range.fewest)).map(UnusualRows::Fewer)
}

fn median_twice(mut numbers: Vec<u64>) -> Option<u64> {
    numbers.sort_unstable();
    let upper = *numbers.get(numbers.len() / 2)?;
    let lower = *numbers.get((numbers.len() - 1) / 2)?;
    Some(upper.saturating_add(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        for (numbers, twice) in [(&[][..], None), (&[7], Some(14)), (&[9, 1], Some(10)), (&[60, 4, 61], Some(120))] {
            assert_eq!(median_twice(numbers.to_vec()), twice, "{numbers:?}");
        }
    }

    fn ranges(ranges: &[(u64, u64)]) -> Vec<RowRange> {
        ranges.iter().map(|(fewest, most)| RowRange { fewest: *fewest, most: *most }).collect()
    }

    /// What a test has: the counts of earlier dates, the number of rows, and whether they are more or fewer than usual.
    type Case<'a> = (&'a [(u64, u64)], u64, Option<UnusualRows>);

    #[test]
    fn a_number_within_three_times_what_earlier_dates_had_around_this_time_is_no_change() {
        let (steep, flat, ragged) = ([(40, 80); 3], [(60, 60); 3], [(2, 90), (30, 80), (45, 60), (40, 70)]);
        let cases: [Case<'_>; 18] = [
            // where earlier counts differ much, a third of the fewest and three times the most are the limits
            (&steep, 14, None),
            (&steep, 13, Some(UnusualRows::Fewer(80))),
            (&steep, 240, None),
            (&steep, 241, Some(UnusualRows::More(160))),
            (&steep, 0, Some(UnusualRows::Fewer(80))),
            // where they are equal, the limits are a third and three times that number
            (&flat, 20, None),
            (&flat, 19, Some(UnusualRows::Fewer(120))),
            (&flat, 180, None),
            (&flat, 181, Some(UnusualRows::More(120))),
            (&flat, 4, Some(UnusualRows::Fewer(120))),
            (&flat, 600, Some(UnusualRows::More(120))),
            // a single odd date does not move the limits
            (&ragged, 12, None),
            (&ragged, 11, Some(UnusualRows::Fewer(70))),
            (&ragged, 226, Some(UnusualRows::More(150))),
            // where fewer than twenty rows are usual, nothing counts as a change in that direction
            (&[(19, 70); 3], 0, None),
            (&[(19, 70); 3], 211, Some(UnusualRows::More(140))),
            (&[(1, 19); 3], 190, None),
            (&[(60, 60); 2], 0, None),
        ];
        for (earlier, rows, expected) in cases {
            let usual = UsualRows { earlier: ranges(earlier), approved: None };
            assert_eq!(change(rows, &usual, Factor(300), WindowReach::AsUsual), expected, "{rows} of {earlier:?}");
        }
    }

    #[test]
    fn a_window_that_also_covers_missed_runs_may_hold_more_but_not_fewer() {
        let usual = UsualRows { earlier: ranges(&[(60, 60); 3]), approved: None };
        assert_eq!(change(600, &usual, Factor(300), WindowReach::Further), None);
        assert_eq!(change(4, &usual, Factor(300), WindowReach::Further), Some(UnusualRows::Fewer(120)));
    }

    #[test]
    fn what_a_person_approved_on_the_same_day_is_usual_on_that_day() {
        let of_day = |fewest, most| Some(RowRange { fewest, most });
        for (approved, rows, expected) in [
            (of_day(6, 6), 6, None),
            (of_day(6, 6), 2, None),
            (of_day(6, 6), 1, Some(UnusualRows::Fewer(120))),
            (of_day(6, 6), 0, Some(UnusualRows::Fewer(120))),
            (of_day(6, 6), 40, None),
            (of_day(6, 6), 181, Some(UnusualRows::More(120))),
            (of_day(0, 0), 0, None),
            (of_day(6, 300), 900, None),
            (of_day(6, 300), 901, Some(UnusualRows::More(120))),
            (None, 6, Some(UnusualRows::Fewer(120))),
        ] {
            let usual = UsualRows { earlier: ranges(&[(60, 60); 3]), approved };
            assert_eq!(
                change(rows, &usual, Factor(300), WindowReach::AsUsual),
                expected,
                "{rows}, approved {approved:?}"
            );
        }
    }
}
