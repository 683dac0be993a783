//! pure: reads one column of an appointment's id.

use std::borrow::Cow;

use super::cell::without_spreadsheet_guards;
use crate::row::unseen;

/// The value of an id's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdPart<'a> {
    /// An id, or a part of one.
    Text(Cow<'a, str>),
    /// Nothing, or a word for nothing.
    Nothing,
    /// A number with an exponent: a spreadsheet has rounded it, so several appointments may have the same.
    Rounded,
}

/// Words that programs write for a missing value: pandas, JavaScript, SQL, Ruby, Go, R, and spreadsheets' errors.
const NOTHING: &[&str] = &[
    "nan",
    "null",
    "none",
    "nil",
    "n/a",
    "#n/a",
    "na",
    "undefined",
    "-",
    "<na>",
    "(null)",
    "<null>",
    "<nil>",
    "nat",
    "#ref!",
    "#value!",
    "#name?",
    "#null!",
    "#num!",
    "#div/0!",
];

/// For each byte, whether a word that stands for no value begins with it, in upper or lower case.
const BEGINS_NOTHING: [bool; 256] = {
    let mut begins = [false; 256];
    let mut place = 0;
    while place < NOTHING.len() {
        let first = NOTHING[place].as_bytes()[0];
        begins[first.to_ascii_lowercase() as usize] = true;
        begins[first.to_ascii_uppercase() as usize] = true;
        place += 1;
    }
    begins
};

/// A fast check, by the first byte and a search for an exponent, that [`read`] would find an id in this cell; `false` means that
/// only [`read`] can decide. For large tables of which few rows are used.
#[must_use]
pub fn is_surely_text(cell: &[u8]) -> bool {
    // a cell that begins with a letter or digit has no spreadsheet's quoting; a number with an exponent begins with a digit here
    match cell.first() {
        Some(first) if first.is_ascii_alphabetic() => !BEGINS_NOTHING[usize::from(*first)] && cell.is_ascii(),
        Some(first) if first.is_ascii_digit() => {
            !cell.iter().any(|byte| matches!(byte, b'e' | b'E')) && cell.is_ascii()
        }
        Some(_) | None => false,
    }
}

/// Reads one column's text.
#[must_use]
pub fn read(cell: Cow<'_, str>) -> IdPart<'_> {
    let text = without_spreadsheet_guards(&cell);
    if unseen::trim(text).is_empty() || is_nothing(text) {
        return IdPart::Nothing;
    }
    if is_rounded(text) {
        return IdPart::Rounded;
    }
    if has_unseen(text) {
        return read(Cow::Owned(unseen::without(text)));
    }
    let text = without_empty_fraction(text);
    if text.len() == cell.len() {
        return IdPart::Text(cell);
    }
    IdPart::Text(match &cell {
        Cow::Borrowed(whole) => {
            let from = text.as_ptr() as usize - whole.as_ptr() as usize;
            Cow::Borrowed(&whole[from..from + text.len()])
        }
        Cow::Owned(_) => Cow::Owned(text.to_owned()),
    })
}

/// Whether it contains an invisible character: these are removed, so that ids that look the same are the same.
fn has_unseen(text: &str) -> bool {
    let may_have = text.bytes().any(|byte| !matches!(byte, b' '..=b'~'));
    may_have && text.contains(unseen::is_inside_nothing)
}

fn is_nothing(text: &str) -> bool {
    const MAX_LENGTH: usize = 9;
    let may_be = text.len() <= MAX_LENGTH && BEGINS_NOTHING[usize::from(text.as_bytes()[0])];
    may_be && NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether it is a number with an exponent: `1.00012E+11`, `1,2e11`, `5E+10`. Without a fraction or a sign of the exponent it is an
/// ordinary id, such as `12E45`.
fn is_rounded(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let unsigned = exponent.strip_prefix(['+', '-']);
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let fraction = mantissa.split_once(['.', ',']);
    let is_number = fraction.map_or_else(|| digits(mantissa), |(whole, fraction)| digits(whole) && digits(fraction));
    is_number && digits(unsigned.unwrap_or(exponent)) && (fraction.is_some() || unsigned.is_some())
}

/// Removes a fraction of zeros: a column of decimals writes the id 1001 as `1001.0` or `1001.00`.
fn without_empty_fraction(text: &str) -> &str {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction))
            if digits(whole.strip_prefix('-').unwrap_or(whole))
                && !fraction.is_empty()
                && fraction.bytes().all(|byte| byte == b'0') =>
        {
            whole
        }
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_surely_a_text_at_first_glance_is_read_as_one(
            cell in prop_oneof![
                "[ '\"=]{0,2}[-+]?[0-9]{0,4}[.,]?[0-9]{0,3}[eE]?[-+]?[0-9]{0,3}",
                "[ ']?([nN][aAuUiIoO][a-zA-Z]{0,5}|#?[nN]/?[aA]|undefined|[Nn]one)[ -]?",
                "\\PC{0,12}",
                prop::sample::select(NOTHING).prop_map(str::to_uppercase),
            ],
        ) {
            let read = read(Cow::Borrowed(&cell));
            prop_assert!(!is_surely_text(cell.as_bytes()) || matches!(read, IdPart::Text(_)), "{cell:?}: {read:?}");
        }
    }

    #[test]
    fn common_ids_are_surely_texts() {
        for id in ["1001", "A-17", "b-000001", "0199a1", "X", "7"] {
            assert!(is_surely_text(id.as_bytes()), "{id}");
        }
        for other in ["", " 1001", "NULL", "none", "na", "u-17", "12E45", "'7", "-", "\u{e9}7", "7\u{e9}"] {
            assert!(!is_surely_text(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_word_for_nothing_is_nothing_a_rounded_number_no_id_and_an_empty_fraction_goes() {
        let text = |text: &'static str| IdPart::Text(Cow::Borrowed(text));
        for (cell, expected) in [
            ("1001", text("1001")),
            (" A-17 ", text("A-17")),
            ("'0017", text("0017")),
            ("=\"0017\"", text("0017")),
            ("1001.0", text("1001")),
            ("1001.00", text("1001")),
            ("-5.0", text("-5")),
            ("100012000000000000001.0", text("100012000000000000001")),
            ("10\u{200b}01", IdPart::Text(Cow::Owned("1001".to_owned()))),
            ("\u{202a}A-17\u{202c}", text("A-17")),
            ("A\u{ad}-\u{2060}17\u{feff}", text("A-17")),
            ("A-17\u{fe0f}", text("A-17")),
            ("A\u{1}17", text("A17")),
            ("A\t17", text("A\t17")),
            ("A\u{a0}17", text("A\u{a0}17")),
            ("Zoë-東", text("Zoë-東")),
            ("1001.5", text("1001.5")),
            ("1001.", text("1001.")),
            ("1.2.0", text("1.2.0")),
            ("v1.0", text("v1.0")),
            ("12E45", text("12E45")),
            ("E+11", text("E+11")),
            ("1.00012E+11x", text("1.00012E+11x")),
            ("nano", text("nano")),
            ("none-17", text("none-17")),
            ("--", text("--")),
            ("0", text("0")),
            ("", IdPart::Nothing),
            ("\u{a0}", IdPart::Nothing),
            ("\u{200b}\u{feff}", IdPart::Nothing),
            ("NaN", IdPart::Nothing),
            ("null", IdPart::Nothing),
            ("NULL", IdPart::Nothing),
            ("None", IdPart::Nothing),
            ("nil", IdPart::Nothing),
            ("N/A", IdPart::Nothing),
            ("#N/A", IdPart::Nothing),
            ("undefined", IdPart::Nothing),
            (" - ", IdPart::Nothing),
            ("n\u{200b}an", IdPart::Nothing),
            ("1.00012\u{200b}E+11", IdPart::Rounded),
            ("1.00012E+11", IdPart::Rounded),
            ("1,00012E+11", IdPart::Rounded),
            ("1.00012e11", IdPart::Rounded),
            ("1E+11", IdPart::Rounded),
            ("1e-7", IdPart::Rounded),
            ("-1.5E3", IdPart::Rounded),
            ("'1.00012E+11", IdPart::Rounded),
        ] {
            assert_eq!(read(Cow::Borrowed(cell)), expected, "{cell:?}");
            assert_eq!(read(Cow::Owned(cell.to_owned())), expected, "{cell:?}, owned");
        }
    }
}
