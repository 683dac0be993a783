//! `tickler outcome`: what becomes of a call.

use serde_json::json;

use crate::clinic::*;

fn append(clinic: &Clinic, more: &str) {
    clinic.schedule("day-before", &format!("{DAY_BEFORE}{more}"));
}

/// A clinic whose schedule maps what its agent says.
fn clinic() -> Clinic {
    let clinic = Clinic::new();
    append(
        &clinic,
        "\n[outcome.values]\nyes = \"confirmed\"\ncancel = \"declined\"\nmove = \"reschedule\"\nstop = \"opted_out\"\n\
         wrong = \"wrong_number\"\n",
    );
    clinic
}

#[test]
fn an_outcome_that_no_report_can_reach_is_an_error_of_check() {
    let secret = "\n[outcome]\nsecret = { env = \"OUTCOME_SECRET\" }\n";
    let check = |own: &str, other: &str| {
        let clinic = Clinic::new();
        append(&clinic, own);
        let evening = DAY_BEFORE.replace("0 9 * * *", "0 18 * * *");
        clinic.schedule("evening", &format!("{evening}{other}"));
        let all = clinic.json(&["check"]).1["problems"].to_string();
        let alone = clinic.json(&["check", "schedules/day-before.toml"]).1["problems"].to_string();
        [all.contains("no-outcomes"), alone.contains("no-outcomes")]
    };
    assert_eq!(check("\n[outcome.values]\nyes = \"confirmed\"\n", ""), [true, true], "neither secret nor poll");
    assert_eq!(check("", ""), [false, false], "no outcome is expected");
    assert_eq!(check(secret, ""), [false, false], "who has the secret may post");
    assert_eq!(check("\n[outcome.poll]\nagent = \"a1\"\n", ""), [false, false], "it is asked for");
    assert_eq!(check("\n[outcome.values]\nyes = \"confirmed\"\n", secret), [false, false], "by another schedule");
}

#[test]
fn a_record_in_each_shape_is_tried_and_nothing_is_written() {
    let clinic = clinic();
    let shapes = [
        (
            json!({"reminder_id": "r1", "call_id": "c1", "status": "COMPLETED", "outcome": "yes"}),
            Some("confirmed"),
            None,
        ),
        (json!({"call_id": "c1", "variables": {"reminder_id": "r1", "outcome": "Cancel"}}), Some("declined"), None),
        (json!({"id": "c1", "interview": {"id": "a"}, "status": "COMPLETED"}), Some("answered"), None),
        (json!({"id": "c1", "interview": {"id": "a"}, "status": "IN_PROGRESS"}), None, None),
        (json!({"call_id": "c1", "status": "COMPLETED", "outcome": "maybe"}), Some("answered"), Some("maybe")),
    ];
    for (record, outcome, unmapped) in shapes {
        clinic.write("record.json", &record.to_string());
        let (exit, tried) = clinic.json(&["outcome", "try", "day-before", "record.json"]);
        assert_eq!((exit, &tried["outcome"]), (0, &json!(outcome)), "{record}: {tried}");
        assert_eq!(tried["is_final"], outcome.is_some(), "{tried}");
        assert_eq!(tried["unmapped"], json!(unmapped), "{tried}");
        assert_eq!(tried["facts"]["call_id"], "c1", "{tried}");
    }
    assert!(!clinic.has_ledger(), "nothing was written");
}

#[test]
fn a_record_that_is_none_is_refused_in_words_and_shows_no_number() {
    let clinic = clinic();
    for (record, words) in [
        ("[]", "not a JSON object"),
        ("{}", "none of the facts"),
        (&*format!("{}{}", "{\"a\":".repeat(40), "}".repeat(40)), "nested deeper"),
    ] {
        clinic.write("record.json", record);
        let refused = clinic.run(&["outcome", "try", "day-before", "record.json"]);
        assert!(refused.exit == 1 && refused.stderr.contains(words), "{refused:?}");
    }
    let spoken = json!({"call_id": "c1", "phone_number": "+12025550143", "outcome": "call +12025550143 back"});
    clinic.write("record.json", &spoken.to_string());
    for format in ["table", "json", "csv"] {
        let shown = clinic.run(&["outcome", "try", "day-before", "record.json", "--format", format]);
        assert!(shown.exit == 0 && !shown.stdout.contains("555014"), "{shown:?}");
    }
}

#[test]
fn a_word_that_is_no_outcome_and_a_word_twice_are_problems_with_their_place() {
    let clinic = Clinic::new();
    append(
        &clinic,
        "\n[outcome.values]\nyes = \"confirmd\"\nno = \"declined\"\n\" NO\" = \"declined\"\n[outcome.at]\nstatus = \"status\"\n",
    );
    let (exit, found) = clinic.json(&["check"]);
    assert_eq!(exit, 78, "{found}");
    let problems = found["problems"].to_string();
    for words in ["did you mean `\\\"confirmed\\\"`?", "is the same word as `no`", "not a valid JSON pointer"] {
        assert!(problems.contains(words), "{words}: {problems}");
    }
}

const LISTENS: [(&str, &str); 1] = [("TICKLER_INBOUND__LISTEN", "127.0.0.1:0")];

const LEADS: &str = r#"
timezone = "America/New_York"
[source.inbound]
secret = { env = "LEADS_SECRET" }
[appointment]
id = "id"
phone = "phone"
[remind]
now = true
allowed_countries = ["US"]
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
contact_phone = "{{ phone }}"
"#;

#[test]
fn check_warns_where_posts_are_expected_and_the_service_listens_nowhere() {
    let clinic = Clinic::new();
    let found = |variables: &[(&str, &str)], path: &[&str]| -> Vec<String> {
        let mut command = clinic.command(&[&["check"], path, &["--format", "json"]].concat());
        command.envs([("LEADS_SECRET", "a"), ("OUTCOME_SECRET", "b")]).envs(variables.iter().copied());
        let ended = Ended::of(command.output().expect("the program runs"));
        assert_eq!(ended.exit, 0, "a warning is no error: {ended:?}");
        let report: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let problems = report["problems"].as_array().expect("a list").iter();
        problems.map(|problem| format!("{} {}", problem["code"], problem["line"])).collect()
    };
    assert_eq!(found(&[], &[]), Vec::<String>::new(), "nobody is to post");
    append(&clinic, "reminder_id = \"{{ reminder_id }}\"\n[outcome.poll]\nagent = \"a1\"\n");
    assert_eq!(found(&[], &[]), Vec::<String>::new(), "outcomes are polled");
    append(&clinic, "reminder_id = \"{{ reminder_id }}\"\n[outcome]\nsecret = { env = \"OUTCOME_SECRET\" }\n");
    clinic.schedule("leads", LEADS);
    assert_eq!(found(&[], &[]).len(), 2, "one for each schedule: {:?}", found(&[], &[]));
    assert!(found(&[], &[]).iter().all(|problem| problem.starts_with("\"no-listener\"")));
    assert_eq!(found(&LISTENS, &[]), Vec::<String>::new());
    assert_eq!(found(&[], &["schedules/leads.toml"]), Vec::<String>::new(), "a file alone may be for another service");
}

#[test]
fn a_secret_that_is_not_set_says_what_does_not_happen_without_it() {
    let clinic = Clinic::new();
    append(
        &clinic,
        "\n[outcome]\nsecret = { env = \"OUTCOME_SECRET\" }\n[outcome.write_back]\non = [\"confirmed\"]\n\
         url = \"https://crm.example/{{ appointment_id }}\"\nauth = { bearer = { env = \"CRM_TOKEN\" } }\n\
         [canary]\nto = { env = \"OPERATOR_PHONE\" }\ncron = \"0 8 * * *\"\nrow = { name = \"Ada\", service = \"X\" }\n",
    );
    clinic.schedule("leads", LEADS);
    let (_, report) = clinic.json(&["check"]);
    let problems = report["problems"].as_array().expect("a list");
    for (variable, loss) in [
        ("LEADS_SECRET", "every request that is posted is refused"),
        ("OUTCOME_SECRET", "every record that is posted is refused"),
        ("CRM_TOKEN", "no outcome is written back"),
        ("OPERATOR_PHONE", "no canary is sent"),
    ] {
        let has = |text: &serde_json::Value, words: &str| text.as_str().is_some_and(|text| text.contains(words));
        let named = problems.iter().find(|problem| has(&problem["message"], variable));
        assert!(named.is_some_and(|problem| has(&problem["help"], loss)), "{variable}: {report}");
    }
}

#[test]
fn a_schedule_without_the_table_of_outcomes_says_so() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("record.json", &json!({"call_id": "c1", "status": "COMPLETED", "outcome": "yes"}).to_string());
    let tried = || clinic.run(&["outcome", "try", "day-before", "record.json", "--format", "table"]).words();
    let listed = || clinic.run(&["outcome", "list", "--trial", "--format", "table"]).words();
    assert_eq!(clinic.run(&["trigger", "day-before", "--trial", "--now", MORNING]).exit, 0);
    assert!(tried().contains("`day-before` has no [outcome] table"), "{}", tried());
    assert!(!tried().contains("[outcome.values]"), "{}", tried());
    assert!(listed().contains("no [outcome]") && !listed().contains("not reported yet"), "{}", listed());
    let (_, rows) = clinic.json(&["outcome", "list", "--trial"]);
    assert_eq!(rows[0]["outcome"], json!(null), "{rows}");
    append(&clinic, "reminder_id = \"{{ reminder_id }}\"\n[outcome]\nsecret = { env = \"OUTCOME_SECRET\" }\n");
    assert!(tried().contains("no key of [outcome.values] maps `yes`"), "{}", tried());
    assert!(listed().contains("not reported yet") && !listed().contains("no [outcome]"), "{}", listed());
}

#[test]
fn a_request_that_is_posted_while_no_service_runs_says_who_makes_the_call() {
    let clinic = Clinic::new();
    clinic.schedule("leads", LEADS);
    clinic.write("lead.json", &json!({"id": "L1", "phone": "+12025550143"}).to_string());
    let posted = clinic.run(&["inbound", "post", "leads", "lead.json"]);
    assert_eq!(posted.exit, 0, "{posted:?}");
    let said = "no service is running: `L1` is called once `tickler run` starts, until ";
    assert!(posted.stderr.contains(said), "{posted:?}");
    clinic.write("lead.json", &json!({"id": "L2", "tel": "+12025550143"}).to_string());
    let refused = clinic.run(&["inbound", "post", "leads", "lead.json"]);
    assert!(!refused.stderr.contains("no service is running"), "nobody is called: {refused:?}");
    assert!(refused.words().contains("the request has no `phone`; it has `id`, `tel`"), "{refused:?}");
}

#[test]
fn addresses_of_a_folder_whose_files_have_errors_say_so() {
    let clinic = Clinic::new();
    let urls = |more: &[&str]| clinic.run(&[&["inbound", "urls", "--format", "table"], more].concat());
    let sound = urls(&[]);
    assert!(sound.exit == 0 && sound.words().starts_with("no schedule takes requests or records:"), "{sound:?}");
    clinic.schedule("leads", &LEADS.replace("now = true", "now = 1"));
    let broken = urls(&[]);
    assert!(broken.words().contains("1 file has errors: see `tickler check`"), "{broken:?}");
    assert!(broken.exit == 78 && broken.stderr.contains("refused: leads"), "{broken:?}");
    assert_eq!(urls(&["day-before"]).exit, 0, "the other one is sound");
    append(&clinic, "reminder_id = \"{{ reminder_id }}\"\n[outcome]\nsecret = { env = \"OUTCOME_SECRET\" }\n");
    let listed = urls(&[]);
    assert!(listed.words().contains("/outcome/day-before") && listed.stderr.contains("refused: leads"), "{listed:?}");
}

#[test]
fn an_empty_list_names_the_trial_whose_ledger_is_there() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    assert_eq!(clinic.run(&["trigger", "day-before", "--trial", "--now", MORNING]).exit, 0);
    for list in [["outcome", "list"], ["inbound", "list"], ["audit", "list"]] {
        let ended = clinic.run(&[&list[..], &["--format", "table"]].concat());
        assert!(ended.words().contains("a trial is recorded in tickler.trial.db: add `--trial`"), "{ended:?}");
        let trial = clinic.run(&[&list[..], &["--format", "table", "--trial"]].concat());
        assert!(!trial.stdout.contains("--trial"), "{trial:?}");
    }
}
