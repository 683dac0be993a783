//! shell: `tickler optout`.

use std::io::Read as _;
use std::path::Path;

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::optout_arguments::{OptoutVerb, PhonesArguments, ReadingArguments};
use super::output::{Rows, Shown};
use super::table::{Table, sentence, words};
use crate::appointment::phone;
use crate::disk::{self, Links};
use crate::evaluation::numbers_of;
use crate::ledger::{NumbersList, OptOut, OptOutSide, OptOutsChanged};
use crate::personal::Personal;
use crate::verbs::optout::{self, OptOutAsk};
use crate::verbs::{Exit, Request, VerbError, VerbResult};

/// Maximum size of a list.
const MAX_LIST: u64 = 64 * 1024 * 1024;

/// The opt-out list of all schedules.
pub async fn optout(globals: &Globals, verb: OptoutVerb) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    match verb {
        OptoutVerb::Add(ask) => listed(&context, ask, (OptOutSide::On, NumbersList::OptedOut)).await,
        OptoutVerb::Remove { numbers, wrong } => {
            let list = if wrong { NumbersList::WrongNumbers } else { NumbersList::OptedOut };
            listed(&context, numbers, (OptOutSide::Off, list)).await
        }
        OptoutVerb::List => list(&context).await,
        OptoutVerb::Import { file, reading } => {
            let text = text_of(&file)?;
            let phones = numbers_of(&text, region(&reading)?).map_err(VerbError::Failed)?;
            change(
                &context,
                OptOutAsk { phones, to: OptOutSide::On, list: NumbersList::OptedOut, reason: reading.reason },
            )
            .await
        }
    }
}

async fn listed(
    context: &Context,
    ask: PhonesArguments,
    (to, list): (OptOutSide, NumbersList),
) -> anyhow::Result<Exit> {
    let region = region(&ask.reading)?;
    // parsed one by one, since a blank between two of them is not a line end
    let read = |(place, text): (usize, &Personal)| {
        phone::read(text, region).map(|phone| phone.e164).map_err(|_| {
            let place = place + 1;
            VerbError::Usage(format!(
                "number {place} of those given is not a valid phone number: write it as +12025550143, or name its country with --region"
            ))
        })
    };
    let phones = ask.phones.iter().enumerate().map(read).collect::<VerbResult<Vec<Personal>>>()?;
    change(context, OptOutAsk { phones, to, list, reason: ask.reading.reason.clone() }).await
}

fn region(reading: &ReadingArguments) -> VerbResult<Option<&str>> {
    match reading.region.as_deref() {
        Some(region) if !phone::is_region(region) => {
            Err(VerbError::Usage(format!("`{region}` is not a valid country: write two letters such as US")))
        }
        region => Ok(region),
    }
}

fn text_of(file: &Path) -> VerbResult<String> {
    let fail = |why: String| VerbError::Failed(format!("{}: {why}", file.display()));
    if file != Path::new("-") {
        return disk::read_text(file, Links::Followed, MAX_LIST).map_err(|error| fail(error.to_string()));
    }
    let mut text = String::new();
    std::io::stdin().take(MAX_LIST).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
    Ok(text)
}

async fn change(context: &Context, ask: OptOutAsk) -> anyhow::Result<Exit> {
    let to = ask.to;
    let (answer, exit): (OptOutsChanged, Exit) = dispatch::change(context, Request::OptOut(ask)).await?;
    let people = || {
        let OptOutsChanged { changed, unchanged, cancelled } = answer;
        match to {
            OptOutSide::On => {
                format!("{changed} put on the list, {unchanged} were on it; {cancelled} pending reminders cancelled")
            }
            OptOutSide::Off => format!("{changed} taken off the list, {unchanged} were not on it"),
        }
    };
    let rows = || {
        let mut rows = Rows::of(&["changed", "unchanged", "cancelled"]);
        rows.push(vec![answer.changed.to_string(), answer.unchanged.to_string(), answer.cancelled.to_string()]);
        rows
    };
    Shown { answer: &answer, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}

async fn list(context: &Context) -> anyhow::Result<Exit> {
    let (listed, exit): (Vec<OptOut>, Exit) = dispatch::read(context, Request::OptOuts, optout::list).await?;
    let people = || {
        if listed.is_empty() {
            return "nobody has opted out".to_owned();
        }
        let zone = context.zone_of(None);
        let mut table = Table::of(&[words("phone"), words("since"), words("by"), sentence("reason")]);
        for one in &listed {
            let (phone, since) = (format!("***{}", one.phone_last4), context.moment(one.since, &zone));
            table.push(vec![phone, since, one.actor.clone(), one.reason.clone().unwrap_or_default()]);
        }
        format!("{}\ntimes in {}", table.fit(context.screen), zone.name())
    };
    let rows = || {
        let mut rows = Rows::of(&["phone_last4", "since", "actor", "reason"]);
        for one in &listed {
            let (last4, reason) = (one.phone_last4.clone(), one.reason.clone().unwrap_or_default());
            rows.push(vec![last4, one.since.to_string(), one.actor.clone(), reason]);
        }
        rows
    };
    Shown { answer: &listed, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}
