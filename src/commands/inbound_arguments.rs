//! shell: the arguments of `tickler inbound`.

use std::path::PathBuf;

use clap::Subcommand;

/// `inbound …`.
#[derive(Debug, Subcommand)]
pub enum InboundVerb {
    /// Where requests for calls and records of calls are posted to
    Urls {
        /// Of which schedule [default: all]
        schedule: Option<String>,
    },
    /// The requests that were posted, and what became of each
    List {
        /// Of which schedule [default: all]
        schedule: Option<String>,
    },
    /// Post a request from a file, as its sender would: whoever it names is called
    Post {
        /// Which schedule
        schedule: String,
        /// A file with the request as a JSON object; `-` reads standard input
        file: PathBuf,
        /// Its `Idempotency-Key`, the id of a request whose schedule maps none
        #[arg(long)]
        key: Option<String>,
    },
}
