//! pure: keys and texts as TOML writes them.

use serde_json::Value;

/// A key, in quotes where it needs them.
#[must_use]
pub fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A text. JSON's escapes are those of TOML's basic strings, but for one character that JSON leaves as it is.
#[must_use]
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_or_a_text_reads_back_as_it_was() {
        for text in ["plain", "with-a_sign", "", "two words", "a.b", "quote\"d", "back\\slash", "\u{7f}\n\u{1b}é"] {
            let read: toml::Table = format!("{} = {}", key(text), quoted(text)).parse().expect("TOML");
            assert_eq!(read.get(text).and_then(toml::Value::as_str), Some(text), "{text:?}");
        }
        assert_eq!((key("with-a_sign").as_str(), key("two words").as_str()), ("with-a_sign", "\"two words\""));
    }
}
