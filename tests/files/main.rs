//! Schedule files as they are read from disk: every problem at its place, and nothing that can hurt the reader.

mod requests;
mod texts;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tickler::schedule::load::{self, Folder, Loaded};
use tickler::schedule::problems::{Paint, PlacedProblem, Severity};
use tickler::schedule::{FormatSpec, HttpAuth, Leads, Paging, SourceSpec, TargetSpec};
use tickler::settings::{SecretRef, TextOrSecret};
use tickler::zones::{CallingHours, Zones};

use texts::{ALL_KEYS, MINIMAL, MISTAKES};

fn load(text: &str) -> Loaded {
    load::one(Path::new("schedules/day-before.toml"), text, &Zones::newest())
}

fn problems(text: &str) -> Vec<PlacedProblem> {
    load(text).problems.iter().map(tickler::schedule::problems::Problem::placed).collect()
}

/// The minimal file with one line in another line's place.
fn with(line: &str, instead: &str) -> String {
    assert!(MINIMAL.contains(line), "`{line}` is a line of the minimal file");
    MINIMAL.replacen(line, instead, 1)
}

fn one_problem(text: &str) -> PlacedProblem {
    let found = problems(text);
    assert_eq!(found.len(), 1, "{found:#?}\n{text}");
    found.into_iter().next().expect("there is one")
}

#[test]
fn the_smallest_file_loads_with_every_default() {
    let loaded = load(MINIMAL);
    assert_eq!(loaded.problems, []);
    let schedule = loaded.schedule.expect("it loads");
    assert_eq!(schedule.name, "day-before");
    assert_eq!(schedule.text, MINIMAL);
    assert_eq!(schedule.text_hash.len(), 64);
    assert!(schedule.enabled);
    assert_eq!(schedule.language, "en");
    let SourceSpec::File(file) = &schedule.source else { panic!("a file") };
    let FormatSpec::Csv(dialect) = &file.format else { panic!("a text table") };
    assert_eq!(file.path, Path::new("schedules/../examples/clinic/appointments.csv"));
    assert_eq!((dialect.encoding.as_deref(), dialect.delimiter, dialect.header_row), (None, None, 1));
    assert_eq!((schedule.limits.deadline.as_mins(), schedule.limits.max_rows), (10, 200_000));
    assert_eq!(schedule.remind.leads, Leads::Days(vec![1]));
    assert_eq!(schedule.remind.calling_hours, CallingHours::Daily { open: 480, close: 1_260 });
    assert_eq!(schedule.remind.min_notice.as_hours(), 1);
    assert_eq!(schedule.remind.max_lateness.as_hours(), 6);
    assert_eq!(schedule.remind.max_per_person_per_day, 1);
    assert_eq!((schedule.delivery.attempts, schedule.delivery.max_in_flight), (6, 4));
    assert_eq!(schedule.delivery.timeout.as_secs(), 30);
    assert_eq!(schedule.guard.max_calls, 1_000);
    let TargetSpec::Automation { url, api_token, account } = &schedule.target else { panic!("an automation") };
    assert_eq!(url, &SecretRef::Env("THOUGHTLY_AUTOMATION_URL".into()));
    assert_eq!((api_token, account.as_str()), (&None, "thoughtly"));
}

#[test]
fn a_file_with_every_key_loads() {
    let loaded = load(ALL_KEYS);
    assert_eq!(loaded.problems, []);
    let schedule = loaded.schedule.expect("it loads");
    let SourceSpec::Http(http) = &schedule.source else { panic!("an API") };
    assert_eq!(http.max_bytes, 8 << 20);
    assert!(matches!(&http.auth, Some(HttpAuth::Basic { user: TextOrSecret::Text(user), .. }) if user == "reader"));
    assert!(matches!(http.paging, Some(Paging::Page { start: 0, size: 100, .. })));
    assert_eq!(http.headers.len(), 2);
    let TargetSpec::Webhook(webhook) = &schedule.target else { panic!("a webhook") };
    assert_eq!(webhook.accept_status, Some(vec![200, 202]));
    assert_eq!(webhook.headers[0].1, TextOrSecret::Secret(SecretRef::File("schedules/token".into())));
    assert_eq!(schedule.remind.do_not_call, Some(PathBuf::from("schedules/never.txt")));
    assert_eq!(schedule.remind.leads, Leads::Hours(vec![24, 2]));
    assert_eq!(schedule.target.account(), "voice");
}

#[test]
fn a_webhook_shares_the_limit_of_its_host_unless_it_says_otherwise() {
    let text = with(
        "[target.automation]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }",
        "[target.webhook]\nurl = \"http://127.0.0.1:9000/x\"",
    );
    assert_eq!(load(&text).schedule.expect("it loads").target.account(), "127.0.0.1");
}

#[test]
fn every_mistake_is_shown_at_its_place() {
    for (line, instead, code, at_line, column, end_column) in MISTAKES {
        let text = with(line, instead);
        let found = problems(&text);
        let problem = found.iter().find(|problem| problem.severity == Severity::Error).expect("there is an error");
        assert_eq!(problem.code, *code, "{instead}: {found:#?}");
        if *code != "syntax" {
            assert_eq!(found.len(), 1, "{instead}: {found:#?}");
        }
        assert_eq!(problem.line, *at_line, "{instead}: {problem:#?}");
        if *column > 0 {
            assert_eq!((problem.column, problem.end_column), (*column, *end_column), "{instead}: {problem:#?}");
        }
        assert!(problem.help.as_deref().is_some_and(|help| !help.is_empty()), "{problem:#?}");
        assert!(load(&text).schedule.is_none(), "{instead}");
    }
}

#[test]
fn five_mistakes_give_five_frames_in_one_go() {
    let text = MINIMAL
        .replace("timezone =", "timezon =")
        .replace("days_before = 1", "days_before = \"one\"\nmax_lateness = \"soon\"")
        .replace("phone     = \"phone\"\n", "")
        .replace("\"{{ phone }}\"", "\"{{ phone | nofilter }}\"");
    let found = problems(&text);
    let places: Vec<(&str, usize)> = found.iter().map(|problem| (problem.code, problem.line)).collect();
    assert_eq!(
        places,
        [("unknown-key", 2), ("missing-key", 7), ("wrong-type", 12), ("invalid-value", 13), ("invalid-template", 19)]
    );
    assert_eq!(found[0].help.as_deref(), Some("did you mean `timezone`?"));
    let frame = load(&text).problems[0].frame(Paint::Plain);
    assert!(frame.contains("schedules/day-before.toml:2:1"), "{frame}");
    assert!(frame.contains("2 | timezon = \"America/New_York\""), "{frame}");
    assert!(frame.contains("^^^^^^^"), "{frame}");
    assert!(frame.contains("did you mean `timezone`?"), "{frame}");
}

#[test]
fn columns_count_characters_not_bytes() {
    let problem = one_problem(&with("[remind]", "# Zoë Müßig\n[remind]\nstatuses = [\"Zoë\", 1]"));
    assert_eq!((problem.line, problem.column, problem.end_column), (14, 20, 21));
}

#[test]
fn a_status_column_without_statuses_is_a_warning_and_the_file_loads() {
    let text = with("starts_at = \"starts_at\"", "starts_at = \"starts_at\"\nstatus = \"status\"");
    let problem = one_problem(&text);
    assert_eq!((problem.severity, problem.code, problem.line), (Severity::Warning, "no-statuses", 11));
    assert!(load(&text).schedule.is_some());
}

#[test]
fn what_nobody_sees_is_written_out_in_frames_and_messages() {
    for (hidden, shown) in
        [("\u{200b}", "\\u{200b}"), ("\u{ad}", "\\u{ad}"), ("\u{202e}", "\\u{202e}"), ("\u{2066}", "\\u{2066}")]
    {
        let key = format!("pho{hidden}ne");
        let text = with("phone     = \"phone\"", &format!("phone     = \"phone\"\n\"{key}\" = \"x\""));
        let problem = load(&text).problems.into_iter().next().expect("an unknown key");
        let (frame, placed) = (problem.frame(Paint::Plain), problem.placed());
        let written = format!("pho{shown}ne");
        assert_eq!(frame.matches(&written).count(), 2, "in the message and in the line: {frame}");
        assert!(placed.message.contains(&written) && !placed.message.contains(hidden), "{}", placed.message);
        let carets = frame.matches('^').count();
        assert_eq!(carets, format!("\"{written}\"").len(), "the carets are as long as what is shown: {frame}");
    }
}

#[test]
fn a_frame_cannot_attack_a_terminal() {
    let hostile = "\u{9b}2J\u{202e}x\u{2066}";
    let name = format!("schedules/a\u{1b}[2J{hostile}\n.toml");
    let text = format!("{MINIMAL}\n\"{hostile}\" = 1 # {hostile}\n\"e\\u001b[2J\\u009b\" = 1\n")
        .replace("[payload]", &format!("[delivery]\nwat = \"{hostile}\"\n\"w\\u001b{hostile}\" = 1\n[payload]"));
    let found = load::one(Path::new(&name), &text, &Zones::newest()).problems;
    assert!(found.len() >= 2, "{found:?}");
    for problem in found {
        let frame = problem.frame(Paint::Plain);
        for c in ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2066}'] {
            assert!(!frame.contains(c), "{c:?} in {frame:?}");
        }
    }
}

#[test]
fn a_secret_written_out_by_mistake_is_in_no_frame() {
    let url = "url = { env = \"THOUGHTLY_AUTOMATION_URL\" }";
    let api =
        |auth: &str| with("[source.csv]", &format!("[source.http]\nurl = \"https://x.test\"\n{auth}\n[source.csv]"));
    for text in [
        with(url, "url = \"https://x.test/canary\""),
        with(url, "url = \"https://x.test/canary"),
        with(url, "url = https://x.test/canary"),
        with(url, "url = [\"canary\"]"),
        with(url, "url = { evn = \"canary\" }"),
        with(url, "url = { env = \"https://x.test/canary\" }"),
        with(url, &format!("{url}\napi_token = \"canary\"")),
        with(url, &format!("{url}\napi_tokn = \"canary\"")),
        with(url, &format!("{url}\napi_token = \"\"\"\ncanary\"\"\"")),
        with("[target.automation]", "[target.webhook]\nsecret = 'canary'\nacount = \"x\""),
        with("[target.automation]", "[target.webhook]\nheaders.Authorization = 'canary'\nacount = \"x\""),
        api("auth.bearer = \"canary\""),
        api("auth.basic = { user = \"x\", password = \"canary\" }"),
        api("auth.basic = { user = \"x\", password = \"canary }"),
        with("[source.csv]", "[source.http]\nurl = \"https://me:canary@x.test\"\n[source.csv]"),
    ] {
        let found = load(&text).problems;
        assert!(!found.is_empty(), "{text}");
        for problem in found {
            let (frame, placed) = (problem.frame(Paint::Plain), problem.placed());
            assert!(!frame.contains("canary") && !placed.message.contains("canary"), "{frame}\n{placed:?}");
        }
    }
    let frame = load(&with(url, "url = \"https://x.test/canary\"")).problems[0].frame(Paint::Plain);
    assert!(frame.contains("url = \"***\"\n"), "the rest is shown: {frame}");
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("good.toml"), MINIMAL).expect("a schedule is written");
    folder
}

fn read(folder: &tempfile::TempDir) -> Folder {
    load::folder(folder.path(), &Zones::newest()).expect("the folder can be read")
}

#[test]
fn links_pipes_folders_and_improper_names_are_errors_without_content() {
    let folder = folder();
    let secret = folder.path().join(".secret");
    std::fs::write(&secret, "root:hunter2").expect("written");
    symlink(&secret, folder.path().join("link.toml")).expect("a link");
    symlink("nowhere", folder.path().join("loose.toml")).expect("a link");
    std::fs::create_dir(folder.path().join("sub.toml")).expect("a folder");
    let pipe = folder.path().join("pipe.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    for name in ["Upper.toml", "shout.TOML", "notes.txt", "a b.toml", ".toml.toml~"] {
        std::fs::write(folder.path().join(name), "hunter2").expect("written");
    }
    let loaded = read(&folder);
    assert_eq!(loaded.schedules.keys().collect::<Vec<_>>(), ["good"]);
    assert_eq!(loaded.refused, ["Upper.toml", "a b.toml", "link", "loose", "pipe", "sub"]);
    assert_eq!((loaded.files, loaded.problems.len()), (7, 6));
    for problem in &loaded.problems {
        let frame = problem.frame(Paint::Plain);
        assert!(!frame.contains("hunter2") && problem.help.is_some(), "{frame}");
    }
}

#[test]
fn hidden_files_editors_leftovers_and_tests_are_no_schedules() {
    let folder = folder();
    for name in [".hidden.toml", "good.toml~", "x.tmp", "x.swp", "good.test.toml", "notes.txt", "LOUD.TOML", "a.csv"] {
        std::fs::write(folder.path().join(name), "nonsense").expect("written");
    }
    let loaded = read(&folder);
    assert_eq!((loaded.files, loaded.problems), (1, Vec::new()));
}

#[test]
fn a_file_of_a_gigabyte_a_half_written_one_and_one_that_is_no_text_are_refused() {
    let folder = folder();
    let huge = std::fs::File::create(folder.path().join("huge.toml")).expect("created");
    huge.set_len(1 << 30).expect("sparse");
    std::fs::write(folder.path().join("half.toml"), &MINIMAL[..MINIMAL.len() / 2]).expect("written");
    std::fs::write(folder.path().join("bytes.toml"), b"cron = \"\xff\"").expect("written");
    std::fs::write(folder.path().join("nul.toml"), "cron = \"\0\"").expect("written");
    std::fs::write(folder.path().join("empty.toml"), "").expect("written");
    let loaded = read(&folder);
    assert_eq!(loaded.refused, ["bytes", "empty", "half", "huge", "nul"]);
    assert_eq!(loaded.schedules.len(), 1);
}

#[test]
fn a_file_of_another_user_is_refused() {
    let folder = folder();
    let path = folder.path().join("good.toml");
    // Only root may give a file away; for anybody else root's own file shows that root is trusted.
    if std::os::unix::fs::chown(&path, Some(4_242), None).is_ok() {
        let loaded = read(&folder);
        assert_eq!(loaded.refused, ["good"]);
        assert!(loaded.problems[0].message.contains("another user"), "{}", loaded.problems[0].message);
        std::os::unix::fs::chown(&path, Some(0), None).expect("it is given back");
    }
    assert_eq!(read(&folder).schedules.len(), 1);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let text = format!("\u{feff}{}", MINIMAL.replace('\n', "\r\n"));
    assert_eq!(load(&text).problems, []);
    let problem = one_problem(&MINIMAL.replace('\n', "\r\n").replace("days_before = 1", "days_before = \"1\""));
    assert_eq!((problem.line, problem.column, problem.end_column), (13, 15, 18));
}

#[test]
fn a_single_path_and_a_folder_are_both_checked() {
    let folder = folder();
    let missing = folder.path().join("none.toml");
    let loaded = load::paths(&[folder.path().to_owned(), missing], &Zones::newest());
    assert_eq!((loaded.files, loaded.problems.len()), (2, 1));
    assert_eq!(loaded.problems[0].message, "there is no such file");
}

#[test]
fn a_file_cut_or_garbled_anywhere_is_told_without_a_panic() {
    let text = ALL_KEYS.replace("Calls before", "Zoë Müßig\u{1f4de}");
    for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)).step_by(7) {
        let cut = &text[..at];
        let garbled = format!("{cut}\u{1f4de}\r\n={}", &text[at..]);
        for text in [cut, garbled.as_str()] {
            let loaded = load(text);
            let errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
            assert!(loaded.schedule.is_some() == (errors == 0), "{text}");
            for problem in &loaded.problems {
                let (placed, frame) = (problem.placed(), problem.frame(Paint::Coloured));
                assert!(!frame.is_empty() && placed.line >= 1 && placed.column >= 1 && placed.end_line >= placed.line);
            }
        }
    }
}

#[test]
fn the_schema_has_every_key_of_the_file_with_every_key() {
    let schema: serde_json::Value = serde_json::from_str(&tickler::verbs::schema::schema()).expect("JSON");
    let file: serde_json::Value =
        serde_json::to_value(toml::from_str::<toml::Table>(ALL_KEYS).expect("TOML")).expect("JSON");
    covers(&schema, &file, "");
    let remind = &schema["properties"]["remind"];
    assert_eq!(remind["properties"]["max_lateness"]["default"], "6h");
    assert_eq!(remind["oneOf"].as_array().map(Vec::len), Some(3));
    assert_eq!(schema["properties"]["canary"]["required"], serde_json::json!(["to", "cron"]));
    assert_eq!(schema["properties"]["source"]["additionalProperties"], false);
}

/// Every key of `value` is a described property, down to where the schema leaves keys free.
fn covers(schema: &serde_json::Value, value: &serde_json::Value, place: &str) {
    let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object()) else { return };
    for (key, inner) in object {
        let property = properties.get(key).unwrap_or_else(|| panic!("{place}.{key} isn't in the schema"));
        assert!(property["description"].is_string(), "{place}.{key} has no description");
        covers(property, inner, &format!("{place}.{key}"));
    }
}
