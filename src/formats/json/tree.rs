//! pure: a JSON text whose rows lie where only the whole tree shows: at a JSONPath with filters, or beside what is joined.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::formats::Wanted;
use crate::row::JsonPlace;

/// The rows of a tree.
pub(super) struct TreeRows {
    /// The rows in the order of the text.
    pub(super) rows: Vec<Value>,
    /// Whether the place for rows is there.
    pub(super) has_place: bool,
}

/// Takes the rows out of a tree: what the place leads to, lists element by element.
pub(super) fn take_rows(tree: &mut Value, place: &JsonPlace) -> TreeRows {
    let pointers = place.pointers(tree);
    let has_place = !pointers.is_empty() || tree.pointer(&place.trunk()).is_some_and(Value::is_array);
    // a row may lie inside another one: copied before any is taken away
    let found: Vec<Value> = pointers.iter().filter_map(|pointer| tree.pointer(pointer).cloned()).collect();
    for pointer in &pointers {
        if let Some(taken) = tree.pointer_mut(pointer) {
            *taken = Value::Null;
        }
    }
    let rows = found.into_iter().flat_map(|value| match value {
        Value::Array(rows) => rows,
        Value::Null => Vec::new(),
        row @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => vec![row],
    });
    TreeRows { rows: rows.collect(), has_place }
}

/// Reads a tree; a name in use that stands twice in one object is noted.
pub(super) struct TreeSeed<'w> {
    pub(super) wanted: &'w Wanted,
    pub(super) doubled: &'w mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for TreeSeed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TreeSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut tree = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let seed = TreeSeed { wanted: self.wanted, doubled: &mut *self.doubled };
            let value = entries.next_value_seed(seed)?;
            if self.doubled.is_none() && self.wanted.uses_step(&name) && tree.contains_key(&name) {
                *self.doubled = Some(name.clone());
            }
            tree.insert(name, value);
        }
        Ok(Value::Object(tree))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(TreeSeed { wanted: self.wanted, doubled: &mut *self.doubled })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_taken_out_of_the_tree_and_the_place_is_there_without_rows() {
        let bundle = || {
            json!({"entry": [{"resource": {"kind": "A", "id": 1}}, {"resource": {"kind": "P"}},
                             {"resource": {"kind": "A", "id": 2}}], "more": [[{"id": 3}], [{"id": 4}]]})
        };
        for (place, ids, has_place) in [
            ("$.entry[?@.resource.kind=='A'].resource", vec![1, 2], true),
            ("$.entry[?@.resource.kind=='B'].resource", vec![], true),
            ("$.none[?@.x]", vec![], false),
            ("$.more[*]", vec![3, 4], true),
            ("$..resource[?@.none]", vec![], false),
        ] {
            let mut tree = bundle();
            let taken = take_rows(&mut tree, &JsonPlace::from(place));
            let found: Vec<i64> = taken.rows.iter().filter_map(|row| row["id"].as_i64()).collect();
            assert_eq!((found, taken.has_place), (ids, has_place), "{place}");
        }
        let mut tree = bundle();
        take_rows(&mut tree, &JsonPlace::from("$.entry[?@.resource.kind=='A'].resource"));
        assert_eq!(tree["entry"][0], json!({"resource": null}), "what stands around the rows has none of them");
        assert_eq!(tree["entry"][1], json!({"resource": {"kind": "P"}}));
    }

    #[test]
    fn a_row_inside_another_one_is_a_row_too() {
        let mut tree = json!({"a": {"id": 1, "a": {"id": 2}}});
        assert_eq!(take_rows(&mut tree, &JsonPlace::from("$..a")).rows.len(), 2);
    }
}
