//! shell: `tickler sandbox`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;

use super::arguments::Globals;
use super::output::{complain, fitted, print};
use super::sandbox_arguments::{DuplicateContactArgument, SandboxArguments, TellArgument, ToldArgument};
use crate::clock::{SharedClock, SystemClock};
use crate::http::Http;
use crate::sandbox::{
    self, Faults, Options, ReceivedRequest, ReportCourse, ReportShape, Reporting, Running, Surroundings,
};
use crate::verbs::{Exit, VerbError};

/// The address unless `--listen` or `--port` is given.
const USUAL_PLACE: &str = "127.0.0.1:8468";

/// Runs a simulated Thoughtly until it is interrupted, and prints a line for each request.
pub async fn sandbox(globals: &Globals, ask: SandboxArguments) -> anyhow::Result<Exit> {
    let listen = address(globals.listen.as_deref(), ask.port)?;
    let running = start(Options { listen, ..options(ask) }, Arc::new(SystemClock::new()), |event| {
        if print(&fitted(&event.to_string())).is_err() {
            tracing::debug!("nobody reads the sandbox's lines any more");
        }
    })
    .await?;
    complain(&format!(
        "a simulated Thoughtly listens at http://{0}; nobody is phoned. For a schedule:\n  \
         export THOUGHTLY_AUTOMATION_URL=http://{0}/webhook/automation/sandbox\nand to end it: Ctrl-C",
        running.address
    ));
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended.context("no signal can be waited for")?,
        () = terminated() => {}
    }
    running.stop().await;
    Ok(Exit::Done)
}

/// `--listen`, or `--port` on this machine.
fn address(listen: Option<&str>, port: Option<u16>) -> Result<SocketAddr, VerbError> {
    let text = listen.unwrap_or(USUAL_PLACE);
    let mut address: SocketAddr = text.parse().map_err(|_| {
        VerbError::Usage(format!("--listen {text}: write an address and a port, such as {USUAL_PLACE}"))
    })?;
    if let Some(port) = port {
        address.set_port(port);
    }
    Ok(address)
}

async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Starts a sandbox that sends its events to `events`.
pub async fn start(
    options: Options,
    clock: SharedClock,
    events: impl Fn(ReceivedRequest) + Send + Sync + 'static,
) -> anyhow::Result<Running> {
    let http = Http::new(clock.clone()).map_err(VerbError::Failed)?;
    let place = options.listen;
    let around = Surroundings { clock, http, events: Box::new(events) };
    let started = sandbox::start(options, around).await;
    started.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "the sandbox can't listen at {place}: something listens there already (another sandbox?); `tickler sandbox \
             --port {}` takes another port",
            place.port().wrapping_add(1).max(1_024)
        ),
        _ => anyhow::Error::new(error).context(format!("the sandbox can't listen at {place}")),
    })
}

fn options(ask: SandboxArguments) -> Options {
    let faults = ask.faults;
    Options {
        metadata_echo: ask.metadata_echo,
        draft: ask.draft,
        duplicate_contact: match ask.duplicate_contact {
            DuplicateContactArgument::Reuse => sandbox::DuplicateContact::Reuse,
            DuplicateContactArgument::New => sandbox::DuplicateContact::New,
            DuplicateContactArgument::Conflict => sandbox::DuplicateContact::Conflict,
        },
        retry_after: ask.retry_after,
        callback: ask.callback,
        reporting: Reporting {
            shape: match ask.tell {
                TellArgument::Callback => ReportShape::Callback,
                TellArgument::Subscription => ReportShape::Subscription,
                TellArgument::Guide => ReportShape::Guide,
            },
            course: match ask.told {
                ToldArgument::Once => ReportCourse::Once,
                ToldArgument::Twice => ReportCourse::Twice,
                ToldArgument::Early => ReportCourse::Early,
                ToldArgument::Reversed => ReportCourse::Reversed,
                ToldArgument::Never => ReportCourse::Never,
            },
            header: ask.tell_header.map(|(name, value)| (name, value.into())),
        },
        faults: Faults {
            latency: faults.latency.unwrap_or_default(),
            rate_per_minute: faults.rate,
            fail: faults.fail,
            reset_after: faults.reset_after,
            error_in_200: faults.error_in_200,
            html: faults.html,
        },
        ..Options::default()
    }
}
