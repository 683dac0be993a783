//! pure: rows of a source with invented people in the place of the real ones.
//!
//! What the rules ask for stays as it is (times, zones, statuses, flags, the columns of `only_if`); ids, phones and persons are
//! replaced, equal ones by equal ones; every other value is replaced by one of the same kind.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::appointment::ids::{self, IdPart};
use crate::appointment::{PhoneProblem, phone};
use crate::personal::Personal;
use crate::row::{Column, Row, scalar_text};
use crate::schedule::Schedule;
use crate::verbs::toml_text::{key, quoted};

/// Names of people who don't exist, in turn.
const NAMES: [&str; 8] = [
    "Ada Example",
    "Ben Sample",
    "Cleo Testing",
    "Dan Nobody",
    "Eva Invented",
    "Finn Madeup",
    "Gus Placeholder",
    "Hana Fictional",
];

/// The number of invented phone numbers that are tried: there are a hundred of a country.
const NUMBERS_TRIED: usize = 100;

/// Invents people, the same for the same values.
pub struct Inventor<'a> {
    schedule: &'a Schedule,
    /// Columns that stay as they are.
    kept: BTreeSet<&'a str>,
    /// Numbers that nobody may be given: the schedule never calls them.
    never_called: &'a HashSet<Personal>,
    /// What was invented, by role and value.
    known: HashMap<(Role, String), usize>,
    /// The invented numbers, by the real ones (E.164).
    phones: HashMap<Personal, String>,
    /// Numbers of the row that is being invented.
    row: usize,
}

/// What a value is to be replaced as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    Id,
    Person,
}

impl<'a> Inventor<'a> {
    pub fn of(
        schedule: &'a Schedule,
        names_of_condition: &'a BTreeSet<String>,
        never_called: &'a HashSet<Personal>,
    ) -> Self {
        let columns = &schedule.appointment;
        let mapped = [
            &columns.timezone,
            &columns.recipient_timezone,
            &columns.status,
            &columns.language,
            &columns.do_not_call,
            &columns.consent,
        ];
        let kept = columns.starts_at.columns().into_iter().chain(mapped.into_iter().flatten()).map(Column::as_str);
        let kept = kept.chain(names_of_condition.iter().map(String::as_str)).collect();
        Self { schedule, kept, never_called, known: HashMap::new(), phones: HashMap::new(), row: 0 }
    }

    /// The row with somebody invented in it.
    pub fn row(&mut self, row: &Row) -> Map<String, Value> {
        self.row += 1;
        let object = row.to_object();
        object.iter().map(|(name, value)| (name.clone(), self.value(name, value))).collect()
    }

    fn value(&mut self, path: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let inner =
                    |(name, value): (&String, &Value)| (name.clone(), self.value(&format!("{path}.{name}"), value));
                Value::Object(fields.iter().map(inner).collect())
            }
            Value::Array(items) => items.iter().map(|item| self.value(path, item)).collect(),
            Value::Null | Value::Bool(_) => value.clone(),
            Value::String(_) | Value::Number(_) if self.kept.contains(path) => value.clone(),
            Value::String(text) => self.text(path, text).into(),
            // a number without its `+` may be read otherwise
            Value::Number(number) if self.is_phone(path) => self.text(path, &number.to_string()).into(),
            Value::Number(number) => match self.text(path, &number.to_string()).parse::<i64>() {
                Ok(whole) => whole.into(),
                Err(_) => self.row.into(),
            },
        }
    }

    fn text(&mut self, path: &str, text: &str) -> String {
        let columns = &self.schedule.appointment;
        let is_of = |column: &Column| column.as_str() == path;
        if text.trim().is_empty() {
            String::new()
        } else if columns.id.iter().any(is_of) {
            self.id(text)
        } else if self.is_phone(path) {
            self.phone(text)
        } else if columns.person.as_ref().is_some_and(is_of) {
            format!("person-{}", self.number(Role::Person, text))
        } else {
            self.other(path, text)
        }
    }

    fn is_phone(&self, path: &str) -> bool {
        self.schedule.appointment.phone.iter().any(|column| column.as_str() == path)
    }

    /// An id is replaced by an id, a word for nothing and a rounded number by another one.
    fn id(&mut self, text: &str) -> String {
        match ids::read(Cow::Borrowed(text)) {
            IdPart::Text(id) => (1000 + self.number(Role::Id, &id)).to_string(),
            IdPart::Nothing => "n/a".to_owned(),
            IdPart::Rounded => "1.0E+9".to_owned(),
        }
    }

    /// A number that can be called is replaced by one that can, any other by one that can't.
    fn phone(&mut self, text: &str) -> String {
        match phone::read(text, self.schedule.appointment.default_region.as_deref()) {
            Ok(phone) => {
                // a country that is not allowed stays one
                let region = self.schedule.remind.allowed_countries.as_ref().and_then(|_| phone.region());
                self.invented_phone(&phone.e164, region.as_deref())
            }
            Err(PhoneProblem::Missing) => String::new(),
            Err(PhoneProblem::Invalid(_)) => "12".to_owned(),
        }
    }

    /// The same number for the same one, another for any other, and none that is never called.
    fn invented_phone(&mut self, real: &Personal, region: Option<&str>) -> String {
        if let Some(known) = self.phones.get(real) {
            return known.clone();
        }
        let first = self.phones.len() + 1;
        let invented = (first..first + NUMBERS_TRIED).map(|n| phone::invented(region, n));
        let is_free = |number: &String| {
            !self.never_called.iter().any(|listed| listed.as_str() == number)
                && !self.phones.values().any(|given| given == number)
        };
        let mut invented = invented.filter(is_free);
        let number = invented.next().unwrap_or_else(|| phone::invented(region, first));
        drop(invented);
        self.phones.insert(real.clone(), number.clone());
        number
    }

    /// The number that was invented for a real one (E.164).
    pub fn phone_for(&self, real: &Personal) -> Option<&str> {
        self.phones.get(real).map(String::as_str)
    }

    /// A value without a role: a name, an address, a number, a time, or anything else.
    fn other(&self, path: &str, text: &str) -> String {
        let name = NAMES[(self.row - 1) % NAMES.len()];
        let column = path.to_lowercase();
        if text.trim().parse::<f64>().is_ok() {
            self.row.to_string()
        } else if text.contains('@') {
            format!("{}@example.org", name.to_lowercase().replace(' ', "."))
        } else if column.contains("first") {
            name.split(' ').next().unwrap_or(name).to_owned()
        } else if column.contains("last") || column.contains("surname") {
            name.split(' ').next_back().unwrap_or(name).to_owned()
        } else if column.contains("name") && !column.contains("service") {
            name.to_owned()
        } else if !text.chars().any(char::is_alphabetic) {
            // a date, a time, a number in parts
            text.chars().map(|letter| if letter.is_ascii_digit() { '1' } else { letter }).collect()
        } else {
            format!("{} {}", path.rsplit('.').next().unwrap_or(path), self.row)
        }
    }

    fn number(&mut self, role: Role, value: &str) -> usize {
        let next = self.known.keys().filter(|(known, _)| *known == role).count() + 1;
        *self.known.entry((role, value.to_owned())).or_insert(next)
    }
}

/// A value as TOML; null is nothing.
pub fn toml(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) | Value::Number(_) => scalar_text(value)?.into_owned(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().filter_map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let pairs: Vec<String> =
                fields.iter().filter_map(|(name, value)| Some(format!("{} = {}", key(name), toml(value)?))).collect();
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::spanned;

    #[test]
    fn what_is_written_as_toml_reads_back() {
        let value = serde_json::json!({
            "a b": "x\"y\\z\n\u{7f}\u{1}é", "n": 7, "f": 1.5, "t": true, "l": ["a", {"b": 1}], "o": {}, "e": ""
        });
        let text = format!("value = {}", toml(&value).expect("not null"));
        let (root, faults) = spanned::read(&text);
        assert!(faults.is_empty(), "{text}: {faults:?}");
        assert_eq!(root.get("value").map(spanned::Node::to_json), Some(value));
        assert_eq!(toml(&serde_json::json!({"gone": null})).as_deref(), Some("{}"));
    }
}
