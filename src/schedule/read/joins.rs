//! pure: `[join.NAME]`: objects from the same answer, or by an address over the row.

use super::section::Section;
use super::{Reading, templates};
use crate::row::JsonPlace;
use crate::schedule::keys::{SCHEDULE, Shape};
use crate::schedule::spanned::{KeyValue, Node};
use crate::schedule::{AddressJoin, AddressPiece, AnswerJoin, FormatSpec, SourceSpec};
use crate::template::Template;

/// The source with its joins.
pub fn with_joins(mut source: SourceSpec, root: &Node, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let Some(joins) = root.get("join") else { return Some(source) };
    let SourceSpec::Http(http) = &mut source else {
        reading.invalid(joins, "`join` needs a source that is an HTTP API", "remove it");
        return None;
    };
    let FormatSpec::Json(shape) = &mut http.format else {
        reading.invalid(joins, "`join` needs `format = \"json\"`", "remove it");
        return None;
    };
    let mut is_whole = true;
    for entry in joins.entries() {
        match join(entry, reading) {
            Some(Join::Answer(join)) => shape.joins.push(join),
            Some(Join::Address(join)) => http.joins.push(join),
            None => is_whole = false,
        }
    }
    is_whole.then_some(source)
}

enum Join {
    Answer(AnswerJoin),
    Address(AddressJoin),
}

fn join(entry: &KeyValue, reading: &mut Reading<'_>) -> Option<Join> {
    let Shape::TableMap(keys) = SCHEDULE.key("join")?.shape else { return None };
    let section = Section::of(Some(&entry.node), keys);
    let name = entry.key.clone();
    if let Some(node) = section.given("url") {
        return Some(Join::Address(AddressJoin { name, address: pieces(node, reading)? }));
    }
    section.given("items")?;
    if section.given("on").is_none() {
        let message = format!("`on` is missing in [join.{name}]");
        reading.invalid(&entry.node, message, "write `on = { column = \"patient_id\", at = \"id\" }`");
        return None;
    }
    let on = section.inner("on");
    let items: JsonPlace = section.place("items")?;
    Some(Join::Answer(AnswerJoin { name, items, column: on.text("column")?, at: on.text("at")? }))
}

/// The literal parts of an address, and its values.
fn pieces(node: &Node, reading: &mut Reading<'_>) -> Option<Vec<AddressPiece>> {
    templates::template(node, reading)?;
    let (text, mut pieces) = (node.text()?, Vec::new());
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once("{{") {
        let (expression, behind) = inside.split_once("}}")?;
        if !before.is_empty() {
            pieces.push(AddressPiece::Literal(before.to_owned()));
        }
        pieces.push(AddressPiece::Value(Template::compile_lenient(&format!("{{{{{expression}}}}}")).ok()?));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(AddressPiece::Literal(rest.to_owned()));
    }
    Some(pieces)
}
