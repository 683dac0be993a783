//! shell: `tickler plan`.

use super::arguments::{Format, Globals, PlanArguments};
use super::context::Context;
use super::output::{Rows, Shown, complain, tally};
use super::{dispatch, plan_json};
use crate::audit::Event;
use crate::verbs::plan::{ShownCall, ShownPlan, SkippedCall};
use crate::verbs::{Access, Exit, Request, Reveal, VerbError, plan};

/// Prints who would be called and who not.
pub async fn plan(globals: &Globals, ask: &PlanArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.at(ask.now);
    let reveal = if ask.reveal { Reveal::Whole } else { Reveal::LastFour };
    let app = match context.open(Access::Reading).await {
        Ok(app) => app,
        Err(refused) => return by_the_service(&context, &ask.named, reveal, refused).await,
    };
    let refused = context.tell_refused(&app, &ask.named);
    let (mut answers, failures) = plan::plans(&app, &ask.named, reveal).await?;
    failures.iter().for_each(|error| complain(&format!("error: {error}")));
    if reveal == Reveal::Whole {
        dispatch::record(&context, Event::OperatorRevealed, &plan::revealed(&answers)).await?;
    }
    if context.format == Some(Format::Json) {
        plan_json::print(&mut answers)?;
    } else {
        let shown: Vec<ShownPlan> = answers.iter().map(ShownPlan::from).collect();
        print(&context, &shown)?;
    }
    Ok(if failures.is_empty() { refused } else { Exit::Failed })
}

/// For somebody who may not open the ledger: the service plans, and records what it reveals.
async fn by_the_service(
    context: &Context,
    named: &[String],
    reveal: Reveal,
    refused: VerbError,
) -> anyhow::Result<Exit> {
    let request = Request::Plan { schedules: named.to_vec(), reveal };
    let (shown, exit): (Vec<ShownPlan>, Exit) = dispatch::read_by_service(context, &request, refused).await?;
    print(context, &shown)?;
    Ok(exit)
}

fn print(context: &Context, plans: &[ShownPlan]) -> anyhow::Result<()> {
    let people = || plans.iter().map(for_people).collect::<Vec<_>>().join("\n\n");
    Shown { answer: &plans, people: &people, rows: &|| rows(plans) }.print(context.format)
}

fn for_people(answer: &ShownPlan) -> String {
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

fn call_cells(call: &ShownCall) -> Vec<String> {
    vec![
        call.due_at.clone(),
        call.phone.clone(),
        call.appointment_id.clone(),
        call.starts_at.clone(),
        call.lead.to_string(),
        call.note.clone().unwrap_or_default(),
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

fn rows(answers: &[ShownPlan]) -> Rows {
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
                call.appointment_id.clone(),
                call.starts_at.clone(),
                call.lead.to_string(),
                call.due_at.clone(),
                call.phone.clone(),
                call.payload.as_str().to_owned(),
                call.note.clone().unwrap_or_default(),
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
