//! A clinic over a real day, and how what a terminal shows of it is compared with a file.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};
use tickler::clock::{Clock, SystemClock};
use unicode_width::UnicodeWidthStr as _;

use crate::clinic::*;
use crate::support::terminal::screen;

/// The day that the files show. The world's own is a Tuesday of this year, because times of another year are longer.
const SHOWN_TUESDAY: Date = date(2026, 11, 24);

/// What stands for an id that differs from run to run.
const ID: &str = "01000000-0000-70";

const AGENTS: &str = r#"{"data":{"interviews":[
{"id":"agent-0123456789-0123456789-0123456789-0","title":"Erinnerung am Vortag 🦷, freundlich und geduldig (Zürich, deutsch)"},
{"id":"agent-2","title":"Recall"}]}}"#;

const CONTACTS: &str = r#"{"data":{"contacts":[{"id":"contact-0123456789-0123456789-0123456789",
"phone_number":"+12025550101","name":"Zoë Müßig-Großmann","email":"zoe.muessig-grossmann@clinic.example",
"status":"active","created_at":"2026-11-02T09:00:00Z"}]}}"#;

/// What programs make of files with mistakes.
const MISTAKES: [(&str, &str); 2] = [
    ("windows", "cron = \"9 0 * * *\"\n[source.csv]\npath = \"C:\\Users\\clinic\\Documents\\termine.csv\"\n"),
    (
        "many",
        r#"cron = "9 0 * * *"
timezone = "America/New_Yrok"
[source.http]
url = "https://booking.example.org/api/v1/clinics/7/appointments?from={{ from }}&until={{ until }}&key={{ secret }}"
rows = "/appointments"
[appointment]
id = "id"
phone = "phone"
starts_at = "starts_at"
label = "{{ name"
[remind]
days_before = 1
hours_before = 2
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
to = "{{ phone }}"
"#,
    ),
];

/// One test that holds and one that doesn't.
const TESTS: &str = r#"
[[test]]
name = "the day before, at nine"
now = "2026-11-24 09:00"
rows = [{ id = "A-1", name = "Ada", service = "X", phone = "+12025550143", starts_at = "2026-11-25 09:30", status = "confirmed" }]
calls = [{ id = "A-1" }]

[[test]]
name = "who is not called: the appointment was cancelled by telephone in the morning"
now = "2026-11-24 09:00"
rows = [{ id = "A-2", name = "Ada", service = "X", phone = "+12025550143", starts_at = "2026-11-25 09:30", status = "cancelled" }]
calls = [{ id = "A-2" }]
"#;

/// Two schedules in two zones, of places whose clocks never change, and a day of theirs.
pub struct World {
    pub clinic: Clinic,
    tuesday: Date,
    port: u16,
}

/// Takes a call by the last digits of its number: 02 is refused for good, 03 gets no answer, all others are accepted.
/// Answers for the account's agents and contacts, too.
fn target() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut text, mut piece) = (String::new(), [0; 4_096]);
            let is_whole = |text: &str| match text.starts_with("POST") {
                true => text.contains("\"to\":\"") && text.ends_with('}'),
                false => text.ends_with("\r\n\r\n"),
            };
            while !is_whole(&text) {
                match stream.read(&mut piece) {
                    Ok(length) if length > 0 => text.push_str(&String::from_utf8_lossy(&piece[..length])),
                    Ok(_) | Err(_) => break,
                }
            }
            let (status, body) = match text.rsplit("\"to\":\"").next().and_then(|rest| rest.get(10..12)) {
                Some("02") => ("400 Bad Request", r#"{"error":"this number can't be called"}"#),
                Some("03") => continue,
                _ if text.contains("/interview") => ("200 OK", AGENTS),
                _ if text.contains("/contact") => ("200 OK", CONTACTS),
                Some(_) | None => ("200 OK", r#"{"error":null,"data":{}}"#),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close");
            let _gone = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    port
}

fn schedule_of(zone: &str, table: &str) -> String {
    format!(
        r#"
cron = "0 9 * * *"
timezone = "{zone}"
[source.csv]
path = "../{table}.csv"
[appointment]
id = "id"
phone = "phone"
starts_at = "starts_at"
status = "status"
label = "{{{{ name }}}}, {{{{ service }}}}"
default_region = "US"
[remind]
days_before = 1
statuses = ["confirmed"]
[target.automation]
url = {{ env = "THOUGHTLY_AUTOMATION_URL" }}
[delivery]
max_in_flight = 1
attempts = 1
[guard]
max_invalid = "100%"
[payload]
to = "{{{{ phone }}}}"
who = "{{{{ name }}}}"
when = "{{{{ starts_at }}}}"
"#
    )
}

/// Who has an appointment that day, and what is wrong with some of them.
fn export(day: Date) -> String {
    let id = |n: u32| format!("appointment-2026-0123456789-012345678{n:03}");
    let mut text = "id,name,phone,starts_at,service,status\n".to_owned();
    for (n, name, phone, time, service, status) in [
        (
            1,
            "Zoë Müßig-Großmann",
            "+12025550101",
            "09:30",
            "Donaudampfschifffahrtskontrolle 🦷 mit Röntgen",
            "confirmed",
        ),
        (2, "Ada Example", "+12025550102", "10:00", "Check-up", "confirmed"),
        (3, "東京 太郎", "+12025550103", "10:30", "歯のクリーニング", "confirmed"),
        (4, "Ivo Madeup", "+12025550104", "11:00", "Check-up", "perhaps"),
        (5, "Cleo Testing", "", "11:30", "X-ray", "confirmed"),
        (6, "Ben Sample", "202-555", "12:00", "Cleaning", "confirmed"),
        (7, "Eve Nobody 👩‍⚕️", "+12025550107", "25:99", "Cleaning", "confirmed"),
        (8, "Dan Nobody", "+12025550108", "13:00", "Cleaning", "cancelled"),
    ] {
        text.push_str(&format!("{},{name},{phone},{day} {time},{service},{status}\n", id(n)));
    }
    for n in 20..32 {
        text.push_str(&format!("{},Flo Blank,,{day} 14:00,Check-up,confirmed\n", id(n)));
    }
    text
}

impl World {
    /// The morning's calls are made, one of another schedule an hour before, and what an operator does on such a day.
    pub fn after_a_real_morning() -> Self {
        let port = target();
        let clinic = Clinic::empty(&format!("http://127.0.0.1:{port}/webhook/automation/x"));
        let world = Self { clinic, tuesday: tuesday_of_this_year(), port };
        let wednesday = world.tuesday.tomorrow().expect("a day");
        world.clinic.write(
            "tickler.toml",
            &format!(
                "[web]\nlisten = \"off\"\n[accounts.thoughtly]\nrate = \"unlimited\"\nbase_url = \"http://127.0.0.1:{port}\"\n\
                 api_token = {{ env = \"TOKEN\" }}\nteam_id = \"team\"\n"
            ),
        );
        world.clinic.write(".env", "TOKEN=secret\n");
        world.clinic.schedule("day-before", &schedule_of("America/Phoenix", "clinic"));
        world.clinic.schedule("tokyo-orthodontics", &schedule_of("Asia/Tokyo", "tokyo"));
        world.clinic.write("clinic.csv", &export(wednesday));
        let tokyo = format!(
            "id,name,phone,starts_at,service,status\n\
             appointment-2026-tokyo-0123456789-012345,鈴木 一郎,+12025550103,{wednesday} 18:30,歯列矯正,confirmed\n"
        );
        world.clinic.write("tokyo.csv", &tokyo);
        world.clinic.write("schedules/tokyo-orthodontics.test.toml", TESTS);
        std::fs::create_dir(world.clinic.path().join("mistakes")).expect("a folder");
        for (name, text) in MISTAKES {
            world.clinic.write(&format!("mistakes/{name}.toml"), text);
        }
        world.clinic.write(
            "their-calls.csv",
            &format!("phone,called_at\n+12025550101,{0}T16:00:10Z\n+12025550199,{0}T16:05:00Z\n", world.tuesday),
        );
        // one reminder alone: its id is shown by its first eight letters
        let early = world.clinic.run(&["trigger", "tokyo-orthodontics", "--now", &world.at("03:00:05Z")]);
        assert_eq!(early.exit, 3, "{early:?}");
        world
    }

    /// The instant at which the clocks of that Tuesday show this time.
    pub fn at(&self, time: &str) -> String {
        format!("{}T{time}", self.tuesday)
    }

    /// A place where nothing has happened.
    pub fn without_a_day() -> Self {
        Self { clinic: Clinic::empty("http://127.0.0.1:9/"), tuesday: tuesday_of_this_year(), port: 9 }
    }

    /// What an operator does on such a day; the service runs.
    pub fn have_a_day_of_decisions(&self) {
        let decide = |words: &[&str]| {
            let ended = Ended::of(self.command(words).output().expect("the program runs"));
            assert_eq!(ended.exit, 0, "{words:?}: {ended:?}");
        };
        let reason = "Erdbebenübung bis zum Mittag";
        decide(&["pause", "tokyo-orthodontics", "--reason", reason, "--until", "{noon}"]);
        decide(&["optout", "add", "+12025550177", "--reason", "asked at the desk"]);
        let accepted = self.clinic.json(&["audit", "list", "--event", "delivery.delivered"]).1;
        decide(&[
            "outcome",
            "set",
            accepted[0]["reminder_id"].as_str().expect("an id"),
            "confirmed",
            "--reason",
            "by mail",
        ]);
        let text = schedule_of("America/Phoenix", "clinic").replace("../clinic.csv", "clinic.csv");
        self.clinic.write("stricter.toml", &text.replace("[\"confirmed\"]", "[\"confirmed\", \"perhaps\"]"));
    }

    /// The words of a verb, in which `{morning}` is nine o'clock in Phoenix, `{tuesday}` and `{thursday}` are days.
    fn words(&self, arguments: &[&str]) -> Vec<String> {
        let thursday = self.tuesday.saturating_add(2.days());
        let filled = |word: &&str| {
            let word = word.replace("{morning}", &self.at("16:00:05Z")).replace("{noon}", &self.at("19:00:00Z"));
            word.replace("{tuesday}", &self.tuesday.to_string()).replace("{thursday}", &thursday.to_string())
        };
        arguments.iter().map(filled).collect()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let words = self.words(arguments);
        self.clinic.command(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What a terminal shows, with its date, its ids and its places as the files have them.
    pub fn screen(&self, arguments: &[&str], columns: u16) -> String {
        let text = without_colours(&screen(self.command(arguments), columns).1);
        for line in text.lines() {
            let is_too_wide = line.width() > usize::from(columns);
            assert!(!is_too_wide, "{arguments:?} at {columns}: {line}\n{text}");
        }
        let folder = self.clinic.path().display().to_string();
        let text = with_the_shown_dates(&text, self.tuesday);
        let text = match text.split_once("it reads ").map(|(before, after)| (before, after.split_once(" (UTC)"))) {
            Some((before, Some((_, after)))) => format!("{before}it reads Tue 24 Nov 16:00 (UTC){after}"),
            Some((_, None)) | None => text,
        };
        let text = text.replace(&folder, &format!("{:0<1$}", "/tmp/.tmp", folder.len()));
        let text = text.replace(&format!("127.0.0.1:{}", self.port), "127.0.0.1:40000");
        let text = with_a_narrow_column_of_ids(&text);
        text.lines().map(|line| with_round_times(&with_plain_ids(line)) + "\n").collect::<String>()
    }
}

/// The last Tuesday whose week lies within this year; in its first days the first such one.
fn tuesday_of_this_year() -> Date {
    let today = jiff::tz::Offset::UTC.to_datetime(SystemClock::new().now()).date();
    let last = today.tomorrow().expect("a day").nth_weekday(-1, Weekday::Tuesday).expect("a Tuesday");
    let is_within = |day: Date| {
        day.saturating_sub(9.days()).year() == today.year() && day.saturating_add(9.days()).year() == today.year()
    };
    let weeks = (0..5)
        .map(|week| last.saturating_sub((7 * week).days()))
        .chain((1..5).map(|week| last.saturating_add((7 * week).days())));
    weeks.into_iter().find(|day| is_within(*day)).expect("a year has such a week")
}

/// Replaces the days of the world's week by those of the shown one: they are as long as each other.
fn with_the_shown_dates(text: &str, tuesday: Date) -> String {
    let mut text = text.to_owned();
    // by way of marks, since a day of one week may be one of the other
    for (offset, mark) in (-8_i32..=8).zip('\u{e000}'..) {
        let day = tuesday.saturating_add(offset.days());
        text = text.replace(&day.strftime("%a %e %b").to_string(), &format!("{mark}a"));
        text = text.replace(&day.to_string(), &format!("{mark}b"));
    }
    for (offset, mark) in (-8_i32..=8).zip('\u{e000}'..) {
        let day = SHOWN_TUESDAY.saturating_add(offset.days());
        text = text.replace(&format!("{mark}a"), &day.strftime("%a %e %b").to_string());
        text = text.replace(&format!("{mark}b"), &day.to_string());
    }
    text
}

/// The text without the sequences `ESC [ … m`.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// Cuts times to ten minutes, and instants to minutes: a slow machine is later by some seconds.
fn with_round_times(line: &str) -> String {
    let digit = |letters: &[char], at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let mut letters: Vec<char> = line.chars().collect();
    for at in 0..letters.len() {
        let is_time = letters[at] == ':' && at >= 2 && digit(&letters, at - 1) && digit(&letters, at - 2);
        if !is_time || !digit(&letters, at + 1) || !digit(&letters, at + 2) {
            continue;
        }
        if letters.get(at + 1) == Some(&'0') {
            letters[at + 2] = '0';
        }
        if letters.get(at + 3) == Some(&'Z') {
            letters[at + 1] = '0';
        }
        if letters.get(at + 3) == Some(&':') && digit(&letters, at + 4) && digit(&letters, at + 5) {
            letters[at + 4] = '0';
            letters[at + 5] = '0';
        }
    }
    letters.into_iter().collect()
}

/// Ids that share a letter more than usual make their column wider: takes that much off its lines.
fn with_a_narrow_column_of_ids(text: &str) -> String {
    let first_id = |line: &str| {
        let word = line.split(' ').next().unwrap_or_default();
        let is_id = word.starts_with("01") && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        is_id.then_some(word.len())
    };
    let longest = text.lines().filter_map(first_id).max().unwrap_or_default();
    let more = " ".repeat(longest.saturating_sub(ID.len()));
    // the longest ids themselves are replaced by shorter ones
    let is_padded = |line: &str| first_id(line).is_some_and(|length| length < longest) || line.starts_with("REMINDER");
    let narrowed = |line: &str| match is_padded(line) {
        true => line.replacen(&format!("  {more}"), "  ", usize::from(line.contains(&format!("  {more}"))).min(1)),
        false => line.to_owned(),
    };
    text.lines().map(|line| narrowed(line) + "\n").collect()
}

/// Replaces what begins like an id of this program, or is as long as a hash.
fn with_plain_ids(line: &str) -> String {
    let is_of_id = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase() || c == '-';
    let mut plain = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| !is_of_id(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let begins = plain.chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        if begins && word.len() >= 8 && word.starts_with("01") && word.chars().take(8).all(|c| c.is_ascii_hexdigit()) {
            plain.push_str(if word.len() == 8 {
                &ID[..8]
            } else if word.len() < 36 {
                ID
            } else {
                "01000000-0000-7000-8000-000000000000"
            });
            rest = after;
        } else if word.len() == 64 {
            plain.push_str(&"0".repeat(64));
            rest = after;
        } else if length > 0 {
            plain.push_str(word);
            rest = after;
        } else {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    plain
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/screens")
}

/// Compares a screen with its file, or writes the file.
#[expect(clippy::disallowed_methods, reason = "only who runs the tests can say that a screen was looked at again")]
pub fn is_as_written(name: &str, columns: u16, shown: &str) -> Result<(), String> {
    let path = folder().join(format!("{name}-{columns}.txt"));
    if std::env::var_os("WRITE_SCREENS").is_some() {
        std::fs::write(&path, shown).expect("a screen is written");
        return Ok(());
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let is_same = written == shown;
    is_same.then_some(()).ok_or_else(|| format!("{name} at {columns} columns:\n{shown}\nis not\n{written}"))
}
