//! pure: masks phone numbers to their last four digits, also in payloads.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::appointment::phone::{digits, to_ascii};
use crate::personal::Personal;
use crate::template::Payload;

/// Whether whole phone numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reveal {
    /// The last four digits.
    LastFour,
    /// All digits; the audit log records it.
    Whole,
}

/// Replaces the masked digits.
const MASK: &str = "***";

/// The digits that are shown.
const VISIBLE_DIGITS: usize = 4;

/// Minimum digits of a phone number.
const MIN_DIGITS: usize = 7;
/// The digits at the end of a number that identify the person, whatever the country's prefix.
const IDENTIFYING_DIGITS: usize = 10;
/// Maximum digits of a phone number (E.164).
const MAX_DIGITS: usize = 15;

/// Masks a phone number.
#[must_use]
pub fn phone(number: &str, reveal: Reveal) -> String {
    match reveal {
        Reveal::Whole => number.to_owned(),
        Reveal::LastFour => last_four(number),
    }
}

/// Masks a payload: every occurrence of the phone's digits, and everything that looks like a phone number.
#[must_use]
pub fn payload(whole: &Payload, phone: &str, reveal: Reveal) -> Payload {
    match reveal {
        Reveal::Whole => whole.clone(),
        Reveal::LastFour => {
            let own = all_digits(phone);
            // a text that can't be read is hidden whole
            Payload::from_json(masked_json(whole.as_str(), &own)).unwrap_or_else(|_| Payload::of(&MASK))
        }
    }
}

/// How lists name an appointment: a number in it is masked.
#[must_use]
pub fn label(label: Option<&str>) -> Option<Personal> {
    label.map(|label| text(label).into())
}

/// Masks phone numbers in free text.
#[must_use]
pub fn text(text: &str) -> String {
    masked(text, "")
}

/// The compact JSON with its phone numbers masked, also in its keys: a column may hold an object. A text without numbers stays
/// the same byte for byte: a number may have more digits than any type of Rust.
fn masked_json(json: &str, own: &str) -> String {
    let mut redaction = Redaction { shown: String::with_capacity(json.len()), ..Redaction::of(own) };
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let (token, behind) = rest.split_at(token_length(first, rest.as_bytes()));
        match first {
            b'"' => redaction.quoted_text(token),
            b'-' | b'0'..=b'9' if redaction.is_own(token) => {
                redaction.shown.push('"');
                push_last_four(&mut redaction.shown, token);
                redaction.shown.push('"');
            }
            _ => redaction.shown.push_str(token),
        }
        rest = behind;
    }
    redaction.shown
}

/// The length of the token with which a piece of compact JSON begins: a quoted text, a number, or all that stands before the
/// next one of these.
fn token_length(first: u8, json: &[u8]) -> usize {
    let end = match first {
        b'"' => return quoted_length(json),
        b'-' | b'0'..=b'9' => json.iter().position(|byte| matches!(byte, b',' | b']' | b'}')),
        _ => json.iter().position(|byte| matches!(byte, b'"' | b'-' | b'0'..=b'9')),
    };
    end.unwrap_or(json.len())
}

fn quoted_length(json: &[u8]) -> usize {
    let mut length = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', json.get(length..).unwrap_or_default()) {
        match json[length + found] {
            b'"' => return length + found + 1,
            _escape => length += found + 2,
        }
    }
    json.len()
}

/// A text with its phone numbers cut to four digits; `own` are the digits of one that counts in any spelling.
fn masked(text: &str, own: &str) -> String {
    let mut redaction = Redaction { shown: String::with_capacity(text.len()), ..Redaction::of(own) };
    redaction.text(text);
    redaction.shown
}

/// What is shown so far of a text.
struct Redaction<'a> {
    shown: String,
    /// The digits of the phone that the text is for.
    own: &'a str,
    /// The digits of the run that is judged.
    digits: String,
}

impl<'a> Redaction<'a> {
    fn of(own: &'a str) -> Self {
        Self { shown: String::new(), own, digits: String::with_capacity(MAX_DIGITS) }
    }

    /// A text of JSON with its quotes.
    fn quoted_text(&mut self, quoted: &str) {
        let text = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
        match memchr::memchr(b'\\', text.as_bytes()) {
            None if is_harmless(text) => self.shown.push_str(quoted),
            None => {
                self.shown.push('"');
                self.text(text);
                self.shown.push('"');
            }
            Some(_) => match serde_json::from_str::<String>(quoted) {
                Ok(text) if is_harmless(&text) => self.shown.push_str(quoted),
                Ok(text) => self.shown.push_str(&Value::String(masked(&text, self.own)).to_string()),
                Err(_) => self.shown.push_str("\"***\""),
            },
        }
    }

    fn text(&mut self, text: &str) {
        let mut rest = text;
        let mut behind_run = None;
        while let Some(start) = rest.find(begins_number) {
            let run_length = rest[start..].find(|c| !continues_number(c)).unwrap_or(rest.len() - start);
            let run = rest[start..start + run_length]
                .trim_end_matches(|c: char| !to_ascii(c).is_some_and(|c| c.is_ascii_digit()));
            let run = if run.is_empty() { &rest[start..start + run_length] } else { run };
            let neighbours = Neighbours {
                before: rest[..start].chars().next_back().or(behind_run),
                after: rest[start + run.len()..].chars().next(),
            };
            self.shown.push_str(&rest[..start]);
            if self.is_phone(run, neighbours) {
                push_last_four(&mut self.shown, run);
            } else {
                self.shown.push_str(run);
            }
            behind_run = run.chars().next_back();
            rest = &rest[start + run.len()..];
        }
        self.shown.push_str(rest);
    }

    fn is_phone(&mut self, run: &str, neighbours: Neighbours) -> bool {
        if self.is_own(run) {
            return true;
        }
        let count = self.digits.len();
        if !(MIN_DIGITS..=MAX_DIGITS).contains(&count) {
            return false;
        }
        if run.starts_with('+') {
            return true;
        }
        let is_date = run.len() >= 10 && run.as_bytes()[4] == b'-' && run.as_bytes()[7] == b'-';
        count >= 10 && !is_date && !neighbours.join()
    }

    /// Whether the digits of a run hold the phone's own, with or without its country's prefix.
    fn is_own(&mut self, run: &str) -> bool {
        self.digits.clear();
        self.digits.extend(digits(run));
        let (written, own) = (self.digits.as_str(), self.own);
        let bare = written.trim_start_matches('0');
        own.len() >= MIN_DIGITS
            && written.len() >= MIN_DIGITS
            && (bare.len() >= MIN_DIGITS && own.ends_with(bare)
                || written.contains(&own[own.len().saturating_sub(IDENTIFYING_DIGITS)..]))
    }
}

/// Whether the piece has too few digits to be anybody's number.
fn is_harmless(piece: &str) -> bool {
    let count = match piece.is_ascii() {
        true => piece.bytes().filter(u8::is_ascii_digit).count(),
        false => digits(piece).count(),
    };
    count < MIN_DIGITS
}

/// The characters around a run of digits.
#[derive(Clone, Copy)]
struct Neighbours {
    before: Option<char>,
    after: Option<char>,
}

impl Neighbours {
    /// Whether the run is a part of a longer word, such as an id or a time.
    fn join(self) -> bool {
        self.before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            || self.after.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    }
}

fn begins_number(c: char) -> bool {
    to_ascii(c).is_some_and(|c| c.is_ascii_digit() || c == '+' || c == '(')
}

/// The characters inside a number that the phone parser skips.
fn continues_number(c: char) -> bool {
    to_ascii(c).is_none_or(|c| c.is_ascii_digit() || matches!(c, '+' | '(' | ' ' | ')' | '-' | '.' | '/'))
}

/// The digits of a phone, as they are in E.164.
fn all_digits(phone: &str) -> Cow<'_, str> {
    match phone.strip_prefix('+') {
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => Cow::Borrowed(number),
        Some(_) | None => Cow::Owned(digits(phone).collect()),
    }
}

fn last_four(number: &str) -> String {
    let mut shown = String::with_capacity(MASK.len() + VISIBLE_DIGITS);
    push_last_four(&mut shown, number);
    shown
}

fn push_last_four(shown: &mut String, number: &str) {
    shown.push_str(MASK);
    if let Some(last) = number.as_bytes().last_chunk::<VISIBLE_DIGITS>()
        && last.iter().all(u8::is_ascii_digit)
    {
        // as nearly every number is written
        shown.push_str(&number[number.len() - VISIBLE_DIGITS..]);
        return;
    }
    let mut last = [None; VISIBLE_DIGITS];
    for (place, digit) in last.iter_mut().rev().zip(digits(number).rev()) {
        *place = Some(digit);
    }
    last.into_iter().flatten().for_each(|digit| shown.push(digit));
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn every_spelling_of_the_phone_is_cut_wherever_it_stands_in_a_payload() {
        let whole = json!({
            "a": "+12025550143", "b": "(202) 555-0143", "c": "call 202.555.0143 now", "d": [12_025_550_143_u64],
            "e": {"f": "tel:+1-202-555-0143"},
        });
        let payload = |value: &Value, reveal| {
            super::payload(&Payload::of(value), "+12025550143", reveal).to_value().expect("it is JSON")
        };
        let shown = payload(&whole, Reveal::LastFour);
        let expected = json!({
            "a": "***0143", "b": "***0143", "c": "call ***0143 now", "d": ["***0143"], "e": {"f": "tel:***0143"},
        });
        assert_eq!(shown, expected);
        assert_eq!(payload(&whole, Reveal::Whole), whole);
    }

    #[test]
    fn another_persons_number_is_cut_too() {
        let whole = Payload::of(&json!({"other": "+44 20 7946 0018", "b": "202-555-0199"}));
        let shown = payload(&whole, "+12025550143", Reveal::LastFour);
        assert_eq!(shown.as_str(), r#"{"other":"***0018","b":"***0199"}"#);
    }

    #[test]
    fn what_json_escapes_is_redacted_as_it_reads_and_keys_are_no_hiding_place() {
        let whole = json!({
            "2025550143 \"k\"": "say \"202-555-0143\" \\ \n to é", "list": [-1.5e3, 2_025_550_143_u64, true, null, ["\\"]],
        });
        let shown = payload(&Payload::of(&whole), "+12025550143", Reveal::LastFour).to_value().expect("it is JSON");
        let expected = json!({
            "***0143 \"k\"": "say \"***0143\" \\ \n to é", "list": [-1.5e3, "***0143", true, null, ["\\"]],
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_holds_no_phone_stays_byte_for_byte() {
        let text = r#"{"n":[12345678901234567890123,1.50,-1e3,-0],"b":{"":{},"a":[]},"b":"\u0001\"\\é/","c":null}"#;
        let whole: Box<RawValue> = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(payload(&Payload::of(&whole), "+12025550143", Reveal::LastFour).as_str(), text);
    }

    #[test]
    fn every_spelling_that_can_be_called_can_be_hidden() {
        for text in [
            "２０２５５５０１４３",
            "٢٠٢٥٥٥٠١٤٣",
            "202\u{202f}555\u{202f}0143",
            "202\u{2012}555\u{2014}0143",
            "202\u{2212}555\u{200e}0143",
            "202\t555\t0143",
            "2026-11-25 202-555-0143",
            "202-555-0143 / 202-555-0199",
        ] {
            let shown = masked(text, "12025550143");
            assert!(shown.starts_with(MASK), "{text}: {shown}");
        }
    }

    #[test]
    fn times_ids_and_prices_stay_as_they_are() {
        for text in [
            "2026-11-24T09:30:00-05:00",
            "2026-11-24",
            "2026-11-24 09:30",
            "0199a1b2-7c3d-7e4f-8123-456789abcdef",
            "01993344-1122-7334-8123-456789012345",
            "Room 12 (second floor)",
            "€ 1 250",
            "(none)",
            "+",
        ] {
            assert_eq!(masked(text, "12025550143"), text);
        }
    }

    #[test]
    fn a_phone_shows_its_last_four_digits() {
        assert_eq!(phone("+12025550143", Reveal::LastFour), "***0143");
        assert_eq!(phone("+12025550143", Reveal::Whole), "+12025550143");
    }
}
