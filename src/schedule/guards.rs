//! pure: `[guard]`: when a source counts as wrong.

use std::fmt;

use jiff::SignedDuration;

/// `[guard]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardLimits {
    /// The most calls of one run.
    pub max_calls: u32,
    /// The oldest source.
    pub max_age: Option<SignedDuration>,
    /// The largest share of unusable rows.
    pub max_invalid: Percent,
    /// How many times the usual number of rows, or which part of it, is too much of a change.
    pub max_change: Factor,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self { max_calls: 1_000, max_age: None, max_invalid: Percent(2_000), max_change: Factor(300) }
    }
}

/// A share, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub u32);

/// A factor above one, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(pub u32);

/// `20%`, `12.5%`; nothing above 100.
#[must_use]
pub fn parse_percent(text: &str) -> Option<Percent> {
    hundredths(text.trim().strip_suffix('%')?).filter(|share| *share <= 10_000).map(Percent)
}

/// `3x`, `2.5x`; above one.
#[must_use]
pub fn parse_factor(text: &str) -> Option<Factor> {
    hundredths(text.trim().strip_suffix('x')?).filter(|factor| *factor > 100).map(Factor)
}

/// A number with up to two decimals, in hundredths.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.trim_end().split_once('.').unwrap_or((text.trim_end(), "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) || decimals.len() > 2 {
        return None;
    }
    let decimals: u32 = format!("{decimals:0<2}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(decimals)
}

fn write_hundredths(f: &mut fmt::Formatter<'_>, value: u32, unit: &str) -> fmt::Result {
    match value % 100 {
        0 => write!(f, "{}{unit}", value / 100),
        rest if rest % 10 == 0 => write!(f, "{}.{}{unit}", value / 100, rest / 10),
        rest => write!(f, "{}.{rest:02}{unit}", value / 100),
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hundredths(f, self.0, "%")
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hundredths(f, self.0, "x")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_factors_are_read_with_up_to_two_decimals() {
        for (text, value) in [("20%", 2_000), (" 12.5 % ", 1_250), ("0%", 0), ("100%", 10_000), ("0.25%", 25)] {
            assert_eq!(parse_percent(text), Some(Percent(value)), "{text}");
        }
        for text in ["", "%", "20", "-1%", "101%", "1.234%", "a%", "1e1%", "20 percent", "5000000000%"] {
            assert_eq!(parse_percent(text), None, "{text}");
        }
        for (text, value) in [("3x", 300), ("2.5x", 250), ("1.01x", 101), ("10 x", 1_000)] {
            assert_eq!(parse_factor(text), Some(Factor(value)), "{text}");
        }
        for text in ["", "x", "3", "1x", "0.5x", "x3", "3 times"] {
            assert_eq!(parse_factor(text), None, "{text}");
        }
    }

    #[test]
    fn they_are_written_as_they_are_read() {
        for text in ["20%", "12.5%", "0.25%", "100%"] {
            assert_eq!(parse_percent(text).map(|share| share.to_string()).as_deref(), Some(text));
        }
        for text in ["3x", "2.5x", "1.01x"] {
            assert_eq!(parse_factor(text).map(|factor| factor.to_string()).as_deref(), Some(text));
        }
    }
}
