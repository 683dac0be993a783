//! pure: the text of a `.env` file as names and values.

/// A line that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DotenvProblem {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong; never a value.
    pub message: &'static str,
}

/// Reads `NAME=value` lines: `export` before a name, comments, single quotes (taken as they are) and double quotes
/// (with `\n`, `\t`, `\"`, `\\`, `\$`). Nothing is substituted. Of two lines with one name the later counts.
///
/// # Errors
/// With the first line that can't be read.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, DotenvProblem> {
    let mut pairs = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        pairs.push(pair(line).map_err(|message| DotenvProblem { line: number + 1, message })?);
    }
    let mut seen = std::collections::HashSet::new();
    pairs.reverse();
    pairs.retain(|(name, _)| seen.insert(name.clone()));
    pairs.reverse();
    Ok(pairs)
}

fn pair(line: &str) -> Result<(String, String), &'static str> {
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    };
    let (name, value) = line.split_once('=').ok_or("no `=`: write NAME=value")?;
    let name = name.trim_end();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("the name before `=` may have letters, digits and underscores only");
    }
    Ok((name.to_owned(), value_of(value.trim_start())?))
}

fn value_of(written: &str) -> Result<String, &'static str> {
    if let Some(rest) = written.strip_prefix('\'') {
        let (value, after) = rest.split_once('\'').ok_or("a quote isn't closed")?;
        return nothing_after(after).map(|()| value.to_owned());
    }
    if let Some(rest) = written.strip_prefix('"') {
        return double_quoted(rest);
    }
    let end = written.find(" #").or_else(|| written.find("\t#")).unwrap_or(written.len());
    let end = if written.starts_with('#') { 0 } else { end };
    Ok(written[..end].trim_end().to_owned())
}

fn double_quoted(rest: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return nothing_after(letters.as_str()).map(|()| value),
            '\\' => match letters.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(escaped @ ('"' | '\\' | '$' | '\'')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("a quote isn't closed")
}

fn nothing_after(after: &str) -> Result<(), &'static str> {
    let after = after.trim_start();
    if after.is_empty() || after.starts_with('#') { Ok(()) } else { Err("something follows the closing quote") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_every_way_they_are_written() {
        let text = "\u{feff}# first\nA=1\nexport B = two words # note\nC='a # $b \\n'\nD=\"x\\n\\\"y\\\" #z\" # note\nE=\nF=a#b\nA=3\n\
                    PHONE=+12025550143\nexported=yes\n";
        let pairs = parse(text).expect("every line can be read");
        let value = |name: &str| pairs.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str());
        assert_eq!(value("A"), Some("3"));
        assert_eq!(value("B"), Some("two words"));
        assert_eq!(value("C"), Some("a # $b \\n"));
        assert_eq!(value("D"), Some("x\n\"y\" #z"));
        assert_eq!(value("E"), Some(""));
        assert_eq!(value("F"), Some("a#b"));
        assert_eq!(value("PHONE"), Some("+12025550143"));
        assert_eq!(value("exported"), Some("yes"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_told_by_its_number() {
        for (text, line) in [("A=1\nnonsense", 2), ("A='x", 1), ("\n\nA=\"x", 3), ("1A=x", 1), ("A='x' y", 1)] {
            assert_eq!(parse(text).map_err(|problem| problem.line), Err(line), "{text}");
        }
    }
}
