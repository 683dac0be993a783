use std::net::TcpListener;

use super::*;
use crate::clock::ManualClock;
use crate::ledger::Outbox;
use crate::settings::Flags;

const SCHEDULE: &str = r#"
cron = "0 9 * * *"
timezone = "America/New_York"
[source.csv]
path = "../appointments.csv"
[appointment]
id = "id"
phone = "phone"
starts_at = "starts_at"
[remind]
days_before = 1
calling_hours = "always"
[target.automation]
url = { env = "URL" }
[payload]
contact_phone = "{{ phone }}"
"#;

/// A service a moment before its schedule's nine o'clock, with one person to be called.
async fn service(folder: &std::path::Path, url: &str, clock: &Arc<ManualClock>) -> Opened {
    std::fs::create_dir(folder.join("schedules")).expect("a folder for schedules");
    std::fs::write(folder.join("schedules/clinic.toml"), SCHEDULE).expect("a schedule");
    let table = "id,phone,starts_at\nA-1,+12025550143,2026-11-25T10:00:00\n";
    std::fs::write(folder.join("appointments.csv"), table).expect("a table");
    let flags = Flags {
        schedules: Some(folder.join("schedules")),
        ledger: Some(folder.join("tickler.db")),
        listen: Some("off".to_owned()),
        ..Flags::default()
    };
    let settings = Settings::load(flags, ProcessEnvironment::of([("URL", url)], folder)).expect("settings").0;
    startup::open(settings, clock.clone()).await.expect("a service")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_ledger_broke_off_calls_nobody_is_not_alive_and_ends_as_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let phone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/webhook/automation/clinic", phone.local_addr().expect("an address"));
    let clock = Arc::new(ManualClock::starting_at("2026-11-24T13:59:59Z".parse().expect("an instant")));
    let opened = service(folder.path(), &url, &clock).await;
    let daemon = Arc::clone(&opened.daemon);
    clock.advance(Duration::from_secs(1));
    daemon.tick().await;
    daemon.quiet().await;
    assert_eq!(daemon.ledger.tally().await.expect("a tally").pending, 1, "somebody is to be called");
    assert!(daemon.vitals.are_live().await);

    daemon.ledger.break_off().await;
    assert!(!daemon.vitals.are_live().await, "neither /healthz nor the watchdog takes it for alive");
    let mut signals = Signals::listen().expect("signals");
    assert_eq!(serve(opened, &mut signals).await, Exit::Failed);
    phone.set_nonblocking(true).expect("it only looks");
    let nobody = phone.accept().err().map(|error| error.kind());
    assert_eq!(nobody, Some(std::io::ErrorKind::WouldBlock), "nobody was called");
    assert_eq!(daemon.ledger.tally().await.expect("a tally").pending, 1, "the next start calls them");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_no_commit_succeeds_the_service_is_down_and_the_first_that_does_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::starting_at("2026-11-24T13:00:00Z".parse().expect("an instant")));
    let opened = service(folder.path(), "http://127.0.0.1:9/", &clock).await;
    let daemon = &opened.daemon;
    let state = async || crate::verbs::status::status(&daemon.app).await.expect("a status").state;
    assert_eq!((state().await, daemon.vitals.unready()), (crate::verbs::status::Health::Ok, None));
    daemon.ledger.refuse_commits(true).await;
    daemon.ledger.probe().await.expect_err("no commit succeeds");
    assert_eq!(state().await, crate::verbs::status::Health::Down);
    assert!(daemon.vitals.unready().is_some() && daemon.vitals.are_live().await, "not ready, and no reason to restart");
    assert!(daemon.status_line().starts_with("DOWN: nobody is called: "), "{}", daemon.status_line());
    assert_eq!(daemon.conditions().len(), 1);
    daemon.ledger.refuse_commits(false).await;
    daemon.ledger.probe().await.expect("a commit");
    assert_eq!((state().await, daemon.vitals.unready()), (crate::verbs::status::Health::Ok, None));
    assert!(daemon.conditions().is_empty() && !daemon.status_line().contains("DOWN"));
}
