//! What the benchmarks share: clinics, a receiver, timing whole processes, and comparing two builds in turns.
#![allow(dead_code, reason = "every benchmark takes what it needs of it")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

pub mod clinics;
pub mod posts;
pub mod receiver;
pub mod settled;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The build under test.
pub const THIS_BUILD: &str = env!("CARGO_BIN_EXE_tickler");

/// How often two builds take turns.
pub const TURNS: usize = 10;

/// The earlier build to compare with, when the benchmark was started with `-- --against PATH`.
pub fn earlier_build() -> Option<PathBuf> {
    let path = std::env::args().skip_while(|word| word != "--against").nth(1)?;
    Some(std::fs::canonicalize(&path).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// Measures both builds in turns, [`TURNS`] times, and prints the median of the ratios this / earlier for each figure.
/// Turns cancel what a shared machine does to both alike.
pub fn compare<const N: usize>(names: [&str; N], earlier: &str, mut measure: impl FnMut(&str) -> [f64; N]) {
    let mut ratios: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _turn in 0..TURNS {
        let (before, now) = (measure(earlier), measure(THIS_BUILD));
        for (at, ratios) in ratios.iter_mut().enumerate() {
            ratios.push(now[at] / before[at]);
        }
    }
    println!("this build / earlier build, {TURNS} turns: median (lowest to highest)");
    for (name, mut ratios) in names.into_iter().zip(ratios) {
        ratios.sort_by(f64::total_cmp);
        let middle = (ratios[TURNS / 2 - 1] + ratios[TURNS / 2]) / 2.0;
        println!("  {name:<38} {middle:>6.3}   ({:.3} to {:.3})", ratios[0], ratios[TURNS - 1]);
    }
}

/// Runs a command to its end and returns how long that took, from its start to its reaping. Its standard output is thrown
/// away, and nothing polls it meanwhile: on two cores the polling would slow a program that uses both.
pub fn time_of(command: &mut Command) -> Duration {
    let started = Instant::now();
    let mut child = started_quietly(command);
    let status = child.wait().expect("the child can be awaited");
    let wall = started.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    wall
}

/// Runs a command to its end and returns its largest resident set in KiB.
pub fn peak_kib_of(command: &mut Command) -> u64 {
    let mut child = started_quietly(command);
    let mut peak_kib = 0;
    loop {
        // VmHWM is the kernel's own high-water mark: the last reading before the end is at most 1 ms old
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok());
            peak_kib = peak_kib.max(kib.unwrap_or(0));
        }
        if let Some(status) = child.try_wait().expect("the child can be asked") {
            assert!(status.success(), "{command:?} ended with {status}");
            return peak_kib;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn started_quietly(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stdin(Stdio::null()).spawn().expect("the command starts")
}

/// The median of an odd number of runs.
pub fn median(mut costs: Vec<Duration>) -> Duration {
    costs.sort_unstable();
    costs[costs.len() / 2]
}

/// A ratio with two digits.
pub fn ratio(this: Duration, that: Duration) -> f64 {
    this.as_secs_f64() / that.as_secs_f64()
}
