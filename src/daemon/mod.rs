//! shell: the service: heartbeat, reload, signals, systemd, control socket.

pub mod conditions;
pub mod control;
pub mod due;
mod handover;
pub mod housekeeping;
pub mod last_good;
mod limits;
pub mod logs;
mod merge;
pub mod pulse;
pub mod queue;
mod recovery;
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
pub mod ticker;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch as channel;
use tokio::task::JoinSet;

use crate::audit::{Entry, Event};
use crate::clock::SharedClock;
use crate::ledger::Log;
use crate::settings::{ProcessEnvironment, Settings};
use crate::verbs::{Answer, Exit, Request, backup, perform};
use control::{Asker, Talks};
use runs::{ACTOR, Daemon};
use signals::{Signals, Wish};
use startup::Opened;

/// At a stop, runs that are being evaluated get this long; what is left is made up for at the next start.
const LAST_RUNS: Duration = Duration::from_secs(10);

/// At a stop, verbs that were asked for at the control socket get this long once nothing is in flight any more.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// After the ledger failed under the sender, it begins again this much later.
const SENDER_PAUSE: Duration = Duration::from_secs(5);

/// Runs the service until a signal stops it; answers the exit code.
///
/// # Errors
/// A [`crate::verbs::VerbError`] with the remedy when something it needs can't be opened.
pub async fn run(settings: Settings, environment: ProcessEnvironment, clock: SharedClock) -> anyhow::Result<u8> {
    let terms = logs::LogTerms {
        level: settings.log_level.clone(),
        format: settings.log_format,
        is_under_journal: environment.is_under_journal(),
    };
    let _begun_by_the_caller = logs::begin(&terms);
    let mut signals = Signals::listen().context("signals can't be listened to")?;
    let opened = startup::open(settings, clock).await?;
    Ok(serve(opened, &mut signals).await.code())
}

async fn serve(opened: Opened, signals: &mut Signals) -> Exit {
    let Opened { daemon, socket, health, reporters, stillness } = opened;
    let talks = socket.talks();
    let most = limits::connections(limits::raise_open_files());
    let (stop, stopped) = channel::channel(false);
    let mut sending = JoinSet::new();
    if let Some(sender) = daemon.app.sender.clone() {
        let clock = Arc::clone(&daemon.app.around.clock);
        sending.spawn(async move {
            while !*stopped.borrow() {
                // It returns early only when the ledger fails; nothing is sent until it can be used again.
                sender.run(stopped.clone()).await;
                if !*stopped.borrow() {
                    clock.sleep(SENDER_PAUSE).await;
                }
            }
        });
    }
    let mut beside = JoinSet::new();
    beside.spawn(ticker::beat(Arc::clone(&daemon)));
    beside.spawn(watch::follow(Arc::clone(&daemon), stillness));
    beside.spawn(housekeeping::keep(Arc::clone(&daemon)));
    beside.spawn(conditions::observe(Arc::clone(&daemon)));
    beside.spawn(reporters.run());
    beside.spawn({
        let daemon = Arc::clone(&daemon);
        let clock = Arc::clone(&daemon.app.around.clock);
        async move { socket.serve(clock, most, move |asker, request| answer(Arc::clone(&daemon), asker, request)).await }
    });
    if let Some(server) = health {
        beside.spawn(server.serve(Arc::clone(&daemon.app.around.clock), most));
    }
    beside.spawn({
        let daemon = Arc::clone(&daemon);
        async move { systemd::feed_watchdog(&daemon.vitals, daemon.app.around.clock.as_ref()).await }
    });
    note(&daemon, Event::ServiceStarted).await;
    tracing::info!("the service is up: {}", daemon.status_line());
    systemd::ready(&daemon.status_line());
    let end = wait_for_stop(&daemon, signals).await;
    systemd::stopping();
    tokio::select! {
        () = wind_up(&daemon, &stop, Underway { beside, sending, talks }) => end,
        () = signals.end_at_second() => Exit::Failed,
    }
}

async fn wait_for_stop(daemon: &Arc<Daemon>, signals: &mut Signals) -> Exit {
    loop {
        let wish = tokio::select! {
            wish = signals.next() => wish,
            () = daemon.ledger.ended() => {
                // nothing can be sent or recorded any more: a new process finds what was in flight uncertain
                tracing::error!("the ledger's writer has ended by a fault of this program: the service ends, start it again");
                return Exit::Failed;
            }
        };
        match wish {
            Wish::Reload => {
                daemon.reload_now(ACTOR).await;
            }
            Wish::Stop(signal) => {
                tracing::info!(signal, "the service stops: requests in flight are awaited");
                return Exit::Done;
            }
        }
    }
}

/// What goes on when a stop comes.
struct Underway {
    beside: JoinSet<()>,
    sending: JoinSet<()>,
    talks: Talks,
}

/// No new run, no new intent; requests in flight end and are settled, and whoever asked for something gets an answer.
async fn wind_up(daemon: &Daemon, stop: &channel::Sender<bool>, underway: Underway) {
    let Underway { mut beside, mut sending, talks } = underway;
    daemon.stop_runs();
    if let Some(sender) = &daemon.app.sender {
        sender.begin_stop();
    }
    stop.send_replace(true);
    let clock = &daemon.app.around.clock;
    tokio::select! {
        () = daemon.quiet() => {}
        () = clock.sleep(LAST_RUNS) => tracing::warn!(runs = daemon.under_way(), "runs are left to the next start"),
    }
    while sending.join_next().await.is_some() {}
    tokio::select! {
        () = talks.over() => {}
        () = clock.sleep(LAST_ANSWERS) => tracing::warn!("somebody who asks at the control socket gets no answer"),
    }
    beside.shutdown().await;
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
        daemon.ledger_ails(&error.to_string());
    }
}

/// What a caller of the control socket asks for.
async fn answer(daemon: Arc<Daemon>, asker: Asker, request: Request) -> Answer {
    let Asker { actor, file } = asker;
    match request {
        Request::Reload => daemon.reload_now(&actor).await.answer(),
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
        | Request::Approve(_)
        | Request::Reject(_)
        | Request::OptOut(_)
        | Request::OptOuts
        | Request::Cancel(_)
        | Request::UncertainList
        | Request::Plan { .. }
        | Request::Explain { .. } => perform(&daemon.app, &actor, request).await,
    }
}
