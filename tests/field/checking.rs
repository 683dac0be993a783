//! What `check` finds in schedules as people write them on their first day.

use serde_json::Value;
use tickler::clock::{Clock, SystemClock};

use crate::support::clinic::{CLINIC, Clinic, DAY_BEFORE, MORNING, PARTS, Parts};

fn clinic() -> Clinic {
    Clinic::with_target("http://127.0.0.1:9/webhook/automation/nobody")
}

/// The problems of the one schedule with this text.
fn problems(text: &str) -> Vec<Value> {
    let clinic = clinic();
    clinic.schedule("day-before", text);
    let (_, answer) = clinic.json(&["check"]);
    answer["problems"].as_array().expect("a list").clone()
}

fn codes(problems: &[Value]) -> Vec<&str> {
    problems.iter().filter_map(|problem| problem["code"].as_str()).collect()
}

fn help(problem: &Value) -> &str {
    problem["help"].as_str().unwrap_or_default()
}

#[test]
fn a_fault_of_syntax_is_shown_first_and_alone_with_what_to_write() {
    for (line, instead, remedy) in [
        ("path = \"../appointments.csv\"", "path = \"C:\\Users\\front\\visits.csv\"", "`path = 'C:\\…'`"),
        ("path = \"../appointments.csv\"", "path = \"C:\\data\\visits.csv\"", "single quotes"),
        ("id = \"id\"", "id = “id”", "typographic"),
        ("cron = \"0 9 * * *\"", "cron: \"0 9 * * *\"", "`cron = …`"),
        ("days_before = 1", "days_before = [7 1]", "comma"),
        ("statuses = [\"confirmed\"]", "statuses = [\"confirmed\" \"booked\"]", "comma"),
        ("id = \"id\"", "id = id", "`id = \"…\"`"),
        ("days_before = 1", "days_before =", "write a value"),
    ] {
        let found = problems(&DAY_BEFORE.replacen(line, instead, 1));
        assert_eq!(codes(&found), ["syntax"], "{instead}: {found:?}");
        assert!(help(&found[0]).contains(remedy), "{instead}: {found:?}");
    }
}

#[test]
fn placeholders_of_other_programs_are_warned_of_and_templates_where_nothing_is_filled_in_refused() {
    for written in ["{phone}", "${phone}", "%phone%", "[[phone]]", "<phone>"] {
        let found = problems(&Parts { payload: &format!("to = \"{written}\""), ..PARTS }.text());
        assert_eq!(codes(&found), ["placeholder"], "{written}: {found:?}");
        assert!(found[0]["severity"] == "warning" && help(&found[0]).contains("`{{ phone }}`"), "{written}: {found:?}");
    }
    for target in [
        "[target.webhook]\nurl = \"http://127.0.0.1:9/hook/{{ phone }}\"",
        "[target.webhook]\nurl = \"http://127.0.0.1:9/hook\"\nheaders = { \"X-Phone\" = \"{{ phone }}\" }",
    ] {
        let found = problems(&Parts { target, ..PARTS }.text());
        assert_eq!(codes(&found), ["not-rendered"], "{target}: {found:?}");
    }
    let found = problems(&Parts { payload: "\"{{ phone }}\" = \"x\"", ..PARTS }.text());
    assert_eq!(codes(&found), ["not-rendered"], "{found:?}");
    let found = problems(&Parts { payload: "to = \"{{ phone }} (100%)\"\nnote = \"{unknown} a < b\"", ..PARTS }.text());
    assert_eq!(codes(&found), [""; 0], "{found:?}");
}

#[test]
fn swapped_fields_a_night_run_and_another_crons_zone_are_answered_with_what_to_write() {
    let found = problems(&DAY_BEFORE.replace("0 9 * * *", "9 0 * * *"));
    let night = found.iter().find(|problem| problem["message"].as_str().is_some_and(|text| text.contains("00:09")));
    assert!(night.is_some_and(|problem| help(problem).contains("`0 9 * * *`")), "{found:?}");
    let found = problems(&DAY_BEFORE.replace("0 9 * * *", "CRON_TZ=Europe/Berlin 0 9 * * *"));
    assert!(help(&found[0]).contains("timezone = \"Europe/Berlin\""), "{found:?}");
}

#[test]
fn only_toml_files_are_schedules_and_look_alikes_are_mentioned() {
    let clinic = clinic();
    for name in ["notes.txt", "report.csv", "rows.json", "README.md", "day.toml~", ".day.toml.swp"] {
        clinic.write(&format!("schedules/{name}"), "nothing of a schedule");
    }
    let (exit, answer) = clinic.json(&["check", "--deny-warnings"]);
    assert_eq!((exit, &answer["problems"]), (0, &serde_json::json!([])), "{answer}");
    for name in ["day.toml.txt", "DAY.TOML", "day.yaml", "day.toml.bak"] {
        clinic.write(&format!("schedules/{name}"), DAY_BEFORE);
    }
    let (exit, answer) = clinic.json(&["check"]);
    let found = answer["problems"].as_array().expect("a list");
    assert_eq!((exit, codes(found)), (0, vec!["not-a-schedule"; 4]), "{answer}");
    assert_eq!(clinic.run(&["next"]).exit, 0, "they keep nothing from running");
}

#[test]
fn fifty_problems_of_a_file_are_shown_and_the_rest_is_counted() {
    let unknown: String = (0..500).map(|place| format!("key{place} = {place}\n")).collect();
    let clinic = clinic();
    clinic.schedule("day-before", &format!("{unknown}{DAY_BEFORE}"));
    let (exit, answer) = clinic.json(&["check"]);
    let found = answer["problems"].as_array().expect("a list");
    assert_eq!((exit, found.len(), &found[49]["and_more"]), (78, 50, &Value::from(450)), "{answer}");
    let ended = clinic.run(&["check"]);
    assert!(ended.stdout.contains("and 450 more") && ended.stdout.contains("500 errors"), "{}", ended.stdout);
}

#[test]
fn a_megabyte_of_anything_is_judged_within_a_second() {
    let megabyte = |piece: &str| piece.repeat((1 << 20) / piece.len());
    let keys: String = (0..50_000).map(|place| format!("unknown{place} = 1\n")).collect();
    let texts = [
        megabyte("="),
        megabyte("["),
        megabyte("a."),
        megabyte("a"),
        megabyte("a = 1\n"),
        megabyte("token = = "),
        megabyte("\"\n"),
        megabyte("[[x]]\n"),
        format!("{keys}{DAY_BEFORE}"),
        DAY_BEFORE.replace("{{ phone }}", &megabyte("{{ x }}")[..900_000]),
        DAY_BEFORE.replace("{{ phone }}", &megabyte("{{ phne }} ")[..900_000]),
        DAY_BEFORE.replace("{{ phone }}", &megabyte("{phone}")[..900_000]),
        DAY_BEFORE.replace("id = \"id\"", &format!("id = \"{}\"", &megabyte("x")[..900_000])),
        format!("source = {{ {} }}", &megabyte("a = 'x', ")[..900_000]),
    ];
    for text in texts {
        let clinic = clinic();
        clinic.schedule("day-before", &text);
        let watch = SystemClock::default();
        let ended = clinic.run(&["check", "--format", "json"]);
        // the program here isn't optimised, and shares the machine with other tests
        assert!(watch.monotonic().as_secs() < 10, "{}: {:?}", &text[..40], watch.monotonic());
        assert!([0, 78].contains(&ended.exit), "{}: {}", &text[..40], ended.stderr);
        assert!(ended.stdout.len() < 1 << 18, "{}: {} bytes", &text[..40], ended.stdout.len());
    }
}

#[test]
fn values_under_unknown_keys_are_masked_when_they_look_like_a_secret() {
    let text = format!(
        "api_tokn = \"k-1\"\nhook = \"https://api.clinic.example/x/a1b2c3d4e5f6a7b8\"\nnumber = \"sk4f9a8b7c6d5e4f\"\n\
         nane = \"Front desk\"\n{DAY_BEFORE}"
    );
    let clinic = clinic();
    clinic.schedule("day-before", &text.replace("api_tokn", "api_token"));
    let shown = clinic.run(&["check"]).stdout;
    for secret in ["k-1", "a1b2c3d4e5f6a7b8", "sk4f9a8b7c6d5e4f"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(shown.contains("Front desk"), "{shown}");
}

#[test]
fn marks_of_editors_are_taken_off_a_secret_and_what_no_header_can_carry_is_an_error() {
    let target = "[target.webhook]\nurl = \"http://127.0.0.1:9/x\"\nheaders = { \"X-Key\" = { file = \"key\" } }";
    let clinic = clinic();
    clinic.schedule("day-before", &Parts { target, ..PARTS }.text());
    for (key, is_fine) in [
        ("k1-invented", true),
        ("\u{feff}k1-invented\r\n\n", true),
        ("k1\ninvented", false),
        ("k1\tinvented", false),
        ("k1\u{0}invented", false),
        ("k1-invénted", false),
        ("k1-invented\u{200b}", false),
    ] {
        clinic.write("schedules/key", key);
        let ended = clinic.run(&["check"]);
        assert_eq!(ended.exit == 0, is_fine, "{key:?}: {}", ended.stdout);
        assert!(is_fine || ended.stdout.contains("schedules/key"), "{key:?}: {}", ended.stdout);
        assert!(!ended.stdout.contains("invented") && !ended.stdout.contains("invénted"), "{}", ended.stdout);
        let sent = clinic.run(&["trigger", "day-before", "--now", MORNING, "--wait", "0s"]);
        assert!(is_fine || sent.exit == 1 && sent.stderr.contains("schedules/key"), "{key:?}: {sent:?}");
    }
}

#[test]
fn what_the_first_rows_show_is_reported_at_the_mapping() {
    let table = |rows: &str| format!("id,phone,starts_at,status,stop\n{rows}");
    let text = DAY_BEFORE.replace("status = \"status\"", "status = \"status\"\ndo_not_call = \"stop\"");
    let clinic = clinic();
    clinic.schedule("day-before", &text);
    let found = |rows: &str| {
        clinic.write("appointments.csv", &table(rows));
        let text = text.replace("{{ service }}", "x");
        clinic.schedule("day-before", &text);
        clinic.json(&["check"]).1["problems"].as_array().expect("a list").clone()
    };
    let good = "1,+12025550143,2026-11-25 09:30,confirmed,no\n";
    assert_eq!(codes(&found(good)), [""; 0]);
    let dates = found("1,+12025550143,25/11/2026 09:30,confirmed,\n2,+12025550144,26/11/2026 09:30,confirmed,\n");
    assert_eq!(codes(&dates), ["column-not-readable"], "{dates:?}");
    assert!(dates[0]["severity"] == "error" && help(&dates[0]).contains("%d/%m/%Y %H:%M"), "{dates:?}");
    let most = found(&format!("{good}2,+12025550144,soon,confirmed,\n3,+12025550145,soon,confirmed,\n"));
    assert_eq!((codes(&most), &most[0]["severity"]), (vec!["column-not-readable"], &"warning".into()), "{most:?}");
    let one = found(&format!("{good}{}2,+12025550144,soon,confirmed,\n", good.replace("1,", "3,")));
    assert_eq!(codes(&one), [""; 0], "one bad cell is that row's: {one:?}");
    let statuses = found("1,+12025550143,2026-11-25 09:30,confirmd,\n");
    assert_eq!(codes(&statuses), ["unknown-status"], "{statuses:?}");
    assert!(help(&statuses[0]).contains("`confirmd`"), "{statuses:?}");
    let flags = found("1,+12025550143,2026-11-25 09:30,confirmed,perhaps\n");
    assert_eq!(codes(&flags), ["unknown-flag"], "{flags:?}");
    assert!(flags[0]["message"].as_str().is_some_and(|text| text.contains("`perhaps`")), "{flags:?}");
}

#[test]
fn the_shared_clinic_has_nothing_to_complain_of() {
    assert!(CLINIC.starts_with("id,"));
    assert_eq!(codes(&problems(DAY_BEFORE)), [""; 0]);
}
