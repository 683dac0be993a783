//! pure: hides the phone numbers in a message about a text that may mean two numbers, before it is stored or printed.

use std::borrow::Cow;

/// Minimum digits of a phone number.
const MIN_DIGITS: usize = 7;
/// Visible digits at the end: a person recognises a number by them.
const LAST: usize = 4;
/// Visible digits at the beginning: the country and area codes, in which the two numbers differ.
const FIRST: usize = 5;

/// The sentence with the middle digits of every number hidden: `+49 170 5550142` becomes `+49170***0142`.
#[must_use]
pub fn masked(sentence: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = sentence;
    while let Some(start) = rest.find(|c: char| c == '+' || c.is_ascii_digit()) {
        let length = rest[start..].find(|c: char| !is_part(c)).unwrap_or(rest.len() - start);
        let run = rest[start..start + length].trim_end_matches(|c: char| !c.is_ascii_digit() && c != '+');
        shown.push_str(&rest[..start]);
        push_masked(&mut shown, run);
        rest = &rest[start + run.len()..];
    }
    if shown.is_empty() {
        return Cow::Borrowed(sentence);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Whether the character may be part of a written phone number.
fn is_part(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '+' | ' ' | '-' | '(' | ')' | '/' | '.')
}

fn push_masked(shown: &mut String, run: &str) {
    let digits: Vec<char> = run.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < MIN_DIGITS {
        shown.push_str(run);
        return;
    }
    if run.starts_with('+') {
        shown.push('+');
    }
    let first = FIRST.min(digits.len().saturating_sub(LAST + 3));
    shown.extend(&digits[..first]);
    shown.push_str("***");
    shown.extend(&digits[digits.len() - LAST..]);
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn the_middle_of_a_number_is_hidden_and_the_readings_still_differ() {
        assert_eq!(
            masked("it may be +49 170 5550142 or 0491 705550142: write it with `+` or with `0`"),
            "it may be +49170***0142 or 04917***0142: write it with `+` or with `0`"
        );
        assert_eq!(masked("`mobile`: (202) 555-0143."), "`mobile`: (202***0143.");
        for sentence in ["`phone` is empty", "its country is US, `allowed_countries`: CA", "(such as 1.5E+10)"] {
            assert_eq!(masked(sentence), sentence);
        }
    }
}
