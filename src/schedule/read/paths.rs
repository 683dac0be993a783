//! pure: the columns of a JSON source that are JSONPaths, compiled once. In a table a name that begins with `$` is a name.

use super::Reading;
use crate::row::{PathColumn, is_path};
use crate::schedule::lookup;
use crate::schedule::spanned::Node;
use crate::schedule::validate::JSON_PATH_HELP;
use crate::schedule::{FormatSpec, JsonShape, SourceSpec};

/// The source with every path that `[appointment]` maps or a template reaches through `row`.
pub fn with_path_columns(mut source: SourceSpec, root: &Node, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let Some(shape) = json_shape(&mut source) else { return Some(source) };
    shape.keeps_digits = root.get("columns").is_some() || root.get("join").is_some();
    let mapped = lookup::mapped_columns(root).into_iter().filter_map(|node| Some((node.text()?.to_owned(), node)));
    let templates = lookup::row_templates(root).into_iter().chain(lookup::row_expressions(root));
    let named = templates
        .flat_map(|node| lookup::row_keys(node.text().unwrap_or_default()).into_iter().map(move |name| (name, node)));
    let mut names = Vec::new();
    for (name, node) in mapped.chain(named).filter(|(name, _)| is_path(name)) {
        if names.contains(&name) {
            continue;
        }
        match PathColumn::compile(&name) {
            Ok(column) => shape.columns.extend(column),
            Err(fault) => reading.invalid(node, format!("`{name}` is not a valid JSONPath: {fault}"), JSON_PATH_HELP),
        }
        names.push(name);
    }
    Some(source)
}

fn json_shape(source: &mut SourceSpec) -> Option<&mut JsonShape> {
    match source {
        SourceSpec::Http(http) => match &mut http.format {
            FormatSpec::Json(shape) => Some(shape),
            FormatSpec::Csv(_) | FormatSpec::Workbook(_) | FormatSpec::Calendar(_) => None,
        },
        SourceSpec::File(_) | SourceSpec::Sqlite(_) | SourceSpec::Inbound(_) => None,
    }
}
