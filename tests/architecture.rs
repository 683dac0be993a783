//! Rules of this project about its layout that no compiler checks: the floors of modules, the sizes of files and functions, and
//! who may read time, print, or write SQL.

use std::collections::BTreeMap;

#[path = "support/sources.rs"]
mod sources;

use sources::{is_code, source_files};

/// The floors, lowest first. A module imports from floors below its own; `main.rs` and `lib.rs` stand outside.
///
/// `schedule` stands above `appointment` because a schedule embeds the columns of its appointments, and `row` on the
/// ground because formats make rows, appointments read them and plans keep them. `daemon` binds the `web` page it serves.
const FLOORS: &[&[&str]] = &[
    &["clock", "disk", "duration", "lines", "parallel", "personal", "reminder", "row", "seeded", "spelling"],
    &["attempt", "connections", "outcome", "template", "zones", "http", "settings"],
    &["appointment"],
    &["schedule"],
    &["formats", "plan", "audit"],
    &["sources", "targets", "ledger"],
    &["evaluation"],
    &["delivery", "notify"],
    &["verbs"],
    &["web", "inbound", "sandbox"],
    &["daemon"],
    &["commands"],
];

/// Plural folders are extension points: their files know nothing of each other.
const EXTENSION_POINTS: &[&str] = &["sources", "formats", "targets"];

/// Lines of code (neither blank nor comment) that a file may have.
const LONGEST_FILE: usize = 400;

/// Lines that a function may have, signature and closing brace among them.
const LONGEST_FUNCTION: usize = 60;

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules that a text imports by `crate::name`, also inside `use crate::{a, b::c}`.
fn imported_modules(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if at > 0 && text.as_bytes()[at - 1] == b'$' {
            continue; // `$crate` in a macro of our own names the macro's module, which is imported where it is used
        }
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0_usize;
            let mut word = String::new();
            for letter in group.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => modules.push(std::mem::take(&mut word)),
                    _ if depth == 0 => word.push(letter),
                    _ => {}
                }
            }
            modules.push(word);
        } else {
            modules.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    modules
        .iter()
        .map(|m| m.trim().split("::").next().unwrap_or_default().trim().to_owned())
        .filter(|m| !m.is_empty())
        .collect()
}

/// Complaints about imports that don't go down the floors.
fn climbing_imports(module: &str, text: &str) -> Vec<String> {
    let Some(own) = floor_of(module) else { return vec![format!("module `{module}` stands on no floor")] };
    imported_modules(text)
        .iter()
        .filter(|target| target.as_str() != module)
        .filter_map(|target| match floor_of(target) {
            Some(floor) if floor < own => None,
            Some(floor) => Some(format!("`{module}` (floor {own}) imports `{target}` (floor {floor})")),
            None => None, // a macro or an item of lib.rs itself
        })
        .collect()
}

#[test]
fn imports_go_down_the_floors() {
    let complaints: Vec<String> = source_files()
        .iter()
        .filter(|file| !["lib", "main"].contains(&file.module.as_str()))
        .flat_map(|file| {
            climbing_imports(&file.module, &file.text).into_iter().map(|c| format!("{}: {c}", file.path.display()))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn an_import_that_is_turned_round_is_found() {
    assert_eq!(climbing_imports("plan", "use crate::reminder::State;"), Vec::<String>::new());
    assert_eq!(climbing_imports("plan", "use crate::ledger::Ledger;").len(), 1);
    assert_eq!(climbing_imports("ledger", "use crate::{plan::Plan, delivery::{a, b}, row};").len(), 1);
    assert_eq!(climbing_imports("sources", "fn f(x: crate::targets::Facts) {}").len(), 1);
}

#[test]
fn siblings_of_an_extension_point_do_not_know_each_other() {
    let mut complaints = Vec::new();
    let files = source_files();
    for point in EXTENSION_POINTS {
        let inside: Vec<_> = files.iter().filter(|f| f.module == *point && !f.path.ends_with("mod.rs")).collect();
        let names: Vec<String> = inside
            .iter()
            .map(|f| {
                f.path.iter().nth(1).expect("a file in a folder").to_string_lossy().trim_end_matches(".rs").to_owned()
            })
            .collect();
        for (file, own) in inside.iter().zip(&names) {
            for other in names.iter().filter(|name| *name != own) {
                let paths = [format!("{point}::{other}::"), format!("super::{other}::"), format!("super::{other};")];
                if file.path.components().count() == 2 && paths.iter().any(|path| file.text.contains(path)) {
                    complaints.push(format!("{} imports its sibling `{other}`", file.path.display()));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// How the doc of a file begins: it only computes; it only computes, and spreads that over threads without a difference in its
/// results; it touches the world. `tests/style.rs` checks what the first two name and call.
const KINDS: &[&str] = &["//! pure: ", "//! pure, on threads: ", "//! shell: "];

#[test]
fn every_module_says_whether_it_is_pure_or_shell() {
    let silent: Vec<String> = source_files()
        .iter()
        .filter(|file| !["lib", "main"].contains(&file.module.as_str()) && !file.is_test())
        .filter(|file| !KINDS.iter().any(|kind| file.text.starts_with(kind)))
        .map(|file| file.path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "begin the module's doc with one of {KINDS:?}: {}", silent.join(", "));
}

#[test]
fn no_file_is_longer_than_can_be_held_in_mind() {
    let long: Vec<String> = source_files()
        .iter()
        .map(|file| (file, file.text.lines().filter(|line| is_code(line)).count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(file, lines)| format!("{}: {lines} lines of code", file.path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Functions with the number of lines each takes, found by their indentation (rustfmt sees to that).
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let is_function = [
            "fn ",
            "pub fn ",
            "pub(crate) fn ",
            "pub(super) fn ",
            "async fn ",
            "pub async fn ",
            "const fn ",
            "pub const fn ",
            "pub(super) async fn ",
            "pub(crate) async fn ",
        ]
        .iter()
        .any(|start| trimmed.starts_with(start));
        if !is_function {
            continue;
        }
        let indentation = &line[..line.len() - trimmed.len()];
        let closing = format!("{indentation}}}");
        let name =
            trimmed.split("fn ").nth(1).unwrap_or_default().split(['(', '<']).next().unwrap_or_default().to_owned();
        let end = lines[start..].iter().position(|line| {
            *line == closing
                || line.ends_with(';') && line.starts_with(indentation) && !line[indentation.len()..].starts_with(' ')
                || line.ends_with("{}")
        });
        found.push((name, end.map_or(0, |length| length + 1)));
    }
    found
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let mut long = BTreeMap::new();
    for file in source_files() {
        for (name, lines) in functions(&file.text) {
            if lines > LONGEST_FUNCTION {
                long.insert(format!("{}: {name}", file.path.display()), lines);
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn only_the_modules_that_may_do_it_do_it() {
    let rules: &[(&str, &[&str], &[&str])] = &[
        (
            "reads time",
            &["Timestamp::now(", "Zoned::now(", "Utc::now(", "SystemTime::now(", "Instant::now("],
            &["clock"],
        ),
        ("prints to stdout", &["println!(", "stdout()"], &["commands"]),
        ("reads the environment", &["env::var", "env::vars"], &["settings"]),
        ("speaks SQL", &["SELECT ", "INSERT INTO", "PRAGMA "], &["ledger", "sources"]),
        ("unwraps", &[".unwrap()"], &[]),
        ("left something undone", &["todo!(", "unimplemented!(", "dbg!("], &[]),
    ];
    let mut complaints = Vec::new();
    for file in source_files() {
        for line in file.without_tests().lines().filter(|line| is_code(line)) {
            for (what, words, allowed) in rules {
                let printed = line.replace("eprintln!(", "");
                if !allowed.contains(&file.module.as_str()) && words.iter().any(|word| printed.contains(word)) {
                    complaints.push(format!("{} {what}: {}", file.path.display(), line.trim()));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_binary_stays_thin() {
    let main = source_files().into_iter().find(|file| file.module == "main").expect("there is a main.rs");
    assert!(main.text.lines().count() <= 40, "main.rs has {} lines", main.text.lines().count());
}
