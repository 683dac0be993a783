//! pure: expressions and payload trees become JSON, with own bounded filters.

use std::collections::BTreeSet;

use serde_json::Value;

/// Where a template's names come from: built-in names first, then the row's columns.
pub trait Scope {
    /// The value behind a name; `None` when there is no such name (then rendering fails: nothing is half-filled).
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

/// A template that can't be filled from this row. No personal data in the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

/// One text: a lone `{{ expression }}` keeps the value's JSON type, anything else is text.
#[derive(Debug, Clone)]
pub struct Template {
    _todo: (),
}

/// A tree of templates that renders to the payload.
#[derive(Debug, Clone)]
pub struct PayloadTemplate {
    _todo: (),
}

/// A boolean expression over a row (`only_if`).
#[derive(Debug, Clone)]
pub struct Condition {
    _todo: (),
}

impl Template {
    /// Reads a template text.
    ///
    /// # Errors
    /// When it doesn't parse, or uses a filter that isn't offered.
    pub fn compile(_text: &str) -> Result<Self, TemplateProblem> {
        todo!()
    }

    /// The names it needs from its scope (`row` among them when it is used).
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        todo!()
    }

    /// Fills it.
    ///
    /// # Errors
    /// On an unknown name, a failing filter, or output beyond the bounds.
    pub fn render(&self, _scope: &dyn Scope) -> Result<Value, RenderError> {
        todo!()
    }
}

impl Condition {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it doesn't parse.
    pub fn compile(_text: &str) -> Result<Self, TemplateProblem> {
        todo!()
    }

    /// The names it needs from its scope.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        todo!()
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// On an unknown name, a comparison of different types, or a result that isn't a boolean.
    pub fn holds(&self, _scope: &dyn Scope) -> Result<bool, RenderError> {
        todo!()
    }
}

impl PayloadTemplate {
    /// Compiles every string of a tree (objects, lists, scalars; object keys stay as they are).
    ///
    /// # Errors
    /// All problems, each with the path to its string (`["customer", "name"]`, list places as numbers).
    pub fn compile(_tree: &Value) -> Result<Self, Vec<(Vec<String>, TemplateProblem)>> {
        todo!()
    }

    /// The names all of its templates need.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        todo!()
    }

    /// Fills the tree.
    ///
    /// # Errors
    /// On the first template that can't be filled; the message names its path.
    pub fn render(&self, _scope: &dyn Scope) -> Result<Value, RenderError> {
        todo!()
    }
}
