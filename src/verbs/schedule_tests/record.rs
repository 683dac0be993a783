//! shell: writes a test from the plan of this moment, with invented people.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::file::{PlacedValue, ScheduleTest, parse};
use super::invented::{Inventor, toml};
use super::judge::{JudgeInputs, RowKey, judge, keys_in, keys_of, plan_of};
use super::{App, VerbError, VerbResult, bench, path_of_tests};
use crate::appointment::mapping::Mapping;
use crate::evaluation::{evaluate, nominal_now, open_source, read_window};
use crate::ledger::KnowledgeAsk;
use crate::plan::{self, ComparableRuns, Knowledge, Occasion, Plan, PlannedReminder, Rehearsed, SkippedRow};
use crate::reminder::SkipReason;
use crate::row::{Record, RecordSink, Row};
use crate::schedule::Schedule;
use crate::zones::{WallMeaning, Zone};

/// Calls in a recorded test.
const CALLS: usize = 3;
/// Rows of each reason in it.
const ROWS_OF_A_REASON: usize = 2;

/// What was recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedTest {
    /// The schedule's name.
    pub schedule: String,
    /// The file of tests.
    pub file: PathBuf,
    /// The test's name.
    pub test: String,
    /// Calls in it.
    pub calls: usize,
    /// Skipped rows in it.
    pub skips: usize,
    /// Rows that were left out, because a test knows nothing of earlier calls.
    #[serde(default)]
    pub left_out: usize,
}

/// Plans the schedule as of now, and appends some of its rows as a test to its file of tests. Each row of the test is decided
/// as the plan decided it; rows that a test can't decide so (by what the ledger knows) are left out.
///
/// # Errors
/// When the source can't be read, the file can't be written, or the test would not pass.
pub async fn record(app: &App, schedule: &Arc<Schedule>) -> VerbResult<RecordedTest> {
    let now = nominal_now(app.env.clock.as_ref());
    let evaluation = evaluate(schedule, Occasion::at(now), &app.env)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    let previous_run = previous_run(app, schedule, now).await?;
    let picked = picked(app, &evaluation.schedule, &evaluation.plan, (now, previous_run)).await?;
    let bench = bench(&evaluation.schedule, &app.env.zones, now)?;
    let mut test = invented_test((now, previous_run), &evaluation.plan, &picked, &bench);
    let (plan, left_out) = with_equal_fates(&mut test, &picked, &evaluation.plan, &bench);
    let text = written(&test, &plan, &bench);
    let file = path_of_tests(&schedule.path);
    refuse_failing(&file, &text, &bench)?;
    append(&file, &text).map_err(|error| VerbError::Failed(format!("{} can't be written: {error}", file.display())))?;
    let (calls, skips) = (plan.reminders.len(), plan.skipped.len());
    Ok(RecordedTest { schedule: schedule.name.clone(), file, test: test.name, calls, skips, left_out })
}

/// The last evaluation of all rows before this one.
async fn previous_run(app: &App, schedule: &Schedule, now: Timestamp) -> VerbResult<Option<Timestamp>> {
    let Some(ledger) = &app.env.ledger else { return Ok(None) };
    let today = schedule.zone.date(now);
    let ask = KnowledgeAsk {
        schedule: schedule.name.clone(),
        account: schedule.target.account().to_owned(),
        target: None,
        windows: Vec::new(),
        due_days: (today, today),
        mode: schedule.mode,
        rehearsed: Rehearsed::CountAsMade,
        kind: schedule.remind.leads.first().kind(),
        now,
        first_sights_from: None,
        comparable: ComparableRuns::default(),
    };
    let known = ledger.knowledge(ask).await?;
    let previous = known.seen_until.or(known.previous_evaluation);
    // as people write a time
    Ok(previous.map(|at| Timestamp::from_second(at.as_second()).unwrap_or(at)))
}

/// Keys by which people are not called. Few rows show each of them.
const PROTECTING_KEYS: [&str; 9] = [
    "appointment.consent",
    "appointment.do_not_call",
    "remind.allowed_countries",
    "remind.calling_hours",
    "remind.closed_days",
    "remind.do_not_call",
    "remind.holidays",
    "remind.only_if",
    "remind.statuses",
];

/// The keys of [`PROTECTING_KEYS`] that the schedule has.
fn protecting(schedule: &Schedule) -> impl Iterator<Item = String> + use<> {
    keys_in(schedule, PROTECTING_KEYS.into_iter()).into_iter()
}

/// The picked rows with somebody invented in each. Whoever is on a do-not-call list is on the test's.
fn invented_test(
    (now, previous_run): (Timestamp, Option<Timestamp>),
    plan: &Plan,
    picked: &[PickedRow],
    bench: &JudgeInputs,
) -> ScheduleTest {
    let schedule = &bench.schedule;
    let condition = schedule.remind.only_if.as_ref().map(crate::template::Condition::names).unwrap_or_default();
    let mut inventor = Inventor::of(schedule, &condition, &bench.do_not_call);
    let rows = picked.iter().map(|picked| inventor.row(&picked.row)).collect();
    let unlisted = ScheduleTest {
        name: format!("as planned at {}", schedule.zone.wall(now).strftime("%Y-%m-%d %H:%M")),
        span: 0..0,
        now,
        previous_run,
        must_have: protecting(schedule).map(|value| PlacedValue { span: 0..0, value }).collect(),
        rows,
        opted_out: Vec::new(),
        calls: None,
        skips: None,
        outside: Some(PlacedValue { span: 0..0, value: 0 }),
        held: None,
    };
    // a person whose own row says that they opted out need not be on the test's list
    let by_row = plan_of(&unlisted, bench).skipped;
    let is_by_row = |number: u64| {
        let place = picked.iter().position(|picked| picked.number == number);
        place.is_none_or(|place| {
            by_row.iter().any(|row| row.row == place as u64 + 1 && row.reason == SkipReason::OptedOut)
        })
    };
    let listed = plan.skipped.iter().filter(|row| row.reason == SkipReason::OptedOut && !is_by_row(row.row));
    let listed: BTreeSet<&str> = listed.filter_map(|row| inventor.phone_for(row.phone.as_ref()?)).collect();
    let opted_out = listed.into_iter().map(|number| number.to_owned().into()).collect();
    ScheduleTest { opted_out, ..unlisted }
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowFate {
    Called,
    Skipped(SkipReason),
    /// Outside the windows, or reminded already.
    Neither,
}

fn fate(plan: &Plan, number: u64, key: &RowKey) -> RowFate {
    if let Some(row) = plan.skipped.iter().find(|row| row.row == number) {
        return RowFate::Skipped(row.reason);
    }
    let is_it = |call: &&PlannedReminder| {
        key.id.as_deref() == Some(&*call.appointment_id) && key.starts_at == Some(call.starts_at)
    };
    plan.reminders.iter().find(is_it).map_or(RowFate::Neither, |_| RowFate::Called)
}

/// Takes out one row after another that the test decides otherwise than the real plan did. Returns the plan of the others,
/// and how many were taken out.
fn with_equal_fates(test: &mut ScheduleTest, picked: &[PickedRow], real: &Plan, bench: &JudgeInputs) -> (Plan, usize) {
    let mut wanted: Vec<RowFate> = picked.iter().map(|picked| fate(real, picked.number, &picked.key)).collect();
    loop {
        let (plan, keys) = (plan_of(test, bench), keys_of(test, bench));
        let found = keys.iter().enumerate().map(|(place, key)| fate(&plan, place as u64 + 1, key));
        let Some(odd) = found.zip(&wanted).position(|(found, wanted)| found != *wanted) else {
            return (plan, picked.len() - test.rows.len());
        };
        test.rows.remove(odd);
        wanted.remove(odd);
    }
}

/// A test that fails at once would be a wrong one.
fn refuse_failing(file: &std::path::Path, text: &str, bench: &JudgeInputs) -> VerbResult<()> {
    let (tests, problems) = parse(file, text, &bench.schedule.zone);
    let deviations = tests.iter().flat_map(|test| judge(test, bench)).map(|deviation| deviation.message);
    match problems.into_iter().map(|problem| problem.message).chain(deviations).next() {
        None => Ok(()),
        Some(why) => Err(VerbError::Failed(format!(
            "no test was written, because it would not pass: {why}; write one by hand from `tickler plan`"
        ))),
    }
}

fn append(file: &std::path::Path, text: &str) -> std::io::Result<()> {
    let is_new = !file.try_exists()?;
    let mut out = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
    out.write_all(if is_new { HEAD } else { "\n" }.as_bytes())?;
    out.write_all(text.as_bytes())
}

const HEAD: &str =
    "# Tests of the schedule beside this file: `tickler test` runs them, and so does `tickler check`.\n\n";

/// The rows that become the test's.
struct ChosenRows {
    appointments: HashSet<String>,
    numbers: HashSet<u64>,
}

impl ChosenRows {
    fn of(plan: &Plan) -> Self {
        let mut chosen = Self { appointments: HashSet::new(), numbers: HashSet::new() };
        chosen.appointments.extend(plan.reminders.iter().take(CALLS).map(|call| call.appointment_id.clone()));
        let mut of_reason: BTreeMap<SkipReason, usize> = BTreeMap::new();
        for row in &plan.skipped {
            let count = of_reason.entry(row.reason).or_default();
            *count += 1;
            // a row that can't be read can't be written down either
            if *count <= ROWS_OF_A_REASON && row.reason != SkipReason::BadRow {
                chosen.numbers.insert(row.row);
                chosen.appointments.extend(decisive(plan, row));
            }
        }
        chosen
    }
}

/// The appointments whose rows decide about a skipped one: the first row of a repeated one, the call into which it was
/// merged, the other calls of its person.
fn decisive(plan: &Plan, row: &SkippedRow) -> Vec<String> {
    let Some(id) = &row.appointment_id else { return Vec::new() };
    let calls = plan.reminders.iter();
    let ids = |calls: Vec<&PlannedReminder>| calls.into_iter().map(|call| call.appointment_id.clone()).collect();
    if row.reason == SkipReason::DuplicateRow {
        return vec![id.clone()];
    }
    if row.reason == SkipReason::Merged {
        return ids(calls.filter(|call| call.merged.iter().any(|told| told.appointment_id == *id)).collect());
    }
    if row.reason == SkipReason::PersonLimit {
        return ids(calls.filter(|call| row.phone.as_ref() == Some(&call.phone)).take(CALLS).collect());
    }
    Vec::new()
}

/// A row of the source that becomes one of the test.
struct PickedRow {
    number: u64,
    key: RowKey,
    row: Row,
}

/// Reads the source again for the rows that the test takes.
async fn picked(
    app: &App,
    schedule: &Arc<Schedule>,
    plan: &Plan,
    (now, previous_run): (Timestamp, Option<Timestamp>),
) -> VerbResult<Vec<PickedRow>> {
    let (schedule, env, chosen) = (Arc::clone(schedule), app.env.clone(), ChosenRows::of(plan));
    let read = tokio::task::spawn_blocking(move || {
        let occasion = Occasion::at(now);
        let windows = plan::windows(&schedule, &occasion, previous_run);
        let window = read_window(&schedule, &occasion, &windows, &Knowledge::default());
        let mapping = Mapping::new(&schedule.appointment, &schedule.zone, &env.zones);
        let mut picking = Picking { chosen, mapping, rows: Vec::new() };
        let read = open_source(&schedule, &env).read(&window, &mut picking);
        read.map(|_| picking.rows).map_err(|error| VerbError::Failed(format!("{}: {error}", schedule.name)))
    });
    read.await.map_err(|error| VerbError::Failed(format!("internal error: {error}")))?
}

struct Picking {
    chosen: ChosenRows,
    mapping: Mapping,
    rows: Vec<PickedRow>,
}

impl RecordSink for Picking {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let key = RowKey::of(&mut self.mapping, &record);
        let is_chosen = self.chosen.numbers.contains(&number)
            || key.id.as_ref().is_some_and(|id| self.chosen.appointments.contains(id));
        if is_chosen {
            self.rows.extend(record.to_row().map(|row| PickedRow { number, key, row }));
        }
        ControlFlow::Continue(())
    }
}

/// The test as TOML.
fn written(test: &ScheduleTest, plan: &Plan, bench: &JudgeInputs) -> String {
    let zone = &bench.schedule.zone;
    let wall = |at| moment(zone, at);
    let mut text = String::from("[[test]]\n");
    let mut line = |key: &str, value: String| {
        // a String takes whatever is written into it
        let _written = writeln!(text, "{key:<7} = {value}");
    };
    line("name", toml(&test.name.as_str().into()).unwrap_or_default());
    line("now", format!("\"{}\"", wall(test.now)));
    if let Some(previous) = test.previous_run {
        line("previous_run", format!("\"{}\"", wall(previous)));
    }
    if !test.must_have.is_empty() {
        let keys: Vec<String> = test.must_have.iter().filter_map(|key| toml(&key.value.as_str().into())).collect();
        line("must_have", format!("[{}]", keys.join(", ")));
    }
    if !test.opted_out.is_empty() {
        line("opted_out", list(test.opted_out.iter().map(|number| number.as_str().into())));
    }
    line("rows", list(test.rows.iter().map(|row| Value::Object(row.clone()))));
    line(
        "calls",
        list(plan.reminders.iter().map(|call| {
            let payload = call.payload.to_value().unwrap_or_default();
            object([
                ("id", call.appointment_id.as_str().into()),
                ("lead", call.lead.to_string().into()),
                ("at", wall(call.send_at).into()),
                ("payload", payload),
            ])
        })),
    );
    line(
        "skips",
        list(plan.skipped.iter().map(|row| {
            let which = match &row.appointment_id {
                Some(id) => ("id", id.as_str().into()),
                None => ("row", row.row.into()),
            };
            object([which, ("reason", row.reason.as_str().into())])
        })),
    );
    line("outside", plan.counts.outside_window.to_string());
    text
}

/// The time on the schedule's clock, where that says which instant is meant, else in UTC.
fn moment(zone: &Zone, at: Timestamp) -> String {
    let wall = zone.wall(at);
    let text = wall.strftime("%Y-%m-%d %H:%M:%S").to_string();
    match text.parse().map(|read| zone.resolve(read)) {
        Ok(WallMeaning::Once(read) | WallMeaning::Twice { first: read, .. }) if read == at => text,
        Ok(WallMeaning::Once(_) | WallMeaning::Twice { .. } | WallMeaning::Gap { .. }) | Err(_) => at.to_string(),
    }
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn list(items: impl Iterator<Item = Value>) -> String {
    let lines: Vec<String> = items.filter_map(|item| Some(format!("  {},\n", toml(&item)?))).collect();
    if lines.is_empty() { "[]".to_owned() } else { format!("[\n{}]", lines.concat()) }
}
