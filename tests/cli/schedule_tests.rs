//! `tickler test`: rows, a clock, and what a schedule makes of them.

use serde_json::json;

use crate::clinic::{Clinic, MORNING};

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

/// One change of the file each, and the sentence about it.
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
    clinic.schedule("day-before", &crate::clinic::DAY_BEFORE.replace("[\"confirmed\"]", "[\"booked\"]"));
    assert_eq!(clinic.run(&["test"]).exit, 1);
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
