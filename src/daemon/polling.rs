//! shell: asks accounts for the records of calls that nobody reported: the report was never set up, or was lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::runs::Daemon;
use crate::ledger::{CanariesAsk, Outbox, Outcomes, RecordOrigin, RecordedCall, ReminderAsk};
use crate::outcome::CallFacts;
use crate::outcome::polling::PollTerms;
use crate::outcome::signs::AcceptedCall;
use crate::reminder::State;
use crate::schedule::Schedule;
use crate::settings::Rate;
use crate::targets::account::AccountApi;
use crate::verbs::outcome::records::RecordsOf;
use crate::verbs::outcome::terms;

/// How often it is checked whether a poll is due.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Maximum pages of one poll; each takes a slot of the account's rate.
const MAX_PAGES: usize = 20;

/// Records on one page.
const PAGE_SIZE: usize = 50;

/// Who brought an outcome that a poll found, in the audit log.
const FOUND_BY_POLL: &str = crate::notify::FOUND_BY_POLL;

/// The same where no schedule of the account has a secret: nothing could have been posted.
const POLL_ALONE: &str = "poll (nothing is posted)";

/// When each schedule's account is polled next.
#[derive(Default)]
struct PollState {
    /// The pause that goes on.
    pause: Option<Duration>,
    /// The earliest time of the next poll (monotonic).
    next_at: Duration,
}

/// Runs until it is dropped.
pub async fn keep(daemon: Arc<Daemon>) {
    let mut states: BTreeMap<String, PollState> = BTreeMap::new();
    loop {
        let folder = daemon.app.folder();
        for schedule in folder.schedules.values() {
            daemon.poll_if_due(schedule, &mut states).await;
        }
        daemon.app.env.clock.sleep(CHECK_INTERVAL).await;
    }
}

impl Daemon {
    async fn poll_if_due(&self, schedule: &Arc<Schedule>, states: &mut BTreeMap<String, PollState>) {
        let Some((agent, poll)) = schedule.outcome.as_ref().and_then(|_| terms::poll_of(&self.app, schedule)) else {
            return;
        };
        let clock = &self.app.env.clock;
        if states.get(&schedule.name).is_some_and(|state| state.next_at > clock.monotonic()) {
            return;
        }
        if !self.is_anything_missing(schedule, &poll).await {
            states.remove(&schedule.name);
            return;
        }
        let has_found = match self.poll_account(schedule, &agent).await {
            Ok(found) => found > 0,
            Err(why) => {
                tracing::warn!(
                    schedule = schedule.name,
                    why,
                    "records of calls could not be asked for; it is tried again"
                );
                false
            }
        };
        let state = states.entry(schedule.name.clone()).or_default();
        let pause = poll.pause_after(state.pause, has_found);
        (state.pause, state.next_at) = (Some(pause), clock.monotonic() + pause);
    }

    /// Whether a call of it has waited too long for its report, or is of unknown fate. A ledger that can't be read has an
    /// alert of its own.
    async fn is_anything_missing(&self, schedule: &Schedule, poll: &PollTerms) -> bool {
        let now = self.now();
        let since = now.checked_sub(poll.report_within).unwrap_or(Timestamp::MIN);
        let awaited = |call: &AcceptedCall| {
            call.schedule == schedule.name && call.outcome.is_none() && poll.asks_for(call.at, now)
        };
        if self.ledger.accepted_calls(since).await.is_ok_and(|calls| calls.iter().any(awaited)) {
            return true;
        }
        let awaited = self.ledger.canaries(CanariesAsk::Waiting).await.unwrap_or_default();
        if awaited.iter().any(|canary| canary.schedule == schedule.name && poll.asks_for(canary.sent_at, now)) {
            return true;
        }
        let (name, states) = (Some(schedule.name.clone()), vec![State::Uncertain]);
        let ask = ReminderAsk { schedule: name, states, ..ReminderAsk::default() };
        let uncertain = self.ledger.reminders(ask).await.unwrap_or_default();
        uncertain.iter().any(|row| poll.asks_for(row.updated_at, now))
    }

    /// Asks for the latest records; returns how many said something new.
    async fn poll_account(&self, schedule: &Arc<Schedule>, agent: &str) -> Result<usize, String> {
        let (app, account) = (&self.app, schedule.target.account());
        let settings = app.settings.accounts.get(account);
        let api = AccountApi::open(account, settings, &app.settings.secrets).map_err(|error| error.message)?;
        if app.env.clock.is_shifted() && !api.is_loopback() {
            return Err("with a time given by --now no other host is asked".to_owned());
        }
        let Some(spec) = &schedule.outcome else { return Ok(0) };
        let records_of = RecordsOf::new(app, schedule, spec, RecordOrigin::Polled, self.poller_of(account));
        let mut found = 0;
        for page in 0..MAX_PAGES {
            if !self.has_room_for_poll(schedule).await? {
                break;
            }
            let records = api.records(&app.env.http, agent, (page, PAGE_SIZE)).await.map_err(|error| error.message)?;
            for record in &records {
                let now = self.now();
                let record = records_of.record(CallFacts::of(record, &spec.places, now), now);
                found += usize::from(self.take_polled(record).await?);
            }
            if records.len() < PAGE_SIZE {
                break;
            }
        }
        Ok(found)
    }

    /// Takes a slot of the account's rate, unless somebody waits to be called with it.
    async fn has_room_for_poll(&self, schedule: &Schedule) -> Result<bool, String> {
        let (app, account) = (&self.app, schedule.target.account());
        let folder = app.folder();
        let of_account = folder.schedules.values().filter(|other| other.target.account() == account);
        let names: Vec<String> = of_account.map(|other| other.name.clone()).collect();
        let next = self.ledger.next_due(names).await.map_err(|error| error.to_string())?;
        if next.is_some_and(|next| next <= self.now()) {
            return Ok(false);
        }
        let rate = app.settings.accounts.get(account).map_or(Rate::Unlimited, |account| account.rate);
        while let Some(next) =
            self.ledger.take_slot(account, rate, self.now()).await.map_err(|error| error.to_string())?
        {
            let wait = Duration::try_from(self.now().duration_until(next)).unwrap_or_default();
            app.env.clock.sleep(wait).await;
        }
        Ok(true)
    }

    /// Whether it said something new.
    async fn take_polled(&self, record: RecordedCall) -> Result<bool, String> {
        let taken = self.ledger.take_report(record).await.map_err(|error| error.to_string())?;
        let is_new = taken.reminder.is_ok() && !taken.is_duplicate && (taken.outcome.is_some() || taken.is_proof);
        if let (true, Some(sender)) = (is_new, &self.app.sender) {
            sender.nudge();
        }
        Ok(is_new)
    }

    /// Who brings what a poll finds, in the audit log.
    fn poller_of(&self, account: &str) -> &'static str {
        let folder = self.app.folder();
        let mut of_account = folder.schedules.values().filter(|schedule| schedule.target.account() == account);
        let is_posted =
            of_account.any(|schedule| schedule.outcome.as_ref().is_some_and(|spec| !spec.secrets.is_empty()));
        if is_posted { FOUND_BY_POLL } else { POLL_ALONE }
    }
}
