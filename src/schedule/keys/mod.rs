//! pure: the keys of a schedule file: one table of them drives the check of a file and its JSON Schema.

mod canary;
mod examples;
mod outcome;
mod sending;
mod sources;
mod tables;
mod write_back;

pub use tables::SCHEDULE;

/// One key of a table.
#[derive(Debug)]
pub struct Key {
    /// The key as a schedule writes it.
    pub name: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Whether it must be there.
    pub need: Need,
    /// One line for people and editors.
    pub doc: &'static str,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The file is refused without it.
    Required,
    /// The same, except with `[source.inbound]`.
    RequiredButInbound,
    /// May be left out; nothing takes its place.
    Optional,
    /// May be left out: then this (written as in TOML) holds.
    Default(&'static str),
    /// Known, but not built: refused.
    Later,
}

/// A table of keys.
#[derive(Debug)]
pub struct KeyTable {
    /// Its keys.
    pub keys: &'static [Key],
    /// Exactly one of these keys must be there (those not yet built count as there).
    pub one_of: &'static [&'static str],
}

/// What a key takes.
#[derive(Debug)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// Any text but the empty one.
    Text,
    /// Any text.
    AnyText,
    /// One of a few words: those that are built, and those that aren't yet.
    Word {
        /// Taken.
        now: &'static [&'static str],
        /// Known, refused.
        later: &'static [&'static str],
    },
    /// A whole number in a range.
    Whole(i64, i64),
    /// A whole number in a range, or a list of them.
    Wholes(i64, i64),
    /// A list of texts.
    Texts,
    /// A text or a list of texts.
    TextOrTexts,
    /// `90s`, `20m`, `24h`, `7d`.
    Duration,
    /// `64MiB`.
    Size,
    /// `20%`.
    Percent,
    /// `3x`.
    Factor,
    /// A column of a row.
    Column,
    /// A column, or a list of them.
    Columns,
    /// A column, or `{ date, time }`.
    Start,
    /// A table that says where a secret lives.
    Secret,
    /// A table that says where a secret lives, or a list of two.
    Secrets,
    /// A text, or a table that says where a secret lives.
    TextOrSecret,
    /// A table of texts and secret tables.
    SecretMap,
    /// A JSON pointer.
    Pointer,
    /// A JSON pointer, or a JSONPath.
    Place,
    /// A text or a tree whose strings are templates.
    Body,
    /// A JSON pointer, or a list of them.
    Pointers,
    /// A table of a sender's words, each with an outcome or `ignore`.
    Meanings,
    /// A list of some of a few words.
    Words(&'static [&'static str]),
    /// A duration, or a list of them.
    Durations,
    /// A template text.
    Template,
    /// A list of template texts.
    Templates,
    /// A table of template texts.
    TemplateMap,
    /// A tree whose strings are templates.
    TemplateTree,
    /// An expression that is true or false.
    Condition,
    /// Only ever `true`.
    True,
    /// Tables of keys, each by a name of the author's.
    TableMap(&'static KeyTable),
    /// Another table of keys.
    Table(&'static KeyTable),
    /// Not checked: not built yet.
    Unread,
}

impl KeyTable {
    /// The key of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Shape {
    /// What it takes, for people.
    #[must_use]
    pub fn wanted(&self) -> String {
        match self {
            Self::Boolean => "`true` or `false`".into(),
            Self::Text | Self::AnyText => "a text".into(),
            Self::Word { now, .. } => {
                format!("one of {}", now.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "))
            }
            Self::Whole(min, max) => format!("a whole number from {min} to {max}"),
            Self::Wholes(min, max) => format!("a whole number from {min} to {max}, or a list of them"),
            Self::Texts => "a list of texts".into(),
            Self::TextOrTexts => "a text or a list of texts".into(),
            Self::Duration => "a duration such as `\"90s\"`, `\"20m\"`, `\"24h\"` or `\"7d\"`".into(),
            Self::Size => "a size such as `\"64MiB\"`".into(),
            Self::Percent => "a share such as `\"20%\"`".into(),
            Self::Factor => "a factor such as `\"3x\"`".into(),
            Self::Column => "the name of a column".into(),
            Self::Columns => "the name of a column, or a list of them".into(),
            Self::Start => "the name of a column, or `{ date = \"…\", time = \"…\" }`".into(),
            Self::Secret => "a table that says where the secret lives".into(),
            Self::Secrets => "a table that says where the secret lives, or a list of two".into(),
            Self::TextOrSecret => "a text, or a table that says where the secret lives".into(),
            Self::SecretMap => "a table of texts or of tables that say where a secret lives".into(),
            Self::Pointer => "a JSON pointer such as `\"/data/rows\"`".into(),
            Self::Place => "a JSON pointer such as `\"/data/rows\"`, or a JSONPath such as `\"$.data.rows\"`".into(),
            Self::Body => "a text or a table".into(),
            Self::Pointers => "a JSON pointer such as `\"/data/status\"`, or a list of them".into(),
            Self::Meanings => "a table of words with their outcomes, such as `{ yes = \"confirmed\" }`".into(),
            Self::Words(words) => {
                format!("a list of {}", words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "))
            }
            Self::Durations => "a duration such as `\"1h\"`, or a list of them".into(),
            Self::Template => "a text with `{{ … }}`".into(),
            Self::Templates => "a list of texts with `{{ … }}`".into(),
            Self::TemplateMap => "a table of texts with `{{ … }}`".into(),
            Self::TemplateTree | Self::Table(_) => "a table".into(),
            Self::TableMap(_) => "a table of tables".into(),
            Self::Condition => "an expression written as a text".into(),
            Self::True => "`true`".into(),
            Self::Unread => "anything".into(),
        }
    }
}
