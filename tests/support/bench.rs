//! A sender over a pile of reminders, its clock moved by hand, its one schedule sending to this machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tickler::clock::{Clock, ManualClock, SharedClock};
use tickler::delivery::{Scope, Sender, SenderParts};
use tickler::evaluation::Surroundings;
use tickler::http::Http;
use tickler::ledger::{Ledger, LedgerError};
use tickler::reminder::ReminderId;
use tickler::schedule::{Schedule, load};
use tickler::settings::{Account, Rate, SecretRef, Secrets, TextOrSecret};
use tickler::zones::Zones;

use super::Receiver;
use super::pile::{Pile, pile};

pub const NAME: &str = "day-before";

/// A sender with its ledger, its clock and one schedule.
pub struct Bench {
    pub pile: Arc<Pile>,
    pub sender: Arc<Sender>,
    pub clock: Arc<ManualClock>,
    pub folder: tempfile::TempDir,
}

pub fn now() -> Timestamp {
    "2026-11-24T14:00:00Z".parse().expect("a valid instant")
}

fn schedule(target: &str, delivery: &str) -> Arc<Schedule> {
    let text = format!(
        r#"
cron     = "0 9 * * *"
timezone = "America/New_York"
[source.csv]
path = "appointments.csv"
[appointment]
id        = "id"
phone     = "phone"
starts_at = "starts_at"
[remind]
days_before = 1
{target}
[payload]
contact_phone = "{{{{ phone }}}}"
[delivery]
timeout = "1s"
{delivery}
"#
    );
    let loaded = load::one(Path::new("schedules/day-before.toml"), &text, &Zones::newest());
    loaded.schedule.unwrap_or_else(|| panic!("a whole schedule: {:?}", loaded.problems))
}

pub fn webhook(url: &str) -> String {
    format!("[target.webhook]\nurl = \"{url}\"\naccount = \"test\"\nerror_pointer = \"/error\"")
}

fn account(base_url: &str) -> Account {
    Account {
        base_url: base_url.parse().expect("a URL"),
        api_token: Some(SecretRef::Env("TOKEN".to_owned())),
        team_id: Some(TextOrSecret::Text("team-1".to_owned())),
        rate: Rate::Unlimited,
    }
}

pub fn bench(target: &str, delivery: &str, base_url: &str) -> Bench {
    let clock = Arc::new(ManualClock::starting_at(now()));
    let shared: SharedClock = Arc::clone(&clock) as SharedClock;
    let pile = pile();
    let folder = tempfile::tempdir().expect("a folder");
    let around = Surroundings {
        http: Http::new(Arc::clone(&shared)).expect("a client"),
        clock: shared,
        zones: Zones::newest(),
        secrets: Secrets::from_values([("TOKEN", "t-1")]),
        ledger: Some(Arc::clone(&pile) as Arc<dyn Ledger>),
    };
    let sender = Sender::new(SenderParts {
        around,
        accounts: BTreeMap::from([
            ("test".to_owned(), account(base_url)),
            ("slow".to_owned(), Account { rate: Rate::Every { interval_us: 600_000 }, ..account(base_url) }),
        ]),
        stop_file: folder.path().join("STOP"),
        actor: "trigger".to_owned(),
    });
    sender.set_schedules(&BTreeMap::from([(NAME.to_owned(), schedule(target, delivery))]));
    Bench { pile, sender, clock, folder }
}

/// A bench whose webhook goes to this receiver.
pub fn bench_for(receiver: &Receiver, delivery: &str) -> Bench {
    bench(&webhook(&receiver.url("/in")), delivery, "http://127.0.0.1:9")
}

impl Bench {
    pub fn plan(&self, number: u128) -> ReminderId {
        self.pile.plan(NAME, number, self.clock.now())
    }

    pub async fn deliver(&self) -> Result<(), LedgerError> {
        let scope = Scope { schedule: NAME.to_owned(), only: None };
        self.sender.deliver(&scope, Duration::ZERO).await
    }
}

pub fn in_seconds(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}
