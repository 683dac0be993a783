//! pure: the JSON Schema of a schedule file, made from the same table of keys that checks it, for editors.

use serde_json::{Map, Value, json};

use super::keys::{Key, KeyTable, Need, SCHEDULE, Shape};
use super::spanned;
use crate::reminder::CallOutcome;

/// The schema (draft 2020-12).
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = table(&SCHEDULE);
    let top = schema.as_object_mut().expect("a table's schema is an object");
    top.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    top.insert("title".into(), "A schedule of tickler".into());
    top.insert("$defs".into(), definitions());
    let inbound = json!({"required": ["source"], "properties": {"source": {"required": ["inbound"]}}});
    top.insert("if".into(), inbound);
    top.insert("else".into(), unless_inbound(&SCHEDULE));
    schema
}

/// What is required besides, unless the rows are requests that are posted.
fn unless_inbound(table: &KeyTable) -> Value {
    let keys = table.keys.iter();
    let required: Vec<&str> =
        keys.clone().filter(|key| key.need == Need::RequiredButInbound).map(|key| key.name).collect();
    let inner = |key: &Key| match &key.shape {
        Shape::Table(inner) => Some((key.name.to_owned(), unless_inbound(inner))),
        _ => None,
    };
    let inner: Map<String, Value> = keys.filter_map(inner).filter(|(_, inner)| *inner != json!({})).collect();
    let mut schema = Map::new();
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    if !inner.is_empty() {
        schema.insert("properties".into(), inner.into());
    }
    schema.into()
}

fn definitions() -> Value {
    json!({
        "secret": {
            "description": "Where a secret lives; never the secret itself",
            "type": "object",
            "properties": {
                "env": {"description": "An environment variable (`.env` counts)", "type": "string", "minLength": 1},
                "credential": {"description": "A credential of systemd", "type": "string", "minLength": 1},
                "file": {"description": "A file; relative paths count from the schedule file", "type": "string", "minLength": 1},
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        },
        "text_or_secret": {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/secret"}]},
    })
}

fn table(table: &KeyTable) -> Value {
    let properties: Map<String, Value> = table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = table.keys.iter().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    let object = schema.as_object_mut().expect("an object was written");
    if !required.is_empty() {
        object.insert("required".into(), required.into());
    }
    let choices: Vec<Value> = table
        .one_of
        .iter()
        .filter(|name| table.key(name).is_some_and(|key| key.need != Need::Later))
        .map(|name| json!({"required": [name]}))
        .collect();
    if !choices.is_empty() {
        object.insert("oneOf".into(), choices.into());
    }
    schema
}

fn property(key: &Key) -> Value {
    if key.need == Need::Later {
        return json!({"description": format!("Not yet supported: {}", key.doc), "not": {}});
    }
    let mut schema = shape(&key.shape);
    let object = schema.as_object_mut().expect("every shape's schema is an object");
    object.insert("description".into(), key.doc.into());
    if let Need::Default(written) = key.need {
        let (root, _) = spanned::read(&format!("value = {written}"));
        let value = root.get("value").map_or(Value::Null, spanned::Node::to_json);
        object.insert("default".into(), value);
    }
    schema
}

fn one_or_list(item: Value) -> Value {
    json!({"anyOf": [item.clone(), {"type": "array", "items": item, "minItems": 1}]})
}

fn shape(shape: &Shape) -> Value {
    let text = || json!({"type": "string", "minLength": 1});
    match shape {
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::True => json!({"const": true}),
        Shape::Text | Shape::Column | Shape::Condition => text(),
        Shape::AnyText | Shape::Template => json!({"type": "string"}),
        Shape::Word { now, .. } => json!({"enum": now}),
        Shape::Whole(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Wholes(min, max) => one_or_list(json!({"type": "integer", "minimum": min, "maximum": max})),
        Shape::Texts => json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
        Shape::Templates => json!({"type": "array", "items": {"type": "string"}}),
        Shape::TextOrTexts | Shape::Columns => one_or_list(text()),
        Shape::Duration => json!({"type": "string", "pattern": "^ *[0-9]+ *[smhd] *$"}),
        Shape::Size => json!({"type": "string", "pattern": "^ *[0-9]+ *([KMGkmg][iI]?)?[bB]? *$"}),
        Shape::Percent => json!({"type": "string", "pattern": "^ *[0-9]+([.][0-9]{1,2})? *% *$"}),
        Shape::Factor => json!({"type": "string", "pattern": "^ *[0-9]+([.][0-9]{1,2})? *x *$"}),
        Shape::Pointer => json!({"type": "string", "pattern": "^(/.*)?$"}),
        Shape::Place => json!({"type": "string", "pattern": "^((/|[$][.\\[]).*|[$])?$"}),
        Shape::Body => json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
        Shape::Pointers => one_or_list(json!({"type": "string", "pattern": "^(/.*)?$"})),
        Shape::Meanings => {
            let words: Vec<&str> = CallOutcome::ALL.iter().map(|outcome| outcome.as_str()).chain(["ignore"]).collect();
            json!({"type": "object", "additionalProperties": {"enum": words}})
        }
        Shape::Words(words) => json!({"type": "array", "items": {"enum": words}, "uniqueItems": true}),
        Shape::Durations => one_or_list(json!({"type": "string", "pattern": "^ *[0-9]+ *[smhd] *$"})),
        Shape::Start => json!({"anyOf": [text(), {
            "type": "object",
            "properties": {"date": text(), "time": text()},
            "required": ["date", "time"],
            "additionalProperties": false,
        }]}),
        Shape::Secret => json!({"$ref": "#/$defs/secret"}),
        Shape::Secrets => json!({"anyOf": [
            {"$ref": "#/$defs/secret"},
            {"type": "array", "items": {"$ref": "#/$defs/secret"}, "minItems": 1, "maxItems": 2},
        ]}),
        Shape::TextOrSecret => json!({"$ref": "#/$defs/text_or_secret"}),
        Shape::SecretMap => json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/text_or_secret"}}),
        Shape::TemplateMap => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Shape::TemplateTree => json!({"type": "object"}),
        Shape::Table(inner) => table(inner),
        Shape::TableMap(inner) => json!({"type": "object", "additionalProperties": table(inner)}),
        Shape::Unread => json!({}),
    }
}
