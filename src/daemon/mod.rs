//! shell: the service: ticks, reload, signals, systemd, control socket.

mod canaries;
pub mod conditions;
pub mod control;
pub mod due;
mod going_live;
mod handover;
pub mod housekeeping;
pub mod last_good;
pub mod log_words;
pub mod logs;
mod merge;
mod outcomes;
mod polling;
pub mod queue;
mod recovery;
mod rekeyed;
pub mod reload;
pub mod reload_report;
mod removal;
pub mod runs;
pub mod signals;
pub mod startup;
mod status_line;
pub mod systemd;
#[cfg(test)]
mod tests;
pub mod tick_gap;
pub mod ticker;
pub mod watch;
mod write_backs;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch as channel;
use tokio::task::JoinSet;

use crate::audit::{Entry, Event};
use crate::clock::SharedClock;
use crate::connections;
use crate::inbound::InboundServer;
use crate::ledger::Log;
use crate::settings::{ProcessEnvironment, Settings};
use crate::verbs::{Answer, Exit, Request, backup, perform};
use crate::zones::Zone;
use control::{ControlCaller, PendingRequests};
use log_words::LogClock;
use runs::{ACTOR, Daemon};
use signals::{SignalRequest, Signals};
use startup::Opened;

/// The maximum time at shutdown for runs that are being evaluated; the next start continues the others.
const RUNS_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum time at shutdown for requests at the control socket, after all calls in flight have ended.
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause before the sender restarts after a failure of the ledger.
const SENDER_PAUSE: Duration = Duration::from_secs(5);

/// Runs the service until a signal stops it; returns the exit code. On a terminal the lines of the log begin with the time in `zone`.
///
/// # Errors
/// A [`crate::verbs::VerbError`] with the remedy when something it needs can't be opened.
pub async fn run(
    settings: Settings,
    environment: ProcessEnvironment,
    clock: SharedClock,
    zone: Option<Zone>,
) -> anyhow::Result<u8> {
    let terms = logs::LogTerms {
        level: settings.log_level.clone(),
        format: settings.log_format,
        is_under_journal: environment.is_under_journal(),
        clock: zone.map(|zone| LogClock { clock: Arc::clone(&clock), zone }),
    };
    let _begun_by_the_caller = logs::begin(&terms);
    let mut signals = Signals::listen().context("signals can't be listened to")?;
    let opened = startup::open(settings, clock).await?;
    Ok(serve(opened, &mut signals).await.code())
}

async fn serve(opened: Opened, signals: &mut Signals) -> Exit {
    let Opened { daemon, socket, web, inbound, reporters, stillness } = opened;
    let taking = inbound.as_ref().map(InboundServer::inbound);
    let requests = socket.pending_requests();
    let max_connections = connections::max_connections(connections::raise_open_files());
    let (stop, stopped) = channel::channel(false);
    let mut sending = JoinSet::new();
    if let Some(sender) = daemon.app.sender.clone() {
        let clock = Arc::clone(&daemon.app.env.clock);
        sending.spawn(async move {
            while !*stopped.borrow() {
                // returns early only when the ledger fails
                sender.run(stopped.clone()).await;
                if !*stopped.borrow() {
                    clock.sleep(SENDER_PAUSE).await;
                }
            }
        });
    }
    let mut background = JoinSet::new();
    background.spawn(ticker::run(Arc::clone(&daemon)));
    background.spawn(watch::follow(Arc::clone(&daemon), stillness));
    background.spawn(housekeeping::keep(Arc::clone(&daemon)));
    background.spawn(conditions::observe(Arc::clone(&daemon)));
    background.spawn(going_live::keep(Arc::clone(&daemon)));
    follow_outcomes(&mut background, &daemon);
    background.spawn(reporters.run());
    background.spawn({
        let daemon = Arc::clone(&daemon);
        let clock = Arc::clone(&daemon.app.env.clock);
        async move {
            socket
                .serve(clock, max_connections, move |caller, request| answer(Arc::clone(&daemon), caller, request))
                .await;
        }
    });
    if let Some(server) = web {
        background.spawn(server.serve(Arc::clone(&daemon.app.env.clock), max_connections));
    }
    if let Some(server) = inbound {
        background.spawn(server.serve(Arc::clone(&daemon.app.env.clock), max_connections));
    }
    background.spawn({
        let daemon = Arc::clone(&daemon);
        async move { systemd::feed_watchdog(&daemon.vitals, daemon.app.env.clock.as_ref()).await }
    });
    note(&daemon, Event::ServiceStarted).await;
    tracing::info!("the service is up: {}", daemon.status_line());
    systemd::ready(&daemon.status_line());
    let end = wait_for_stop(&daemon, signals).await;
    systemd::stopping();
    if let Some(inbound) = taking {
        inbound.begin_stop();
    }
    tokio::select! {
        () = shut_down(&daemon, &stop, TasksUnderWay { background, sending, requests }) => end,
        () = signals.end_at_second() => Exit::Failed,
    }
}

/// What looks after the outcomes of calls.
fn follow_outcomes(background: &mut JoinSet<()>, daemon: &Arc<Daemon>) {
    background.spawn(outcomes::keep(Arc::clone(daemon)));
    background.spawn(polling::keep(Arc::clone(daemon)));
    background.spawn(write_backs::keep(Arc::clone(daemon)));
    background.spawn(canaries::keep(Arc::clone(daemon)));
}

async fn wait_for_stop(daemon: &Arc<Daemon>, signals: &mut Signals) -> Exit {
    loop {
        let requested = tokio::select! {
            requested = signals.next() => requested,
            () = daemon.ledger.ended() => {
                // nothing can be sent or recorded: the next start finds the calls in flight as uncertain
                tracing::error!("internal error: the ledger's writer has ended. The service ends; start it again");
                return Exit::Failed;
            }
        };
        match requested {
            SignalRequest::Reload => {
                daemon.reload_now(ACTOR).await;
            }
            SignalRequest::Stop(signal) => {
                tracing::info!(signal, "the service stops after the requests in flight");
                return Exit::Done;
            }
        }
    }
}

/// The tasks that are running when the shutdown begins.
struct TasksUnderWay {
    background: JoinSet<()>,
    sending: JoinSet<()>,
    requests: PendingRequests,
}

/// Starts no new run and takes no new intent; waits for calls in flight, settles them, and answers pending requests.
async fn shut_down(daemon: &Daemon, stop: &channel::Sender<bool>, underway: TasksUnderWay) {
    let TasksUnderWay { mut background, mut sending, requests } = underway;
    daemon.stop_runs();
    if let Some(sender) = &daemon.app.sender {
        sender.begin_stop();
    }
    stop.send_replace(true);
    let clock = &daemon.app.env.clock;
    tokio::select! {
        () = daemon.quiet() => {}
        () = clock.sleep(RUNS_TIMEOUT) => tracing::warn!(runs = daemon.under_way(), "runs are left to the next start"),
    }
    while sending.join_next().await.is_some() {}
    tokio::select! {
        () = requests.finished() => {}
        () = clock.sleep(REQUESTS_TIMEOUT) => tracing::warn!("a request at the control socket was not answered in time"),
    }
    background.shutdown().await;
    note(daemon, Event::ServiceStopped).await;
    if let Err(error) = daemon.ledger.checkpoint().await {
        tracing::warn!(%error, "copy the ledger with `tickler backup` only");
    }
    tracing::info!("the service has stopped");
}

async fn note(daemon: &Daemon, event: Event) {
    let entry = Entry {
        actor: Some(ACTOR.into()),
        detail: Some(concat!("tickler ", env!("CARGO_PKG_VERSION")).into()),
        ..Entry::new(daemon.now(), event)
    };
    if let Err(error) = daemon.ledger.append(vec![entry]).await {
        daemon.note_ledger_failure(&error.to_string());
    }
}

/// Performs a request of the control socket.
async fn answer(daemon: Arc<Daemon>, caller: ControlCaller, request: Request) -> Answer {
    let ControlCaller { actor, file } = caller;
    let triggered = if let Request::Trigger { schedule, .. } = &request { Some(schedule.clone()) } else { None };
    let changes_runs = triggered.is_some() || matches!(request, Request::Approve(_) | Request::Reject(_));
    let answer = perform_request(&daemon, &actor, file, request).await;
    if changes_runs {
        daemon.recheck_runs(triggered).await;
    }
    answer
}

async fn perform_request(daemon: &Arc<Daemon>, actor: &str, file: Option<std::fs::File>, request: Request) -> Answer {
    match request {
        Request::Reload => daemon.reload_now(actor).await.answer(),
        Request::BackupInto => backup::backup_into(&daemon.app, file).await,
        Request::Status
        | Request::Trigger { .. }
        | Request::AcceptLoss { .. }
        | Request::Pause(_)
        | Request::Resume { .. }
        | Request::TestCall { .. }
        | Request::Resolve(_)
        | Request::FindContacts { .. }
        | Request::Export { .. }
        | Request::Backup { .. }
        | Request::SecretsSet { .. }
        | Request::Prune
        | Request::AuditPage { .. }
        | Request::Show(_)
        | Request::WholePhones { .. }
        | Request::Approve(_)
        | Request::Reject(_)
        | Request::OptOut(_)
        | Request::OptOuts
        | Request::PageToken(_)
        | Request::SetOutcome(_)
        | Request::CallAgain { .. }
        | Request::AcknowledgeOutcomes(_)
        | Request::InboundPost(_)
        | Request::InboundList(_)
        | Request::OutcomeList(_)
        | Request::Forget(_)
        | Request::Cancel(_)
        | Request::UncertainList
        | Request::Plan { .. }
        | Request::Explain { .. } => perform(&daemon.app, actor, request).await,
    }
}
