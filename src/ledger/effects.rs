//! pure: what an answer means for the account and the target it came from.

use super::gate::AccountHold;
use super::{Effect, Settlement};
use crate::audit::{Entry, Event};

/// The number of answers in a row that speak of the endpoint (402, 403, 404, 410) after which a schedule's target is paused.
const FORBIDDEN_IN_A_ROW: u32 = 3;

/// How a schedule's target has answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetState {
    /// Answers in a row that speak of the endpoint: 402, 403, 404, 410.
    pub forbidden: u32,
    /// Paused until resumed.
    pub is_paused: bool,
}

/// Whose request was answered: a reminder's or a test call's.
#[derive(Debug, Clone, Copy)]
pub struct Requester<'a> {
    /// The schedule's name.
    pub schedule: &'a str,
    /// The account that it was sent with.
    pub account: &'a str,
}

/// A new value with the row of the audit log that reports it.
#[derive(Debug, Clone)]
pub struct Effected<'a, T> {
    /// The value.
    pub value: T,
    /// What the audit log says of it.
    pub entry: Option<Entry<'a>>,
}

/// What the answer changes of the account; `None`: nothing.
#[must_use]
pub fn on_account<'a>(
    of: Requester<'a>,
    ended: &'a Settlement,
    account: &AccountHold,
) -> Option<Effected<'a, AccountHold>> {
    match &ended.effect {
        Effect::PauseAccountUntil(until) => {
            let paused_until = account.paused_until.max(Some(*until));
            Some(Effected { value: AccountHold { paused_until, ..account.clone() }, entry: None })
        }
        Effect::PauseAccount { credentials } if account.refused_credentials.as_ref() != Some(credentials) => {
            let detail =
                format!("account `{}`: its credentials were refused; nothing is sent until they change", of.account);
            Some(Effected {
                value: AccountHold { refused_credentials: Some(credentials.clone()), ..account.clone() },
                entry: Some(paused(of, ended, "account_refused", detail)),
            })
        }
        Effect::None | Effect::PauseAccount { .. } | Effect::Forbidden | Effect::Accepted => None,
    }
}

/// What the answer changes of the schedule's target; `None`: nothing.
#[must_use]
pub fn on_target<'a>(
    of: Requester<'a>,
    ended: &'a Settlement,
    target: TargetState,
) -> Option<Effected<'a, TargetState>> {
    match &ended.effect {
        Effect::Accepted if target.forbidden > 0 => {
            Some(Effected { value: TargetState { forbidden: 0, ..target }, entry: None })
        }
        Effect::Forbidden => {
            let forbidden = target.forbidden + 1;
            let pauses = forbidden >= FORBIDDEN_IN_A_ROW && !target.is_paused;
            let detail = "three answers of 402, 403, 404 or 410 in a row: calling may be disabled for this agent, or the \
                address is wrong; nothing is sent until resumed";
            Some(Effected {
                value: TargetState { forbidden, is_paused: target.is_paused || pauses },
                entry: pauses.then(|| paused(of, ended, "target_forbidden", detail.to_owned())),
            })
        }
        Effect::None | Effect::Accepted | Effect::PauseAccountUntil(_) | Effect::PauseAccount { .. } => None,
    }
}

fn paused<'a>(of: Requester<'a>, ended: &'a Settlement, reason: &'static str, detail: String) -> Entry<'a> {
    Entry {
        schedule: Some(of.schedule.into()),
        reason: Some(reason.into()),
        detail: Some(detail.into()),
        actor: Some(ended.actor.as_str().into()),
        ..Entry::new(ended.at, Event::OperatorPaused)
    }
}
