//! pure: which of several outcomes of a reminder holds: the greatest, whatever order they arrive in.

use jiff::Timestamp;

use crate::reminder::CallOutcome;

/// Who reports an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Teller {
    /// A record of the call.
    Record,
    /// A person, whose word is above every record.
    Person,
}

/// An outcome that was reported, in its order among others: by its teller, its rank, its time.
///
/// The time is the record's own, or that of its arrival where it carries none. Two outcomes of one rank and one time are
/// ordered by their words, so that the order of their arrival never decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportedOutcome {
    /// The outcome.
    pub outcome: CallOutcome,
    /// Who reported it.
    pub teller: Teller,
    /// The record's own time, or its arrival (UTC).
    pub at: Timestamp,
}

impl ReportedOutcome {
    fn order(&self) -> (Teller, u8, Timestamp, CallOutcome) {
        // between the words of two persons, the later one holds, not the one that says more
        let rank = match self.teller {
            Teller::Record => self.outcome.rank(),
            Teller::Person => 0,
        };
        (self.teller, rank, self.at, self.outcome)
    }
}

impl PartialOrd for ReportedOutcome {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ReportedOutcome {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

/// The new standing, if the report changes what holds.
#[must_use]
pub fn raised(held: Option<ReportedOutcome>, told: ReportedOutcome) -> Option<ReportedOutcome> {
    match held {
        Some(held) if held >= told => None,
        Some(_) | None => Some(told),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn told(outcome: CallOutcome, second: i64) -> ReportedOutcome {
        ReportedOutcome {
            outcome,
            teller: Teller::Record,
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second),
        }
    }

    fn after(reports: &[ReportedOutcome]) -> Option<ReportedOutcome> {
        reports.iter().fold(None, |held, report| raised(held, *report).or(held))
    }

    /// Every order of the reports.
    fn orders(reports: &[ReportedOutcome]) -> Vec<Vec<ReportedOutcome>> {
        if reports.len() <= 1 {
            return vec![reports.to_vec()];
        }
        let mut all = Vec::new();
        for first in 0..reports.len() {
            let mut rest = reports.to_vec();
            let first = rest.remove(first);
            all.extend(orders(&rest).into_iter().map(|mut order| {
                order.insert(0, first);
                order
            }));
        }
        all
    }

    /// The outcome by the words of the rule: of the highest rank the latest; the words' order decides a tie.
    fn oracle(reports: &[ReportedOutcome]) -> CallOutcome {
        let rank = reports.iter().map(|report| report.outcome.rank()).max().expect("one at least");
        let of_rank: Vec<&ReportedOutcome> = reports.iter().filter(|report| report.outcome.rank() == rank).collect();
        let latest = of_rank.iter().map(|report| report.at).max().expect("one at least");
        of_rank.iter().filter(|report| report.at == latest).map(|report| report.outcome).max().expect("one at least")
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]
        #[test]
        fn every_order_of_records_with_a_time_ends_in_one_outcome(
            picks in proptest::collection::vec((0..CallOutcome::ALL.len(), 0..4_i64), 1..=6),
            repeated in 0..6_usize,
        ) {
            let mut reports: Vec<ReportedOutcome> =
                picks.iter().map(|(outcome, second)| told(CallOutcome::ALL[*outcome], *second)).collect();
            if reports.len() < 6 {
                reports.push(reports[repeated % reports.len()]);
            }
            let expected = oracle(&reports);
            for order in orders(&reports) {
                let mut rank = 0;
                let mut held = None;
                for report in &order {
                    held = raised(held, *report).or(held);
                    let now = held.expect("something was told").outcome.rank();
                    assert!(now >= rank, "a rank fell");
                    rank = now;
                }
                assert_eq!(held.map(|held| held.outcome), Some(expected));
            }
        }
    }

    #[test]
    fn a_person_is_above_every_record_and_the_later_person_above_the_earlier() {
        let person = |outcome, second| ReportedOutcome { teller: Teller::Person, ..told(outcome, second) };
        let opted_out = told(CallOutcome::OptedOut, 90);
        let declined = person(CallOutcome::Declined, 5);
        assert_eq!(after(&[opted_out, declined]).map(|held| held.outcome), Some(CallOutcome::Declined));
        assert_eq!(after(&[declined, opted_out]).map(|held| held.outcome), Some(CallOutcome::Declined));
        let later = person(CallOutcome::NoAnswer, 6);
        assert_eq!(after(&[declined, later]).map(|held| held.outcome), Some(CallOutcome::NoAnswer));
        assert_eq!(raised(Some(later), later), None, "the same word again changes nothing");
    }
}
