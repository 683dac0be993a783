//! shell: `tickler outcome`.

use std::collections::BTreeSet;
use std::path::Path;

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::filters::between;
use super::ids::{ShortIds, labels_of_reminders};
use super::outcome_arguments::{OutcomeFilters, OutcomeVerb};
use super::output::{Rows, Shown, file_or_stdin};
use super::table::{Table, sentence, words};
use crate::audit::escape;
use crate::audit::words::state as state_in_words;
use crate::reminder::{CallOutcome, State, WriteBackState};
use crate::schedule::Schedule;
use crate::verbs::labels::Labels;
use crate::verbs::outcome::trying::{self, TriedRecord};
use crate::verbs::outcome::{self, AcknowledgeAsk, AgainAsk, OutcomeListAsk, OutcomeRow, OutcomeSought, SetOutcomeAsk};
use crate::verbs::{Access, Exit, Request, VerbError};

/// Maximum size of a record.
const MAX_RECORD: u64 = 256 * 1024;

/// What became of calls.
pub async fn outcome(globals: &Globals, verb: OutcomeVerb) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    match verb {
        OutcomeVerb::List { schedule, filters } => list(&context, asked(&context, schedule, filters)?).await,
        OutcomeVerb::Set { id, word, reason } => set(&context, &id, &word, reason).await,
        OutcomeVerb::Retry { id_or_schedule, silent, reason } => {
            let whom = if silent { AgainAsk::Silent(id_or_schedule) } else { AgainAsk::Of(id_or_schedule) };
            retry(&context, whom, reason).await
        }
        OutcomeVerb::Acknowledge { id, all: _, reason } => acknowledge(&context, AcknowledgeAsk { id, reason }).await,
        OutcomeVerb::Try { schedule, file } => try_record(&context, &schedule, &file).await,
    }
}

fn asked(context: &Context, schedule: Option<String>, filters: OutcomeFilters) -> anyhow::Result<OutcomeListAsk> {
    let OutcomeFilters { outcome, appointment, since, until, waiting, unmapped, limit } = filters;
    let outcome = match outcome.as_deref() {
        None => None,
        Some("none") => Some(OutcomeSought::None),
        Some(word) => Some(OutcomeSought::Word(known(word)?)),
    };
    let (since, until) = between(context, schedule.as_deref(), (&since, &until))?;
    Ok(OutcomeListAsk { schedule, unmapped, outcome, appointment, since, until, waiting, limit })
}

/// An outcome that a person typed.
fn known(word: &str) -> anyhow::Result<CallOutcome> {
    Ok(word.parse().map_err(|_| {
        let all = CallOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect::<Vec<_>>().join(", ");
        VerbError::Usage(format!("`{word}` is no outcome: write one of {all}"))
    })?)
}

async fn list(context: &Context, ask: OutcomeListAsk) -> anyhow::Result<Exit> {
    let here = ask.clone();
    let request = Request::OutcomeList(ask);
    let (listed, exit): (Vec<OutcomeRow>, Exit) =
        dispatch::read(context, request, async |app| outcome::list(app, &here).await).await?;
    print_rows(context, &listed).await?;
    Ok(exit)
}

async fn set(context: &Context, id: &str, word: &str, reason: Option<String>) -> anyhow::Result<Exit> {
    let request = Request::SetOutcome(SetOutcomeAsk { id: id.to_owned(), outcome: known(word)?, reason });
    let (row, exit): (OutcomeRow, Exit) = dispatch::change(context, request).await?;
    print_rows(context, &[row]).await?;
    Ok(exit)
}

async fn retry(context: &Context, whom: AgainAsk, reason: Option<String>) -> anyhow::Result<Exit> {
    let request = Request::CallAgain { whom, reason };
    let (planned, exit): (Vec<OutcomeRow>, Exit) = dispatch::change(context, request).await?;
    print_rows(context, &planned).await?;
    Ok(exit)
}

async fn acknowledge(context: &Context, ask: AcknowledgeAsk) -> anyhow::Result<Exit> {
    let request = Request::AcknowledgeOutcomes(ask);
    let (seen, exit): (Vec<OutcomeRow>, Exit) = dispatch::change(context, request).await?;
    print_rows(context, &seen).await?;
    Ok(exit)
}

/// Machine-readable names of the columns.
const HEADERS: [&str; 8] =
    ["reminder_id", "schedule", "appointment_id", "starts_at", "lead", "state", "outcome", "outcome_at"];

async fn print_rows(context: &Context, listed: &[OutcomeRow]) -> anyhow::Result<()> {
    let reminders = || listed.iter().map(|row| row.reminder_id);
    let (ids, labels) = match context.prints_tables() {
        true => (ShortIds::among_all(context, reminders()).await, labels_of_reminders(context, reminders()).await),
        false => (ShortIds::default(), Labels::default()),
    };
    let rows = || {
        let mut rows = Rows::of(&HEADERS);
        for row in listed {
            rows.push(vec![
                row.reminder_id.to_string(),
                row.schedule.clone(),
                row.appointment_id.clone(),
                row.starts_at.to_string(),
                row.lead.to_string(),
                row.state.to_string(),
                row.outcome.map(|outcome| outcome.to_string()).unwrap_or_default(),
                row.outcome_at.map(|at| at.to_string()).unwrap_or_default(),
            ]);
        }
        rows
    };
    let people = || listed_for_people(context, (&ids, &labels), listed);
    Shown { answer: &listed, people: &people, rows: &rows }.print(context.format)
}

fn listed_for_people(context: &Context, (ids, labels): (&ShortIds, &Labels), listed: &[OutcomeRow]) -> String {
    if listed.is_empty() {
        return context.nothing("there is no such call");
    }
    let zones = context.zones();
    let without_outcome = context.schedules_without_outcome();
    let mut table = Table::of(&[
        words("reminder"),
        words("schedule").below(5),
        words("appointment"),
        sentence("name").below(4),
        words("starts at").leaves(3),
        words("lead").leaves(1),
        words("outcome"),
        words("outcome at").below(6),
    ]);
    for row in listed {
        let moment = |at| context.moment(at, zones.of(Some(&row.schedule)));
        table.push(vec![
            ids.of(row.reminder_id),
            row.schedule.clone(),
            row.appointment_id.clone(),
            labels.of_reminder(row.reminder_id).unwrap_or_default().to_owned(),
            moment(row.starts_at),
            row.lead.to_string(),
            match (row.outcome, row.state) {
                (Some(outcome), _) => format!("{outcome}{}", written_back(row)),
                (None, State::Delivered) if without_outcome.contains(&row.schedule) => "no [outcome]".to_owned(),
                (None, State::Delivered) => "not reported yet".to_owned(),
                (None, state) => format!("none: {}", state_in_words(state)),
            },
            row.outcome_at.map(moment).unwrap_or_default(),
        ]);
    }
    let mut lines =
        vec![table.fit(context.screen), context.zones_named(listed.iter().map(|row| row.schedule.as_str()))];
    let unmapped = listed.iter().flat_map(|row| &row.calls).filter_map(|call| call.unmapped.as_deref());
    let unmapped: BTreeSet<String> = unmapped.map(|word| format!("`{}`", escape(word))).collect();
    if !unmapped.is_empty() {
        let said: Vec<String> = unmapped.into_iter().collect();
        lines.push(context.screen.prose(&format!("no key maps what was said: {}", said.join(", "))));
    }
    lines.join("\n")
}

/// How the write-back of an outcome stands.
fn written_back(row: &OutcomeRow) -> &'static str {
    match row.write_back.as_ref().map(|write_back| write_back.state) {
        Some(WriteBackState::Pending) => ", to be written back",
        Some(WriteBackState::Sent) => ", written back",
        Some(WriteBackState::Failed) => ", not written back",
        Some(WriteBackState::Dropped | WriteBackState::Acknowledged) | None => "",
    }
}

async fn try_record(context: &Context, schedule: &str, file: &Path) -> anyhow::Result<Exit> {
    let app = context.open(Access::None).await?;
    let schedule = app.schedule(schedule)?;
    let tried = trying::record(&schedule, file_or_stdin(file, MAX_RECORD)?.as_bytes(), context.clock.now())?;
    let facts = facts(&tried);
    let rows = || {
        let mut rows = Rows::of(&["fact", "value"]);
        facts.iter().for_each(|(name, value)| rows.push(vec![(*name).to_owned(), value.clone()]));
        rows
    };
    Shown { answer: &tried, people: &|| for_people(&schedule, &tried, &facts), rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}

fn facts(tried: &TriedRecord) -> Vec<(&'static str, String)> {
    let facts = &tried.facts;
    let time = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string());
    [
        ("reminder_id", facts.reminder_id.clone()),
        ("call_id", facts.call_id.clone()),
        ("status", facts.status.clone()),
        ("said", facts.said.clone()),
        ("phone_last4", facts.phone_last4.clone()),
        ("contact", facts.contact.clone()),
        ("agent", facts.agent.clone()),
        ("started_at", time(facts.started_at)),
        ("ended_at", time(facts.ended_at)),
        ("updated_at", time(facts.updated_at)),
        ("outcome", tried.outcome.map(|outcome| outcome.as_str().to_owned())),
        ("unmapped", tried.unmapped.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn for_people(schedule: &Schedule, tried: &TriedRecord, facts: &[(&'static str, String)]) -> String {
    let mut lines: Vec<String> = facts.iter().map(|(name, value)| format!("{name:<12} {}", escape(value))).collect();
    if !tried.is_final {
        lines.push("the call goes on: this record is a sign of life and no outcome".to_owned());
    }
    if schedule.outcome.is_none() {
        lines.push(format!(
            "`{}` has no [outcome] table: no word is mapped, and the status alone counts",
            schedule.name
        ));
    } else if let Some(word) = &tried.unmapped {
        let word = escape(word);
        lines.push(format!("no key of [outcome.values] maps `{word}`: the status alone counts"));
    }
    lines.join("\n")
}
