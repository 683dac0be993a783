//! pure: which part of North America an exchange (area code and the three digits behind it) belongs to, remembered.
//!
//! Two dozen regions share North America's plan. The plans find the region of a number by asking the patterns of one region
//! after another, which takes longer than all the rest of reading a number. The numbers of a table share few exchanges, and
//! the patterns that tell the regions apart look at no digit behind the exchange: one answer holds for its 10,000 numbers.

use std::sync::atomic::{AtomicU8, Ordering};

use rlibphonenumber::{PhoneNumber, Region};

use super::numbering::NORTH_AMERICA;

/// Whose number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExchangeOwner {
    /// No region's.
    Nobody,
    /// The United States' or Canada's.
    Mainland,
    /// One of the islands', which are found by their area codes alone.
    Island,
}

/// The national numbers of ten digits of which the first is no 0 and no 1.
const TEN_DIGITS: std::ops::RangeInclusive<u64> = 2_000_000_000..=9_999_999_999;

/// Numbers of one exchange.
const NUMBERS: u64 = 10_000;

const UNKNOWN: u8 = 0;

/// The answers by exchange. Only the pages of area codes that were met take memory.
static KNOWN: [AtomicU8; 1_000_000] = [const { AtomicU8::new(UNKNOWN) }; 1_000_000];

/// Whose number this one of North America is.
pub(super) fn owner(parsed: &PhoneNumber) -> ExchangeOwner {
    let Some(place) = place_of(parsed) else { return asked(parsed) };
    match KNOWN[place].load(Ordering::Relaxed) {
        1 => ExchangeOwner::Nobody,
        2 => ExchangeOwner::Mainland,
        3 => ExchangeOwner::Island,
        _ => {
            let owner = asked(parsed);
            KNOWN[place].store(owner.mark(), Ordering::Relaxed);
            owner
        }
    }
}

fn asked(parsed: &PhoneNumber) -> ExchangeOwner {
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

/// The place of its exchange; `None` when it has more or fewer than ten digits.
fn place_of(parsed: &PhoneNumber) -> Option<usize> {
    let is_whole = parsed.italian_leading_zero.is_none() && TEN_DIGITS.contains(&parsed.national_number);
    if is_whole { usize::try_from(parsed.national_number / NUMBERS).ok() } else { None }
}

/// What the parser makes of `+1` and ten digits of which the first is no 0 and no 1; `None` for any other text.
pub(super) fn parsed(e164: &str) -> Option<PhoneNumber> {
    let national = e164.strip_prefix("+1")?;
    let is_plain = national.bytes().all(|byte| byte.is_ascii_digit());
    let national_number = if is_plain { national.parse().ok()? } else { return None };
    let is_whole = national.len() == 10 && TEN_DIGITS.contains(&national_number);
    is_whole.then(|| PhoneNumber { country_code: NORTH_AMERICA, national_number, ..PhoneNumber::default() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_numbers_of_an_exchange_belong_to_whom_one_of_them_belongs_to() {
        for exchange in (200_000..1_000_000).step_by(293) {
            let number = |line| PhoneNumber {
                country_code: NORTH_AMERICA,
                national_number: exchange * NUMBERS + line,
                ..PhoneNumber::default()
            };
            // the first one is asked about, and its answer is remembered for the other
            assert_eq!(owner(&number(143)), owner(&number(9_876)), "{exchange}");
            assert_eq!(owner(&number(9_876)), asked(&number(9_876)), "{exchange}");
        }
    }

    /// A zero before the ten digits makes another number of them.
    #[test]
    fn a_longer_number_is_not_judged_by_the_exchange_that_its_digits_begin_with() {
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
                prop_assert_eq!(owner(&read), asked(&read));
                prop_assert_eq!(Some(read), PhoneNumber::parse(text.as_str(), None).ok());
            }
        }
    }
}
