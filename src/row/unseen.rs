//! pure: blanks and characters nobody sees: which they are, what is left without them, and how a message shows them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character leaves no mark on paper: control characters, zero-width ones, marks of direction, tags.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Whether a character inside a word changes nothing of what is seen: an invisible one that is no blank, or one that
/// chooses between two shapes of the letter before it.
#[must_use]
pub fn is_inside_nothing(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}') || is_unseen(c) && !c.is_whitespace()
}

/// The text without invisible characters, those inside it too.
#[must_use]
pub fn without(text: &str) -> String {
    text.chars().filter(|c| !is_inside_nothing(*c)).collect()
}

/// The text without the blanks (of any kind) and invisible characters around it.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c))
}

/// Every blank inside a line as a plain one, so that a no-break space compares equal to a space.
#[must_use]
pub fn plain_blanks(text: &str) -> Cow<'_, str> {
    let is_odd = |c: char| c.is_whitespace() && !c.is_ascii();
    if text.is_ascii() || !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_odd(c) { ' ' } else { c }).collect())
}

/// A column's name in the one form in which names are compared.
#[must_use]
pub fn column_name(name: &str) -> Cow<'_, str> {
    let name = plain_blanks(name);
    let trimmed = match name {
        Cow::Borrowed(name) => Cow::Borrowed(trim(name)),
        Cow::Owned(name) => Cow::Owned(trim(&name).to_owned()),
    };
    if trimmed.contains('\r') { Cow::Owned(trimmed.replace("\r\n", "\n").replace('\r', "\n")) } else { trimmed }
}

/// A text for the middle of a message: line breaks and invisible characters are written out.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    shown(text).replace('\r', "\\r").replace('\n', "\\n")
}

/// The text with every invisible character written out, such as `\u{200b}`: two names that differ only in those look
/// different in a message.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unseen(c) {
            write!(shown, "{}", c.escape_unicode()).expect("a String takes all that is written");
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_without_what_nobody_sees_around_it() {
        for (written, wanted) in [
            ("phone", "phone"),
            ("\u{feff}phone\u{200b}", "phone"),
            ("\u{a0}Appt\u{a0}Date\u{3000}\u{202c}", "Appt Date"),
            ("Appt\r\nDate", "Appt\nDate"),
            ("Appt\rDate", "Appt\nDate"),
            ("zero\u{200d}width", "zero\u{200d}width"),
            ("", ""),
        ] {
            assert_eq!(column_name(written), wanted, "{written:?}");
        }
    }

    #[test]
    fn a_message_shows_what_nobody_sees() {
        assert_eq!(shown("Zoë M\u{fc}ller 東"), "Zoë Müller 東");
        assert_eq!(shown("a\u{200b}b\u{202e}\u{1}\u{ad}"), "a\\u{200b}b\\u{202e}\\u{1}\\u{ad}");
    }
}
