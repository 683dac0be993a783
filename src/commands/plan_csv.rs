//! pure: plans as CSV: one row per call or skip; the payload whole and, field by field, in columns of its own.

use serde_json::Value;

use super::output::Rows;
use crate::verbs::plan::{ShownCall, ShownPlan, SkippedCall};

const CSV_COLUMNS: [&str; 10] =
    ["schedule", "appointment_id", "starts_at", "lead", "due_at", "phone", "payload", "note", "reason", "detail"];

/// The rows; a payload's field `customer.name` is in the column `payload.customer.name`, a list as JSON.
pub fn rows(plans: &[ShownPlan]) -> Rows {
    let payloads: Vec<Vec<(String, String)>> = plans.iter().flat_map(|plan| &plan.reminders).map(fields).collect();
    let mut names: Vec<&str> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (name, _) in payloads.iter().flatten() {
        if seen.insert(name.as_str()) {
            names.push(name);
        }
    }
    let headers: Vec<&str> = CSV_COLUMNS.into_iter().chain(names.iter().copied()).collect();
    let mut rows = Rows::of(&headers);
    let mut payloads = payloads.iter();
    for plan in plans {
        for call in &plan.reminders {
            let mut cells = call_cells(&plan.schedule, call);
            let payload = payloads.next().map_or(&[][..], Vec::as_slice);
            let cell = |name: &&str| payload.iter().find(|(other, _)| other == name).map(|(_, text)| text.clone());
            cells.extend(names.iter().map(|name| cell(name).unwrap_or_default()));
            rows.push(cells);
        }
        for skip in &plan.skipped {
            let mut cells = skip_cells(&plan.schedule, skip);
            cells.resize(headers.len(), String::new());
            rows.push(cells);
        }
    }
    rows
}

fn call_cells(schedule: &str, call: &ShownCall) -> Vec<String> {
    vec![
        schedule.to_owned(),
        call.appointment_id.clone(),
        call.starts_at.clone(),
        call.lead.to_string(),
        call.due_at.clone(),
        call.phone.clone().into_string(),
        call.payload.as_str().to_owned(),
        call.note.clone().unwrap_or_default(),
        String::new(),
        String::new(),
    ]
}

fn skip_cells(schedule: &str, skip: &SkippedCall) -> Vec<String> {
    let none = String::new;
    vec![
        schedule.to_owned(),
        skip.appointment_id.clone().unwrap_or_default(),
        skip.starts_at.clone().unwrap_or_default(),
        none(),
        none(),
        none(),
        none(),
        none(),
        skip.reason.to_string(),
        skip.detail_with_cell(),
    ]
}

fn fields(call: &ShownCall) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    // a payload that is nested too deep to be parsed again is in the column `payload` only
    if let Ok(tree) = call.payload.to_value() {
        spread("payload", &tree, &mut fields);
    }
    fields
}

fn spread(path: &str, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| spread(&format!("{path}.{name}"), value, fields));
        }
        Value::String(text) => fields.push((path.to_owned(), text.clone())),
        Value::Null => fields.push((path.to_owned(), String::new())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => fields.push((path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_of_a_payload_has_its_column() {
        let mut fields = Vec::new();
        spread(
            "payload",
            &json!({"phone": "+12025550143", "who": {"name": "Zoë", "n": 2}, "l": [1], "x": null}),
            &mut fields,
        );
        let expected = [
            ("payload.phone", "+12025550143"),
            ("payload.who.name", "Zoë"),
            ("payload.who.n", "2"),
            ("payload.l", "[1]"),
            ("payload.x", ""),
        ];
        assert_eq!(fields, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
