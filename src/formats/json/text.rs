//! pure: JSON text as senders really write it: halves of characters repaired, and what is no JSON named.

use std::borrow::Cow;

/// The text with the escape of each lone surrogate (half a character, as a name cut in the middle of an emoji leaves it)
/// replaced by that of U+FFFD. Escapes keep their length, so places in the text stay what they are.
pub(super) fn without_lone_surrogates(text: &[u8]) -> Cow<'_, [u8]> {
    let mut repaired = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &text[at..]) {
        at += found;
        match surrogate(&text[at..]) {
            None => at += 2,
            Some(Half::High) if surrogate(text.get(at + 6..).unwrap_or_default()) == Some(Half::Low) => at += 12,
            Some(Half::High | Half::Low) => {
                repaired.to_mut()[at + 2..at + 6].copy_from_slice(b"fffd");
                at += 6;
            }
        }
        if at >= text.len() {
            break;
        }
    }
    repaired
}

/// The text with each number between quotes that a machine's number would round or write otherwise (an id of 20 digits,
/// `1.0E5`), so that a tree made of it still has every digit.
pub(super) fn long_numbers_as_texts(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let mut quoted: Vec<u8> = Vec::new();
    let (mut at, mut copied) = (0, 0);
    while at < text.len() {
        match text[at] {
            b'"' => at = behind_text(&text, at + 1),
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                let end = text[at..].iter().position(|byte| !is_part(byte)).map_or(text.len(), |length| at + length);
                if !is_kept_exactly(&text[at..end]) {
                    quoted.extend_from_slice(&text[copied..at]);
                    quoted.push(b'"');
                    quoted.extend_from_slice(&text[at..end]);
                    quoted.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return text;
    }
    quoted.extend_from_slice(&text[copied..]);
    Cow::Owned(quoted)
}

/// The place behind the quote that ends a text.
fn behind_text(text: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// Whether a number is written as its value is; what is no number in JSON stays as it is, to be refused.
fn is_kept_exactly(number: &[u8]) -> bool {
    // a price may lose the zero behind its point: it stays a number that can be compared
    let is_short = number.len() <= 15 && !number.iter().any(|byte| matches!(byte, b'e' | b'E'));
    let Ok(text) = std::str::from_utf8(number) else { return true };
    is_short || serde_json::from_str::<serde_json::Number>(text).map_or(true, |read| read.to_string() == text)
}

/// The half of a character that an escape encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    High,
    Low,
}

fn surrogate(text: &[u8]) -> Option<Half> {
    let digits = std::str::from_utf8(text.strip_prefix(b"\\u")?.get(..4)?).ok()?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

/// Words that other languages write where JSON wants a value, and what JSON would write instead.
const WORDS: [(&str, &str); 10] = [
    ("NaN", "null"),
    ("nan", "null"),
    ("Infinity", "null"),
    ("-Infinity", "null"),
    ("inf", "null"),
    ("-inf", "null"),
    ("undefined", "null"),
    ("None", "null"),
    ("True", "true"),
    ("False", "false"),
];

/// What stands at a place of the text where no JSON can: only what is known, because anything else may be personal.
pub(super) fn what_is_there(text: &[u8], line: usize, column: usize) -> Option<String> {
    let at = place(text, line, column)?;
    // the reader stops at the first letter that doesn't fit, or behind it
    [at, at.saturating_sub(1)].into_iter().find_map(|at| known_word(text, at).or_else(|| known_mark(text, at)))
}

fn place(text: &[u8], line: usize, column: usize) -> Option<usize> {
    let begin = match line {
        0 | 1 => 0,
        line => memchr::memchr_iter(b'\n', text).nth(line - 2)? + 1,
    };
    Some((begin + column.saturating_sub(1)).min(text.len()))
}

fn known_word(text: &[u8], at: usize) -> Option<String> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let begin = at - text[..at].iter().rev().take(20).take_while(|byte| is_letter(byte)).count();
    let end = at + text[at..].iter().take(20).take_while(|byte| is_letter(byte)).count();
    let found = std::str::from_utf8(&text[begin..end]).ok()?;
    let (word, instead) = WORDS.iter().find(|(word, _)| *word == found)?;
    Some(format!("`{word}` is there, which is not JSON: the sender must write `{instead}`"))
}

fn known_mark(text: &[u8], at: usize) -> Option<String> {
    let before = text[..at].trim_ascii_end().last().copied();
    match text.get(at)? {
        b'\'' => Some("`'` is there, which is not JSON: the sender must write texts and names in `\"`".to_owned()),
        b'/' => Some("`/` is there, a comment perhaps, which is not JSON".to_owned()),
        mark @ (b']' | b'}') if before == Some(b',') => {
            Some(format!("`,` stands before `{}`, which is not JSON", char::from(*mark)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_of_characters_are_replaced() {
        for (text, wanted) in [
            (r#"["a\ud83d"]"#, r#"["a\ufffd"]"#),
            (r#"["\uDE00b"]"#, r#"["\ufffdb"]"#),
            (r#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (r#"["\ud83d\ude00"]"#, r#"["\ud83d\ude00"]"#),
            (r#"["\\ud83d"]"#, r#"["\\ud83d"]"#),
            (r#"["\\\ud83d"]"#, r#"["\\\ufffd"]"#),
            (r#"["\u00e9\n"]"#, r#"["\u00e9\n"]"#),
            (r#"["\ud83d\n"]"#, r#"["\ufffd\n"]"#),
            (r#"["\ud8"#, r#"["\ud8"#),
            (r"\", r"\"),
        ] {
            assert_eq!(String::from_utf8_lossy(&without_lone_surrogates(text.as_bytes())), wanted, "{text}");
        }
    }
}
