//! shell: the arguments of `tickler approve` and `tickler reject`.

use clap::Args;
use jiff::SignedDuration;

use super::arguments::{Now, duration};

/// The arguments of `approve`.
#[derive(Debug, Args)]
pub struct ApproveArguments {
    /// The run's id, or a unique prefix of it
    pub run: String,
    /// The reason; it is kept in the audit log
    #[arg(long)]
    pub reason: Option<String>,
    /// How long to wait for the calls that are due later
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub wait: SignedDuration,
    /// Replaces the clock.
    #[command(flatten)]
    pub now: Now,
}

/// The arguments of `reject`.
#[derive(Debug, Args)]
pub struct RejectArguments {
    /// The run's id, or a unique prefix of it
    pub run: String,
    /// The reason; it is kept in the audit log
    #[arg(long)]
    pub reason: Option<String>,
    /// Replaces the clock.
    #[command(flatten)]
    pub now: Now,
}
