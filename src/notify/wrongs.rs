//! pure: what is wrong at present, as the log tells it, and what of it was told to people. (Kept in a small file beside
//! the ledger, so that a restart neither repeats nor forgets.)

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audit::{AuditRow, Event};
use crate::disk::{self, Links};
use crate::reminder::ReminderId;

/// What is kept takes a few kilobytes for a hundred schedules.
const LARGEST_MEMORY: u64 = 16 << 20;

/// What may be wrong with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Its run failed.
    RunFailed,
    /// A guard holds its run.
    RunHeld,
    /// Its run waits for the source.
    RunWaiting,
    /// Nominal times passed while nobody was there.
    RunMissed,
    /// A call may or may not have been placed.
    DeliveryUncertain,
    /// Calls were refused for good or given up.
    DeliveryFailed,
    /// Reminders were not sent in time.
    ReminderExpired,
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::RunFailed => "run failed",
            Self::RunHeld => "run held",
            Self::RunWaiting => "run waits for its source",
            Self::RunMissed => "runs missed",
            Self::DeliveryUncertain => "fate unknown",
            Self::DeliveryFailed => "failed",
            Self::ReminderExpired => "not sent in time",
        }
    }
}

/// One open trouble.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trouble {
    /// How often since it began.
    count: u64,
    /// A sentence, for runs alone: a delivery's may hold personal data.
    detail: Option<String>,
    /// Reminders of unknown fate.
    reminders: BTreeSet<ReminderId>,
}

type Place = (Kind, String);

/// A part of the log that is to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following {
    /// The rows beyond this one.
    pub after: u64,
    past: Past,
}

/// What that part is to those who are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// Everything is told, also what is over already.
    News,
    /// Only what is still wrong.
    History,
}

/// How much of what is wrong was told.
pub type Told = BTreeMap<Place, u64>;

/// What is wrong at present.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wrongs {
    seen: Option<u64>,
    open: BTreeMap<Place, Trouble>,
    told: Told,
    /// What came and went between two messages: it is told all the same.
    passed: BTreeMap<Place, Trouble>,
}

/// The message: chat tools show `text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// For people, one line for each trouble.
    pub text: String,
    /// What is wrong and new.
    pub wrong: Vec<Line>,
    /// What was told before and is over.
    pub over: Vec<Line>,
}

/// One trouble in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What.
    pub kind: Kind,
    /// Of which schedule.
    pub schedule: String,
    /// How often since it was told last.
    pub count: u64,
    /// A sentence.
    pub detail: Option<String>,
}

/// How it is kept in its file: JSON has no pairs as keys.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    seen: Option<u64>,
    open: Vec<(Place, Trouble)>,
    told: Vec<(Place, u64)>,
    #[serde(default)]
    passed: Vec<(Place, Trouble)>,
}

impl Wrongs {
    /// Where the log is to be followed from; `None` when nothing is new. A first look begins at the log's beginning: what
    /// is still wrong was never told. (So does one at a log that is shorter than it was: another one was put in its place.)
    pub fn begin_at(&mut self, head: u64) -> Option<Following> {
        match self.seen {
            Some(seen) if seen == head => None,
            Some(seen) if seen < head => Some(Following { after: seen, past: Past::News }),
            Some(_) | None => {
                (self.open, self.passed) = (BTreeMap::new(), BTreeMap::new());
                Some(Following { after: 0, past: Past::History })
            }
        }
    }

    /// The log was followed to this row.
    pub fn followed(&mut self, following: Following, to: u64) {
        self.seen = Some(to);
        match following.past {
            Past::News => {}
            Past::History => self.passed.clear(),
        }
    }

    /// Takes one row of the log.
    pub fn note(&mut self, row: &AuditRow) {
        self.seen = Some(row.seq);
        let schedule = row.schedule.as_deref().unwrap_or_default().to_owned();
        let detail = row.detail.as_deref();
        match row.event {
            Event::RunFinished if row.reason.as_deref() == Some("failed") => {
                self.close(&schedule, &[Kind::RunWaiting]);
                self.add(Kind::RunFailed, &schedule, detail);
            }
            Event::RunFinished => self.close(&schedule, &[Kind::RunFailed, Kind::RunWaiting, Kind::RunMissed]),
            Event::RunHeld => {
                self.close(&schedule, &[Kind::RunWaiting]);
                self.add(Kind::RunHeld, &schedule, detail);
            }
            Event::OperatorApproved | Event::OperatorRejected => self.close(&schedule, &[Kind::RunHeld]),
            Event::RunMissed => self.add(Kind::RunMissed, &schedule, None),
            Event::DeliveryUncertain => {
                self.add(Kind::DeliveryUncertain, &schedule, None);
                let trouble = self.open.entry((Kind::DeliveryUncertain, schedule)).or_default();
                trouble.reminders.extend(row.reminder_id);
            }
            Event::OperatorResolved => self.settle(row, &schedule),
            Event::DeliveryDelivered => {
                self.settle(row, &schedule);
                self.close(&schedule, &[Kind::DeliveryFailed, Kind::ReminderExpired]);
            }
            Event::DeliveryFailed | Event::DeliveryDropped => {
                self.settle(row, &schedule);
                self.add(Kind::DeliveryFailed, &schedule, None);
            }
            Event::ReminderExpired => self.add(Kind::ReminderExpired, &schedule, None),
            Event::RunStarted
            | Event::RunSkipped
            | Event::ReminderPlanned
            | Event::ReminderSkipped
            | Event::ReminderShadowed
            | Event::ReminderCancelled
            | Event::DeliveryIntent
            | Event::DeliveryRefused
            | Event::OutcomeReceived
            | Event::OperatorPaused
            | Event::OperatorResumed
            | Event::OperatorForgot
            | Event::OperatorPruned
            | Event::OperatorExported
            | Event::OperatorRevealed
            | Event::ServiceStarted
            | Event::ServiceStopped
            | Event::ServiceRecovered
            | Event::ConfigLoaded
            | Event::ConfigRejected
            | Event::ClockJumped => {}
        }
    }

    /// A run waits for its source: told once, however often it is read again.
    pub fn waits(&mut self, schedule: &str, because: &str) {
        let trouble = self.open.entry((Kind::RunWaiting, schedule.to_owned())).or_default();
        (trouble.count, trouble.detail) = (1, Some(because.to_owned()));
    }

    fn add(&mut self, kind: Kind, schedule: &str, detail: Option<&str>) {
        let trouble = self.open.entry((kind, schedule.to_owned())).or_default();
        trouble.count += 1;
        trouble.detail = detail.map(str::to_owned);
    }

    fn close(&mut self, schedule: &str, kinds: &[Kind]) {
        for kind in kinds {
            self.end(&(*kind, schedule.to_owned()));
        }
    }

    fn end(&mut self, place: &Place) {
        let Some(trouble) = self.open.remove(place) else { return };
        let untold = trouble.count.saturating_sub(self.told.get(place).copied().unwrap_or(0));
        if untold > 0 {
            let passed = self.passed.entry(place.clone()).or_default();
            passed.count += untold;
            passed.detail = trouble.detail;
        }
    }

    /// A reminder's fate is known now.
    fn settle(&mut self, row: &AuditRow, schedule: &str) {
        let place = (Kind::DeliveryUncertain, schedule.to_owned());
        let (Some(trouble), Some(reminder)) = (self.open.get_mut(&place), row.reminder_id) else { return };
        if trouble.reminders.remove(&reminder) && trouble.reminders.is_empty() {
            self.end(&place);
        }
    }

    /// What is new since it was told last, and what [`Wrongs::set_told`] takes once the message has arrived.
    #[must_use]
    pub fn news(&self) -> Option<(Message, Told)> {
        let untold = |(place, trouble): (&Place, &Trouble)| {
            let told = self.told.get(place).copied().unwrap_or(0);
            (trouble.count > told).then(|| line(place, trouble.count - told, trouble.detail.clone()))
        };
        let passed = self.passed.iter().map(|(place, trouble)| line(place, trouble.count, trouble.detail.clone()));
        let wrong: Vec<Line> = passed.chain(self.open.iter().filter_map(untold)).collect();
        let mut heard: BTreeMap<&Place, u64> =
            self.passed.iter().map(|(place, passed)| (place, passed.count)).collect();
        heard.extend(self.told.iter().map(|(place, count)| (place, *count)));
        let over: Vec<Line> = heard
            .into_iter()
            .filter(|(place, _)| !self.open.contains_key(*place))
            .map(|(place, count)| line(place, count, None))
            .collect();
        if wrong.is_empty() && over.is_empty() {
            return None;
        }
        let told = self.open.iter().map(|(place, trouble)| (place.clone(), trouble.count)).collect();
        Some((Message { text: text(&wrong, &over), wrong, over }, told))
    }

    /// The message with that much has arrived.
    pub fn set_told(&mut self, told: Told) {
        self.told = told;
        self.passed.clear();
    }

    /// Reads what an earlier service kept; a file that is damaged or missing is a beginning.
    #[must_use]
    pub fn remembered(file: &Path) -> Self {
        let memory: Memory = disk::read(file, Links::Refused, LARGEST_MEMORY)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            seen: memory.seen,
            open: memory.open.into_iter().collect(),
            told: memory.told.into_iter().collect(),
            passed: memory.passed.into_iter().collect(),
        }
    }

    /// Keeps it; where that fails, a restart may tell something twice.
    pub fn remember(&self, file: &Path) {
        let memory = Memory {
            seen: self.seen,
            open: self.open.clone().into_iter().collect(),
            told: self.told.clone().into_iter().collect(),
            passed: self.passed.clone().into_iter().collect(),
        };
        let bytes = serde_json::to_vec(&memory).expect("texts and numbers are JSON");
        if let Err(error) = disk::replace_private(file, &bytes) {
            tracing::debug!(%error, "what was told could not be kept");
        }
    }
}

fn line(place: &Place, count: u64, detail: Option<String>) -> Line {
    Line { kind: place.0, schedule: place.1.clone(), count, detail }
}

fn text(wrong: &[Line], over: &[Line]) -> String {
    let mut lines = Vec::with_capacity(wrong.len() + over.len());
    for line in wrong {
        let because = line.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let times = if line.count == 1 { String::new() } else { format!(" ({}×)", line.count) };
        lines.push(format!("tickler: {}: {}{times}{because}", line.schedule, line.kind.words()));
    }
    for line in over {
        lines.push(format!("tickler: {}: over: {}", line.schedule, line.kind.words()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
