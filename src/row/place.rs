//! pure: a place in a JSON text, compiled once: a JSON pointer (RFC 6901) or a JSONPath (RFC 9535).

use std::sync::Arc;

use serde_json::{Map, Value};
use serde_json_path::{JsonPath, NormalizedPath};

/// A place as a schedule names it: `/data/rows`, `$.entry[?@.kind=='slot']`.
#[derive(Debug, Clone)]
pub struct JsonPlace {
    text: String,
    form: PlaceForm,
}

#[derive(Debug, Clone)]
enum PlaceForm {
    /// The pointer; for a JSONPath of names alone the same place as a pointer, which is found without a tree.
    Pointer(String),
    Path(Arc<JsonPath>),
    /// Neither; found nowhere.
    Invalid(String),
}

/// Two places are the same when they are written the same.
impl PartialEq for JsonPlace {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JsonPlace {}

/// The text itself.
impl Default for JsonPlace {
    fn default() -> Self {
        Self::from("")
    }
}

impl From<&str> for JsonPlace {
    fn from(text: &str) -> Self {
        let form = if is_path(text) {
            match JsonPath::parse(text) {
                Ok(path) => plain_pointer(text).map_or_else(|| PlaceForm::Path(Arc::new(path)), PlaceForm::Pointer),
                Err(error) => PlaceForm::Invalid(error.to_string()),
            }
        } else {
            PlaceForm::Pointer(text.to_owned())
        };
        Self { text: text.to_owned(), form }
    }
}

impl From<String> for JsonPlace {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl JsonPlace {
    /// The place as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is empty: the text itself.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.text.is_empty() || self.text == "$"
    }

    /// What keeps it from being a JSONPath.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        match &self.form {
            PlaceForm::Invalid(message) => Some(message),
            PlaceForm::Pointer(_) | PlaceForm::Path(_) => None,
        }
    }

    /// The place as a JSON pointer, where it is one place.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match &self.form {
            PlaceForm::Pointer(pointer) => Some(pointer),
            PlaceForm::Path(_) | PlaceForm::Invalid(_) => None,
        }
    }

    /// Every value it leads to, in the order of the text.
    #[must_use]
    pub fn values<'v>(&self, tree: &'v Value) -> Vec<&'v Value> {
        match &self.form {
            PlaceForm::Pointer(pointer) => tree.pointer(pointer).into_iter().collect(),
            PlaceForm::Path(path) => path.query(tree).all(),
            PlaceForm::Invalid(_) => Vec::new(),
        }
    }

    /// The pointer of every value it leads to, in the order of the text.
    #[must_use]
    pub fn pointers(&self, tree: &Value) -> Vec<String> {
        match &self.form {
            PlaceForm::Pointer(pointer) => tree.pointer(pointer).map(|_| pointer.clone()).into_iter().collect(),
            PlaceForm::Path(path) => {
                path.query_located(tree).locations().map(NormalizedPath::to_json_pointer).collect()
            }
            PlaceForm::Invalid(_) => Vec::new(),
        }
    }

    /// The pointer of the names before the first selector that may lead to several places.
    #[must_use]
    pub fn trunk(&self) -> String {
        let names = leading_names(&self.text).0;
        names.iter().fold(String::new(), |pointer, name| format!("{pointer}/{}", escaped(name)))
    }
}

/// A column of a JSON row that is a JSONPath, compiled once.
#[derive(Debug, Clone)]
pub struct PathColumn {
    name: String,
    path: Arc<JsonPath>,
}

impl PathColumn {
    /// Compiles a column's name; `None` for the name of a field.
    ///
    /// # Errors
    /// Why it is not a JSONPath although it begins like one.
    pub fn compile(name: &str) -> Result<Option<Self>, String> {
        if !is_path(name) {
            return Ok(None);
        }
        match JsonPath::parse(name) {
            Ok(path) => Ok(Some(Self { name: name.to_owned(), path: Arc::new(path) })),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Puts what the paths lead to into the row, under the path as a name; of several values the first.
    #[must_use]
    pub fn add_all(columns: &[Self], row: Map<String, Value>) -> Map<String, Value> {
        if columns.is_empty() {
            return row;
        }
        let row = Value::Object(row);
        let found: Vec<_> =
            columns.iter().filter_map(|column| Some((column, column.path.query(&row).first()?.clone()))).collect();
        let Value::Object(mut row) = row else { unreachable!("it was made an object above") };
        for (column, value) in found {
            row.insert(column.name.clone(), value);
        }
        row
    }
}

/// Whether a text is meant as a JSONPath: `$` alone, or before `.` and `[`. A field may be named `$id`.
#[must_use]
pub fn is_path(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A path of names alone (`$.data.rows`) as a pointer.
fn plain_pointer(text: &str) -> Option<String> {
    let (names, rest) = leading_names(text);
    rest.is_empty().then(|| names.iter().fold(String::new(), |pointer, name| format!("{pointer}/{}", escaped(name))))
}

/// The names with which a path begins, and what follows them.
fn leading_names(text: &str) -> (Vec<&str>, &str) {
    let mut names = Vec::new();
    let Some(mut rest) = text.strip_prefix('$') else { return (names, text) };
    loop {
        let (name, after) = if let Some(inside) = rest.strip_prefix('.') {
            inside.split_at(inside.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inside.len()))
        } else if let Some(quoted) = rest.strip_prefix("['") {
            match quoted.split_once("']") {
                Some((name, after)) if !name.contains(['\\', '\'']) => (name, after),
                Some(_) | None => return (names, rest),
            }
        } else {
            return (names, rest);
        };
        if name.is_empty() {
            return (names, rest);
        }
        names.push(name);
        rest = after;
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_of_names_alone_is_a_pointer_and_another_has_its_names_as_trunk() {
        for (text, pointer, trunk) in [
            ("$.data.rows", Some("/data/rows"), "/data/rows"),
            ("$['a/b']['c']", Some("/a~1b/c"), "/a~1b/c"),
            ("$", Some(""), ""),
            ("/data/rows", Some("/data/rows"), ""),
            ("$.entry[?@.kind=='x'].resource", None, "/entry"),
            ("$..rows", None, ""),
            ("$.*", None, ""),
            ("$[0].rows", None, ""),
        ] {
            let place = JsonPlace::from(text);
            assert_eq!((place.pointer(), place.trunk().as_str()), (pointer, trunk), "{text}");
            assert_eq!(place.fault(), None, "{text}");
        }
        assert!(JsonPlace::from("$.entry[?").fault().is_some());
    }

    #[test]
    fn a_path_column_takes_the_first_value_and_leaves_out_what_is_not_there() {
        let columns: Vec<PathColumn> = ["$.telecom[?@.system=='phone'].value", "$.none[0]", "$id", "name"]
            .into_iter()
            .filter_map(|name| PathColumn::compile(name).expect("a valid path"))
            .collect();
        assert_eq!(columns.len(), 2, "`$id` and `name` are names of fields");
        let row = json!({"telecom": [{"system": "email", "value": "x"}, {"system": "phone", "value": "+12025550143"},
                         {"system": "phone", "value": "+12025550144"}]});
        let Value::Object(row) = row else { unreachable!("an object was written") };
        let row = PathColumn::add_all(&columns, row);
        assert_eq!(row.get("$.telecom[?@.system=='phone'].value"), Some(&json!("+12025550143")));
        assert_eq!(row.len(), 2);
        assert!(PathColumn::compile("$.a[").is_err());
    }
}
