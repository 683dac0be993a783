//! pure: whatever bytes and texts come in, the readers answer with values or with reasons: none panics, none hangs.

use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;
use tickler::appointment::{DateFormat, dates, phone};
use tickler::delivery::retry::retry_after;
use tickler::formats::{FormatAsk, ReadWindow, Wanted, ical, json, workbook};
use tickler::http::{BodyEnd, HttpResponse};
use tickler::row::{Column, JsonPlace, PathColumn, Record, RecordSink};
use tickler::schedule::problems::Paint;
use tickler::schedule::recurrence::Recurrence;
use tickler::schedule::{CalendarShape, JsonShape, WorkbookShape, load};
use tickler::settings::{Flags, ProcessEnvironment, Settings};
use tickler::verbs::Request;
use tickler::zones::{SeriesRule, Zones};

/// Counts the rows and reads a nested column of each.
#[derive(Default)]
struct Rows(u64);

impl RecordSink for Rows {
    fn record(&mut self, _: u64, record: Record<'_>) -> ControlFlow<()> {
        self.0 += 1;
        let _text = record.text(&Column::new("a.b"));
        ControlFlow::Continue(())
    }
}

const SCHEDULE: &str = r#"cron = "0 9 * * MON-FRI"
timezone = "Europe/Berlin"
[source.http]
url = "https://x.test/{{ from | utc }}"
headers = { "X-Key" = { env = "KEY" } }
paging.page = { parameter = "p", start = 0, size = 9 }
[appointment]
id = ["a", "b.c"]
phone = "phone"
starts_at = { date = "d", time = "t" }
date_format = "%d.%m.%Y %H:%M"
[remind]
hours_before = [24, 2]
only_if = "minutes|int > 10"
calling_hours = "09:00-19:00"
[target.automation]
url = { env = "U" }
[payload]
contact_phone = "{{ phone }}"
deep = { list = ["{{ row['x y'] }}", 1] }
"#;

const SETTINGS: &str = "ledger = \"a.db\"\n[web]\nlisten = \"127.0.0.1:0\"\ntoken = { env = \"T\" }\n[log]\nlevel = \"info\"\n\
    [accounts.x]\nrate = \"95/min\"\nbase_url = \"http://127.0.0.1\"\n[retention]\npayloads = \"30d\"\n";

/// A sound text with pieces cut out of it or put into it.
fn damaged(sound: &'static str) -> impl Strategy<Value = String> {
    let piece =
        prop_oneof!["[\\[\\]{}\"'=.#,\n-9a-z]{0,4}", "\\PC{0,3}", Just("'''".to_owned()), Just("\"\"\"\n".to_owned())];
    proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, piece), 1..5).prop_map(|wounds| {
        let mut text: Vec<char> = sound.chars().collect();
        for (place, length, piece) in wounds {
            let from = place.index(text.len() + 1).min(text.len());
            let until = (from + length).min(text.len());
            text.splice(from..until, piece.chars());
        }
        text.into_iter().collect()
    })
}

fn json_text() -> impl Strategy<Value = Vec<u8>> {
    let pieces =
        ["{", "}", "[", "]", ":", ",", "\"a\"", "\"b\"", "\"data\"", "1", "-1e9", "1e999", "null", "\"\\ud800\"", " "];
    let noise = proptest::collection::vec(any::<u8>(), 0..3);
    let piece =
        prop_oneof![8 => prop::sample::select(pieces.to_vec()).prop_map(|it| it.as_bytes().to_vec()), 1 => noise];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn any_bytes_are_rows_of_json_or_no_json(
        bytes in json_text(),
        items in prop_oneof![4 => "(/(data|a|0|~1|~)?){0,3}|x", 1 => prop::sample::select(vec!["$..a", "$.data[*]"]).prop_map(str::to_owned)],
        each in proptest::option::of(prop::sample::select(vec!["/a", "$.a[*]"])),
        column in prop::sample::select(vec!["a", "$.a[0]"]),
    ) {
        let mut rows = Rows::default();
        let at = Timestamp::UNIX_EPOCH;
        let window = ReadWindow { from: at, until: at, day: date(2026, 11, 24), now: at };
        let wanted = Wanted::mapped(&["a", "a.b"]);
        let places = ["/error".into(), "/a/b".into()];
        let places: Vec<&JsonPlace> = places.iter().collect();
        let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &places };
        let columns = PathColumn::compile(column).expect("a path, or a name").into_iter().collect();
        let is_row = each.is_none();
        let each = each.map(JsonPlace::from);
        let shape = JsonShape { items: items.into(), each, columns, ..JsonShape::default() };
        if let Ok(report) = json::read(&bytes, &shape, &ask, &mut rows) {
            prop_assert!(!is_row || report.rows == rows.0);
        }
    }

    #[test]
    fn any_text_is_a_date_or_none(text in "\\PC{0,30}|[0-9 T:.+Zz/-]{0,32}", pattern in "[%a-zA-Z0-9 :/.-]{0,14}") {
        for format in [DateFormat::Iso, DateFormat::Excel, DateFormat::Patterns(vec![pattern.clone()])] {
            let _start = dates::read(&text, &format);
        }
        let _problem = dates::check_pattern(&pattern);
        let _proposal = dates::proposal(&text);
        let _guess = dates::guess_formats(&[text.as_str(), &pattern]);
    }

    #[test]
    fn any_text_is_a_phone_that_reads_back_as_itself_or_none(text in "\\PC{0,30}|[+0-9 ()ext;=.-]{0,24}|(tel:)?[+]?1?202555[0-9]{0,6}") {
        for region in [None, Some("US"), Some("DE"), Some("??")] {
            if let Ok(phone) = phone::read(&text, region) {
                let again = phone::read(&phone.e164, None);
                prop_assert_eq!(again.map(|phone| phone.e164), Ok(phone.e164));
            }
        }
    }

    #[test]
    fn any_text_is_a_cron_line_or_has_a_remedy(text in "([-*/,0-9LW#?a-zA-Z]{1,6} ){0,6}|@[a-z]{0,9}|\\PC{0,20}") {
        if let Err(problem) = Recurrence::parse(&text) {
            prop_assert!(!problem.message.is_empty() && !problem.help.is_empty());
        }
    }

    #[test]
    fn any_header_is_a_bounded_wish_or_none(wish in "\\PC{0,30}|[0-9]{0,25}|(Tue|Thu), [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT") {
        let headers = vec![("retry-after".to_owned(), wish)];
        let answer = HttpResponse { status: 429, headers, body: bytes::Bytes::new(), end: BodyEnd::Whole, latency: Duration::ZERO };
        if let Some(pause) = retry_after(&answer, "2026-11-24T14:00:00Z".parse().expect("an instant")) {
            prop_assert!(!pause.is_negative() && pause.as_hours() <= 24);
        }
    }

    #[test]
    fn any_line_of_the_socket_is_a_request_or_refused(line in "\\PC{0,40}|[{}\\[\\]\":,a-z0-9_]{0,60}") {
        let _request = serde_json::from_str::<Request>(&line);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_schedule_loads_or_has_frames(text in prop_oneof![4 => damaged(SCHEDULE), 1 => "\\PC{0,80}"]) {
        let loaded = load::one(Path::new("schedules/x.toml"), &text, &Zones::newest());
        for problem in &loaded.problems {
            let (frame, placed) = (problem.frame(Paint::Plain), problem.placed());
            prop_assert!(!frame.is_empty() && placed.line >= 1 && placed.column >= 1);
        }
        prop_assert!(loaded.schedule.is_some() || !loaded.problems.is_empty());
    }

    #[test]
    fn any_settings_load_or_have_a_reason(text in prop_oneof![4 => damaged(SETTINGS), 1 => "\\PC{0,60}"], dot in "[A-Z=\"'# \n\\\\$]{0,30}") {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("tickler.toml"), &text).expect("a file is written");
        std::fs::write(folder.path().join(".env"), &dot).expect("a file is written");
        let environment = ProcessEnvironment::of([("TICKLER_LOG__LEVEL", text.as_str())], folder.path());
        if let Err(error) = Settings::load(Flags::default(), environment) {
            prop_assert!(!error.0.is_empty());
        }
    }
}

/// A window of one day, for formats that expand series.
fn a_day() -> ReadWindow {
    let from: Timestamp = "2026-11-25T00:00:00Z".parse().expect("an instant");
    let until = "2026-11-26T00:00:00Z".parse().expect("an instant");
    ReadWindow { from, until, day: date(2026, 11, 24), now: from }
}

/// A file with some bytes changed, and perhaps its end missing.
fn damaged_file(whole: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((0..whole.len(), any::<u8>()), 0..12);
    (changes, 0..whole.len()).prop_map(|(changes, cut)| {
        let mut bytes = whole.to_vec();
        changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        // half of them keep their end
        bytes.truncate(if cut % 2 == 0 { whole.len() } else { cut });
        bytes
    })
}

/// A workbook that can be unpacked, with pieces of one of its parts cut out or put in.
fn damaged_parts(whole: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[<>/\"=A-Z0-9.:-]{0,6}",
        prop::sample::select(vec![
            "<c>",
            "</row>",
            "<v>",
            "1e308",
            "-1",
            "<row r=\"9999999\">",
            "r=\"XFD1048577\"",
            "&#0;",
            "t=\"s\""
        ])
        .prop_map(str::to_owned),
    ];
    let wounds = proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..16, piece), 1..6);
    (any::<prop::sample::Index>(), wounds).prop_map(move |(part, wounds)| {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(whole)).expect("an archive");
        let mut repacked = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let damaged = part.index(archive.len());
        for place in 0..archive.len() {
            let mut bytes = Vec::new();
            let mut part = archive.by_index(place).expect("a part");
            part.read_to_end(&mut bytes).expect("its bytes");
            for (at, length, piece) in wounds.iter().filter(|_| place == damaged) {
                let from = at.index(bytes.len() + 1);
                let until = (from + length).min(bytes.len());
                bytes.splice(from..until, piece.bytes());
            }
            let name = part.name().expect("a name").into_owned();
            repacked.start_file(name, zip::write::SimpleFileOptions::default()).expect("a part");
            repacked.write_all(&bytes).expect("its bytes");
        }
        repacked.finish().expect("an archive").into_inner()
    })
}

const CALENDAR: &[u8] = b"BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n\
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=X:20261104T103000\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY;COUNT=9\r\n\
EXDATE:20261111T093000Z\r\nRDATE:20261125T120000Z\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:a\r\n\
RECURRENCE-ID;RANGE=THISANDFUTURE:20261118T093000Z\r\nDTSTART:20261118T103000Z\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_damaged_workbook_is_rows_or_an_error(
        xlsx in damaged_file(include_bytes!("sources/bookings.xlsx")),
        xls in damaged_file(include_bytes!("sources/bookings.xls")),
        ods in damaged_file(include_bytes!("sources/bookings.ods")),
        sheet in damaged_parts(include_bytes!("sources/bookings.xlsx")),
        table in damaged_parts(include_bytes!("sources/bookings.ods")),
    ) {
        for bytes in [xlsx, xls, ods, sheet, table] {
            let (wanted, window) = (Wanted::default(), a_day());
            let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &[] };
            let shape = WorkbookShape { sheet: None, header_row: 1 };
            let mut rows = Rows::default();
            if let Ok(report) = workbook::read(bytes, &shape, &ask, &mut rows) {
                prop_assert_eq!(report.rows, rows.0);
            }
        }
    }

    #[test]
    fn a_damaged_calendar_is_rows_or_an_error(bytes in damaged_file(CALENDAR)) {
        let (wanted, window) = (Wanted::default(), a_day());
        let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &[] };
        let mut rows = Rows::default();
        if let Ok(report) = ical::read(&bytes, &CalendarShape::new(&Zones::newest()), &ask, &mut rows) {
            prop_assert_eq!(report.rows, rows.0);
        }
    }

    #[test]
    fn any_text_is_a_place_in_json_or_none(text in "[$/]([a-z~01.*'?@=&|!()<>\\[\\]:, -]|\\['a'\\]|\\[\\?@\\.a){0,16}", bytes in json_text()) {
        let place = JsonPlace::from(text);
        if let Ok(tree) = serde_json::from_slice::<serde_json::Value>(&bytes) {
            prop_assert_eq!(place.values(&tree).len(), place.pointers(&tree).len());
        }
    }

    #[test]
    fn any_text_is_a_recurrence_rule_or_none(text in "(RRULE:)?(FREQ|COUNT|INTERVAL|UNTIL|BY(DAY|MONTH|MONTHDAY|YEARDAY|SETPOS|HOUR|WEEKNO)|WKST)=[A-Z0-9,+É-]{0,8}(;(FREQ|COUNT|INTERVAL|BYDAY|BYSETPOS|BYMONTHDAY|BYYEARDAY|BYWEEKNO)=(DAILY|WEEKLY|MONTHLY|YEARLY|HOURLY|-?[0-9]{1,3}(,-?[0-9]{1,2})?|[MTWFS][OUERA])){0,4}") {
        if let Ok(rule) = SeriesRule::read(&text) {
            let at = |day: i8| date(2026, 11, day).at(0, 0, 0, 0);
            let found = rule.starts(date(2026, 1, 5).at(9, 0, 0, 0), at(1), at(28)).unwrap_or_default();
            prop_assert!(found.iter().all(|start| (at(1)..at(28)).contains(start)));
        }
    }
}

/// A record of a call in one of the known shapes, with pieces cut out of it or put into it.
const RECORD: &str = r#"{"id": "c1", "interview": {"id": "a1"}, "reminder_id": "0192f0c4-0000-7000-8000-000000000001",
"call_id": "c1", "status": "COMPLETED", "outcome": "yes", "variables": {"reminder_id": "r", "outcome": "no", "phone": "+12025550143"},
"metadata": {"reminder_id": "r"}, "phone_number": "+12025550143", "start_time": "2026-11-24T14:00:00Z", "ended_at": 1795528800,
"updated": "2026-11-24T14:02:00.5+01:00", "transcript": [["a", {"b": null}]]}"#;

/// What must hold of every body: facts or a reason; the same facts and the same digest each time; no text with control characters.
fn judge_record(body: &[u8]) {
    use tickler::outcome::{CallFacts, Places, Vocabulary};
    let now: Timestamp = "2026-11-24T14:05:00Z".parse().expect("an instant");
    let read = || CallFacts::read(body, &Places::new(), now);
    let Ok(facts) = read() else { return };
    let again = read().expect("it was read before");
    assert_eq!((facts.digest(), &facts), (again.digest(), &again));
    let texts = [&facts.reminder_id, &facts.call_id, &facts.status, &facts.contact, &facts.agent];
    assert!(
        texts.into_iter().flatten().all(|text| !text.is_empty() && !text.chars().any(char::is_control)),
        "{texts:?}"
    );
    assert!(facts.own_time().is_none_or(|at| at < "2026-11-26T00:00:00Z".parse().expect("an instant")));
    let report = Vocabulary::default().report(&facts);
    assert!(report.outcome.is_none_or(|outcome| outcome.rank() <= 2), "nothing is learnt from words that nobody maps");
}

proptest! {
    #[test]
    fn records_of_calls_are_read_or_refused(text in damaged(RECORD)) {
        judge_record(text.as_bytes());
    }

    #[test]
    fn whatever_is_posted_as_a_record_is_read_or_refused(body in json_text()) {
        judge_record(&body);
    }
}

/// A request for a call, as JSON and as a form.
const LEAD: &str = r#"{"id": "L-1", "phone": "(202) 555-0143", "name": "Ann \"Lee\"", "call_at": "2026-11-24T16:30:00",
"expires": "2026-11-25T09:00:00", "priority": "urgent", "@received_at": "2020-01-01T00:00:00Z", "more": {"phone": ["+12025550144", null]}}"#;
const LEAD_FORM: &str = "id=L-1&phone=%28202%29+555-0143&name=Ann+Lee&call_at=2026-11-24T16%3A30%3A00&priority=high&%40received_at=1&phone=911";

const LEADS: &str = r#"timezone = "America/New_York"
[source.inbound]
secret = { env = "S" }
[appointment]
id = ["id", "name"]
phone = ["phone", "more.phone"]
default_region = "US"
call_at = "call_at"
expires = "expires"
priority = "priority"
[remind]
now = true
allowed_countries = ["US"]
only_if = "name != 'Bot'"
[target.automation]
url = { env = "U" }
[payload]
contact_phone = "{{ phone }}"
name = "{{ name }}"
"#;

/// What must hold of every body that is posted as a request: a row or a reason; the same row each time, also from what is kept of
/// it; nobody is called beside the allowed numbers, before now, or twice.
fn judge_request(body: &[u8], form: tickler::formats::posted::PostedForm) {
    use tickler::formats::posted::{PostedForm, read, with_receipt};
    use tickler::plan::{Knowledge, LastCalledStarts, Occasion, PlanRequest, plan};
    let Ok(row) = read(body, form, Some("K-1")) else { return };
    assert_eq!(read(body, form, Some("K-1")).as_ref(), Ok(&row));
    assert!(
        !row.contains_key("@received_at") && row["@idempotency_key"] == "K-1",
        "what the service says of it is its own"
    );
    let kept = serde_json::to_vec(&row).expect("JSON");
    assert_eq!(read(&kept, PostedForm::Json, Some("K-1")).as_ref(), Ok(&row), "what is kept is what was posted");
    let now: Timestamp = "2026-11-24T15:00:00Z".parse().expect("an instant");
    let schedule = load::one(Path::new("schedules/leads.toml"), LEADS, &Zones::newest()).schedule.expect("a schedule");
    let request = PlanRequest {
        schedule,
        occasion: Occasion::at(now),
        knowledge: Knowledge::default().into(),
        zones: Zones::newest(),
        do_not_call: std::collections::HashSet::new(),
        explained: None,
    };
    let row = with_receipt(row, now);
    let rows = |sink: &mut dyn RecordSink| {
        let _one_row = sink.record(1, Record::Tree(&row));
        Ok::<_, String>(())
    };
    let mut id = || tickler::reminder::ReminderId(uuid::Uuid::nil());
    let (plan, ()) = plan(request, rows, |_| Ok(LastCalledStarts::new()), &mut id).expect("a plan");
    assert!(plan.reminders.len() + plan.skipped.len() <= 1, "one request is one call or one reason");
    for planned in &plan.reminders {
        assert!(
            planned.phone.as_str().starts_with("+1") && planned.phone.as_str().len() == 12,
            "a number of the country"
        );
        assert!(planned.send_at >= now && planned.expires_at > planned.send_at && planned.starts_at == now);
    }
}

proptest! {
    #[test]
    fn requests_for_calls_are_rows_or_refused(text in damaged(LEAD)) {
        judge_request(text.as_bytes(), tickler::formats::posted::PostedForm::Json);
    }

    #[test]
    fn whatever_is_posted_as_a_request_is_a_row_or_refused(
        body in prop_oneof![json_text(), damaged(LEAD_FORM).prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..60)],
        is_form in any::<bool>(),
        content_type in "\\PC{0,20}|[Aa]pplication/x-www-form-urlencoded[; a-z=]{0,9}",
    ) {
        use tickler::formats::posted::PostedForm;
        let _either = PostedForm::of_content_type(Some(&content_type));
        judge_request(&body, if is_form { PostedForm::Fields } else { PostedForm::Json });
    }
}
