//! pure: limits the size of expressions before a recursive parser reads them: an overflow of its stack would end the
//! process, and with it every schedule.

use super::TemplateProblem;
use super::rewrite::{Token, TokenKind, tokens};

/// Maximum operators of one expression, or of one text with statements.
pub(super) const MAX_OPERATORS: usize = 256;

/// Maximum nesting of brackets, of operators before one operand, and of blocks.
pub(super) const MAX_DEPTH: usize = 32;

/// Maximum bytes of a line, and maximum lines: the engine counts both in 16 bits, and adds one to where it finds an error.
const MAX_LINE: usize = 65_000;

/// The counts of a text with statements, tag by tag.
#[derive(Debug, Default)]
pub(super) struct Size {
    operators: usize,
    blocks: usize,
}

/// Rejects an expression that is too large; `offset` is its position in its template.
///
/// # Errors
/// With the position of the first token beyond the limit.
pub(super) fn check(text: &str, offset: usize) -> Result<(), TemplateProblem> {
    Size::default().add_tokens(&tokens(text), offset)
}

/// Rejects a text with a longer line, or with more lines, than the engine can count; `offset` is its position in its template.
///
/// # Errors
/// With the position of the text.
pub(super) fn check_lines(source: &str, offset: usize) -> Result<(), TemplateProblem> {
    let is_too_long = source.lines().any(|line| line.len() > MAX_LINE) || source.lines().count() > MAX_LINE;
    match is_too_long {
        true => Err(TemplateProblem {
            message: format!("the text has a line of more than {MAX_LINE} bytes, or more than {MAX_LINE} lines"),
            at: Some(offset..offset + 1),
            help: Some("compute it where the rows come from, and name the column here".into()),
        }),
        false => Ok(()),
    }
}

impl Size {
    /// Counts a statement (`if a and b`) or an expression of a text.
    pub(super) fn add_tag(&mut self, text: &str, offset: usize) -> Result<(), TemplateProblem> {
        let tokens = tokens(text);
        let Some(first) = tokens.first() else { return Ok(()) };
        let at = first.span.start + offset..first.span.end + offset;
        match first.text {
            word if word.starts_with("end") => self.blocks = self.blocks.saturating_sub(1),
            "if" | "for" | "set" | "with" | "filter" | "macro" | "block" | "call" | "autoescape" | "raw" => {
                self.blocks += 1;
            }
            _ => {}
        }
        if self.blocks > MAX_DEPTH {
            return Err(too_deep(at));
        }
        self.count(at)?;
        self.add_tokens(&tokens, offset)
    }

    fn add_tokens(&mut self, tokens: &[Token<'_>], offset: usize) -> Result<(), TemplateProblem> {
        let (mut brackets, mut unary) = (0_usize, 0_usize);
        let mut is_operand_before = false;
        for token in tokens {
            let at = token.span.start + offset..token.span.end + offset;
            match token.text {
                "(" | "[" | "{" => brackets += 1,
                ")" | "]" | "}" => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            let is_operator = is_operator(token);
            let is_sign = matches!(token.text, "not" | "-" | "+");
            unary = if is_sign && !is_operand_before { unary + 1 } else { 0 };
            is_operand_before = !is_operator;
            if brackets + unary > MAX_DEPTH {
                return Err(too_deep(at));
            }
            if is_operator {
                self.count(at)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, at: std::ops::Range<usize>) -> Result<(), TemplateProblem> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(TemplateProblem {
                message: format!("the expression has more than {MAX_OPERATORS} operators"),
                at: Some(at),
                help: Some("compute it where the rows come from, and name the column here".into()),
            });
        }
        Ok(())
    }
}

/// Tokens at which a parser nests: operators, filters, indexes, calls.
fn is_operator(token: &Token<'_>) -> bool {
    match token.kind {
        TokenKind::Punctuation => !matches!(token.text, ")" | "]" | "}" | "," | ":"),
        TokenKind::Identifier => matches!(token.text, "and" | "or" | "not" | "in" | "is" | "if" | "else"),
        TokenKind::Number | TokenKind::StringLiteral => false,
    }
}

fn too_deep(at: std::ops::Range<usize>) -> TemplateProblem {
    TemplateProblem {
        message: format!("the expression is nested more than {MAX_DEPTH} deep"),
        at: Some(at),
        help: Some("take brackets, `not` and blocks apart, or compute it where the rows come from".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_any_size_are_judged_and_those_by_hand_are_small_enough() {
        let deep = |left: &str, right: &str, depth: usize| format!("{}a{}", left.repeat(depth), right.repeat(depth));
        for text in [
            "a",
            "service != \"Walk-in\" and minutes|int > 10",
            "name | upper | trim | default('x') ~ (a if b else c)",
            &format!("a{}", " ~ a".repeat(256)),
            &format!("[{}]", "1, ".repeat(10_000)),
            &format!("'{}'", "(".repeat(10_000)),
            &deep("(", ")", 31),
            &deep("not ", "", 32),
        ] {
            assert_eq!(check(text, 0), Ok(()), "{}", &text[..text.len().min(60)]);
        }
        assert_eq!(check_lines(&"a".repeat(65_000), 0), Ok(()));
        for text in ["a".repeat(65_001), "\n".repeat(65_001)] {
            assert!(check_lines(&text, 0).is_err());
        }
        for text in [
            format!("a{}", " ~ a".repeat(257)),
            format!("a{}", ".b".repeat(100_000)),
            format!("a{}", "|upper".repeat(100_000)),
            format!("a{}", "[0]".repeat(100_000)),
            deep("(", ")", 40),
            deep("[", "]", 100_000),
            deep("not ", "", 100_000),
            deep("-", "", 40),
            format!("{}d", "a if b else ".repeat(300)),
        ] {
            assert!(check(&text, 0).is_err(), "{}", &text[..60]);
        }
    }
}
