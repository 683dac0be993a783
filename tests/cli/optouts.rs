//! `tickler optout`: numbers that no schedule calls.

use crate::clinic::*;

#[test]
fn a_number_on_the_opt_out_list_is_called_by_no_schedule_and_plan_and_explain_say_so() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (_, before) = clinic.json(&["plan", "day-before", "--now", MORNING, "--reveal"]);
    let first = &before[0]["reminders"][0];
    let (phone, appointment) =
        (first["phone"].as_str().expect("a number"), first["appointment_id"].as_str().expect("an id"));
    let (exit, done) = clinic.json(&["optout", "add", phone, "--reason", "she asked"]);
    assert_eq!((exit, &done["changed"]), (0, &1.into()), "{done}");
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    let skipped = plan[0]["skipped"].as_array().expect("a list");
    assert!(skipped.iter().any(|row| row["appointment_id"] == *appointment && row["reason"] == "opted_out"), "{plan}");
    let (_, told) = clinic.json(&["explain", "day-before", appointment, "--now", MORNING]);
    assert_eq!((&told["verdict"], &told["reason"]), (&"skip".into(), &"opted_out".into()), "{told}");
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(exit, 0, "{answer}");
    let (_, listed) = clinic.json(&["optout", "list"]);
    assert_eq!(
        (&listed[0]["phone_last4"], &listed[0]["reason"]),
        (&phone[phone.len() - 4..].into(), &"she asked".into())
    );
    let (_, log) = clinic.json(&["audit", "list", "--event", "optout.added"]);
    assert_eq!((log.as_array().map(Vec::len), &log[0]["detail"]), (Some(1), &"she asked".into()), "{log}");
    assert_eq!(clinic.run(&["optout", "remove", phone]).exit, 0);
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    assert!(!plan[0]["skipped"].to_string().contains("opted_out"), "{plan}");
    assert!(!sandbox.received().is_empty(), "the others were called");
}

#[test]
fn numbers_are_read_in_their_country_and_a_list_is_taken_whole_or_not_at_all() {
    let clinic = Clinic::new();
    assert_eq!(clinic.run(&["optout", "list"]).exit, 0, "without a ledger the list is empty");
    let refused = clinic.run(&["optout", "add", "(202) 555-0148"]);
    assert_eq!(refused.exit, 2, "{refused:?}");
    assert!(refused.stderr.contains("--region") && !refused.stderr.contains("0148"), "{refused:?}");
    let (exit, done) = clinic.json(&["optout", "add", "(202) 555-0148", "+1 202-555-0148", "--region", "US"]);
    assert_eq!((exit, &done["changed"], &done["unchanged"]), (0, &1.into(), &1.into()), "{done}");
    clinic.write("list.txt", "+12025550144 # moved away\n\n202-555-0145\n2025550145.0\n");
    let refused = clinic.run(&["optout", "import", "list.txt", "--region", "US"]);
    assert_eq!(refused.exit, 1, "{refused:?}");
    assert!(refused.stderr.contains("line 4"), "{refused:?}");
    assert_eq!(clinic.json(&["optout", "list"]).1.as_array().map(Vec::len), Some(1));
    clinic.write("list.txt", "\u{feff}+12025550144 # moved away\n\n202-555-0145\n");
    let (exit, done) = clinic.json(&["optout", "import", "list.txt", "--region", "US", "--reason", "spring list"]);
    assert_eq!((exit, &done["changed"]), (0, &2.into()), "{done}");
    assert_eq!(clinic.run(&["optout", "add", "+12025550146", "--region", "Mars"]).exit, 2);
}

#[test]
fn who_asked_after_the_copy_was_made_is_not_called_after_a_restore() {
    let clinic = Clinic::new();
    let phone = "+12025550143";
    clinic.run(&["optout", "add", "+12025550199", "--reason", "before the copy"]);
    assert_eq!(clinic.run(&["backup", "copy.db"]).exit, 0);
    clinic.run(&["optout", "add", phone, "--reason", "after the copy"]);
    let (exit, restored) = clinic.json(&["restore", "copy.db"]);
    assert_eq!((exit, &restored["optouts"]), (0, &1.into()), "{restored}");
    let listed = clinic.json(&["optout", "list"]).1;
    let reasons: Vec<&str> = listed.as_array().into_iter().flatten().filter_map(|row| row["reason"].as_str()).collect();
    assert_eq!(reasons, ["before the copy", "after the copy"]);
    let skipped = clinic.json(&["plan", "day-before", "--now", MORNING]).1[0]["skipped"].clone();
    let is_hers = |row: &serde_json::Value| row["appointment_id"] == "A-1" && row["reason"] == "opted_out";
    assert!(skipped.as_array().is_some_and(|rows| rows.iter().any(is_hers)), "{skipped}");
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);

    // the ledger is gone: nothing can be taken over, and that is said
    for file in std::fs::read_dir(clinic.path()).expect("the folder").flatten() {
        if file.file_name().to_string_lossy().starts_with("tickler.db") {
            std::fs::remove_file(file.path()).expect("it goes");
        }
    }
    let told = clinic.run(&["restore", "copy.db"]);
    assert!(told.exit == 0 && told.stdout.contains("add again who has asked"), "{told:?}");
}
