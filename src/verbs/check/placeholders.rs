//! pure: names in a payload that were meant as templates and are written as another program writes them.

use crate::schedule::lookup;
use crate::schedule::problems::{MAX_PROBLEMS, Problems};
use crate::schedule::spanned::Node;

/// How other programs write a placeholder: what stands before the name and behind it.
const DIALECTS: [(&str, &str); 8] =
    [("${", "}"), ("#{", "}"), ("<%=", "%>"), ("[[", "]]"), ("{", "}"), ("%", "%"), ("<", ">"), ("[", "]")];

/// Warns of every known name that is written in another dialect.
pub fn check(root: &Node, known: &[&str], problems: &mut Problems) {
    let file = problems.text();
    for node in lookup::row_templates(root) {
        if problems.is_full() {
            return;
        }
        let Some(text) = node.text() else { continue };
        for found in placeholders(text, known) {
            let span = node.part(&file, Some(found.at..found.at + found.written.len()));
            problems
                .warning("placeholder", span, format!("`{}` is sent as it is written", found.written))
                .help(format!("to fill it in write `{}`", spelled(found.name)));
        }
    }
}

struct Placeholder<'a> {
    at: usize,
    written: &'a str,
    name: &'a str,
}

fn placeholders<'a>(text: &'a str, known: &[&'a str]) -> Vec<Placeholder<'a>> {
    let mut found: Vec<Placeholder<'a>> = Vec::new();
    let plain = without_templates(text);
    let mut at = 0;
    while let Some(letter) = plain[at..].chars().next().filter(|_| found.len() <= MAX_PROBLEMS) {
        let next = DIALECTS.iter().find_map(|(open, close)| {
            let inside = plain[at..].strip_prefix(open)?;
            let length = beginning(inside).find(close)?;
            let name = inside[..length].trim();
            let name = known.iter().copied().find(|known| known.eq_ignore_ascii_case(name) && !name.is_empty())?;
            Some((open.len() + length + close.len(), name))
        });
        match next {
            Some((length, name)) => {
                found.push(Placeholder { at, written: &text[at..at + length], name });
                at += length;
            }
            None => at += letter.len_utf8(),
        }
    }
    found
}

/// Where a name may end: longer ones are none.
fn beginning(text: &str) -> &str {
    const MAX_LENGTH: usize = 100;
    let end = (0..=MAX_LENGTH.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// The text with blanks where its own templates stand, byte for byte.
fn without_templates(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let close = match rest.as_bytes().get(open + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            Some(_) | None => {
                plain.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
                continue;
            }
        };
        let end = rest[open..].find(close).map_or(rest.len(), |end| open + end + 2);
        plain.push_str(&rest[..open]);
        plain.extend(std::iter::repeat_n(' ', end - open));
        rest = &rest[end..];
    }
    plain + rest
}

/// A name as a template writes it.
fn spelled(name: &str) -> String {
    let is_plain =
        !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_plain { format!("{{{{ {name} }}}}") } else { format!("{{{{ row[\"{name}\"] }}}}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_of_other_dialects_are_found_and_own_templates_are_not() {
        let known = ["phone", "starts_at", "Appt Date"];
        for (text, written, name) in [
            ("{phone}", "{phone}", "phone"),
            ("${phone}", "${phone}", "phone"),
            ("#{ phone }", "#{ phone }", "phone"),
            ("<%= phone %>", "<%= phone %>", "phone"),
            ("%phone%", "%phone%", "phone"),
            ("[[phone]]", "[[phone]]", "phone"),
            ("Hello <PHONE>!", "<PHONE>", "phone"),
            ("at [starts_at]", "[starts_at]", "starts_at"),
            ("é {{ phone }} {Appt Date}", "{Appt Date}", "Appt Date"),
        ] {
            let found = placeholders(text, &known);
            assert_eq!(found.iter().map(|it| (it.written, it.name)).collect::<Vec<_>>(), [(written, name)], "{text}");
        }
        for text in
            ["{{ phone }}", "{{phone}}", "{% if phone %}x{% endif %}", "{email}", "100%", "a < b > c", "phone", "{"]
        {
            assert!(placeholders(text, &known).is_empty(), "{text}");
        }
        assert_eq!(spelled("phone"), "{{ phone }}");
        assert_eq!(spelled("Appt Date"), "{{ row[\"Appt Date\"] }}");
    }
}
