//! Held runs: what `plan`, `trigger`, `status` and `explain` say of them, and what a person decides.

use std::fmt::Write as _;

use serde_json::Value;

use crate::clinic::*;
use crate::support::{Conduct, Receiver, answer};

/// A table of so many appointments on each of these days, every one with its own number.
fn table(days: &[(&str, u32)]) -> String {
    let mut text = "id,name,phone,starts_at,service,status\n".to_owned();
    for (day, count) in days {
        for number in 0..*count {
            let phone = 100 + number;
            writeln!(text, "{day}-{number},Ada,+1202555{phone:04},{day}T10:00:00-05:00,Cleaning,confirmed")
                .expect("it fits");
        }
    }
    text
}

/// Three Tuesdays with twenty appointments on the day after, and then one with four.
fn after_three_usual_tuesdays(clinic: &Clinic) {
    clinic.write(
        "appointments.csv",
        &table(&[("2026-11-04", 20), ("2026-11-11", 20), ("2026-11-18", 20), ("2026-11-25", 4)]),
    );
    for day in ["2026-11-03", "2026-11-10", "2026-11-17"] {
        let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", &format!("{day}T14:00:00Z")]);
        assert_eq!((exit, &answer["counts"]["delivered"]), (0, &20.into()), "{answer}");
    }
}

const TUESDAY: &str = "2026-11-24T14:00:00Z";

fn held(clinic: &Clinic) -> Value {
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", TUESDAY]);
    assert_eq!((exit, &answer["state"]), (7, &"held".into()), "{answer}");
    answer
}

#[test]
fn four_rows_where_twenty_are_usual_hold_the_run_until_a_person_approves_it() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    after_three_usual_tuesdays(&clinic);
    let (exit, plan) = clinic.json(&["plan", "day-before", "--now", TUESDAY]);
    assert_eq!((exit, &plan[0]["held"]["guard"]), (0, &"max_change".into()), "{plan}");
    let detail = plan[0]["held"]["detail"].as_str().expect("a sentence");
    assert!(detail.contains("4 rows") && detail.contains("the usual 20"), "{detail}");
    let (_, told) = clinic.json(&["explain", "day-before", "2026-11-25-1", "--now", TUESDAY]);
    assert_eq!((&told["verdict"], &told["reason"]), (&"skip".into(), &"run_held".into()), "{told}");
    assert!(told["steps"].to_string().contains("waits for `tickler approve RUN`"), "{told}");

    let answer = held(&clinic);
    let run = answer["run_id"].as_str().expect("an id");
    let (_, told) = clinic.json(&["explain", "day-before", "2026-11-25-1", "--now", TUESDAY]);
    assert!(told["steps"].to_string().contains(&format!("is held now: `tickler approve {run}`")), "{told}");
    assert!(
        answer["detail"].as_str().is_some_and(|detail| detail.contains(&format!("tickler approve {run}"))),
        "{answer}"
    );
    let (_, status) = clinic.json(&["status"]);
    assert_eq!(status["held_runs"], 1, "{status}");
    assert!(status["problems"].to_string().contains("tickler approve"), "{status}");
    let (_, told) = clinic.json(&["explain", "day-before", "2026-11-25-1", "--run", run]);
    assert_eq!(told["reason"], "run_held", "{told}");
    let remedies = [format!("`tickler approve {run}` plans"), format!("`tickler reject {run}` ends")];
    assert!(remedies.iter().all(|remedy| told["steps"].to_string().contains(remedy)), "{told}");

    let (exit, approved) = clinic.json(&["approve", run, "--reason", "a fair", "--now", TUESDAY]);
    assert_eq!(
        (exit, &approved["state"], &approved["counts"]["delivered"]),
        (0, &"done".into(), &4.into()),
        "{approved}"
    );
    assert_eq!((&approved["run_id"], approved.get("notes")), (&run.into(), None), "{approved}");
    let (_, log) = clinic.json(&["audit", "list", "--event", "operator.approved"]);
    assert_eq!((&log[0]["reason"], &log[0]["run_id"]), (&"max_change".into(), &run.into()), "{log}");
    assert!(log[0]["detail"].as_str().is_some_and(|detail| detail.contains("a fair")), "{log}");
    let again = clinic.run(&["approve", run, "--now", TUESDAY]);
    assert_eq!(again.exit, 1, "{again:?}");
    assert!(again.stderr.contains("isn't held"), "{again:?}");
    assert_eq!(sandbox.received().len(), 64, "nobody was called by the held run, everybody once by the approved one");
}

#[test]
fn an_approval_says_that_the_source_has_changed_meanwhile_and_plans_what_it_holds_now() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    after_three_usual_tuesdays(&clinic);
    let answer = held(&clinic);
    let run = answer["run_id"].as_str().expect("an id");
    clinic.write("appointments.csv", &table(&[("2026-11-25", 5)]));
    let (exit, approved) = clinic.json(&["approve", &run[..13], "--now", TUESDAY]);
    assert_eq!((exit, &approved["counts"]["delivered"]), (0, &5.into()), "{approved}");
    assert!(approved["notes"][0].as_str().is_some_and(|note| note.contains("has changed")), "{approved}");
}

#[test]
fn an_approval_whose_source_cannot_be_read_leaves_the_run_held() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    after_three_usual_tuesdays(&clinic);
    let answer = held(&clinic);
    let run = answer["run_id"].as_str().expect("an id");
    std::fs::remove_file(clinic.path().join("appointments.csv")).expect("it was there");
    let refused = clinic.run(&["approve", run, "--now", TUESDAY]);
    assert_eq!(refused.exit, 1, "{refused:?}");
    assert_eq!(clinic.json(&["status"]).1["held_runs"], 1);
}

#[test]
fn a_rejected_run_is_over_and_the_next_one_is_judged_by_itself() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    after_three_usual_tuesdays(&clinic);
    let answer = held(&clinic);
    let run = answer["run_id"].as_str().expect("an id");
    let (exit, rejected) = clinic.json(&["reject", run, "--reason", "an old export, with overlaps", "--now", TUESDAY]);
    assert_eq!(
        (exit, &rejected["state"], &rejected["detail"]),
        (0, &"skipped".into(), &"rejected: an old export, with overlaps".into())
    );
    assert_eq!(clinic.json(&["status"]).1["held_runs"], 0);
    let (_, told) = clinic.json(&["explain", "day-before", "2026-11-25-1", "--run", run]);
    assert_eq!(told["reason"], "run_held", "{told}");
    assert!(told["steps"][0]["detail"].as_str().is_some_and(|detail| detail.contains("an old export")), "{told}");
    clinic.write("appointments.csv", &table(&[("2026-11-25", 19)]));
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", TUESDAY]);
    assert_eq!((exit, &answer["counts"]["delivered"]), (0, &19.into()), "{answer}");
}

#[test]
fn a_file_of_yesterday_holds_the_run_where_max_age_says_so() {
    let clinic = Clinic::new();
    clinic.write("schedules/day-before.toml", &format!("{DAY_BEFORE}\n[guard]\nmax_age = \"26h\"\n"));
    let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_420_800);
    let file = std::fs::File::options().write(true).open(clinic.path().join("appointments.csv")).expect("the table");
    file.set_modified(written).expect("it is dated");
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", "2026-11-24T14:00:00Z"]);
    assert_eq!(plan[0]["held"]["guard"], "max_age", "{plan}");
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", "2026-11-24T09:00:00Z"]);
    assert_eq!(plan[0]["held"], Value::Null, "{plan}");
}

/// What may come instead of a usual Tuesday's sixty rows.
enum Export {
    Rows(u32),
    /// Sixty, of which so many have no phone.
    WithoutPhones(u32),
    HeaderOnly,
    /// Sixty, written the day before yesterday.
    Old,
}

impl Export {
    /// Writes it, with ids of its own.
    fn write(&self, clinic: &Clinic, prefix: &str) {
        let tomorrow = |count| table(&[("2026-11-25", count)]).replace("2026-11-25-", prefix);
        let written =
            |hours: u64| std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_528_800 - hours * 3_600);
        let (text, hours) = match self {
            Self::Rows(count) => (tomorrow(*count), 1),
            Self::WithoutPhones(count) => {
                let blanked = |number: u32| format!("+1202555{:04}", 100 + number);
                ((0..*count).fold(tomorrow(60), |text, number| text.replace(&blanked(number), "")), 1)
            }
            Self::HeaderOnly => (tomorrow(0), 1),
            Self::Old => (tomorrow(60), 40),
        };
        clinic.write("appointments.csv", &text);
        let file =
            std::fs::File::options().append(true).open(clinic.path().join("appointments.csv")).expect("the table");
        file.set_modified(written(hours)).expect("it is dated");
    }
}

#[test]
fn each_odd_export_holds_its_run_which_is_reported_and_a_person_rejects_or_approves_it() {
    let accepting = Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], "{}"))]);
    let clinic = Clinic::with_target(&accepting.url("/in"));
    let text = DAY_BEFORE.replace("days_before = 1", "days_before = 1\nmax_per_person_per_day = 50");
    clinic.schedule("day-before", &format!("{text}\n[guard]\nmax_age = \"26h\"\n"));
    clinic.write("appointments.csv", &table(&[("2026-11-04", 60), ("2026-11-11", 60), ("2026-11-18", 60)]));
    let file = std::fs::File::options().append(true).open(clinic.path().join("appointments.csv")).expect("the table");
    for (number, day) in ["2026-11-03", "2026-11-10", "2026-11-17"].into_iter().enumerate() {
        // before three runs of the weekday nothing is usual yet
        Export::Rows(4).write(&clinic, "few-");
        let (_, plan) = clinic.json(&["plan", "day-before", "--now", TUESDAY]);
        assert_eq!(plan[0]["held"], Value::Null, "after {number} runs: {plan}");
        clinic.write("appointments.csv", &table(&[("2026-11-04", 60), ("2026-11-11", 60), ("2026-11-18", 60)]));
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_528_800)).expect("it is dated");
        let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", &format!("{day}T14:00:00Z")]);
        assert_eq!((exit, &answer["counts"]["delivered"]), (0, &60.into()), "{answer}");
    }
    let cases = [
        ("old", Export::Old, "max_age", 60),
        ("few", Export::Rows(4), "max_change", 4),
        ("many", Export::Rows(600), "max_change", 600),
        ("third", Export::WithoutPhones(20), "max_invalid", 40),
        ("none", Export::HeaderOnly, "max_change", 0),
    ];
    for (number, (name, export, guard, calls)) in cases.into_iter().enumerate() {
        let now = |minute: usize| format!("2026-11-24T14:{:02}:00Z", number * 5 + minute);
        export.write(&clinic, &format!("{name}-"));
        let (_, plan) = clinic.json(&["plan", "day-before", "--now", TUESDAY]);
        assert_eq!(plan[0]["held"]["guard"], guard, "{name}: {plan}");
        let run = |answer: Value| answer["run_id"].as_str().expect("an id").to_owned();
        let held = |minute: usize| {
            let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", &now(minute)]);
            assert_eq!((exit, &answer["state"]), (7, &"held".into()), "{name}: {answer}");
            answer
        };
        let first = run(held(0));
        let (_, status) = clinic.json(&["status"]);
        let problems = status["problems"].to_string();
        assert!(
            problems.contains(guard) && problems.contains(&first) && problems.contains("tickler reject"),
            "{status}"
        );
        assert_eq!(clinic.json(&["reject", &first, "--reason", "odd", "--now", &now(1)]).1["state"], "skipped");
        let second = run(held(2));
        let (exit, approved) = clinic.json(&["approve", &second, "--reason", "it is right", "--now", &now(3)]);
        assert_eq!((exit, &approved["counts"]["delivered"]), (0, &Value::from(calls)), "{name}: {approved}");
        assert_eq!(clinic.json(&["status"]).1["held_runs"], 0, "{name}");
    }
    assert_eq!(accepting.received().len(), 180 + 60 + 4 + 600 + 40, "by approved runs alone");
}
