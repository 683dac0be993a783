//! Days on which nobody is called, or nobody knows who was: `status`, alerts by webhook and by e-mail, and exit codes say so,
//! and a message says when it is over.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use unicode_width::UnicodeWidthStr as _;

use crate::binary::{Service, tickler};
use crate::mailing::MailServer;

/// Nothing a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two seconds before nine in New York, on a Tuesday.
const BEFORE_NINE: &str = "2026-11-24T13:59:58Z";

const HEADER: &str = "id,name,phone,starts_at\n";

/// Answers every POST with 200, and passes on what was sent to `/alerts`.
struct Outside {
    port: u16,
    alerts: mpsc::Receiver<Value>,
}

impl Outside {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (sender, alerts) = mpsc::channel();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    let Some((line, body)) = request(&mut stream) else { return };
                    let answer = r#"{"error":null,"data":{}}"#;
                    let head =
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
                    let _gone = write!(stream, "{head} {}\r\n\r\n{answer}", answer.len());
                    if line.contains("/alerts") {
                        let _ended = sender.send(serde_json::from_str(&body).expect("an alert is JSON"));
                    }
                });
            }
        });
        Self { port, alerts }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The next message with that text.
    fn alert_with(&self, text: &str) -> Value {
        let mut seen = Vec::new();
        loop {
            match self.alerts.recv_timeout(PATIENCE) {
                Ok(alert) if alert["text"].as_str().is_some_and(|it| it.contains(text)) => return alert,
                Ok(other) => seen.push(other),
                Err(_) => panic!("no alert says {text:?}: {seen:#?}"),
            }
        }
    }
}

fn request(stream: &mut impl Read) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some((head.lines().next()?.to_owned(), body.to_owned()));
        }
    }
}

/// A clinic whose alerts go to a webhook and to two people's mailboxes.
struct Place {
    folder: TempDir,
    outside: Outside,
    mail: MailServer,
}

impl Place {
    fn new(day: &Day) -> Self {
        let place =
            Self { folder: TempDir::new().expect("a folder"), outside: Outside::listen(), mail: MailServer::plain() };
        std::fs::create_dir(place.path().join("schedules")).expect("a folder of schedules");
        let settings = "[accounts.thoughtly]\nrate = \"unlimited\"\n[notify]\nwebhook = { env = \"ALERTS\" }\n[notify.email]\n\
                        to = \"desk@clinic.example\"\nfrom = \"tickler@clinic.example\"\nurl = { env = \"SMTP_URL\" }\n";
        place.write("tickler.toml", settings);
        place.write("schedules/day.toml", &format!("{SCHEDULE}{}", day.guard));
        place.write("appointments.csv", &day.table);
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("a file is written");
    }

    fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("THOUGHTLY_AUTOMATION_URL", self.outside.url("/webhook/automation/x")),
            ("ALERTS", self.outside.url("/alerts")),
            ("SMTP_URL", format!("smtp://127.0.0.1:{}", self.mail.port)),
        ]
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tickler(self.path());
        command.args(arguments).envs(self.variables());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().expect("it ended by itself"), text)
    }

    fn status(&self) -> Value {
        let output = self.command(&["status", "--format", "json"]).output().expect("the program runs");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What a terminal of that width shows, its blanks as one: sentences are wrapped.
    fn screen(&self, columns: &str) -> String {
        let output = self.command(&["status", "--format", "table"]).env("COLUMNS", columns).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let width: usize = columns.parse().expect("a number");
        let too_wide = text.lines().find(|line| line.width() > width);
        assert_eq!(too_wide, None, "wider than {columns}: {text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn mail_with(&self, text: &str) -> String {
        loop {
            let mail = self.mail.next().text;
            // quoted-printable wraps long lines
            let mail = mail.replace("=\n", "").replace("=C3=97", "×");
            if mail.contains(text) {
                return mail;
            }
        }
    }
}

const SCHEDULE: &str = r#"
cron = "0 9 * * *"
timezone = "America/New_York"
[source.csv]
path = "../appointments.csv"
[appointment]
id = "id"
phone = "phone"
starts_at = "starts_at"
label = "{{ name }}"
[remind]
days_before = 1
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
to = "{{ phone }}"
who = "{{ name }}"
"#;

/// A day that needs somebody, and how it ends.
#[derive(Clone)]
struct Day {
    name: &'static str,
    /// The export when the service starts.
    table: String,
    guard: &'static str,
    /// The service's clock when it starts.
    start: &'static str,
    /// What has happened before the service starts.
    before: fn(&Place),
    /// What a person does while it runs, before nine.
    meanwhile: fn(&Place),
    /// What the alerts say.
    alert: &'static str,
    /// What `status` says, at any width.
    status: &'static [&'static str],
    /// A verb on such a day, and how it ends.
    verb: &'static str,
    exit: i32,
    /// How it is mended.
    mend: fn(&Place),
    /// What the messages say then.
    over: &'static str,
}

fn nothing(_: &Place) {}

/// Thirty appointments of that day, each with a number of its own.
fn thirty(day: &str) -> String {
    (0..30).map(|n| format!("{day}-{n},Zoë Müßig,+1202555{:04},{day} 10:00\n", 100 + n)).collect()
}

fn thirty_without_a_phone() -> String {
    (0..30).fold(HEADER.to_owned(), |table, n| format!("{table}A-{n},Zoë Müßig,see notes,2026-11-25 10:00\n"))
}

fn repair(place: &Place) {
    place.write("appointments.csv", &format!("{HEADER}{}", thirty("2026-11-25")));
    let (exit, text) = place.run(&["trigger", "day"]);
    assert_eq!(exit, 0, "{text}");
}

/// Approves or rejects what is held, then reads the mended table.
fn reject_and_repair(place: &Place) {
    let output =
        place.command(&["audit", "list", "--event", "run.held", "--format", "json"]).output().expect("it runs");
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for row in rows.as_array().expect("a list") {
        let run = row["run_id"].as_str().expect("a run");
        let (exit, text) = place.run(&["reject", run, "--reason", "the export was broken"]);
        assert_eq!(exit, 0, "{text}");
    }
    repair(place);
}

fn three_usual_tuesdays(place: &Place) {
    for (day, after) in [("03", "04"), ("10", "11"), ("17", "18")] {
        place.write("appointments.csv", &format!("{HEADER}{}", thirty(&format!("2026-11-{after}"))));
        let (exit, text) = place.run(&["trigger", "day", "--now", &format!("2026-11-{day}T14:00:00Z")]);
        assert_eq!(exit, 0, "{text}");
    }
    place.write("appointments.csv", HEADER);
}

fn restored_from_before_the_calls(place: &Place) {
    let now = |at: &'static str| ["trigger", "day", "--now", at];
    place.write("appointments.csv", HEADER);
    assert_eq!(place.run(&now("2026-11-24T12:30:00Z")).0, 0);
    assert_eq!(place.run(&["backup", "copy.db"]).0, 0);
    place.write("appointments.csv", &format!("{HEADER}{}", thirty("2026-11-25")));
    assert_eq!(place.run(&now("2026-11-24T13:30:00Z")).0, 0);
    let (exit, text) = place.run(&["restore", "copy.db", "--now", "2026-11-24T13:50:00Z"]);
    assert!(exit == 0 && text.contains("30 of unknown fate"), "{text}");
}

/// A service saw the morning, and was away at nine.
fn gone_and_missed(place: &Place) {
    std::fs::remove_file(place.path().join("appointments.csv")).expect("it was there");
    let variables = place.variables();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let service = Service::start(place.path(), &["--now", "2026-11-24T13:00:00Z"], &variables);
    assert_eq!(service.stop().code(), Some(0));
}

fn pause_for_snow(place: &Place) {
    let (exit, text) = place.run(&["pause", "day", "--reason", "snow", "--until", "2026-11-24T14:00:15Z"]);
    assert_eq!(exit, 0, "{text}");
}

fn days() -> Vec<Day> {
    let of_thirty = Day {
        name: "30 of 30 rows are unusable, and the guard holds the run",
        table: thirty_without_a_phone(),
        guard: "",
        start: BEFORE_NINE,
        before: nothing,
        meanwhile: nothing,
        alert: "tickler: day: run held: 30 of 30 rows in the window have no usable id, phone or time",
        status: &["degraded", "1 held run ", "30 of 30 rows", "invalid_phone", "tickler approve", "tickler reject"],
        verb: "trigger",
        exit: 7,
        mend: reject_and_repair,
        over: "tickler: day: over: run held",
    };
    vec![
        Day {
            name: "30 of 30 rows are unusable, and no guard minds",
            guard: "[guard]\nmax_invalid = \"100%\"\n",
            alert: "tickler: day: nobody could be called: 30 appointments in the window, none could be called",
            status: &[
                "degraded",
                "30 appointments in the window, none could be called",
                "invalid_phone",
                "tickler plan day",
            ],
            exit: 0,
            mend: repair,
            over: "tickler: day: over: nobody could be called",
            ..of_thirty.clone()
        },
        Day {
            name: "the export is empty",
            table: HEADER.to_owned(),
            before: three_usual_tuesdays,
            alert: "tickler: day: run held: 0 rows",
            status: &["degraded", "1 held run ", "0 rows", "the usual 30", "max_change"],
            ..of_thirty.clone()
        },
        Day {
            name: "the run fails",
            table: "not,the,table\n1,2,3\n".to_owned(),
            alert: "tickler: day: run failed: ",
            status: &["degraded", "the last run failed", "appointments.csv", "no column `id`"],
            exit: 1,
            mend: repair,
            over: "tickler: day: over: run failed",
            ..of_thirty.clone()
        },
        Day {
            name: "the run waits for its source",
            start: "2026-11-24T14:04:40Z",
            before: gone_and_missed,
            alert: "tickler: day: run waits for its source: ",
            status: &["degraded", "1 waiting run ", "a run waits for its source", "the file isn't there"],
            verb: "plan",
            exit: 1,
            // the run reads again by itself, five minutes after its time
            mend: |place| place.write("appointments.csv", &format!("{HEADER}{}", thirty("2026-11-25"))),
            over: "tickler: day: over: run waits for its source",
            ..of_thirty.clone()
        },
        Day {
            name: "a pause has an end",
            table: format!("{HEADER}{}", thirty("2026-11-25")),
            meanwhile: pause_for_snow,
            alert: "tickler: day: paused, nobody is called: `day` is paused (snow) until ",
            status: &["degraded", "paused", "snow", "until", "tickler resume day"],
            exit: 7,
            mend: nothing,
            over: "tickler: day: over: paused, nobody is called",
            ..of_thirty.clone()
        },
        Day {
            name: "fates are unknown after a restore",
            table: HEADER.to_owned(),
            before: restored_from_before_the_calls,
            alert: "tickler: day: fate unknown (30×)",
            status: &["degraded", "30 of unknown fate", "tickler uncertain list"],
            exit: 0,
            mend: |place| {
                let (exit, text) =
                    place.run(&["uncertain", "resolve", "--all-of", "day", "--delivered", "--reason", "asked all"]);
                assert_eq!(exit, 0, "{text}");
            },
            over: "tickler: day: over: fate unknown",
            ..of_thirty.clone()
        },
        of_thirty,
    ]
}

fn is_visible_and_ends(day: &Day) {
    let name = day.name;
    let place = Place::new(day);
    (day.before)(&place);
    let variables = place.variables();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let service = Service::start(place.path(), &["--now", day.start], &variables);
    (day.meanwhile)(&place);

    let alert = place.outside.alert_with(day.alert);
    let mail = place.mail_with(day.alert);
    for personal in ["Zo", "555", "A-1", "11-25-1"] {
        assert!(
            !alert.to_string().contains(personal) && !mail.contains(personal),
            "{name}: {personal}: {alert} {mail}"
        );
    }
    let answer = place.status();
    assert_eq!(answer["state"], "degraded", "{name}: {answer}");
    assert!(answer["problems"].as_array().is_some_and(|problems| !problems.is_empty()), "{name}: {answer}");
    for columns in ["80", "120"] {
        let screen = place.screen(columns);
        for words in day.status {
            assert!(screen.contains(words), "{name}: at {columns} columns nothing says {words:?}: {screen}");
        }
    }
    let (exit, text) = place.run(&[day.verb, "day"]);
    assert_eq!(exit, day.exit, "{name}: {text}");

    (day.mend)(&place);
    place.outside.alert_with(day.over);
    place.mail_with(day.over);
    let after = place.status();
    assert_eq!((&after["state"], &after["problems"]), (&"ok".into(), &serde_json::json!([])), "{name}: {after}");
    assert_eq!(service.stop().code(), Some(0), "{name}");
}

#[test]
fn a_day_on_which_nobody_is_called_shows_everywhere_and_so_does_its_end() {
    std::thread::scope(|threads| {
        for day in days() {
            threads.spawn(move || is_visible_and_ends(&day));
        }
    });
}
