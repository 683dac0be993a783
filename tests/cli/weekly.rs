//! A weekly series in a calendar file, evaluated day by day: each occurrence is called once, a moved one at its new time, a
//! cancelled one never.

use crate::clinic::*;

/// Sixteen Wednesdays from 30 September; eight have passed on 24 November. The tenth is moved to the next day, the eleventh is
/// cancelled.
const CALENDAR: &str = "BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//a desk//EN\r
BEGIN:VEVENT\r
UID:weekly\r
DTSTAMP:20260901T000000Z\r
DESCRIPTION:+12025550143\r
DTSTART;TZID=America/New_York:20260930T100000\r
RRULE:FREQ=WEEKLY;COUNT=16\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:weekly\r
RECURRENCE-ID;TZID=America/New_York:20261202T100000\r
DTSTAMP:20261101T000000Z\r
DESCRIPTION:+12025550143\r
DTSTART;TZID=America/New_York:20261203T153000\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:weekly\r
RECURRENCE-ID;TZID=America/New_York:20261209T100000\r
DTSTAMP:20261101T000000Z\r
DESCRIPTION:+12025550143\r
DTSTART;TZID=America/New_York:20261209T100000\r
STATUS:CANCELLED\r
END:VEVENT\r
END:VCALENDAR\r
";

#[test]
fn of_a_weekly_series_each_occurrence_is_called_once_the_day_before_it_happens() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::empty(&sandbox.url);
    clinic.write("desk.ics", CALENDAR);
    let schedule = Parts {
        source: "[source.ical]\npath = \"../desk.ics\"",
        appointment: "id = \"uid\"\nphone = \"description\"\nstarts_at = \"starts_at\"",
        payload: "contact_phone = \"{{ phone }}\"\nappointment_time = \"{{ starts_at }}\"",
        ..PARTS
    };
    clinic.schedule("weekly", &schedule.text());
    let mut called = Vec::new();
    for day in 0..24 {
        let morning = jiff::civil::date(2026, 11, 24).checked_add(jiff::Span::new().days(day)).expect("a date");
        let (exit, answer) = clinic.json(&["trigger", "weekly", "--now", &format!("{morning}T14:00:00Z")]);
        assert_eq!(exit, 0, "{answer}");
        if answer["counts"]["planned"] == 1 {
            called.push(morning.to_string());
        }
    }
    assert_eq!(called, ["2026-11-24", "2026-12-02", "2026-12-15"]);
    let (_, log) = clinic.json(&["audit", "list", "--event", "delivery.delivered"]);
    let starts: Vec<_> = log.as_array().expect("rows").iter().map(|row| &row["starts_at"]).collect();
    assert_eq!(starts, ["2026-11-25T15:00:00Z", "2026-12-03T20:30:00Z", "2026-12-16T15:00:00Z"], "{log}");
    assert_eq!(sandbox.received().len(), starts.len());
}
