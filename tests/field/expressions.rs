//! Expressions that somebody made up: long, deep and odd ones. None of them ends the program, and none keeps another
//! schedule from being read.

use std::path::Path;

use serde_json::{Value, json};
use tickler::schedule::load;
use tickler::template::{Condition, Scope, Template};
use tickler::zones::Zones;

use crate::support::chance::Chance;
use crate::support::clinic::{Clinic, DAY_BEFORE, MORNING, PARTS, Parts};
use crate::support::expressions::expression;

/// How many are made.
const EXPRESSIONS: u64 = 10_000;

struct Row;

impl Scope for Row {
    fn lookup(&self, name: &str) -> Option<Value> {
        ["phone", "name", "starts_at"].contains(&name).then(|| json!("x"))
    }

    fn row(&self) -> Value {
        json!({"name": "x"})
    }
}

#[test]
fn no_made_expression_ends_the_program() {
    let mut chance = Chance(20_261_124);
    for _ in 0..EXPRESSIONS {
        let text = expression(&mut chance);
        if let Ok(template) = Template::compile(&format!("{{{{ {text} }}}}")) {
            let _rendered = template.render(&Row);
        }
        if let Ok(template) = Template::compile(&format!("{{% if {text} %}}x{{% endif %}}")) {
            let _rendered = template.render(&Row);
        }
        if let Ok(condition) = Condition::compile(&text) {
            let _holds = condition.holds(&Row);
        }
    }
}

#[test]
fn what_is_too_large_is_an_error_of_check_at_its_place_and_the_other_schedules_are_planned() {
    let clinic = Clinic::with_target("http://127.0.0.1:9/");
    clinic.schedule("day-before", DAY_BEFORE);
    let deep = |left: &str, right: &str| format!("{{{{ {}name{} }}}}", left.repeat(20_000), right.repeat(20_000));
    for (place, payload) in [
        deep("(", ")"),
        deep("not ", ""),
        deep("-", ""),
        deep("", ".a"),
        deep("", "[0]"),
        deep("", "|upper"),
        deep("", " ~ name"),
        deep("[", "]"),
        "{% if name %}".repeat(10_000),
        "{% if name %}{% elif name %}".repeat(10_000),
    ]
    .into_iter()
    .enumerate()
    {
        clinic.schedule(&format!("odd-{place}"), &Parts { payload: &format!("to = \"{payload}\""), ..PARTS }.text());
    }
    let (exit, answer) = clinic.json(&["check"]);
    assert_eq!(exit, 78);
    let found = answer["problems"].as_array().expect("a list");
    for place in 0..10 {
        let file = format!("schedules/odd-{place}.toml");
        let problem = found.iter().find(|problem| problem["file"] == file.as_str()).expect(&file);
        assert_eq!(problem["code"], "invalid-template", "{file}");
        assert!(problem["line"].as_u64() > Some(1), "{file}");
    }
    let plan = clinic.run(&["plan", "day-before", "--now", MORNING]);
    assert!(plan.stdout.contains("2 to call"), "{plan:?}");
}

#[test]
fn a_made_expression_in_a_schedule_is_planned_or_refused() {
    let mut chance = Chance(7);
    let zones = Zones::newest();
    let mut kept = String::new();
    for place in 0..300 {
        let text = expression(&mut chance).replace(['"', '\\'], "");
        let payload = format!("to = \"{{{{ {text} }}}}\"");
        let loaded = load::one(Path::new("schedules/day.toml"), &Parts { payload: &payload, ..PARTS }.text(), &zones);
        if loaded.schedule.is_some() && !text.contains("nobody") {
            kept.push_str(&format!("e{place} = \"{{{{ {text} }}}}\"\n"));
        }
    }
    let clinic = Clinic::with_target("http://127.0.0.1:9/");
    clinic.schedule(
        "day-before",
        &Parts { payload: &format!("contact_phone = \"{{{{ phone }}}}\"\n{kept}"), ..PARTS }.text(),
    );
    let plan = clinic.run(&["plan", "--now", MORNING]);
    assert!(plan.exit == 0 || plan.exit == 78, "{plan:?}");
}
