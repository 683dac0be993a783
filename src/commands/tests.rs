use clap::Parser as _;

use super::arguments::Arguments;

/// The words of a command line: blanks part them, but not inside quotes, and `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in line.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            ('#', None) if word.is_empty() => break,
            (' ', None) => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            _ => word.push(letter),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// The commands that the README shows but doesn't have run in order: those of its `text` blocks, each with its line.
fn shown_commands(readme: &str) -> Vec<(usize, String)> {
    let mut block = None;
    let mut commands = Vec::new();
    for (number, line) in readme.lines().enumerate() {
        match (line.strip_prefix("```"), block) {
            (Some(kind), None) => block = Some(kind),
            (Some(_), Some(_)) => block = None,
            (None, Some("text")) if line.starts_with("tickler ") => commands.push((number + 1, line.to_owned())),
            (None, _) => {}
        }
    }
    commands
}

#[test]
fn each_command_that_the_readme_shows_is_one() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("there is a README");
    let commands = shown_commands(&readme);
    assert!(commands.len() >= 15, "the commands were found: {commands:?}");
    for (line, command) in commands {
        if let Err(refused) = Arguments::try_parse_from(words(&command)) {
            panic!("README.md:{line}: {command}\n{refused}");
        }
    }
}

#[test]
fn a_command_that_is_none_is_refused() {
    assert_eq!(words("tickler pause --reason \"a fair\"  # until then"), ["tickler", "pause", "--reason", "a fair"]);
    let readme = "```text\ntickler approve RUN --because x\n```\n```sh\ntickler never\n```\n";
    let commands = shown_commands(readme);
    assert_eq!(commands, [(2, "tickler approve RUN --because x".to_owned())]);
    assert!(Arguments::try_parse_from(words(&commands[0].1)).is_err());
}
