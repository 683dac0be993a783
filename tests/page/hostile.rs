//! Markup in every field that a source, a server or a person fills in: no page lets any of it out of its quotes.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::clinic::{Clinic, DAY_BEFORE};
use super::{Answer, Desk};

/// The mark in every hostile text, by which a test sees that each is shown.
const TOKEN: &str = "xss7f";

/// What others' pages have let through: elements, attributes, comments, other encodings, templates, addresses.
const CORPUS: [&str; 18] = [
    "<script>xss7f(1)</script>",
    "<ScRiPt src=//evil.example/xss7f.js></sCrIpT>",
    "<img src=x onerror=xss7f(1)>",
    "<img/src=\"x\"/onerror=\"xss7f(1)\">",
    "<svg onload=xss7f(1)>",
    "<svg><style>*{x:xss7f}</style></svg>",
    "\" onmouseover=\"xss7f(1)",
    "' onfocus='xss7f(1)' autofocus='",
    "\"><script>xss7f(1)</script>",
    "</title></textarea><script>xss7f(1)</script>",
    "<!--<img src=\"--><img src=x onerror=xss7f(1)//\">",
    "<iframe srcdoc=\"&lt;script>xss7f(1)&lt;/script>\"></iframe>",
    "<a href=\"javascript:xss7f(1)\">x</a>",
    "<math><mtext><table><mglyph><style><img src=x onerror=xss7f(1)>",
    "<meta http-equiv=\"refresh\" content=\"0;url=//evil.example/xss7f\">",
    "<form action=//evil.example/xss7f><button>x</button></form>",
    "{{ xss7f }}{% xss7f %}${xss7f}",
    "javascript:xss7f(1)//&quot;&#x3c;xss7f&gt;",
];

/// A row for each text: in its id, its name and what it is about; some without a phone, with a hostile one, or with a start or a
/// status that can't be read.
fn table() -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["id", "name", "phone", "starts_at", "service", "status"]).expect("a table");
    for (number, text) in CORPUS.iter().enumerate() {
        let whole = format!("+1202555{:04}", 120 + number);
        let at = "2026-11-25 10:30";
        let rows = [
            [
                format!("{text}{number}"),
                (*text).to_owned(),
                whole.clone(),
                at.to_owned(),
                (*text).to_owned(),
                "confirmed".to_owned(),
            ],
            [
                format!("{text}-p"),
                (*text).to_owned(),
                (*text).to_owned(),
                at.to_owned(),
                (*text).to_owned(),
                "confirmed".to_owned(),
            ],
            [
                format!("{text}-s"),
                (*text).to_owned(),
                whole.clone(),
                at.to_owned(),
                (*text).to_owned(),
                (*text).to_owned(),
            ],
            [
                format!("{text}-t"),
                (*text).to_owned(),
                whole,
                (*text).to_owned(),
                (*text).to_owned(),
                "confirmed".to_owned(),
            ],
        ];
        rows.iter().for_each(|row| writer.write_record(row).expect("a table"));
    }
    String::from_utf8(writer.into_inner().expect("a table")).expect("UTF-8")
}

/// A server that refuses everything with markup, in its status line, its headers and its body.
fn hostile_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { continue };
            let _read = stream.read(&mut [0; 4096]);
            let text = CORPUS[number % CORPUS.len()];
            let body = format!("{{\"error\":{{\"message\":{}}}}}", serde_json::Value::from(text));
            let status = if number % 2 == 0 { "400" } else { "200" };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} {text}\r\ncontent-type: application/json\r\nserver: {text}\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            );
            let _written = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/webhook/automation/a")
}

fn assert_harmless(page: &Answer, path: &str) {
    for text in CORPUS.iter().filter(|text| text.contains(['<', '"', '\''])) {
        assert!(!page.body.contains(text), "{path} has {text} as it was written");
    }
    let body = page.body.to_ascii_lowercase();
    for start in [
        "<script>",
        "<script src=//",
        "<img src=x",
        "<img/",
        "<svg onload",
        "<iframe",
        "<math",
        "<meta http",
        "<form action=//",
        "<!--",
    ] {
        assert!(!body.contains(start), "{path} has {start}");
    }
    for attribute in ["href=\"javascript:", "src=\"javascript:", "\" on", "' on", "style=\""] {
        assert!(!body.contains(attribute), "{path} has {attribute}");
    }
}

/// The value of a form as a browser encodes it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn hostile_desk() -> Desk {
    let clinic = Clinic::with_target(&hostile_server());
    clinic.write("appointments.csv", &table());
    let labelled = DAY_BEFORE.replace("[remind]", "label = \"{{ name }}\"\n[remind]\nmax_per_person_per_day = 9")
        + "[guard]\nmax_invalid = \"100%\"\n";
    clinic.write("schedules/day-before.toml", &labelled);
    let broken =
        format!("cron = \"{}\"\n[source.csv]\npth = '{}'\n", "0 9 * * <img src=x onerror=xss7f(1)>", CORPUS[2]);
    clinic.write("schedules/broken.toml", &broken);
    Desk::over(clinic, None, &[])
}

#[test]
fn markup_of_a_source_a_server_or_a_person_is_text_on_every_page() {
    let desk = hostile_desk();
    let form = desk.get("/").form_token();
    for (number, text) in CORPUS.iter().enumerate() {
        let reason = encoded(text);
        let phone = format!("%2B1202555{:04}", 150 + number);
        for (path, fields) in [
            ("/pause", format!("back=/&schedule=day-before&reason={reason}")),
            ("/resume", format!("back=/&schedule=day-before&reason={reason}")),
            ("/opt-outs/add", format!("phone={phone}&reason={reason}")),
        ] {
            let answer = desk.post(path, "", &format!("form_token={form}&{fields}"));
            assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        }
    }
    desk.post("/pause", "", &format!("form_token={form}&back=/&reason={}", encoded(CORPUS[0])));
    let mut shown = 0;
    let pages = [
        "/",
        "/calls",
        "/calls?event=delivery",
        "/calls?event=reminder",
        "/calls?event=operator",
        "/calls?event=config",
        "/not-called?day=2026-11-24",
        "/plan",
        "/plan?when=tomorrow",
        "/plan?when=week",
        "/schedules",
        "/schedules/day-before",
        "/schedules/broken",
        "/held",
        "/opt-outs",
        "/outcomes",
        "/outcomes?outcome=no_answer&days=90",
    ];
    for path in pages {
        let page = desk.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert_harmless(&page, path);
        shown += page.body.matches(TOKEN).count();
    }
    assert!(shown > 500, "the texts are shown: {shown}");
    let planned = desk.get("/calls?event=reminder.planned");
    assert!(
        planned.body.contains("&#60;img src=x onerror=xss7f(1)&#62;") || planned.body.contains("&lt;img"),
        "{}",
        planned.body
    );
    let failed = desk.log("delivery.failed");
    assert!(!failed.is_empty(), "the server refused");
}

#[test]
fn markup_in_an_address_or_a_form_is_text_in_the_answer() {
    let desk = hostile_desk();
    let form = desk.get("/").form_token();
    for (number, text) in CORPUS.iter().enumerate() {
        let text = encoded(text);
        for path in [
            format!("/calls?schedule={text}&event={text}&reason={text}&appointment={text}"),
            format!("/calls?reason={text}&appointment={text}&run="),
            format!("/calls?since={text}"),
            format!("/calls?until={text}"),
            format!("/calls?run={text}"),
            format!("/calls?phone={text}"),
            format!("/appointment?schedule=day-before&id={text}{number}"),
            format!("/appointment?schedule={text}&id={text}"),
            format!("/appointment?schedule=day-before&id={text}{number}&judge=now"),
            format!("/appointment?schedule=day-before&id={text}-p&judge={text}"),
            format!("/not-called?day={text}"),
            format!("/not-called?reason={text}"),
            format!("/plan?when={text}&schedule={text}"),
            format!("/schedules/{text}"),
            format!("/{text}"),
            format!("/?done={text}"),
            format!("/sign-in?next={text}"),
        ] {
            assert_harmless(&desk.get(&path), &path);
        }
        for path in [
            "/appointment/reveal",
            "/appointment/cancel",
            "/held/resolve",
            "/held/approve",
            "/calls/find",
            "/opt-outs/add",
            "/sign-in",
        ] {
            let fields = format!(
                "form_token={form}&id={text}&run={text}&schedule={text}&appointment={text}&verdict={text}&phone={text}&token={text}&next={text}&back={text}&reason={text}"
            );
            let answer = desk.post(path, "", &fields);
            assert_harmless(&answer, path);
            assert!(
                answer.header("location").is_none_or(|to| to.starts_with('/') && !to.starts_with("//")),
                "{path}: {}",
                answer.head
            );
        }
    }
}
