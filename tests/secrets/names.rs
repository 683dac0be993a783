//! What a source may hold to attack a terminal, a log or a spreadsheet.

use crate::support::command::tickler;
use crate::support::{Conduct, Receiver, answer};

const EVIL: &str = "Bob\n<2>audit ok\u{1b}[2J\u{9b}2J\u{202e}\u{85}";

const SCHEDULE: &str = r#"
cron = "0 9 * * *"
timezone = "America/New_York"
[source.csv]
path = "../table.csv"
[appointment]
id = "id"
phone = "phone"
starts_at = "starts_at"
status = "status"
[remind]
days_before = 1
statuses = ["confirmed"]
[target.automation]
url = { env = "CLINIC_URL" }
[payload]
contact_phone = "{{ phone }}"
service_name = "{{ service }}"
"#;

struct Row {
    id: String,
    service: String,
    status: String,
}

/// Every dangerous beginning as an id, a service and a status.
fn rows() -> Vec<Row> {
    let beginnings = ["=1+1", "@sum", "+1", "-1", "\t=1", "\r=1", "=HYPERLINK(\"http://x.test\")", EVIL];
    let row = |(number, text): (usize, &&str)| Row {
        id: format!("{text}{number}"),
        service: (*text).to_owned(),
        status: if number % 2 == 0 { "confirmed".to_owned() } else { (*text).to_owned() },
    };
    beginnings.iter().enumerate().map(row).collect()
}

fn table() -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["id", "phone", "starts_at", "service", "status"]).expect("a table");
    for (number, row) in rows().iter().enumerate() {
        let phone = format!("+1202555{:04}", 110 + number);
        writer.write_record([&row.id, &phone, "2026-11-25T09:00", &row.service, &row.status]).expect("a table");
    }
    writer.into_inner().expect("a table")
}

fn is_treacherous(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn a_hostile_name_forges_no_line_moves_no_cursor_and_is_no_formula() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], "{}"))]);
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder");
    for (name, text) in [
        ("tickler.toml", b"[accounts.thoughtly]\nrate = \"unlimited\"\n".to_vec()),
        ("table.csv", table()),
        ("schedules/clinic.toml", SCHEDULE.into()),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file is written");
    }
    let run = |arguments: &[&str]| -> String {
        let mut command = tickler(folder.path(), arguments);
        let output = command.env("CLINIC_URL", receiver.url("/in")).output().expect("the program runs");
        let said = [output.stdout.clone(), output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        for text in &said {
            let line = text.lines().find(|line| line.contains(is_treacherous) || line.starts_with("<2>"));
            assert_eq!(line, None, "{arguments:?}");
        }
        let [stdout, _] = said;
        stdout
    };
    let evil = rows()[7].id.clone();
    let now = super::clinic::NOW;
    for format in ["table", "json", "jsonl", "csv"] {
        run(&["plan", "--now", now, "--format", format]);
        run(&["explain", "clinic", &evil, "--now", now, "--format", format]);
    }
    run(&["trigger", "clinic", "--now", now]);
    assert_eq!(receiver.received().len(), 4, "the confirmed ones");
    for arguments in
        [&["audit", "list"][..], &["audit", "show", &evil], &["status"], &["audit", "list", "--format", "csv"]]
    {
        run(arguments);
    }
    let exported = run(&["audit", "export", "--format", "jsonl"]);
    let ids: Vec<_> =
        exported.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")).collect();
    // as it is read from the source: without what nobody sees
    let read = "Bob\n<2>audit ok[2J2J\u{85}7";
    assert!(ids.iter().any(|row| row["appointment_id"] == read), "JSON lines are exact: {ids:?}");
    let cells = run(&["audit", "export", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(cells.as_bytes());
    let cells: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("a table")).collect();
    assert_eq!(cells.len(), exported.lines().count(), "a row each; the first export is a row, its end isn't");
    let dangerous = ['=', '+', '-', '@', '\t', '\r', '\n'];
    assert_eq!(cells.iter().flatten().find(|cell| cell.starts_with(dangerous)), None);
    assert!(cells.iter().flatten().any(|cell| cell.starts_with("'=1+1")), "quoted, not lost");
}
