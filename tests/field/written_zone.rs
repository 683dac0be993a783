//! Starts that are written in another zone than the schedule's: `appointment.source_timezone`, and the signs of it.

use crate::support::clinic::*;

/// 09:00 in New York on 24 November; starts of a framework that keeps UTC.
const UTC_STARTS: &str = "\
id,phone,starts_at
A-1,+12025550143,2026-11-25 15:00:00.000000
A-2,+12025550164,2026-11-26 02:30:00.000000
A-3,+12025550151,2026-11-25 02:30:00.000000
";

fn with(appointment: &str, table: &str) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    clinic.write("appointments.csv", table);
    let parts = Parts { appointment, remind: "days_before = 1\ncalling_hours = \"always\"", ..PARTS };
    clinic.schedule("day-before", &Parts { payload: "at = \"{{ starts_at }}\"", ..parts }.text());
    clinic
}

const MAPPED: &str = "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"";

/// What would be called: the appointment, its start and the payload's.
fn calls(clinic: &Clinic) -> Vec<(String, String, String)> {
    let (exit, plans) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    assert_eq!(exit, 0, "{plans}");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let calls = plans[0]["reminders"].as_array().expect("calls").iter();
    calls.map(|call| (text(&call["appointment_id"]), text(&call["starts_at"]), text(&call["payload"]["at"]))).collect()
}

fn call(id: &str, start: &str) -> (String, String, String) {
    (id.to_owned(), start.to_owned(), start.to_owned())
}

#[test]
fn starts_are_read_in_the_sources_zone_and_told_in_the_recipients() {
    let clinic = with(&format!("{MAPPED}\nsource_timezone = \"UTC\""), UTC_STARTS);
    let expected = [call("A-1", "2026-11-25T10:00:00-05:00"), call("A-2", "2026-11-25T21:30:00-05:00")];
    assert_eq!(calls(&clinic), expected, "A-3 is on the evening of the 24th");
    let offset = UTC_STARTS.replace(".000000", "-05:00");
    let clinic = with(&format!("{MAPPED}\nsource_timezone = \"UTC\""), &offset);
    let expected = [call("A-3", "2026-11-25T02:30:00-05:00"), call("A-1", "2026-11-25T15:00:00-05:00")];
    assert_eq!(calls(&clinic), expected, "an offset says more than the zone");
}

#[test]
fn a_zone_column_goes_before_the_sources_zone() {
    let table = "id,phone,starts_at,zone\nA-1,+12025550143,2026-11-25 10:00,America/Chicago\n\
                 A-2,+12025550164,2026-11-25 15:00,\n";
    let clinic = with(&format!("{MAPPED}\ntimezone = \"zone\"\nsource_timezone = \"UTC\""), table);
    let expected = [call("A-2", "2026-11-25T10:00:00-05:00"), call("A-1", "2026-11-25T10:00:00-06:00")];
    assert_eq!(calls(&clinic), expected);
}

#[test]
fn a_query_binds_its_range_in_the_sources_zone() {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    let database = rusqlite::Connection::open(clinic.path().join("appointments.db")).expect("a database");
    database
        .execute_batch(
            "CREATE TABLE a (id TEXT, phone TEXT, starts_at TEXT); \
             INSERT INTO a VALUES ('A-1', '+12025550143', '2026-11-26 04:30:00'), \
             ('A-2', '+12025550164', '2026-11-26 05:30:00'), ('A-3', '+12025550151', '2026-11-25 05:00:00');",
        )
        .expect("three appointments");
    let query = "select id, phone, starts_at from a where starts_at >= :from and starts_at < :until";
    let source = format!("[source.sqlite]\npath = \"../appointments.db\"\nquery = \"{query}\"");
    let appointment = format!("{MAPPED}\nsource_timezone = \"UTC\"");
    let remind = "days_before = 1\ncalling_hours = \"always\"";
    let parts =
        Parts { source: &source, appointment: &appointment, remind, payload: "at = \"{{ starts_at }}\"", ..PARTS };
    clinic.schedule("day-before", &parts.text());
    let expected = [call("A-3", "2026-11-25T00:00:00-05:00"), call("A-1", "2026-11-25T23:30:00-05:00")];
    assert_eq!(calls(&clinic), expected, "the first and the last of the day, none of the next");
}

#[test]
fn check_warns_where_starts_look_like_another_zones() {
    let at_night = "id,phone,starts_at\nA-1,+12025550143,2026-11-25 01:00\nA-2,+12025550164,2026-11-25 02:30\n\
                    A-3,+12025550151,2026-11-25 14:00\n";
    let by_day = at_night.replace(" 01:", " 11:");
    let utc = "id = \"id\"\nphone = \"phone\"\nstarts_at = \"start_utc\"";
    let named = by_day.replace("starts_at", "start_utc");
    let chosen = format!("{MAPPED}\nsource_timezone = \"UTC\"");
    let cases = [
        (MAPPED, UTC_STARTS, "the starts have microseconds and no offset"),
        (utc, named.as_str(), "`start_utc` is named as UTC"),
        (MAPPED, at_night, "2 of the first 3 starts lie between 22:00 and 06:00 in America/New_York"),
        (MAPPED, by_day.as_str(), ""),
        (chosen.as_str(), UTC_STARTS, ""),
        (chosen.as_str(), at_night, ""),
    ];
    for (appointment, table, message) in cases {
        let (_, report) = with(appointment, table).json(&["check"]);
        let problems = report["problems"].as_array().cloned().or_else(|| report.as_array().cloned());
        let problems = problems.unwrap_or_else(|| panic!("a list of problems: {report}"));
        let found: Vec<&str> = problems
            .iter()
            .filter(|problem| problem["code"] == "written-zone")
            .map(|problem| problem["message"].as_str().expect("a message"))
            .collect();
        assert_eq!(found.len(), usize::from(!message.is_empty()), "{appointment}\n{table}\n{report}");
        assert!(found.iter().all(|found| found.starts_with(message)), "{found:?}");
    }
}

#[test]
fn check_warns_of_the_database_of_a_framework_that_keeps_times_in_utc() {
    let query = "select id, phone, starts_at from visit";
    let source = format!("[source.sqlite]\npath = \"../app.sqlite3\"\nquery = \"{query}\"");
    let joined = source.replace("starts_at from", "day || ' ' || at as starts_at from");
    let chosen = format!("{MAPPED}\nsource_timezone = \"America/New_York\"");
    let cases = [
        ("django_migrations", "datetime NOT NULL", &source, MAPPED, "Django"),
        ("ar_internal_metadata", "datetime(6)", &source, MAPPED, "Ruby on Rails"),
        ("django_migrations", "datetime", &source, chosen.as_str(), ""),
        ("django_migrations", "text", &source, MAPPED, ""),
        ("django_migrations", "text", &joined, MAPPED, ""),
        ("other", "datetime", &source, MAPPED, ""),
    ];
    for (own, kind, source, appointment, framework) in cases {
        let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
        let database = rusqlite::Connection::open(clinic.path().join("app.sqlite3")).expect("a database");
        let tables = format!(
            "CREATE TABLE {own} (id integer); CREATE TABLE visit (id integer, phone text, \"starts_at\" {kind}, day text, at text); \
             INSERT INTO visit VALUES (1, '+12025550143', '2026-11-25 15:30:00', '2026-11-25', '15:30:00');"
        );
        database.execute_batch(&tables).expect("tables");
        clinic.schedule("day-before", &Parts { source, appointment, ..PARTS }.text());
        let ended = clinic.run(&["check"]);
        let is_warned = ended.words().contains("written-zone") && ended.words().contains("which keeps times in UTC");
        assert_eq!(is_warned, !framework.is_empty(), "{own}, {kind}: {ended:?}");
        assert!(ended.stdout.contains(framework), "{ended:?}");
    }
}

#[test]
fn a_zone_of_the_source_that_is_none_is_refused_with_the_likely_one() {
    let (exit, report) = with(&format!("{MAPPED}\nsource_timezone = \"Europe/Berlinn\""), UTC_STARTS).json(&["check"]);
    assert!(exit == 78 || exit == 1, "{report}");
    assert!(report.to_string().contains("`Europe/Berlinn` is no IANA time zone"), "{report}");
    assert!(report.to_string().contains("Europe/Berlin`"), "{report}");
}
