//! Files that break and are mended, over restarts too.

use std::collections::BTreeSet;

use tickler::audit::Event;
use tickler::verbs::status::{LoadState, StatusAnswer, status};

use crate::clinic::{Clinic, HEADER, at, count, ledger, run_lines, runs, schedule_text};
use crate::support::{Conduct, Receiver, answer};

fn good() -> String {
    schedule_text("0 9 * * *", "America/New_York", "days_before = 1\ncalling_hours = \"always\"")
}

fn one_of<'a>(answer: &'a StatusAnswer, name: &str) -> &'a tickler::verbs::status::ScheduleStatus {
    answer.schedules.iter().find(|schedule| schedule.name == name).expect("it is listed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_broke_before_a_restart_runs_from_its_last_good_version_and_is_told() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    clinic.write_schedule("day-before", &good());
    clinic.leave(clinic.open().await).await;
    clinic.write_schedule("day-before", "cron = 5\n");
    clinic.clock.set(at("2026-11-24T13:59:59Z"));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 1).await;
    assert_eq!(run_lines(daemon).await, ["2026-11-24T14:00:00Z scheduled done"]);
    let text = ledger(daemon).schedule_text(runs(daemon).await[0].text_hash.clone()).await.expect("read");
    assert_eq!(text, Some(good()));
    assert_eq!(count(daemon, Event::ConfigRejected).await, 1);
    let answer = status(&daemon.app).await.expect("an answer");
    let told = one_of(&answer, "day-before");
    assert_eq!(told.state, LoadState::Refused);
    assert!(told.problem.as_deref().is_some_and(|told| told.contains("stays in force")), "{told:?}");
    assert_eq!(told.next_run.as_deref(), Some("2026-11-25T09:00:00-05:00"));
    assert!(daemon.status_line().contains("stays in force"), "{}", daemon.status_line());
    // mended with another version, that one is taken
    let edited = format!("# edited\n{}", good());
    clinic.write_schedule("day-before", &edited);
    assert_eq!(daemon.reload("clinic", BTreeSet::new()).await.taken, ["day-before"]);
    assert_eq!(daemon.app.folder().schedules["day-before"].text, edited);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_gives_reminders_other_keys_says_how_many_may_be_called_again() {
    // a sandbox's answer is no call
    let accepting = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], "{}"))]);
    let target = format!("[target.webhook]\nurl = \"{}\"", accepting.url("/in"));
    let text = good().replace("[target.automation]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }", &target);
    let clinic = Clinic::at("2026-11-24T13:59:58Z").await;
    clinic.write_schedule("day-before", &text);
    clinic.write_table(&format!("{HEADER}A-1,+12025550143,2026-11-25 10:00,Check-up\n"));
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    clinic.beat_for(daemon, 3).await;
    clinic.called(daemon, "day-before").await;
    assert_eq!(accepting.received().len(), 1);
    let notes = async |name: &str, text: &str| {
        clinic.write_schedule(name, text);
        daemon.reload("clinic", BTreeSet::new()).await.notes
    };
    let nothing: [&str; 0] = [];
    assert_eq!(notes("day-before", &format!("description = \"edited\"\n{text}")).await, nothing);
    assert_eq!(
        notes("day-before", &text.replace("days_before = 1", "days_before = [7, 1]")).await,
        nothing,
        "one more"
    );
    let other_lead = notes("day-before", &text.replace("days_before = 1", "hours_before = 20")).await;
    assert!(other_lead[0].starts_with("day-before: its lead changed") && other_lead[0].contains("1 that were called"));
    assert_eq!(notes("day-before", &text.replace("days_before = 1", "hours_before = 20")).await, nothing, "no change");
    let other_id = notes(
        "day-before",
        &text.replace("id = \"id\"", "id = \"service\"").replace("days_before = 1", "hours_before = 20"),
    )
    .await;
    assert!(other_id[0].contains("its `id` changed"), "{other_id:?}");
    notes("day-before", &text).await;
    std::fs::remove_file(clinic.schedule_file("day-before")).expect("it is renamed");
    let renamed = notes("the-day-before", &text).await;
    assert!(renamed[0].starts_with("the-day-before: its file was named `day-before.toml` before"), "{renamed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_that_never_was_whole_calls_nobody_and_is_told() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    clinic.write_schedule("day-before", "cron = \"0 9");
    let opened = clinic.open().await;
    assert!(opened.daemon.app.folder().schedules.is_empty());
    let answer = status(&opened.daemon.app).await.expect("an answer");
    let told = one_of(&answer, "day-before");
    assert!(
        told.problem.as_deref().is_some_and(|told| told.contains("isn't closed")),
        "the cause, no consequence: {told:?}"
    );
    assert!(told.problem.as_deref().is_some_and(|told| told.contains("no version of it is in force")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_went_before_a_restart_is_gone_whatever_else_bears_its_name() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    clinic.write_schedule("day-before", &good());
    clinic.leave(clinic.open().await).await;
    std::fs::remove_file(clinic.schedule_file("day-before")).expect("it goes");
    std::fs::create_dir(clinic.path().join("schedules/day-before")).expect("a folder of that name");
    let opened = clinic.open().await;
    assert!(opened.daemon.app.folder().schedules.is_empty());
    assert_eq!(ledger(&opened.daemon).schedules(Some("day-before".into())).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_mended_to_the_version_in_force_is_told_as_such() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    clinic.write_schedule("day-before", &good());
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    assert_eq!(count(daemon, Event::ConfigLoaded).await, 1);
    clinic.write_schedule("day-before", "cron = 5\n");
    assert_eq!(daemon.reload("clinic", BTreeSet::new()).await.refused, ["day-before"]);
    clinic.write_schedule("day-before", &good());
    let reloaded = daemon.reload("clinic", BTreeSet::new()).await;
    assert_eq!((reloaded.taken.len(), reloaded.mended.as_slice()), (0, &["day-before".to_owned()][..]));
    let body: serde_json::Value = serde_json::from_str(reloaded.answer().body.get()).expect("a JSON answer");
    assert_eq!(body["mended"], serde_json::json!(["day-before"]));
    assert_eq!(count(daemon, Event::ConfigLoaded).await, 2);
    assert!(daemon.reload("clinic", BTreeSet::new()).await.mended.is_empty(), "told once");
    clinic.leave(opened).await;
    let opened = clinic.open().await;
    assert_eq!(count(&opened.daemon, Event::ConfigLoaded).await, 2, "a restart takes no new version");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_being_written_is_not_judged_and_what_was_said_of_it_holds() {
    let clinic = Clinic::at("2026-11-24T13:00:00Z").await;
    clinic.write_schedule("day-before", &good());
    let opened = clinic.open().await;
    let daemon = &opened.daemon;
    let restless = || BTreeSet::from(["day-before".to_owned()]);
    clinic.write_schedule("day-before", "cron = 5\n");
    let reloaded = daemon.reload("service", restless()).await;
    assert!(reloaded.refused.is_empty() && reloaded.problems.is_empty(), "{reloaded:?}");
    assert_eq!(daemon.reload("service", BTreeSet::new()).await.refused, ["day-before"]);
    clinic.write_schedule("day-before", &good());
    let reloaded = daemon.reload("service", restless()).await;
    assert_eq!(reloaded.refused, ["day-before"]);
    assert!(reloaded.mended.is_empty() && !reloaded.problems.is_empty(), "{reloaded:?}");
    assert_eq!(count(daemon, Event::ConfigRejected).await, 1);
    assert_eq!(daemon.reload("service", BTreeSet::new()).await.mended, ["day-before"]);
}
