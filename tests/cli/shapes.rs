//! The real binary over exports as programs of the field write them: `shapes.toml` has them, each with the plan that a person
//! would make of it. The booking systems' JSON is in `tests/booking.rs`.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::support::clinic::{Clinic, PARTS, Parts};

const NOW: &str = "2026-11-24T14:00:00Z";

/// Fewer are no survey of the field.
const AT_LEAST: usize = 40;

#[derive(Debug, Deserialize)]
struct Shapes {
    shape: Vec<Shape>,
}

#[derive(Debug, Deserialize)]
struct Shape {
    name: String,
    zone: Option<String>,
    file: Option<String>,
    table: String,
    source: Option<String>,
    appointment: Option<String>,
    remind: Option<String>,
    #[serde(default)]
    called: Vec<String>,
    #[serde(default)]
    skipped: Vec<String>,
    /// Words of what is said about the rows that are skipped.
    #[serde(default)]
    said: Vec<String>,
}

impl Shape {
    /// What is wrong with the plan that is made of it.
    fn problem(&self) -> Option<String> {
        let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
        let file = self.file.as_deref().unwrap_or("appointments.csv");
        clinic.write(file, &self.table);
        let source = format!("[source.csv]\npath = \"../{file}\"");
        let parts = Parts {
            zone: self.zone.as_deref().unwrap_or(PARTS.zone),
            source: self.source.as_deref().unwrap_or(&source),
            appointment: self.appointment.as_deref().unwrap_or(PARTS.appointment),
            remind: self.remind.as_deref().unwrap_or(PARTS.remind),
            more: "[guard]\nmax_invalid = \"100%\"",
            ..PARTS
        };
        clinic.schedule("shape", &parts.text());
        let ended = clinic.run(&["plan", "shape", "--now", NOW, "--format", "json"]);
        let Ok(plans) = serde_json::from_str::<Value>(&ended.stdout) else { return Some(ended.stderr) };
        let list = |name: &str| plans[0][name].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let called: Vec<String> = list("reminders")
            .iter()
            .map(|call| {
                let digits = text(&call["phone"]).trim_start_matches('*').to_owned();
                format!("{} {} {digits}", text(&call["appointment_id"]), text(&call["starts_at"]))
            })
            .collect();
        let skipped: Vec<String> = list("skipped")
            .iter()
            .map(|row| format!("{} {}", text(&row["appointment_id"]), text(&row["reason"])))
            .collect();
        let details: Vec<String> = list("skipped").iter().map(|row| text(&row["detail"])).collect();
        let unsaid = self.said.iter().find(|words| !details.iter().any(|detail| detail.contains(*words)));
        let is_right = called == self.called && skipped == self.skipped && unsaid.is_none();
        (!is_right).then(|| format!("{called:?}, skipped {skipped:?}: {details:?}"))
    }
}

#[test]
fn exports_as_they_are_found_are_planned_as_a_person_would_read_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/shapes.toml");
    let text = std::fs::read_to_string(path).expect("the list of exports");
    let shapes = toml::from_str::<Shapes>(&text).expect("exports").shape;
    assert!(shapes.len() >= AT_LEAST, "{}", shapes.len());
    let problems: Vec<String> =
        shapes.iter().filter_map(|shape| Some(format!("{}: {}", shape.name, shape.problem()?))).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
