//! pure: what to write instead of what isn't TOML, found by what people write by habit. A value is never repeated: it may
//! be a secret.

use crate::schedule::spanned::SyntaxProblem;

/// The remedy for one fault of syntax.
pub fn remedy(text: &str, problem: &SyntaxProblem) -> String {
    let at = (0..=problem.span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let line = text[start..end].trim();
    typographic_quote(line)
        .or_else(|| windows_path(line, problem))
        .or_else(|| colon(line))
        .or_else(|| missing_comma(line, problem))
        .or_else(|| bare_text(line, problem))
        .unwrap_or_else(|| "this isn't TOML: see https://toml.io".to_owned())
}

fn typographic_quote(line: &str) -> Option<String> {
    let quote = line.chars().find(|letter| "“”„‟«»‘’‚‛′″".contains(*letter))?;
    Some(format!("`{quote}` is a typographic quote: write the plain one, `\"`"))
}

/// `path = "C:\data\a.csv"`: in double quotes a `\` begins an escape.
fn windows_path(line: &str, problem: &SyntaxProblem) -> Option<String> {
    let is_escape = problem.message.contains("escape") || problem.message.contains("unicode");
    let (key, _) = line.split_once('=').filter(|(_, value)| is_escape && value.contains('\\'))?;
    Some(format!(
        "in double quotes `\\` begins an escape: write the path in single quotes, `{} = 'C:\\…'`, or with `/`",
        key.trim()
    ))
}

/// `cron: "0 9 * * *"`, as YAML has it.
fn colon(line: &str) -> Option<String> {
    let (key, _) = line.split_once(':')?;
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let key = key.trim();
    (!key.is_empty() && key.chars().all(is_key))
        .then(|| format!("TOML writes `=` between a key and its value: `{key} = …`"))
}

fn missing_comma(line: &str, problem: &SyntaxProblem) -> Option<String> {
    let parts_values = problem.message.contains("comma")
        || line.split_once('[').is_some_and(|(_, list)| is_list_of_numbers_without_commas(list));
    parts_values
        .then(|| "write a comma between two values or keys: `[7, 1]`, `{ date = \"…\", time = \"…\" }`".to_owned())
}

/// `days_before = [7 1]`, which the parser takes for a text without quotes.
fn is_list_of_numbers_without_commas(list: &str) -> bool {
    let inside = list.split(']').next().unwrap_or(list);
    let mut words = inside.split(',').map(str::trim);
    words.any(|word| word.split_whitespace().count() > 1 && word.chars().all(|c| c.is_ascii_digit() || c == ' '))
}

fn bare_text(line: &str, problem: &SyntaxProblem) -> Option<String> {
    let is_bare = ["must be quoted", "invalid float"].iter().any(|fault| problem.message.contains(fault));
    let (key, value) = line.split_once('=').filter(|_| is_bare)?;
    match value.trim() {
        "" => Some(format!("write a value behind `{} =`", key.trim())),
        _ => Some(format!("a text needs quotes: `{} = \"…\"`", key.trim())),
    }
}
