//! pure: sentences with words of files and commands in them, written between backticks: on a page those are in the type of code.

use std::fmt;

/// A sentence as a page shows it.
#[derive(Debug, Clone, Copy)]
pub struct Prose<'t>(&'t str);

// every piece is escaped as it is written
impl askama::filters::HtmlSafe for Prose<'_> {}

/// The sentence as the page shows it.
#[must_use]
pub const fn prose(sentence: &str) -> Prose<'_> {
    Prose(sentence)
}

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, (code, after))) =
            rest.split_once('`').and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
        {
            escape(before, f)?;
            f.write_str("<code>")?;
            escape(code, f)?;
            f.write_str("</code>")?;
            rest = after;
        }
        escape(rest, f)
    }
}

fn escape(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    text.chars().try_for_each(|c| match c {
        '&' => f.write_str("&#38;"),
        '<' => f.write_str("&#60;"),
        '>' => f.write_str("&#62;"),
        '"' => f.write_str("&#34;"),
        '\'' => f.write_str("&#39;"),
        c => fmt::Write::write_char(f, c),
    })
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn words_of_files_are_in_the_type_of_code_and_everything_is_escaped() {
        for (sentence, shown) in [
            ("6 calls, `max_calls` is 1", "6 calls, <code>max_calls</code> is 1"),
            ("`a` and `b`", "<code>a</code> and <code>b</code>"),
            ("one ` alone", "one ` alone"),
            ("`a` and ` alone", "<code>a</code> and ` alone"),
            ("`<b>` & \"'", "<code>&#60;b&#62;</code> &#38; &#34;&#39;"),
            ("", ""),
        ] {
            assert_eq!(prose(sentence).to_string(), shown);
        }
    }
}
