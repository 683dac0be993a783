//! shell: the dispatcher polls the ledger for reminders that are due, sends them, waits, and polls again. Before it ends,
//! it lets the requests in flight finish and settles them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::backoff::{Backoff, FIRST_FAILURE_PAUSE};
use super::batches::Batches;
use super::final_check::Readings;
use super::fresh_reads::FreshReads;
use super::lanes::Lanes;
use super::names::BAD_FOR;
use super::send::{self, FinishedStep, Tools};
use super::wakeup::{Wakeup, pause, soonest};
use super::{DeliveryScope, Sender, retry};
use crate::attempt::Intent;
use crate::ledger::{Lane, LedgerError, LedgerResult, Machine, Outbox, ReminderAsk, TakeIntents};
use crate::reminder::State;

/// A reminder whose source was last read longer ago is sent only after a fresh read.
const FRESH_FOR: Duration = Duration::from_secs(15 * 60);

/// How often the dispatcher asks again while nobody may be called, and it isn't told when that ends.
const HELD_POLL: Duration = Duration::from_secs(1);

/// A poll that took longer delays the next nudge. This happens when thousands of schedules have something pending.
const LONG_POLL: Duration = Duration::from_millis(20);

/// The delay of a nudge as a multiple of the last poll's duration, at most [`FIRST_FAILURE_PAUSE`]: the ledger's writer
/// needs time for the runs that nudge.
const NUDGE_DELAY_FACTOR: u32 = 4;

/// When a dispatcher ends.
pub(super) enum Until<'a> {
    /// When the value turns true or its sender is dropped.
    Stopped(watch::Receiver<bool>),
    /// When everything of the scope is settled, or not due before the deadline.
    Settled { scope: &'a DeliveryScope, deadline: Timestamp },
}

/// Sends what is due, until its end.
pub(super) struct Dispatcher<'a> {
    pub(super) sender: &'a Sender,
    until: Until<'a>,
    pub(super) tools: Tools,
    sends: JoinSet<FinishedStep>,
    reads: FreshReads,
    /// The number of requests that are not settled yet, by schedule. Each takes one of the schedule's slots.
    in_flight: HashMap<String, u32>,
    /// Requests that ended and are not settled yet, including those that the ledger failed to settle. Nothing new is sent
    /// before they are settled.
    pub(super) ended: Vec<FinishedStep>,
    /// What the log reports of a service's calls. Empty for a `deliver`, whose answer reports them.
    pub(super) batches: Batches,
    backoff: Backoff,
    /// How long the last poll took.
    poll_took: Duration,
}

/// The result of a poll of the ledger.
struct Poll {
    /// The number of requests that were started.
    started: usize,
    /// When to poll again.
    again: Wakeup,
    /// Whether a schedule has all its slots in use: when a request ends there may be more to send.
    is_full: bool,
    /// Whether nobody may be called, of any schedule.
    is_held: bool,
}

impl Poll {
    /// It started nothing, since no slot is free.
    const fn idle(again: Wakeup, is_full: bool) -> Self {
        Self { started: 0, again, is_full, is_held: false }
    }
}

/// Why a wait ended.
enum WokenBy {
    /// There may be something to do.
    Poll,
    /// The dispatcher is to end.
    End,
}

impl<'a> Dispatcher<'a> {
    pub(super) fn new(sender: &'a Sender, outbox: Arc<dyn Outbox>, until: Until<'a>) -> Self {
        let tools = Tools::new(sender, outbox);
        Self {
            sender,
            until,
            tools,
            sends: JoinSet::new(),
            reads: FreshReads::default(),
            in_flight: HashMap::new(),
            ended: Vec::new(),
            batches: Batches::default(),
            backoff: Backoff::default(),
            poll_took: Duration::ZERO,
        }
    }

    /// Runs until the dispatcher is to end, then drains it.
    pub(super) async fn work(mut self) -> LedgerResult<()> {
        let ended = self.work_until_end().await;
        self.drain().await?;
        ended
    }

    async fn work_until_end(&mut self) -> LedgerResult<()> {
        while !self.is_to_stop() {
            let before = self.tools.clock.monotonic();
            let poll = match self.poll().await {
                Ok(poll) => poll,
                Err(failure) => self.after_failure(failure)?,
            };
            self.poll_took = self.tools.clock.monotonic().saturating_sub(before);
            self.sender.note_progress();
            if self.is_over(&poll).await? {
                return Ok(());
            }
            match self.wait(poll).await {
                WokenBy::Poll => {}
                WokenBy::End => return Ok(()),
            }
        }
        Ok(())
    }

    fn is_to_stop(&self) -> bool {
        match &self.until {
            Until::Stopped(stop) => *stop.borrow() || stop.has_changed().is_err(),
            Until::Settled { .. } => self.sender.is_stopping(),
        }
    }

    /// The ledger failed: a service retries after a pause, a `deliver` ends with the error.
    fn after_failure(&mut self, failure: LedgerError) -> LedgerResult<Poll> {
        match &self.until {
            Until::Settled { .. } => Err(failure),
            Until::Stopped(_) => {
                let pause = self.backoff.after_failure();
                tracing::error!(%failure, ?pause, "the ledger failed: nothing is sent until a retry succeeds");
                Ok(Poll::idle(Wakeup::In(pause), false))
            }
        }
    }

    /// Takes an intent for every free slot and starts its request.
    async fn poll(&mut self) -> LedgerResult<Poll> {
        let lanes = self.sender.lanes();
        let mut free = self.free_lanes(&lanes);
        if free.is_empty() {
            self.settle().await?;
            return Ok(Poll::idle(Wakeup::Nothing, !lanes.is_empty()));
        }
        let machine = self.sender.brake.machine();
        // while this machine keeps everybody from being called, not even a name is looked up
        let dns_retry = match machine == Machine::default() {
            true => self.drop_unresolvable(&lanes, &mut free).await?,
            false => Wakeup::Nothing,
        };
        if free.is_empty() {
            self.settle().await?;
            return Ok(Poll::idle(dns_retry, false));
        }
        let only = match &self.until {
            Until::Settled { scope, .. } => scope.only.clone(),
            Until::Stopped(_) => None,
        };
        // read before the commit: the check before the first byte compares with these
        let readings = self.sender.brake.readings();
        let now = readings.now;
        let actor = self.tools.actor.to_string();
        let ask = TakeIntents { now, lanes: free, only, fresh_for: FRESH_FOR, machine, actor };
        let taken = self.settle_and_take(Some(ask)).await?;
        if taken.expired > 0 {
            tracing::warn!(expired = taken.expired, "reminders expired before they could be sent");
        }
        if taken.held.is_some() {
            return Ok(Poll { is_held: true, ..Poll::idle(Wakeup::In(HELD_POLL), false) });
        }
        let started = taken.intents.len();
        for intent in taken.intents {
            self.start(&lanes, intent, readings);
        }
        self.report_ended_batches().await;
        let reads = self.reads.start(self.sender, &lanes, taken.stale);
        let again = soonest(taken.wake_at.map_or(Wakeup::Nothing, Wakeup::At), soonest(reads, dns_retry, now), now);
        let again = self.backoff.after_poll(started, again, now);
        Ok(Poll { started, again, is_full: self.is_full(&lanes), is_held: false })
    }

    /// Removes the lanes whose target's host name cannot be resolved; returns when those names are resolved again. A name
    /// is resolved only when a reminder of its lane is due.
    async fn drop_unresolvable(&self, lanes: &Lanes, free: &mut Vec<Lane>) -> LedgerResult<Wakeup> {
        let names = &self.sender.names;
        let origin = |lane: &Lane| lanes.get(&lane.schedule).and_then(|open| open.named_origin.as_ref());
        let now = self.tools.clock.monotonic();
        let stale: Vec<&Lane> =
            free.iter().filter(|lane| origin(lane).is_some_and(|it| names.is_stale(it, now))).collect();
        if !stale.is_empty() {
            let schedules: Vec<String> = stale.iter().map(|lane| lane.schedule.clone()).collect();
            let is_due = self.tools.outbox.next_due(schedules).await?.is_some_and(|due| due <= self.tools.clock.now());
            if is_due {
                let origins: BTreeSet<String> = stale.iter().filter_map(|lane| origin(lane)).cloned().collect();
                let origins: Vec<String> = origins.into_iter().collect();
                names.resolve(&origins, &self.tools.http, &self.tools.clock).await;
            }
        }
        let before = free.len();
        free.retain(|lane| origin(lane).is_none_or(|it| names.problem(it).is_none()));
        Ok(if free.len() == before { Wakeup::Nothing } else { Wakeup::In(BAD_FOR) })
    }

    /// The lanes in scope with a free slot, counting the slots that the next settling releases.
    fn free_lanes(&self, lanes: &Lanes) -> Vec<Lane> {
        let mut unsettled: HashMap<&str, u32> = HashMap::new();
        self.ended.iter().for_each(|ended| *unsettled.entry(&ended.schedule).or_default() += 1);
        let in_scope = |name: &str| match &self.until {
            Until::Stopped(_) => true,
            Until::Settled { scope, .. } => scope.schedule == name,
        };
        let with_free = lanes.iter().filter(|(name, _)| in_scope(name)).map(|(name, lane)| {
            let unsettled = unsettled.get(name.as_str()).copied().unwrap_or(0);
            lane.with_free(self.free(name, lane.schedule.delivery.max_in_flight.saturating_add(unsettled)))
        });
        with_free.filter(|lane| lane.free > 0).collect()
    }

    fn free(&self, schedule: &str, max_in_flight: u32) -> u32 {
        max_in_flight.saturating_sub(self.in_flight.get(schedule).copied().unwrap_or(0))
    }

    fn is_full(&self, lanes: &Lanes) -> bool {
        let max_in_flight = |name: &String| lanes.get(name).map(|lane| lane.schedule.delivery.max_in_flight);
        self.in_flight.keys().any(|name| max_in_flight(name).is_some_and(|max| self.free(name, max) == 0))
    }

    fn start(&mut self, lanes: &Lanes, intent: Intent, readings: Readings) {
        let Some(lane) = lanes.get(&intent.schedule) else {
            tracing::error!(
                schedule = intent.schedule,
                "internal error: an intent was taken for a schedule that wasn't asked for"
            );
            return;
        };
        *self.in_flight.entry(intent.schedule.clone()).or_default() += 1;
        if matches!(self.until, Until::Stopped(_)) {
            self.batches.begin(&intent.schedule);
        }
        self.sends.spawn(send::send(Arc::clone(lane), intent, readings, self.tools.clone()));
    }

    /// Whether a `deliver` has nothing more to do. While requests or fresh reads are under way it has. Then the next poll
    /// decides:
    /// - none is due: it is done;
    /// - nobody may be called: it is done;
    /// - it follows a pause (an empty poll, names to be resolved): it is done, unless the pause belongs to the first empty
    ///   polls, after which something may still start;
    /// - it follows at an instant within the account's rate interval: it waits for that instant, unless several polls in a
    ///   row started nothing;
    /// - it follows later: it is done if that is after the deadline.
    async fn is_over(&self, poll: &Poll) -> LedgerResult<bool> {
        let Until::Settled { scope, deadline } = &self.until else { return Ok(false) };
        if poll.started > 0 || !self.sends.is_empty() || !self.reads.is_empty() || !self.ended.is_empty() {
            return Ok(false);
        }
        match poll.again {
            Wakeup::Nothing => Ok(true),
            Wakeup::In(_) => Ok(poll.is_held || !self.backoff.is_trying()),
            Wakeup::At(at) => {
                let lanes = self.sender.lanes();
                let interval = lanes.get(&scope.schedule).map_or(SignedDuration::ZERO, |lane| lane.rate_interval());
                let waits_for_rate_only = at <= retry::after(self.tools.clock.now(), interval);
                let is_blocked = waits_for_rate_only && self.backoff.is_blocked();
                let is_after_deadline = !waits_for_rate_only && at > *deadline;
                if is_blocked || is_after_deadline {
                    return Ok(true);
                }
                self.is_appointment_settled(scope, *deadline).await
            }
        }
    }

    /// Whether, in a scope of one appointment, none of its reminders is due before the deadline. The next poll may be due to the
    /// schedule's other reminders.
    async fn is_appointment_settled(&self, scope: &DeliveryScope, deadline: Timestamp) -> LedgerResult<bool> {
        let Some(only) = &scope.only else { return Ok(false) };
        let ask = ReminderAsk {
            schedule: Some(scope.schedule.clone()),
            appointment_id: Some(only.clone()),
            states: vec![State::Pending],
            ..ReminderAsk::default()
        };
        Ok(self.tools.outbox.reminders(ask).await?.iter().all(|row| row.next_at > deadline))
    }

    /// Waits for the next reason to poll.
    async fn wait(&mut self, poll: Poll) -> WokenBy {
        let clock = Arc::clone(&self.tools.clock);
        let nudge_delay = match self.poll_took > LONG_POLL {
            true => (self.poll_took * NUDGE_DELAY_FACTOR).min(FIRST_FAILURE_PAUSE),
            false => Duration::ZERO,
        };
        let mut again = poll.again;
        let nudged = async {
            if !nudge_delay.is_zero() {
                clock.sleep(nudge_delay).await;
            }
            self.sender.wake.notified().await;
        };
        tokio::pin!(nudged);
        loop {
            let mut stop = match &self.until {
                Until::Stopped(stop) => Some(stop.clone()),
                Until::Settled { .. } => None,
            };
            tokio::select! {
                biased;
                () = stopped(stop.as_mut()) => return WokenBy::End,
                Some(sent) = self.sends.join_next() => {
                    let next_at = self.collect_finished(sent).await;
                    let now = clock.now();
                    if poll.is_full || next_at.is_some_and(|at| at <= now) {
                        return WokenBy::Poll;
                    }
                    if matches!(self.until, Until::Settled { .. }) && self.sends.is_empty() {
                        return WokenBy::Poll;
                    }
                    // the next poll reports why the ledger could not take it
                    if self.settle().await.is_err() {
                        return WokenBy::Poll;
                    }
                    self.report_ended_batches().await;
                    self.sender.note_progress();
                    again = soonest(again, next_at.map_or(Wakeup::Nothing, Wakeup::At), now);
                }
                Some(()) = self.reads.next(self.sender) => {
                    self.backoff.after_read();
                    return WokenBy::Poll;
                }
                () = &mut nudged => return WokenBy::Poll,
                () = pause(clock.as_ref(), again) => return WokenBy::Poll,
            }
        }
    }

    /// Records a request that has ended, and waits briefly for others, so that one commit settles them together. At most half
    /// of the requests are collected: the other half stays in flight during that commit. Returns the earliest time at which
    /// one of them may be retried.
    async fn collect_finished(&mut self, first: Result<FinishedStep, tokio::task::JoinError>) -> Option<Timestamp> {
        let mut next_at = self.record_finished(first);
        let half = (self.ended.len() + self.sends.len()).div_ceil(2);
        let clock = Arc::clone(&self.tools.clock);
        let mut linger = clock.linger();
        while self.ended.len() < half {
            let sent = tokio::select! {
                biased;
                Some(sent) = self.sends.join_next() => sent,
                () = &mut linger => break,
            };
            next_at = next_at.into_iter().chain(self.record_finished(sent)).min();
        }
        while let Some(sent) = self.sends.try_join_next() {
            next_at = next_at.into_iter().chain(self.record_finished(sent)).min();
        }
        next_at
    }

    fn record_finished(&mut self, sent: Result<FinishedStep, tokio::task::JoinError>) -> Option<Timestamp> {
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => {
                // its row stays `sending` and its slot in use until the next start recovers it
                tracing::error!(%error, "internal error: the task of a request ended before it was settled");
                return None;
            }
        };
        self.sender.note_trouble(&sent.schedule, &sent.settlement);
        let next_at = sent.settlement.next_at();
        self.ended.push(sent);
        next_at
    }

    pub(super) fn is_in_flight(&self, schedule: &str) -> bool {
        self.in_flight.contains_key(schedule)
    }

    /// A request is settled: its slot is free.
    pub(super) fn release_slot(&mut self, schedule: &str) {
        let Some(count) = self.in_flight.get_mut(schedule) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.in_flight.remove(schedule);
        }
    }

    /// Waits for the requests in flight and settles each when it ends. Aborts the fresh reads, which leave nothing behind.
    async fn drain(&mut self) -> LedgerResult<()> {
        self.reads.abort();
        // what has ended already is settled before the others end; a failure is returned by the last settling
        let _later = self.settle().await;
        while let Some(sent) = self.sends.join_next().await {
            self.collect_finished(sent).await;
            // what can't be settled now is retried with the next
            let _later = self.settle().await;
        }
        self.settle().await
    }
}

async fn stopped(stop: Option<&mut watch::Receiver<bool>>) {
    match stop {
        // an error means that nobody is left to set it
        Some(stop) => drop(stop.wait_for(|stop| *stop).await),
        None => std::future::pending().await,
    }
}
