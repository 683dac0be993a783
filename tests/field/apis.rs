//! HTTP APIs as real systems answer.

use serde_json::{Value, json as value};

use crate::server::{Server, answer, json};
use crate::support::clinic::{Clinic, Ended, MORNING, PARTS, Parts};

/// A clinic whose source is this address, with further lines under `[source.http]`.
fn clinic(url: &str, more: &str) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    let source = format!("[source.http]\nurl = \"{url}\"\n{more}");
    let remind = "days_before = 1\nmax_per_person_per_day = 99";
    clinic.schedule("day", &Parts { source: &source, remind, ..PARTS }.text());
    clinic
}

fn plan(clinic: &Clinic) -> Ended {
    clinic.run(&["plan", "--reveal", "--format", "json", "--now", MORNING])
}

fn called(ended: &Ended) -> usize {
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    answer[0]["reminders"].as_array().expect("a list").len()
}

fn row(id: u64) -> Value {
    value!({"id": id, "phone": "+12025550143", "starts_at": format!("2026-11-25T10:{:02}:00", id % 60)})
}

fn rows(ids: std::ops::Range<u64>) -> Value {
    ids.map(row).collect()
}

fn connect(clinic: &Clinic) -> Vec<String> {
    let (_, report) = clinic.json(&["check", "--connect"]);
    let problems = report["problems"].as_array().expect("a list").iter();
    let of_source = problems.filter(|it| it["code"] != "unreachable-host" && it["code"] != "unset-secret");
    of_source.map(|it| format!("{} {} {}", it["severity"], it["message"], it["help"])).collect()
}

#[test]
fn an_answer_that_says_there_is_more_is_not_taken_for_all() {
    let server = Server::answering(|target| match target {
        "/link" => answer(
            200,
            "content-type: application/json\r\nlink: </link?page=2>; rel=\"next\"\r\n",
            rows(0..2).to_string(),
        ),
        "/body" => json(&value!({"data": rows(0..2), "next": "/visits?page=2", "has_more": true}).to_string()),
        "/links" => json(&value!({"data": rows(0..2), "links": {"next": "/p2"}}).to_string()),
        _ => json(&value!({"data": rows(0..2), "next_cursor": "x"}).to_string()),
    });
    let at = |path: &str, more: &str| clinic(&format!("{}{path}", server.origin), more);
    let link = plan(&at("/link", ""));
    assert!(link.exit != 0 && link.stderr.contains("link_header = true"), "{link:?}");
    let body = at("/body", "items = \"/data\"");
    let noted = plan(&body);
    assert_eq!((noted.exit, called(&noted)), (0, 2), "{noted:?}");
    assert!(noted.stdout.contains("may be a part"), "{noted:?}");
    assert!(
        connect(&body).iter().any(|it| it.contains("warning") && it.contains("may be a part")),
        "{:?}",
        connect(&body)
    );
    let triggered = body.run(&["trigger", "day", "--now", MORNING, "--wait", "1s"]);
    let audit = body.run(&["audit", "--format", "json"]);
    assert!(audit.stdout.contains("may be a part"), "{triggered:?} {audit:?}");
    for (path, paging, likely) in [
        ("/links", "paging.next = { at = \"/next\" }", "/links/next"),
        ("/cursor", "paging.cursor = { parameter = \"cursor\", at = \"/meta/next_cursor\" }", "/next_cursor"),
    ] {
        let clinic = at(path, &format!("items = \"/data\"\n{paging}"));
        let ended = plan(&clinic);
        assert!(ended.exit != 0 && ended.stderr.contains(likely), "{path}: {ended:?}");
        assert!(
            connect(&clinic).iter().any(|it| it.contains("error") && it.contains(likely)),
            "{:?}",
            connect(&clinic)
        );
    }
}

#[test]
fn an_error_told_in_other_words_beside_no_rows_fails() {
    let server = Server::answering(|target| match target {
        "/1" => json(r#"{"success":false,"message":"token expired","data":[]}"#),
        "/2" => json(r#"{"status":"error","message":"db down","data":[]}"#),
        "/3" => json(r#"{"ok":false,"data":[]}"#),
        "/4" => json(r#"{"status":"FAILED"}"#),
        _ => json(r#"{"success":true,"status":"ok","data":[]}"#),
    });
    for path in ["/1", "/2", "/3", "/4"] {
        let ended = plan(&clinic(&format!("{}{path}", server.origin), "items = \"/data\""));
        assert!(ended.exit != 0 && ended.stderr.contains("failed"), "{path}: {ended:?}");
    }
    let quiet = plan(&clinic(&format!("{}/quiet", server.origin), "items = \"/data\""));
    assert_eq!((quiet.exit, called(&quiet)), (0, 0), "{quiet:?}");
}

#[test]
fn half_a_character_costs_nobody_a_call_and_bare_words_are_named() {
    let server = Server::answering(|target| match target {
        "/half" => json(
            r#"[{"id":1,"phone":"+12025550143","starts_at":"2026-11-25T10:30:00","name":"a\ud83d"},
                {"id":2,"phone":"+12025550144","starts_at":"2026-11-25T11:30:00"}]"#,
        ),
        _ => json(r#"[{"id":1,"phone":"+12025550143","starts_at":"2026-11-25T10:30:00","fee":NaN}]"#),
    });
    assert_eq!(called(&plan(&clinic(&format!("{}/half", server.origin), ""))), 2);
    let ended = plan(&clinic(&format!("{}/nan", server.origin), ""));
    assert!(ended.exit != 0 && ended.stderr.contains("`NaN`"), "{ended:?}");
}

#[test]
fn a_published_sheet_is_read_by_its_redirect_without_our_headers() {
    let table = "id,phone,starts_at\r\n1,+12025550143,2026-11-25 10:30";
    let files = Server::answering(move |_| answer(200, "content-type: text/csv\r\n", table));
    let location = files.origin.replace("127.0.0.1", "localhost");
    let docs = Server::answering(move |_| answer(307, &format!("location: {location}/sheet\r\n"), ""));
    let more = "format = \"csv\"\nheaders = { X-Key = \"canary\" }\nauth.basic = { user = \"a\", password = { env = \"THOUGHTLY_AUTOMATION_URL\" } }";
    let refused = plan(&clinic(&format!("{}/pub", docs.origin), more));
    assert!(refused.exit != 0 && refused.stderr.contains("allow_redirect_to"), "{refused:?}");
    let allowed = clinic(&format!("{}/pub", docs.origin), &format!("{more}\nallow_redirect_to = [\"localhost\"]"));
    assert_eq!(called(&plan(&allowed)), 1, "{:?}", plan(&allowed));
    assert!(files.requests().iter().all(|head| !head.contains("canary") && !head.contains("authorization")));
    assert!(docs.requests().iter().all(|head| head.contains("canary") && head.contains("authorization")));
}

#[test]
fn an_empty_day_may_leave_its_rows_out_when_the_answer_says_so() {
    let server = Server::answering(|target| match target {
        "/total" => json(r#"{"resourceType":"Bundle","total":0}"#),
        "/null" => json(r#"{"count":0,"entry":null}"#),
        _ => json(r#"{"resourceType":"Bundle"}"#),
    });
    let at = |path: &str, more: &str| {
        plan(&clinic(&format!("{}{path}", server.origin), &format!("items = \"/entry\"\n{more}")))
    };
    assert_eq!((at("/total", "").exit, at("/null", "").exit), (0, 0));
    assert!(at("/bare", "").stderr.contains("items_optional"), "{:?}", at("/bare", ""));
    assert_eq!(at("/bare", "items_optional = true").exit, 0);
}

#[test]
fn a_mapped_place_that_is_no_value_or_nowhere_is_named() {
    let server = Server::answering(|target| match target {
        "/nested" => {
            json(r#"[{"id":{"value":"7"},"phone":{"mobile":"+12025550143"},"starts_at":"2026-11-25T10:30:00"}]"#)
        }
        "/absent" => json(r#"[{"id":1,"tel":"+12025550143","starts_at":"2026-11-25T10:30:00"}]"#),
        "/arrays" => json(r#"[["1","+12025550143","2026-11-25T10:30:00"]]"#),
        _ => json(r#"[{"id":1,"phone":null,"starts_at":"2026-11-25T10:30:00"}]"#),
    });
    let at = |path: &str| clinic(&format!("{}{path}", server.origin), "");
    let nested = plan(&at("/nested"));
    assert!(nested.stdout.contains("`id.value`") || nested.stderr.contains("`id.value`"), "{nested:?}");
    let found = connect(&at("/nested"));
    assert!(found.iter().any(|it| it.contains("phone.mobile")), "{found:?}");
    let absent = plan(&at("/absent"));
    assert!(absent.exit != 0 && absent.stderr.contains("no row has `phone`"), "{absent:?}");
    assert!(connect(&at("/absent")).iter().any(|it| it.contains("no column `phone`")), "{:?}", connect(&at("/absent")));
    let arrays = plan(&at("/arrays"));
    assert!(arrays.exit != 0 && arrays.stderr.contains("arrays"), "{arrays:?}");
    assert_eq!(plan(&at("/null")).exit, 0, "there, and empty");
}

#[test]
fn numbered_pages_end_as_their_servers_end_them() {
    let pages = |of: fn(u64) -> Vec<u8>| {
        Server::answering(move |target| {
            let page = target.split("page=").nth(1).and_then(|page| page.parse().ok()).unwrap_or(1);
            of(page)
        })
    };
    let more = "items = \"/data\"\npaging.page = { parameter = \"page\", size = 3 }";
    for (server, wanted) in [
        // the server caps pages at 2 although 3 are asked for
        (pages(|page| json(&value!({"data": rows((page - 1) * 2..(page * 2).min(5))}).to_string())), 5),
        // it clamps to the last page
        (pages(|page| json(&value!({"data": rows((page.min(3) - 1) * 3..page.min(3) * 3)}).to_string())), 9),
        // it has no page behind the last
        (
            pages(|page| {
                if page > 2 {
                    answer(404, "", "")
                } else {
                    json(&value!({"data": rows((page - 1) * 3..page * 3)}).to_string())
                }
            }),
            6,
        ),
        // one page, which says so
        (pages(|_| json(&value!({"data": rows(0..3), "total": 3}).to_string())), 3),
    ] {
        let ended = plan(&clinic(&server.origin, more));
        assert_eq!(ended.exit, 0, "{ended:?}");
        assert_eq!(called(&ended), wanted, "{ended:?}");
    }
    let ignoring = pages(|_| json(&value!({"data": rows(0..3)}).to_string()));
    let ended = plan(&clinic(&ignoring.origin, more));
    assert!(ended.exit != 0 && ended.stderr.contains("ignores `page`"), "{ended:?}");
    let short = pages(|page| json(&value!({"total": 9, "data": rows((page - 1) * 3..(page * 3).min(5))}).to_string()));
    let ended = plan(&clinic(&short.origin, more));
    assert!(ended.exit != 0 && ended.stderr.contains("`/total` says 9"), "{ended:?}");
}
