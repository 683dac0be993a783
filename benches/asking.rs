//! What a person waits for who asks: an explanation of one appointment among a million, a plan with 30,000 calls on the
//! terminal, a simulated fortnight.
//!
//! `cargo bench --bench asking` prints medians of whole processes: `tickler explain` against `tickler plan` over the same
//! 1,000,000 rows (limit 1.05); a plan of 30,000 calls as a table against the same plan as JSON (limit 2); `tickler
//! simulate` of fourteen days with 500 rows each (limit 2 s).

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::{THIS_BUILD, median, ratio, time_of};

const ROUNDS: usize = 5;
const NOW: &str = "2026-11-24T14:00:00Z";

/// An appointment of tomorrow, in the middle of the table.
const EXPLAINED: &str = "B-480000";

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder");
    for (name, rows) in [("million", million()), ("calls", calls()), ("fortnight", fortnight())] {
        std::fs::write(folder.path().join(format!("{name}.csv")), rows).expect("the table is written");
        let schedule = SCHEDULE.replace("TABLE", name);
        std::fs::write(folder.path().join(format!("schedules/{name}.toml")), schedule).expect("a schedule");
    }
    let run = |arguments: &[&str]| time_of(&mut tickler(folder.path(), arguments));
    let explain = ["explain", "million", EXPLAINED, "--now", NOW];
    let plan = ["plan", "million", "--now", NOW, "--format", "json"];
    let (explains, plans) = (0..ROUNDS).map(|_| (run(&explain), run(&plan))).unzip();
    tell("explain one of 1,000,000 rows", median(explains), "plan of them", median(plans), 1.05);
    let table = ["plan", "calls", "--now", NOW];
    let json = ["plan", "calls", "--now", NOW, "--format", "json"];
    let (tables, jsons) = (0..ROUNDS).map(|_| (run(&table), run(&json))).unzip();
    tell("30,000 calls as a table", median(tables), "as JSON", median(jsons), 2.0);
    let simulate = ["simulate", "fortnight", "--from", "2026-11-01", "--to", "2026-11-14"];
    let simulated = median((0..ROUNDS).map(|_| run(&simulate)).collect());
    let mark = if simulated > Duration::from_secs(2) { "   ABOVE THE LIMIT" } else { "" };
    println!("a fortnight of 500 rows a day      {:>6.0} ms   (limit 2000){mark}", millis(simulated));
}

fn tell(what: &str, one: Duration, against: &str, other: Duration, limit: f64) {
    let ratio = ratio(one, other);
    let mark = if ratio > limit { "   ABOVE THE LIMIT" } else { "" };
    println!(
        "{what:<34} {:>6.0} ms   {against} {:>6.0} ms   ratio {ratio:.2} (limit {limit}){mark}",
        millis(one),
        millis(other)
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn tickler(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(THIS_BUILD);
    command.args(arguments).current_dir(folder).env("BENCH_URL", "http://127.0.0.1:9/");
    command
}

/// One row in thirty is due tomorrow.
fn million() -> String {
    table((0..1_000_000).map(|row| match row % 30 {
        0 => (11, 25),
        _ => (1 + row % 10, 1 + row % 28),
    }))
}

fn calls() -> String {
    table((0..30_000).map(|_| (11, 25)))
}

/// Fifteen days of November: the last one's calls are those of the fourteenth.
fn fortnight() -> String {
    table((0..7_500).map(|row| (11, 1 + row / 500)))
}

/// A table with a row at each of these months and days.
fn table(days: impl Iterator<Item = (u32, u32)>) -> String {
    let mut text = "id,name,phone,starts_at,service,status\n".to_owned();
    for (row, (month, day)) in days.enumerate() {
        let (hour, minute) = (9 + row % 9, row / 7 % 60);
        let (area, line) = (201 + row / 10_000 % 700, row % 10_000);
        writeln!(
            text,
            "B-{row},Person Number {row},+1{area}555{line:04},2026-{month:02}-{day:02}T{hour:02}:{minute:02}:00,Check-up,booked"
        )
        .expect("a string takes text");
    }
    text
}

const SCHEDULE: &str = r#"
cron     = "0 9 * * *"
timezone = "America/New_York"

[source.csv]
path = "../TABLE.csv"

[appointment]
id        = "id"
phone     = "phone"
starts_at = "starts_at"
status    = "status"

[remind]
days_before            = 1
statuses               = ["booked"]
max_per_person_per_day = 1000

[target.automation]
url = { env = "BENCH_URL" }

[payload]
contact_phone    = "{{ phone }}"
appointment_time = "{{ starts_at }}"
service_name     = "{{ service }}"

[guard]
max_calls = 100000
"#;
