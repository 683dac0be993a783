//! What the benchmarks share: timing a whole process, and telling figures.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one finished process cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// From start to reaping.
    pub wall: Duration,
    /// The largest resident set, in KiB.
    #[allow(dead_code, reason = "not every benchmark tells the memory")]
    pub peak_kib: u64,
}

/// Runs a command to its end and tells what it cost; its standard output is thrown away.
pub fn cost_of(command: &mut Command) -> Cost {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stdin(Stdio::null()).spawn().expect("the command starts");
    let mut peak_kib = 0;
    let status = loop {
        // VmHWM is the kernel's own high-water mark: the last reading before the end is at most 2 ms old
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok());
            peak_kib = peak_kib.max(kib.unwrap_or(0));
        }
        if let Some(status) = child.try_wait().expect("the child can be asked") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let wall = started.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    Cost { wall, peak_kib }
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
