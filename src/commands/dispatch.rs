//! shell: decides where a verb is done: by the running service through its socket, or in this process.
//!
//! A verb that changes something is done by the service when one runs, else here under the ledger's lock ([`change`]). A
//! verb that reads is done here, and by the service where this user may not open the ledger ([`read`]).

use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use super::context::Context;
use super::output::complain;
use super::progress::Progress;
use crate::audit::{AuditFilter, AuditRow};
use crate::daemon::control::{self, ControlError};
use crate::ledger::{LedgerError, sqlite};
use crate::settings::SecretRef;
use crate::verbs::audit::{self, AuditPages, ExportBegun, ShowAsk};
use crate::verbs::secrets::SeenByService;
use crate::verbs::trigger::{self, TriggerAnswer, TriggerAsk};
use crate::verbs::{Access, Answer, App, Exit, Request, Reveal, VerbError, VerbResult, answer_without_ledger, perform};

/// How often a waiting verb checks whether the ledger is free.
const POLL: Duration = Duration::from_millis(100);

/// Minimum reminders of a trigger after which the write-ahead log is moved into the ledger's file. Nothing has changed after one
/// of none; after one of more the checkpoint (tens of megabytes) is left to the next changing verb or the service.
const CHECKPOINTED: std::ops::RangeInclusive<usize> = 1..=1_000;

/// Longer than any trigger's usual `--wait` and its requests: after that the ledger counts as busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(600);

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

/// Those of the secrets that the running service has. No service, or one that may not be asked, has none.
pub async fn seen_by_service(context: &Context, unset: Vec<SecretRef>) -> SeenByService {
    let absolute = |secret: SecretRef| match secret {
        SecretRef::File(path) => SecretRef::File(std::path::absolute(&path).unwrap_or(path)),
        SecretRef::Env(_) | SecretRef::Credential(_) => secret,
    };
    if unset.is_empty() {
        return SeenByService::new();
    }
    let request = Request::SecretsSet { secrets: unset.iter().cloned().map(absolute).collect() };
    let Ok(Some(answer)) = ask(context, &request).await else { return SeenByService::new() };
    let are_set: Vec<bool> = body(answer).map(|(are_set, _)| are_set).unwrap_or_default();
    unset.into_iter().zip(are_set).filter(|(_, is_set)| *is_set).map(|(secret, _)| secret).collect()
}

/// A changing verb: done by the service when one runs, else here under the lock.
///
/// # Errors
/// The verb's own; busy when another process holds the ledger and does not respond.
pub async fn change<T: DeserializeOwned>(context: &Context, request: Request) -> anyhow::Result<(T, Exit)> {
    let answer = match performer(context, &request).await? {
        Performer::Answered(answer) => answer,
        Performer::Here(app) => {
            let answer = perform(&app, &context.actor(), request).await;
            checkpoint(&app).await;
            answer
        }
    };
    body(answer)
}

/// A trigger. Its answer may be large: in this process it is not converted to JSON and back as in [`change`].
///
/// # Errors
/// As [`change`].
pub async fn trigger(context: &Context, ask: TriggerAsk) -> anyhow::Result<(TriggerAnswer, Exit)> {
    let request =
        Request::Trigger { schedule: ask.schedule.clone(), only: ask.only.clone(), wait_seconds: ask.wait.as_secs() };
    let progress = Progress::of(context, &ask.schedule);
    let ended = match performer(context, &request).await? {
        Performer::Answered(answer) => body(answer),
        Performer::Here(app) => trigger_here(context, &app, ask).await,
    };
    drop(progress);
    ended
}

async fn trigger_here(context: &Context, app: &App, ask: TriggerAsk) -> anyhow::Result<(TriggerAnswer, Exit)> {
    let actor = context.actor();
    let mut work = std::pin::pin!(trigger::trigger(app, &actor, ask));
    let (ended, was_stopped) = tokio::select! {
        ended = &mut work => (ended, false),
        Ok(()) = tokio::signal::ctrl_c() => {
            complain("stopping: what is being sent is awaited; Ctrl-C again ends at once");
            if let Some(sender) = &app.sender {
                sender.begin_stop();
                sender.nudge();
            }
            tokio::select! {
                ended = &mut work => (ended, true),
                Ok(()) = tokio::signal::ctrl_c() => {
                    let detail = "ended at once: the fate of what was being sent is unknown at the next start";
                    return Err(VerbError::Failed(detail.to_owned()).into());
                }
            }
        }
    };
    let answer = ended.map_err(|error| VerbError::Answered { message: error.to_string(), exit: error.exit() })?;
    if CHECKPOINTED.contains(&answer.reminders.len()) {
        checkpoint(app).await;
    }
    let exit = if was_stopped { Exit::Failed } else { answer.exit() };
    Ok((answer, exit))
}

/// A reading verb that whoever does it records first: the service when one runs, else this process under the lock. It
/// waits for a trigger that holds the ledger.
///
/// # Errors
/// The verb's own; when it can't be recorded, nothing is shown.
pub async fn reveal<T: DeserializeOwned>(context: &Context, request: Request) -> anyhow::Result<(T, Exit)> {
    let answer = match performer(context, &request).await? {
        Performer::Answered(answer) => answer,
        Performer::Here(app) => perform(&app, &context.actor(), request).await,
    };
    shown(answer)
}

/// The rows of the log; if this user may not open the ledger, the service returns them page by page.
///
/// # Errors
/// As [`read`].
pub async fn rows(context: &Context, filter: AuditFilter) -> anyhow::Result<Vec<AuditRow>> {
    let refused = match context.open(Access::Reading).await {
        Ok(app) => return Ok(audit::list(&app, filter).await?),
        Err(refused) => refused,
    };
    let (mut pages, mut left, mut next) = (Vec::new(), filter.limit, filter);
    let mut refused = Some(refused);
    loop {
        let wanted = left.unwrap_or(audit::SOCKET_PAGE).min(audit::SOCKET_PAGE);
        next.limit = Some(wanted);
        let refusal = refused.take().unwrap_or_else(|| VerbError::Unreachable("the service has stopped".to_owned()));
        let request = Request::AuditPage { filter: next.clone() };
        let (page, _): (Vec<AuditRow>, Exit) = read_by_service(context, &request, refusal).await?;
        let came = page.len() as u64;
        left = left.map(|left| left - came.min(left));
        match next.newest {
            true => next.before_seq = page.first().map(|row| row.seq),
            false => next.after_seq = page.last().map(|row| row.seq),
        }
        pages.push(page);
        if came == 0 || left == Some(0) {
            break;
        }
    }
    if next.newest {
        pages.reverse();
    }
    Ok(pages.into_iter().flatten().collect())
}

/// An export, recorded first and then handed on page by page; the service's when one runs.
///
/// # Errors
/// When it can't be recorded or read; the errors of `take`.
pub async fn export(
    context: &Context,
    filter: AuditFilter,
    mut take: impl FnMut(&[AuditRow]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match performer(context, &Request::Export { filter: filter.clone() }).await? {
        Performer::Here(app) => {
            let begun = audit::begin_export(&app, &context.actor(), filter).await?;
            let mut pages = AuditPages::new(app.ledger()?.as_ref(), begun.filter);
            while let Some(page) = pages.next().await? {
                take(&page)?;
            }
        }
        Performer::Answered(answer) => {
            let (ExportBegun { filter: mut next, first }, _) = body(answer)?;
            let mut page = first;
            loop {
                take(&page)?;
                let Some(last) = page.last() else { break };
                next.after_seq = Some(last.seq);
                next.limit = next.limit.map(|left| left.saturating_sub(page.len() as u64));
                if next.limit == Some(0) {
                    break;
                }
                let request = Request::AuditPage { filter: next.clone() };
                let gone = || VerbError::Unreachable("the service stopped during the export".to_owned());
                let answer = ask(context, &request).await?.ok_or_else(gone)?;
                page = body::<Vec<AuditRow>>(answer)?.0;
            }
        }
    }
    Ok(())
}

/// A reading verb: `here` does it in this process; where this user may not open the ledger, the service does `request`.
///
/// # Errors
/// The verb's own; why the ledger can't be opened, when no service is running either.
pub async fn read<T, F>(context: &Context, request: Request, here: F) -> anyhow::Result<(T, Exit)>
where
    T: DeserializeOwned,
    F: AsyncFnOnce(&App) -> VerbResult<T>,
{
    match context.open(Access::Reading).await {
        Ok(app) => Ok((here(&app).await?, Exit::Done)),
        Err(refused) => read_by_service(context, &request, refused).await,
    }
}

/// A reading verb, done by the service because this process is `refused` the ledger.
///
/// # Errors
/// `refused` when no service is running, and when `--now` is given: the service has its own clock.
pub async fn read_by_service<T: DeserializeOwned>(
    context: &Context,
    request: &Request,
    refused: VerbError,
) -> anyhow::Result<(T, Exit)> {
    let Ok(Some(answer)) = ask(context, request).await else { return Err(refused.into()) };
    if context.clock.is_shifted() {
        return Err(not_through_the_socket());
    }
    shown(answer)
}

/// As [`body`]; prints the message of the answer to stderr.
fn shown<T: DeserializeOwned>(answer: Answer) -> anyhow::Result<(T, Exit)> {
    if answer.body.get() != "null"
        && let Some(message) = &answer.message
    {
        complain(message);
    }
    body(answer)
}

/// Moves the write-ahead log into the ledger's file, so that a copy of that one file has everything.
async fn checkpoint(app: &App) {
    if let Ok(ledger) = app.ledger()
        && let Err(error) = ledger.checkpoint().await
    {
        tracing::debug!(%error, "the write-ahead log is left to the next checkpoint");
    }
}

/// Who does a changing verb.
enum Performer {
    /// Nobody any more: the running service has done it, or there was nothing to do.
    Answered(Answer),
    /// This process, which holds the ledger now.
    Here(Box<App>),
}

/// The answer where there is no ledger yet and the request needs none. A refused one leaves none behind.
async fn without_ledger(context: &Context, request: &Request) -> VerbResult<Option<Answer>> {
    let path = &context.settings.ledger;
    if !sqlite::is_missing(path) {
        return Ok(None);
    }
    if sqlite::loss_of_missing(path).is_some() {
        if !matches!(request, Request::AcceptLoss { .. })
            && let Some(loss) = sqlite::loss_to_refuse(path)
        {
            // an empty ledger in its place would stand in the way of the right file
            return Err(VerbError::Unsafe(loss.sentence()));
        }
        return Ok(None);
    }
    answer_without_ledger(&context.open(Access::Reading).await?, request).await
}

async fn performer(context: &Context, request: &Request) -> anyhow::Result<Performer> {
    let mut waited = Duration::ZERO;
    loop {
        let is_shifted = context.clock.is_shifted();
        if !is_shifted && let Some(answer) = ask(context, request).await? {
            return Ok(Performer::Answered(answer));
        }
        if let Some(answer) = without_ledger(context, request).await? {
            return Ok(Performer::Answered(answer));
        }
        match context.open(Access::Working).await {
            Ok(app) => return Ok(Performer::Here(Box::new(app))),
            Err(VerbError::Ledger(LedgerError::Busy(who))) => {
                if is_shifted && ask(context, &Request::Status).await.is_ok_and(|answer| answer.is_some()) {
                    return Err(not_through_the_socket());
                }
                if waited >= BUSY_TIMEOUT || !is_worth_waiting(request) {
                    return Err(VerbError::Ledger(LedgerError::Busy(who)).into());
                }
            }
            Err(other) => return Err(other.into()),
        }
        if waited.is_zero() {
            complain("another trigger is at work: waiting for it");
        }
        context.clock.sleep(POLL).await;
        waited += POLL;
    }
}

/// Whether the verb waits for a busy ledger: a trigger does for another one, and no record and no decision of an operator
/// is lost because of one.
fn is_worth_waiting(request: &Request) -> bool {
    match request {
        Request::Trigger { .. }
        | Request::FindContacts { .. }
        | Request::Export { .. }
        | Request::Show(ShowAsk { reveal: Reveal::Whole, .. })
        | Request::Plan { reveal: Reveal::Whole, .. }
        | Request::WholePhones { .. }
        | Request::AcceptLoss { .. }
        | Request::Pause(_)
        | Request::Resume { .. }
        | Request::Resolve(_)
        | Request::OptOut(_)
        | Request::PageToken(_)
        | Request::SetOutcome(_)
        | Request::CallAgain { .. }
        | Request::Forget(_)
        | Request::Approve(_)
        | Request::Reject(_)
        | Request::Cancel(_) => true,
        Request::Reload
        | Request::Status
        | Request::TestCall { .. }
        | Request::Backup { .. }
        | Request::BackupInto
        | Request::SecretsSet { .. }
        | Request::Prune
        | Request::AuditPage { .. }
        | Request::Show(_)
        | Request::OptOuts
        | Request::OutcomeList(_)
        | Request::UncertainList
        | Request::Plan { .. }
        | Request::Explain { .. } => false,
    }
}

fn not_through_the_socket() -> anyhow::Error {
    VerbError::Unsafe("--now doesn't reach through the running service: stop it, or use another --ledger".into()).into()
}

/// The typed body of an answer, and its exit code.
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
