//! pure: the way through a JSON text to the array of rows; what stands around it is kept, because an answer says there whether
//! it is whole.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::flat::FlatSeed;
use super::rows::ItemSeed;
use super::{RowForm, Search};

/// Maximum values that are kept of the lists around the rows: enough for links, too few for a second list of records.
pub(super) const MAX_LISTED: usize = 10_000;

/// The walk through one value of the text, reached by `path`; what it returns is kept around the rows.
pub(super) struct JsonWalk<'w, 's, 'de> {
    pub(super) search: &'w mut Search<'s, 'de>,
    pub(super) path: Vec<String>,
}

impl<'de> JsonWalk<'_, '_, 'de> {
    fn is_items(&self) -> bool {
        self.path == self.search.items
    }

    fn scalar(self, kind: &'static str, value: Value) -> Value {
        if self.is_items() {
            self.search.found_instead = Some(kind);
        }
        value
    }

    /// Reads the next item and gives it to the sink; `false` behind the last one.
    fn next_item<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let goes_on = match &mut self.search.form {
            RowForm::Flat { tape, names } => {
                if list.next_element_seed(FlatSeed { tape, names })?.is_none() {
                    return Ok(false);
                }
                self.search.give_flat()
            }
            RowForm::Tree { .. } => {
                let mut doubled = None;
                let seed = ItemSeed { wanted: self.search.ask.wanted, path: String::new(), doubled: &mut doubled };
                let Some(item) = list.next_element_seed(seed)? else { return Ok(false) };
                self.search.give(item, doubled)
            }
        };
        if goes_on { Ok(true) } else { Err(A::Error::custom("stopped")) }
    }

    /// Goes one step down.
    fn step<D: serde::Deserializer<'de>>(&mut self, step: String, deserializer: D) -> Result<Value, D::Error> {
        self.path.push(step);
        let value = JsonWalk { search: &mut *self.search, path: self.path.clone() }.deserialize(deserializer);
        self.path.pop();
        value
    }

    /// Descends one step inside a list, unless enough was kept and nothing there is wanted.
    fn listed<D: serde::Deserializer<'de>>(&mut self, step: String, deserializer: D) -> Result<Value, D::Error> {
        self.search.listed += 1;
        self.path.push(step);
        let leads_on = |place: &Vec<String>| place.starts_with(&self.path);
        let is_in = |place: &Vec<String>| leads_on(place) || self.path.starts_with(place);
        let is_wanted = leads_on(&self.search.items) || self.search.places.iter().any(is_in);
        let last = self.path.pop().unwrap_or_default();
        if is_wanted || self.search.listed < MAX_LISTED {
            return self.step(last, deserializer);
        }
        serde::Deserialize::deserialize(deserializer).map(|IgnoredAny| Value::Null)
    }
}

impl<'de> DeserializeSeed<'de> for JsonWalk<'_, '_, 'de> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonWalk<'_, '_, 'de> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        if !self.is_items() {
            let mut kept = Vec::new();
            while let Some(value) = list.next_element_seed(MemberWalk {
                walk: &mut self,
                step: kept.len().to_string(),
                inside: Inside::List,
            })? {
                kept.push(value);
            }
            return Ok(Value::Array(kept));
        }
        self.search.arrays += 1;
        while self.next_item(&mut list)? {}
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        if self.is_items() {
            self.search.found_instead = Some("an object");
        }
        let mut kept = Map::new();
        while let Some(step) = map.next_key::<String>()? {
            let value =
                map.next_value_seed(MemberWalk { walk: &mut self, step: step.clone(), inside: Inside::Object })?;
            kept.insert(step, value);
        }
        Ok(Value::Object(kept))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(self.scalar("true or false", truth.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(self.scalar("a number", number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(self.scalar("a number", number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(self.scalar("a number", number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(self.scalar("a text", text.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        // null at `items` is nothing there: some senders write it on an empty day
        Ok(Value::Null)
    }
}

/// What a value is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Object,
    List,
}

struct MemberWalk<'p, 'w, 's, 'de> {
    walk: &'p mut JsonWalk<'w, 's, 'de>,
    step: String,
    inside: Inside,
}

impl<'de> DeserializeSeed<'de> for MemberWalk<'_, '_, '_, 'de> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.inside {
            Inside::Object => self.walk.step(self.step, deserializer),
            Inside::List => self.walk.listed(self.step, deserializer),
        }
    }
}
