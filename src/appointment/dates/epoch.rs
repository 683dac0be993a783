//! pure: moments counted from 1970 on, as programs write them.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::SENSIBLE_YEARS;

/// `1795620600`, also with a fraction.
pub(super) fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = number(text)?;
    let nanos = fraction.chars().chain(std::iter::repeat('0')).take(9).collect::<String>().parse().ok()?;
    Timestamp::new(whole, nanos).ok().filter(is_sensible)
}

/// `1795620600000`, also with a fraction, and `/Date(1795620600000)/` of older Microsoft programs, whose offset says how
/// to show it and not when it is.
pub(super) fn milliseconds(text: &str) -> Option<Timestamp> {
    let inside = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/"));
    let text = inside.map_or(text, |inside| inside.split(['+', '-']).next().unwrap_or(inside));
    Timestamp::from_millisecond(number(text)?.0).ok().filter(is_sensible)
}

/// The name of the format that every value fits.
pub(super) fn guess(values: &[&str]) -> Option<&'static str> {
    let fits = |read: fn(&str) -> Option<Timestamp>| values.iter().all(|value| read(value).is_some());
    if fits(seconds) {
        return Some("epoch");
    }
    fits(milliseconds).then_some("epoch_ms")
}

fn number(text: &str) -> Option<(i64, &str)> {
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    (are_digits(whole) && are_digits(fraction)).then(|| Some((whole.parse().ok()?, fraction))).flatten()
}

/// Milliseconds read as seconds, or the other way round, give another century.
fn is_sensible(at: &Timestamp) -> bool {
    SENSIBLE_YEARS.contains(&Offset::UTC.to_datetime(*at).year())
}
