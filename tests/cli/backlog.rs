//! Three days down with two hundred due: soonest first, at the account's pace, nobody after the start, nobody twice.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::clinic::*;

const ROWS: u32 = 200;

/// Fifty starts have passed when the service is back, the others are still to come; in the file they stand mixed.
fn appointments() -> String {
    let first: Timestamp = "2026-11-24T06:00:00Z".parse().expect("an instant");
    let mut table = String::from("id,phone,starts_at\n");
    for row in 0..ROWS {
        let place = row * 77 % ROWS;
        let starts_at = first + SignedDuration::from_mins(10 * i64::from(place));
        writeln!(table, "L-{row},+1{}555{:04},{starts_at}", 202 + row / 100, row % 100).expect("a string takes text");
    }
    table
}

const SCHEDULE: &str = r#"
cron = "*/10 * * * *"
timezone = "America/New_York"
source.csv.path = "../appointments.csv"
appointment = { id = "id", phone = "phone", starts_at = "starts_at" }
remind = { hours_before = 72, max_lateness = "80h", min_notice = "30m", calling_hours = "always" }
target.automation.url = { env = "THOUGHTLY_AUTOMATION_URL" }
payload = { phone = "{{ phone }}", starts_at = "{{ starts_at }}" }
"#;

#[test]
fn a_backlog_of_three_days_goes_out_soonest_first_at_the_accounts_pace_and_to_nobody_whose_time_has_come() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("tickler.toml", "[accounts.thoughtly]\nrate = \"50/s\"\n");
    clinic.write("appointments.csv", &appointments());
    clinic.write("schedules/late.toml", SCHEDULE);
    let now = MORNING.parse::<Timestamp>().expect("an instant");

    let (exit, told) = clinic.json(&["trigger", "late", "--now", MORNING]);
    let delivered = told["counts"]["delivered"].as_u64().expect("a count");
    assert_eq!(
        (exit, told["counts"]["skipped"].as_u64()),
        (0, Some(u64::from(ROWS) - delivered)),
        "{}",
        told["counts"]
    );
    assert!((140..150).contains(&delivered), "{}", told["counts"]);

    let log = clinic.run(&["audit", "export", "--event", "delivery.intent"]).stdout;
    let intents: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let time =
        |row: &Value, field: &str| row[field].as_str().expect("a time").parse::<Timestamp>().expect("an instant");
    let intents: Vec<(Timestamp, Timestamp)> = intents
        .iter()
        .filter(|row| row["event"] == "delivery.intent")
        .map(|row| (time(row, "at"), time(row, "starts_at")))
        .collect();
    assert_eq!(intents.len() as u64, delivered, "one attempt each");
    assert!(intents.iter().all(|(at, starts_at)| *at < *starts_at && *starts_at > now), "nobody at or after the start");
    assert!(intents.is_sorted_by_key(|(_, starts_at)| *starts_at), "soonest first");
    let pace = SignedDuration::from_millis(20);
    for pair in intents.windows(2) {
        // a slot is kept by its own time: an intent may be late and the next on time, never both early
        assert!(pair[1].0 >= pair[0].0);
    }
    let whole = intents[0].0.duration_until(intents[intents.len() - 1].0);
    assert!(whole >= pace * (i32::try_from(delivered).expect("a small number") - 1), "{whole} for {delivered}");
    assert_eq!(sandbox.received().len() as u64, delivered, "nobody twice");
}
