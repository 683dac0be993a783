//! pure: `[join.NAME]` from the same answer: an object of another list is put into a row, by a key that both have.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::row::{JsonPlace, in_tree, scalar_text};
use crate::schedule::AnswerJoin;

/// The objects that may be joined, by their keys.
pub(super) struct JoinTable<'j> {
    join: &'j AnswerJoin,
    objects: HashMap<String, Value>,
}

impl<'j> JoinTable<'j> {
    /// The table of a whole answer; of two objects with one key the first counts.
    pub(super) fn of(join: &'j AnswerJoin, tree: &Value) -> Self {
        let mut objects = HashMap::new();
        let found = join.items.values(tree).into_iter().flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        });
        for object in found {
            if let Some(key) = key_of(object, &join.at) {
                objects.entry(key).or_insert_with(|| object.clone());
            }
        }
        Self { join, objects }
    }

    /// Puts the row's object into it; null where there is none. A key that is a reference (`Patient/7`) also finds `7`.
    pub(super) fn add(&self, row: &mut Value) {
        let key = key_of(row, &self.join.column);
        let by_end = |key: &String| self.objects.get(key.rsplit('/').next()?);
        let object = key.as_ref().and_then(|key| self.objects.get(key).or_else(|| by_end(key)));
        let object = object.cloned().unwrap_or(Value::Null);
        if let Value::Object(row) = row {
            row.insert(self.join.name.clone(), object);
        }
    }
}

/// The scalar at a name, a path with dots or a place.
fn key_of(value: &Value, at: &str) -> Option<String> {
    let nothing = Map::new();
    let found = match value.as_object().unwrap_or(&nothing) {
        _ if at.starts_with(['$', '/']) => JsonPlace::from(at).values(value).first().copied()?,
        tree => in_tree(tree, at)?,
    };
    scalar_text(found).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_of_the_same_answer_is_put_into_a_row_by_its_key() {
        let answer =
            json!({"included": [{"id": 7, "phone": "a"}, {"id": "8", "phone": "b"}, {"id": 7, "phone": "c"}, 1]});
        let join =
            AnswerJoin { name: "patient".into(), items: "/included".into(), column: "who.id".into(), at: "id".into() };
        let table = JoinTable::of(&join, &answer);
        for (who, wanted) in [
            (json!({"id": 7}), json!("a")),
            (json!({"id": "Patient/8"}), json!("b")),
            (json!({"id": 9}), Value::Null),
            (Value::Null, Value::Null),
        ] {
            let mut row = json!({"who": who});
            table.add(&mut row);
            assert_eq!(row["patient"]["phone"], wanted);
        }
    }
}
