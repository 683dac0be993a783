//! shell: the tests beside a schedule (`NAME.test.toml`): rows, a clock, and what the schedule makes of them. `tickler test`
//! and `tickler check` run them; nothing is read but files, and nothing is sent.

mod file;
mod invented;
mod judge;
mod record;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{App, VerbError, VerbResult};
use crate::evaluation::{read_do_not_call, with_holidays};
use crate::schedule::problems::{Problem, Problems};
use crate::schedule::{Schedule, load};
use crate::zones::Zones;

pub use record::{RecordedTest, record};

use file::ScheduleTest;
use judge::{JudgeInputs, judge};

/// What became of one test.
#[derive(Debug, Clone, Serialize)]
pub struct TestResult {
    /// The schedule's name.
    pub schedule: String,
    /// The test's name.
    pub test: String,
    /// Whether the plan is as the test expects.
    pub ok: bool,
    /// Everything that is otherwise, a sentence each.
    pub deviations: Vec<String>,
}

/// What became of the tests of one schedule.
#[derive(Debug, Clone, Default)]
pub struct Tested {
    /// Each test, in the order of the file.
    pub results: Vec<TestResult>,
    /// Deviations with their places, and what is wrong with the file itself.
    pub problems: Vec<Problem>,
    /// Whether the file has errors: then what could be read of it was run all the same.
    pub is_invalid: bool,
}

/// The code of a deviation among a check's problems.
const FAILED: &str = "failed-test";

/// The file with the tests of the schedule in this file.
#[must_use]
pub fn path_of_tests(schedule: &Path) -> PathBuf {
    schedule.with_extension("test.toml")
}

/// Runs the tests beside a schedule; `None` when it has none. Blocks.
#[must_use]
pub fn run(schedule: &Arc<Schedule>, zones: &Zones) -> Option<Tested> {
    let path = path_of_tests(&schedule.path);
    if !path.try_exists().unwrap_or(true) {
        return None;
    }
    let text = match load::text_of_tests(&path) {
        Ok(text) => text,
        Err(problems) => return Some(Tested { problems, is_invalid: true, ..Tested::default() }),
    };
    let (tests, mut problems) = file::parse(&path, &text, &schedule.zone);
    let is_invalid = !problems.is_empty();
    let mut failed = Problems::of(&path, Arc::from(text.as_str()));
    let results = tests.iter().map(|test| one(test, schedule, zones, &mut failed)).collect();
    problems.extend(failed.into_sorted());
    Some(Tested { results, problems, is_invalid })
}

fn one(test: &ScheduleTest, schedule: &Arc<Schedule>, zones: &Zones, failed: &mut Problems) -> TestResult {
    let deviations = match bench(schedule, zones, test.now) {
        Ok(bench) => judge(test, &bench),
        Err(error) => vec![judge::Deviation { span: test.span.clone(), message: error.to_string() }],
    };
    for deviation in &deviations {
        let message = format!("test `{}`: {}", test.name, deviation.message);
        failed
            .error(FAILED, deviation.span.clone(), message)
            .help("change the schedule, or the test if this is what you want");
    }
    TestResult {
        schedule: schedule.name.clone(),
        test: test.name.clone(),
        ok: deviations.is_empty(),
        deviations: deviations.into_iter().map(|deviation| deviation.message).collect(),
    }
}

/// What the tests of a schedule are judged with at that moment.
fn bench(schedule: &Arc<Schedule>, zones: &Zones, now: Timestamp) -> VerbResult<JudgeInputs> {
    let evaluated = |error| VerbError::Evaluation { schedule: schedule.name.clone(), error };
    let schedule = with_holidays(schedule, now).map_err(evaluated)?;
    let do_not_call = read_do_not_call(&schedule).map_err(evaluated)?;
    Ok(JudgeInputs { schedule, zones: zones.clone(), do_not_call })
}

/// Runs the tests of the named schedules (of all if there are no names). Blocks.
///
/// # Errors
/// When a schedule doesn't exist or is refused, or a named one has no tests.
pub fn tests(app: &App, names: &[String]) -> VerbResult<Vec<Tested>> {
    let mut tested = Vec::new();
    for schedule in app.named(names)? {
        match run(&schedule, &app.env.zones) {
            Some(found) => tested.push(found),
            None if names.is_empty() => {}
            None => {
                let (name, file) = (&schedule.name, path_of_tests(&schedule.path));
                return Err(VerbError::Failed(format!(
                    "`{name}` has no tests: write {}, or let `tickler test --record {name}` begin it",
                    file.display()
                )));
            }
        }
    }
    Ok(tested)
}
