//! Looking ahead: plans for the next run, times in several zones, and hints that can be typed as they stand.

use crate::clinic::*;
use crate::support::command;

/// Five hours before the schedule's next run.
const DAWN: &str = "2026-11-24T04:00:00-05:00";

fn nominal(answer: &serde_json::Value, place: usize) -> &str {
    answer[place]["nominal_at"].as_str().expect("a time")
}

#[test]
fn next_plans_for_each_schedules_next_nominal_time() {
    let clinic = Clinic::new();
    clinic.schedule(
        "evening",
        &DAY_BEFORE.replace("0 9 * * *", "30 18 * * *").replace("America/New_York", "Europe/Berlin"),
    );
    let (exit, now) = clinic.json(&["plan", "--now", DAWN]);
    assert_eq!((exit, nominal(&now, 0)), (0, "2026-11-24T04:00:00-05:00"), "{now}");
    let (exit, next) = clinic.json(&["plan", "--next", "--now", DAWN]);
    assert_eq!(
        (exit, nominal(&next, 0), nominal(&next, 1)),
        (0, "2026-11-24T09:00:00-05:00", "2026-11-24T18:30:00+01:00")
    );
    assert_eq!(next[0]["counts"]["planned"], 2, "whom the run at nine will call: {next}");
    // a moment that is a nominal time itself: the next one is the day after
    let (_, after) = clinic.json(&["plan", "day-before", "--next", "--now", MORNING]);
    assert_eq!(
        (nominal(&after, 0), &after[0]["counts"]["planned"]),
        ("2026-11-25T09:00:00-05:00", &0.into()),
        "{after}"
    );
    let (_, run) = clinic.json(&["next", "day-before", "-n", "1", "--now", DAWN]);
    assert_eq!(run[0]["at"], next[0]["nominal_at"], "plan and next agree");
}

#[test]
fn a_plan_and_a_trigger_without_rows_in_the_window_say_which_days_the_source_has() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let friday = "2026-11-27T14:00:00Z";
    for arguments in [&["plan", "day-before", "--now", friday][..], &["trigger", "day-before", "--now", friday]] {
        let ended = clinic.run(arguments);
        let said = (ended.stdout.clone() + &ended.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("from 2026-11-25 to 2026-12-02, the next on 2026-12-02"), "{arguments:?}: {said}");
        assert!(said.contains("tickler plan day-before --next"), "{arguments:?}: {said}");
    }
    let over = clinic.run(&["plan", "day-before", "--now", "2026-12-24T14:00:00Z"]).words();
    assert!(over.contains("none of them after now: is the export an old one?") && !over.contains("--next"), "{over}");
}

#[test]
fn a_wall_clock_time_is_refused_where_schedules_have_several_zones() {
    let clinic = Clinic::new();
    assert_eq!(clinic.run(&["plan", "--now", "2026-11-24 09:00"]).exit, 0, "all share one zone");
    clinic.schedule("evening", &DAY_BEFORE.replace("America/New_York", "Europe/Berlin"));
    for arguments in [
        &["plan", "--now", "2026-11-24 09:00"][..],
        &["next", "--now", "09:00"],
        &["approve", "01a20d74", "--now", "2026-11-24 09:00", "--ledger", "tickler.db"],
    ] {
        let ended = clinic.run(arguments);
        assert_eq!(ended.exit, 2, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("America/New_York") && ended.stderr.contains("Europe/Berlin"), "{ended:?}");
    }
    for arguments in [
        &["plan", "day-before", "--now", "2026-11-24 09:00"][..],
        &["plan", "--now", "+30m"],
        &["plan", "--now", "2026-11-24T09:00:00-05:00"],
    ] {
        assert_eq!(clinic.run(arguments).exit, 0, "{arguments:?}");
    }
}

#[test]
fn a_held_trial_is_approved_by_the_command_that_its_message_has() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.schedule("day-before", &format!("{DAY_BEFORE}[guard]\nmax_calls = 1\n"));
    let bare = |arguments: &[&str]| {
        let mut command = command::bare(clinic.path(), arguments);
        Ended::of(command.env("THOUGHTLY_AUTOMATION_URL", &clinic.url).output().expect("the program runs"))
    };
    let held = bare(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(held.exit, 7, "{held:?}");
    let said = held.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let command = said.split('`').find(|part| part.starts_with("tickler approve ")).expect("a command");
    assert!(command.starts_with("tickler approve --trial "), "{said}");
    let explained = bare(&["explain", "day-before", "A-1", "--now", MORNING, "--trial"]);
    let explained = explained.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(explained.contains(&format!("`{command}`")), "{explained}");
    assert!(explained.ends_with("times in America/New_York"), "{explained}");
    let arguments: Vec<&str> = command.split(' ').skip(1).collect();
    let approved = bare(&arguments);
    assert!(!approved.stderr.contains("no run"), "it finds the run: {approved:?}");
}

#[test]
fn check_takes_the_names_of_schedules_and_says_when_all_is_well() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.schedule("broken", "cron = 1");
    let ended = clinic.run(&["check", "day-before", "--connect"]);
    assert_eq!(ended.exit, 0, "{ended:?}");
    assert!(ended.stdout.contains("1 file: 0 errors, 0 warnings"), "{ended:?}");
    assert!(ended.stdout.contains("every source was read, and every target's host answered"), "{ended:?}");
    assert_eq!(clinic.run(&["check", "broken"]).exit, 78);
    assert_eq!(clinic.run(&["check", "schedules/day-before.toml"]).exit, 0);
    assert_eq!(clinic.run(&["check", "day-befor"]).exit, 78, "no schedule has that name");
}

#[test]
fn a_due_time_that_new_hours_change_is_in_the_log() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let hours =
        |hours: &str| DAY_BEFORE.replace("days_before = 1", &format!("days_before = 1\ncalling_hours = \"{hours}\""));
    clinic.schedule("day-before", &hours("11:00-20:00"));
    let trigger = ["trigger", "day-before", "--now", MORNING, "--wait", "0s"];
    let (_, waits) = clinic.json(&trigger);
    assert_eq!(waits["counts"]["pending"], 2, "{waits}");
    let changes = || {
        let (_, rows) = clinic.json(&["audit", "list", "--event", "reminder.planned", "--reason", "time_changed"]);
        rows.as_array().expect("a list").clone()
    };
    clinic.json(&trigger);
    assert_eq!(changes(), Vec::<serde_json::Value>::new(), "nothing has changed");
    clinic.schedule("day-before", &hours("12:30-20:00"));
    clinic.json(&trigger);
    let rows = changes();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows.iter().all(|row| row["detail"].as_str().is_some_and(|it| it.contains("2026-11-24T17:30:00Z"))),
        "{rows:?}"
    );
}

#[test]
fn explain_of_an_opted_out_number_names_the_verb_that_takes_it_off() {
    let clinic = Clinic::new();
    clinic.run(&["optout", "add", "+12025550143", "--reason", "asked"]);
    let told = clinic.run(&["explain", "day-before", "A-1", "--now", MORNING]).stdout;
    assert!(told.split_whitespace().collect::<Vec<_>>().join(" ").contains("`tickler optout remove`"), "{told}");
}

#[test]
fn a_changed_source_is_told_without_fractions_of_seconds() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.schedule("day-before", &format!("{DAY_BEFORE}[guard]\nmax_calls = 1\n"));
    let (_, held) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    clinic.write("appointments.csv", &CLINIC.replace("Ada Example", "Ada Other"));
    let run = held["run_id"].as_str().expect("a run");
    let approved = clinic.run(&["approve", run, "--now", MORNING]);
    let said = approved.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, note) = said.split_once("the source has changed").unwrap_or_else(|| panic!("{approved:?}"));
    assert!(note.contains("bytes of 20") && !note.contains('.') && !note.contains('T'), "{note}");
}
