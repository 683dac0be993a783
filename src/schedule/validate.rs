//! pure: holds a tree against the table of keys: what is unknown, missing, of another type, or not built yet.

mod meanings;

use std::ops::Range;

use super::keys::{Key, KeyTable, Need, Shape};
use super::misplaced::{header_of, stray_key, stray_keys, unknown_key};
use super::problems::Problems;
use super::spanned::{KeyValue, Node, Value};
use crate::row::{JsonPlace, is_path};
use crate::settings::is_variable_name;
use crate::spelling::did_you_mean;

/// The code of what is known but not built.
pub const NOT_YET: &str = "not-yet-supported";

/// Reports everything in `node` that `table` doesn't allow. `place` names the table for people (`[remind]`).
pub fn table(node: &Node, keys: &'static KeyTable, place: &str, problems: &mut Problems) {
    let mut meant = Vec::new();
    for entry in node.entries() {
        match keys.key(&entry.key) {
            Some(key) => value(entry, key, place, problems),
            None => meant.extend(unknown_key(entry, keys.keys.iter().map(|key| key.name), place, problems)),
        }
    }
    let header = header_of(node, problems);
    let strays = stray_keys(node, keys);
    for key in keys.keys {
        if problems.demands(key.need) && node.get(key.name).is_none() && !meant.contains(&key.name) {
            match strays.iter().find(|(name, _)| *name == key.name) {
                Some((_, stray)) => stray_key(key, stray, problems),
                None => missing(key, header.clone(), place, problems),
            }
        }
    }
    if meant.is_empty() {
        one_of(node, keys, header, place, problems);
    }
}

fn missing(key: &Key, header: Range<usize>, place: &str, problems: &mut Problems) {
    let (message, help) = match key.shape {
        Shape::Table(_) | Shape::TemplateTree => {
            let name = inner_place(place, key.name);
            (format!("{name} is missing"), format!("add a table {name}: {}", key.doc))
        }
        _ => (
            format!("`{}` is missing in {place}", key.name),
            format!("add `{} = …`, {}: {}", key.name, key.shape.wanted(), key.doc),
        ),
    };
    problems.error("missing-key", header, message).help(help);
}

fn one_of(node: &Node, keys: &KeyTable, header: Range<usize>, place: &str, problems: &mut Problems) {
    let Some(first) = keys.one_of.first() else { return };
    let built = |name: &&&str| keys.key(name).is_some_and(|key| key.need != Need::Later);
    let choices: Vec<String> = keys.one_of.iter().filter(built).map(|name| format!("`{name}`")).collect();
    let choices = choices.join(", ");
    let given: Vec<&KeyValue> =
        node.entries().iter().filter(|entry| keys.one_of.contains(&entry.key.as_str())).collect();
    if given.is_empty() {
        problems
            .error("missing-key", header, format!("{place} needs one of {choices}"))
            .help(format!("write one of them, such as `{first}`"));
    }
    for extra in given.iter().skip(1) {
        problems
            .error(
                "conflicting-keys",
                extra.key_span.clone(),
                format!("{place} takes only one of {choices}, and has `{}` already", given[0].key),
            )
            .help(format!("remove `{}` or `{}`", given[0].key, extra.key));
    }
}

fn inner_place(place: &str, name: &str) -> String {
    match place.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(outer) => format!("[{outer}.{name}]"),
        None => format!("[{name}]"),
    }
}

fn not_yet(span: Range<usize>, what: &str, problems: &mut Problems) {
    problems
        .error(NOT_YET, span, format!("{what} is not yet supported"))
        .help("remove it: it will come with a later version, and is never silently ignored until then");
}

fn value(entry: &KeyValue, key: &'static Key, place: &str, problems: &mut Problems) {
    if key.need == Need::Later {
        not_yet(entry.key_span.clone(), &format!("`{}` in {place}", entry.key), problems);
        return;
    }
    shape(&entry.node, &key.shape, &Named { key: &entry.key, place }, problems);
}

/// What is being checked, for people.
struct Named<'a> {
    key: &'a str,
    place: &'a str,
}

fn wrong_type(node: &Node, wanted: &Shape, named: &Named<'_>, problems: &mut Problems) {
    problems
        .error(
            "wrong-type",
            node.span.clone(),
            format!("`{}` takes {}, not {}", named.key, wanted.wanted(), node.kind()),
        )
        .help(written_as(node, wanted, named));
}

/// How to write a value: a number in quotes only loses them.
fn written_as(node: &Node, wanted: &Shape, named: &Named<'_>) -> String {
    let is_number = matches!(wanted, Shape::Whole(..) | Shape::Wholes(..));
    let is_truth = matches!(wanted, Shape::Boolean | Shape::True);
    match node.text().map(str::trim) {
        Some(text) if is_number && text.parse::<u32>().is_ok() => {
            format!("write it without quotes: `{} = {text}`", named.key)
        }
        Some(text @ ("true" | "false")) if is_truth => format!("write it without quotes: `{} = {text}`", named.key),
        Some(_) if matches!(wanted, Shape::Texts | Shape::Columns) => {
            format!("write it in a list: `{} = [\"…\"]`", named.key)
        }
        Some(_) | None => format!("write `{} = …` as {}", named.key, wanted.wanted()),
    }
}

fn shape(node: &Node, wanted: &'static Shape, named: &Named<'_>, problems: &mut Problems) {
    match wanted {
        Shape::Boolean | Shape::True => truth(node, wanted, named, problems),
        Shape::AnyText | Shape::Template | Shape::Condition => {
            if node.text().is_none() {
                wrong_type(node, wanted, named, problems);
            }
        }
        Shape::Text
        | Shape::Column
        | Shape::Duration
        | Shape::Size
        | Shape::Percent
        | Shape::Factor
        | Shape::Pointer
        | Shape::Place
        | Shape::Word { .. } => match node.text() {
            Some(text) => text_value(node, text, wanted, named, problems),
            None => wrong_type(node, wanted, named, problems),
        },
        Shape::Whole(min, max) => whole(node, (*min, *max), wanted, named, problems),
        Shape::Wholes(min, max) => {
            each(node, OneAllowed::Yes, wanted, named, problems, &mut |item, problems| {
                whole(item, (*min, *max), wanted, named, problems);
            });
        }
        Shape::Texts | Shape::Templates => texts(node, OneAllowed::No, wanted, named, problems),
        Shape::TextOrTexts => texts(node, OneAllowed::Yes, wanted, named, problems),
        Shape::Columns => columns(node, wanted, named, problems),
        Shape::Start => start(node, wanted, named, problems),
        Shape::Secret => secret(node, SecretForm::TableOnly, named, problems),
        Shape::TextOrSecret => secret(node, SecretForm::TextToo, named, problems),
        Shape::SecretMap => map(node, wanted, named, problems, |entry, problems| {
            secret(&entry.node, SecretForm::TextToo, &Named { key: &entry.key, place: named.place }, problems);
        }),
        Shape::TemplateMap => map(node, wanted, named, problems, |entry, problems| {
            if entry.node.text().is_none() {
                wrong_type(&entry.node, &Shape::Template, &Named { key: &entry.key, place: named.place }, problems);
            }
        }),
        Shape::Secrets | Shape::Pointers | Shape::Meanings | Shape::Words(_) | Shape::Durations => {
            meanings::check(node, wanted, named, problems);
        }
        Shape::Body if node.text().is_some() => {}
        Shape::TemplateTree | Shape::Body => map(node, wanted, named, problems, |_, _| ()),
        Shape::Table(keys) => match &node.value {
            Value::Table(_) => table(node, keys, &inner_place(named.place, named.key), problems),
            _ => wrong_type(node, wanted, named, problems),
        },
        Shape::TableMap(keys) => map(node, wanted, named, problems, |entry, problems| match &entry.node.value {
            Value::Table(_) => {
                table(&entry.node, keys, &inner_place(&inner_place(named.place, named.key), &entry.key), problems);
            }
            _ => wrong_type(&entry.node, &Shape::Table(keys), &Named { key: &entry.key, place: named.place }, problems),
        }),
        Shape::Unread => {}
    }
}

fn truth(node: &Node, wanted: &Shape, named: &Named<'_>, problems: &mut Problems) {
    match (&node.value, wanted) {
        (Value::Boolean(false), Shape::True) => {
            problems
                .error("invalid-value", node.span.clone(), format!("`{}` is only ever `true`", named.key))
                .help("remove the line to switch it off");
        }
        (Value::Boolean(_), _) => {}
        _ => wrong_type(node, wanted, named, problems),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OneAllowed {
    Yes,
    No,
}

type ItemCheck<'a> = &'a mut dyn FnMut(&Node, &mut Problems);

fn each(
    node: &Node,
    one: OneAllowed,
    wanted: &Shape,
    named: &Named<'_>,
    problems: &mut Problems,
    check: ItemCheck<'_>,
) {
    match &node.value {
        Value::List(items) if items.is_empty() && !matches!(wanted, Shape::Templates) => {
            problems
                .error("invalid-value", node.span.clone(), format!("the list `{}` is empty", named.key))
                .help("name at least one, or remove the line");
        }
        Value::List(items) => items.iter().for_each(|item| check(item, problems)),
        Value::Table(_) => wrong_type(node, wanted, named, problems),
        _ if one == OneAllowed::No => wrong_type(node, wanted, named, problems),
        _ => check(node, problems),
    }
}

fn texts(node: &Node, one: OneAllowed, wanted: &'static Shape, named: &Named<'_>, problems: &mut Problems) {
    each(node, one, wanted, named, problems, &mut |item, problems| {
        if item.text().is_none() {
            wrong_type(item, wanted, named, problems);
        }
    });
}

fn columns(node: &Node, wanted: &'static Shape, named: &Named<'_>, problems: &mut Problems) {
    each(node, OneAllowed::Yes, wanted, named, problems, &mut |item, problems| match item.text() {
        Some(text) => text_value(item, text, &Shape::Column, named, problems),
        None => wrong_type(item, wanted, named, problems),
    });
}

fn start(node: &Node, wanted: &'static Shape, named: &Named<'_>, problems: &mut Problems) {
    static START: KeyTable = KeyTable {
        one_of: &[],
        keys: &[
            Key { name: "date", shape: Shape::Column, need: Need::Required, doc: "The column of the date" },
            Key { name: "time", shape: Shape::Column, need: Need::Required, doc: "The column of the time of day" },
        ],
    };
    match (&node.value, node.text()) {
        (Value::Table(_), _) => table(node, &START, &format!("`{}`", named.key), problems),
        (_, Some(text)) => text_value(node, text, &Shape::Column, named, problems),
        _ => wrong_type(node, wanted, named, problems),
    }
}

fn whole(node: &Node, (min, max): (i64, i64), wanted: &Shape, named: &Named<'_>, problems: &mut Problems) {
    match node.value {
        Value::Whole(Some(number)) if (min..=max).contains(&number) => {}
        Value::Whole(_) => {
            problems
                .error("invalid-value", node.span.clone(), format!("`{}` is out of its range", named.key))
                .help(format!("write a whole number from {min} to {max}"));
        }
        _ => wrong_type(node, wanted, named, problems),
    }
}

fn map(
    node: &Node,
    wanted: &Shape,
    named: &Named<'_>,
    problems: &mut Problems,
    mut check: impl FnMut(&KeyValue, &mut Problems),
) {
    match &node.value {
        Value::Table(entries) => entries.iter().for_each(|entry| check(entry, problems)),
        _ => wrong_type(node, wanted, named, problems),
    }
}

fn text_value(node: &Node, text: &str, wanted: &Shape, named: &Named<'_>, problems: &mut Problems) {
    let span = node.span.clone();
    let empty_allowed = matches!(wanted, Shape::Pointer | Shape::Place);
    if text.trim().is_empty() && !empty_allowed {
        problems
            .error("invalid-value", span, format!("`{}` is empty", named.key))
            .help(format!("write {}, or remove the line", wanted.wanted()));
        return;
    }
    match wanted {
        Shape::Place if text.starts_with('$') => {
            if let Err(message) = json_path(text) {
                problems.error("invalid-value", span, message).help(JSON_PATH_HELP);
            }
        }
        Shape::Pointer | Shape::Place if !text.is_empty() && !text.starts_with('/') => {
            problems
                .error("invalid-value", span, format!("`{text}` is not a valid JSON pointer"))
                .help(format!("a JSON pointer begins with `/`: `\"/{}\"`", text.replace('.', "/")));
        }
        Shape::Duration => {
            if let Err(message) = crate::duration::read(text) {
                problems.error("invalid-value", span, message).help(format!("write {}", wanted.wanted()));
            }
        }
        Shape::Size if parse_size(text).is_none() => {
            problems
                .error("invalid-value", span, format!("`{text}` is not a valid size"))
                .help("write a whole number and `KiB`, `MiB` or `GiB`, such as `\"64MiB\"`");
        }
        Shape::Percent if super::guards::parse_percent(text).is_none() => {
            problems
                .error("invalid-value", span, format!("`{text}` is not a valid share"))
                .help("write a number from 0 to 100 and `%`, such as `\"20%\"`");
        }
        Shape::Factor if super::guards::parse_factor(text).is_none() => {
            problems
                .error("invalid-value", span, format!("`{text}` is not a valid factor"))
                .help("write a number above 1 and `x`, such as `\"3x\"`");
        }
        Shape::Word { now, later } => word(node, text, (now, later), named, problems),
        _ => {}
    }
}

/// How a JSONPath is written.
pub const JSON_PATH_HELP: &str = "a JSONPath (RFC 9535) is written like `$.entry[?@.kind=='slot'].resource`";

/// Why a text is not a valid JSONPath, if it isn't.
fn json_path(text: &str) -> Result<(), String> {
    match JsonPlace::from(text) {
        place if !is_path(text) => Err(format!("`{}` is not a valid JSONPath", place.as_str())),
        place => place.fault().map_or(Ok(()), |fault| Err(format!("`{text}` is not a valid JSONPath: {fault}"))),
    }
}

fn word(node: &Node, text: &str, (now, later): (&[&str], &[&str]), named: &Named<'_>, problems: &mut Problems) {
    if now.contains(&text) {
        return;
    }
    if later.contains(&text) {
        not_yet(node.span.clone(), &format!("`{} = \"{text}\"`", named.key), problems);
        return;
    }
    let all = now.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ");
    let help = did_you_mean(text, now.iter().copied())
        .map_or_else(|| format!("write one of {all}"), |likely| format!("did you mean `\"{likely}\"`?"));
    problems.error("invalid-value", node.span.clone(), format!("`{}` can't be `\"{text}\"`", named.key)).help(help);
}

/// A size in bytes: `64MiB`, `512KiB`, `1GiB`, or a bare number of bytes; `None` for anything else or beyond 4 GiB.
#[must_use]
pub fn parse_size(text: &str) -> Option<usize> {
    const MAX_SIZE: u64 = 4 << 30;
    let digits = text.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text.trim()[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    let bytes = digits.trim_end().parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=MAX_SIZE).contains(&bytes).then(|| usize::try_from(bytes).ok()).flatten()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SecretForm {
    TableOnly,
    TextToo,
}

const SECRET_KEYS: [&str; 3] = ["env", "credential", "file"];
const SECRET_HELP: &str =
    "write `{ env = \"NAME\" }` (`.env` counts), `{ credential = \"name\" }` or `{ file = \"path\" }`";

fn secret(node: &Node, form: SecretForm, named: &Named<'_>, problems: &mut Problems) {
    match (&node.value, form) {
        (Value::Text(text), SecretForm::TextToo) if text.trim().is_empty() => {
            problems.error("invalid-value", node.span.clone(), format!("`{}` is empty", named.key)).help(SECRET_HELP);
        }
        (Value::Text(_), SecretForm::TextToo) => {}
        (Value::Text(_), SecretForm::TableOnly) => {
            let why = if named.key == "url" { "whoever has this address can phone people" } else { "it is a secret" };
            let message = format!("`{}` can't be written out in a schedule: {why}", named.key);
            problems.error("wrong-type", node.span.clone(), message).help(SECRET_HELP);
        }
        (Value::Table(entries), _) => secret_table(node, entries, named, problems),
        _ => {
            let wanted = if form == SecretForm::TextToo { &Shape::TextOrSecret } else { &Shape::Secret };
            wrong_type(node, wanted, named, problems);
        }
    }
}

fn secret_table(node: &Node, entries: &[KeyValue], named: &Named<'_>, problems: &mut Problems) {
    let place = format!("`{}`", named.key);
    let mut known = 0;
    for entry in entries {
        if !SECRET_KEYS.contains(&entry.key.as_str()) {
            unknown_key(entry, SECRET_KEYS.into_iter(), &place, problems);
            continue;
        }
        known += 1;
        let inner = Named { key: &entry.key, place: named.place };
        match entry.node.text() {
            Some(text) if entry.key == "env" && !is_variable_name(text) => {
                let message = format!("the `env` of {place} is not a valid name of an environment variable");
                problems.error("invalid-value", entry.node.span.clone(), message).help(
                    "write the name of the variable that holds the secret (letters, digits, `_`), never the secret itself",
                );
            }
            Some(text) => text_value(&entry.node, text, &Shape::Text, &inner, problems),
            None => wrong_type(&entry.node, &Shape::Text, &inner, problems),
        }
    }
    if entries.is_empty() {
        problems
            .error("missing-key", node.span.clone(), format!("{place} doesn't say where it lives"))
            .help(SECRET_HELP);
    }
    if known > 1 {
        let message = format!("{place} takes exactly one of `env`, `credential`, `file`");
        problems.error("conflicting-keys", node.span.clone(), message).help(SECRET_HELP);
    }
}
