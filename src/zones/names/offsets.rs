//! pure: offsets from UTC as rows of a source write them.

use jiff::tz::Offset;

/// Reads `-05:00`, `+0530`, `+1`, `UTC-5`, `GMT+01:00`, `UTC`, `GMT` and `Z`; `None` for anything else.
pub(super) fn read(name: &str) -> Option<Offset> {
    let name = name.trim();
    if ["Z", "UTC", "GMT"].iter().any(|zero| zero.eq_ignore_ascii_case(name)) {
        return Some(Offset::UTC);
    }
    let (sign, digits) = sign_and_digits(name)?;
    let (hours, minutes) = hours_and_minutes(digits)?;
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()
}

/// Whether a name is written like an offset: a sign and a number, after `UTC` or `GMT` or alone. The number may be one
/// that [`read`] refuses.
pub(super) fn is_signed(name: &str) -> bool {
    sign_and_digits(name.trim()).is_some_and(|(_, digits)| digits.starts_with(|digit: char| digit.is_ascii_digit()))
}

/// The sign (1 or -1) and what follows it, without a leading `UTC` or `GMT` (in any case).
fn sign_and_digits(name: &str) -> Option<(i32, &str)> {
    let has_prefix = name.get(..3).is_some_and(|word| ["UTC", "GMT"].iter().any(|it| it.eq_ignore_ascii_case(word)));
    let signed = if has_prefix { name[3..].trim_start() } else { name };
    let (sign, digits) = match signed.chars().next()? {
        plus @ ('+' | '±') => (1, &signed[plus.len_utf8()..]),
        minus @ ('-' | '\u{2212}' | '\u{2013}') => (-1, &signed[minus.len_utf8()..]),
        _ => return None,
    };
    Some((sign, digits.trim_start()))
}

/// `5`, `05`, `05:30`, `0530`, `5:30`.
fn hours_and_minutes(text: &str) -> Option<(i32, i32)> {
    const FURTHEST: i32 = 14;
    let (hours, minutes) = match text.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if text.len() == 4 && text.is_ascii() => text.split_at(2),
        None => (text, "0"),
    };
    let number = |part: &str| -> Option<i32> {
        let are_digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then(|| part.parse().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= FURTHEST * 60).then_some((hours, minutes))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn offsets_are_read_in_their_spellings_and_names_are_not() {
        for (name, seconds) in [
            ("-05:00", -18_000),
            ("+05:30", 19_800),
            ("+0530", 19_800),
            ("-5", -18_000),
            ("+14:00", 50_400),
            ("\u{2212}05:00", -18_000),
            ("UTC-5", -18_000),
            ("utc+1", 3_600),
            ("UTC +01:00", 3_600),
            ("GMT+5:30", 19_800),
            ("GMT-0330", -12_600),
            ("UTC±00:00", 0),
            ("GMT0", i32::MAX),
            ("UTC", 0),
            ("gmt", 0),
            ("Z", 0),
            ("+00:00", 0),
        ] {
            let expected = (seconds != i32::MAX).then_some(seconds);
            assert_eq!(read(name).map(jiff::tz::Offset::seconds), expected, "{name}");
        }
        for name in ["", "+", "-", "5", "05:00", "+15:00", "+05:60", "+5:3", "+053", "EST", "EST-5", "UTCX", "Zulu"] {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
