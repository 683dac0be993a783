//! The service over a real ledger, real files and a real socket, its clock moved by hand.

#[path = "daemon/clinic.rs"]
mod clinic;
#[path = "daemon/faults.rs"]
mod faults;
#[path = "daemon/folder.rs"]
mod folder;
#[path = "daemon/holds.rs"]
mod holds;
#[path = "daemon/reloading.rs"]
mod reloading;
#[path = "daemon/steps.rs"]
mod steps;
#[path = "support/mod.rs"]
mod support;
#[path = "daemon/telling.rs"]
mod telling;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clinic::{Clinic, HEADER, at, beat, count, ledger, run_lines, runs, schedule_text};
use jiff::{SignedDuration, Timestamp};
use tickler::audit::Event;
use tickler::clock::Clock;
use tickler::ledger::{HoldChange, Outbox, Pause, Resume};
use tickler::reminder::RunState;

const NEW_YORK: &str = "America/New_York";
const DAY_BEFORE: &str = "days_before = 1\ncalling_hours = \"always\"";
const TOMORROW: &str = "A-1,+12025550143,2026-11-25 10:00,Check-up\n";

fn table(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_fires_at_nine_in_its_own_zone() {
    let clinic = Clinic::at("2026-11-24T13:59:58Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE));
    clinic.write_table(&table(TOMORROW));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 1).await;
    assert_eq!(run_lines(daemon).await, [""; 0]);
    clinic.beat_for(daemon, 3).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled done"]);
    assert_eq!(clinic.called(daemon, "day-before").await, ["0143"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_down_across_its_run_makes_up_for_it_once_and_calls() {
    let clinic = Clinic::at("2026-11-24T13:55:00Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE));
    clinic.write_table(&table(TOMORROW));
    drop(clinic.open().await);
    clinic.clock.set(at("2026-11-24T18:10:00Z"));
    let opened = clinic.open().await;
    clinic.beat_for(&opened.daemon, 3).await;
    assert_eq!(run_lines(&opened.daemon).await, ["2026-11-24T14:00:00Z catch_up done"]);
    assert_eq!(clinic.called(&opened.daemon, "day-before").await, ["0143"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_schedule_starts_at_its_loading_never_retroactively() {
    let clinic = Clinic::at("2026-11-24T14:00:01Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE));
    let opened = clinic.open().await;
    clinic.beat_for(&opened.daemon, 3).await;
    assert_eq!(run_lines(&opened.daemon).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_days_asleep_run_the_latest_and_record_the_older_as_missed() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 1).await;
    clinic.beat_at(daemon, "2026-11-27T15:00:00Z").await;
    let mut lines = run_lines(daemon).await;
    lines.sort();
    assert_eq!(
        lines,
        [
            "2026-11-24T14:00:00Z scheduled missed",
            "2026-11-25T14:00:00Z scheduled missed",
            "2026-11-26T14:00:00Z scheduled missed",
            "2026-11-27T14:00:00Z catch_up done",
        ]
    );
    assert_eq!(count(daemon, Event::ClockJumped).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_comes_late_is_read_at_the_next_five_minutes_once() {
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE));
    clinic.remove_table();
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 1).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled waiting"]);
    clinic.beat_at(daemon, "2026-11-24T15:39:59Z").await;
    clinic.beat_for(daemon, 1).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled waiting"], "10:40, and it isn't there");
    clinic.write_table(&table(TOMORROW));
    clinic.clock.advance(Duration::from_secs(4 * 60 + 59));
    beat(daemon).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled waiting"], "not before 10:45");
    clinic.beat_for(daemon, 3).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled done"]);
    assert_eq!(clinic.called(daemon, "day-before").await, ["0143"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_run_is_read_again_at_a_start_and_fails_when_it_is_too_old() {
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE));
    clinic.remove_table();
    let opened = clinic.open().await;
    clinic.beat_for(&opened.daemon, 1).await;
    clinic.leave(opened).await;
    clinic.clock.set(at("2026-11-24T14:01:00Z"));
    let opened = clinic.open().await;
    clinic.beat_for(&opened.daemon, 1).await;
    assert_eq!(run_lines(&opened.daemon).await, ["2026-11-24T14:00:00Z scheduled waiting"]);
    clinic.beat_at(&opened.daemon, "2026-11-24T20:00:01Z").await;
    assert_eq!(run_lines(&opened.daemon).await, ["2026-11-24T14:00:00Z scheduled failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn daylight_saving_neither_doubles_nor_drops_a_daily_run() {
    let cases = [
        ("30 2 * * *", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z"),
        ("30 1 * * *", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z"),
        ("0 9 * * *", "2026-03-08T12:00:00Z", "2026-03-08T13:00:00Z"),
        ("0 9 * * *", "2026-11-01T12:00:00Z", "2026-11-01T14:00:00Z"),
    ];
    for (cron, start, nominal) in cases {
        let clinic = Clinic::at(start).await;
        clinic.write_schedule("day-before", &schedule_text(cron, NEW_YORK, DAY_BEFORE));
        let opened = clinic.open().await;
        for _minute in 0..4 * 60 {
            clinic.clock.advance(Duration::from_secs(20));
            clinic.clock.set(clinic.clock.now() + SignedDuration::from_secs(40));
            beat(&opened.daemon).await;
        }
        let times: Vec<Timestamp> = runs(&opened.daemon).await.iter().map(|run| run.nominal_at).collect();
        assert_eq!(times, [at(nominal)], "{cron} from {start}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_skips_and_its_end_makes_up_for_the_latest() {
    let clinic = Clinic::at("2026-11-24T13:59:58Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9,10 * * *", NEW_YORK, DAY_BEFORE));
    clinic.write_table(&table(TOMORROW));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    let pause = Pause {
        schedule: None,
        reason: "a fire drill".to_owned(),
        until: None,
        now: clinic.clock.now(),
        actor: "clinic".to_owned(),
    };
    ledger(daemon).hold(HoldChange::Pause(pause)).await.expect("paused");
    clinic.beat_for(daemon, 3).await;
    clinic.beat_at(daemon, "2026-11-24T15:00:00Z").await;
    let skipped = ["2026-11-24T14:00:00Z scheduled skipped", "2026-11-24T15:00:00Z scheduled skipped"];
    assert_eq!(run_lines(daemon).await, skipped);
    ledger(daemon)
        .hold(HoldChange::Resume(Resume {
            reason: None,
            schedule: None,
            now: clinic.clock.now(),
            actor: "clinic".to_owned(),
        }))
        .await
        .expect("resumed");
    clinic.beat_for(daemon, 3).await;
    let after: BTreeSet<String> = run_lines(daemon).await.into_iter().collect();
    assert!(after.contains("2026-11-24T14:00:00Z scheduled skipped"), "{after:?}");
    assert!(after.contains("2026-11-24T15:00:00Z catch_up done"), "{after:?}");
    assert_eq!(clinic.called(daemon, "day-before").await, ["0143"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_file_pauses_and_a_restart_after_its_end_makes_up() {
    let clinic = Clinic::at("2026-11-24T13:59:58Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE));
    clinic.write_table(&table(TOMORROW));
    let opened = clinic.open().await;
    std::fs::write(clinic.path().join("STOP"), "").expect("a stop file");
    clinic.beat_for(&opened.daemon, 3).await;
    assert_eq!(run_lines(&opened.daemon).await, ["2026-11-24T14:00:00Z scheduled skipped"]);
    clinic.leave(opened).await;
    std::fs::remove_file(clinic.path().join("STOP")).expect("the stop file goes");
    let opened = clinic.open().await;
    clinic.beat_for(&opened.daemon, 2).await;
    assert_eq!(run_lines(&opened.daemon).await, ["2026-11-24T14:00:00Z catch_up done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_schedule_is_not_made_up_for_when_it_is_enabled() {
    let clinic = Clinic::at("2026-11-24T13:59:58Z").await;
    let text = schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE);
    clinic.write_schedule("day-before", &format!("enabled = false\n{text}"));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 3).await;
    clinic.write_schedule("day-before", &text);
    daemon.reload("clinic", BTreeSet::new()).await;
    clinic.beat_for(daemon, 3).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled skipped"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_keeps_its_last_good_version_and_the_others_are_taken() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    let good = schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE);
    clinic.write_schedule("first", &good);
    clinic.write_schedule("second", &good);
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.write_schedule("first", &good[..good.len() / 2]);
    clinic.write_schedule("second", &schedule_text("0 10 * * *", NEW_YORK, DAY_BEFORE));
    let reloaded = daemon.reload("clinic", BTreeSet::new()).await;
    assert_eq!(
        (reloaded.taken.as_slice(), reloaded.refused.as_slice()),
        (&["second".to_owned()][..], &["first".to_owned()][..])
    );
    assert_eq!(reloaded.answer().exit, 78);
    let _told_once = daemon.reload("clinic", BTreeSet::new()).await;
    assert_eq!(count(daemon, Event::ConfigRejected).await, 1);
    clinic.beat_at(daemon, "2026-11-24T15:00:00Z").await;
    let lines: BTreeSet<String> =
        runs(daemon).await.iter().map(|run| format!("{} {}", run.schedule, run.nominal_at)).collect();
    let both = ["first 2026-11-24T14:00:00Z", "second 2026-11-24T15:00:00Z"].map(str::to_owned);
    assert_eq!(lines, BTreeSet::from(both));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_file_stops_its_schedule_and_cancels_what_waits() {
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    let waits = "days_before = 1\ncalling_hours = \"12:00-13:00\"";
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", NEW_YORK, waits));
    clinic.write_table(&table(TOMORROW));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 1).await;
    assert_eq!(ledger(daemon).tally().await.expect("counts").pending, 1);
    std::fs::remove_file(clinic.schedule_file("day-before")).expect("the file goes");
    let reloaded = daemon.reload("clinic", BTreeSet::new()).await;
    assert_eq!((reloaded.removed.as_slice(), reloaded.answer().exit), (&["day-before".to_owned()][..], 0));
    assert_eq!(ledger(daemon).tally().await.expect("counts").pending, 0);
    clinic.beat_at(daemon, "2026-11-25T14:00:00Z").await;
    assert_eq!(runs(daemon).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_being_written_is_neither_taken_nor_gone() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    let text = schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE);
    clinic.write_schedule("day-before", &text);
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    std::fs::remove_file(clinic.schedule_file("day-before")).expect("the file goes for a moment");
    clinic.write_schedule("other", &text);
    let restless = BTreeSet::from(["day-before".to_owned(), "other".to_owned()]);
    let reloaded = daemon.reload("service", restless).await;
    assert!(reloaded.taken.is_empty() && reloaded.removed.is_empty(), "{reloaded:?}");
    assert_eq!(daemon.app.folder().schedules.keys().collect::<Vec<_>>(), ["day-before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_is_turned_away_and_disturbs_nothing() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    let opened = clinic.open().await;
    let error = tickler::daemon::startup::open(clinic.settings(), clinic.clock.clone()).await.err().expect("busy");
    assert_eq!(error.exit().code(), 75);
    assert!(clinic.settings().socket.exists(), "the first one's socket is still there");
    assert!(opened.daemon.vitals.are_live().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_is_fed_only_while_the_heart_beats() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    let (fed, mut meals) = tokio::sync::mpsc::unbounded_channel();
    let feeding = {
        let daemon = Arc::clone(daemon);
        let clock = clinic.clock.clone();
        tokio::spawn(async move {
            let food = || async { fed.send(()).expect("the test listens") };
            tickler::daemon::systemd::feed(&daemon.vitals, clock.as_ref(), Duration::from_secs(9), food).await;
        })
    };
    meals.recv().await.expect("fed at once");
    clinic.clock.advance(Duration::from_secs(16));
    assert!(!daemon.vitals.are_live().await, "sixteen seconds without a beat");
    for _look in 0..100 {
        clinic.clock.advance(Duration::from_secs(3));
        tokio::task::yield_now().await;
    }
    assert!(meals.try_recv().is_err(), "fed without a heartbeat");
    let mut is_fed = false;
    for _look in 0..100_000 {
        daemon.tick().await;
        clinic.clock.advance(Duration::from_secs(3));
        tokio::task::yield_now().await;
        is_fed |= meals.try_recv().is_ok();
        if is_fed {
            break;
        }
    }
    assert!(is_fed, "the heart beats again");
    feeding.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_schedules_due_in_one_second_all_start() {
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    let many = if cfg!(debug_assertions) { 500 } else { 10_000 };
    for number in 0..many {
        clinic.write_schedule(&format!("s-{number}"), &schedule_text("0 9 * * *", NEW_YORK, DAY_BEFORE));
    }
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.clock.advance(Duration::from_secs(1));
    // while another program writes, no run can be recorded, so none can end before they are counted
    let other = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("the database");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is locked");
    daemon.tick().await;
    assert_eq!(daemon.under_way(), many, "the tick has started them all and waited for none");
    other.execute_batch("ROLLBACK").expect("it is free");
    daemon.quiet().await;
    let done = runs(daemon).await.iter().filter(|run| run.state == RunState::Done).count();
    assert_eq!(done, many);
}
