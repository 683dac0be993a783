//! shell: the lanes: for each schedule that may send, its opened target with resolved secrets.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use super::SenderParts;
use crate::attempt::TargetAddress;
use crate::ledger::Lane;
use crate::ledger::gate::GateSubject;
use crate::reminder::ReminderId;
use crate::schedule::{Schedule, ScheduleMode};
use crate::settings::Rate;
use crate::targets::{self, Target};

/// The rate of an account that the settings don't contain: 95 requests a minute.
const DEFAULT_RATE: Rate = Rate::Every { interval_us: 631_579 };

/// The open lanes by the names of their schedules.
pub(super) type Lanes = BTreeMap<String, Arc<OpenLane>>;

/// The opened target of one schedule.
pub(super) struct OpenLane {
    pub(super) schedule: Arc<Schedule>,
    pub(super) target: Box<dyn Target>,
    pub(super) credentials: String,
    pub(super) accepted_by: Option<String>,
    pub(super) address: TargetAddress,
    /// The target's origin if its host is a name, which is resolved before anything is sent.
    pub(super) named_origin: Option<String>,
    pub(super) account: String,
    pub(super) rate: Rate,
    /// Reminders whose contact exists there under an unknown id: their next contact step searches for it. Kept in memory
    /// only: after a restart, creating the contact is refused once more, and then it is searched for.
    searching: Mutex<HashSet<ReminderId>>,
}

/// Opens the targets of the schedules that are enabled and live; returns the lanes, and by schedule why its target can't be opened.
pub(super) fn open(
    schedules: &BTreeMap<String, Arc<Schedule>>,
    parts: &SenderParts,
) -> (Lanes, BTreeMap<String, String>) {
    let mut lanes = Lanes::new();
    let mut problems = BTreeMap::new();
    let sends = |schedule: &Schedule| schedule.enabled && schedule.mode == ScheduleMode::Live;
    for (name, schedule) in schedules.iter().filter(|(_, schedule)| sends(schedule)) {
        match OpenLane::open(schedule, parts) {
            Ok(lane) => drop(lanes.insert(name.clone(), Arc::new(lane))),
            Err(problem) => drop(problems.insert(name.clone(), problem)),
        }
    }
    (lanes, problems)
}

fn named(origin: &str) -> Option<String> {
    let url = url::Url::parse(origin).ok()?;
    matches!(url.host(), Some(url::Host::Domain(_))).then(|| origin.to_owned())
}

impl OpenLane {
    pub(super) fn open(schedule: &Arc<Schedule>, parts: &SenderParts) -> Result<Self, String> {
        let name = schedule.target.account();
        let account = parts.env.accounts.get(name);
        let target = targets::open(schedule, account, &parts.env.secrets).map_err(|problem| problem.to_string())?;
        if parts.env.clock.is_shifted() && !target.is_loopback() {
            let origin = target.origin();
            return Err(format!(
                "{origin} is not on this machine: with a time given by --now nothing is sent to other hosts"
            ));
        }
        Ok(Self {
            schedule: Arc::clone(schedule),
            credentials: target.credentials(),
            accepted_by: target.accepted_by(),
            address: target.address(),
            named_origin: named(&target.origin()),
            target,
            account: name.to_owned(),
            rate: account.map_or(DEFAULT_RATE, |account| account.rate),
            searching: Mutex::default(),
        })
    }

    /// The lane as the ledger takes it as an argument, with this number of free slots.
    pub(super) fn with_free(&self, free: u32) -> Lane {
        Lane {
            schedule: self.schedule.name.clone(),
            account: self.account.clone(),
            rate: self.rate,
            free,
            needs_contact: self.target.needs_contact(),
            credentials: self.credentials.clone(),
        }
    }

    /// The lane as the gate takes it as an argument.
    pub(super) fn subject(&self) -> GateSubject<'_> {
        GateSubject {
            schedule: &self.schedule.name,
            account: &self.account,
            credentials: Some(&self.credentials),
            is_enabled: self.schedule.enabled,
        }
    }

    /// The account's interval between two requests: the maximum time that its rate alone delays one.
    pub(super) fn rate_interval(&self) -> jiff::SignedDuration {
        match self.rate {
            Rate::Every { interval_us } => jiff::SignedDuration::from_micros(interval_us),
            Rate::Unlimited => jiff::SignedDuration::ZERO,
        }
    }

    pub(super) fn is_searching(&self, reminder: ReminderId) -> bool {
        self.searching.lock().expect(super::UNPOISONED).contains(&reminder)
    }

    pub(super) fn set_searching(&self, reminder: ReminderId, search_next: bool) {
        let mut searching = self.searching.lock().expect(super::UNPOISONED);
        if search_next {
            searching.insert(reminder);
        } else {
            searching.remove(&reminder);
        }
    }
}
