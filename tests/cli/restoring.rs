//! A copy becomes the ledger again: whoever may have been called since is left to a person.

use crate::clinic::*;

/// An hour and a half before the morning's run.
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

#[test]
fn whoever_was_not_due_in_the_time_that_is_forgotten_is_not_left_to_a_person() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("schedules/day-before.toml", &DAY_BEFORE.replace("days_before = 1", "hours_before = [24]"));
    clinic.write("appointments.csv", THREE);
    // planned an hour before the first of them is due
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", "2026-11-24T14:15:00Z"]).exit, 0);
    assert_eq!(clinic.run(&["backup", "copy.db"]).exit, 0);
    let (exit, restored) = clinic.json(&["restore", "copy.db", "--now", "2026-11-24T14:45:00Z"]);
    assert_eq!(
        (exit, restored["uncertain"].as_u64()),
        (0, Some(1)),
        "due at half past nine, and the others later: {restored}"
    );
    let (_, called) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T15:31:00Z"]);
    assert_eq!(called["counts"]["delivered"].as_u64(), Some(2), "{called}");
    assert_eq!(sandbox.received().len(), 2);
}

#[test]
fn a_day_on_which_no_run_could_be_made_up_for_is_not_forgotten() {
    let sandbox = Sandbox::start(&[]);
    // yesterday's run at nine in the morning was too late twelve hours later, and the copy is of seven o'clock
    for (lateness, uncertain) in [("12h", 0), ("23h", 3)] {
        let clinic = Clinic::with_target(&sandbox.url);
        let remind = format!("days_before = 1\nmax_lateness = \"{lateness}\"");
        clinic.write("schedules/day-before.toml", &DAY_BEFORE.replace("days_before = 1", &remind));
        clinic.write("appointments.csv", &THREE.replace("2026-11-25", "2026-11-24"));
        assert_eq!(clinic.run(&["trigger", "day-before", "--now", "2026-11-24T12:30:00Z"]).exit, 0);
        assert_eq!(clinic.run(&["backup", "copy.db"]).exit, 0);
        let (exit, restored) = clinic.json(&["restore", "copy.db", "--now", "2026-11-24T13:00:00Z"]);
        assert_eq!((exit, restored["uncertain"].as_u64()), (0, Some(uncertain)), "{lateness}: {restored}");
    }
}

#[test]
fn a_reminder_that_came_back_and_was_sent_in_the_time_that_is_forgotten_is_not_sent_again() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("appointments.csv", THREE);
    let dawn = ["trigger", "day-before", "--now", "2026-11-24T12:30:00Z"];
    let (_, waits) = clinic.json(&dawn);
    assert_eq!(waits["counts"]["pending"].as_u64(), Some(3), "{waits}");
    clinic.write("appointments.csv", &THREE.replace("confirmed", "cancelled"));
    let (_, cancelled) = clinic.json(&dawn);
    assert_eq!((cancelled["counts"]["pending"].as_u64(), cancelled["counts"]["skipped"].as_u64()), (Some(0), Some(3)));
    assert_eq!(clinic.run(&["backup", "copy.db"]).exit, 0);
    clinic.write("appointments.csv", THREE);
    let (_, called) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(called["counts"]["delivered"].as_u64(), Some(3), "{called}");
    let (exit, restored) = clinic.json(&["restore", "copy.db", "--now", "2026-11-24T15:00:00Z"]);
    assert_eq!((exit, restored["uncertain"].as_u64()), (0, Some(3)), "{restored}");
    let (_, again) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T15:01:00Z"]);
    assert_eq!(again["counts"]["already_reminded"].as_u64(), Some(3), "{again}");
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);
    // what is cancelled and comes back after the restore is known to be uncalled
    let later = "A-9,Ida Later,+12025550151,2026-11-26 09:30,Check-up,confirmed\n";
    clinic.write("appointments.csv", &format!("{THREE}{later}"));
    let next = ["trigger", "day-before", "--now", "2026-11-25T12:30:00Z"];
    assert_eq!(clinic.json(&next).1["counts"]["pending"].as_u64(), Some(1));
    clinic.write("appointments.csv", THREE);
    clinic.json(&next);
    clinic.write("appointments.csv", &format!("{THREE}{later}"));
    let (_, called) = clinic.json(&["trigger", "day-before", "--now", "2026-11-25T14:00:00Z"]);
    assert_eq!(called["counts"]["delivered"].as_u64(), Some(1), "{called}");
    assert_eq!(sandbox.received().len(), 4, "nobody twice");
}

#[test]
fn an_explanation_after_a_restore_names_one_rule_that_blocks_and_no_other_reason() {
    let sandbox = Sandbox::start(&[]);
    let clinic = clinic_with_copy(&sandbox);
    std::fs::remove_file(clinic.path().join("appointments.csv")).expect("it was there");
    assert_eq!(
        clinic.run(&["restore", "copy.db", "--now", "2026-11-24T15:00:00Z"]).exit,
        1,
        "its source can't be read"
    );
    clinic.write("appointments.csv", THREE);
    let later = "2026-11-24T15:01:00Z";
    let explained = |more: &[&str]| {
        let asked = [&["explain", "day-before", "A-1", "--now", later], more].concat();
        let (_, told) = clinic.json(&asked);
        assert_eq!((&told["verdict"], &told["reason"]), (&"reminded".into(), &"already_reminded".into()), "{told}");
        let steps = told["steps"].as_array().expect("steps").clone();
        let blocks: Vec<_> = steps.iter().filter(|step| step["result"] == "block").collect();
        assert_eq!((blocks.len(), blocks[0]["rule"].as_str()), (1, Some("already_reminded")), "{told}");
        let blocking = steps.iter().position(|step| step["result"] == "block").expect("one blocks");
        assert!(steps[blocking + 1..].iter().all(|step| step["result"] == "not_reached"), "{told}");
        let detail = blocks[0]["detail"].as_str().expect("a detail").to_owned();
        assert!(!detail.trim_end().ends_with(':'), "{detail}");
        detail
    };
    let before = explained(&[]);
    assert!(before.contains("may have been called in a time of which the ledger has lost its rows"), "{before}");
    assert!(before.contains("from 2026-11-24 07:30 to 2026-11-24 10:00, because a copy was restored"), "{before}");
    assert!(before.contains("`tickler uncertain resolve`"), "{before}");
    let (_, planned) = clinic.json(&["trigger", "day-before", "--now", later]);
    assert_eq!(planned["counts"]["already_reminded"].as_u64(), Some(3), "{planned}");
    assert!(explained(&[]).contains("is uncertain"));
    let run = planned["run_id"].as_str().expect("a run");
    assert!(explained(&["--run", run]).contains("doesn't know whether it was called"));
    let named = "The reason is a restore at 2026-11-24 10:00: an older copy is the ledger now; calls from 2026-11-24 07:30 to \
                 2026-11-24 10:00 are forgotten";
    assert!(explained(&[]).contains(named), "{}", explained(&[]));
    assert!(!explained(&[]).contains("T10:") && !explained(&[]).contains(".0"), "times are for people");
    let table = clinic.run(&["explain", "day-before", "A-1", "--now", later]).stdout;
    assert!(table.contains("A-1 of day-before counts as reminded: already_reminded"), "{table}");
}

#[test]
fn a_copy_that_is_not_there_and_a_place_that_takes_none_are_named() {
    let clinic = Clinic::new();
    assert_eq!(clinic.run(&["pause", "--all", "--reason", "a ledger"]).exit, 0);
    let cases: [(&[&str], &str); 4] = [
        (&["restore", "nowhere.db"], "nowhere.db can't be read: No such file or directory"),
        (&["restore", "schedules"], "schedules can't be read: it is a directory"),
        (&["backup", "nowhere/copy.db"], "there is no folder"),
        (&["backup", "appointments.csv"], "is there already"),
    ];
    for (arguments, words) in cases {
        let ended = clinic.run(arguments);
        assert_eq!(ended.exit, 1, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(words), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.contains("ledger") && !ended.stderr.contains(".unfinished"), "{arguments:?}: {ended:?}");
    }
}
