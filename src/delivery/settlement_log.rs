//! shell: what the log reports of a settled attempt.

use jiff::Timestamp;

use crate::attempt::{Effect, Intent, SettleTo, Settlement};
use crate::targets::{Facts, HTML};

/// What became of the reminder, as the log reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoggedOutcome {
    /// It was accepted, or its next step follows at once.
    Proceeding,
    /// It is not sent again.
    Failed,
    /// Nobody knows whether the request arrived.
    Uncertain,
    /// Its attempts are used up.
    Dropped,
    /// It will be sent again.
    Delayed,
    /// It could only be sent again when its time is over.
    Expired,
}

impl LoggedOutcome {
    /// The state that the ledger gives a reminder that may not be sent at or after `expires_at`.
    fn new(settlement: &Settlement, expires_at: Timestamp) -> Self {
        let is_too_late = settlement.next_at().is_some_and(|next_at| next_at >= expires_at);
        match settlement.to {
            SettleTo::Failed => Self::Failed,
            SettleTo::Uncertain => Self::Uncertain,
            SettleTo::Dropped => Self::Dropped,
            // nobody knows whether the call was made, and it is too late to send the request again
            SettleTo::Again { resend: true, .. } if is_too_late => Self::Uncertain,
            SettleTo::Again { .. } | SettleTo::ContactReady { .. } | SettleTo::ContactForgotten if is_too_late => {
                Self::Expired
            }
            SettleTo::Again { .. } => Self::Delayed,
            SettleTo::Delivered | SettleTo::ContactReady { .. } | SettleTo::ContactForgotten => Self::Proceeding,
        }
    }
}

/// Logs how an attempt ended, with one line for its reminder.
pub(super) fn log(intent: &Intent, settlement: &Settlement, facts: &Facts) {
    let (schedule, reminder) = (intent.schedule.as_str(), intent.reminder_id);
    let class = settlement.class.as_deref().unwrap_or_default();
    let detail = settlement.detail.as_deref().unwrap_or_default();
    match &settlement.effect {
        Effect::PauseAccount { .. } => {
            tracing::error!(schedule, "the credentials were refused (401): the account is paused");
        }
        Effect::None | Effect::PauseAccountUntil(_) | Effect::Forbidden | Effect::Accepted => {}
    }
    match LoggedOutcome::new(settlement, intent.expires_at) {
        LoggedOutcome::Proceeding if settlement.to == SettleTo::Delivered && facts.note == Some(HTML) => {
            tracing::warn!(schedule, %reminder, "{detail}");
        }
        LoggedOutcome::Proceeding => {}
        LoggedOutcome::Failed => tracing::warn!(schedule, %reminder, class, "a delivery failed"),
        LoggedOutcome::Uncertain => {
            tracing::warn!(schedule, %reminder, class, "it is unknown whether a call was placed");
        }
        LoggedOutcome::Dropped => {
            tracing::warn!(schedule, %reminder, class, "a delivery was dropped: its attempts are used up");
        }
        LoggedOutcome::Delayed => tracing::warn!(schedule, %reminder, class, "a delivery is retried later: {detail}"),
        LoggedOutcome::Expired => {
            tracing::warn!(schedule, %reminder, class, "a reminder expired before it could be sent: {detail}");
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// The fate of a reminder that expires an hour after the settlement and may be sent again after `minutes`.
    fn again(minutes: i64, resend: bool) -> LoggedOutcome {
        let at = Settlement::example(SettleTo::Failed).at;
        let next_at = at + SignedDuration::from_mins(minutes);
        let settlement = Settlement::example(SettleTo::Again { next_at, counts: true, resend });
        LoggedOutcome::new(&settlement, at + SignedDuration::from_hours(1))
    }

    #[test]
    fn what_is_too_late_to_be_repeated_has_expired_and_is_uncertain_if_it_may_have_arrived() {
        assert_eq!((again(59, false), again(59, true)), (LoggedOutcome::Delayed, LoggedOutcome::Delayed));
        assert_eq!((again(60, false), again(60, true)), (LoggedOutcome::Expired, LoggedOutcome::Uncertain));
    }

    #[test]
    fn a_contact_step_that_ends_as_its_reminder_expires_leaves_nothing_to_send() {
        let ready = || Settlement::example(SettleTo::ContactReady { contact_id: "c1".to_owned() });
        let at = ready().at;
        assert_eq!(LoggedOutcome::new(&ready(), at), LoggedOutcome::Expired);
        assert_eq!(LoggedOutcome::new(&ready(), at + SignedDuration::from_secs(1)), LoggedOutcome::Proceeding);
        for (to, fate) in [
            (SettleTo::Delivered, LoggedOutcome::Proceeding),
            (SettleTo::Failed, LoggedOutcome::Failed),
            (SettleTo::Uncertain, LoggedOutcome::Uncertain),
            (SettleTo::Dropped, LoggedOutcome::Dropped),
        ] {
            assert_eq!(LoggedOutcome::new(&Settlement::example(to), at), fate);
        }
    }
}
