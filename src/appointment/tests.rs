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
        ("2026-11-24 14:30:00 UTC", instant("2026-11-24T14:30Z")),
        ("2026-11-24T14:30 gmt", instant("2026-11-24T14:30Z")),
        ("2026-11-24 14:30:00.25UTC", instant("2026-11-24T14:30:00.25Z")),
        ("2026-11-24 14:30:00 +0000 UTC", instant("2026-11-24T14:30Z")),
        ("2026-11-24T09:30-05:00[America/New_York]", instant("2026-11-24T14:30Z")),
        ("2026-11-24T14:30:00.5Z[UTC]", instant("2026-11-24T14:30:00.5Z")),
        ("2026-11-24T09:30[America/New_York]", None),
        ("2026-11-24T09:30-05:00[America/New_York", None),
        ("2026-11-24 09:30:00 -0500 UTC", None),
        ("2026-11-24 09:30:00 EST", None),
        ("2026-11-24 09:30:00 UTC+1", None),
        ("'2026-11-24 09:30", wall("2026-11-24T09:30")),
        ("=\"2026-11-24 09:30\"", wall("2026-11-24T09:30")),
        ("\u{1}2026-11-24 09:30", wall("2026-11-24T09:30")),
        ("\u{a0}2026-11-24 09:30\u{3000}", wall("2026-11-24T09:30")),
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
        ("'24/11/2026 14:05", &["%d/%m/%Y %H:%M"], wall("2026-11-24T14:05")),
        ("2026-11-24T15:30:00Z", &["%Y-%m-%dT%H:%M:%S%z"], instant("2026-11-24T15:30Z")),
        ("24.11.2026 15:30 UTC", &["%d.%m.%Y %H:%M %z"], instant("2026-11-24T15:30Z")),
        ("24.11.2026 15:30 gmt", &["%d.%m.%Y %H:%M %:z"], instant("2026-11-24T15:30Z")),
        ("Tue Nov 24 2026 09:30:00 GMT-0500", &["%a %b %d %Y %H:%M:%S GMT%z"], instant("2026-11-24T14:30Z")),
        ("24.11.2026 15:30 EST", &["%d.%m.%Y %H:%M %z"], None),
        ("24.11.2026 15:30", &["%d.%m.%Y %H:%M %z"], None),
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
    for pattern in ["%d/%m/%Y %H:%M %Z", "%d/%m/%Y", "%H:%M", "%d/%m %H:%M", "%m/%d/%Y %I:%M", "%Q1", "plain", "%"] {
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
        ("46350", None),
        ("46350.0", None),
        ("46350.395833333336", wall("2026-11-24T09:30")),
        ("46350.39583333", wall("2026-11-24T09:30")),
        ("61.5", wall("1900-03-01T12:00")),
        ("'46350.5", wall("2026-11-24T12:00")),
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
fn a_pattern_that_reads_past_a_zone_is_refused_and_one_that_reads_it_is_not() {
    for pattern in [
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M:%S UTC",
        "%d/%m/%Y %H:%M GMT",
        "%d/%m/%Y %H:%M (UTC)",
        "%d/%m/%Y %H:%Mz",
        "%FT%TZ",
        "UTC %d/%m/%Y %H:%M",
    ] {
        let refusal = dates::check_pattern(pattern).expect_err(pattern);
        assert!(refusal.contains("%z") && refusal.contains("leave `date_format` out"), "{pattern}: {refusal}");
    }
    for pattern in [
        "%Y-%m-%dT%H:%M:%S%z",
        "%a %b %d %Y %H:%M:%S GMT%z",
        "%d/%m/%Y %H:%M UTC%:z",
        "%d/%m/%Y um %H:%M Uhr",
        "%d/%m/%Y at %H:%M",
        "%d %b %Y, %H:%M",
    ] {
        assert_eq!(dates::check_pattern(pattern), Ok(()), "{pattern}");
    }
}

#[test]
fn a_serial_date_takes_its_time_from_another_cell() {
    for (date, time, expected) in [
        ("46350", "0.3958333333", wall("2026-11-24T09:30")),
        ("46350", "0", wall("2026-11-24T00:00")),
        ("46350", "09:30", wall("2026-11-24T09:30")),
        ("46350.5", "0.25", None),
        ("46350", "1.5", None),
        ("46350", "soon", None),
    ] {
        assert_eq!(dates::read_both(date, time, &DateFormat::Excel), expected, "{date} {time}");
    }
    let iso = dates::read_both(" '2026-11-24 ", "09:30 ", &DateFormat::Iso);
    assert_eq!(iso, wall("2026-11-24T09:30"));
}

#[test]
fn moments_since_1970_are_read_in_their_unit_alone() {
    let start = instant("2026-11-25T15:30Z");
    for (text, seconds, milliseconds) in [
        ("1795620600", start, None),
        ("1795620600.0", start, None),
        ("'1795620600", start, None),
        ("1795620600.25", instant("2026-11-25T15:30:00.25Z"), None),
        ("1795620600000", None, start),
        ("1795620600000.0", None, start),
        ("/Date(1795620600000)/", None, start),
        ("/Date(1795620600000-0500)/", None, start),
        ("/Date(soon)/", None, None),
        ("-1795620600", None, None),
        ("1.7956206E9", None, None),
        ("2026-11-25T10:30", None, None),
        ("", None, None),
    ] {
        assert_eq!(dates::read(text, &DateFormat::Epoch), seconds, "{text}");
        assert_eq!(dates::read(text, &DateFormat::EpochMs), milliseconds, "{text}");
    }
}

#[test]
fn a_hint_names_the_format_of_moments_and_never_one_of_another_century() {
    for (value, hint) in [
        ("1795620600", "`date_format = \"epoch\"`"),
        ("1795620600000", "`date_format = \"epoch_ms\"`"),
        ("/Date(1795620600000)/", "`date_format = \"epoch_ms\"`"),
        ("46350.5", "`date_format = \"excel\"`"),
        ("46350", "a date without a time"),
        ("2461370.1458", "a Julian day: write `datetime(…)`"),
        ("639312174000000000", ".NET's ticks"),
        ("1795620600000000", "microseconds since 1970"),
        ("300.5", "no common format"),
        ("2026-11-25T10:30:00 in the unknown time zone Eastern", "the time zone `Eastern`"),
        ("2026-11-25", "as an event of a whole day does"),
        ("10:30 AM - 11:00 AM", "a begin and an end"),
        ("25.11.2026 10:30 bis 11:00", "a begin and an end"),
        ("11/25/2026 10:30 AM EST", "an abbreviated time zone"),
        ("Jane DOE", "no common format"),
        ("2026-11-25 soon", "no common format"),
        ("Mi, 25.11.2026 10:30", "`date_format = \"%a, %d.%m.%Y %H:%M\"`"),
        ("2026-11-24T09:30", "leave `date_format` out"),
        ("2026-11-24 09:30:00 UTC", "leave `date_format` out"),
        ("2026-11-24\u{a0}09:30", "leave `date_format` out"),
        ("11/24/2026 9:30\u{202f}AM", "`date_format = \"%m/%d/%Y %I:%M %p\"`"),
    ] {
        let proposal = dates::proposal(value);
        assert!(proposal.contains(hint), "{value}: {proposal}");
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
    assert_eq!(guess_formats(&["2461370.1458"]), DateGuess::Unknown);
    assert_eq!(guess_formats(&["1795620600", "1795620660.5"]), proposed("epoch"));
    assert_eq!(guess_formats(&["1795620600000"]), proposed("epoch_ms"));
    assert_eq!(guess_formats(&["/Date(1795620600000)/"]), proposed("epoch_ms"));
    assert_eq!(guess_formats(&["11/24/2026 9:30 AM", ""]), proposed("%m/%d/%Y %I:%M %p"));
    assert_eq!(guess_formats(&["soon", "later"]), DateGuess::Unknown);
    assert_eq!(guess_formats::<&str>(&[]), DateGuess::Unknown);
}

#[test]
fn dates_in_words_of_other_languages_are_read_and_proposed() {
    for (texts, format, first) in [
        (["Mi, 25.11.2026 10:30", "Mo, 14.12.2026 09:00"], "%a, %d.%m.%Y %H:%M", "2026-11-25T10:30"),
        (["25. November 2026, 10:30 Uhr", "14. Dezember 2026, 09:00 Uhr"], "%d. %B %Y, %H:%M Uhr", "2026-11-25T10:30"),
        (["mercredi 25 novembre 2026 10h30", "lundi 14 décembre 2026 09h00"], "%A %d %B %Y %Hh%M", "2026-11-25T10:30"),
        (["25 de noviembre de 2026 10:30", "3 de marzo de 2027 09:00"], "%d de %B de %Y %H:%M", "2026-11-25T10:30"),
        (["25-nov-2026 10:30", "03-dic-2026 09:00"], "%d-%b-%Y %H:%M", "2026-11-25T10:30"),
        (["25/11/2026 4:15 p. m.", "03/12/2026 9:00 a. m."], "%d/%m/%Y %I:%M %p", "2026-11-25T16:15"),
        (["11/25/2026, 4:15:00 PM", "12/13/2026, 9:00:00 AM"], "%m/%d/%Y, %I:%M:%S %p", "2026-11-25T16:15"),
        // one reading, though two patterns fit
        (["25 May 2027 10:30", "26 May 2027 10:30"], "%d %b %Y %H:%M", "2027-05-25T10:30"),
        (["Wed Nov 25 2026 10:30:00", "Mon Dec 14 2026 09:00:00"], "%a %b %d %Y %H:%M:%S", "2026-11-25T10:30"),
    ] {
        assert_eq!(guess_formats(&texts), DateGuess::Proposed(format.into()), "{texts:?}");
        assert_eq!(dates::read(texts[0], &patterns(&[format])), wall(first), "{texts:?}");
    }
    for (text, format) in [
        ("Do, 25.11.2026 10:30", "%a, %d.%m.%Y %H:%M"),
        ("25 jui 2026 10:30", "%d %b %Y %H:%M"),
        ("25 novembre 2026 10:30", "%d/%m/%Y %H:%M"),
    ] {
        assert_eq!(dates::read(text, &patterns(&[format])), None, "{text}: another weekday, two months, no word");
    }
}

#[test]
fn a_few_cells_that_are_no_dates_hide_no_format_and_other_dates_do() {
    let dates: Vec<String> = (13..23).map(|day| format!("{day}/11/2026 09:00")).collect();
    let with = |more: &[&str]| {
        let all: Vec<&str> = dates.iter().map(String::as_str).chain(more.iter().copied()).collect();
        dates::guess_of_most(&all)
    };
    let proposed = || DateGuess::Proposed("%d/%m/%Y %H:%M".into());
    for (more, wanted) in [
        (&[][..], (proposed(), 0)),
        (&["to be agreed"][..], (proposed(), 1)),
        (&["to be agreed", "Total: 10"][..], (proposed(), 2)),
        (&["a", "b", "c", "d"][..], (DateGuess::Unknown, 0)),
        // another order of day and month: nobody knows how the rest is meant
        (&["11/23/2026 09:00"][..], (DateGuess::Mixed, 0)),
        (&["to be agreed", "11/23/2026 09:00"][..], (DateGuess::Mixed, 0)),
    ] {
        assert_eq!(with(more), wanted, "{more:?}");
    }
    assert_eq!(dates::guess_of_most(&["(local)", "2026-11-25T10:30", "2026-11-26T10:30"]).1, 1);
    assert_eq!(dates::guess_of_most(&["soon", "later"]), (DateGuess::Unknown, 0));
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
}
