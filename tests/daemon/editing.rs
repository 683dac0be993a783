//! Five hundred things that editors, copies and people do to the folder of a running service, seen by its real watcher.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tickler::clock::{Clock, SystemClock};
use tickler::daemon::control::ask;
use tickler::verbs::Request;
use tickler::verbs::status::{LoadState, StatusAnswer};

use crate::binary::Service;
use crate::chance::Chance;
use crate::{clinic, schedule, write};

const OPERATIONS: usize = 500;

/// The number of operations after which the folder is left alone until the service has caught up.
const AT_A_STRETCH: usize = 16;

const TOUCHED: u64 = 8;

/// A file must have rested for 250 ms. One that lay there half written for this long, on a machine that was busy elsewhere, may
/// have been taken for whole.
const SURELY_RESTLESS: Duration = Duration::from_millis(200);

/// The service catches up within a second; a busy machine gets more.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, PartialEq)]
enum Content {
    Whole(String),
    Broken,
    Gone,
}

/// What one name went through since the service last had caught up.
struct Name {
    content: Content,
    /// Versions that may be in force while the file is broken; `None`: none is.
    possible: BTreeSet<Option<String>>,
}

struct Desk {
    folder: TempDir,
    clock: SystemClock,
    chance: Chance,
    names: BTreeMap<String, Name>,
    /// Every text that may have run.
    whole: BTreeSet<String>,
    versions: usize,
    /// How often a file became a broken one.
    breakages: usize,
}

/// The version of a text, as `status` shows it.
fn version_of(text: &str) -> String {
    let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    hash.chars().take(12).collect()
}

const LAST_LINE: &str = "last = \"line\"\n";

fn every_other_second(title: &str) -> String {
    // without its last line the text is a schedule all the same
    format!("# {title}{}{LAST_LINE}", schedule("*/2 * * * * *"))
}

impl Desk {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("schedules").join(format!("{name}.toml"))
    }

    async fn status(&self) -> StatusAnswer {
        let socket = self.folder.path().join("tickler.sock");
        let answer = ask(&socket, &Request::Status).await.expect("the service answers");
        serde_json::from_str(answer.body.get()).expect("a status")
    }

    /// The service is asked again and again: it does its work meanwhile, and looks at the folder.
    async fn dawdle(&mut self, up_to_millis: u64) {
        let until = self.clock.monotonic() + Duration::from_millis(self.chance.below(up_to_millis));
        while self.clock.monotonic() < until {
            self.status().await;
        }
    }

    fn version(&mut self) -> String {
        self.versions += 1;
        let text = every_other_second(&"v".repeat(self.versions));
        self.whole.insert(text.clone());
        text
    }

    fn some_name(&mut self) -> String {
        format!("t-{}", self.chance.below(TOUCHED))
    }

    fn put(&mut self, name: &str, content: Content) {
        let entry = self.names.get_mut(name).expect("one of the names");
        match &content {
            Content::Whole(text) => drop(entry.possible.insert(Some(version_of(text)))),
            Content::Gone => drop(entry.possible.insert(None)),
            Content::Broken => self.breakages += 1,
        }
        entry.content = content;
    }

    async fn operate(&mut self) {
        let name = self.some_name();
        let file = self.file(&name);
        match self.chance.below(6) {
            0 => {
                let text = self.version();
                write(self.folder.path(), &name, &text);
                self.put(&name, Content::Whole(text));
            }
            1 => self.write_in_halves(&name).await,
            2 => {
                write(self.folder.path(), &name, &format!("# {}\ncron = 5\n", self.versions));
                self.put(&name, Content::Broken);
            }
            3 => {
                let to = self.some_name();
                let content = self.names[&name].content.clone();
                if content != Content::Gone && name != to {
                    std::fs::rename(&file, self.file(&to)).expect("renamed");
                    self.put(&name, Content::Gone);
                    self.put(&to, content);
                }
            }
            4 => {
                if self.names[&name].content != Content::Gone {
                    std::fs::remove_file(&file).expect("removed");
                    self.put(&name, Content::Gone);
                }
            }
            _ => {
                // as editors do: a file of their own, then the whole into its place
                let text = self.version();
                let aside = file.with_file_name(format!(".{name}.toml.swp"));
                std::fs::write(&aside, &text).expect("a file aside");
                std::fs::rename(&aside, &file).expect("into its place");
                self.put(&name, Content::Whole(text));
            }
        }
        self.dawdle(20).await;
    }

    /// Half of it now, the rest before it has rested.
    async fn write_in_halves(&mut self, name: &str) {
        let text = self.version();
        let half = match self.chance.below(2) {
            0 => text.len() - LAST_LINE.len(),
            _ => usize::try_from(self.chance.below(text.len() as u64)).expect("a small number"),
        };
        let before = self.clock.monotonic();
        write(self.folder.path(), name, &text[..half]);
        self.dawdle(150).await;
        write(self.folder.path(), name, &text);
        if self.clock.monotonic() - before > SURELY_RESTLESS {
            self.breakages += 1;
            self.whole.insert(text[..half].to_owned());
            self.names.get_mut(name).expect("one of the names").possible.insert(Some(version_of(&text[..half])));
        }
        self.put(name, Content::Whole(text));
    }

    /// Waits until what is in force is what the folder says.
    async fn catch_up(&mut self) {
        let begun = self.clock.monotonic();
        loop {
            let status = self.status().await;
            let wrong = self.names.iter().find(|(name, entry)| !entry.is_in_force(name, &status));
            let Some((name, _)) = wrong else {
                for (name, entry) in &mut self.names {
                    let shown = status.schedules.iter().find(|shown| shown.name == *name);
                    entry.possible = BTreeSet::from([shown.and_then(|shown| shown.text_version.clone())]);
                }
                return;
            };
            assert!(self.clock.monotonic() - begun < PATIENCE, "`{name}` isn't what its file says: {status:?}");
        }
    }
}

impl Name {
    fn is_in_force(&self, name: &str, status: &StatusAnswer) -> bool {
        let shown = status.schedules.iter().find(|shown| shown.name == name);
        match (&self.content, shown) {
            (Content::Gone, shown) => shown.is_none(),
            (_, None) => false,
            (Content::Whole(text), Some(shown)) => {
                shown.state == LoadState::Loaded && shown.text_version.as_deref() == Some(&version_of(text))
            }
            (Content::Broken, Some(shown)) => {
                shown.state == LoadState::Refused && self.possible.contains(&shown.text_version)
            }
        }
    }
}

#[tokio::test]
async fn five_hundred_operations_under_the_real_watcher_run_nothing_half_and_lose_no_run() {
    let folder = clinic("0 9 * * *");
    std::fs::write(folder.path().join("appointments.csv"), "id,phone,starts_at,service\n").expect("a table");
    std::fs::remove_file(folder.path().join("schedules/day-before.toml")).expect("it goes");
    let untouched = every_other_second("untouched");
    let names = ["untouched-0", "untouched-1", "untouched-2"];
    names.iter().for_each(|name| write(folder.path(), name, &untouched));
    let service = Service::start(folder.path(), &[], &[("THOUGHTLY_AUTOMATION_URL", "http://127.0.0.1:9/")]);
    let gone = || Name { content: Content::Gone, possible: BTreeSet::from([None]) };
    let mut desk = Desk {
        folder,
        clock: SystemClock::new(),
        chance: Chance(500),
        names: (0..TOUCHED).map(|number| (format!("t-{number}"), gone())).collect(),
        whole: BTreeSet::from([untouched]),
        versions: 0,
        breakages: 0,
    };
    for operation in 1..=OPERATIONS {
        desk.operate().await;
        if operation % AT_A_STRETCH == 0 {
            desk.catch_up().await;
        }
    }
    desk.catch_up().await;
    assert_eq!(service.stop().code(), Some(0));

    let ledger = rusqlite::Connection::open(desk.folder.path().join("tickler.db")).expect("the ledger opens");
    let texts = rows(&ledger, "SELECT text, 0, '' FROM schedule_text");
    let half = texts.iter().find(|(text, ..)| !desk.whole.contains(text));
    assert!(half.is_none(), "half a file was in force: {half:?}");
    assert!(texts.len() > OPERATIONS / 8, "{} of {} versions were in force", texts.len(), desk.whole.len());
    let refused = rows(&ledger, "SELECT detail, 0, '' FROM audit WHERE event = 'config.rejected'");
    assert!(refused.len() <= desk.breakages, "{} for {} breakages: {refused:?}", refused.len(), desk.breakages);
    let runs = rows(&ledger, "SELECT schedule, nominal_at / 1000000, state FROM run ORDER BY nominal_at");
    let made: BTreeSet<&str> = runs.iter().map(|(schedule, ..)| schedule.as_str()).collect();
    assert!(made.len() > 8, "touched schedules ran as well: {made:?}");
    for name in names {
        let of_it = runs.iter().filter(|(schedule, ..)| schedule == name);
        let (times, states): (Vec<i64>, BTreeSet<&str>) = of_it.map(|(_, at, state)| (*at, state.as_str())).unzip();
        let due: Vec<i64> = (times[0]..=times[times.len() - 1]).step_by(2).collect();
        assert_eq!(times, due, "{name}");
        assert_eq!(states, BTreeSet::from(["done"]), "{name}");
    }
}

fn rows(ledger: &rusqlite::Connection, sql: &str) -> Vec<(String, i64, String)> {
    let mut statement = ledger.prepare(sql).expect("a statement");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.and_then(Iterator::collect).expect("rows")
}
