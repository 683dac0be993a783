//! The traps that have names.

use jiff::Timestamp;
use tickler::schedule::recurrence::{ClockChange, Recurrence};
use tickler::zones::Zones;

/// The runs in (from, until] as `instant named-time`, the odd ones marked.
fn runs(line: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
    let zone = Zones::bundled().zone(zone).expect("it is valid");
    let [from, until]: [Timestamp; 2] = [from, until].map(|at| at.parse().expect("it is valid"));
    let told = |odd| match odd {
        None => "",
        Some(ClockChange::Gap) => " gap",
        Some(ClockChange::Overlap) => " overlap",
    };
    let found = Recurrence::parse(line).expect("it is valid").between(&zone, from, until, usize::MAX);
    found.iter().map(|run| format!("{} {}{}", run.at, run.civil, told(run.odd))).collect()
}

#[test]
fn vancouver_has_no_winter_time_any_more() {
    let found = runs("0 9 * * *", "America/Vancouver", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z");
    assert_eq!(found, ["2026-11-24T16:00:00Z 2026-11-24T09:00:00"]);
}

#[test]
fn half_past_two_in_new_york_runs_at_three_when_it_does_not_exist() {
    let found = runs("30 2 * * *", "America/New_York", "2026-03-07T00:00:00Z", "2026-03-10T00:00:00Z");
    assert_eq!(
        found,
        [
            "2026-03-07T07:30:00Z 2026-03-07T02:30:00",
            "2026-03-08T07:00:00Z 2026-03-08T02:30:00 gap",
            "2026-03-09T06:30:00Z 2026-03-09T02:30:00"
        ]
    );
}

#[test]
fn half_past_one_in_new_york_runs_the_first_time_when_it_comes_twice() {
    let found = runs("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z");
    assert_eq!(found, ["2026-11-01T05:30:00Z 2026-11-01T01:30:00 overlap", "2026-11-02T06:30:00Z 2026-11-02T01:30:00"]);
}

#[test]
fn several_times_in_one_gap_run_once_together() {
    let day = ["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"];
    assert_eq!(
        runs("15,45 2 * * *", "America/New_York", day[0], day[1]),
        ["2026-03-08T07:00:00Z 2026-03-08T02:15:00 gap"]
    );
    assert_eq!(
        runs("0,30 2,3 * * *", "America/New_York", day[0], day[1]),
        ["2026-03-08T07:00:00Z 2026-03-08T03:00:00 gap", "2026-03-08T07:30:00Z 2026-03-08T03:30:00"]
    );
}

#[test]
fn every_hour_is_every_hour_of_elapsed_time() {
    let hours = |line: &str, from: &str, until: &str| runs(line, "America/New_York", from, until).len();
    let (spring, autumn) =
        (("2026-03-08T04:59:59Z", "2026-03-09T03:59:59Z"), ("2026-11-01T03:59:59Z", "2026-11-02T04:59:59Z"));
    assert_eq!((hours("0 * * * *", spring.0, spring.1), hours("0 * * * *", autumn.0, autumn.1)), (23, 25));
    assert_eq!((hours("0 0-23 * * *", spring.0, spring.1), hours("0 0-23 * * *", autumn.0, autumn.1)), (23, 24));
}

#[test]
fn both_passes_of_an_overlap_are_told_by_the_same_wall_clock() {
    let found = runs("30 */1 * * *", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z");
    assert_eq!(
        found,
        ["2026-11-01T05:30:00Z 2026-11-01T01:30:00 overlap", "2026-11-01T06:30:00Z 2026-11-01T01:30:00 overlap"]
    );
}

#[test]
fn the_day_that_apia_left_out_runs_when_the_next_one_begins() {
    let found = runs("0 9 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", "2012-01-01T12:00:00Z");
    assert_eq!(
        found,
        [
            "2011-12-29T19:00:00Z 2011-12-29T09:00:00",
            "2011-12-30T10:00:00Z 2011-12-30T09:00:00 gap",
            "2011-12-30T19:00:00Z 2011-12-31T09:00:00",
            "2011-12-31T19:00:00Z 2012-01-01T09:00:00"
        ]
    );
}

#[test]
fn a_midnight_run_in_apia_belongs_to_the_day_that_exists() {
    let found = runs("0 0 * * *", "Pacific/Apia", "2011-12-29T09:00:00Z", "2011-12-31T11:00:00Z");
    assert_eq!(
        found,
        [
            "2011-12-29T10:00:00Z 2011-12-29T00:00:00",
            "2011-12-30T10:00:00Z 2011-12-31T00:00:00 gap",
            "2011-12-31T10:00:00Z 2012-01-01T00:00:00"
        ]
    );
}

#[test]
fn midnight_in_cairo_is_skipped_and_still_runs() {
    let found = runs("0 0 * * *", "Africa/Cairo", "2026-04-22T23:00:00Z", "2026-04-24T22:00:00Z");
    assert_eq!(found, ["2026-04-23T22:00:00Z 2026-04-24T00:00:00 gap", "2026-04-24T21:00:00Z 2026-04-25T00:00:00"]);
}

#[test]
fn the_last_hour_of_a_day_that_comes_twice_in_cairo_runs_once() {
    let found = runs("30 23 * * *", "Africa/Cairo", "2026-10-28T22:00:00Z", "2026-10-30T22:00:00Z");
    assert_eq!(found, ["2026-10-29T20:30:00Z 2026-10-29T23:30:00 overlap", "2026-10-30T21:30:00Z 2026-10-30T23:30:00"]);
}

#[test]
fn nuuk_sets_its_clocks_the_evening_before() {
    let found = runs("30 23 * * *", "America/Nuuk", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    assert_eq!(found, ["2026-03-29T01:00:00Z 2026-03-28T23:30:00 gap"]);
}

#[test]
fn lord_howe_moves_by_half_an_hour() {
    let spring = runs("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T12:00:00Z");
    assert_eq!(spring, ["2026-10-03T15:30:00Z 2026-10-04T02:15:00 gap"]);
    let autumn = runs("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-05T12:00:00Z");
    assert_eq!(autumn, ["2026-04-04T14:45:00Z 2026-04-05T01:45:00 overlap"]);
}

#[test]
fn casablanca_follows_its_new_law() {
    let zones = Zones::bundled();
    let zone = zones.zone("Africa/Casablanca").expect("it is valid");
    assert_eq!(zone.offset("2026-11-24T09:00:00Z".parse().expect("it is valid")), 0, "{}", zones.version());
}

#[test]
fn every_daily_line_has_one_run_for_every_day_of_two_years() {
    for name in
        ["America/New_York", "Africa/Cairo", "America/Nuuk", "Africa/Casablanca", "America/Vancouver", "America/Havana"]
    {
        let zone = Zones::bundled().zone(name).expect("it is valid");
        let from = zone.day_start(jiff::civil::date(2026, 1, 1));
        for hour in 0..24 {
            let daily = Recurrence::parse(&format!("30 {hour} * * *")).expect("it is valid");
            let mut expected = jiff::civil::date(2026, 1, 1);
            for run in daily.next(&zone, from, 730) {
                assert_eq!(run.civil.date(), expected, "{hour}:30 in {name}");
                expected = expected.tomorrow().expect("it is valid");
            }
        }
    }
}

#[test]
fn a_leap_day_is_found_over_eight_years() {
    let zone = Zones::bundled().zone("UTC").expect("it is valid");
    let leap = Recurrence::parse("0 9 29 2 *").expect("it is valid");
    let found = leap.next(&zone, "2096-03-01T00:00:00Z".parse().expect("it is valid"), 1);
    assert_eq!(found[0].at.to_string(), "2104-02-29T09:00:00Z");
}

#[test]
fn six_fields_begin_with_seconds_and_a_limit_keeps_the_latest() {
    let zone = Zones::bundled().zone("UTC").expect("it is valid");
    let [from, until]: [Timestamp; 2] =
        ["1990-01-01T00:00:00Z", "2026-11-24T09:00:00.5Z"].map(|at| at.parse().expect("it is valid"));
    let found = Recurrence::parse("*/30 * * * * *").expect("it is valid").between(&zone, from, until, 2);
    assert_eq!(
        found.iter().map(|run| run.at.to_string()).collect::<Vec<_>>(),
        ["2026-11-24T08:59:30Z", "2026-11-24T09:00:00Z"]
    );
}

#[test]
fn the_first_end_is_left_out_and_the_last_is_in() {
    let day = |from, until| runs("0 9 * * *", "UTC", from, until).len();
    assert_eq!(day("2026-11-24T09:00:00Z", "2026-11-24T09:00:01Z"), 0);
    assert_eq!(day("2026-11-24T08:59:59.999Z", "2026-11-24T09:00:00Z"), 1);
    assert_eq!(day("2026-11-24T08:00:00Z", "2026-11-24T08:59:59.999Z"), 0);
    assert_eq!(day("2026-11-24T10:00:00Z", "2026-11-24T08:00:00Z"), 0);
}
