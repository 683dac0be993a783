//! Whoever was not called is named like whoever was, on the page and at the terminal, until they are erased.

use super::Desk;

#[test]
fn whoever_is_left_out_is_named_like_whoever_is_called() {
    let desk = Desk::open();
    // one is cancelled in the source, one has no phone
    for name in ["Cleo Testing", "Dan Nobody"] {
        for path in ["/not-called?day=2026-11-24", "/calls?event=reminder.skipped"] {
            let page = desk.get(path);
            assert!(page.body.contains(name), "{path}: {}", page.body);
        }
    }
    let one = desk.get("/appointment?schedule=day-before&id=A-4");
    assert!(one.body.contains("<strong>Dan Nobody</strong>"), "{}", one.body);
    let listed = desk.clinic.run(&["audit", "list", "--event", "reminder.skipped", "--format", "table", "--wide"]);
    assert!(listed.stdout.contains("Cleo Testing") && listed.stdout.contains("Dan Nobody"), "{}", listed.stdout);
    let shown = desk.clinic.run(&["audit", "show", "A-4", "--schedule", "day-before", "--format", "table"]);
    let said = "appointment A-4 (Dan Nobody): no call was planned for it";
    assert!(shown.stdout.contains(said), "{}", shown.stdout);
    let exported = desk.clinic.run(&["audit", "export", "--format", "jsonl"]);
    assert!(!exported.stdout.contains("Dan Nobody"), "an export is passed on: {}", exported.stdout);
}

#[test]
fn a_number_in_the_label_of_somebody_left_out_is_masked() {
    let clinic = super::Clinic::with_target("http://127.0.0.1:9/webhook/automation/nobody");
    let label = "label = \"{{ name }} {{ phone }}\"\n[remind]";
    clinic.write("schedules/day-before.toml", &super::clinic::DAY_BEFORE.replace("[remind]", label));
    let desk = Desk::over(clinic, None, &[]);
    let page = desk.get("/not-called?day=2026-11-24");
    assert!(page.body.contains("Cleo Testing ***0117"), "{}", page.body);
    assert!(!page.body.contains("555-0117") && !page.body.contains("5550117"), "{}", page.body);
}
