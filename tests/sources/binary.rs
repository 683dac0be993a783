//! The real binary over the three sources: tomorrow's appointments arrive once each, whatever they are read from.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::clinic::{Clinic, Ended, PARTS, Parts};
use crate::support::{Conduct, Receiver, answer};

const NOW: &str = "2026-11-24T14:00:00Z";
const PER_PAGE: usize = 2;

/// Thirteen of tomorrow and one of the day after: seven pages of two.
fn rows() -> Vec<[String; 4]> {
    let start = |number: usize| match number {
        13 => "2026-11-26 09:00:00".to_owned(),
        number => format!("2026-11-25 {:02}:15:00", 9 + number % 8),
    };
    let row =
        |number| [format!("A-{number}"), format!("+1202555{:04}", 100 + number), start(number), "Check-up".into()];
    (0..14).map(row).collect()
}

struct Stage {
    clinic: Clinic,
    target: Receiver,
}

impl Stage {
    fn reading(source: &str, remind: &str) -> Self {
        let target = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{}}"#))]);
        let clinic = Clinic::empty(&target.url("/webhook/automation/x"));
        let payload = "contact_phone = \"{{ phone }}\"\nappointment_time = \"{{ starts_at }}\"\n\
            service_name = \"{{ service }}\"";
        let remind = format!("days_before = 1\n{remind}");
        clinic.schedule("seed", &Parts { source, remind: &remind, payload, ..PARTS }.text());
        clinic.write("tickler.toml", "ledger = \"state/tickler.db\"\n[accounts.thoughtly]\nrate = \"unlimited\"\n");
        Self { clinic, target }
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = self.clinic.command(arguments);
        // named, because a trigger with a given clock is a trial otherwise
        let ended = Ended::of(command.env("TICKLER_LEDGER", "state/tickler.db").output().expect("the program runs"));
        (ended.exit, ended.stdout)
    }

    fn trigger(&self) -> (i32, Value) {
        let (exit, text) = self.run(&["trigger", "seed", "--now", NOW, "--format", "json"]);
        (exit, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// Tomorrow's thirteen once each, all told, and none again.
fn arrive_once(stage: &Stage) {
    let (exit, first) = stage.trigger();
    assert_eq!((exit, &first["state"], &first["counts"]["delivered"]), (0, &"done".into(), &13.into()), "{first}");
    let bodies: Vec<Value> =
        stage.target.received().iter().map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect();
    let phones: BTreeSet<&str> = bodies.iter().filter_map(|body| body["contact_phone"].as_str()).collect();
    assert_eq!((bodies.len(), phones.len()), (13, 13));
    let ninth = bodies.iter().find(|body| body["contact_phone"] == "+12025550101").expect("the second row");
    assert_eq!(
        *ninth,
        serde_json::json!({
            "contact_phone": "+12025550101", "appointment_time": "2026-11-25T10:15:00-05:00", "service_name": "Check-up"
        })
    );
    let (exit, second) = stage.trigger();
    assert_eq!((exit, &second["counts"]["already_reminded"]), (0, &13.into()), "{second}");
    assert_eq!(stage.target.received().len(), 13, "a second trigger sends nothing");
    let (_, exported) = stage.run(&["audit", "export", "--format", "jsonl"]);
    assert_eq!(exported.lines().filter(|line| line.contains("\"delivery.delivered\"")).count(), 13, "{exported}");
}

#[test]
fn tomorrows_appointments_of_a_table_arrive_once_each() {
    let stage = Stage::reading("[source.csv]\npath = \"../table.csv\"", "");
    let lines: String = rows().iter().map(|row| row.join(",") + "\n").collect();
    stage.clinic.write("table.csv", &format!("id,phone,starts_at,service\n{lines}"));
    arrive_once(&stage);
    let mode = |name: &str| {
        stage.clinic.folder.path().join(name).metadata().expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode("state"), 0o700);
    for file in std::fs::read_dir(stage.clinic.folder.path().join("state")).expect("the state").flatten() {
        assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    assert_eq!(mode("state/tickler.db.key"), 0o600);
}

#[test]
fn tomorrows_appointments_of_a_database_arrive_once_each() {
    let query = "SELECT * FROM visit WHERE starts_at >= :from AND starts_at < :until";
    let stage = Stage::reading(&format!("[source.sqlite]\npath = \"../visits.db\"\nquery = \"{query}\""), "");
    let visits = rusqlite::Connection::open(stage.clinic.folder.path().join("visits.db")).expect("a database");
    visits.execute_batch("CREATE TABLE visit (id, phone, starts_at, service)").expect("a table");
    for row in rows() {
        visits.execute("INSERT INTO visit VALUES (?, ?, ?, ?)", row).expect("a row");
    }
    arrive_once(&stage);
}

#[test]
fn tomorrows_appointments_of_seven_pages_arrive_once_each_though_two_answers_failed() {
    let page = |number: usize| {
        let items: Vec<Value> = rows()
            .chunks(PER_PAGE)
            .nth(number)
            .unwrap_or_default()
            .iter()
            .map(
                |[id, phone, at, what]| serde_json::json!({"id": id, "phone": phone, "starts_at": at, "service": what}),
            )
            .collect();
        let next = if number < 6 { Value::from(number + 1) } else { Value::Null };
        let body = serde_json::json!({"error": null, "data": items, "meta": {"next": next}}).to_string();
        Conduct::Answer(answer("200 OK", &[("content-type", "application/json")], &body))
    };
    let busy = || Conduct::Answer(answer("503 Service Unavailable", &[], ""));
    let pages = || (0..7).map(page);
    // the third page fails, then the first, and each time it is read again from the first page on
    let script = [pages().take(2).collect(), vec![busy(), busy()], pages().collect(), pages().collect()].concat();
    let api = Receiver::start(script);
    let source = format!(
        "[source.http]\nurl = \"{}?from={{{{ from }}}}\"\nitems = \"/data\"\n\
         paging.cursor = {{ parameter = \"after\", at = \"/meta/next\" }}",
        api.url("/visits")
    );
    arrive_once(&Stage::reading(&source, ""));
    let asked = api.received();
    assert_eq!(asked.len(), 2 + 2 + 7 + 7);
    assert_eq!(asked[4].line, "GET /visits?from=2026-11-25T00%3A00%3A00-05%3A00 HTTP/1.1");
    assert_eq!(asked[10].line, "GET /visits?from=2026-11-25T00%3A00%3A00-05%3A00&after=6 HTTP/1.1");
}

#[test]
fn a_do_not_call_list_that_cannot_be_read_fails_the_run_and_calls_nobody() {
    let stage = Stage::reading("[source.csv]\npath = \"../table.csv\"", "do_not_call = \"../never.txt\"");
    stage.clinic.write("table.csv", "id,phone,starts_at,service\nA,+12025550143,2026-11-25 09:00,x\n");
    let wrong: [Option<&[u8]>; 3] = [None, Some(b"+12025550143\nno number\n"), Some(b"\xff\xfe\x00")];
    for text in wrong {
        if let Some(text) = text {
            std::fs::write(stage.clinic.folder.path().join("never.txt"), text).expect("a file is written");
        }
        assert_eq!(stage.trigger().0, 1, "{text:?}");
    }
    stage.clinic.write("never.txt", "(202) 555-0143 # asked on Monday\n".replace("(202) ", "+1 202 ").as_str());
    let (exit, run) = stage.trigger();
    assert_eq!((exit, &run["counts"]["skipped"]), (0, &1.into()), "{run}");
    assert_eq!(stage.target.received().len(), 0);
}
