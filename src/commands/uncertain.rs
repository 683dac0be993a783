//! shell: `tickler uncertain`.

use super::arguments::{Globals, ResolveArguments, UncertainArguments, UncertainVerb, VerdictArguments};
use super::context::Context;
use super::dispatch;
use super::ids::ShortIds;
use super::output::{Rows, Shown};
use super::table::{Table, sentence, words};
use crate::audit::words::state as state_in_words;
use crate::ledger::Resolution;
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
    let ids = match context.prints_tables() {
        true => ShortIds::among_all(&context, reminders.iter().map(|row| row.reminder_id)).await,
        false => ShortIds::default(),
    };
    let people = || match reminders.is_empty() {
        true => "nothing is uncertain".to_owned(),
        false => for_people(&context, &ids, &reminders),
    };
    Shown { answer: &reminders, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}

async fn resolve(globals: &Globals, ask: ResolveArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let is_one = ask.ids.len() == 1;
    let verdict = verdict(&ask.verdict);
    let ResolveArguments { ids, all_of, schedule, reason, .. } = ask;
    let request = Request::Resolve(ResolveAsk { ids, schedule, all_of, verdict, reason });
    let (reminders, exit): (Vec<UncertainReminder>, Exit) = dispatch::change(&context, request).await?;
    let people = || in_words(&reminders);
    let rows = || rows(&reminders);
    match &reminders[..] {
        [one] if is_one => Shown { answer: one, people: &people, rows: &rows }.print(context.format)?,
        all => Shown { answer: &all, people: &people, rows: &rows }.print(context.format)?,
    }
    Ok(exit)
}

fn in_words(reminders: &[UncertainReminder]) -> String {
    let line = |reminder: &UncertainReminder| {
        format!("reminder {} is {} now", reminder.reminder_id, state_in_words(reminder.state))
    };
    match reminders {
        [] => "nothing is uncertain there".to_owned(),
        some => some.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

fn verdict(given: &VerdictArguments) -> Resolution {
    match (given.delivered, given.resend) {
        (true, _) => Resolution::Delivered,
        (false, true) => Resolution::Resend,
        (false, false) => Resolution::Drop,
    }
}

fn for_people(context: &Context, ids: &ShortIds, reminders: &[UncertainReminder]) -> String {
    let zones = context.zones();
    let mut table = Table::of(&[
        words("reminder"),
        words("schedule").below(5),
        words("appointment"),
        sentence("name").below(4),
        words("starts at"),
        words("phone").below(6),
        words("since").leaves(3),
        words("attempts").leaves(1),
        words("http").leaves(2),
    ]);
    for reminder in reminders {
        let zone = zones.of(Some(&reminder.schedule));
        let moment = |text: &str| match text.parse() {
            Ok(at) => context.moment(at, zone),
            Err(_) => text.to_owned(),
        };
        table.push(vec![
            ids.of(reminder.reminder_id),
            reminder.schedule.clone(),
            reminder.appointment_id.clone(),
            reminder.label.clone().unwrap_or_default().into_string(),
            moment(&reminder.starts_at),
            reminder.phone.clone().unwrap_or_default().into_string(),
            moment(&reminder.since),
            reminder.attempts.to_string(),
            reminder.http_status.map(|status| status.to_string()).unwrap_or_default(),
        ]);
    }
    let next = "decide about each: tickler uncertain resolve REMINDER --delivered --reason TEXT (--resend calls again, --drop does not)";
    let zones = context.zones_named(reminders.iter().map(|reminder| reminder.schedule.as_str()));
    format!("{}\n{zones}\n\n{}", table.fit(context.screen), context.screen.prose(next))
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
            reminder.phone.clone().unwrap_or_default().into_string(),
            reminder.state.to_string(),
            reminder.attempts.to_string(),
            reminder.http_status.map(|status| status.to_string()).unwrap_or_default(),
            reminder.since.clone(),
        ]);
    }
    rows
}
