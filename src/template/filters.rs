//! pure: the filters and tests of expressions, each with limited output, and the environment that has nothing else.

use minijinja::value::{Rest, Tuple, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::engine::{PARTS_LIMIT, from_engine};
use super::patterns::found;
use super::{Missing, OUTPUT_LIMIT};

/// Marks the details of this program's errors: they contain no value of a row and may be shown.
pub(super) const OWN_ERROR: &str = "tickler: ";

/// Maximum instructions and 64-byte portions of text of one rendering; a payload needs some dozens.
const FUEL: u64 = 20_000;

/// Maximum nesting of calls and brackets; more is not written by hand.
const RECURSION: usize = 64;

/// The filters that are offered.
pub(super) const FILTER_NAMES: &[&str] = &[
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "default",
    "replace",
    "truncate",
    "int",
    "float",
    "round",
    "string",
    "length",
    "join",
    "first",
    "last",
    "split",
    "find",
    "digits",
    "utc",
    "date",
    "abs",
];

/// The tests that are offered.
pub(super) const TEST_NAMES: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "number",
    "integer",
    "float",
    "string",
    "boolean",
    "sequence",
    "mapping",
    "empty",
    "startingwith",
    "endingwith",
    "containing",
    "odd",
    "even",
];

/// The functions that replace the comparison operators.
pub(super) const COMPARISONS: &[&str] = &["__eq", "__ne", "__lt", "__le", "__gt", "__ge", "__in", "__not_in"];

/// The environment all templates share that treat missing fields alike.
pub(super) fn environment(missing: Missing) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(match missing {
        Missing::Fails => UndefinedBehavior::Strict,
        Missing::IsNull => UndefinedBehavior::Chainable,
    });
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_formatter(move |out, state, value| {
        if value.is_none() {
            return Ok(()); // an empty column renders as nothing, not as the word "none"
        }
        if value.is_undefined() && missing == Missing::IsNull {
            return Ok(());
        }
        if value.is_undefined() {
            return Err(Error::new(ErrorKind::UndefinedError, format!("{OWN_ERROR}it has no value")));
        }
        match value.kind() {
            ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
                let mut parts = PARTS_LIMIT;
                let tree = from_engine(value, &mut parts).ok_or_else(|| refuse("it is too long"))?;
                Ok(out.write_str(&tree.to_string())?)
            }
            _ => minijinja::escape_formatter(out, state, value),
        }
    });
    add_text_filters(&mut environment);
    add_value_filters(&mut environment);
    add_tests(&mut environment);
    add_comparisons(&mut environment);
    environment
}

pub(super) fn refuse(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{OWN_ERROR}{message}"))
}

/// A scalar as text (null as an empty one); anything else is rejected with the filter's name.
fn text(value: &Value, filter: &str) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        ValueKind::None => Ok(String::new()),
        ValueKind::Undefined => Err(refuse("it has no value")),
        kind => Err(refuse(format!("`{filter}` takes a text, not a {kind}"))),
    }
}

/// Applies a change of text. Null stays null, so that a filter never turns an empty column into text.
fn changed(value: &Value, filter: &str, change: impl FnOnce(&str) -> String) -> Result<Value, Error> {
    if value.is_none() {
        return Ok(value.clone());
    }
    let changed = change(&text(value, filter)?);
    if changed.len() > OUTPUT_LIMIT {
        return Err(refuse(format!("`{filter}` gives more than {} KiB", OUTPUT_LIMIT / 1024)));
    }
    Ok(Value::from(changed))
}

/// The items of a list of limited length: a repeated list (`[1] * 100000000`) is lazy and uses no fuel.
fn items(value: &Value) -> Result<impl Iterator<Item = Value> + use<>, Error> {
    if value.len().is_none_or(|length| length > OUTPUT_LIMIT) {
        return Err(refuse("it is not a list, or too long"));
    }
    value.try_iter().map_err(|_| refuse("it is not a list"))
}

fn add_text_filters(environment: &mut Environment<'static>) {
    environment.add_filter("upper", |value: &Value| changed(value, "upper", str::to_uppercase));
    environment.add_filter("lower", |value: &Value| changed(value, "lower", str::to_lowercase));
    environment.add_filter("title", |value: &Value| changed(value, "title", title));
    environment.add_filter("capitalize", |value: &Value| {
        changed(value, "capitalize", |text| capitalized(&text.to_lowercase()))
    });
    environment.add_filter("trim", |value: &Value| changed(value, "trim", |text| text.trim().to_owned()));
    environment.add_filter("digits", |value: &Value| {
        changed(value, "digits", |text| text.chars().filter(char::is_ascii_digit).collect())
    });
    environment.add_filter("string", |value: &Value| changed(value, "string", str::to_owned));
    environment.add_filter("truncate", |value: &Value, length: usize| {
        changed(value, "truncate", |text| text.chars().take(length).collect())
    });
    environment.add_filter("replace", replace);
    environment.add_filter("find", |value: &Value, pattern: &str| match value.is_none() || value.is_undefined() {
        true => Ok(Value::from(())),
        false => found(&text(value, "find")?, pattern),
    });
    environment.add_filter("split", split);
    environment.add_filter("join", join);
    environment.add_filter("utc", utc);
    environment.add_filter("date", date);
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn title(text: &str) -> String {
    text.to_lowercase().split_inclusive(|c: char| c.is_whitespace() || c == '-').map(capitalized).collect()
}

fn replace(value: &Value, from: &str, to: &str) -> Result<Value, Error> {
    if value.is_none() {
        return Ok(value.clone());
    }
    let text = text(value, "replace")?;
    if from.is_empty() {
        return Err(refuse("`replace` needs a text to search for that isn't empty"));
    }
    let times = text.matches(from).count();
    let length = text.len().saturating_sub(times * from.len()).saturating_add(times.saturating_mul(to.len()));
    if length > OUTPUT_LIMIT {
        return Err(refuse(format!("`replace` gives more than {} KiB", OUTPUT_LIMIT / 1024)));
    }
    Ok(Value::from(text.replace(from, to)))
}

fn split(value: &Value, rest: Rest<String>) -> Result<Value, Error> {
    let text = text(value, "split")?;
    let parts: Vec<Value> = match rest.first().map(String::as_str) {
        None => text.split_whitespace().map(Value::from).collect(),
        Some("") => return Err(refuse("`split` takes a separator that isn't empty")),
        Some(separator) => text.split(separator).map(Value::from).collect(),
    };
    Ok(Tuple::from(parts).into())
}

fn join(value: &Value, rest: Rest<String>) -> Result<Value, Error> {
    if value.kind() != ValueKind::Seq {
        return Err(refuse("`join` takes a list"));
    }
    let separator = rest.first().map_or("", String::as_str);
    let mut joined = String::new();
    for (place, item) in items(value)?.enumerate() {
        if place > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text(&item, "join")?);
        if joined.len() > OUTPUT_LIMIT {
            return Err(refuse(format!("`join` gives more than {} KiB", OUTPUT_LIMIT / 1024)));
        }
    }
    Ok(Value::from(joined))
}

/// The same instant with `Z`, of an RFC 3339 time with any offset.
fn utc(value: &Value) -> Result<Value, Error> {
    let text = text(value, "utc")?;
    let instant: jiff::Timestamp =
        text.parse().map_err(|_| refuse("`utc` takes a time with an offset, such as `starts_at`"))?;
    Ok(Value::from(instant.to_string()))
}

/// A date or a date and time in ISO 8601 → strftime; the wall clock stays as it is written.
fn date(value: &Value, format: &str) -> Result<Value, Error> {
    let text = text(value, "date")?;
    let no_date = || refuse("`date` takes a date or a date and time in ISO 8601, such as `starts_at`");
    let wall: jiff::civil::DateTime = match text.strip_suffix('Z').unwrap_or(&text).parse() {
        Ok(wall) => wall,
        Err(_) => text.parse::<jiff::civil::Date>().map_err(|_| no_date())?.at(0, 0, 0, 0),
    };
    let formatted = jiff::fmt::strtime::format(format, wall)
        .map_err(|_| refuse("`date` takes a strftime pattern of date and time, such as \"%A, %B %-d\""))?;
    if formatted.len() > OUTPUT_LIMIT {
        return Err(refuse("`date` gives too long a text"));
    }
    Ok(Value::from(formatted))
}

fn add_value_filters(environment: &mut Environment<'static>) {
    environment.add_filter("default", |value: Value, other: Value| {
        let is_empty = value.is_undefined() || value.is_none() || value.as_str() == Some("");
        if is_empty { other } else { value }
    });
    environment.add_filter("int", int);
    environment.add_filter("float", |value: &Value| float(value).map(Value::from));
    environment.add_filter("round", |value: &Value, rest: Rest<i32>| {
        let places = rest.first().copied().unwrap_or(0).clamp(0, 12);
        let scale = 10_f64.powi(places);
        float(value).map(|number| Value::from((number * scale).round() / scale))
    });
    environment.add_filter("abs", |value: &Value| match value.as_i64() {
        Some(whole) if value.is_integer() => Ok(Value::from(whole.saturating_abs())),
        _ => float(value).map(|number| Value::from(number.abs())),
    });
    environment.add_filter("length", |value: &Value| match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().chars().count()),
        _ => value.len().ok_or_else(|| refuse("`length` takes a text, a list or an object")),
    });
    environment.add_filter("first", |value: &Value| end_of(value, End::First));
    environment.add_filter("last", |value: &Value| end_of(value, End::Last));
}

fn float(value: &Value) -> Result<f64, Error> {
    let number = match value.kind() {
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        ValueKind::String => value.as_str().and_then(|text| text.trim().parse().ok()),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite()).ok_or_else(|| refuse("it is not a number"))
}

/// The whole number of a text or a number; a fraction is cut, as Jinja does.
fn int(value: &Value) -> Result<Value, Error> {
    let whole = match value.kind() {
        ValueKind::Number => value.as_i64(),
        ValueKind::String => value.as_str().and_then(|text| text.trim().parse().ok()),
        _ => None,
    };
    if let Some(whole) = whole {
        return Ok(Value::from(whole));
    }
    let number = float(value)?.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "checked against the range in which it is exact")]
    if number.abs() < 9e15 { Ok(Value::from(number as i64)) } else { Err(refuse("the number is too large")) }
}

#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

fn end_of(value: &Value, end: End) -> Result<Value, Error> {
    let found = match (value.as_str(), end) {
        (Some(text), End::First) => text.chars().next().map(|letter| Value::from(letter.to_string())),
        (Some(text), End::Last) => text.chars().next_back().map(|letter| Value::from(letter.to_string())),
        (None, End::First) => items(value)?.next(),
        (None, End::Last) => items(value)?.last(),
    };
    Ok(found.unwrap_or_else(|| Value::from(())))
}

fn add_tests(environment: &mut Environment<'static>) {
    environment.add_test("defined", |value: &Value| !value.is_undefined());
    environment.add_test("undefined", |value: &Value| value.is_undefined());
    environment.add_test("none", |value: &Value| value.is_none());
    environment.add_test("number", |value: &Value| value.kind() == ValueKind::Number);
    environment.add_test("integer", |value: &Value| value.is_integer());
    environment.add_test("float", |value: &Value| value.kind() == ValueKind::Number && !value.is_integer());
    environment.add_test("string", |value: &Value| value.kind() == ValueKind::String);
    environment.add_test("boolean", |value: &Value| value.kind() == ValueKind::Bool);
    environment.add_test("sequence", |value: &Value| value.kind() == ValueKind::Seq);
    environment.add_test("mapping", |value: &Value| value.kind() == ValueKind::Map);
    environment.add_test("empty", |value: &Value| {
        value.is_none() || value.as_str().is_some_and(|text| text.trim().is_empty()) || value.len() == Some(0)
    });
    environment
        .add_test("startingwith", |value: &Value, other: &str| text(value, "is").map(|it| it.starts_with(other)));
    environment.add_test("endingwith", |value: &Value, other: &str| text(value, "is").map(|it| it.ends_with(other)));
    environment.add_test("containing", |value: &Value, other: &str| text(value, "is").map(|it| it.contains(other)));
    environment.add_test("odd", |value: &Value| value.as_i64().is_some_and(|number| number % 2 != 0));
    environment.add_test("even", |value: &Value| value.as_i64().is_some_and(|number| number % 2 == 0));
}

/// The functions by which `rewrite::rewritten` replaces the comparison operators.
fn add_comparisons(environment: &mut Environment<'static>) {
    environment.add_function("__eq", |a: Value, b: Value| equal(&a, &b));
    environment.add_function("__ne", |a: Value, b: Value| equal(&a, &b).map(|same| !same));
    environment.add_function("__lt", |a: Value, b: Value| order(&a, &b).map(std::cmp::Ordering::is_lt));
    environment.add_function("__le", |a: Value, b: Value| order(&a, &b).map(std::cmp::Ordering::is_le));
    environment.add_function("__gt", |a: Value, b: Value| order(&a, &b).map(std::cmp::Ordering::is_gt));
    environment.add_function("__ge", |a: Value, b: Value| order(&a, &b).map(std::cmp::Ordering::is_ge));
    environment.add_function("__in", |a: Value, b: Value| is_in(&a, &b));
    environment.add_function("__not_in", |a: Value, b: Value| is_in(&a, &b).map(|inside| !inside));
}

fn kind_for_people(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "something without a value",
        ValueKind::None => "an empty value",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq => "a list",
        _ => "an object",
    }
}

fn mismatch(a: &Value, b: &Value) -> Error {
    let is_number_and_text =
        matches!((a.kind(), b.kind()), (ValueKind::Number, ValueKind::String) | (ValueKind::String, ValueKind::Number));
    let remedy = if is_number_and_text { "; `|int`, `|float` or `|string` makes them alike" } else { "" };
    refuse(format!("it compares {} with {}{remedy}", kind_for_people(a), kind_for_people(b)))
}

/// Whether two values of the same kind are equal. An empty value may be compared with anything and is equal only to itself.
fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    if a.is_undefined() || b.is_undefined() {
        return Err(mismatch(a, b));
    }
    if [a, b].iter().any(|value| value.len().is_some_and(|length| length > OUTPUT_LIMIT)) {
        return Err(refuse("it compares too long a value"));
    }
    if a.is_none() || b.is_none() || a.kind() == b.kind() {
        return Ok(a == b);
    }
    Err(mismatch(a, b))
}

fn order(a: &Value, b: &Value) -> Result<std::cmp::Ordering, Error> {
    match (a.kind(), b.kind()) {
        (ValueKind::Number, ValueKind::Number) | (ValueKind::String, ValueKind::String) => Ok(a.cmp(b)),
        _ => Err(mismatch(a, b)),
    }
}

/// Whether something is part of a text, an item of a list or a key of an object; nothing is in an empty value.
fn is_in(item: &Value, container: &Value) -> Result<bool, Error> {
    match (container.kind(), item.kind()) {
        (ValueKind::Undefined, _) | (_, ValueKind::Undefined) => Err(mismatch(item, container)),
        (ValueKind::None, _) => Ok(false),
        (ValueKind::String, ValueKind::String) => {
            Ok(container.as_str().unwrap_or_default().contains(item.as_str().unwrap_or_default()))
        }
        (ValueKind::String, ValueKind::None) => Ok(false),
        (ValueKind::Seq | ValueKind::Iterable, _) => {
            let mut problem = None;
            for other in items(container)? {
                match equal(item, &other) {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(error) => problem = Some(error),
                }
            }
            problem.map_or(Ok(false), Err)
        }
        (ValueKind::Map, ValueKind::String) => Ok(container.get_item(item).is_ok_and(|found| !found.is_undefined())),
        _ => Err(mismatch(item, container)),
    }
}
