//! pure: the value of a cell without blanks around it and without the marks by which spreadsheets keep a value as text.

/// Removes, in this order: outer blanks, one leading control character, one leading apostrophe, one enclosing `="…"`. Blanks
/// after each of them are removed, too.
#[must_use]
pub fn without_spreadsheet_guards(cell: &str) -> &str {
    let text = cell.trim();
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return text; // nearly every cell; no guard begins with a letter or a digit
    }
    let text = text.strip_prefix(char::is_control).map_or(text, str::trim_start);
    let text = text.strip_prefix('\'').map_or(text, str::trim_start);
    let formula = text.strip_prefix("=\"").and_then(|inside| inside.strip_suffix('"'));
    formula.map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use super::without_spreadsheet_guards;

    #[test]
    fn one_guard_of_each_kind_is_removed() {
        for (cell, value) in [
            ("1001", "1001"),
            (" 1001\u{a0}", "1001"),
            ("\u{3000}1001\u{202f}", "1001"),
            ("'1001", "1001"),
            ("' 1001", "1001"),
            ("=\"1001\"", "1001"),
            (" =\" 1001 \" ", "1001"),
            ("'=\"1001\"", "1001"),
            ("\u{1}1001", "1001"),
            ("\t'1001", "1001"),
            ("''1001", "'1001"),
            ("=1001", "=1001"),
            ("=\"1001\"&A1", "=\"1001\"&A1"),
            ("=\"", "=\""),
            ("\"1001\"", "\"1001\""),
            ("O'Hara", "O'Hara"),
            ("'", ""),
            ("", ""),
        ] {
            assert_eq!(without_spreadsheet_guards(cell), value, "{cell:?}");
        }
    }
}
