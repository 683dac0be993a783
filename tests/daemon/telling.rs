//! What somebody outside hears of the runs: the pings of `notify.heartbeat`.

use std::sync::Arc;
use std::time::Duration;

use tickler::daemon::runs::Daemon;
use tickler::daemon::startup::open;
use tickler::ledger::{HoldChange, Outbox, Pause, Resume};
use tickler::settings::TextOrSecret;

use crate::clinic::{Clinic, HEADER, beat, ledger, schedule_text};
use crate::support::{Conduct, Receiver, answer};
use tickler::clock::Clock;

/// Each ping by the end of its path: `start`, `fail`, or nothing for a run that is over.
fn pings(checks: &Receiver) -> Vec<String> {
    let line = |line: &str| {
        let path = line.strip_prefix("GET /ping/abc").and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
        path.unwrap_or_else(|| panic!("{line}")).trim_start_matches('/').to_owned()
    };
    checks.received().iter().map(|request| line(&request.line)).collect()
}

/// An hour of the clock, and what became due in it.
async fn an_hour_later(clinic: &Clinic, daemon: &Arc<Daemon>) {
    clinic.clock.advance(Duration::from_secs(3_600));
    beat(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_is_pinged_at_its_start_and_its_end_and_what_is_no_run_never() {
    let checks = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], "OK"))]);
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    clinic.write_schedule("hourly", &schedule_text("0 * * * *", "UTC", "days_before = 1"));
    let mut settings = clinic.settings();
    settings.notify_heartbeat = Some(TextOrSecret::Text(checks.url("/ping/abc/")));
    let opened = open(settings, clinic.clock.clone()).await.expect("a service");
    let telling = tokio::spawn(opened.reporters.run());
    let daemon = &opened.daemon;
    beat(daemon).await;
    an_hour_later(&clinic, daemon).await; // 14:00 is done

    let pause = Pause {
        schedule: None,
        reason: "a fire drill".to_owned(),
        until: None,
        now: clinic.clock.now(),
        actor: "clinic".to_owned(),
    };
    ledger(daemon).hold(HoldChange::Pause(pause)).await.expect("paused");
    an_hour_later(&clinic, daemon).await; // 15:00 is skipped
    ledger(daemon)
        .hold(HoldChange::Resume(Resume {
            reason: None,
            schedule: None,
            now: clinic.clock.now(),
            actor: "clinic".to_owned(),
        }))
        .await
        .expect("resumed");

    clinic.write_table("a,table,of,others\n");
    an_hour_later(&clinic, daemon).await; // 16:00 fails

    clinic.remove_table();
    an_hour_later(&clinic, daemon).await; // 17:00 waits
    clinic.clock.advance(Duration::from_secs(300));
    beat(daemon).await; // and waits still
    clinic.write_table(HEADER);
    clinic.clock.advance(Duration::from_secs(300));
    beat(daemon).await; // and is done

    clinic.remove_table();
    clinic.clock.advance(Duration::from_secs(3_000));
    beat(daemon).await; // 18:00 waits
    clinic.write_table(HEADER);
    an_hour_later(&clinic, daemon).await; // has failed when 19:00 comes, which is done

    let [start, done, failed] = ["start", "", "fail"];
    let expected = [start, done, start, failed, start, done, start, failed, start, done];
    let all_heard = async {
        while pings(&checks).len() < expected.len() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_heard).await.unwrap_or_else(|_| panic!("{:?}", pings(&checks)));
    assert_eq!(pings(&checks), expected);
    telling.abort();
}
