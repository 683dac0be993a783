//! shell: the arguments of `tickler inbound`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The conditions for requests to be listed. Times are those of their receipt.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which requests")]
pub struct RequestFilters {
    /// Only requests that are accepted, refused or withdrawn
    #[arg(long, value_name = "STANDING")]
    pub standing: Option<String>,
    /// Only requests refused for this reason: opted_out, invalid_phone, …
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only the request with this id
    #[arg(long, value_name = "ID", value_parser = super::arguments::typed_id)]
    pub appointment: Option<String>,
    /// Only requests received at or after this time (`yesterday 06:00`, `-2h`, RFC 3339)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only requests received before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Only this number of the newest requests
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// `inbound …`.
#[derive(Debug, Subcommand)]
pub enum InboundVerb {
    /// Where requests for calls and records of calls are posted to
    Urls {
        /// The schedule [default: all]
        schedule: Option<String>,
    },
    /// The requests that were posted, and what became of each
    List {
        /// The schedule [default: all]
        schedule: Option<String>,
        #[command(flatten)]
        filters: RequestFilters,
    },
    /// Post a request from a file, as its sender would: whoever it names is called
    Post {
        /// The schedule
        schedule: String,
        /// A file with the request as a JSON object; `-` reads standard input
        file: PathBuf,
        /// Its `Idempotency-Key`, the id of a request whose schedule maps none
        #[arg(long)]
        key: Option<String>,
    },
}
