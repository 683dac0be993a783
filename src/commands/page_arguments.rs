//! shell: the arguments of `tickler page`.

use clap::{Args, Subcommand, ValueEnum};

use crate::verbs::page_token::PageRights;

/// `page …`.
#[derive(Debug, Subcommand)]
pub enum PageVerb {
    /// Tokens with which people sign in from other machines
    Token {
        /// The subcommand
        #[command(subcommand)]
        verb: PageTokenVerb,
    },
}

/// `page token …`.
#[derive(Debug, Subcommand)]
pub enum PageTokenVerb {
    /// Make a token for one person and print it, once
    Add(PageTokenArguments),
    /// Remove a person's token: they are signed out at once
    Remove {
        /// The person's name
        name: String,
    },
    /// List the people who have a token
    List,
}

/// The person who gets a token, and what they may do with it.
#[derive(Debug, Args)]
pub struct PageTokenArguments {
    /// The person's name, as the log shows it
    pub name: String,
    /// `read`: see everything, with phone numbers masked; `act`: decide, too
    #[arg(long, value_enum, default_value_t = MayWord::Read)]
    pub may: MayWord,
}

/// What the person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MayWord {
    /// See everything, with phone numbers masked
    Read,
    /// Decide, too
    Act,
}

impl From<MayWord> for PageRights {
    fn from(word: MayWord) -> Self {
        match word {
            MayWord::Read => Self::Read,
            MayWord::Act => Self::Act,
        }
    }
}
