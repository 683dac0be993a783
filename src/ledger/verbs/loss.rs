//! shell: calls that a ledger has forgotten, because an older copy was restored or a loss was accepted: whoever may have
//! been called in that time is left to a person.

use jiff::Timestamp;

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::change::LoadedReminder;
use crate::ledger::doubt::{self, Doubt};
use crate::ledger::store::{ManyReminders, Put};
use crate::ledger::witness::{AcceptLoss, NotedLoss};
use crate::ledger::{LedgerError, LedgerResult, Restored};
use crate::plan::Gap;
use crate::reminder::State;

impl Tx<'_> {
    /// A copy has become the ledger: calls made since its last row are forgotten.
    pub(in crate::ledger) fn mark_restored(&self, now: Timestamp, actor: &str) -> LedgerResult<Restored> {
        // whatever the copy had lost before is part of what it has forgotten now
        let since = self.store.noted_loss()?.map(|noted| noted.gap.from);
        let since = since.map_or_else(|| self.forgotten_since(), Ok)?;
        self.store.put(&Put::Loss(None))?;
        let forgotten = NotedLoss { gap: Gap { from: since, until: now.max(since) }, last_nr: i64::MAX };
        let doubt = Doubt { now, actor, reason: "restored" };
        self.forget_calls(&doubt, &forgotten, "an older copy is the ledger now")
    }

    /// The loss that the opening found is noted before anything else is written: what is planned from now on is judged by
    /// the time it covers. Returns whether there is one.
    pub(super) fn note_loss(&self, now: Timestamp) -> LedgerResult<bool> {
        let is_lost = self.store.loss().is_some_and(|loss| loss.can_be_accepted());
        if is_lost && self.store.noted_loss()?.is_none() {
            let from = self.forgotten_since()?;
            let noted = NotedLoss { gap: Gap { from, until: now.max(from) }, last_nr: self.store.last_nr()? };
            self.store.put(&Put::Loss(Some(&noted)))?;
        }
        Ok(is_lost)
    }

    /// A person accepts the loss that the opening found.
    pub(in crate::ledger) fn accept_loss(&self, accepted: &AcceptLoss) -> LedgerResult<Restored> {
        let Some(loss) = self.store.loss() else {
            return Err(LedgerError::Refused("the ledger has lost nothing: there is no loss to accept".into()));
        };
        if !loss.can_be_accepted() {
            return Err(LedgerError::Refused(loss.sentence()));
        }
        self.store.check_soundness()?;
        self.note_loss(accepted.now)?;
        let noted = self.store.noted_loss()?;
        let noted = noted.ok_or_else(|| LedgerError::Storage("the loss was not noted".into()))?;
        self.store.put(&Put::Loss(None))?;
        let doubt = Doubt { now: accepted.now, actor: &accepted.actor, reason: "loss_accepted" };
        self.forget_calls(&doubt, &noted, &format!("{loss}, and that was accepted: {}", accepted.reason))
    }

    /// Writes the gap, and makes uncertain what was open then: the ledger doesn't know whether it was sent.
    fn forget_calls(&self, why: &Doubt<'_>, forgotten: &NotedLoss, sentence: &str) -> LedgerResult<Restored> {
        let gap = forgotten.gap;
        self.store.put(&Put::Gap(gap))?;
        let open = self.store.reminders(&ManyReminders::In(&[State::Pending, State::Sending]))?;
        let mut uncertain = 0;
        let may_have_been_sent =
            |held: &&LoadedReminder| held.nr <= forgotten.last_nr && !doubt::is_due_after(held, gap.until);
        for held in open.iter().filter(may_have_been_sent) {
            self.apply(&doubt::doubted(held, why)?)?;
            uncertain += 1;
        }
        let instant = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let calls = gap.begins().map_or_else(|| "all calls".to_owned(), |from| format!("calls from {}", instant(from)));
        let until = instant(gap.until);
        self.store.append(&Entry {
            reason: Some(why.reason.into()),
            actor: Some(why.actor.into()),
            detail: Some(format!("{sentence}; {calls} to {until} are forgotten").into()),
            ..Entry::new(why.now, Event::ServiceRecovered)
        })?;
        Ok(Restored { gap, uncertain, kept: None, optouts: None })
    }

    /// When the time begins of which the log knows nothing.
    fn forgotten_since(&self) -> LedgerResult<Timestamp> {
        Ok(self.store.last_entry_at()?.unwrap_or(Timestamp::UNIX_EPOCH))
    }
}
