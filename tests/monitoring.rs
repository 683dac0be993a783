//! The alert rules of `examples/monitoring`, tried by Prometheus' own tool; every metric that they and the dashboard name exists.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/monitoring")
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

#[test]
fn each_alert_rule_fires_when_it_should_and_not_before() {
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let ended = Command::new("promtool").args(arguments).current_dir(folder()).output();
        let ended = ended.unwrap_or_else(|error| panic!("promtool: {error}: `./test` installs it"));
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    }
    let (rules, tests) = (read(folder().join("alerts.yml")), read(folder().join("alerts.test.yml")));
    let named = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in named {
        assert!(tests.contains(&format!("alertname: {alert}")), "{alert} has no test");
    }
}

#[test]
fn every_metric_that_is_drawn_or_watched_exists() {
    let exposition = read(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/exposition.rs"));
    let mut named = BTreeSet::new();
    for file in ["alerts.yml", "alerts.test.yml", "dashboard.json"] {
        let text = read(folder().join(file));
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        named.extend(words.filter(|word| word.starts_with("tickler_")).map(str::to_owned));
    }
    assert!(named.len() > 10, "{named:?}");
    let unknown: Vec<&String> = named
        .iter()
        .filter(|name| !exposition.contains(&format!("\"{}\"", name.trim_end_matches("_bucket"))))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    serde_json::from_str::<serde_json::Value>(&read(folder().join("dashboard.json"))).expect("the dashboard is JSON");
}
