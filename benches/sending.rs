//! Triggering 10,000 reminders, every one durable, against bare POSTs to the same receiver.
//!
//! `cargo bench --bench sending` measures in one run, on the same cores: bare reqwest POSTs at 256 at once, a sequential
//! loop of them, `tickler trigger` of 10,000 reminders with `max_in_flight = 256`, and a second trigger of the same list.
//! It prints requests a second and the ratio to bare POSTs. With `-- --full` also the cost of a reminder in a ledger that
//! holds 10,000 and one that holds 1,000,000 settled reminders; `-- --against PATH` compares with an earlier build.

mod support;

use std::process::Command;
use std::time::Duration;

use support::clinics::{SENDING, appointments};
use support::receiver::start_receiver;
use support::settled::multiply;
use support::{THIS_BUILD, compare, earlier_build, median, peak_kib_of, ratio, time_of};

const REMINDERS: u32 = 10_000;
const AT_ONCE: usize = 256;
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|word| word == "--posts") {
        return posts(
            &arguments[at + 1],
            arguments[at + 2].parse().expect("a count"),
            arguments[at + 3].parse().expect("a count"),
        );
    }
    let address = start_receiver();
    let url = format!("http://{address}/webhook/automation/bench");

    if let Some(earlier) = earlier_build() {
        let names = ["trigger of 10,000: time", "second trigger: time", "trigger of 10,000: peak memory"];
        return compare(names, &earlier.display().to_string(), |build| {
            let stage = Stage::new(&url, 0);
            let times = [stage.trigger_by(build), stage.trigger_by(build)].map(|time| time.as_secs_f64());
            let kib = u32::try_from(peak_kib_of(&mut Stage::new(&url, 0).command(build))).expect("less than 4 TiB");
            [times[0], times[1], f64::from(kib)]
        });
    }
    let (mut bare, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(post_cost(&url, REMINDERS, AT_ONCE));
        let stage = Stage::new(&url, 0);
        first.push(stage.trigger());
        second.push(stage.trigger());
        assert_eq!(stage.delivered(), REMINDERS, "every reminder was delivered");
    }
    let sequential = post_cost(&url, REMINDERS / 10, 1) * 10;
    let (bare, first, second) = (median(bare), median(first), median(second));

    println!("{REMINDERS} requests to one receiver on loopback, {ROUNDS} rounds, medians of whole processes");
    tell("bare POSTs, 256 at once", bare);
    tell("bare POSTs, one by one", sequential);
    tell("tickler trigger, 256 at once, durable", first);
    println!("trigger / bare rate          {:.2}   (goal 0.45, accepted from 0.30)", ratio(bare, first));
    println!("second trigger / first time  {:.2}   (limit 0.20)", ratio(second, first));

    if arguments.iter().any(|word| word == "--full") {
        let small = median((0..ROUNDS).map(|_| Stage::new(&url, 10_000).trigger()).collect());
        let large = median((0..ROUNDS).map(|_| Stage::new(&url, 1_000_000).trigger()).collect());
        tell("trigger, 10,000 settled in the ledger", small);
        tell("trigger, 1,000,000 settled in the ledger", large);
        println!("large / small                {:.2}   (limit 1.30)", ratio(large, small));
    }
}

fn tell(what: &str, wall: Duration) {
    println!("{what:<42} {:>7.0} ms  {:>7.0}/s", wall.as_secs_f64() * 1e3, f64::from(REMINDERS) / wall.as_secs_f64());
}

/// A folder with a schedule, its appointments, and a ledger that holds `settled` old reminders.
struct Stage {
    folder: tempfile::TempDir,
    url: String,
}

impl Stage {
    fn new(url: &str, settled: u32) -> Self {
        let stage = Self { folder: tempfile::tempdir().expect("a folder"), url: url.to_owned() };
        let root = stage.folder.path();
        std::fs::create_dir(root.join("schedules")).expect("a folder");
        std::fs::write(root.join("schedules/bench.toml"), SENDING).expect("a schedule");
        if settled > 0 {
            std::fs::write(root.join("appointments.csv"), appointments(1, "seed", "2026-11-25")).expect("a table");
            stage.trigger();
            multiply(&root.join("tickler.db"), settled);
        }
        std::fs::write(root.join("appointments.csv"), appointments(REMINDERS, "B", "2026-11-25")).expect("a table");
        stage
    }

    fn trigger(&self) -> Duration {
        self.trigger_by(THIS_BUILD)
    }

    fn trigger_by(&self, build: &str) -> Duration {
        time_of(&mut self.command(build))
    }

    fn command(&self, build: &str) -> Command {
        let mut command = Command::new(build);
        command
            .args(["trigger", "bench", "--now", "2026-11-24T14:00:00Z", "--format", "json", "--ledger", "tickler.db"])
            .current_dir(self.folder.path())
            .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited")
            .env("BENCH_URL", &self.url);
        command
    }

    fn delivered(&self) -> u32 {
        let ledger = rusqlite::Connection::open(self.folder.path().join("tickler.db")).expect("the ledger opens");
        ledger
            .query_row("SELECT count(*) FROM reminder WHERE state = 'delivered'", [], |row| row.get(0))
            .expect("a count")
    }
}

fn post_cost(url: &str, count: u32, at_once: usize) -> Duration {
    let program = std::env::current_exe().expect("this program");
    time_of(Command::new(program).args(["--posts", url, &count.to_string(), &at_once.to_string()]))
}

/// The least: the same requests with nothing kept.
fn posts(url: &str, count: u32, at_once: usize) {
    // a second installation is refused and harmless
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let left = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(count));
    runtime.block_on(async {
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..at_once {
            let (client, left, url) = (client.clone(), std::sync::Arc::clone(&left), url.to_owned());
            workers.spawn(async move {
                let taken = || {
                    use std::sync::atomic::Ordering::Relaxed;
                    left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).ok()
                };
                while let Some(number) = taken() {
                    let body = format!(
                        r#"{{"contact_phone":"+12015550{:03}","appointment_time":"2026-11-25T09:30:00-05:00","service_name":"Check-up"}}"#,
                        number % 1000
                    );
                    let answer = client.post(&url).header("content-type", "application/json").body(body).send().await;
                    let answer = answer.expect("an answer").bytes().await.expect("a body");
                    assert!(!answer.is_empty());
                }
            });
        }
        while let Some(done) = workers.join_next().await {
            done.expect("a worker ends well");
        }
    });
}
