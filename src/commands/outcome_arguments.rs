//! shell: the arguments of `tickler outcome`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The conditions for calls to be listed. Times are those at which a call was due.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which calls")]
pub struct OutcomeFilters {
    /// Only calls with this outcome: confirmed, no_answer, …; `none`: not reported yet
    #[arg(long, value_name = "WORD")]
    pub outcome: Option<String>,
    /// Only calls about this appointment
    #[arg(long, value_name = "ID", value_parser = super::arguments::typed_id)]
    pub appointment: Option<String>,
    /// Only calls due at or after this time (`yesterday 06:00`, `-2h`, RFC 3339)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only calls due before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Only retries that wait for their time
    #[arg(long)]
    pub waiting: bool,
    /// Only calls in which something was said that no key of `[outcome.values]` maps, with these words
    #[arg(long)]
    pub unmapped: bool,
    /// Only this number of the newest calls
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// `outcome …`.
#[derive(Debug, Subcommand)]
pub enum OutcomeVerb {
    /// What became of the calls that were accepted
    List {
        /// The schedule [default: all]
        schedule: Option<String>,
        #[command(flatten)]
        filters: OutcomeFilters,
    },
    /// Set the outcome of a call; it takes precedence over every record
    Set {
        /// The reminder's id, or a unique prefix of it
        id: String,
        /// The outcome: confirmed, declined, reschedule, …
        word: String,
        /// The reason; it is kept in the audit log
        #[arg(long)]
        reason: Option<String>,
    },
    /// Call somebody again, after a fresh read of the source and within the calling hours
    Retry {
        /// A reminder's id, or a unique prefix of it; with --silent, a schedule
        id_or_schedule: String,
        /// Everybody whom this schedule called, whose appointment is in the future, and whose call was never reported
        #[arg(long)]
        silent: bool,
        /// The reason; it is kept in the audit log
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
        /// The reason; it is kept in the audit log
        #[arg(long)]
        reason: Option<String>,
    },
    /// Show how a schedule reads a record of a call; nothing is written
    Try {
        /// The schedule
        schedule: String,
        /// A file with the record as JSON; `-` reads standard input
        file: PathBuf,
    },
}
