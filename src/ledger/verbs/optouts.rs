//! shell: the opt-out list of all schedules: a number that is put on it is called by nobody from that commit on.

use super::Tx;
use crate::audit::{Entry, Event, LoggedPhone};
use crate::ledger::store::{ManyReminders, Put};
use crate::ledger::{LedgerResult, OptOut, OptOutChange, OptOutSide, OptOutsChanged, life};
use crate::personal::Personal;
use crate::reminder::SkipReason;

/// How many digits of a number are shown.
const SHOWN_DIGITS: usize = 4;

impl Tx<'_> {
    pub(in crate::ledger) fn opt_out(&self, change: &OptOutChange) -> LedgerResult<OptOutsChanged> {
        let mut done = OptOutsChanged::default();
        for phone in &change.phones {
            let is_listed = self.store.is_opted_out(phone)?;
            match (change.to, is_listed) {
                (OptOutSide::On, true) | (OptOutSide::Off, false) => done.unchanged += 1,
                (OptOutSide::On, false) => {
                    self.store.put(&Put::OptOut(phone, Some(&listed(change, phone))))?;
                    self.store.append(&entry(change, phone, Event::OptoutAdded))?;
                    done.changed += 1;
                }
                (OptOutSide::Off, true) => {
                    self.store.put(&Put::OptOut(phone, None))?;
                    self.store.append(&entry(change, phone, Event::OptoutRemoved))?;
                    done.changed += 1;
                }
            }
            if change.to == OptOutSide::On {
                done.cancelled += self.cancel_pending_to(change, phone)?;
            }
        }
        Ok(done)
    }

    /// Forgets that somebody else answered at these numbers: from now on they belong to whomever the source names.
    pub(in crate::ledger) fn forget_wrong_numbers(&self, change: &OptOutChange) -> LedgerResult<OptOutsChanged> {
        let mut done = OptOutsChanged::default();
        for phone in &change.phones {
            if !self.store.forget_wrong_number(phone)? {
                done.unchanged += 1;
                continue;
            }
            let reason = Some(SkipReason::WrongNumber.as_str().into());
            self.store.append(&Entry { reason, ..entry(change, phone, Event::OptoutRemoved) })?;
            done.changed += 1;
        }
        Ok(done)
    }

    fn cancel_pending_to(&self, change: &OptOutChange, phone: &Personal) -> LedgerResult<u64> {
        let pending = self.store.reminders(&ManyReminders::PendingTo(phone))?;
        for held in &pending {
            let entry = Entry {
                reason: Some("opted_out".into()),
                actor: Some(change.actor.as_str().into()),
                ..held.entry(change.now, Event::ReminderCancelled)
            };
            self.apply(&life::cancelled(held, entry)?)?;
        }
        Ok(pending.len() as u64)
    }
}

fn listed(change: &OptOutChange, phone: &str) -> OptOut {
    let hidden = phone.len().saturating_sub(SHOWN_DIGITS);
    OptOut {
        phone_last4: phone.get(hidden..).unwrap_or_default().to_owned(),
        since: change.now,
        actor: change.actor.clone(),
        reason: change.reason.clone(),
    }
}

fn entry<'a>(change: &'a OptOutChange, phone: &'a str, event: Event) -> Entry<'a> {
    Entry {
        phone: Some(LoggedPhone::whole(phone)),
        detail: change.reason.as_deref().map(Into::into),
        actor: Some(change.actor.as_str().into()),
        ..Entry::new(change.now, event)
    }
}
