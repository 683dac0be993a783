//! shell: who does the work: the running service through its socket, else this process under the ledger's lock.

use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use super::arguments::Globals;
use super::context::Context;
use super::output::{Rows, Shown, complain};
use crate::audit::Event;
use crate::daemon::control::{self, ControlError};
use crate::ledger::LedgerError;
use crate::verbs::trigger::{self, TriggerAnswer, TriggerAsk};
use crate::verbs::{Access, Answer, Exit, House, Request, VerbError, perform};

/// How often a waiting verb looks whether the other one is done.
const LOOK: Duration = Duration::from_millis(100);

/// After a trigger of more reminders (tens of megabytes) the ledger's file is left to the next verb that changes something
/// or the service; after one of none there is nothing that a copy would have to know.
const SOON_TIDIED: std::ops::RangeInclusive<usize> = 1..=1_000;

/// Longer than any trigger's usual `--wait` and its requests: after that, whoever holds the ledger is told of.
const PATIENCE: Duration = Duration::from_secs(600);

/// Asks the running service; `None` when there is none.
///
/// # Errors
/// When one is there and can't be asked.
pub async fn ask(context: &Context, request: &Request) -> anyhow::Result<Option<Answer>> {
    match control::ask(&context.settings.socket, request).await {
        Ok(answer) => Ok(Some(answer)),
        Err(ControlError::NobodyThere(_)) => Ok(None),
        Err(error @ (ControlError::Forbidden(_) | ControlError::Broken(_))) => {
            Err(VerbError::Unreachable(error.to_string()).into())
        }
    }
}

/// Has a changing verb done, by the service when one is running, else here under the lock.
///
/// # Errors
/// As the verb's; busy when another process keeps the ledger and answers nobody.
pub async fn change<T: DeserializeOwned>(context: &Context, request: Request) -> anyhow::Result<(T, Exit)> {
    body(done(context, request).await?)
}

/// A trigger, whose answer may be large: done here, it is no text in between.
///
/// # Errors
/// As [`change`].
pub async fn trigger(context: &Context, ask: TriggerAsk) -> anyhow::Result<(TriggerAnswer, Exit)> {
    let request =
        Request::Trigger { schedule: ask.schedule.clone(), only: ask.only.clone(), wait_seconds: ask.wait.as_secs() };
    match place(context, &request).await? {
        Place::Service(answer) => body(answer),
        Place::Here(house) => match trigger::trigger(&house, &context.actor, ask).await {
            Ok(answer) => {
                if SOON_TIDIED.contains(&answer.reminders.len()) {
                    tidy(&house).await;
                }
                let exit = answer.exit();
                Ok((answer, exit))
            }
            Err(error) => Err(VerbError::Answered { message: error.to_string(), exit: error.exit() }.into()),
        },
    }
}

/// Writes what a reading verb has to record; it waits for a trigger that holds the ledger.
///
/// # Errors
/// When it can't be recorded: then nothing is shown.
pub async fn record(context: &Context, event: Event, detail: &str) -> anyhow::Result<()> {
    let request = Request::Record { event, detail: detail.to_owned() };
    let answer = done(context, request).await?;
    body::<serde_json::Value>(answer).map(|_| ())
}

/// A reading verb of somebody who may not open the ledger: the service reads for them.
///
/// # Errors
/// `refused`, when no service answers either.
pub async fn read<T: DeserializeOwned>(context: &Context, request: &Request, refused: VerbError) -> anyhow::Result<T> {
    read_to_its_end(context, request, refused).await.map(|(body, _)| body)
}

/// As [`read`], with what the service has to say beside its answer, and how the verb ends.
///
/// # Errors
/// As [`read`], and when the clock is set: the service has its own.
pub async fn read_to_its_end<T: DeserializeOwned>(
    context: &Context,
    request: &Request,
    refused: VerbError,
) -> anyhow::Result<(T, Exit)> {
    let Ok(Some(answer)) = ask(context, request).await else { return Err(refused.into()) };
    if context.clock.is_shifted() {
        return Err(through_the_socket());
    }
    if answer.body.get() != "null"
        && let Some(message) = &answer.message
    {
        complain(message);
    }
    body(answer)
}

async fn done(context: &Context, request: Request) -> anyhow::Result<Answer> {
    match place(context, &request).await? {
        Place::Service(answer) => Ok(answer),
        Place::Here(house) => {
            let answer = perform(&house, &context.actor, request).await;
            tidy(&house).await;
            Ok(answer)
        }
    }
}

/// What was changed here is in the ledger's file when the verb ends, for whoever copies that by hand.
async fn tidy(house: &House) {
    if let Ok(ledger) = house.ledger()
        && let Err(error) = ledger.tidy().await
    {
        tracing::debug!(%error, "the ledger is left to the next end");
    }
}

/// Where a changing verb is done.
enum Place {
    /// The running service has done it.
    Service(Answer),
    /// In this process, which holds the ledger now.
    Here(Box<House>),
}

async fn place(context: &Context, request: &Request) -> anyhow::Result<Place> {
    let mut waited = Duration::ZERO;
    loop {
        let is_shifted = context.clock.is_shifted();
        if !is_shifted && let Some(answer) = ask(context, request).await? {
            return Ok(Place::Service(answer));
        }
        match context.open(Access::Working).await {
            Ok(house) => return Ok(Place::Here(Box::new(house))),
            Err(VerbError::Ledger(LedgerError::Busy(who))) => {
                if is_shifted && ask(context, &Request::Status).await.is_ok_and(|answer| answer.is_some()) {
                    return Err(through_the_socket());
                }
                if waited >= PATIENCE || !is_worth_waiting(request) {
                    return Err(VerbError::Ledger(LedgerError::Busy(who)).into());
                }
            }
            Err(other) => return Err(other.into()),
        }
        if waited.is_zero() {
            complain("another trigger is at work: waiting for it");
        }
        context.clock.sleep(LOOK).await;
        waited += LOOK;
    }
}

/// A trigger waits for another one, and no record and no word of an operator is lost because of one.
fn is_worth_waiting(request: &Request) -> bool {
    matches!(
        request,
        Request::Trigger { .. }
            | Request::Record { .. }
            | Request::Pause { .. }
            | Request::Resume { .. }
            | Request::Resolve { .. }
    )
}

fn through_the_socket() -> anyhow::Error {
    VerbError::Unsafe("--now doesn't reach through the running service: stop it, or use another --ledger".into()).into()
}

/// The typed body of an answer, and how the verb ends.
///
/// # Errors
/// The refusal, when there is no body.
pub fn body<T: DeserializeOwned>(answer: Answer) -> anyhow::Result<(T, Exit)> {
    let exit = Exit::of_code(answer.exit);
    if answer.body.get() == "null"
        && let Some(message) = answer.message
    {
        return Err(VerbError::Answered { message, exit }.into());
    }
    let body = serde_json::from_str(answer.body.get()).context("the service speaks another version's language")?;
    Ok((body, exit))
}

/// `tickler reload`: only a running service can.
///
/// # Errors
/// When none is running (exit 6).
pub async fn reload(globals: &Globals) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let Some(answer) = ask(&context, &Request::Reload).await? else {
        let socket = context.settings.socket.display();
        return Err(
            VerbError::Unreachable(format!("no service listens at {socket}: start it with `tickler run`")).into()
        );
    };
    if let Some(message) = &answer.message {
        complain(message);
    }
    let body: serde_json::Value = serde_json::from_str(answer.body.get())?;
    let names = |key: &str| -> Vec<String> {
        let list = body.get(key).and_then(serde_json::Value::as_array);
        list.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let rows = || {
        let mut rows = Rows::of(&["schedule", "fate"]);
        let fates = [
            ("taken", "taken"),
            ("mended", "whole again, its version was in force"),
            ("removed", "removed"),
            ("refused", "refused"),
        ];
        for (key, fate) in fates {
            names(key).into_iter().for_each(|name| rows.push(vec![name, fate.to_owned()]));
        }
        rows
    };
    let people = || if rows().cells.is_empty() { "nothing changed".to_owned() } else { rows().to_table() };
    Shown { answer: &body, people: &people, rows: &rows }.print(context.format)?;
    Ok(Exit::of_code(answer.exit))
}
