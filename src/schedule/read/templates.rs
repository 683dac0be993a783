//! pure: the texts of a schedule that are templates, each problem at its own string.

use std::ops::Range;

use super::Reading;
use crate::schedule::spanned::{KeyValue, Node, Value};
use crate::schedule::{ComputedColumn, ReadBody};
use crate::spelling::did_you_mean;
use crate::template::{Condition, PayloadTemplate, Template, TemplateProblem};

pub fn payload(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<PayloadTemplate> {
    tree(node?, reading)
}

/// What a read sends along: a text or a tree in which only the window's names are filled in.
pub fn body(node: &Node, names: &[&str], reading: &mut Reading<'_>) -> Option<ReadBody> {
    let body = match node.text() {
        Some(_) => ReadBody::Text(template(node, reading)?),
        None => ReadBody::Tree(tree(node, reading)?),
    };
    for string in node.strings() {
        let used = string.text().and_then(|text| Template::compile(text).ok()).map(|template| template.names());
        for unknown in used.unwrap_or_default().iter().filter(|name| !names.contains(&name.as_str())) {
            let span = name_span(string, unknown, &reading.problems.text());
            let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            reading
                .problems
                .error("unknown-name", span, format!("a body has no name `{unknown}`"))
                .help(format!("a body may use {known}"));
        }
    }
    Some(body)
}

/// `[columns]`: each by its template, in the order of the file.
pub fn computed(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<Vec<ComputedColumn>> {
    let entries = node.map(Node::entries).unwrap_or_default();
    let column = |entry: &KeyValue, reading: &mut Reading<'_>| match Template::compile_lenient(entry.node.text()?) {
        Ok(template) => Some(ComputedColumn { name: entry.key.clone(), template }),
        Err(problem) => {
            report(&entry.node, problem, reading);
            None
        }
    };
    let columns: Vec<_> = entries.iter().map(|entry| column(entry, reading)).collect();
    columns.into_iter().collect()
}

/// A tree whose strings are templates.
fn tree(node: &Node, reading: &mut Reading<'_>) -> Option<PayloadTemplate> {
    let Value::Table(_) = &node.value else { return None };
    unrepresentable(node, reading);
    let whole_texts: Vec<Option<Template>> =
        node.strings().into_iter().map(|string| template(string, reading)).collect();
    let is_whole = whole_texts.iter().all(Option::is_some);
    match PayloadTemplate::compile(&node.to_json()) {
        Ok(compiled) => Some(compiled),
        Err(problems) => {
            // Strings were compiled one by one before; what is left concerns the tree.
            for (path, problem) in problems.into_iter().filter(|_| is_whole) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                report(at(node, &path).unwrap_or(node), problem, reading);
            }
            None
        }
    }
}

/// A value by a path in which places of lists are numbers.
fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, step| match &node.value {
        Value::List(items) => items.get(step.parse::<usize>().ok()?),
        _ => node.get(step),
    })
}

/// TOML's dates, infinities and numbers beyond 64 bits have no form in JSON.
fn unrepresentable(node: &Node, reading: &mut Reading<'_>) {
    match &node.value {
        Value::Moment(_) => reading.invalid(node, "JSON has no dates", "put it between quotes"),
        Value::Whole(None) => reading.invalid(node, "the number is too large", "put it between quotes"),
        Value::Float(number) if !number.is_finite() => {
            reading.invalid(node, "JSON has no such number", "put it between quotes");
        }
        Value::List(items) => items.iter().for_each(|item| unrepresentable(item, reading)),
        Value::Table(entries) => entries.iter().for_each(|entry| unrepresentable(&entry.node, reading)),
        Value::Text(_) | Value::Whole(_) | Value::Float(_) | Value::Boolean(_) => {}
    }
}

/// One template text.
pub fn template(node: &Node, reading: &mut Reading<'_>) -> Option<Template> {
    match Template::compile(node.text()?) {
        Ok(template) => Some(template),
        Err(problem) => {
            report(node, problem, reading);
            None
        }
    }
}

pub fn condition(node: &Node, reading: &mut Reading<'_>) -> Option<Condition> {
    match Condition::compile(node.text()?) {
        Ok(condition) => Some(condition),
        Err(problem) => {
            report(node, problem, reading);
            None
        }
    }
}

/// Where a name is in a template's string.
#[must_use]
pub fn name_span(node: &Node, name: &str, file: &str) -> Range<usize> {
    let text = node.text().unwrap_or_default();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let found = text.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(|c| is_part(c) || c == '.') && !after.is_some_and(is_part)
    });
    node.part(file, found.map(|at| at..at + name.len()))
}

pub(super) fn report(node: &Node, problem: TemplateProblem, reading: &mut Reading<'_>) {
    let span = node.part(&reading.problems.text(), problem.at);
    let help =
        problem.help.unwrap_or_else(|| "expressions are Jinja's: `{{ name }}`, `{{ name | filter }}`".to_owned());
    reading.problems.error("invalid-template", span, problem.message).help(help);
}

/// A written-out URL with `{{ … }}`: its template, its names, its host.
pub fn url(node: &Node, names: &[&str], reading: &mut Reading<'_>) {
    let Some(text) = node.text() else { return };
    match Template::compile(text) {
        Err(problem) => return report(node, problem, reading),
        Ok(template) => {
            for unknown in template.names().iter().filter(|name| !names.contains(&name.as_str())) {
                let span = name_span(node, unknown, &reading.problems.text());
                let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let help = match (did_you_mean(unknown, names.iter().copied()), names.is_empty()) {
                    (Some(likely), _) => format!("did you mean `{likely}`?"),
                    (None, false) => format!("a URL may use {known}"),
                    (None, true) => "this URL is taken as it is".to_owned(),
                };
                reading.problems.error("unknown-name", span, format!("a URL has no name `{unknown}`")).help(help);
            }
        }
    }
    address(node, &without_templates(text), reading);
}

/// Each `{{ … }}` as a zero, which is right in a path, a query and a port.
#[must_use]
pub fn without_templates(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once("{{") {
        plain.push_str(before);
        plain.push('0');
        rest = inside.split_once("}}").map_or("", |(_, after)| after);
    }
    plain + rest
}

/// A written-out address: absolute, http or https, and not one that is refused.
pub fn address(node: &Node, text: &str, reading: &mut Reading<'_>) -> Option<url::Url> {
    let remedy = "write it whole, such as `https://api.clinic.example/appointments`";
    if let Some(placeholder) = placeholder(text) {
        let message = format!("`{placeholder}` in this URL is a placeholder");
        reading.invalid(node, message, "write the real address in its place");
        return None;
    }
    let url = match url::Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => url,
        Ok(_) => {
            reading.invalid(node, "this is not a valid http or https address", remedy);
            return None;
        }
        Err(error) => {
            reading.invalid(node, format!("this is not a valid URL: {error}"), remedy);
            return None;
        }
    };
    if url.password().is_some() {
        let help = "use `[source.http.auth]`, a secret header, or make the whole url a secret: `{ env = \"NAME\" }`";
        reading.problems.error("invalid-value", node.span.clone(), "this URL contains a password").help(help);
        return None;
    }
    if url.host_str().is_some_and(|host| EXAMPLE_HOSTS.contains(&host)) {
        let message = "this address is a documentation's placeholder";
        reading.problems.warning("placeholder", node.span.clone(), message).help("write the real address in its place");
    }
    if let Err(refused) = crate::http::check_host(&url) {
        let help = "cloud metadata and link-local addresses are never asked";
        reading.problems.error("refused-address", node.span.clone(), refused.0).help(help);
        return None;
    }
    Some(url)
}

/// Host names reserved for documentation (RFC 2606).
const EXAMPLE_HOSTS: [&str; 3] = ["example.com", "example.org", "example.net"];

/// Placeholders that documentation uses for a part of one's own address: `…`, `<your host>`.
fn placeholder(text: &str) -> Option<&str> {
    if let Some(at) = text.find('…') {
        return text.get(at..at + '…'.len_utf8());
    }
    let (open, close) = text.find('<').and_then(|open| Some((open, open + text[open..].find('>')?)))?;
    text.get(open..=close)
}
