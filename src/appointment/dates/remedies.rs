//! pure: what to do about a start that no `date_format` reads: a number that counts time otherwise, a range, an abbreviated zone.

use super::iso;

/// What stands between a start and its zone's name where nobody knows the zone; calendars write it.
pub const UNKNOWN_ZONE: &str = " in the unknown time zone ";

/// A pattern for all before the end of the first time of day.
pub const BEGIN_OF_RANGE: &str = "^.*?[0-9]{1,2}[:.h][0-9]{2}(?: ?[AaPp][.]? ?[Mm][.]?)?";

/// A pattern for all before the end of the last time of day.
const BEFORE_ZONE: &str = "^.*[0-9](?: ?[AaPp][Mm])?";

/// What to do about such a start; `None` for any other.
#[must_use]
pub fn remedy_without_format(value: &str) -> Option<String> {
    let cut = |what: &str, pattern: &str| {
        format!(
            "{what} with `[columns]`, `start_time = \"{{{{ row['…'] | find('{pattern}') }}}}\"`, and map `start_time`"
        )
    };
    if let Some((_, zone)) = value.split_once(UNKNOWN_ZONE) {
        return Some(format!(
            "its calendar names the time zone `{zone}`, whose rules are not known and which the calendar doesn't describe: choose \
             another zone for the event in the calendar"
        ));
    }
    if let Some(number) = remedy_of_number(value) {
        return Some(number.to_owned());
    }
    if is_range(value) {
        return Some(cut("it holds a begin and an end: take the begin", BEGIN_OF_RANGE));
    }
    let what = "its last capitals may be an abbreviated time zone, which no format reads: cut them off";
    ends_in_abbreviation(value).then(|| cut(what, BEFORE_ZONE))
}

/// `10:30 - 11:00`: two times of day, and what stands between them.
#[must_use]
pub fn is_range(value: &str) -> bool {
    // an offset is no end
    if iso(value.trim()).is_some() {
        return false;
    }
    let has_mark = |part: &str| part.contains([':', 'h', '.']) && part.bytes().any(|byte| byte.is_ascii_digit());
    let is_time = |part: &str| has_mark(part) && part.trim().len() <= "10:30:00 a. m.".len();
    let cuts = [" - ", " – ", "-", "–", " to ", " bis ", " à ", " a ", " às ", " alle "];
    cuts.iter().any(|cut| value.rsplit_once(cut).is_some_and(|(from, until)| is_time(until) && has_mark(from)))
}

/// `10:30 AM EST`.
fn ends_in_abbreviation(value: &str) -> bool {
    let last = value.split([' ', '(']).next_back().unwrap_or("").trim_end_matches(')');
    let is_abbreviation = (3..=4).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_uppercase());
    is_abbreviation && value.bytes().any(|byte| byte.is_ascii_digit())
}

fn remedy_of_number(value: &str) -> Option<&'static str> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = value.parse().ok().filter(|_| is_number)?;
    // the years 1990 to 2100
    let [julian, ticks, micros] = [2_447_892.0..2_488_435.0, 6.27e17..6.63e17, 6.3e14..4.2e15];
    if julian.contains(&number) {
        return Some("it looks like a Julian day: write `datetime(…)` around the column in the query");
    }
    if ticks.contains(&number) {
        return Some(
            "it looks like .NET's ticks: write `(… - 621355968000000000) / 10000000` in the query, and `date_format = \"epoch\"`",
        );
    }
    micros.contains(&number).then_some(
        "it looks like microseconds since 1970: write `… / 1000000` in the query, and `date_format = \"epoch\"`",
    )
}
