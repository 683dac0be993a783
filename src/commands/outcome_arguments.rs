//! shell: the arguments of `tickler outcome`.

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
    /// Set the outcome of a call; it takes precedence over every record
    Set {
        /// The reminder's id, or a unique prefix of it
        id: String,
        /// The outcome: confirmed, declined, reschedule, …
        word: String,
        /// Why; the audit log keeps it
        #[arg(long)]
        reason: Option<String>,
    },
    /// Call somebody again, after a fresh read of the source and within the calling hours
    Retry {
        /// A reminder's id, or a unique prefix of it; with --silent, a schedule
        id_or_schedule: String,
        /// Everybody whom that schedule called, whose appointment is in the future, and whose call was never reported
        #[arg(long)]
        silent: bool,
        /// Why; the audit log keeps it
        #[arg(long)]
        reason: Option<String>,
    },
    /// Note that you have seen which outcomes could not be written back: `status` shows them no longer
    #[command(group(clap::ArgGroup::new("which").required(true).args(["id", "all"])))]
    Acknowledge {
        /// The reminder's id, or a unique prefix of it
        id: Option<String>,
        /// All of them
        #[arg(long)]
        all: bool,
        /// Why; the audit log keeps it
        #[arg(long)]
        reason: Option<String>,
    },
    /// Show how a schedule reads a record of a call; nothing is written
    Try {
        /// Which schedule
        schedule: String,
        /// A file with the record as JSON; `-` reads standard input
        file: PathBuf,
    },
}
