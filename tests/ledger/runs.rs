//! A nominal time is evaluated once.

use tickler::audit::AuditFilter;
use tickler::ledger::*;
use tickler::reminder::{RunKind, RunState};

use crate::calls::*;
use crate::makers;

fn loaded(cron: &str, now: jiff::Timestamp) -> LoadedSchedule {
    LoadedSchedule {
        name: SCHEDULE.to_owned(),
        cron: cron.to_owned(),
        timezone: "America/New_York".to_owned(),
        enabled: true,
        text_hash: "abc".to_owned(),
        text: "text".to_owned(),
        now,
        actor: "service".to_owned(),
    }
}

#[tokio::test]
async fn a_nominal_time_is_evaluated_once_and_moves_the_cursor() {
    for maker in makers() {
        let ledger = maker.open();
        ledger.load_schedule(loaded("0 9 * * *", at(0))).await.expect("loaded");
        let begin = async |kind| ledger.begin_run(run_start(SCHEDULE, kind, at(60))).await.expect("it answers");
        let first = begin(RunKind::Scheduled).await.expect("the first begins");
        assert_eq!(begin(RunKind::CatchUp).await, Some(first), "one found running is taken up under its id");
        let done = record(first, at(61), RunEnd::Planned(Box::default()));
        ledger.record_run(done).await.expect("it is over");
        assert_eq!(begin(RunKind::Scheduled).await, None);
        assert!(begin(RunKind::Trigger).await.is_some_and(|id| id != first));
        let standing = ledger.schedules(None).await.expect("read").remove(0);
        assert_eq!((standing.cursor, standing.previous_evaluation), (at(60), Some(at(60))));
    }
}

#[tokio::test]
async fn a_changed_cron_starts_anew_and_any_other_edit_keeps_the_cursor() {
    for maker in makers() {
        let ledger = maker.open();
        let load = async |schedule| ledger.load_schedule(schedule).await.expect("loaded").cursor;
        assert_eq!(load(loaded("0 9 * * *", at(0))).await, at(0));
        let edited = LoadedSchedule { text_hash: "def".to_owned(), ..loaded("0 9 * * *", at(10)) };
        assert_eq!(load(edited).await, at(0));
        assert_eq!(load(loaded("0 10 * * *", at(20))).await, at(20));
        let id = one_pending(&ledger).await;
        assert_eq!(ledger.remove_schedule(SCHEDULE, at(30), "service").await, Ok(1));
        assert_eq!(state(&ledger, id).await, tickler::reminder::State::Cancelled);
        assert_eq!(ledger.schedules(None).await.expect("read").len(), 0);
        assert_eq!(load(loaded("0 10 * * *", at(40))).await, at(40));
    }
}

#[tokio::test]
async fn a_missed_time_fires_only_when_the_clock_went_back_and_a_paused_one_is_made_up_for() {
    for maker in makers() {
        let ledger = maker.open();
        ledger.load_schedule(loaded("0 9 * * *", at(0))).await.expect("loaded");
        let pass = async |times: Vec<(jiff::Timestamp, RunState, String)>, cursor| {
            let passed = PassedOver { schedule: SCHEDULE.to_owned(), folded: Vec::new(), times, cursor, now: at(200) };
            ledger.pass_over(passed).await.expect("passed over");
        };
        let begin =
            async |kind, second| ledger.begin_run(run_start(SCHEDULE, kind, at(second))).await.expect("answers");
        let missed = (at(60), RunState::Missed, "down".to_owned());
        let paused = (at(120), RunState::Skipped, "paused".to_owned());
        pass(vec![missed, paused], at(120)).await;
        assert_eq!(begin(RunKind::CatchUp, 60).await, None);
        assert_eq!(begin(RunKind::Scheduled, 120).await, None);
        assert!(begin(RunKind::CatchUp, 120).await.is_some());
        pass(Vec::new(), at(30)).await;
        assert!(begin(RunKind::Scheduled, 60).await.is_some(), "it lies ahead again");
        assert_eq!(count_of(&ledger, "run.missed").await, 1);
        assert_eq!(count_of(&ledger, "run.skipped").await, 1);
    }
}

#[tokio::test]
async fn many_missed_times_are_one_row_that_counts_those_without_a_row_of_their_own() {
    for maker in makers() {
        let ledger = maker.open();
        ledger.load_schedule(loaded("0 9 * * *", at(0))).await.expect("loaded");
        ledger.begin_run(run_start(SCHEDULE, RunKind::Scheduled, at(3))).await.expect("answers");
        let folded = FoldedTimes { first: at(1), last: at(50), count: 50, state: RunState::Missed, why: "down" };
        let times = vec![(at(51), RunState::Missed, "down".to_owned())];
        let (cursor, now) = (at(51), at(60));
        let passed = PassedOver { schedule: SCHEDULE.to_owned(), folded: vec![folded], times, cursor, now };
        ledger.pass_over(passed).await.expect("passed over");
        let filter = AuditFilter { event: Some("run.missed".to_owned()), ..AuditFilter::default() };
        let rows = ledger.audit(filter).await.expect("read");
        let details: Vec<&str> = rows.iter().filter_map(|row| row.detail.as_deref()).collect();
        let many = format!("49 nominal times from {} to {}", at(1), at(50));
        assert_eq!(details, [many, format!("nominal time {}", at(51))]);
    }
}

#[tokio::test]
async fn a_waiting_run_is_open_over_restarts_and_told_once() {
    for maker in makers() {
        let ledger = maker.open();
        let start = run_start(SCHEDULE, RunKind::Scheduled, at(60));
        let run = ledger.begin_run(start.clone()).await.expect("it begins").expect("a run");
        ledger.postpone_run(run, at(61), "503").await.expect("it waits");
        drop(ledger);
        let ledger = maker.open();
        let open = ledger.open_runs().await.expect("read");
        assert_eq!((open.len(), open[0].state, open[0].detail.as_deref()), (1, RunState::Waiting, Some("503")));
        assert_eq!(ledger.begin_run(start).await, Ok(Some(run)));
        assert_eq!(count_of(&ledger, "run.started").await, 1);
        ledger.record_run(record(run, at(70), RunEnd::Planned(Box::default()))).await.expect("it is over");
        assert_eq!(ledger.open_runs().await.expect("read").len(), 0);
    }
}

#[tokio::test]
async fn one_schedule_is_known_by_its_name_with_its_text_and_its_pause_until_it_is_removed() {
    for maker in makers() {
        let ledger = maker.open();
        ledger.load_schedule(loaded("0 9 * * *", at(0))).await.expect("loaded");
        let other = LoadedSchedule { name: "other".to_owned(), ..loaded("0 9 * * *", at(0)) };
        ledger.load_schedule(other).await.expect("loaded");
        let pause = Pause {
            schedule: Some(SCHEDULE.to_owned()),
            reason: "a fire drill".to_owned(),
            until: Some(at(90)),
            now: at(1),
            actor: "clinic".to_owned(),
        };
        ledger.pause(pause).await.expect("paused");
        let holds = || ledger.holds(Machine::default());
        assert_eq!(holds().await.expect("read").all, None);
        let everything =
            Pause { schedule: None, reason: "snow".to_owned(), until: None, now: at(2), actor: "clinic".to_owned() };
        ledger.pause(everything).await.expect("paused");
        let holds = holds().await.expect("read");
        assert_eq!(holds.all.map(|pause| pause.reason).as_deref(), Some("snow"));
        assert_eq!(holds.schedules.keys().collect::<Vec<_>>(), [SCHEDULE]);
        let paused = &holds.schedules[SCHEDULE];
        assert_eq!((paused.since, paused.until, paused.reason.as_str()), (at(1), Some(at(90)), "a fire drill"));
        let known = ledger.schedule(SCHEDULE).await.expect("read").expect("it is known");
        let all = ledger.schedules(None).await.expect("read");
        assert_eq!(all.iter().filter(|standing| **standing == known).count(), 1);
        assert_eq!(ledger.schedule_text(known.text_hash.clone()).await.expect("read").as_deref(), Some("text"));
        ledger.remove_schedule(SCHEDULE, at(30), "service").await.expect("removed");
        assert_eq!(ledger.schedule(SCHEDULE).await, Ok(None));
    }
}
