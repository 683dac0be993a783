//! pure: checks a number against its country's numbering plan: its kind, length, region and trunk prefix.

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use super::exchanges::{self, ExchangeOwner};

/// The kind of a number, which decides whether it may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberKind {
    /// Somebody's landline or mobile.
    FixedOrMobile,
    /// Toll-free, VoIP, a pager and the like.
    Other,
    PremiumRate,
    SharedCost,
    /// No plan assigns it.
    Unassigned,
}

/// The country code that two dozen regions of North America share.
pub(super) const NORTH_AMERICA: i32 = 1;

/// How many digits each North American number has without the country code.
const NORTH_AMERICAN_DIGITS: usize = 10;

/// The kind of a number.
pub(super) fn kind_of(parsed: &PhoneNumber) -> NumberKind {
    let by_exchange = if parsed.country_code == NORTH_AMERICA { north_american(parsed) } else { None };
    by_exchange.unwrap_or_else(|| by_type(parsed))
}

/// The kind according to the plan of the number's own region.
fn by_type(parsed: &PhoneNumber) -> NumberKind {
    match parsed.get_type() {
        PhoneNumberType::PremiumRate => NumberKind::PremiumRate,
        PhoneNumberType::SharedCost => NumberKind::SharedCost,
        PhoneNumberType::Unknown => NumberKind::Unassigned,
        PhoneNumberType::FixedLine | PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile => {
            NumberKind::FixedOrMobile
        }
        PhoneNumberType::TollFree
        | PhoneNumberType::VoIP
        | PhoneNumberType::PersonalNumber
        | PhoneNumberType::Pager
        | PhoneNumberType::UAN
        | PhoneNumberType::VoiceMail => NumberKind::Other,
    }
}

/// The kind of a number of the United States or Canada, without the slow search for its region: there, premium-rate numbers have
/// the area code 900 and shared-cost numbers don't exist. `None` for the other regions of the plan.
fn north_american(parsed: &PhoneNumber) -> Option<NumberKind> {
    match exchanges::owner(parsed) {
        ExchangeOwner::Nobody => Some(NumberKind::Unassigned),
        ExchangeOwner::Mainland if parsed.national_number / 10_000_000 == 900 => Some(NumberKind::PremiumRate),
        ExchangeOwner::Mainland => Some(NumberKind::FixedOrMobile),
        ExchangeOwner::Island => None,
    }
}

/// The country code of a region; `None` for a region without a numbering plan.
pub(super) fn country_code(region: Region) -> Option<i32> {
    PHONE_NUMBER_UTIL.get_country_code_for_region(region)
}

/// The digits that are dialled before a national number inside its region; empty where there are none. The library doesn't
/// expose them, so this tries which prefix its parser skips before a sample number.
pub(super) fn trunk_prefix(region: Region) -> &'static str {
    const PREFIXES: [&str; 5] = ["0", "8", "06", "01", "1"];
    let Ok(sample) = PHONE_NUMBER_UTIL.get_example_number(region) else { return "" };
    let national = national_digits(&sample);
    let is_skipped = |prefix: &&&str| {
        PhoneNumber::parse(format!("{prefix}{national}").as_str(), Some(region)).is_ok_and(|read| read == sample)
    };
    PREFIXES.iter().find(is_skipped).copied().unwrap_or_default()
}

/// Whether national numbers of a country code are dialled with a 0 that isn't part of the number.
pub(super) fn has_trunk_zero(code: &str) -> bool {
    let region = code.parse().ok().and_then(|code| PHONE_NUMBER_UTIL.get_region_for_country_code(code));
    region.is_some_and(|region| trunk_prefix(region) == "0")
}

/// Whether the number has more leading zeros than numbers of its country have: somebody wrote the trunk prefix 0 after the
/// country code.
pub(super) fn has_superfluous_zero(parsed: &PhoneNumber) -> bool {
    if leading_zeros(parsed) == 0 {
        return false; // most numbers; getting a sample number is slow
    }
    let region = PHONE_NUMBER_UTIL.get_region_for_country_code(parsed.country_code);
    let sample = |kind| PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region?, kind).ok();
    let samples = [sample(PhoneNumberType::FixedLine), sample(PhoneNumberType::Mobile)];
    let usual = samples.iter().flatten().map(leading_zeros).max().unwrap_or(0);
    leading_zeros(parsed) > usual
}

/// Whether a landline number lacks both its country code and the 0 that its country writes first. The area code may be missing
/// as well, in which case this is somebody else's number.
pub(super) fn lacks_zero(parsed: &PhoneNumber, written: &str) -> bool {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let is_written_so =
        !digits.starts_with('0') && parsed.country_code != NORTH_AMERICA && digits == national_digits(parsed);
    let is_landline = || matches!(parsed.get_type(), PhoneNumberType::FixedLine | PhoneNumberType::FixedLineOrMobile);
    let national = || parsed.format_as(PhoneNumberFormat::National);
    is_written_so && is_landline() && national().chars().find(char::is_ascii_digit) == Some('0')
}

/// How many leading zeros belong to the number itself, as in Italy.
fn leading_zeros(parsed: &PhoneNumber) -> usize {
    match parsed.italian_leading_zero {
        Some(true) => usize::try_from(parsed.number_of_leading_zeros.unwrap_or(1)).unwrap_or(1),
        Some(false) | None => 0,
    }
}

/// The number without its country code.
fn national_digits(parsed: &PhoneNumber) -> String {
    let e164 = parsed.format_as(PhoneNumberFormat::E164);
    e164[1 + parsed.country_code.to_string().len()..].to_owned()
}

/// How many digits the number has without its country code.
pub(super) fn national_length(parsed: &PhoneNumber) -> usize {
    leading_zeros(parsed) + parsed.national_number.checked_ilog10().map_or(1, |power| power as usize + 1)
}

/// Whether the number is as short as a service number: up to six digits.
pub(super) fn is_short(parsed: &PhoneNumber) -> bool {
    const SHORT: usize = 6;
    national_length(parsed) <= SHORT
}

/// Whether a number of its country can have this length, area code included.
pub(super) fn has_possible_length(parsed: &PhoneNumber) -> bool {
    parsed.is_possible_with_reason() == Ok(NumberLengthType::IsPossible)
}

/// Prefixes of emergency and short numbers: 110 to 119 in nearly every country, 000, 911 and 999 in the others.
const SHORT_PREFIXES: [&str; 4] = ["11", "000", "911", "999"];

/// For a number of no known kind: the kind of costly or short numbers, which are never called, with whose digits it begins. A
/// network may ignore surplus digits and connect that number.
pub(super) fn costly_or_short_prefix(parsed: &PhoneNumber) -> Option<&'static str> {
    let (code, national) = (parsed.country_code, national_digits(parsed));
    if SHORT_PREFIXES.iter().any(|prefix| national.starts_with(prefix)) {
        return Some("an emergency or short number");
    }
    // every North American number has ten digits, so none is the beginning of another
    if code == NORTH_AMERICA && national.len() == NORTH_AMERICAN_DIGITS {
        return None;
    }
    let kind = |national: &str| PhoneNumber::parse(format!("+{code}{national}").as_str(), None).map(|it| kind_of(&it));
    let cut = (3..national.len()).map(|length| kind(&national[..length]));
    // a number with too few digits is judged by a longer one that begins with it
    let filled = (1..=4).map(|missing| kind(&format!("{national}{}", "0".repeat(missing))));
    cut.chain(filled).flatten().find_map(|kind| match kind {
        NumberKind::PremiumRate => Some("a premium-rate number"),
        NumberKind::SharedCost => Some("a shared-cost number"),
        NumberKind::FixedOrMobile | NumberKind::Other | NumberKind::Unassigned => None,
    })
}

/// Whether it is a North American premium-rate number: area code 900, also unassigned ones, or exchange 976 of any area.
pub(super) fn is_premium_range(e164: &str) -> bool {
    e164.strip_prefix("+1").is_some_and(|rest| rest.starts_with("900") || rest.get(3..6) == Some("976"))
}

/// The region, if the number's country code has only one.
pub(super) fn only_region(parsed: &PhoneNumber) -> Option<Region> {
    let mut regions = PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(parsed.country_code)?;
    let first = regions.next()?;
    regions.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_by_exchange_is_the_kind_by_type() {
        let plainly = |kind| if kind == NumberKind::Other { NumberKind::FixedOrMobile } else { kind };
        for area in 200..1000 {
            for exchange in ["200", "211", "345", "555", "700", "800", "976", "999"] {
                for line in ["0000", "0143", "1212", "9999"] {
                    let number = format!("+1{area}{exchange}{line}");
                    let Ok(parsed) = PhoneNumber::parse(number.as_str(), None) else { continue };
                    let (short, long) = (plainly(kind_of(&parsed)), plainly(by_type(&parsed)));
                    assert_eq!(short, long, "area {area}, exchange {exchange}, line {line}");
                }
            }
        }
    }

    /// Reading a national number relies on it, with North America as the only exception.
    #[test]
    fn no_trunk_prefix_begins_like_its_country_code_outside_north_america() {
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            let (trunk, code) = (trunk_prefix(region), country_code(region).unwrap_or_default());
            let is_alike = !trunk.is_empty() && code.to_string().starts_with(trunk);
            assert!(!is_alike || code == NORTH_AMERICA, "{region}");
        }
    }
}
