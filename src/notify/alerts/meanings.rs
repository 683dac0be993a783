//! pure: every kind of alert, and what it is about, for the reference.

use super::AlertKind;

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 21] = [
        Self::RunFailed,
        Self::RunHeld,
        Self::RunWaiting,
        Self::RunMissed,
        Self::DeliveryUncertain,
        Self::DeliveryFailed,
        Self::ReminderExpired,
        Self::LedgerDown,
        Self::LedgerLost,
        Self::SourceStuck,
        Self::NobodyCallable,
        Self::SendingBlocked,
        Self::Paused,
        Self::SendingRetried,
        Self::OutcomeMissing,
        Self::OutcomeSilent,
        Self::WebhookLost,
        Self::Desk,
        Self::WriteBackFailed,
        Self::InboundFlood,
        Self::CanarySilent,
    ];

    /// What it is about, in one sentence for the reference.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::RunFailed => "The schedule's run failed",
            Self::RunHeld => "A guard holds its run",
            Self::RunWaiting => "Its run waits for the source",
            Self::RunMissed => "Nominal times came due while the service was down",
            Self::DeliveryUncertain => "A call may or may not have been placed",
            Self::DeliveryFailed => "Calls were refused permanently, or their attempts are used up",
            Self::ReminderExpired => "Reminders were not sent in time",
            Self::LedgerDown => "The ledger cannot be written",
            Self::LedgerLost => "Rows of the ledger, or its file, are lost",
            Self::SourceStuck => "A read of the source never returned",
            Self::NobodyCallable => "The run had appointments in its window, and none of them could be called",
            Self::SendingBlocked => "Nothing is sent for the schedule, the account or at all until a person acts",
            Self::Paused => "A person has paused the schedule, or everything",
            Self::SendingRetried => {
                "The other side has not accepted the schedule's calls for some minutes; they are retried until they expire"
            }
            Self::OutcomeMissing => "No report of calls came in time",
            Self::OutcomeSilent => "Calls were accepted in a row and nothing was heard of any",
            Self::WebhookLost => "Polls found outcomes whose reports should have been posted",
            Self::Desk => "Persons asked to cancel, or for another time",
            Self::WriteBackFailed => "Outcomes could not be written back, and nobody has acknowledged that",
            Self::InboundFlood => "More requests were posted than the schedule accepts within an hour",
            Self::CanarySilent => "Nothing was heard of the canary",
        }
    }
}
