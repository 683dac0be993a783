//! pure: the rate of an account: parsing and interval.

use serde::{Deserialize, Serialize};

/// Maximum rate at which an account's requests are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    /// One request each `interval_us` microseconds.
    Every {
        /// Microseconds between two requests.
        interval_us: i64,
    },
    /// No limit.
    Unlimited,
}

impl Rate {
    /// Parses `95/min`, `20/s`, `1000/h`, `5000/d` or `unlimited`. The interval is rounded up, so that the rate is never
    /// exceeded.
    ///
    /// # Errors
    /// A sentence with the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let remedy = || format!("`{text}` is not a valid rate: write `95/min`, `20/s`, `1000/h` or `unlimited`");
        if text.trim() == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (count, unit) = text.split_once('/').ok_or_else(remedy)?;
        let seconds: i64 = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3_600,
            "d" | "day" => 86_400,
            _ => return Err(remedy()),
        };
        let count: i64 = count.trim().parse().map_err(|_| remedy())?;
        if !(1..=1_000_000).contains(&count) {
            return Err(remedy());
        }
        let micros = seconds * 1_000_000;
        Ok(Self::Every { interval_us: (micros + count - 1) / count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_intervals_never_shorter_than_asked_for() {
        for (text, interval_us) in
            [("95/min", 631_579), ("20/s", 50_000), ("1000/h", 3_600_000), ("1/d", 86_400_000_000)]
        {
            assert_eq!(Rate::parse(text), Ok(Rate::Every { interval_us }), "{text}");
        }
        assert_eq!(Rate::parse("unlimited"), Ok(Rate::Unlimited));
        for text in ["", "95", "95/", "0/min", "-1/s", "x/s", "95/week", "Unlimited?"] {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }
}
