//! pure: `only_if`: asked of the row as its source wrote it, and explained with the values of the names in it.

use serde_json::Value;

use super::{Block, Case, skip};
use crate::appointment::phone;
use crate::reminder::SkipReason;
use crate::row::Row;
use crate::schedule::Schedule;
use crate::template::{Condition, Scope};

/// A longer value is cut: it is shown to recognise the row by, not to repeat it.
const MAX_VALUE_LENGTH: usize = 60;

/// `only_if` sees the row without the payload's built-in names.
pub struct ConditionScope<'a>(pub &'a Row);

impl Scope for ConditionScope<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(std::borrow::Cow::into_owned)
    }

    fn row(&self) -> Value {
        Value::Object(self.0.to_object())
    }
}

pub(super) fn ask(case: &Case<'_>) -> Result<(), Block> {
    let (Some(condition), Ok(row)) = (&case.schedule().remind.only_if, &case.sighting.row) else { return Ok(()) };
    match condition.holds(&ConditionScope(row)) {
        Ok(true) => Ok(()),
        Ok(false) => {
            skip(SkipReason::Filtered, format!("`only_if` doesn't hold: {}", with_values(condition, row, case)))
        }
        Err(error) => skip(SkipReason::Filtered, format!("`only_if` can't be decided: {error}")),
    }
}

pub(super) fn passed(case: &Case<'_>) -> String {
    match (&case.schedule().remind.only_if, &case.sighting.row) {
        (Some(condition), Ok(row)) => format!("`only_if` holds: {}", with_values(condition, row, case)),
        (Some(_), Err(_)) => "`only_if` holds".into(),
        (None, _) => "no `only_if` is set".into(),
    }
}

/// The expression, and each name in it with its value: `service != "Walk-in"`, where service is "Walk-in".
fn with_values(condition: &Condition, row: &Row, case: &Case<'_>) -> String {
    let names = condition.names();
    let values: Vec<String> = names
        .iter()
        .filter(|name| *name != "row")
        .filter_map(|name| Some(format!("{name} is {}", shown(name, &*row.get(name)?, case.schedule()))))
        .collect();
    let expression = condition.text();
    if values.is_empty() { format!("`{expression}`") } else { format!("`{expression}`, where {}", values.join(", ")) }
}

fn shown(name: &str, value: &Value, schedule: &Schedule) -> String {
    let columns = &schedule.appointment;
    let text = value.to_string();
    let is_phone = columns.phone.iter().any(|column| column.as_str() == name)
        || phone::read(text.trim_matches('"'), columns.default_region.as_deref()).is_ok();
    match value {
        Value::Null => "empty".into(),
        _ if is_phone => "not shown".into(),
        _ if text.chars().count() > MAX_VALUE_LENGTH => text.chars().take(MAX_VALUE_LENGTH).chain(['…']).collect(),
        _ => text,
    }
}
