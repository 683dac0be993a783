//! A person is found by the number as somebody types it, and whoever opens the address of a form is led to the form.

use tickler::web::routes::ROUTES;

use super::clinic::{Clinic, PARTS, Parts, Sandbox};
use super::{Answer, Desk};

const TABLE: &str = "\
id,name,phone,starts_at
A-1,Ada Example,+1 202-555-0143,2026-11-25 09:30
A-2,Ben Sample,+44 20 7946 0958,2026-11-25 10:00
";

/// A clinic whose schedule names no country.
fn worldwide() -> Desk {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::empty(&sandbox.url);
    clinic.write("appointments.csv", TABLE);
    let remind = "days_before = 1\ncalling_hours = \"always\"";
    clinic.schedule("day-before", &Parts { remind, ..PARTS }.text());
    Desk::over(clinic, Some(sandbox), &[])
}

fn found(desk: &Desk, typed: &str) -> Answer {
    let form = desk.get("/calls").form_token();
    let typed: String = url::form_urlencoded::byte_serialize(typed.as_bytes()).collect();
    desk.post("/calls/find", "", &format!("form_token={form}&person={typed}"))
}

#[test]
fn a_national_number_is_found_where_no_schedule_names_a_country() {
    let desk = worldwide();
    for (typed, appointment) in [
        ("202-555-0143", "A-1"),
        ("(202) 555 0143", "A-1"),
        ("+12025550143", "A-1"),
        ("020 7946 0958", "A-2"),
        ("+44 20 7946 0958", "A-2"),
    ] {
        let answer = found(&desk, typed);
        let address = answer.header("location").unwrap_or_else(|| panic!("{typed}: {}", answer.body));
        assert!(address.starts_with("/calls?phone="), "{typed}: {address}");
        let page = desk.get(address);
        assert!(page.body.contains(&format!(">{appointment}<")), "{typed}: {}", page.body);
    }
}

#[test]
fn a_number_that_finds_nobody_is_kept_in_the_form_with_the_reason() {
    let desk = worldwide();
    for (typed, why) in [
        ("555-01", "That is not a whole phone number: write all its digits"),
        ("0199", "No phone number with these last four digits is in the log."),
        ("Ada Example", "no schedule has an <code>appointment.label</code>."),
        ("+1 202-555-0199", "Nobody with this number is in the log."),
    ] {
        let answer = found(&desk, typed);
        assert_eq!(answer.status, 200, "{typed}: {}", answer.body);
        assert!(answer.body.contains(why), "{typed}: {}", answer.body);
        assert!(answer.body.contains(&format!("value=\"{typed}\"")), "{typed}: {}", answer.body);
        assert!(!answer.body.contains("<tr id=\"row-"), "no rows look like its result: {}", answer.body);
    }
    // the list of whoever is never called keeps what was typed, too
    let form = desk.get("/opt-outs").form_token();
    let refused = desk.post("/opt-outs/add", "", &format!("form_token={form}&phone=0143&reason=she+asked"));
    assert_eq!(refused.status, 200);
    for kept in ["value=\"0143\"", "value=\"she asked\"", "nothing was changed"] {
        assert!(refused.body.contains(kept), "{kept}: {}", refused.body);
    }
    assert!(desk.log("optout").is_empty());
}

#[test]
fn a_person_is_found_by_the_last_four_digits_a_part_of_the_name_or_the_appointment() {
    let desk = Desk::open();
    // A-4 has no phone and was never called
    for (typed, found_one, standing) in [
        ("0143", "A-1", "accepted by the sandbox"),
        ("***0143", "A-1", "accepted by the sandbox"),
        ("ada", "A-1", "accepted by the sandbox"),
        ("nobody", "A-4", "not called: no phone"),
        ("A-4", "A-4", "not called: no phone"),
        ("A-2", "A-2", "accepted by the sandbox"),
    ] {
        let page = found(&desk, typed);
        assert_eq!((page.status, page.header("location")), (200, None), "{typed}: what is typed is in no address");
        assert!(page.body.contains("Found <span class=\"count\">1</span>"), "{typed}: {}", page.body);
        for shown in [&format!(">{found_one}</a>"), standing, &format!("value=\"{typed}\"")] {
            assert!(page.body.contains(shown), "{typed}: {shown}: {}", page.body);
        }
        assert!(!page.without_form_token().contains("5550143"), "{typed}: no whole number");
    }
    let page = found(&desk, "0143");
    for said in ["Ada Example", "***0143", "Different people may have the same last four digits."] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    for (typed, why) in [
        ("Zoe", "No name and no appointment&#39;s id in the log is like this."),
        ("0199", "No phone number with these last four digits is in the log."),
        (" ", "Write a name, a phone number, its last four digits, or an id."),
    ] {
        let page = found(&desk, typed);
        assert!(page.status == 200 && page.body.contains(why), "{typed}: {}", page.body);
    }
    assert!(desk.log("operator").is_empty(), "a search reveals nothing");
}

#[test]
fn a_call_that_is_still_to_be_made_is_found_by_its_phone_its_name_and_its_digits() {
    // nothing listens there: a call that can't be made waits for its next attempt
    let clinic = Clinic::with_target("http://127.0.0.1:9/webhook/automation/a");
    clinic.schedule("day-before", &super::clinic::DAY_BEFORE.replace("[remind]", "label = \"{{ name }}\"\n[remind]"));
    clinic.run(&["trigger", "day-before", "--now", super::clinic::MORNING, "--wait", "0s"]);
    let desk = Desk::at(clinic, "2026-11-24T14:00:05Z");
    let by_phone = found(&desk, "+1 202-555-0143");
    let page = desk.get(by_phone.header("location").expect("the calls of that phone"));
    for shown in [
        "Calls to come <span class=\"count\">1</span>",
        ">A-1</a>",
        "schedule day-before",
        "on the plan of <a href=\"/plan?when=tomorrow\">",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    for typed in ["0143", "Example"] {
        let page = found(&desk, typed);
        assert!(page.body.contains("call is to be made"), "{typed}: {}", page.body);
    }
}

#[test]
fn a_call_is_one_row_that_opens_to_its_steps() {
    let page = Desk::open().get("/calls");
    let row = page.body.split("<tr id=\"row-").find(|row| row.contains(">A-1</a>")).expect("its row");
    for shown in ["accepted by the sandbox</span>", "2 earlier steps</summary>", "about to be sent", "planned"] {
        assert!(row.contains(shown), "{shown}: {row}");
    }
    assert_eq!(page.body.matches(">A-1</a>").count(), 1, "{}", page.body);
}

#[test]
fn whoever_opens_the_address_of_a_form_is_led_to_the_form() {
    let desk = Desk::open();
    let has_page = |path: &str| ROUTES.iter().any(|route| route.method == "GET" && route.path == path);
    let forms: Vec<&str> = ROUTES.iter().map(|route| route.path).filter(|path| !has_page(path)).collect();
    assert!(forms.contains(&"/calls/find") && forms.contains(&"/appointment/reveal"), "{forms:?}");
    for path in forms {
        let answer = desk.get(path);
        let to = answer.header("location").unwrap_or_else(|| panic!("{path}: {} {}", answer.status, answer.body));
        let page = desk.get(to);
        assert_eq!((answer.status, page.status), (303, 200), "{path}");
        assert!(page.body.contains("role=\"status\""), "{path} leads to {to}, which says why: {}", page.body);
    }
    assert!(desk.log("operator").is_empty(), "nothing was done");
}

#[test]
fn a_page_over_a_sandbox_says_so_and_one_that_reaches_people_does_not() {
    let banner = "Calls go to a sandbox on this machine, not to Thoughtly: no phone rings.";
    assert!(Desk::open().get("/").body.contains(banner));
    let real = Clinic::with_target("https://thoughtly.invalid/webhook/automation/a");
    let page = Desk::serving(real, None, &["run"], &[]).get("/");
    assert!(page.status == 200 && !page.body.contains("class=\"trial\""), "{}", page.body);
    let trial = Clinic::with_target("https://thoughtly.invalid/webhook/automation/a");
    let page = Desk::serving(trial, None, &["run", "--trial"], &[]).get("/calls");
    assert!(page.body.contains("recorded in a ledger of its own and does not count, but calls are really made."));
}
