//! shell: `tickler plan`.

use std::collections::{BTreeMap, HashMap};

use super::arguments::{Format, Globals, PlanArguments};
use super::context::Context;
use super::output::{Shown, complain, tally, write_json};
use super::table::{Screen, Table, sentence, words};
use super::{dispatch, pager, plan_csv, plan_diff};
use crate::audit::escape;
use crate::reminder::SkipReason;
use crate::verbs::plan::{ShownCall, ShownPlan, SkippedCall};
use crate::verbs::{Access, Exit, Request, Reveal, VerbError, plan};
use crate::zones::Zones;

/// Prints who would be called and who not.
pub async fn plan(globals: &Globals, ask: &PlanArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.at(&ask.now, single(&ask.named))?;
    context.name_trial(&ask.now);
    if let Some(with) = &ask.diff {
        return plan_diff::plan_diff(&context, &ask.named, with).await;
    }
    let reveal = if ask.reveal { Reveal::Whole } else { Reveal::LastFour };
    let app = match context.open(Access::Reading).await {
        Ok(app) => app,
        Err(refused) => return by_the_service(&context, ask, reveal, refused).await,
    };
    let refused = context.tell_refused(&app, &ask.named);
    if reveal == Reveal::Whole {
        drop(app);
        return with_whole_phones(&context, ask, refused).await;
    }
    let (answers, failures) = plan::plans(&app, &ask.named, ask.when(), reveal).await?;
    failures.iter().for_each(|error| complain(&format!("error: {error}")));
    if context.format == Some(Format::Json) {
        write_json(&answers)?;
        // not freed: the process ends next, and dropping tens of thousands of calls would take a third as long as printing them
        std::mem::forget(answers);
    } else {
        let answers: Vec<ShownPlan> = answers.into_iter().map(ShownPlan::all_at_once).collect();
        print(&context, &answers)?;
        std::mem::forget(answers);
    }
    Ok(if failures.is_empty() { refused } else { Exit::Failed })
}

/// The one schedule that is named, if it is one.
fn single(names: &[String]) -> Option<&str> {
    match names {
        [one] => Some(one),
        _ => None,
    }
}

/// Prints the plans with whole phone numbers; that they are shown is recorded in the audit log first.
async fn with_whole_phones(context: &Context, ask: &PlanArguments, refused: Exit) -> anyhow::Result<Exit> {
    let request = Request::Plan { schedules: ask.named.clone(), when: ask.when(), reveal: Reveal::Whole };
    let (shown, exit): (Vec<ShownPlan>, Exit) = dispatch::reveal(context, request).await?;
    print(context, &shown)?;
    Ok(if exit == Exit::Done { refused } else { exit })
}

/// Has the service make the plan for a user who may not open the ledger; the service records the whole phone numbers that it
/// shows.
async fn by_the_service(
    context: &Context,
    ask: &PlanArguments,
    reveal: Reveal,
    refused: VerbError,
) -> anyhow::Result<Exit> {
    let request = Request::Plan { schedules: ask.named.clone(), when: ask.when(), reveal };
    let (shown, exit): (Vec<ShownPlan>, Exit) = dispatch::read_by_service(context, &request, refused).await?;
    print(context, &shown)?;
    Ok(exit)
}

fn print(context: &Context, plans: &[ShownPlan]) -> anyhow::Result<()> {
    let people = || plans.iter().map(|plan| for_people(context, plan)).collect::<Vec<_>>().join("\n\n");
    if let None | Some(Format::Table) = context.format {
        return pager::show(&people(), context.environment.pager());
    }
    Shown { answer: &plans, people: &people, rows: &|| plan_csv::rows(plans) }.print(context.format)
}

fn for_people(context: &Context, plan: &ShownPlan) -> String {
    let counts = &plan.counts;
    let to_call = if plan.is_rehearsal() { "would be called" } else { "to call" };
    let mut counted =
        vec![(counts.planned, to_call), (counts.skipped, "not called"), (counts.outside_window, "outside the window")];
    counted.extend(plan.reminded.in_words());
    let counted = tally(&counted);
    let at = context.moment_of(&plan.nominal_at);
    let head = format!("{} at {at} ({}): {counted}", plan.schedule, plan.timezone);
    let mut blocks = vec![context.screen.prose(&head)];
    if let Some(held) = &plan.held {
        blocks.push(context.screen.prose(&format!(
            "HELD by {}, nobody is called until a person approves the run: {}",
            held.guard, held.detail
        )));
    }
    blocks.extend(plan.notes.iter().map(|note| context.screen.prose(&format!("NOTE: {note}"))));
    let zone = Zones::newest().zone(&plan.timezone).unwrap_or_else(|_| context.zone_of(Some(&plan.schedule)));
    let moment = |text: &str| match text.parse() {
        Ok(at) => context.moment(at, &zone),
        Err(_) => text.to_owned(),
    };
    if !plan.reminders.is_empty() {
        blocks.push(calls(&plan.reminders, &moment).fit(context.screen));
    }
    if !plan.skipped.is_empty() {
        let (shown, grouped) = grouped(&plan.skipped, context.screen);
        blocks.push(skips(shown, &moment).fit(context.screen));
        blocks.extend(grouped.map(|sentence| context.screen.prose(&sentence)));
    }
    blocks.extend(plan.reminders.first().map(sample));
    blocks.join("\n\n")
}

fn calls(calls: &[ShownCall], moment: &dyn Fn(&str) -> String) -> Table {
    let mut table = Table::of(&[
        words("call at"),
        words("phone").leaves(2),
        words("appointment"),
        sentence("name").below(3),
        words("starts at"),
        words("lead").leaves(1),
        sentence("note"),
    ]);
    for call in calls {
        table.push(vec![
            moment(&call.due_at),
            call.phone.clone().into_string(),
            call.appointment_id.clone(),
            call.label.clone().unwrap_or_default().into_string(),
            moment(&call.starts_at),
            call.lead.to_string(),
            call.note.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// Maximum rows shown of those that were skipped for the same reason; the others are only counted.
const SHOWN_OF_A_REASON: usize = 5;

/// The rows that fit a screen, and a sentence about the others.
fn grouped(skipped: &[SkippedCall], screen: Screen) -> (Vec<&SkippedCall>, Option<String>) {
    let mut counts: HashMap<(SkipReason, &str), usize> = HashMap::new();
    let (mut shown, mut left): (Vec<&SkippedCall>, BTreeMap<String, u64>) = (Vec::new(), BTreeMap::new());
    for skip in skipped {
        let count = counts.entry((skip.reason, &skip.detail)).or_default();
        *count += 1;
        match screen {
            Screen::Columns(_) if *count > SHOWN_OF_A_REASON => {
                *left.entry(format!("{} ({})", skip.reason, skip.detail)).or_default() += 1;
            }
            Screen::Columns(_) | Screen::Wide => shown.push(skip),
        }
    }
    let sentence = left.iter().map(|(reason, count)| format!("{count} more: {reason}")).collect::<Vec<_>>().join("; ");
    (shown, (!sentence.is_empty()).then(|| format!("{sentence}. --wide shows each")))
}

fn skips(skips: Vec<&SkippedCall>, moment: &dyn Fn(&str) -> String) -> Table {
    let mut table = Table::of(&[
        words("not called"),
        sentence("name").below(1),
        words("starts at"),
        words("reason"),
        sentence("because"),
    ]);
    for skip in skips {
        table.push(vec![
            skip.appointment_id.clone().unwrap_or_else(|| "(no id)".into()),
            skip.label.clone().unwrap_or_default().into_string(),
            skip.starts_at.as_deref().map(moment).unwrap_or_default(),
            skip.reason.to_string(),
            skip.detail_with_cell(),
        ]);
    }
    table
}

/// The payload of the first call.
fn sample(call: &ShownCall) -> String {
    let pretty = call.payload.to_value().and_then(|tree| serde_json::to_string_pretty(&tree));
    let pretty = pretty.unwrap_or_else(|_| call.payload.as_str().to_owned());
    let lines: Vec<String> = pretty.lines().map(escape).collect();
    format!("What is sent for {}:\n{}", escape(&call.appointment_id), lines.join("\n"))
}
