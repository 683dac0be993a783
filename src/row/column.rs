//! pure: a column as a schedule names it, and what stands where it leads.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::{JsonRow, JsonValue, MAX_SEARCHED_NAMES};

/// A column as a schedule names it, compiled once: `Appt Date`, or a path with dots into objects (`customer.phone`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    name: String,
    /// Where the name's dots are: a path is followed without splitting text for each record.
    dots: Box<[usize]>,
    place: RememberedPlace,
}

/// Names under which senders put what a nested value is about, the likeliest first.
const LIKELY_NAMES: [&str; 22] = [
    "id",
    "value",
    "phone",
    "number",
    "mobile",
    "e164",
    "raw",
    "start",
    "starts_at",
    "dateTime",
    "datetime",
    "date",
    "time",
    "code",
    "name",
    "text",
    "key",
    "uuid",
    "status",
    "timezone",
    "tz",
    "display",
];

/// The path to a scalar within an object that is likely meant by its name.
fn likely_scalar(tree: &serde_json::Map<String, Value>, name: &str) -> Option<String> {
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array() && !value.is_null();
    let last = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let about = |inner: &String| last.contains(&inner.to_lowercase()) || inner.to_lowercase().contains(&last);
    let scalars: Vec<&String> = tree.iter().filter(|(_, value)| is_scalar(value)).map(|(inner, _)| inner).collect();
    let named = scalars.iter().find(|inner| about(inner));
    let usual = LIKELY_NAMES.iter().find_map(|likely| scalars.iter().find(|inner| inner.eq_ignore_ascii_case(likely)));
    if let Some(inner) = named.or(usual).or(scalars.first()) {
        return Some((*inner).clone());
    }
    let objects = tree.iter().filter_map(|(inner, value)| Some((inner, value.as_object()?)));
    objects.filter_map(|(inner, value)| Some(format!("{inner}.{}", likely_scalar(value, inner)?))).next()
}

/// The value of a name; in a small object a linear search is faster than hashing.
fn member<'a>(tree: &'a serde_json::Map<String, Value>, name: &str) -> Option<&'a Value> {
    if tree.len() > MAX_SEARCHED_NAMES {
        return tree.get(name);
    }
    tree.iter().find(|(member, _)| *member == name).map(|(_, value)| value)
}

/// The number of a text table's header. No two headers of a process have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeaderNumber(u64);

impl HeaderNumber {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The header in which the column was found last, and its place there, in one word: rows are many, and threads share columns.
/// It is no part of what the column is.
#[derive(Debug)]
struct RememberedPlace(AtomicU64);

impl RememberedPlace {
    /// Places beyond are not remembered.
    const PLACE_BITS: u32 = 16;
    /// The place of a column that no header has: places are counted from 0 and never come this far.
    const NONE: u64 = u64::MAX;
}

impl Default for RememberedPlace {
    fn default() -> Self {
        Self(AtomicU64::new(Self::NONE))
    }
}

impl Clone for RememberedPlace {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

impl PartialEq for RememberedPlace {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for RememberedPlace {}

impl Column {
    /// A column by its name as written.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let dots = name.match_indices('.').map(|(at, _)| at).collect();
        Self { name, dots, place: RememberedPlace::default() }
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Says that an object or a list stands where a scalar is wanted, and which path likely leads to it.
    #[must_use]
    pub fn nested_sentence(&self, value: &Value) -> String {
        let name = &self.name;
        match value {
            Value::Object(tree) => match likely_scalar(tree, name) {
                Some(inner) => format!("`{name}` holds an object, not a value: `{name}.{inner}` is likely meant"),
                None => format!("`{name}` holds an object, not a value"),
            },
            _ => format!("`{name}` holds a list, not a value"),
        }
    }

    /// Where it was in the last text table.
    pub(super) fn remembered_place(&self, header: HeaderNumber) -> Option<usize> {
        let held = self.place.0.load(Ordering::Relaxed);
        let place = held & ((1 << RememberedPlace::PLACE_BITS) - 1);
        (held >> RememberedPlace::PLACE_BITS == header.0).then_some(usize::try_from(place).ok()?)
    }

    pub(super) fn remember(&self, header: HeaderNumber, place: usize) {
        if let Ok(place) = u16::try_from(place) {
            self.place.0.store(header.0 << RememberedPlace::PLACE_BITS | u64::from(place), Ordering::Relaxed);
        }
    }

    /// The column's value in an object: by the whole name first, then level by level.
    pub(super) fn in_tree<'a>(&self, tree: &'a serde_json::Map<String, Value>) -> Option<&'a Value> {
        if let Some(value) = member(tree, &self.name) {
            return Some(value);
        }
        let (mut tree, mut from) = (tree, 0);
        for dot in &self.dots {
            let Value::Object(inner) = member(tree, &self.name[from..*dot])? else { return None };
            (tree, from) = (inner, dot + 1);
            if let Some(value) = member(tree, &self.name[from..]) {
                return Some(value);
            }
        }
        None
    }

    /// Like [`Column::in_tree`].
    pub(super) fn in_flat<'a>(&self, row: JsonRow<'a>) -> Option<JsonValue<'a>> {
        if let Some(value) = row.get(&self.name) {
            return Some(value);
        }
        let (mut row, mut from) = (row, 0);
        for dot in &self.dots {
            let inner = row.get(&self.name[from..*dot])?.as_object()?;
            (row, from) = (inner, dot + 1);
            if let Some(value) = row.get(&self.name[from..]) {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_path_that_is_likely_meant_is_named() {
        for (name, value, wanted) in [
            ("phone", json!({"country": "US", "mobile": "+12025550143"}), "`phone.mobile`"),
            ("patient", json!({"name": "x", "id": 7}), "`patient.id`"),
            ("start", json!({"dateTime": "2026-11-25T10:30:00", "zone": "UTC"}), "`start.dateTime`"),
            ("customer", json!({"contact": {"phone": "+12025550143"}}), "`customer.contact.phone`"),
        ] {
            let sentence = Column::new(name).nested_sentence(&value);
            assert!(sentence.contains("an object") && sentence.contains(wanted), "{sentence}");
        }
        assert!(Column::new("phones").nested_sentence(&json!(["a"])).contains("a list"));
        assert!(!Column::new("x").nested_sentence(&json!({})).contains("likely"));
    }
}
