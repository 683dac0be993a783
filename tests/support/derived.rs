//! Which fields a type shows when it is printed by a derived `Debug`, read from the sources as text.

use super::sources::SourceFile;

/// A field, or what an enum's variant holds without naming it, of a type with a derived `Debug`.
#[derive(Debug, PartialEq, Eq)]
pub struct ShownField {
    /// The struct or enum.
    pub owner: String,
    /// The field's name, the variant's, or the owner's where it is a tuple.
    pub name: String,
    /// As written.
    pub held: String,
    /// Its doc, and its variant's.
    pub doc: String,
}

/// The fields of a file that a derived `Debug` shows.
pub fn shown_fields(file: &SourceFile) -> Vec<ShownField> {
    let mut lines = file.without_tests().lines().peekable();
    let mut shown = Vec::new();
    while let Some(line) = lines.next() {
        if !derives_debug(line) {
            continue;
        }
        let Some(begin) = lines.by_ref().find(|line| item_name(line).is_some()) else { break };
        let owner = item_name(begin).unwrap_or_default();
        if let Some((_, held)) = without_visibility(begin).split_once('(') {
            let held = held.trim_end_matches(';').trim_end_matches(')').to_owned();
            shown.push(ShownField { owner: owner.to_owned(), name: owner.to_owned(), held, doc: String::new() });
        } else if begin.ends_with('{') {
            let end = format!("{}}}", &begin[..begin.len() - begin.trim_start().len()]);
            shown.extend(fields(owner, lines.by_ref().take_while(|line| *line != end)));
        }
    }
    shown
}

fn derives_debug(line: &str) -> bool {
    let derived = line.trim_start().strip_prefix("#[derive(");
    derived.is_some_and(|names| names.split([',', ' ', ')']).any(|name| name == "Debug"))
}

fn item_name(line: &str) -> Option<&str> {
    let line = without_visibility(line);
    let rest = line.strip_prefix("struct ").or_else(|| line.strip_prefix("enum "))?;
    rest.split(|letter: char| !letter.is_alphanumeric()).next().filter(|name| !name.is_empty())
}

fn without_visibility(line: &str) -> &str {
    let line = line.trim_start();
    ["pub ", "pub(super) ", "pub(crate) "].iter().find_map(|begin| line.strip_prefix(begin)).unwrap_or(line)
}

/// The fields in a body, whether of the item itself or of a variant.
fn fields<'l>(owner: &str, body: impl Iterator<Item = &'l str>) -> Vec<ShownField> {
    let mut found = Vec::new();
    let mut doc = String::new();
    for line in body {
        let line = without_visibility(line);
        if let Some(said) = line.strip_prefix("///") {
            doc.push_str(said);
            continue;
        }
        let of_variant = line.split_once('(').map(|(name, held)| (name, held.trim_end_matches([')', ','])));
        let named = line.split_once(": ").map(|(name, held)| (name, held.trim_end_matches(',')));
        let is_name = |name: &str| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        if let Some((name, held)) = named.or(of_variant).filter(|(name, _)| is_name(name)) {
            let (owner, name, held) = (owner.to_owned(), name.to_owned(), held.to_owned());
            found.push(ShownField { owner, name, held, doc: std::mem::take(&mut doc) });
        } else if !line.starts_with("#[") && !line.starts_with("//") && !line.ends_with('{') {
            doc.clear();
        }
    }
    found
}

/// Whether a type, as written, holds one of these. Words that are fixed in the code, and hashes of a fixed length, are none.
pub fn holds_one_of(held: &str, types: &[&str]) -> bool {
    let held = held.replace("&'static str", "").replace("[u8; ", "");
    held.split(|letter: char| !letter.is_alphanumeric()).any(|word| types.contains(&word))
}
