//! Reading large calendars, APIs and workbooks, each against the least that can be done with the same bytes.
//!
//! `cargo bench --bench sources` runs `tickler plan` and a bare program in turn over each of three sources and prints medians,
//! their ratio and the peak memory of the plan:
//!
//! - a calendar of 100,000 events, 1,000 of them series, against the icalendar crate that reads it (limit 3; 200 MiB);
//! - 1,000,000 rows of JSON in pages of 1,000 over HTTP, against a loop of reqwest and serde that fetches the same pages, reads
//!   the three columns of each row into a struct that borrows them, skips the others, and parses the date (limit 2);
//! - a workbook of 100,000 rows, against the calamine crate that reads its cells (limit 1.5).

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use calamine::Reader as _;
use support::clinics::phone_of;
use support::{THIS_BUILD, median, peak_kib_of, ratio, time_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zip::write::SimpleFileOptions;

const ROUNDS: usize = 5;
const EVENTS: u32 = 100_000;
const SERIES: u32 = 1_000;
const PAGES: u32 = 1_000;
const ROWS_OF_A_PAGE: u32 = 1_000;
const SHEET_ROWS: u32 = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|word| word == "--bare") {
        let read = match arguments[at + 1].as_str() {
            "calendar" => bare_calendar(Path::new(&arguments[at + 2])),
            "api" => bare_api(&arguments[at + 2]),
            _ => bare_workbook(Path::new(&arguments[at + 2])),
        };
        assert!(read > 0, "there is something to read");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder");
    let calendar = folder.path().join("desk.ics");
    std::fs::write(&calendar, calendar_text()).expect("the calendar is written");
    let workbook = folder.path().join("desk.xlsx");
    std::fs::write(&workbook, workbook_bytes()).expect("the workbook is written");
    let api = format!("http://{}/rows", start_api());

    println!("rounds {ROUNDS}, medians of whole processes");
    let measure = |what: &str, kind: &str, source: &str, columns: &str, bare: &str, limits: &str| {
        let schedule = SCHEDULE.replace("[source]", source).replace("[appointment]", columns);
        std::fs::write(folder.path().join("schedules/bench.toml"), schedule).expect("a schedule");
        let plan = || plan_in(folder.path());
        let bare_loop = || {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args(["--bare", kind, bare]);
            command
        };
        let peak_kib = peak_kib_of(&mut plan());
        let (plans, loops) = (0..ROUNDS).map(|_| (time_of(&mut plan()), time_of(&mut bare_loop()))).unzip();
        let (plan, bare) = (median(plans), median(loops));
        println!(
            "{what:<42} plan {:>6.0} ms   bare {:>6.0} ms   ratio {:>5.2}   {:>6.1} MiB   ({limits})",
            plan.as_secs_f64() * 1e3,
            bare.as_secs_f64() * 1e3,
            ratio(plan, bare),
            peak_kib as f64 / 1024.0
        );
    };
    let ical = "[source.ical]\npath = \"../desk.ics\"\n[columns]\nphone = \"{{ description }}\"";
    let by_uid = "[appointment]\nid = \"uid\"\nphone = \"phone\"\nstarts_at = \"starts_at\"";
    let calendar = calendar.display().to_string();
    measure("100,000 events, 1,000 series", "calendar", ical, by_uid, &calendar, "limit 3; 200 MiB");
    let http = format!(
        "[source.http]\nurl = \"{api}\"\nitems = \"/data\"\n[source.http.paging.page]\nparameter = \"page\"\nsize = {ROWS_OF_A_PAGE}"
    );
    let by_id = "[appointment]\nid = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"";
    measure("1,000,000 rows of JSON in 1,000 pages", "api", &http, by_id, &api, "limit 2");
    let xlsx = "[source.xlsx]\npath = \"../desk.xlsx\"";
    measure("a workbook of 100,000 rows", "workbook", xlsx, by_id, &workbook.display().to_string(), "limit 1.5");
}

fn plan_in(folder: &Path) -> Command {
    let mut plan = Command::new(THIS_BUILD);
    plan.args(["plan", "bench", "--now", "2026-11-24T14:00:00Z", "--format", "json"])
        .current_dir(folder)
        .env("BENCH_URL", "http://127.0.0.1:9/");
    plan
}

/// The start of a row: one in thirty is tomorrow, the others lie around the year.
fn start_of(row: u32) -> (u32, u32, u32, u32) {
    let (month, day) = if row.is_multiple_of(30) { (11, 25) } else { (1 + row % 10, 1 + row % 28) };
    (month, day, 9 + row % 9, row / 7 % 60)
}

fn calendar_text() -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//EN\r\n".to_owned();
    for row in 0..EVENTS {
        let (month, day, hour, minute) = start_of(row);
        let rule = if row < SERIES { "RRULE:FREQ=WEEKLY;BYDAY=MO,WE\r\n" } else { "" };
        write!(
            text,
            "BEGIN:VEVENT\r\nUID:e-{row}@bench\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Person Number {row}\r\n\
             DESCRIPTION:{}\r\nDTSTART;TZID=America/New_York:2026{month:02}{day:02}T{hour:02}{minute:02}00\r\n\
             DURATION:PT30M\r\n{rule}STATUS:CONFIRMED\r\nEND:VEVENT\r\n",
            phone_of(row)
        )
        .expect("a string takes text");
    }
    text + "END:VCALENDAR\r\n"
}

fn bare_calendar(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).expect("the calendar is read");
    let unfolded = icalendar::parser::unfold(&text);
    icalendar::parser::read_calendar(&unfolded).expect("a calendar").components.len()
}

fn page(number: u32) -> String {
    let mut text = "{\"data\":[".to_owned();
    for row in number * ROWS_OF_A_PAGE..(number + 1) * ROWS_OF_A_PAGE {
        let (month, day, hour, minute) = start_of(row);
        let comma = if row.is_multiple_of(ROWS_OF_A_PAGE) { "" } else { "," };
        write!(
            text,
            "{comma}{{\"id\":\"B-{row}\",\"name\":\"Person Number {row}\",\"phone\":\"{}\",\
             \"starts_at\":\"2026-{month:02}-{day:02}T{hour:02}:{minute:02}:00\",\"service\":\"Check-up\",\"status\":\"booked\"}}",
            phone_of(row)
        )
        .expect("a string takes text");
    }
    text + "]}"
}

/// Serves the pages, and an empty one behind the last; a thread of its own with its own runtime.
fn start_api() -> SocketAddr {
    let pages: Arc<Vec<String>> =
        Arc::new((0..PAGES).map(page).chain(std::iter::once("{\"data\":[]}".to_owned())).collect());
    let (started, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            started.send(listener.local_addr().expect("an address")).expect("somebody waits for it");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&pages)));
            }
        });
    });
    address.recv().expect("the API starts")
}

async fn serve(mut stream: TcpStream, pages: Arc<Vec<String>>) {
    let _slower = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(4096);
    while matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 4);
        let number = head.split("page=").nth(1).map_or("1", |rest| rest.split(['&', ' ']).next().unwrap_or("1"));
        let number: usize = number.parse().expect("a page's number");
        let body = pages.get(number - 1).or(pages.last()).expect("a page");
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[derive(serde::Deserialize)]
struct BarePage<'p> {
    #[serde(borrow)]
    data: Vec<BareRow<'p>>,
}

#[derive(serde::Deserialize)]
struct BareRow<'p> {
    id: &'p str,
    phone: &'p str,
    starts_at: jiff::civil::DateTime,
}

fn bare_api(url: &str) -> usize {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = reqwest::Client::new();
    let day = jiff::civil::date(2026, 11, 25);
    let mut due = 0;
    for number in 1.. {
        let body = runtime.block_on(async {
            let answer = client.get(format!("{url}?page={number}")).send().await;
            answer.expect("an answer").bytes().await.expect("a body")
        });
        let page: BarePage<'_> = serde_json::from_slice(&body).expect("a page");
        if page.data.is_empty() {
            break;
        }
        let is_due = |row: &&BareRow<'_>| row.starts_at.date() == day && !row.id.is_empty() && !row.phone.is_empty();
        due += page.data.iter().filter(is_due).count();
    }
    due
}

fn workbook_bytes() -> Vec<u8> {
    const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                        xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
    const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    let relation = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{RELATION}/{kind}\" Target=\"{target}\"/>")
    };
    let relations = |list: String| format!("<Relationships xmlns=\"{PACKAGE}/relationships\">{list}</Relationships>");
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let mut rows = format!("<row>{}</row>", ["id", "name", "phone", "starts_at"].map(cell).concat());
    for row in 0..SHEET_ROWS {
        let (month, day, hour, minute) = start_of(row);
        let days =
            jiff::civil::date(1899, 12, 30).until(jiff::civil::date(2026, month as i8, day as i8)).expect("days");
        let serial = f64::from(days.get_days()) + f64::from(hour * 60 + minute) / 1440.0;
        let texts =
            [format!("B-{row}"), format!("Person Number {row}"), phone_of(row)].map(|text| cell(&text)).concat();
        write!(rows, "<row>{texts}<c s=\"1\"><v>{serial}</v></c></row>").expect("a string takes text");
    }
    let parts = [
        ("[Content_Types].xml", format!("<Types xmlns=\"{PACKAGE}/content-types\"/>")),
        ("_rels/.rels", relations(relation("r", "officeDocument", "xl/workbook.xml"))),
        (
            "xl/workbook.xml",
            format!("<workbook {MAIN}><sheets><sheet name=\"desk\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            relations(
                relation("rId1", "worksheet", "worksheets/sheet1.xml") + &relation("rIdS", "styles", "styles.xml"),
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet {MAIN}><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", format!("<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>")),
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>").expect("its head");
        zip.write_all(text.as_bytes()).expect("its text");
    }
    zip.finish().expect("an archive").into_inner()
}

fn bare_workbook(path: &Path) -> usize {
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(PathBuf::from(path)).expect("a workbook");
    workbook.worksheet_range("desk").expect("the sheet").rows().len()
}

const SCHEDULE: &str = r#"
cron     = "0 9 * * *"
timezone = "America/New_York"

[source]

[appointment]

[remind]
days_before            = 1
max_per_person_per_day = 1000

[target.automation]
url = { env = "BENCH_URL" }

[payload]
contact_phone    = "{{ phone }}"
appointment_time = "{{ starts_at }}"

[guard]
max_calls = 100000
"#;
