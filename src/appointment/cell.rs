//! pure: a cell as it was meant: without the blanks around it and without what spreadsheets put before a value so that
//! it stays a text.

/// The value without outer blanks and without one guard of each kind: a control character or an apostrophe before it,
/// or `="…"` around it.
#[must_use]
pub fn unguarded(cell: &str) -> &str {
    let text = cell.trim();
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return text; // no guard begins so, and nearly every cell does
    }
    let text = text.strip_prefix(char::is_control).map_or(text, str::trim_start);
    let text = text.strip_prefix('\'').map_or(text, str::trim_start);
    let formula = text.strip_prefix("=\"").and_then(|inside| inside.strip_suffix('"'));
    formula.map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use super::unguarded;

    #[test]
    fn one_guard_of_each_kind_is_taken_off() {
        for (cell, meant) in [
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
            assert_eq!(unguarded(cell), meant, "{cell:?}");
        }
    }
}
