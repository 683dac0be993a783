//! Requests for calls that are no honest ones, each by somebody who knows the secret: every one gets its code, nobody is called
//! whom a rule would spare, and page and deliveries go on meanwhile, whatever number of slow senders there is.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::json;

use crate::binary::{export, get};
use crate::clinic::*;
use crate::leads::{ELEVEN_AT_NIGHT, LEADS, TEN, ask, clinic_with, lead, lead_of, secret};

/// A body of a request, with its code and the reason.
type Case = (&'static str, String, u16, &'static str);

fn cases() -> Vec<Case> {
    let long = "a".repeat(1 << 20);
    let with = |name: &str, value: &str| {
        let mut lead = json!({"id": "B1", "phone": "911"});
        lead[name] = json!(value);
        lead.to_string()
    };
    let phone = |phone: &str| with("phone", phone);
    vec![
        ("an id of a megabyte", json!({"id": long, "phone": "(202) 555-0143"}).to_string(), 413, "too_large"),
        ("a megabyte of words", json!({"id": "B1", "note": long}).to_string(), 413, "too_large"),
        ("an id of 257 characters", with("id", &"i".repeat(257)), 400, "unreadable"),
        ("depth", format!("{{\"id\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000)), 413, "too_large"),
        ("33 levels", format!("{{\"id\":{}1{}}}", "[".repeat(32), "]".repeat(32)), 413, "too_large"),
        ("32 levels", format!("{{\"id\":{}1{}}}", "[".repeat(31), "]".repeat(31)), 422, "bad_row"),
        ("an array", "[{\"id\":\"B1\"}]".to_owned(), 400, "unreadable"),
        ("XML", "<?xml version=\"1.0\"?><lead/>".to_owned(), 400, "unreadable"),
        ("a text", "\"B1\"".to_owned(), 400, "unreadable"),
        ("two objects", "{\"id\":\"B1\"}{}".to_owned(), 400, "unreadable"),
        ("half a character", "{\"id\":\"\\ud800\"}".to_owned(), 400, "unreadable"),
        ("its receipt forged", "{\"@received_at\":\"2020-01-01T00:00:00Z\"}".to_owned(), 400, "unreadable"),
        ("an exponent", phone("1.20255501E+10"), 422, "invalid_phone"),
        ("a premium number", phone("+1 900 555 0143"), 422, "invalid_phone"),
        ("a short number", phone("911"), 422, "invalid_phone"),
        ("a short code", phone("12345"), 422, "invalid_phone"),
        ("a number abroad", phone("+44 20 7946 0958"), 422, "invalid_phone"),
        ("a formula", phone("=1+1"), 422, "invalid_phone"),
        ("NUL in a number", phone("202\u{0}5550143"), 422, "invalid_phone"),
        ("two numbers", phone("(202) 555-0143, (202) 555-0144"), 422, "invalid_phone"),
        ("an object as a number", "{\"id\":\"B1\",\"phone\":{\"a\":1}}".to_owned(), 422, "invalid_phone"),
        (
            "the last of two keys",
            "{\"id\":\"B1\",\"phone\":\"2025550143\",\"phone\":\"911\"}".to_owned(),
            422,
            "invalid_phone",
        ),
        (
            "year 9999",
            json!({"id": "B1", "phone": "(202) 555-0143", "call_at": "9999-12-31T10:00:00"}).to_string(),
            422,
            "invalid_time",
        ),
        (
            "a year of five digits",
            json!({"id": "B1", "phone": "(202) 555-0143", "call_at": "12026-12-31"}).to_string(),
            422,
            "invalid_time",
        ),
        (
            "over long ago",
            json!({"id": "B1", "phone": "(202) 555-0143", "call_until": "1970-01-01T00:00:00"}).to_string(),
            422,
            "too_late",
        ),
    ]
}

#[test]
fn whatever_is_posted_as_a_lead_it_gets_its_code_and_calls_nobody() {
    let clinic = clinic_with(LEADS);
    let service =
        clinic.start_with(TEN, &[("LEADS_SECRET", crate::leads::LEADS_SECRET), ("TICKLER_WEB__LISTEN", "127.0.0.1:0")]);
    let address = service.inbound();
    for (name, body, status, reason) in cases() {
        let (found, answer, text) = posted(&address, "/call/leads", &secret(), &body);
        assert_eq!((found, &answer["error"]["reason"]), (status, &json!(reason)), "{name}: {text}");
        assert!(!text.contains("555") && text.len() < 2_000, "{name}: {text}");
    }
    let form = format!("{}content-type: application/x-www-form-urlencoded\r\n", secret());
    for (body, status) in [("%", 422), ("id=B1&phone=%FF%FE", 422), ("=&=&=", 422), ("&&&", 400)] {
        assert_eq!(posted(&address, "/call/leads", &form, body).0, status, "{body}");
    }
    let page = service.page();
    assert!(get(&page, "/healthz", &page).contains("200"));
    // what a terminal or a spreadsheet would obey is kept as it is, and called as any other
    let odd = json!({"id": "=1+1", "phone": "(202) 555-0143", "name": "\u{0}\u{1b}[2J\u{202e}=1+1"});
    assert_eq!(ask(&address, &odd).0, 202);
    let call = clinic.receiver.request();
    assert_eq!(lead_of(&call), "=1+1");
    call.accept();
    service.stop();
    let log = export(clinic.path());
    assert!(log.bytes().all(|byte| byte >= 0x20 || byte == b'\n') && !log.contains('\u{202e}'), "{log}");
    assert_eq!(log.matches("\"delivery.intent\"").count(), 1, "nobody else was called: {log}");
    let listed = crate::binary::tickler(clinic.path()).args(["inbound", "list"]).output().expect("tickler runs");
    assert!(!listed.stdout.contains(&0x1b) && !String::from_utf8_lossy(&listed.stdout).contains('\u{202e}'));
}

/// Every byte of the ledger's files.
fn ledger_bytes(clinic: &Clinic) -> Vec<Vec<u8>> {
    let file = |name: &str| std::fs::read(clinic.path().join(name)).unwrap_or_default();
    ["tickler.db", "tickler.db-wal"].map(file).into()
}

#[test]
fn whatever_a_stranger_posts_no_byte_of_the_ledger_changes() {
    let text = LEADS.replace("[source.inbound]\n", "[source.inbound]\nsecret_in_url = true\n");
    let clinic = clinic_with(&format!("{text}[outcome]\nsecret = {{ env = \"OUTCOME_SECRET\" }}\n"));
    let service = crate::leads::started(&clinic, ELEVEN_AT_NIGHT);
    let address = service.inbound();
    assert_eq!(ask(&address, &lead("L1")).0, 202);
    let before = ledger_bytes(&clinic);
    let bodies = cases().into_iter().map(|(_, body, ..)| body).chain([lead("L2").to_string(), String::new()]);
    for body in bodies {
        for path in [
            "/call/leads",
            "/call/leads/guessed",
            "/call/leads?secret=guessed",
            "/outcome/leads",
            "/outcome/leads/guessed",
        ] {
            for headers in ["", "x-tickler-secret: \r\n", "authorization: Bearer guessed\r\n"] {
                let (status, answer, text) = posted(&address, path, headers, &body);
                assert_eq!(
                    (status, &answer["error"]["reason"]),
                    (401, &json!("unauthorized")),
                    "{path} {headers}: {text}"
                );
            }
        }
    }
    for method in ["GET", "DELETE"] {
        let request = format!("{method} /call/leads/L1 HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
        assert_eq!(exchange(&address, request.as_bytes()).0, 401, "{method}");
    }
    assert!(ledger_bytes(&clinic) == before, "the ledger was written");
    service.stop();
}

#[test]
fn a_lead_in_each_spelling_of_its_phone_is_called_at_the_same_number() {
    let clinic = clinic_with(&LEADS.replace("now = true\n", "now = true\nmax_per_person_per_day = 99\n"));
    let service = crate::leads::started(&clinic, TEN);
    let address = service.inbound();
    for (number, spelling) in SPELLINGS.iter().enumerate() {
        let id = format!("S{number}");
        let (status, answer) = ask(&address, &json!({"id": id, "phone": spelling}));
        assert_eq!(status, 202, "{spelling}: {answer}");
        let call = clinic.receiver.request();
        assert!(call.text.contains("\"contact_phone\":\"+12025550143\""), "{spelling}: {}", call.text);
        call.accept();
    }
    service.stop();
}

/// As many slow senders as this process may open connections, but ten thousand at most.
fn slow_senders(address: &str, head: &str) -> Vec<TcpStream> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = limit.maximum.unwrap_or(20_000);
    let raised = rustix::process::Rlimit { current: Some(most), maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("the limit of open files is raised");
    let count = usize::try_from(most.saturating_sub(1_000)).unwrap_or(0).min(10_000);
    let connect = |_| {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(head.as_bytes()).ok()?;
        Some(stream)
    };
    (0..count).filter_map(connect).collect()
}

#[test]
fn ten_thousand_slow_senders_keep_neither_leads_nor_the_page_nor_calls_waiting() {
    let clinic = clinic_with(LEADS);
    let service =
        clinic.start_with(TEN, &[("LEADS_SECRET", crate::leads::LEADS_SECRET), ("TICKLER_WEB__LISTEN", "127.0.0.1:0")]);
    let address = service.inbound();
    let before = service.kibibytes("VmRSS");
    let head = format!("POST /call/leads HTTP/1.1\r\nhost: here\r\n{}content-length: 60000\r\n", secret());
    let slow = slow_senders(&address, &head);
    assert!(slow.len() >= 9_000, "{} connections", slow.len());
    let page = service.page();
    assert!(get(&page, "/healthz", &page).contains("200"));
    assert_eq!(ask(&address, &lead("L1")).0, 202);
    let call = clinic.receiver.request();
    assert_eq!(lead_of(&call), "L1");
    call.accept();
    let grown = service.kibibytes("VmRSS").saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    drop(slow);
    service.stop();
}
