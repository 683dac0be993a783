//! pure: the open alerts and which of them were reported. `kept` writes them down, so that a restart neither repeats nor
//! loses one.

mod meanings;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::audit::{AuditRow, Event};
use crate::reminder::{CallOutcome, ReminderId, RunId};

/// Who brought an outcome, in the audit log, that a poll found although its report should have been posted.
pub const FOUND_BY_POLL: &str = "poll";

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The schedule's run failed.
    RunFailed,
    /// A guard holds its run.
    RunHeld,
    /// Its run waits for the source.
    RunWaiting,
    /// Nominal times came due while the service was down.
    RunMissed,
    /// A call may or may not have been placed.
    DeliveryUncertain,
    /// Calls were refused permanently, or their attempts are used up.
    DeliveryFailed,
    /// Reminders were not sent in time.
    ReminderExpired,
    /// The ledger cannot be written.
    LedgerDown,
    /// Rows of the ledger, or its file, are lost.
    LedgerLost,
    /// A read of the source never returned.
    SourceStuck,
    /// The run had appointments in its window, and none of them could be called.
    NobodyCallable,
    /// Nothing is sent for the schedule, the account or at all until a person acts.
    SendingBlocked,
    /// A person has paused the schedule, or everything.
    Paused,
    /// The other side has not accepted the schedule's calls for some minutes; they are retried until they expire.
    SendingRetried,
    /// No report of calls came in time.
    OutcomeMissing,
    /// Calls were accepted in a row and nothing was heard of any.
    OutcomeSilent,
    /// Polls found outcomes whose reports should have been posted.
    WebhookLost,
    /// Persons asked to cancel, or for another time.
    Desk,
    /// Outcomes could not be written back, and nobody has acknowledged that.
    WriteBackFailed,
    /// More requests were posted than the schedule accepts within an hour.
    InboundFlood,
    /// Nothing was heard of the canary.
    CanarySilent,
}

impl AlertKind {
    const fn words(self) -> &'static str {
        match self {
            Self::RunFailed => "run failed",
            Self::RunHeld => "run held",
            Self::RunWaiting => "run waits for its source",
            Self::RunMissed => "runs missed",
            Self::DeliveryUncertain => "fate unknown",
            Self::DeliveryFailed => "failed",
            Self::ReminderExpired => "not sent in time",
            Self::LedgerLost => "the ledger has lost rows, nobody is called",
            Self::LedgerDown => "the ledger can't be written, nobody is called",
            Self::SourceStuck => "a read of the source is stuck",
            Self::NobodyCallable => "nobody could be called",
            Self::SendingBlocked => "nothing is sent",
            Self::Paused => "paused, nobody is called",
            Self::SendingRetried => "calls are not accepted",
            Self::OutcomeMissing => "no report of calls came in time",
            Self::OutcomeSilent => "nothing is heard of accepted calls",
            Self::WebhookLost => "reports of calls are not posted, a poll found them",
            Self::InboundFlood => "more requests are posted than are accepted",
            Self::Desk => "somebody asked to cancel, or for another time",
            Self::WriteBackFailed => "outcomes could not be written back",
            Self::CanarySilent => "nothing was heard of the canary",
        }
    }
}

/// One open alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Alert {
    /// How often it has fired since it was opened.
    count: u64,
    /// A sentence; none for deliveries, whose details may have personal data.
    detail: Option<String>,
    /// Reminders of unknown fate.
    reminders: BTreeSet<ReminderId>,
    /// The run that waits.
    #[serde(default)]
    run: Option<RunId>,
}

/// An alert's kind and its schedule (empty: it concerns the whole service).
pub type AlertKey = (AlertKind, String);

/// The conditions that hold at this moment, each with a sentence: alerts that the audit log does not record.
pub type Conditions = BTreeMap<AlertKey, String>;

/// A part of the audit log that is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadRows {
    /// The rows after this one.
    pub after: u64,
    extent: Extent,
}

/// The alerts of that part of the log that are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All, including resolved ones.
    Recent,
    /// Only those that are open at its end.
    FromTheBeginning,
}

/// How often each open alert had fired when it was last reported.
pub type Reported = BTreeMap<AlertKey, u64>;

/// The open alerts of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alerts {
    /// The last audit row that was read.
    seen: Option<u64>,
    open: BTreeMap<AlertKey, Alert>,
    reported: Reported,
    /// Alerts that were opened and resolved between two messages; they are reported, too.
    resolved_unreported: BTreeMap<AlertKey, Alert>,
    /// The open alerts that come from conditions.
    conditions: BTreeSet<AlertKey>,
}

/// A message to people: chat tools show `text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The message for people, one line for each alert.
    pub text: String,
    /// Alerts that have fired since the last message.
    #[serde(rename = "wrong")]
    pub firing: Vec<AlertLine>,
    /// Alerts that were reported and are resolved now.
    #[serde(rename = "over")]
    pub resolved: Vec<AlertLine>,
}

/// One alert in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertLine {
    /// What it is about.
    pub kind: AlertKind,
    /// The schedule; empty for the whole service.
    pub schedule: String,
    /// How often it has fired since it was reported last.
    pub count: u64,
    /// A sentence.
    pub detail: Option<String>,
}

/// The form in the file: JSON has no pairs as keys.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    seen: Option<u64>,
    open: Vec<(AlertKey, Alert)>,
    #[serde(rename = "told")]
    reported: Vec<(AlertKey, u64)>,
    #[serde(default, rename = "passed")]
    resolved_unreported: Vec<(AlertKey, Alert)>,
    #[serde(default)]
    conditions: BTreeSet<AlertKey>,
}

impl Alerts {
    /// The part of the audit log that is to be read; `None` when there are no new rows. The first time, and when the log is
    /// shorter than before (another ledger), it is read from its beginning.
    pub fn unread(&mut self, head: u64) -> Option<UnreadRows> {
        match self.seen {
            Some(seen) if seen == head => None,
            Some(seen) if seen < head => Some(UnreadRows { after: seen, extent: Extent::Recent }),
            Some(_) | None => {
                self.open.retain(|key, _| self.conditions.contains(key));
                self.resolved_unreported.clear();
                Some(UnreadRows { after: 0, extent: Extent::FromTheBeginning })
            }
        }
    }

    /// Records that this part of the log was read, up to the row `to`.
    pub fn have_read(&mut self, unread: UnreadRows, to: u64) {
        self.seen = Some(to);
        match unread.extent {
            Extent::Recent => {}
            Extent::FromTheBeginning => self.resolved_unreported.clear(),
        }
    }

    /// Updates the alerts with one row of the audit log.
    pub fn note(&mut self, row: &AuditRow) {
        self.seen = Some(row.seq);
        let schedule = row.schedule.as_deref().unwrap_or_default().to_owned();
        match row.event {
            Event::RunFinished => self.run_ended(row, &schedule),
            Event::RunHeld => self.run_held(row, &schedule),
            Event::OperatorApproved | Event::OperatorRejected => self.resolve_all(&schedule, &[AlertKind::RunHeld]),
            Event::RunMissed => self.fire(AlertKind::RunMissed, &schedule, None),
            Event::DeliveryUncertain => self.fate_unknown(row, &schedule),
            Event::OperatorResolved => self.settle(row, &schedule),
            Event::DeliveryDelivered => {
                self.settle(row, &schedule);
                self.resolve_all(&schedule, &[AlertKind::DeliveryFailed, AlertKind::ReminderExpired]);
            }
            Event::DeliveryFailed | Event::DeliveryDropped => {
                self.settle(row, &schedule);
                self.fire(AlertKind::DeliveryFailed, &schedule, None);
            }
            Event::ReminderExpired => self.fire(AlertKind::ReminderExpired, &schedule, None),
            Event::OutcomeMissing | Event::OutcomeReceived => self.note_outcome(row, &schedule),
            Event::CanarySilent => self.fire(AlertKind::CanarySilent, &schedule, None),
            Event::CanaryHeard => self.resolve_all(&schedule, &[AlertKind::CanarySilent]),
            Event::RunStarted
            | Event::RunSkipped
            | Event::ReminderPlanned
            | Event::ReminderSkipped
            | Event::ReminderShadowed
            | Event::ReminderCancelled
            | Event::DeliveryIntent
            | Event::DeliveryRefused
            | Event::OutcomeUnmatched
            | Event::InboundReceived
            | Event::OperatorOutcome
            | Event::OperatorRetried
            | Event::CanarySent
            | Event::WriteBackSent
            | Event::WriteBackFailed
            | Event::WriteBackDropped
            | Event::DeliveryPrepared
            | Event::OperatorCancelled
            | Event::OperatorPaused
            | Event::OperatorResumed
            | Event::OptoutAdded
            | Event::OptoutRemoved
            | Event::OperatorForgot
            | Event::OperatorPruned
            | Event::OperatorExported
            | Event::OperatorRevealed
            | Event::PageTokenAdded
            | Event::PageTokenRemoved
            | Event::PageSignedIn
            | Event::ServiceStarted
            | Event::ServiceStopped
            | Event::ServiceRecovered
            | Event::ConfigLoaded
            | Event::ConfigRejected
            | Event::ClockJumped => {}
        }
    }

    fn fate_unknown(&mut self, row: &AuditRow, schedule: &str) {
        self.fire(AlertKind::DeliveryUncertain, schedule, None);
        let alert = self.open.entry((AlertKind::DeliveryUncertain, schedule.to_owned())).or_default();
        alert.reminders.extend(row.reminder_id);
    }

    /// What became of a call, or that nothing was reported of it.
    fn note_outcome(&mut self, row: &AuditRow, schedule: &str) {
        if row.event == Event::OutcomeMissing {
            self.fire(AlertKind::OutcomeMissing, schedule, None);
        } else {
            self.outcome_came(row, schedule);
        }
    }

    /// Counts for the desk, without names.
    fn outcome_came(&mut self, row: &AuditRow, schedule: &str) {
        self.resolve_all(schedule, &[AlertKind::OutcomeMissing]);
        match row.actor.as_deref() {
            Some(FOUND_BY_POLL) => self.fire(AlertKind::WebhookLost, schedule, None),
            Some(_) | None => self.resolve_all(schedule, &[AlertKind::WebhookLost]),
        }
        let outcome: Option<CallOutcome> = row.reason.as_deref().and_then(|word| word.parse().ok());
        if outcome.is_some_and(needs_the_desk) {
            self.fire(AlertKind::Desk, schedule, None);
        }
    }

    fn run_held(&mut self, row: &AuditRow, schedule: &str) {
        self.resolve_waiting(row, schedule);
        self.fire(AlertKind::RunHeld, schedule, row.detail.as_deref());
    }

    fn run_ended(&mut self, row: &AuditRow, schedule: &str) {
        self.resolve_waiting(row, schedule);
        if matches!(row.reason.as_deref(), Some("failed" | "crashed")) {
            self.fire(AlertKind::RunFailed, schedule, row.detail.as_deref());
        } else {
            self.resolve_all(schedule, &[AlertKind::RunFailed, AlertKind::RunMissed]);
        }
    }

    /// A run waits for its source: one alert, however often it is read.
    pub fn waits(&mut self, schedule: &str, run: RunId, because: &str) {
        let alert = self.open.entry((AlertKind::RunWaiting, schedule.to_owned())).or_default();
        (alert.count, alert.detail, alert.run) = (1, Some(because.to_owned()), Some(run));
    }

    /// Opens an alert for each condition that is new, and resolves those whose conditions no longer hold. `true` when that
    /// changed anything.
    pub fn observe(&mut self, conditions: &Conditions) -> bool {
        let ended: Vec<AlertKey> =
            self.conditions.iter().filter(|key| !conditions.contains_key(*key)).cloned().collect();
        let new: Vec<&AlertKey> = conditions.keys().filter(|key| !self.conditions.contains(*key)).collect();
        for key in &ended {
            self.conditions.remove(key);
            self.resolve(key);
        }
        for key in &new {
            self.conditions.insert((*key).clone());
            let alert = self.open.entry((*key).clone()).or_default();
            alert.count += 1;
            alert.detail = conditions.get(*key).filter(|detail| !detail.is_empty()).cloned();
        }
        !ended.is_empty() || !new.is_empty()
    }

    fn fire(&mut self, kind: AlertKind, schedule: &str, detail: Option<&str>) {
        let alert = self.open.entry((kind, schedule.to_owned())).or_default();
        alert.count += 1;
        alert.detail = detail.map(str::to_owned);
    }

    fn resolve_all(&mut self, schedule: &str, kinds: &[AlertKind]) {
        for kind in kinds {
            self.resolve(&(*kind, schedule.to_owned()));
        }
    }

    /// A run has ended: if it is the one that waited, that is over. A run that a person made meanwhile ends nothing.
    fn resolve_waiting(&mut self, row: &AuditRow, schedule: &str) {
        let key = (AlertKind::RunWaiting, schedule.to_owned());
        let is_another = self.open.get(&key).is_some_and(|alert| alert.run.is_some() && alert.run != row.run_id);
        if !is_another {
            self.resolve(&key);
        }
    }

    fn resolve(&mut self, key: &AlertKey) {
        let Some(alert) = self.open.remove(key) else { return };
        let unreported = alert.count.saturating_sub(self.reported.get(key).copied().unwrap_or(0));
        if unreported > 0 {
            let resolved = self.resolved_unreported.entry(key.clone()).or_default();
            resolved.count += unreported;
            resolved.detail = alert.detail;
        }
    }

    /// A reminder's fate is known now.
    fn settle(&mut self, row: &AuditRow, schedule: &str) {
        let key = (AlertKind::DeliveryUncertain, schedule.to_owned());
        let (Some(alert), Some(reminder)) = (self.open.get_mut(&key), row.reminder_id) else { return };
        if alert.reminders.remove(&reminder) && alert.reminders.is_empty() {
            self.resolve(&key);
        }
    }

    /// The message about everything that is not reported yet, and the argument of [`Alerts::set_reported`] for when it is
    /// delivered.
    #[must_use]
    pub fn unreported(&self) -> Option<(Message, Reported)> {
        let of_open = |(key, alert): (&AlertKey, &Alert)| {
            let reported = self.reported.get(key).copied().unwrap_or(0);
            (alert.count > reported).then(|| line(key, alert.count - reported, alert.detail.clone()))
        };
        let of_resolved =
            self.resolved_unreported.iter().map(|(key, alert)| line(key, alert.count, alert.detail.clone()));
        let firing: Vec<AlertLine> = of_resolved.chain(self.open.iter().filter_map(of_open)).collect();
        let mut ever_reported: BTreeMap<&AlertKey, u64> =
            self.resolved_unreported.iter().map(|(key, alert)| (key, alert.count)).collect();
        ever_reported.extend(self.reported.iter().map(|(key, count)| (key, *count)));
        let resolved: Vec<AlertLine> = ever_reported
            .into_iter()
            .filter(|(key, _)| !self.open.contains_key(*key))
            .map(|(key, count)| line(key, count, None))
            .collect();
        if firing.is_empty() && resolved.is_empty() {
            return None;
        }
        let reported = self.open.iter().map(|(key, alert)| (key.clone(), alert.count)).collect();
        Some((Message { text: text(&firing, &resolved), firing, resolved }, reported))
    }

    /// The message was delivered.
    pub fn set_reported(&mut self, reported: Reported) {
        self.reported = reported;
        self.resolved_unreported.clear();
    }

    /// The alerts as an earlier process kept them; of a damaged text, none.
    #[must_use]
    pub fn of_stored(stored: &[u8]) -> Self {
        let stored: Stored = serde_json::from_slice(stored).unwrap_or_default();
        Self {
            seen: stored.seen,
            open: stored.open.into_iter().collect(),
            reported: stored.reported.into_iter().collect(),
            resolved_unreported: stored.resolved_unreported.into_iter().collect(),
            conditions: stored.conditions,
        }
    }

    /// The text (JSON) by which the next process knows them.
    #[must_use]
    pub fn to_stored(&self) -> Vec<u8> {
        let stored = Stored {
            seen: self.seen,
            open: self.open.clone().into_iter().collect(),
            reported: self.reported.clone().into_iter().collect(),
            resolved_unreported: self.resolved_unreported.clone().into_iter().collect(),
            conditions: self.conditions.clone(),
        };
        serde_json::to_vec(&stored).expect("texts and numbers are JSON")
    }
}

fn line(key: &AlertKey, count: u64, detail: Option<String>) -> AlertLine {
    AlertLine { kind: key.0, schedule: key.1.clone(), count, detail }
}

fn text(firing: &[AlertLine], resolved: &[AlertLine]) -> String {
    let whose =
        |line: &AlertLine| if line.schedule.is_empty() { String::new() } else { format!("{}: ", line.schedule) };
    let mut lines = Vec::with_capacity(firing.len() + resolved.len());
    for line in firing {
        let because = line.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let times = if line.count == 1 { String::new() } else { format!(" ({}×)", line.count) };
        lines.push(format!("tickler: {}{}{times}{because}", whose(line), line.kind.words()));
    }
    for line in resolved {
        lines.push(format!("tickler: {}over: {}", whose(line), line.kind.words()));
    }
    lines.join("\n")
}

/// Whether the person wants something that somebody at the front desk has to arrange.
const fn needs_the_desk(outcome: CallOutcome) -> bool {
    match outcome {
        CallOutcome::Declined | CallOutcome::Reschedule => true,
        CallOutcome::Confirmed
        | CallOutcome::OptedOut
        | CallOutcome::WrongNumber
        | CallOutcome::Answered
        | CallOutcome::Transferred
        | CallOutcome::Voicemail
        | CallOutcome::Unknown
        | CallOutcome::NoAnswer
        | CallOutcome::Busy
        | CallOutcome::Failed
        | CallOutcome::Suppressed
        | CallOutcome::Unreported => false,
    }
}

#[cfg(test)]
mod tests;
