//! pure: which list in a JSON answer holds the appointments, and where the answer says that there is more.

use serde_json::{Map, Value};

use super::headers::{ColumnRole, fit};
use super::mapping::known_names;
use crate::verbs::toml_text::quoted;

/// Objects of a list that are looked at.
const OBJECTS_LOOKED_AT: usize = 50;

/// Steps from the answer to a list.
const MAX_DEPTH: usize = 4;

/// Steps from a row to a column.
const MAX_COLUMN_DEPTH: usize = 3;

/// Where programs write the next page's address.
const NEXT: [&str; 8] = [
    "/links/next",
    "/next",
    "/pagination/next_page",
    "/@odata.nextLink",
    "/paging/next",
    "/meta/next",
    "/_links/next/href",
    "/next_page_url",
];

/// A list of rows: the elements of a list, or those of a list inside each of them.
pub(super) struct RowList {
    items: String,
    each: Option<String>,
    pub(super) columns: Vec<String>,
    /// Where the next page's address is.
    next: Option<&'static str>,
}

impl RowList {
    /// The keys of `[source.http]` that read this list.
    pub(super) fn declared(&self) -> String {
        let items = Some(&self.items).filter(|place| !place.is_empty());
        let places = [("items", items), ("each", self.each.as_ref())];
        let places = places.iter().filter_map(|(key, place)| Some(format!("{key} = {}\n", quoted(place.as_ref()?))));
        let paging = self.next.map(|at| format!("paging.next = {{ at = {} }}\n", quoted(at)));
        places.chain(paging).collect()
    }
}

/// The list whose rows have most of the columns that are known by their names; of several the nearest.
///
/// # Errors
/// A sentence, when there is none.
pub(super) fn best(tree: &Value) -> Result<RowList, String> {
    let mut lists = Vec::new();
    collect(tree, String::new(), MAX_DEPTH, &mut lists);
    let steps = |list: &RowList| list.items.len() + list.each.as_ref().map_or(0, |each| each.len() + 1);
    let best = lists.into_iter().max_by_key(|list| (known_names(&list.columns), std::cmp::Reverse(steps(list))));
    let mut best = best.ok_or_else(|| without_list(tree))?;
    let is_address = |place: &&&str| {
        let next = tree.pointer(place).and_then(Value::as_str).unwrap_or("");
        ["http://", "https://", "/", "?"].iter().any(|begin| next.starts_with(begin))
    };
    best.next = NEXT.iter().find(is_address).copied();
    Ok(best)
}

/// Why nothing can be a row, and what may be done.
fn without_list(tree: &Value) -> String {
    let members = tree.as_object();
    let names = |fits: fn(&Value) -> bool| members?.iter().find(|(_, value)| fits(value)).map(|(name, _)| name);
    let is_map =
        |value: &Value| value.as_object().is_some_and(|inner| inner.len() > 1 && inner.values().all(Value::is_object));
    let is_table = |value: &Value| value.as_array().is_some_and(|rows| rows.iter().any(Value::is_array));
    if members.is_some_and(|members| members.contains_key("error") || members.contains_key("errors")) {
        return "the answer reports an error instead of a list: look at it with `curl`, and check address and login"
            .to_owned();
    }
    if let Some(name) = names(is_map) {
        return format!(
            "the answer has no list of objects; `items = \"$.{name}.*\"` in `[source.http]` makes a row of each member of `{name}`, \
             where these have an id of their own"
        );
    }
    match names(is_table) {
        Some(name) => format!(
            "the answer has no list of objects: the rows of `{name}` are lists without names; have the source answer with objects, or \
             with CSV (`format = \"csv\"`)"
        ),
        None => "the answer has no list of objects: nothing can be a row".to_owned(),
    }
}

fn collect(value: &Value, place: String, depth: usize, lists: &mut Vec<RowList>) {
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let objects: Vec<&Map<String, Value>> =
                items.iter().filter_map(Value::as_object).take(OBJECTS_LOOKED_AT).collect();
            let mut columns = Vec::new();
            objects.iter().for_each(|item| scalars(item, "", MAX_COLUMN_DEPTH, &mut columns));
            lists.extend(inside(&objects, &place, &columns));
            lists.push(RowList { items: place, each: None, columns, next: None });
        }
        Value::Object(tree) if depth > 0 => {
            for (name, inner) in tree {
                collect(inner, format!("{place}/{}", step(name)), depth - 1, lists);
            }
        }
        _ => {}
    }
}

/// The lists inside of the items, whose rows see the item as their `parent`.
fn inside(items: &[&Map<String, Value>], place: &str, of_item: &[String]) -> Vec<RowList> {
    let is_list = |value: &Value| value.as_array().is_some_and(|inner| inner.iter().any(Value::is_object));
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in items.iter().flat_map(|item| item.iter()).filter(|(_, value)| is_list(value)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let list = |name: &String| -> Option<RowList> {
        let inner = items.iter().filter_map(|item| item.get(name)?.as_array()).flatten().filter_map(Value::as_object);
        let mut columns = Vec::new();
        inner.take(OBJECTS_LOOKED_AT).for_each(|element| scalars(element, "", MAX_COLUMN_DEPTH, &mut columns));
        // a list of labels or guests adds nothing: its rows would only repeat the item
        let has = |columns: &[String], role| columns.iter().any(|column| fit(column, role) > 0);
        let adds = [ColumnRole::Phone, ColumnRole::Start, ColumnRole::Time];
        adds.into_iter().find(|role| has(&columns, *role) && !has(of_item, *role))?;
        columns.extend(of_item.iter().map(|column| format!("parent.{column}")));
        Some(RowList { items: place.to_owned(), each: Some(format!("/{}", step(name))), columns, next: None })
    };
    names.into_iter().filter_map(list).collect()
}

/// A name as a step of a JSON pointer (RFC 6901).
fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The paths of all scalars of an object.
fn scalars(tree: &Map<String, Value>, path: &str, depth: usize, columns: &mut Vec<String>) {
    for (name, inner) in tree {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match inner {
            Value::Object(inner) if depth > 1 => scalars(inner, &path, depth - 1, columns),
            Value::Object(_) | Value::Array(_) => {}
            _ if !columns.contains(&path) => columns.push(path),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_list_with_most_known_columns_is_found_inside_of_items_too_with_its_next_page() {
        let visit = json!({"id": 1, "phone": "+12025550143", "start": "2026-11-25T10:30"});
        for (answer, wanted) in [
            (json!([visit]), ""),
            (json!({"meta": {"tags": [{"x": 1}]}, "data": [visit]}), "items = \"/data\"\n"),
            (
                json!({"data": [visit], "links": {"next": "/visits?page=2"}}),
                "items = \"/data\"\npaging.next = { at = \"/links/next\" }\n",
            ),
            (json!({"data": [visit], "next": "abc"}), "items = \"/data\"\n"),
            (
                json!({"days": [{"date": "2026-11-25", "slots": [{"id": 1, "time": "10:30", "phone": "+12025550143"}]}]}),
                "items = \"/days\"\neach = \"/slots\"\n",
            ),
            (json!([{"id": 1, "phone": "1", "start": "x", "tags": [{"colour": "red"}]}]), ""),
        ] {
            assert_eq!(best(&answer).map(|list| list.declared()).as_deref(), Ok(wanted), "{answer}");
        }
    }

    #[test]
    fn an_answer_without_a_list_of_objects_is_named_for_what_it_is() {
        for (answer, words) in [
            (json!({"error": {"code": 401}}), "reports an error"),
            (json!({"visits": {"a": {"phone": "1"}, "b": {"phone": "2"}}}), "`items = \"$.visits.*\"`"),
            (json!({"columns": ["id"], "rows": [[1], [2]]}), "the rows of `rows` are lists"),
            (json!({"id": 1}), "nothing can be a row"),
        ] {
            let error = best(&answer).map(|list| list.declared()).expect_err(words);
            assert!(error.contains(words), "{error}");
        }
    }
}
