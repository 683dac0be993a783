use std::future::Future as _;
use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;
use crate::clock::ManualClock;
use crate::ledger::{HoldChange, Outbox, Resume, RunEnd, RunRecord, RunStart, Runs, RunsAsk};
use crate::reminder::{RunId, RunKind};
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
    assert_eq!(daemon.conditions().await.len(), 1);
    daemon.ledger.refuse_commits(false).await;
    daemon.ledger.probe().await.expect("a commit");
    assert_eq!((state().await, daemon.vitals.unready()), (crate::verbs::status::Health::Ok, None));
    assert!(daemon.conditions().await.is_empty() && !daemon.status_line().contains("DOWN"));
}

/// The run of its id failed for that reason.
async fn failed_run(daemon: &Daemon, number: u128, end: RunEnd) {
    let schedule = daemon.schedule("clinic").expect("a schedule");
    let (id, now) = (RunId(uuid::Uuid::from_u128(number)), daemon.now());
    let start = RunStart {
        id,
        schedule: schedule.name.clone(),
        nominal_at: now,
        kind: RunKind::Trigger,
        started_at: now,
        text_hash: schedule.text_hash.clone(),
        text: schedule.text.clone(),
        zone_rules: String::new(),
        actor: "clinic".to_owned(),
    };
    daemon.ledger.begin_run(start).await.expect("it begins");
    let terms = crate::evaluation::terms_of(&schedule, None);
    let actor = "clinic".to_owned();
    let record = RunRecord { id, finished_at: now, end, source_fingerprint: None, read_at: now, terms, actor };
    daemon.ledger.record_run(record).await.expect("it is recorded");
    let row = daemon.ledger.runs(RunsAsk::LatestEvaluated(vec!["clinic".to_owned()])).await.expect("runs").pop();
    // as when a schedule is loaded
    daemon.remember_run(&row.expect("the run"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_was_given_up_marks_its_schedule_as_stuck_until_a_run_succeeds() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::starting_at("2026-11-24T13:59:59Z".parse().expect("an instant")));
    let opened = service(folder.path(), "http://127.0.0.1:9/", &clock).await;
    let daemon = &opened.daemon;
    let stuck = async || crate::verbs::status::status(&daemon.app).await.expect("a status").schedules[0].stuck;
    failed_run(daemon, 1, RunEnd::Failed("the file is gone".to_owned())).await;
    assert!(!stuck().await && daemon.conditions().await.is_empty(), "another failure is no stuck read");
    clock.advance(Duration::from_millis(1));
    failed_run(daemon, 2, RunEnd::Stuck("the source is stuck".to_owned())).await;
    let alert = (crate::notify::AlertKind::SourceStuck, "clinic".to_owned());
    assert!(stuck().await && daemon.conditions().await.contains_key(&alert));
    clock.advance(Duration::from_secs(1));
    daemon.tick().await;
    daemon.quiet().await;
    assert!(!stuck().await && daemon.conditions().await.is_empty(), "the run of nine o'clock has read it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_only_a_person_lifts_is_an_alert_and_one_that_a_person_set_is_of_another_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let phone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/webhook/automation/clinic", phone.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let (mut stream, _) = phone.accept().expect("a call");
        let mut head = [0; 4096];
        let _length = stream.read(&mut head).expect("a request");
        let answer = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).expect("it is answered");
    });
    let clock = Arc::new(ManualClock::starting_at("2026-11-24T13:59:59Z".parse().expect("an instant")));
    let opened = service(folder.path(), &url, &clock).await;
    let daemon = &opened.daemon;
    let (now, actor) = (daemon.now(), "clinic".to_owned());
    let (schedule, reason) = (Some("clinic".to_owned()), "snow".to_owned());
    let pause = crate::ledger::Pause { schedule, reason, until: None, now, actor: actor.clone() };
    daemon.ledger.hold(HoldChange::Pause(pause)).await.expect("paused");
    let paused: Vec<_> = daemon.conditions().await.into_keys().collect();
    assert_eq!(paused, [(crate::notify::AlertKind::Paused, "clinic".to_owned())], "a person's pause");
    let resume = async || {
        let resume =
            HoldChange::Resume(Resume { reason: None, schedule: None, now: daemon.now(), actor: actor.clone() });
        daemon.ledger.hold(resume).await.expect("resumed");
    };
    resume().await;
    let one = HoldChange::Resume(Resume {
        reason: None,
        schedule: Some("clinic".to_owned()),
        now: daemon.now(),
        actor: actor.clone(),
    });
    daemon.ledger.hold(one).await.expect("resumed");
    clock.advance(Duration::from_secs(1));
    daemon.tick().await;
    daemon.quiet().await;
    let (stop, stopped) = channel::channel(false);
    let sender = daemon.app.sender.clone().expect("a sender");
    let sending = tokio::spawn(async move { sender.run(stopped).await });
    let alert = (crate::notify::AlertKind::SendingBlocked, "clinic".to_owned());
    let blocked = async {
        while !daemon.conditions().await.contains_key(&alert) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), blocked).await.expect("its credentials are refused");
    let said = daemon.conditions().await.remove(&alert).expect("the alert");
    assert!(said.contains("401"), "{said}");
    stop.send(true).expect("the sender listens");
    sending.await.expect("it ends");
    resume().await;
    assert!(daemon.conditions().await.is_empty(), "lifted: the alert ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_not_accepted_are_an_alert_before_they_expire_and_none_any_more_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::starting_at("2026-11-24T13:59:59Z".parse().expect("an instant")));
    // nobody listens there
    let opened = service(folder.path(), "http://127.0.0.1:9/", &clock).await;
    let daemon = &opened.daemon;
    clock.advance(Duration::from_secs(1));
    daemon.tick().await;
    daemon.quiet().await;
    let (stop, stopped) = channel::channel(false);
    let sender = daemon.app.sender.clone().expect("a sender");
    let at_work = Arc::clone(&sender);
    let sending = tokio::spawn(async move { at_work.run(stopped).await });
    let refused = async {
        while sender.troubles().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused).await.expect("the connection is refused");
    let problem =
        async || crate::verbs::status::status(&daemon.app).await.expect("a status").schedules[0].problem.clone();
    assert!(problem().await.is_some_and(|problem| problem.contains("are retried")), "status shows it at once");
    assert!(daemon.conditions().await.is_empty(), "a short failure is no alert");
    clock.advance(Duration::from_secs(121));
    let alert = (crate::notify::AlertKind::SendingRetried, "clinic".to_owned());
    let said = daemon.conditions().await.remove(&alert).expect("the alert");
    assert!(said.contains("connection refused") && !said.contains("0143"), "{said}");
    stop.send(true).expect("the sender listens");
    sending.await.expect("it ends");
    clock.advance(Duration::from_secs(24 * 3600));
    daemon.ledger.expire(daemon.now()).await.expect("it expires");
    assert_eq!(problem().await.filter(|problem| problem.contains("are retried")), None, "nothing is retried any more");
    assert!(daemon.conditions().await.is_empty(), "the alert ends");
}

/// The version of the schedule `second` that the ledger loaded last.
async fn loaded_version(daemon: &Daemon) -> Option<String> {
    daemon.ledger.schedules(Some("second".into())).await.expect("schedules").pop().map(|standing| standing.text_hash)
}

fn nine_in_new_york() -> jiff::Timestamp {
    "2026-11-24T14:00:00Z".parse().expect("an instant")
}

/// Polls a reload step by step. Once the ledger has loaded the new version of `second`, it is nine o'clock, and the
/// service ticks whenever the reload waits.
async fn reload_between_ticks(daemon: &Arc<Daemon>, clock: &ManualClock) -> reload_report::ReloadReport {
    let before = loaded_version(daemon).await;
    let reload = daemon.reload("clinic", std::collections::BTreeSet::new());
    tokio::pin!(reload);
    loop {
        let step = std::future::poll_fn(|context| std::task::Poll::Ready(reload.as_mut().poll(context))).await;
        if let std::task::Poll::Ready(report) = step {
            return report;
        }
        if loaded_version(daemon).await != before {
            clock.set(nine_in_new_york());
            daemon.tick().await;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_during_a_reload_neither_skips_nor_loses_a_time_of_what_is_loaded() {
    for enabled_before in [None, Some(false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::starting_at("2026-11-24T13:59:59Z".parse().expect("an instant")));
        let opened = service(folder.path(), "http://127.0.0.1:9/", &clock).await;
        let daemon = &opened.daemon;
        let second = folder.path().join("schedules/second.toml");
        if enabled_before == Some(false) {
            std::fs::write(&second, format!("enabled = false\n{SCHEDULE}")).expect("a schedule");
            daemon.reload("clinic", std::collections::BTreeSet::new()).await;
        }
        std::fs::write(&second, SCHEDULE).expect("a schedule");
        // to be reported, for which the reload waits after it has loaded the other
        std::fs::write(folder.path().join("schedules/broken.toml"), "cron = 5").expect("a file");
        let report = reload_between_ticks(daemon, &clock).await;
        assert_eq!((report.taken, report.refused), (vec!["second".to_owned()], vec!["broken".to_owned()]));
        clock.set(nine_in_new_york());
        daemon.tick().await;
        daemon.quiet().await;
        let runs = daemon.ledger.runs(RunsAsk::Latest(vec!["second".to_owned()])).await.expect("runs");
        let states: Vec<_> = runs.iter().map(|run| (run.state, run.detail.as_deref())).collect();
        assert_eq!(states, [(crate::reminder::RunState::Done, None)], "{enabled_before:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_lists_what_it_took_in_the_order_of_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::starting_at("2026-11-24T13:00:00Z".parse().expect("an instant")));
    let opened = service(folder.path(), "http://127.0.0.1:9/", &clock).await;
    let names: Vec<String> = (0..80).map(|number| format!("clinic-{number:02}")).collect();
    for name in &names {
        std::fs::write(folder.path().join(format!("schedules/{name}.toml")), SCHEDULE).expect("a schedule");
    }
    assert_eq!(opened.daemon.reload("clinic", std::collections::BTreeSet::new()).await.taken, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_reports_every_schedule_that_the_ledger_could_not_load_or_remove() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::starting_at("2026-11-24T13:00:00Z".parse().expect("an instant")));
    let opened = service(folder.path(), "http://127.0.0.1:9/", &clock).await;
    let daemon = &opened.daemon;
    std::fs::remove_file(folder.path().join("schedules/clinic.toml")).expect("it is removed");
    for name in ["first", "second"] {
        std::fs::write(folder.path().join(format!("schedules/{name}.toml")), SCHEDULE).expect("a schedule");
    }
    daemon.ledger.refuse_commits(true).await;
    let report = daemon.reload("clinic", std::collections::BTreeSet::new()).await;
    assert!(report.taken.is_empty() && report.removed.is_empty(), "{report:?}");
    let named: Vec<bool> = ["first", "second", "clinic"]
        .map(|name| report.failures.iter().any(|why| why.contains(&format!("`{name}`"))))
        .into();
    assert_eq!((named, report.failures.len(), report.answer().exit), (vec![true; 3], 3, 1), "{report:?}");
}
