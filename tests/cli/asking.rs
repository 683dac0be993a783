//! What verbs that change nothing answer.

use serde_json::Value;

use crate::clinic::*;

#[test]
fn what_is_mistyped_ends_with_two_and_the_likely_word() {
    let clinic = Clinic::new();
    let mistyped = clinic.run(&["trigge", "day-before"]);
    assert_eq!(mistyped.exit, 2);
    assert!(mistyped.stderr.contains("'trigger'"), "{mistyped:?}");
    let mistyped = clinic.run(&["plan", "--revel"]);
    assert_eq!(mistyped.exit, 2);
    assert!(mistyped.stderr.contains("--reveal"), "{mistyped:?}");
    for verb in ["plan", "next", "trigger", "explain", "pause"] {
        let arguments: &[&str] = match verb {
            "explain" => &["explain", "day-befor", "A-1"],
            "pause" => &["pause", "day-befor", "--reason", "snow"],
            verb => &[verb, "day-befor"],
        };
        let ended = clinic.run(arguments);
        assert_eq!(ended.exit, 2, "{verb}: {ended:?}");
        assert!(ended.stderr.contains("did you mean `day-before`?"), "{verb}: {ended:?}");
    }
}

#[test]
fn a_plan_has_its_shape_and_shows_no_phone() {
    let clinic = Clinic::new();
    let (exit, plans) = clinic.json(&["plan", "--now", MORNING]);
    assert_eq!(exit, 0);
    let plan = &plans[0];
    assert_eq!(keys(plan), ["schedule", "nominal_at", "timezone", "counts", "reminders", "skipped", "held"]);
    assert_eq!(plan["nominal_at"], "2026-11-24T09:00:00-05:00");
    assert_eq!(
        plan["counts"],
        serde_json::json!({"rows": 5, "outside_window": 1, "planned": 2, "skipped": 2, "already_reminded": 0})
    );
    let call = &plan["reminders"][0];
    assert_eq!(keys(call), ["appointment_id", "starts_at", "lead", "due_at", "phone", "payload", "note", "priority"]);
    assert_eq!((call["starts_at"].as_str(), call["lead"].as_str()), (Some("2026-11-25T09:30:00-05:00"), Some("1d")));
    assert_eq!(call["due_at"], "2026-11-24T09:00:00-05:00");
    assert_eq!(call["payload"]["contact_phone"], "***0143");
    let skips: Vec<_> = plan["skipped"].as_array().expect("a list").iter().collect();
    assert_eq!(keys(skips[0]), ["appointment_id", "starts_at", "reason", "detail"]);
    assert_eq!((&skips[0]["reason"], &skips[1]["reason"]), (&"cancelled".into(), &"no_phone".into()));
    let text = plans.to_string();
    assert!(!text.contains("5550143") && !text.contains("555-0143"), "{text}");
    let plain = clinic.run(&["plan", "day-before", "--now", MORNING]).stdout;
    assert!(plain.contains("***0164") && !plain.contains("5550164") && !plain.contains('\u{1b}'), "{plain}");
}

#[test]
fn reading_verbs_create_nothing() {
    let clinic = Clinic::new();
    let verbs: [&[&str]; 8] = [
        &["plan", "--now", MORNING],
        &["explain", "day-before", "A-1", "--now", MORNING],
        &["next"],
        &["check"],
        &["status"],
        &["audit"],
        &["uncertain"],
        &["trigger", "day-before", "--dry-run", "--now", MORNING],
    ];
    for arguments in verbs {
        let ended = clinic.run(arguments);
        assert_eq!(ended.exit, 0, "{arguments:?}: {ended:?}");
        assert!(!clinic.has_ledger(), "{arguments:?} created a ledger");
    }
}

#[test]
fn a_mistyped_or_refused_verb_leaves_no_ledger_behind() {
    let clinic = Clinic::new();
    let whole_id = "01a20d74-fb00-79d2-8af1-139fd9830846";
    let cases: [(&[&str], i32, &str); 25] = [
        (&["trigger", "day-befor"], 2, "did you mean `day-before`?"),
        (
            &["trigger", "day-before", "--only", "A-99", "--now", MORNING, "--ledger", "tickler.db"],
            1,
            "no appointment `A-99`",
        ),
        (&["trigger", "elsewhere", "--now", MORNING, "--ledger", "tickler.db"], 7, "only to this machine"),
        (&["trigger", "no-secret"], 1, "NOT_SET"),
        (&["pause", "day-befor", "--reason", "snow"], 2, "did you mean `day-before`?"),
        (&["pause", "day-before", "--reason", "snow", "--until", "2020-01-01"], 2, "in the past"),
        (&["resume", "day-befor"], 2, "did you mean `day-before`?"),
        (&["approve", "zz"], 2, "not a valid id of a run"),
        (&["approve", "1234abcd"], 1, "no run whose id begins"),
        (&["approve", whole_id], 1, "there is no ledger"),
        (&["reject", "1234abcd"], 1, "no run whose id begins"),
        (&["cancel", "1234abcd", "--reason", "x"], 1, "no reminder whose id"),
        (&["cancel", "A-1", "--schedule", "day-before", "--reason", "x"], 1, "no reminder of such an appointment"),
        (&["uncertain", "resolve", "1234abcd", "--drop", "--reason", "x"], 1, "no reminder whose id"),
        (
            &["uncertain", "resolve", "--all-of", "day-befor", "--drop", "--reason", "x"],
            2,
            "did you mean `day-before`?",
        ),
        (&["uncertain", "resolve", "--all-of", "day-before", "--drop", "--reason", "x"], 0, ""),
        (&["optout", "add", "12"], 2, "not a valid phone number"),
        (&["optout", "remove", "+12025550143"], 0, ""),
        (&["audit", "prune"], 0, ""),
        (&["audit", "show", "A-1", "--reveal"], 1, "there is no ledger"),
        (&["ledger", "accept-loss", "--reason", "x"], 1, "there is no ledger"),
        (&["plan", "day-befor", "--reveal"], 2, "did you mean `day-before`?"),
        (&["test-call", "day-before", "--to", "12"], 2, "not a valid phone number"),
        (&["contacts", "find", "--phone", "+12025550143"], 78, "api_token"),
        (&["restore", "nowhere.db"], 1, "the copy"),
    ];
    let secret = "{ env = \"THOUGHTLY_AUTOMATION_URL\" }";
    let target = format!("[target.automation]\nurl = {secret}");
    let webhook = "[target.webhook]\nurl = \"https://example.org/webhook\"";
    clinic.schedule("elsewhere", &DAY_BEFORE.replace(&target, webhook));
    clinic.schedule("no-secret", &DAY_BEFORE.replace(secret, "{ env = \"NOT_SET\" }"));
    for (arguments, exit, words) in cases {
        let ended = clinic.run(arguments);
        assert_eq!(ended.exit, exit, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(words), "{arguments:?}: {ended:?}");
        assert!(!clinic.has_ledger(), "{arguments:?} left a ledger behind");
    }
}

#[test]
fn explain_names_the_first_rule_that_blocks() {
    let clinic = Clinic::new();
    for (appointment, exit_code, verdict, reason) in [
        ("A-1", 0, "call", Value::Null),
        ("A-3", 0, "skip", "cancelled".into()),
        ("A-4", 0, "skip", "no_phone".into()),
        ("A-5", 0, "skip", "outside_window".into()),
        ("A-9", 1, "absent", Value::Null),
    ] {
        let (exit, told) = clinic.json(&["explain", "day-before", appointment, "--now", MORNING]);
        assert_eq!((exit, &told["verdict"], &told["reason"]), (exit_code, &verdict.into(), &reason), "{told}");
        assert_eq!(keys(&told), ["schedule", "appointment_id", "verdict", "reason", "outcome", "steps", "others"]);
        let blocks = told["steps"].as_array().expect("steps").iter().filter(|step| step["result"] == "block").count();
        assert_eq!(blocks, usize::from(verdict != "call"), "{told}");
    }
}

#[test]
fn explain_says_what_becomes_of_each_start_that_the_source_has_under_one_id() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let rows = [
        "A-1,Ada Example,+12025550143,2026-12-09 09:30,Check-up,confirmed",
        "A-1,Ada Example,+12025550143,2026-11-25 09:30,Check-up,confirmed",
        "A-1,Ada Example,+12025550143,2026-11-25 16:00,X-ray,cancelled",
        "A-1,Ada Example,+12025550143,2026-11-25 09:30,Check-up,confirmed",
    ];
    let header = "id,name,phone,starts_at,service,status";
    clinic.write("appointments.csv", &format!("{header}\n{}\n", rows.join("\n")));
    let others = |told: &Value| -> Vec<String> {
        let word = |other: &Value, field: &str| other[field].as_str().unwrap_or("-").to_owned();
        let line = |other: &Value| {
            format!("{} {} {}", word(other, "starts_at"), word(other, "verdict"), word(other, "reason"))
        };
        told["others"].as_array().expect("a list").iter().map(line).collect()
    };
    let (_, told) = clinic.json(&["explain", "day-before", "A-1", "--now", MORNING]);
    assert_eq!(told["verdict"], "call", "{told}");
    let expected = ["2026-12-09T09:30:00-05:00 skip outside_window", "2026-11-25T16:00:00-05:00 skip cancelled"];
    assert_eq!(others(&told), expected, "{told}");
    assert!(told["others"][1]["detail"].as_str().is_some_and(|detail| detail.starts_with("line 4: ")), "{told}");
    let shown = clinic.run(&["explain", "day-before", "A-1", "--now", MORNING]).words();
    assert!(shown.contains("this id with another start, too") && shown.contains("is not called: cancelled"), "{shown}");
    let (_, run) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    let (_, told) = clinic.json(&["explain", "day-before", "A-1", "--run", run["run_id"].as_str().expect("a run")]);
    assert_eq!(told["verdict"], "call", "{told}");
    assert_eq!(others(&told), ["2026-11-25T16:00:00-05:00 skip cancelled"], "{told}");
}

#[test]
fn an_id_that_no_row_has_fails_and_names_the_likely_one_and_the_log_of_a_run_is_asked_without_failing() {
    let clinic = Clinic::new();
    let mistyped = clinic.run(&["explain", "day-before", "A_1", "--now", MORNING]);
    assert_eq!(mistyped.exit, 1, "{mistyped:?}");
    assert!(mistyped.words().contains("did you mean `A-1`?"), "{mistyped:?}");
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (_, run) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    // those that are reminded already are known, too
    let mistyped = clinic.run(&["explain", "day-before", "A_2", "--now", MORNING]);
    assert!(mistyped.exit == 1 && mistyped.words().contains("did you mean `A-2`?"), "{mistyped:?}");
    let run = run["run_id"].as_str().expect("a run");
    assert_eq!(clinic.run(&["explain", "day-before", "A-9", "--run", run]).exit, 0);
    let other = clinic.run(&["explain", "day-before", "something else", "--now", MORNING]);
    assert!(other.exit == 1 && !other.words().contains("did you mean"), "{other:?}");
}

#[test]
fn what_can_still_be_done_about_an_expired_reminder_is_said() {
    let clinic = Clinic::new();
    let (_, waits) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", MORNING]);
    assert_eq!(waits["counts"]["pending"], 2, "{waits}");
    // its target refuses connections until its time is over
    let late = "2026-11-24T22:00:00Z";
    let (_, over) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", late]);
    assert_eq!(over["counts"]["pending"], 0, "{over}");
    let explained = clinic.run(&["explain", "day-before", "A-1", "--now", late]).words();
    assert!(explained.contains("phone the person yourself"), "{explained}");
    let ended = clinic.run(&[
        "uncertain",
        "resolve",
        "A-1",
        "--schedule",
        "day-before",
        "--resend",
        "--reason",
        "the line is back",
    ]);
    assert!(ended.exit != 0 && ended.stderr.contains("Phone the person yourself"), "{ended:?}");
}

#[test]
fn the_next_runs_are_local_and_utc_and_odd_days_are_marked() {
    let clinic = Clinic::new();
    let half_past_two = DAY_BEFORE.replace("0 9 * * *", "30 2 * * *");
    clinic.write("schedules/day-before.toml", &half_past_two);
    let (exit, runs) = clinic.json(&["next", "-n", "2", "--now", "2026-03-07T12:00:00Z"]);
    assert_eq!(exit, 0);
    let expected = serde_json::json!([
        {"schedule": "day-before", "at": "2026-03-08T03:00:00-04:00", "at_utc": "2026-03-08T07:00:00Z", "note": "gap"},
        {"schedule": "day-before", "at": "2026-03-09T02:30:00-04:00", "at_utc": "2026-03-09T06:30:00Z", "note": null},
    ]);
    assert_eq!(runs, expected);
}

#[test]
fn a_refused_file_hinders_no_verb_that_names_another() {
    let clinic = Clinic::new();
    clinic.write("schedules/broken.toml", "crom = \"0 9 * * *\"\n");
    let (exit, found) = clinic.json(&["check"]);
    assert_eq!((exit, &found["ok"], &found["files"]), (78, &Value::Bool(false), &2.into()));
    let problem = &found["problems"][0];
    assert_eq!(
        keys(problem),
        ["severity", "code", "file", "line", "column", "end_line", "end_column", "message", "help"]
    );
    assert_eq!(clinic.json(&["plan", "day-before", "--now", MORNING]).0, 0);
    assert_eq!(clinic.json(&["plan", "--now", MORNING]).0, 78);
    assert_eq!(clinic.run(&["plan", "broken"]).exit, 78);
    let (_, status) = clinic.json(&["status"]);
    assert_eq!(status["schedules"][0]["state"], "refused");
}

#[test]
fn a_source_that_is_not_there_fails_the_plan_and_the_trigger() {
    let clinic = Clinic::new();
    std::fs::remove_file(clinic.path().join("appointments.csv")).expect("it was there");
    let planned = clinic.run(&["plan", "day-before", "--now", MORNING]);
    assert_eq!(planned.exit, 1, "{planned:?}");
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((exit, &answer["state"]), (1, &"failed".into()), "{answer}");
}

#[test]
fn settings_that_make_no_sense_end_with_78() {
    let clinic = Clinic::new();
    clinic.write("tickler.toml", "schedulez = \"x\"\n");
    let ended = clinic.run(&["plan"]);
    assert_eq!(ended.exit, 78, "{ended:?}");
    assert!(ended.stderr.contains("schedulez"), "{ended:?}");
}

#[test]
fn a_plan_of_a_later_time_leaves_nobody_out_who_waits_to_be_called_before_it() {
    // nobody listens there
    let clinic = Clinic::new();
    let (_, first) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", MORNING]);
    assert_eq!(first["counts"]["pending"], 2, "{first}");
    let next = ["plan", "day-before", "--next", "--now", "2026-11-24T14:01:00Z"];
    let (_, plan) = clinic.json(&next);
    let reasons: Vec<_> = plan[0]["skipped"].as_array().expect("a list").iter().map(|row| &row["reason"]).collect();
    assert!(!reasons.contains(&&"too_late".into()), "{plan}");
    assert_eq!(plan[0]["reminded"]["waiting"], 2, "{plan}");
    let counts = &plan[0]["counts"];
    let sum = ["planned", "skipped", "outside_window", "already_reminded"]
        .map(|part| counts[part].as_u64().expect("a count"));
    assert_eq!(counts["rows"], sum.iter().sum::<u64>(), "{plan}");
    let shown = clinic.run(&next).stdout.replace('\n', " ");
    assert!(shown.contains("2 waiting to be called before that"), "{shown}");
    // at that time itself they have come too late
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", "2026-11-25T14:00:00Z"]);
    assert!(plan[0]["skipped"].to_string().contains("too_late"), "{plan}");
}
