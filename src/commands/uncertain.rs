//! shell: `tickler uncertain`.

use super::arguments::{Globals, ResolveArguments, UncertainArguments, UncertainVerb, VerdictArguments};
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown};
use crate::audit::words;
use crate::ledger::Verdict;
use crate::verbs::uncertain::{ResolveAsk, UncertainReminder};
use crate::verbs::{Exit, Request, uncertain};

/// Lists the reminders of unknown fate, or settles one.
pub async fn uncertain(globals: &Globals, ask: UncertainArguments) -> anyhow::Result<Exit> {
    match ask.verb.unwrap_or(UncertainVerb::List) {
        UncertainVerb::List => list(globals).await,
        UncertainVerb::Resolve(ask) => resolve(globals, ask).await,
    }
}

async fn list(globals: &Globals) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let (reminders, exit): (Vec<UncertainReminder>, Exit) =
        dispatch::read(&context, Request::UncertainList, async |app| uncertain::list(app).await).await?;
    let rows = || rows(&reminders);
    let people = || match reminders.is_empty() {
        true => "nothing is uncertain".to_owned(),
        false => rows().to_table(),
    };
    Shown { answer: &reminders, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}

async fn resolve(globals: &Globals, ask: ResolveArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let request =
        Request::Resolve(ResolveAsk { reminder_id: ask.id, verdict: verdict(&ask.verdict), reason: ask.reason });
    let (reminder, exit): (UncertainReminder, Exit) = dispatch::change(&context, request).await?;
    let people = || format!("reminder {} is {} now", reminder.reminder_id, words::state(reminder.state));
    let rows = || rows(std::slice::from_ref(&reminder));
    Shown { answer: &reminder, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}

fn verdict(given: &VerdictArguments) -> Verdict {
    match (given.delivered, given.resend) {
        (true, _) => Verdict::Delivered,
        (false, true) => Verdict::Resend,
        (false, false) => Verdict::Drop,
    }
}

fn rows(reminders: &[UncertainReminder]) -> Rows {
    let mut rows = Rows::of(&[
        "reminder_id",
        "schedule",
        "appointment_id",
        "starts_at",
        "phone",
        "state",
        "attempts",
        "http_status",
        "since",
    ]);
    for reminder in reminders {
        rows.push(vec![
            reminder.reminder_id.to_string(),
            reminder.schedule.clone(),
            reminder.appointment_id.clone(),
            reminder.starts_at.clone(),
            reminder.phone.clone().unwrap_or_default(),
            reminder.state.to_string(),
            reminder.attempts.to_string(),
            reminder.http_status.map(|status| status.to_string()).unwrap_or_default(),
            reminder.since.clone(),
        ]);
    }
    rows
}
