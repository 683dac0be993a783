mod paths;
mod payload;

use std::sync::Arc;

use super::connect::proposal;
use super::*;
use crate::clock::ManualClock;
use crate::http::Http;
use crate::schedule::problems::Paint;
use crate::settings::{SecretRef, Secrets};

const URL: (&str, &str) = ("AUTOMATION", "http://127.0.0.1:1/webhook/automation/x");

struct Place {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    fn with(schedule: &str, table: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.toml"), schedule).expect("written");
        std::fs::write(folder.path().join("table.csv"), table).expect("written");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { folder, runtime: runtime.expect("a runtime") }
    }

    fn check(&self, reach: CheckReach, secrets: &[(&str, &str)], warnings: Warnings) -> CheckReport {
        let now = "2026-11-24T09:00:00Z".parse().expect("an instant");
        let tools = SourceTools {
            http: Http::new(Arc::new(ManualClock::starting_at(now))).expect("a client"),
            secrets: Secrets::from_values(secrets.iter().copied()),
            runtime: self.runtime.handle().clone(),
            answers: crate::sources::http::KeptAnswers::default(),
            inbox: None,
        };
        check(&CheckAsk {
            files: Files::Folder(self.folder.path().join("")),
            reach,
            warnings,
            now,
            zones: &Zones::newest(),
            tools: &tools,
            accounts: &BTreeMap::new(),
            service: ServiceSecrets { has: &|secret| *secret == SecretRef::Env("OF_THE_UNIT".to_owned()) },
            takes_posts: true,
        })
    }

    /// Errors and warnings of the schedule alone (the folder holds its table, too).
    fn found(&self, reach: CheckReach) -> Vec<Problem> {
        let report = self.check(reach, &[URL], Warnings::Allowed);
        report.problems.into_iter().filter(|problem| problem.file.ends_with("a.toml")).collect()
    }
}

fn schedule(appointment: &str, remind: &str, payload: &str) -> String {
    format!(
        "cron = \"0 9 * * *\"\ntimezone = \"Europe/Berlin\"\nsource.csv.path = \"table.csv\"\n[appointment]\n{appointment}\n\
         [remind]\ndays_before = 1\n{remind}\n[target.automation]\nurl = {{ env = \"AUTOMATION\" }}\n[payload]\n{payload}\n"
    )
}

const COLUMNS: &str = "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"";
const TABLE: &str = "id,phone,starts_at,service,Appt Note\n1,+12025550143,2026-11-25 09:00,Cut,x\n";

fn codes(problems: &[Problem]) -> Vec<(&'static str, String)> {
    problems.iter().map(|problem| (problem.code, problem.help.clone().unwrap_or_default())).collect()
}

#[test]
fn a_schedule_whose_source_has_every_column_is_fine() {
    let place =
        Place::with(&schedule(COLUMNS, "only_if = \"service != 'x'\"", "a = \"{{ service }} {{ date }}\""), TABLE);
    assert_eq!(place.found(CheckReach::Local), []);
}

#[test]
fn a_mapped_column_that_is_not_there_is_an_error_at_its_own_place() {
    let columns = "id = [\"id\", \"servise\"]\nphone = \"phone\"\nstarts_at = \"starts_at\"";
    let place = Place::with(&schedule(columns, "", "a = \"{{ phone }}\""), TABLE);
    let found = place.found(CheckReach::Local);
    assert_eq!(codes(&found), [("missing-column", "did you mean `service`?".to_owned())]);
    let placed = found[0].placed();
    assert_eq!((placed.severity, placed.line, placed.column), (Severity::Error, 5, 13));
}

#[test]
fn a_name_that_no_row_has_is_an_error_of_check() {
    let text = schedule(
        COLUMNS,
        "only_if = \"servce == 'x' and date\"",
        "a = \"Hi {{ servicee }}\"\nb = \"{{ row['none'] }}\"",
    );
    let found = Place::with(&text, TABLE).found(CheckReach::Local);
    let told: Vec<_> = found.iter().map(|problem| (problem.code, &text[problem.span.clone()])).collect();
    assert_eq!(told, [("unknown-name", "servce"), ("unknown-name", "date"), ("unknown-name", "servicee")]);
    assert_eq!(found[2].help.as_deref(), Some("did you mean `service`?"));
}

#[test]
fn a_file_with_five_mistakes_of_five_kinds_is_told_all_five_at_once() {
    let text = schedule(COLUMNS, "only_if = \"servce == 'x'\"", "a = \"{{ phone | uper }}\"")
        .replace("0 9 * * *", "0 25 * * *")
        .replace("\"phone\"", "5")
        .replace("\"starts_at\"", "\"start\"");
    let found = Place::with(&text, TABLE).found(CheckReach::Local);
    let told: Vec<_> = found.iter().map(|problem| (problem.code, &text[problem.span.clone()])).collect();
    let expected = [
        ("invalid-value", "\"0 25 * * *\""),
        ("wrong-type", "5"),
        ("missing-column", "\"start\""),
        ("unknown-name", "servce"),
        ("invalid-template", "uper"),
    ];
    assert_eq!(told, expected);
    let mistyped = text.replace("source.csv.path", "source.csv.pth");
    let found = Place::with(&mistyped, TABLE).found(CheckReach::Local);
    assert!(found.iter().all(|problem| problem.code != "missing-column"), "a source at fault has no columns to miss");
}

#[test]
fn a_list_that_is_not_there_and_a_header_below_the_end_are_told() {
    let text = schedule(COLUMNS, "do_not_call = \"none.txt\"", "a = 1")
        .replace("source.csv.path", "source.csv.header_row = 9\nsource.csv.path");
    let place = Place::with(&text, TABLE);
    let told = |reach| {
        let found = place.found(reach);
        let of_lists = found.iter().filter(|it| ["no-header", "list-not-there"].contains(&it.code));
        of_lists.map(|it| (it.code, it.severity, text[it.span.clone()].to_owned())).collect::<Vec<_>>()
    };
    let (header, list) = ("9".to_owned(), "\"none.txt\"".to_owned());
    let expected = [("no-header", Severity::Warning, header), ("list-not-there", Severity::Warning, list)];
    assert_eq!(told(CheckReach::Local), expected);
    assert_eq!(told(CheckReach::Connect)[1].1, Severity::Error);
}

#[test]
fn a_source_that_is_not_there_is_a_warning_and_an_error_when_connecting() {
    let place = Place::with(&schedule(COLUMNS, "", "a = 1"), TABLE);
    std::fs::remove_file(place.folder.path().join("table.csv")).expect("removed");
    let found = place.found(CheckReach::Local);
    assert_eq!((found.len(), found[0].code, found[0].severity), (1, "source-not-there", Severity::Warning));
    let report = place.check(CheckReach::Local, &[URL], Warnings::Allowed);
    assert!(report.ok);
    assert!(!place.check(CheckReach::Local, &[URL], Warnings::Denied).ok);
    assert!(!place.check(CheckReach::Connect, &[URL], Warnings::Allowed).ok);
}

#[test]
fn a_secret_that_is_not_set_is_a_warning_and_its_value_is_never_shown() {
    let place = Place::with(&schedule(COLUMNS, "", "a = 1"), TABLE);
    let problems = |secrets: &[(&str, &str)]| -> Vec<Problem> {
        let report = place.check(CheckReach::Local, secrets, Warnings::Allowed);
        report.problems.into_iter().filter(|problem| problem.file.ends_with("a.toml")).collect()
    };
    let missing = problems(&[]);
    assert_eq!((missing[0].code, missing[0].severity), ("secret-not-set", Severity::Warning));
    let refused = problems(&[("AUTOMATION", "http://169.254.169.254/hunter2")]);
    assert_eq!((refused[0].code, refused[0].severity), ("refused-address", Severity::Error));
    let nonsense = problems(&[("AUTOMATION", "hunter2")]);
    assert_eq!((nonsense[0].code, nonsense[0].severity), ("invalid-value", Severity::Error));
    for problem in refused.iter().chain(&nonsense) {
        assert!(!problem.frame(Paint::Plain).contains("hunter2"));
    }
}

#[test]
fn the_whole_column_tells_the_date_format_or_both_readings_or_that_it_is_mixed() {
    let told = |starts: &[&str]| proposal(starts);
    assert!(told(&["03/04/2026 09:00", "26/04/2026 10:30"]).contains("`date_format = \"%d/%m/%Y %H:%M\"`"));
    let both = told(&["03/04/2026 09:00", "05/06/2026 10:30"]);
    assert!(both.contains("%d/%m/%Y %H:%M") && both.contains("%m/%d/%Y %H:%M"), "{both}");
    assert!(told(&["13/04/2026 09:00", "04/13/2026 10:30"]).contains("mixed"));
    assert!(told(&["03/04/2026", "26/04/2026"]).contains("`date_format = \"%d/%m/%Y\"`"));
    let both = told(&["03/04/2026", "05/06/2026"]);
    assert!(both.contains("\"%d/%m/%Y\"") && both.contains("\"%m/%d/%Y\""), "{both}");
    assert!(told(&["13/04/2026", "04/13/2026"]).contains("mixed"));
    assert!(told(&["soon"]).contains("no common format"));
}

#[test]
fn connecting_reads_the_starts_and_asks_the_targets_host() {
    let table = "id,phone,starts_at\n1,+12025550143,26/04/2026 09:00\n2,+12025550143,03/04/2026 10:00\n";
    let found = Place::with(&schedule(COLUMNS, "", "a = 1"), table).found(CheckReach::Connect);
    let told: Vec<_> = found.iter().map(|problem| problem.code).collect();
    assert_eq!(told, ["date-format", "unreachable-host"]);
    assert!(found[0].help.as_deref().is_some_and(|help| help.contains("%d/%m/%Y %H:%M")));
    assert_eq!(found[0].placed().line, 7);
}

#[test]
fn the_report_has_its_shape() {
    let place = Place::with("cron = 1\n", TABLE);
    let report = place.check(CheckReach::Local, &[], Warnings::Allowed);
    let json = report.to_json();
    assert_eq!((&json["ok"], &json["files"]), (&false.into(), &1.into()));
    let keys: Vec<_> = json["problems"][0].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["severity", "code", "file", "line", "column", "end_line", "end_column", "message", "help"]);
    let frames: String = report.problems.iter().map(|problem| problem.frame(Paint::Plain)).collect();
    assert!(frames.contains("error[wrong-type]"), "{frames}");
    assert!(report.summary().starts_with("1 file: ") && report.summary().ends_with("warnings"), "{report:?}");
}

#[test]
fn an_odd_cron_line_and_runs_too_far_apart_are_warnings() {
    let hourly = schedule(COLUMNS, "", "a = 1").replace("days_before = 1", "hours_before = 24");
    let daily = Place::with(&hourly, TABLE).found(CheckReach::Local);
    assert_eq!((daily.len(), daily[0].code, daily[0].severity), (1, "runs-too-far-apart", Severity::Warning));
    assert!(daily[0].message.contains("`max_lateness` (6h)"), "{}", daily[0].message);
    let often = hourly.replace("0 9 * * *", "*/5 * * * *");
    let found = Place::with(&often, TABLE).found(CheckReach::Local);
    assert_eq!((found.len(), found[0].code, found[0].severity), (1, "cron", Severity::Warning));
    let placed = found[0].placed();
    assert_eq!((placed.line, placed.column, placed.end_column), (1, 8, 21));
}

/// Answers every request with the same JSON, on a port of this machine.
fn json_server(body: &'static str) -> u16 {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut asked = [0; 4_096];
            let read = stream.read(&mut asked).expect("a request");
            assert!(read > 0);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(format!("{head}{body}").as_bytes()).expect("an answer");
        }
    });
    port
}

#[test]
fn connecting_reads_an_api_and_holds_its_columns_against_the_file() {
    let port = json_server(r#"[{"id": 1, "customer": {"phone": "+12025550143"}, "starts": "2026-11-24T09:00:00"}]"#);
    let columns = "id = \"id\"\nphone = \"customer.phone\"\nstarts_at = \"start\"";
    let text = schedule(columns, "", "a = \"{{ customer.phone }} {{ phone }} {{ nam }}\"")
        .replace("source.csv.path = \"table.csv\"", &format!("source.http.url = \"http://127.0.0.1:{port}/\""));
    let place = Place::with(&text, TABLE);
    assert_eq!(place.found(CheckReach::Local), [], "no network is touched without --connect");
    let report =
        place.check(CheckReach::Connect, &[("AUTOMATION", &format!("http://127.0.0.1:{port}/x"))], Warnings::Allowed);
    let told: Vec<_> = report
        .problems
        .iter()
        .filter(|problem| problem.file.ends_with("a.toml"))
        .map(|problem| (problem.code, &text[problem.span.clone()]))
        .collect();
    assert_eq!(told, [("missing-column", "\"start\""), ("unknown-name", "nam")]);
}

#[test]
fn runs_that_can_call_nobody_and_days_that_no_lead_covers_are_warnings() {
    let found = |cron: &str, remind: &str| {
        let text = schedule(COLUMNS, "", "a = \"{{ service }}\"")
            .replace("cron = \"0 9 * * *\"", &format!("cron = \"{cron}\""))
            .replace("days_before = 1\n", &format!("{remind}\n"));
        let found = Place::with(&text, TABLE).found(CheckReach::Local);
        let ours = found.into_iter().filter(|it| ["nobody-called", "uncovered-days"].contains(&it.code));
        ours.map(|it| format!("{}: {} ({})", it.code, it.message, it.help.unwrap_or_default())).collect::<Vec<_>>()
    };
    for (cron, remind, expected) in [
        ("0 9 * * *", "days_before = 1", ""),
        ("0 9 * * *", "days_before = 0", ""),
        ("0 3 * * *", "days_before = 1", ""),
        ("30 22 * * *", "days_before = 1", ""),
        (
            "30 22 * * *",
            "days_before = 0",
            "nobody-called: no run can call anybody: at 2026-11-24 22:30 phones may ring only from 2026-11-25 08:00",
        ),
        ("0 22 * * *", "hours_before = 2", "nobody-called"),
        ("0 22,9 * * *", "hours_before = 2", ""),
        ("0 22 * * *", "hours_before = 2\ncalling_hours = \"always\"", ""),
        (
            "0 9 * * MON-FRI",
            "days_before = 1",
            "uncovered-days: appointments on Mondays and Sundays are in no run's lead",
        ),
        ("0 9 * * MON-FRI", "days_before = [1, 2]", "uncovered-days: appointments on Mondays are in no run's lead"),
        ("0 9 * * MON-FRI", "days_before = [1, 2, 3]", ""),
        ("0 9 * * MON-FRI", "hours_before = 24", ""),
        ("0 9 1 * *", "days_before = 1", "uncovered-days: appointments on 5"),
    ] {
        let found = found(cron, remind);
        match expected {
            "" => assert_eq!(found, [""; 0], "{cron} {remind}"),
            expected => assert!(found.len() == 1 && found[0].starts_with(expected), "{cron} {remind}: {found:?}"),
        }
    }
    for (remind, further) in
        [("days_before = 1", "`days_before = [1, 3]`"), ("days_before = [1, 2]", "`days_before = [1, 2, 3]`")]
    {
        let found = found("0 9 * * MON-FRI", remind);
        assert!(found[0].contains(further), "{remind}: {found:?}");
    }
    assert!(!found("0 9 1 * *", "days_before = 1")[0].contains("or write"), "no single lead covers a month");
}

#[test]
fn a_signing_secret_that_is_none_is_an_error_and_is_never_shown() {
    let target = "[target.webhook]\nurl = \"http://127.0.0.1:1/in\"\nsecret = { env = \"SIGNING\" }";
    let text =
        schedule(COLUMNS, "", "name = \"x\"").replace("[target.automation]\nurl = { env = \"AUTOMATION\" }", target);
    for (secret, is_refused) in
        [("whsec_plJ3nmyCDGBKInavdOK15jsl", false), ("cGxhaW4", true), ("whsec_", true), ("not base64!", true)]
    {
        let report = Place::with(&text, TABLE).check(CheckReach::Local, &[("SIGNING", secret)], Warnings::Allowed);
        let errors: Vec<&Problem> = report.problems.iter().filter(|problem| problem.code == "invalid-value").collect();
        assert_eq!(errors.len(), usize::from(is_refused), "{secret}: {:?}", report.problems);
        for problem in errors {
            // the prefix alone is part of the remedy and tells nothing
            let is_shown = secret != "whsec_" && problem.message.contains(secret);
            assert!(problem.message.contains("secret") && !is_shown, "{}", problem.message);
        }
    }
}

#[test]
fn a_secret_that_the_running_service_has_is_not_missing() {
    let of_unit = schedule(COLUMNS, "", "contact_phone = \"{{ phone }}\"").replace("AUTOMATION", "OF_THE_UNIT");
    let place = Place::with(&of_unit, TABLE);
    assert_eq!(codes(&place.found(CheckReach::Local)), []);
    let connected = place.found(CheckReach::Connect);
    let found = connected.iter().find(|problem| problem.code == "secret-not-set").expect("it can't be used from here");
    assert_eq!(found.severity, Severity::Warning);
    assert!(found.message.contains("`OF_THE_UNIT` is set in the running service and not here"), "{}", found.message);
    let place = Place::with(&of_unit.replace("OF_THE_UNIT", "OF_NOBODY"), TABLE);
    assert_eq!(codes(&place.found(CheckReach::Local)).len(), 1, "one that the service hasn't either is missing");
}

#[test]
fn a_lead_is_an_error_only_where_no_run_can_call_about_any_start_that_it_covers() {
    let found = |cron: &str, remind: &str| {
        let text = schedule(COLUMNS, "", "a = \"{{ service }}\"")
            .replace("cron = \"0 9 * * *\"", &format!("cron = \"{cron}\""))
            .replace("days_before = 1\n", &format!("{remind}\n"));
        let place = Place::with(&text, TABLE);
        let of_notice = place.found(CheckReach::Local).into_iter().filter(|it| it.message.contains("min_notice"));
        of_notice.map(|it| (it.severity, it.message)).collect::<Vec<_>>()
    };
    for (cron, remind, lead) in [
        ("0 9 * * *", "days_before = 1\nmin_notice = \"24h\"", None),
        ("0 9 * * *", "days_before = 1\nmin_notice = \"38h\"", None),
        ("0 9 * * *", "days_before = 1\nmin_notice = \"40h\"", Some("1d")),
        ("0 9 * * *", "days_before = 1\nmin_notice = \"50h\"", Some("1d")),
        ("0 0 * * *", "days_before = 1\nmin_notice = \"40h\"\ncalling_hours = \"always\"", None),
        ("0 9 * * *", "days_before = [7, 1]\nmin_notice = \"2d\"", Some("1d")),
        ("0 9 * * *", "days_before = 0\nmin_notice = \"14h\"", None),
        ("0 9 * * *", "days_before = 0\nmin_notice = \"16h\"", Some("0d")),
        ("*/30 * * * *", "hours_before = [24, 2]\nmin_notice = \"2h\"", Some("2h")),
        ("*/30 * * * *", "hours_before = [24, 2]\nmin_notice = \"90m\"", None),
        // Friday's run is the one for Monday
        ("0 9 * * *", "days_before = 1\nmin_notice = \"48h\"\nclosed_days = [\"sat\", \"sun\"]", None),
        ("0 9 * * *", "days_before = 1\nmin_notice = \"5d\"\nclosed_days = [\"sat\", \"sun\"]", Some("1d")),
    ] {
        let found = found(cron, remind);
        match lead {
            None => assert_eq!(found, [], "{cron} {remind}"),
            Some(lead) => {
                let is_it = |(severity, message): &(Severity, String)| {
                    *severity == Severity::Error && message.contains(&format!("the lead `{lead}` isn't longer"))
                };
                assert!(found.len() == 1 && found.iter().all(is_it), "{cron} {remind}: {found:?}");
            }
        }
    }
}

#[test]
fn a_format_is_proposed_only_if_it_reads_every_start_and_otherwise_the_odd_ones_are_named() {
    use super::connect::OddStarts;
    use crate::appointment::DateFormat;
    let patterns = |patterns: &[&str]| DateFormat::Patterns(patterns.iter().map(|it| (*it).to_owned()).collect());
    let (iso, odd) = (["2026-11-25 09:00", "2026-11-25T10:00", "2026-11-25 11:00"], "26/11/2026 09:00");
    let dotted = ["25.11.2026 09:00", "25.11.2026 10:00", "26.11.2026 10:00"];
    for (format, others, odd, wanted, unwanted) in [
        (DateFormat::Iso, &iso, odd, "correct the odd ones in the source (line 5)", "write `date_format"),
        (DateFormat::Iso, &iso, "soon", "correct the odd ones in the source (line 5)", "write `date_format"),
        (
            patterns(&["%d.%m.%Y %H:%M"]),
            &dotted,
            odd,
            "(line 5), or write `date_format = [\"%d.%m.%Y %H:%M\", \"%d/%m/%Y %H:%M\"]`",
            "every start",
        ),
        // the odd one could be read either way
        (patterns(&["%d.%m.%Y %H:%M"]), &dotted, "03/04/2026 09:00", "(line 5)", "write `date_format"),
    ] {
        let all = [&others[..], &[odd]].concat();
        let proposal = OddStarts { format: &format, all: &all, odd: &[odd], places: "line 5".to_owned() }.proposal();
        assert!(proposal.contains(wanted) && !proposal.contains(unwanted), "{odd}: {proposal}");
    }
    // where nothing is read, the column shows the format
    let all = ["26/11/2026 09:00", "03/12/2026 10:00"];
    let proposal = OddStarts { format: &DateFormat::Iso, all: &all, odd: &all, places: String::new() }.proposal();
    assert!(proposal.contains("write `date_format = \"%d/%m/%Y %H:%M\"`"), "{proposal}");
    // and a whole read names the line
    let table = "id,phone,starts_at\n1,+12025550143,2026-11-25 09:00\n2,+12025550143,26/11/2026 10:00\n3,+12025550143,2026-11-25 11:00\n";
    let found = Place::with(&schedule(COLUMNS, "", "a = 1"), table).found(CheckReach::Connect);
    let help = found.iter().find(|it| it.code == "date-format").and_then(|it| it.help.clone()).expect("a remedy");
    assert!(help.contains("(line 3)") && !help.contains("%d/%m"), "{help}");
}

#[test]
fn a_merged_call_that_would_not_name_its_appointments_is_a_warning() {
    for (remind, payload, warned) in [
        ("merge = \"same_day\"", "a = \"{{ service }}\"", true),
        ("merge = \"same_day\"", "a = \"{{ appointments }}\"", false),
        ("merge = \"same_day\"", "a = { b = \"{{ appointments | length }}\" }", false),
        ("", "a = \"{{ service }}\"", false),
    ] {
        let found = Place::with(&schedule(COLUMNS, remind, payload), TABLE).found(CheckReach::Local);
        let found: Vec<_> = found.iter().filter(|it| it.code == "appointments-not-named").collect();
        assert_eq!(found.len(), usize::from(warned), "{remind} {payload}");
        assert!(found.iter().all(|it| it.severity == Severity::Warning && it.message.contains("one of them alone")));
    }
}
