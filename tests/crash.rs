//! The crash storm: the real binary, killed again and again while it sends, against a receiver that refuses, hangs and
//! cuts connections. In the end nobody was phoned twice and nobody was lost.
//!
//! That it catches a wrong build was seen with two, each of which fails the first storm with a list of those who were
//! phoned twice. To see it again, change one of these and run `cargo nextest run --test crash sixty`:
//!
//! - *What was being sent is taken for unsent*: in `recover_call` (`src/ledger/sqlite/resolve.rs`) let a reminder whose
//!   schedule holds become `State::Pending` instead of `State::Uncertain`.
//! - *The intent after the send*: in `commit_to` (`src/ledger/sqlite/intents.rs`) leave out the two statements that write
//!   the attempt and the state `sending`, and remember the row's `nr` in a static set that `may_go` passes over; at the
//!   beginning of `settle` (`src/ledger/sqlite/delivery.rs`) remove it from the set and execute the two statements there.
//!
//! A longer storm: `STORM_KILLS=300 ./test --test crash` (the appointments grow with the kills, so that there is always
//! something left to send).

#[path = "support/chance.rs"]
mod chance;
#[path = "support/command.rs"]
mod command;
#[path = "crash/receiver.rs"]
mod receiver;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chance::Chance;
use command::tickler;
use receiver::{Moment, Receiver};
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};

/// Kills of a storm when nobody asks for another number.
const KILLS: u32 = 60;
/// Reminders for each kill: on average half as many are sent between two.
const REMINDERS_PER_KILL: u32 = 34;
/// Each of these numbers is called as often as it takes.
const NUMBERS: u32 = 2_000;
const MAX_IN_FLIGHT: u32 = 8;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// `tickler trigger`, which ends by itself.
    Trigger,
    /// `tickler run`, which makes its nine o'clock run and sends until it is stopped.
    Run,
}

/// One storm's folder: schedule, appointments, ledger, journal.
struct Storm {
    folder: tempfile::TempDir,
    receiver: Receiver,
    verb: Verb,
    kills: u32,
    reminders: u32,
    /// How often it was started: each start lives 40 s later, so that back-offs pass without waiting.
    starts: u32,
}

impl Storm {
    fn brew(verb: Verb, seed: u64, on_uncertain: &str) -> Self {
        let kills = wanted_kills();
        let reminders = (kills * REMINDERS_PER_KILL).max(NUMBERS);
        let folder = tempfile::tempdir().expect("a folder");
        let receiver = Receiver::start(&folder.path().join("journal"), seed);
        std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
        std::fs::write(folder.path().join("appointments.csv"), appointments(reminders)).expect("the appointments");
        let schedule = schedule(on_uncertain, reminders);
        std::fs::write(folder.path().join("schedules/storm.toml"), schedule).expect("the schedule");
        Self { folder, receiver, verb, kills, reminders, starts: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts what is to be killed: the first time two seconds before nine.
    fn start(&mut self) -> Child {
        let clock = 13 * 3_600 + 59 * 60 + 58 + 40 * self.starts;
        self.starts += 1;
        let (hours, minutes, seconds) = (clock / 3_600, clock / 60 % 60, clock % 60);
        let now = format!("2026-11-24T{hours:02}:{minutes:02}:{seconds:02}Z");
        let mut command = match self.verb {
            Verb::Trigger => self.command(&["trigger", "storm", "--now", &now, "--format", "json"]),
            Verb::Run => self.command(&["run", "--now", &now]),
        };
        command.spawn().expect("tickler starts")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tickler(self.folder.path(), arguments);
        command
            .env("TICKLER_SCHEDULES", self.path("schedules"))
            .env("TICKLER_LEDGER", self.path("tickler.db"))
            .env("TICKLER_WEB__LISTEN", "off")
            .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited")
            .env("STORM_URL", format!("http://{}/webhook/automation/storm", self.receiver.address))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Kills it again and again, each time at another moment of another exchange.
    fn rage(&mut self, chance: &mut Chance) -> u32 {
        let mut kills = 0;
        while kills < self.kills {
            let moment = [Moment::BeforeRecord, Moment::BeforeAnswer, Moment::AfterAnswer][chance.below(3) as usize];
            let spark = self.receiver.light_fuse(1 + chance.below(30), moment);
            let mut child = self.start();
            if self.wait_for_spark_or_end(&spark, &mut child) {
                child.kill().expect("SIGKILL is sent");
                kills += 1;
            }
            child.wait().expect("the child is reaped");
            self.receiver.put_out();
            if self.is_over() {
                break;
            }
        }
        eprintln!("{kills} kills of `{:?}` in {} starts: {:?}", self.verb, self.starts, self.states());
        kills
    }

    /// Whether it is to be killed now. A service that has nothing to send for a while is killed where it is.
    fn wait_for_spark_or_end(&self, spark: &std::sync::mpsc::Receiver<()>, child: &mut Child) -> bool {
        let patience = std::time::Duration::from_millis(20);
        for _poll in 0..IDLE_POLLS {
            match spark.recv_timeout(patience) {
                Ok(()) => return true,
                Err(_) if child.try_wait().expect("the child can be asked").is_some() => return false,
                Err(_) => {}
            }
        }
        match self.verb {
            Verb::Trigger => self.wait_for_spark_or_end(spark, child),
            Verb::Run => true,
        }
    }

    /// Lets it run undisturbed until nothing is open any more.
    fn calm(&mut self) {
        for _ in 0..60 {
            let mut child = self.start();
            match self.verb {
                Verb::Trigger => {}
                Verb::Run => self.stop_when_over(&child),
            }
            child.wait().expect("tickler ends");
            if self.is_over() {
                return;
            }
        }
        panic!("still open after sixty undisturbed runs: {:?}", self.states());
    }

    /// Back-offs that are longer than this pass at the next start.
    fn stop_when_over(&self, child: &Child) {
        let patience = std::time::Duration::from_millis(20);
        for _poll in 0..500 {
            if self.is_over() {
                break;
            }
            std::thread::park_timeout(patience);
        }
        let _ended_already = kill_process(Pid::from_child(child), Signal::TERM);
    }

    /// Whether everybody was planned and nothing is to be sent any more.
    fn is_over(&self) -> bool {
        self.open() == 0 && self.states().values().sum::<u32>() == self.reminders
    }

    fn ledger(&self) -> Connection {
        Connection::open_with_flags(self.path("tickler.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the ledger opens")
    }

    fn states(&self) -> HashMap<String, u32> {
        let ledger = self.ledger();
        let mut query = ledger.prepare("SELECT state, count(*) FROM reminder GROUP BY state").expect("a query");
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("states");
        rows.collect::<Result<_, _>>().expect("states and counts")
    }

    fn open(&self) -> u32 {
        let states = self.states();
        states.get("pending").copied().unwrap_or(0) + states.get("sending").copied().unwrap_or(0)
    }

    fn state_of_each(&self) -> HashMap<String, String> {
        self.pairs("SELECT id, state FROM reminder")
    }

    fn pairs<T: rusqlite::types::FromSql>(&self, query: &str) -> HashMap<String, T> {
        let ledger = self.ledger();
        let mut query = ledger.prepare(query).expect("a query");
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("pairs")
    }

    fn assert_chain_is_whole(&self) {
        let verified = self.command(&["audit", "verify"]).status().expect("tickler runs");
        assert!(verified.success(), "the audit chain is whole after the storm");
    }
}

#[expect(clippy::disallowed_methods, reason = "the length of a storm is asked for from outside")]
fn wanted_kills() -> u32 {
    std::env::var("STORM_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number of kills"))
}

/// Polls of 20 ms without a request, after which a service is killed although it sends nothing.
const IDLE_POLLS: u32 = 250;

fn appointments(reminders: u32) -> String {
    let mut table = String::from("id,phone,starts_at\n");
    for number in 0..reminders {
        let (area, line) = (201 + number % NUMBERS / 100, number % 100);
        writeln!(table, "S-{number},+1{area}55501{line:02},2026-11-25T{:02}:{:02}:00", 9 + number % 8, number % 60)
            .expect("a string takes text");
    }
    table
}

fn schedule(on_uncertain: &str, reminders: u32) -> String {
    let a_day = reminders.div_ceil(NUMBERS);
    format!(
        r#"
cron     = "0 9 * * *"
timezone = "America/New_York"

[source.csv]
path = "../appointments.csv"

[appointment]
id        = "id"
phone     = "phone"
starts_at = "starts_at"

[remind]
days_before   = 1
max_per_person_per_day = {a_day}
calling_hours = "always"
max_lateness  = "20h"

[target.automation]
url = {{ env = "STORM_URL" }}

[payload]
contact_phone = "{{{{ phone }}}}"
reminder_id   = "{{{{ reminder_id }}}}"

[delivery]
timeout       = "1s"
max_in_flight = {MAX_IN_FLIGHT}
on_uncertain  = "{on_uncertain}"

[guard]
max_calls = {reminders}
"#
    )
}

fn all_due_are_settled(storm: &Storm) {
    let states = storm.states();
    assert_eq!(states.values().sum::<u32>(), storm.reminders, "nobody is lost: {states:?}");
    assert_eq!(storm.open(), 0, "every row is terminal or uncertain: {states:?}");
}

#[test]
fn sixty_kills_phone_nobody_twice_and_lose_nobody() {
    nobody_twice_and_nobody_lost(Storm::brew(Verb::Trigger, 7, "hold"), 11);
}

#[test]
fn a_service_that_is_killed_sixty_times_phones_nobody_twice_and_loses_nobody() {
    nobody_twice_and_nobody_lost(Storm::brew(Verb::Run, 9, "hold"), 13);
}

fn nobody_twice_and_nobody_lost(mut storm: Storm, seed: u64) {
    let kills = storm.rage(&mut Chance(seed));
    storm.calm();
    all_due_are_settled(&storm);
    assert!(kills * 6 >= storm.kills * 5, "{kills} kills");

    let receipts = storm.receiver.receipts();
    let twice: Vec<_> = receipts.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "phoned twice: {twice:?}");

    let states = storm.state_of_each();
    for id in receipts.keys() {
        let state = states[id].as_str();
        assert!(["delivered", "uncertain"].contains(&state), "{id} was received and is {state}");
    }
    for (id, state) in &states {
        assert!(state != "delivered" || receipts.contains_key(id), "{id} counts as delivered and was never received");
    }
    let crashed: u32 = storm
        .ledger()
        .query_row("SELECT count(*) FROM attempt WHERE outcome = 'uncertain' AND class = 'crash'", [], |row| row.get(0))
        .expect("attempts are counted");
    assert!(crashed <= MAX_IN_FLIGHT * kills, "{crashed} uncertain after {kills} kills");
    storm.assert_chain_is_whole();
}

#[test]
fn a_resend_storm_leaves_nothing_uncertain_and_announces_every_repeat() {
    let mut storm = Storm::brew(Verb::Trigger, 8, "resend");
    storm.rage(&mut Chance(12));
    storm.calm();
    all_due_are_settled(&storm);
    assert_eq!(storm.states().get("uncertain"), None, "nothing is left uncertain: {:?}", storm.states());

    let announced: HashMap<String, u32> = storm.pairs(
        "SELECT reminder_id, count(*) FROM audit WHERE event = 'delivery.uncertain' AND reminder_id IS NOT NULL GROUP BY reminder_id",
    );
    for (id, times) in storm.receiver.receipts() {
        let repeats = times - 1;
        let said = announced.get(&id).copied().unwrap_or(0);
        assert!(repeats <= said, "{id} was received {times} times, the audit announced {said}");
    }
    storm.assert_chain_is_whole();
}

/// The books of the receiver themselves: a second receipt is seen.
#[test]
fn the_receiver_counts_a_second_receipt() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&folder.path().join("journal"), 1);
    let post = || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(receiver.address).expect("it listens");
        stream
            .write_all(b"POST / HTTP/1.1\r\nidempotency-key: twin\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .expect("a request");
        let mut first = [0_u8; 12];
        stream.read_exact(&mut first).expect("a status");
    };
    post();
    post();
    assert_eq!(receiver.receipts().get("twin"), Some(&2));
    assert!(journal_lines(&folder.path().join("journal")) == 2);
}

fn journal_lines(path: &Path) -> usize {
    std::fs::read_to_string(path).expect("the journal").lines().count()
}
