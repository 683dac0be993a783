//! A copy becomes the ledger again: whoever may have been called since is left to a person.

use crate::clinic::*;

/// One hour and a half before the morning's run.
const DAWN: &str = "2026-11-24T12:30:00Z";

/// The copy is made at dawn (`plan` writes nothing: a pause and its end make the ledger), the calls in the morning.
fn clinic_with_copy(sandbox: &Sandbox) -> Clinic {
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("appointments.csv", "id,name,phone,starts_at,service,status\n");
    let empty = clinic.run(&["trigger", "day-before", "--now", DAWN]);
    assert_eq!(empty.exit, 0, "{empty:?}");
    assert_eq!(clinic.run(&["backup", "copy.db"]).exit, 0);
    clinic.write("appointments.csv", THREE);
    let (exit, called) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((exit, called["counts"]["delivered"].as_u64()), (0, Some(3)), "{called}");
    clinic
}

const THREE: &str = "\
id,name,phone,starts_at,service,status
A-1,Ada Example,+12025550143,2026-11-25 09:30,Check-up,confirmed
A-2,Ben Sample,+12025550164,2026-11-25 10:00,Cleaning,confirmed
A-3,Cleo Testing,+12025550117,2026-11-25 10:30,X-ray,confirmed
";

#[test]
fn a_ledger_restored_from_before_three_calls_calls_none_of_the_three() {
    let sandbox = Sandbox::start(&[]);
    let clinic = clinic_with_copy(&sandbox);
    let (exit, restored) = clinic.json(&["restore", "copy.db", "--now", "2026-11-24T15:00:00Z"]);
    assert_eq!((exit, restored["uncertain"].as_u64()), (0, Some(3)), "{restored}");
    assert!(clinic.path().join("tickler.db.before-restore").exists());
    let (_, uncertain) = clinic.json(&["uncertain", "list"]);
    assert_eq!(uncertain.as_array().map(Vec::len), Some(3), "{uncertain}");
    let (exit, again) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T15:01:00Z"]);
    assert_eq!((exit, again["counts"]["already_reminded"].as_u64()), (0, Some(3)), "{again}");
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);
    assert_eq!(sandbox.received().len(), 3);
}

#[test]
fn what_could_not_be_read_at_the_restoring_is_uncertain_when_a_run_plans_it() {
    let sandbox = Sandbox::start(&[]);
    let clinic = clinic_with_copy(&sandbox);
    std::fs::remove_file(clinic.path().join("appointments.csv")).expect("it was there");
    let (exit, restored) = clinic.json(&["restore", "copy.db", "--now", "2026-11-24T15:00:00Z"]);
    assert_eq!((exit, restored["unread"][0]["schedule"].as_str()), (1, Some("day-before")), "{restored}");
    let new = "N-1,New Booking,+12025550151,2026-11-26 10:30,X-ray,confirmed\n";
    clinic.write("appointments.csv", &format!("{THREE}{new}"));
    let (_, today) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T15:01:00Z"]);
    assert_eq!(today["counts"]["delivered"].as_u64(), Some(0), "{today}");
    let (_, tomorrow) = clinic.json(&["trigger", "day-before", "--now", "2026-11-25T15:01:00Z"]);
    assert_eq!(tomorrow["counts"]["delivered"].as_u64(), Some(1), "{tomorrow}");
    assert_eq!(sandbox.received().len(), 4);
}

#[test]
fn what_is_no_copy_changes_nothing() {
    let sandbox = Sandbox::start(&[]);
    let clinic = clinic_with_copy(&sandbox);
    let before = std::fs::read(clinic.path().join("tickler.db")).expect("a ledger");
    for file in ["appointments.csv", "tickler.db", "nowhere.db"] {
        assert_eq!(clinic.run(&["restore", file]).exit, 1, "{file}");
    }
    assert_eq!(std::fs::read(clinic.path().join("tickler.db")).expect("a ledger"), before);
    assert!(!clinic.path().join("tickler.db.restoring").exists());
}

#[test]
fn exact_hours_due_inside_the_gap_are_not_called_again() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("schedules/day-before.toml", &DAY_BEFORE.replace("days_before = 1", "hours_before = [24]"));
    clinic.write("appointments.csv", "id,name,phone,starts_at,service,status\n");
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", DAWN]).exit, 0);
    assert_eq!(clinic.run(&["backup", "copy.db"]).exit, 0);
    clinic.write("appointments.csv", THREE);
    let (_, called) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T15:31:00Z"]);
    assert_eq!(called["counts"]["delivered"].as_u64(), Some(3), "{called}");
    let later = "A-4,Eve Invented,+12025550151,2026-11-25 11:30,X-ray,confirmed\n";
    clinic.write("appointments.csv", &format!("{THREE}{later}"));
    let (exit, restored) = clinic.json(&["restore", "copy.db", "--now", "2026-11-24T16:00:00Z"]);
    assert_eq!((exit, restored["uncertain"].as_u64()), (0, Some(3)), "{restored}");
    let (_, again) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T16:31:00Z"]);
    assert_eq!(again["counts"]["delivered"].as_u64(), Some(1), "only what was due after the gap: {again}");
    assert_eq!(sandbox.received().len(), 4);
}
