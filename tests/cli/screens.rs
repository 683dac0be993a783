//! What each verb shows on a terminal of 80, 100 and 120 columns over a real day: labels of sixty letters, ids of forty,
//! umlauts, emoji, and letters of double width.
//!
//! A screen is a file of `tests/cli/screens`. After an intended change run `WRITE_SCREENS=1 ./test --test cli
//! screens`, look at each file that has changed, and commit it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};
use rustix::process::{Pid, Signal, kill_process};
use tickler::clock::{Clock, SystemClock};
use unicode_width::UnicodeWidthStr as _;

use crate::clinic::*;
use crate::support::command::is_root;
use crate::support::terminal::{OnTerminal, screen};

const WIDTHS: [u16; 3] = [80, 100, 120];

/// The day that the files show. The world's own is a Tuesday of this year, because times of another year are longer.
const SHOWN_TUESDAY: Date = date(2026, 11, 24);

/// What stands for an id that differs from run to run.
const ID: &str = "01000000-0000-70";

/// Two schedules in two zones, of places whose clocks never change, and a day of theirs.
struct World {
    clinic: Clinic,
    tuesday: Date,
}

/// Takes a call by the last digits of its number: 02 is refused for good, 03 gets no answer, all others are accepted.
fn target() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut text, mut piece) = (String::new(), [0; 4_096]);
            while !text.contains("\"to\":\"") || !text.ends_with('}') {
                match stream.read(&mut piece) {
                    Ok(length) if length > 0 => text.push_str(&String::from_utf8_lossy(&piece[..length])),
                    Ok(_) | Err(_) => break,
                }
            }
            let (status, body) = match text.rsplit("\"to\":\"").next().and_then(|rest| rest.get(10..12)) {
                Some("02") => ("400 Bad Request", r#"{"error":"this number can't be called"}"#),
                Some("03") => continue,
                Some(_) | None => ("200 OK", r#"{"error":null,"data":{}}"#),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close");
            let _gone = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    port
}

fn schedule(zone: &str, table: &str) -> String {
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
    fn after_a_real_morning() -> Self {
        let clinic = Clinic::empty(&format!("http://127.0.0.1:{}/webhook/automation/x", target()));
        let world = Self { clinic, tuesday: tuesday_of_this_year() };
        let wednesday = world.tuesday.tomorrow().expect("a day");
        world.clinic.schedule("day-before", &schedule("America/Phoenix", "clinic"));
        world.clinic.schedule("tokyo-orthodontics", &schedule("Asia/Tokyo", "tokyo"));
        world.clinic.write("clinic.csv", &export(wednesday));
        let tokyo = format!(
            "id,name,phone,starts_at,service,status\n\
             appointment-2026-tokyo-0123456789-012345,鈴木 一郎,+12025550103,{wednesday} 18:30,歯列矯正,confirmed\n"
        );
        world.clinic.write("tokyo.csv", &tokyo);
        // one reminder alone: its id is shown by its first eight letters
        let early = world.clinic.run(&["trigger", "tokyo-orthodontics", "--now", &world.at("03:00:05Z")]);
        assert_eq!(early.exit, 3, "{early:?}");
        world
    }

    /// That time of the Tuesday.
    fn at(&self, time: &str) -> String {
        format!("{}T{time}", self.tuesday)
    }

    /// Nine o'clock in Phoenix.
    fn morning(&self) -> String {
        self.at("16:00:05Z")
    }

    /// What a terminal shows, with its date and its ids as the files have them.
    fn screen(&self, arguments: &[&str], columns: u16) -> String {
        let (_, text) = screen(self.clinic.command(arguments), columns);
        for line in text.lines() {
            assert!(line.width() <= usize::from(columns), "{arguments:?} at {columns}: {line}\n{text}");
        }
        let text = with_the_shown_dates(&text, self.tuesday);
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
    }
    letters.into_iter().collect()
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
fn is_as_written(name: &str, columns: u16, shown: &str) -> Result<(), String> {
    let path = folder().join(format!("{name}-{columns}.txt"));
    if std::env::var_os("WRITE_SCREENS").is_some() {
        std::fs::write(&path, shown).expect("a screen is written");
        return Ok(());
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let is_same = written == shown;
    is_same.then_some(()).ok_or_else(|| format!("{name} at {columns} columns:\n{shown}\nis not\n{written}"))
}

#[test]
fn every_table_is_as_it_was_looked_at() {
    if !is_root() {
        eprintln!("SKIPPED: the screens name who did things, and that is root");
        return;
    }
    let world = World::after_a_real_morning();
    let morning = world.morning();
    let of_tuesday: [(&str, &[&str]); 4] = [
        ("plan", &["plan", "--now", &morning]),
        ("next", &["next", "-n", "2", "--now", &morning]),
        ("explain", &["explain", "day-before", "appointment-2026-0123456789-012345678005", "--now", &morning]),
        ("trigger-dry-run", &["trigger", "day-before", "--dry-run", "--now", &morning]),
    ];
    let mut differences = Vec::new();
    let mut compare = |name: &str, arguments: &[&str]| {
        for columns in WIDTHS {
            differences.extend(is_as_written(name, columns, &world.screen(arguments, columns)).err());
        }
    };
    for (name, arguments) in of_tuesday {
        compare(name, arguments);
    }
    let mut service = OnTerminal::start(world.clinic.command(&["run", "--now", &world.at("15:59:58Z")]), 100);
    service.lines_until("the last call for now");
    let pause =
        ["pause", "tokyo-orthodontics", "--reason", "Erdbebenübung bis zum Mittag", "--until", &world.at("19:00:00Z")];
    assert_eq!(world.clinic.run(&pause).exit, 0);
    assert_eq!(world.clinic.run(&["optout", "add", "+12025550177", "--reason", "asked at the desk"]).exit, 0);
    for (name, arguments) in [
        ("status", &["status"][..]),
        ("audit-list", &["audit", "list", "--event", "reminder.skipped"]),
        ("audit-list-of-one", &["audit", "list", "--appointment", "appointment-2026-0123456789-012345678002"]),
        ("audit-stats", &["audit", "stats", "--event", "reminder"]),
        ("audit-show", &["audit", "show", "appointment-2026-tokyo-0123456789-012345"]),
        ("uncertain-list", &["uncertain", "list"]),
        ("optout-list", &["optout", "list"]),
        ("trigger-again", &["trigger", "day-before"]),
    ] {
        compare(name, arguments);
    }
    kill_process(Pid::from_child(&service.process), Signal::INT).expect("it is there");
    assert_eq!(service.end().0, 0);
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}
