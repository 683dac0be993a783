//! pure: how large an expression may be, counted over its words before any recursive parser sees them: a parser's stack
//! ends the program when it overflows, and with it every other schedule.

use super::TemplateProblem;
use super::strict::{Token, TokenKind, tokens};

/// Operators of one expression, or of one whole text with statements.
pub(super) const MOST_OPERATORS: usize = 256;

/// Brackets inside brackets, operators before one operand, blocks inside blocks.
pub(super) const DEEPEST: usize = 32;

/// What was counted of a text with statements, tag by tag.
#[derive(Debug, Default)]
pub(super) struct Size {
    operators: usize,
    blocks: usize,
}

/// Refuses an expression that is too large; `offset` is where it begins in its template.
///
/// # Errors
/// With the place of the first word too many.
pub(super) fn check(text: &str, offset: usize) -> Result<(), TemplateProblem> {
    Size::default().add_words(&tokens(text), offset)
}

impl Size {
    /// Counts a statement (`if a and b`) or an expression of a text.
    pub(super) fn add_tag(&mut self, text: &str, offset: usize) -> Result<(), TemplateProblem> {
        let words = tokens(text);
        let Some(first) = words.first() else { return Ok(()) };
        let at = first.at.start + offset..first.at.end + offset;
        match first.text {
            word if word.starts_with("end") => self.blocks = self.blocks.saturating_sub(1),
            "if" | "for" | "set" | "with" | "filter" | "macro" | "block" | "call" | "autoescape" | "raw" => {
                self.blocks += 1;
            }
            _ => {}
        }
        if self.blocks > DEEPEST {
            return Err(too_deep(at));
        }
        self.count(at)?;
        self.add_words(&words, offset)
    }

    fn add_words(&mut self, words: &[Token<'_>], offset: usize) -> Result<(), TemplateProblem> {
        let (mut brackets, mut unary) = (0_usize, 0_usize);
        let mut is_operand_before = false;
        for word in words {
            let at = word.at.start + offset..word.at.end + offset;
            match word.text {
                "(" | "[" | "{" => brackets += 1,
                ")" | "]" | "}" => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            let is_operator = is_operator(word);
            let is_sign = matches!(word.text, "not" | "-" | "+");
            unary = if is_sign && !is_operand_before { unary + 1 } else { 0 };
            is_operand_before = !is_operator;
            if brackets + unary > DEEPEST {
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
        if self.operators > MOST_OPERATORS {
            return Err(TemplateProblem {
                message: format!("the expression has more than {MOST_OPERATORS} operators"),
                at: Some(at),
                help: Some("compute it where the rows come from, and name the column here".into()),
            });
        }
        Ok(())
    }
}

/// Words that a parser nests by: operators, filters, look-ups, calls.
fn is_operator(word: &Token<'_>) -> bool {
    match word.kind {
        TokenKind::Mark => !matches!(word.text, ")" | "]" | "}" | "," | ":"),
        TokenKind::Word => matches!(word.text, "and" | "or" | "not" | "in" | "is" | "if" | "else"),
        TokenKind::Number | TokenKind::Text => false,
    }
}

fn too_deep(at: std::ops::Range<usize>) -> TemplateProblem {
    TemplateProblem {
        message: format!("the expression is nested more than {DEEPEST} deep"),
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
