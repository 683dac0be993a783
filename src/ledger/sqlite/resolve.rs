//! shell: what a crash left, and what a person says of it.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::records::{CARD, Card, card, reminders};
use super::stored::micros;
use super::writer::Desk;
use crate::audit::{Entry, Event};
use crate::ledger::{LedgerError, LedgerResult, Recover, Recovered, ReminderAsk, ReminderRow, Resolve, Verdict};
use crate::reminder::State;

impl Desk<'_> {
    pub(super) fn recover(&self, recover: &Recover) -> LedgerResult<Recovered> {
        let sql = format!(
            "SELECT {CARD} FROM reminder r WHERE r.nr IN (SELECT nr FROM reminder WHERE state = 'sending') ORDER BY r.nr"
        );
        let found: Vec<Card> = self.conn.prepare_cached(&sql)?.query_map([], card)?.collect::<Result<_, _>>()?;
        let mut recovered = Recovered::default();
        for reminder in &found {
            match self.step_of(reminder)?.as_deref() {
                Some("contact") => self.repeat_contact_step(recover, reminder)?,
                Some(_) | None => {
                    recovered.uncertain += 1;
                    recovered.resent += u64::from(self.recover_call(recover, reminder)?);
                }
            }
        }
        if !found.is_empty() {
            let Recovered { uncertain, resent } = recovered;
            let detail = format!("{uncertain} requests of unknown fate were found; {resent} of them are sent again");
            self.log(&Entry {
                actor: Some(recover.actor.as_str().into()),
                detail: Some(detail.into()),
                ..Entry::new(recover.now, Event::ServiceRecovered)
            })?;
        }
        Ok(recovered)
    }

    fn step_of(&self, reminder: &Card) -> LedgerResult<Option<String>> {
        let sql = "SELECT step FROM attempt WHERE reminder = ?1 AND number = ?2";
        let key = params![reminder.nr, reminder.attempt];
        Ok(self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?)
    }

    fn end_open_attempt(&self, reminder: &Card, outcome: &str, now: Timestamp) -> LedgerResult<()> {
        let sql =
            "UPDATE attempt SET finished_at = ?3, outcome = ?4, class = 'crash' WHERE reminder = ?1 AND number = ?2";
        self.conn.prepare_cached(sql)?.execute(params![reminder.nr, reminder.attempt, micros(now), outcome])?;
        Ok(())
    }

    /// Finding or creating a contact twice harms nobody.
    fn repeat_contact_step(&self, recover: &Recover, reminder: &Card) -> LedgerResult<()> {
        self.end_open_attempt(reminder, "refused", recover.now)?;
        self.return_to_pending(reminder, recover.now)?;
        self.log(&Entry {
            attempt: Some(reminder.attempt),
            reason: Some("crash".into()),
            actor: Some(recover.actor.as_str().into()),
            detail: Some("the contact step broke off; it is repeated".into()),
            ..reminder.entry(recover.now, Event::DeliveryRefused)
        })
    }

    fn return_to_pending(&self, reminder: &Card, now: Timestamp) -> LedgerResult<()> {
        let sql = "UPDATE reminder SET state = 'pending', next_at = ?2, updated_at = ?2 WHERE nr = ?1";
        self.conn.prepare_cached(sql)?.execute(params![reminder.nr, micros(now)])?;
        Ok(())
    }

    /// Uncertain; then pending again where the schedule says so and repeats are left. Answers whether it is sent again.
    fn recover_call(&self, recover: &Recover, reminder: &Card) -> LedgerResult<bool> {
        self.end_open_attempt(reminder, "uncertain", recover.now)?;
        let attempts = recover.resend.get(&reminder.schedule).filter(|_| recover.now < reminder.expires_at);
        let tries = reminder.tries + u32::from(attempts.is_some());
        let (state, is_resent) = match attempts {
            None => (State::Uncertain, false),
            Some(attempts) if tries < *attempts => (State::Pending, true),
            Some(_) => (State::Dropped, false),
        };
        let sql = "UPDATE reminder SET state = ?2, tries = ?3, unknown_fates = unknown_fates + 1, updated_at = ?4, \
            next_at = max(next_at, ?4) WHERE nr = ?1";
        self.conn.prepare_cached(sql)?.execute(params![reminder.nr, state.as_str(), tries, micros(recover.now)])?;
        let entry = Entry {
            attempt: Some(reminder.attempt),
            reason: Some("crash".into()),
            actor: Some(recover.actor.as_str().into()),
            ..reminder.entry(recover.now, Event::DeliveryUncertain)
        };
        let detail = if is_resent {
            "a request may have gone out when the service broke off; it is sent again (on_uncertain = \"resend\")"
        } else {
            "a request may have gone out when the service broke off"
        };
        self.log(&Entry { detail: Some(detail.into()), ..entry.clone() })?;
        if state == State::Dropped {
            let detail = Some("its repeats are used up".into());
            self.log(&Entry { event: Event::DeliveryDropped, detail, ..entry })?;
        }
        Ok(is_resent)
    }

    pub(super) fn resolve(&self, resolve: &Resolve) -> LedgerResult<ReminderRow> {
        let id = resolve.reminder_id;
        let found = self.card_of(id)?.ok_or_else(|| LedgerError::Refused(format!("there is no reminder {id}")))?;
        match resolve.verdict {
            Verdict::Delivered => self.settle_by_person(&found, State::Delivered, resolve)?,
            Verdict::Drop => self.settle_by_person(&found, State::Dropped, resolve)?,
            Verdict::Resend => self.resend(&found, resolve)?,
        }
        let word = match resolve.verdict {
            Verdict::Delivered => "delivered",
            Verdict::Resend => "resend",
            Verdict::Drop => "drop",
        };
        self.log(&Entry {
            attempt: Some(found.attempt).filter(|attempt| *attempt > 0),
            reason: Some(word.into()),
            actor: Some(resolve.actor.as_str().into()),
            detail: Some(resolve.reason.as_str().into()),
            ..found.entry(resolve.now, Event::OperatorResolved)
        })?;
        let ask = ReminderAsk { id: Some(id), ..ReminderAsk::default() };
        let row = reminders(self.conn, &ask)?.pop();
        row.ok_or_else(|| LedgerError::Refused(format!("there is no reminder {id}")))
    }

    fn settle_by_person(&self, found: &Card, state: State, resolve: &Resolve) -> LedgerResult<()> {
        if found.state != State::Uncertain {
            let (id, is) = (found.id, found.state);
            return Err(LedgerError::Refused(format!(
                "reminder {id} is {is}: only an uncertain one can become {state}"
            )));
        }
        self.set_state(found.nr, state, resolve.now)
    }

    fn resend(&self, found: &Card, resolve: &Resolve) -> LedgerResult<()> {
        let (id, is) = (found.id, found.state);
        match is {
            State::Uncertain | State::Failed | State::Dropped => {}
            State::Pending | State::Sending | State::Delivered | State::Expired | State::Cancelled => {
                let sentence =
                    format!("reminder {id} is {is}: only an uncertain, failed or dropped one can be sent again");
                return Err(LedgerError::Refused(sentence));
            }
        }
        if found.expires_at <= resolve.now {
            let over = found.expires_at;
            return Err(LedgerError::Refused(format!(
                "reminder {id} may not be sent again: its time was over at {over}"
            )));
        }
        if found.phone.is_none() {
            return Err(LedgerError::Refused(format!("reminder {id} may not be sent again: its payload was removed")));
        }
        let sql = "UPDATE reminder SET state = 'pending', tries = 0, contact_renewed = 0, next_at = ?2, updated_at = ?2 \
            WHERE nr = ?1";
        self.conn.prepare_cached(sql)?.execute(params![found.nr, micros(resolve.now)])?;
        Ok(())
    }
}
