//! The reference: complete, equal to what the program prints, and each example of a key accepted by `check`.

mod support;

use std::path::Path;

use support::clinic::{Clinic, PARTS};
use tickler::schedule::keys::{Key, KeyTable, Need, SCHEDULE, Shape};

#[test]
fn the_page_is_what_the_program_prints() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let printed = clinic.run(&["help", "--markdown"]);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules/README.md");
    let written = std::fs::read_to_string(&page).expect("schedules/README.md is there");
    assert!(
        printed.stdout == written,
        "schedules/README.md differs from the tables: `cargo run -- help --markdown > schedules/README.md`"
    );
}

#[test]
fn every_part_fits_a_terminal_of_eighty_columns() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    for topic in ["schedule", "payload", "query", "settings", "reasons", "events", "alerts"] {
        let page = clinic.run(&["help", topic]);
        assert_eq!(page.exit, 0, "{page:?}");
        for line in page.stdout.lines() {
            assert!(line.chars().count() <= 80, "{topic}: {line}");
        }
    }
    let verb = clinic.run(&["help", "trigger"]);
    assert!(verb.stdout.contains("--only"), "{verb:?}");
    let mistyped = clinic.run(&["help", "paylod"]);
    assert_eq!(mistyped.exit, 2);
    assert!(mistyped.stderr.contains("did you mean `payload`?"), "{mistyped:?}");
}

/// Each key that can be set, with its path.
fn leaves(table: &'static KeyTable, path: &str) -> Vec<(String, &'static Key)> {
    let mut found = Vec::new();
    for key in table.keys.iter().filter(|key| key.need != Need::Later) {
        let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        match key.shape {
            Shape::Table(inner) => found.extend(leaves(inner, &path)),
            Shape::Unread => {}
            _ => found.push((path, key)),
        }
    }
    found
}

/// Sets a key in a schedule, and beside it what its table demands; siblings that exclude it go.
fn set(document: &mut toml::Table, table: &'static KeyTable, path: &str, whole: &str) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    if table.one_of.contains(&name) {
        for other in table.one_of.iter().filter(|other| **other != name) {
            document.remove(*other);
        }
    }
    let prefix = &whole[..whole.len() - path.len()];
    for key in table.keys.iter().filter(|key| key.need == Need::Required && key.name != name) {
        let place = format!("{prefix}{}", key.name);
        if !document.contains_key(key.name)
            && let Some(example) = key.example(&place)
        {
            document.insert(key.name.to_owned(), value(example));
        }
    }
    let key = table.key(name).unwrap_or_else(|| panic!("{whole} is in the table"));
    match (&key.shape, rest) {
        (Shape::Table(inner), Some(rest)) => {
            let entry = document.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            set(entry.as_table_mut().expect("a table"), inner, rest, whole);
        }
        _ => {
            let example = key.example(whole).unwrap_or_else(|| panic!("`{whole}` has no example"));
            document.insert(name.to_owned(), value(example));
        }
    }
}

fn value(written: &str) -> toml::Value {
    let document: toml::Table = format!("it = {written}").parse().unwrap_or_else(|error| panic!("{written}: {error}"));
    document["it"].clone()
}

/// Keys that only a schedule of requests has.
const OF_REQUESTS: [&str; 3] = ["remind.now", "appointment.call_at", "appointment.expires"];

/// Makes a schedule one of requests.
fn as_requests(document: &mut toml::Table, path: &str) {
    document.remove("cron");
    if !path.starts_with("source") {
        let source = "inbound = { secret = { env = \"LEADS_SECRET\" } }";
        document.insert("source".to_owned(), toml::Value::Table(source.parse().expect("a source")));
    }
    document["appointment"].as_table_mut().expect("a table").remove("starts_at");
    let remind = document["remind"].as_table_mut().expect("a table");
    remind.remove("days_before");
    remind.insert("now".to_owned(), value("true"));
    remind.insert("allowed_countries".to_owned(), value("[\"US\"]"));
}

#[test]
fn each_key_has_an_example_that_check_accepts() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let columns = "id,mobile,phone,starts_at,day,time,zone,patient_zone,status,patient_id,language,do_not_call,may_call,\
        name,email,service,rrule,exdates,call_at,call_until,priority";
    clinic.write("appointments.csv", &format!("{columns}\n"));
    clinic.write("do-not-call.txt", "+12025550143\n");
    let database = rusqlite::Connection::open(clinic.path().join("appointments.db")).expect("a database");
    let table = "CREATE TABLE visit (id, phone, mobile, starts_at, start, day, time, name, service)";
    database.execute_batch(table).expect("a table");
    let all = leaves(&SCHEDULE, "");
    assert!(all.len() > 70, "the tables were walked: {}", all.len());
    for (number, (path, _)) in all.iter().enumerate() {
        let mut document: toml::Table = PARTS.text().parse().expect("a whole schedule");
        set(&mut document, &SCHEDULE, path, path);
        if path == "join" {
            // only what an API answers refers to something else
            let api = "http = { url = \"https://crm.example.org/appointments\" }";
            document.insert("source".to_owned(), toml::Value::Table(api.parse().expect("a source")));
        }
        if path.starts_with("source.inbound") || OF_REQUESTS.contains(&path.as_str()) {
            as_requests(&mut document, path);
        }
        let text = toml::to_string(&document).expect("it can be written");
        clinic.write(&format!("schedules/k{number}.toml"), &text);
    }
    let (_, report) = clinic.json(&["check"]);
    let errors: Vec<String> = report["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|problem| problem["severity"] == "error")
        .map(|problem| {
            let file = problem["file"].as_str().unwrap_or_default();
            let number: usize =
                file.rsplit('k').next().and_then(|name| name.trim_end_matches(".toml").parse().ok()).unwrap_or(0);
            format!("{}: {}", all[number].0, problem["message"])
        })
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    assert_eq!(report["files"], all.len());
}

#[test]
fn every_example_of_a_setting_is_taken() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let lines: Vec<String> = tickler::settings::documented()
        .iter()
        .map(|doc| format!("{} = {}", doc.key.replace('*', "north"), doc.example))
        .collect();
    clinic.write("tickler.toml", &lines.join("\n"));
    let taken = clinic.run(&["config"]);
    assert_eq!(taken.exit, 0, "{taken:?}");
    for doc in tickler::settings::documented() {
        let key = doc.key.replace('*', "north");
        assert!(taken.stdout.contains(&key), "{key}: {taken:?}");
    }
}
