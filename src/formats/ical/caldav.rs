//! pure: the calendars of a CalDAV answer (RFC 4791): each `calendar-data` of the multistatus holds one.

use crate::formats::FormatError;

/// The texts of all calendars, one after the other.
///
/// # Errors
/// When it is no answer of CalDAV; with `may_pass` when it is cut.
pub(super) fn calendars(answer: &str) -> Result<String, FormatError> {
    if !answer.contains("multistatus") {
        return Err(FormatError::wrong("this is XML, and no answer of a CalDAV server (`multistatus`)"));
    }
    let closed = answer.trim_end().ends_with("multistatus>") || answer.trim_end().ends_with("multistatus />");
    if !closed && !answer.trim_end().ends_with("/>") {
        return Err(FormatError::cut("the CalDAV answer's end is missing"));
    }
    let mut found = String::new();
    let mut rest = answer;
    while let Some((behind_tag, is_empty)) = after_opening(rest, "calendar-data") {
        rest = behind_tag;
        if is_empty {
            continue;
        }
        let end = rest.find("</").ok_or_else(|| FormatError::cut("the CalDAV answer's end is missing"))?;
        // a CDATA section may itself hold `</`
        let (content, behind) = match rest.trim_start().strip_prefix("<![CDATA[") {
            Some(section) => {
                let (content, behind) =
                    section.split_once("]]>").ok_or_else(|| FormatError::cut("the CalDAV answer's end is missing"))?;
                (content.to_owned(), behind)
            }
            None => (unescaped(&rest[..end]), &rest[end..]),
        };
        found.push_str(content.trim());
        found.push_str("\r\n");
        rest = behind;
    }
    Ok(found)
}

/// What stands behind the next opening tag of that local name, and whether the element is empty.
fn after_opening<'t>(text: &'t str, name: &str) -> Option<(&'t str, bool)> {
    let mut rest = text;
    loop {
        let (_, tag) = rest.split_once('<')?;
        let end = tag.find('>')?;
        let (inside, behind) = (&tag[..end], &tag[end + 1..]);
        let full = inside.split([' ', '/', '\n', '\r', '\t']).next().unwrap_or("");
        if full.rsplit(':').next() == Some(name) {
            return Some((behind, inside.ends_with('/')));
        }
        rest = behind;
    }
}

/// The five entities of XML, and characters by their number.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let Some((entity, behind)) = after.split_once(';').filter(|(entity, _)| entity.len() <= 10) else {
            plain.push('&');
            rest = after;
            continue;
        };
        let number = entity.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
        let letter = match entity {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number.and_then(char::from_u32),
        };
        match letter {
            Some(letter) => plain.push(letter),
            None => plain.push_str(&format!("&{entity};")),
        }
        rest = behind;
    }
    plain.push_str(rest);
    plain
}
