//! pure: a phone column's text → a number that may be called, or why not.
//!
//! `spelling` judges the text (guards, decimals, two numbers in one cell), `numbering` the number by the numbering
//! plans. A text with two readings is refused: calling a stranger is worse than not calling.

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
pub use self::spelling::plain;

/// Maximum length of a text that is parsed: a number, its punctuation and a word.
const MAX_LENGTH: usize = 60;

/// Reads one number; `default_region` (such as `US`) reads national ones.
///
/// # Errors
/// [`PhoneProblem::Missing`] for an empty text, else why it isn't usable, with the remedy. Only where a text has two
/// readings does the problem hold numbers: both.
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

/// The first usable of several columns.
///
/// # Errors
/// The first column's problem that isn't emptiness, else [`PhoneProblem::Missing`].
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

/// Loads the numbering plans, which the first number that is read would wait 10 ms for.
pub fn load_plans() {
    // any number will do that isn't read by a shorter way
    let _read = international("+12025550143");
}

/// Numbers that a country keeps for books and films, or for nobody: the digits before the last ones, and how many those are.
const INVENTED: [(&str, &str, usize); 6] = [
    ("US", "+1202555", 4),
    ("CA", "+1613555", 4),
    ("GB", "+44207946", 4),
    ("DE", "+493023125", 3),
    ("FR", "+3319900", 4),
    ("AU", "+6125550", 4),
];

/// The n-th number of somebody who doesn't exist, E.164; of the United States where the region has none.
#[must_use]
pub fn invented(region: Option<&str>, n: usize) -> String {
    let of_region = |(name, _, _): &&(&str, &str, usize)| Some(*name) == region;
    let (_, prefix, digits) = INVENTED.iter().find(of_region).unwrap_or(&INVENTED[0]);
    format!("{prefix}{:0digits$}", 100 + n % 100)
}

/// Whether a region's code is one that numbers can be read in.
#[must_use]
pub fn is_region(code: &str) -> bool {
    region(code).is_some()
}

fn region(code: &str) -> Option<Region> {
    let region: Region = code.trim().to_ascii_uppercase().parse().ok()?;
    country_code(region).map(|_| region)
}

/// Most numbers are written so, and need nothing of what other spellings need.
fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_spelling(text: &str, default_region: Option<&str>) -> Result<Phone, String> {
    if text.chars().count() > MAX_LENGTH {
        return Err("it is too long to be a phone number".into());
    }
    spelling::refuse_spreadsheet_number(text)?;
    let whole_digits = |head: &str| whole_number(head, default_region);
    if spelling::holds_several(text, whole_digits) {
        return Err(SEVERAL.into());
    }
    read_one(text, default_region)
        .map_err(|problem| if spelling::is_pair(text, whole_digits) { SEVERAL.into() } else { problem })
}

/// Why a cell with two numbers is refused.
const SEVERAL: &str = "it holds more than one number: write one number a column";

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

/// How many digits the national part of a text has that is a whole number by itself, whether or not it may be called.
fn whole_number(text: &str, default_region: Option<&str>) -> Option<usize> {
    let text = text.trim();
    let region = match is_international(text) {
        true => None,
        false => Some(region(default_region?)?),
    };
    let parsed = PhoneNumber::parse(spelling::without_trunk_zero(text, region).as_ref(), region).ok()?;
    let is_whole = match kind_of(&parsed) {
        NumberKind::FixedOrMobile | NumberKind::Other | NumberKind::PremiumRate | NumberKind::SharedCost => true,
        NumberKind::Unassigned => region.is_none() && numbering::has_possible_length(&parsed),
    };
    is_whole.then(|| numbering::national_length(&parsed))
}

/// A number written with its country code.
fn international(number: &str) -> Result<Phone, String> {
    let number = spelling::without_trunk_zero(number, None);
    let parsed = PhoneNumber::parse(number.as_ref(), None).map_err(|_| unreadable(None))?;
    usable(&parsed, &number, None)
}

/// A number as it is written inside a region. Where it begins with the region's own country code, a `+` may be lost.
fn national(number: &str, region: Region) -> Result<Phone, String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let code = country_code(region).unwrap_or_default();
    // in North America the country code is the trunk prefix too: both readings are one number
    if code != numbering::NORTH_AMERICA && digits.starts_with(&code.to_string()) {
        return without_plus(number, &digits, &code.to_string(), region);
    }
    let number = spelling::without_trunk_zero(number, Some(region));
    let parsed = PhoneNumber::parse(number.as_ref(), Some(region)).map_err(|_| unreadable(Some(region)))?;
    usable(&parsed, &number, Some(region))
}

/// Digits that begin with the region's country code are that code and a number, or a national number that begins so by
/// chance (in Germany 0491 to 0497 are area codes). The numbering plan decides where it knows only one of them.
fn without_plus(number: &str, digits: &str, code: &str, region: Region) -> Result<Phone, String> {
    let with_plus = format!("+{}", number.trim_start_matches(['(', ' ']));
    let valid = |text: &str| {
        let text = spelling::without_trunk_zero(text, None);
        PhoneNumber::parse(text.as_ref(), None).ok().filter(|parsed| kind_of(parsed) != NumberKind::Unassigned)
    };
    let (stripped, standing) = (valid(&with_plus), valid(&format!("+{code}{digits}")));
    match (stripped, standing) {
        (Some(one), Some(other)) if one == other => usable(&one, digits, Some(region)),
        (Some(only), None) | (None, Some(only)) => usable(&only, digits, Some(region)),
        (Some(stripped), Some(standing)) => {
            let (stripped, standing) = (
                stripped.format_as(PhoneNumberFormat::International).into_owned(),
                standing.format_as(PhoneNumberFormat::National).into_owned(),
            );
            Err(format!("it may be {stripped} or {standing}: {}", remedy(region)))
        }
        (None, None) => {
            let rest = &digits[code.len()..];
            let standing = format!("{}{digits}", trunk_prefix(region));
            Err(format!("neither +{code} {rest} nor {standing} is a valid number of {region}: {}", remedy(region)))
        }
    }
}

/// How to write a number so that it has one reading.
fn remedy(region: Region) -> String {
    match trunk_prefix(region) {
        "" => "write it with `+`".to_owned(),
        trunk => format!("write it with `+` or with `{trunk}`"),
    }
}

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

/// A number in no assigned range is usable only when it was written as E.164 and its length is possible there.
fn check_unassigned(parsed: &PhoneNumber, number: &str, region: Option<Region>) -> Result<(), String> {
    if let Some(region) = region {
        return Err(format!("it is not a valid number of {region}; a number of another country is written with `+`"));
    }
    if !numbering::has_possible_length(parsed) {
        return Err("its length doesn't fit its country".into());
    }
    if numbering::has_foreign_zero(parsed) {
        return Err("it has a 0 behind its country code, where no number of that country has one".into());
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
    /// Its ISO 3166 region, when the plans know it. Worked out when it is asked for, and that takes as long as reading.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        let parsed = PhoneNumber::parse(self.e164.as_str(), None).ok()?;
        parsed.get_region_code().or_else(|| numbering::only_region(&parsed)).map(|region| region.to_string())
    }

    /// As written in its country. Worked out when it is asked for: few payloads do.
    #[must_use]
    pub fn national(&self) -> String {
        let parsed = PhoneNumber::parse(self.e164.as_str(), None);
        parsed.map_or_else(
            |_| self.e164.as_str().to_owned(),
            |phone| phone.format_as(PhoneNumberFormat::National).into_owned(),
        )
    }
}
