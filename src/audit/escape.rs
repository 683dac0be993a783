//! pure: texts of others, made harmless for a terminal and for a spreadsheet.

use std::fmt::Write;

/// Escapes what could forge a line, move a terminal's cursor or turn the text around: C0, DEL, C1, line separators and
/// marks of direction, written as `\u{1b}`.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_treacherous(c) {
            write!(safe, "{}", c.escape_unicode()).expect("a String takes all that is written");
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The JSON text without anything that a terminal would obey. JSON itself leaves DEL, C1 and marks of direction as they are: here
/// they are written as `\u202e`, so that every value stays exact.
#[must_use]
pub fn json(text: &str) -> String {
    // line ends and blanks of the layout stay: within a value JSON has escaped C0 already
    in_jsons_form(text, |c| is_treacherous(c) && c >= '\u{7f}')
}

/// An entry of a log: nothing in it can end its line. In JSON's form, so that a line of JSON stays one.
#[must_use]
pub fn one_line(text: &str) -> String {
    in_jsons_form(text, is_treacherous)
}

fn in_jsons_form(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_escaped(c) {
            write!(safe, "\\u{:04x}", u32::from(c)).expect("a String takes all that is written");
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether a character forges lines, moves a cursor or turns the reading direction.
#[must_use]
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A cell that no spreadsheet takes for a formula: after its blanks, a dangerous first character gets a quote before it.
#[must_use]
pub fn cell(text: &str) -> std::borrow::Cow<'_, str> {
    let first = text.trim_start_matches([' ', '\u{a0}']).chars().next();
    match first {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => format!("'{text}").into(),
        Some(_) | None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_and_names_stay_whole() {
        assert_eq!(escape("Bob\n<2>ok\u{1b}[2J\u{9b}\u{202e}"), r"Bob\u{a}<2>ok\u{1b}[2J\u{9b}\u{202e}");
        assert_eq!(escape("Zoë Müßig 東"), "Zoë Müßig 東");
    }

    #[test]
    fn json_stays_exact_and_tells_a_terminal_nothing() {
        let value = serde_json::json!({"name": "Bob\n<2>ok\u{1b}[2J\u{9b}2J\u{7f}\u{202e}\u{feff}Zoë"});
        let written = json(&serde_json::to_string_pretty(&value).expect("it is JSON"));
        assert!(!written.chars().any(|c| c != '\n' && is_treacherous(c)), "{written:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).expect("it is JSON"), value);
    }

    #[test]
    fn nothing_in_an_entry_ends_its_line() {
        assert_eq!(one_line("Bob\n<2>audit ok\x1b[2J"), "Bob\\u000a<2>audit ok\\u001b[2J");
        assert_eq!(one_line("a\u{202e}b\u{85}c\u{2028}d\u{7f}"), "a\\u202eb\\u0085c\\u2028d\\u007f");
        assert_eq!(one_line("Zoë Müßig, 9 o'clock"), "Zoë Müßig, 9 o'clock");
    }

    #[test]
    fn a_formula_is_only_a_text() {
        for text in ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", "\r=1"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["", "1=1", "Zoë", "'=1"] {
            assert_eq!(cell(text), text);
        }
    }
}
