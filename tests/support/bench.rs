//! A sender over a real ledger, its clock moved by hand, its one schedule sending to this machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tickler::audit::{AuditFilter, AuditRow, Event};
use tickler::clock::{Clock, ManualClock, SharedClock};
use tickler::delivery::{DeliveryScope, Sender, SenderParts};
use tickler::evaluation::{Env, SharedReads};
use tickler::http::Http;
use tickler::ledger::sqlite::{self, LedgerAccess};
use tickler::ledger::{Ledger, LedgerError, ReminderAsk, ReminderRow, ReminderTerms, RunEnd, RunRecord, Runs};
use tickler::plan::PlannedReminder;
use tickler::reminder::{ReminderId, RunKind, State};
use tickler::schedule::{Schedule, load};
use tickler::settings::{Account, Rate, SecretRef, Secrets, TextOrSecret};
use tickler::zones::Zones;

use super::Receiver;
use calls::{plan_of, planned, record, run_start, terms};

#[path = "../ledger/calls.rs"]
mod calls;

pub const NAME: &str = "day-before";

/// A sender with its ledger, its clock and one schedule.
pub struct Bench {
    pub ledger: Arc<Ledger>,
    pub sender: Arc<Sender>,
    pub clock: Arc<ManualClock>,
    pub schedule: Arc<Schedule>,
    pub folder: tempfile::TempDir,
}

pub fn now() -> Timestamp {
    "2026-11-24T14:00:00Z".parse().expect("a valid instant")
}

fn schedule(folder: &Path, target: &str, delivery: &str) -> Arc<Schedule> {
    let timeout = if delivery.contains("timeout") { "" } else { "timeout = \"1s\"" };
    let text = format!(
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
days_before = 1
{target}
[payload]
contact_phone = "{{{{ phone }}}}"
[delivery]
{timeout}
{delivery}
"#
    );
    let loaded = load::one(&folder.join("schedules/day-before.toml"), &text, &Zones::newest());
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
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
    let ledger = open(folder.path());
    let env = Env {
        http: Http::new(Arc::clone(&shared)).expect("a client"),
        clock: shared,
        zones: Zones::newest(),
        secrets: Secrets::from_values([("TOKEN", "t-1")]),
        accounts: Arc::new(BTreeMap::from([
            ("test".to_owned(), account(base_url)),
            ("slow".to_owned(), Account { rate: Rate::Every { interval_us: 600_000 }, ..account(base_url) }),
        ])),
        ledger: Some(Arc::clone(&ledger)),
        reads: SharedReads::default(),
    };
    let sender = Sender::new(SenderParts { env, stop_file: folder.path().join("STOP"), actor: "trigger".to_owned() });
    let schedule = schedule(folder.path(), target, delivery);
    sender.set_schedules(&BTreeMap::from([(NAME.to_owned(), Arc::clone(&schedule))]));
    Bench { ledger, sender, clock, schedule, folder }
}

/// A bench whose webhook goes to this receiver.
pub fn bench_for(receiver: &Receiver, delivery: &str) -> Bench {
    bench(&webhook(&receiver.url("/in")), delivery, "http://127.0.0.1:9")
}

/// The folder's ledger, opened for writing.
fn open(folder: &Path) -> Arc<Ledger> {
    sqlite::open(folder.join("tickler.db"), LedgerAccess::Write, Zones::newest()).expect("the ledger opens")
}

impl Bench {
    /// A new reminder, due now, of an appointment that is in the source, too.
    pub async fn plan(&self, number: u32) -> ReminderId {
        let now = self.clock.now();
        let phone = format!("+120255501{:02}", number % 100);
        self.write_source(number, &phone);
        let start = run_start(NAME, RunKind::Trigger, now);
        let run = self.ledger.begin_run(start).await.expect("a run begins").expect("a trigger has its own row");
        let reminder = PlannedReminder {
            starts_at: self::now() + SignedDuration::from_hours(24),
            due_at: now,
            send_at: now,
            expires_at: now + SignedDuration::from_hours(6),
            person: format!("person {number}").into(),
            payload: tickler::template::Payload::of(&serde_json::json!({ "contact_phone": phone })),
            phone: phone.into(),
            ..planned(&format!("a{number}"))
        };
        let end = RunEnd::Planned(Box::new(plan_of(vec![reminder])));
        let terms = ReminderTerms { account: "test".to_owned(), ..terms() };
        let recorded = RunRecord { terms, ..record(run, now, end) };
        self.ledger.record_run(recorded).await.expect("the plan is recorded").reminders[0]
    }

    fn write_source(&self, number: u32, phone: &str) {
        let path = self.folder.path().join("appointments.csv");
        let mut table = std::fs::read_to_string(&path).unwrap_or_else(|_| "id,phone,starts_at\n".to_owned());
        table.push_str(&format!("a{number},{phone},2026-11-25T09:00:00\n"));
        std::fs::write(path, table).expect("the source");
    }

    pub async fn deliver(&self) -> Result<(), LedgerError> {
        let scope = DeliveryScope { schedule: NAME.to_owned(), only: None };
        self.sender.deliver(&scope, Duration::ZERO).await
    }

    /// A reminder as it stands.
    pub async fn row(&self, id: ReminderId) -> ReminderRow {
        let ask = ReminderAsk { id: Some(id), ..ReminderAsk::default() };
        self.ledger.reminders(ask).await.expect("reminders are read").remove(0)
    }

    pub async fn state(&self, id: ReminderId) -> State {
        self.row(id).await.state
    }

    /// Every row of the log about deliveries, in order.
    pub async fn log(&self) -> Vec<AuditRow> {
        let rows = self.ledger.audit(AuditFilter::default()).await.expect("the log is read");
        rows.into_iter().filter(|row| row.attempt.is_some()).collect()
    }

    /// The rows of the log that end an attempt.
    pub async fn settled(&self) -> Vec<AuditRow> {
        self.log().await.into_iter().filter(|row| row.event != Event::DeliveryIntent).collect()
    }

    /// Makes every statement of that kind fail in the ledger, or stops doing so.
    pub fn sabotage(&self, trap: &str) {
        let saboteur = rusqlite::Connection::open(self.folder.path().join("tickler.db")).expect("it opens");
        saboteur.execute_batch(trap).expect("the trap is set");
    }
}

pub fn in_seconds(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}
