//! pure: `each`: every element of a list inside an item becomes a row, the item's own fields visible in it as `parent`.

use serde_json::{Map, Value};

use crate::row::JsonPlace;

/// The name under which an element's row has the fields of its item.
const PARENT: &str = "parent";

/// One row, or why there is none.
pub(super) type ElementRow = Result<Map<String, Value>, &'static str>;

/// The rows of an item, in the order of its list; none where the list is empty, null or not there.
pub(super) fn rows_of(item: Map<String, Value>, place: &JsonPlace) -> Vec<ElementRow> {
    let mut item = Value::Object(item);
    let places = place.pointers(&item);
    let lists: Vec<Value> =
        places.iter().map(|pointer| item.pointer_mut(pointer).map(Value::take).unwrap_or_default()).collect();
    let is_list = |value: &Value| matches!(value, Value::Array(_) | Value::Null);
    // a path with `[*]` or a filter leads to the elements themselves
    if place.pointer().is_some() && !lists.iter().all(is_list) {
        return vec![Err("there is no list at `each`")];
    }
    let elements = lists.into_iter().flat_map(|found| match found {
        Value::Array(elements) => elements,
        Value::Null => Vec::new(),
        element @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => vec![element],
    });
    elements.map(|element| row_of(element, &item)).collect()
}

fn row_of(element: Value, parent: &Value) -> ElementRow {
    match element {
        Value::Object(mut row) => {
            row.insert(PARENT.to_owned(), parent.clone());
            Ok(row)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("an element at `each` is not a JSON object")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(item: Value, place: &str) -> Vec<Result<Value, &'static str>> {
        let Value::Object(item) = item else { unreachable!("an object was written") };
        rows_of(item, &JsonPlace::from(place)).into_iter().map(|row| row.map(Value::Object)).collect()
    }

    #[test]
    fn every_element_becomes_a_row_that_sees_its_item() {
        let day = || json!({"day": "2026-11-25", "slots": [{"id": 1}, {"id": 2, "kind": "x"}, 3]});
        let parent = json!({"day": "2026-11-25", "slots": null});
        let wanted = [
            Ok(json!({"id": 1, "parent": parent})),
            Ok(json!({"id": 2, "kind": "x", "parent": parent})),
            Err("an element at `each` is not a JSON object"),
        ];
        assert_eq!(rows(day(), "/slots"), wanted);
        let ids = |rows: Vec<Result<Value, &'static str>>| -> Vec<_> {
            rows.into_iter().map(|row| row.map(|row| row["id"].clone())).collect()
        };
        let no_object = Err("an element at `each` is not a JSON object");
        assert_eq!(ids(rows(day(), "$.slots[*]")), [Ok(json!(1)), Ok(json!(2)), no_object]);
        assert_eq!(rows(day(), "$.slots[?@.kind=='x']").len(), 1);
    }

    #[test]
    fn an_item_without_elements_has_no_row_and_one_with_something_else_there_is_broken() {
        for nothing in [json!({"slots": []}), json!({"slots": null}), json!({})] {
            assert_eq!(rows(nothing.clone(), "/slots"), [], "{nothing}");
        }
        assert_eq!(rows(json!({"slots": "none"}), "/slots"), [Err("there is no list at `each`")]);
    }
}
