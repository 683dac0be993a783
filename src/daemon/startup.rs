//! shell: opens everything that a service needs, in order. What is missing ends the start with its exit code.

use std::sync::Arc;

use super::control::{ControlSocket, user_name};
use super::runs::{ACTOR, Daemon};
use super::watch::{Stillness, stamps};
use crate::clock::SharedClock;
use crate::http::Http;
use crate::inbound::{self, Inbound, InboundError, InboundServer};
use crate::ledger::Ledger;
use crate::ledger::sqlite::{self, LedgerAccess};
use crate::notify::{self, Outside, Reporters};
use crate::schedule::load::{self, Folder};
use crate::settings::Settings;
use crate::verbs::trigger::only_loopback;
use crate::verbs::{App, VerbError, VerbResult, env_of, outbound, sender_of};
use crate::web::{self, WebError, WebParts, WebServer};
use crate::zones::Zones;

/// An opened service.
pub struct Opened {
    /// The service with its schedules loaded.
    pub daemon: Arc<Daemon>,
    /// Bound.
    pub socket: ControlSocket,
    /// Bound, unless switched off.
    pub web: Option<WebServer>,
    /// Bound, unless switched off.
    pub inbound: Option<InboundServer>,
    /// The reporters, not yet running.
    pub reporters: Reporters,
    /// The folder as it was just before it was read.
    pub stillness: Stillness,
}

/// Opens everything; the ledger's lock first, so that nothing of a running service is touched.
///
/// # Errors
/// With the remedy; the error knows the exit code.
pub async fn open(settings: Settings, clock: SharedClock) -> VerbResult<Opened> {
    // before the ledger: a start in the wrong place leaves no files behind
    std::fs::read_dir(&settings.schedules).map_err(|error| no_folder(&settings, &error))?;
    let zones = Zones::newest();
    let is_new = sqlite::is_missing(&settings.ledger);
    let ledger = sqlite::open(&settings.ledger, LedgerAccess::Write, zones.clone())?;
    if is_new && ledger.loss().is_none() {
        tracing::info!("a new ledger was created: {}", settings.ledger.display());
    }
    let stillness = Stillness::of(stamps(&settings.schedules));
    let app = Arc::new(app(settings, clock, zones, Arc::clone(&ledger))?);
    let env = &app.env;
    let outside = Outside { clock: Arc::clone(&env.clock), http: env.http.clone(), ledger: ledger.questions() };
    let (notifier, reporters) = notify::open(&app.settings, outside).map_err(VerbError::Configuration)?;
    let daemon = Daemon::new(Arc::clone(&app), notifier);
    let web = web_server(&daemon).await?;
    let inbound = inbound_server(&app).await?;
    let socket = socket(&app.settings)?;
    begin(&daemon).await?;
    Ok(Opened { daemon, socket, web, inbound, reporters, stillness })
}

fn app(settings: Settings, clock: SharedClock, zones: Zones, ledger: Arc<Ledger>) -> VerbResult<App> {
    let http = Http::through(Arc::clone(&clock), outbound(&settings)?).map_err(VerbError::Failed)?;
    let env = env_of(&settings, clock, zones, http, Some(ledger));
    let sender = sender_of(&settings, &env, ACTOR);
    Ok(App::of_service(settings, env, Folder::default(), sender))
}

async fn web_server(daemon: &Daemon) -> VerbResult<Option<WebServer>> {
    let settings = &daemon.app.settings;
    let Some(listen) = settings.listen else { return Ok(None) };
    let token = settings.web_token.as_ref().map(|token| settings.secrets.resolve(token)).transpose();
    let token = token.map_err(|error| VerbError::Configuration(format!("web.token: {error}")))?;
    let parts = WebParts {
        listen,
        published: settings.web_url.clone(),
        token,
        app: Arc::clone(&daemon.app),
        vitals: Arc::clone(&daemon.vitals),
        user_name,
    };
    let server = web::bind(parts).await.map_err(|error| match error {
        WebError::TokenMissing(_) => VerbError::Configuration(error.to_string()),
        WebError::NotBound(..) => VerbError::Failed(error.to_string()),
        WebError::Opening(error) => error,
    })?;
    let address = server.address();
    tracing::info!("the health server listens at http://{address}/healthz; the page is http://{address}/");
    Ok(Some(server))
}

async fn inbound_server(app: &Arc<App>) -> VerbResult<Option<InboundServer>> {
    let Some(listen) = app.settings.inbound_listen else { return Ok(None) };
    let bound = inbound::bind(listen, app.settings.listen, Inbound::new(Arc::clone(app))).await;
    let server = bound.map_err(|error| match &error {
        InboundError::IsThePages(_) => VerbError::Configuration(error.to_string()),
        InboundError::NotBound(..) => VerbError::Failed(error.to_string()),
    })?;
    let address = server.address();
    tracing::info!(
        "records of calls are taken at http://{address}/outcome/NAME, requests at http://{address}/call/NAME"
    );
    Ok(Some(server))
}

fn socket(settings: &Settings) -> VerbResult<ControlSocket> {
    ControlSocket::bind(&settings.socket).map_err(|error| {
        let place = settings.socket.display();
        VerbError::Failed(format!(
            "the control socket {place} can't be opened: {error}; `socket` in tickler.toml moves it"
        ))
    })
}

fn no_folder(settings: &Settings, error: &std::io::Error) -> VerbError {
    let place = settings.schedules.display();
    VerbError::Configuration(format!("the folder of schedules {place} can't be read: {error}; --schedules names it"))
}

/// Settles what a crash left, loads the folder, then continues open runs.
async fn begin(daemon: &Arc<Daemon>) -> VerbResult<()> {
    let settings = &daemon.app.settings;
    let mut folder =
        load::folder(&settings.schedules, &daemon.app.env.zones).map_err(|error| no_folder(settings, &error))?;
    daemon.recall_last_good(&mut folder).await?;
    refuse_real_hosts(daemon, &folder)?;
    warn_of_nowhere_to_post(settings, &folder);
    daemon.app.recover_with(&folder, ACTOR).await?;
    let report = daemon.load_first(folder).await;
    if !report.failures.is_empty() {
        return Err(VerbError::Failed(report.failures.join("; ")));
    }
    daemon.remove_forgotten().await?;
    daemon.resume_open_runs().await?;
    daemon.vitals.set_ready();
    Ok(())
}

/// Warns of schedules that wait for posted requests while no address listens for them: nobody else would notice.
fn warn_of_nowhere_to_post(settings: &Settings, folder: &Folder) {
    if settings.inbound_listen.is_some() {
        return;
    }
    for schedule in folder.schedules.values().filter(|schedule| schedule.inbound().is_some()) {
        tracing::warn!(
            schedule = schedule.name.as_str(),
            "requests can't be posted: `inbound.listen` is off; set it to an address such as 127.0.0.1:8469 and restart"
        );
    }
}

/// A clock given by `--now` must not phone anybody: asked before anything is written by that clock. What is dropped into
/// the folder later is refused by the sender.
fn refuse_real_hosts(daemon: &Daemon, folder: &Folder) -> VerbResult<()> {
    if !daemon.app.env.clock.is_shifted() {
        return Ok(());
    }
    for schedule in folder.schedules.values() {
        // a target that can't be opened is a problem of its schedule, which the sender reports
        if let Err(error @ VerbError::Unsafe(_)) = only_loopback(&daemon.app, schedule) {
            return Err(error);
        }
    }
    Ok(())
}
