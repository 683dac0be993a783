//! pure: masks the phone numbers in a sentence before it is stored or printed. The sentence is about a text that may mean two
//! numbers, so enough digits stay visible to tell them apart.

use std::borrow::Cow;

/// The least number of digits that are taken for a phone number.
const MIN_DIGITS: usize = 7;
/// How many digits at the end stay visible: a person recognises a number by them.
const VISIBLE_AT_END: usize = 4;
/// How many digits at the beginning stay visible: the country and area codes, in which the two numbers differ.
const VISIBLE_AT_START: usize = 5;

/// The sentence with the middle digits of every number hidden: `+49 170 5550142` becomes `+49170***0142`.
#[must_use]
pub fn masked(sentence: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = sentence;
    while let Some(start) = rest.find(|c: char| c == '+' || c.is_ascii_digit()) {
        let length = rest[start..].find(|c: char| !is_phone_character(c)).unwrap_or(rest.len() - start);
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
fn is_phone_character(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '+' | ' ' | '-' | '(' | ')' | '/' | '.')
}

/// Adds one run of such characters, masked if it has enough digits for a phone number.
fn push_masked(shown: &mut String, run: &str) {
    let digits: Vec<char> = run.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < MIN_DIGITS {
        shown.push_str(run);
        return;
    }
    if run.starts_with('+') {
        shown.push('+');
    }
    let at_start = VISIBLE_AT_START.min(digits.len().saturating_sub(VISIBLE_AT_END + 3));
    shown.extend(&digits[..at_start]);
    shown.push_str("***");
    shown.extend(&digits[digits.len() - VISIBLE_AT_END..]);
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
