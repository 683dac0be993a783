//! pure: texts about people, which no `Debug` output shows.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// A text that identifies somebody: a phone number (E.164), the person it counts for, a payload, a contact's fields.
/// `Debug` shows the last four digits of a phone number and nothing of any other text, so that no log line, panic message
/// or failing test prints it by accident; whoever means to show it takes the `str`. Copies share the text: nearly every
/// reminder counts for the person of its phone.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub struct Personal(Arc<str>);

impl Personal {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        (*self.0).to_owned()
    }
}

impl Serialize for Personal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Deref for Personal {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// Hashes and compares as the text does.
impl Borrow<str> for Personal {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<String> for Personal {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Personal {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for Personal {
    fn eq(&self, text: &str) -> bool {
        *self.0 == *text
    }
}

impl PartialEq<&str> for Personal {
    fn eq(&self, text: &&str) -> bool {
        *self.0 == **text
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.strip_prefix('+').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.filter(|digits| digits.len() >= 8) {
            Some(digits) => write!(f, "…{}", &digits[digits.len() - 4..]),
            None => f.write_str("***"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_last_four_digits_of_a_phone_and_nothing_of_other_texts() {
        for (text, shown) in [
            ("+12025550143", "…0143"),
            ("+123", "***"),
            ("12025550143", "***"),
            ("Ada Example", "***"),
            (r#"{"contact_phone":"+12025550143"}"#, "***"),
            ("", "***"),
        ] {
            assert_eq!(format!("{:?}", Personal::from(text)), shown);
        }
    }
}
