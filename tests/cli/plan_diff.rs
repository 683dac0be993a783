//! `tickler plan --diff`: who gains and who loses a call.

use crate::clinic::*;

fn ids(found: &serde_json::Value, side: &str) -> Vec<String> {
    let calls = found[side].as_array().expect("calls").iter();
    calls.map(|call| call["appointment_id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn another_version_of_the_file_says_who_gains_and_who_loses_a_call_and_why() {
    let clinic = Clinic::new();
    // cancelled ones stay cancelled whatever the list says
    clinic.write(
        "day-before.toml",
        &DAY_BEFORE.replace("../appointments.csv", "appointments.csv").replace("days_before = 1", "days_before = 8"),
    );
    let (exit, found) = clinic.json(&["plan", "day-before", "--diff", "day-before.toml", "--now", MORNING]);
    assert_eq!(exit, 0, "{found}");
    assert_eq!(keys(&found), ["schedule", "against", "at", "same", "gains", "loses"]);
    assert_eq!(
        (ids(&found, "gains"), ids(&found, "loses")),
        (vec!["A-5".to_owned()], vec!["A-1".to_owned(), "A-2".to_owned()])
    );
    clinic.write(
        "day-before.toml",
        &DAY_BEFORE.replace("../appointments.csv", "appointments.csv").replace("[\"confirmed\"]", "[\"booked\"]"),
    );
    let (_, found) = clinic.json(&["plan", "day-before", "--diff", "day-before.toml", "--now", MORNING]);
    assert_eq!(found["loses"][0]["why"], "unknown_status", "{found}");
    let ended = clinic.run(&["plan", "--diff", "day-before.toml", "--now", MORNING]);
    assert_eq!(ended.exit, 2, "{ended:?}");
    clinic.write("broken.toml", "cron = 1\n");
    let ended = clinic.run(&["plan", "day-before", "--diff", "broken.toml", "--now", MORNING]);
    assert_eq!(ended.exit, 78, "{ended:?}");
}

#[test]
fn a_file_that_gives_reminders_other_keys_says_who_would_be_called_again() {
    // any address that accepts and is no sandbox: what a sandbox accepts is no call
    let accepting = crate::support::Receiver::start(vec![crate::support::Conduct::Answer(crate::support::answer(
        "200 OK",
        &[],
        "{}",
    ))]);
    let clinic = Clinic::with_target(&accepting.url("/in"));
    // within the limit of a person's calls nobody would be called twice on one day anyway
    let text = DAY_BEFORE.replace("days_before = 1", "days_before = 1\nmax_per_person_per_day = 5");
    clinic.schedule("day-before", &text);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    let text = text.replace("../appointments.csv", "appointments.csv");
    clinic.write("day-before.toml", &text);
    let later = "2026-11-24T14:30:00Z";
    let (_, found) = clinic.json(&["plan", "day-before", "--diff", "day-before.toml", "--now", later]);
    assert_eq!(found["gains"], serde_json::json!([]), "the same file: {found}");
    clinic.write("the-day-before.toml", &text);
    let (_, found) = clinic.json(&["plan", "day-before", "--diff", "the-day-before.toml", "--now", later]);
    assert_eq!(ids(&found, "gains"), ["A-1", "A-2"], "a renamed file");
    assert!(found["gains"].as_array().expect("calls").iter().all(|call| call["again"] == true), "{found}");
    clinic.write("day-before.toml", &text.replace("id = \"id\"", "id = \"name\""));
    let (_, found) = clinic.json(&["plan", "day-before", "--diff", "day-before.toml", "--now", later]);
    assert_eq!(found["gains"][0]["again"], true, "another id: {found}");
    let shown = clinic.run(&["plan", "day-before", "--diff", "day-before.toml", "--now", later]);
    assert!(shown.stdout.contains("CALLED AGAIN"), "{shown:?}");
}

#[test]
fn a_file_that_is_renamed_when_its_rehearsal_ends_says_who_would_be_called_again() {
    let clinic = Clinic::new();
    let text = DAY_BEFORE.replace("id = \"id\"", "id = \"id\"\nperson = \"name\"");
    clinic.schedule("trial-week", &format!("mode = \"shadow\"\n{text}"));
    clinic.run(&["trigger", "trial-week", "--now", MORNING]);
    let live = text.replace("../appointments.csv", "appointments.csv");
    clinic.write("reminders.toml", &live);
    clinic.write("other-id.toml", &live.replace("id = \"id\"", "id = \"service\""));
    clinic.write("trial-week.toml", &live);
    let later = "2026-11-24T14:30:00Z";
    for (file, again) in [("reminders.toml", 2), ("other-id.toml", 2), ("trial-week.toml", 0)] {
        let (_, found) = clinic.json(&["plan", "trial-week", "--diff", file, "--now", later]);
        let gains = found["gains"].as_array().expect("calls");
        assert_eq!(gains.iter().filter(|call| call["again"] == true).count(), again, "{file}: {found}");
        assert_eq!(gains.len(), again, "{file}: {found}");
    }
}

#[test]
fn whom_an_earlier_run_called_gains_no_call_against_the_last_run() {
    let clinic = Clinic::new();
    let table = format!("{CLINIC}A-9,Eva Invented,+12025550188,2026-11-25 16:00,X-ray,confirmed\n");
    let (_, first) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", MORNING]);
    clinic.write("appointments.csv", &table);
    let (_, second) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", "2026-11-24T14:30:00Z"]);
    assert_eq!((&first["counts"]["planned"], &second["counts"]["planned"]), (&2.into(), &3.into()), "two of them wait");
    clinic.write("appointments.csv", &table.replace("A-9,Eva Invented,+12025550188", "A-9,Eva Invented,"));
    let (_, found) = clinic.json(&["plan", "day-before", "--diff", "last", "--now", "2026-11-24T15:00:00Z"]);
    assert_eq!((ids(&found, "gains"), ids(&found, "loses")), (Vec::<String>::new(), vec!["A-9".to_owned()]), "{found}");
}

#[test]
fn the_last_run_is_compared_with_what_the_present_file_and_source_would_plan() {
    let clinic = Clinic::new();
    let ended = clinic.run(&["plan", "day-before", "--diff", "last", "--now", MORNING]);
    assert_eq!(ended.exit, 1, "no run yet: {ended:?}");
    let (_, first) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", MORNING]);
    assert_eq!(first["counts"]["planned"], 2, "{first}");
    let table = CLINIC.replace("A-2,Ben Sample,(202) 555-0164", "A-2,Ben Sample,");
    clinic
        .write("appointments.csv", &format!("{table}A-9,Eva Invented,+12025550188,2026-11-25 16:00,X-ray,confirmed\n"));
    let (exit, found) = clinic.json(&["plan", "day-before", "--diff", "last", "--now", "2026-11-24T15:00:00Z"]);
    assert_eq!(exit, 0, "{found}");
    assert_eq!((ids(&found, "gains"), ids(&found, "loses")), (vec!["A-9".to_owned()], vec!["A-2".to_owned()]));
    assert_eq!((&found["same"], &found["loses"][0]["why"]), (&1.into(), &"no_phone".into()), "{found}");
}
