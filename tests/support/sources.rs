//! The project's own source files, read as text by the tests of the app rules.
#![allow(dead_code, reason = "every test takes what it needs of it")]

use std::fs;
use std::path::{Path, PathBuf};

/// One file below `src`.
pub struct SourceFile {
    /// Its path inside `src`.
    pub path: PathBuf,
    /// The top-level module it belongs to.
    pub module: String,
    pub text: String,
}

impl SourceFile {
    /// Whether the whole file is test code.
    pub fn is_test(&self) -> bool {
        self.path.iter().any(|part| part == "tests" || part == "tests.rs")
    }

    /// The part of the file before its test module.
    pub fn without_tests(&self) -> &str {
        if self.is_test() {
            return "";
        }
        let test_module = self.text.match_indices("#[cfg(test)]").find(|(at, attribute)| {
            let next = self.text[at + attribute.len()..].trim_start();
            next.starts_with("mod ") && next.lines().next().is_some_and(|line| line.ends_with('{'))
        });
        test_module.map_or(&self.text, |(at, _)| &self.text[..at])
    }

    /// Its lines of code outside tests, without comments.
    pub fn code(&self) -> impl Iterator<Item = &str> {
        self.without_tests().lines().filter(|line| is_code(line))
    }
}

/// Every file below `src`, in the order of their paths.
pub fn source_files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 30, "the sources were found");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<SourceFile>) {
    for path in entries(folder) {
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(root).expect("below src").to_path_buf();
            let first = inside.components().next().expect("a path").as_os_str().to_string_lossy().into_owned();
            let module = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("a readable source");
            found.push(SourceFile { text, path: inside, module });
        }
    }
}

/// What lies in a folder, sorted.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("the folder can be listed").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
}

/// Neither blank nor a comment.
pub fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

/// The texts of the page's templates.
pub fn templates() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/templates");
    let files = fs::read_dir(folder).expect("a folder of templates").flatten();
    files.map(|file| fs::read_to_string(file.path()).expect("a template")).collect()
}
