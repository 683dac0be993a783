//! shell: sends the canary of a schedule: one payload with `test: true` to the operator's own number. It is in no count; a sign of
//! life of its call shows that reports come.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use super::test_call::{UNSENT, only_where_allowed, payload_of, with_phone};
use super::{App, VerbError, VerbResult};
use crate::appointment::phone;
use crate::attempt::{SettleTo, Settlement};
use crate::delivery::TestReminder;
use crate::evaluation::new_reminder_id;
use crate::ledger::{BeginCanary, CanaryPurpose, CanaryRow, Outcomes, SettledCanary};
use crate::personal::Personal;
use crate::reminder::CanaryState;
use crate::row::Row;
use crate::schedule::Schedule;

/// Sends it now.
///
/// # Errors
/// When the schedule or everything is paused, the number isn't one, or the ledger fails: then nothing is sent.
pub async fn send(app: &App, actor: &str, schedule: &Arc<Schedule>) -> VerbResult<()> {
    let Some(spec) = &schedule.canary else { return Ok(()) };
    only_where_allowed(app, schedule).await?;
    let number = app.settings.secrets.resolve(&spec.to).map_err(|error| VerbError::Failed(error.0))?;
    let region = schedule.appointment.default_region.as_deref();
    let phone = phone::read(number.expose_secret(), region)
        .map_err(|_| VerbError::Failed("`canary.to` is not a phone number that can be called".to_owned()))?;
    let sender = app.sender.clone().ok_or_else(|| VerbError::Failed("nothing may be sent from here".into()))?;
    let (id, now) = (new_reminder_id(app.env.clock.as_ref()), app.env.clock.now());
    let row = CanaryRow {
        id,
        schedule: schedule.name.clone(),
        account: schedule.target.account().to_owned(),
        purpose: CanaryPurpose::Schedule,
        sent_at: now,
        until: now.checked_add(spec.within).unwrap_or(Timestamp::MAX),
        state: CanaryState::Waiting,
        remote_id: None,
    };
    let ledger = app.ledger()?;
    // the log knows of it before the first byte leaves
    ledger.begin_canary(BeginCanary { row, phone: phone.e164.clone(), actor: actor.to_owned() }).await?;
    let columns = spec.row.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
    let row = with_phone(schedule, &Row::Tree(columns.collect::<Map<_, _>>()), &phone);
    let settled = |remote_id, failure| SettledCanary {
        id,
        remote_id,
        failure,
        actor: actor.to_owned(),
        now: app.env.clock.now(),
    };
    let (payload, contact) = match payload_of(app, schedule, (&row, &phone), id) {
        Ok(rendered) => rendered,
        Err(error) => {
            ledger.settle_canary(settled(None, Some(("payload_error".to_owned(), None)))).await?;
            return Err(error);
        }
    };
    let test = TestReminder {
        reminder_id: id,
        phone: phone.e164,
        payload: payload.as_str().into(),
        contact: contact.map(Personal::from),
    };
    match sender.test_call(schedule, &test).await {
        Ok(ended) => ledger.settle_canary(settled(ended.remote_id.clone(), failure_of(&ended))).await?,
        Err(error) if error.is_unsent() => {
            ledger.settle_canary(settled(None, Some((UNSENT.to_owned(), None)))).await?;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Why no sign of life is awaited after this end: a word and the HTTP status.
fn failure_of(ended: &Settlement) -> Option<(String, Option<u16>)> {
    match ended.to {
        // of unknown fate: a sign of life may come
        SettleTo::Delivered | SettleTo::Uncertain => None,
        SettleTo::Failed
        | SettleTo::Again { .. }
        | SettleTo::Dropped
        | SettleTo::ContactReady { .. }
        | SettleTo::ContactForgotten => {
            Some((ended.class.clone().unwrap_or_else(|| "failed".to_owned()), ended.http_status))
        }
    }
}
