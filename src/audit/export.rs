//! pure: the log as lines for programs and for spreadsheets.

use serde::{Deserialize, Serialize};

use super::entry::{AUDIT_COLUMNS, Cell};
use super::{AuditRow, escape};

/// The names of the fields, in the order of JSON and CSV alike.
pub const FIELDS: [&str; AUDIT_COLUMNS.len() + 2] = {
    let mut names = ["seq"; AUDIT_COLUMNS.len() + 2];
    let mut place = 0;
    while place < AUDIT_COLUMNS.len() {
        names[place + 1] = AUDIT_COLUMNS[place].name;
        place += 1;
    }
    names[AUDIT_COLUMNS.len() + 1] = "hash";
    names
};

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
    escape::json(&serde_json::to_string(row).expect("a row of the log is always JSON"))
}

/// One row of CSV, in the order of [`FIELDS`]; dangerous first characters are quoted.
#[must_use]
pub fn csv_cells(row: &AuditRow) -> [String; FIELDS.len()] {
    let mut cells = [const { String::new() }; FIELDS.len()];
    cells[0] = row.seq.to_string();
    for (place, cell) in row.cells().into_iter().enumerate() {
        cells[place + 1] = match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => text_cell(text),
            Cell::Time(at) => text_cell(&at.to_string()),
            Cell::Number(number) => number.to_string(),
            Cell::Id(id) => id.to_string(),
            Cell::Lead(lead) => lead.to_string(),
        };
    }
    cells[FIELDS.len() - 1].clone_from(&row.hash);
    cells
}

fn text_cell(text: &str) -> String {
    escape::escape(&escape::cell(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Entry, Event, LoggedPhone};

    fn row() -> AuditRow {
        let at = "2026-11-24T14:00:00Z".parse().expect("a valid instant");
        let entry = Entry {
            schedule: Some("clinic".into()),
            appointment_id: Some("=1+1".into()),
            phone: Some(LoggedPhone::LastFour("0143".into())),
            lead: Some(crate::reminder::Lead::days(1)),
            attempt: Some(1),
            http_status: Some(200),
            latency_ms: Some(12),
            actor: Some("service".into()),
            ..Entry::new(at, Event::DeliveryDelivered)
        };
        AuditRow { seq: 7, entry, hash: "ab".into() }
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
