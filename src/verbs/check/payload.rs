//! pure: what a payload lacks that others need: the checked number for the call, and the id by which a report is matched.

use super::Checked;
use crate::duration;
use crate::row::Column;
use crate::schedule::spanned::{KeyValue, Node, Value};
use crate::schedule::{TargetSpec, lookup};
use crate::template::Template;
use crate::verbs::toml_text;

/// The names of the number that was checked.
const CHECKED_NUMBER: [&str; 2] = ["phone", "phone_national"];

/// Warns of what is missing.
pub(super) fn check(checked: &mut Checked<'_>) {
    match checked.schedule.target {
        TargetSpec::Automation { .. } => {
            raw_phone(checked);
            no_reminder_id(checked);
        }
        TargetSpec::Webhook(_) => raw_phone(checked),
        // the contact gets the checked number
        TargetSpec::Call { .. } => {}
    }
}

/// A phone column goes out as it is in the source: with blanks and without a country, where the receiver wants E.164.
fn raw_phone(checked: &mut Checked<'_>) {
    let schedule = checked.schedule;
    let names = schedule.payload.names();
    if CHECKED_NUMBER.iter().any(|name| names.contains(*name)) {
        return;
    }
    let entries = checked.root.get("payload").map(Node::entries).unwrap_or_default();
    let raw = |text: &PayloadText<'_>| {
        schedule.appointment.phone.iter().find(|column| uses(text.node, column)).map(Column::as_str)
    };
    let found = entries.iter().flat_map(texts).find_map(|text| Some((raw(&text)?, text)));
    let Some((column, PayloadText { key, node })) = found else { return };
    let help = match key {
        Some(key) => {
            format!("write `{} = \"{{{{ phone }}}}\"`: the number that was checked, in E.164", toml_text::key(key))
        }
        None => "write `{{ phone }}` in its place: the number that was checked, in E.164".to_owned(),
    };
    let message = format!("the phone in `{column}` is sent as it is written in the source");
    let span = node.span.clone();
    checked.problems.warning("raw-phone", span, message).help(help);
}

/// Warns of a payload without the reminder's id: hardly anything else connects a report with its reminder.
fn no_reminder_id(checked: &mut Checked<'_>) {
    let schedule = checked.schedule;
    let Some(spec) = &schedule.outcome else { return };
    if schedule.payload.names().contains("reminder_id") {
        return;
    }
    let message = format!(
        "the payload has no `reminder_id`: a report is matched by its call's id, or by its phone when only one call to it \
         was sent in the {} before",
        duration::write(spec.match_within)
    );
    let span = checked.span(&["outcome"]);
    checked
        .problems
        .warning("no-reminder-id", span, message)
        .help("add `reminder_id = \"{{ reminder_id }}\"` to [payload], and have the report return it");
}

/// A text of the payload.
struct PayloadText<'n> {
    /// Its key, where a single template is the whole value.
    key: Option<&'n str>,
    node: &'n Node,
}

fn texts(entry: &KeyValue) -> Vec<PayloadText<'_>> {
    match &entry.node.value {
        Value::Table(entries) => entries.iter().flat_map(texts).collect(),
        Value::List(_) => entry.node.strings().into_iter().map(|node| PayloadText { key: None, node }).collect(),
        Value::Text(text) => {
            let text = text.trim();
            let is_single = text.starts_with("{{") && text.ends_with("}}") && text.matches("{{").count() == 1;
            vec![PayloadText { key: is_single.then_some(entry.key.as_str()), node: &entry.node }]
        }
        Value::Whole(_) | Value::Float(_) | Value::Boolean(_) | Value::Moment(_) => Vec::new(),
    }
}

/// Whether a text is filled with that column of the row: by its name, or through `row`.
fn uses(node: &Node, column: &Column) -> bool {
    let Some(template) = node.text().and_then(|text| Template::compile(text).ok()) else { return false };
    let (name, paths) = (column.as_str(), template.paths());
    let through_row = || {
        template.names().contains("row") && lookup::row_keys(node.text().unwrap_or("")).iter().any(|key| key == name)
    };
    paths.contains(name) || paths.contains(&format!("row.{name}")) || through_row()
}
