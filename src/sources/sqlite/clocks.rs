//! pure: clocks and zones of SQLite's own in a query: the machine's time instead of the run's, UTC's day instead of the
//! schedule's. The run's clock is the only clock, the schedule's zone the only zone.

/// SQLite's functions of date and time.
const DATE_FUNCTIONS: [&str; 7] = ["date", "time", "datetime", "julianday", "strftime", "unixepoch", "timediff"];

/// Names that are the machine's time by themselves.
const CLOCK_NAMES: [&str; 3] = ["current_date", "current_time", "current_timestamp"];

/// A token of SQL, as far as clocks need it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SqlToken<'q> {
    Word(&'q str),
    /// `"name"`, `` `name` ``, `[name]`.
    Quoted(&'q str),
    /// `'text'`.
    Text(&'q str),
    Mark(char),
}

/// What in a query is a clock or a zone of its own; `None` when nothing is.
pub(super) fn second_clock(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    (0..tokens.len()).find_map(|at| clock_at(&tokens, at))
}

/// Names in a query that may be those of views: words and quoted names that are no function and no alias.
pub(super) fn names(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let is_name = |at: &usize| {
        let is_alias = at.checked_sub(1).is_some_and(|before| is_word(&tokens[before], &["as"]));
        !is_alias && tokens.get(at + 1) != Some(&SqlToken::Mark('('))
    };
    (0..tokens.len())
        .filter(is_name)
        .filter_map(|at| match tokens[at] {
            SqlToken::Word(name) | SqlToken::Quoted(name) => Some(name.to_ascii_lowercase()),
            SqlToken::Text(_) | SqlToken::Mark(_) => None,
        })
        .collect()
}

fn is_word(token: &SqlToken<'_>, words: &[&str]) -> bool {
    matches!(token, SqlToken::Word(word) if words.iter().any(|other| word.eq_ignore_ascii_case(other)))
}

fn clock_at(tokens: &[SqlToken<'_>], at: usize) -> Option<String> {
    let name = match tokens[at] {
        SqlToken::Word(word) if is_word(&tokens[at], &CLOCK_NAMES) => {
            return Some(format!("`{}`", word.to_ascii_uppercase()));
        }
        SqlToken::Word(name) | SqlToken::Quoted(name) => name.to_ascii_lowercase(),
        SqlToken::Text(_) | SqlToken::Mark(_) => return None,
    };
    if !DATE_FUNCTIONS.contains(&name.as_str()) || tokens.get(at + 1) != Some(&SqlToken::Mark('(')) {
        return None;
    }
    let arguments = arguments(&tokens[at + 2..]);
    let is_of_now = match (name.as_str(), arguments.as_slice()) {
        (_, []) => true,
        ("strftime", [_format]) => true,
        ("strftime", [_format, first, ..]) => is_fraction(first),
        (_, [first, ..]) => is_fraction(first),
    };
    if is_of_now {
        return Some(format!("`{name}()` without a time"));
    }
    arguments.iter().find_map(|argument| clock_word(argument)).map(|word| format!("`'{word}'` in `{name}()`"))
}

/// The tokens of each argument, up to the closing bracket.
fn arguments<'t, 'q>(tokens: &'t [SqlToken<'q>]) -> Vec<&'t [SqlToken<'q>]> {
    let (mut found, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            SqlToken::Mark('(') => depth += 1,
            SqlToken::Mark(')') if depth > 0 => depth -= 1,
            SqlToken::Mark(')') => {
                if at > 0 {
                    found.push(&tokens[begin..at]);
                }
                return found;
            }
            SqlToken::Mark(',') if depth == 0 => {
                found.push(&tokens[begin..at]);
                begin = at + 1;
            }
            SqlToken::Word(_) | SqlToken::Quoted(_) | SqlToken::Text(_) | SqlToken::Mark(_) => {}
        }
    }
    found.push(&tokens[begin..]);
    found
}

/// `subsec` in the place of a time means the present.
fn is_fraction(argument: &[SqlToken<'_>]) -> bool {
    matches!(argument, [SqlToken::Text(text)] if ["subsec", "subsecond"].iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// A text that means the present or another zone; one that is compared with something means nothing of the kind.
fn clock_word(argument: &[SqlToken<'_>]) -> Option<&'static str> {
    (0..argument.len()).find_map(|at| {
        let text = match argument[at] {
            SqlToken::Text(_) => joined_text(&argument[at..]),
            // SQLite reads a quoted name that is no column as a text
            SqlToken::Quoted(text) if argument.len() == 1 => text.to_owned(),
            SqlToken::Word(_) | SqlToken::Quoted(_) | SqlToken::Mark(_) => return None,
        };
        let is_compared = |token: &SqlToken<'_>| {
            matches!(token, SqlToken::Mark('=' | '<' | '>' | '!'))
                || is_word(token, &["like", "is", "not", "when", "glob"])
        };
        let before = at.checked_sub(1).map(|before| &argument[before]);
        if before.is_some_and(is_compared) || argument.get(at + 1).is_some_and(is_compared) {
            return None;
        }
        ["now", "localtime", "utc"].into_iter().find(|word| text.trim().eq_ignore_ascii_case(word))
    })
}

/// The text at the beginning, with those that `||` joins to it.
fn joined_text(tokens: &[SqlToken<'_>]) -> String {
    let mut joined = String::new();
    let mut rest = tokens;
    while let [SqlToken::Text(text), after @ ..] = rest {
        joined.push_str(text);
        rest = after.strip_prefix(&[SqlToken::Mark('|'), SqlToken::Mark('|')]).unwrap_or_default();
    }
    joined
}

fn tokens(sql: &str) -> Vec<SqlToken<'_>> {
    let (mut found, mut rest) = (Vec::new(), sql);
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first);
        found.extend(token);
        rest = &rest[length.clamp(first.len_utf8(), rest.len())..];
    }
    found
}

/// The token at the beginning of a text and its length; blanks and comments are none.
fn token(rest: &str, first: char) -> (Option<SqlToken<'_>>, usize) {
    let until = |end: &str| rest[end.len().min(rest.len())..].find(end).map_or(rest.len(), |at| at + 2 * end.len());
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    match first {
        '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (None, rest[2..].find("*/").map_or(rest.len(), |at| at + 4)),
        '\'' => {
            let length = quoted_length(rest, '\'');
            (Some(SqlToken::Text(inside(rest, length))), length)
        }
        '"' | '`' => {
            let length = quoted_length(rest, first);
            (Some(SqlToken::Quoted(inside(rest, length))), length)
        }
        '[' => {
            let length = rest.find(']').map_or(until("]"), |at| at + 1);
            (Some(SqlToken::Quoted(inside(rest, length))), length)
        }
        // a parameter: a value that is bound
        ':' | '@' | '#' => {
            (Some(SqlToken::Mark(first)), 1 + rest[1..].find(|c: char| !is_letter(c)).unwrap_or(rest.len() - 1))
        }
        c if is_letter(c) => {
            let length = rest.find(|c: char| !is_letter(c)).unwrap_or(rest.len());
            (Some(SqlToken::Word(&rest[..length])), length)
        }
        c if c.is_whitespace() => (None, c.len_utf8()),
        c => (Some(SqlToken::Mark(c)), c.len_utf8()),
    }
}

/// How long a quoted text is, its doubled quotes included.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = rest[at..].find(quote) {
        at += found + 1;
        if !rest[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    rest.len()
}

fn inside(rest: &str, length: usize) -> &str {
    rest.get(1..length.saturating_sub(1).max(1)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_second_clock_is_found() {
        for sql in [
            "select * from v where d = date('now')",
            "select * from v where d = DATE ( 'NOW' , '+1 day' )",
            "select * from v where d = date(/* today */ 'now')",
            "select * from v where d = \"date\"('now')",
            "select * from v where d = date(\"now\")",
            "select strftime('%Y', 'now') from v",
            "select strftime('%Y') from v",
            "select julianday() - julianday(d) from v",
            "select unixepoch() from v",
            "select unixepoch('subsec') from v",
            "select datetime(coalesce(d, 'now')) from v",
            "select time(d, 'localtime'), 1 from v",
            "select datetime(d, '+1 day', 'utc') from v",
            "select date(d) = CURRENT_DATE from v",
            "select current_timestamp",
            "select CURRENT_TIME",
            "select timediff('now', d) from v",
            "select date(datetime(d, 'localtime')) from v",
            "select date('n' || 'ow') from v",
            "select date(lower('N' || 'o' || 'W'), '+1 day') from v",
            "select date(d, 'local' || 'time') from v",
        ] {
            assert!(second_clock(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn the_same_words_elsewhere_are_no_clock() {
        for sql in [
            "select date(:day, '+1 day') from v",
            "select date(starts_at, 'unixepoch'), strftime('%H:%M', d) from v where d >= :from",
            "select * from v where priority = 'now' and zone = 'utc'",
            "select * from v -- date('now')\nwhere 1",
            "select * from v /* current_date */ where 1",
            "select \"current_date\", [current_time], `date` from v",
            "select 'it''s date(''now'')' from v",
            "select date(case when zone = 'utc' then d else e end) from v",
            "select date, time from v where date in (:day)",
            "select :current_date, datetime(:now_utc)",
            "select max(date) from v",
            "select date(d || 'T' || 'now and then') from v",
            "select date('20' || '26-11-25') from v",
            "",
            "select '",
            "select [",
        ] {
            assert_eq!(second_clock(sql), None, "{sql}");
        }
    }

    #[test]
    fn names_of_views_are_among_the_names() {
        let found = names("SELECT a AS today FROM \"Open Visits\" JOIN v2 ON f(x)");
        assert!(found.contains(&"open visits".to_owned()) && found.contains(&"v2".to_owned()), "{found:?}");
        assert!(!found.contains(&"today".to_owned()) && !found.contains(&"f".to_owned()), "{found:?}");
    }
}
