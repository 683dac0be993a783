//! Queries on SQLite files as people write them.

use rusqlite::Connection;
use serde_json::Value;

use crate::support::clinic::{Clinic, MORNING, PARTS, Parts};

fn clinic(query: &str) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let source = format!("[source.sqlite]\npath = \"../a.db\"\nquery = \"\"\"{query}\"\"\"");
    clinic.schedule("day", &Parts { source: &source, ..PARTS }.text());
    let database = Connection::open(clinic.path().join("a.db")).expect("a database");
    database
        .execute_batch(
            "create table visits (id integer, phone text, starts_at text, kind text);
             insert into visits values (1, '+12025550143', '2026-11-25 10:30', 'now'), (2, '+12025550144', '2026-11-26 10:30', 'x');
             create view tomorrow as select * from visits where date(starts_at) = date('now', '+1 day');
             create view over_it as select * from tomorrow;
             create view sound as select id, phone, starts_at from visits;",
        )
        .expect("tables");
    clinic
}

fn called(clinic: &Clinic) -> Vec<String> {
    let (exit, answer) = clinic.json(&["plan", "--now", MORNING]);
    assert_eq!(exit, 0, "{answer}");
    let calls = answer[0]["reminders"].as_array().expect("a list").iter();
    calls.map(|call| call["appointment_id"].as_str().expect("an id").to_owned()).collect()
}

fn problems(clinic: &Clinic) -> Vec<Value> {
    let (_, report) = clinic.json(&["check"]);
    report["problems"].as_array().expect("a list").clone()
}

#[test]
fn a_second_clock_is_refused_by_check_and_run_in_views_too() {
    for condition in [
        "from visits where date(starts_at) = date('now', '+1 day')",
        "from visits where date(starts_at) = date(CURRENT_DATE, '+1 day')",
        "from visits where julianday(starts_at) - julianday() < 1",
        "from visits where datetime(starts_at, 'utc') > :from_utc",
        "from tomorrow",
        "from over_it",
    ] {
        let clinic = clinic(&format!("select id, phone, starts_at {condition}"));
        let found = problems(&clinic);
        assert!(found.len() == 1 && found[0]["severity"] == "error", "{condition}: {found:?}");
        assert!(found[0]["message"].as_str().expect("a text").contains("`:day`"), "{condition}: {found:?}");
        assert_eq!(found[0]["line"], 5, "the caret is under `query`: {found:?}");
        let ended = clinic.run(&["plan", "--now", MORNING]);
        assert!(ended.exit != 0 && ended.stderr.contains("second clock"), "{condition}: {ended:?}");
    }
}

#[test]
fn the_runs_own_clock_and_harmless_words_are_fine() {
    for condition in [
        "from visits where date(starts_at) = date(:day, '+1 day')",
        "from visits where datetime(starts_at) > datetime(:now_utc) and date(starts_at) < :until",
        "from visits where kind = 'now'",
        "from sound -- not date('now')\nwhere starts_at < :until",
    ] {
        let clinic = clinic(&format!("select id, phone, starts_at {condition}"));
        assert_eq!(problems(&clinic), Vec::<Value>::new(), "{condition}");
        assert_eq!(called(&clinic), ["1"], "{condition}");
    }
}

#[test]
fn check_prepares_the_query_and_points_at_it() {
    for (query, words) in [
        ("select id, phone, starts_at from visits where starts_at >= :start", ":start"),
        ("select id, phone, starts_at from visits where starts_at >= ?", "nameless"),
        ("select id, phone, starts_at form visits", "syntax"),
        ("select id, phone, starts_at from visit", "no such table"),
        ("select id, phone, phone, starts_at from visits", "two columns `phone`"),
    ] {
        let clinic = clinic(query);
        let found = problems(&clinic);
        assert!(
            found.len() == 1 && found[0]["message"].as_str().expect("a text").contains(words),
            "{query}: {found:?}"
        );
        assert!(clinic.run(&["plan", "--now", MORNING]).stderr.contains(words), "{query}");
    }
}

#[test]
fn a_database_that_is_cut_is_not_read() {
    let clinic = clinic("select id, phone, starts_at from visits");
    let path = clinic.path().join("a.db");
    let length = std::fs::metadata(&path).expect("it is there").len();
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_len(length - 3996)).expect("cut");
    let ended = clinic.run(&["plan", "--now", MORNING]);
    let wanted = format!("cut: {} of {length} bytes", length - 3996);
    assert!(ended.exit != 0 && ended.stderr.contains(&wanted), "{ended:?}");
}

#[test]
fn check_reads_the_do_not_call_list() {
    let clinic = clinic("select id, phone, starts_at from visits");
    let text = std::fs::read_to_string(clinic.path().join("schedules/day.toml")).expect("it is there");
    clinic.schedule("day", &text.replace("days_before = 1", "days_before = 1\ndo_not_call = \"../never.txt\""));
    clinic.write("never.txt", "phone\n+12025550143\n");
    let found = problems(&clinic);
    assert!(found.len() == 1 && found[0]["message"].as_str().expect("a text").contains("line 1"), "{found:?}");
    clinic.write("never.txt", "# phones\n+1 202-555-0143\n");
    assert_eq!(problems(&clinic), Vec::<Value>::new());
    assert_eq!(called(&clinic), Vec::<String>::new());
}
