//! shell: performs a request of the terminal or the control socket.

use std::time::Duration;

use super::trigger::TriggerAsk;
use super::{
    Answer, App, Exit, Request, Reveal, VerbError, VerbResult, accept_loss, account, audit, backup, cancel, explain,
    forget, held, inbound, optout, outcome, page_token, pause, plan, secrets, status, test_call, trigger, uncertain,
    whole_phones,
};
use crate::audit::{Entry, Event};
use crate::ledger::Log;

/// Performs it in the app of the service, or in one opened for this verb.
pub async fn perform(app: &App, actor: &str, request: Request) -> Answer {
    work(app, actor, request).await.unwrap_or_else(Answer::from)
}

async fn work(app: &App, actor: &str, request: Request) -> VerbResult<Answer> {
    Ok(match request {
        Request::Reload => {
            return Err(VerbError::Unreachable("no service is running, so there is nothing to reload".into()));
        }
        Request::BackupInto => return Err(VerbError::Usage("a file is handed to the running service alone".into())),
        Request::Status => Answer::of(Exit::Done, &status::status(app).await?),
        Request::Trigger { schedule, only, rehearsed, wait_seconds } => {
            let ask = TriggerAsk { schedule, only, rehearsed, wait: Duration::from_secs(wait_seconds) };
            triggered(app, actor, ask).await?
        }
        Request::Pause(ask) => Answer::of(Exit::Done, &pause::pause(app, actor, ask).await?),
        Request::Resume { schedule, reason } => {
            Answer::of(Exit::Done, &pause::resume(app, actor, schedule, reason).await?)
        }
        Request::AcceptLoss { reason } => accepted_loss(app, actor, reason).await?,
        Request::TestCall { schedule, to, wait_seconds } => {
            let ask = test_call::TestCallAsk { schedule, to, wait: wait_seconds.map(Duration::from_secs) };
            tested(app, actor, &ask).await?
        }
        Request::Resolve(ask) => Answer::of(Exit::Done, &uncertain::resolve(app, actor, ask).await?),
        Request::FindContacts { account, phone } => {
            Answer::of(Exit::Done, &contacts(app, actor, (&account, &phone)).await?)
        }
        Request::Export { filter } => Answer::of(Exit::Done, &audit::begin_export(app, actor, filter).await?),
        Request::Backup { file } => Answer::of(Exit::Done, &backup::backup(app, &file).await?),
        Request::SecretsSet { secrets } => Answer::of(Exit::Done, &secrets::are_set(app, &secrets)),
        Request::Prune => Answer::of(Exit::Done, &audit::prune(app).await?),
        Request::AuditPage { filter } => Answer::of(Exit::Done, &audit::page(app, filter).await?),
        Request::Show(ask) => Answer::of(Exit::Done, &story(app, actor, &ask).await?),
        Request::WholePhones { reminders } => {
            Answer::of(Exit::Done, &whole_phones::whole_phones(app, actor, reminders).await?)
        }
        Request::Approve(ask) => {
            let answer = held::approve(app, actor, ask).await?;
            Answer { message: answer.detail.clone(), ..Answer::of(answer.exit(), &answer) }
        }
        Request::Reject(ask) => Answer::of(Exit::Done, &held::reject(app, actor, ask).await?),
        Request::OptOut(ask) => Answer::of(Exit::Done, &optout::change(app, actor, ask).await?),
        Request::OptOuts => Answer::of(Exit::Done, &optout::list(app).await?),
        Request::Forget(ask) => erased(app, actor, ask).await?,
        Request::PageToken(change) => Answer::of(Exit::Done, &page_token::change(app, actor, change).await?),
        Request::SetOutcome(ask) => Answer::of(Exit::Done, &outcome::set(app, actor, ask).await?),
        Request::CallAgain { whom, reason } => {
            Answer::of(Exit::Done, &outcome::retry(app, actor, (whom, reason)).await?)
        }
        Request::AcknowledgeOutcomes(ask) => Answer::of(Exit::Done, &outcome::acknowledge(app, actor, ask).await?),
        Request::OutcomeList(ask) => Answer::of(Exit::Done, &outcome::list(app, &ask).await?),
        Request::InboundList(ask) => Answer::of(Exit::Done, &inbound::listing::list(app, &ask).await?),
        Request::InboundPost(ask) => posted(app, actor, ask).await?,
        Request::Cancel(ask) => Answer::of(Exit::Done, &cancel::cancel(app, actor, ask).await?),
        Request::UncertainList => Answer::of(Exit::Done, &uncertain::list(app).await?),
        Request::Plan { schedules, when, reveal } => plans(app, actor, &schedules, (when, reveal)).await?,
        Request::Explain { schedule, appointment, run } => {
            Answer::of(Exit::Done, &explain::asked(app, &schedule, &appointment, run).await?)
        }
    })
}

async fn triggered(app: &App, actor: &str, ask: TriggerAsk) -> VerbResult<Answer> {
    let answer = trigger::trigger(app, actor, ask).await?;
    Ok(Answer { message: answer.detail.clone(), ..Answer::of(answer.exit(), &answer) })
}

async fn posted(app: &App, actor: &str, ask: inbound::PostAsk) -> VerbResult<Answer> {
    let posted = inbound::post(app, actor, ask).await?;
    Ok(Answer::of(posted.exit(), &posted))
}

/// The contacts of a phone at an account; that they were shown is recorded.
async fn contacts(app: &App, actor: &str, (account, phone): (&str, &str)) -> VerbResult<Vec<account::FoundContact>> {
    let found = account::contacts(&app.settings, &app.env.http, account, phone).await?;
    let entry = entry_of(app, actor, Event::OperatorRevealed, &account::reveal_detail(account, phone));
    app.ledger()?.append(vec![entry]).await?;
    Ok(found)
}

/// A test call; one that is not accepted, or of which nothing is heard, is a failure.
async fn tested(app: &App, actor: &str, ask: &test_call::TestCallAsk) -> VerbResult<Answer> {
    let answer = test_call::test_call(app, actor, ask).await?;
    Ok(Answer::of(answer.exit(), &answer))
}

/// An accepted loss; reminders that can't be read are a failure.
async fn accepted_loss(app: &App, actor: &str, reason: String) -> VerbResult<Answer> {
    let answer = accept_loss::accept_loss(app, actor, reason).await?;
    let exit = if answer.unread.is_empty() { Exit::Done } else { Exit::Failed };
    Ok(Answer::of(exit, &answer))
}

/// A person's erasure; a contact that may be left at an account is a failure.
async fn erased(app: &App, actor: &str, ask: forget::ForgetAsk) -> VerbResult<Answer> {
    let person = forget::forget(app, actor, ask).await?;
    let exit = if person.failures.is_empty() { Exit::Done } else { Exit::Failed };
    Ok(Answer::of(exit, &person))
}

/// A story; one with whole phones is recorded first.
async fn story(app: &App, actor: &str, ask: &audit::ShowAsk) -> VerbResult<audit::Story> {
    let story = audit::show(app, ask).await?;
    if ask.reveal == Reveal::Whole {
        app.ledger()?
            .append(vec![entry_of(app, actor, Event::OperatorRevealed, &audit::reveal_detail(&ask.id))])
            .await?;
    }
    Ok(story)
}

/// The plans of the named schedules; a plan that fails is reported and does not affect the others.
async fn plans(app: &App, actor: &str, names: &[String], (when, reveal): (plan::When, Reveal)) -> VerbResult<Answer> {
    let (answers, failures) = plan::plans(app, names, when, reveal).await?;
    if reveal == Reveal::Whole {
        let entry = entry_of(app, actor, Event::OperatorRevealed, &plan::reveal_detail(&answers));
        app.ledger()?.append(vec![entry]).await?;
    }
    let exit = if failures.is_empty() { Exit::Done } else { Exit::Failed };
    let failures: Vec<String> = failures.iter().map(|error| format!("error: {error}")).collect();
    let message = (!failures.is_empty()).then(|| failures.join("\n"));
    Ok(Answer { message, ..Answer::of(exit, &answers) })
}

/// An entry of the log by an operator.
#[must_use]
pub fn entry_of(app: &App, actor: &str, event: Event, detail: &str) -> Entry<'static> {
    Entry {
        actor: Some(actor.to_owned().into()),
        detail: Some(detail.to_owned().into()),
        ..Entry::new(app.env.clock.now(), event)
    }
}
