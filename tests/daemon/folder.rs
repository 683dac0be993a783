//! Editing, breaking, mending, renaming and deleting files under a running service.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tickler::clock::Clock;
use tickler::daemon::runs::Daemon;
use tickler::daemon::watch::{IsSettled, Settling, Stillness, stamps};
use tickler::reminder::RunState;

use crate::clinic::{Clinic, beat, runs, schedule_text};
use crate::support::chance::Chance;

/// What lies in the folder under one name.
#[derive(Clone)]
enum Content {
    Whole(String),
    Broken,
}

/// A clinic whose folder somebody works in.
struct Bench {
    clinic: Clinic,
    chance: Chance,
    disk: BTreeMap<String, Content>,
    /// The versions that ought to be in force.
    in_force: BTreeMap<String, String>,
    /// Every whole version there ever was.
    whole: BTreeSet<String>,
    versions: usize,
}

const TOUCHED: u64 = 8;
const OPERATIONS: usize = 500;

impl Bench {
    fn file(&self, name: &str) -> PathBuf {
        self.clinic.schedule_file(name)
    }

    /// A new version, longer than all before it. Its last line matters: without it the text is a schedule all the same.
    fn version(&mut self) -> String {
        self.versions += 1;
        let base = schedule_text("*/10 * * * * *", "UTC", "days_before = 1");
        let text = format!("# {}\n{base}last = \"line\"\n", "v".repeat(self.versions));
        self.whole.insert(text.clone());
        text
    }

    fn write(&mut self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).expect("a file");
    }

    fn some_name(&mut self) -> String {
        format!("t-{}", self.chance.below(TOUCHED))
    }

    /// One thing an editor, a copy or a person does.
    async fn operate(&mut self, daemon: &std::sync::Arc<Daemon>, settling: &mut Settling) {
        let name = self.some_name();
        match self.chance.below(6) {
            0 => {
                let text = self.version();
                self.write(&name, &text);
                self.disk.insert(name, Content::Whole(text));
            }
            1 => {
                // half of it now, the rest before it has rested
                let text = self.version();
                let half = match self.chance.below(2) {
                    0 => text.len() - "last = \"line\"\n".len(),
                    _ => usize::try_from(self.chance.below(text.len() as u64)).expect("a small number"),
                };
                self.write(&name, &text[..half]);
                self.pass(daemon, settling, 20).await;
                self.pass(daemon, settling, 200).await;
                self.write(&name, &text);
                self.disk.insert(name, Content::Whole(text));
            }
            2 => {
                let broken = format!("# {}\ncron = 5\n", "b".repeat(self.versions));
                self.write(&name, &broken);
                self.disk.insert(name, Content::Broken);
            }
            3 => {
                let to = self.some_name();
                if self.disk.contains_key(&name) && name != to {
                    std::fs::rename(self.file(&name), self.file(&to)).expect("renamed");
                    let content = self.disk.remove(&name).expect("it is there");
                    self.disk.insert(to, content);
                }
            }
            4 => {
                if self.disk.remove(&name).is_some() {
                    std::fs::remove_file(self.file(&name)).expect("removed");
                }
            }
            _ => {
                // as editors do: a file of their own, then the whole into its place
                let text = self.version();
                let aside = self.clinic.path().join("schedules").join(format!(".{name}.toml.swp"));
                std::fs::write(&aside, &text).expect("a file aside");
                std::fs::rename(&aside, self.file(&name)).expect("into its place");
                self.disk.insert(name, Content::Whole(text));
            }
        }
        let pause = self.chance.below(300);
        self.pass(daemon, settling, pause).await;
    }

    /// Lets this many milliseconds pass; the service looks at the folder and its heart beats.
    async fn pass(&self, daemon: &std::sync::Arc<Daemon>, settling: &mut Settling, millis: u64) {
        self.clinic.clock.advance(Duration::from_millis(millis));
        settling.check(daemon).await;
        beat(daemon).await;
    }

    /// Everything rests; what is in force is what the folder says.
    async fn rest(&mut self, daemon: &std::sync::Arc<Daemon>, settling: &mut Settling) {
        settling.check(daemon).await;
        self.clinic.clock.advance(Duration::from_millis(250));
        assert_eq!(settling.check(daemon).await, IsSettled::Yes);
        beat(daemon).await;
        let former = std::mem::take(&mut self.in_force);
        for (name, content) in &self.disk {
            let version = match content {
                Content::Whole(text) => Some(text.clone()),
                Content::Broken => former.get(name).cloned(),
            };
            self.in_force.extend(version.map(|text| (name.clone(), text)));
        }
        let folder = daemon.app.folder();
        let loaded = folder.schedules.iter().filter(|(name, _)| name.starts_with("t-"));
        let loaded: BTreeMap<String, String> =
            loaded.map(|(name, loaded)| (name.clone(), loaded.text.clone())).collect();
        assert_eq!(loaded, self.in_force);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_operations_call_nobody_from_half_a_file_and_lose_no_run_of_an_untouched_one() {
    let start = "2026-11-24T12:00:01Z";
    let clinic = Clinic::at(start).await;
    let text = schedule_text("*/10 * * * * *", "UTC", "days_before = 1") + "last = \"line\"\n";
    for number in 0..3 {
        clinic.write_schedule(&format!("untouched-{number}"), &text);
    }
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    let mut settling = Settling::of(Stillness::of(stamps(&clinic.path().join("schedules"))));
    // a monotonic zero would pass for *rested at the start*
    clinic.clock.advance(Duration::from_secs(1));
    let mut bench = Bench {
        clinic,
        chance: Chance(500),
        disk: BTreeMap::new(),
        in_force: BTreeMap::new(),
        whole: BTreeSet::from([text]),
        versions: 0,
    };
    for _operation in 0..OPERATIONS {
        bench.operate(daemon, &mut settling).await;
        if bench.chance.below(3) == 0 {
            bench.rest(daemon, &mut settling).await;
        }
    }
    let rows = runs(daemon).await;
    assert!(rows.iter().all(|run| run.state == RunState::Done), "a run was not made");
    let mut made: BTreeSet<&str> = BTreeSet::new();
    for run in &rows {
        made.insert(&run.schedule);
        let text = daemon.app.env.ledger.as_ref().expect("a ledger").schedule_text(run.text_hash.clone()).await;
        let text = text.expect("a look at a version").expect("every version that ran is kept");
        assert!(bench.whole.contains(&text), "{} ran from half a file", run.schedule);
    }
    assert!(made.len() > 8, "touched schedules ran as well: {made:?}");
    let loaded = &daemon.app.folder().schedules["untouched-0"];
    let first: Timestamp = start.parse().expect("an instant");
    let times = loaded.recurrence.between(&loaded.zone, first, bench.clinic.clock.now(), 10_000);
    let due: Vec<Timestamp> = times.iter().map(|nominal| nominal.at).collect();
    for number in 0..3 {
        let name = format!("untouched-{number}");
        let mut ran: Vec<Timestamp> =
            rows.iter().filter(|run| run.schedule == name).map(|run| run.nominal_at).collect();
        ran.sort();
        assert_eq!(ran, due, "{name}");
    }
}
