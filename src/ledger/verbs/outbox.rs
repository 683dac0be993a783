//! shell: settles attempts, recovers from a crash, carries out what a person decides, and expires reminders that are past their
//! time.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::effects::Requester;
use crate::ledger::gate::Machine;
use crate::ledger::life::{self, CrashFinding};
use crate::ledger::store::{Applied, ManyReminders, OneReminder, Put};
use crate::ledger::{
    CancelByHand, LedgerError, LedgerResult, Recover, Recovered, ReminderRow, Resolve, SettleTo, SettledAndTaken,
    Settlement, TakeIntents,
};
use crate::reminder::State;

impl Tx<'_> {
    /// Settles each attempt, then takes intents where that is asked for.
    pub(in crate::ledger) fn exchange(
        &self,
        ended: &[Settlement],
        ask: Option<&TakeIntents>,
    ) -> LedgerResult<SettledAndTaken> {
        let settled = ended.iter().map(|settlement| self.settle(settlement)).collect::<LedgerResult<_>>()?;
        let taken = ask.map(|ask| self.take_intents(ask)).transpose()?.unwrap_or_default();
        Ok(SettledAndTaken { settled, taken })
    }

    /// Settles one attempt; `false`, and nothing is written, when it isn't the one that is being made.
    fn settle(&self, ended: &Settlement) -> LedgerResult<bool> {
        let Some(held) = self.store.reminder(&OneReminder::Sending(ended.reminder_id, ended.attempt))? else {
            return Ok(false);
        };
        let trial = ended.trial.as_ref().map(|address| self.store.address_hash(address));
        if self.apply(&life::settled(&held, ended, trial)?)? == Applied::Miss {
            return Ok(false);
        }
        if let Some(phone) = held.phone.as_ref() {
            match &ended.to {
                SettleTo::ContactReady { contact_id } => {
                    self.store.put(&Put::Contact(&held.account, phone, Some((contact_id, ended.at))))?;
                }
                SettleTo::ContactForgotten => self.store.put(&Put::Contact(&held.account, phone, None))?,
                SettleTo::Delivered
                | SettleTo::Failed
                | SettleTo::Uncertain
                | SettleTo::Again { .. }
                | SettleTo::Dropped => {}
            }
        }
        if held.heard_at.is_some() {
            self.prove(held.id, ended.at, &ended.actor)?;
        }
        self.take_effect(Requester { schedule: &held.schedule, account: &held.account }, ended)?;
        Ok(true)
    }

    pub(in crate::ledger) fn recover(&self, recover: &Recover) -> LedgerResult<Recovered> {
        // an older state doesn't know what was delivered since: nothing is sent again by itself
        let resend = if self.note_loss(recover.now)? { HashMap::new() } else { recover.resend.clone() };
        let recover = &Recover { resend, ..recover.clone() };
        let found = self.store.reminders(&ManyReminders::In(&[State::Sending]))?;
        let mut recovered = Recovered::default();
        for held in &found {
            let (change, found) = life::recovered(held, self.store.step_of(held)?, recover)?;
            self.apply(&change)?;
            if held.heard_at.is_some() {
                self.prove(held.id, recover.now, &recover.actor)?;
                continue;
            }
            match found {
                CrashFinding::ContactStep => {}
                CrashFinding::Uncertain => recovered.uncertain += 1,
                CrashFinding::Resent => {
                    recovered.uncertain += 1;
                    recovered.resent += 1;
                }
            }
        }
        if !found.is_empty() {
            let Recovered { uncertain, resent } = recovered;
            let detail = format!("{uncertain} requests of unknown fate were found; {resent} of them are sent again");
            self.store.append(&Entry {
                actor: Some(recover.actor.as_str().into()),
                detail: Some(detail.into()),
                ..Entry::new(recover.now, Event::ServiceRecovered)
            })?;
        }
        Ok(recovered)
    }

    pub(in crate::ledger) fn resolve(&self, resolve: &Resolve) -> LedgerResult<ReminderRow> {
        let id = resolve.reminder_id;
        let none = || LedgerError::Refused(format!("there is no reminder {id}"));
        let held = self.store.reminder(&OneReminder::Id(id))?.ok_or_else(none)?;
        self.apply(&life::resolved(&held, resolve)?)?;
        self.store.reminder_row(id)?.ok_or_else(none)
    }

    pub(in crate::ledger) fn cancel(&self, cancel: &CancelByHand) -> LedgerResult<ReminderRow> {
        let id = cancel.reminder_id;
        let none = || LedgerError::Refused(format!("there is no reminder {id}"));
        let held = self.store.reminder(&OneReminder::Id(id))?.ok_or_else(none)?;
        self.apply(&life::cancelled_by_hand(&held, cancel)?)?;
        self.store.reminder_row(id)?.ok_or_else(none)
    }

    /// Expires what is past its time, of every schedule, loaded or not.
    pub(in crate::ledger) fn expire_all(&self, now: Timestamp) -> LedgerResult<u64> {
        // only their ends are of interest: what expires does so on any machine
        self.end_pauses(self.store.holds(Machine::default())?, now, "service")?;
        let names = self.store.schedules_with_pending()?;
        names.iter().try_fold(0, |expired, name| Ok(expired + self.expire(name, now, "service")?))
    }

    /// The same of one schedule.
    pub(super) fn expire(&self, schedule: &str, now: Timestamp, actor: &str) -> LedgerResult<u64> {
        let overdue = self.store.reminders(&ManyReminders::Overdue(schedule, now))?;
        for held in &overdue {
            self.apply(&life::expired(held, now, actor)?)?;
        }
        Ok(overdue.len() as u64)
    }
}
