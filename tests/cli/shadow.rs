//! `mode = "shadow"`: a rehearsal on live data, and another system's list beside it.

use crate::clinic::*;

fn shadowing(clinic: &Clinic) {
    clinic.schedule("day-before", &format!("mode = \"shadow\"\n{DAY_BEFORE}"));
}

fn events(clinic: &Clinic, event: &str) -> Vec<String> {
    let (_, log) = clinic.json(&["audit", "--event", event]);
    let rows = log.as_array().expect("rows").iter();
    let mut ids: Vec<String> = rows.map(|row| row["appointment_id"].as_str().unwrap_or("-").to_owned()).collect();
    // several are sent at once
    ids.sort();
    ids
}

#[test]
fn shadow_mode_writes_down_each_call_once_and_makes_none_and_live_mode_makes_each_once() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    shadowing(&clinic);
    let (exit, first) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    let counts = &first["counts"];
    assert_eq!((exit, &counts["planned"], &counts["shadowed"]), (0, &2.into(), &2.into()), "{first}");
    assert_eq!((&counts["delivered"], &counts["pending"]), (&0.into(), &0.into()), "{first}");
    assert_eq!(first["reminders"].as_array().map(Vec::len), Some(0));
    assert_eq!(events(&clinic, "reminder.shadowed"), ["A-1", "A-2"]);
    assert_eq!(events(&clinic, "reminder.skipped"), ["A-3", "A-4"]);
    // a second run writes nobody down again
    let ended = clinic.run(&["trigger", "day-before", "--now", "2026-11-24T14:05:00Z"]);
    assert!(ended.stdout.replace('\n', " ").contains("2 written down before"), "{ended:?}");
    assert_eq!(events(&clinic, "reminder.shadowed").len(), 2);
    let plan = clinic.run(&["plan", "--now", "2026-11-24T14:05:00Z"]);
    assert!(plan.stdout.replace('\n', " ").contains("shadow mode: nobody is called"), "{plan:?}");
    let (_, status) = clinic.json(&["status"]);
    let of_it = &status["schedules"][0];
    assert_eq!((&of_it["state"], &of_it["mode"]), (&"loaded".into(), &"shadow".into()), "{status}");
    assert!(clinic.run(&["status"]).stdout.contains("loaded, shadow"));
    // live, it calls them: nothing of the rehearsal counts as a call
    clinic.schedule("day-before", DAY_BEFORE);
    for minute in [10, 15] {
        let ended = clinic.run(&["trigger", "day-before", "--now", &format!("2026-11-24T14:{minute}:00Z")]);
        assert_eq!(ended.exit, 0, "{ended:?}");
    }
    assert_eq!(events(&clinic, "delivery.delivered"), ["A-1", "A-2"]);
    // and what was called live is not written down as a call of the rehearsal
    shadowing(&clinic);
    let (_, again) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T14:20:00Z"]);
    assert_eq!(again["counts"]["already_reminded"], 2, "{again}");
    assert_eq!(events(&clinic, "reminder.shadowed").len(), 2);
    assert_eq!(sandbox.received().len(), 2);
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);
}

#[test]
fn what_waits_when_shadow_mode_begins_is_not_sent_until_the_schedule_is_live_again() {
    let clinic = Clinic::new();
    let (_, first) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", MORNING]);
    assert_eq!(first["counts"]["pending"], 2, "nobody listens there: {first}");
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic { url: sandbox.url.clone(), ..clinic };
    shadowing(&clinic);
    // one of the two is cancelled meanwhile
    clinic.write("appointments.csv", &CLINIC.replacen("Check-up,confirmed", "Check-up,cancelled", 1));
    let (exit, shadowed) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T14:30:00Z"]);
    assert_eq!((exit, &shadowed["counts"]["delivered"]), (0, &0.into()), "{shadowed}");
    assert_eq!(events(&clinic, "reminder.cancelled"), ["A-1"]);
    assert_eq!(events(&clinic, "reminder.shadowed").len(), 0, "it waits for a live call");
    clinic.schedule("day-before", DAY_BEFORE);
    let (_, live) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T15:00:00Z"]);
    assert_eq!(live["counts"]["delivered"], 1, "{live}");
    assert_eq!(sandbox.received().len(), 1);
}

#[test]
fn the_limit_of_a_persons_calls_holds_in_shadow_mode_over_several_runs() {
    let clinic = Clinic::new();
    shadowing(&clinic);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    clinic
        .write("appointments.csv", &format!("{CLINIC}A-9,Ada Example,+12025550143,2026-11-25 16:00,X-ray,confirmed\n"));
    let (_, second) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T14:30:00Z"]);
    assert_eq!((&second["counts"]["planned"], &second["counts"]["skipped"]), (&0.into(), &3.into()), "{second}");
    let (_, told) = clinic.json(&["explain", "day-before", "A-9", "--now", "2026-11-24T14:40:00Z"]);
    assert_eq!(told["reason"], "person_limit", "{told}");
    // the rehearsal counts for no live schedule
    clinic.schedule("day-before", DAY_BEFORE);
    let (_, live) = clinic.json(&["plan", "day-before", "--now", "2026-11-24T14:50:00Z"]);
    assert_eq!(live[0]["counts"]["planned"], 2, "{live}");
}

#[test]
fn another_systems_list_is_compared_by_appointment_or_phone_and_each_difference_has_its_reason() {
    let clinic = Clinic::new();
    shadowing(&clinic);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    clinic.write(
        "other.csv",
        "appointment_id;called_at\nA-1;2026-11-24 09:02\nA-3;2026-11-24 09:03\nA-77;2026-11-24 09:04\nA-1;2026-11-24 09:30\n",
    );
    let (exit, found) = clinic.json(&["audit", "compare", "day-before", "other.csv"]);
    assert_eq!((exit, &found["both"]), (0, &1.into()), "{found}");
    assert_eq!(keys(&found), ["schedule", "since", "until", "both", "only_here", "only_there"]);
    assert_eq!(found["since"], "2026-11-24T00:00:00-05:00");
    let side = |found: &serde_json::Value, side: &str| -> Vec<(String, String)> {
        let calls = found[side].as_array().expect("calls").iter();
        let text = |call: &serde_json::Value, field: &str| call[field].as_str().unwrap_or("-").to_owned();
        calls.map(|call| (text(call, "appointment_id"), text(call, "why"))).collect()
    };
    assert_eq!(side(&found, "only_here"), [("A-2".to_owned(), "the list has no call of it".to_owned())]);
    let there = side(&found, "only_there");
    assert_eq!(there[0], ("A-3".to_owned(), "cancelled: status is `cancelled`".to_owned()));
    assert!(there[1].0 == "A-77" && there[1].1.contains("no run had it in its window"), "{there:?}");
    assert!(there[2].0 == "A-1" && there[2].1.contains("once"), "{there:?}");

    clinic.write(
        "phones.csv",
        "phone,called_at\n(202) 555-0143,2026-11-24T14:02:00Z\n+12025550199,2026-11-24T14:02:00Z\n",
    );
    let (_, found) = clinic.json(&["audit", "compare", "day-before", "phones.csv"]);
    assert_eq!(found["both"], 1, "{found}");
    assert_eq!(found["only_there"][0]["phone_last4"], "0199", "{found}");
    assert_eq!(found["only_here"][0]["appointment_id"], "A-2", "{found}");
    let shown = clinic.run(&["audit", "compare", "day-before", "phones.csv"]);
    assert!(shown.stdout.replace('\n', " ").contains("1 in both, 1 only here, 1 only there"), "{shown:?}");
}

#[test]
fn a_list_that_cannot_be_read_whole_is_refused_with_its_line() {
    let clinic = Clinic::new();
    shadowing(&clinic);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    for (text, sentence) in [
        ("appointment_id,called_at\nA-1,soon\n", "line 2: `called_at` is not a valid time"),
        ("appointment_id,called_at\n,2026-11-24 09:00\n", "line 2: it has neither"),
        ("phone,called_at\n911,2026-11-24 09:00\n", "line 2: `phone`"),
        ("id,called_at\nA-1,2026-11-24 09:00\n", "it needs a column `called_at`, and"),
        ("appointment_id,called_at\n", "it has no calls"),
    ] {
        clinic.write("other.csv", text);
        let ended = clinic.run(&["audit", "compare", "day-before", "other.csv"]);
        assert!(ended.exit == 1 && ended.stderr.contains(sentence), "{text}: {ended:?}");
    }
}
