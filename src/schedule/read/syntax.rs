//! pure: what isn't TOML, in plain words and with what to write instead, found by what people write by habit. A value is
//! never repeated: it may be a secret.

use crate::row::unseen;
use crate::schedule::spanned::SyntaxProblem;

/// What is said of one fault of syntax.
pub struct SyntaxAdvice {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl SyntaxAdvice {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// The line of a fault, cut at the fault.
struct FaultyLine<'a> {
    whole: &'a str,
    /// What is before the fault.
    before: &'a str,
    /// The fault and what follows it.
    fault: &'a str,
}

impl<'a> FaultyLine<'a> {
    fn of(text: &'a str, problem: &SyntaxProblem) -> Self {
        let at = (0..=problem.span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        Self { whole: text[start..end].trim(), before: text[start..at].trim(), fault: &text[at..end] }
    }

    /// The key before the first `=`.
    fn key(&self) -> Option<&'a str> {
        self.whole.split_once('=').map(|(key, _)| key.trim())
    }

    fn value(&self) -> Option<&'a str> {
        self.whole.split_once('=').map(|(_, value)| value.trim())
    }
}

/// What to say of one fault of syntax.
pub fn advice(text: &str, problem: &SyntaxProblem) -> SyntaxAdvice {
    let line = FaultyLine::of(text, problem);
    other_language(text)
        .or_else(|| unseen_before(&line))
        .or_else(|| typographic_quote(&line))
        .or_else(|| windows_path(&line, problem))
        .or_else(|| comment(&line))
        .or_else(|| colon(&line))
        .or_else(|| missing_comma(&line, problem))
        .or_else(|| twice(text, &line, problem))
        .or_else(|| unclosed(&line, problem))
        .or_else(|| bare_value(&line, problem))
        .or_else(|| bare_word(&line))
        .unwrap_or_else(|| SyntaxAdvice::new(problem.message.clone(), "this isn't TOML: see https://toml.io"))
}

/// A file that is none of TOML from its first mark on.
fn other_language(text: &str) -> Option<SyntaxAdvice> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let after =
        |first: char, then: &[char]| text.strip_prefix(first).is_some_and(|rest| rest.trim_start().starts_with(then));
    let language = match () {
        () if after('{', &['"', '}']) => "JSON",
        () if text.starts_with("---") => "YAML",
        () if text.starts_with('<') => "XML or HTML",
        () => return None,
    };
    Some(SyntaxAdvice::new(
        format!("this file is {language}: a schedule is TOML"),
        "write `key = \"value\"` a line, below tables such as `[source.csv]`; `tickler help schedule` has an example of each key",
    ))
}

/// A blank of a word processor, or a character nobody sees, before a key.
fn unseen_before(line: &FaultyLine<'_>) -> Option<SyntaxAdvice> {
    let is_odd = |c: char| !c.is_ascii() && c.is_whitespace() || unseen::is_unseen(c) && !c.is_whitespace();
    let odd = line.fault.chars().next().filter(|c| is_odd(*c))?;
    Some(SyntaxAdvice::new(
        format!("`{}` is before the key: a blank or an invisible character", odd.escape_unicode()),
        "remove it, and type a plain blank in its place",
    ))
}

/// `remind`, alone in its line.
fn bare_word(line: &FaultyLine<'_>) -> Option<SyntaxAdvice> {
    let word = line.whole.trim_end_matches(']');
    let is_name = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    is_name.then(|| {
        SyntaxAdvice::new(
            format!("`{word}` is alone in its line"),
            format!("write `[{word}]` where a table begins, or `{word} = …`"),
        )
    })
}

fn typographic_quote(line: &FaultyLine<'_>) -> Option<SyntaxAdvice> {
    let quote = line.whole.chars().find(|letter| "“”„‟«»‘’‚‛′″".contains(*letter))?;
    Some(SyntaxAdvice::new(
        "the quotes are not plain ones",
        format!("`{quote}` is a typographic quote: write the plain one, `\"`"),
    ))
}

/// `path = "C:\data\a.csv"`: in double quotes a `\` begins an escape.
fn windows_path(line: &FaultyLine<'_>, problem: &SyntaxProblem) -> Option<SyntaxAdvice> {
    let is_escape = problem.message.contains("escape") || problem.message.contains("unicode");
    let key = line.key().filter(|_| is_escape && line.value().is_some_and(|value| value.contains('\\')))?;
    Some(SyntaxAdvice::new(
        "in double quotes `\\` begins an escape, and there is none like this",
        format!("write a Windows path in single quotes, `{key} = 'C:\\…'`, or with `/`"),
    ))
}

/// `// a remark`, `; a remark`.
fn comment(line: &FaultyLine<'_>) -> Option<SyntaxAdvice> {
    let mark = ["//", "/*", ";", "--", "%"].into_iter().find(|mark| line.whole.starts_with(mark))?;
    Some(SyntaxAdvice::new(format!("`{mark}` begins no remark in TOML"), "a remark begins with `#`"))
}

/// `cron: "0 9 * * *"`, as YAML has it.
fn colon(line: &FaultyLine<'_>) -> Option<SyntaxAdvice> {
    let (key, _) = line.whole.split_once(':')?;
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let key = key.trim();
    (!key.is_empty() && key.chars().all(is_key)).then(|| {
        SyntaxAdvice::new(
            format!("`{key}` is followed by a `:`"),
            format!("TOML writes `=` between a key and its value: `{key} = …`"),
        )
    })
}

fn missing_comma(line: &FaultyLine<'_>, problem: &SyntaxProblem) -> Option<SyntaxAdvice> {
    let parts_values = problem.message.contains("comma")
        || line.whole.split_once('[').is_some_and(|(_, list)| is_list_of_numbers_without_commas(list));
    parts_values.then(|| {
        SyntaxAdvice::new(
            "a comma is missing",
            "write a comma between two values or keys: `[7, 1]`, `{ date = \"…\", time = \"…\" }`",
        )
    })
}

/// `days_before = [7 1]`, which the parser takes for a text without quotes.
fn is_list_of_numbers_without_commas(list: &str) -> bool {
    let inside = list.split(']').next().unwrap_or(list);
    let mut words = inside.split(',').map(str::trim);
    words.any(|word| word.split_whitespace().count() > 1 && word.chars().all(|c| c.is_ascii_digit() || c == ' '))
}

/// A key, or a table, that is there already.
fn twice(text: &str, line: &FaultyLine<'_>, problem: &SyntaxProblem) -> Option<SyntaxAdvice> {
    if !problem.message.contains("duplicate key") {
        return None;
    }
    let number = |is_it: &dyn Fn(&str) -> bool| text.lines().position(|other| is_it(other.trim())).map(|at| at + 1);
    if line.whole.starts_with('[') {
        let table = line.whole;
        let first = number(&|other| other == table)?;
        let message = format!("`{table}` is there a second time");
        return Some(SyntaxAdvice::new(message, format!("put its keys below the one in line {first}")));
    }
    let key = line.key()?;
    Some(SyntaxAdvice::new(format!("`{key}` is there twice in its table"), "remove one of the two lines"))
}

fn unclosed(line: &FaultyLine<'_>, problem: &SyntaxProblem) -> Option<SyntaxAdvice> {
    let says = |words: &[&str]| words.iter().any(|word| problem.message.contains(word));
    if line.whole.starts_with('[') && says(&["unclosed table"]) {
        return Some(SyntaxAdvice::new(
            "a table's name isn't closed",
            format!("write `{}]`", line.whole.trim_end_matches(']')),
        ));
    }
    if says(&["unclosed array", "unclosed inline table", "missing array close"]) {
        return Some(SyntaxAdvice::new("a list or a table isn't closed", "write `]`, or `}`, at its end"));
    }
    let quote = if says(&["invalid basic string"]) {
        '"'
    } else if says(&["invalid literal string"]) {
        '\''
    } else {
        return None;
    };
    (line.whole.matches(quote).count() % 2 == 1)
        .then(|| SyntaxAdvice::new("a text isn't closed", format!("write `{quote}` at its end")))
}

/// A value that is no TOML: none at all, `True`, a text without quotes, something behind it.
fn bare_value(line: &FaultyLine<'_>, problem: &SyntaxProblem) -> Option<SyntaxAdvice> {
    let (key, value) = (line.key()?, line.value()?);
    if key.is_empty() || line.before.is_empty() {
        return None;
    }
    let is_sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'');
    if !key.chars().all(is_sound) {
        return None;
    }
    if value.is_empty() || value.starts_with('#') {
        return Some(SyntaxAdvice::new(format!("`{key}` has no value"), format!("write a value behind `{key} =`")));
    }
    if let Some(value) = value.strip_prefix('=') {
        let what = if value.is_empty() { "…" } else { "the value" };
        return Some(SyntaxAdvice::new("there is a second `=`", format!("write one: `{key} = ` and {what}")));
    }
    if let Some(truth) = ["true", "false"].into_iter().find(|truth| value.eq_ignore_ascii_case(truth)) {
        return Some(SyntaxAdvice::new(format!("`{value}` is no truth value"), format!("write `{key} = {truth}`")));
    }
    if value.ends_with([';', ',']) {
        let mark = &value[value.len() - 1..];
        return Some(SyntaxAdvice::new(
            format!("there is a `{mark}` at the end of the line"),
            "a line of TOML has no mark at its end: remove it",
        ));
    }
    let is_bare =
        ["must be quoted", "invalid float", "invalid boolean", "invalid unquoted", "invalid integer", "unexpected"];
    let is_quoted = value.starts_with(['"', '\'', '[', '{']);
    if is_quoted || !is_bare.iter().any(|fault| problem.message.contains(fault)) || line.fault.trim().is_empty() {
        return None;
    }
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && value.starts_with('0') {
        let number = value.trim_start_matches('0');
        let number = if number.is_empty() { "0" } else { number };
        return Some(SyntaxAdvice::new("a number has no 0 before it", format!("write `{key} = {number}`")));
    }
    if value.starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("the value of `{key}` is neither a number nor a text in quotes");
        return Some(SyntaxAdvice::new(message, "write digits alone, or a text in quotes"));
    }
    Some(SyntaxAdvice::new(format!("the value of `{key}` is a text without quotes"), format!("write `{key} = \"…\"`")))
}
