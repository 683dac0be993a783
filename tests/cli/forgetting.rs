//! A person is erased: nothing of them is left in the ledger's bytes, and the log stays whole.

use crate::clinic::*;

const NUMBER: &str = "+12025550143";
/// What the files of the ledger must not hold any more: the number, its digits, the name, what was sent.
const TRACES: [&str; 4] = [NUMBER, "2025550143", "Ada Example", "Check-up for Ada"];

fn with_names(clinic: Clinic) -> Clinic {
    let schedule = DAY_BEFORE
        .replace("[remind]", "label = \"{{ name }}\"\n[remind]")
        .replace("{{ service }}", "{{ service }} for {{ name }}");
    clinic.write("schedules/day-before.toml", &schedule);
    clinic
}

/// The traces that the ledger's files still hold.
fn traces(clinic: &Clinic) -> Vec<String> {
    let files = std::fs::read_dir(clinic.path()).expect("the folder").flatten();
    let of_ledger = files.filter(|file| file.file_name().to_string_lossy().starts_with("tickler.db"));
    let mut found = Vec::new();
    for file in of_ledger {
        let bytes = std::fs::read(file.path()).expect("a file of the ledger");
        for trace in TRACES {
            if bytes.windows(trace.len()).any(|window| window == trace.as_bytes()) {
                found.push(format!("{}: {trace}", file.file_name().to_string_lossy()));
            }
        }
    }
    found
}

#[test]
fn nothing_of_a_person_is_left_in_the_ledgers_bytes_and_the_log_stays_whole() {
    let sandbox = Sandbox::start(&[]);
    let clinic = with_names(Clinic::with_target(&sandbox.url));
    // planned, renamed, sent, looked at, opted out: what is written over leaves copies, too
    clinic.run(&["pause", "--all", "--reason", "not yet"]);
    clinic.run(&["trigger", "day-before", "--now", MORNING]);
    let table = std::fs::read_to_string(clinic.path().join("appointments.csv")).expect("the table");
    clinic.write("appointments.csv", &table.replace("Ada Example", "Ada Example-Married"));
    clinic.run(&["trigger", "day-before", "--now", MORNING]);
    clinic.run(&["resume", "--all"]);
    clinic.run(&["trigger", "day-before", "--now", MORNING]);
    clinic.run(&["optout", "add", NUMBER, "--reason", "Ada Example asked"]);
    assert!(!traces(&clinic).is_empty(), "there is something to erase");
    let (exit, erased) = clinic.json(&["forget", "--phone", NUMBER]);
    assert_eq!((exit, &erased["reminders"], &erased["contacts_deleted"]), (0, &1.into(), &serde_json::Value::Null));
    assert!(erased["audit_rows"].as_u64().is_some_and(|rows| rows >= 4), "{erased}");
    assert_eq!(traces(&clinic), Vec::<String>::new());
    let verified = clinic.run(&["audit", "verify"]);
    assert_eq!(verified.exit, 0, "{verified:?}");
    let forgot = clinic.json(&["audit", "list", "--event", "operator.forgot"]).1;
    assert!(forgot[0]["detail"].to_string().contains("erased in rows "), "{forgot}");
    // the others are as they were, and the person stays uncalled
    let others = clinic.json(&["audit", "list", "--appointment", "A-2"]).1;
    assert!(others.as_array().is_some_and(|rows| rows.len() >= 2), "{others}");
    let plan = clinic.json(&["plan", "day-before", "--now", MORNING]).1;
    assert_eq!(plan[0]["counts"]["planned"], 0, "{plan}");
    let again = clinic.json(&["forget", "--phone", NUMBER]).1;
    assert_eq!((&again["audit_rows"], &again["reminders"]), (&0.into(), &0.into()));
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);
}

#[test]
fn a_row_that_lost_its_salt_without_an_erasure_is_found() {
    let sandbox = Sandbox::start(&[]);
    let clinic = with_names(Clinic::with_target(&sandbox.url));
    clinic.run(&["trigger", "day-before", "--now", MORNING]);
    clinic.run(&["forget", "--phone", NUMBER]);
    let conn = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("the ledger");
    let one = "SELECT seq FROM audit WHERE salt IS NOT NULL AND appointment_id = 'A-2' LIMIT 1";
    let seq: i64 = conn.query_row(one, [], |row| row.get(0)).expect("a whole row");
    conn.execute_batch(&format!(
        "INSERT INTO permit VALUES ('me'); UPDATE audit SET appointment_id = NULL, phone_last4 = NULL, starts_at = NULL, \
         detail = NULL, phone_hash = NULL, salt = NULL WHERE seq = {seq}; DELETE FROM permit;"
    ))
    .expect("it is tampered with");
    drop(conn);
    let found = clinic.run(&["audit", "verify"]);
    assert!(found.exit == 5 && found.stdout.contains("no erasure names it"), "{found:?}");
}

#[test]
fn a_contact_at_the_account_is_deleted_on_request_and_a_failure_there_is_told() {
    let sandbox = Sandbox::start(&[]);
    let clinic = crate::accounts::clinic(&sandbox);
    let (_, agents) = clinic.json(&["agents"]);
    let known = agents[0]["id"].as_str().expect("an id");
    let schedule = std::fs::read_to_string(clinic.path().join("schedules/day-before.toml")).expect("the schedule");
    clinic.write("schedules/day-before.toml", &schedule.replace("agent-of-nobody", known));
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    let (exit, erased) = clinic.json(&["forget", "--phone", NUMBER, "--remote"]);
    assert_eq!((exit, &erased["contacts_deleted"]), (0, &1.into()), "{erased}");
    let (_, left) = clinic.json(&["contacts", "find", "--phone", NUMBER]);
    assert_eq!(left, serde_json::json!([]));
    drop(sandbox);
    let gone = clinic.run(&["forget", "--phone", "+12025550164", "--remote"]);
    assert!(gone.exit == 1 && gone.stderr.contains("a contact may be left"), "{gone:?}");
    assert!(gone.stdout.contains("erased in"), "here the person is erased all the same: {gone:?}");
}

#[test]
fn a_mistyped_number_erases_nobody() {
    let clinic = Clinic::new();
    let refused = clinic.run(&["forget", "--phone", "12"]);
    assert!(refused.exit == 2 && !clinic.has_ledger(), "{refused:?}");
}
