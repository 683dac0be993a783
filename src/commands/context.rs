//! shell: the context of every verb on the command line: settings, clock, output format, user.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::arguments::{Format, Globals, Now};
use super::output::complain;
use super::table::Screen;
use crate::audit::times;
use crate::clock::{SharedClock, ShiftedClock, SystemClock};
use crate::daemon::control::user_name;
use crate::daemon::logs::{self, LogTerms};
use crate::ledger::sqlite;
use crate::plan::Gap;
use crate::settings::{Flags, LogFormat, Origins, ProcessEnvironment, Settings};
use crate::verbs::{Access, App, Exit, ScheduleZones, VerbError, VerbResult};
use crate::zones::{Zone, Zones};

/// Whether a printed time is followed by its zone's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneName {
    Shown,
    /// No: the zone is named elsewhere in the output.
    Omitted,
}

/// What every verb on the command line works with.
pub struct Context {
    /// The service's own settings.
    pub settings: Settings,
    /// The origin of each setting.
    pub origins: Origins,
    /// What the process was started with.
    pub environment: ProcessEnvironment,
    /// The machine's clock, or the one given by `--now`.
    pub clock: SharedClock,
    /// How rows are printed.
    pub format: Option<Format>,
    /// How wide a table may be.
    pub screen: Screen,
    /// Whether the place of this verb's ledger was printed to stderr.
    names_ledger: bool,
}

impl Context {
    /// Reads the settings, and writes warnings of this verb to stderr.
    pub fn of(globals: &Globals) -> anyhow::Result<Self> {
        let context = Self::quiet(globals)?;
        // only warnings: a verb's answer is its report. The error means that the log is already installed, by the service
        let _begun = logs::begin(&LogTerms {
            level: "warn".to_owned(),
            format: LogFormat::Text,
            is_under_journal: false,
            clock: None,
        });
        Ok(context)
    }

    /// Reads the settings without installing the log.
    pub fn quiet(globals: &Globals) -> anyhow::Result<Self> {
        let environment = ProcessEnvironment::of_process();
        let loaded = Settings::load(flags(globals), environment.clone());
        let (settings, origins) = loaded.map_err(|error| VerbError::Configuration(error.to_string()))?;
        let settings = if globals.trial { settings.into_trial() } else { settings };
        let clock = Arc::new(SystemClock::new());
        let screen = if globals.wide { Screen::Wide } else { Screen::Columns(columns(&environment)) };
        Ok(Self { settings, origins, environment, clock, format: globals.format, screen, names_ledger: false })
    }

    /// A context with the given settings.
    pub fn with(settings: Settings, clock: SharedClock, format: Option<Format>) -> Self {
        let (origins, environment) = (Origins::default(), ProcessEnvironment::default());
        let screen = Screen::Columns(columns(&ProcessEnvironment::of_process()));
        // the demo prints its own place
        Self { settings, origins, environment, clock, format, screen, names_ledger: true }
    }

    /// Whether the answer is printed for people.
    pub fn prints_tables(&self) -> bool {
        matches!(self.format, None | Some(Format::Table))
    }

    /// An instant as text for people, in this zone.
    pub fn moment(&self, at: Timestamp, zone: &Zone) -> String {
        times::short(zone.wall(at), self.this_year())
    }

    /// An RFC 3339 time as text for people, in its own offset.
    pub fn moment_of(&self, text: &str) -> String {
        times::short_text(text, self.this_year())
    }

    /// A sentence: from when to when the ledger has lost its calls, and how many reminders are uncertain because of that.
    pub fn forgotten(&self, gap: Gap, uncertain: u64) -> String {
        let zone = self.zone_of(None);
        let from = match gap.begins() {
            None => "all calls".to_owned(),
            Some(from) => format!("calls from {}", self.moment(from, &zone)),
        };
        let (until, name) = (self.moment(gap.until, &zone), zone.name());
        format!("{from} to {until} ({name}) are forgotten: {uncertain} of unknown fate (see `tickler uncertain list`)")
    }

    fn this_year(&self) -> i16 {
        jiff::tz::Offset::UTC.to_datetime(self.clock.now()).year()
    }

    /// The context with the clock that `--now` asks for. A time without offset is one of the named schedule's zone, or of the zone
    /// that all schedules share.
    ///
    /// # Errors
    /// When the time can't be read.
    pub fn at(self, now: &Now, schedule: Option<&str>) -> VerbResult<Self> {
        let Some(text) = &now.now else { return Ok(self) };
        let start = match text.parse() {
            Ok(start) => start,
            Err(_) => self.wall_clock(text, schedule)?,
        };
        Ok(Self { clock: Arc::new(ShiftedClock::starting_at(start)), ..self })
    }

    /// Reads a time as people write it, in the named schedule's zone, or in the zone that all schedules share.
    ///
    /// # Errors
    /// When it can't be read, or the schedules' zones differ and so would the instant.
    fn wall_clock(&self, text: &str, schedule: Option<&str>) -> VerbResult<Timestamp> {
        let (zones, now) = (self.zones(), self.clock.now());
        let moments = zones.moments(schedule, |zone| times::read(text, now, zone).map_err(VerbError::Usage))?;
        let mut each = moments.iter();
        match (each.next(), each.next()) {
            (Some((_, one)), Some((_, other))) => Err(VerbError::Usage(format!(
                "--now {text} is a different instant in the schedules' zones ({one}, {other}): write its offset, as in \
                 2026-11-24T09:00:00-05:00, or name one schedule"
            ))),
            (Some((at, _)), None) => Ok(*at),
            (None, _) => times::read(text, now, zones.of(None)).map_err(VerbError::Usage),
        }
    }

    /// Rewrites the instants in a sentence (`2026-11-24T14:00:00Z`) as times in this zone.
    pub fn with_moments(&self, text: &str, zone: &Zone, zone_name: ZoneName) -> String {
        let words = text.split(' ').map(|word| {
            let bare = word.trim_end_matches([':', ',', ';', ')']);
            let Ok(at) = bare.parse() else { return word.to_owned() };
            let name = match zone_name {
                ZoneName::Shown => format!(" ({})", zone.name()),
                ZoneName::Omitted => String::new(),
            };
            format!("{}{name}{}", self.moment(at, zone), &word[bare.len()..])
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// A hint that contains a command; in a trial, `--trial` is added to the command.
    pub fn hint(&self, text: &str) -> String {
        if self.settings.ledger != self.settings.clone().into_trial().ledger {
            return text.to_owned();
        }
        ["approve", "reject", "resume", "uncertain", "audit"].iter().fold(text.to_owned(), |text, verb| {
            text.replace(&format!("`tickler {verb} "), &format!("`tickler {verb} --trial "))
        })
    }

    /// What a list without rows says: the sentence, and where only a trial has a ledger, how to read that one.
    pub fn nothing(&self, sentence: &str) -> String {
        let trial = self.settings.clone().into_trial().ledger;
        let is_there = trial != self.settings.ledger && !sqlite::is_missing(&trial);
        match is_there && sqlite::is_missing(&self.settings.ledger) {
            true => {
                self.screen.prose(&format!("{sentence}; a trial is recorded in {}: add `--trial`", trial.display()))
            }
            false => sentence.to_owned(),
        }
    }

    /// Whether the answer is printed as a table on a terminal.
    pub fn is_at_terminal(&self) -> bool {
        self.prints_tables() && std::io::stdout().is_terminal()
    }

    /// The user, for the audit log.
    pub fn actor(&self) -> String {
        user_name(rustix::process::getuid().as_raw())
    }

    /// Like [`Context::at`], for a verb that sends: with a given clock it is a trial, unless a flag or a variable names the
    /// ledger. Prints once that it is one.
    ///
    /// # Errors
    /// Those of [`Context::at`].
    pub fn sending_at(self, now: &Now, schedule: Option<&str>) -> VerbResult<Self> {
        let is_named = self
            .origins
            .rows
            .iter()
            .any(|row| row.key == "ledger" && matches!(row.origin.as_str(), "--ledger" | "TICKLER_LEDGER"));
        let trial = self.settings.clone().into_trial();
        if now.now.is_none() || is_named || trial.ledger == self.settings.ledger {
            return self.at(now, schedule);
        }
        complain(&format!(
            "a trial, because of --now: recorded in {}; {} is left alone (--ledger names another)",
            trial.ledger.display(),
            self.settings.ledger.display()
        ));
        Self { settings: trial, names_ledger: true, ..self }.at(now, schedule)
    }

    /// Prints, for a verb that plans and records nothing, with which ledger it plans: in a trial, and under `--now` where there
    /// is a ledger of a trial, whose calls this plan doesn't know.
    pub fn name_trial(&self, now: &Now) {
        let (own, trial) = (&self.settings.ledger, self.settings.clone().into_trial().ledger);
        if *own == trial {
            complain(&format!("a trial: what is known of earlier calls is read from {}", trial.display()));
        } else if now.now.is_some() && !self.names_ledger && !sqlite::is_missing(&trial) {
            complain(&format!(
                "what is known of earlier calls is read from {}; what trials did is in {}: `--trial` plans with that",
                own.display(),
                trial.display()
            ));
        }
    }

    /// Opens the app for one verb. Reports the path of a ledger that it had to create.
    pub async fn open(&self, access: Access) -> VerbResult<App> {
        let is_new = access == Access::Working && sqlite::is_missing(&self.settings.ledger);
        let app = App::open(self.settings.clone(), Arc::clone(&self.clock), access, &self.actor()).await?;
        let is_whole = app.env.ledger.as_ref().is_some_and(|ledger| ledger.loss().is_none());
        if is_new && is_whole && !self.names_ledger {
            complain(&format!("a new ledger was created: {}", absolute(&self.settings.ledger).display()));
        }
        Ok(app)
    }

    /// Reports which schedule files a verb over all schedules had to leave out.
    pub fn tell_refused(&self, app: &App, named: &[String]) -> Exit {
        let folder = app.folder();
        if !named.is_empty() || folder.refused.is_empty() {
            return Exit::Done;
        }
        complain(&format!("refused: {} (see `tickler check`)", folder.refused.join(", ")));
        Exit::Configuration
    }

    /// The zone of each schedule, for tables whose rows are of several.
    pub fn zones(&self) -> ScheduleZones {
        let zones = Zones::newest();
        let folder = crate::schedule::load::folder(&self.settings.schedules, &zones).unwrap_or_default();
        ScheduleZones::of_folder(&folder, &zones)
    }

    /// The names of the schedules without `[outcome]`: no report of their calls is awaited.
    pub fn schedules_without_outcome(&self) -> BTreeSet<String> {
        let folder = crate::schedule::load::folder(&self.settings.schedules, &Zones::newest()).unwrap_or_default();
        let without = folder.schedules.values().filter(|schedule| schedule.outcome.is_none());
        without.map(|schedule| schedule.name.clone()).collect()
    }

    /// A sentence that names the zones in which the times of these schedules' rows are shown.
    pub fn zones_named<'a>(&self, schedules: impl Iterator<Item = &'a str>) -> String {
        let zones = self.zones();
        let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for name in schedules {
            named.entry(zones.of(Some(name)).name()).or_default().insert(name);
        }
        let sentence = match named.first_key_value() {
            None => format!("times in {}", zones.of(None).name()),
            Some((zone, _)) if named.len() == 1 => format!("times in {zone}"),
            Some(_) => {
                let of_zone = |(zone, names): (&&str, &BTreeSet<&str>)| {
                    format!("{} in {zone}", names.iter().copied().collect::<Vec<_>>().join(" and "))
                };
                let each: Vec<String> = named.iter().map(of_zone).collect();
                format!("times of {}, others in {}", each.join(", "), zones.of(None).name())
            }
        };
        self.screen.prose(&sentence)
    }

    /// The zone in which a person's times are read and shown: the named schedule's, or the one that all share; else UTC.
    pub fn zone_of(&self, schedule: Option<&str>) -> Zone {
        let zones = Zones::newest();
        let folder = crate::schedule::load::folder(&self.settings.schedules, &zones).unwrap_or_default();
        let mut named = folder.schedules.values().filter(|loaded| schedule.is_none_or(|name| loaded.name == name));
        let first = named.next().map(|loaded| loaded.zone.clone());
        match first {
            Some(zone) if named.all(|loaded| loaded.zone == zone) => zone,
            Some(_) | None => zones.zone("UTC").expect("every version of the rules has UTC"),
        }
    }
}

/// The absolute path, which is valid from every folder.
fn absolute(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// The width of the terminal; if stdout isn't one, `$COLUMNS`, else 80.
fn columns(environment: &ProcessEnvironment) -> usize {
    let terminal = comfy_table::Table::new().width().filter(|_| std::io::stdout().is_terminal());
    terminal.map(usize::from).or_else(|| environment.columns()).unwrap_or(80)
}

/// The demo's: everything in its own folder, its target in the sandbox, nothing of this machine's settings.
///
/// # Errors
/// When the folder can't be used.
pub fn settings_of_demo(folder: &Path, automation_url: &str, outcome_secret: &str) -> anyhow::Result<Settings> {
    let secrets = [("THOUGHTLY_AUTOMATION_URL", automation_url), ("OUTCOME_SECRET", outcome_secret)];
    let environment = ProcessEnvironment::of(secrets, folder);
    let flags = Flags {
        config: Some(folder.join("tickler.toml")),
        schedules: Some(folder.join("schedules")),
        ledger: Some(folder.join("tickler.db")),
        listen: Some("off".to_owned()),
    };
    Ok(Settings::load(flags, environment)?.0)
}

fn flags(globals: &Globals) -> Flags {
    Flags {
        config: globals.config.clone(),
        schedules: globals.schedules.clone(),
        ledger: globals.ledger.clone(),
        listen: globals.listen.clone(),
    }
}
