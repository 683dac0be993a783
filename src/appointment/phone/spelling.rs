//! pure: checks and cleans the text of a phone number before it is checked against the numbering plans.

use std::borrow::Cow;

use rlibphonenumber::Region;

use super::numbering::{country_code, has_trunk_zero};
use crate::appointment::cell::without_spreadsheet_guards;

/// The cell's text without a spreadsheet's quoting (`'` or `="…"`), a leading `tel:`, invisible characters, and the commas and
/// semicolons behind it that are left of a joined list; digits, blanks and dashes of other scripts become ASCII. Line breaks and
/// tabs become `\n`, because they may separate two numbers.
pub(super) fn number_in(cell: &str) -> Cow<'_, str> {
    let text = without_spreadsheet_guards(cell);
    let scheme = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    let text = scheme.map_or(text, |scheme| &text[scheme.len()..]);
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Cow::Borrowed(text.trim_start().trim_end_matches(LIST_END));
    }
    let plain: String =
        text.chars().filter_map(|letter| if is_break(letter) { Some('\n') } else { to_ascii(letter) }).collect();
    let plain = plain.trim_start().trim_end_matches(LIST_END);
    // again: an invisible character may have hidden the scheme or the quoting
    Cow::Owned(plain.strip_prefix("tel:").map_or_else(|| without_spreadsheet_guards(plain), str::trim).to_owned())
}

/// What may stand behind the last number of a list.
const LIST_END: [char; 4] = [' ', '\n', ',', ';'];

fn is_break(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The digits of a text, those of other scripts as ASCII.
pub fn digits(text: &str) -> impl DoubleEndedIterator<Item = char> {
    text.chars().filter_map(to_ascii).filter(char::is_ascii_digit)
}

/// A character of a phone number as ASCII, where it is a digit, blank, dash, bracket or plus of another script; `None` for an
/// invisible character.
#[must_use]
pub fn to_ascii(letter: char) -> Option<char> {
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

/// Refuses a phone number that a spreadsheet turned into a decimal: its digits may be rounded, and would call a stranger.
pub(super) fn refuse_spreadsheet_number(text: &str) -> Result<(), String> {
    if is_exponent(text) {
        return Err("a spreadsheet turned it into a rounded number (such as 1.5E+10): export the column as text".into());
    }
    if is_decimal(text) {
        return Err("it is a decimal number, as a spreadsheet writes one: export the column as text".into());
    }
    Ok(())
}

/// Whether the text is a number with an exponent: `1.55501E+10`, `+1,55E10`, `155 e8`.
fn is_exponent(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.trim_start().trim_start_matches(['+', '-']);
    // a longer run of digits is a second phone number after a word such as Italian `e` (and)
    (1..=3).contains(&exponent.len())
        && exponent.bytes().all(|byte| byte.is_ascii_digit())
        && mantissa.bytes().any(|byte| byte.is_ascii_digit())
        && mantissa.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'+' | b'-' | b' '))
}

/// Whether the text is a decimal number: `15550100000.0`, `+12025550143,50`, `1.202.555,00`. Not one with dots between all
/// groups (`06.12.34.56.78`) or after its area or country code (`+1.2025550143`): people write phone numbers so.
fn is_decimal(text: &str) -> bool {
    let Some(at) = text.rfind(['.', ',']) else { return false };
    let (whole, fraction) = (&text[..at], &text[at + 1..]);
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // people don't write seven digits as one group and then further groups
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
    // after seven digits a shorter group is a fraction
    let is_whole_number = are_digits(whole.trim_start_matches('+')) && whole.len() >= 7 && fraction.len() < 7;
    fraction.len() <= 2 || fraction.bytes().all(|byte| byte == b'0') || is_whole_number
}

/// Whether a complete number is followed by a second one or a part of it, after a slash, bracket, line break, tab, comma or word.
/// `complete_digits` returns how many digits a text has that is a complete number.
pub(super) fn holds_several(text: &str, complete_digits: impl Fn(&str) -> Option<usize>) -> bool {
    /// From this many digits on a first part is surely more than an area code. With fewer it may be an area code and the
    /// beginning of a number: then the rest has to be complete, too.
    const SURELY_COMPLETE: usize = 7;
    if text.matches('+').count() > 1 {
        return true;
    }
    let is_separator = |letter: char| letter.is_alphabetic() || "/\\([{<\n,;|&".contains(letter);
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        let is_inside_word = before.is_alphabetic() && letter.is_alphabetic();
        before = letter;
        if is_inside_word || !is_separator(letter) {
            continue;
        }
        let (head, rest) = text.split_at(at);
        let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '+');
        if rest.is_empty() || is_extension(&text[at..]) {
            continue;
        }
        match complete_digits(head) {
            Some(digits) if digits >= SURELY_COMPLETE || complete_digits(rest).is_some() => return true,
            Some(_) | None => {}
        }
    }
    false
}

/// Whether a text that could not be read is two complete numbers with any separator: `2025550143 - 2025550144`.
pub(super) fn is_pair(text: &str, complete_digits: impl Fn(&str) -> Option<usize>) -> bool {
    /// Minimum digits of each of the two.
    const MIN_DIGITS: usize = 7;
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let is_complete =
        |part: &str| digits(part) >= MIN_DIGITS && complete_digits(part).is_some_and(|digits| digits >= MIN_DIGITS);
    let ends = text.char_indices().filter(|(_, letter)| !letter.is_ascii_digit() && *letter != ')');
    ends.map(|(at, _)| text.split_at(at)).any(|(head, rest)| {
        is_complete(head)
            && is_complete(rest.trim_start_matches(|c: char| !c.is_ascii_digit() && !matches!(c, '+' | '(')))
    })
}

/// Refuses an extension and every character that can't be part of one phone number.
pub(super) fn refuse_other_signs(text: &str) -> Result<(), String> {
    if text.char_indices().any(|(at, letter)| (letter.is_alphabetic() || letter == ';') && is_extension(&text[at..])) {
        return Err("it has an extension, which can't be dialled: use a direct number".into());
    }
    match text.chars().find(|letter| !is_dialled(*letter)) {
        None => Ok(()),
        Some(letter) if letter.is_alphabetic() => Err("it holds letters: write digits".into()),
        Some('*' | '#') => Err("`*` and `#` are codes of a network, not a phone number".into()),
        Some(_) => Err("it holds characters that can't be part of a phone number (one number a column)".into()),
    }
}

fn is_dialled(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '+' | ' ' | '-' | '.' | '(' | ')' | '/' | '\n')
}

/// Whether the end of a text is `ext. 12`, `x12` or `;ext=12`.
fn is_extension(end: &str) -> bool {
    let lower = end.to_ascii_lowercase();
    [";ext", "extension", "ext", "x"].iter().any(|mark| {
        let Some(rest) = lower.strip_prefix(mark) else { return false };
        let rest = rest.trim_matches([' ', ':', '.', '=']);
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Removes the zero in brackets from a number such as `+44 (0)20 7946 0958`, because it is dialled inside the country only; not
/// where it belongs to the number, as in Italy. `region` is given for a number without `+`: there it is removed only after `00` and a country code.
pub(super) fn without_trunk_zero(number: &str, region: Option<Region>) -> Cow<'_, str> {
    let Some((from, to)) = bracketed_zero(number) else { return Cow::Borrowed(number) };
    let before: String = number[..from].chars().filter(char::is_ascii_digit).collect();
    let code = match region {
        None => before.as_str(),
        // the country code follows the international prefix 00
        Some(region) if country_code(region).is_some() => before.strip_prefix("00").unwrap_or(""),
        Some(_) => "",
    };
    match has_trunk_zero(code) {
        true => Cow::Owned(format!("{} {}", &number[..from], &number[to..])),
        false => Cow::Borrowed(number),
    }
}

/// The byte range of `(0)`; there may be blanks inside the brackets.
fn bracketed_zero(number: &str) -> Option<(usize, usize)> {
    let from = number.find('(').and_then(|_| {
        number.match_indices('(').map(|(at, _)| at).find(|at| number[at + 1..].trim_start().starts_with("0"))
    })?;
    let inside = number[from + 1..].trim_start().strip_prefix('0')?.trim_start();
    let behind = inside.strip_prefix(')')?;
    Some((from, number.len() - behind.len()))
}
