//! shell: decides which process performs a verb: the running service, asked through its control socket, or this one.
//!
//! A verb that changes the ledger is performed by the service when one is running, else by this process, which locks the ledger
//! ([`change`]). A verb that reads is performed by this process; if this user may not open the ledger, by the service ([`read`]).

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

/// How often a waiting verb polls a locked ledger.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// After a trigger with this many reminders, the write-ahead log is checkpointed. Without reminders there is nothing to write; after
/// a larger trigger the checkpoint (tens of megabytes) is left to the next verb that changes the ledger, or to the service.
const CHECKPOINT_AFTER: std::ops::RangeInclusive<usize> = 1..=1_000;

/// How long a verb waits for a locked ledger: longer than a trigger with a usual `--wait` takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(600);

/// Sends the request to the running service; `None` when no service is running.
///
/// # Errors
/// When a service is running, but refuses the connection or doesn't answer.
pub async fn ask(context: &Context, request: &Request) -> anyhow::Result<Option<Answer>> {
    match control::ask(&context.settings.socket, request).await {
        Ok(answer) => Ok(Some(answer)),
        Err(ControlError::NobodyThere(_)) => Ok(None),
        Err(error @ (ControlError::Forbidden(_) | ControlError::Broken(_))) => {
            Err(VerbError::Unreachable(error.to_string()).into())
        }
    }
}

/// The secrets in `unset` (not set in this process) that are set in the running service; none when it can't be asked.
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

/// Performs a verb that changes the ledger: by the service when one is running, else in this process with the ledger locked.
///
/// # Errors
/// The verb's own; that the ledger is busy when another process keeps it locked and isn't a service that answers.
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

/// Performs a trigger as [`change`] would, but without converting an answer of this process to JSON and back: it may be large.
///
/// # Errors
/// Those of [`change`].
pub async fn trigger(context: &Context, ask: TriggerAsk) -> anyhow::Result<(TriggerAnswer, Exit)> {
    let TriggerAsk { schedule, only, rehearsed, wait } = ask.clone();
    let request = Request::Trigger { schedule, only, rehearsed, wait_seconds: wait.as_secs() };
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
            complain("stopping: waiting for the requests under way; press Ctrl-C again to end at once");
            if let Some(sender) = &app.sender {
                sender.begin_stop();
                sender.nudge();
            }
            tokio::select! {
                ended = &mut work => (ended, true),
                Ok(()) = tokio::signal::ctrl_c() => {
                    let detail = "ended at once: it is unknown whether the requests under way arrived; see `tickler uncertain list` after the next start";
                    return Err(VerbError::Failed(detail.to_owned()).into());
                }
            }
        }
    };
    let answer = ended.map_err(|error| VerbError::Answered { message: error.to_string(), exit: error.exit() })?;
    if CHECKPOINT_AFTER.contains(&answer.reminders.len()) {
        checkpoint(app).await;
    }
    let exit = if was_stopped { Exit::Failed } else { answer.exit() };
    Ok((answer, exit))
}

/// Performs a verb that reads, but first records in the audit log that it does: by the service when one is running, else in this
/// process with the ledger locked. Waits while a trigger keeps the ledger locked.
///
/// # Errors
/// The verb's own, and that the row can't be written: then nothing is returned.
pub async fn reveal<T: DeserializeOwned>(context: &Context, request: Request) -> anyhow::Result<(T, Exit)> {
    let answer = match performer(context, &request).await? {
        Performer::Answered(answer) => answer,
        Performer::Here(app) => perform(&app, &context.actor(), request).await,
    };
    body_after_message(answer)
}

/// The rows of the audit log; if this user may not open the ledger, the service returns them page by page.
///
/// # Errors
/// Those of [`read`].
pub async fn rows(context: &Context, filter: AuditFilter) -> anyhow::Result<Vec<AuditRow>> {
    let refused = match context.open(Access::Reading).await {
        Ok(app) => return Ok(audit::list(&app, filter).await?),
        Err(refused) => refused,
    };
    let (mut pages, mut rows_left, mut page_filter) = (Vec::new(), filter.limit, filter);
    let mut refused = Some(refused);
    loop {
        page_filter.limit = Some(rows_left.unwrap_or(audit::SOCKET_PAGE).min(audit::SOCKET_PAGE));
        let refusal = refused.take().unwrap_or_else(|| VerbError::Unreachable("the service has stopped".to_owned()));
        let request = Request::AuditPage { filter: page_filter.clone() };
        let (page, _): (Vec<AuditRow>, Exit) = read_by_service(context, &request, refusal).await?;
        let received = page.len() as u64;
        rows_left = rows_left.map(|left| left.saturating_sub(received));
        match page_filter.newest {
            true => page_filter.before_seq = page.first().map(|row| row.seq),
            false => page_filter.after_seq = page.last().map(|row| row.seq),
        }
        pages.push(page);
        if received == 0 || rows_left == Some(0) {
            break;
        }
    }
    if page_filter.newest {
        pages.reverse();
    }
    Ok(pages.into_iter().flatten().collect())
}

/// Exports the audit log: records the export first, then passes the rows to `take` page by page. The service reads them when one
/// is running.
///
/// # Errors
/// When the export can't be recorded or read; the errors of `take`.
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

/// Performs a verb that reads: `here` does it in this process; if this user may not open the ledger, the service performs
/// `request`.
///
/// # Errors
/// The verb's own; why the ledger can't be opened, if no service is running either.
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

/// Performs a verb that reads by the service, because this process can't open the ledger; `refused` says why.
///
/// # Errors
/// `refused` when no service is running; a refusal when `--now` is given, because the service has its own clock.
pub async fn read_by_service<T: DeserializeOwned>(
    context: &Context,
    request: &Request,
    refused: VerbError,
) -> anyhow::Result<(T, Exit)> {
    let Ok(Some(answer)) = ask(context, request).await else { return Err(refused.into()) };
    if context.clock.is_shifted() {
        return Err(service_has_own_clock());
    }
    body_after_message(answer)
}

/// Like [`body`]; also prints the answer's message to stderr.
fn body_after_message<T: DeserializeOwned>(answer: Answer) -> anyhow::Result<(T, Exit)> {
    if answer.body.get() != "null"
        && let Some(message) = &answer.message
    {
        complain(message);
    }
    body(answer)
}

/// Moves the write-ahead log into the ledger's file, so that this one file is complete.
async fn checkpoint(app: &App) {
    if let Ok(ledger) = app.ledger()
        && let Err(error) = ledger.checkpoint().await
    {
        tracing::debug!(%error, "the write-ahead log is left to the next checkpoint");
    }
}

/// The process that performs a verb that changes the ledger.
enum Performer {
    /// The service, or none because there was nothing to do: this is the answer.
    Answered(Answer),
    /// This process, which has locked the ledger.
    Here(Box<App>),
}

/// The answer to a request that needs no ledger, or fails, while there is no ledger yet: so a refused request creates none.
async fn without_ledger(context: &Context, request: &Request) -> VerbResult<Option<Answer>> {
    let path = &context.settings.ledger;
    if !sqlite::is_missing(path) {
        return Ok(None);
    }
    if sqlite::loss_of_missing(path).is_some() {
        if !matches!(request, Request::AcceptLoss { .. })
            && let Some(loss) = sqlite::loss_to_refuse(path)
        {
            // a new, empty ledger would take the place of the one to be restored
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
                    return Err(service_has_own_clock());
                }
                if waited >= BUSY_TIMEOUT || !waits_for_ledger(request) {
                    return Err(VerbError::Ledger(LedgerError::Busy(who)).into());
                }
            }
            Err(other) => return Err(other.into()),
        }
        if waited.is_zero() {
            complain("another trigger is running: waiting for it");
        }
        context.clock.sleep(POLL_INTERVAL).await;
        waited += POLL_INTERVAL;
    }
}

/// Whether the verb waits for a locked ledger: a trigger waits for another one, and so does every decision and every record of an
/// operator, so that none is lost.
fn waits_for_ledger(request: &Request) -> bool {
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
        | Request::AcknowledgeOutcomes(_)
        | Request::CallAgain { .. }
        | Request::InboundPost(_)
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
        | Request::InboundList(_)
        | Request::UncertainList
        | Request::Plan { .. }
        | Request::Explain { .. } => false,
    }
}

fn service_has_own_clock() -> anyhow::Error {
    VerbError::Unsafe("--now has no effect on the running service: stop it, or use another --ledger".into()).into()
}

/// The typed body of an answer, and its exit code.
///
/// # Errors
/// The answer's message, when it has no body; a body of another type, from a service of another version.
pub fn body<T: DeserializeOwned>(answer: Answer) -> anyhow::Result<(T, Exit)> {
    let exit = Exit::of_code(answer.exit);
    if answer.body.get() == "null"
        && let Some(message) = answer.message
    {
        return Err(VerbError::Answered { message, exit }.into());
    }
    let body = serde_json::from_str(answer.body.get())
        .context("the service's answer can't be read: it runs another version of tickler, restart it")?;
    Ok((body, exit))
}
