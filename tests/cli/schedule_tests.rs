//! `tickler test`: rows, a clock, and what a schedule makes of them.

use serde_json::json;

use crate::clinic::{Clinic, DAY_BEFORE, MORNING};

const TESTS: &str = r#"
[[test]]
name = "the day before, at nine"
now = "2026-11-24 09:00"
rows = [
  { id = "A-1", name = "Ada Example", phone = "+12025550143", starts_at = "2026-11-25 09:30", service = "Check-up", status = "confirmed" },
  { id = "A-2", phone = "(202) 555-0164", starts_at = "2026-11-25 10:00", status = "Cancelled" },
  { id = "A-3", phone = "", starts_at = "2026-11-25 10:30", status = "confirmed" },
  { id = "", phone = "+12025550117", starts_at = "2026-11-25 10:30", status = "confirmed" },
  { id = "A-5", phone = "+12025550151", starts_at = "2026-12-02 09:00", status = "confirmed" },
]
calls = [
  { id = "A-1", lead = "1d", at = "2026-11-24 09:00", payload = { contact_phone = "+12025550143", national = "(202) 555-0143", appointment_time = "2026-11-25T09:30:00-05:00", service_name = "Check-up" } },
]
skips = [
  { id = "A-2", reason = "cancelled" },
  { id = "A-3", reason = "no_phone" },
  { row = 4, reason = "missing_id" },
]
outside = 1

[[test]]
name = "who asked not to be called"
now = "2026-11-24T09:00:00-05:00"
opted_out = ["+12025550143"]
rows = [{ id = "A-1", phone = "+12025550143", starts_at = "2026-11-25 09:30", service = "Check-up", status = "confirmed" }]
calls = []
skips = [{ id = "A-1", reason = "opted_out" }]
"#;

#[test]
fn a_schedule_that_does_what_its_tests_say_passes_them_also_in_check() {
    let clinic = Clinic::new();
    clinic.write("schedules/day-before.test.toml", TESTS);
    let ended = clinic.run(&["test"]);
    assert_eq!((ended.exit, ended.stdout.as_str()), (0, "2 passed\n"), "{ended:?}");
    let (exit, results) = clinic.json(&["test", "day-before"]);
    assert_eq!(exit, 0);
    let first = json!({"schedule": "day-before", "test": "the day before, at nine", "ok": true, "deviations": []});
    assert_eq!(results[0], first);
    assert_eq!(clinic.run(&["check"]).exit, 0);
    assert!(!clinic.has_ledger());
}

/// Each change of the file spoils one expectation, and leads to this sentence.
#[test]
fn each_expectation_that_does_not_hold_fails_with_its_place_and_what_was_planned() {
    let cases = [
        ("lead = \"1d\"", "lead = \"7d\"", "`A-1` is not called"),
        ("at = \"2026-11-24 09:00\"", "at = \"2026-11-24 10:00\"", "`A-1` is called at 2026-11-24T09:00:00-05:00"),
        ("service_name = \"Check-up\"", "service_name = \"X-ray\"", "the payload has `service_name` = \"Check-up\""),
        ("service_name = \"Check-up\"", "other = 1", "the payload has no `other`"),
        ("{ id = \"A-2\", reason = \"cancelled\" },\n", "", "`A-2` is skipped, too: cancelled"),
        ("reason = \"no_phone\"", "reason = \"invalid_phone\"", "`A-3` is not skipped as invalid_phone: no_phone"),
        ("row = 4", "row = 3", "`row 3` is not skipped as missing_id"),
        ("outside = 1", "outside = 0", "1 rows are outside the window"),
        ("outside = 1", "held = \"max_calls\"", "no guard holds the run"),
        ("calls = []", "calls = [{ id = \"A-1\" }]", "`A-1` is not called: opted_out"),
        ("opted_out = [\"+12025550143\"]", "", "`A-1` is called, too (1d)"),
    ];
    for (from, to, sentence) in cases {
        let clinic = Clinic::new();
        assert!(TESTS.contains(from), "{from}");
        clinic.write("schedules/day-before.test.toml", &TESTS.replacen(from, to, 1));
        let ended = clinic.run(&["test"]);
        assert_eq!(ended.exit, 1, "{from} → {to}: {ended:?}");
        assert!(ended.words().contains(sentence), "{from} → {to}: {}", ended.stdout);
        assert!(ended.stdout.contains("day-before.test.toml:"), "{}", ended.stdout);
        let checked = clinic.run(&["check"]);
        assert_eq!(checked.exit, 78, "{from} → {to}");
        assert!(checked.stdout.contains("failed-test"), "{}", checked.stdout);
    }
}

#[test]
fn mistakes_in_a_file_of_tests_are_reported_with_their_place_and_remedy() {
    let cases = [
        ("[[test]]\nname = \"x\"\n", "has no `now`"),
        ("[[test]]\nname = \"x\"\nnow = \"soon\"\ncalls = []\n", "not a valid time"),
        ("[[test]]\nname = \"x\"\nnow = \"2026-11-24 09:00\"\n", "expects nothing"),
        ("[[test]]\nnow = \"2026-11-24 09:00\"\ncals = []\n", "did you mean `calls`?"),
        (
            "[[test]]\nnow = \"2026-11-24 09:00\"\nskips = [{ id = 1, reason = \"canceled\" }]\n",
            "did you mean `cancelled`?",
        ),
        ("[[test]]\nnow = \"2026-11-24 09:00\"\ncalls = [{ lead = \"1d\" }]\n", "has the `id`"),
        ("rows = []\n", "holds no test"),
        ("[[test]\n", "error[syntax]"),
        ("[[test]]\nnow = \"2026-11-24 09:00\"\nheld = \"max_age \"\n", "not a valid guard"),
    ];
    for (text, sentence) in cases {
        let clinic = Clinic::new();
        clinic.write("schedules/day-before.test.toml", text);
        let ended = clinic.run(&["test"]);
        assert_eq!(ended.exit, 78, "{text}: {ended:?}");
        assert!(ended.stdout.contains(sentence), "{text}: {}", ended.stdout);
        assert_eq!(clinic.run(&["check"]).exit, 78, "{text}");
    }
}

#[test]
fn tests_without_their_schedule_are_a_warning_and_a_schedule_without_tests_is_an_answer() {
    let clinic = Clinic::new();
    clinic.write("schedules/day-after.test.toml", TESTS);
    let checked = clinic.run(&["check"]);
    assert!(checked.stdout.contains("tests of a schedule that isn't there"), "{}", checked.stdout);
    let ended = clinic.run(&["test", "day-before"]);
    assert_eq!(ended.exit, 1);
    assert!(ended.stderr.contains("tickler test --record day-before"), "{}", ended.stderr);
    let ended = clinic.run(&["test"]);
    assert_eq!(ended.exit, 0);
    assert!(ended.stderr.contains("no schedule has tests"), "{}", ended.stderr);
}

#[test]
fn a_test_is_recorded_from_the_plan_with_invented_people_and_passes() {
    let clinic = Clinic::new();
    let ended = clinic.run(&["test", "--record", "day-before", "--now", MORNING]);
    assert_eq!(ended.exit, 0, "{ended:?}");
    let file = clinic.path().join("schedules/day-before.test.toml");
    let text = std::fs::read_to_string(&file).expect("it was written");
    for real in ["0143", "0164", "0117", "Ivo", "A-1"] {
        assert!(!text.contains(real), "{real}: {text}");
    }
    assert!(text.contains("reason = \"cancelled\"") && text.contains("reason = \"no_phone\""), "{text}");
    assert!(text.contains("calls   = [\n  { id = \"1001\", lead = \"1d\""), "{text}");
    assert_eq!(clinic.run(&["test"]).stdout, "1 passed\n", "{text}");
    // a second one is added
    assert_eq!(clinic.run(&["test", "--record", "day-before", "--now", "2026-12-01T14:00:00Z"]).exit, 0);
    assert_eq!(clinic.run(&["test"]).stdout, "2 passed\n");
    // the rules that were recorded are held against the schedule of later
    clinic.schedule("day-before", &DAY_BEFORE.replace("[\"confirmed\"]", "[\"booked\"]"));
    assert_eq!(clinic.run(&["test"]).exit, 1);
}

#[test]
fn a_recorded_test_fails_when_what_keeps_people_from_being_called_is_gone() {
    let clinic = Clinic::new();
    clinic.write("schedules/no.txt", "+12025550199\n");
    let guarded =
        "days_before = 1\ndo_not_call = \"no.txt\"\nallowed_countries = [\"US\"]\nholidays = [\"2026-12-25\"]";
    let text = DAY_BEFORE.replace("days_before = 1", guarded);
    clinic.schedule("day-before", &text);
    assert_eq!(clinic.run(&["test", "--record", "day-before", "--now", MORNING]).exit, 0);
    assert_eq!(clinic.run(&["test"]).exit, 0);
    for line in guarded.lines().skip(1) {
        clinic.schedule("day-before", &text.replace(line, ""));
        let key = line.split(' ').next().expect("a key");
        let ended = clinic.run(&["test"]);
        let sentence = format!("the schedule has no `remind.{key}` any more");
        assert!(ended.exit == 1 && ended.words().contains(&sentence), "{ended:?}");
    }
    // however it is written
    clinic.schedule("day-before", &text.replace("do_not_call =", "\"do_not_call\" ="));
    assert_eq!(clinic.run(&["test"]).exit, 0);
}

#[test]
fn no_real_person_is_left_in_a_recorded_test_of_typed_and_nested_rows() {
    use crate::clinic::PARTS;
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    clinic.write("a.db", "");
    let database = rusqlite::Connection::open(clinic.path().join("a.db")).expect("a database");
    database
        .execute_batch(
            "create table a (id integer, phone text, starts_at text, full_name text, birth text, mail text, chart integer, note text);
             insert into a values (4711, '+1 202 555 0143', '2026-11-25 09:30', 'Real Person', '1961-05-04', 'real@person.example', 998877, 'deaf in one ear');
             insert into a values (4712, 'call 911', '2026-11-25 09:45', 'Other Person', '1962-05-04', 'other@person.example', 998878, null);",
        )
        .expect("rows");
    drop(database);
    let parts = crate::clinic::Parts {
        source: "[source.sqlite]\npath = \"../a.db\"\nquery = \"select * from a where starts_at >= :from and starts_at < :until\"",
        payload: "all = \"{{ full_name }} {{ birth }} {{ mail }} {{ chart }} {{ note }}\"\nchart = \"{{ chart }}\"",
        ..PARTS
    };
    clinic.schedule("typed", &parts.text());
    let ended = clinic.run(&["test", "--record", "typed", "--now", MORNING]);
    assert_eq!(ended.exit, 0, "{ended:?}");
    let text = std::fs::read_to_string(clinic.path().join("schedules/typed.test.toml")).expect("it was written");
    for real in ["4711", "0143", "Real", "Other", "1961", "person.example", "99887", "deaf"] {
        assert!(!text.contains(real), "{real}: {text}");
    }
    assert!(text.contains("chart = 1") && text.contains("birth = \"1111-11-11\""), "{text}");
    assert_eq!(clinic.run(&["test"]).stdout, "1 passed\n", "{text}");
}

/// A table in which every reason that a row, the schedule or the clock gives occurs, at nine o'clock of the 24th.
const EVERY_REASON: &str = "\
id,name,phone,starts_at,zone,status,stop,consent,minutes
C-1,Ada Example,+12025550143,2026-11-25 09:30,,ok,,yes,30
C-2,Ben Sample,+12025550164,2026-11-25 10:00,,ok,,yes,30
,Cleo Testing,+12025550117,2026-11-25 10:30,,ok,,yes,30
n/a,Cleo Testing,+12025550118,2026-11-25 10:30,,ok,,yes,30
T-1,Dan Nobody,+12025550119,soon,,ok,,yes,30
T-2,Dan Nobody,+12025550120,2026-03-08 02:30,,ok,,yes,30
C-2,Ben Sample,+12025550164,2026-11-25 10:00,,ok,,yes,30
D-1,Eva Invented,+12025550121,2026-11-25 11:00,,cancelled,,yes,30
D-1,Eva Invented,+12025550121,2026-11-25 11:00,,cancelled,,yes,30
S-1,Finn Madeup,+12025550122,2026-11-25 11:30,,Cancelled,,yes,30
S-2,Finn Madeup,+12025550123,2026-11-25 11:30,,waiting,,yes,30
F-1,Gus Placeholder,+12025550124,2026-11-25 12:00,,ok,,yes,5
N-1,Hana Fictional,,2026-11-25 12:30,,ok,,yes,30
N-2,Hana Fictional,911,2026-11-25 12:30,,ok,,yes,30
N-3,Hana Fictional,+493023125123,2026-11-25 12:30,,ok,,yes,30
N-4,Hana Fictional,-,2026-11-25 12:30,,ok,,yes,30
O-1,Ada Sample,+12025550101,2026-11-25 13:00,,ok,,yes,30
O-2,Ada Sample,+12025550125,2026-11-25 13:00,,ok,yes,yes,30
O-3,Ada Sample,+12025550126,2026-11-25 13:00,,ok,,yes,30
K-1,Ben Example,+12025550127,2026-11-25 13:30,,ok,,no,30
B-1,Ben Example,+12025550128,2026-11-24 08:30,,ok,,yes,30
B-2,Ben Example,+12025550129,2026-11-24 09:30,,ok,,yes,30
H-1,Cleo Sample,+12025550130,2026-11-24 11:30,America/Los_Angeles,ok,,yes,30
P-1,Dan Example,+12025550131,2026-11-25 14:00,,ok,,yes,half
L-1,Eva Sample,+12025550132,2026-11-25 15:00,,ok,,yes,30
L-2,Eva Sample,+12025550132,2026-11-25 16:00,,ok,,yes,30
X-1,Other Schedule,+12025550133,2026-11-25 17:00,,ok,,yes,30
A-1,Far Away,+12025550134,2026-12-25 17:00,,ok,,yes,30
";

/// A schedule over that table; its own list has the numbers that are invented first.
fn every_reason(clinic: &Clinic, merge: &str) {
    clinic.write("appointments.csv", EVERY_REASON);
    let listed: String = (101..=107).map(|number| format!("+12025550{number}\n")).collect();
    clinic.write("never.txt", &listed);
    let remind = format!(
        "days_before = [0, 1]\nstatuses = [\"ok\"]\nonly_if = 'minutes != \"5\"'\nallowed_countries = [\"US\"]\n\
         do_not_call = \"../never.txt\"\n{merge}"
    );
    let parts = crate::clinic::Parts {
        appointment: "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"\nstatus = \"status\"\n\
                      do_not_call = \"stop\"\nconsent = \"consent\"\nrecipient_timezone = \"zone\"",
        remind: &remind,
        payload: "to = \"{{ phone }}\"\nminutes = \"{{ minutes | int }}\"\nall = \"{{ appointments }}\"",
        ..crate::clinic::PARTS
    };
    clinic.schedule("all", &parts.text());
}

#[test]
fn a_test_recorded_of_every_reason_passes_at_once_and_decides_each_row_as_the_plan_does() {
    for (merge, of_both) in [("", "person_limit"), ("merge = \"same_day\"", "merged")] {
        let clinic = Clinic::empty("http://127.0.0.1:9/");
        every_reason(&clinic, merge);
        assert_eq!(clinic.run(&["optout", "add", "+12025550126"]).exit, 0);
        let (_, plan) = clinic.json(&["plan", "all", "--now", MORNING]);
        let skipped = plan[0]["skipped"].as_array().expect("rows").iter();
        let planned: std::collections::BTreeSet<&str> =
            skipped.map(|row| row["reason"].as_str().expect("a word")).collect();
        let wanted = [
            "already_started",
            "cancelled",
            "duplicate_row",
            "filtered",
            "invalid_phone",
            "invalid_time",
            "missing_id",
            "no_consent",
            "no_phone",
            "no_such_time",
            "opted_out",
            "outside_calling_hours",
            "payload_error",
            "too_late",
            "unknown_status",
            of_both,
        ];
        assert_eq!(planned, wanted.into(), "{plan}");
        let (exit, recorded) = clinic.json(&["test", "--record", "all", "--now", MORNING]);
        assert_eq!((exit, &recorded[0]["left_out"]), (0, &0.into()), "{recorded}");
        let text = std::fs::read_to_string(clinic.path().join("schedules/all.test.toml")).expect("it was written");
        for reason in wanted {
            let rows =
                plan[0]["skipped"].as_array().expect("rows").iter().filter(|row| row["reason"] == reason).count();
            let kept = text.matches(&format!("reason = \"{reason}\"")).count();
            assert_eq!(kept, rows.min(2), "{reason}: {text}");
        }
        assert!(!(101..=107).any(|number| text.contains(&format!("phone = \"+12025550{number}\""))), "{text}");
        assert_eq!(clinic.run(&["test"]).stdout, "1 passed\n", "{text}");
    }
}

#[test]
fn rows_that_the_ledger_or_lateness_decided_are_left_out_or_recorded_with_the_earlier_run() {
    use crate::clinic::Sandbox;
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.schedule("evening", crate::clinic::DAY_BEFORE);
    assert_eq!(clinic.run(&["trigger", "evening", "--only", "A-1", "--now", MORNING]).exit, 0);
    // another schedule has called Ada
    let (exit, recorded) = clinic.json(&["test", "--record", "day-before", "--now", "2026-11-24T14:05:00Z"]);
    assert_eq!((exit, &recorded[0]["left_out"]), (0, &1.into()), "{recorded}");
    assert_eq!(clinic.run(&["test", "day-before"]).stdout, "1 passed\n");

    let clinic = Clinic::empty(&sandbox.url);
    let parts = crate::clinic::Parts { cron: "*/30 * * * *", remind: "hours_before = 24", ..crate::clinic::PARTS };
    clinic.schedule("hours", &parts.text());
    clinic.write("appointments.csv", "id,phone,starts_at\nA-1,+12025550143,2026-11-25 09:20\n");
    assert_eq!(clinic.run(&["trigger", "hours", "--now", MORNING]).exit, 0);
    let late = "A-2,+12025550164,2026-11-25 08:40\nA-3,+12025550117,2026-11-25 09:25\n";
    clinic.write("appointments.csv", &format!("id,phone,starts_at\nA-1,+12025550143,2026-11-25 09:20\n{late}"));
    let (_, plan) = clinic.json(&["plan", "hours", "--now", "2026-11-24T14:30:00Z"]);
    assert_eq!(plan[0]["skipped"][0]["reason"], "late_booking", "{plan}");
    assert_eq!(plan[0]["counts"]["planned"], 2, "{plan}");
    let (exit, recorded) = clinic.json(&["test", "--record", "hours", "--now", "2026-11-24T14:30:00Z"]);
    assert_eq!((exit, &recorded[0]["calls"], &recorded[0]["skips"]), (0, &2.into(), &1.into()), "{recorded}");
    let text = std::fs::read_to_string(clinic.path().join("schedules/hours.test.toml")).expect("it was written");
    assert!(text.contains("previous_run = \"2026-11-24 09:00:00\"") && text.contains("late_booking"), "{text}");
    assert_eq!(clinic.run(&["test"]).stdout, "1 passed\n", "{text}");
}
