//! Mistakes that people make in their first schedule: the first thing that `check` says names the mistake and the remedy.
//!
//! `mistakes.toml` has a mistake each: what is written in place of what, or what the table holds, and what is said first.

use std::path::Path;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use crate::support::clinic::{CLINIC, Clinic, DAY_BEFORE};

/// More than eighty, so that a part is as long as any other test.
const PARTS: usize = 4;

#[derive(Debug, Deserialize)]
struct Mistakes {
    mistake: Vec<Mistake>,
}

/// One mistake, and what is said of it.
#[derive(Debug, Deserialize)]
struct Mistake {
    name: String,
    /// Pairs: what stands in the sound schedule, and what is written in its place.
    #[serde(default)]
    instead: Vec<[String; 2]>,
    /// The export, where it isn't the clinic's. `\xNN` stands for bytes that are no text.
    table: Option<String>,
    severity: String,
    code: String,
    message: String,
    help: String,
}

fn mistakes() -> Vec<Mistake> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field/mistakes.toml");
    let text = std::fs::read_to_string(path).expect("the list of mistakes");
    toml::from_str::<Mistakes>(&text).expect("mistakes").mistake
}

/// The clinic with this mistake in it. A database of its visits stands beside its export.
fn clinic_with(mistake: &Mistake) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    let table = mistake.table.as_deref().unwrap_or(CLINIC);
    // each letter is its byte: first bytes of other kinds of files are no UTF-8
    let bytes: Vec<u8> = match mistake.name.starts_with("bytes:") {
        true => table.chars().map(|letter| u8::try_from(letter).expect("a byte")).collect(),
        false => table.as_bytes().to_vec(),
    };
    clinic.write_bytes("appointments.csv", &bytes);
    let database = Connection::open(clinic.path().join("visits.db")).expect("a database");
    database
        .execute_batch(
            "create table visits (id, phone, starts_at, service, status);
             insert into visits values ('A-1', '+12025550143', '2026-11-25 09:30', 'Check-up', 'confirmed');",
        )
        .expect("a table");
    let mut text = DAY_BEFORE.trim_start().to_owned();
    for [sound, written] in &mistake.instead {
        assert!(text.contains(sound.as_str()), "{}: the schedule has no {sound:?}", mistake.name);
        text = text.replacen(sound.as_str(), written, 1);
    }
    clinic.schedule("day-before", &text);
    clinic
}

fn is_answered(mistake: &Mistake) {
    let (exit, report) = clinic_with(mistake).json(&["check"]);
    let name = &mistake.name;
    let first = report["problems"].get(0).unwrap_or_else(|| panic!("{name}: nothing is found"));
    let said = |key: &str| first[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((said("severity"), said("code")), (mistake.severity.clone(), mistake.code.clone()), "{name}: {report}");
    assert!(said("message").contains(&mistake.message), "{name}: {first}");
    assert!(said("help").contains(&mistake.help), "{name}: {first}");
    assert_eq!(exit, if mistake.severity == "error" { 78 } else { 0 }, "{name}: {report}");
    let has_data =
        |problem: &Value| ["Ada", "Ben", "2025550143", "555-0164"].iter().any(|it| problem.to_string().contains(it));
    assert!(!report["problems"].as_array().expect("a list").iter().any(has_data), "{name} repeats data: {report}");
}

fn part(number: usize) {
    mistakes().iter().skip(number).step_by(PARTS).for_each(is_answered);
}

#[test]
fn the_first_message_of_a_mistake_names_it_and_the_remedy() {
    part(0);
}

#[test]
fn the_first_message_of_a_mistake_names_it_and_the_remedy_second_part() {
    part(1);
}

#[test]
fn the_first_message_of_a_mistake_names_it_and_the_remedy_third_part() {
    part(2);
}

#[test]
fn the_first_message_of_a_mistake_names_it_and_the_remedy_fourth_part() {
    part(3);
}

#[test]
fn eighty_mistakes_are_listed_each_once() {
    let names: std::collections::BTreeSet<String> = mistakes().into_iter().map(|mistake| mistake.name).collect();
    assert!(names.len() >= 80 && names.len() == mistakes().len(), "{}", names.len());
}
