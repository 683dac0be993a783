//! pure: the state of a schedule by its latest run: the reasons of skipped rows, and what needs a person.

use crate::ledger::RunRow;
use crate::reminder::{RunFailure, RunState, SkipReason};

/// The most frequent reason for skipped rows, with its count.
#[must_use]
pub fn most_frequent(run: &RunRow) -> Option<(&str, u64)> {
    let most = run.skipped.iter().max_by(|(a, one), (b, other)| one.cmp(other).then_with(|| b.cmp(a)))?;
    Some((most.0.as_str(), *most.1))
}

/// The message about a run that had appointments in its window and could call none of them; `None` for any other.
#[must_use]
pub fn nobody_callable(run: &RunRow) -> Option<String> {
    let counts = &run.counts;
    let in_window = counts.rows.saturating_sub(counts.outside_window);
    let is_fault = |word: &String| word.parse::<SkipReason>().is_ok_and(SkipReason::is_fault);
    let has_faults = run.skipped.keys().any(is_fault);
    if run.state != RunState::Done || in_window == 0 || counts.planned + counts.already_reminded > 0 || !has_faults {
        return None;
    }
    let (reason, count) = most_frequent(run)?;
    let rows = if in_window == 1 { "1 appointment".to_owned() } else { format!("{in_window} appointments") };
    Some(format!(
        "{rows} in the window, none could be called (mostly {reason}: {count}); `tickler plan {}`",
        run.schedule
    ))
}

/// Why a run failed whose read never returned; `None` for any other.
#[must_use]
pub fn stuck(run: &RunRow) -> Option<&str> {
    match run.failure {
        Some(RunFailure::Stuck) if run.state == RunState::Failed => run.detail.as_deref(),
        Some(RunFailure::Stuck | RunFailure::Crashed) | None => None,
    }
}

/// The problem of a run that needs a person, for `status`.
#[must_use]
pub fn problem(run: &RunRow) -> Option<String> {
    let because = run.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    match run.state {
        RunState::Failed => Some(format!("the last run failed{because}")),
        RunState::Waiting => Some(format!("a run waits for its source{because}")),
        RunState::Held => Some(format!("a run is held{because}")),
        RunState::Done => nobody_callable(run),
        RunState::Running | RunState::Skipped | RunState::Missed => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::Counts;
    use crate::reminder::{RunId, RunKind};

    fn run(state: RunState, counts: Counts, skipped: &[(&str, u64)]) -> RunRow {
        let at = "2026-11-24T14:00:00Z".parse().expect("a valid instant");
        RunRow {
            id: RunId(uuid::Uuid::from_u128(7)),
            schedule: "day-before".to_owned(),
            nominal_at: at,
            kind: RunKind::Scheduled,
            started_at: at,
            finished_at: None,
            state,
            counts,
            skipped: skipped.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect::<BTreeMap<_, _>>(),
            detail: Some("the file is gone".to_owned()),
            text_hash: String::new(),
            zone_rules: String::new(),
            read_at: None,
            crashes: 0,
            in_window: None,
            fingerprint: None,
            guards: Vec::new(),
            failure: None,
        }
    }

    fn counts(rows: u64, outside_window: u64, planned: u64, skipped: u64, already_reminded: u64) -> Counts {
        Counts { rows, outside_window, planned, skipped, already_reminded }
    }

    #[test]
    fn a_run_that_could_call_nobody_for_faults_of_the_data_is_a_problem() {
        type Skipped = [(&'static str, u64)];
        let cases: [(&str, Counts, &Skipped, bool); 6] = [
            ("no row in the window", counts(9, 9, 0, 0, 0), &[], false),
            ("nobody had a phone", counts(9, 2, 0, 7, 0), &[("no_phone", 7)], true),
            ("one was called", counts(9, 2, 1, 6, 0), &[("no_phone", 6)], false),
            ("one had been called", counts(9, 2, 0, 6, 1), &[("no_phone", 6)], false),
            ("all were cancelled", counts(3, 0, 0, 3, 0), &[("cancelled", 3)], false),
            ("one fault is among them", counts(3, 0, 0, 3, 0), &[("cancelled", 2), ("invalid_phone", 1)], true),
        ];
        for (told, counts, skipped, expected) in cases {
            assert_eq!(nobody_callable(&run(RunState::Done, counts, skipped)).is_some(), expected, "{told}");
        }
        let sentence = nobody_callable(&run(RunState::Done, counts(9, 2, 0, 7, 0), &[("bad_row", 1), ("no_phone", 6)]));
        let expected =
            "7 appointments in the window, none could be called (mostly no_phone: 6); `tickler plan day-before`";
        assert_eq!(sentence.as_deref(), Some(expected));
    }

    #[test]
    fn only_a_failed_run_whose_read_did_not_come_back_is_stuck() {
        let with = |state, failure| RunRow { failure, ..run(state, counts(0, 0, 0, 0, 0), &[]) };
        assert_eq!(stuck(&with(RunState::Failed, Some(RunFailure::Stuck))), Some("the file is gone"));
        assert_eq!(stuck(&with(RunState::Failed, Some(RunFailure::Crashed))), None);
        assert_eq!(stuck(&with(RunState::Failed, None)), None);
        assert_eq!(stuck(&with(RunState::Waiting, Some(RunFailure::Stuck))), None);
    }

    #[test]
    fn what_needs_a_person_is_said_with_its_reason() {
        let cases = [
            (RunState::Failed, Some("the last run failed: the file is gone")),
            (RunState::Waiting, Some("a run waits for its source: the file is gone")),
            (RunState::Held, Some("a run is held: the file is gone")),
            (RunState::Done, None),
        ];
        for (state, expected) in cases {
            assert_eq!(problem(&run(state, counts(1, 0, 1, 0, 0), &[])).as_deref(), expected, "{state}");
        }
    }
}
