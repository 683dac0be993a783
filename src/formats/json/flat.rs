//! pure: one item of the array as a row that borrows the text. Only what every reader would make the same of is read this
//! way: an item that is no object, a name in use that stands twice, and a number at a mapped place that isn't a whole one
//! are errors here, whatever they mean. The whole text is then read with a tree of each row, which has the rules for them.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::formats::Wanted;
use crate::row::{JsonTape, Nesting};

/// The names of an object that the schedule uses, and how the members of the rows so far are named: most rows have the same
/// members in the same order.
#[derive(Debug)]
pub(super) struct UsedNames<'w> {
    paths: Vec<UsedPath<'w>>,
    /// The member that was at this place in the last row.
    members: Vec<Member<'w>>,
    /// For each of `paths`, the number of the last object that had a member with this name.
    seen: Vec<u64>,
    /// The number of the object that is being read.
    object: u64,
}

/// A column in use, or what is left of its path inside a nested object.
#[derive(Debug, Clone, Copy)]
struct UsedPath<'w> {
    rest: &'w str,
    is_mapped: bool,
}

#[derive(Debug)]
struct Member<'w> {
    name: String,
    /// The index of the path that is this name.
    path: Option<usize>,
    is_mapped: bool,
    /// When mapped paths lead into it.
    inside: Option<UsedNames<'w>>,
}

/// Members beyond this one are compared with the paths in each row.
const MAX_REMEMBERED: usize = 256;

impl<'w> UsedNames<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        let path = |is_mapped| move |rest: &'w String| UsedPath { rest, is_mapped };
        Self::of(wanted.mapped.iter().map(path(true)).chain(wanted.named.iter().map(path(false))).collect())
    }

    fn of(paths: Vec<UsedPath<'w>>) -> Self {
        let seen = vec![0; paths.len()];
        Self { paths, members: Vec::new(), seen, object: 0 }
    }

    /// The member at this place of the object; `None` when its name is in use and stood there before.
    fn member(&mut self, place: usize, name: &str) -> Option<&mut Member<'w>> {
        let place = place.min(MAX_REMEMBERED);
        match self.members.get(place) {
            Some(member) if member.name == name => {}
            Some(_) => match self.members.iter().position(|member| member.name == name) {
                Some(elsewhere) => self.members.swap(place, elsewhere),
                None => self.members[place] = self.compare(name),
            },
            None => {
                let member = self.compare(name);
                self.members.push(member);
            }
        }
        let member = self.members.get_mut(place)?;
        if let Some(path) = member.path
            && std::mem::replace(&mut self.seen[path], self.object) == self.object
        {
            return None;
        }
        Some(member)
    }

    fn compare(&self, name: &str) -> Member<'w> {
        let path = self.paths.iter().position(|path| path.rest == name);
        let is_mapped = self.paths.iter().any(|path| path.is_mapped && path.rest == name);
        let inside = self.paths.iter().filter_map(|path| {
            Some(UsedPath { rest: path.rest.strip_prefix(name)?.strip_prefix('.')?, is_mapped: path.is_mapped })
        });
        let inside: Vec<UsedPath<'w>> = inside.collect();
        let leads_on = !is_mapped && inside.iter().any(|path| path.is_mapped);
        Member { name: name.to_owned(), path, is_mapped, inside: leads_on.then(|| Self::of(inside)) }
    }
}

/// Reads one item onto the tape.
pub(super) struct FlatSeed<'r, 'de, 'w> {
    pub(super) tape: &'r mut JsonTape<'de>,
    pub(super) names: &'r mut UsedNames<'w>,
}

impl<'de> DeserializeSeed<'de> for FlatSeed<'_, 'de, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.tape.clear();
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FlatSeed<'_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        take_used(members, self.tape, self.names)
    }
}

/// Takes the members of an object in which columns in use are looked for.
fn take_used<'de, A: MapAccess<'de>>(
    mut members: A,
    tape: &mut JsonTape<'de>,
    names: &mut UsedNames<'_>,
) -> Result<(), A::Error> {
    names.object += 1;
    let mut place = 0;
    while members.next_key_seed(NameSeed(tape))?.is_some() {
        let member = names.member(place, tape.last_text()).ok_or_else(|| A::Error::custom("a name stands twice"))?;
        let Member { is_mapped, inside, .. } = member;
        members.next_value_seed(ValueSeed { tape: &mut *tape, is_mapped: *is_mapped, names: inside.as_mut() })?;
        place += 1;
    }
    Ok(())
}

/// Takes the name of a member.
struct NameSeed<'r, 'de>(&'r mut JsonTape<'de>);

impl<'de> DeserializeSeed<'de> for NameSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<(), E> {
        self.0.text(name);
        Ok(())
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        self.0.unescaped(name);
        Ok(())
    }
}

/// Takes one value with everything inside it.
struct ValueSeed<'r, 'de, 'w> {
    tape: &'r mut JsonTape<'de>,
    is_mapped: bool,
    /// The columns in use inside it, when it is an object.
    names: Option<&'r mut UsedNames<'w>>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, 'de, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.tape.text(text);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.tape.unescaped(text);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.tape.unsigned(number);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.tape.signed(number);
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        if self.is_mapped {
            return Err(E::custom("its digits matter as they are written"));
        }
        self.tape.float(number);
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.tape.truth(truth);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.tape.null();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let begun = self.tape.begin();
        while list.next_element_seed(ValueSeed { tape: &mut *self.tape, is_mapped: false, names: None })?.is_some() {}
        self.tape.end(begun, Nesting::Array);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let begun = self.tape.begin();
        match self.names {
            Some(names) => take_used(members, self.tape, names)?,
            None => {
                while members.next_key_seed(NameSeed(self.tape))?.is_some() {
                    members.next_value_seed(ValueSeed { tape: &mut *self.tape, is_mapped: false, names: None })?;
                }
            }
        }
        self.tape.end(begun, Nesting::Object);
        Ok(())
    }
}
