//! What a person waits for who asks: an explanation of one appointment among a million, a plan with 30,000 calls on the
//! terminal, a simulated fortnight.
//!
//! `cargo bench --bench asking` prints medians of whole processes: `tickler explain` against `tickler plan` over the same
//! 1,000,000 rows (limit 1.05); a plan of 30,000 calls as a table against the same plan as JSON (limit 2); `tickler
//! simulate` of fourteen days with 500 rows each (limit 2 s).

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::clinics::{million, visiting, visits};
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
        let schedule = folder.path().join(format!("schedules/{name}.toml"));
        std::fs::write(schedule, visiting(name)).expect("a schedule");
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

fn calls() -> String {
    visits((0..30_000).map(|_| (11, 25)))
}

/// Fifteen days of November: the last one's calls are those of the fourteenth.
fn fortnight() -> String {
    visits((0..7_500).map(|row| (11, 1 + row / 500)))
}
