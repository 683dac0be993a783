//! pure: turns the text of a phone column into a number that may be called, or the reason why it may not.
//!
//! `spelling` checks the text (a spreadsheet's quoting, decimals, two numbers in one cell), `numbering` checks the number against
//! the countries' numbering plans. A text that may mean two numbers is refused: calling a stranger is worse than not calling.

mod exchanges;
mod masking;
mod numbering;
mod spelling;
#[cfg(test)]
mod spelling_tests;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use rlibphonenumber::{PhoneNumber, PhoneNumberFormat, Region};

use self::numbering::{NumberKind, country_code, kind_of, trunk_prefix};
use super::{Phone, PhoneProblem};

pub use self::masking::masked;
pub use self::spelling::{digits, to_ascii};

/// Maximum length of a text that is parsed: a number, its punctuation and a word.
const MAX_LENGTH: usize = 60;

/// Reads one number. A number without a country code is read as one of `default_region` (such as `US`).
///
/// # Errors
/// [`PhoneProblem::Missing`] for an empty text, else why the number can't be used, with the remedy. The message contains phone
/// numbers only where the text may mean two of them: then it names both.
pub fn read(text: &str, default_region: Option<&str>) -> Result<Phone, PhoneProblem> {
    if is_e164(text) {
        let read = match exchanges::parsed(text) {
            Some(parsed) => usable(&parsed, text, None),
            None => international(text),
        };
        return read.map_err(PhoneProblem::Invalid);
    }
    let text = spelling::number_in(text);
    if text.is_empty() {
        return Err(PhoneProblem::Missing);
    }
    read_spelling(&text, default_region).map_err(PhoneProblem::Invalid)
}

/// The first usable number among several columns.
///
/// # Errors
/// The problem of the first column that isn't empty; [`PhoneProblem::Missing`] when all are.
pub fn first_usable<'a>(
    texts: impl Iterator<Item = Option<Cow<'a, str>>>,
    default_region: Option<&str>,
) -> Result<Phone, PhoneProblem> {
    let mut problem = PhoneProblem::Missing;
    for text in texts.flatten() {
        match read(&text, default_region) {
            Ok(phone) => return Ok(phone),
            Err(PhoneProblem::Missing) => {}
            Err(invalid) if problem == PhoneProblem::Missing => problem = invalid,
            Err(PhoneProblem::Invalid(_)) => {}
        }
    }
    Err(problem)
}

/// Loads the numbering plans; otherwise the first number that is read waits 10 ms for them.
pub fn load_plans() {
    // parsing any number loads them; `read` would skip the parser for this one
    let _read = international("+12025550143");
}

/// Ranges of numbers that a country reserves for fiction or doesn't assign: region, prefix, and how many digits follow it.
const FICTITIOUS_RANGES: [(&str, &str, usize); 6] = [
    ("US", "+1202555", 4),
    ("CA", "+1613555", 4),
    ("GB", "+44207946", 4),
    ("DE", "+493023125", 3),
    ("FR", "+3319900", 4),
    ("AU", "+6125550", 4),
];

/// The n-th fictitious number of a region, in E.164; of the United States where the region isn't in the table.
#[must_use]
pub fn invented(region: Option<&str>, n: usize) -> String {
    let of_region = |(name, _, _): &&(&str, &str, usize)| Some(*name) == region;
    let (_, prefix, digits) = FICTITIOUS_RANGES.iter().find(of_region).unwrap_or(&FICTITIOUS_RANGES[0]);
    format!("{prefix}{:0digits$}", 100 + n % 100)
}

/// Whether the code (such as `US`) is a region whose national numbers can be read.
#[must_use]
pub fn is_region(code: &str) -> bool {
    region(code).is_some()
}

fn region(code: &str) -> Option<Region> {
    let region: Region = code.trim().to_ascii_uppercase().parse().ok()?;
    country_code(region).map(|_| region)
}

/// Whether the text looks like E.164. Most numbers do, and skip the slower reading of other spellings.
fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_spelling(text: &str, default_region: Option<&str>) -> Result<Phone, String> {
    if text.chars().count() > MAX_LENGTH {
        return Err("it is too long to be a phone number".into());
    }
    spelling::refuse_spreadsheet_number(text)?;
    let complete_digits = |part: &str| complete_number(part, default_region);
    if spelling::holds_several(text, complete_digits) {
        return Err(SEVERAL_NUMBERS.into());
    }
    read_one(text, default_region)
        .map_err(|problem| if spelling::is_pair(text, complete_digits) { SEVERAL_NUMBERS.into() } else { problem })
}

/// Why a cell with two numbers is refused.
const SEVERAL_NUMBERS: &str = "it holds more than one number: write one number a column";

fn read_one(text: &str, default_region: Option<&str>) -> Result<Phone, String> {
    spelling::refuse_other_signs(text)?;
    let number = text.replace('\n', " ");
    if is_international(&number) {
        return international(&number);
    }
    match default_region {
        Some(code) => {
            let region = region(code).ok_or_else(|| format!("`default_region` `{code}` is not a valid region"))?;
            national(&number, region)
        }
        None => Err("it is a national number: set `default_region` (such as \"US\") or write it with `+`".into()),
    }
}

fn is_international(number: &str) -> bool {
    number.starts_with('+') || number.starts_with("(+")
}

/// The number of digits without the country code, if the text is one complete phone number. It need not be callable.
fn complete_number(text: &str, default_region: Option<&str>) -> Option<usize> {
    let text = text.trim();
    let region = match is_international(text) {
        true => None,
        false => Some(region(default_region?)?),
    };
    let parsed = PhoneNumber::parse(spelling::without_trunk_zero(text, region).as_ref(), region).ok()?;
    let is_complete = match kind_of(&parsed) {
        NumberKind::FixedOrMobile | NumberKind::Other | NumberKind::PremiumRate | NumberKind::SharedCost => true,
        NumberKind::Unassigned => region.is_none() && numbering::has_possible_length(&parsed),
    };
    is_complete.then(|| numbering::national_length(&parsed))
}

/// Reads a number that is written with its country code.
fn international(number: &str) -> Result<Phone, String> {
    let number = spelling::without_trunk_zero(number, None);
    let parsed = PhoneNumber::parse(number.as_ref(), None).map_err(|_| unreadable(None))?;
    usable(&parsed, &number, None)
}

/// Reads a number without `+`. If it begins with the region's country code, the `+` may have been lost.
fn national(number: &str, region: Region) -> Result<Phone, String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let code = country_code(region).unwrap_or_default();
    // in North America the trunk prefix is the country code: with or without a lost `+` it is the same number
    if code != numbering::NORTH_AMERICA && digits.starts_with(&code.to_string()) {
        return with_lost_plus_or_national(number, &digits, &code.to_string(), region);
    }
    let number = spelling::without_trunk_zero(number, Some(region));
    let parsed = PhoneNumber::parse(number.as_ref(), Some(region)).map_err(|_| unreadable(Some(region)))?;
    usable(&parsed, &number, Some(region))
}

/// Reads digits that begin with the region's country code. They are an international number without its `+`, or a national
/// number whose first digits happen to be the same (in Germany 0491 to 0497 are area codes). If only one of the two is a valid
/// number, it is that one; otherwise the text is refused.
fn with_lost_plus_or_national(number: &str, digits: &str, code: &str, region: Region) -> Result<Phone, String> {
    let with_plus = format!("+{}", number.trim_start_matches(['(', ' ']));
    let valid = |text: &str| {
        let text = spelling::without_trunk_zero(text, None);
        PhoneNumber::parse(text.as_ref(), None).ok().filter(|parsed| kind_of(parsed) != NumberKind::Unassigned)
    };
    let (international, national) = (valid(&with_plus), valid(&format!("+{code}{digits}")));
    match (international, national) {
        (Some(one), Some(other)) if one == other => usable(&one, digits, Some(region)),
        (Some(only), None) | (None, Some(only)) => usable(&only, digits, Some(region)),
        (Some(international), Some(national)) => {
            let international = international.format_as(PhoneNumberFormat::International);
            let national = national.format_as(PhoneNumberFormat::National);
            Err(format!("it may be {international} or {national}: {}", remedy(region)))
        }
        (None, None) => {
            let rest = &digits[code.len()..];
            let national = format!("{}{digits}", trunk_prefix(region));
            Err(format!("neither +{code} {rest} nor {national} is a valid number of {region}: {}", remedy(region)))
        }
    }
}

/// How to write the number so that it can mean only one.
fn remedy(region: Region) -> String {
    match trunk_prefix(region) {
        "" => "write it with `+`".to_owned(),
        trunk => format!("write it with `+` or with `{trunk}`"),
    }
}

/// Refuses a number that must never be called. `region` is that of a number written without its country code.
fn usable(parsed: &PhoneNumber, number: &str, region: Option<Region>) -> Result<Phone, String> {
    let kind = kind_of(parsed);
    match kind {
        NumberKind::FixedOrMobile => {}
        NumberKind::PremiumRate => return Err("it is a premium-rate number, which is never called".into()),
        NumberKind::SharedCost => return Err("it is a shared-cost number, which is never called".into()),
        NumberKind::Other | NumberKind::Unassigned if numbering::is_short(parsed) => {
            return Err("it is too short: emergency and short numbers are never called".into());
        }
        NumberKind::Other => {}
        NumberKind::Unassigned => check_unassigned(parsed, number, region)?,
    }
    let e164 = parsed.format_as(PhoneNumberFormat::E164).into_owned();
    if numbering::is_premium_range(&e164) {
        return Err("it is in a premium-rate range, which is never called".into());
    }
    let lacks_zero = region.is_some() && numbering::lacks_zero(parsed, number);
    Ok(Phone { e164: e164.into(), is_unassigned: kind == NumberKind::Unassigned, lacks_zero })
}

/// A number in no assigned range is usable only if it was written as E.164 and has a possible length for its country.
fn check_unassigned(parsed: &PhoneNumber, number: &str, region: Option<Region>) -> Result<(), String> {
    if let Some(region) = region {
        return Err(format!("it is not a valid number of {region}; a number of another country is written with `+`"));
    }
    if !numbering::has_possible_length(parsed) {
        return Err("its length doesn't fit its country".into());
    }
    if numbering::has_superfluous_zero(parsed) {
        return Err("it has a 0 after its country code, where no number of that country has one".into());
    }
    let written: String = number.chars().filter(char::is_ascii_digit).collect();
    let e164 = parsed.format_as(PhoneNumberFormat::E164);
    if e164.trim_start_matches('+') != written {
        return Err("it is not a valid number of its country".into());
    }
    if let Some(kind) = numbering::costly_or_short_prefix(parsed) {
        return Err(format!("it begins with {kind}, which is never called"));
    }
    Ok(())
}

fn unreadable(region: Option<Region>) -> String {
    match region {
        Some(region) => format!("it is not a valid phone number of {region}"),
        None => "it is not a valid phone number of any country".into(),
    }
}

impl Phone {
    /// The number's ISO 3166 region, if it is known. Not stored: each call takes as long as reading the number.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        let parsed = PhoneNumber::parse(self.e164.as_str(), None).ok()?;
        parsed.get_region_code().or_else(|| numbering::only_region(&parsed)).map(|region| region.to_string())
    }

    /// The number as it is written inside its country. Not stored, because few payloads use it.
    #[must_use]
    pub fn national(&self) -> String {
        let parsed = PhoneNumber::parse(self.e164.as_str(), None);
        parsed.map_or_else(
            |_| self.e164.as_str().to_owned(),
            |phone| phone.format_as(PhoneNumberFormat::National).into_owned(),
        )
    }
}
