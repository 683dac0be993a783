//! shell: what may be typed after `tickler approve` and `tickler reject`.

use clap::Args;
use jiff::SignedDuration;

use super::arguments::{Now, duration};

/// `approve`.
#[derive(Debug, Args)]
pub struct ApproveArguments {
    /// The run's id, or its unique beginning
    pub run: String,
    /// Why; the audit log keeps it
    #[arg(long)]
    pub reason: Option<String>,
    /// How long to wait for what isn't due yet
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub wait: SignedDuration,
    /// The clock.
    #[command(flatten)]
    pub now: Now,
}

/// `reject`.
#[derive(Debug, Args)]
pub struct RejectArguments {
    /// The run's id, or its unique beginning
    pub run: String,
    /// Why; the audit log keeps it
    #[arg(long)]
    pub reason: Option<String>,
    /// The clock.
    #[command(flatten)]
    pub now: Now,
}
