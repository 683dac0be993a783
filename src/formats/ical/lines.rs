//! pure: the content lines of a calendar (RFC 5545, 3.1): folded lines joined, names, parameters and values apart.

use std::borrow::Cow;

/// One line: its name in capitals, its parameters as written, its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentLine<'l> {
    pub(super) name: &'l str,
    parameters: &'l str,
    pub(super) value: &'l str,
}

impl<'l> ContentLine<'l> {
    /// Splits a line; `None` for one without a value.
    pub(super) fn split(line: &'l str) -> Option<Self> {
        let end = end_of_parameters(line)?;
        let end = if has_date(&line[..end]) { line.rfind(':')? } else { end };
        let head = &line[..end];
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        // Apple writes a group before the name: `item1.X-PHONE`
        let name = name.rsplit_once('.').map_or(name, |(_, name)| name).trim();
        Some(Self { name, parameters, value: &line[end + 1..] })
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value of a parameter, without its quotes.
    pub(super) fn parameter(&self, wanted: &str) -> Option<&'l str> {
        let mut rest = self.parameters;
        while !rest.is_empty() {
            let end = unquoted(rest, b';').unwrap_or(rest.len());
            let (name, value) = rest[..end].split_once('=').unwrap_or((&rest[..end], ""));
            if name.trim().eq_ignore_ascii_case(wanted) {
                return Some(value.trim().trim_matches('"'));
            }
            rest = rest.get(end + 1..).unwrap_or("");
        }
        None
    }

    /// The value as text: escapes undone.
    pub(super) fn text(&self) -> Cow<'l, str> {
        unescaped(self.value)
    }
}

/// A text without its escapes (RFC 5545, 3.3.11).
pub(super) fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '\\' { letters.next() } else { None }) {
            ('\\', Some('n' | 'N')) => text.push('\n'),
            ('\\', Some(escaped)) => text.push(escaped),
            (letter, _) => text.push(letter),
        }
    }
    Cow::Owned(text)
}

/// Where the parameters end and the value begins: at the first colon outside quotes. A quote that is never closed is a letter.
fn end_of_parameters(line: &str) -> Option<usize> {
    unquoted(line, b':').or_else(|| line.find(':'))
}

/// Whether the value of this name is a date or a list of them, which has no colon: programs leave the quotes of a zone's name out that
/// has one (`TZID=(UTC-05:00) Eastern Time`).
fn has_date(head: &str) -> bool {
    let name = head.split(';').next().unwrap_or(head);
    ["DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn unquoted(text: &str, wanted: u8) -> Option<usize> {
    let mut is_quoted = false;
    text.bytes().position(|byte| {
        is_quoted ^= byte == b'"';
        byte == wanted && !is_quoted
    })
}

/// The lines of a text, each joined with those that begin with a blank behind it.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let (line, behind) = cut(rest);
            rest = behind;
            if line.is_empty() {
                continue;
            }
            let mut joined = Cow::Borrowed(line);
            while rest.starts_with([' ', '\t']) {
                let (more, behind) = cut(rest);
                joined.to_mut().push_str(&more[1..]);
                rest = behind;
            }
            return Some(joined);
        }
    })
}

fn cut(text: &str) -> (&str, &str) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    // each of several files that are read as one may begin with a byte order mark
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    (line.strip_suffix('\r').unwrap_or(line), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_lines_are_joined_and_names_parameters_and_values_are_apart() {
        let text = "DTSTART;TZID=\"Custom: A\";X=1:2028\r\n 0517\nSUMMARY:a\\, b\\nc\\\\\n\n\titem.X\nitem1.X-TEL:+1\n";
        let joined: Vec<Cow<'_, str>> = lines(text).collect();
        let parts: Vec<ContentLine<'_>> = joined.iter().filter_map(|line| ContentLine::split(line)).collect();
        assert_eq!((parts[0].name, parts[0].value), ("DTSTART", "20280517"));
        assert_eq!(
            (parts[0].parameter("tzid"), parts[0].parameter("x"), parts[0].parameter("y")),
            (Some("Custom: A"), Some("1"), None)
        );
        assert_eq!(parts[1].text(), "a, b\nc\\");
        assert_eq!((parts[2].name, parts[2].value), ("X-TEL", "+1"));
        assert!(ContentLine::split("nothing").is_none());
    }
}
