//! pure: what the ledger is asked about schedules and runs, and what it answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attempt::TargetAddress;
use crate::plan::{ComparableRuns, Plan, Rehearsed};
use crate::reminder::{CallKind, ReminderId, RunFailure, RunId, RunKind, RunState};
use crate::schedule::{Merging, Schedule, ScheduleMode};

/// A schedule as loaded.
#[derive(Debug, Clone)]
pub struct LoadedSchedule {
    /// The schedule's name.
    pub name: String,
    /// The cron line as written.
    pub cron: String,
    /// IANA.
    pub timezone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// SHA-256, hex.
    pub text_hash: String,
    /// The file's text.
    pub text: String,
    /// Loading (UTC).
    pub now: Timestamp,
    /// Who loaded it.
    pub actor: String,
}

impl LoadedSchedule {
    /// The schedule as somebody (`actor`) loaded it at `now` (UTC).
    #[must_use]
    pub fn of(schedule: &Schedule, now: Timestamp, actor: &str) -> Self {
        Self {
            name: schedule.name.clone(),
            cron: schedule.cron.clone(),
            timezone: schedule.zone.name().to_owned(),
            enabled: schedule.enabled,
            text_hash: schedule.text_hash.clone(),
            text: schedule.text.clone(),
            now,
            actor: actor.to_owned(),
        }
    }
}

/// What the ledger knows of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleStanding {
    /// The schedule's name.
    pub name: String,
    /// Nominal times up to and including this were dealt with (UTC).
    pub cursor: Timestamp,
    /// The last evaluation, run or trigger (UTC).
    pub previous_evaluation: Option<Timestamp>,
    /// The version that was loaded last.
    pub text_hash: String,
}

/// A run begins.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// A new id.
    pub id: RunId,
    /// The schedule's name.
    pub schedule: String,
    /// Its nominal time (UTC).
    pub nominal_at: Timestamp,
    /// What brought it about.
    pub kind: RunKind,
    /// When the run started (UTC).
    pub started_at: Timestamp,
    /// The schedule's version.
    pub text_hash: String,
    /// Its text.
    pub text: String,
    /// The version of the zones' rules, such as `2026f (bundled)`.
    pub zone_rules: String,
    /// The user or component that did it.
    pub actor: String,
}

/// What a read of a run's source came to.
#[derive(Debug, Clone)]
pub enum RunEnd {
    /// Evaluated; the plan may be held.
    Planned(Box<Plan>),
    /// A held run was approved and evaluated again; the plan may be held by another guard.
    Approved {
        /// What it decided this time.
        plan: Box<Plan>,
        /// The reason given for the approval.
        reason: Option<String>,
    },
    /// Its source could not be read, or something else broke; a sentence.
    Failed(String),
    /// A read of its source did not come back and was given up; a sentence.
    Stuck(String),
    /// Its source can't be read yet, and is tried again; a sentence.
    Waiting(String),
    /// Its source was read again before a late send: what is pending is renewed or cancelled, nobody new is planned, and the
    /// run stays over.
    ReadAgain(Box<Plan>),
}

/// The end of a run.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The run's id.
    pub id: RunId,
    /// When the run ended (UTC).
    pub finished_at: Timestamp,
    /// What it came to.
    pub end: RunEnd,
    /// Hash or version of what was read.
    pub source_fingerprint: Option<String>,
    /// When the source was read (UTC).
    pub read_at: Timestamp,
    /// What the rows of new reminders take from their schedule.
    pub terms: ReminderTerms,
    /// The user or component that did it.
    pub actor: String,
}

/// What a reminder takes from its schedule when it is planned.
#[derive(Debug, Clone)]
pub struct ReminderTerms {
    /// The account whose people and rate it shares.
    pub account: String,
    /// The calling hours as written: `08:00-21:00`.
    pub calling_hours: String,
    /// Over all schedules of the account.
    pub max_per_person_per_day: u32,
    /// Where the target sends now; `None` when it isn't known (a secret isn't set).
    pub target: Option<TargetAddress>,
    /// Whether its calls are made.
    pub mode: ScheduleMode,
    /// Whether several appointments share a call.
    pub merge: Merging,
}

impl ReminderTerms {
    /// The terms of a schedule whose target sends to this address.
    #[must_use]
    pub fn of(schedule: &Schedule, target: Option<TargetAddress>) -> Self {
        Self {
            account: schedule.target.account().to_owned(),
            calling_hours: schedule.remind.calendar().to_string(),
            max_per_person_per_day: schedule.remind.max_per_person_per_day,
            target,
            mode: schedule.mode,
            merge: schedule.remind.merge,
        }
    }
}

/// What the ledger made of a plan.
#[derive(Debug, Clone, Default)]
pub struct RecordedRun {
    /// The plan's reminders that stand now, with their ids (new, pending, returned).
    pub reminders: Vec<ReminderId>,
    /// Planned, but another schedule was faster: `person_limit` or already reminded.
    pub overruled: Vec<ReminderId>,
    /// How many would have been called, in shadow mode.
    pub shadowed: u64,
    /// Cancelled on evidence, or pending until now for a person who has had the calls of that day.
    pub cancelled: Vec<ReminderId>,
}

/// A run as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// The run's id.
    pub id: RunId,
    /// The schedule's name.
    pub schedule: String,
    /// Its nominal time (UTC).
    pub nominal_at: Timestamp,
    /// What brought it about.
    pub kind: RunKind,
    /// When the run started (UTC).
    pub started_at: Timestamp,
    /// When the run ended (UTC).
    pub finished_at: Option<Timestamp>,
    /// Its state.
    pub state: RunState,
    /// Rows by fate.
    pub counts: crate::plan::Counts,
    /// Skips by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Why it failed, is held or waits.
    pub detail: Option<String>,
    /// The schedule's version.
    pub text_hash: String,
    /// The zone rules' version.
    pub zone_rules: String,
    /// When the source was read (UTC).
    pub read_at: Option<Timestamp>,
    /// How many times the service died while it was being evaluated.
    #[serde(default)]
    pub crashes: u32,
    /// How many rows its windows held; `None` when it was of one appointment alone or read nothing.
    #[serde(default)]
    pub in_window: Option<u64>,
    /// Hash or version of what was read last.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The guards that hold it, or that it was approved in spite of.
    #[serde(default)]
    pub guards: Vec<String>,
    /// Why it failed, where more than its detail depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RunFailure>,
}

/// A person ends a held run.
#[derive(Debug, Clone)]
pub struct RejectRun {
    /// The run.
    pub id: RunId,
    /// The reason given.
    pub reason: String,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The user or component that did it.
    pub actor: String,
}

/// The detail of a run that was skipped because of a pause, or because its schedule is disabled.
pub const SKIPPED_BY_PAUSE: &str = "paused";

/// The detail of a run that was skipped because the run before it was still under way.
pub const SKIPPED_BY_OVERLAP: &str = "overlap";

/// How the detail of a run begins that a person ended: the reason given follows.
pub const REJECTED: &str = "rejected: ";

/// Why a run was skipped. Its detail is the only place where a ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhySkipped {
    /// A pause, or a schedule that is switched off.
    Paused,
    /// The run before it was still under way.
    Overlap,
    /// Guards held it, and a person ended it.
    Rejected,
    /// A word that this version doesn't know.
    Unknown,
}

impl RunRow {
    /// Whether it came to an evaluation, or waits for one: what [`RunsAsk::LatestEvaluated`] looks for.
    #[must_use]
    pub const fn was_evaluated(&self) -> bool {
        match self.state {
            RunState::Waiting | RunState::Done | RunState::Held | RunState::Failed => true,
            RunState::Running | RunState::Missed | RunState::Skipped => false,
        }
    }

    /// Why it was skipped; `None` for a run in another state.
    #[must_use]
    pub fn why_skipped(&self) -> Option<WhySkipped> {
        let detail = self.detail.as_deref().unwrap_or_default();
        match self.state {
            RunState::Skipped if detail.starts_with(REJECTED) => Some(WhySkipped::Rejected),
            RunState::Skipped if detail == SKIPPED_BY_OVERLAP => Some(WhySkipped::Overlap),
            RunState::Skipped if detail == SKIPPED_BY_PAUSE => Some(WhySkipped::Paused),
            RunState::Skipped => Some(WhySkipped::Unknown),
            RunState::Running
            | RunState::Waiting
            | RunState::Done
            | RunState::Failed
            | RunState::Held
            | RunState::Missed => None,
        }
    }

    /// Whether a pause skipped this nominal time: then a catch-up run may follow.
    #[must_use]
    pub fn was_skipped_by_pause(&self) -> bool {
        self.why_skipped() == Some(WhySkipped::Paused)
    }
}

/// What to load for a plan.
#[derive(Debug, Clone)]
pub struct KnowledgeAsk {
    /// The schedule's name.
    pub schedule: String,
    /// The schedule's account.
    pub account: String,
    /// Where the schedule's target sends now; `None` when it isn't known.
    pub target: Option<TargetAddress>,
    /// Half-open ranges of starts (UTC).
    pub windows: Vec<(Timestamp, Timestamp)>,
    /// Calendar days of due times that may be asked for, first and last.
    pub due_days: (jiff::civil::Date, jiff::civil::Date),
    /// Whether the schedule's calls are made. In shadow mode the calls that other schedules would have made count, too.
    pub mode: ScheduleMode,
    /// What becomes of the calls that its runs in shadow mode would have made.
    pub rehearsed: Rehearsed,
    /// Evaluations after this count for nothing (UTC): they were rehearsals of days to come, or the clock was set back.
    pub now: Timestamp,
    /// First sights of appointments that start at or after this (UTC); `None`: of none.
    pub first_sights_from: Option<Timestamp>,
    /// The earlier runs that say how many rows are usual.
    pub comparable: ComparableRuns,
    /// Persons' calls of this kind alone are counted.
    pub kind: CallKind,
}

impl KnowledgeAsk {
    /// What is known of a schedule's appointments that start after this (UTC), and its pending reminders.
    #[must_use]
    pub fn about_all_ahead(schedule: &Schedule, target: Option<TargetAddress>, from: Timestamp) -> Self {
        let day = schedule.zone.date(from);
        Self {
            schedule: schedule.name.clone(),
            account: schedule.target.account().to_owned(),
            target,
            windows: vec![(from, Timestamp::MAX)],
            due_days: (day, day),
            mode: schedule.mode,
            rehearsed: Rehearsed::CountAsMade,
            now: from,
            first_sights_from: None,
            comparable: ComparableRuns::default(),
            kind: schedule.remind.leads.first().kind(),
        }
    }
}

/// The appointments for which the latest start is asked for that somebody was called about.
#[derive(Debug, Clone)]
pub struct LastCalledAsk {
    /// The schedule's name.
    pub schedule: String,
    /// The appointments' ids.
    pub appointments: Vec<String>,
    /// Where the schedule's target sends now: what a sandbox accepted at another address called nobody.
    pub target: Option<TargetAddress>,
}

/// The runs that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunsAsk {
    /// The run with this id.
    Id(RunId),
    /// Up to ten runs whose id begins with this.
    Beginning(String),
    /// The runs that are under way or waiting, oldest first.
    Open,
    /// The runs that a guard holds, oldest first.
    Held,
    /// The latest run of each of these schedules, of any kind.
    Latest(Vec<String>),
    /// The latest run of each of these schedules that read its source or tried to: neither missed nor skipped.
    LatestEvaluated(Vec<String>),
    /// A schedule's runs of the nominal times from the first to the last (UTC), without triggers and requests.
    Nominal {
        /// The schedule's name.
        schedule: String,
        /// The first (UTC).
        first: Timestamp,
        /// The last (UTC).
        last: Timestamp,
    },
    /// The same, and the triggers and requests that began in that time, in the order of their nominal times.
    Days {
        /// The schedule's name.
        schedule: String,
        /// The first (UTC).
        first: Timestamp,
        /// The last (UTC).
        last: Timestamp,
    },
}

/// Nominal times that are not evaluated.
#[derive(Debug, Clone)]
pub struct PassedOver {
    /// The schedule's name.
    pub schedule: String,
    /// The earlier ones of many: one row for all that share a reason.
    pub folded: Vec<FoldedTimes>,
    /// Each with its state (`missed` or `skipped`) and a word (`paused`, `overlap`, `down`).
    pub times: Vec<(Timestamp, RunState, String)>,
    /// Where the cursor stands afterwards (UTC); may lie before the present one.
    pub cursor: Timestamp,
    /// The current instant (UTC).
    pub now: Timestamp,
}

/// Nominal times that were passed over for one reason, recorded by one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldedTimes {
    /// The first (UTC).
    pub first: Timestamp,
    /// The last (UTC).
    pub last: Timestamp,
    /// How many.
    pub count: u64,
    /// `missed` or `skipped`.
    pub state: RunState,
    /// `paused`, `overlap` or `down`.
    pub why: &'static str,
}
