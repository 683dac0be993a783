//! shell: `tickler pause` and `tickler resume`.

use super::arguments::{Globals, PauseArguments, ResumeArguments};
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown};
use crate::audit::times;
use crate::verbs::pause::{PauseAsk, Paused};
use crate::verbs::{Exit, Request, VerbError};

/// Pauses one schedule or all of them.
pub async fn pause(globals: &Globals, ask: PauseArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let until = match &ask.until {
        // the schedule files are read for their zones only where a time is given
        Some(text) => {
            let zone = context.zone_of(ask.schedule.as_deref());
            Some(times::read(text, context.clock.now(), &zone).map_err(VerbError::Usage)?)
        }
        None => None,
    };
    change(&context, Request::Pause(PauseAsk { schedule: ask.schedule, reason: ask.reason, until })).await
}

/// Lifts a pause.
pub async fn resume(globals: &Globals, ask: ResumeArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    change(&context, Request::Resume { schedule: ask.schedule, reason: ask.reason }).await
}

async fn change(context: &Context, request: Request) -> anyhow::Result<Exit> {
    let (paused, exit): (Paused, Exit) = dispatch::change(context, request).await?;
    Shown { answer: &paused, people: &|| for_people(context, &paused), rows: &|| rows(&paused) }
        .print(context.format)?;
    Ok(exit)
}

fn for_people(context: &Context, paused: &Paused) -> String {
    let what = paused.schedule.as_deref().unwrap_or("everything");
    match (paused.paused, &paused.until) {
        (false, _) => format!("{what} is resumed"),
        (true, None) => format!("{what} is paused until it is resumed: nobody is called"),
        (true, Some(until)) => {
            let until = match until.parse() {
                Ok(at) => context.moment(at, &context.zone_of(paused.schedule.as_deref())),
                Err(_) => until.clone(),
            };
            format!("{what} is paused until {until}: nobody is called")
        }
    }
}

fn rows(paused: &Paused) -> Rows {
    let mut rows = Rows::of(&["schedule", "paused", "until", "reason"]);
    rows.push(vec![
        paused.schedule.clone().unwrap_or_default(),
        paused.paused.to_string(),
        paused.until.clone().unwrap_or_default(),
        paused.reason.clone().unwrap_or_default(),
    ]);
    rows
}
