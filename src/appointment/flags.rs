//! pure: reads a column of yes and no, in six languages.

use super::cell::without_spreadsheet_guards;

/// The value of a cell in such a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// A known word for yes.
    Yes,
    /// A known word for no.
    No,
    /// The cell is empty.
    Empty,
    /// A word whose meaning is unknown.
    Unknown,
}

/// Words for yes: English, Spanish, French, German, Portuguese and Italian, then check marks and databases (Oracle and PostgreSQL
/// write `t`/`f`, Access and Visual Basic −1 for true).
const YES: &[&str] = &[
    "yes",
    "y",
    "true",
    "on",
    "x",
    "sí",
    "si",
    "s",
    "verdadero",
    "oui",
    "o",
    "vrai",
    "v",
    "ja",
    "j",
    "wahr",
    "sim",
    "verdadeiro",
    "sì",
    "vero",
    "t",
    "✓",
    "✔",
    "☑",
    "✅",
];

/// The same languages; `no` is Spanish and Italian too, `falso` Spanish, Portuguese and Italian.
const NO: &[&str] =
    &["no", "n", "false", "off", "falso", "non", "faux", "nein", "falsch", "não", "nao", "f", "☐", "✗", "✘", "❌"];

/// Reads a cell; case and the blanks around it don't matter.
#[must_use]
pub fn read(cell: Option<&str>) -> Flag {
    let Some(text) = cell.map(without_spreadsheet_guards).filter(|text| !text.is_empty()) else { return Flag::Empty };
    if let Some(truth) = by_number(text) {
        return truth;
    }
    let word = composed(text);
    match word.as_str() {
        word if YES.contains(&word) => Flag::Yes,
        word if NO.contains(&word) => Flag::No,
        _ => Flag::Unknown,
    }
}

/// `1`, `-1`, `1.0` and `1,00` are yes; `0`, `0.0` and `-0` are no; another number is neither.
fn by_number(text: &str) -> Option<Flag> {
    let digits = text.strip_prefix(['-', '+', '\u{2212}']).unwrap_or(text);
    let (whole, fraction) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    Some(match (whole.trim_start_matches('0'), fraction.trim_end_matches('0')) {
        ("1", "") => Flag::Yes,
        ("", "") => Flag::No,
        _ => Flag::Unknown,
    })
}

/// The text in lower case, with each letter and its combining accent composed into one character.
fn composed(text: &str) -> String {
    text.to_lowercase().replace("i\u{301}", "í").replace("i\u{300}", "ì").replace("a\u{303}", "ã")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_are_known_in_six_languages_and_as_databases_write_them() {
        let yes =
            "true YES y x 1 On t T -1 1.0 1,00 +1 sí SÍ si s oui Oui vrai ja J wahr sim verdadeiro verdadero sì vero";
        let no = "false NO n 0 Off f F -0 0.0 0,00 no non faux nein falsch não nao NÃO falso";
        let unknown = "yes! 2 0.5 -2 unknown null n/a - ? tru 1e0 no! 1. ok 10 noon";
        for (words, flag) in [(yes, Flag::Yes), (no, Flag::No), (unknown, Flag::Unknown)] {
            for word in words.split(' ') {
                assert_eq!(read(Some(word)), flag, "{word}");
                assert_eq!(read(Some(&format!("\u{a0}'{word}\u{202f}"))), flag, "{word}, guarded");
                assert_eq!(read(Some(&format!("=\"{word}\""))), flag, "{word}, guarded");
            }
        }
        assert_eq!(read(Some("si\u{301}")), Flag::Yes);
        assert_eq!(read(Some("na\u{303}o")), Flag::No);
        assert_eq!(read(Some("yes please")), Flag::Unknown);
        for text in [None, Some(""), Some("  "), Some("\u{a0}"), Some("'"), Some("=\"\"")] {
            assert_eq!(read(text), Flag::Empty, "{text:?}");
        }
    }
}
