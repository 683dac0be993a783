//! shell: a request from the terminal or the socket becomes a verb's work and its answer.

use std::time::Duration;

use super::pause::PauseAsk;
use super::trigger::TriggerAsk;
use super::uncertain::Word;
use super::{
    Answer, Exit, House, Request, Reveal, VerbError, VerbResult, audit, backup, explain, pause, plan, status,
    test_call, trigger, uncertain,
};
use crate::audit::{Entry, Event};

/// Does it, in the house of the service or in one opened for this verb.
pub async fn perform(house: &House, actor: &str, request: Request) -> Answer {
    work(house, actor, request).await.unwrap_or_else(Answer::from)
}

async fn work(house: &House, actor: &str, request: Request) -> VerbResult<Answer> {
    Ok(match request {
        Request::Reload => {
            return Err(VerbError::Unreachable("no service is running, so there is nothing to reload".into()));
        }
        Request::Status => Answer::of(Exit::Done, &status::status(house).await?),
        Request::Trigger { schedule, only, wait_seconds } => {
            let ask = TriggerAsk { schedule, only, wait: Duration::from_secs(wait_seconds) };
            let answer = trigger::trigger(house, actor, ask).await?;
            Answer { message: answer.detail.clone(), ..Answer::of(answer.exit(), &answer) }
        }
        Request::Pause { schedule, reason, until } => {
            Answer::of(Exit::Done, &pause::pause(house, actor, PauseAsk { schedule, reason, until }).await?)
        }
        Request::Resume { schedule } => Answer::of(Exit::Done, &pause::resume(house, actor, schedule).await?),
        Request::TestCall { schedule, to } => {
            let answer = test_call::test_call(house, actor, &schedule, &to).await?;
            Answer::of(answer.exit(), &answer)
        }
        Request::Resolve { reminder_id, verdict, reason } => {
            let word = Word { reminder_id, verdict, reason };
            Answer::of(Exit::Done, &uncertain::resolve(house, actor, word).await?)
        }
        Request::Record { event, detail } => {
            house.ledger()?.append(vec![entry_of(house, actor, event, &detail)]).await?;
            Answer::of(Exit::Done, &serde_json::Value::Null)
        }
        Request::Backup { file } => Answer::of(Exit::Done, &backup::backup(house, &file).await?),
        Request::Prune => Answer::of(Exit::Done, &audit::prune(house).await?),
        Request::Audit { filter } => Answer::of(Exit::Done, &audit::list(house, filter).await?),
        Request::UncertainList => Answer::of(Exit::Done, &uncertain::list(house).await?),
        Request::Plan { schedules, reveal } => plans(house, actor, &schedules, reveal).await?,
        Request::Explain { schedule, appointment, run } => {
            Answer::of(Exit::Done, &explain::asked(house, &schedule, &appointment, run).await?)
        }
    })
}

/// The plans of the named schedules; one that can't be made is told and leaves the others.
async fn plans(house: &House, actor: &str, names: &[String], reveal: Reveal) -> VerbResult<Answer> {
    let (answers, failures) = plan::plans(house, names, reveal).await?;
    if reveal == Reveal::Whole {
        let entry = entry_of(house, actor, Event::OperatorRevealed, &plan::revealed(&answers));
        house.ledger()?.append(vec![entry]).await?;
    }
    let exit = if failures.is_empty() { Exit::Done } else { Exit::Failed };
    let failures: Vec<String> = failures.iter().map(|error| format!("error: {error}")).collect();
    let message = (!failures.is_empty()).then(|| failures.join("\n"));
    Ok(Answer { message, ..Answer::of(exit, &answers) })
}

/// An entry of the log by an operator.
#[must_use]
pub fn entry_of(house: &House, actor: &str, event: Event, detail: &str) -> Entry<'static> {
    Entry {
        actor: Some(actor.to_owned().into()),
        detail: Some(detail.to_owned().into()),
        ..Entry::new(house.around.clock.now(), event)
    }
}
