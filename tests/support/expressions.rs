//! Expressions that nobody would write: words put together by chance, deep, long and odd.

use super::chance::Chance;

const WORDS: [&str; 56] = [
    "phone",
    "name",
    "nobody",
    "1",
    "2.5",
    "'text'",
    "\"t\"",
    "true",
    "none",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "==",
    "<",
    ">=",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "|upper",
    "|default(1)",
    "|replace('a', 'aaaaaaaaaaaaaaaa')",
    "|nosuch",
    "is nosuch",
    ".field",
    "[0]",
    "[::-1]",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "'",
    "\"",
    "\\",
    "{{",
    "}}",
    "{%",
    "#}",
    "1e999",
    "99999999999999999999999999",
    "range(1000000000)",
    "é",
    "\u{202e}",
    "\u{1F4DE}",
];

/// One expression: some words, and then one piece of it repeated often.
pub fn expression(chance: &mut Chance) -> String {
    let mut word = || WORDS[usize::try_from(chance.below(WORDS.len() as u64)).expect("small")];
    let head: Vec<&str> = (0..6).map(|_| word()).collect();
    let piece: Vec<&str> = (0..3).map(|_| word()).collect();
    let often = [0, 0, 1, 8, 40, 300, 3_000][usize::try_from(chance.below(7)).expect("small")];
    format!("{} {}", head.join(" "), format!("{} ", piece.join(" ")).repeat(often))
}

/// One expression that can be read, most often: operands with operators between them, in brackets.
pub fn sound_expression(chance: &mut Chance) -> String {
    const OPERANDS: [&str; 8] = ["name", "phone", "'x'", "1", "2.5", "true", "none", "row['name']"];
    const OPERATORS: [&str; 9] = ["~", "==", "<", "and", "or", "in", "+", "*", "%"];
    const FILTERS: [&str; 6] = ["", "", "|upper", "|default('x')", "|length", "|replace('a', 'aaaaaaaaaaaaaaaa')"];
    let mut pick = |words: &[&'static str]| words[usize::try_from(chance.below(words.len() as u64)).expect("small")];
    let mut text = pick(&OPERANDS).to_owned();
    for _operator in 0..[0, 1, 3, 12][pick(&["0", "1", "2", "3"]).parse::<usize>().expect("a digit")] {
        text = format!("({text} {} {}{})", pick(&OPERATORS), pick(&OPERANDS), pick(&FILTERS));
    }
    text
}
