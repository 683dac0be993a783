//! shell: whether a local source has the columns a schedule maps, and templates use names that exist.

use std::collections::BTreeSet;
use std::path::Path;

use super::{CheckAsk, CheckReach, Checked, placeholders};
use crate::row::Header;
use crate::schedule::lookup;
use crate::schedule::problems::Problems;
use crate::schedule::read::name_span;
use crate::schedule::spanned::Node;
use crate::schedule::{FileSpec, FormatSpec, SourceSpec};
use crate::sources::{self, RepeatRead};
use crate::spelling::did_you_mean;
use crate::template::{BUILT_IN_NAMES, Condition, Template};

pub fn check(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    let source = sources::open(checked.schedule, ask.tools.clone());
    match source.columns() {
        Ok(Some(columns)) => {
            against(checked, &columns);
            for doubt in source.doubts() {
                let span = source_span(checked, None);
                checked.problems.warning("source-doubt", span, doubt);
            }
        }
        Ok(None) => {
            placeholders_of_mapped(checked);
            no_header(checked);
        }
        Err(error) => {
            placeholders_of_mapped(checked);
            let span = source_span(checked, error.key);
            let help = unread_help(checked);
            let is_warning = ask.reach == CheckReach::Local && (error.again == RepeatRead::Later || is_absent(checked));
            let problem = if is_warning {
                checked.problems.warning("source-not-there", span, error.message)
            } else {
                checked.problems.error("unreadable-source", span, error.message)
            };
            problem.help(help);
        }
    }
}

/// What to do about a source that can't be read: a file of nearly that name may be what is meant.
fn unread_help(checked: &Checked<'_>) -> String {
    let usual = || "its columns can't be checked until it can be read".to_owned();
    let path = match &checked.schedule.source {
        SourceSpec::File(spec) => &spec.path,
        SourceSpec::Sqlite(spec) => &spec.path,
        SourceSpec::Http(_) | SourceSpec::Inbound(_) => return usual(),
    };
    let written = lookup::source_path(&checked.root).unwrap_or_default();
    if written.contains("://") {
        return "this is an address and no file: read it with `[source.http]` and `url = …`".to_owned();
    }
    if path.exists() {
        return usual();
    }
    match neighbour(path, written) {
        Some(likely) => format!("did you mean `{likely}`?"),
        None => format!("a relative path counts from the schedule's folder; {}", usual()),
    }
}

/// A file beside the one that is not there, or in the folder above the schedules, whose name is nearly the same.
fn neighbour(path: &Path, written: &str) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let beside = files_in(path.parent()?);
    let folder = written.strip_suffix(name).unwrap_or_default();
    if let Some(likely) = did_you_mean(name, beside.iter().map(String::as_str)) {
        return Some(format!("{folder}{likely}"));
    }
    let above = files_in(&path.parent()?.join(".."));
    let is_above = folder.is_empty() && above.iter().any(|file| file == name);
    is_above.then(|| format!("../{name}"))
}

/// The names of the files in a folder, as far as it can be read: enough of them to find one that is misspelt.
fn files_in(folder: &Path) -> Vec<String> {
    const ENOUGH: usize = 2_000;
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().take(ENOUGH).filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// An empty export is fine; a header row below the table's end is an error.
fn no_header(checked: &mut Checked<'_>) {
    let SourceSpec::File(FileSpec { format: FormatSpec::Csv(dialect), .. }) = &checked.schedule.source else { return };
    let message = format!("the file ends before line {}, where its header should be", dialect.header_row);
    let is_given = checked.root.at(&["source", "csv", "header_row"]).is_some();
    let span = checked.span(if is_given { &["source", "csv", "header_row"] } else { &["source", "csv", "path"] });
    checked.problems.warning("no-header", span, message).help("its columns can't be checked until it has one");
}

/// Where a problem of the source is shown: at the key that is at fault when it is written, else at the source's place.
pub fn source_span(checked: &Checked<'_>, key: Option<&str>) -> std::ops::Range<usize> {
    let (table, place) = match checked.schedule.source {
        SourceSpec::File(FileSpec { format: FormatSpec::Workbook(_), .. }) => ("xlsx", "path"),
        SourceSpec::File(FileSpec { format: FormatSpec::Calendar(_), .. }) => ("ical", "path"),
        SourceSpec::File(_) => ("csv", "path"),
        SourceSpec::Sqlite(_) => ("sqlite", "path"),
        SourceSpec::Http(_) => ("http", "url"),
        SourceSpec::Inbound(_) => ("inbound", "secret"),
    };
    let written = key.filter(|key| checked.root.at(&["source", table, key]).is_some());
    checked.span(&["source", table, written.unwrap_or(place)])
}

fn is_absent(checked: &Checked<'_>) -> bool {
    match &checked.schedule.source {
        // that no file matches a pattern is reported by the read
        SourceSpec::File(spec) => spec.pattern.is_none() && !spec.path.exists(),
        SourceSpec::Sqlite(spec) => !spec.path.exists(),
        SourceSpec::Http(_) | SourceSpec::Inbound(_) => false,
    }
}

/// Holds a schedule against the columns its source has.
pub fn against(checked: &mut Checked<'_>, columns: &[String]) {
    let header = Header::new(columns.to_vec());
    let names: Vec<&str> = columns.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    if has_none_of_the_mapped(checked, &header, &names) {
        return;
    }
    for node in lookup::mapped_columns(&checked.root) {
        let Some(name) = node.text() else { continue };
        // A path with dots leads into an object, whose inside isn't known here.
        let outer = name.split('.').next().unwrap_or(name);
        let is_path = matches!(checked.schedule.source, SourceSpec::Http(_)) && header.place(outer).is_some();
        if header.place(name).is_none() && !is_path {
            let help = missing_help(name, &names);
            checked
                .problems
                .error("missing-column", node.span.clone(), format!("the source has no column `{name}`"))
                .help(help);
        }
        doubled(name, node.span.clone(), &header, &mut checked.problems);
    }
    templates(checked, &header, &names);
}

/// Whether a table has none of the mapped columns, nor one whose name is nearly the same: then the header is another line,
/// or the file another one, and a single problem says so.
fn has_none_of_the_mapped(checked: &mut Checked<'_>, header: &Header, columns: &[&str]) -> bool {
    /// A single column may be mapped by mistake.
    const SEVERAL: usize = 2;
    let mapped: Vec<&Node> = lookup::mapped_columns(&checked.root);
    let names: Vec<&str> = mapped.iter().filter_map(|node| node.text()).collect();
    let is_near = |name: &str| header.place(name).is_some() || did_you_mean(name, columns.iter().copied()).is_some();
    let source = &checked.schedule.source;
    let is_table = matches!(source, SourceSpec::File(_)) && source.has_lines();
    if !is_table || names.len() < SEVERAL || names.iter().any(|name| is_near(name)) {
        return false;
    }
    let span = mapped[0].span.clone();
    let message = format!("the source has none of the mapped columns: {}", list(&names));
    // a row of somebody's data is not repeated
    let help = match columns.iter().any(|name| looks_like_data(name)) {
        true => "its first line looks like a row of data and not like a header: have the export write the columns' names, or look at `header_row`".to_owned(),
        false => format!("it has {}", list(columns)),
    };
    checked.problems.error("missing-column", span, message).help(help);
    true
}

/// Whether a cell of a header's line is more likely a value: most of it are digits, or it is an address.
fn looks_like_data(cell: &str) -> bool {
    const FEW_DIGITS: usize = 3;
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    digits > FEW_DIGITS && digits * 2 >= cell.chars().count() || cell.contains('@')
}

/// A name of two columns: the first would be used, even if it has somebody else's phone.
fn doubled(name: &str, span: std::ops::Range<usize>, header: &Header, problems: &mut Problems) {
    let Some((first, second)) = header.two_places(name) else { return };
    problems
        .error("double-column", span, format!("the source has two columns `{name}`, {} and {}", first + 1, second + 1))
        .help("rename one of them in the source: it is ambiguous");
}

/// Where the columns aren't known, the names are that are known all the same: the payload's own and the mapped ones.
fn placeholders_of_mapped(checked: &mut Checked<'_>) {
    let mapped = lookup::mapped_columns(&checked.root);
    let known: Vec<&str> =
        BUILT_IN_NAMES.iter().copied().chain(mapped.into_iter().filter_map(|node| node.text())).collect();
    placeholders::check(&checked.root, &known, &mut checked.problems);
}

fn missing_help(name: &str, columns: &[&str]) -> String {
    match did_you_mean(name, columns.iter().copied()) {
        Some(likely) => format!("did you mean `{likely}`?"),
        None if columns.is_empty() => "it has no columns at all".to_owned(),
        None => format!("it has {}", list(columns)),
    }
}

/// The first columns: a table of two hundred needs no page.
fn list(columns: &[&str]) -> String {
    let shown: Vec<String> = columns.iter().take(20).map(|name| format!("`{name}`")).collect();
    let more =
        if columns.len() > shown.len() { format!(" and {} more", columns.len() - shown.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn templates(checked: &mut Checked<'_>, header: &Header, columns: &[&str]) {
    let payload_names: Vec<&str> = BUILT_IN_NAMES.iter().copied().chain(columns.iter().copied()).collect();
    placeholders::check(&checked.root, &payload_names, &mut checked.problems);
    let row_names: Vec<&str> = columns.iter().copied().chain(["row"]).collect();
    let file = checked.problems.text();
    for node in lookup::row_templates(&checked.root) {
        let names = node.text().and_then(|text| Template::compile(text).ok()).map(|template| template.names());
        let names = names.unwrap_or_default();
        unknown(node, &names, &payload_names, &file, &mut checked.problems);
        let own = names.iter().filter(|name| !BUILT_IN_NAMES.contains(&name.as_str()));
        doubled_in(node, own, header, &file, &mut checked.problems);
    }
    if let Some(node) = checked.root.at(&["remind", "only_if"]) {
        let names = node.text().and_then(|text| Condition::compile(text).ok()).map(|condition| condition.names());
        let names = names.unwrap_or_default();
        unknown(node, &names, &row_names, &file, &mut checked.problems);
        doubled_in(node, names.iter(), header, &file, &mut checked.problems);
    }
}

/// Names of an expression, including those after `row`, that belong to two columns.
fn doubled_in<'n>(
    node: &Node,
    names: impl Iterator<Item = &'n String>,
    header: &Header,
    file: &str,
    problems: &mut Problems,
) {
    let through_row = lookup::row_keys(node.text().unwrap_or(""));
    for name in names.cloned().chain(through_row) {
        doubled(&name, name_span(node, &name, file), header, problems);
    }
}

fn unknown(node: &Node, names: &BTreeSet<String>, known: &[&str], file: &str, problems: &mut Problems) {
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(likely) if is_plain(likely) => format!("did you mean `{likely}`?"),
            Some(likely) => format!("did you mean `row[\"{likely}\"]`?"),
            None => format!("there are {}", list(known)),
        };
        problems
            .error("unknown-name", name_span(node, name, file), format!("there is no name `{name}` in this source"))
            .help(help);
    }
}

/// Whether a template can use the name without `row`.
fn is_plain(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
