//! Schedules of requests: what they must have, must not have, and what only they have.

use tickler::schedule::Leads;

use crate::{load, problems, with};

const REQUESTS: &str = r#"timezone = "America/New_York"
[source.inbound]
secret = { env = "LEADS_SECRET" }
[appointment]
phone = "phone"
[remind]
now = true
allowed_countries = ["US"]
[target.automation]
url = { env = "URL" }
[payload]
to = "{{ phone }}"
"#;

#[test]
fn the_smallest_schedule_of_requests_loads_and_never_fires() {
    let loaded = load(REQUESTS);
    assert_eq!(loaded.problems, []);
    let schedule = loaded.schedule.expect("it loads");
    assert_eq!((&schedule.remind.leads, schedule.cron.as_str()), (&Leads::Now, ""));
    assert!(schedule.recurrence.next(&schedule.zone, jiff::Timestamp::UNIX_EPOCH, 1).is_empty());
    let spec = schedule.inbound().expect("its settings");
    assert_eq!((spec.max_per_hour, spec.secret_in_url, spec.secrets.len()), (60, false, 1));
}

#[test]
fn what_such_a_schedule_lacks_or_must_not_have_is_an_error_with_its_place_and_a_remedy() {
    // a line, what stands in its place, and the code, the line and a word of the one error
    for (line, instead, code, at_line, word) in [
        ("timezone =", "cron = \"0 9 * * *\"\ntimezone =", "invalid-value", 1, "`cron` has no meaning"),
        (
            "phone = \"phone\"",
            "phone = \"phone\"\nstarts_at = \"at\"",
            "invalid-value",
            6,
            "`starts_at` has no meaning",
        ),
        (
            "phone = \"phone\"",
            "phone = \"phone\"\nrecurrence = \"r\"",
            "invalid-value",
            6,
            "`recurrence` has no meaning",
        ),
        ("now = true", "days_before = 1", "invalid-value", 7, "`days_before` has no meaning"),
        ("now = true", "hours_before = 2", "invalid-value", 7, "`hours_before` has no meaning"),
        ("now = true", "now = false", "invalid-value", 7, "only ever `true`"),
        ("now = true\n", "", "missing-key", 6, "needs one of"),
        ("allowed_countries = [\"US\"]\n", "", "missing-key", 6, "`allowed_countries` is missing"),
        ("secret = { env = \"LEADS_SECRET\" }\n", "", "missing-key", 2, "`secret` is missing"),
        ("secret = { env = \"LEADS_SECRET\" }", "secret = \"written out\"", "wrong-type", 3, "`secret`"),
        ("[appointment]", "max_per_hour = 0\n[appointment]", "invalid-value", 4, "`max_per_hour`"),
    ] {
        let text = REQUESTS.replacen(line, instead, 1);
        let found = problems(&text);
        let first = found.first().unwrap_or_else(|| panic!("no error: {text}"));
        assert_eq!((first.code, first.line), (code, at_line), "{found:#?}\n{text}");
        assert!(found.iter().any(|problem| problem.message.contains(word)), "{found:#?}");
        assert!(found.iter().all(|problem| problem.help.as_deref().is_some_and(|help| !help.is_empty())), "{found:#?}");
        assert!(load(&text).schedule.is_none(), "{text}");
    }
}

#[test]
fn keys_of_requests_are_refused_in_a_schedule_of_appointments() {
    for (line, instead, word) in [
        ("days_before = 1", "now = true", "`now` needs `[source.inbound]`"),
        ("phone     = \"phone\"", "phone     = \"phone\"\ncall_at = \"at\"", "`call_at` needs `[source.inbound]`"),
        ("phone     = \"phone\"", "phone     = \"phone\"\nexpires = \"at\"", "`expires` needs `[source.inbound]`"),
    ] {
        let found = problems(&with(line, instead));
        assert!(found.iter().any(|problem| problem.message.contains(word) && problem.help.is_some()), "{found:#?}");
    }
    assert_eq!(problems(&with("phone     = \"phone\"", "phone     = \"phone\"\npriority = \"p\"")), []);
}
