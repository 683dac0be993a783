//! pure: the exit codes and errors of verbs.

use crate::delivery::TestCallError;
use crate::evaluation::EvaluationError;
use crate::ledger::LedgerError;

/// The exit code of a verb: a stable contract for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing wrong.
    Done,
    /// The command failed, or a problem was found.
    Failed,
    /// Wrong usage, such as an unknown schedule.
    Usage,
    /// The run was done, but a delivery failed, is uncertain or was dropped.
    Undelivered,
    /// The audit chain is broken or cut.
    ChainBroken,
    /// The service can't be reached.
    Unreachable,
    /// Refused for safety.
    Refused,
    /// Another process holds the ledger.
    Busy,
    /// The configuration is invalid.
    Configuration,
}

impl Exit {
    /// The meaning of an exit status; an unknown one is a failure.
    #[must_use]
    pub fn of_code(code: u8) -> Self {
        let all = [
            Self::Done,
            Self::Usage,
            Self::Undelivered,
            Self::ChainBroken,
            Self::Unreachable,
            Self::Refused,
            Self::Busy,
            Self::Configuration,
        ];
        all.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Failed)
    }

    /// The process's exit status.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Undelivered => 3,
            Self::ChainBroken => 5,
            Self::Unreachable => 6,
            Self::Refused => 7,
            Self::Busy => 75,
            Self::Configuration => 78,
        }
    }
}

/// Why a verb failed. The message has the remedy, never a secret or a phone number.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerbError {
    /// No file of this name is in the folder.
    #[error("there is no schedule `{name}`{}", remedy_for_name(.likely.as_ref(), .known))]
    UnknownSchedule {
        /// The name that was asked for.
        name: String,
        /// The closest existing name.
        likely: Option<String>,
        /// All existing names.
        known: Vec<String>,
    },
    /// Its file has errors.
    #[error("the schedule `{name}` is refused: {first} (see `tickler check`)")]
    RefusedSchedule {
        /// The name that was given.
        name: String,
        /// The first error.
        first: String,
    },
    /// The settings or the folder can't be used.
    #[error("{0}")]
    Configuration(String),
    /// Arguments that make no sense together.
    #[error("{0}")]
    Usage(String),
    /// A call would not be safe.
    #[error("{0}")]
    Unsafe(String),
    /// No service runs.
    #[error("{0}")]
    Unreachable(String),
    /// The source, or a file its rules need.
    #[error("{schedule}: {error}")]
    Evaluation {
        /// The schedule.
        schedule: String,
        /// What.
        #[source]
        error: EvaluationError,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The error of the running service.
    #[error("{message}")]
    Answered {
        /// Its words.
        message: String,
        /// How the verb ended there.
        exit: Exit,
    },
    /// Anything else that keeps the verb from being done.
    #[error("{0}")]
    Failed(String),
}

impl VerbError {
    /// The exit status it ends with.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::UnknownSchedule { .. } | Self::Usage(_) => Exit::Usage,
            Self::RefusedSchedule { .. } | Self::Configuration(_) => Exit::Configuration,
            Self::Unsafe(_) => Exit::Refused,
            Self::Answered { exit, .. } => *exit,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Ledger(LedgerError::Busy(_)) => Exit::Busy,
            Self::Ledger(
                LedgerError::Storage(_) | LedgerError::NewerSchema(_) | LedgerError::ReadOnly | LedgerError::Refused(_),
            )
            | Self::Evaluation { .. }
            | Self::Failed(_) => Exit::Failed,
        }
    }
}

impl From<TestCallError> for VerbError {
    fn from(error: TestCallError) -> Self {
        match error {
            TestCallError::Held(hold) => Self::Unsafe(hold.to_string()),
            TestCallError::Ledger(failure) => Self::Ledger(failure),
            TestCallError::Crowded { .. } | TestCallError::Closed(_) => Self::Failed(error.to_string()),
        }
    }
}

fn remedy_for_name(likely: Option<&String>, known: &[String]) -> String {
    match likely {
        Some(likely) => format!(": did you mean `{likely}`?"),
        None if known.is_empty() => ": the folder holds none".to_owned(),
        None => format!(": the folder holds {}", known.join(", ")),
    }
}

/// The name among `known` that was probably meant.
#[must_use]
pub fn likely_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    crate::spelling::did_you_mean(name, known).map(str::to_owned)
}
