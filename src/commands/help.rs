//! shell: help on verbs, and the parts of the reference.

use clap::CommandFactory;

use super::arguments::Arguments;
use super::output::print;
use crate::verbs::reference::{self, Topic};
use crate::verbs::{Exit, VerbError};

/// The columns of a page of the reference: what every terminal has.
const WIDTH: usize = 80;

/// Prints the help of a verb or a part of the reference; without a name the list of both.
pub fn help(topic: Option<&str>, markdown: bool) -> anyhow::Result<Exit> {
    if markdown {
        print(reference::markdown().trim_end())?;
        return Ok(Exit::Done);
    }
    let mut command = Arguments::command();
    command.build();
    match topic {
        None => print(&format!("{}\n{}", command.render_help(), topics()))?,
        Some(word) => match (part(word), command.find_subcommand_mut(word)) {
            (Some(topic), _) => print(&reference::for_terminal(topic, WIDTH))?,
            (None, Some(verb)) => print(verb.render_long_help().to_string().trim_end())?,
            (None, None) => return Err(unknown(word, &command)),
        },
    }
    Ok(Exit::Done)
}

fn part(word: &str) -> Option<Topic> {
    Topic::ALL.iter().copied().find(|topic| topic.word() == word)
}

fn words() -> Vec<&'static str> {
    Topic::ALL.iter().map(|topic| topic.word()).collect()
}

fn topics() -> String {
    format!("Reference: `tickler help TOPIC`, a topic being one of\n  {}", words().join(", "))
}

fn unknown(word: &str, command: &clap::Command) -> anyhow::Error {
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    let likely = crate::verbs::likely_name(word, words().into_iter().chain(verbs));
    let hint = likely.map_or_else(topics, |name| format!("did you mean `{name}`?"));
    VerbError::Usage(format!("there is no help on `{word}`: {hint}")).into()
}
