//! Rules of this project about names, about what pure code may use and about personal data, which no compiler checks.

use std::collections::{BTreeMap, BTreeSet};

#[path = "support/derived.rs"]
mod derived;
#[path = "support/sources.rs"]
mod sources;

use derived::{ShownField, holds_one_of, shown_fields};
use sources::{SourceFile, source_files};

/// What a file that calls itself pure must not name: files, sockets, threads, processes, random numbers, a runtime, a database,
/// and the modules of this crate that give such things or the time.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::os::",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "tokio::",
    "rusqlite",
    "reqwest",
    "rustix",
    "getrandom",
    "crate::clock",
    "crate::disk",
    "crate::connections",
    THREADS,
];

/// What a file may name too whose doc begins with `pure, on threads`: its work is spread over threads, and its results are those
/// of one thread.
const THREADS: &str = "crate::parallel";

/// Functions of shell files that pure files may call, each with what it does.
const PURE_IN_SHELL: &[(&str, &str)] = &[
    ("load::name_of", "takes a path apart, and opens nothing"),
    ("sources::computing", "adds computed columns to rows that are in memory"),
];

/// The functions that a shell file defines for others, named as its callers name them: `sources::open`.
fn shell_functions(file: &SourceFile) -> Vec<String> {
    if !file.text.starts_with("//! shell") {
        return Vec::new();
    }
    let stem = |path: &std::path::Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let named = stem(&file.path);
    let module = if named == "mod" { file.path.parent().map(stem).unwrap_or_default() } else { named };
    let functions = file.code().filter(|line| !line.starts_with(' '));
    functions
        .filter_map(|line| defined(line, &VISIBILITIES[..3], &["fn "]))
        .map(|name| format!("{module}::{name}"))
        .collect()
}

/// The calls of such functions in a line: `module::function`, no part of a longer name.
fn named_in<'f>(line: &str, functions: &'f BTreeSet<String>) -> Option<&'f str> {
    let is_of_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let paths = line.split(|letter: char| !is_of_name(letter));
    let last_two = paths.filter_map(|path| {
        let mut parts = path.rsplit("::");
        Some((parts.next()?, parts.next()?))
    });
    last_two.filter_map(|(name, module)| functions.get(&format!("{module}::{name}"))).map(String::as_str).next()
}

#[test]
fn pure_modules_touch_nothing_outside() {
    let files = source_files();
    let outside: BTreeSet<String> = files.iter().flat_map(shell_functions).collect();
    let (mut complaints, mut called) = (Vec::new(), BTreeSet::new());
    for file in files.iter().filter(|file| file.text.starts_with("//! pure")) {
        let has_threads = file.text.starts_with("//! pure, on threads");
        assert!(!has_threads || file.text.contains(THREADS), "{} is on no threads", file.path.display());
        for line in file.code() {
            let may = |word: &str| word == THREADS && has_threads;
            let call = named_in(line, &outside).filter(|call| !(has_threads && call.starts_with("parallel::")));
            called.extend(call);
            let is_call = call.is_some_and(|call| PURE_IN_SHELL.iter().all(|(known, _)| *known != call));
            if is_call || IMPURE.iter().any(|word| line.contains(word) && !may(word)) {
                complaints.push(format!("{}: {}", file.path.display(), line.trim()));
            }
        }
    }
    assert!(complaints.is_empty(), "pure files reach outside:\n{}", complaints.join("\n"));
    let dead = dead_exceptions(PURE_IN_SHELL, |known| called.contains(known));
    assert!(dead.is_empty(), "no pure file calls these: {dead:?}");
}

#[test]
fn a_call_out_of_pure_code_is_found() {
    let shell = "//! shell: a.\n\npub fn open() {}\nfn hidden() {}\npub(super) async fn read() {}\n";
    let file = |path: &str, text: &str| SourceFile { path: path.into(), module: "a".into(), text: text.to_owned() };
    let functions: BTreeSet<String> = shell_functions(&file("a/mod.rs", shell)).into_iter().collect();
    assert_eq!(functions.iter().collect::<Vec<_>>(), ["a::open", "a::read"]);
    assert_eq!(named_in("let source = crate::a::open(1);", &functions), Some("a::open"));
    assert_eq!(named_in("let source = ba::open(1) + a::opened;", &functions), None);
    assert!(shell_functions(&file("a.rs", &shell.replace("shell", "pure"))).is_empty());
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

#[test]
fn a_type_name_means_one_thing() {
    let names = type_names(&source_files());
    let several: Vec<String> = names
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| format!("{name}: {}", files.iter().cloned().collect::<Vec<_>>().join(", ")))
        .collect();
    assert!(several.is_empty(), "{} names with several meanings:\n{}", several.len(), several.join("\n"));
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
    let unused: Vec<(&SourceFile, &str)> = files
        .iter()
        .flat_map(|file| {
            file.code().filter_map(|line| defined(line, &["pub "], &keywords)).map(move |name| (file, name))
        })
        .filter(|(_, name)| used.get(*name).copied().unwrap_or(0) <= 1)
        .collect();
    let complaints: Vec<String> = unused
        .iter()
        .filter(|(_, name)| FOR_TESTS.iter().all(|(known, _)| known != name))
        .map(|(file, name)| format!("{}: {name}", file.path.display()))
        .collect();
    assert!(complaints.is_empty(), "only tests use these, or nobody:\n{}", complaints.join("\n"));
    let dead = dead_exceptions(FOR_TESTS, |known| unused.iter().any(|(_, name)| *name == known));
    assert!(dead.is_empty(), "these are used now, or gone: {dead:?}");
}

/// The words of the glossary of `lib.rs`, each term by itself.
fn glossary(lib: &str) -> Vec<String> {
    let (_, after) = lib.split_once("# Glossary").expect("lib.rs has a glossary");
    let rows =
        after.lines().skip(1).take_while(|line| line.starts_with("//!")).filter_map(|line| line.strip_prefix("//! | "));
    let terms = rows.skip(1).filter_map(|row| row.split(" | ").next());
    terms.flat_map(|term| term.split(", ")).map(str::to_owned).collect()
}

#[test]
fn each_term_of_the_glossary_is_a_word_of_the_code() {
    let files = source_files();
    let lib = files.iter().find(|file| file.module == "lib").expect("lib.rs");
    let terms = glossary(&lib.text);
    assert!(terms.len() >= 40, "{terms:?}");
    let others = || files.iter().filter(|file| file.module != "lib");
    let unknown: Vec<&String> = terms
        .iter()
        .filter(|term| {
            let spellings = [term.to_string(), term.replace([' ', '-'], "_"), term.replace([' ', '-'], "")];
            let is_said = |file: &SourceFile| {
                let text = file.without_tests().to_lowercase();
                spellings.iter().any(|spelling| text.contains(spelling))
            };
            !others().any(is_said)
        })
        .collect();
    assert!(unknown.is_empty(), "no code says {unknown:?}");
    let twice: Vec<&String> =
        terms.iter().filter(|term| terms.iter().filter(|other| other == term).count() > 1).collect();
    assert!(twice.is_empty(), "explained twice: {twice:?}");
}

/// Names of fields that hold what identifies somebody, or a whole row or body, in which everything may be.
const PERSONAL_NAMES: &[&str] = &[
    "phone",
    "phones",
    "person",
    "persons",
    "e164",
    "email",
    "label",
    "labels",
    "payload",
    "body",
    "row",
    "rows",
    "record",
    "fields",
    "cell",
    "cells",
    "unescaped",
];

/// The same for bytes: a text in a schedule or in the settings is kept as `String`.
const PERSONAL_BYTES: &[&str] = &["text", "body", "row", "line"];

/// What the doc of a field says that holds a phone, or the name by which a schedule knows an appointment.
const PERSONAL_DOCS: &[&str] = &["E.164", "ow the schedule names", "number as it was typed"];

/// Types of values in which everything may be.
const RAW: &[&str] = &["Bytes", "Value", "RawValue", "Json"];

/// Shown although they are named so, each with the reason.
const SHOWN: &[(&str, &str)] = &[
    ("CanarySpec.row", "invented, and written in the schedule"),
    ("Found.phone", "columns of a source, not what is in them"),
    ("Leaf.value", "a key of the settings, whose secrets are files or variables"),
    ("Mark.There", "the place of the next page"),
    ("Node.value", "a key of a schedule's file"),
    ("PayloadNode.Fixed", "written in the schedule"),
    ("Quantity.label", "the name of a count"),
    ("Tables.labels", "the keys are schedules and ids, the value masks itself"),
];

/// Whether a field that a derived `Debug` shows is about people and in no type that masks it.
fn is_personal(field: &ShownField) -> bool {
    let ShownField { name, held, doc, .. } = field;
    if held.contains("Personal") {
        return false;
    }
    let is_of = |names: &[&str]| names.contains(&name.as_str());
    let is_text = holds_one_of(held, &["String", "str"]);
    let is_said = PERSONAL_DOCS.iter().any(|said| doc.contains(said));
    let is_bytes = holds_one_of(held, &["u8"]) && is_of(PERSONAL_BYTES);
    is_text && (is_of(PERSONAL_NAMES) || is_said) || is_bytes || holds_one_of(held, RAW)
}

#[test]
fn what_identifies_somebody_is_held_in_a_type_whose_debug_output_masks_it() {
    let files = source_files();
    let found: Vec<(String, String)> = files
        .iter()
        .flat_map(|file| {
            let personal = shown_fields(file).into_iter().filter(is_personal);
            personal.map(|ShownField { owner, name, held, .. }| {
                (format!("{owner}.{name}"), format!("{}: {owner}.{name}: {held}", file.path.display()))
            })
        })
        .collect();
    let is_known = |name: &String| SHOWN.iter().any(|(known, _)| known == name);
    let complaints: Vec<&str> =
        found.iter().filter(|(name, _)| !is_known(name)).map(|(_, line)| line.as_str()).collect();
    assert!(complaints.is_empty(), "use `Personal`, or no derived `Debug`:\n{}", complaints.join("\n"));
    let dead = dead_exceptions(SHOWN, |known| found.iter().any(|(name, _)| name == known));
    assert!(dead.is_empty(), "these are shown no more: {dead:?}");
}

#[test]
fn a_phone_is_found_in_a_struct_and_in_a_variant() {
    let text = r#"
#[derive(Debug, Clone)]
pub struct Called<'a> {
    /// Who was called.
    pub person: &'a str,
    pub phone: Personal,
    pub reason: &'static str,
    pub body: Bytes,
}
#[derive(Debug)]
enum Ask {
    Reload,
    /// To a number (E.164).
    PendingTo(String),
    Call {
        /// E.164.
        to: String,
        wait: u64,
    },
}
#[derive(Clone)]
struct Unprinted {
    phone: String,
}
"#;
    let file = SourceFile { path: "a.rs".into(), module: "a".into(), text: text.to_owned() };
    let found: Vec<String> = shown_fields(&file)
        .iter()
        .filter(|field| is_personal(field))
        .map(|field| format!("{}.{}", field.owner, field.name))
        .collect();
    assert_eq!(found, ["Called.person", "Called.body", "Ask.PendingTo", "Ask.to"]);
}

/// Exceptions to a rule that nothing needs any more.
fn dead_exceptions<'e>(exceptions: &[(&'e str, &str)], is_needed: impl Fn(&str) -> bool) -> Vec<&'e str> {
    exceptions.iter().map(|(name, _)| *name).filter(|name| !is_needed(name)).collect()
}
