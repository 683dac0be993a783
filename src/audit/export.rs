//! pure: the log as lines for programs and for spreadsheets.

use serde::{Deserialize, Serialize};

use super::{AuditRow, safe};

/// The names of the fields, in the order of JSON and CSV alike.
pub const FIELDS: [&str; 17] = [
    "seq",
    "at",
    "event",
    "schedule",
    "run_id",
    "reminder_id",
    "appointment_id",
    "phone_last4",
    "starts_at",
    "lead",
    "attempt",
    "reason",
    "http_status",
    "latency_ms",
    "actor",
    "detail",
    "hash",
];

/// The last line of an export, by which a cut file shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportEnd {
    /// Always `end`.
    pub event: String,
    /// Rows before this line.
    pub count: u64,
    /// The last row's number; null when there is none.
    pub last_seq: Option<u64>,
    /// The last row's hash; null when there is none.
    pub last_hash: Option<String>,
}

impl Default for ExportEnd {
    fn default() -> Self {
        Self { event: "end".to_owned(), count: 0, last_seq: None, last_hash: None }
    }
}

impl ExportEnd {
    /// Counts a row.
    pub fn add(&mut self, row: &AuditRow) {
        self.count += 1;
        self.last_seq = Some(row.seq);
        self.last_hash = Some(row.hash.clone());
    }
}

/// One JSON object, without a line end; values are exact.
#[must_use]
pub fn json_line(row: &AuditRow) -> String {
    safe::json(&serde_json::to_string(row).expect("a row of the log is always JSON"))
}

/// One row of CSV, in the order of [`FIELDS`]; dangerous first characters are quoted.
#[must_use]
pub fn csv_cells(row: &AuditRow) -> [String; 17] {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map(|value| safe::escape(&safe::cell(&value.to_string()))).unwrap_or_default()
    }
    [
        row.seq.to_string(),
        row.at.to_string(),
        row.event.to_string(),
        text(row.schedule.as_ref()),
        text(row.run_id),
        text(row.reminder_id),
        text(row.appointment_id.as_ref()),
        text(row.phone_last4.as_ref()),
        text(row.starts_at),
        text(row.lead),
        text(row.attempt),
        text(row.reason.as_ref()),
        text(row.http_status),
        text(row.latency_ms),
        text(row.actor.as_ref()),
        text(row.detail.as_ref()),
        row.hash.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Event;

    fn row() -> AuditRow {
        AuditRow {
            seq: 7,
            at: "2026-11-24T14:00:00Z".parse().expect("a valid instant"),
            event: Event::DeliveryDelivered,
            schedule: Some("clinic".into()),
            run_id: None,
            reminder_id: None,
            appointment_id: Some("=1+1".into()),
            phone_last4: Some("0143".into()),
            starts_at: None,
            lead: Some(crate::reminder::Lead::Days(1)),
            attempt: Some(1),
            reason: None,
            http_status: Some(200),
            latency_ms: Some(12),
            actor: Some("service".into()),
            detail: None,
            hash: "ab".into(),
        }
    }

    #[test]
    fn json_has_every_field_in_order_and_cells_are_no_formulas() {
        let value: serde_json::Value = serde_json::from_str(&json_line(&row())).expect("it is JSON");
        let names: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(names, FIELDS);
        assert_eq!((&value["appointment_id"], &value["reason"]), (&"=1+1".into(), &serde_json::Value::Null));
        let cells = csv_cells(&row());
        assert_eq!((cells[6].as_str(), cells[11].as_str(), cells[9].as_str()), ("'=1+1", "", "1d"));
    }
}
