//! pure: calendars as programs write them, and what happens in a window of them.

use std::ops::ControlFlow;

use super::*;
use crate::formats::{ReadWindow, Wanted};
use crate::zones::Zones;

/// Rows as `id summary start status`, broken ones as `! reason`.
#[derive(Default)]
struct Seen(Vec<String>);

impl RecordSink for Seen {
    fn record(&mut self, _number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.0.push(match record {
            Record::Tree(row) => {
                let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
                let mark = row.get(OCCURRENCE).and_then(Value::as_str).map_or(String::new(), |mark| format!("@{mark}"));
                format!("{}{mark} {} {} {}", text("uid"), text("summary"), text("starts_at"), text("status"))
            }
            Record::Broken(reason) => format!("! {reason}"),
            Record::Text { .. } | Record::Json(_) => unreachable!("a calendar has neither lines nor JSON"),
        });
        ControlFlow::Continue(())
    }
}

/// A window of whole days in Berlin's summer or winter.
fn window(from: &str, until: &str) -> ReadWindow {
    let zone = Zones::newest().zone("Europe/Berlin").expect("a zone");
    let day = |text: &str| zone.day_start(text.parse().expect("a date"));
    let (from_at, until_at) = (day(from), day(until));
    ReadWindow { from: from_at, until: until_at, day: from.parse().expect("a date"), now: from_at }
}

fn try_read(text: &str, from: &str, until: &str) -> Result<Vec<String>, FormatError> {
    let zones = Zones::newest();
    let shape = CalendarShape { home: zones.zone("Europe/Berlin").ok(), zones };
    let (wanted, window) = (Wanted::default(), window(from, until));
    let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &[] };
    let mut seen = Seen::default();
    read(text.as_bytes(), &shape, &ask, &mut seen).map(|_| seen.0)
}

/// What happens from the 17th to the 24th of May 2028 in a calendar of these events.
fn in_may(events: &str) -> Vec<String> {
    try_read(&calendar(events), "2028-05-17", "2028-05-24").unwrap_or_else(|error| panic!("{error}"))
}

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.replace('\n', "\r\n"))
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:a\nSUMMARY:x\n{lines}\nEND:VEVENT\n")
}

const WEEKLY: &str = "DTSTART;TZID=Europe/Berlin:20280503T103000\nRRULE:FREQ=WEEKLY;COUNT=16";

#[test]
fn a_series_happens_in_the_window_under_its_original_start_in_utc() {
    assert_eq!(in_may(&event(WEEKLY)), ["a@20280517T083000Z x 2028-05-17T10:30:00+02:00 -"]);
}

#[test]
fn exceptions_of_a_series_apply() {
    let exception = |lines: &str| format!("BEGIN:VEVENT\nUID:a\nSUMMARY:y\n{lines}\nEND:VEVENT\n");
    for (what, events, wanted) in [
        ("an EXDATE in the zone", event(&format!("{WEEKLY}\nEXDATE;TZID=Europe/Berlin:20280517T103000")), vec![]),
        ("an EXDATE in UTC", event(&format!("{WEEKLY}\nEXDATE:20280517T083000Z")), vec![]),
        ("an EXDATE of the day", event(&format!("{WEEKLY}\nEXDATE;VALUE=DATE:20280510,20280517")), vec![]),
        (
            "an RDATE",
            event(&format!("{WEEKLY}\nRDATE;TZID=Europe/Berlin:20280519T090000")),
            vec![
                "a@20280517T083000Z x 2028-05-17T10:30:00+02:00 -",
                "a@20280519T070000Z x 2028-05-19T09:00:00+02:00 -",
            ],
        ),
        (
            "a moved occurrence",
            event(WEEKLY) + &exception("RECURRENCE-ID:20280517T083000Z\nDTSTART:20280518T120000Z"),
            vec!["a@20280517T083000Z y 2028-05-18T12:00:00Z -"],
        ),
        (
            "one that moves out of the window",
            exception("RECURRENCE-ID:20280517T083000Z\nDTSTART:20280618T120000Z") + &event(WEEKLY),
            vec![],
        ),
        (
            "one that moves into the window",
            event(WEEKLY) + &exception("RECURRENCE-ID:20280531T083000Z\nDTSTART:20280520T120000Z"),
            vec!["a@20280531T083000Z y 2028-05-20T12:00:00Z -", "a@20280517T083000Z x 2028-05-17T10:30:00+02:00 -"],
        ),
        (
            "a cancelled occurrence",
            event(WEEKLY)
                + &exception(
                    "RECURRENCE-ID;TZID=Europe/Berlin:20280517T103000\nDTSTART;TZID=Europe/Berlin:20280517T103000\nSTATUS:CANCELLED",
                ),
            vec!["a@20280517T083000Z y 2028-05-17T10:30:00+02:00 CANCELLED"],
        ),
        (
            "this and all later ones",
            event(WEEKLY)
                + &exception(
                    "RECURRENCE-ID;RANGE=THISANDFUTURE:20280510T083000Z\nDTSTART;TZID=Europe/Berlin:20280511T120000",
                ),
            vec!["a@20280517T083000Z y 2028-05-18T12:00:00+02:00 -"],
        ),
        (
            "a later version of an exception",
            event(WEEKLY)
                + &exception("RECURRENCE-ID:20280517T083000Z\nDTSTART:20280518T130000Z\nSEQUENCE:2")
                + &exception("RECURRENCE-ID:20280517T083000Z\nDTSTART:20280518T120000Z\nSEQUENCE:1"),
            vec!["a@20280517T083000Z y 2028-05-18T13:00:00Z -"],
        ),
    ] {
        assert_eq!(in_may(&events), wanted, "{what}");
    }
}

#[test]
fn a_series_keeps_its_wall_clock_over_a_change_of_the_clocks_and_ends_where_it_says() {
    let daily = "DTSTART;TZID=Europe/Berlin:20280323T093000\nRRULE:FREQ=DAILY;UNTIL=20280327T073000Z";
    let found = try_read(&calendar(&event(daily)), "2028-03-25", "2028-04-05").expect("a calendar");
    assert_eq!(
        found,
        [
            "a@20280325T083000Z x 2028-03-25T09:30:00+01:00 -",
            "a@20280326T073000Z x 2028-03-26T09:30:00+02:00 -",
            "a@20280327T073000Z x 2028-03-27T09:30:00+02:00 -"
        ]
    );
}

#[test]
fn the_zone_of_a_time_is_its_names_current_law_and_else_what_the_calendar_brings_along() {
    let own = "BEGIN:VTIMEZONE\nTZID:Custom/One\nBEGIN:STANDARD\nDTSTART:19701025T030000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\n\
               TZOFFSETFROM:+0400\nTZOFFSETTO:+0300\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:19700329T020000\n\
               RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0400\nEND:DAYLIGHT\nEND:VTIMEZONE\n";
    let cut = own.replace("Custom/One", "America/New_York");
    // as Exchange writes it: escaped where it is a value, quoted where it is a parameter
    let listed = own.replace("Custom/One", "(UTC+03:00) Here\\, There");
    for (what, zone, start, wanted) in [
        ("IANA", "", ";TZID=America/New_York", "2028-05-17T10:30:00-04:00"),
        ("IANA, embedded otherwise", &*cut, ";TZID=America/New_York", "2028-05-17T10:30:00-04:00"),
        ("Windows", "", ";TZID=Eastern Standard Time", "2028-05-17T10:30:00-04:00"),
        ("quoted", "", ";TZID=\"Europe/London\"", "2028-05-17T10:30:00+01:00"),
        ("behind a path", "", ";TZID=/mozilla.org/20050126_1/Europe/London", "2028-05-17T10:30:00+01:00"),
        ("embedded", own, ";TZID=Custom/One", "2028-05-17T06:30:00Z"),
        ("embedded by a list", &*listed, ";TZID=\"(UTC+03:00) Here, There\"", "2028-05-17T06:30:00Z"),
        ("a list with escapes", &*listed, ";TZID=\"(UTC+03:00) Here\\, There\"", "2028-05-17T06:30:00Z"),
        // a colon that should be in quotes, as some programs of Microsoft write it
        ("embedded, without quotes", &*listed, ";TZID=(UTC+03:00) Here, There", "2028-05-17T06:30:00Z"),
        (
            "a menu's name without quotes",
            "",
            ";TZID=(UTC-05:00) Eastern Time (US & Canada)",
            "2028-05-17T10:30:00-04:00",
        ),
        ("Outlook's UTC", "", ";TZID=tzone://Microsoft/Utc", "2028-05-17T10:30:00+00:00"),
        ("IANA's link", "", ";TZID=EST5EDT", "2028-05-17T10:30:00-04:00"),
        ("floating", "", "", "2028-05-17T10:30:00+02:00"),
        ("nobody's", "", ";TZID=Custom/Two", "2028-05-17T10:30:00 in the unknown time zone Custom/Two"),
    ] {
        let found = in_may(&format!("{zone}{}", event(&format!("DTSTART{start}:20280517T103000"))));
        assert_eq!(found, [format!("a x {wanted} -")], "{what}");
    }
}

#[test]
fn a_message_that_withdraws_its_events_cancels_them_and_the_next_calendar_is_read_as_it_is() {
    let of = |method: &str, lines: &str| calendar(&format!("METHOD:{method}\n{}", event(lines)));
    let at = "DTSTART:20280517T083000Z";
    for (what, text, wanted) in [
        ("withdrawn", of("CANCEL", at), vec!["a x 2028-05-17T08:30:00Z CANCELLED"]),
        (
            "withdrawn after it was sent",
            of("REQUEST", &format!("{at}\nSEQUENCE:1")) + &of("CANCEL", &format!("{at}\nSEQUENCE:2")),
            vec!["a x 2028-05-17T08:30:00Z CANCELLED"],
        ),
        (
            "withdrawn, and sent anew",
            of("CANCEL", &format!("{at}\nSEQUENCE:2")) + &of("REQUEST", &format!("{at}\nSEQUENCE:3")),
            vec!["a x 2028-05-17T08:30:00Z -"],
        ),
        ("published", of("PUBLISH", at), vec!["a x 2028-05-17T08:30:00Z -"]),
    ] {
        assert_eq!(try_read(&text, "2028-05-17", "2028-05-24").expect("calendars"), wanted, "{what}");
    }
}

#[test]
fn a_time_in_a_gap_counts_by_the_offset_before_it_and_one_that_comes_twice_is_the_first() {
    for (at, wanted) in
        [("20280326T023000", "2028-03-26T03:30:00+02:00"), ("20281029T023000", "2028-10-29T02:30:00+02:00")]
    {
        let events = event(&format!("DTSTART;TZID=Europe/Berlin:{at}"));
        let day = format!("{}-{}-{}", &at[..4], &at[4..6], &at[6..8]);
        let next = format!("{}-{}-{}", &at[..4], &at[4..6], at[6..8].parse::<u8>().expect("a day") + 1);
        assert_eq!(try_read(&calendar(&events), &day, &next).expect("a calendar"), [format!("a x {wanted} -")]);
    }
}

#[test]
fn what_cannot_be_used_is_told_and_what_is_outside_is_counted_alone() {
    for (what, events, wanted) in [
        ("a whole day inside", event("DTSTART;VALUE=DATE:20280518"), vec!["a x 2028-05-18 -"]),
        ("a whole day outside", event("DTSTART;VALUE=DATE:20270518"), vec![]),
        ("outside", event("DTSTART:20270518T100000Z"), vec!["a x 2027-05-18T10:00:00Z -"]),
        ("no start", event("LOCATION:here"), vec!["! the event has no start"]),
        ("no date", event("DTSTART:soon"), vec!["! its start can't be read"]),
        ("no rule", event("DTSTART:20280517T083000Z\nRRULE:FREQ=NEVER"), vec!["! its recurrence rule can't be read"]),
        (
            "a rule of a second",
            event("DTSTART:19280517T083000Z\nRRULE:FREQ=SECONDLY"),
            vec!["! the series has more than 100000 occurrences before the window's end"],
        ),
        (
            "an alarm",
            event("DTSTART:20280517T083000Z\nBEGIN:VALARM\nDTSTART:x\nSUMMARY:z\nEND:VALARM"),
            vec!["a x 2028-05-17T08:30:00Z -"],
        ),
        ("a task", event("DTSTART:20280517T083000Z").replace("VEVENT", "VTODO"), vec![]),
    ] {
        assert_eq!(in_may(&events), wanted, "{what}");
    }
}

#[test]
fn fields_are_texts_without_escapes_and_schemes() {
    let zones = Zones::newest();
    let shape = CalendarShape { home: zones.zone("Europe/Berlin").ok(), zones };
    let text = calendar(&event(
        "DTSTART:20280517T083000Z\nDURATION:PT45M\nATTENDEE;CN=\"Doe; Jane\":mailto:jane@x.test\nATTENDEE:tel:+12025550143\n\
         DESCRIPTION:Tel\\; +1\\, now\\nbye\nX-PHONE:+12025550144",
    ));
    let columns = columns(text.as_bytes(), &shape).expect("columns");
    assert_eq!(columns.last().map(String::as_str), Some("x-phone"));
    let mut rows = Rows::default();
    let (wanted, window) = (Wanted::default(), window("2028-05-17", "2028-05-18"));
    let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &[] };
    read(text.as_bytes(), &shape, &ask, &mut rows).expect("a calendar");
    let row = &rows.0[0];
    assert_eq!(row["attendee"], "jane@x.test, +12025550143");
    assert_eq!(row["description"], "Tel; +1, now\nbye");
    assert_eq!(
        (&row["x-phone"], &row["ends_at"]),
        (&Value::from("+12025550144"), &Value::from("2028-05-17T09:15:00Z"))
    );
}

#[derive(Default)]
struct Rows(Vec<Map<String, Value>>);

impl RecordSink for Rows {
    fn record(&mut self, _number: u64, record: Record<'_>) -> ControlFlow<()> {
        if let Record::Tree(row) = record {
            self.0.push(row.clone());
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn a_calendar_that_is_cut_may_pass_and_what_is_none_does_not() {
    let whole = calendar(&event("DTSTART:20280517T083000Z"));
    let cut = &whole[..whole.len() - 16];
    assert!(try_read(cut, "2028-05-17", "2028-05-18").expect_err("cut").may_pass);
    assert!(!try_read("hello\n", "2028-05-17", "2028-05-18").expect_err("no calendar").may_pass);
    assert_eq!(try_read("", "2028-05-17", "2028-05-18").expect("an empty one"), Vec::<String>::new());
}

#[test]
fn the_calendars_of_a_caldav_answer_are_read_as_one() {
    let data = |text: &str| format!("<c:response><c:calendar-data xmlns:c='x'>{text}</c:calendar-data></c:response>");
    let plain = calendar(&event("DTSTART:20280517T083000Z")).replace("SUMMARY:x", "SUMMARY:a &amp; b &#233;");
    let section = format!("<![CDATA[{}]]>", calendar(&event("DTSTART:20280518T083000Z").replace("UID:a", "UID:b")));
    let answer = format!(
        "<?xml version='1.0'?><d:multistatus>{}{}<c:calendar-data/></d:multistatus>",
        data(&plain),
        data(&section)
    );
    let found = try_read(&answer, "2028-05-17", "2028-05-24").expect("a multistatus");
    assert_eq!(found, ["a a & b é 2028-05-17T08:30:00Z -", "b x 2028-05-18T08:30:00Z -"]);
    assert!(try_read(&answer[..answer.len() - 30], "2028-05-17", "2028-05-24").expect_err("cut").may_pass);
    assert!(try_read("<html></html>", "2028-05-17", "2028-05-24").is_err());
}

proptest::proptest! {
    #[test]
    fn no_calendar_makes_the_reader_panic(text in "(BEGIN:(VCALENDAR|VEVENT|VTIMEZONE|STANDARD)\n|END:(VEVENT|VCALENDAR|VTIMEZONE|STANDARD)\n|DTSTART(;TZID=[A-Z/]{0,4})?:[0-9TZ]{0,16}\n|RRULE:FREQ=(DAILY|YEARLY|SECONDLY);(COUNT|INTERVAL|BYDAY|UNTIL)=[-0-9A-Z]{0,9}\n|RECURRENCE-ID(;RANGE=THISANDFUTURE)?:[0-9TZ]{8,16}\n|EXDATE:[0-9TZ,]{0,20}\n|TZOFFSET(TO|FROM):[+-][0-9]{0,6}\n|[ -~]{0,12}\n){0,24}") {
        let _read = try_read(&text, "2028-05-17", "2028-05-24");
    }
}
