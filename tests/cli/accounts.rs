//! The account at hand: its agents, its contacts, and a schedule whose agent isn't among them.

use crate::clinic::*;

pub fn clinic(sandbox: &Sandbox) -> Clinic {
    let clinic = Clinic::with_target(&sandbox.url);
    let base = sandbox.url.split("/webhook").next().expect("an address");
    let settings = format!(
        "[web]\nlisten = \"off\"\n[accounts.thoughtly]\nbase_url = \"{base}\"\napi_token = {{ env = \"TOKEN\" }}\nteam_id = \"team\"\n"
    );
    clinic.write("tickler.toml", &settings);
    clinic.write(".env", "TOKEN=secret\n");
    let call = "[target.call]\nagent = \"agent-of-nobody\"\n";
    let schedule = DAY_BEFORE.replace("[target.automation]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }\n", call);
    clinic.write("schedules/day-before.toml", &schedule);
    clinic
}

#[test]
fn the_agents_of_an_account_are_listed() {
    let sandbox = Sandbox::start(&[]);
    let clinic = clinic(&sandbox);
    let (exit, agents) = clinic.json(&["agents"]);
    assert_eq!((exit, &agents[0]["title"]), (0, &"Sandbox agent".into()), "{agents}");
    let none = clinic.run(&["agents", "--account", "other"]);
    assert!(none.exit == 78 && none.stderr.contains("no account `other`"), "{none:?}");
}

#[test]
fn an_agent_that_the_account_does_not_have_is_reported() {
    let sandbox = Sandbox::start(&[]);
    let clinic = clinic(&sandbox);
    assert_eq!(clinic.run(&["check"]).exit, 0, "without --connect nobody is asked");
    let (exit, report) = clinic.json(&["check", "--connect"]);
    let codes: Vec<&serde_json::Value> =
        report["problems"].as_array().expect("problems").iter().map(|one| &one["code"]).collect();
    assert_eq!((exit, codes), (78, vec![&"unknown-agent".into()]), "{report}");
    let (_, doctor) = clinic.json(&["doctor"]);
    let agent = doctor["findings"].as_array().expect("findings").iter().find(|one| one["subject"] == "agent");
    assert!(agent.is_some_and(|one| one["detail"].to_string().contains("Sandbox agent")), "{doctor}");
    let (_, agents) = clinic.json(&["agents"]);
    let known = agents[0]["id"].as_str().expect("an id");
    let schedule = std::fs::read_to_string(clinic.path().join("schedules/day-before.toml")).expect("the schedule");
    clinic.write("schedules/day-before.toml", &schedule.replace("agent-of-nobody", known));
    assert_eq!(clinic.run(&["check", "--connect"]).exit, 0);
}

#[test]
fn what_an_account_knows_of_a_number_is_masked_and_in_the_log() {
    let sandbox = Sandbox::start(&[]);
    let clinic = clinic(&sandbox);
    let (exit, none) = clinic.json(&["contacts", "find", "--phone", "+12025550143"]);
    assert_eq!((exit, none), (0, serde_json::json!([])));
    let (_, agents) = clinic.json(&["agents"]);
    let known = agents[0]["id"].as_str().expect("an id");
    let schedule = std::fs::read_to_string(clinic.path().join("schedules/day-before.toml")).expect("the schedule");
    clinic.write("schedules/day-before.toml", &schedule.replace("agent-of-nobody", known));
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    let found = clinic.run(&["contacts", "find", "--phone", "+12025550143"]);
    assert!(found.exit == 0 && found.stdout.contains("***0143") && !found.stdout.contains("2025550143"), "{found:?}");
    let (_, log) = clinic.json(&["audit", "list", "--event", "operator.revealed"]);
    assert_eq!(log.as_array().map(Vec::len), Some(2), "{log}");
    assert_eq!(clinic.run(&["contacts", "find", "--phone", "12"]).exit, 2);
}
