//! pure: a phone column's text → a number that may be called, or why not. No message holds a number.

use std::borrow::Cow;

use rlibphonenumber::{PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use super::{Phone, PhoneProblem};

/// The longest text that is looked at: a number, its punctuation and a word.
const LONGEST: usize = 60;

/// Reads one number; `default_region` (such as `US`) reads national ones.
///
/// # Errors
/// [`PhoneProblem::Missing`] for an empty text, else why it isn't usable, with the remedy.
pub fn read(text: &str, default_region: Option<&str>) -> Result<Phone, PhoneProblem> {
    let normal = normalised(text);
    if normal.is_empty() {
        return Err(PhoneProblem::Missing);
    }
    read_normalised(&normal, default_region).map_err(PhoneProblem::Invalid)
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
    // any number will do
    let _read = read("+12025550143", None);
}

/// Whether a region's code is one that numbers can be read in.
#[must_use]
pub fn is_region(code: &str) -> bool {
    region(code).is_some()
}

fn region(code: &str) -> Option<Region> {
    let region: Region = code.trim().to_ascii_uppercase().parse().ok()?;
    rlibphonenumber::PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| region)
}

/// Full-width and other digits as ASCII, exotic blanks and dashes as plain ones, bidi marks and a leading `tel:` gone.
fn normalised(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let text = text.strip_prefix("tel:").unwrap_or(text);
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Cow::Borrowed(text.trim());
    }
    let plain: String = text.chars().filter_map(plain).collect();
    Cow::Owned(plain.trim().to_owned())
}

/// A letter of a phone as it is read: digits of other scripts are digits, exotic blanks and dashes plain ones; `None` for
/// marks that aren't seen.
#[must_use]
pub fn plain(letter: char) -> Option<char> {
    match letter {
        '\u{FF10}'..='\u{FF19}' => char::from_digit(u32::from(letter) - 0xFF10, 10),
        '\u{0660}'..='\u{0669}' => char::from_digit(u32::from(letter) - 0x0660, 10),
        '\u{06F0}'..='\u{06F9}' => char::from_digit(u32::from(letter) - 0x06F0, 10),
        '\u{FF0B}' => Some('+'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FF0D}' => Some('-'),
        '\u{FF08}' => Some('('),
        '\u{FF09}' => Some(')'),
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{AD}' => None,
        blank if blank.is_whitespace() => Some(' '),
        other => Some(other),
    }
}

fn read_normalised(text: &str, default_region: Option<&str>) -> Result<Phone, String> {
    if text.len() > LONGEST {
        return Err("it is too long to be a phone number".into());
    }
    if is_exponent(text) {
        return Err("a spreadsheet turned it into a rounded number (such as 1.5E+10): export the column as text".into());
    }
    if is_decimal(text) {
        return Err("it is a decimal number, as a spreadsheet writes one: export the column as text".into());
    }
    let (number, extension) = split_extension(text);
    if extension {
        return Err("it has an extension, which can't be dialled: use a direct number".into());
    }
    if let Some(strange) = number.chars().find(|letter| !is_dialled(*letter)) {
        return Err(match strange {
            letter if letter.is_alphabetic() => "it holds letters: write digits".into(),
            '*' | '#' => "`*` and `#` are codes of a network, no phone number".into(),
            _ => "it holds characters that are no part of a phone number (one number a column)".into(),
        });
    }
    let is_international = number.starts_with('+') || number.starts_with("(+");
    if number.matches('+').count() > usize::from(is_international) {
        return Err("it holds more than one number".into());
    }
    let number = without_trunk_zero(number, is_international);
    let region = match (is_international, default_region) {
        (true, _) => None,
        (false, Some(code)) => Some(region(code).ok_or_else(|| format!("`default_region` `{code}` is no region"))?),
        (false, None) => {
            return Err("it is a national number: set `default_region` (such as \"US\") or write it with `+`".into());
        }
    };
    usable(&number, region)
}

/// `+44 (0)20 7946 0958`: the zero in brackets is dialled inside the country only.
fn without_trunk_zero(number: &str, is_international: bool) -> Cow<'_, str> {
    match is_international && number.contains("(0)") {
        true => Cow::Owned(number.replacen("(0)", "", 1)),
        false => Cow::Borrowed(number),
    }
}

fn is_dialled(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '+' | ' ' | '-' | '.' | '(' | ')' | '/')
}

/// `1.55501E+10`, `1,55E10`: digits, a separator perhaps, and an exponent.
fn is_exponent(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.trim_start_matches(['+', '-']);
    !exponent.is_empty()
        && exponent.bytes().all(|byte| byte.is_ascii_digit())
        && mantissa.bytes().any(|byte| byte.is_ascii_digit())
        && mantissa.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'+' | b'-'))
}

/// `15550100000.0`: what is left of a rounded number may be a stranger's. Two dots (`202.555.0143`) or a plus are a
/// person's way of writing.
fn is_decimal(text: &str) -> bool {
    text.split_once('.').is_some_and(|(whole, fraction)| {
        [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// Cuts `ext. 12`, `x12`, `;ext=12` off, and tells whether it was there.
fn split_extension(text: &str) -> (&str, bool) {
    if !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return (text, false);
    }
    let lower = text.to_ascii_lowercase();
    for mark in [";ext=", "extension", "ext.", "ext", "x"] {
        if let Some(at) = lower.find(mark) {
            let rest = lower[at + mark.len()..].trim_matches([' ', ':', '.']);
            if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) && text.is_char_boundary(at) {
                return (&text[..at], true);
            }
        }
    }
    (text, false)
}

fn usable(number: &str, region: Option<Region>) -> Result<Phone, String> {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits < 7 {
        return Err("it is too short: emergency and short numbers are never called".into());
    }
    let parsed = PhoneNumber::parse(number, region).map_err(|_| unreadable(region))?;
    let kind = kind_of(&parsed);
    match kind {
        Kind::Ordinary => {}
        Kind::PremiumRate => return Err("it is a premium-rate number, which is never called".into()),
        Kind::SharedCost => return Err("it is a shared-cost number, which is never called".into()),
        Kind::Unassigned => check_unassigned(&parsed, number, region)?,
    }
    let e164 = parsed.format_as(PhoneNumberFormat::E164).into_owned();
    if is_premium_range(&e164) {
        return Err("it is in a premium-rate range, which is never called".into());
    }
    Ok(Phone { e164, is_unassigned: kind == Kind::Unassigned })
}

/// What is asked of a number's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ordinary,
    PremiumRate,
    SharedCost,
    /// No region's plan knows of what type it is.
    Unassigned,
}

fn kind_of(parsed: &PhoneNumber) -> Kind {
    let is_north_american = parsed.country_code == NORTH_AMERICA;
    let short_way = if is_north_american { north_american(parsed) } else { None };
    short_way.unwrap_or_else(|| by_type(parsed))
}

/// What the plan of the number's own region says.
fn by_type(parsed: &PhoneNumber) -> Kind {
    match parsed.get_type() {
        PhoneNumberType::PremiumRate => Kind::PremiumRate,
        PhoneNumberType::SharedCost => Kind::SharedCost,
        PhoneNumberType::Unknown => Kind::Unassigned,
        _ => Kind::Ordinary,
    }
}

const NORTH_AMERICA: i32 = 1;

/// Two dozen regions share North America's plan, and finding the one that a number belongs to mostly means asking for its
/// type already. There premium rates have an area of their own, and nobody shares costs. `None` for the islands, which are
/// found by their area codes alone.
fn north_american(parsed: &PhoneNumber) -> Option<Kind> {
    match parsed.get_region_code() {
        None => Some(Kind::Unassigned),
        Some(Region::US | Region::CA) if parsed.national_number / 10_000_000 == 900 => Some(Kind::PremiumRate),
        Some(Region::US | Region::CA) => Some(Kind::Ordinary),
        Some(_) => None,
    }
}

impl Phone {
    /// Its ISO 3166 region, when the plans know it. Worked out when it is asked for, and that takes as long as reading.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        let parsed = PhoneNumber::parse(self.e164.as_str(), None).ok()?;
        parsed.get_region_code().or_else(|| only_region(&parsed)).map(|region| region.to_string())
    }

    /// As written in its country. Worked out when it is asked for: few payloads do.
    #[must_use]
    pub fn national(&self) -> String {
        let parsed = PhoneNumber::parse(self.e164.as_str(), None);
        parsed.map_or_else(|_| self.e164.clone(), |phone| phone.format_as(PhoneNumberFormat::National).into_owned())
    }
}

fn unreadable(region: Option<Region>) -> String {
    match region {
        Some(region) => format!("it is no phone number of {region}"),
        None => "it is no phone number of any country".into(),
    }
}

/// A number in no assigned range is usable only when it was written as E.164 and its length is possible there.
fn check_unassigned(parsed: &PhoneNumber, number: &str, region: Option<Region>) -> Result<(), String> {
    if let Some(region) = region {
        return Err(format!("it is no valid number of {region}; a number of another country is written with `+`"));
    }
    if parsed.is_possible_with_reason() != Ok(rlibphonenumber::NumberLengthType::IsPossible) {
        return Err("its length doesn't fit its country".into());
    }
    let written: String = number.chars().filter(char::is_ascii_digit).collect();
    let e164 = parsed.format_as(PhoneNumberFormat::E164);
    if e164.trim_start_matches('+') != written {
        return Err("it is no valid number of its country".into());
    }
    Ok(())
}

/// North America's 900 numbers, of which the plans know the assigned ones only, and the 976 exchange of every area.
fn is_premium_range(e164: &str) -> bool {
    e164.strip_prefix("+1").is_some_and(|rest| rest.starts_with("900") || rest.get(3..6) == Some("976"))
}

/// The region of a country code that has one region only.
fn only_region(parsed: &PhoneNumber) -> Option<Region> {
    let mut regions = rlibphonenumber::PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(parsed.country_code)?;
    let first = regions.next()?;
    regions.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn north_americas_short_way_says_what_the_plans_say() {
        for area in 200..1000 {
            for exchange in ["200", "211", "345", "555", "700", "800", "976", "999"] {
                for line in ["0000", "0143", "1212", "9999"] {
                    let number = format!("+1{area}{exchange}{line}");
                    let Ok(parsed) = PhoneNumber::parse(number.as_str(), None) else { continue };
                    assert_eq!(kind_of(&parsed), by_type(&parsed), "area {area}, exchange {exchange}, line {line}");
                }
            }
        }
    }
}
