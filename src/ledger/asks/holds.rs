//! pure: pauses, as they are set and lifted.

use jiff::Timestamp;

/// A pause to be set.
#[derive(Debug, Clone)]
pub struct Pause {
    /// `None`: all.
    pub schedule: Option<String>,
    /// The reason given.
    pub reason: String,
    /// Until (UTC), or until resumed.
    pub until: Option<Timestamp>,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The user or component that did it.
    pub actor: String,
}

/// What an operator changes of a pause.
#[derive(Debug, Clone)]
pub enum HoldChange {
    /// Sets it.
    Pause(Pause),
    /// Lifts it: of a schedule with its target, or of everything with all accounts and targets.
    Resume {
        /// `None`: all.
        schedule: Option<String>,
        /// The current instant (UTC).
        now: Timestamp,
        /// The user or component that did it.
        actor: String,
    },
}
