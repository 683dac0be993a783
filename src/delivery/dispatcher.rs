//! shell: one round of work: look what is due, send it, wait, look again; drained at its end.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::lanes::Lanes;
use super::last_look::Readings;
use super::names::BAD_FOR;
use super::send::{self, FinishedStep, Tools};
use super::wakeup::{LONGEST_WAIT, Wakeup, pause, sooner, soonest};
use super::{DeliveryScope, Sender, retry};
use crate::attempt::Intent;
use crate::evaluation;
use crate::ledger::{Lane, LedgerError, LedgerResult, Outbox, ReminderAsk, TakeIntents};
use crate::reminder::{RunId, State};

/// A reminder whose source was last read longer ago goes out only after a fresh read.
const FRESH_FOR: Duration = Duration::from_secs(15 * 60);

/// A run's source isn't read again sooner than this for what waits, whatever came of the last read.
pub(super) const BETWEEN_READS: Duration = Duration::from_secs(60);

/// How often the `STOP` file is looked for while it is there.
const STOP_FILE_LOOK: Duration = Duration::from_secs(1);

/// The first pause after a failure of the ledger; it doubles up to [`LONGEST_WAIT`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The pause after a look that should have found something and didn't; it doubles up to [`LONGEST_EMPTY_PAUSE`], so that
/// what is due but can't go (its fresh read fails) becomes no busy loop.
const AFTER_AN_EMPTY_LOOK: Duration = Duration::from_millis(50);

/// What becomes due meanwhile must not wait long.
const LONGEST_EMPTY_PAUSE: Duration = Duration::from_secs(5);

/// So many such looks in a row, and `deliver` takes what is left for blocked.
const EMPTY_LOOKS: u32 = 3;

/// A look that took longer (thousands of lanes have something pending) …
const LONG_LOOK: Duration = Duration::from_millis(20);

/// … makes nudges wait this many times as long, at most [`FIRST_PAUSE`]: the ledger's writer must have room for the runs
/// that nudge.
const ROOM_FOR_RUNS: u32 = 4;

/// When a round ends.
pub(super) enum Until<'a> {
    /// When it is told to.
    Stopped(watch::Receiver<bool>),
    /// When everything of the scope is settled, or not due before the deadline.
    Settled { scope: &'a DeliveryScope, deadline: Timestamp },
}

/// A round of work.
pub(super) struct Round<'a> {
    sender: &'a Sender,
    until: Until<'a>,
    pub(super) tools: Tools,
    sends: JoinSet<FinishedStep>,
    reads: JoinSet<FinishedRead>,
    in_flight: HashMap<String, u32>,
    /// Reads under way, and when (monotonic) a run's source was last read.
    read_at: HashMap<(String, RunId), Duration>,
    reading: HashSet<(String, RunId)>,
    /// Ended and not settled yet: their places are free only when they are. With what the ledger could not take; nothing
    /// new is sent before it has.
    pub(super) ended: Vec<FinishedStep>,
    ledger_pause: Duration,
    /// Looks in a row that should have found something and didn't.
    empty_looks: u32,
    /// Looks in a row that started nothing.
    fruitless_looks: u32,
    /// How long the last look took.
    look_took: Duration,
}

/// A fresh read that is over.
struct FinishedRead {
    of: (String, RunId),
    failure: Option<String>,
}

/// What a look found.
struct Look {
    /// Requests that were started.
    started: usize,
    /// When to look again.
    again: Wakeup,
    /// A lane is as full as it may be: when a request ends there may be more to send.
    is_full: bool,
}

/// What ended a wait.
enum Woken {
    /// There may be something to do.
    Look,
    /// The round is to end.
    End,
}

impl<'a> Round<'a> {
    pub(super) fn new(sender: &'a Sender, ledger: Arc<dyn Outbox>, until: Until<'a>) -> Self {
        let tools = Tools::of(sender, ledger);
        Self {
            sender,
            until,
            tools,
            sends: JoinSet::new(),
            reads: JoinSet::new(),
            in_flight: HashMap::new(),
            read_at: HashMap::new(),
            reading: HashSet::new(),
            ended: Vec::new(),
            ledger_pause: FIRST_PAUSE,
            empty_looks: 0,
            fruitless_looks: 0,
            look_took: Duration::ZERO,
        }
    }

    /// Works until it is to end, then lets what is in flight end and settles it.
    pub(super) async fn work(mut self) -> LedgerResult<()> {
        let ended = self.work_until_end().await;
        self.drain().await?;
        ended
    }

    async fn work_until_end(&mut self) -> LedgerResult<()> {
        while !self.is_told_to_stop() {
            let before = self.tools.clock.monotonic();
            let look = match self.look().await {
                Ok(look) => look,
                Err(failure) => self.after_failure(failure)?,
            };
            self.look_took = self.tools.clock.monotonic().saturating_sub(before);
            self.sender.note_progress();
            if self.is_over(&look).await? {
                return Ok(());
            }
            match self.wait(look).await {
                Woken::Look => {}
                Woken::End => return Ok(()),
            }
        }
        Ok(())
    }

    fn is_told_to_stop(&self) -> bool {
        match &self.until {
            // nobody left to say stop: stop
            Until::Stopped(stop) => *stop.borrow() || stop.has_changed().is_err(),
            Until::Settled { .. } => self.sender.is_stopping(),
        }
    }

    /// The ledger fails: a service pauses and tries again, a `deliver` gives up.
    fn after_failure(&mut self, failure: LedgerError) -> LedgerResult<Look> {
        match &self.until {
            Until::Settled { .. } => Err(failure),
            Until::Stopped(_) => {
                tracing::error!(%failure, pause = ?self.ledger_pause, "the ledger fails: nothing is sent");
                let again = Wakeup::In(self.ledger_pause);
                self.ledger_pause = (self.ledger_pause * 2).min(LONGEST_WAIT);
                Ok(Look { started: 0, again, is_full: false })
            }
        }
    }

    /// Takes intents for every free place and starts their requests.
    async fn look(&mut self) -> LedgerResult<Look> {
        if self.sender.brake.is_stopped() {
            self.settle().await?;
            return Ok(Look { started: 0, again: Wakeup::In(STOP_FILE_LOOK), is_full: false });
        }
        let lanes = self.sender.lanes();
        let mut free = self.free_lanes(&lanes);
        if free.is_empty() {
            self.settle().await?;
            return Ok(Look { started: 0, again: Wakeup::Nothing, is_full: !lanes.is_empty() });
        }
        let nowhere = self.judge_names(&lanes, &mut free).await?;
        if free.is_empty() {
            self.settle().await?;
            return Ok(Look { started: 0, again: nowhere, is_full: false });
        }
        let only = match &self.until {
            Until::Settled { scope, .. } => scope.only.clone(),
            Until::Stopped(_) => None,
        };
        // before the commit: the last look counts from here
        let readings = self.sender.brake.readings();
        let now = readings.now;
        let actor = self.tools.actor.to_string();
        let ask = TakeIntents { now, lanes: free, only, fresh_for: FRESH_FOR, actor };
        let taken = self.settle_and_take(Some(ask)).await?;
        self.ledger_pause = FIRST_PAUSE;
        if taken.expired > 0 {
            tracing::warn!(expired = taken.expired, "reminders expired before they could be sent: nobody was called");
        }
        let started = taken.intents.len();
        self.fruitless_looks = if started == 0 { self.fruitless_looks.saturating_add(1) } else { 0 };
        for intent in taken.intents {
            self.start(&lanes, intent, readings);
        }
        let reads = self.start_reads(&lanes, taken.stale);
        let again = soonest(taken.wake_at.map_or(Wakeup::Nothing, Wakeup::At), soonest(reads, nowhere, now), now);
        Ok(Look { started, again: self.unless_empty(started, again, now), is_full: self.is_full(&lanes) })
    }

    /// Leaves only lanes whose target's name leads somewhere; answers when the others are looked up again. A name is looked
    /// up when something is due.
    async fn judge_names(&self, lanes: &Lanes, free: &mut Vec<Lane>) -> LedgerResult<Wakeup> {
        let names = &self.sender.names;
        let origin = |lane: &Lane| lanes.get(&lane.schedule).and_then(|open| open.named_origin.as_ref());
        let now = self.tools.clock.monotonic();
        let stale: Vec<&Lane> =
            free.iter().filter(|lane| origin(lane).is_some_and(|it| names.is_stale(it, now))).collect();
        if !stale.is_empty() {
            let schedules: Vec<String> = stale.iter().map(|lane| lane.schedule.clone()).collect();
            let is_due = self.tools.ledger.next_due(&schedules).await?.is_some_and(|due| due <= self.tools.clock.now());
            if is_due {
                let origins: BTreeSet<String> = stale.iter().filter_map(|lane| origin(lane)).cloned().collect();
                let origins: Vec<String> = origins.into_iter().collect();
                names.judge(&origins, &self.tools.http, &self.tools.clock).await;
            }
        }
        let before = free.len();
        free.retain(|lane| origin(lane).is_none_or(|it| names.problem(it).is_none()));
        Ok(if free.len() == before { Wakeup::Nothing } else { Wakeup::In(BAD_FOR) })
    }

    /// The lanes of the scope with a free place, those that settling will free among them.
    fn free_lanes(&self, lanes: &Lanes) -> Vec<Lane> {
        let mut leaving: HashMap<&str, u32> = HashMap::new();
        self.ended.iter().for_each(|ended| *leaving.entry(&ended.schedule).or_default() += 1);
        let is_meant = |name: &str| match &self.until {
            Until::Stopped(_) => true,
            Until::Settled { scope, .. } => scope.schedule == name,
        };
        let meant = lanes.iter().filter(|(name, _)| is_meant(name));
        let with_free = meant.map(|(name, lane)| {
            let leaving = leaving.get(name.as_str()).copied().unwrap_or(0);
            lane.with_free(self.free(name, lane.schedule.delivery.max_in_flight.saturating_add(leaving)))
        });
        with_free.filter(|lane| lane.free > 0).collect()
    }

    fn free(&self, schedule: &str, max_in_flight: u32) -> u32 {
        max_in_flight.saturating_sub(self.in_flight.get(schedule).copied().unwrap_or(0))
    }

    fn is_full(&self, lanes: &Lanes) -> bool {
        let places = |name: &String| lanes.get(name).map(|lane| lane.schedule.delivery.max_in_flight);
        self.in_flight.keys().any(|name| places(name).is_some_and(|places| self.free(name, places) == 0))
    }

    fn start(&mut self, lanes: &Lanes, intent: Intent, readings: Readings) {
        let Some(lane) = lanes.get(&intent.schedule) else {
            tracing::error!(schedule = intent.schedule, "an intent was taken for a schedule that wasn't asked for");
            return;
        };
        *self.in_flight.entry(intent.schedule.clone()).or_default() += 1;
        self.sends.spawn(send::send(Arc::clone(lane), intent, readings, self.tools.clone()));
    }

    /// Starts the fresh reads that are needed; answers when the next one of those that must wait may start.
    fn start_reads(&mut self, lanes: &Lanes, stale: Vec<(String, RunId)>) -> Wakeup {
        let now = self.tools.clock.monotonic();
        let mut again = Wakeup::Nothing;
        for of in stale {
            let Some(lane) = lanes.get(&of.0) else { continue };
            let wait = self.read_at.get(&of).map_or(Duration::ZERO, |at| (*at + BETWEEN_READS).saturating_sub(now));
            if self.reading.contains(&of) {
                continue;
            }
            if !wait.is_zero() {
                again = sooner(again, wait);
                continue;
            }
            self.reading.insert(of.clone());
            let (schedule, around) = (Arc::clone(&lane.schedule), self.sender.parts.around.clone());
            self.reads.spawn(async move {
                let read = AssertUnwindSafe(evaluation::fresh_read(&schedule, of.1, &around)).catch_unwind().await;
                let failure = match read {
                    Ok(Ok(())) => None,
                    Ok(Err(failure)) => Some(failure.to_string()),
                    Err(_panic) => Some("the program failed while it was reading".to_owned()),
                };
                FinishedRead { of, failure }
            });
        }
        again
    }

    /// Guards against asking again and again for what the ledger says is due and doesn't give.
    fn unless_empty(&mut self, started: usize, again: Wakeup, now: Timestamp) -> Wakeup {
        match again {
            Wakeup::At(at) if started == 0 && at <= now => {
                let pause = AFTER_AN_EMPTY_LOOK * (1 << self.empty_looks.min(7));
                self.empty_looks += 1;
                Wakeup::In(pause.min(LONGEST_EMPTY_PAUSE))
            }
            Wakeup::At(_) | Wakeup::In(_) | Wakeup::Nothing => {
                self.empty_looks = 0;
                again
            }
        }
    }

    /// Whether a `deliver` has nothing more to do.
    async fn is_over(&self, look: &Look) -> LedgerResult<bool> {
        let Until::Settled { scope, deadline } = &self.until else { return Ok(false) };
        if look.started > 0 || !self.sends.is_empty() || !self.reads.is_empty() || !self.ended.is_empty() {
            return Ok(false);
        }
        match look.again {
            Wakeup::Nothing => Ok(true),
            Wakeup::In(_) => {
                Ok(self.sender.brake.is_stopped() || self.empty_looks == 0 || self.empty_looks >= EMPTY_LOOKS)
            }
            Wakeup::At(at) => {
                let turn = self.sender.lanes().get(&scope.schedule).map_or(SignedDuration::ZERO, |lane| lane.turn());
                let is_turn = at <= retry::after(self.tools.clock.now(), turn);
                if is_turn && self.fruitless_looks >= EMPTY_LOOKS || at > *deadline && !is_turn {
                    return Ok(true);
                }
                self.is_appointment_over(scope, *deadline).await
            }
        }
    }

    /// For one appointment alone, what the ledger says of the schedule's other reminders is no reason to stay.
    async fn is_appointment_over(&self, scope: &DeliveryScope, deadline: Timestamp) -> LedgerResult<bool> {
        let Some(only) = &scope.only else { return Ok(false) };
        let ask = ReminderAsk {
            schedule: Some(scope.schedule.clone()),
            appointment_id: Some(only.clone()),
            states: vec![State::Pending],
            ..ReminderAsk::default()
        };
        Ok(self.tools.ledger.reminders(ask).await?.iter().all(|row| row.next_at > deadline))
    }

    /// Waits for the next reason to look.
    async fn wait(&mut self, look: Look) -> Woken {
        let clock = Arc::clone(&self.tools.clock);
        let nudges_wait = match self.look_took > LONG_LOOK {
            true => (self.look_took * ROOM_FOR_RUNS).min(FIRST_PAUSE),
            false => Duration::ZERO,
        };
        let mut again = look.again;
        let nudged = async {
            if !nudges_wait.is_zero() {
                clock.sleep(nudges_wait).await;
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
                () = told_to_stop(stop.as_mut()) => return Woken::End,
                Some(sent) = self.sends.join_next() => {
                    let next_at = self.absorb_with_others(sent).await;
                    let now = clock.now();
                    if look.is_full || next_at.is_some_and(|at| at <= now) {
                        return Woken::Look;
                    }
                    if matches!(self.until, Until::Settled { .. }) && self.sends.is_empty() {
                        return Woken::Look;
                    }
                    // a look says what the ledger has against it
                    if self.settle().await.is_err() {
                        return Woken::Look;
                    }
                    self.sender.note_progress();
                    again = soonest(again, next_at.map_or(Wakeup::Nothing, Wakeup::At), now);
                }
                Some(read) = self.reads.join_next() => {
                    self.absorb_read(read);
                    return Woken::Look;
                }
                () = &mut nudged => return Woken::Look,
                () = pause(clock.as_ref(), again) => return Woken::Look,
            }
        }
    }

    /// Takes in a request that is over, and those that end with it: one commit settles them all, and while it is under way
    /// the other half of many may be on the line. Answers the soonest time at which one of them may go again.
    async fn absorb_with_others(&mut self, first: Result<FinishedStep, tokio::task::JoinError>) -> Option<Timestamp> {
        let mut next_at = self.absorb(first);
        let half = (self.ended.len() + self.sends.len()).div_ceil(2);
        let clock = Arc::clone(&self.tools.clock);
        let mut linger = clock.linger();
        while self.ended.len() < half {
            let sent = tokio::select! {
                biased;
                Some(sent) = self.sends.join_next() => sent,
                () = &mut linger => break,
            };
            next_at = next_at.into_iter().chain(self.absorb(sent)).min();
        }
        while let Some(sent) = self.sends.try_join_next() {
            next_at = next_at.into_iter().chain(self.absorb(sent)).min();
        }
        next_at
    }

    fn absorb(&mut self, sent: Result<FinishedStep, tokio::task::JoinError>) -> Option<Timestamp> {
        let sent = match sent {
            Ok(sent) => sent,
            Err(broken) => {
                // its row stays `sending`, and its place taken, until the next start finds it
                tracing::error!(%broken, "a send broke off before it was settled");
                return None;
            }
        };
        self.sender.note_trouble(&sent.schedule, &sent.settlement);
        let next_at = sent.settlement.next_at();
        self.ended.push(sent);
        next_at
    }

    pub(super) fn leave(&mut self, schedule: &str) {
        let Some(count) = self.in_flight.get_mut(schedule) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.in_flight.remove(schedule);
        }
    }

    fn absorb_read(&mut self, read: Result<FinishedRead, tokio::task::JoinError>) {
        let Ok(read) = read else { return };
        self.fruitless_looks = 0;
        let now = self.tools.clock.monotonic();
        let mut failed = self.sender.failed_reads.lock().expect(super::UNPOISONED);
        match read.failure {
            Some(failure) => {
                tracing::warn!(schedule = read.of.0, failure, "a fresh read failed: what waits for it stays");
                failed.insert(read.of.0.clone(), now);
            }
            None => drop(failed.remove(&read.of.0)),
        }
        drop(failed);
        self.read_at.retain(|_, at| *at + BETWEEN_READS > now);
        self.reading.remove(&read.of);
        self.read_at.insert(read.of, now);
    }

    /// Lets requests in flight end, and settles them as they do. Reads under way are given up: they leave nothing behind.
    async fn drain(&mut self) -> LedgerResult<()> {
        self.reads.abort_all();
        // what had ended when the stop came waits for no other request; a failure is told in the end
        let _later = self.settle().await;
        while let Some(sent) = self.sends.join_next().await {
            self.absorb_with_others(sent).await;
            // what can't be settled now is tried again with the next, and told in the end
            let _later = self.settle().await;
        }
        self.settle().await
    }
}

async fn told_to_stop(stop: Option<&mut watch::Receiver<bool>>) {
    match stop {
        // an error means that nobody is left to say stop: stop
        Some(stop) => drop(stop.wait_for(|stop| *stop).await),
        None => std::future::pending().await,
    }
}
