//! shell: sets, lifts and ends pauses; records what answers mean for accounts and targets.

use jiff::Timestamp;

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::change::LoadedReminder;
use crate::ledger::effects::{self, TargetState};
use crate::ledger::gate::{AccountHold, Machine, PauseRow};
use crate::ledger::store::Put;
use crate::ledger::{Effect, Holds, LedgerResult, Pause, Resume, Settlement};

impl Tx<'_> {
    pub(in crate::ledger) fn pause(&self, pause: &Pause) -> LedgerResult<()> {
        let row =
            PauseRow { since: pause.now, until: pause.until, reason: pause.reason.clone(), actor: pause.actor.clone() };
        self.store.put(&Put::Pause(pause.schedule.as_deref(), Some(&row)))?;
        let until = pause.until.map(|until| format!(" (until {until})")).unwrap_or_default();
        self.store.append(&Entry {
            schedule: pause.schedule.as_deref().map(Into::into),
            actor: Some(pause.actor.as_str().into()),
            detail: Some(format!("{}{until}", pause.reason).into()),
            ..Entry::new(pause.now, Event::OperatorPaused)
        })
    }

    /// Lifts the pause and what the target's answers have led to; for all, of every target and account.
    pub(in crate::ledger) fn resume(&self, resume: &Resume) -> LedgerResult<()> {
        let schedule = resume.schedule.as_deref();
        self.store.put(&Put::Pause(schedule, None))?;
        for name in self.store.targets(schedule)?.keys() {
            self.store.put(&Put::Target(name, TargetState::default()))?;
        }
        if schedule.is_none() {
            for name in self.store.holds(Machine::default())?.accounts.keys() {
                self.store.put(&Put::Account(name, &AccountHold::default()))?;
            }
        }
        self.store.append(&Entry {
            schedule: schedule.map(Into::into),
            actor: Some(resume.actor.as_str().into()),
            detail: resume.reason.as_deref().map(Into::into),
            ..Entry::new(resume.now, Event::OperatorResumed)
        })
    }

    /// Ends pauses whose time is over, and returns what holds somebody still.
    pub(super) fn end_pauses(&self, now: Timestamp, actor: &str) -> LedgerResult<Holds> {
        // the sender asks the machine before it asks the ledger
        let mut holds = self.store.holds(Machine::default())?;
        let is_over = |pause: &PauseRow| pause.until.is_some_and(|until| until <= now);
        if holds.all.as_ref().is_some_and(is_over) {
            holds.all = None;
            self.end_pause(None, now, actor)?;
        }
        let over: Vec<String> =
            holds.schedules.iter().filter(|(_, pause)| is_over(pause)).map(|(name, _)| name.clone()).collect();
        for name in over {
            holds.schedules.remove(&name);
            self.end_pause(Some(&name), now, actor)?;
        }
        Ok(holds)
    }

    fn end_pause(&self, schedule: Option<&str>, now: Timestamp, actor: &str) -> LedgerResult<()> {
        self.store.put(&Put::Pause(schedule, None))?;
        self.store.append(&Entry {
            schedule: schedule.map(Into::into),
            reason: Some("until".into()),
            actor: Some(actor.into()),
            ..Entry::new(now, Event::OperatorResumed)
        })
    }

    /// Writes what an answer means for its account and its target.
    pub(super) fn take_effect(&self, held: &LoadedReminder, ended: &Settlement) -> LedgerResult<()> {
        match &ended.effect {
            Effect::None => Ok(()),
            Effect::PauseAccountUntil(_) | Effect::PauseAccount { .. } => {
                let holds = self.store.holds(Machine::default())?;
                let account = holds.accounts.get(&held.account).cloned().unwrap_or_default();
                let Some(effected) = effects::on_account(held, ended, &account) else { return Ok(()) };
                self.store.put(&Put::Account(&held.account, &effected.value))?;
                effected.entry.map_or(Ok(()), |entry| self.store.append(&entry))
            }
            Effect::Forbidden | Effect::Accepted => {
                let targets = self.store.targets(Some(&held.schedule))?;
                let target = targets.get(&held.schedule).copied().unwrap_or_default();
                let Some(effected) = effects::on_target(held, ended, target) else { return Ok(()) };
                self.store.put(&Put::Target(&held.schedule, effected.value))?;
                effected.entry.map_or(Ok(()), |entry| self.store.append(&entry))
            }
        }
    }
}
