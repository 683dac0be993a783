use super::*;
use crate::zones::Zones;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a valid instant")
}

fn lints(line: &str, zone: &str, now: &str) -> Vec<String> {
    let zone = Zones::bundled().zone(zone).expect(zone);
    let lints = Recurrence::parse(line).expect(line).lints(&zone, at(now));
    lints.into_iter().map(|lint| lint.message).collect()
}

#[test]
fn a_line_that_is_refused_says_why_and_what_to_write() {
    for (line, why, remedy) in [
        ("", "empty", "five fields"),
        ("0 9 * *", "4 fields", "five fields"),
        ("0 9", "2 fields", "five fields"),
        ("*/61 * * * *", "step of 61 exceeds the field", "1 to 60"),
        ("0 */25 * * *", "step of 25 exceeds the field", "1 to 24"),
        ("*/0 * * * *", "can't be read", "`*/2`"),
        ("0 9 30 2 *", "never fires", "`L`"),
        ("0 9 31 4,6,9,11 *", "never fires", "`L`"),
        ("0 9 31W 2 *", "never fires", "`L`"),
        ("@every 5m", "counts from a start", "`*/15 * * * *`"),
        ("@reboot", "names no time", "time of day"),
        ("@dayly", "not a valid nickname", "`@daily`"),
        ("@noon", "not a valid nickname", "@daily"),
        ("0 9 * * * 2026", "names a year", "leave the year out"),
        ("0 0 9 * * * 2026", "names a year", "leave the year out"),
        ("0 0 9 * * * *", "names a year", "leave the year out"),
        ("0 9 * * MON *", "`MON`", "six fields"),
        ("0 9 * * 1-5 FUNDAY", "weekday", "names are"),
        ("60 9 * * *", "60 is outside 0 to 59", "0 to 59"),
        ("0 24 * * *", "24 is outside 0 to 23", "0 to 23"),
        ("0 9 0 * *", "0 is outside 1 to 31", "1 to 31"),
        ("0 9 * 13 *", "13 is outside 1 to 12", "1 to 12"),
        ("0 9 * * 8", "8 is outside 0 to 7", "0 to 7"),
        ("0 9 * * MONDAY", "no weekday `MONDAY`", "`MON`"),
        ("0 9 * JUNE *", "no month `JUNE`", "`JUN`"),
        ("0 9 * * FRI-MON", "runs backwards", "list"),
        ("0 22-5 * * *", "runs backwards", "22-23,0-5"),
        ("0 9 ? * MON", "`?`", "`*`"),
        ("5/15 9 * * *", "crons disagree", "`5-59/15`"),
        ("0 9 * * +MON", "can't be read", "a field is"),
        ("0 9,, * * *", "can't be read", "a field is"),
        ("0 9 * * L", "can't be read", "5L"),
        ("0 9 * * 5#6", "can't be read", "FRI#2"),
        ("0 9 L-3 * *", "day-of-month", "`L`"),
        ("H 9 * * *", "`H`", "a field is"),
        ("0 9am * * *", "can't be read", "a field is"),
        ("CRON_TZ=Europe/Berlin 0 9 * * *", "`CRON_TZ=`", "`timezone = \"Europe/Berlin\"`"),
        ("CRON_TZ=Europe/Berlin 0 9 * * *", "`CRON_TZ=`", "`cron = \"0 9 * * *\"`"),
        ("TZ=UTC 0 9 * * *", "`TZ=`", "`timezone = \"UTC\"`"),
        ("MAILTO=me 0 9 * * *", "`MAILTO=`", "five fields"),
    ] {
        let problem = Recurrence::parse(line).expect_err(line);
        assert!(problem.message.contains(why), "{line}: {}", problem.message);
        assert!(problem.help.contains(remedy), "{line}: {}", problem.help);
    }
}

#[test]
fn a_line_is_read_in_each_of_its_forms() {
    let berlin = Zones::bundled().zone("Europe/Berlin").expect("a zone");
    for (line, first) in [
        ("0 9 * * *", "2026-11-25T09:00:00"),
        ("  0   9 * * *  ", "2026-11-25T09:00:00"),
        ("0 0 9 * * *", "2026-11-25T09:00:00"),
        ("15 0 9 * * *", "2026-11-25T09:00:15"),
        ("@hourly", "2026-11-24T13:00:00"),
        ("@daily", "2026-11-25T00:00:00"),
        ("@Weekly", "2026-11-29T00:00:00"),
        ("@monthly", "2026-12-01T00:00:00"),
        ("@yearly", "2027-01-01T00:00:00"),
        ("0 9 * * mon-fri", "2026-11-25T09:00:00"),
        ("0 9 * * SAT-SUN", "2026-11-28T09:00:00"),
        ("0 9 * * 7", "2026-11-29T09:00:00"),
        ("0 9 * JAN,mar MON", "2027-01-04T09:00:00"),
        ("0 9 L * *", "2026-11-30T09:00:00"),
        ("0 9 29W * *", "2026-11-30T09:00:00"),
        ("0 9 LW 1 *", "2027-01-29T09:00:00"),
        ("0 9 * * FRI#2", "2026-12-11T09:00:00"),
        ("0 9 * * FRIL", "2026-11-27T09:00:00"),
        ("0 9 * * 5#L", "2026-11-27T09:00:00"),
        ("10-50/20 12 * * *", "2026-11-24T12:30:00"),
        ("*/60 * * * *", "2026-11-24T13:00:00"),
    ] {
        let found = Recurrence::parse(line).expect(line).next(&berlin, at("2026-11-24T11:10:00Z"), 1);
        assert_eq!(found.first().map(|run| run.civil.to_string()).as_deref(), Some(first), "{line}");
    }
}

#[test]
fn a_line_with_nothing_odd_has_no_warning() {
    for line in ["0 9 * * *", "@hourly", "0 9,17 * * MON-FRI", "0 */6 * * *"] {
        assert_eq!(lints(line, "America/New_York", "2026-11-24T12:00:00Z"), [""; 0], "{line}");
    }
    assert_eq!(lints("30 2 * * *", "America/Vancouver", "2026-11-24T12:00:00Z"), [""; 0]);
}

#[test]
fn both_day_fields_and_frequent_runs_are_told() {
    let now = "2026-11-24T12:00:00Z";
    assert!(lints("0 9 13 * FRI", "UTC", now)[0].contains("either"));
    assert!(lints("*/15 * * * *", "UTC", now)[0].starts_with("96 runs a day"));
    assert_eq!(lints("0 0-23 * * *", "UTC", now), [""; 0]);
}

#[test]
fn day_fields_mean_together_what_vixie_cron_makes_of_them() {
    for (line, days) in [
        // both are given by numbers: a day that fits one of them
        ("0 9 13 * FRI", "4 11 13 18 25"),
        ("0 9 1-7 * MON", "1 2 3 4 5 6 7 14 21 28"),
        // one begins with `*`: a day that fits both
        ("0 9 */2 * MON", "7 21"),
        ("0 9 13 * */2", "13"),
        ("0 9 */10 * */2", "1 31"),
        ("0 9 * * MON", "7 14 21 28"),
        ("0 9 13 * *", "13"),
        ("0 9 */10 * *", "1 11 21 31"),
        ("0 0 9 */2 * MON", "7 21"),
    ] {
        let zone = Zones::bundled().zone("UTC").expect("a zone");
        let runs = Recurrence::parse(line).expect(line).between(
            &zone,
            at("2026-11-30T23:00:00Z"),
            at("2026-12-31T23:00:00Z"),
            99,
        );
        let found: Vec<String> = runs.iter().map(|run| run.civil.day().to_string()).collect();
        assert_eq!(found.join(" "), days, "{line}");
    }
}

#[test]
fn a_run_at_night_is_noted_and_swapped_fields_are_recognised() {
    for (line, at, help) in [
        ("9 0 * * *", "at 00:09", "`0 9 * * *`"),
        ("30 2 * * *", "at 02:30", "follows the minute"),
        ("0 9 0 * * *", "at 00:09", "`0 0 9 * * *`"),
        ("0 3 * * *", "at 03:00", "follows the minute"),
        ("15 23 * * MON-FRI", "at 23:15", "`23 15 * * MON-FRI`"),
        ("0 0,12 * * *", "at 00:00", "follows the minute"),
        ("@daily", "at 00:00", "follows the minute"),
    ] {
        let lint = Recurrence::parse(line).expect(line).night_lint(line).expect(line);
        assert!(lint.message.contains(at) && lint.help.contains(help), "{line}: {lint:?}");
    }
    for line in ["0 9 * * *", "30 6 * * *", "45 21 * * *", "@hourly", "*/15 * * * *", "0 0-23 * * *", "0 */6 * * *"] {
        assert_eq!(Recurrence::parse(line).expect(line).night_lint(line), None, "{line}");
    }
}

#[test]
fn a_time_in_the_next_gap_or_overlap_is_told_with_its_date() {
    for (line, zone, told) in [
        (
            "30 2 * * *",
            "America/New_York",
            "02:30 doesn't exist in America/New_York on 2027-03-14: it runs once, when the clocks jump to 03:00",
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "01:30 comes twice in America/New_York on 2027-11-07: it runs once, the first time",
        ),
        (
            "30 */2 * * *",
            "America/New_York",
            "02:30 doesn't exist in America/New_York on 2027-03-14: with `*` or a step in the hours it doesn't run then",
        ),
        (
            "45 1-23/2 * * *",
            "America/New_York",
            "01:45 comes twice in America/New_York on 2027-11-07: with `*` or a step in the hours it runs both times",
        ),
        (
            "0 0 * * *",
            "Africa/Cairo",
            "00:00 doesn't exist in Africa/Cairo on 2027-04-30: it runs once, when the clocks jump to 01:00",
        ),
    ] {
        assert_eq!(lints(line, zone, "2026-11-24T12:00:00Z"), [told], "{line}");
    }
}

#[test]
fn the_longest_pause_counts_nights_weekends_and_the_longer_day() {
    let now = at("2026-11-24T12:00:00Z");
    for (line, zone, minutes) in [
        ("*/15 * * * *", "UTC", 15),
        ("*/10 * * * * *", "UTC", 1),
        ("@hourly", "America/New_York", 60),
        ("0 0-23 * * *", "America/New_York", 120),
        ("0 9 * * *", "UTC", 24 * 60),
        ("0 9 * * *", "America/New_York", 25 * 60),
        ("0 9 * * MON-FRI", "UTC", 72 * 60),
        ("0 9-17 * * *", "UTC", 16 * 60),
        ("0 9 1 1 *", "UTC", 365 * 24 * 60),
        ("0 9 29 2 *", "UTC", 400 * 24 * 60),
    ] {
        let zone = Zones::bundled().zone(zone).expect(zone);
        let longest = Recurrence::parse(line).expect(line).longest_interval(&zone, now);
        assert_eq!((longest.as_secs() + 59) / 60, minutes, "{line}");
    }
}
