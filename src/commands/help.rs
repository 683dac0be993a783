//! shell: `tickler help`: help on a verb, or a topic of the reference.

use clap::CommandFactory;

use super::arguments::Arguments;
use super::output::print;
use crate::verbs::reference::{self, Topic};
use crate::verbs::{Exit, VerbError};

/// The width of the reference in columns: every terminal has as many.
const WIDTH: usize = 80;

/// Prints help on a verb or a topic of the reference; without a name, both lists.
pub fn help(words: &[String], markdown: bool) -> anyhow::Result<Exit> {
    if markdown {
        print(reference::markdown().trim_end())?;
        return Ok(Exit::Done);
    }
    let mut command = Arguments::command();
    command.build();
    match words {
        [] => print(&format!("{}\n{}", command.render_help(), topic_list()))?,
        [word] if topic_named(word).is_some() => {
            topic_named(word).map_or(Ok(()), |topic| print(&reference::for_terminal(topic, WIDTH)))?;
        }
        [word, further @ ..] => print(&of_verb(&mut command, word, further)?)?,
    }
    Ok(Exit::Done)
}

/// The help of a verb, or of a verb below it: `audit compare`.
fn of_verb(command: &mut clap::Command, word: &str, further: &[String]) -> anyhow::Result<String> {
    if command.find_subcommand(word).is_none() {
        return Err(unknown(word, command));
    }
    let mut verb = command.find_subcommand_mut(word).ok_or_else(|| anyhow::anyhow!("no help on `{word}`"))?;
    let mut path = word.to_owned();
    for word in further {
        if verb.find_subcommand(word).is_none() {
            return Err(unknown_below(&path, word, verb));
        }
        verb = verb.find_subcommand_mut(word).ok_or_else(|| anyhow::anyhow!("no help on `{path} {word}`"))?;
        path = format!("{path} {word}");
    }
    Ok(verb.render_long_help().to_string().trim_end().to_owned())
}

fn unknown_below(path: &str, word: &str, verb: &clap::Command) -> anyhow::Error {
    let verbs: Vec<&str> = verb.get_subcommands().map(clap::Command::get_name).collect();
    let hint = match (verbs.as_slice(), crate::verbs::likely_name(word, verbs.iter().copied())) {
        ([], _) => format!("`tickler help {path}` is the help on it"),
        (_, Some(likely)) => format!("did you mean `{likely}`?"),
        (verbs, None) => format!("below `{path}` there are {}", verbs.join(", ")),
    };
    VerbError::Usage(format!("there is no help on `{path} {word}`: {hint}")).into()
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
