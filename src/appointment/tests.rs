use proptest::prelude::*;

use super::dates::{self, DateGuess, guess_formats};
use super::*;

fn wall(text: &str) -> Option<StartText> {
    Some(StartText::Wall(text.parse().expect("a wall-clock time")))
}

fn instant(text: &str) -> Option<StartText> {
    Some(StartText::Instant(text.parse().expect("an instant")))
}

fn patterns(patterns: &[&str]) -> DateFormat {
    DateFormat::Patterns(patterns.iter().map(|it| (*it).to_owned()).collect())
}

#[test]
fn iso_8601_reads_with_and_without_seconds_fraction_and_offset() {
    for (text, expected) in [
        ("2026-11-24T09:30", wall("2026-11-24T09:30")),
        ("2026-11-24 09:30:15", wall("2026-11-24T09:30:15")),
        (" 2026-11-24 09:30 ", wall("2026-11-24T09:30")),
        ("2026-11-24T09:30:15.25", wall("2026-11-24T09:30:15.25")),
        ("2026-11-24T09:30Z", instant("2026-11-24T09:30Z")),
        ("2026-11-24T09:30:00+01:00", instant("2026-11-24T08:30Z")),
        ("2026-11-24 09:30:00 -0500", instant("2026-11-24T14:30Z")),
        ("2026-11-24T09:30:00.000-05", instant("2026-11-24T14:30Z")),
        ("2026-11-24T09:30:60", wall("2026-11-24T09:30:59")),
        ("2026-11-24", None),
        ("2026-11-24T", None),
        ("2026-11-24T09", None),
        ("2026-11-24T09:30:", None),
        ("2026-11-24T09:30.5", None),
        ("2026-11-24T09:30:15.", None),
        ("2026-13-24T09:30", None),
        ("2026-02-30T09:30", None),
        ("2026-11-24T24:30", None),
        ("2026-11-24T09:61", None),
        ("2026-11-24T09:30 noon", None),
        ("2026-11-24T09:30+1:00", None),
        ("2026-11-24T09:30+99:00", None),
        ("26/04/2026", None),
        ("26/04/2026 09:30", None),
        ("", None),
    ] {
        assert_eq!(dates::read(text, &DateFormat::Iso), expected, "{text}");
    }
}

#[test]
fn patterns_are_tried_in_order_and_must_tell_the_hour() {
    for (text, format, expected) in [
        ("11/24/2026 2:05 PM", &["%m/%d/%Y %I:%M %p"][..], wall("2026-11-24T14:05")),
        ("11/24/2026 02:05 pm", &["%m/%d/%Y %I:%M %p"], wall("2026-11-24T14:05")),
        ("24.11.26 14:05", &["%d.%m.%y %H:%M"], wall("2026-11-24T14:05")),
        ("Nov 24, 2026 14:05", &["%d/%m/%Y %H:%M", "%b %d, %Y %H:%M"], wall("2026-11-24T14:05")),
        ("03/04/2026 10:00", &["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"], wall("2026-04-03T10:00")),
        ("24/11/2026 14:05 +0100", &["%d/%m/%Y %H:%M %z"], instant("2026-11-24T13:05Z")),
        ("1795530300", &["%s"], instant("2026-11-24T14:25Z")),
        ("24/11/2026", &["%d/%m/%Y"], None),
        ("24/11/2026 9", &["%d/%m/%Y %I"], None),
        ("24/13/2026 14:05", &["%d/%m/%Y %H:%M"], None),
    ] {
        assert_eq!(dates::read(text, &patterns(format)), expected, "{text}");
    }
}

#[test]
fn a_pattern_that_tells_too_little_is_refused_before_any_run() {
    for pattern in ["%d/%m/%Y %H:%M", "%m/%d/%y %I:%M %p", "%s", "%Y-%m-%dT%H:%M:%S%z", "%F %T", "%Y%m%d%H%M"] {
        assert_eq!(dates::check_pattern(pattern), Ok(()), "{pattern}");
    }
    for pattern in ["%d/%m/%Y", "%H:%M", "%d/%m %H:%M", "%m/%d/%Y %I:%M", "%Q1", "plain", "%"] {
        assert!(dates::check_pattern(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn a_year_of_two_digits_is_no_year_of_the_first_century() {
    let both = patterns(&["%d.%m.%Y %H:%M", "%d.%m.%y %H:%M"]);
    assert_eq!(dates::read("24.11.26 09:30", &both), wall("2026-11-24T09:30"));
    assert_eq!(dates::read("24.11.2026 09:30", &both), wall("2026-11-24T09:30"));
    assert_eq!(dates::read("24.11.26 09:30", &patterns(&["%d.%m.%Y %H:%M"])), None);
}

#[test]
fn serial_numbers_of_a_spreadsheet_round_to_the_second() {
    for (text, expected) in [
        ("46350", wall("2026-11-24T00:00")),
        ("46350.395833333336", wall("2026-11-24T09:30")),
        ("46350.39583333", wall("2026-11-24T09:30")),
        ("61", wall("1900-03-01T00:00")),
        ("60", None),
        ("-5", None),
        ("20261124", None),
        ("1.5E4", None),
        ("NaN", None),
        ("2026-11-24 09:30", None),
    ] {
        assert_eq!(dates::read(text, &DateFormat::Excel), expected, "{text}");
    }
}

#[test]
fn a_whole_column_tells_its_format_or_shows_both_readings() {
    let at_nine = |dates: &[&str]| dates.iter().map(|date| format!("{date} 09:00")).collect::<Vec<_>>();
    let proposed = |format: &str| DateGuess::Proposed(format.into());
    assert_eq!(guess_formats(&at_nine(&["03/04/2026", "26/04/2026"])), proposed("%d/%m/%Y %H:%M"));
    assert_eq!(
        guess_formats(&at_nine(&["03/04/2026", "05/06/2026"])),
        DateGuess::Ambiguous("%d/%m/%Y %H:%M".into(), "%m/%d/%Y %H:%M".into())
    );
    assert_eq!(guess_formats(&at_nine(&["13/04/2026", "04/13/2026"])), DateGuess::Mixed);
    assert_eq!(guess_formats(&at_nine(&["13/04/26", "03/04/26"])), proposed("%d/%m/%y %H:%M"));
    assert_eq!(guess_formats(&["2026-11-24T09:30", "2026-11-24 10:00:00Z"]), proposed("iso8601"));
    assert_eq!(guess_formats(&["46350.5", "46351"]), proposed("excel"));
    assert_eq!(guess_formats(&["11/24/2026 9:30 AM", ""]), proposed("%m/%d/%Y %I:%M %p"));
    assert_eq!(guess_formats(&["soon", "later"]), DateGuess::Unknown);
    assert_eq!(guess_formats::<&str>(&[]), DateGuess::Unknown);
}

#[test]
fn a_date_column_alone_is_told_by_its_date_readings() {
    let proposed = |format: &str| DateGuess::Proposed(format.into());
    assert_eq!(guess_formats(&["03/04/2026", "26/04/2026"]), proposed("%d/%m/%Y"));
    assert_eq!(
        guess_formats(&["03/04/2026", "05/06/2026"]),
        DateGuess::Ambiguous("%d/%m/%Y".into(), "%m/%d/%Y".into())
    );
    assert_eq!(guess_formats(&["13/04/2026", "04/13/2026"]), DateGuess::Mixed);
}

#[test]
fn an_unreadable_start_is_told_with_a_format_and_without_the_value() {
    assert!(dates::proposal("26/04/2026 09:00").contains("%d/%m/%Y %H:%M"));
    let both = dates::proposal("03/04/2026 09:00");
    assert!(both.contains("%d/%m/%Y") && both.contains("%m/%d/%Y"));
    assert!(dates::proposal("26/04/2026").contains("%d/%m/%Y"));
    assert!(!dates::proposal("+12025550143").contains("0143"));
}

fn e164(text: &str, region: Option<&str>) -> Result<String, PhoneProblem> {
    phone::read(text, region).map(|phone| phone.e164)
}

#[test]
fn one_number_in_many_spellings_is_one_number() {
    for text in [
        "+12025550143",
        "+1 202-555-0143",
        "(202) 555-0143",
        "202.555.0143",
        "1-202-555-0143",
        "2025550143",
        " ２０２ ５５５ ０１４３ ",
        "tel:+1-202-555-0143",
        "\u{202A}+1 202 555 0143\u{202C}",
        "+1 (202)\u{A0}555\u{2011}0143",
    ] {
        assert_eq!(e164(text, Some("US")).as_deref(), Ok("+12025550143"), "{text}");
    }
    let phone = phone::read("+12025550143", None).expect("a valid number");
    assert_eq!(
        (phone.national().as_str(), phone.region().as_deref(), phone.is_unassigned),
        ("(202) 555-0143", Some("US"), false)
    );
    assert_eq!(e164("+44 (0)20 7946 0958", None).as_deref(), Ok("+442079460958"));
    assert_eq!(e164("020 7946 0958", Some("gb")).as_deref(), Ok("+442079460958"));
}

#[test]
fn a_possible_number_in_an_unassigned_range_is_usable_and_marked() {
    let phone = phone::read("+15551234567", None).expect("a possible number");
    assert_eq!((phone.e164.as_str(), phone.is_unassigned), ("+15551234567", true));
    assert!(phone::read("5551234567", Some("US")).is_err());
}

#[test]
fn what_must_never_be_called_is_refused_without_repeating_the_number() {
    for (text, region) in [
        ("911", Some("US")),
        ("112", None),
        ("+1911", None),
        ("+112", None),
        ("999", Some("GB")),
        ("+19002345678", None),
        ("+1 900 555 0143", None),
        ("+12029765550", None),
        ("+44 909 879 0000", None),
        ("0900 1234567", Some("DE")),
        ("+53", None),
        ("1.55501E+10", Some("US")),
        ("1,55501E+10", Some("US")),
        ("2.025550143e9", Some("US")),
        ("2025550143.0", Some("US")),
        ("12025550143.0", Some("US")),
        (" 2025550143.00 ", Some("US")),
        ("1-800-FLOWERS", Some("US")),
        ("202-555-0143 ext. 12", Some("US")),
        ("+12025550143x9", None),
        ("202-555-0143 / 202-555-0144", Some("US")),
        ("+12025550143, +12025550144", None),
        ("+1202555014", None),
        ("+120255501430", None),
        ("+999123456789", None),
        ("*67 2025550143", Some("US")),
        ("call mother", Some("US")),
        ("12345", Some("US")),
        ("0012025550143", None),
        ("2025550143", None),
    ] {
        match phone::read(text, region) {
            Err(PhoneProblem::Invalid(why)) => {
                assert!(!why.contains("0143") && !why.contains("555"), "{text}: {why}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(
        matches!(phone::read("2025550143", None), Err(PhoneProblem::Invalid(why)) if why.contains("default_region"))
    );
    assert_eq!(phone::read("  ", None), Err(PhoneProblem::Missing));
}

#[test]
fn the_first_usable_of_several_columns_is_taken() {
    let first = |texts: &[Option<&'static str>]| {
        let texts = texts.iter().map(|text| text.map(std::borrow::Cow::Borrowed));
        phone::first_usable(texts, Some("US")).map(|phone| phone.e164)
    };
    assert_eq!(first(&[None, Some("911"), Some("202-555-0143"), Some("202-555-0144")]).as_deref(), Ok("+12025550143"));
    assert!(matches!(first(&[None, Some("911")]), Err(PhoneProblem::Invalid(why)) if why.contains("short")));
    assert_eq!(first(&[None, Some("")]), Err(PhoneProblem::Missing));
}

#[test]
fn flags_say_yes_in_six_words() {
    for text in ["true", "YES", " y ", "x", "1", "On"] {
        assert!(mapping::is_true(Some(text)), "{text}");
    }
    for text in [None, Some(""), Some("no"), Some("0"), Some("yes please")] {
        assert!(!mapping::is_true(text), "{text:?}");
    }
}

proptest! {
    #[test]
    fn dates_read_any_text_without_panicking(text in "\\PC{0,40}", digits in "[0-9:TZ+ /.-]{0,30}") {
        for text in [text, digits] {
            let _iso = dates::read(&text, &DateFormat::Iso);
            let _excel = dates::read(&text, &DateFormat::Excel);
            let _pattern = dates::read(&text, &patterns(&["%d/%m/%Y %I:%M %p", "%b %d, %Y %H:%M %z", "%s"]));
            let _checked = dates::check_pattern(&text);
            let _proposal = dates::proposal(&text);
        }
    }

    #[test]
    fn a_wall_clock_time_reads_back_as_it_was_written(seconds in 0_i64..4_000_000_000) {
        let at = Timestamp::from_second(seconds).expect("a year before 2100");
        let wall = jiff::tz::Offset::UTC.to_datetime(at);
        prop_assert_eq!(dates::read(&wall.to_string(), &DateFormat::Iso), Some(StartText::Wall(wall)));
        prop_assert_eq!(dates::read(&at.to_string(), &DateFormat::Iso), Some(StartText::Instant(at)));
    }

    #[test]
    fn phones_read_any_text_without_panicking(text in "\\PC{0,70}", digits in "[0-9+() .extE-]{0,24}") {
        for text in [text, digits] {
            for region in [None, Some("US"), Some("DE"), Some("nowhere")] {
                if let Ok(phone) = phone::read(&text, region) {
                    prop_assert!(phone.e164.starts_with('+') && phone.e164.len() > 7);
                    prop_assert_eq!(phone::read(&phone.e164, None).map(|it| it.e164), Ok(phone.e164));
                }
            }
        }
    }
}
