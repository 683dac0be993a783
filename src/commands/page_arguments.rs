//! shell: what may be typed after `tickler page`.

use clap::{Args, Subcommand, ValueEnum};

use crate::verbs::page_token::May;

/// `page …`.
#[derive(Debug, Subcommand)]
pub enum PageVerb {
    /// Tokens by which people sign in where the page is not on their own machine
    Token {
        /// What of them
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
        /// Whose
        name: String,
    },
    /// Whose tokens there are
    List,
}

/// Whose token, and for what.
#[derive(Debug, Args)]
pub struct PageTokenArguments {
    /// The person's name, as the log shows it
    pub name: String,
    /// `read`: look at everything, masked; `act`: decide, too
    #[arg(long, value_enum, default_value_t = MayWord::Read)]
    pub may: MayWord,
}

/// What the person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MayWord {
    /// Look at everything that is shown masked
    Read,
    /// Decide, too
    Act,
}

impl From<MayWord> for May {
    fn from(word: MayWord) -> Self {
        match word {
            MayWord::Read => Self::Read,
            MayWord::Act => Self::Act,
        }
    }
}
