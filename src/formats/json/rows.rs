//! pure: one item of the array becomes a row. What stands at a mapped place is taken as it is written, digit by digit;
//! a name that stands twice in one object is noticed.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::formats::Wanted;

/// Reads one item. `doubled` is filled with the first name in use that stands twice in one object.
pub(super) struct ItemSeed<'w> {
    pub(super) wanted: &'w Wanted,
    pub(super) path: String,
    pub(super) doubled: &'w mut Option<(String, (usize, usize))>,
}

impl ItemSeed<'_> {
    /// Whether a longer mapped path leads through this one.
    fn leads_on(&self, path: &str) -> bool {
        let wanted = self.wanted.mapped.iter();
        wanted.filter_map(|name| name.strip_prefix(path)).any(|rest| rest.starts_with('.'))
    }

    fn is_mapped(&self, path: &str) -> bool {
        self.wanted.mapped.iter().any(|name| name == path)
    }
}

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut tree = Map::new();
        let mut place = 0;
        while let Some(name) = entries.next_key::<String>()? {
            let path = if self.path.is_empty() { name.clone() } else { format!("{}.{name}", self.path) };
            let value = if self.is_mapped(&path) {
                as_written(entries.next_value::<&RawValue>()?).map_err(A::Error::custom)?
            } else if self.leads_on(&path) {
                let doubled = &mut *self.doubled;
                entries.next_value_seed(ItemSeed { wanted: self.wanted, path: path.clone(), doubled })?
            } else {
                entries.next_value()?
            };
            if self.doubled.is_none() && self.wanted.uses(&path) && tree.contains_key(&name) {
                let first = tree.keys().position(|key| *key == name).unwrap_or(0);
                *self.doubled = Some((path, (first, place)));
            }
            tree.insert(name, value);
            place += 1;
        }
        Ok(Value::Object(tree))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
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

/// A value; a number that a machine's number would round or write otherwise (an id of 20 digits, `1.0E5`) as its text.
fn as_written(raw: &RawValue) -> Result<Value, serde_json::Error> {
    let text = raw.get();
    let value: Value = serde_json::from_str(text)?;
    Ok(match &value {
        Value::Number(number) if number.to_string() != text => Value::String(text.to_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            value
        }
    })
}
