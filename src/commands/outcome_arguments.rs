//! shell: what may be typed after `tickler outcome`.

use std::path::PathBuf;

use clap::Subcommand;

/// `outcome …`.
#[derive(Debug, Subcommand)]
pub enum OutcomeVerb {
    /// What became of the calls that were accepted
    List {
        /// Of which schedule [default: all]
        schedule: Option<String>,
        /// Only calls in which something was said that no key of `[outcome.values]` maps, with these words
        #[arg(long)]
        unmapped: bool,
    },
    /// Say what became of a call: a person's word is above every record
    Set {
        /// The reminder's id, or its beginning
        id: String,
        /// The outcome: confirmed, declined, reschedule, …
        word: String,
        /// Why; the audit log keeps it
        #[arg(long)]
        reason: Option<String>,
    },
    /// Have somebody called again, after a fresh read of the source and inside the calling hours
    Retry {
        /// A reminder's id, or its beginning; with --silent, a schedule
        id_or_schedule: String,
        /// Everybody who was called by that schedule, has an appointment ahead, and of whose call no sign came
        #[arg(long)]
        silent: bool,
        /// Why; the audit log keeps it
        #[arg(long)]
        reason: Option<String>,
    },
    /// What a schedule makes of a record of a call; nothing is written
    Try {
        /// Which schedule
        schedule: String,
        /// A file with the record as JSON; `-` reads what is piped in
        file: PathBuf,
    },
}
