//! Reports that never come: the account is asked for its records of calls.

use serde_json::json;

use crate::binary::Service;
use crate::clinic::*;
use crate::retries::has;

#[test]
fn what_was_never_posted_is_found_by_a_poll_and_is_a_lost_webhook() {
    let sandbox = crate::sandboxed::Sandbox::start(&["--told", "never"]);
    let base = sandbox.url.split_once("/webhook").map_or(sandbox.url.as_str(), |(base, _)| base).to_owned();
    let clinic = Clinic::new("");
    let target = "[target.call]\nagent = \"sandbox-agent\"\n";
    let text = SCHEDULE.replace("[target.automation]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }\n", target);
    clinic.schedule("day-before", &format!("{text}[outcome.poll]\nafter = \"1s\"\nevery = \"1s\"\n"));
    // 01: completed
    clinic.table("A-1,(202) 555-0101,2026-11-25 10:00\n");
    let settings =
        format!("[accounts.thoughtly]\nbase_url = \"{base}\"\napi_token = {{ env = \"TOKEN\" }}\nteam_id = \"team\"\n");
    std::fs::write(clinic.path().join("tickler.toml"), settings).expect("settings");
    let service: Service =
        clinic.start_with(BEFORE_NINE, &[("TOKEN", "token-1"), ("TICKLER_WEB__LISTEN", "127.0.0.1:0")]);
    let row = clinic.until(|row| row["outcome"] == "answered");
    assert_eq!((&row["state"], row["calls"].as_array().map(Vec::len)), (&json!("delivered"), Some(1)), "{row}");
    let metrics = scraped(&service);
    assert!(metrics.contains("tickler_poll_found_total 1\n"), "{metrics}");
    service.stop();
    assert!(has(&clinic, "outcome.received", "1d", "answered"));
    assert!(crate::binary::export(clinic.path()).contains("\"actor\":\"poll\""));
}

/// What Prometheus reads.
fn scraped(service: &Service) -> String {
    let address = service.page();
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    exchange(&address, request.as_bytes()).2
}
