//! shell: calendars in files: a folder of them is one calendar, and each file of it must be one.

use std::path::Path;

use tempfile::TempDir;
use tickler::schedule::{CalendarShape, FileSpec, FormatSpec};
use tickler::sources::file::FileSource;
use tickler::sources::{RepeatRead, Source as _, SourceError};
use tickler::zones::Zones;

use crate::rows::{Seen, wanted, window};

fn calendar(event: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
}

/// The starts of all calendars in a folder.
fn starts(folder: &Path) -> Result<Vec<String>, SourceError> {
    let pattern = folder.join("*.ics").display().to_string();
    let format = FormatSpec::Calendar(CalendarShape::new(&Zones::newest()));
    let spec = FileSpec { path: pattern.clone().into(), pattern: Some(pattern), format };
    let mut seen = Seen::default();
    FileSource::new(spec, wanted(&["uid"])).read(&window(), &mut seen)?;
    let start =
        |row: &String| row.split_once("\"starts_at\":\"").map_or(row.clone(), |(_, rest)| rest[..16].to_owned());
    Ok(seen.0.iter().map(start).collect())
}

#[test]
fn a_folder_of_calendars_is_one_calendar_and_what_is_none_fails_the_read() {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    let weekly = "UID:w\r\nDTSTART:20261104T150000Z\r\nRRULE:FREQ=WEEKLY";
    write("1.ics", &calendar(weekly));
    assert_eq!(starts(folder.path()).expect("a calendar"), ["2026-11-25T15:00"]);
    // a client keeps the moved occurrence in a file of its own, and begins it with a byte order mark
    let moved = "UID:w\r\nRECURRENCE-ID:20261125T150000Z\r\nDTSTART:20261125T170000Z";
    write("2.ics", &format!("\u{feff}{}", calendar(moved)));
    write("3.ics", "");
    assert_eq!(starts(folder.path()).expect("one calendar"), ["2026-11-25T17:00"]);
    for (text, words, again) in [
        ("<!doctype html><html>log in</html>", "HTML page", RepeatRead::Never),
        ("nothing to see", "no calendar", RepeatRead::Never),
        ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:c\r\n", "end is missing", RepeatRead::Soon),
    ] {
        write("2b.ics", text);
        let error = starts(folder.path()).expect_err(words);
        assert!(error.message.contains(words), "{error}");
        assert_eq!(error.again, again, "{error}");
        assert!(again == RepeatRead::Soon || error.message.contains("2b.ics"), "the file is named: {error}");
    }
}
