//! Closed days and holidays as a schedule names them.

use crate::clinic::*;

fn closing(clinic: &Clinic, keys: &str) {
    clinic.write(
        "schedules/day-before.toml",
        &DAY_BEFORE.replace("days_before = 1", &format!("days_before = 1\n{keys}")),
    );
}

#[test]
fn holidays_may_come_from_a_calendar_file_and_a_file_that_cannot_be_read_fails_the_run() {
    let clinic = Clinic::new();
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    let usual = plan[0]["counts"]["planned"].as_u64().expect("a count");
    assert!(usual > 0, "{plan}");
    closing(&clinic, "holidays = [\"2026-12-25\", \"../holidays.ics\"]");
    let failed = clinic.run(&["plan", "day-before", "--now", MORNING]);
    assert_eq!(failed.exit, 1, "{failed:?}");
    assert!(failed.stderr.contains("holidays.ics"), "{failed:?}");
    assert_eq!(
        (clinic.run(&["check"]).exit, clinic.run(&["check", "--connect"]).exit),
        (0, 78),
        "a file may come later"
    );
    clinic.write("holidays.ics", "2026-12-25");
    assert_eq!(clinic.run(&["check"]).exit, 78, "a run would fail");
    let event = |date: &str| {
        format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{date}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    };
    clinic.write("holidays.ics", &event("20261226"));
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    assert_eq!(plan[0]["counts"]["planned"], usual, "{plan}");
    clinic.write("holidays.ics", &event("20261124"));
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    assert_eq!((&plan[0]["counts"]["planned"], &plan[0]["counts"]["skipped"]), (&0.into(), &0.into()), "{plan}");
    // the run of the day before covers them
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", "2026-11-23T14:00:00Z"]);
    assert!(plan[0]["counts"]["planned"].as_u64().is_some_and(|planned| planned >= usual), "{plan}");
}
