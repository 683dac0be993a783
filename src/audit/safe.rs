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

fn is_treacherous(c: char) -> bool {
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
    fn a_formula_is_only_a_text() {
        for text in ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", "\r=1"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["", "1=1", "Zoë", "'=1"] {
            assert_eq!(cell(text), text);
        }
    }
}
