//! pure: `find`: the first part of a text that fits a regular expression, each expression compiled once.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use minijinja::Error;
use minijinja::value::Value;
use regex::{Regex, RegexBuilder};

use super::filters::refuse;

/// Bytes that a compiled expression may take: far more than an expression for phones or names needs.
const MAX_COMPILED: usize = 256 << 10;

/// Expressions that are kept; templates are few, and a pattern made of a row's values is not kept for ever.
const MAX_KEPT: usize = 256;

static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

/// The first group of the first match, or the whole match where there is no group; null without a match.
pub(super) fn found(text: &str, pattern: &str) -> Result<Value, Error> {
    let regex = compiled(pattern)?;
    let captures = regex.captures(text);
    let part = captures.and_then(|captures| captures.get(1).or_else(|| captures.get(0)).map(|part| part.as_str()));
    Ok(part.map_or_else(|| Value::from(()), Value::from))
}

fn compiled(pattern: &str) -> Result<Regex, Error> {
    let mut kept = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = kept.get(pattern) {
        return Ok(regex.clone());
    }
    let regex = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build();
    let regex = regex.map_err(|_| refuse("`find` takes a regular expression, such as '[+][0-9 ()-]{8,}'"))?;
    if kept.len() >= MAX_KEPT {
        kept.clear();
    }
    kept.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}
