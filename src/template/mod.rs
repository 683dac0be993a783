//! pure: renders expressions and payload trees to JSON, with a limited set of filters.
//!
//! The language is Jinja's as minijinja parses it, reduced to the filters and tests of `filters.rs`, without functions and
//! methods. A text that is exactly one `{{ expression }}` keeps the value's JSON type. In any other text a null value
//! renders as nothing, so that nobody is greeted as "none"; `{{ name | default("there") }}` replaces it. An unknown name is
//! always an error, whatever filter follows it; a column that may be missing is reached through the row:
//! `{{ row.nickname | default("") }}`.

mod engine;
mod filters;
mod limits;
mod patterns;
mod payload;
mod rewrite;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use engine::Program;
pub use payload::{Payload, PayloadTemplate};

/// The names that every payload template may use besides the row's columns. A column of the same name is hidden.
pub const BUILT_IN_NAMES: &[&str] = &[
    "phone",
    "phone_national",
    "starts_at",
    "date",
    "time",
    "weekday",
    "spoken_date",
    "spoken_time",
    "appointment_id",
    "reminder_id",
    "lead",
    "schedule",
    "previous_starts_at",
    "retry",
    "last_try",
    "previous_outcome",
    "appointments",
    "row",
];

/// Resolves the names of a template: built-in names first, then the row's columns.
pub trait Scope {
    /// The value of a name; `None` when there is no such name: then rendering fails.
    fn lookup(&self, name: &str) -> Option<Value>;
    /// The whole row as an object, for `row["Appt Date"]`.
    fn row(&self) -> Value;
}

/// A template that doesn't parse, or uses something not offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateProblem {
    /// What is wrong.
    pub message: String,
    /// Where in the text (bytes), when known.
    pub at: Option<std::ops::Range<usize>>,
    /// The remedy.
    pub help: Option<String>,
}

/// A template that can't be rendered for this row. The message has no personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

/// Maximum size of a rendered template, in bytes; far more than payloads need.
pub(crate) const OUTPUT_LIMIT: usize = 64 * 1024;

/// What becomes of a field that isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// The template fails.
    Fails,
    /// It is null.
    IsNull,
}

/// One text: a lone `{{ expression }}` keeps the value's JSON type, anything else is text.
#[derive(Debug, Clone)]
pub struct Template {
    shape: TemplateShape,
    names: BTreeSet<String>,
}

#[derive(Debug, Clone)]
enum TemplateShape {
    /// No braces at all.
    Literal(String),
    /// A lone expression: its value as it is.
    Value(Filling),
    /// Text with expressions in it.
    Text(Vec<Piece>),
    /// Statements, comments or whitespace control: minijinja renders the whole text.
    Whole(Arc<Program>),
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Filling(Filling),
}

/// One `{{ … }}`; the common case, a bare name, needs no engine.
#[derive(Debug, Clone)]
enum Filling {
    Name(String),
    Program(Arc<Program>),
}

impl Filling {
    fn value(&self, scope: &dyn Scope) -> Result<Value, RenderError> {
        match self {
            Self::Name(name) => engine::named(scope, name),
            Self::Program(program) => program.value(scope),
        }
    }

    fn names(&self) -> BTreeSet<String> {
        match self {
            Self::Name(name) => BTreeSet::from([name.clone()]),
            Self::Program(program) => program.names().clone(),
        }
    }

    fn paths(&self) -> BTreeSet<String> {
        match self {
            Self::Name(name) => BTreeSet::from([name.clone()]),
            Self::Program(program) => program.paths(),
        }
    }
}

impl TemplateShape {
    /// What its expressions need, each asked by itself.
    fn needed(&self, of: impl Fn(&Filling) -> BTreeSet<String>) -> BTreeSet<String> {
        match self {
            Self::Literal(_) => BTreeSet::new(),
            Self::Value(filling) => of(filling),
            Self::Text(pieces) => pieces
                .iter()
                .flat_map(|piece| match piece {
                    Piece::Literal(_) => BTreeSet::new(),
                    Piece::Filling(filling) => of(filling),
                })
                .collect(),
            Self::Whole(program) => of(&Filling::Program(Arc::clone(program))),
        }
    }
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// When it doesn't parse, or uses a filter that isn't offered.
    pub fn compile(text: &str) -> Result<Self, TemplateProblem> {
        Self::compiled(text, Missing::Fails)
    }

    /// Compiles a template in which a field that isn't there is null, however deep.
    ///
    /// # Errors
    /// Those of [`Template::compile`].
    pub fn compile_lenient(text: &str) -> Result<Self, TemplateProblem> {
        Self::compiled(text, Missing::IsNull)
    }

    fn compiled(text: &str, missing: Missing) -> Result<Self, TemplateProblem> {
        let shape = shape_of(text, missing)?;
        let names = shape.needed(Filling::names);
        Ok(Self { shape, names })
    }

    /// The names it needs from its scope (`row` among them when it is used).
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.names.clone()
    }

    /// The names it needs, each with the fields that follow it: `client.phone`.
    #[must_use]
    pub fn paths(&self) -> BTreeSet<String> {
        self.shape.needed(Filling::paths)
    }

    /// Renders it.
    ///
    /// # Errors
    /// On an unknown name, a failing filter, or output beyond the limit.
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, RenderError> {
        let value = match &self.shape {
            TemplateShape::Literal(text) => return Ok(Value::String(text.clone())),
            TemplateShape::Value(filling) => filling.value(scope)?,
            TemplateShape::Text(pieces) => Value::String(filled(pieces, scope)?),
            TemplateShape::Whole(program) => Value::String(program.text(scope)?),
        };
        match &value {
            Value::String(text) => check_length(text.len())?,
            Value::Array(_) | Value::Object(_) => check_length(value.to_string().len())?,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(value)
    }
}

/// A boolean expression over a row (`only_if`).
#[derive(Debug, Clone)]
pub struct Condition {
    program: Arc<Program>,
}

impl Condition {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it doesn't parse.
    pub fn compile(text: &str) -> Result<Self, TemplateProblem> {
        if text.contains("{{") {
            return Err(TemplateProblem {
                message: "a condition is an expression already".into(),
                at: text.find("{{").map(|from| from..from + 2),
                help: Some("leave the `{{` and `}}` out".into()),
            });
        }
        let program =
            Program::expression(text, 0, Missing::Fails).map_err(|problem| match has_single_equals(text) {
                true => TemplateProblem { help: Some("two values are compared with `==`".into()), ..problem },
                false => problem,
            })?;
        Ok(Self { program: Arc::new(program) })
    }

    /// The names it needs from its scope.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.program.names().clone()
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.program.source()
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// On an unknown name, a comparison of different types, or a result that isn't a boolean.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, RenderError> {
        match self.program.value(scope)? {
            Value::Bool(truth) => Ok(truth),
            Value::Null => Err(no_boolean("nothing")),
            Value::Number(_) => Err(no_boolean("a number")),
            Value::String(_) => Err(no_boolean("a text")),
            Value::Array(_) => Err(no_boolean("a list")),
            Value::Object(_) => Err(no_boolean("an object")),
        }
    }
}

/// Whether a `=` stands alone, as SQL and spreadsheets compare.
fn has_single_equals(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_part = |at: usize| bytes.get(at).is_some_and(|byte| matches!(byte, b'=' | b'<' | b'>' | b'!'));
    (0..bytes.len()).any(|at| bytes[at] == b'=' && !is_part(at + 1) && !at.checked_sub(1).is_some_and(is_part))
}

fn no_boolean(kind: &str) -> RenderError {
    RenderError(format!("the condition gives {kind}, not true or false: compare it with something"))
}

fn check_length(length: usize) -> Result<(), RenderError> {
    if length > OUTPUT_LIMIT {
        return Err(RenderError(format!("it renders to more than {} KiB", OUTPUT_LIMIT / 1024)));
    }
    Ok(())
}

fn filled(pieces: &[Piece], scope: &dyn Scope) -> Result<String, RenderError> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Filling(filling) => match filling.value(scope)? {
                Value::Null => {}
                Value::String(value) => text.push_str(&value),
                Value::Bool(truth) => text.push_str(if truth { "true" } else { "false" }),
                Value::Number(number) => text.push_str(&number.to_string()),
                tree @ (Value::Array(_) | Value::Object(_)) => text.push_str(&tree.to_string()),
            },
        }
        check_length(text.len())?;
    }
    Ok(text)
}

fn shape_of(text: &str, missing: Missing) -> Result<TemplateShape, TemplateProblem> {
    if ["{%", "{#", "{{-", "-}}", "{{+", "+}}"].iter().any(|mark| text.contains(mark)) {
        return Program::whole(text, missing).map(|program| TemplateShape::Whole(Arc::new(program)));
    }
    let mut pieces = Vec::new();
    let mut rest = 0;
    while let Some(open) = text[rest..].find("{{").map(|at| rest + at) {
        if open > rest {
            pieces.push(Piece::Literal(text[rest..open].to_owned()));
        }
        let close = rewrite::closing(text, open + 2)?;
        pieces.push(Piece::Filling(filling(&text[open + 2..close], open + 2, missing)?));
        rest = close + 2;
    }
    if rest < text.len() {
        pieces.push(Piece::Literal(text[rest..].to_owned()));
    }
    match <[Piece; 1]>::try_from(pieces) {
        Ok([Piece::Filling(filling)]) => Ok(TemplateShape::Value(filling)),
        Ok([Piece::Literal(literal)]) => Ok(TemplateShape::Literal(literal)),
        Err(pieces) if pieces.is_empty() => Ok(TemplateShape::Literal(String::new())),
        Err(pieces) => Ok(TemplateShape::Text(pieces)),
    }
}

fn filling(expression: &str, offset: usize, missing: Missing) -> Result<Filling, TemplateProblem> {
    let trimmed = expression.trim();
    if rewrite::is_plain_name(trimmed) {
        return Ok(Filling::Name(trimmed.to_owned()));
    }
    Program::expression(expression, offset, missing).map(|program| Filling::Program(Arc::new(program)))
}
