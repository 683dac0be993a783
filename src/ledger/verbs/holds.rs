//! shell: sets, lifts and ends pauses; records what answers mean for accounts and targets.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::effects::{self, Requester, TargetState};
use crate::ledger::gate::{AccountHold, Machine, PauseRow};
use crate::ledger::store::Put;
use crate::ledger::{Effect, Holds, Lane, LedgerResult, Pause, Resume, Settlement};

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
            for name in self.accounts()?.keys() {
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

    fn accounts(&self) -> LedgerResult<BTreeMap<String, AccountHold>> {
        // of the accounts alone the machine says nothing
        Ok(self.store.holds(Machine::default())?.accounts)
    }

    /// Ends those of these pauses whose time is over, and returns what still holds somebody.
    pub(super) fn end_pauses(&self, mut holds: Holds, now: Timestamp, actor: &str) -> LedgerResult<Holds> {
        let is_over = |pause: &PauseRow| pause.is_over(now);
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

    /// The refusal of credentials other than these is forgotten: these may do.
    pub(super) fn forget_refusal(&self, holds: &mut Holds, lane: &Lane) -> LedgerResult<()> {
        let Some(account) = holds.accounts.get_mut(&lane.account) else { return Ok(()) };
        if account.refused_credentials.is_some() && !account.refuses(Some(&lane.credentials)) {
            account.refused_credentials = None;
            self.store.put(&Put::Account(&lane.account, account))?;
        }
        Ok(())
    }

    /// Writes what an answer means for the account and the target that it came from.
    pub(super) fn take_effect(&self, of: Requester<'_>, ended: &Settlement) -> LedgerResult<()> {
        match &ended.effect {
            Effect::None => Ok(()),
            Effect::PauseAccountUntil(_) | Effect::PauseAccount { .. } => {
                let account = self.accounts()?.remove(of.account).unwrap_or_default();
                let Some(effected) = effects::on_account(of, ended, &account) else { return Ok(()) };
                self.store.put(&Put::Account(of.account, &effected.value))?;
                effected.entry.map_or(Ok(()), |entry| self.store.append(&entry))
            }
            Effect::Forbidden | Effect::Accepted => {
                let targets = self.store.targets(Some(of.schedule))?;
                let target = targets.get(of.schedule).copied().unwrap_or_default();
                let Some(effected) = effects::on_target(of, ended, target) else { return Ok(()) };
                self.store.put(&Put::Target(of.schedule, effected.value))?;
                effected.entry.map_or(Ok(()), |entry| self.store.append(&entry))
            }
        }
    }
}
