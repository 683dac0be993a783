//! shell: the arguments of `tickler optout`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::personal::Personal;

/// `optout …`.
#[derive(Debug, Subcommand)]
pub enum OptoutVerb {
    /// Put numbers on the list: nobody calls them from now on, and their pending reminders are cancelled
    Add(PhonesArguments),
    /// Take numbers off the list
    Remove {
        /// The numbers.
        #[command(flatten)]
        numbers: PhonesArguments,
        /// Off the list of wrong numbers instead: somebody else answered there, and now it is the person's own again
        #[arg(long)]
        wrong: bool,
    },
    /// The list: last four digits, since when, by whom, why
    List,
    /// Put the numbers of a file on the list, one a line, `#` before remarks
    Import {
        /// The file; `-` reads standard input
        file: PathBuf,
        /// How they are read.
        #[command(flatten)]
        reading: ReadingArguments,
    },
}

/// The numbers to put on the list or to take off it.
#[derive(Debug, Args)]
pub struct PhonesArguments {
    /// Numbers, as +12025550143
    #[arg(value_name = "PHONE", required = true)]
    pub phones: Vec<Personal>,
    /// How they are read.
    #[command(flatten)]
    pub reading: ReadingArguments,
}

/// How numbers are read, and why they are listed.
#[derive(Debug, Args)]
pub struct ReadingArguments {
    /// The country in which numbers without `+` are read, such as US
    #[arg(long, value_name = "COUNTRY")]
    pub region: Option<String>,
    /// The reason; it is kept in the audit log
    #[arg(long)]
    pub reason: Option<String>,
}
