//! shell: APIs that are read by declaration alone: JSONPaths, lists inside items, computed columns, bodies.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use tickler::clock::SystemClock;
use tickler::http::Http;
use tickler::schedule::read;
use tickler::settings::Secrets;
use tickler::sources::{self, ReadReport, SourceError, SourceTools};
use tickler::zones::Zones;

use crate::rows::{Seen, window};
use crate::support::{Conduct, Receiver, answer};

/// A schedule around a source and its columns.
pub fn schedule(source: &str, appointment: &str) -> String {
    format!(
        "cron = \"0 9 * * *\"\ntimezone = \"America/New_York\"\n{source}\n[appointment]\n{appointment}\n\
         [remind]\ndays_before = 1\n[target.automation]\nurl = {{ env = \"NONE\" }}\n[payload]\np = \"{{{{ phone }}}}\"\n"
    )
}

/// What the source of this schedule gives.
/// One clock for all reads of a test, as a process has: tokens are kept by it.
static CLOCK: LazyLock<Arc<SystemClock>> = LazyLock::new(|| Arc::new(SystemClock::new()));

pub async fn rows_of(text: &str) -> Result<(Vec<String>, ReadReport), SourceError> {
    let (schedule, problems) = read::schedule(Path::new("x.toml"), text, &Zones::newest());
    let schedule = schedule.unwrap_or_else(|| panic!("{problems:?}\n{text}"));
    let tools = SourceTools {
        http: Http::new(CLOCK.clone()).expect("TLS can be set up"),
        secrets: Secrets::default(),
        runtime: tokio::runtime::Handle::current(),
        answers: tickler::sources::http::KeptAnswers::default(),
        inbox: None,
    };
    let source = sources::open(&schedule, tools);
    let reading = tokio::task::spawn_blocking(move || {
        let mut seen = Seen::default();
        source.read(&window(), &mut seen).map(|report| (seen.0, report))
    });
    reading.await.expect("reading doesn't panic")
}

pub fn json(body: &str) -> Conduct {
    Conduct::Answer(answer("200 OK", &[("content-type", "application/json")], body))
}

/// The problems of a schedule that is refused.
pub fn refusal(text: &str) -> String {
    let (schedule, problems) = read::schedule(Path::new("x.toml"), text, &Zones::newest());
    assert!(schedule.is_none(), "it is taken: {text}");
    problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; ")
}

const PLAIN: &str = "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"";

#[tokio::test]
async fn a_fhir_bundle_is_read_by_paths_page_after_page() {
    let page = |id: u32, next: &str| {
        json(&format!(
            r#"{{"resourceType":"Bundle","link":[{{"relation":"self","url":"/0"}}{next}],"entry":[
             {{"resource":{{"resourceType":"Appointment","id":"{id}","start":"2026-11-25T10:00:00Z",
               "telecom":[{{"system":"email","value":"x@y.test"}},{{"system":"phone","value":"+12025550143"}}]}}}},
             {{"resource":{{"resourceType":"Patient","id":"p"}}}}]}}"#
        ))
    };
    let receiver = Receiver::start(vec![page(1, r#",{"relation":"next","url":"/2"}"#), page(2, "")]);
    let source = format!(
        "[source.http]\nurl = \"{}\"\nitems = \"$.entry[?@.resource.resourceType=='Appointment'].resource\"\n\
         paging.next.at = \"$.link[?@.relation=='next'].url\"",
        receiver.url("/Appointment")
    );
    let columns = "id = \"id\"\nphone = \"$.telecom[?@.system=='phone'].value\"\nstarts_at = \"start\"";
    let (rows, _) = rows_of(&schedule(&source, columns)).await.expect("rows");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[1].contains(r#""id":"2""#) && rows[1].contains(r#"'phone'].value":"+12025550143""#), "{}", rows[1]);
    let asked: Vec<String> = receiver.received().into_iter().map(|request| request.line).collect();
    assert_eq!(asked, ["GET /Appointment HTTP/1.1", "GET /2 HTTP/1.1"]);
}

#[tokio::test]
async fn a_bundle_without_appointments_is_an_empty_day_and_one_without_entries_fails_unless_it_says_so() {
    let source = |receiver: &Receiver, more: &str| {
        let url = receiver.url("/");
        schedule(&format!("[source.http]\nurl = \"{url}\"\nitems = \"$.entry[?@.kind=='A']\"\n{more}"), PLAIN)
    };
    for (body, is_read) in [
        (r#"{"entry":[{"kind":"B"}]}"#, true),
        (r#"{"entry":[]}"#, true),
        (r#"{"total":0}"#, true),
        (r#"{"resourceType":"OperationOutcome"}"#, false),
    ] {
        let receiver = Receiver::start(vec![json(body)]);
        assert_eq!(rows_of(&source(&receiver, "")).await.is_ok(), is_read, "{body}");
    }
}

#[tokio::test]
async fn every_element_of_a_list_inside_an_item_is_a_row() {
    let receiver = Receiver::start(vec![json(
        r#"[{"day":"2026-11-25","slots":[{"id":1,"phone":"+12025550143","at":"10:00"},{"id":2,"phone":"x","at":"11:00"}]}]"#,
    )]);
    let source = format!(
        "[source.http]\nurl = \"{}\"\neach = \"$.slots\"\n[columns]\nstarts_at = '{{{{ parent.day }}}}T{{{{ at }}}}'",
        receiver.url("/")
    );
    let (rows, _) = rows_of(&schedule(&source, PLAIN)).await.expect("rows");
    assert_eq!(rows.len(), 2);
    assert!(rows[0].ends_with(r#""starts_at":"2026-11-25T10:00"}"#), "{}", rows[0]);
}

#[tokio::test]
async fn computed_columns_come_before_everything_else_and_take_null_for_what_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.csv");
    std::fs::write(
        &path,
        "id;note;starts_at\n1;\"call +1 (202) 555-0143, please\";2026-11-25T10:00\n2;;2026-11-25T11:00\n",
    )
    .expect("a file");
    let source = format!(
        "[source.csv]\npath = \"{}\"\n[columns]\nphone = '{{{{ note | find(\"[+][0-9 ()-]{{8,}}\") }}}}'\n\
         greeting = '{{{{ nickname | default(\"you\") }}}}'\nid = 'a{{{{ id }}}}'\ndeep = '{{{{ nobody.at.home }}}}'",
        path.display()
    );
    let (rows, report) = rows_of(&schedule(&source, PLAIN)).await.expect("rows");
    assert_eq!(
        rows,
        [
            r#"2 {"starts_at":"2026-11-25T10:00","note":"call +1 (202) 555-0143, please","id":"a1","phone":"+1 (202) 555-0143","greeting":"you","deep":null}"#,
            r#"3 {"starts_at":"2026-11-25T11:00","note":null,"id":"a2","phone":null,"greeting":"you","deep":null}"#
        ]
    );
    let columns = report.columns.expect("a table's columns");
    assert_eq!(columns, ["id", "note", "starts_at", "phone", "greeting", "deep"]);
}

#[tokio::test]
async fn a_column_that_cannot_be_computed_breaks_its_row_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "id,phone,starts_at,n\n1,a,b,x\n2,a,b,3\n").expect("a file");
    let source = format!("[source.csv]\npath = \"{}\"\n[columns]\ntwice = '{{{{ n | int * 2 }}}}'", path.display());
    let (rows, _) = rows_of(&schedule(&source, PLAIN)).await.expect("rows");
    assert!(rows[0].starts_with("2! its column `twice` can't be computed"), "{}", rows[0]);
    assert!(rows[1].ends_with(r#""twice":6}"#), "{}", rows[1]);
}

#[tokio::test]
async fn a_graphql_query_is_posted_with_the_window_and_its_cursor_stands_in_the_body() {
    let page = |id: u32, cursor: &str| {
        json(&format!(r#"{{"data":{{"visits":{{"nodes":[{{"id":{id}}}],"pageInfo":{{"endCursor":{cursor}}}}}}}}}"#))
    };
    let receiver = Receiver::start(vec![page(1, "\"c1\""), page(2, "null")]);
    let source = format!(
        "[source.http]\nurl = \"{}\"\nmethod = \"POST\"\nitems = \"/data/visits/nodes\"\n\
         [source.http.body]\nquery = \"query($from: String) {{ visits(from: $from) {{ nodes {{ id }} }} }}\"\n\
         variables = {{ from = \"{{{{ from | utc }}}}\", first = 2 }}\n\
         [source.http.paging.cursor]\nparameter = \"/variables/after\"\nat = \"/data/visits/pageInfo/endCursor\"",
        receiver.url("/graphql")
    );
    let columns = "id = \"id\"\nphone = \"id\"\nstarts_at = \"id\"";
    let (rows, _) = rows_of(&schedule(&source, columns)).await.expect("rows");
    assert_eq!(rows.len(), 2);
    let received = receiver.received();
    assert!(received[0].line.starts_with("POST /graphql "), "{}", received[0].line);
    assert_eq!(received[0].header("content-type"), Some("application/json"));
    let body = |at: usize| serde_json::from_slice::<serde_json::Value>(&received[at].body).expect("JSON");
    assert_eq!(body(0)["variables"], serde_json::json!({"from": "2026-11-25T05:00:00Z", "first": 2}));
    assert_eq!(body(1)["variables"]["after"], "c1");
}

#[test]
fn what_cannot_be_meant_is_refused_when_the_file_is_checked() {
    let http = |more: &str| schedule(&format!("[source.http]\nurl = \"https://x.test/\"\n{more}"), PLAIN);
    for (text, words) in [
        (http("items = \"$.entry[?\""), "not a valid JSONPath"),
        (http("items = \"$id\""), "not a valid JSONPath"),
        (http("each = \"slots\""), "not a valid JSON pointer"),
        (http("method = \"GET\"\nbody = \"x\""), "a `GET` has no body"),
        (http("method = \"POST\"\nbody = { q = \"{{ form }}\" }"), "a body has no name `form`"),
        (http("method = \"POST\"\nbody = 1"), "takes a text or a table"),
        (http("method = \"DELETE\""), "can't be `\"DELETE\"`"),
        (http("paging.cursor = { parameter = \"/after\", at = \"/next\" }"), "is a place in `body`"),
        (http("format = \"csv\"\neach = \"/slots\""), "`each` has no meaning"),
        (http("[columns]\nx = \"{{ a | nofilter }}\""), "nofilter"),
        (http("").replace("id = \"id\"", "id = \"$.a[?\""), "not a valid JSONPath"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(
        read::schedule(
            Path::new("x.toml"),
            &http("").replace("phone = \"phone\"", "phone = \"$id\""),
            &Zones::newest()
        )
        .0
        .is_some()
    );
}
