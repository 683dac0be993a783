//! shell: payloads that lack what others need.

use super::*;

#[test]
fn a_payload_that_sends_a_phone_column_and_no_checked_number_is_a_warning() {
    let columns = "id = \"id\"\nphone = [\"phone\", \"Handy Nr\", \"mobile\"]\nstarts_at = \"starts_at\"";
    let table = "id,phone,Handy Nr,mobile,starts_at\n1,+12025550143,,,2026-11-25 09:00\n";
    let line = |key: &str| format!("write `{key} = \"{{{{ phone }}}}\"`");
    let in_place = || "write `{{ phone }}` in its place".to_owned();
    let cases = [
        ("tel = \"{{ mobile }}\"", Some(("mobile", line("tel")))),
        ("\"Tel. 1\" = \"{{ mobile | trim }}\"", Some(("mobile", line("\"Tel. 1\"")))),
        ("person = { tel = '{{ row[\"Handy Nr\"] }}' }", Some(("Handy Nr", line("tel")))),
        ("tel = \"{{ row.phone }}\"", Some(("phone", line("tel")))),
        ("tel = \"call {{ mobile }}\"", Some(("mobile", in_place()))),
        ("tel = [\"{{ mobile }}\"]", Some(("mobile", in_place()))),
        ("tel = \"{% if mobile %}{{ mobile }}{% endif %}\"", Some(("mobile", in_place()))),
        // the checked number is there, or no number of the row at all
        ("tel = \"{{ phone }}\"\nraw = \"{{ mobile }}\"", None),
        ("tel = \"{{ phone_national }}\"\nraw = \"{{ mobile }}\"", None),
        ("tel = \"{{ phone | default(mobile) }}\"", None),
        ("tel = \"mobile\"", None),
        ("tel = \"{{ id }}\"", None),
    ];
    for (payload, wanted) in cases {
        let found = Place::with(&schedule(columns, "", payload), table).found(CheckReach::Local);
        let found: Vec<_> = found.iter().map(|it| (it.code, it.severity, &it.message, it.help.as_deref())).collect();
        let Some((column, help)) = wanted else {
            assert_eq!(found, [], "{payload}");
            continue;
        };
        let [(code, severity, message, remedy)] = found[..] else { panic!("one problem, not {found:?}") };
        assert_eq!((code, severity), ("raw-phone", Severity::Warning), "{payload}");
        assert!(message.contains(&format!("`{column}`")), "{payload}: {message}");
        assert!(remedy.is_some_and(|remedy| remedy.starts_with(&help)), "{payload}: {remedy:?}");
    }
}

#[test]
fn a_phone_within_an_object_is_known_by_its_path() {
    for (payload, warned) in [
        ("tel = \"{{ client.phone }}\"", true),
        ("name = \"{{ client.name }}\"", false),
        ("a = \"{{ row.client.phone }}\"", true),
    ] {
        let text = format!(
            "cron = \"0 9 * * *\"\ntimezone = \"Europe/Berlin\"\nsource.http.url = \"http://127.0.0.1:1/\"\n[appointment]\n\
             id = \"id\"\nphone = \"client.phone\"\nstarts_at = \"starts_at\"\n[remind]\ndays_before = 1\n\
             [target.automation]\nurl = {{ env = \"AUTOMATION\" }}\n[payload]\n{payload}\n"
        );
        let found = Place::with(&text, TABLE).found(CheckReach::Local);
        assert_eq!(found.iter().any(|it| it.code == "raw-phone"), warned, "{payload}: {found:?}");
    }
}

#[test]
fn reports_without_the_reminders_id_in_the_payload_are_a_warning() {
    let outcome = "\n[outcome]\nsecret = { env = \"AUTOMATION\" }\n";
    for (payload, more, warned) in [
        ("tel = \"{{ phone }}\"", outcome, true),
        ("tel = \"{{ phone }}\"\nid = \"reminder_id\"", outcome, true),
        ("tel = \"{{ phone }}\"\nid = \"{{ reminder_id }}\"", outcome, false),
        ("tel = \"{{ phone }}\"\na = { b = [\"x {{ reminder_id | upper }}\"] }", outcome, false),
        ("tel = \"{{ phone }}\"", "", false),
    ] {
        let text = schedule(COLUMNS, "", payload) + more;
        let found = Place::with(&text, TABLE).found(CheckReach::Local);
        assert_eq!(found.len(), usize::from(warned), "{payload}{more}: {found:?}");
        let is_told = |it: &Problem| {
            it.code == "no-reminder-id"
                && it.severity == Severity::Warning
                && it.message.contains("in the 30m before")
                && it.help.as_deref().is_some_and(|help| help.contains("add `reminder_id = \"{{ reminder_id }}\"`"))
        };
        assert!(found.iter().all(is_told), "{found:?}");
    }
}
