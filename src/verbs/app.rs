//! shell: the opened settings, schedules, ledger, clock and sender that every verb uses.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};

use super::VerbResult;
use super::exit::{VerbError, likely_name};
use super::traffic::Traffic;
use crate::clock::SharedClock;
use crate::delivery::{Sender, SenderParts};
use crate::evaluation::{Env, SharedReads, machine};
use crate::http::{Http, Outbound};
use crate::ledger::sqlite;
use crate::ledger::{Ledger, LedgerError, Machine, Recover};
use crate::schedule::load::{self, Folder};
use crate::schedule::problems::{Problem, Severity};
use crate::schedule::{OnUncertain, Schedule};
use crate::settings::Settings;
use crate::zones::Zones;

/// The opened parts that verbs use.
pub struct App {
    /// The service's own settings.
    pub settings: Settings,
    /// Clock, zones, HTTP client, secrets, ledger.
    pub env: Env,
    /// The loaded schedules; a reload replaces the whole folder.
    pub folder: RwLock<Arc<Folder>>,
    /// The sender; `None` for verbs that only read.
    pub sender: Option<Arc<Sender>>,
    /// Whether this is the running service.
    pub is_service: bool,
    /// What the service's server of records has answered.
    pub traffic: Traffic,
    /// For each schedule, the lock of its triggers: a second one waits for the first.
    pub(super) at_work: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// How a verb uses the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The verb does not use it.
    None,
    /// Reads it if it exists; creates nothing.
    Reading,
    /// Locks it, creates it if it doesn't exist, and settles what a crash left.
    Working,
}

impl App {
    /// An app of opened parts, for the service.
    #[must_use]
    pub fn of_service(settings: Settings, env: Env, folder: Folder, sender: Arc<Sender>) -> Self {
        Self {
            settings,
            env,
            folder: RwLock::new(Arc::new(folder)),
            sender: Some(sender),
            is_service: true,
            traffic: Traffic::default(),
            at_work: Mutex::default(),
        }
    }

    /// Opens the app for one verb.
    ///
    /// # Errors
    /// When the ledger can't be opened, or another process holds it. A folder of schedules that can't be read is reported by
    /// the verbs that need a schedule.
    pub async fn open(settings: Settings, clock: SharedClock, access: Access, actor: &str) -> VerbResult<Self> {
        let zones = Zones::newest();
        let folder = load::folder(&settings.schedules, &zones)
            .unwrap_or_else(|error| Folder { fault: Some(no_folder(&settings, &error)), ..Folder::default() });
        let http = Http::at_first_use(Arc::clone(&clock), outbound(&settings)?);
        let ledger = open_ledger(&settings, &zones, access)?;
        let env = env_of(&settings, clock, zones, http, ledger);
        let sender = match access {
            Access::None | Access::Reading => None,
            Access::Working => Some(sender_of(&settings, &env, "trigger")),
        };
        let app = Self {
            settings,
            env,
            folder: RwLock::new(Arc::new(folder)),
            sender,
            is_service: false,
            traffic: Traffic::default(),
            at_work: Mutex::default(),
        };
        if access == Access::Working {
            app.recover_with(&app.folder(), actor).await?;
        }
        Ok(app)
    }

    /// Settles what a crash left: the holder of the lock is the only process, so a reminder that is `sending` was
    /// interrupted. The schedules of `folder` decide whether it is sent again.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn recover_with(&self, folder: &Folder, actor: &str) -> VerbResult<()> {
        let resend: HashMap<String, u32> = folder
            .schedules
            .values()
            .filter(|schedule| schedule.delivery.on_uncertain == OnUncertain::Resend)
            .map(|schedule| (schedule.name.clone(), schedule.delivery.attempts))
            .collect();
        let recover = Recover { now: self.env.clock.now(), resend, actor: actor.to_owned() };
        let found = self.ledger()?.recover(recover).await?;
        if found.uncertain > 0 {
            tracing::warn!(uncertain = found.uncertain, "a crash left reminders of unknown fate");
        }
        Ok(())
    }

    /// The schedules as loaded last.
    #[must_use]
    pub fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder.read().expect("no holder of the folder's lock can panic"))
    }

    /// The ledger.
    ///
    /// # Errors
    /// When there is none yet.
    pub fn ledger(&self) -> VerbResult<&Arc<Ledger>> {
        self.env.ledger.as_ref().ok_or_else(|| {
            let path = self.settings.ledger.display();
            VerbError::Failed(format!("there is no ledger at {path} yet: a run, a trigger or the service creates it"))
        })
    }

    /// A loaded schedule by its name.
    ///
    /// # Errors
    /// When there is no such file (with the closest name), or it is refused.
    pub fn schedule(&self, name: &str) -> VerbResult<Arc<Schedule>> {
        let folder = self.folder();
        if let Some(schedule) = folder.schedules.get(name) {
            return Ok(Arc::clone(schedule));
        }
        if let Some(fault) = &folder.fault {
            return Err(VerbError::Configuration(fault.clone()));
        }
        if folder.refused.iter().any(|refused| refused == name) {
            return Err(VerbError::RefusedSchedule { name: name.to_owned(), first: first_error(&folder, name) });
        }
        let known: Vec<String> = folder.schedules.keys().chain(&folder.refused).cloned().collect();
        let likely = likely_name(name, known.iter().map(String::as_str));
        Err(VerbError::UnknownSchedule { name: name.to_owned(), likely, known })
    }

    /// The schedules of these names, in their order; all loaded ones if there are no names.
    ///
    /// # Errors
    /// Those of [`App::schedule`].
    pub fn named(&self, names: &[String]) -> VerbResult<Vec<Arc<Schedule>>> {
        if names.is_empty() {
            let folder = self.folder();
            return match &folder.fault {
                Some(fault) if folder.schedules.is_empty() => Err(VerbError::Configuration(fault.clone())),
                Some(_) | None => Ok(folder.schedules.values().cloned().collect()),
            };
        }
        names.iter().map(|name| self.schedule(name)).collect()
    }

    /// The conditions of this machine under which nobody is called.
    #[must_use]
    pub fn machine(&self) -> Machine {
        machine(&self.settings.stop_file(), self.env.clock.as_ref())
    }

    /// The lock of a schedule's triggers.
    pub(super) fn turn(&self, schedule: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut at_work = self.at_work.lock().expect("no holder of the lock can panic");
        Arc::clone(at_work.entry(schedule.to_owned()).or_default())
    }
}

/// A sender with these env_of; `actor` is its name in the audit log.
#[must_use]
pub fn sender_of(settings: &Settings, env: &Env, actor: &str) -> Arc<Sender> {
    let (env, stop_file) = (env.clone(), settings.stop_file());
    Sender::new(SenderParts { env, stop_file, actor: actor.to_owned() })
}

/// What evaluations and deliveries work with, of the service and of a verb alike.
#[must_use]
pub fn env_of(settings: &Settings, clock: SharedClock, zones: Zones, http: Http, ledger: Option<Arc<Ledger>>) -> Env {
    let (secrets, accounts) = (settings.secrets.clone(), Arc::new(settings.accounts.clone()));
    Env { clock, zones, http, secrets, accounts, ledger, reads: SharedReads::default() }
}

/// The settings of outbound connections: `[network]`.
///
/// # Errors
/// When the proxy's secret isn't set, or the file of certificates can't be used.
pub fn outbound(settings: &Settings) -> VerbResult<Outbound> {
    let network = &settings.network;
    let proxy = network.proxy.as_ref().map(|proxy| settings.secrets.text(proxy)).transpose();
    let proxy = proxy.map_err(|missing| VerbError::Configuration(format!("network.proxy: {}", missing.0)))?;
    Ok(Outbound { proxy, ca_pem: network.read_ca_file().map_err(VerbError::Configuration)? })
}

fn no_folder(settings: &Settings, error: &std::io::Error) -> String {
    let path = settings.schedules.display();
    format!(
        "the schedules' folder {path} can't be read: {error}; name it with --schedules, or by `schedules` in tickler.toml"
    )
}

/// The first error of a refused file, for people. A syntax error comes before errors that follow from it.
fn first_error(folder: &Folder, name: &str) -> String {
    let is_of = |problem: &&Problem| {
        problem.severity == Severity::Error
            && (problem.file.file_stem().is_some_and(|stem| stem == name)
                || problem.file.file_name().is_some_and(|file| file == name))
    };
    let mut of_it = folder.problems.iter().filter(is_of);
    let syntax = of_it.clone().find(|problem| problem.code == "syntax");
    let first = syntax.or_else(|| of_it.next());
    first.map_or_else(|| "its file has errors".to_owned(), |problem| problem.message.clone())
}

/// The first error of a refused file, and the version that stays in force, for people.
#[must_use]
pub fn refusal(folder: &Folder, name: &str) -> String {
    let error = first_error(folder, name);
    match folder.schedules.get(name) {
        Some(former) => {
            let version: String = former.text_hash.chars().take(12).collect();
            format!("{error}; its last good version ({version}) stays in force")
        }
        None => format!("{error}; no version of it is in force"),
    }
}

fn open_ledger(settings: &Settings, zones: &Zones, access: Access) -> Result<Option<Arc<Ledger>>, LedgerError> {
    let access = match access {
        Access::None => return Ok(None),
        Access::Reading if sqlite::is_missing(&settings.ledger) => return Ok(None),
        Access::Reading => sqlite::LedgerAccess::Read,
        Access::Working => sqlite::LedgerAccess::Write,
    };
    let ledger = sqlite::open(&settings.ledger, access, zones.clone())?;
    Ok(Some(ledger))
}
