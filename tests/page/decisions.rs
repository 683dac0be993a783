//! What a person decides at the page: what is shown before it, and what is said after it.

use std::io::Read as _;
use std::net::TcpListener;

use super::Desk;
use super::clinic::{Clinic, DAY_BEFORE, MORNING};

/// The clinic's schedule with names and with these further tables.
fn schedule(more: &str) -> String {
    DAY_BEFORE.replace("[remind]", "label = \"{{ name }}\"\n[remind]") + more
}

/// A server that takes every request and closes the connection without an answer: nobody knows whether a phone rang.
fn silent_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _read = stream.read(&mut [0; 4096]);
        }
    });
    format!("http://{address}/webhook/automation/a")
}

/// A clinic whose morning's run a guard holds.
fn held() -> Clinic {
    let clinic = Clinic::new();
    clinic.schedule("day-before", &schedule("[guard]\nmax_calls = 1\n"));
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 7, "a guard holds it");
    clinic
}

fn run_of(page: &super::Answer) -> String {
    let (_, rest) = page.body.split_once("name=\"run\" value=\"").expect("a form of a run");
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn whoever_approves_a_held_run_sees_whom_it_calls_and_why_it_is_held() {
    let desk = Desk::at(held(), "2026-11-24T14:05:00Z");
    let page = desk.get("/held");
    for shown in [
        "This run would make more calls at once than the schedule allows.",
        "<code>max_calls</code>",
        "Approved now, it calls 2",
        "Ada Example",
        "Ben Sample",
        "***0143",
        "Not called: 1 cancelled, 1 no phone",
        "whoever is due then is called",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(page.body.contains("<summary>Approve: call these 2</summary>"), "{}", page.body);
    let plan = desk.get("/plan").body;
    assert!(plan.contains("2 calls wait in the held run of day-before"), "{plan}");
    // what no run has planned yet has a page all the same
    let story = desk.get("/appointment?schedule=day-before&id=A-1").body;
    for shown in ["No run has planned a call for it yet.", "It would not be called: run held."] {
        assert!(story.contains(shown), "{shown}: {story}");
    }
    let unknown = desk.get("/appointment?schedule=day-before&id=A-99");
    assert!(unknown.status == 422 && unknown.body.contains("A-99"), "neither has the source: {}", unknown.body);
    assert!(!page.body.contains("tickler approve") && !page.body.contains('`'), "{}", page.body);
    let not_called = desk.get("/not-called?day=2026-11-24");
    assert!(not_called.body.contains("2 calls wait in the held run of day-before"), "{}", not_called.body);
    for wrong in ["Nobody was left out.", "Everybody who was due"] {
        assert!(!not_called.body.contains(wrong), "{wrong}: {}", not_called.body);
    }
    let overview = desk.get("/");
    assert!(overview.body.contains("something needs you"), "{}", overview.body);
    let held = "day-before: a run is held and calls nobody until you approve or reject it: 2 calls are more than";
    assert!(overview.body.contains(held) && !overview.body.contains("1 held run"), "{}", overview.body);
    let schedule = desk.get("/schedules/day-before").body;
    assert!(schedule.contains("<a href=\"/held\">Approve or reject it</a>"), "{schedule}");
    let fields = format!("form_token={}&run={}&reason=as+it+should+be", page.form_token(), run_of(&page));
    let approved = desk.post("/held/approve", "", &fields);
    assert_eq!(approved.header("location"), Some("/held?done=approved&count=2"), "{}", approved.body);
    let said = desk.get("/held?done=approved&count=2");
    assert!(said.body.contains("Approved: 2 calls are planned."), "{}", said.body);
    let overview = desk.get("/");
    assert!(overview.body.contains("2 planned calls are still to be made"), "{}", overview.body);
    assert!(!overview.body.contains("All is well"), "calls wait: {}", overview.body);
    let tomorrow = desk.get("/plan").body;
    for shown in ["2 calls wait from earlier runs", "Planned by earlier runs", "schedule day-before", "***0143"] {
        assert!(tomorrow.contains(shown), "{shown}: {tomorrow}");
    }
    let after = desk.get("/not-called?day=2026-11-24");
    assert!(!after.body.contains("held run"), "it was approved: {}", after.body);
}

#[test]
fn a_rejected_run_is_listed_with_whoever_was_not_called() {
    let desk = Desk::at(held(), "2026-11-24T14:05:00Z");
    let page = desk.get("/held");
    let fields = format!("form_token={}&run={}&reason=an+old+file", page.form_token(), run_of(&page));
    assert_eq!(desk.post("/held/reject", "", &fields).header("location"), Some("/held?done=rejected"));
    let said = desk.get("/held?done=rejected");
    assert!(said.body.contains("Rejected: this run calls nobody."), "{}", said.body);
    let not_called = desk.get("/not-called?day=2026-11-24");
    assert!(not_called.body.contains("the run was held, and rejected"), "{}", not_called.body);
}

#[test]
fn a_missed_run_is_listed_on_the_day_on_which_it_was_due() {
    let clinic = Clinic::new();
    clinic.schedule("day-before", &schedule(""));
    let Desk { clinic, service, .. } = Desk::at(clinic, "2026-11-19T15:00:00Z");
    drop(service);
    let desk = Desk::at(clinic, "2026-11-24T13:00:00Z");
    let is_written = || desk.log("run.missed").len() == 4;
    assert!((0..50).any(|_| is_written()), "the service has written what it missed");
    for (day, run) in [("2026-11-20", "the run of Fri 20 Nov"), ("2026-11-22", "the run of Sun 22 Nov")] {
        let page = desk.get(&format!("/not-called?day={day}")).body;
        assert!(
            page.contains("the run was missed: the service was not running") && page.contains(run),
            "{day}: {page}"
        );
    }
    let written = desk.get("/not-called?day=2026-11-24").body;
    assert!(!written.contains("the run was missed"), "{written}");
}

/// A clinic of whose two calls of the morning nobody knows the fate.
fn unknown(more: &str) -> Clinic {
    let clinic = Clinic::with_target(&silent_server());
    clinic.schedule("day-before", &schedule("").replace("days_before = 1", &format!("days_before = 1\n{more}")));
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 3, "fates are unknown");
    clinic
}

#[test]
fn a_call_is_offered_again_only_while_there_is_time_for_it() {
    for (more, now, refusal) in [
        ("", "2026-11-24T14:10:00Z", None),
        // the appointments have begun
        ("", "2026-11-25T16:00:00Z", Some("its time was over at ")),
        // at night, and its last hour lies before the morning
        ("max_lateness = \"20h\"", "2026-11-25T02:30:00Z", Some("nobody may be called before Wed 25 Nov 08:00")),
    ] {
        let desk = Desk::at(unknown(more), now);
        let page = desk.get("/held");
        assert!(page.body.contains("Ada Example"), "{now}: {}", page.body);
        assert_eq!(page.body.contains("value=\"resend\""), refusal.is_none(), "{now}: {}", page.body);
        let Some(refusal) = refusal else { continue };
        assert!(page.body.contains(refusal), "{now}: {}", page.body);
        let (_, rest) = page.body.split_once("name=\"id\" value=\"").expect("a form");
        let id = rest.split('"').next().unwrap_or_default();
        let fields = format!("form_token={}&id={id}&verdict=resend&reason=x", page.form_token());
        let refused = desk.post("/held/resolve", "", &fields);
        assert!(refused.status >= 400 && refused.body.contains("may not be sent again"), "{now}: {}", refused.body);
        assert!(desk.log("operator.resolved").is_empty(), "nothing was decided");
    }
}

#[test]
fn what_is_settled_a_day_later_counts_on_the_day_of_the_call() {
    let desk = Desk::at(unknown(""), "2026-11-25T16:00:00Z");
    let page = desk.get("/held");
    let form = page.form_token();
    let marks = page.body.split("name=\"id\" value=\"").skip(1);
    let ids: Vec<String> = marks.map(|mark| mark.split('"').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(ids.len(), 2);
    for (id, verdict) in ids.iter().zip(["delivered", "drop"]) {
        let fields = format!("form_token={form}&id={id}&verdict={verdict}&reason=asked+them");
        let settled = desk.post("/held/resolve", "", &fields);
        assert_eq!(settled.header("location"), Some(format!("/held?done=settled-{verdict}").as_str()));
    }
    let today = desk.get("/").body;
    for zero in ["<strong>0</strong> accepted", "<strong>0</strong> failed", "<strong>0</strong> fate unknown"] {
        assert!(today.contains(zero), "{zero}: {today}");
    }
    let of_the_call = desk.get("/not-called?day=2026-11-24").body;
    assert!(of_the_call.contains("fate unknown, given up by a person"), "{of_the_call}");
    assert!(!of_the_call.contains("of unknown fate: find out"), "{of_the_call}");
    let of_today = desk.get("/not-called?day=2026-11-25").body;
    assert!(of_today.contains("No call was due that day."), "{of_today}");
}

#[test]
fn whoever_is_put_on_the_opt_out_list_learns_what_that_cancelled() {
    let desk = Desk::open();
    let form = desk.get("/opt-outs").form_token();
    let change = |path: &str| {
        let answer = desk.post(path, "", &format!("form_token={form}&phone=202-555-0164&reason=asked"));
        answer.header("location").unwrap_or_default().to_owned()
    };
    assert_eq!(change("/opt-outs/add"), "/opt-outs?done=opted-out&count=0");
    assert_eq!(change("/opt-outs/add"), "/opt-outs?done=opted-out-before");
    assert_eq!(change("/opt-outs/remove"), "/opt-outs?done=opted-in");
    assert_eq!(change("/opt-outs/remove"), "/opt-outs?done=not-listed");
    let said = desk.get("/opt-outs?done=not-listed").body;
    assert!(said.contains("This number is not on the opt-out list: nothing was changed."), "{said}");
}
