//! shell: where an attempt ends, by compare-and-set; a late writer changes nothing and logs nothing.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::pauses::Affected;
use super::records::{CARD, Card, card};
use super::stored::{id_text, micros};
use super::writer::Desk;
use crate::audit::{Entry, Event};
use crate::ledger::{LedgerResult, SettleTo, Settlement};
use crate::reminder::State;

/// What a settlement does to its reminder.
struct Ending {
    state: State,
    event: Event,
    outcome: &'static str,
    next_at: Option<Timestamp>,
    adds_try: bool,
    adds_unknown: bool,
    renews_contact: bool,
}

impl Ending {
    const fn terminal(state: State, event: Event) -> Self {
        Self {
            state,
            event,
            outcome: state.as_str(),
            next_at: None,
            adds_try: false,
            adds_unknown: false,
            renews_contact: false,
        }
    }

    const fn pending(event: Event, outcome: &'static str, next_at: Timestamp) -> Self {
        Self { outcome, next_at: Some(next_at), ..Self::terminal(State::Pending, event) }
    }

    /// What the settlement says, for a reminder that may not be sent after `expires_at`.
    fn of(settlement: &Settlement, expires_at: Timestamp) -> Self {
        match &settlement.to {
            SettleTo::Delivered => Self::terminal(State::Delivered, Event::DeliveryDelivered),
            SettleTo::Failed => Self::terminal(State::Failed, Event::DeliveryFailed),
            SettleTo::Dropped => Self::terminal(State::Dropped, Event::DeliveryDropped),
            SettleTo::Uncertain => {
                Self { adds_unknown: true, ..Self::terminal(State::Uncertain, Event::DeliveryUncertain) }
            }
            // too late to be repeated: nobody knows, and nobody will by another request
            SettleTo::Again { next_at, resend: true, .. } if *next_at >= expires_at => {
                Self { adds_unknown: true, ..Self::terminal(State::Uncertain, Event::DeliveryUncertain) }
            }
            SettleTo::Again { next_at, counts, resend: true } => Self {
                adds_try: *counts,
                adds_unknown: true,
                ..Self::pending(Event::DeliveryUncertain, "resend", *next_at)
            },
            SettleTo::Again { next_at, counts, resend: false } => {
                Self { adds_try: *counts, ..Self::pending(Event::DeliveryRefused, "refused", *next_at) }
            }
            SettleTo::ContactReady { .. } => Self::pending(Event::OutcomeReceived, "contact_ready", settlement.at),
            SettleTo::ContactForgotten => Self {
                renews_contact: true,
                ..Self::pending(Event::DeliveryRefused, "contact_forgotten", settlement.at)
            },
        }
    }

    /// Whether it goes back only to find its time over.
    fn expires(&self, expires_at: Timestamp) -> bool {
        self.next_at.is_some_and(|next_at| next_at >= expires_at)
    }
}

impl Desk<'_> {
    pub(super) fn settle(&self, settlement: &Settlement) -> LedgerResult<bool> {
        let Some(found) = self.card_being_sent(settlement)? else { return Ok(false) };
        let ending = Ending::of(settlement, found.expires_at);
        if !self.end_reminder(&found, settlement, &ending)? {
            return Ok(false);
        }
        self.end_attempt(&found, settlement, &ending)?;
        self.remember_contact(&found, &settlement.to, settlement.at)?;
        self.log_settled(&found, settlement, &ending)?;
        if ending.expires(found.expires_at) {
            self.log(&Entry {
                actor: Some(settlement.actor.as_str().into()),
                ..found.entry(settlement.at, Event::ReminderExpired)
            })?;
        }
        let affected = Affected {
            schedule: &found.schedule,
            account: &found.account,
            at: settlement.at,
            actor: &settlement.actor,
        };
        self.take_effect(&settlement.effect, &affected)?;
        Ok(true)
    }

    /// The reminder, when this very attempt of it is under way.
    fn card_being_sent(&self, settlement: &Settlement) -> LedgerResult<Option<Card>> {
        if let Some(card) = self.sending.borrow_mut().remove(&settlement.reminder_id)
            && card.attempt == settlement.attempt
        {
            return Ok(Some(card));
        }
        let sql = format!("SELECT {CARD} FROM reminder r WHERE r.id = ?1 AND r.state = 'sending' AND r.attempt = ?2");
        let key = params![id_text(settlement.reminder_id.0), settlement.attempt];
        Ok(self.conn.prepare_cached(&sql)?.query_row(key, card).optional()?)
    }

    fn end_attempt(&self, found: &Card, settlement: &Settlement, ending: &Ending) -> LedgerResult<()> {
        let sql = "UPDATE attempt SET finished_at = ?3, outcome = ?4, http_status = ?5, latency_us = ?6, remote_id = ?7, \
            class = ?8 WHERE reminder = ?1 AND number = ?2";
        self.kept.run(
            sql,
            params![
                found.nr,
                settlement.attempt,
                micros(settlement.at),
                ending.outcome,
                settlement.http_status,
                settlement.latency.map(|latency| i64::try_from(latency.as_micros()).unwrap_or(i64::MAX)),
                settlement.remote_id,
                settlement.class
            ],
        )?;
        Ok(())
    }

    /// The compare-and-set: `false` when this attempt is under way no more.
    fn end_reminder(&self, found: &Card, settlement: &Settlement, ending: &Ending) -> LedgerResult<bool> {
        let state = if ending.expires(found.expires_at) { State::Expired } else { ending.state };
        let (attempt, at) = (settlement.attempt, micros(settlement.at));
        let Some(next_at) = ending.next_at else {
            let sql = "UPDATE reminder SET state = ?3, unknown_fates = unknown_fates + ?4, updated_at = ?5 \
                WHERE nr = ?1 AND state = 'sending' AND attempt = ?2";
            return Ok(self.kept.run(sql, params![found.nr, attempt, state.as_str(), ending.adds_unknown, at])? == 1);
        };
        let sql = "UPDATE reminder SET state = ?3, next_at = ?4, tries = tries + ?5, unknown_fates = unknown_fates + ?6, \
            contact_renewed = contact_renewed OR ?7, updated_at = ?8 \
            WHERE nr = ?1 AND state = 'sending' AND attempt = ?2";
        let changed = self.conn.prepare_cached(sql)?.execute(params![
            found.nr,
            attempt,
            state.as_str(),
            micros(next_at),
            ending.adds_try,
            ending.adds_unknown,
            ending.renews_contact,
            at
        ])?;
        Ok(changed == 1)
    }

    fn remember_contact(&self, found: &Card, to: &SettleTo, at: Timestamp) -> LedgerResult<()> {
        let Some(phone) = found.phone.as_deref() else { return Ok(()) };
        let phone_hash = || self.phone_key.hash(phone);
        match to {
            SettleTo::ContactReady { contact_id } => {
                let sql = "INSERT INTO contact (account, phone_hash, contact_id, known_since) VALUES (?1, ?2, ?3, ?4) \
                    ON CONFLICT (account, phone_hash) DO UPDATE SET contact_id = excluded.contact_id, \
                    known_since = excluded.known_since";
                let values = params![found.account, phone_hash(), contact_id, micros(at)];
                self.conn.prepare_cached(sql)?.execute(values)?;
            }
            SettleTo::ContactForgotten => {
                let sql = "DELETE FROM contact WHERE account = ?1 AND phone_hash = ?2";
                self.conn.prepare_cached(sql)?.execute(params![found.account, phone_hash()])?;
            }
            SettleTo::Delivered
            | SettleTo::Failed
            | SettleTo::Uncertain
            | SettleTo::Again { .. }
            | SettleTo::Dropped => {}
        }
        Ok(())
    }

    fn log_settled(&self, found: &Card, settlement: &Settlement, ending: &Ending) -> LedgerResult<()> {
        let step_word = match settlement.to {
            SettleTo::ContactReady { .. } | SettleTo::ContactForgotten => Some(ending.outcome),
            SettleTo::Delivered
            | SettleTo::Failed
            | SettleTo::Uncertain
            | SettleTo::Again { .. }
            | SettleTo::Dropped => None,
        };
        self.log(&Entry {
            attempt: Some(settlement.attempt),
            reason: settlement.class.as_deref().or(step_word).map(Into::into),
            http_status: settlement.http_status,
            latency_ms: settlement.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            actor: Some(settlement.actor.as_str().into()),
            detail: detail_of(settlement, ending),
            ..found.entry(settlement.at, ending.event)
        })
    }
}

/// What follows the reason of an attempt that is repeated although its fate is unknown.
const RESENT: &str = "it is sent again (on_uncertain = \"resend\")";

fn detail_of<'a>(settlement: &'a Settlement, ending: &Ending) -> Option<Cow<'a, str>> {
    let detail = match (settlement.detail.as_deref(), ending.outcome) {
        (Some(detail), "resend") => Some(format!("{detail}; {RESENT}").into()),
        (None, "resend") => Some(RESENT.into()),
        (detail, _) => detail.map(Cow::from),
    };
    let remote_id = settlement.remote_id.as_ref().map(|id| Cow::from(format!("remote id {id}")));
    match (detail, remote_id) {
        (Some(detail), Some(remote_id)) => Some(format!("{detail}; {remote_id}").into()),
        (detail, remote_id) => detail.or(remote_id),
    }
}
