//! shell: takes the reminders that may be sent now: their intents are committed before the first byte leaves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::change::LoadedReminder;
use crate::ledger::effects::Requester;
use crate::ledger::gate::{DueReminder, Gate, GateSubject, Hold, SendDecision};
use crate::ledger::rate::{Admission, admit};
use crate::ledger::store::{Applied, DueAsk, DueRow, OrderOfTaking, Put, RenderedRequest};
use crate::ledger::{
    Holds, Intent, Lane, LedgerResult, Step, TakeIntents, Taken, TestAnswered, TestAsk, TestSlot, life,
};
use crate::reminder::{CallKind, RunId, State};
use crate::settings::Rate;

/// Rows read beyond those that may be taken, so that a few that may not cost no second query.
const SPARE_ROWS: u32 = 16;

/// For each account, the earliest time at which its next request may start (µs UTC).
struct Rates {
    free_at: BTreeMap<String, i64>,
    /// The accounts whose times have changed and are to be written.
    moved: BTreeSet<String>,
}

/// A reminder that may be sent now, with what is sent.
struct ReadyReminder {
    held: LoadedReminder,
    request: RenderedRequest,
}

/// One request for reminders to send, while it is answered.
struct Taking<'a> {
    tx: Tx<'a>,
    ask: &'a TakeIntents,
    holds: Holds,
    rates: Rates,
    has_optouts: bool,
    has_wrong_numbers: bool,
    stale: BTreeSet<(String, RunId)>,
    wake_at: Option<Timestamp>,
}

impl Tx<'_> {
    pub(super) fn take_intents(&self, ask: &TakeIntents) -> LedgerResult<Taken> {
        let holds = self.store.holds(ask.machine.clone())?;
        if let Some(held) = holds.on_everybody(ask.now).into_iter().find(Hold::must_be_polled) {
            return Ok(Taken { held: Some(held), ..Taken::default() });
        }
        let mut taking = Taking {
            tx: *self,
            ask,
            holds: self.end_pauses(holds, ask.now, &ask.actor)?,
            rates: Rates { free_at: self.store.rates()?, moved: BTreeSet::new() },
            has_optouts: self.store.has_optouts()?,
            has_wrong_numbers: self.store.has_wrong_numbers()?,
            stale: BTreeSet::new(),
            wake_at: None,
        };
        taking.take()
    }
}

impl Tx<'_> {
    /// Asks the gate about a request of a test call, and takes a slot of its account's rate.
    pub(in crate::ledger) fn admit_test(&self, ask: &TestAsk) -> LedgerResult<TestSlot> {
        let lane = &ask.lane;
        let mut holds = self.store.holds(ask.machine.clone())?;
        self.forget_refusal(&mut holds, lane)?;
        if let Some(hold) = holds.on(&subject(lane), ask.now).into_iter().next() {
            return Ok(TestSlot::Held(hold));
        }
        let next = self.take_slot(&lane.account, lane.rate, ask.now)?;
        Ok(next.map_or(TestSlot::Taken, TestSlot::NotBefore))
    }

    /// The answer to a test call says as much about its account as one to a reminder.
    pub(in crate::ledger) fn take_test_answer(&self, answered: &TestAnswered) -> LedgerResult<()> {
        let requester = Requester { schedule: &answered.schedule, account: &answered.account };
        self.take_effect(requester, &answered.settlement)
    }

    /// Takes one slot of an account's rate for a request that is no reminder's, or returns when the next one is.
    pub(in crate::ledger) fn take_slot(
        &self,
        account: &str,
        rate: Rate,
        now: Timestamp,
    ) -> LedgerResult<Option<Timestamp>> {
        let Rate::Every { interval_us } = rate else { return Ok(None) };
        let free_at = self.store.rates()?.get(account).copied();
        let (free_at, next) = match admit(free_at, interval_us, now.as_microsecond()) {
            Admission::Now { free_at } => (free_at, None),
            Admission::At { free_at } => (free_at, Timestamp::from_microsecond(free_at).ok()),
        };
        self.store.put(&Put::Rate(account, free_at))?;
        Ok(next)
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

impl<'a> Taking<'a> {
    fn take(&mut self) -> LedgerResult<Taken> {
        let lanes = self.lanes()?;
        let (mut expired, mut found): (u64, Vec<(ReadyReminder, &Lane)>) = (0, Vec::new());
        for lane in &lanes {
            expired += self.tx.expire(&lane.schedule, self.ask.now, &self.ask.actor)?;
            let most = self.most_of(lane)?;
            found.extend(self.gather(lane, most)?.into_iter().map(|ready| (ready, *lane)));
        }
        found.sort_by_key(|(ready, _)| OrderOfTaking::of(&ready.held));
        let mut intents = Vec::with_capacity(found.len());
        for (ready, lane) in found {
            if self.admits(lane) {
                intents.extend(self.commit_to(ready, lane)?);
            }
        }
        for name in &self.rates.moved {
            let free_at = self.rates.free_at.get(name).copied();
            free_at.map_or(Ok(()), |free_at| self.tx.store.put(&Put::Rate(name, free_at)))?;
        }
        let stale = std::mem::take(&mut self.stale).into_iter().collect();
        Ok(Taken { intents, stale, expired, wake_at: self.wake_at(&lanes)?, held: None })
    }

    /// The lanes that are worth asking: of thousands of schedules few have anything pending. One whose account's credentials were
    /// refused is asked all the same, since it may have other ones now.
    fn lanes(&self) -> LedgerResult<Vec<&'a Lane>> {
        let waiting = self.tx.store.schedules_with_pending()?;
        let is_refused = |lane: &Lane| self.holds.accounts.get(&lane.account).is_some_and(|hold| hold.refuses(None));
        Ok(self.ask.lanes.iter().filter(|lane| waiting.contains(&lane.schedule) || is_refused(lane)).collect())
    }

    /// How many of a lane may be taken at most: nothing while it is paused or its account has no slot.
    fn most_of(&mut self, lane: &Lane) -> LedgerResult<u32> {
        self.tx.forget_refusal(&mut self.holds, lane)?;
        match self.holds.gate(&subject(lane), self.ask.now) {
            Gate::Shut => return Ok(0),
            Gate::Until(end) => {
                let has_pending = self.tx.store.next_time(&lane.schedule, self.ask.now)?.is_some();
                self.wake_at = earlier(self.wake_at, Some(end).filter(|_| has_pending));
                return Ok(0);
            }
            Gate::Open => {}
        }
        Ok(match lane.rate {
            Rate::Unlimited => lane.free,
            // while the rate has no free slot, the lanes that share it, perhaps thousands, needn't be asked
            Rate::Every { interval_us } => {
                match admit(self.free_at(lane), interval_us, self.ask.now.as_microsecond()) {
                    Admission::Now { .. } => lane.free.min(1),
                    Admission::At { free_at } => {
                        self.remember(lane, free_at);
                        0
                    }
                }
            }
        })
    }

    /// Up to `most` reminders of a lane that may be sent now. Those outside their hours are put off, those to numbers of the
    /// opt-out list cancelled, those whose source was read too long ago reported.
    fn gather(&mut self, lane: &Lane, most: u32) -> LedgerResult<Vec<ReadyReminder>> {
        let most_rows = most as usize;
        let mut ready = Vec::with_capacity(most_rows);
        if most == 0 || !self.tx.store.is_anything_due(&lane.schedule, self.ask.now)? {
            return Ok(ready);
        }
        let (only, limit) = (self.ask.only.as_deref(), most.saturating_add(SPARE_ROWS));
        let mut ask = DueAsk { schedule: &lane.schedule, now: self.ask.now, only, after: None, limit };
        loop {
            let batch = self.tx.store.due(&ask)?;
            let Some(last) = batch.last() else { return Ok(ready) };
            ask.after = Some(last.place());
            for due in batch {
                if ready.len() == most_rows {
                    return Ok(ready);
                }
                ready.extend(self.ready(due)?);
            }
        }
    }

    /// The reminder with its request, if it may be sent now: without a rendered one it never may.
    fn ready(&mut self, due: DueRow) -> LedgerResult<Option<ReadyReminder>> {
        let (tx, now) = (self.tx, self.ask.now);
        let DueRow { held, rendered } = due;
        let Some(phone) = held.phone.as_deref() else { return Ok(None) };
        let judged = DueReminder {
            is_opted_out: self.has_optouts && tx.store.is_opted_out(phone)?,
            is_wrong_number: self.has_wrong_numbers && tx.store.is_wrong_number(&held.account, &held.person, phone)?,
            opening: tx.openings.opening(&held.calling_hours, &held.recipient_zone, now)?,
            waited_for_opening: held.waited_for_opening,
            read_at: rendered.as_ref().map(|request| request.read_at),
        };
        let fresh_for = SignedDuration::try_from(self.ask.fresh_for).unwrap_or(SignedDuration::MAX);
        match judged.judge(now, fresh_for) {
            SendDecision::Go => return Ok(rendered.map(|request| ReadyReminder { held, request })),
            SendDecision::PutOff(opening) => {
                tx.apply(&life::put_off(&held, now, opening))?;
            }
            SendDecision::Cancel(reason) => {
                let entry = Entry {
                    reason: Some(reason.into()),
                    actor: Some(self.ask.actor.as_str().into()),
                    ..held.entry(now, Event::ReminderCancelled)
                };
                tx.apply(&life::cancelled(&held, entry)?)?;
            }
            SendDecision::ReadAgain => self.read_again(&held),
        }
        Ok(None)
    }

    /// Each request has a run of its own, and one read of the schedule's requests renews them all.
    fn read_again(&mut self, held: &LoadedReminder) {
        let is_known = |(schedule, _): &(String, RunId)| *schedule == held.schedule;
        match held.lead.kind() {
            CallKind::Request if self.stale.iter().any(is_known) => {}
            CallKind::Request | CallKind::Reminder => {
                self.stale.insert((held.schedule.clone(), held.run_id));
            }
        }
    }

    /// The intent itself: the attempt's row, the reminder's state, the audit log.
    fn commit_to(&self, ready: ReadyReminder, lane: &Lane) -> LedgerResult<Option<Intent>> {
        let ReadyReminder { held, request } = ready;
        let Some(phone) = held.phone.clone() else { return Ok(None) };
        let contact_id = match lane.needs_contact {
            true => self.tx.store.contact(&lane.account, &phone)?,
            false => None,
        };
        let step = if lane.needs_contact && contact_id.is_none() { Step::Contact } else { Step::Call };
        if self.tx.apply(&life::taken(&held, step, &lane.account, self.ask)?)? == Applied::Miss {
            return Ok(None);
        }
        let attempt = held.attempt + 1;
        let intent = Intent {
            reminder_id: held.id,
            schedule: held.schedule.clone(),
            appointment_id: held.appointment_id.clone(),
            attempt,
            tries: held.tries,
            step,
            phone,
            payload: request.payload,
            contact: request.contact,
            contact_id,
            contact_renewed: held.contact_renewed,
            expires_at: held.expires_at,
            starts_at: held.starts_at,
            calling_hours: held.calling_hours.clone(),
            recipient_zone: held.recipient_zone.clone(),
        };
        let account = lane.account.clone();
        self.tx.store.keep_taken(LoadedReminder { state: State::Sending, attempt, account, ..held });
        Ok(Some(intent))
    }

    /// When the lanes should be asked again by themselves: a slot, a retry, an opening, the end of a pause, an expiry.
    fn wake_at(&self, lanes: &[&Lane]) -> LedgerResult<Option<Timestamp>> {
        let mut wake_at = self.wake_at;
        for lane in lanes {
            wake_at = earlier(wake_at, self.tx.store.next_time(&lane.schedule, self.ask.now)?);
            if let Some(slot) = self.slot(lane)
                && self.tx.store.is_anything_due(&lane.schedule, self.ask.now)?
            {
                wake_at = earlier(wake_at, Some(slot));
            }
        }
        Ok(wake_at)
    }

    /// Takes a slot of the account's rate, if there is one.
    fn admits(&mut self, lane: &Lane) -> bool {
        let Rate::Every { interval_us } = lane.rate else { return true };
        let (is_admitted, free_at) = match admit(self.free_at(lane), interval_us, self.ask.now.as_microsecond()) {
            Admission::Now { free_at } => (true, free_at),
            Admission::At { free_at } => (false, free_at),
        };
        self.remember(lane, free_at);
        is_admitted
    }

    fn free_at(&self, lane: &Lane) -> Option<i64> {
        self.rates.free_at.get(&lane.account).copied()
    }

    fn remember(&mut self, lane: &Lane, free_at: i64) {
        self.rates.free_at.insert(lane.account.clone(), free_at);
        self.rates.moved.insert(lane.account.clone());
    }

    /// The account's next slot, if it is in the future and the account isn't held up otherwise.
    fn slot(&self, lane: &Lane) -> Option<Timestamp> {
        let Rate::Every { .. } = lane.rate else { return None };
        let is_held = self.holds.on(&subject(lane), self.ask.now).iter().any(Hold::is_of_account);
        let ahead = self.free_at(lane).filter(|free_at| !is_held && *free_at > self.ask.now.as_microsecond());
        ahead.and_then(|free_at| Timestamp::from_microsecond(free_at).ok())
    }
}

/// A lane as the gate wants it: what is switched off has none.
fn subject(lane: &Lane) -> GateSubject<'_> {
    GateSubject {
        schedule: &lane.schedule,
        account: &lane.account,
        credentials: Some(&lane.credentials),
        is_enabled: true,
    }
}
