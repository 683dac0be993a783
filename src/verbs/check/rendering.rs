//! shell: tries the first rows of a local source: whether every template of the payload can be filled with them, and whether
//! `only_if` can be decided.

use std::collections::BTreeSet;

use super::sample::{FEW_ROWS, report};
use super::{CheckAsk, Checked};
use crate::appointment::mapping::Mapping;
use crate::appointment::phone;
use crate::plan::ConditionScope;
use crate::plan::payload::PayloadScope;
use crate::reminder::ReminderId;
use crate::row::Row;
use crate::schedule::lookup;
use crate::spelling::did_you_mean;
use crate::template::{Condition, Template};

pub fn check(checked: &mut Checked<'_>, ask: &CheckAsk<'_>, rows: &[Row]) {
    condition(checked, rows);
    let failures = failures(checked, ask, rows);
    for TemplateFailure { span, tried, failed, why, text } in failures {
        let likely = likely_column(&text, rows);
        let what = "what this template needs";
        report(checked, span, ("template-not-filled", what), (failed, tried), 1, || {
            likely.map_or_else(
                || format!("{why}; a column that may be missing is written `{{{{ row.name | default(\"\") }}}}`"),
                |likely| format!("did you mean `{likely}`? {why}"),
            )
        });
    }
}

/// How often a template could not be filled with the rows that were tried.
struct TemplateFailure {
    span: std::ops::Range<usize>,
    /// Rows with which it was tried: those with an id, a start and a phone number that can be used.
    tried: usize,
    /// Rows of those with which it could not be filled.
    failed: usize,
    /// Why it failed for the last of them, without the row's values.
    why: String,
    /// The template's text.
    text: String,
}

fn failures(checked: &Checked<'_>, ask: &CheckAsk<'_>, rows: &[Row]) -> Vec<TemplateFailure> {
    let schedule = checked.schedule;
    let columns = &schedule.appointment;
    let mut mapping = Mapping::new(columns, &schedule.zone, ask.zones);
    let nodes = lookup::row_templates(&checked.root);
    let templates = nodes.into_iter().filter_map(|node| Some((node, Template::compile(node.text()?).ok()?)));
    let mut found: Vec<(Template, TemplateFailure)> = templates
        .map(|(node, template)| {
            let text = node.text().unwrap_or_default().to_owned();
            (template, TemplateFailure { span: node.span.clone(), tried: 0, failed: 0, why: String::new(), text })
        })
        .collect();
    for row in rows {
        let record = row.as_record();
        let texts = columns.phone.iter().map(|column| record.text(column));
        let (Some(id), Ok(start), Ok(phone)) = (
            mapping.id(&record),
            mapping.start(&record),
            phone::first_usable(texts, columns.default_region.as_deref()),
        ) else {
            continue;
        };
        let scope = PayloadScope {
            schedule,
            row,
            phone: &phone,
            zone: &schedule.zone,
            starts_at: start.at,
            appointment_id: &id,
            lead: schedule.remind.leads.first(),
            reminder_id: ReminderId(uuid::Uuid::nil()),
            previous_starts_at: None,
            previous_outcome: None,
            appointments: &[],
        };
        for (template, failure) in &mut found {
            failure.tried += 1;
            if let Err(error) = template.render(&scope) {
                failure.failed += 1;
                failure.why = error.to_string();
            }
        }
    }
    found.into_iter().map(|(_, failure)| failure).filter(|failure| failure.failed > 0).collect()
}

/// The column that was likely meant where the text names one (`row.name`) that no row has.
fn likely_column(text: &str, rows: &[Row]) -> Option<String> {
    let object = rows.first()?.to_object();
    let missing = lookup::row_keys(text).into_iter().find(|name| rows.iter().all(|row| row.get(name).is_none()))?;
    did_you_mean(&missing, object.keys().map(String::as_str)).map(str::to_owned)
}

fn condition(checked: &mut Checked<'_>, rows: &[Row]) {
    let Some(node) = checked.root.at(&["remind", "only_if"]) else { return };
    let Some(condition) = node.text().and_then(|text| Condition::compile(text).ok()) else { return };
    let (span, text) = (node.span.clone(), node.text().unwrap_or_default().to_owned());
    let answers: Vec<Result<bool, String>> =
        rows.iter().map(|row| condition.holds(&ConditionScope(row)).map_err(|error| error.to_string())).collect();
    let undecided: BTreeSet<&String> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    if let Some(why) = undecided.first() {
        let likely =
            likely_column(&text, rows).map_or_else(String::new, |likely| format!("; did you mean `{likely}`?"));
        let what = "what `only_if` needs to be decided";
        report(checked, span, ("template-not-filled", what), (failed, rows.len()), 1, || format!("{why}{likely}"));
    } else if rows.len() >= FEW_ROWS && !answers.contains(&Ok(true)) {
        let message = format!("`only_if` holds for none of the first {} rows: none of them is called", rows.len());
        checked.problems.warning("nobody-called", span, message).help(
            "`tickler plan` shows with what values it was decided; upper and lower case, and numbers and texts, differ",
        );
    }
}
