//! Planning a large export, against the least that can be done with the same file.
//!
//! `cargo bench --bench planning` writes a CSV of 1,000,000 rows, 33,000 of them due tomorrow, and runs two programs over
//! it in turn: `tickler plan`, and a bare loop with the csv crate that parses each row's date. It prints medians, their
//! ratio (limit 2) and the peak memory of the plan (limit 100 MiB). `-- --against PATH` compares with an earlier build.

mod support;

use std::path::Path;
use std::process::Command;

use support::clinics::{million, visiting};
use support::{THIS_BUILD, compare, earlier_build, median, peak_kib_of, ratio, time_of};

const ROWS: u32 = 1_000_000;
const ROUNDS: usize = 5;

fn main() {
    if let Some(table) = std::env::args().skip_while(|word| word != "--bare").nth(1) {
        return bare_loop(Path::new(&table));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("appointments.csv");
    std::fs::write(&table, million()).expect("the table is written");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder");
    std::fs::write(folder.path().join("schedules/bench.toml"), visiting("appointments")).expect("a schedule");

    let plan_by = |build: &str| {
        let mut plan = Command::new(build);
        plan.args(["plan", "bench", "--now", "2026-11-24T14:00:00Z", "--format", "json"])
            .current_dir(folder.path())
            .env("BENCH_URL", "http://127.0.0.1:9/");
        plan
    };
    if let Some(earlier) = earlier_build() {
        let names = ["plan of 1,000,000 rows: time", "plan of 1,000,000 rows: peak memory"];
        return compare(names, &earlier.display().to_string(), |build| {
            let kib = u32::try_from(peak_kib_of(&mut plan_by(build))).expect("less than 4 TiB");
            [time_of(&mut plan_by(build)).as_secs_f64(), f64::from(kib)]
        });
    }
    let plan = || plan_by(THIS_BUILD);
    let bare = || {
        let mut bare = Command::new(std::env::current_exe().expect("this program"));
        bare.args(["--bare"]).arg(&table);
        bare
    };
    // measuring the memory warms the page cache, too
    let peak_kib = (0..3).map(|_| peak_kib_of(&mut plan())).max().unwrap_or(0);
    let (plans, loops) = (0..ROUNDS).map(|_| (time_of(&mut plan()), time_of(&mut bare()))).unzip();
    let (plan, bare) = (median(plans), median(loops));
    println!("rows {ROWS}, due 33,000, rounds {ROUNDS}, medians of whole processes");
    println!(
        "tickler plan      {:>8.0} ms   peak memory {:.1} MiB (limit 100)",
        plan.as_secs_f64() * 1e3,
        peak_kib as f64 / 1024.0
    );
    println!("bare csv + dates  {:>8.0} ms", bare.as_secs_f64() * 1e3);
    println!("ratio             {:>8.2}      (limit 2)", ratio(plan, bare));
}

/// The least: read every record, parse every date, count those of tomorrow.
fn bare_loop(table: &Path) {
    let mut reader = csv::Reader::from_path(table).expect("the table opens");
    let column = reader.headers().expect("headers").iter().position(|name| name == "starts_at").expect("the column");
    let mut record = csv::ByteRecord::new();
    let mut due = 0_u32;
    let day = jiff::civil::date(2026, 11, 25);
    while reader.read_byte_record(&mut record).expect("a record") {
        let text = std::str::from_utf8(&record[column]).expect("UTF-8");
        let start: jiff::civil::DateTime = text.parse().expect("a date");
        due += u32::from(start.date() == day);
    }
    assert_eq!(due, 33_000);
}
