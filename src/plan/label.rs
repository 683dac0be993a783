//! pure: how lists name an appointment: `appointment.label`, filled with its row.

use serde_json::Value;

use super::row_rules::ConditionScope;
use crate::personal::Personal;
use crate::row::Row;
use crate::schedule::Schedule;
use crate::template::Scope;

/// A longer one is cut: it is shown to recognise somebody by.
const MAX_LABEL_LENGTH: usize = 60;

/// The label with the payload's names, then the row's; `None` where there is none or it can't be filled: nobody is left
/// out for that.
pub(super) fn of(schedule: &Schedule, scope: &dyn Scope) -> Option<Personal> {
    let text = match schedule.appointment.label.as_ref()?.render(scope).ok()? {
        Value::Null => return None,
        Value::String(text) => text,
        value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => value.to_string(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = match text.char_indices().nth(MAX_LABEL_LENGTH) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text,
    };
    (!cut.is_empty()).then(|| cut.into())
}

/// The label of a row that isn't called, of which the row alone is known.
pub(super) fn of_row(schedule: &Schedule, row: &Row) -> Option<Personal> {
    of(schedule, &ConditionScope(row))
}
