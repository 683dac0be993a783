//! shell: `tickler test`.

use std::io::IsTerminal;

use super::arguments::{Globals, TestArguments};
use super::context::Context;
use super::output::{Rows, Shown, complain, print, tally, write_out};
use crate::schedule::problems::Paint;
use crate::verbs::schedule_tests::{RecordedTest, TestResult, Tested, record, tests};
use crate::verbs::{Access, Exit, VerbError};

/// Runs the tests of schedules, or records one.
pub async fn test(globals: &Globals, ask: TestArguments) -> anyhow::Result<Exit> {
    let single = match ask.named.as_slice() {
        [one] => Some(one.as_str()),
        _ => None,
    };
    let context = Context::of(globals)?.at(&ask.now, single)?;
    if ask.record {
        return record_test(&context, &ask).await;
    }
    if ask.now.now.is_some() {
        return Err(VerbError::Usage("--now is for --record alone: a test has its own `now`".to_owned()).into());
    }
    let app = context.open(Access::None).await?;
    let refused = context.tell_refused(&app, &ask.named);
    let names = ask.named;
    let tested = tokio::task::spawn_blocking(move || tests(&app, &names)).await??;
    let exit = show(&context, &tested)?;
    Ok(if exit == Exit::Done { refused } else { exit })
}

async fn record_test(context: &Context, ask: &TestArguments) -> anyhow::Result<Exit> {
    if ask.named.is_empty() {
        return Err(VerbError::Usage("--record needs the name of a schedule".to_owned()).into());
    }
    let app = context.open(Access::Reading).await?;
    let mut recorded = Vec::new();
    for schedule in app.named(&ask.named)? {
        recorded.push(record(&app, &schedule).await?);
    }
    let sentence = |test: &RecordedTest| {
        let RecordedTest { file, test, calls, skips, left_out, schedule: _ } = test;
        let left_out = match left_out {
            0 => String::new(),
            1 => ", without 1 row that was decided by earlier calls, which a test doesn't know".to_owned(),
            more => format!(", without {more} rows that were decided by earlier calls, which a test doesn't know"),
        };
        let file = file.display();
        format!("{file}: `{test}` with {calls} called and {skips} not called{left_out}; read it before you keep it")
    };
    let people = || recorded.iter().map(sentence).collect::<Vec<_>>().join("\n");
    let rows = || {
        let mut rows = Rows::of(&["schedule", "file", "test", "calls", "skips"]);
        for test in &recorded {
            let file = test.file.display().to_string();
            let (calls, skips) = (test.calls.to_string(), test.skips.to_string());
            rows.push(vec![test.schedule.clone(), file, test.test.clone(), calls, skips]);
        }
        rows
    };
    Shown { answer: &recorded, people: &people, rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}

fn show(context: &Context, tested: &[Tested]) -> anyhow::Result<Exit> {
    let results: Vec<&TestResult> = tested.iter().flat_map(|tested| &tested.results).collect();
    let failed = results.iter().filter(|result| !result.ok).count() as u64;
    let is_invalid = tested.iter().any(|tested| tested.is_invalid);
    let is_plain = context.environment.wants_no_color() || !std::io::stdout().is_terminal();
    let paint = if is_plain { Paint::Plain } else { Paint::Coloured };
    if context.prints_tables() {
        for problem in tested.iter().flat_map(|tested| &tested.problems) {
            print(&problem.frame_within(paint, context.screen.columns()))?; // frames are harmless by themselves
            write_out(b"\n")?;
        }
        let passed = results.len() as u64 - failed;
        print(&tally(&[(passed, "passed"), (failed, "failed")]))?;
        if results.is_empty() && !is_invalid {
            complain("no schedule has tests: `tickler test --record NAME` writes one from today's plan");
        }
    } else {
        let rows = || {
            let mut rows = Rows::of(&["schedule", "test", "ok", "deviations"]);
            for result in &results {
                let deviations = result.deviations.join("; ");
                rows.push(vec![result.schedule.clone(), result.test.clone(), result.ok.to_string(), deviations]);
            }
            rows
        };
        for problem in tested.iter().filter(|tested| tested.is_invalid).flat_map(|tested| &tested.problems) {
            complain(&problem.frame(Paint::Plain));
        }
        Shown { answer: &results, people: &String::new, rows: &rows }.print(context.format)?;
    }
    Ok(match (is_invalid, failed) {
        (true, _) => Exit::Configuration,
        (false, 0) => Exit::Done,
        (false, _) => Exit::Failed,
    })
}
