//! Ids, dates, zones and flags as exports, databases and spreadsheets write them.

use serde_json::Value;

use crate::support::clinic::{Clinic, MORNING, PARTS, Parts};

fn clinic(appointment: &str, table: &str) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let appointment = format!("{}\n{appointment}", PARTS.appointment);
    let remind = "days_before = 1\nmax_per_person_per_day = 99";
    clinic.schedule("day", &Parts { appointment: &appointment, remind, payload: PAYLOAD, ..PARTS }.text());
    clinic.write("appointments.csv", table);
    clinic
}

const PAYLOAD: &str = "to = \"{{ phone }}\"\nwhen = \"{{ starts_at }}\"";

fn plan(clinic: &Clinic) -> Value {
    let (exit, answer) = clinic.json(&["plan", "--reveal", "--now", MORNING]);
    assert_eq!(exit, 0, "{answer}");
    answer[0].clone()
}

/// The start in the payload, or `reason: detail`.
fn start(plan: &Value, id: &str) -> Result<String, String> {
    let find =
        |list: &str| plan[list].as_array().expect("a list").iter().find(|row| row["appointment_id"] == id).cloned();
    match (find("reminders"), find("skipped")) {
        (Some(call), _) => Ok(call["payload"]["when"].as_str().expect("a text").to_owned()),
        (None, Some(row)) => Err(format!("{}: {}", row["reason"].as_str().unwrap_or(""), row["detail"])),
        (None, None) => Err(format!("outside: {}", plan["counts"])),
    }
}

#[test]
fn a_literal_zone_in_a_format_is_refused_and_the_default_reads_it() {
    for (format, value) in [
        ("%Y-%m-%dT%H:%M:%SZ", "2026-11-25T15:30:00Z"),
        ("%Y-%m-%d %H:%M:%S UTC", "2026-11-25 15:30:00 UTC"),
        ("%Y-%m-%d %H:%M:%S GMT", "2026-11-25 15:30:00 GMT"),
    ] {
        let table = format!("id,phone,starts_at\n1,+12025550143,{value}\n");
        let refused = clinic(&format!("date_format = \"{format}\""), &table).run(&["check"]);
        assert_eq!(refused.exit, 78, "{format}: {refused:?}");
        assert!(refused.stdout.contains("%z"), "{format}: {refused:?}");
        assert_eq!(start(&plan(&clinic("", &table)), "1").as_deref(), Ok("2026-11-25T10:30:00-05:00"), "{value}");
    }
    let table = "id,phone,starts_at\n1,+12025550143,25.11.2026 15:30:00Z\n";
    let read = plan(&clinic("date_format = \"%d.%m.%Y %H:%M:%S%z\"", table));
    assert_eq!(start(&read, "1").as_deref(), Ok("2026-11-25T10:30:00-05:00"));
}

#[test]
fn a_needless_format_is_named_as_the_reason_of_an_iso_value() {
    let table = "id,phone,starts_at\n1,+12025550143,2026-11-25T10:30:00\n";
    let why = start(&plan(&clinic("date_format = \"%d/%m/%Y %H:%M\"", table)), "1").expect_err("it is another format");
    assert!(why.starts_with("invalid_time") && why.contains("leave `date_format` out"), "{why}");
}

#[test]
fn moments_since_1970_are_read_by_their_names_and_the_hints_name_them() {
    let table = "id,phone,starts_at\n1,+12025550143,1795620600\n2,+12025550144,1795620600000\n\
                 3,+12025550145,/Date(1795620600000)/\n4,+12025550146,2461370.1458\n";
    let unread = plan(&clinic("", table));
    for (id, hint) in [("1", "\"epoch\\"), ("2", "\"epoch_ms\\"), ("3", "\"epoch_ms\\"), ("4", "a Julian day")] {
        let why = start(&unread, id).expect_err("no ISO 8601");
        assert!(why.starts_with("invalid_time") && why.contains(hint), "{id}: {why}");
    }
    let seconds = plan(&clinic("date_format = \"epoch\"", table));
    assert_eq!(start(&seconds, "1").as_deref(), Ok("2026-11-25T10:30:00-05:00"));
    let milliseconds = plan(&clinic("date_format = \"epoch_ms\"", table));
    for id in ["2", "3"] {
        assert_eq!(start(&milliseconds, id).as_deref(), Ok("2026-11-25T10:30:00-05:00"), "{id}");
    }
}

#[test]
fn a_serial_number_without_a_time_of_day_is_no_start() {
    let table = "id,phone,starts_at\n1,+12025550143,46351\n2,+12025550144,46351.4375\n";
    let read = plan(&clinic("date_format = \"excel\"", table));
    let why = start(&read, "1").expect_err("a date alone");
    assert!(why.starts_with("invalid_time") && why.contains("time = …"), "{why}");
    assert_eq!(start(&read, "2").as_deref(), Ok("2026-11-25T10:30:00-05:00"));
}

#[test]
fn zone_columns_take_offsets_and_the_names_of_rails_and_windows() {
    let zones = [
        ("Eastern Time (US & Canada)", "2026-11-25T10:30:00-05:00"),
        ("(GMT-05:00) Eastern Time (US & Canada)", "2026-11-25T10:30:00-05:00"),
        ("Pacific Time (US & Canada)", "2026-11-25T10:30:00-08:00"),
        ("Alberta Standard Time", "2026-11-25T10:30:00-06:00"),
        ("\u{a0}America/Chicago\u{3000}", "2026-11-25T10:30:00-06:00"),
        // an offset and UTC name no place: the person is where the schedule is
        ("-06:00", "2026-11-25T11:30:00-05:00"),
        ("UTC-8", "2026-11-25T13:30:00-05:00"),
        ("UTC", "2026-11-25T05:30:00-05:00"),
        ("Etc/UTC", "2026-11-25T05:30:00-05:00"),
        ("Z", "2026-11-25T05:30:00-05:00"),
    ];
    let row = |(id, (zone, _)): (usize, &(&str, &str))| format!("{id},+120255501{id:02},2026-11-25 10:30,{zone}\n");
    let rows: String = zones.iter().enumerate().map(row).collect();
    let read = plan(&clinic("timezone = \"zone\"", &format!("id,phone,starts_at,zone\n{rows}")));
    for (id, (zone, expected)) in zones.iter().enumerate() {
        assert_eq!(start(&read, &id.to_string()).as_deref(), Ok(*expected), "{zone}");
    }
    for (zone, likely) in [("EST", "`America/New_York`"), ("Eastern", "`America/New_York`"), ("Atlantis", "-05:00")] {
        let table = format!("id,phone,starts_at,zone\n1,+12025550143,2026-11-25 10:30,{zone}\n");
        let why = start(&plan(&clinic("timezone = \"zone\"", &table)), "1").expect_err(zone);
        assert!(why.starts_with("invalid_time") && why.contains(likely), "{zone}: {why}");
    }
}

/// A database that stores UTC says so in a column; nobody is called at 05:30 for that.
#[test]
fn a_recipient_in_utc_is_called_in_the_schedules_hours() {
    let table = "id,phone,starts_at,zone\n1,+12025550143,2026-11-25 15:30,UTC\n";
    let mapped = clinic("timezone = \"zone\"\nrecipient_timezone = \"zone\"", table);
    let read = plan(&mapped);
    assert_eq!(start(&read, "1").as_deref(), Ok("2026-11-25T10:30:00-05:00"));
    assert_eq!(read["reminders"][0]["due_at"], "2026-11-24T09:00:00-05:00");
}

#[test]
fn a_rounded_id_is_a_bad_row_and_a_word_for_nothing_no_id() {
    let table = "id,phone,starts_at\n1.00012E+11,+12025550143,2026-11-25 10:30\nNULL,+12025550144,2026-11-25 10:40\n\
                 1001.0,+12025550145,2026-11-25 10:50\n'0017,+12025550146,2026-11-25 11:00\n";
    let read = plan(&clinic("", table));
    let reasons: Vec<&str> =
        read["skipped"].as_array().expect("a list").iter().filter_map(|row| row["reason"].as_str()).collect();
    assert_eq!(reasons, ["bad_row", "missing_id"], "{read}");
    assert!(read["skipped"][0]["detail"].as_str().is_some_and(|why| why.contains("rounded")), "{read}");
    assert!(start(&read, "1001").is_ok() && start(&read, "0017").is_ok(), "{read}");
}

#[test]
fn a_flag_that_forbids_fails_closed() {
    let words = [
        ("", true),
        ("no", true),
        ("FALSE", true),
        ("0", true),
        ("0.0", true),
        ("f", true),
        ("nein", true),
        ("não", true),
        ("non", true),
        ("'no", true),
        ("yes", false),
        ("sí", false),
        ("oui", false),
        ("ja", false),
        ("sim", false),
        ("t", false),
        ("-1", false),
        ("1.0", false),
        ("unbekannt", false),
        ("2", false),
        ("?", false),
    ];
    let row = |(id, (word, _)): (usize, &(&str, bool))| format!("{id},+120255501{id:02},2026-11-25 10:30,{word}\n");
    let rows: String = words.iter().enumerate().map(row).collect();
    let read = plan(&clinic("do_not_call = \"stop\"", &format!("id,phone,starts_at,stop\n{rows}")));
    for (id, (word, is_called)) in words.iter().enumerate() {
        let fate = start(&read, &id.to_string());
        assert_eq!(fate.is_ok(), *is_called, "{word}: {fate:?}");
        assert!(*is_called || fate.is_err_and(|why| why.starts_with("opted_out")), "{word}");
    }
    assert!(start(&read, "18").is_err_and(|why| why.contains("neither yes nor no")), "{read}");
}

#[test]
fn ids_that_differ_only_by_what_nobody_sees_are_one_appointment() {
    let table = "id,phone,starts_at\n1001,+12025550143,2026-11-25 10:30\n10\u{200b}01,+12025550143,2026-11-25 10:30\n\
                 A-\u{2060}17,+12025550144,2026-11-25 10:30\n";
    let plan = plan(&clinic("", table));
    let called: Vec<&str> = plan["reminders"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|call| call["appointment_id"].as_str())
        .collect();
    assert_eq!(called, ["1001", "A-17"], "{plan}");
    assert_eq!(plan["skipped"][0]["reason"], "duplicate_row", "{plan}");
}
