//! pure: a cache of which part of North America each exchange (area code and the next three digits) belongs to.
//!
//! Two dozen regions share the country code 1. The library finds a number's region by matching the patterns of one region after
//! another, which takes longer than everything else in reading a number. These patterns depend on no digit after the exchange, so
//! one result is valid for all 10,000 numbers of an exchange, and the numbers of one source share few exchanges.

use std::sync::atomic::{AtomicU8, Ordering};

use rlibphonenumber::{PhoneNumber, Region};

use super::numbering::NORTH_AMERICA;

/// The regions whose numbers an exchange holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExchangeOwner {
    /// No region has assigned it.
    Nobody,
    /// The United States or Canada.
    Mainland,
    /// Another region, such as Jamaica: each has area codes of its own.
    Island,
}

/// The national numbers of ten digits; the first digit is 2 to 9.
const TEN_DIGITS: std::ops::RangeInclusive<u64> = 2_000_000_000..=9_999_999_999;

/// How many numbers an exchange has.
const NUMBERS_PER_EXCHANGE: u64 = 10_000;

/// The mark of an exchange that was not looked up yet.
const UNKNOWN: u8 = 0;

/// The marks by exchange. Untouched pages of this zeroed array take no memory.
static KNOWN: [AtomicU8; 1_000_000] = [const { AtomicU8::new(UNKNOWN) }; 1_000_000];

/// The part of North America to which a number with country code 1 belongs.
pub(super) fn owner(parsed: &PhoneNumber) -> ExchangeOwner {
    let Some(exchange) = exchange_of(parsed) else { return looked_up(parsed) };
    match KNOWN[exchange].load(Ordering::Relaxed) {
        1 => ExchangeOwner::Nobody,
        2 => ExchangeOwner::Mainland,
        3 => ExchangeOwner::Island,
        _ => {
            let owner = looked_up(parsed);
            KNOWN[exchange].store(owner.mark(), Ordering::Relaxed);
            owner
        }
    }
}

/// The uncached answer.
fn looked_up(parsed: &PhoneNumber) -> ExchangeOwner {
    match parsed.get_region_code() {
        None => ExchangeOwner::Nobody,
        Some(Region::US | Region::CA) => ExchangeOwner::Mainland,
        Some(_) => ExchangeOwner::Island,
    }
}

impl ExchangeOwner {
    const fn mark(self) -> u8 {
        match self {
            Self::Nobody => 1,
            Self::Mainland => 2,
            Self::Island => 3,
        }
    }
}

/// The number's first six digits; `None` when it has more or fewer than ten.
fn exchange_of(parsed: &PhoneNumber) -> Option<usize> {
    let has_ten_digits = parsed.italian_leading_zero.is_none() && TEN_DIGITS.contains(&parsed.national_number);
    if has_ten_digits { usize::try_from(parsed.national_number / NUMBERS_PER_EXCHANGE).ok() } else { None }
}

/// Parses `+1` and ten digits faster than the library does, with the same result; `None` for any other text.
pub(super) fn parsed(e164: &str) -> Option<PhoneNumber> {
    let national = e164.strip_prefix("+1")?;
    let is_plain = national.bytes().all(|byte| byte.is_ascii_digit());
    let national_number = if is_plain { national.parse().ok()? } else { return None };
    let has_ten_digits = national.len() == 10 && TEN_DIGITS.contains(&national_number);
    has_ten_digits.then(|| PhoneNumber { country_code: NORTH_AMERICA, national_number, ..PhoneNumber::default() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_numbers_of_an_exchange_belong_to_the_same_part() {
        for exchange in (200_000..1_000_000).step_by(293) {
            let number = |line| PhoneNumber {
                country_code: NORTH_AMERICA,
                national_number: exchange * NUMBERS_PER_EXCHANGE + line,
                ..PhoneNumber::default()
            };
            // the first call fills the cache, the second one reads it
            assert_eq!(owner(&number(143)), owner(&number(9_876)), "{exchange}");
            assert_eq!(owner(&number(9_876)), looked_up(&number(9_876)), "{exchange}");
        }
    }

    /// With a zero before the ten digits it is another number.
    #[test]
    fn a_longer_number_does_not_belong_to_the_exchange_of_its_first_digits() {
        let read = |text| PhoneNumber::parse(text, None).expect("a number");
        for (text, expected) in [
            ("+12025550143", ExchangeOwner::Mainland),
            ("+102025550143", ExchangeOwner::Nobody),
            ("+120255501430", ExchangeOwner::Nobody),
            ("+1202555014", ExchangeOwner::Nobody),
        ] {
            assert_eq!(owner(&read(text)), expected, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn numbers_of_north_america_are_read_as_the_parser_reads_them(
            text in prop_oneof!["\\+1[2-9][0-9]{9}", "\\+1[0-9]{6,12}", "\\+[0-9]{9,12}", "[+1]{0,2}[+0-9]{9,11}"],
        ) {
            if let Some(read) = parsed(&text) {
                prop_assert_eq!(owner(&read), looked_up(&read));
                prop_assert_eq!(Some(read), PhoneNumber::parse(text.as_str(), None).ok());
            }
        }
    }
}
