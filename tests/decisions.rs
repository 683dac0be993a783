//! Decisions through the real binary: sources, clocks and tables as clinics have them, and who is called.

#[path = "support/mod.rs"]
mod support;

use serde_json::Value;

use support::clinic::{Clinic, PARTS, Parts};
use support::{Conduct, Receiver, answer};

/// 09:00 in New York, a Tuesday.
const MORNING: &str = "2026-11-24T14:00:00Z";

/// A clinic, and what receives its calls.
struct Stage {
    clinic: Clinic,
    receiver: Receiver,
}

/// A schedule over `table.csv`, in parts that a case may change.
const TERMS: Parts<'static> = Parts {
    source: "[source.csv]\npath = \"../table.csv\"",
    appointment: "id = \"id\"\nphone = \"phone\"\ndefault_region = \"US\"\nstarts_at = \"starts_at\"",
    payload: "phone = \"{{ phone }}\"\nwhen = \"{{ starts_at }}\"",
    ..PARTS
};

impl Stage {
    fn new(terms: &Parts<'_>, table: &[u8]) -> Self {
        let receiver = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], r#"{"error":null}"#))]);
        let clinic = Clinic::empty(&receiver.url("/webhook/automation/x"));
        clinic.write_bytes("table.csv", table);
        let stage = Self { clinic, receiver };
        stage.schedule("day", terms);
        stage
    }

    fn schedule(&self, name: &str, terms: &Parts<'_>) {
        self.clinic.schedule(name, &terms.text());
    }

    /// The exit code and the JSON answer, on a host with that `TZ`.
    fn ask_in(&self, host_zone: &str, arguments: &[&str]) -> (i32, Value) {
        let mut command = self.clinic.command(arguments);
        let output = command.args(["--format", "json"]).env("TZ", host_zone).output().expect("the program runs");
        let told = serde_json::from_slice(&output.stdout);
        let told = told.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().expect("it ended by itself"), told)
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        let (exit, told) = self.ask_in("UTC", arguments);
        assert_eq!(exit, 0, "{told}");
        told
    }

    fn plan(&self, now: &str) -> Value {
        self.ask(&["plan", "day", "--reveal", "--now", now])[0].take()
    }

    fn bodies(&self) -> Vec<String> {
        let received = self.receiver.received().into_iter();
        received.map(|request| String::from_utf8(request.body).expect("UTF-8")).collect()
    }
}

/// `planned: id id | skipped: id reason, …` in the order of the plan.
fn told(plan: &Value) -> String {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or("-").to_owned();
    let rows = |name: &str| plan[name].as_array().expect("a list").clone();
    let planned: Vec<String> = rows("reminders").iter().map(|call| text(call, "appointment_id")).collect();
    let skipped: Vec<String> =
        rows("skipped").iter().map(|row| format!("{} {}", text(row, "appointment_id"), text(row, "reason"))).collect();
    format!("{} | {}", planned.join(" "), skipped.join(", "))
}

/// How a table is written, and a part of its detail where that matters.
fn spellings() -> Vec<(&'static str, Vec<u8>)> {
    let lines = |delimiter: &str, end: &str| {
        let header = ["id", "phone", "starts_at", "name", "\"a, b; c\""].join(delimiter);
        let ada = ["a", "+12025550143", "2026-11-25 09:30", "Zoë Müßig", "\"two\nlines\""].join(delimiter);
        let ben = ["b", "(202) 555-0164", "2026-11-25 10:30", "\"Ben \"\"B\"\"\"", "x"].join(delimiter);
        [header, ada, ben, String::new()].join(end)
    };
    let utf_16 = |text: &str| [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin = |text: &str| text.chars().map(|letter| u8::try_from(u32::from(letter)).expect("Latin-1")).collect();
    vec![
        ("comma, LF", lines(",", "\n").into_bytes()),
        ("semicolon, CRLF", lines(";", "\r\n").into_bytes()),
        ("tab, with a mark", format!("\u{FEFF}{}", lines("\t", "\n")).into_bytes()),
        ("UTF-16, semicolon", utf_16(&lines(";", "\r\n"))),
        ("Windows-1252, pipe", latin(&lines("|", "\n"))),
    ]
}

#[test]
fn one_table_in_five_spellings_is_one_plan_with_its_names_intact() {
    let payload = "phone = \"{{ phone }}\"\nname = \"{{ name }}\"\nnote = \"{{ row['a, b; c'] }}\"";
    let stage = Stage::new(&Parts { payload, ..TERMS }, b"");
    let mut plans = Vec::new();
    for (spelling, table) in spellings() {
        stage.clinic.write_bytes("table.csv", &table);
        let plan = stage.plan(MORNING);
        assert_eq!(told(&plan), "a b | ", "{spelling}");
        assert_eq!(plan["reminders"][0]["payload"]["name"], "Zoë Müßig", "{spelling}");
        plans.push(plan.to_string().replace("\\r\\n", "\\n"));
    }
    assert!(plans.iter().all(|plan| *plan == plans[0]), "{plans:#?}");
}

#[test]
fn odd_tables_are_no_crash_and_every_row_in_reach_has_its_reason() {
    let header = "id,phone,starts_at";
    let good = "a,+12025550143,2026-11-25 09:30";
    for (table, head_row, rows, expected) in [
        (format!("{header}\n"), 1, 0, " | "),
        (format!("{header}\n{good}\n").replace("-25", "-29"), 1, 1, " | "),
        (format!("Export of the 24th\n{header}\n{good}\n"), 2, 1, "a | "),
        (format!("{header}\n{good}\nTotal,1,\n"), 1, 2, "a | Total invalid_time"),
        (format!("{header}\n{good}\n,+12025550164,2026-11-25 10:00\nb\n"), 1, 3, "a | - missing_id, - bad_row"),
        (format!("{header}\n{good}\nb,2025550164.0,2026-11-25 10:00\n"), 1, 2, "a | b invalid_phone"),
        (format!("{header}\n{good}\nb,2.02555E+9,2026-11-25 10:00\n"), 1, 2, "a | b invalid_phone"),
    ] {
        let source = format!("{}\nheader_row = {head_row}", TERMS.source);
        let stage = Stage::new(&Parts { source: &source, ..TERMS }, table.as_bytes());
        let plan = stage.plan(MORNING);
        assert_eq!((told(&plan).as_str(), &plan["counts"]["rows"]), (expected, &Value::from(rows)), "{table}");
    }
}

#[test]
fn only_listed_statuses_pass_and_others_tell_their_value() {
    let statuses = ["Confirmed", " confirmed ", "x", "%", "Cancelled ", "CANCELED", "CANCELLED_BY_CUSTOMER", "", "Foo"];
    let lines: Vec<String> = statuses
        .iter()
        .enumerate()
        .map(|(place, status)| format!("{place},+1202555014{place},2026-11-25 09:30,{status}\n"))
        .collect();
    let appointment = format!("{}\nstatus = \"status\"", TERMS.appointment);
    let terms = Parts { appointment: &appointment, remind: "days_before = 1\nstatuses = [\"confirmed\"]", ..TERMS };
    let stage = Stage::new(&terms, format!("id,phone,starts_at,status\n{}", lines.concat()).as_bytes());
    let plan = stage.plan(MORNING);
    let expected = "0 1 | 2 unknown_status, 3 unknown_status, 4 cancelled, 5 cancelled, 6 unknown_status, \
                    7 unknown_status, 8 unknown_status";
    assert_eq!(told(&plan), expected);
    assert!(plan["skipped"][6]["detail"].as_str().is_some_and(|detail| detail.contains("`Foo`")), "{plan}");
}

#[test]
fn a_lead_that_had_passed_at_the_booking_is_not_made_up_for() {
    let remind = "hours_before = [168, 24, 2]\ncalling_hours = \"always\"\nmax_lateness = \"1h\"";
    let stage = Stage::new(&Parts { remind, ..TERMS }, b"id,phone,starts_at\n");
    // 24 hours before the long one, 2 before the short one, 2 before the long one
    let table = "id,phone,starts_at\nlong,+12025550143,2026-11-26T12:00:00Z\nshort,+12025550144,2026-11-25T20:00:00Z\n";
    stage.clinic.write_bytes("table.csv", table.as_bytes());
    let mut bodies = Vec::new();
    for now in ["2026-11-25T00:00:00Z", "2026-11-25T12:00:00Z", "2026-11-25T18:00:00Z", "2026-11-26T10:30:00Z"] {
        stage.ask(&["trigger", "day", "--now", now]);
        bodies.push(stage.bodies().len());
    }
    assert_eq!(bodies, [0, 1, 2, 3]);
    stage.clinic.write_bytes("table.csv", format!("{table}late,+12025550145,2026-11-26T11:30:00Z\n").as_bytes());
    let plan = stage.plan("2026-11-26T11:00:00Z");
    assert_eq!((told(&plan).as_str(), &plan["counts"]["already_reminded"]), (" | ", &Value::from(1)));
}

#[test]
fn the_last_minute_that_is_allowed_is_still_called() {
    let remind = "days_before = 0";
    let stage = Stage::new(&Parts { remind, ..TERMS }, b"id,phone,starts_at\na,+12025550143,2026-11-24 10:00\n");
    assert_eq!(told(&stage.plan(MORNING)), "a | ", "an hour before the start, with a notice of an hour");
    assert_eq!(stage.ask(&["trigger", "day", "--now", MORNING])["counts"]["delivered"], 1);
}

#[test]
fn the_hosts_zone_changes_no_byte_of_a_payload() {
    let table =
        b"id,phone,starts_at,tz\na,+12025550143,2026-11-25 09:30,\nb,+12025550144,2026-11-25T15:00:00Z,Etc/UTC\n\
                  c,+12025550145,2026-11-25 10:30,GMT\n";
    let appointment = format!("{}\nrecipient_timezone = \"tz\"", TERMS.appointment);
    let payload = "when = \"{{ starts_at }}\"\nday = \"{{ weekday }} {{ date }} {{ time }}\"";
    let mut sent = Vec::new();
    for zone in ["UTC", "Asia/Kolkata", "America/Los_Angeles"] {
        let stage = Stage::new(&Parts { appointment: &appointment, payload, ..TERMS }, table);
        let (exit, _) = stage.ask_in(zone, &["trigger", "day", "--now", MORNING]);
        let mut bodies = stage.bodies();
        bodies.sort();
        assert_eq!((exit, bodies.len()), (0, 3), "{zone}");
        sent.push(bodies);
    }
    assert_eq!(sent[0][0], r#"{"when":"2026-11-25T09:30:00-05:00","day":"Wednesday 2026-11-25 09:30"}"#);
    assert!(sent.iter().all(|bodies| *bodies == sent[0]), "{sent:#?}");
}

#[test]
fn a_date_without_its_format_is_never_guessed_and_check_looks_at_the_column() {
    let with = |starts: [&str; 2]| {
        let rows = format!("id,phone,starts_at\na,+12025550143,{}\nb,+12025550144,{}\n", starts[0], starts[1]);
        Stage::new(&TERMS, rows.as_bytes())
    };
    let stage = with(["26/04/2026 09:00", "03/04/2026 09:00"]);
    for now in ["2026-04-02T13:00:00Z", "2026-04-25T13:00:00Z", "2026-03-03T14:00:00Z"] {
        assert_eq!(told(&stage.plan(now)), " | a invalid_time, b invalid_time", "{now}");
    }
    for (starts, expected) in [
        (["03/04/2026 09:00", "26/04/2026 09:00"], "`date_format = \"%d/%m/%Y %H:%M\"`"),
        (["03/04/2026 09:00", "05/06/2026 09:00"], "two readings"),
        (["13/04/2026 09:00", "04/13/2026 09:00"], "mixed"),
    ] {
        let (exit, report) = with(starts).ask_in("UTC", &["check", "--connect"]);
        let problems = report["problems"].as_array().expect("a list").clone();
        let found = problems.iter().find(|problem| problem["code"] == "date-format").expect("it is told");
        assert_eq!(exit, 78);
        assert!(found["help"].as_str().is_some_and(|help| help.contains(expected)), "{found}");
    }
}

#[test]
fn a_missing_column_is_an_error_of_check_and_an_empty_one_is_null() {
    let payload = "service = \"{{ service }}\"\nmore = \"{{ servce }}\"";
    let table = b"id,phone,starts_at,service\na,+12025550143,2026-11-25 09:30,\n";
    let stage = Stage::new(&Parts { payload, ..TERMS }, table);
    let (exit, report) = stage.ask_in("UTC", &["check"]);
    let found = &report["problems"][0];
    assert_eq!(
        (exit, &found["code"], &found["line"], &found["column"]),
        (78, &"unknown-name".into(), &16.into(), &12.into())
    );
    assert_eq!(told(&stage.plan(MORNING)), " | a payload_error", "nothing is sent half-filled");
    stage.schedule("day", &Parts { payload: "service = \"{{ service }}\"", ..TERMS });
    assert_eq!(stage.ask(&["trigger", "day", "--now", MORNING])["counts"]["delivered"], 1);
    assert_eq!(stage.bodies(), [r#"{"service":null}"#]);
}

#[test]
fn a_refused_file_sends_nothing_and_hinders_no_other() {
    let stage = Stage::new(&TERMS, b"id,phone,starts_at\na,+12025550143,2026-11-25 09:30\n");
    let remind = "days_before = 1\ncalling_hours = \"21-8\"";
    let appointment = "id = \"id\"\nphone = \"fone\"\nstarts_at = 5";
    stage.schedule("bad", &Parts { remind, appointment, payload: "phone = \"{{ phone | uper }}\"", ..TERMS });
    let (exit, report) = stage.ask_in("UTC", &["check"]);
    let problems = report["problems"].as_array().expect("a list");
    let places: Vec<String> = problems
        .iter()
        .map(|it| {
            format!("{} {}:{}-{}", it["code"].as_str().unwrap_or("-"), it["line"], it["column"], it["end_column"])
        })
        .collect();
    let expected =
        ["missing-column 7:9-15", "wrong-type 8:13-14", "invalid-value 11:17-23", "invalid-template 15:21-25"];
    assert_eq!((exit, report["files"].as_u64()), (78, Some(2)));
    assert_eq!(places, expected);
    let mut command = stage.clinic.command(&["trigger", "bad", "--now", MORNING]);
    assert_eq!(command.output().expect("it runs").status.code(), Some(78));
    assert_eq!(stage.bodies(), [""; 0]);
    assert_eq!(stage.ask(&["trigger", "day", "--now", MORNING])["counts"]["delivered"], 1);
}

#[test]
fn explain_tells_a_call_a_wait_a_reminder_and_a_run_that_was_held() {
    let appointment = format!("{}\nrecipient_timezone = \"tz\"", TERMS.appointment);
    let table = b"id,phone,starts_at,tz\na,+12025550143,2026-11-25 09:30,\nw,+12025550144,2026-11-25 12:30,America/Los_Angeles\n";
    let terms = Parts { appointment: &appointment, ..TERMS };
    let stage = Stage::new(&terms, table);
    stage.schedule(
        "held",
        &Parts {
            remind: "days_before = 1\nmax_per_person_per_day = 9",
            payload: "a = 1\n[guard]\nmax_calls = 1",
            ..terms
        },
    );
    let verdict = |arguments: &[&str]| {
        let (exit, answer) = stage.ask_in("UTC", &[&["explain"], arguments].concat());
        let is_unknown = answer["verdict"] == "absent" && !arguments.contains(&"--run");
        assert_eq!(exit, i32::from(is_unknown), "{answer}");
        let word = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
        let steps = answer["steps"].as_array().expect("steps");
        let block =
            steps.iter().find(|step| step["result"] == "block").map_or("-", |it| it["rule"].as_str().expect("a name"));
        format!("{} {} {block}", word("verdict"), word("reason"))
    };
    let now = ["--now", MORNING];
    let at_nine = |schedule, id| verdict(&[&[schedule, id], &now[..]].concat());
    assert_eq!((at_nine("day", "a"), at_nine("day", "nobody")), ("call - -".into(), "absent - row".into()));
    assert_eq!(at_nine("held", "a"), "skip run_held guard");
    let run = stage.ask(&[&["trigger", "day"], &now[..]].concat())["run_id"].as_str().expect("a run").to_owned();
    assert_eq!(at_nine("day", "a"), "reminded already_reminded already_reminded");
    assert_eq!(at_nine("day", "w"), "reminded - -", "it waits for eight o'clock in Los Angeles");
    assert_eq!(verdict(&["day", "a", "--now", "2026-11-25T14:00:00Z"]), "skip outside_window window");
    assert_eq!(verdict(&["day", "a", "--run", &run]), "call - -");
    assert_eq!(verdict(&["day", "nobody", "--run", &run]), "absent - row");
    let later =
        stage.ask(&["trigger", "day", "--now", "2026-11-24T14:05:00Z"])["run_id"].as_str().expect("a run").to_owned();
    assert_eq!(verdict(&["day", "a", "--run", &later]), "reminded already_reminded already_reminded");
    assert_eq!(verdict(&["day", "w", "--run", &later]), "reminded - -");
    let (exit, held) = stage.ask_in("UTC", &[&["trigger", "held"], &now[..]].concat());
    assert_eq!((exit, &held["state"]), (7, &"held".into()));
    assert_eq!(verdict(&["held", "a", "--run", held["run_id"].as_str().expect("a run")]), "skip run_held run");
}

/// More due rows than are judged in one go: what is decided, and its order, are those of the rows.
#[test]
fn nine_hundred_due_rows_are_decided_in_their_order() {
    let (mut table, mut planned, mut skipped) = ("id,phone,starts_at\n".to_owned(), Vec::new(), Vec::new());
    for row in 0..900_u32 {
        let minute = row * 600 / 900;
        let starts_at = format!("2026-11-25 {:02}:{:02}", 9 + minute / 60, minute % 60);
        let phone = format!("+1{}55501{:02}", 202 + row / 100, row % 100);
        match row % 10 {
            3 => {
                table.push_str(&format!("r{row},,{starts_at}\n"));
                skipped.push(format!("r{row} no_phone"));
            }
            6 => {
                table.push_str(&format!("r{row},123,{starts_at}\n"));
                skipped.push(format!("r{row} invalid_phone"));
            }
            8 => {
                // the row before it once more
                let line = table.lines().last().expect("a row").to_owned();
                table.push_str(&format!("{line}\n"));
                skipped.push(format!("r{} duplicate_row", row - 1));
            }
            _ => {
                table.push_str(&format!("r{row},{phone},{starts_at}\n"));
                planned.push(format!("r{row}"));
            }
        }
    }
    let plan = Stage::new(&TERMS, table.as_bytes()).plan(MORNING);
    assert_eq!(plan["counts"]["rows"], 900);
    assert_eq!(told(&plan), format!("{} | {}", planned.join(" "), skipped.join(", ")));
}
