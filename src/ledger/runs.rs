//! pure: the life of a run: whether a nominal time may begin or is passed over, and how a run ends.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{FoldedTimes, LedgerError, LedgerResult, PassedOver, RunRecord, RunRow, RunStart, WhySkipped};
use crate::audit::{Entry, Event};
use crate::plan::{Counts, Plan, SkippedRow};
use crate::reminder::{RunFailure, RunId, RunKind, RunState, SkipReason};

/// What the ledger has under a run's nominal time.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// The run of that nominal time, if there was one.
    pub run: Option<&'a RunRow>,
    /// The instant up to which the schedule's nominal times were dealt with (UTC); `None` for a schedule that isn't known.
    pub cursor: Option<Timestamp>,
}

/// A run as it is written, with its row of the audit log.
#[derive(Debug, Clone)]
pub struct WrittenRun<'a> {
    /// The run.
    pub run: RunRow,
    /// What the audit log says of it.
    pub entry: Option<Entry<'a>>,
}

/// Whether a nominal time that was met before may be evaluated after all. `is_ahead`: the cursor was moved back before it,
/// because the clock was.
fn may_begin(earlier: &RunRow, kind: RunKind, is_ahead: bool) -> bool {
    match earlier.state {
        RunState::Running | RunState::Waiting => true,
        RunState::Missed => is_ahead,
        RunState::Skipped => match earlier.why_skipped() {
            Some(WhySkipped::Rejected) => false,
            Some(WhySkipped::Paused) => is_ahead || kind == RunKind::CatchUp,
            Some(WhySkipped::Overlap | WhySkipped::Unknown) | None => is_ahead,
        },
        RunState::Done | RunState::Failed | RunState::Held => false,
    }
}

/// A run begins: a trigger always, a nominal time once. One that was begun, waits or was passed over is evaluated under its
/// id. `None`: it was evaluated before.
#[must_use]
pub fn begun<'a>(start: &'a RunStart, earlier: Earlier<'_>) -> Option<WrittenRun<'a>> {
    let fresh = || RunRow {
        id: start.id,
        schedule: start.schedule.clone(),
        nominal_at: start.nominal_at,
        kind: start.kind,
        started_at: start.started_at,
        finished_at: None,
        state: RunState::Running,
        counts: Counts::default(),
        skipped: BTreeMap::new(),
        detail: None,
        text_hash: start.text_hash.clone(),
        zone_rules: start.zone_rules.clone(),
        read_at: None,
        crashes: 0,
        in_window: None,
        fingerprint: None,
        guards: Vec::new(),
        failure: None,
    };
    let Some(run) = earlier.run else {
        return Some(WrittenRun { run: fresh(), entry: Some(started(start, start.id)) });
    };
    let is_ahead = earlier.cursor.is_some_and(|cursor| start.nominal_at > cursor);
    may_begin(run, start.kind, is_ahead).then(|| WrittenRun {
        run: RunRow {
            id: run.id,
            counts: run.counts,
            skipped: run.skipped.clone(),
            read_at: run.read_at,
            crashes: run.crashes,
            in_window: run.in_window,
            fingerprint: run.fingerprint.clone(),
            guards: run.guards.clone(),
            ..fresh()
        },
        // what was waiting was logged when it began
        entry: (run.state != RunState::Waiting).then(|| started(start, run.id)),
    })
}

fn started(start: &RunStart, id: RunId) -> Entry<'_> {
    Entry {
        schedule: Some(start.schedule.as_str().into()),
        run_id: Some(id),
        reason: Some(start.kind.as_str().into()),
        actor: Some(start.actor.as_str().into()),
        detail: Some(format!("nominal time {}", start.nominal_at).into()),
        ..Entry::new(start.started_at, Event::RunStarted)
    }
}

/// Whether a run is under way.
#[must_use]
pub const fn is_open(state: RunState) -> bool {
    match state {
        RunState::Running | RunState::Waiting => true,
        RunState::Done | RunState::Failed | RunState::Held | RunState::Skipped | RunState::Missed => false,
    }
}

/// The run, if it is under way.
///
/// # Errors
/// When it isn't, or there is none.
pub fn under_way(id: RunId, found: Option<RunRow>) -> LedgerResult<RunRow> {
    let open = found.filter(|run| is_open(run.state));
    open.ok_or_else(|| LedgerError::Refused(format!("run {id} is not under way")))
}

/// The run whose source can't be read yet: it waits.
#[must_use]
pub fn postponed(run: RunRow, at: Timestamp, detail: &str) -> RunRow {
    RunRow { state: RunState::Waiting, detail: Some(detail.to_owned()), started_at: run.started_at.max(at), ..run }
}

/// A nominal time, or the last of many, that is not evaluated.
#[derive(Debug, Clone)]
pub struct PassedTime<'a> {
    /// The time (UTC).
    pub nominal_at: Timestamp,
    /// Missed or skipped.
    pub state: RunState,
    /// The reason, as a word for the audit log.
    pub word: &'a str,
    /// The sentence in the audit log.
    pub sentence: String,
}

impl<'a> PassedTime<'a> {
    /// One nominal time with a row of its own.
    #[must_use]
    pub fn one(time: &'a (Timestamp, RunState, String)) -> Self {
        let (nominal_at, state, word) = time;
        Self { nominal_at: *nominal_at, state: *state, word, sentence: format!("nominal time {nominal_at}") }
    }

    /// Many nominal times with one row, of which `known` have a row of their own.
    #[must_use]
    pub fn folded(many: &FoldedTimes, known: u64) -> Self {
        let count = many.count.saturating_sub(known);
        let sentence = format!("{count} nominal times from {} to {}", many.first, many.last);
        Self { nominal_at: many.last, state: many.state, word: many.why, sentence }
    }
}

/// A nominal time is passed over; `text_hash` is the schedule's version.
///
/// # Errors
/// When its state is neither missed nor skipped.
pub fn passed_over<'a>(
    passed: &'a PassedOver,
    time: PassedTime<'a>,
    id: RunId,
    text_hash: Option<String>,
) -> LedgerResult<WrittenRun<'a>> {
    let state = time.state;
    let event = match state {
        RunState::Missed => Event::RunMissed,
        RunState::Skipped => Event::RunSkipped,
        RunState::Running | RunState::Waiting | RunState::Done | RunState::Failed | RunState::Held => {
            return Err(LedgerError::Refused(format!("a run is not passed over as `{state}`")));
        }
    };
    let run = RunRow {
        id,
        schedule: passed.schedule.clone(),
        nominal_at: time.nominal_at,
        kind: RunKind::Scheduled,
        started_at: passed.now,
        finished_at: Some(passed.now),
        state,
        counts: Counts::default(),
        skipped: BTreeMap::new(),
        detail: Some(time.word.to_owned()),
        text_hash: text_hash.unwrap_or_default(),
        zone_rules: String::new(),
        read_at: None,
        crashes: 0,
        in_window: None,
        fingerprint: None,
        guards: Vec::new(),
        failure: None,
    };
    let entry = Entry {
        schedule: Some(passed.schedule.as_str().into()),
        run_id: Some(id),
        reason: Some(time.word.into()),
        actor: Some("service".into()),
        detail: Some(time.sentence.into()),
        ..Entry::new(passed.now, event)
    };
    Ok(WrittenRun { run, entry: Some(entry) })
}

/// The run that could not be carried out, and its entry of the log; the sentence says why.
#[must_use]
pub fn failed<'a>(
    record: &'a RunRecord,
    run: RunRow,
    sentence: &'a str,
    failure: Option<RunFailure>,
) -> WrittenRun<'a> {
    let entry = Entry {
        reason: Some("failed".into()),
        detail: Some(sentence.into()),
        ..of_run(record, &run.schedule, Event::RunFinished)
    };
    let run = RunRow {
        state: RunState::Failed,
        finished_at: Some(record.finished_at),
        detail: Some(sentence.to_owned()),
        fingerprint: record.source_fingerprint.clone().or(run.fingerprint),
        failure,
        ..run
    };
    WrittenRun { run, entry: Some(entry) }
}

/// The run whose schedule was removed while it waited, and its entry of the log.
#[must_use]
pub fn removed<'a>(run: RunRow, now: Timestamp, actor: &'a str) -> WrittenRun<'a> {
    const SENTENCE: &str = "the schedule was removed";
    let entry = Entry {
        schedule: Some(run.schedule.clone().into()),
        run_id: Some(run.id),
        reason: Some("failed".into()),
        detail: Some(SENTENCE.into()),
        actor: Some(actor.into()),
        ..Entry::new(now, Event::RunFinished)
    };
    let run = RunRow { state: RunState::Failed, finished_at: Some(now), detail: Some(SENTENCE.to_owned()), ..run };
    WrittenRun { run, entry: Some(entry) }
}

/// A run during whose evaluation the service died this often is not evaluated again: it may be the cause.
const MAX_CRASHES: u32 = 3;

/// The service died while it was being evaluated: counted, and from the third time on failed.
#[must_use]
pub fn interrupted<'a>(run: RunRow, now: Timestamp, actor: &'a str) -> WrittenRun<'a> {
    let crashes = run.crashes.saturating_add(1);
    if crashes < MAX_CRASHES {
        return WrittenRun { run: RunRow { crashes, ..run }, entry: None };
    }
    let sentence = format!(
        "the service died {crashes} times while this run was open, so it is not evaluated again: read the service's log \
         and at the size of the source"
    );
    let entry = Entry {
        schedule: Some(run.schedule.clone().into()),
        run_id: Some(run.id),
        reason: Some("crashed".into()),
        detail: Some(sentence.clone().into()),
        actor: Some(actor.into()),
        ..Entry::new(now, Event::RunFinished)
    };
    let run = RunRow {
        state: RunState::Failed,
        finished_at: Some(now),
        detail: Some(sentence),
        crashes,
        failure: Some(RunFailure::Crashed),
        ..run
    };
    WrittenRun { run, entry: Some(entry) }
}

/// What its latest read says of it.
pub(super) fn read(record: &RunRecord, run: RunRow, plan: &Plan) -> RunRow {
    let fingerprint = record.source_fingerprint.clone().or(run.fingerprint);
    RunRow { read_at: Some(record.read_at), in_window: plan.in_window, fingerprint, ..run }
}

/// What a run's plan came to, once it met the ledger.
#[derive(Debug, Clone)]
pub struct Tallied {
    counts: Counts,
    skipped: BTreeMap<String, u64>,
}

impl Tallied {
    /// The counts that the plan has.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self { counts: plan.counts, skipped: by_reason(&plan.skipped) }
    }

    /// A planned one is not to be called: for that reason, or because it was reminded meanwhile.
    pub fn overrule(&mut self, reason: Option<SkipReason>) {
        self.counts.planned = self.counts.planned.saturating_sub(1);
        match reason {
            Some(reason) => {
                self.counts.skipped += 1;
                *self.skipped.entry(reason.to_string()).or_default() += 1;
            }
            None => self.counts.already_reminded += 1,
        }
    }

    /// An appointment was merged into a call that is not made: it counts as `person_limit`.
    pub fn untold(&mut self) {
        if let Some(merged) = self.skipped.get_mut(SkipReason::Merged.as_str()) {
            *merged = merged.saturating_sub(1);
        }
        self.skipped.retain(|_, count| *count > 0);
        *self.skipped.entry(SkipReason::PersonLimit.to_string()).or_default() += 1;
    }
}

/// The run whose plan is recorded, and its entry of the log.
#[must_use]
pub fn finished<'a>(
    record: &'a RunRecord,
    run: RunRow,
    plan: &Plan,
    tallied: Tallied,
    cancelled: usize,
) -> WrittenRun<'a> {
    let Tallied { counts, skipped } = tallied;
    let detail = with_notes(in_words(counts, cancelled), plan);
    let entry = Entry { detail: Some(detail.into()), ..of_run(record, &run.schedule, Event::RunFinished) };
    let run = RunRow {
        state: RunState::Done,
        finished_at: Some(record.finished_at),
        counts,
        skipped,
        detail: None,
        ..read(record, run, plan)
    };
    WrittenRun { run, entry: Some(entry) }
}

/// What a person should know of the read stands behind what became of it.
fn with_notes(detail: String, plan: &Plan) -> String {
    if plan.notes.is_empty() { detail } else { format!("{detail}; note: {}", plan.notes.join("; ")) }
}

pub(super) fn by_reason(skipped: &[SkippedRow]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for row in skipped {
        *counts.entry(row.reason.as_str()).or_insert(0) += 1;
    }
    counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

fn in_words(counts: Counts, cancelled: usize) -> String {
    let Counts { rows, outside_window, planned, skipped, already_reminded } = counts;
    format!(
        "{rows} rows: {planned} planned, {skipped} skipped, {already_reminded} already reminded, {outside_window} outside \
         the window; {cancelled} cancelled"
    )
}

pub(super) fn of_run<'a>(record: &'a RunRecord, schedule: &str, event: Event) -> Entry<'a> {
    Entry {
        schedule: Some(schedule.to_owned().into()),
        run_id: Some(record.id),
        actor: Some(record.actor.as_str().into()),
        ..Entry::new(record.finished_at, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a valid instant")
    }

    fn start(kind: RunKind) -> RunStart {
        RunStart {
            id: RunId(uuid::Uuid::from_u128(2)),
            schedule: "clinic".to_owned(),
            nominal_at: at(60),
            kind,
            started_at: at(61),
            text_hash: "abc".to_owned(),
            text: String::new(),
            zone_rules: "2026f".to_owned(),
            actor: "service".to_owned(),
        }
    }

    /// What a nominal time that was met before, in that state and for that reason, does: begins under its first id or not.
    #[test]
    fn a_nominal_time_begins_again_only_while_it_is_open_or_ahead_or_was_paused() {
        let cases = [
            (RunState::Running, None, RunKind::CatchUp, 60, true),
            (RunState::Waiting, None, RunKind::Scheduled, 60, true),
            (RunState::Missed, Some("down"), RunKind::CatchUp, 60, false),
            (RunState::Missed, Some("down"), RunKind::Scheduled, 59, true),
            (RunState::Skipped, Some("paused"), RunKind::Scheduled, 60, false),
            (RunState::Skipped, Some("paused"), RunKind::CatchUp, 60, true),
            (RunState::Skipped, Some("overlap"), RunKind::CatchUp, 60, false),
            (RunState::Skipped, Some("overlap"), RunKind::CatchUp, 59, true),
            (RunState::Skipped, Some("rejected: overlap"), RunKind::CatchUp, 59, false),
            (RunState::Skipped, Some("rejected: paused"), RunKind::CatchUp, 60, false),
            (RunState::Done, None, RunKind::CatchUp, 0, false),
            (RunState::Failed, None, RunKind::CatchUp, 0, false),
            (RunState::Held, None, RunKind::CatchUp, 0, false),
        ];
        for (state, word, kind, cursor, expected) in cases {
            let first = RunStart { id: RunId(uuid::Uuid::from_u128(1)), ..start(RunKind::Scheduled) };
            let first = begun(&first, Earlier { run: None, cursor: None }).expect("a new one begins").run;
            let earlier = RunRow { state, detail: word.map(str::to_owned), ..first };
            let start = start(kind);
            let again = begun(&start, Earlier { run: Some(&earlier), cursor: Some(at(cursor)) });
            assert_eq!(again.is_some(), expected, "{state} {word:?} {kind} {cursor}");
            if let Some(again) = again {
                assert_eq!((again.run.id, again.run.state), (earlier.id, RunState::Running));
                assert_eq!(again.entry.is_some(), state != RunState::Waiting, "{state}");
            }
        }
    }

    #[test]
    fn a_run_that_was_open_at_the_third_death_of_the_service_fails_and_is_not_evaluated_again() {
        let mut run = begun(&start(RunKind::Scheduled), Earlier { run: None, cursor: None }).expect("it begins").run;
        for (death, expected) in [(1, RunState::Running), (2, RunState::Running), (3, RunState::Failed)] {
            let found = interrupted(run.clone(), at(100), "service");
            assert_eq!((found.run.state, found.run.crashes), (expected, death));
            let reason = found.entry.as_ref().and_then(|entry| entry.reason.as_deref());
            assert_eq!(reason, (expected == RunState::Failed).then_some("crashed"), "{death}");
            let start = start(RunKind::CatchUp);
            let again = begun(&start, Earlier { run: Some(&found.run), cursor: None });
            assert_eq!(again.map(|again| again.run.crashes), (death < 3).then_some(death), "the count stays");
            run = found.run;
        }
    }

    #[test]
    fn only_an_open_run_can_end() {
        let open = begun(&start(RunKind::Trigger), Earlier { run: None, cursor: None }).expect("it begins").run;
        for state in RunState::ALL {
            let run = RunRow { state: *state, ..open.clone() };
            assert_eq!(under_way(open.id, Some(run)).is_ok(), is_open(*state), "{state}");
        }
        assert!(under_way(open.id, None).is_err());
    }
}
