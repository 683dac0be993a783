//! shell: `tickler plan`.

use super::arguments::{Format, Globals, PlanArguments};
use super::context::Context;
use super::output::{Rows, Shown, complain, tally};
use super::{plan_json, reach};
use crate::audit::Event;
use crate::verbs::plan::{PlanAnswer, PlannedCall, SkippedCall};
use crate::verbs::{Access, Exit, Reveal, VerbError, plan};

/// Prints who would be called and who not.
pub async fn plan(globals: &Globals, ask: &PlanArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.at(ask.now);
    let house = context.open(Access::Reading).await?;
    let schedules = house.named(&ask.named)?;
    let reveal = if ask.reveal { Reveal::Whole } else { Reveal::LastFour };
    let mut answers = Vec::new();
    let mut exit = context.tell_refused(&house, &ask.named);
    for schedule in &schedules {
        match plan::plan(&house, schedule, reveal).await {
            Ok(answer) => answers.push(answer),
            Err(error @ VerbError::Evaluation { .. }) => {
                complain(&format!("error: {error}"));
                exit = Exit::Failed;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if reveal == Reveal::Whole {
        let names: Vec<&str> = answers.iter().map(|answer| answer.schedule.as_str()).collect();
        reach::record(&context, Event::OperatorRevealed, &format!("the plan of {}", names.join(", "))).await?;
    }
    if context.format == Some(Format::Json) {
        plan_json::print(&mut answers)?;
    } else {
        let people = || answers.iter().map(for_people).collect::<Vec<_>>().join("\n\n");
        Shown { answer: &answers, people: &people, rows: &|| rows(&answers) }.print(context.format)?;
    }

    Ok(exit)
}

fn for_people(answer: &PlanAnswer) -> String {
    let counts = &answer.counts;
    let told = tally(&[
        (counts.planned, "to call"),
        (counts.skipped, "not called"),
        (counts.already_reminded, "reminded before"),
        (counts.outside_window, "outside the window"),
    ]);
    let mut blocks = vec![format!("{} at {} ({}): {told}", answer.schedule, answer.nominal_at, answer.timezone)];
    if let Some(held) = &answer.held {
        blocks.push(format!("HELD by {}: {}", held.guard, held.detail));
    }
    if !answer.reminders.is_empty() {
        let mut calls = Rows::of(&["call at", "phone", "appointment", "starts at", "lead", "note"]);
        for call in &answer.reminders {
            calls.push(call_cells(call));
        }
        blocks.push(calls.to_table());
    }
    if !answer.skipped.is_empty() {
        let mut skips = Rows::of(&["not called", "starts at", "reason", "because"]);
        for skip in &answer.skipped {
            skips.push(skip_cells(skip));
        }
        blocks.push(skips.to_table());
    }
    blocks.join("\n\n")
}

fn call_cells(call: &PlannedCall) -> Vec<String> {
    vec![
        call.due_at(),
        call.phone(),
        call.appointment_id().to_owned(),
        call.starts_at(),
        call.lead().to_string(),
        call.note().unwrap_or_default().to_owned(),
    ]
}

fn skip_cells(skip: &SkippedCall) -> Vec<String> {
    vec![
        skip.appointment_id.clone().unwrap_or_else(|| "(no id)".into()),
        skip.starts_at.clone().unwrap_or_default(),
        skip.reason.to_string(),
        skip.detail.clone(),
    ]
}

fn rows(answers: &[PlanAnswer]) -> Rows {
    let mut rows = Rows::of(&[
        "schedule",
        "appointment_id",
        "starts_at",
        "lead",
        "due_at",
        "phone",
        "payload",
        "note",
        "reason",
        "detail",
    ]);
    for answer in answers {
        for call in &answer.reminders {
            rows.push(vec![
                answer.schedule.clone(),
                call.appointment_id().to_owned(),
                call.starts_at(),
                call.lead().to_string(),
                call.due_at(),
                call.phone().trim_start_matches('+').to_owned(),
                call.payload().as_str().to_owned(),
                call.note().unwrap_or_default().to_owned(),
                String::new(),
                String::new(),
            ]);
        }
        for skip in &answer.skipped {
            let none = String::new;
            rows.push(vec![
                answer.schedule.clone(),
                skip.appointment_id.clone().unwrap_or_default(),
                skip.starts_at.clone().unwrap_or_default(),
                none(),
                none(),
                none(),
                none(),
                none(),
                skip.reason.to_string(),
                skip.detail.clone(),
            ]);
        }
    }
    rows
}
