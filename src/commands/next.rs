//! shell: `tickler next`.

use super::arguments::{Globals, NextArguments};
use super::context::Context;
use super::output::{Rows, Shown, complain};
use super::table::{Table, words};
use crate::verbs::next::{NextRun, Note};
use crate::verbs::{Access, Exit, next};

/// Prints the next runs.
pub async fn next(globals: &Globals, ask: &NextArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.at(&ask.now, ask.schedule.as_deref())?;
    let app = context.open(Access::None).await?;
    let named: Vec<String> = ask.schedule.iter().cloned().collect();
    let schedules = app.named(&named)?;
    let count = usize::try_from(ask.count).expect("a machine addresses more than 1000 things");
    let mut runs = Vec::new();
    for schedule in &schedules {
        if !schedule.enabled {
            complain(&format!("{}: switched off by `enabled = false`, it has no runs", schedule.name));
        }
        runs.extend(next::next(&app, schedule, count));
    }
    let rows = || rows(&runs);
    Shown { answer: &runs, people: &|| for_people(&context, &runs), rows: &rows }.print(context.format)?;
    Ok(context.tell_refused(&app, &named))
}

fn for_people(context: &Context, runs: &[NextRun]) -> String {
    let mut table = Table::of(&[words("schedule"), words("at"), words("utc").leaves(1), words("note")]);
    for run in runs {
        let note = match run.note {
            None => "",
            Some(Note::Gap) => "gap",
            Some(Note::Overlap) => "overlap",
        };
        table.push(vec![
            run.schedule.clone(),
            context.moment_of(&run.at),
            context.moment_of(&run.at_utc),
            note.to_owned(),
        ]);
    }
    format!("{}\n{}", table.fit(context.screen), context.zones_named(runs.iter().map(|run| run.schedule.as_str())))
}

fn rows(runs: &[NextRun]) -> Rows {
    let mut rows = Rows::of(&["schedule", "at", "at_utc", "note"]);
    for run in runs {
        let note = match run.note {
            None => "",
            Some(Note::Gap) => "gap",
            Some(Note::Overlap) => "overlap",
        };
        rows.push(vec![run.schedule.clone(), run.at.clone(), run.at_utc.clone(), note.to_owned()]);
    }
    rows
}
