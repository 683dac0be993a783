//! `tickler simulate`: days of a schedule on a virtual clock.

use crate::clinic::*;

/// Adds this many rows on each of fourteen days from the 25th on, each of another phone.
fn fortnight(clinic: &Clinic, rows_a_day: usize) {
    let mut table = String::from("id,phone,starts_at\n");
    let first = jiff::civil::date(2026, 11, 25);
    for day in 0..14_i64 {
        let date = first.checked_add(jiff::Span::new().days(day)).expect("a date");
        for row in 0..rows_a_day {
            let number = i64::try_from(row).expect("few") + day * 500;
            table.push_str(&format!("{day}-{row},+1202555{number:04},{date} {:02}:{:02}\n", 10 + row % 8, row % 60));
        }
    }
    clinic.write("appointments.csv", &table);
}

#[test]
fn a_fortnight_has_its_calls_by_day_and_hour_its_skips_and_the_longest_wait() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    clinic.write("tickler.toml", "[web]\nlisten = \"off\"\n[accounts.thoughtly]\nrate = \"60/min\"\n");
    fortnight(&clinic, 130);
    let rows = std::fs::read_to_string(clinic.path().join("appointments.csv")).expect("a table");
    clinic.write("appointments.csv", &format!("{rows}x-1,,2026-11-27 10:00\nx-2,,2026-11-27 11:00\n"));
    clinic.schedule("day-before", &PARTS.text());
    let (exit, found) = clinic.json(&["simulate", "day-before", "--from", "2026-11-24", "--to", "2026-12-07"]);
    assert_eq!(exit, 0, "{found}");
    assert_eq!((&found["runs"], &found["calls"]), (&14.into(), &(14 * 130).into()), "{found}");
    assert_eq!((&found["days"][0]["date"], &found["days"][0]["calls"]), (&"2026-11-24".into(), &130.into()));
    assert_eq!(found["days"].as_array().map(Vec::len), Some(14));
    let hours = serde_json::json!([{"hour": 9, "calls": 14 * 130}]);
    assert_eq!(found["hours"], hours, "one a second from nine on");
    assert_eq!(found["longest_wait_seconds"], 129);
    assert_eq!(found["skipped"], serde_json::json!({"no_phone": 2}));
    assert_eq!(found["held"], serde_json::json!([]));
    let shown = clinic.run(&["simulate", "day-before", "--from", "2026-11-24", "--to", "2026-12-07"]);
    for text in ["14 runs, 1820 calls", "Nothing was sent", "Tue 24 Nov  ######", " 130\n", "09:00  ####", "no_phone"] {
        assert!(
            shown.stdout.contains(text) || shown.stdout.replace('\n', " ").contains(text),
            "{text}: {}",
            shown.stdout
        );
    }
    assert!(!clinic.has_ledger());
}

#[test]
fn a_run_that_a_guard_would_hold_calls_nobody_and_is_named() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    fortnight(&clinic, 30);
    clinic.schedule("day-before", &Parts { more: "[guard]\nmax_calls = 20", ..PARTS }.text());
    let (_, found) = clinic.json(&["simulate", "day-before", "--from", "2026-11-24", "--to", "2026-11-25"]);
    assert_eq!((&found["calls"], &found["held"][0]["guard"]), (&0.into(), &"max_calls".into()), "{found}");
}

#[test]
fn an_hourly_schedule_calls_each_appointment_once_and_what_waits_too_long_is_not_made() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    clinic.write("tickler.toml", "[web]\nlisten = \"off\"\n[accounts.thoughtly]\nrate = \"1/min\"\n");
    fortnight(&clinic, 8);
    let remind = "hours_before = 24\nmax_lateness = \"3m\"";
    clinic.schedule("hourly", &Parts { cron: "* * * * *", remind, ..PARTS }.text());
    let (exit, found) = clinic.json(&["simulate", "hourly", "--from", "2026-11-24", "--to", "2026-11-26"]);
    assert_eq!((exit, &found["calls"], &found["expired"]), (0, &24.into(), &0.into()), "{found}");
    // all at one minute: three fit into the three minutes
    let rows: String = (0..8).map(|n| format!("a{n},+120255501{n:02},2026-11-25 10:00\n")).collect();
    clinic.write("appointments.csv", &format!("id,phone,starts_at\n{rows}"));
    let (_, found) = clinic.json(&["simulate", "hourly", "--from", "2026-11-24", "--to", "2026-11-24"]);
    assert_eq!((&found["calls"], &found["expired"]), (&4.into(), &4.into()), "{found}");
    assert_eq!(found["longest_wait_seconds"], 180);
}

#[test]
fn whoever_was_called_before_these_days_or_opted_out_is_not_called_in_them() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::empty(&sandbox.url);
    let row = |id: &str, phone: &str, time: &str| format!("{id},{phone},2026-11-25 {time}\n");
    let (one, other) = (row("a", "+12025550143", "20:00"), row("b", "+12025550144", "21:00"));
    let late = row("c", "+12025550145", "23:00") + &row("d", "+12025550146", "23:00");
    clinic.write("appointments.csv", &format!("id,phone,starts_at\n{one}{other}{late}"));
    let remind = "hours_before = 24\ncalling_hours = \"always\"";
    clinic.schedule("hourly", &Parts { cron: "0 * * * *", zone: "UTC", remind, ..PARTS }.text());
    let simulated = || clinic.json(&["simulate", "hourly", "--from", "2026-11-25", "--to", "2026-11-25"]).1;
    assert_eq!(simulated()["calls"], 4, "the first run reaches six hours back");
    let (_, called) = clinic.json(&["trigger", "hourly", "--now", "2026-11-24T21:30:00Z"]);
    assert_eq!(called["counts"]["delivered"], 2, "{called}");
    assert_eq!(clinic.run(&["optout", "add", "+12025550146"]).exit, 0);
    let found = simulated();
    assert_eq!((&found["calls"], &found["skipped"]), (&1.into(), &serde_json::json!({"opted_out": 1})), "{found}");
}

#[test]
fn days_that_make_no_sense_are_refused() {
    let clinic = Clinic::new();
    let ended = clinic.run(&["simulate", "day-before", "--from", "2026-11-24", "--to", "2026-11-23"]);
    assert!(ended.exit == 2 && ended.stderr.contains("before"), "{ended:?}");
    assert_eq!(clinic.run(&["simulate", "day-befor", "--from", "2026-11-24", "--to", "2026-11-24"]).exit, 2);
}
