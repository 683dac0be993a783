//! pure: a tree of templates, as `[payload]` writes it, and what it renders to: one compact JSON text, the bytes that are sent.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::ser::{Error as _, SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::{RenderError, Scope, Template, TemplateProblem};

/// A tree of templates that renders to the payload.
#[derive(Debug, Clone)]
pub struct PayloadTemplate {
    root: PayloadNode,
}

#[derive(Debug, Clone)]
enum PayloadNode {
    Fixed(Value),
    Template(Template),
    List(Vec<PayloadNode>),
    Object(Vec<(String, PayloadNode)>),
}

type ProblemAtPath = (Vec<String>, TemplateProblem);

impl PayloadTemplate {
    /// Compiles every string of a tree (objects, lists, scalars; object keys stay as they are).
    ///
    /// # Errors
    /// All problems, each with the path to its string (`["customer", "name"]`, list places as numbers).
    pub fn compile(tree: &Value) -> Result<Self, Vec<ProblemAtPath>> {
        let mut problems = Vec::new();
        let root = compiled(tree, &mut Vec::new(), &mut problems);
        if problems.is_empty() { Ok(Self { root }) } else { Err(problems) }
    }

    /// The names all of its templates need.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        collect_names(&self.root, &mut names);
        names
    }

    /// Fills the tree.
    ///
    /// # Errors
    /// On the first template that can't be filled; the message names its path.
    pub fn render(&self, scope: &dyn Scope) -> Result<Payload, RenderError> {
        let failure = RefCell::new(None);
        let filled = Filled { node: &self.root, scope, failure: &failure };
        to_raw_value(&filled).map(Payload).map_err(|error| match failure.into_inner() {
            Some(FillFailure { path, error }) => {
                let path: Vec<String> = path.into_iter().rev().collect();
                RenderError(format!("`{}`: {}", path.join("."), error.0))
            }
            None => RenderError(error.to_string()),
        })
    }
}

/// A rendered payload: compact JSON, its fields in the order of the schedule file.
#[derive(Clone)]
pub struct Payload(Box<RawValue>);

/// Shows nothing of the payload: it holds a phone and more.
impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payload(***)")
    }
}

impl Payload {
    /// A value as a payload.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        Self(to_raw_value(value).expect("a tree whose keys are texts is JSON"))
    }

    /// A text that is JSON already.
    ///
    /// # Errors
    /// When it is not.
    pub fn from_json(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// The bytes to send.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The payload as a tree.
    ///
    /// # Errors
    /// When it is nested too deep to be read back.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(self.0.get())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Reads a payload from whatever holds it: raw JSON can be taken from a text only.
impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::of(&value))
    }
}

fn compiled(tree: &Value, path: &mut Vec<String>, problems: &mut Vec<ProblemAtPath>) -> PayloadNode {
    match tree {
        Value::Null | Value::Bool(_) | Value::Number(_) => PayloadNode::Fixed(tree.clone()),
        Value::String(text) => match Template::compile(text) {
            Ok(template) => PayloadNode::Template(template),
            Err(problem) => {
                problems.push((path.clone(), problem));
                PayloadNode::Fixed(Value::Null)
            }
        },
        Value::Array(items) => {
            let items = items.iter().enumerate();
            PayloadNode::List(items.map(|(place, item)| below(place.to_string(), item, path, problems)).collect())
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            PayloadNode::Object(
                fields.map(|(key, field)| (key.clone(), below(key.clone(), field, path, problems))).collect(),
            )
        }
    }
}

fn below(step: String, tree: &Value, path: &mut Vec<String>, problems: &mut Vec<ProblemAtPath>) -> PayloadNode {
    path.push(step);
    let node = compiled(tree, path, problems);
    path.pop();
    node
}

fn collect_names(node: &PayloadNode, names: &mut BTreeSet<String>) {
    match node {
        PayloadNode::Fixed(_) => {}
        PayloadNode::Template(template) => names.extend(template.names()),
        PayloadNode::List(items) => items.iter().for_each(|item| collect_names(item, names)),
        PayloadNode::Object(fields) => fields.iter().for_each(|(_, field)| collect_names(field, names)),
    }
}

/// A template that can't be filled, and the way to it, innermost step first.
struct FillFailure {
    path: Vec<String>,
    error: RenderError,
}

/// A part of the tree on its way into JSON. The serializer's errors are texts: the failure itself is stored separately.
struct Filled<'a> {
    node: &'a PayloadNode,
    scope: &'a dyn Scope,
    failure: &'a RefCell<Option<FillFailure>>,
}

impl Filled<'_> {
    fn part<'a>(&'a self, node: &'a PayloadNode) -> Filled<'a> {
        Filled { node, scope: self.scope, failure: self.failure }
    }

    /// The way to a failure grows from its end.
    fn under<T, E>(&self, step: impl Fn() -> String, written: Result<T, E>) -> Result<T, E> {
        if written.is_err()
            && let Some(failure) = self.failure.borrow_mut().as_mut()
        {
            failure.path.push(step());
        }
        written
    }
}

impl Serialize for Filled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.node {
            PayloadNode::Fixed(value) => value.serialize(serializer),
            PayloadNode::Template(template) => match template.render(self.scope) {
                Ok(value) => value.serialize(serializer),
                Err(error) => {
                    *self.failure.borrow_mut() = Some(FillFailure { path: Vec::new(), error });
                    Err(S::Error::custom("a template can't be filled"))
                }
            },
            PayloadNode::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for (place, item) in items.iter().enumerate() {
                    self.under(|| place.to_string(), list.serialize_element(&self.part(item)))?;
                }
                list.end()
            }
            PayloadNode::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                for (key, field) in fields {
                    self.under(|| key.clone(), object.serialize_entry(key, &self.part(field)))?;
                }
                object.end()
            }
        }
    }
}
