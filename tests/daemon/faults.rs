//! What goes wrong around a run: its source, its code, its process, the writer, the scheduler.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tickler::audit::{Entry, Event};
use tickler::clock::{Clock, ManualClock};
use tickler::ledger::{Log, RunStart, Runs, RunsAsk};
use tickler::reminder::{RunId, RunKind, RunState};
use uuid::Uuid;

use crate::clinic::{Clinic, HEADER, at, ledger, run_lines, runs, schedule_text};
use crate::support::{Conduct, Receiver, answer, closed_port};

/// A clock moved by hand under a run that sleeps: what a sleep between two reads does.
#[derive(Debug)]
struct Sleepless {
    by_hand: Arc<ManualClock>,
    sleep: Sleep,
}

#[derive(Debug)]
enum Sleep {
    /// The time has passed at once.
    Passes,
    /// A fault in the code of a run.
    Panics,
}

#[async_trait]
impl Clock for Sleepless {
    fn now(&self) -> Timestamp {
        self.by_hand.now()
    }

    fn monotonic(&self) -> Duration {
        self.by_hand.monotonic()
    }

    async fn sleep(&self, pause: Duration) {
        match self.sleep {
            // the pauses between reads pass at once; longer ones bound requests and end by hand alone
            Sleep::Passes if pause < Duration::from_secs(5) => self.by_hand.advance(pause),
            Sleep::Passes => self.by_hand.sleep(pause).await,
            Sleep::Panics => panic!("a fault in the middle of a run"),
        }
    }

    fn is_shifted(&self) -> bool {
        true
    }
}

fn over_http(cron: &str, url: &str) -> String {
    let text = schedule_text(cron, "America/New_York", "days_before = 1\ncalling_hours = \"always\"");
    text.replace("[source.csv]\npath = \"../appointments.csv\"", &format!("[source.http]\nurl = \"{url}\""))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_answers_503_for_a_quarter_of_an_hour_is_read_at_a_quarter_past_once() {
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    let busy = Conduct::Answer(answer("503 Service Unavailable", &[], ""));
    let rows = r#"[{"id":"A-1","phone":"+12025550143","starts_at":"2026-11-25 10:00"}]"#;
    // the reads of 09:00, 09:05 and 09:10, each four times, are refused
    let mut script = vec![busy; 12];
    script.push(Conduct::Answer(answer("200 OK", &[("content-type", "application/json")], rows)));
    let crm = Receiver::start(script);
    clinic.write_schedule("day-before", &over_http("0 9 * * *", &crm.url("/appointments")));
    let opened = clinic.open_by(Arc::new(Sleepless { by_hand: clinic.clock.clone(), sleep: Sleep::Passes })).await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 1).await;
    assert_eq!((run_lines(daemon).await, crm.received().len()), (vec![WAITING.to_owned()], 4));
    while clinic.clock.now() < at("2026-11-24T14:14:59Z") {
        clinic.beat_for(daemon, 1).await;
    }
    assert_eq!((run_lines(daemon).await, crm.received().len()), (vec![WAITING.to_owned()], 12));
    clinic.beat_for(daemon, 3).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled done"]);
    clinic.beat_for(daemon, 600).await;
    assert_eq!((run_lines(daemon).await.len(), crm.received().len()), (1, 13));
    assert_eq!(clinic.called(daemon, "day-before").await, ["0143"]);
}

const WAITING: &str = "2026-11-24T14:00:00Z scheduled waiting";

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_run_is_that_runs_failure_and_the_service_goes_on() {
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    // no connection: the read is repeated after a second's sleep, which panics
    clinic.write_schedule("faulty", &over_http("0,1 9 * * *", &format!("http://{}/", closed_port())));
    clinic.write_schedule("sound", &schedule_text("0,1 9 * * *", "America/New_York", "days_before = 1"));
    let opened = clinic.open_by(Arc::new(Sleepless { by_hand: clinic.clock.clone(), sleep: Sleep::Panics })).await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 62).await;
    let mut lines: Vec<String> =
        runs(daemon).await.iter().map(|run| format!("{} {} {}", run.schedule, run.nominal_at, run.state)).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "faulty 2026-11-24T14:00:00Z failed",
            "faulty 2026-11-24T14:01:00Z failed",
            "sound 2026-11-24T14:00:00Z done",
            "sound 2026-11-24T14:01:00Z done",
        ]
    );
    assert!(daemon.under_way() == 0, "nothing is left in line");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_read_the_ledger_waits_and_is_made_as_soon_as_it_can() {
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    let always = "days_before = 1\ncalling_hours = \"always\"";
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", "America/New_York", always));
    clinic.write_table(&format!("{HEADER}A-1,+12025550143,2026-11-25 10:00,Check-up\n"));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    // what the ledger knows of persons can't be read: stands for any failure of a read alone
    let other = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("the database");
    other.execute_batch("ALTER TABLE reminder RENAME TO away").expect("it is away");
    clinic.beat_for(daemon, 30).await;
    assert_eq!(run_lines(daemon).await, [WAITING]);
    other.execute_batch("ALTER TABLE away RENAME TO reminder").expect("it is back");
    clinic.beat_for(daemon, 11).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled done"]);
    assert_eq!(clinic.called(daemon, "day-before").await, ["0143"]);
}

/// A service that was killed in the middle of its nine o'clock run: the row is there, the run isn't over.
async fn killed_in_its_run(clinic: &Clinic) -> RunId {
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    let schedule = Arc::clone(&daemon.app.folder().schedules["day-before"]);
    let start = RunStart {
        id: RunId(Uuid::from_u128(9)),
        schedule: schedule.name.clone(),
        nominal_at: at("2026-11-24T14:00:00Z"),
        kind: RunKind::Scheduled,
        started_at: at("2026-11-24T14:00:00Z"),
        text_hash: schedule.text_hash.clone(),
        text: schedule.text.clone(),
        zone_rules: daemon.app.env.zones.version().to_owned(),
        actor: "service".to_owned(),
    };
    ledger(daemon).begin_run(start).await.expect("a ledger").expect("begun")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_crash_ended_goes_on_under_its_id_while_it_is_young() {
    let cases: [(&str, &str, &[&str]); 3] = [
        ("0 9 * * *", "2026-11-24T19:59:58Z", &["2026-11-24T14:00:00Z catch_up done"]),
        ("0 9 * * *", "2026-11-24T20:00:01Z", &["2026-11-24T14:00:00Z scheduled failed"]),
        (
            "0 9,10,11 * * *",
            "2026-11-24T16:30:00Z",
            &[
                "2026-11-24T14:00:00Z catch_up done",
                "2026-11-24T15:00:00Z scheduled missed",
                "2026-11-24T16:00:00Z catch_up done",
            ],
        ),
    ];
    for (cron, back_at, becomes) in cases {
        let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
        clinic.write_schedule("day-before", &schedule_text(cron, "America/New_York", "days_before = 1"));
        let run = killed_in_its_run(&clinic).await;
        clinic.clock.set(at(back_at));
        let opened = clinic.open().await;
        clinic.beat_for(&opened.daemon, 3).await;
        let mut lines = run_lines(&opened.daemon).await;
        lines.sort();
        assert_eq!(lines, becomes, "{cron}, back at {back_at}");
        let row = ledger(&opened.daemon).runs(RunsAsk::Id(run)).await.expect("a look").pop().expect("the same row");
        assert_eq!(row.nominal_at, at("2026-11-24T14:00:00Z"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_open_at_three_deaths_of_the_service_fails_as_crashed_and_is_not_evaluated_again() {
    let clinic = Clinic::at("2026-11-24T14:00:00Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", "America/New_York", "days_before = 1"));
    clinic.write_table(&format!("{HEADER}A-1,+12025550143,2026-11-25 10:00,Check-up\n"));
    let run = killed_in_its_run(&clinic).await;
    for death in 1..=3 {
        let opened = clinic.open().await;
        let found = ledger(&opened.daemon).runs(RunsAsk::Id(run)).await.expect("a look").pop().expect("the same row");
        let expected = if death < 3 { RunState::Running } else { RunState::Failed };
        assert_eq!((found.state, found.crashes), (expected, death), "at the start after death {death}");
    }
    let opened = clinic.open().await;
    clinic.beat_for(&opened.daemon, 3).await;
    assert_eq!(run_lines(&opened.daemon).await, ["2026-11-24T14:00:00Z scheduled failed"]);
    let log = crate::clinic::log(&opened.daemon).await;
    let crashed: Vec<_> = log.iter().filter(|row| row.reason.as_deref() == Some("crashed")).collect();
    assert!(crashed.len() == 1 && crashed[0].event == Event::RunFinished, "{crashed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_orderly_stops_left_open_goes_on_however_many_they_were() {
    let clinic = Clinic::at("2026-11-24T14:00:00Z").await;
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", "America/New_York", "days_before = 1"));
    let run = killed_in_its_run(&clinic).await;
    for _stop in 0..5 {
        let opened = clinic.open().await;
        let stopped = Entry::new(clinic.clock.now(), Event::ServiceStopped);
        ledger(&opened.daemon).append(vec![stopped]).await.expect("it is written");
    }
    let opened = clinic.open().await;
    clinic.beat_for(&opened.daemon, 3).await;
    assert_eq!(run_lines(&opened.daemon).await, ["2026-11-24T14:00:00Z catch_up done"]);
    let found = ledger(&opened.daemon).runs(RunsAsk::Id(run)).await.expect("a look").pop().expect("the same row");
    assert_eq!(found.crashes, 1, "the death before the stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_plans_while_its_file_goes_is_cancelled_with_the_rest() {
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    let waits = "days_before = 1\ncalling_hours = \"12:00-13:00\"";
    clinic.write_schedule("day-before", &schedule_text("0 9 * * *", "America/New_York", waits));
    clinic.write_table(&format!("{HEADER}A-1,+12025550143,2026-11-25 10:00,Check-up\n"));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.clock.advance(Duration::from_secs(1));
    daemon.tick().await;
    std::fs::remove_file(clinic.schedule_file("day-before")).expect("the file goes");
    daemon.reload("clinic", std::collections::BTreeSet::new()).await;
    daemon.quiet().await;
    assert_eq!(ledger(daemon).tally().await.expect("counts").pending, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_starves_while_the_writer_hangs() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    assert!(daemon.vitals.are_live().await);
    // somebody else holds the database: the writer waits for it in the middle of a row
    let other = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("the database");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    let writing = tokio::spawn({
        let (ledger, now) = (ledger(daemon), clinic.clock.now());
        async move { ledger.append(vec![Entry::new(now, Event::ServiceStarted)]).await }
    });
    let looking = tokio::spawn({
        let daemon = Arc::clone(daemon);
        async move { daemon.vitals.are_live().await }
    });
    while !looking.is_finished() {
        daemon.vitals.tick();
        clinic.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert!(!looking.await.expect("a look"), "the heart beats and the writer hangs");
    other.execute_batch("ROLLBACK").expect("let go");
    let _late_or_given_up = writing.await.expect("the writer answers");
    daemon.vitals.tick();
    assert!(daemon.vitals.are_live().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_falls_silent_is_replaced_by_a_plain_timer_and_told() {
    let clinic = Clinic::at("2026-11-24T13:59:00Z").await;
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    let beating = tokio::spawn(tickler::daemon::ticker::run(Arc::clone(daemon)));
    // no beat within six seconds: by this clock the scheduler, which beats by the machine's, has fallen silent
    while !daemon.vitals.is_stand_in() {
        clinic.clock.advance(Duration::from_secs(6));
        tokio::task::yield_now().await;
    }
    assert!(daemon.status_line().starts_with("FAULT: the scheduler stopped"), "{}", daemon.status_line());
    // by this clock a beat within the last second can only be the timer's
    let mut looks = 0;
    while daemon.vitals.silence() >= Duration::from_secs(1) || looks == 0 {
        looks += 1;
        assert!(looks < 100_000, "the timer doesn't beat");
        clinic.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert!(daemon.vitals.are_live().await, "a fault, and not the end");
    beating.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_runs_are_begun_though_no_more_than_64_sources_are_read_at_once() {
    let crm = Receiver::start(vec![Conduct::Hang]);
    let clinic = Clinic::at("2026-11-24T13:59:59Z").await;
    let text = over_http("0 9 * * *", &crm.url("/appointments"));
    let many: usize = 100;
    for number in 0..many {
        clinic.write_schedule(&format!("s-{number}"), &text);
    }
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.clock.advance(Duration::from_secs(1));
    daemon.tick().await;
    let as_many_as_may_are_reading = async {
        while crm.connections() < 64 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), as_many_as_may_are_reading).await.expect("sources are read");
    let begun = ledger(daemon).runs(RunsAsk::Open).await.expect("open runs");
    let nominal = at("2026-11-24T14:00:00Z");
    assert!(begun.iter().all(|run| run.nominal_at == nominal && run.state == RunState::Running), "{begun:?}");
    assert_eq!((begun.len(), daemon.under_way()), (many, many), "every row is there, and no run is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_units_status_names_a_schedule_whose_last_run_failed_until_one_succeeds() {
    let clinic = Clinic::at("2026-11-24T13:59:58Z").await;
    clinic.write_schedule(
        "day-before",
        &schedule_text("0 9,10 * * *", "America/New_York", "days_before = 1\ncalling_hours = \"always\""),
    );
    clinic.write_table("other,columns\n1,2\n");
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 3).await;
    let line = daemon.status_line();
    assert!(line.contains("the last run of day-before failed or is held"), "{line}");
    clinic.write_table(&format!("{HEADER}A-1,+12025550143,2026-11-25 10:00,Check-up\n"));
    clinic.clock.set(at("2026-11-24T14:59:59Z"));
    clinic.beat_for(daemon, 3).await;
    let line = daemon.status_line();
    assert!(!line.contains("last run"), "{line}");
}
