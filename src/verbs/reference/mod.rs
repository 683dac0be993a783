//! pure: the reference (`tickler help TOPIC`, `schedules/README.md`): every key, name, filter, reason and event, generated from
//! the tables that the program itself uses.

mod names;
mod schedule;
mod settings;
mod words;

use std::fmt::Write as _;

/// A topic of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The keys of a schedule file.
    Schedule,
    /// The names and filters of templates.
    Payload,
    /// The parameters of a SQL query, and the format of lists.
    Query,
    /// The keys of `tickler.toml`.
    Settings,
    /// Why somebody is not called.
    Reasons,
    /// What the audit log records.
    Events,
    /// What is reported to people.
    Alerts,
}

impl Topic {
    /// Every topic, in reading order.
    pub const ALL: &'static [Self] =
        &[Self::Schedule, Self::Payload, Self::Query, Self::Settings, Self::Reasons, Self::Events, Self::Alerts];

    /// The word that `tickler help` takes.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Payload => "payload",
            Self::Query => "query",
            Self::Settings => "settings",
            Self::Reasons => "reasons",
            Self::Events => "events",
            Self::Alerts => "alerts",
        }
    }

    fn sections(self) -> Vec<ReferenceSection> {
        match self {
            Self::Schedule => schedule::sections(),
            Self::Payload => names::payload(),
            Self::Query => names::query(),
            Self::Settings => settings::sections(),
            Self::Reasons => vec![words::reasons()],
            Self::Events => vec![words::events()],
            Self::Alerts => vec![words::alerts()],
        }
    }
}

/// A heading with its entries.
struct ReferenceSection {
    heading: String,
    intro: String,
    entries: Vec<ReferenceEntry>,
}

/// One key, name or word.
struct ReferenceEntry {
    name: String,
    /// The kind of its value, whether it is required, its default; empty for reasons and events.
    takes: String,
    meaning: String,
    example: String,
}

/// The whole reference as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for section in Topic::ALL.iter().flat_map(|topic| topic.sections()) {
        write_markdown(&mut text, &section).expect("a string takes text");
    }
    text
}

const INTRODUCTION: &str = "# Schedules: the reference\n\n\
    A schedule is one TOML file in this folder; the file's name without `.toml` is the schedule's name. `tickler check` \
    reports every mistake with its place and remedy. This page is generated: `tickler help --markdown` prints it, and a \
    test compares the two.\n";

fn write_markdown(text: &mut String, section: &ReferenceSection) -> std::fmt::Result {
    writeln!(text, "\n## {}\n", section.heading)?;
    if !section.intro.is_empty() {
        writeln!(text, "{}\n", section.intro)?;
    }
    let has_example = section.entries.iter().any(|entry| !entry.example.is_empty());
    let has_kind = section.entries.iter().any(|entry| !entry.takes.is_empty());
    let mut header = vec!["name"];
    header.extend(has_kind.then_some("takes"));
    header.push("meaning");
    header.extend(has_example.then_some("example"));
    writeln!(text, "| {} |\n|{}", header.join(" | "), "---|".repeat(header.len()))?;
    for entry in &section.entries {
        let mut cells = vec![code(&entry.name)];
        cells.extend(has_kind.then(|| cell(&entry.takes)));
        cells.push(cell(&entry.meaning));
        cells.extend(has_example.then(|| code(&entry.example)));
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// A text for a Markdown table's cell; an unescaped `|` would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", cell(text)) }
}

/// A topic, wrapped for a terminal of this width.
#[must_use]
pub fn for_terminal(topic: Topic, width: usize) -> String {
    let mut text = String::new();
    for section in topic.sections() {
        write_section(&mut text, &section, width).expect("a string takes text");
    }
    text.trim_end().to_owned()
}

fn write_section(text: &mut String, section: &ReferenceSection, width: usize) -> std::fmt::Result {
    writeln!(text, "{}\n", wrapped(&section.heading.replace('`', "").to_uppercase(), width, "  "))?;
    if !section.intro.is_empty() {
        writeln!(text, "{}\n", wrapped(&section.intro, width, ""))?;
    }
    for entry in &section.entries {
        let takes = if entry.takes.is_empty() { String::new() } else { format!("  ({})", entry.takes) };
        writeln!(text, "{}", wrapped(&format!("{}{takes}", entry.name), width, "    "))?;
        writeln!(text, "    {}", wrapped(&entry.meaning, width.saturating_sub(4), "").replace('\n', "\n    "))?;
        if !entry.example.is_empty() {
            writeln!(text, "    {} = {}", entry.name.rsplit('.').next().unwrap_or_default(), entry.example)?;
        }
        text.push('\n');
    }
    Ok(())
}

/// Wraps a text at blanks; every line but the first begins with `indent`.
fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{indent}{word}"));
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}
