//! pure: a tree of templates, as `[payload]` writes it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{RenderError, Scope, Template, TemplateProblem};

/// A tree of templates that renders to the payload.
#[derive(Debug, Clone)]
pub struct PayloadTemplate {
    root: Node,
}

#[derive(Debug, Clone)]
enum Node {
    Fixed(Value),
    Template(Template),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

type PlacedProblem = (Vec<String>, TemplateProblem);

impl PayloadTemplate {
    /// Compiles every string of a tree (objects, lists, scalars; object keys stay as they are).
    ///
    /// # Errors
    /// All problems, each with the path to its string (`["customer", "name"]`, list places as numbers).
    pub fn compile(tree: &Value) -> Result<Self, Vec<PlacedProblem>> {
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
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, RenderError> {
        rendered(&self.root, scope).map_err(|failure| {
            let path: Vec<String> = failure.path.into_iter().rev().collect();
            RenderError(format!("`{}`: {}", path.join("."), failure.error.0))
        })
    }
}

fn compiled(tree: &Value, path: &mut Vec<String>, problems: &mut Vec<PlacedProblem>) -> Node {
    match tree {
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::Fixed(tree.clone()),
        Value::String(text) => match Template::compile(text) {
            Ok(template) => Node::Template(template),
            Err(problem) => {
                problems.push((path.clone(), problem));
                Node::Fixed(Value::Null)
            }
        },
        Value::Array(items) => {
            let items = items.iter().enumerate();
            Node::List(items.map(|(place, item)| below(place.to_string(), item, path, problems)).collect())
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            Node::Object(fields.map(|(key, field)| (key.clone(), below(key.clone(), field, path, problems))).collect())
        }
    }
}

fn below(step: String, tree: &Value, path: &mut Vec<String>, problems: &mut Vec<PlacedProblem>) -> Node {
    path.push(step);
    let node = compiled(tree, path, problems);
    path.pop();
    node
}

fn collect_names(node: &Node, names: &mut BTreeSet<String>) {
    match node {
        Node::Fixed(_) => {}
        Node::Template(template) => names.extend(template.names()),
        Node::List(items) => items.iter().for_each(|item| collect_names(item, names)),
        Node::Object(fields) => fields.iter().for_each(|(_, field)| collect_names(field, names)),
    }
}

/// A template that can't be filled, and the way to it, innermost step first.
struct Failure {
    path: Vec<String>,
    error: RenderError,
}

impl Failure {
    fn under(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }
}

fn rendered(node: &Node, scope: &dyn Scope) -> Result<Value, Failure> {
    match node {
        Node::Fixed(value) => Ok(value.clone()),
        Node::Template(template) => template.render(scope).map_err(|error| Failure { path: Vec::new(), error }),
        Node::List(items) => {
            let rendered_item = |(place, item): (usize, &Node)| {
                rendered(item, scope).map_err(|failure| failure.under(place.to_string()))
            };
            items.iter().enumerate().map(rendered_item).collect::<Result<_, _>>().map(Value::Array)
        }
        Node::Object(fields) => {
            let mut object = Map::with_capacity(fields.len());
            for (key, field) in fields {
                let value = rendered(field, scope).map_err(|failure| failure.under(key.clone()))?;
                object.insert(key.clone(), value);
            }
            Ok(Value::Object(object))
        }
    }
}
