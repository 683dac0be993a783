//! Text tables as exports write them.

use serde_json::Value;

use crate::support::clinic::{Clinic, MORNING, PARTS, Parts};

fn clinic(parts: &Parts<'_>, table: impl AsRef<[u8]>) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let remind = format!("{}\nmax_per_person_per_day = 99", parts.remind);
    clinic.schedule("day", &Parts { remind: &remind, ..*parts }.text());
    clinic.write_bytes("appointments.csv", table.as_ref());
    clinic
}

fn plan(clinic: &Clinic) -> Value {
    let (exit, answer) = clinic.json(&["plan", "--reveal", "--now", MORNING]);
    assert_eq!(exit, 0, "{answer}");
    answer[0].clone()
}

/// The ids that are called.
fn called(plan: &Value) -> Vec<String> {
    let calls = plan["reminders"].as_array().expect("a list").iter();
    calls.map(|call| call["appointment_id"].as_str().expect("an id").to_owned()).collect()
}

fn refusal(clinic: &Clinic) -> String {
    let ended = clinic.run(&["plan", "--now", MORNING]);
    assert_ne!(ended.exit, 0, "{ended:?}");
    ended.stderr + &ended.stdout
}

/// The problems of `check` as `code message help`.
fn problems(clinic: &Clinic) -> Vec<String> {
    let (_, report) = clinic.json(&["check"]);
    let problems = report["problems"].as_array().expect("a list").iter();
    problems.map(|it| format!("{} {} {}", it["code"], it["message"], it["help"])).collect()
}

#[test]
fn two_columns_of_one_name_are_an_error_of_check_and_of_the_run_when_the_name_is_used() {
    let table =
        "id,provider,phone,patient,phone,starts_at\n1,Dr. Vance,+12025550100,Ines,+12025550143,2026-11-25 10:30\n";
    let mapped = clinic(&PARTS, table);
    let found = problems(&mapped);
    assert!(found.len() == 1 && found[0].contains("two columns `phone`, 3 and 5"), "{found:?}");
    assert!(refusal(&mapped).contains("two columns `phone`, 3 and 5"));
    let table = "id,phone,starts_at,note,note\n1,+12025550143,2026-11-25 10:30,a,b\n";
    for payload in ["to = \"{{ note }}\"", "to = \"{{ row['note'] }}\"", "to = \"Dear {{ note | upper }}\""] {
        let templated = clinic(&Parts { payload, ..PARTS }, table);
        assert!(problems(&templated).iter().any(|it| it.contains("two columns `note`, 4 and 5")), "{payload}");
        assert!(refusal(&templated).contains("two columns `note`"), "{payload}");
    }
    let condition = clinic(&Parts { remind: "days_before = 1\nonly_if = 'note != \"x\"'", ..PARTS }, table);
    assert!(refusal(&condition).contains("two columns `note`"));
    assert_eq!(called(&plan(&clinic(&PARTS, table))), ["1"], "nobody uses the name");
}

#[test]
fn a_dos_end_of_file_mark_is_the_end() {
    let table = b"id,phone,starts_at\n1,+12025550143,2026-11-25 10:30\n\x1a";
    let clinic = clinic(&PARTS, table);
    let plan = plan(&clinic);
    assert_eq!((called(&plan), plan["counts"]["rows"].clone()), (vec!["1".to_owned()], 1.into()));
    assert_eq!(problems(&clinic), Vec::<String>::new());
}

#[test]
fn a_line_that_names_the_delimiter_is_obeyed_by_check_and_run() {
    let clinic = clinic(&PARTS, "sep=;\nid;phone;starts_at\n1;+12025550143;2026-11-25 10:30\n");
    assert_eq!(called(&plan(&clinic)), ["1"]);
    assert_eq!(problems(&clinic), Vec::<String>::new());
}

#[test]
fn a_header_below_other_lines_is_named_once_by_check_as_by_the_run() {
    for above in ["# exported", ",,", "Appointments of Tuesday"] {
        let clinic = clinic(&PARTS, format!("{above}\nid,phone,starts_at\n1,+12025550143,2026-11-25 10:30\n"));
        let found = problems(&clinic);
        assert!(found.len() == 1 && found[0].contains("header_row = 2"), "{above}: {found:?}");
        assert!(refusal(&clinic).contains("header_row = 2"), "{above}");
    }
}

#[test]
fn a_last_line_that_may_be_cut_is_not_called_and_check_warns() {
    let table = "id,starts_at,phone\n1,2026-11-25 10:30,+12025550143\n2,2026-11-25 11:30,+1202555014";
    let clinic = clinic(&PARTS, table);
    let plan = plan(&clinic);
    assert_eq!(called(&plan), ["1"]);
    assert_eq!(plan["skipped"][0]["reason"], "bad_row");
    assert!(plan["skipped"][0]["detail"].as_str().expect("a text").contains("may be cut here"), "{plan}");
    assert!(problems(&clinic).iter().any(|it| it.contains("no line end")), "{:?}", problems(&clinic));
}

#[test]
fn a_table_of_another_kind_is_named_by_its_first_bytes() {
    for (bytes, words) in [
        (b"PK\x03\x04\x14\0\0\0[Content_Types].xml".as_slice(), "workbook"),
        (b"PK\x03\x04\x14\0\0\0readme.txt", "zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "workbook"),
        (b"\x1f\x8b\x08\0\0\0", "compressed"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML"),
        (b"SQLite format 3\0\x10\0", "[source.sqlite]"),
        (b"BEGIN:VCALENDAR\r\n", "calendar"),
    ] {
        let clinic = clinic(&PARTS, bytes);
        assert!(refusal(&clinic).contains(words), "{words}: {}", refusal(&clinic));
        let found = problems(&clinic);
        assert!(found.len() == 1 && found[0].contains(words), "{words}: {found:?}");
    }
}

#[test]
fn a_table_of_a_dos_program_is_read_in_its_code_page() {
    let source = "[source.csv]\npath = \"../appointments.csv\"\nencoding = \"cp850\"";
    let payload = "to = \"{{ name }}\"";
    let table = b"id,phone,starts_at,name\r\n1,+12025550143,2026-11-25 10:30,S\x9bren\r\n\x1a";
    let clinic = clinic(&Parts { source, payload, ..PARTS }, table);
    assert_eq!(plan(&clinic)["reminders"][0]["payload"]["to"], "Søren");
    assert_eq!(problems(&clinic), Vec::<String>::new());
}

#[test]
fn blanks_of_any_kind_are_blanks() {
    let table =
        "id,\u{feff}phone\u{200b},Appt\u{a0}Date,status\n1,+12025550143,2026-11-25\u{202f}10:30,Confirmed\u{200b}\n";
    let appointment = "id = \"id\"\nphone = \"phone\"\nstarts_at = \"Appt Date\"\nstatus = \"status\"";
    let remind = "days_before = 1\nstatuses = [\"confirmed\"]";
    let clinic = clinic(&Parts { appointment, remind, ..PARTS }, table);
    assert_eq!(called(&plan(&clinic)), ["1"], "{}", plan(&clinic));
}

#[test]
fn rows_that_cannot_be_read_are_named_by_their_line() {
    let table = "id,phone,starts_at\n1,+12025550143\n,+12025550144,2026-11-25 10:30\n3,+12025550145,2026-11-25 10:30\n";
    let clinic = clinic(&PARTS, table);
    let plan = plan(&clinic);
    for (at, line) in [(0, "line 2"), (1, "line 3")] {
        let detail = plan["skipped"][at]["detail"].as_str().expect("a text");
        assert!(detail.contains(line), "{detail}");
    }
    let (_, explained) = clinic.json(&["explain", "day", "9", "--now", MORNING]);
    let detail = explained["steps"][0]["detail"].as_str().expect("a text");
    assert!(detail.contains("2 rows have no readable id: line 2, line 3"), "{detail}");
    let _triggered = clinic.run(&["trigger", "day", "--now", MORNING, "--wait", "1s"]);
    let audit = clinic.run(&["audit", "--format", "json"]);
    assert!(audit.stdout.contains("line 2") && audit.stdout.contains("line 3"), "{audit:?}");
}
