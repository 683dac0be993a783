//! pure: phone numbers shown as their last four digits, in payloads too, unless somebody asks for more.

use serde_json::Value;

/// Whether whole phone numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reveal {
    /// The last four digits.
    LastFour,
    /// All of it; the audit says so.
    Whole,
}

/// What stands for the digits that aren't shown.
const HIDDEN: &str = "***";

/// The shortest run of digits that may be somebody's number.
const SHORTEST: usize = 7;
/// E.164 allows no more.
const LONGEST: usize = 15;

/// A phone number as it may be shown.
#[must_use]
pub fn phone(number: &str, reveal: Reveal) -> String {
    match reveal {
        Reveal::Whole => number.to_owned(),
        Reveal::LastFour => last_four(&digits(number)),
    }
}

/// A payload as it may be shown: whatever holds the phone's digits, or looks like a phone number, is cut to four digits.
#[must_use]
pub fn payload(mut value: Value, phone: &str, reveal: Reveal) -> Value {
    match reveal {
        Reveal::Whole => {}
        Reveal::LastFour => redact(&mut value, &digits(phone)),
    }
    value
}

/// In its place: a plan has tens of thousands of payloads.
fn redact(value: &mut Value, own: &str) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            let written = digits(&number.to_string());
            if is_own(&written, own) {
                *value = Value::String(last_four(&written));
            }
        }
        Value::String(text) => *text = redacted_text(text, own),
        Value::Array(list) => list.iter_mut().for_each(|inner| redact(inner, own)),
        Value::Object(tree) => tree.values_mut().for_each(|inner| redact(inner, own)),
    }
}

/// Free text in which nobody's number shall stand.
#[must_use]
pub fn text(text: &str) -> String {
    redacted_text(text, "")
}

fn redacted_text(text: &str, own: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(begins_number) {
        let run_length = rest[start..].find(|c| !continues_number(c)).unwrap_or(rest.len() - start);
        let run = rest[start..start + run_length].trim_end_matches(|c: char| !c.is_ascii_digit());
        let run = if run.is_empty() { &rest[start..start + run_length] } else { run };
        let neighbours = Neighbours {
            before: rest[..start].chars().next_back().or_else(|| shown.chars().next_back()),
            after: rest[start + run.len()..].chars().next(),
        };
        shown.push_str(&rest[..start]);
        if is_phone(run, own, neighbours) {
            shown.push_str(&last_four(&digits(run)));
        } else {
            shown.push_str(run);
        }
        rest = &rest[start + run.len()..];
    }
    shown.push_str(rest);
    shown
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

fn is_phone(run: &str, own: &str, neighbours: Neighbours) -> bool {
    let written = digits(run);
    if is_own(&written, own) {
        return true;
    }
    if !(SHORTEST..=LONGEST).contains(&written.len()) {
        return false;
    }
    if run.starts_with('+') {
        return true;
    }
    let is_date = run.len() >= 10 && run.as_bytes()[4] == b'-' && run.as_bytes()[7] == b'-';
    written.len() >= 10 && !is_date && !neighbours.join()
}

/// Whether these digits hold the phone's own, with or without its country's prefix.
fn is_own(written: &str, own: &str) -> bool {
    written.len() >= SHORTEST
        && own.len() >= SHORTEST
        && (own.ends_with(written.trim_start_matches('0')) && written.trim_start_matches('0').len() >= SHORTEST
            || written.contains(own))
}

fn begins_number(c: char) -> bool {
    c.is_ascii_digit() || c == '+' || c == '('
}

fn continues_number(c: char) -> bool {
    begins_number(c) || matches!(c, ' ' | ')' | '-' | '.' | '/' | '\u{a0}' | '\u{2011}' | '\u{2013}')
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn last_four(digits: &str) -> String {
    format!("{HIDDEN}{}", &digits[digits.len().saturating_sub(4)..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_of_the_phone_is_cut_wherever_it_stands_in_a_payload() {
        let whole = json!({
            "a": "+12025550143", "b": "(202) 555-0143", "c": "call 202.555.0143 now", "d": [12_025_550_143_u64],
            "e": {"f": "tel:+1-202-555-0143"},
        });
        let shown = payload(whole.clone(), "+12025550143", Reveal::LastFour);
        let expected = json!({
            "a": "***0143", "b": "***0143", "c": "call ***0143 now", "d": ["***0143"], "e": {"f": "tel:***0143"},
        });
        assert_eq!(shown, expected);
        assert_eq!(payload(whole.clone(), "+12025550143", Reveal::Whole), whole);
    }

    #[test]
    fn another_persons_number_is_cut_too() {
        let shown =
            payload(json!({"other": "+44 20 7946 0018", "b": "202-555-0199"}), "+12025550143", Reveal::LastFour);
        assert_eq!(shown, json!({"other": "***0018", "b": "***0199"}));
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
            assert_eq!(redacted_text(text, "12025550143"), text);
        }
    }

    #[test]
    fn a_phone_shows_its_last_four_digits() {
        assert_eq!(phone("+12025550143", Reveal::LastFour), "***0143");
        assert_eq!(phone("+12025550143", Reveal::Whole), "+12025550143");
    }
}
