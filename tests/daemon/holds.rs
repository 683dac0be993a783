//! Whoever asks whether anybody may be called hears the same: the sender, whoever waits for it, the heartbeat, the verbs.

use std::sync::Arc;
use std::time::Duration;

use tickler::daemon::runs::Daemon;
use tickler::daemon::startup::open;
use tickler::delivery::DeliveryScope;
use tickler::ledger::Outbox;
use tickler::settings::Rate;
use tickler::targets;
use tickler::verbs::{VerbError, doctor, explain, status, test_call, trigger};

use crate::clinic::{Clinic, HEADER, at, ledger, run_lines, schedule_text};

const NAME: &str = "day-before";
const TABLE: &str = "A-1,+12025550143,2026-11-25 10:00,Check-up\nA-2,+12025550144,2026-11-25 11:00,Check-up\n";

/// One state of what holds calls back, and whether it keeps the schedule from running, and from sending.
struct Case {
    name: &'static str,
    set: fn(&Clinic, &Daemon),
    runs: bool,
    sends: bool,
}

fn stop(clinic: &Clinic, _: &Daemon) {
    std::fs::write(clinic.path().join("STOP"), "").expect("a stop file");
}

/// A name that leads to itself: whether there is such a file can't be said.
fn unlookable(clinic: &Clinic, _: &Daemon) {
    std::os::unix::fs::symlink("STOP", clinic.path().join("STOP")).expect("a link");
}

fn in_ledger(clinic: &Clinic, statement: &str) {
    let ledger = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("it opens");
    ledger.execute_batch(statement).expect("it is written");
}

fn paused(clinic: &Clinic, schedule: &str, until: &str) {
    in_ledger(
        clinic,
        &format!(
            "INSERT INTO pause (schedule, since, until, reason, actor) VALUES ('{schedule}', 0, {until}, 'snow', 'maria')"
        ),
    );
}

fn credentials(daemon: &Daemon) -> String {
    let schedule = daemon.app.schedule(NAME).expect("it is loaded");
    let account = daemon.app.settings.accounts.get(schedule.target.account());
    targets::open(&schedule, account, &daemon.app.env.secrets).expect("a target").credentials()
}

fn refused(clinic: &Clinic, daemon: &Daemon, credentials: &str) {
    let account = daemon.app.schedule(NAME).expect("it is loaded").target.account().to_owned();
    in_ledger(
        clinic,
        &format!(
            "INSERT INTO account (name, refused_credentials) VALUES ('{account}', '{credentials}') \
            ON CONFLICT (name) DO UPDATE SET refused_credentials = excluded.refused_credentials"
        ),
    );
}

const LONG_AGO: &str = "1000000";

fn cases() -> [Case; 11] {
    let free = |name, set| Case { name, set, runs: true, sends: true };
    let held = |name, set| Case { name, set, runs: false, sends: false };
    let unsent = |name, set| Case { name, set, runs: true, sends: false };
    [
        free("nothing", |_, _| {}),
        held("a STOP file", stop),
        held("a STOP file that can't be looked for", unlookable),
        held("everything paused", |clinic, _| paused(clinic, "", "NULL")),
        free("a pause of everything that has ended", |clinic, _| paused(clinic, "", LONG_AGO)),
        held("paused", |clinic, _| paused(clinic, NAME, "NULL")),
        free("a pause that has ended", |clinic, _| paused(clinic, NAME, LONG_AGO)),
        free("a pause of another one", |clinic, _| paused(clinic, "other", "NULL")),
        unsent("target paused", |clinic, _| {
            in_ledger(clinic, "INSERT INTO target (schedule, forbidden, paused) VALUES ('day-before', 3, 1)");
        }),
        unsent("credentials refused", |clinic, daemon| refused(clinic, daemon, &credentials(daemon))),
        free("other credentials refused", |clinic, daemon| refused(clinic, daemon, "others")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_ask_whether_anybody_may_be_called_hear_the_same() {
    for case in cases() {
        let clinic = Clinic::at("2026-11-24T13:59:58Z").await;
        clinic.write_schedule(
            NAME,
            &schedule_text("0 9,10 * * *", "America/New_York", "days_before = 1\ncalling_hours = \"always\""),
        );
        clinic.write_table(&format!("{HEADER}{TABLE}"));
        let mut settings = clinic.settings();
        // whoever waits for a slot waits for this clock to be moved
        settings.accounts.values_mut().for_each(|account| account.rate = Rate::Unlimited);
        let opened = open(settings, clinic.clock.clone()).await.expect("a service");
        clinic.beat_for(&opened.daemon, 3).await;
        clinic.write_table(&format!("{HEADER}{TABLE}A-3,+12025550145,2026-11-25 12:00,Check-up\n"));
        (case.set)(&clinic, &opened.daemon);
        agree(&clinic, &opened.daemon, &case).await;
    }
}

async fn agree(clinic: &Clinic, daemon: &Arc<Daemon>, case: &Case) {
    let (app, name) = (&daemon.app, case.name);
    let screen = status::status(app).await.expect("a screen");
    let says_so = screen.problems.iter().any(|problem| ["paused", "STOP"].iter().any(|word| problem.contains(word)));
    assert_eq!(says_so, !case.sends, "{name}: {:?}", screen.problems);
    let is_stopped = name.contains("STOP");
    assert_eq!(screen.stop_file.is_some(), is_stopped, "{name}");
    let findings = doctor::doctor(app, &std::collections::HashSet::new()).await.findings;
    assert_eq!(findings.iter().any(|found| found.detail.contains("STOP")), is_stopped, "{name}: {findings:?}");

    let asked = explain::explain(app, NAME, "A-3").await.expect("an explanation");
    assert_eq!(asked.reason.as_deref() == Some("paused"), !case.sends, "{name}: {asked:?}");

    let ask = test_call::TestCallAsk { schedule: NAME.to_owned(), to: "+12025550199".into(), wait: None };
    let tried = test_call::test_call(app, "maria", &ask).await;
    match &tried {
        Ok(_) => assert!(case.sends, "{name}: a test call was made"),
        Err(refusal) => assert!(!case.sends && matches!(refusal, VerbError::Unsafe(_)), "{name}: {refusal}"),
    }

    delivered(daemon, name).await;
    let called = clinic.received.lock().expect("the list").iter().filter(|event| event.phone_last4.is_some()).count();
    assert_eq!(called, if case.sends { 3 } else { 0 }, "{name}: the test call and two reminders");

    let asked = trigger::TriggerAsk {
        schedule: NAME.to_owned(),
        only: None,
        rehearsed: tickler::plan::Rehearsed::CountAsMade,
        wait: Duration::ZERO,
    };
    match trigger::trigger(app, "maria", asked).await {
        // credentials may have changed by the time of sending: the sender asks, and the answer says so
        Ok(answer) => assert_eq!(answer.paused, !case.sends, "{name}"),
        Err(refusal) => assert!(!case.sends && matches!(refusal, VerbError::Unsafe(_)), "{name}: {refusal}"),
    }

    clinic.beat_at(daemon, "2026-11-24T15:00:00Z").await;
    let last = run_lines(daemon).await.pop().expect("a run");
    let end = if case.runs { "catch_up done" } else { "scheduled skipped" };
    assert_eq!(last, format!("2026-11-24T15:00:00Z {end}"), "{name}");
}

/// Waits as somebody does who asks for a delivery: when nothing can be sent there is nothing to wait for.
async fn delivered(daemon: &Daemon, name: &str) {
    let sender = Arc::clone(daemon.app.sender.as_ref().expect("a service sends"));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn({
        let sender = Arc::clone(&sender);
        async move { sender.run(stopped).await }
    });
    tokio::task::yield_now().await;
    let scope = DeliveryScope { schedule: NAME.to_owned(), only: None };
    let waiting = sender.deliver(&scope, Duration::ZERO);
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("{name}: it waits in vain"))
        .expect("a ledger that works");
    stop.send_replace(true);
    running.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_stands_in_status_for_a_day() {
    let clinic = Clinic::at("2026-11-24T13:59:58Z").await;
    let remind = "days_before = 1\ncalling_hours = \"always\"\nmax_lateness = \"1h\"";
    clinic.write_schedule(NAME, &schedule_text("0 9 * * *", "America/New_York", remind));
    clinic.write_table(&format!("{HEADER}{TABLE}"));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 3).await;
    let expired = async |now: &str| {
        clinic.clock.set(at(now));
        ledger(daemon).expire(at(now)).await.expect("it is written");
        let problems = status::status(&daemon.app).await.expect("a screen").problems;
        problems.into_iter().find(|problem| problem.contains("expired"))
    };
    assert_eq!(expired("2026-11-24T14:30:00Z").await, None);
    for now in ["2026-11-24T15:00:30Z", "2026-11-25T14:59:00Z"] {
        assert!(expired(now).await.is_some_and(|problem| problem.starts_with("2 expired within a day")), "{now}");
    }
    assert_eq!(expired("2026-11-25T15:01:00Z").await, None);
}
