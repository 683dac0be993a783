//! pure: durations as schedule files and settings write them: `90s`, `20m`, `24h`, `7d`.

use jiff::SignedDuration;

/// A duration as schedule files write it: `90s`, `20m`, `24h`, `7d`.
///
/// # Errors
/// A sentence with the remedy, when the text isn't a whole number and one of the units `s`, `m`, `h`, `d`.
pub fn read(text: &str) -> Result<SignedDuration, String> {
    let trimmed = text.trim();
    let remedy = || {
        format!(
            "`{text}` is not a valid duration: write a whole number and a unit, such as `90s`, `20m`, `24h` or `7d`"
        )
    };
    let unit = trimmed.chars().next_back().ok_or_else(remedy)?;
    let count: i64 = trimmed[..trimmed.len() - unit.len_utf8()].trim_end().parse().map_err(|_| remedy())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(remedy()),
    };
    let total = count.checked_mul(seconds).filter(|total| (0..=MAX_DURATION).contains(total)).ok_or_else(remedy)?;
    Ok(SignedDuration::from_secs(total))
}

/// Maximum duration: ten years, so that sums of two never overflow.
const MAX_DURATION: i64 = 10 * 366 * 86_400;

/// Writes a duration the way [`read`] reads it, in the largest unit that divides it.
#[must_use]
pub fn write(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => "0s".to_owned(),
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_in_four_units_and_nothing_else() {
        for (text, seconds) in [("90s", 90), ("20m", 1_200), ("24h", 86_400), ("7d", 604_800), ("0s", 0)] {
            assert_eq!(read(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "h", "-1h", "1.5h", "1w", "99999999999999d", "1 é"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
