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
fn shadow_mode_writes_down_each_call_once_and_makes_none_and_a_live_run_leaves_these_calls_to_the_other_system() {
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
    let (_, explained) =
        clinic.json(&["explain", "day-before", "A-1", "--run", first["run_id"].as_str().expect("an id")]);
    assert_eq!(
        (&explained["verdict"], &explained["reason"]),
        (&"call".into(), &serde_json::Value::Null),
        "{explained}"
    );
    assert!(explained["steps"].to_string().contains("called nobody"), "{explained}");
    // a second run writes nobody down again
    let ended = clinic.run(&["trigger", "day-before", "--now", "2026-11-24T14:05:00Z"]);
    assert!(ended.stdout.replace('\n', " ").contains("2 would have been called before (shadow mode)"), "{ended:?}");
    assert_eq!(events(&clinic, "reminder.shadowed").len(), 2);
    let plan = clinic.run(&["plan", "--now", "2026-11-24T14:05:00Z"]);
    assert!(plan.stdout.replace('\n', " ").contains("shadow mode: nobody is called"), "{plan:?}");
    assert!(!plan.stdout.contains("to call"), "{plan:?}");
    let refused = clinic.run(&["trigger", "day-before", "--rehearsed", "--now", "2026-11-24T14:06:00Z"]);
    assert!(refused.exit == 2 && refused.stderr.contains("take its line `mode` out"), "{refused:?}");
    let (_, status) = clinic.json(&["status"]);
    let of_it = &status["schedules"][0];
    assert_eq!((&of_it["state"], &of_it["mode"]), (&"loaded".into(), &"shadow".into()), "{status}");
    let status = clinic.run(&["status"]).stdout;
    assert!(status.contains("loaded, shadow") && status.contains("(no call)"), "{status}");
    // live, it leaves them to the other system, and says so
    clinic.schedule("day-before", DAY_BEFORE);
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", "2026-11-24T14:10:00Z"]);
    let counts = &plan[0]["counts"];
    assert_eq!((&counts["planned"], &counts["already_reminded"]), (&0.into(), &2.into()), "{plan}");
    assert_eq!(plan[0]["reminded"]["shadowed"], 2, "{plan}");
    let remedy = "`tickler trigger day-before --rehearsed` does, all of them or with `--only ID` one";
    assert!(plan[0]["notes"].to_string().contains(remedy), "{plan}");
    assert!(plan[0]["notes"].to_string().contains("called in shadow mode and not now: A-1, A-2\""), "{plan}");
    let story = clinic.run(&["audit", "show", "A-1", "--schedule", "day-before", "--format", "table"]);
    assert!(story.words().contains("shadow mode planned a call for it, which nobody got"), "{story:?}");
    let ended = clinic.run(&["trigger", "day-before", "--now", "2026-11-24T14:10:00Z"]);
    assert_eq!((ended.exit, ended.stderr.matches("2 rows are not called").count()), (0, 1), "{ended:?}");
    assert_eq!(ended.stderr.matches("called in shadow mode and not now: A-1, A-2").count(), 1, "{ended:?}");
    let (_, explained) = clinic.json(&["explain", "day-before", "A-1", "--now", "2026-11-24T14:10:00Z"]);
    assert_eq!((&explained["verdict"], &explained["reason"]), (&"reminded".into(), &"already_reminded".into()));
    let sentence = "at 2026-11-24 09:00 a run in shadow mode would have called it (lead 1d)";
    let remedy = "`tickler trigger day-before --rehearsed --only A-1` does";
    let steps = explained["steps"].to_string();
    assert!(steps.contains(sentence) && steps.contains(remedy), "{explained}");
    assert_eq!(events(&clinic, "delivery.intent").len(), 0, "the other system has called them");
    // whoever has no other system asks for the calls, one or all, and each is made once
    let ask = |more: &[&str], minute: u8| {
        let now = format!("2026-11-24T14:{minute}:00Z");
        let (exit, answer) = clinic.json(&[&["trigger", "day-before", "--now", &now][..], more].concat());
        assert_eq!(exit, 0, "{answer}");
        answer["counts"]["delivered"].as_u64().expect("a count")
    };
    assert_eq!(ask(&["--rehearsed", "--only", "A-1"], 15), 1);
    assert_eq!(ask(&[], 20), 0);
    assert_eq!(ask(&["--rehearsed"], 25), 1);
    assert_eq!(ask(&["--rehearsed"], 30), 0);
    assert_eq!(events(&clinic, "delivery.delivered"), ["A-1", "A-2"]);
    // and what was called live is not written down as a call of the rehearsal
    shadowing(&clinic);
    let (_, again) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T14:40:00Z"]);
    assert_eq!(again["counts"]["already_reminded"], 2, "{again}");
    assert_eq!(events(&clinic, "reminder.shadowed").len(), 2);
    assert_eq!(sandbox.received().len(), 2);
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);
}

/// A rehearsal, and the first live runs after it: whom they call.
struct GoingLive {
    what: &'static str,
    remind: &'static str,
    /// The table of the rehearsal.
    before: &'static str,
    /// The times of the runs in shadow mode.
    rehearsed_at: &'static [&'static str],
    /// The table when the schedule is live.
    after: &'static str,
    live_at: &'static str,
    called: &'static [&'static str],
}

const AT_TEN: &str = "A-1,+12025550143,2026-11-25 10:00,\n";

const GOING_LIVE: &[GoingLive] = &[
    GoingLive {
        what: "the same day, five minutes later: the other system has called",
        remind: "days_before = 1",
        before: AT_TEN,
        rehearsed_at: &[MORNING],
        after: AT_TEN,
        live_at: "2026-11-24T14:05:00Z",
        called: &[],
    },
    GoingLive {
        what: "booked after the rehearsal's run",
        remind: "days_before = 1",
        before: AT_TEN,
        rehearsed_at: &[MORNING],
        after: "A-1,+12025550143,2026-11-25 10:00,\nA-2,+12025550164,2026-11-25 11:00,\n",
        live_at: "2026-11-24T14:05:00Z",
        called: &["A-2"],
    },
    GoingLive {
        what: "moved after the rehearsal's run: a call that nobody has made",
        remind: "days_before = 1",
        before: AT_TEN,
        rehearsed_at: &[MORNING],
        after: "A-1,+12025550143,2026-11-25 15:00,\n",
        live_at: "2026-11-24T14:05:00Z",
        called: &["A-1"],
    },
    GoingLive {
        what: "moved by less than `min_change`",
        remind: "days_before = 1",
        before: AT_TEN,
        rehearsed_at: &[MORNING],
        after: "A-1,+12025550143,2026-11-25 10:10,\n",
        live_at: "2026-11-24T14:05:00Z",
        called: &[],
    },
    GoingLive {
        what: "not called by the rehearsal, because it was cancelled then",
        remind: "days_before = 1\nstatuses = [\"\", \"ok\"]",
        before: "A-1,+12025550143,2026-11-25 10:00,cancelled\n",
        rehearsed_at: &[MORNING],
        after: "A-1,+12025550143,2026-11-25 10:00,ok\n",
        live_at: "2026-11-24T14:05:00Z",
        called: &["A-1"],
    },
    GoingLive {
        what: "another lead of the same appointment",
        remind: "days_before = [2, 1]",
        before: AT_TEN,
        rehearsed_at: &["2026-11-23T14:00:00Z"],
        after: AT_TEN,
        live_at: MORNING,
        called: &["A-1"],
    },
    GoingLive {
        what: "hours: within `max_lateness` of the rehearsal's runs, and what came due since",
        remind: "hours_before = 2",
        before: "A-1,+12025550143,2026-11-24 11:00,\nA-2,+12025550164,2026-11-24 11:20,\n",
        rehearsed_at: &["2026-11-24T13:30:00Z", MORNING],
        after: "A-1,+12025550143,2026-11-24 11:00,\nA-2,+12025550164,2026-11-24 11:20,\n",
        live_at: "2026-11-24T14:30:00Z",
        called: &["A-2"],
    },
    GoingLive {
        what: "merged into a call of the rehearsal",
        remind: "days_before = 1\nmerge = \"same_day\"",
        before: "A-1,+12025550143,2026-11-25 10:00,\nA-2,+12025550143,2026-11-25 15:00,\n",
        rehearsed_at: &[MORNING],
        after: "A-1,+12025550143,2026-11-25 10:00,\nA-2,+12025550143,2026-11-25 15:00,\n",
        live_at: "2026-11-24T14:05:00Z",
        called: &[],
    },
    GoingLive {
        what: "kept from the rehearsal by the person's limit: the other system called her once that day",
        remind: "days_before = 1",
        before: "A-1,+12025550143,2026-11-25 10:00,\nA-2,+12025550143,2026-11-25 15:00,\n",
        rehearsed_at: &[MORNING],
        after: "A-1,+12025550143,2026-11-25 10:00,\nA-2,+12025550143,2026-11-25 15:00,\n",
        live_at: "2026-11-24T14:05:00Z",
        called: &[],
    },
    GoingLive {
        what: "the next day: nothing of the day before counts",
        remind: "days_before = 1",
        before: "A-1,+12025550143,2026-11-25 10:00,\nA-2,+12025550143,2026-11-26 15:00,\n",
        rehearsed_at: &[MORNING],
        after: "A-1,+12025550143,2026-11-25 10:00,\nA-2,+12025550143,2026-11-26 15:00,\n",
        live_at: "2026-11-25T14:00:00Z",
        called: &["A-2"],
    },
];

#[test]
fn a_live_run_calls_whom_its_rehearsal_would_not_have_called_and_nobody_else() {
    for case in GOING_LIVE {
        let sandbox = Sandbox::start(&[]);
        let clinic = Clinic::empty(&sandbox.url);
        let table = |rows: &str| clinic.write("appointments.csv", &format!("id,phone,starts_at,status\n{rows}"));
        let (remind, payload) = (case.remind, "to = \"{{ phone }}\"\nall = \"{{ appointments }}\"");
        let appointment = format!("{}\nstatus = \"status\"", PARTS.appointment);
        let text = Parts { remind, payload, appointment: &appointment, ..PARTS }.text();
        clinic.schedule("day-before", &format!("mode = \"shadow\"\n{text}"));
        table(case.before);
        for at in case.rehearsed_at {
            assert_eq!(clinic.run(&["trigger", "day-before", "--now", at]).exit, 0, "{}", case.what);
        }
        clinic.schedule("day-before", &text);
        table(case.after);
        let (_, plan) = clinic.json(&["plan", "day-before", "--now", case.live_at]);
        for _again in 0..2 {
            let ended = clinic.run(&["trigger", "day-before", "--now", case.live_at]);
            assert_eq!(ended.exit, 0, "{}: {ended:?}", case.what);
        }
        assert_eq!(events(&clinic, "delivery.delivered"), case.called, "{}: {plan}", case.what);
        assert_eq!(plan[0]["counts"]["planned"], case.called.len(), "{}: {plan}", case.what);
        let rows = &plan[0]["counts"];
        let sum: u64 = ["planned", "skipped", "outside_window", "already_reminded"]
            .iter()
            .map(|part| rows[part].as_u64().expect("a count"))
            .sum();
        assert_eq!(rows["rows"], sum, "{}: {plan}", case.what);
    }
}

#[test]
fn a_rehearsed_call_whose_time_is_still_to_come_is_made_by_the_live_schedule() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::empty(&sandbox.url);
    // due at 19:30 and at 21:40 of the day before: the one in the hours of the other system's calls, the other after them
    let rows = "A-1,+12025550143,2026-11-25 19:30\nA-2,+12025550164,2026-11-25 21:40\n";
    clinic.write("appointments.csv", &format!("id,phone,starts_at\n{rows}"));
    let text = Parts { remind: "hours_before = 24", payload: "to = \"{{ phone }}\"", ..PARTS }.text();
    clinic.schedule("day-before", &format!("mode = \"shadow\"\n{text}"));
    for at in ["2026-11-24 19:40", "2026-11-24 22:00"] {
        assert_eq!(clinic.run(&["trigger", "day-before", "--now", at]).exit, 0, "{at}");
    }
    assert_eq!(events(&clinic, "reminder.shadowed"), ["A-1", "A-2"]);
    clinic.schedule("day-before", &text);
    let (_, plan) = clinic.json(&["plan", "day-before", "--now", "2026-11-24 22:40"]);
    let reminders: Vec<_> =
        plan[0]["reminders"].as_array().expect("a list").iter().map(|it| &it["appointment_id"]).collect();
    assert_eq!((reminders, &plan[0]["reminded"]["shadowed"]), (vec![&"A-2".into()], &1.into()), "{plan}");
    clinic.run(&["trigger", "day-before", "--wait", "0s", "--now", "2026-11-24 22:40"]);
    assert_eq!(events(&clinic, "delivery.delivered"), [""; 0], "the hours are over");
    for _again in 0..2 {
        clinic.run(&["trigger", "day-before", "--now", "2026-11-25 08:01"]);
    }
    assert_eq!(events(&clinic, "delivery.delivered"), ["A-2"], "and the other system has called A-1");
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
fn a_rehearsal_needs_no_address_to_send_to() {
    let clinic = Clinic::new();
    shadowing(&clinic);
    let without_url = |arguments: &[&str]| {
        let mut command = clinic.command(arguments);
        Ended::of(command.env_remove("THOUGHTLY_AUTOMATION_URL").output().expect("the program runs"))
    };
    let plan = without_url(&["plan", "day-before", "--now", MORNING]);
    assert!(plan.stdout.contains("2 would be called"), "{plan:?}");
    let ended = without_url(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((ended.exit, events(&clinic, "reminder.shadowed").len()), (0, 2), "{ended:?}");
    // live, it does
    clinic.schedule("day-before", DAY_BEFORE);
    let refused = without_url(&["trigger", "day-before", "--now", MORNING]);
    assert!(refused.exit == 1 && refused.stderr.contains("THOUGHTLY_AUTOMATION_URL"), "{refused:?}");
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
    let step = told["steps"].to_string();
    let other = "1 other call (of this schedule about an appointment at 2026-11-25 09:30, due 2026-11-24 09:00, which a run in \
                 shadow mode would have made)";
    assert!(step.contains(other), "{told}");
    // the rehearsal counts for no other live schedule
    clinic.schedule("evening", DAY_BEFORE);
    let (_, live) = clinic.json(&["plan", "evening", "--now", "2026-11-24T14:50:00Z"]);
    assert_eq!(live[0]["counts"]["planned"], 2, "{live}");
    // live, the person has had the call of that day from the other system
    clinic.schedule("day-before", DAY_BEFORE);
    let (_, live) = clinic.json(&["plan", "day-before", "--now", "2026-11-24T14:50:00Z"]);
    assert_eq!(live[0]["counts"]["planned"], 0, "{live}");
    assert_eq!(live[0]["skipped"].to_string().matches("person_limit").count(), 1, "{live}");
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
    assert!(shown.stdout.replace('\n', " ").contains("1 in both, 1 only in the log, 1 only in the list"), "{shown:?}");
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

#[test]
fn a_log_without_a_run_of_the_schedule_or_of_that_time_says_so_and_a_cancelled_row_is_found_by_its_phone() {
    let clinic = Clinic::new();
    shadowing(&clinic);
    let list = |text: &str| clinic.write("other.csv", text);
    list("phone,called_at\n202-555-0117,2026-11-24 09:02\n");
    let compare = || clinic.json(&["audit", "compare", "day-before", "other.csv", "--trial"]).1;
    assert_eq!(clinic.run(&["trigger", "day-before", "--trial", "--now", MORNING]).exit, 0);
    // the calls of a trial are in the trial's ledger
    let (exit, found) = clinic.json(&["audit", "compare", "day-before", "other.csv"]);
    assert_eq!(exit, 0, "{found}");
    let note = found["note"].as_str().expect("a sentence");
    assert!(note.contains("no run of `day-before`") && note.contains("`--trial` compares"), "{note}");
    assert!(found["only_there"][0]["why"].as_str().is_some_and(|why| why.contains("no run of")), "{found}");
    let found = compare();
    assert_eq!(found["only_there"][0]["why"], "cancelled: status is `cancelled`", "{found}");
    assert!(found.get("note").is_none(), "{found}");
    list("phone,called_at\n202-555-0117,2026-11-20 09:02\n");
    let note = compare()["note"].as_str().expect("a sentence").to_owned();
    assert!(note.contains("in this time") && note.contains("2026-11-24T09:00:00-05:00"), "{note}");
}
