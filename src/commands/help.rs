//! shell: `tickler help`: help on a verb, or a topic of the reference.

use clap::CommandFactory;

use super::arguments::Arguments;
use super::output::print;
use crate::verbs::reference::{self, Topic};
use crate::verbs::{Exit, VerbError};

/// Width of the reference in columns: every terminal has as many.
const WIDTH: usize = 80;

/// Prints help on a verb or a topic of the reference; without a name, both lists.
pub fn help(topic: Option<&str>, markdown: bool) -> anyhow::Result<Exit> {
    if markdown {
        print(reference::markdown().trim_end())?;
        return Ok(Exit::Done);
    }
    let mut command = Arguments::command();
    command.build();
    match topic {
        None => print(&format!("{}\n{}", command.render_help(), topic_list()))?,
        Some(word) => match (topic_named(word), command.find_subcommand_mut(word)) {
            (Some(topic), _) => print(&reference::for_terminal(topic, WIDTH))?,
            (None, Some(verb)) => print(verb.render_long_help().to_string().trim_end())?,
            (None, None) => return Err(unknown(word, &command)),
        },
    }
    Ok(Exit::Done)
}

fn topic_named(word: &str) -> Option<Topic> {
    Topic::ALL.iter().copied().find(|topic| topic.word() == word)
}

fn topic_words() -> Vec<&'static str> {
    Topic::ALL.iter().map(|topic| topic.word()).collect()
}

fn topic_list() -> String {
    format!("Reference: `tickler help TOPIC`, where TOPIC is one of\n  {}", topic_words().join(", "))
}

fn unknown(word: &str, command: &clap::Command) -> anyhow::Error {
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    let likely = crate::verbs::likely_name(word, topic_words().into_iter().chain(verbs));
    let hint = likely.map_or_else(topic_list, |name| format!("did you mean `{name}`?"));
    VerbError::Usage(format!("there is no help on `{word}`: {hint}")).into()
}
