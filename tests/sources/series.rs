//! shell: series in tables, joins, and tokens that are fetched first.

use crate::declared::{json, refusal, rows_of, schedule};
use crate::support::{Conduct, Receiver, answer};

const SERIES: &str = "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"\nrecurrence = \"rrule\"\nrecurrence_exceptions = \"except\"";

async fn series(rows: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.csv");
    std::fs::write(&path, format!("id|phone|starts_at|rrule|except\n{rows}")).expect("a file");
    let source = format!("[source.csv]\npath = \"{}\"", path.display());
    let (rows, _) = rows_of(&schedule(&source, SERIES)).await.expect("rows");
    rows.iter().map(|row| row.replace("\"phone\":\"p\",", "")).collect()
}

/// The marks of a row's occurrences.
fn marks(rows: &[String]) -> Vec<&str> {
    rows.iter().map(|row| row.split_once("\"@occurrence\":\"").map_or(row.as_str(), |(_, mark)| &mark[..16])).collect()
}

#[tokio::test]
async fn a_row_with_a_recurrence_rule_is_its_occurrences_in_the_window() {
    for (row, wanted) in [
        ("1|p|2026-11-04T10:30|FREQ=WEEKLY|\n", vec!["20261125T153000Z"]),
        ("1|p|2026-10-28T10:30|RRULE:FREQ=WEEKLY;BYDAY=WE|\n", vec!["20261125T153000Z"]),
        ("1|p|2026-11-04T10:30|FREQ=WEEKLY|2026-11-18,2026-11-25\n", vec![]),
        ("1|p|2026-11-04T10:30|FREQ=WEEKLY|20261125T103000\n", vec![]),
        ("1|p|2026-11-04T10:30|FREQ=WEEKLY|20261125T153000Z\n", vec![]),
        ("1|p|2026-11-04T10:30|FREQ=WEEKLY;UNTIL=20261124T000000Z|\n", vec![]),
        ("1|p|2026-11-04T10:30|FREQ=DAILY;BYHOUR=9,15|\n", vec!["20261125T143000Z", "20261125T203000Z"]),
    ] {
        assert_eq!(marks(&series(row).await), wanted, "{row}");
    }
}

#[tokio::test]
async fn a_row_without_a_rule_stays_one_row_and_a_wrong_rule_breaks_its_own_row_alone() {
    let rows =
        series("1|p|2026-11-25T10:30||\n2|p|2026-11-04T10:30|FREQ=OFTEN|\n3|p|2026-11-04T10:30|FREQ=WEEKLY|soon\n")
            .await;
    assert!(rows[0].starts_with("2 {") && !rows[0].contains("@occurrence"), "{}", rows[0]);
    assert_eq!(rows[1..], ["3! the recurrence rule can't be read", "4! a date of its exceptions can't be read"]);
}

#[tokio::test]
async fn an_object_of_the_same_answer_is_joined_by_its_key() {
    let receiver = Receiver::start(vec![json(
        r#"{"data":[{"id":1,"patient_id":7},{"id":2,"patient_id":9}],"included":[{"id":"7","phone":"+12025550143"}]}"#,
    )]);
    let source = format!(
        "[source.http]\nurl = \"{}\"\nitems = \"/data\"\n[join.patient]\nitems = \"/included\"\non = {{ column = \"patient_id\", at = \"id\" }}",
        receiver.url("/")
    );
    let columns = "id = \"id\"\nphone = \"patient.phone\"\nstarts_at = \"id\"";
    let (rows, _) = rows_of(&schedule(&source, columns)).await.expect("rows");
    assert_eq!(
        rows,
        [
            r#"1 {"id":1,"patient_id":7,"patient":{"id":"7","phone":"+12025550143"}}"#,
            r#"2 {"id":2,"patient_id":9,"patient":null}"#
        ]
    );
}

/// A list whose rows name patients, and a patient for every other request.
fn clinic(last: Conduct) -> Receiver {
    Receiver::start(vec![
        json(
            r#"[{"id":1,"patient":"a b","starts_at":"2026-11-25T10:00"},{"id":2,"patient":"a b","starts_at":"2026-11-25T11:00"},
             {"id":3,"patient":"c","starts_at":"2026-12-25T10:00"},{"id":4,"patient":null,"starts_at":"2026-11-25T12:00"}]"#,
        ),
        last,
    ])
}

fn joined(receiver: &Receiver) -> String {
    let source = format!(
        "[source.http]\nurl = \"{}\"\nauth.basic = {{ user = \"me\", password = {{ file = \"/dev/null\" }} }}\n\
         [join.who]\nurl = \"/patients/{{{{ patient }}}}?full=1\"\n[columns]\nphone = \"{{{{ who.phone }}}}\"",
        receiver.url("/list")
    );
    schedule(&source, "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"")
        .replace("auth.basic = { user = \"me\", password = { file = \"/dev/null\" } }\n", "")
}

#[tokio::test]
async fn an_address_is_asked_for_once_and_for_rows_in_the_window_alone() {
    let receiver = clinic(json(r#"{"phone":"+12025550143"}"#));
    let (rows, _) = rows_of(&joined(&receiver)).await.expect("rows");
    let asked: Vec<String> = receiver.received().into_iter().map(|request| request.line).collect();
    assert_eq!(asked, ["GET /list HTTP/1.1", "GET /patients/a%20b?full=1 HTTP/1.1"]);
    let phones: Vec<bool> = rows.iter().map(|row| row.contains("\"phone\":\"+12025550143\"}")).collect();
    assert_eq!(phones, [false, true, true, false], "{rows:?}");
}

#[tokio::test]
async fn a_join_that_fails_fails_the_read() {
    for (last, words) in [
        (Conduct::Answer(answer("404 Not Found", &[], "")), "404"),
        (Conduct::Answer(answer("500 Oops", &[], "")), "500"),
        (json("nothing"), "not JSON"),
    ] {
        let error = rows_of(&joined(&clinic(last))).await.expect_err(words);
        assert!(error.message.contains(words), "{error}");
    }
    let away = joined(&clinic(json("{}"))).replace("/patients/{{ patient }}?full=1", "https://evil.test/{{ patient }}");
    assert!(rows_of(&away).await.expect_err("another host").message.contains("isn't followed"));
}

#[tokio::test]
async fn a_join_that_fans_out_is_refused() {
    let rows: Vec<String> =
        (0..100_000).map(|id| format!(r#"{{"id":{id},"patient":"{id}","starts_at":"2026-11-25T10:00"}}"#)).collect();
    let receiver = Receiver::start(vec![json(&format!("[{}]", rows.join(",")))]);
    let error = rows_of(&joined(&receiver)).await.expect_err("too many");
    assert!(error.message.contains("more than 5000 addresses"), "{error}");
    assert_eq!(receiver.received().len(), 1, "nothing was asked for");
}

#[tokio::test]
async fn a_token_is_fetched_first_used_again_and_a_changed_refresh_token_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let (secret, refresh) = (write("secret", "canary-secret\n"), write("refresh", "first\n"));
    let token = json(r#"{"access_token":"t1","expires_in":3600,"refresh_token":"second"}"#);
    let receiver = Receiver::start(vec![token, json("[]")]);
    let source = format!(
        "[source.http]\nurl = \"{}\"\n[source.http.auth.oauth2]\ntoken_url = \"{}\"\nclient_id = \"me\"\n\
         client_secret = {{ file = \"{secret}\" }}\nscope = \"read all\"\nrefresh_token = {{ file = \"{refresh}\" }}",
        receiver.url("/list"),
        receiver.url("/token")
    );
    let text = schedule(&source, "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"");
    for _ in 0..2 {
        rows_of(&text).await.expect("an empty day");
    }
    let received = receiver.received();
    let lines: Vec<&str> = received.iter().map(|request| request.line.as_str()).collect();
    assert_eq!(lines, ["POST /token HTTP/1.1", "GET /list HTTP/1.1", "GET /list HTTP/1.1"]);
    let form = String::from_utf8_lossy(&received[0].body).into_owned();
    assert_eq!(form, "grant_type=refresh_token&refresh_token=first&scope=read+all");
    assert_eq!(received[0].header("authorization"), Some("Basic bWU6Y2FuYXJ5LXNlY3JldA=="));
    assert_eq!(received[2].header("authorization"), Some("Bearer t1"));
    assert_eq!(std::fs::read_to_string(&refresh).expect("a file"), "second");
}

/// A schedule that reads with the refresh token of a file.
fn with_refresh_token(file: &std::path::Path, token: &str, list: &str) -> String {
    let source = format!(
        "[source.http]\nurl = \"{list}\"\n[source.http.auth.oauth2]\ntoken_url = \"{token}\"\nclient_id = \"me\"\n\
         refresh_token = {{ file = \"{}\" }}",
        file.display()
    );
    schedule(&source, "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"")
}

#[tokio::test]
async fn a_refresh_token_that_cannot_be_written_is_kept_and_written_as_soon_as_it_can_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let (refresh, draft) = (folder.path().join("refresh"), folder.path().join("refresh.new"));
    std::fs::write(&refresh, "first").expect("a file");
    std::fs::create_dir(&draft).expect("a folder where the new file would be written");
    let receiver =
        Receiver::start(vec![json(r#"{"access_token":"t1","expires_in":3600,"refresh_token":"second"}"#), json("[]")]);
    let text = with_refresh_token(&refresh, &receiver.url("/token"), &receiver.url("/list"));
    let error = rows_of(&text).await.expect_err("it can't be written");
    assert!(error.message.contains("can't be written"), "{error}");
    std::fs::remove_dir(&draft).expect("the folder goes");
    rows_of(&text).await.expect("an empty day");
    assert_eq!(std::fs::read_to_string(&refresh).expect("a file"), "second");
    let lines: Vec<String> = receiver.received().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["POST /token HTTP/1.1", "GET /list HTTP/1.1"], "the first token wasn't used a second time");
}

#[tokio::test]
async fn a_refresh_token_that_another_process_replaced_is_taken_from_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let refresh = folder.path().join("refresh");
    std::fs::write(&refresh, "first").expect("a file");
    // a token of one second is used for one read
    let token = |refresh: &str| json(&format!(r#"{{"access_token":"t","expires_in":1,"refresh_token":"{refresh}"}}"#));
    let receiver = Receiver::start(vec![token("second"), json("[]"), token("fourth"), json("[]")]);
    let text = with_refresh_token(&refresh, &receiver.url("/token"), &receiver.url("/list"));
    rows_of(&text).await.expect("an empty day");
    std::fs::write(&refresh, "third").expect("another process writes it");
    rows_of(&text).await.expect("an empty day");
    let form = String::from_utf8_lossy(&receiver.received()[2].body).into_owned();
    assert_eq!(form, "grant_type=refresh_token&refresh_token=third&client_id=me");
    assert_eq!(std::fs::read_to_string(&refresh).expect("a file"), "fourth");
}

#[tokio::test]
async fn a_refresh_token_that_is_replaced_while_it_is_used_is_read_again_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let refresh = folder.path().join("refresh");
    std::fs::write(&refresh, "first").expect("a file");
    let (place, asked) = (refresh.clone(), std::sync::atomic::AtomicUsize::new(0));
    let server = crate::server::Server::answering(move |target| {
        if target.starts_with("/list") {
            return crate::server::json("[]");
        }
        if asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            std::fs::write(&place, "second").expect("another process writes it");
            return crate::server::answer(400, "content-type: application/json\r\n", r#"{"error":"invalid_grant"}"#);
        }
        crate::server::json(r#"{"access_token":"t3"}"#)
    })
    .await;
    let (token, list) = (format!("{}/token", server.origin), format!("{}/list", server.origin));
    rows_of(&with_refresh_token(&refresh, &token, &list)).await.expect("an empty day");
    assert_eq!(server.requests().len(), 3, "{:?}", server.requests());
}

#[tokio::test]
async fn one_client_reads_for_each_person_with_that_persons_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    for file in [&one, &other] {
        std::fs::write(file, "r").expect("a file");
    }
    let token = |token: &str| json(&format!(r#"{{"access_token":"{token}","expires_in":3600}}"#));
    let receiver = Receiver::start(vec![token("ones"), json("[]"), token("others"), json("[]")]);
    for file in [&one, &other] {
        let text = with_refresh_token(file, &receiver.url("/token"), &receiver.url("/list"));
        rows_of(&text).await.expect("an empty day");
    }
    let received = receiver.received();
    let logins: Vec<_> = received.iter().filter_map(|request| request.header("authorization")).collect();
    assert_eq!(logins, ["Bearer ones", "Bearer others"]);
}

#[tokio::test]
async fn a_client_proves_itself_by_a_signed_assertion_and_a_refusal_names_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key.pem");
    std::fs::write(&key, include_str!("key.pem")).expect("a file");
    let source = |receiver: &Receiver| {
        let source = format!(
            "[source.http]\nurl = \"{}\"\n[source.http.auth.oauth2]\ntoken_url = \"{}\"\nclient_id = \"me\"\nprivate_key = {{ file = \"{}\" }}",
            receiver.url("/list"),
            receiver.url("/token"),
            key.display()
        );
        schedule(&source, "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"")
    };
    let receiver = Receiver::start(vec![json(r#"{"access_token":"t2"}"#), json("[]")]);
    rows_of(&source(&receiver)).await.expect("an empty day");
    let form = String::from_utf8_lossy(&receiver.received()[0].body).into_owned();
    let assertion = form.split_once("client_assertion=").expect("an assertion").1.split('&').next().expect("a value");
    assert_eq!(assertion.split('.').count(), 3, "{assertion}");
    assert!(form.contains("grant_type=client_credentials") && form.ends_with("client_id=me"), "{form}");
    let refusal = Conduct::Answer(answer("400 Bad", &[], r#"{"error":"invalid_grant","error_description":"canary"}"#));
    let error = rows_of(&source(&Receiver::start(vec![refusal]))).await.expect_err("refused");
    assert!(error.message.contains("`invalid_grant`") && !error.message.contains("canary"), "{error}");
}

#[test]
fn what_cannot_be_joined_is_refused_when_the_file_is_checked() {
    let plain = "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"";
    let http = |more: &str| schedule(&format!("[source.http]\nurl = \"https://x.test/\"\n{more}"), plain);
    for (text, words) in [
        (http("[join.a]\nitems = \"/x\""), "`on` is missing"),
        (http("[join.a]\n"), "needs one of"),
        (http("[join.a]\nurl = \"/x\"\nitems = \"/y\""), "takes only one of"),
        (http("[join.a]\nurl = \"/{{ x | nofilter }}\""), "nofilter"),
        (
            schedule("[source.csv]\npath = \"a.csv\"\n[join.a]\nurl = \"/x\"", plain),
            "needs a source that is an HTTP API",
        ),
    ] {
        let message = refusal(&text);
        assert!(message.contains(words), "{words}: {message}");
    }
}
