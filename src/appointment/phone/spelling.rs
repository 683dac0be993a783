//! pure: a phone number as people and programs write it, before the numbering plans are asked.

use std::borrow::Cow;

use rlibphonenumber::Region;

use super::numbering::{country_code, has_trunk_zero};
use crate::appointment::cell::without_spreadsheet_guards;

/// The number in a cell: without guards and a leading `tel:`, digits of other scripts as ASCII, exotic blanks and dashes
/// as plain ones, marks that aren't seen left out. Line breaks and tabs stay, as line breaks: they may part two numbers.
pub(super) fn number_in(cell: &str) -> Cow<'_, str> {
    let text = without_spreadsheet_guards(cell);
    let scheme = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    let text = scheme.map_or(text, |scheme| &text[scheme.len()..]);
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Cow::Borrowed(text.trim());
    }
    let plain: String =
        text.chars().filter_map(|letter| if is_break(letter) { Some('\n') } else { plain(letter) }).collect();
    let plain = plain.trim();
    // an invisible mark may have stood before the scheme or the guard
    Cow::Owned(plain.strip_prefix("tel:").map_or_else(|| without_spreadsheet_guards(plain), str::trim).to_owned())
}

fn is_break(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A letter of a phone as it is read: digits of other scripts are digits, exotic blanks and dashes plain ones; `None` for
/// marks that aren't seen.
#[must_use]
pub fn plain(letter: char) -> Option<char> {
    match letter {
        ' '..='~' => Some(letter),
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

/// A spreadsheet's number: what is left of it after rounding, or without its dot, is a stranger's.
pub(super) fn refuse_spreadsheet_number(text: &str) -> Result<(), String> {
    if is_exponent(text) {
        return Err("a spreadsheet turned it into a rounded number (such as 1.5E+10): export the column as text".into());
    }
    if is_decimal(text) {
        return Err("it is a decimal number, as a spreadsheet writes one: export the column as text".into());
    }
    Ok(())
}

/// `1.55501E+10`, `+1,55E10`, `155 e8`: digits, separators perhaps, and an exponent.
fn is_exponent(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.trim_start().trim_start_matches(['+', '-']);
    // a second number may follow a word such as Italian `e`
    (1..=3).contains(&exponent.len())
        && exponent.bytes().all(|byte| byte.is_ascii_digit())
        && mantissa.bytes().any(|byte| byte.is_ascii_digit())
        && mantissa.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'+' | b'-' | b' '))
}

/// `15550100000.0`, `+12025550143,50`, `1.202.555,00`. Dots between all groups (`06.12.34.56.78`) are a person's way of
/// writing, and so is one dot that parts an area code or a country code from the rest (`+1.2025550143`).
fn is_decimal(text: &str) -> bool {
    let Some(at) = text.rfind(['.', ',']) else { return false };
    let (whole, fraction) = (&text[..at], &text[at + 1..]);
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // a group of seven digits is a whole number, behind which there are no further groups
    let groups: Vec<&str> = text.trim_start_matches('+').split(&text[at..=at]).collect();
    if let [others @ .., _last] = groups.as_slice()
        && others.len() > 1
        && groups.iter().copied().all(are_digits)
        && others.iter().any(|group| group.len() >= 7)
    {
        return true;
    }
    if !are_digits(fraction) || whole.contains(&text[at..=at]) || !whole.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    // seven digits are a whole number already, of which fewer are a fraction
    let is_whole_number = are_digits(whole.trim_start_matches('+')) && whole.len() >= 7 && fraction.len() < 7;
    fraction.len() <= 2 || fraction.bytes().all(|byte| byte == b'0') || is_whole_number
}

/// Whether a second number or a part of one follows what is a whole number already: behind a slash, a bracket, a line
/// break, a tab, a comma, a word. `whole_digits` is how many digits a whole number has.
pub(super) fn holds_several(text: &str, whole_digits: impl Fn(&str) -> Option<usize>) -> bool {
    /// Fewer digits are an area code with the beginning of a number, unless what follows is a whole number too.
    const SURELY_WHOLE: usize = 7;
    if text.matches('+').count() > 1 {
        return true;
    }
    let parts_numbers = |letter: char| letter.is_alphabetic() || "/\\([{<\n,;|&".contains(letter);
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        let goes_on = before.is_alphabetic() && letter.is_alphabetic();
        before = letter;
        if goes_on || !parts_numbers(letter) {
            continue;
        }
        let (head, rest) = text.split_at(at);
        let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '+');
        if rest.is_empty() || is_extension(&text[at..]) {
            continue;
        }
        match whole_digits(head) {
            Some(digits) if digits >= SURELY_WHOLE || whole_digits(rest).is_some() => return true,
            Some(_) | None => {}
        }
    }
    false
}

/// Whether a text that could not be read is two whole numbers, whatever parts them: `2025550143 - 2025550144`.
pub(super) fn is_pair(text: &str, whole_digits: impl Fn(&str) -> Option<usize>) -> bool {
    /// As many digits as a number has at least that is whole beyond doubt.
    const WHOLE: usize = 7;
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let is_whole = |part: &str| digits(part) >= WHOLE && whole_digits(part).is_some_and(|digits| digits >= WHOLE);
    let ends = text.char_indices().filter(|(_, letter)| !letter.is_ascii_digit() && *letter != ')');
    ends.map(|(at, _)| text.split_at(at)).any(|(head, rest)| {
        is_whole(head) && is_whole(rest.trim_start_matches(|c: char| !c.is_ascii_digit() && !matches!(c, '+' | '(')))
    })
}

/// Refuses what is no part of one number.
pub(super) fn refuse_other_signs(text: &str) -> Result<(), String> {
    if text.char_indices().any(|(at, letter)| (letter.is_alphabetic() || letter == ';') && is_extension(&text[at..])) {
        return Err("it has an extension, which can't be dialled: use a direct number".into());
    }
    match text.chars().find(|letter| !is_dialled(*letter)) {
        None => Ok(()),
        Some(letter) if letter.is_alphabetic() => Err("it holds letters: write digits".into()),
        Some('*' | '#') => Err("`*` and `#` are codes of a network, no phone number".into()),
        Some(_) => Err("it holds characters that are no part of a phone number (one number a column)".into()),
    }
}

fn is_dialled(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '+' | ' ' | '-' | '.' | '(' | ')' | '/' | '\n')
}

/// Whether the end of a text is `ext. 12`, `x12` or `;ext=12`.
fn is_extension(end: &str) -> bool {
    let lower = end.to_ascii_lowercase();
    [";ext=", "extension", "ext.", "ext", "x"].iter().any(|mark| {
        let Some(rest) = lower.strip_prefix(mark) else { return false };
        let rest = rest.trim_matches([' ', ':', '.']);
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `+44 (0)20 7946 0958`: the zero in brackets is dialled inside the country only, unless it belongs to the number, as in
/// Italy. `region` reads what is written without a country code: there it stays.
pub(super) fn without_trunk_zero(number: &str, region: Option<Region>) -> Cow<'_, str> {
    let Some((from, to)) = bracketed_zero(number) else { return Cow::Borrowed(number) };
    let before: String = number[..from].chars().filter(char::is_ascii_digit).collect();
    let code = match region {
        None => before.as_str(),
        // the country code follows the digits for abroad
        Some(region) if country_code(region).is_some() => before.strip_prefix("00").unwrap_or(""),
        Some(_) => "",
    };
    match has_trunk_zero(code) {
        true => Cow::Owned(format!("{} {}", &number[..from], &number[to..])),
        false => Cow::Borrowed(number),
    }
}

/// Where `(0)` stands, blanks inside it or not.
fn bracketed_zero(number: &str) -> Option<(usize, usize)> {
    let from = number.find('(').and_then(|_| {
        number.match_indices('(').map(|(at, _)| at).find(|at| number[at + 1..].trim_start().starts_with("0"))
    })?;
    let inside = number[from + 1..].trim_start().strip_prefix('0')?.trim_start();
    let behind = inside.strip_prefix(')')?;
    Some((from, number.len() - behind.len()))
}
