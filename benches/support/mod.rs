//! What the benchmarks share: timing a whole process, and telling figures.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a command to its end and tells how long that took, from its start to its reaping. Its standard output is thrown
/// away, and nothing looks at it meanwhile: on two cores a look would be paid by whatever uses both.
pub fn time_of(command: &mut Command) -> Duration {
    let started = Instant::now();
    let mut child = started_quietly(command);
    let status = child.wait().expect("the child can be awaited");
    let wall = started.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    wall
}

/// Runs a command to its end and tells its largest resident set in KiB.
#[allow(dead_code, reason = "not every benchmark tells the memory")]
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
