//! pure: splits expressions into tokens, rejects what isn't offered, and rewrites the rest for the engine.
//!
//! # Why expressions are rewritten
//!
//! minijinja compares values of different types without an error: `minutes > "10"` would be false for every row, and nobody
//! would be called. It also repeats lists lazily, without using fuel. So comparisons become calls of functions that check
//! the types, and lists become tuples, before the engine compiles the expression:
//!
//! | as written | as compiled | because |
//! |---|---|---|
//! | `a > b` | `(__gt(a,b))` | the function refuses operands of different types |
//! | `1 < x < 5` | `(__lt(1,x) and __lt(x,5))` | a chain of comparisons |
//! | `status in ["a", "b"]` | `(__in(status,("a","b",)))` | membership compares values, too |
//! | `a not in b` | `(__not_in(a,b))` | the same |
//! | `[1, 2] * 3` | `(1,2,) * 3` | repeating a tuple uses fuel, repeating a list doesn't |
//! | `row[1]` | `row[1]` | an index is not a list |
//! | `a ==` | `?` | the engine refuses it, as it would refuse the original |

use std::ops::Range;

use super::TemplateProblem;
use super::filters::{FILTER_NAMES, TEST_NAMES};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a keyword.
    Identifier,
    /// `15`, `2.5`, `1e9`.
    Number,
    /// `"…"` or `'…'`, with its quotes.
    StringLiteral,
    /// An operator, a bracket or a separator.
    Punctuation,
}

#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    /// The text as it is written.
    pub(super) text: &'a str,
    /// Its bytes in the expression.
    pub(super) span: Range<usize>,
}

/// Identifiers that are not names.
const KEYWORDS: &[&str] =
    &["true", "True", "false", "False", "none", "None", "and", "or", "not", "in", "is", "if", "else", "loop", "self"];

/// Whether an expression is a single name, which needs no engine.
pub(super) fn is_plain_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !KEYWORDS.contains(&text)
}

/// The position of the `}}` that closes the expression beginning at `from`.
///
/// # Errors
/// When there is none.
pub(super) fn closing(text: &str, from: usize) -> Result<usize, TemplateProblem> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => at = end_of_string(bytes, at, quote),
            b'{' | b'[' | b'(' => depth += 1,
            b'}' if depth == 0 && bytes.get(at + 1) == Some(&b'}') => return Ok(at),
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Err(TemplateProblem {
        message: "`{{` is never closed".into(),
        at: Some(from - 2..from),
        help: Some("end the expression with `}}`".into()),
    })
}

/// The position of the closing quote, or of the last byte when there is none.
fn end_of_string(bytes: &[u8], open: usize, quote: u8) -> usize {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            byte if byte == quote => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len().saturating_sub(1)
}

/// Splits an expression into tokens.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let from = at;
        let kind = match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            quote @ (b'"' | b'\'') => {
                at = end_of_string(bytes, at, quote) + 1;
                TokenKind::StringLiteral
            }
            byte if byte.is_ascii_digit() => {
                at = end_of_number(bytes, at);
                TokenKind::Number
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii() => {
                while at < bytes.len()
                    && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || !bytes[at].is_ascii())
                {
                    at += 1;
                }
                TokenKind::Identifier
            }
            _ => {
                at += if ["==", "!=", "<=", ">=", "//", "**"].iter().any(|mark| text[at..].starts_with(mark)) {
                    2
                } else {
                    1
                };
                TokenKind::Punctuation
            }
        };
        found.push(Token { kind, text: &text[from..at], span: from..at });
    }
    found
}

fn end_of_number(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        let is_part = bytes[at].is_ascii_alphanumeric()
            || bytes[at] == b'_'
            || (bytes[at] == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit))
            || (matches!(bytes[at], b'+' | b'-') && matches!(bytes[at - 1], b'e' | b'E'));
        if !is_part {
            break;
        }
        at += 1;
    }
    at
}

/// Rejects filters and tests that aren't offered, and all function and method calls. `offset` is the position of `text` in
/// its template.
///
/// # Errors
/// With the closest name that is offered.
pub(super) fn check(text: &str, offset: usize) -> Result<(), TemplateProblem> {
    let tokens = tokens(text);
    for (index, token) in tokens.iter().enumerate() {
        let before = |steps: usize| index.checked_sub(steps).map_or("", |before| tokens[before].text);
        if token.kind != TokenKind::Identifier {
            continue;
        }
        let at = token.span.start + offset..token.span.end + offset;
        if before(1) == "|" {
            offered(token.text, "filter", FILTER_NAMES, at)?;
        } else if (before(1) == "is" && token.text != "not") || (before(1) == "not" && before(2) == "is") {
            if token.text == "in" {
                return Err(TemplateProblem {
                    message: "`in` is an operator, not a test".into(),
                    at: Some(at),
                    help: Some("leave out the `is`: `status in [\"a\", \"b\"]`, `status not in [\"a\"]`".into()),
                });
            }
            offered(token.text, "test", TEST_NAMES, at)?;
        } else if tokens.get(index + 1).is_some_and(|next| next.text == "(") && !KEYWORDS.contains(&token.text) {
            return Err(TemplateProblem {
                message: format!("there is no function or method `{}`", token.text),
                at: Some(at),
                help: Some(match FILTER_NAMES.contains(&token.text) {
                    true => format!("write `{{{{ name | {} }}}}`: filters change a value", token.text),
                    false => format!("filters change a value: {}", FILTER_NAMES.join(", ")),
                }),
            });
        }
    }
    Ok(())
}

fn offered(name: &str, what: &str, names: &[&str], at: Range<usize>) -> Result<(), TemplateProblem> {
    if names.contains(&name) {
        return Ok(());
    }
    let help = match crate::spelling::did_you_mean(name, names.iter().copied()) {
        Some(likely) => format!("did you mean `{likely}`?"),
        None => format!("there are {}", names.join(", ")),
    };
    Err(TemplateProblem { message: format!("there is no {what} `{name}`"), at: Some(at), help: Some(help) })
}

/// Rewrites an expression: comparisons to calls of the functions that check types, lists to tuples.
pub(super) fn rewritten(text: &str) -> String {
    let tokens = tokens(text);
    let mut index = 0;
    rewritten_group(&tokens, &mut index)
}

/// Rewrites the tokens from `index` to the end of the bracket, or of the expression. Only `and`, `or`, `not`, `if`, `else`,
/// commas and colons bind less tightly than comparisons, so an operand reaches from one of those to the next.
fn rewritten_group(tokens: &[Token<'_>], index: &mut usize) -> String {
    let mut whole = String::new();
    let mut chain = ComparisonChain::default();
    while *index < tokens.len() {
        let token = &tokens[*index];
        let is_after_is = *index > 0 && tokens[*index - 1].text == "is";
        let next = tokens.get(*index + 1).map_or("", |token| token.text);
        *index += 1;
        match token.text {
            ")" | "]" | "}" => {
                *index -= 1;
                break;
            }
            "(" | "[" | "{" => {
                let is_list = token.text == "[" && !is_operand_end(tokens, *index - 1);
                let inside = rewritten_group(tokens, index);
                let close = tokens.get(*index).map_or("", |token| token.text);
                *index += 1;
                chain.operand.push_str(&match (is_list, inside.trim()) {
                    (true, "") => "() ".to_owned(),
                    (true, items) => format!("({},) ", items.trim_end_matches(',')),
                    (false, _) => format!("{}{inside}{close} ", token.text),
                });
            }
            "not" if !is_after_is && next == "in" => {
                *index += 1;
                chain.operator("__not_in");
            }
            "in" => chain.operator("__in"),
            "==" => chain.operator("__eq"),
            "!=" => chain.operator("__ne"),
            "<" => chain.operator("__lt"),
            "<=" => chain.operator("__le"),
            ">" => chain.operator("__gt"),
            ">=" => chain.operator("__ge"),
            "not" if !is_after_is => chain.end(&mut whole, token.text),
            "and" | "or" | "if" | "else" | "," | ":" | "=" => chain.end(&mut whole, token.text),
            other => {
                chain.operand.push_str(other);
                chain.operand.push(' ');
            }
        }
    }
    chain.end(&mut whole, "");
    whole
}

/// Whether a value ends before this token: then a `[` here is an index, otherwise it begins a list.
fn is_operand_end(tokens: &[Token<'_>], index: usize) -> bool {
    let Some(before) = index.checked_sub(1).map(|before| &tokens[before]) else { return false };
    match before.kind {
        TokenKind::StringLiteral | TokenKind::Number => true,
        TokenKind::Identifier => !["and", "or", "not", "in", "is", "if", "else"].contains(&before.text),
        TokenKind::Punctuation => matches!(before.text, ")" | "]" | "}"),
    }
}

/// Operands and the comparisons between them: `1 < x < 5` is two comparisons.
#[derive(Default)]
struct ComparisonChain {
    done: Vec<(String, &'static str)>,
    operand: String,
}

impl ComparisonChain {
    fn operator(&mut self, function: &'static str) {
        self.done.push((std::mem::take(&mut self.operand), function));
    }

    fn end(&mut self, whole: &mut String, delimiter: &str) {
        let last = std::mem::take(&mut self.operand);
        let mut done = std::mem::take(&mut self.done);
        let is_incomplete = last.is_empty() || done.iter().any(|(operand, _)| operand.is_empty());
        if !done.is_empty() && is_incomplete {
            done.clear();
            whole.push('?'); // an operand is missing: not valid for the engine either
        }
        if done.is_empty() {
            whole.push_str(&last);
        } else {
            let rights = done.iter().skip(1).map(|(operand, _)| operand).chain(std::iter::once(&last));
            let calls: Vec<String> = done
                .iter()
                .zip(rights)
                .map(|((left, function), right)| format!("{function}({left},{right})"))
                .collect();
            whole.push_str(&format!("({}) ", calls.join(" and ")));
        }
        whole.push_str(delimiter);
        whole.push(' ');
    }
}
