//! Plans exports in the many shapes in which other programs write them, with the real binary. `shapes.toml` lists the exports,
//! each with the calls that a person would make of it. JSON of booking systems is in `tests/booking.rs`.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::support::clinic::{Clinic, PARTS, Parts};

const NOW: &str = "2026-11-24T14:00:00Z";

/// The least number of exports in the list: fewer would leave common shapes out.
const MIN_SHAPES: usize = 40;

/// `shapes.toml`.
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
    /// Words that have to occur in the details of the skipped rows.
    #[serde(default)]
    said: Vec<String>,
}

impl Shape {
    /// The plan that is made of the export, where it is not the one that the list expects.
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
fn exports_of_other_programs_are_planned_as_a_person_would_read_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/shapes.toml");
    let text = std::fs::read_to_string(path).expect("the list of exports");
    let shapes = toml::from_str::<Shapes>(&text).expect("exports").shape;
    assert!(shapes.len() >= MIN_SHAPES, "{}", shapes.len());
    let problems: Vec<String> =
        shapes.iter().filter_map(|shape| Some(format!("{}: {}", shape.name, shape.problem()?))).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
