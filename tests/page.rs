//! The page over real sockets: who may come, what every answer carries, what is written of a decision.

#[path = "daemon/binary.rs"]
#[allow(dead_code, reason = "shared with the service's suite, of which this takes a part")]
mod binary;
#[path = "support/clinic.rs"]
mod clinic;
#[path = "support/command.rs"]
mod command;
#[path = "page/decisions.rs"]
mod decisions;
#[path = "page/erased.rs"]
mod erased;
#[path = "page/finding.rs"]
mod finding;
#[path = "page/hostile.rs"]
mod hostile;
#[path = "page/labels.rs"]
mod labels;

use std::io::{Read, Write};
use std::net::TcpStream;

use binary::Service;
use clinic::{Clinic, Sandbox};
use serde_json::Value;
use tickler::web::access::RoutePolicy;
use tickler::web::routes::ROUTES;

/// An answer as it came.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// What the page's forms carry.
    fn form_token(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"form_token\" value=\"").expect("a form");
        rest.chars().take_while(char::is_ascii_hexdigit).collect()
    }

    /// The page without that: by chance it has the digits of a phone, too.
    fn without_form_token(&self) -> String {
        match self.body.contains("name=\"form_token\"") {
            true => self.body.replace(&self.form_token(), ""),
            false => self.body.clone(),
        }
    }
}

/// The clinic's service with its page.
struct Desk {
    clinic: Clinic,
    service: Service,
    page: String,
    _sandbox: Option<Sandbox>,
}

impl Desk {
    fn open() -> Self {
        Self::open_with(&[])
    }

    fn open_with(variables: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::start(&[]);
        let clinic = Clinic::with_target(&sandbox.url);
        clinic.write(
            "schedules/day-before.toml",
            &clinic::DAY_BEFORE.replace("[remind]", "label = \"{{ name }}\"\n[remind]"),
        );
        Self::over(clinic, Some(sandbox), variables)
    }

    /// The page after the morning's trigger.
    fn over(clinic: Clinic, sandbox: Option<Sandbox>, variables: &[(&str, &str)]) -> Self {
        clinic.run(&["trigger", "day-before", "--now", clinic::MORNING]);
        Self::serving(clinic, sandbox, &["run"], variables)
    }

    /// The page with its clock at this instant, and nothing done before.
    fn at(clinic: Clinic, now: &str) -> Self {
        Self::serving(clinic, None, &["run", "--now", now], &[("TICKLER_LEDGER", "tickler.db")])
    }

    fn serving(clinic: Clinic, sandbox: Option<Sandbox>, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = binary::tickler(clinic.path());
        command.args(arguments).env("TICKLER_WEB__LISTEN", "127.0.0.1:0").env("THOUGHTLY_AUTOMATION_URL", &clinic.url);
        let service = Service::of({
            command.envs(variables.iter().copied());
            command
        });
        let page = service.page();
        Self { clinic, service, page, _sandbox: sandbox }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.page).expect("the page listens");
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request.push_str(&format!("host: {}\r\n", self.page));
        }
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        if method == "POST" {
            request.push_str("content-type: application/x-www-form-urlencoded\r\n");
        }
        if method == "POST" && !headers.iter().any(|(name, _)| *name == "content-length") {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).expect("it is sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it is answered");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// Posts a form as a browser sends one of this site.
    fn post(&self, path: &str, cookie: &str, fields: &str) -> Answer {
        let origin = format!("http://{}", self.page);
        self.send("POST", path, &[("origin", &origin), ("cookie", cookie)], fields)
    }

    fn log(&self, event: &str) -> Vec<Value> {
        let (_, rows) = self.clinic.json(&["audit", "list", "--event", event]);
        rows.as_array().expect("rows").clone()
    }

    fn token(&self, name: &str, may: &str) -> String {
        let added = self.clinic.run(&["page", "token", "add", name, "--may", may]);
        assert_eq!(added.exit, 0, "{added:?}");
        added.stdout.trim().to_owned()
    }

    /// Signs in; the cookie to send from now on.
    fn sign_in(&self, token: &str, cookie: &str) -> Result<String, Answer> {
        let form = self.send("GET", "/sign-in", &[("cookie", cookie)], "").form_token();
        let answer = self.post("/sign-in", cookie, &format!("form_token={form}&token={token}&next=/calls"));
        match answer.header("set-cookie") {
            Some(set) => Ok(set.split(';').next().unwrap_or_default().to_owned()),
            None => Err(answer),
        }
    }
}

#[test]
fn every_answer_of_every_route_carries_the_strict_headers() {
    let desk = Desk::open();
    for route in ROUTES {
        let path = route.path.replace("{name}", "day-before");
        let answer = desk.send(route.method.as_str(), &path, &[], "");
        let name = format!("{} {path}", route.method);
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{name} has no policy"));
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{name}: {policy}");
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{name}: {header}");
        }
    }
    // refused by its length alone: whoever refuses a body reads none of it and closes the connection
    let long = (2 << 20).to_string();
    let own = format!("http://{}", desk.page);
    let form = desk.get("/").form_token();
    let refusals: [(Answer, u16); 6] = [
        (desk.get("/no-such-page"), 404),
        (desk.send("DELETE", "/", &[("origin", &own)], ""), 405),
        (desk.send("PUT", "/calls", &[], ""), 403),
        (desk.send("POST", "/pause", &[("origin", &own), ("content-length", &long)], ""), 413),
        (desk.send("GET", "/calls?run=zz", &[], ""), 400),
        (desk.post("/held/approve", "", &format!("form_token={form}&run=zzzz&reason=x")), 422),
    ];
    for (answer, status) in refusals {
        assert_eq!((answer.status, answer.header("x-frame-options")), (status, Some("DENY")), "{}", answer.head);
        assert!(answer.header("content-security-policy").is_some(), "{}", answer.head);
    }
}

#[test]
fn no_route_answers_a_foreign_host_and_no_form_of_another_site_passes() {
    let desk = Desk::open();
    let own = format!("http://{}", desk.page);
    let form = desk.get("/sign-in").form_token();
    for route in ROUTES {
        let path = route.path.replace("{name}", "day-before");
        let method = route.method.as_str();
        let name = format!("{method} {path}");
        assert_eq!(desk.send(method, &path, &[("host", "rebound.example")], "").status, 421, "{name}");
        if method == "POST" {
            let body = format!("form_token={form}&reason=x");
            for headers in [
                &[][..],
                &[("origin", "http://evil.example")],
                &[("origin", "null")],
                &[("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
            ] {
                assert_eq!(desk.send(method, &path, headers, &body).status, 403, "{name} {headers:?}");
            }
            assert_eq!(
                desk.send(method, &path, &[("origin", &own)], "reason=x").status,
                403,
                "{name} without its token"
            );
        }
    }
    assert!(desk.log("operator").is_empty(), "nothing was done");
    let read = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
    assert_eq!(desk.send("GET", "/calls", &read, "").status, 403, "a page of another site reads nothing");
}

#[test]
fn what_a_person_decides_is_done_under_the_name_of_that_person() {
    let desk = Desk::open();
    let token = desk.token("maria", "act");
    let cookie = desk.sign_in(&token, "").unwrap_or_else(|answer| panic!("{}", answer.body));
    let page = desk.send("GET", "/", &[("cookie", &cookie)], "");
    assert!(page.body.contains("Signed in as <strong>maria</strong>"), "{}", page.body);
    let form = page.form_token();
    let bare = desk.post("/pause", &cookie, &format!("form_token={form}"));
    assert!(bare.status == 400 && bare.body.contains("a reason is needed"), "{}", bare.body);
    let paused = desk.post("/pause", &cookie, &format!("form_token={form}&reason=fire+drill&back=/"));
    assert_eq!((paused.status, paused.header("location")), (303, Some("/?done=paused")));
    let rows = desk.log("operator.paused");
    assert_eq!((rows[0]["actor"].as_str(), rows[0]["detail"].as_str()), (Some("maria"), Some("fire drill")));
    let away = desk.post("/resume", &cookie, &format!("form_token={form}&reason=over&back=//evil.example"));
    assert_eq!(away.header("location"), Some("/?done=resumed"), "no form leads away");
    assert_eq!(desk.log("page.signed_in").len(), 1);
    // on this machine whoever has not signed in is named as the machine names them
    let form = desk.get("/").form_token();
    desk.post("/pause", "", &format!("form_token={form}&reason=again"));
    let me = desk.log("operator.paused").pop().expect("a row")["actor"].clone();
    assert!(me.is_string() && me != "maria" && me != "service", "{me}");
}

#[test]
fn whoever_may_only_look_decides_nothing_and_reveals_nothing() {
    let desk = Desk::open();
    let token = desk.token("tom", "read");
    let cookie = desk.sign_in(&token, "").unwrap_or_else(|answer| panic!("{}", answer.body));
    let page = desk.send("GET", "/", &[("cookie", &cookie)], "");
    assert!(!page.body.contains("action=\"/pause\""), "{}", page.body);
    let form = page.form_token();
    for route in ROUTES.iter().filter(|route| route.policy == RoutePolicy::Act) {
        let answer = desk.post(route.path, &cookie, &format!("form_token={form}&reason=x&id=A-1"));
        assert_eq!(answer.status, 403, "{}", route.path);
    }
    assert!(desk.log("operator").is_empty(), "nothing was done");
}

#[test]
fn beyond_this_machine_everything_but_the_sign_in_needs_a_person() {
    let desk =
        Desk::open_with(&[("TICKLER_WEB__URL", "http://reminders.example"), ("TICKLER_WEB__TOKEN", "open sesame")]);
    let at_the_proxy = ("host", "reminders.example");
    for route in ROUTES {
        let path = route.path.replace("{name}", "day-before");
        let name = format!("{} {path}", route.method);
        let answer =
            desk.send(route.method.as_str(), &path, &[at_the_proxy, ("origin", "http://reminders.example")], "");
        let expected = match (route.policy, route.method.as_str()) {
            (RoutePolicy::Open, _) => 200,
            (RoutePolicy::Machine, _) => 401,
            (RoutePolicy::Read | RoutePolicy::Act, "GET") => 303,
            (RoutePolicy::SignIn | RoutePolicy::Read | RoutePolicy::Act, _) => 403,
        };
        assert_eq!(answer.status, expected, "{name}");
        let body = answer.without_form_token();
        assert!(!body.contains("Ada Example") && !body.contains("0143"), "{name}");
    }
    let bearer = [at_the_proxy, ("authorization", "Bearer open sesame")];
    assert_eq!(desk.send("GET", "/metrics", &bearer, "").status, 200);
    assert_eq!(desk.send("GET", "/calls", &bearer, "").status, 303, "a monitor's token is no person's");
    let wrong = [at_the_proxy, ("authorization", "Bearer open")];
    assert_eq!(desk.send("GET", "/metrics", &wrong, "").status, 401);
}

#[test]
fn a_session_is_new_at_each_sign_in_and_ends_with_its_token() {
    let desk = Desk::open();
    let token = desk.token("maria", "act");
    let fixed = "tickler_session=0123456789abcdef";
    let first = desk.sign_in(&token, fixed).unwrap_or_else(|answer| panic!("{}", answer.body));
    assert_ne!(first, fixed);
    let second = desk.sign_in(&token, &first).unwrap_or_else(|answer| panic!("{}", answer.body));
    assert_ne!(first, second);
    let is_signed_in = |cookie: &str| {
        desk.send("GET", "/", &[("cookie", cookie)], "").body.contains("Signed in as <strong>maria</strong>")
    };
    assert!(is_signed_in(&second) && !is_signed_in(&first) && !is_signed_in(fixed), "the former session has ended");
    assert_eq!(desk.clinic.run(&["page", "token", "remove", "maria"]).exit, 0);
    assert!(!is_signed_in(&second), "a removed token ends its sessions");
    let kept = std::fs::read_to_string(desk.clinic.path().join("tickler.db.page-tokens")).expect("the file of tokens");
    assert!(!kept.contains(&token), "only hashes are kept");
}

#[test]
fn whoever_guesses_tokens_is_made_to_wait() {
    let desk = Desk::open();
    let token = desk.token("maria", "read");
    for guess in 0..5 {
        let refused = desk.sign_in(&format!("{guess:064x}"), "").expect_err("no such token");
        assert_eq!(refused.status, 401);
    }
    let waits = desk.sign_in(&token, "").expect_err("too many wrong tokens");
    assert_eq!(waits.status, 429);
    assert!(waits.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|n| n > 0 && n <= 61)));
}

#[test]
fn whole_numbers_are_shown_to_whoever_asks_by_name_and_exports_are_recorded() {
    let desk = Desk::open();
    let story = desk.get("/appointment?schedule=day-before&id=A-1");
    assert!(story.body.contains("***0143") && story.body.contains("Ada Example"), "{}", story.body);
    for path in [
        "/",
        "/calls",
        "/outcomes",
        "/plan",
        "/plan?when=week",
        "/held",
        "/not-called",
        "/opt-outs",
        "/schedules/day-before",
    ] {
        let page = desk.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(!page.body.contains("2025550143") && !page.body.contains("555-0143"), "{path}");
    }
    let form = story.form_token();
    let whole = desk.post("/appointment/reveal", "", &format!("form_token={form}&id=A-1&schedule=day-before"));
    assert!(whole.status == 200 && whole.body.contains("+12025550143"), "{}", whole.body);
    assert_eq!(desk.log("operator.revealed").len(), 1);
    let found = desk.post("/calls/find", "", &format!("form_token={form}&person=202-555-0143"));
    let address = found.header("location").expect("the calls of that phone").to_owned();
    assert!(address.starts_with("/calls?phone=") && !address.contains("0143"), "{address}");
    let calls = desk.get(&address);
    assert!(calls.body.contains(">A-1<") && !calls.body.contains(">A-2<"), "{}", calls.body);
    let export = desk.post("/calls/export", "", &format!("form_token={form}&format=jsonl&event=reminder.planned"));
    let lines: Vec<&str> = export.body.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!((export.status, lines.len()), (200, 3), "{}", export.body);
    assert!(lines[2].contains("\"event\":\"end\",\"count\":2"), "{}", lines[2]);
    assert_eq!(desk.log("operator.exported").len(), 1);
    drop(desk.service);
}

#[test]
fn the_log_is_turned_page_by_page_both_ways() {
    let desk = Desk::open();
    let rows = |page: &Answer| -> Vec<u64> {
        let marks = page.body.split("<tr id=\"row-").skip(1);
        marks.filter_map(|mark| mark.split('"').next()?.parse().ok()).collect()
    };
    let form = desk.get("/").form_token();
    for turn in 0..120 {
        let verb = if turn % 2 == 0 { "pause" } else { "resume" };
        desk.post(&format!("/{verb}"), "", &format!("form_token={form}&reason=turn+{turn}"));
    }
    let newest = desk.get("/calls?since=2020-01-01");
    let first = rows(&newest);
    assert_eq!(first.len(), 100, "{first:?}");
    assert!(first.windows(2).all(|pair| pair[0] == pair[1] + 1), "{first:?}");
    let last = first[99];
    let older = desk.get(&format!("/calls?since=2020-01-01&before={last}"));
    let second = rows(&older);
    assert_eq!(second.first(), Some(&(last - 1)));
    let back = desk.get(&format!("/calls?since=2020-01-01&after={}", second[0]));
    assert_eq!(rows(&back), first, "the way back leads to the same page");
    assert!(older.body.contains("rel=\"prev\"") && newest.body.contains("rel=\"next\""));
    assert!(!newest.body.contains("rel=\"prev\""), "there is nothing newer than the newest");
}
