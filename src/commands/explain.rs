//! shell: `tickler explain`: prints, for one appointment, what each rule decides.

use super::arguments::{ExplainArguments, Globals};
use super::context::Context;
use super::dispatch;
use super::ids;
use super::output::{Rows, Shown};
use super::table::{Table, sentence, words};
use crate::audit::escape;
use crate::plan::explain::{Explanation, RuleStep, StepResult, Verdict};
use crate::verbs::explain::SHADOW_STEP;
use crate::verbs::{Exit, Request, explain};

/// Prints the rules in order for one appointment.
pub async fn explain(globals: &Globals, ask: &ExplainArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.at(&ask.now, Some(&ask.schedule))?;
    context.name_trial(&ask.now);
    let ExplainArguments { schedule, appointment, .. } = ask;
    let run = match &ask.run {
        Some(text) => Some(ids::run(&context, text).await?),
        None => None,
    };
    let request = Request::Explain { schedule: schedule.clone(), appointment: appointment.clone(), run };
    let (answer, exit): (Explanation, Exit) =
        dispatch::read(&context, request, async |app| explain::asked(app, schedule, appointment, run).await).await?;
    Shown { answer: &answer, people: &|| for_people(&context, &answer), rows: &|| rows(&answer.steps) }
        .print(context.format)?;
    // an id that the source doesn't have may be mistyped, which is a failure; for an earlier run, its absence is the answer
    Ok(if answer.verdict == Verdict::Absent && run.is_none() { Exit::Failed } else { exit })
}

fn for_people(context: &Context, answer: &Explanation) -> String {
    let is_shadow = answer.steps.iter().any(|step| step.rule == SHADOW_STEP);
    let verdict = in_words(answer.verdict, answer.reason.as_deref(), is_shadow);
    let head = format!("{} of {} {verdict}", escape(&answer.appointment_id), answer.schedule);
    let mut table = Table::of(&[words("rule"), words("result"), sentence("detail")]);
    rows(&answer.steps)
        .cells
        .into_iter()
        .for_each(|row| table.push(row.iter().map(|cell| context.hint(cell)).collect()));
    let zones = context.zones_named(std::iter::once(answer.schedule.as_str()));
    let mut blocks = vec![context.screen.prose(&head), format!("{}\n{zones}", table.fit(context.screen))];
    if !answer.others.is_empty() {
        blocks.push(context.screen.prose("The source has this id with another start, too:"));
        let mut table = Table::of(&[words("starts at"), words("verdict"), sentence("detail")]);
        for other in &answer.others {
            let starts_at = other.starts_at.as_deref().map_or_else(|| "-".to_owned(), |at| context.moment_of(at));
            let verdict = in_words(other.verdict, other.reason.as_deref(), is_shadow);
            table.push(vec![starts_at, verdict, other.detail.clone().unwrap_or_default()]);
        }
        blocks.push(table.fit(context.screen));
    }
    blocks.join("\n\n")
}

fn in_words(verdict: Verdict, reason: Option<&str>, is_shadow: bool) -> String {
    let verdict = match verdict {
        Verdict::Call if is_shadow => "would be called, and shadow mode calls nobody",
        Verdict::Call => "is called",
        Verdict::Skip => "is not called",
        Verdict::Reminded if reason.is_none() => "has a reminder that waits",
        Verdict::Reminded => "counts as reminded",
        Verdict::Absent => "isn't there",
    };
    reason.map_or_else(|| verdict.to_owned(), |reason| format!("{verdict}: {reason}"))
}

fn rows(steps: &[RuleStep]) -> Rows {
    let mut rows = Rows::of(&["rule", "result", "detail"]);
    for step in steps {
        let result = match step.result {
            StepResult::Pass => "pass",
            StepResult::Block => "BLOCK",
            StepResult::NotReached => "not reached",
        };
        rows.push(vec![step.rule.clone(), result.to_owned(), step.detail.clone().unwrap_or_default()]);
    }
    rows
}
