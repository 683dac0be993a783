//! Rules of this project about names, about what pure code may use and about personal data, which no compiler checks.

use std::collections::{BTreeMap, BTreeSet};

#[path = "support/sources.rs"]
mod sources;

use sources::{SourceFile, source_files};

/// What a file that calls itself pure must not name: files, sockets, threads, processes, random numbers, a runtime, a database.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::thread",
    "std::process",
    "std::os::",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "tokio::",
    "rusqlite",
    "reqwest",
    "getrandom",
];

#[test]
fn pure_modules_touch_nothing_outside() {
    let complaints: Vec<String> = source_files()
        .iter()
        .filter(|file| file.text.starts_with("//! pure"))
        .flat_map(|file| {
            let impure = file.code().filter(|line| IMPURE.iter().any(|word| line.contains(word)));
            impure.map(|line| format!("{}: {}", file.path.display(), line.trim())).collect::<Vec<_>>()
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

const VISIBILITIES: &[&str] = &["pub ", "pub(crate) ", "pub(super) ", ""];

/// The name that a line defines after one of these keywords.
fn defined<'l>(line: &'l str, visibilities: &[&str], keywords: &[&str]) -> Option<&'l str> {
    let line = line.trim_start();
    let mut rest = visibilities.iter().find_map(|visibility| line.strip_prefix(visibility))?;
    for qualifier in ["const ", "async "] {
        if keywords.contains(&"fn ") {
            rest = rest
                .strip_prefix(qualifier)
                .filter(|rest| rest.starts_with("fn ") || rest.starts_with("async "))
                .unwrap_or(rest);
        }
    }
    let name = keywords.iter().find_map(|keyword| rest.strip_prefix(keyword))?;
    name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().filter(|name| !name.is_empty())
}

/// Type names with every file that defines them.
fn type_names(files: &[SourceFile]) -> BTreeMap<String, BTreeSet<String>> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        for line in file.code().filter(|line| !line.starts_with("    type ")) {
            if let Some(name) = defined(line, VISIBILITIES, &["struct ", "enum ", "trait ", "type "]) {
                names.entry(name.to_owned()).or_default().insert(file.path.display().to_string());
            }
        }
    }
    names
}

/// Type names that may be defined twice, each with its meanings.
const SEVERAL_MEANINGS: &[(&str, &str)] = &[
    ("Fields", "serde's visitor of an object's fields in `verbs/redact`, a record's fields in `row`"),
    ("Attempt", "a row of the ledger in memory, and one try in `delivery`"),
    ("Text", "serde's visitor of a text, and the text of a CSV file"),
    ("Asked", "a job's caller in the writer, and the store's own log"),
    ("Account", "a row of the ledger in memory, and an account of the settings"),
    ("Table", "keys of a file, and columns on a terminal"),
];

#[test]
fn a_type_name_means_one_thing() {
    let names = type_names(&source_files());
    let several: Vec<String> = names
        .iter()
        .filter(|(name, files)| files.len() > 1 && SEVERAL_MEANINGS.iter().all(|(known, _)| known != name))
        .map(|(name, files)| format!("{name}: {}", files.iter().cloned().collect::<Vec<_>>().join(", ")))
        .collect();
    assert!(several.is_empty(), "{} names with several meanings:\n{}", several.len(), several.join("\n"));
    assert!(SEVERAL_MEANINGS.len() <= 10, "too many exceptions");
}

/// How often each word occurs in the lines.
fn words<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        for word in
            line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
        {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// Public names that only tests use, each with the reason why it is public.
const FOR_TESTS: &[(&str, &str)] =
    &[("from_values", "`Secrets` are read from the environment, which tests that share a process don't change")];

#[test]
fn every_public_name_is_used_by_the_program_itself_and_not_only_by_tests() {
    let files = source_files();
    // the page's templates are part of the program
    let templates: Vec<String> = sources::templates();
    let used = words(files.iter().flat_map(SourceFile::code).chain(templates.iter().flat_map(|text| text.lines())));
    let keywords = ["fn ", "struct ", "enum ", "trait ", "const ", "static ", "type "];
    let unused: Vec<String> = files
        .iter()
        .flat_map(|file| {
            file.code().filter_map(|line| defined(line, &["pub "], &keywords)).map(move |name| (file, name))
        })
        .filter(|(_, name)| used.get(*name).copied().unwrap_or(0) <= 1)
        .filter(|(_, name)| FOR_TESTS.iter().all(|(known, _)| known != name))
        .map(|(file, name)| format!("{}: {name}", file.path.display()))
        .collect();
    assert!(unused.is_empty(), "only tests use these, or nobody:\n{}", unused.join("\n"));
}

/// Files that may hold phones as plain text: they are what a person typed, the last four digits that a person is shown, or the
/// sandbox's own numbers.
const PHONES_AS_TEXT: &[&str] = &[
    "commands/arguments.rs",
    "commands/filters.rs",
    "sandbox/",
    "verbs/account.rs",
    "verbs/plan.rs",
    "verbs/uncertain.rs",
];

#[test]
fn phones_and_persons_are_held_in_a_type_whose_debug_output_masks_them() {
    let is_plain = |line: &str| {
        let field = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub ");
        let name = ["phone: ", "person: ", "e164: "].into_iter().find_map(|name| field.strip_prefix(name));
        name.is_some_and(|of| matches!(of.trim_end_matches(','), "String" | "Option<String>"))
    };
    let complaints: Vec<String> = source_files()
        .iter()
        .filter(|file| !PHONES_AS_TEXT.iter().any(|exempt| file.path.to_string_lossy().contains(exempt)))
        .flat_map(|file| {
            let plain = file.code().filter(|line| is_plain(line));
            plain.map(|line| format!("{}: `{}`: use `Personal`", file.path.display(), line.trim())).collect::<Vec<_>>()
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
