//! pure: sentences in lines that fit a screen.

use unicode_width::UnicodeWidthStr as _;

/// A sentence in lines of at most that width; a longer word has a line of its own.
#[must_use]
pub fn wrap(sentence: &str, width: usize) -> Vec<String> {
    if sentence.width() <= width {
        return vec![sentence.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in words(sentence, width) {
        let line = lines.last_mut().expect("there is a first line");
        if line.is_empty() {
            line.push_str(&word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

/// What stays in one line: words, and what is between backticks (a command, to be copied) where it fits.
fn words(sentence: &str, width: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut quoted: Vec<&str> = Vec::new();
    for word in sentence.split(' ') {
        let is_border = word.matches('`').count() % 2 == 1;
        if quoted.is_empty() && !is_border {
            words.push(word.to_owned());
            continue;
        }
        let is_end = !quoted.is_empty() && is_border;
        quoted.push(word);
        if is_end {
            let whole = quoted.join(" ");
            match whole.width() <= width {
                true => words.push(whole),
                false => words.extend(quoted.iter().map(|&word| word.to_owned())),
            }
            quoted.clear();
        }
    }
    words.extend(quoted.into_iter().map(str::to_owned));
    words
}

/// The same; every line after the first is indented, so that it is seen where the next sentence begins.
#[must_use]
pub fn wrap_hanging(sentence: &str, width: usize, indent: usize) -> String {
    let mut lines = wrap(sentence, width);
    if lines.len() > 1 {
        let rest = lines.split_off(1).join(" ");
        lines.extend(wrap(&rest, width.saturating_sub(indent)).into_iter().map(|line| format!("{:indent$}{line}", "")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_broken_between_words_only() {
        assert_eq!(wrap("Zoë Müßig 東京 🦷 said no", 13), ["Zoë Müßig", "東京 🦷 said", "no"]);
        assert_eq!(wrap("01a20d74-fb00-79d2 is long", 5), ["01a20d74-fb00-79d2", "is", "long"]);
        assert_eq!(wrap("type `tickler plan day` now", 19), ["type", "`tickler plan day`", "now"]);
        assert_eq!(wrap("a `tickler plan day` b", 9), ["a", "`tickler", "plan day`", "b"]);
        assert_eq!(wrap("it's `open and so on", 9), ["it's", "`open and", "so on"]);
        assert_eq!(wrap_hanging("one two three four", 9, 2), "one two\n  three\n  four");
        assert_eq!(wrap_hanging("one two", 9, 2), "one two");
    }
}
