//! shell: writes a test from the plan of this moment, with invented people.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::file::{ScheduleTest, Stated};
use super::invented::{Inventor, toml};
use super::judge::{Bench, plan_of};
use super::{App, VerbError, VerbResult, bench, path_of_tests};
use crate::appointment::mapping::Mapping;
use crate::evaluation::{evaluate, nominal_now, open_source, read_window};
use crate::plan::{self, Knowledge, Occasion, Plan};
use crate::reminder::SkipReason;
use crate::row::{Record, RecordSink, Row};
use crate::schedule::Schedule;

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
}

/// Plans the schedule as of now, and appends some of its rows as a test to its file of tests.
///
/// # Errors
/// When the source can't be read, or the file can't be written.
pub async fn record(app: &App, schedule: &Arc<Schedule>) -> VerbResult<RecordedTest> {
    let now = nominal_now(app.around.clock.as_ref());
    let evaluation = evaluate(schedule, Occasion::at(now), &app.around)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    let chosen = Chosen::of(&evaluation.plan);
    let rows = rows(app, &evaluation.schedule, chosen, now).await?;
    let condition = schedule.remind.only_if.as_ref().map(crate::template::Condition::names).unwrap_or_default();
    let mut inventor = Inventor::of(schedule, &condition);
    let name = format!("as planned at {}", schedule.zone.wall(now).strftime("%Y-%m-%d %H:%M"));
    let test = ScheduleTest {
        name: name.clone(),
        span: 0..0,
        now,
        previous_run: None,
        rows: rows.iter().map(|row| inventor.row(row)).collect(),
        opted_out: Vec::new(),
        calls: None,
        skips: None,
        outside: Some(Stated { span: 0..0, value: 0 }),
        held: None,
    };
    let bench = bench(&evaluation.schedule, &app.around.zones, now)?;
    let plan = plan_of(&test, &bench);
    let text = written(&test, &plan, &bench);
    let file = path_of_tests(&schedule.path);
    append(&file, &text).map_err(|error| VerbError::Failed(format!("{} can't be written: {error}", file.display())))?;
    let (calls, skips) = (plan.reminders.len(), plan.skipped.len());
    Ok(RecordedTest { schedule: schedule.name.clone(), file, test: name, calls, skips })
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
struct Chosen {
    appointments: HashSet<String>,
    numbers: HashSet<u64>,
}

impl Chosen {
    fn of(plan: &Plan) -> Self {
        let appointments = plan.reminders.iter().take(CALLS).map(|call| call.appointment_id.clone()).collect();
        let mut of_reason: BTreeMap<SkipReason, usize> = BTreeMap::new();
        let mut numbers = HashSet::new();
        for row in &plan.skipped {
            let count = of_reason.entry(row.reason).or_default();
            *count += 1;
            // a row that can't be read can't be written down either
            if *count <= ROWS_OF_A_REASON && row.reason != SkipReason::BadRow {
                numbers.insert(row.row);
            }
        }
        Self { appointments, numbers }
    }
}

/// Reads the source again for the chosen rows.
async fn rows(app: &App, schedule: &Arc<Schedule>, chosen: Chosen, now: jiff::Timestamp) -> VerbResult<Vec<Row>> {
    let (schedule, around) = (Arc::clone(schedule), app.around.clone());
    let read = tokio::task::spawn_blocking(move || {
        let occasion = Occasion::at(now);
        let windows = plan::windows(&schedule, &occasion, None);
        let window = read_window(&schedule, &occasion, &windows, &Knowledge::default());
        let mapping = Mapping::new(&schedule.appointment, &schedule.zone, &around.zones);
        let mut picking = Picking { chosen, mapping, rows: Vec::new() };
        let read = open_source(&schedule, &around).read(&window, &mut picking);
        read.map(|_| picking.rows).map_err(|error| VerbError::Failed(format!("{}: {error}", schedule.name)))
    });
    read.await.map_err(|error| VerbError::Failed(format!("internal error: {error}")))?
}

struct Picking {
    chosen: Chosen,
    mapping: Mapping,
    rows: Vec<Row>,
}

impl RecordSink for Picking {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let id = self.mapping.id(&record);
        let is_chosen = self.chosen.numbers.contains(&number)
            || id.is_some_and(|id| self.chosen.appointments.contains(id.as_ref()));
        if is_chosen {
            self.rows.extend(record.to_row());
        }
        ControlFlow::Continue(())
    }
}

/// The test as TOML.
fn written(test: &ScheduleTest, plan: &Plan, bench: &Bench) -> String {
    let zone = &bench.schedule.zone;
    let wall = |at| zone.wall(at).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let mut text = String::from("[[test]]\n");
    let mut line = |key: &str, value: String| {
        // a String takes whatever is written into it
        let _written = writeln!(text, "{key:<7} = {value}");
    };
    line("name", toml(&test.name.as_str().into()).unwrap_or_default());
    line("now", format!("\"{}\"", wall(test.now)));
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

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn list(items: impl Iterator<Item = Value>) -> String {
    let lines: Vec<String> = items.filter_map(|item| Some(format!("  {},\n", toml(&item)?))).collect();
    if lines.is_empty() { "[]".to_owned() } else { format!("[\n{}]", lines.concat()) }
}
