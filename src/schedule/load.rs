//! shell: reads schedule files without following links and without blocking, and keeps what was read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Schedule;
use super::problems::{Problem, Problems, Severity};
use super::{open, read};
use crate::parallel;
use crate::zones::Zones;

/// The folder as read once: every `.toml` file is a schedule or refused, none is passed over in silence.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    /// The schedules by name.
    pub schedules: BTreeMap<String, Arc<Schedule>>,
    /// Every problem of every file, warnings among them, in the order of files and places.
    pub problems: Vec<Problem>,
    /// Names of files that were refused (a schedule name, or a file name that is none).
    pub refused: Vec<String>,
    /// How many files were read.
    pub files: usize,
    /// Why the folder itself can't be read at present: what was loaded before stays in force.
    pub fault: Option<String>,
}

/// What came of one file.
#[derive(Debug)]
pub struct Loaded {
    /// The schedule, unless there is an error among the problems.
    pub schedule: Option<Arc<Schedule>>,
    /// The problems in the order of their places.
    pub problems: Vec<Problem>,
}

/// Reads every schedule of a folder.
///
/// # Errors
/// When the folder itself can't be read.
pub fn folder(path: &Path, zones: &Zones) -> std::io::Result<Folder> {
    let mut loaded = Folder::default();
    let files = files_of(path)?;
    let read = parallel::map(files.iter().collect(), |file: &PathBuf| one_file(file, zones));
    files.iter().zip(read).for_each(|(file, read)| loaded.add(file, read));
    Ok(loaded)
}

/// Reads single files or folders (`check PATH…`).
#[must_use]
pub fn paths(paths: &[PathBuf], zones: &Zones) -> Folder {
    let mut loaded = Folder::default();
    for path in paths {
        // A named folder may be a link; a schedule file never is.
        if !path.is_dir() || (path.is_symlink() && name_of(path).is_some()) {
            loaded.add(path, one_file(path, zones));
            continue;
        }
        match files_of(path) {
            Ok(files) => files.iter().for_each(|file| loaded.add(file, one_file(file, zones))),
            Err(error) => {
                loaded.refuse(path, &format!("the folder can't be read: {error}"), "check its name and its rights");
            }
        }
    }
    loaded
}

/// The schedule files of a folder, in the order of their names.
fn files_of(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !is_ignored(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file of the folder is no schedule: hidden, a schedule's tests, or anything but `.toml`.
#[must_use]
pub fn is_ignored(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('.') || name.ends_with(".test.toml") || !name.ends_with(".toml")
}

/// The files of tests in a folder whose schedule isn't there.
///
/// # Errors
/// When the folder can't be read.
pub fn orphaned_tests(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let schedule = schedule_of_tests(&path);
        if schedule != path && !schedule.exists() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The file of the schedule whose tests are in this file; any other path stays as it is.
#[must_use]
pub fn schedule_of_tests(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(std::ffi::OsStr::to_str).and_then(|name| name.strip_suffix(".test.toml"));
    match name {
        Some(stem) if !stem.is_empty() && !stem.starts_with('.') => path.with_file_name(format!("{stem}.toml")),
        Some(_) | None => path.to_owned(),
    }
}

/// The files of a folder that aren't read although their names look like a schedule's: `day.toml.txt`, `day.TOML`,
/// `day.yaml`, `day.toml.bak`.
///
/// # Errors
/// When the folder can't be read.
pub fn look_alikes(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    const OTHER_FORMATS: [&str; 3] = [".yaml", ".yml", ".bak"];
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let is_alike = name.contains(".toml") || OTHER_FORMATS.iter().any(|ending| name.ends_with(ending));
        let is_hidden =
            name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".tmp");
        if is_alike && !is_hidden && !name.ends_with(".test.toml") && is_ignored(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn file_stem(name: &std::ffi::OsStr) -> Option<&str> {
    name.to_str()?.strip_suffix(".toml")
}

/// The name of the schedule in a file, when the file's name is a proper one.
#[must_use]
pub fn name_of(path: &Path) -> Option<&str> {
    let stem = path.file_name().and_then(file_stem)?;
    let is_proper = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!stem.is_empty() && stem.chars().all(is_proper)).then_some(stem)
}

/// Reads one file by its path: opened safely, named properly, checked.
#[must_use]
pub fn one_file(path: &Path, zones: &Zones) -> Loaded {
    if name_of(path).is_none() {
        let (message, help) = improper_name(path);
        return refusal(path, "improper-name", &message, &help);
    }
    match open::read(path) {
        Ok(text) => one(path, &text, zones),
        Err(why) => refusal(path, "unreadable-file", &why.message, why.help),
    }
}

/// Checks a text as the schedule at `path` (a file just read, or an old version kept by the ledger).
#[must_use]
pub fn one(path: &Path, text: &str, zones: &Zones) -> Loaded {
    let (schedule, problems) = read::schedule(path, text, zones);
    Loaded { schedule: schedule.map(Arc::new), problems }
}

/// The text of a schedule's tests, opened as safely as a schedule.
///
/// # Errors
/// Why it can't be read.
pub fn text_of_tests(path: &Path) -> Result<String, Vec<Problem>> {
    open::read(path).map_err(|why| refusal(path, "unreadable-file", &why.message, why.help).problems)
}

fn improper_name(path: &Path) -> (String, String) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".toml").or_else(|| name.strip_suffix(".TOML")).unwrap_or(&name);
    let proper: String = stem
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .collect();
    let proper = proper.trim_matches('-');
    let proper = if proper.is_empty() { "day-before" } else { proper };
    (
        format!("`{name}` is not a valid name of a schedule file"),
        format!(
            "lower-case letters, digits and dashes, then `.toml`: rename it to `{proper}.toml`, or move it elsewhere"
        ),
    )
}

fn refusal(path: &Path, code: &'static str, message: &str, help: &str) -> Loaded {
    let mut problems = Problems::of(path, Arc::from(""));
    problems.error(code, 0..0, message).help(help);
    Loaded { schedule: None, problems: problems.into_sorted() }
}

impl Folder {
    /// Whether the file of the schedule of this name is there and has errors.
    #[must_use]
    pub fn refuses(&self, name: &str) -> bool {
        self.refused.iter().any(|refused| refused == name)
            && self.problems.iter().any(|problem| {
                problem.severity == Severity::Error && problem.file.file_name().and_then(file_stem) == Some(name)
            })
    }

    fn add(&mut self, path: &Path, loaded: Loaded) {
        self.files += 1;
        self.problems.extend(loaded.problems);
        let Some(schedule) = loaded.schedule else {
            self.refused.push(self.shown_name(path));
            return;
        };
        if self.schedules.contains_key(&schedule.name) {
            self.refuse_twin(path, &schedule.name);
            return;
        }
        self.schedules.insert(schedule.name.clone(), schedule);
    }

    fn shown_name(&self, path: &Path) -> String {
        match name_of(path) {
            Some(name) => name.to_owned(),
            None => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        }
    }

    /// Refuses a file whose schedule has the name of another one's: two of the paths may hold files of one name, although a
    /// folder can't.
    fn refuse_twin(&mut self, path: &Path, name: &str) {
        let first = self.schedules.get(name).map(|schedule| schedule.path.clone());
        if first.as_deref() != Some(path) {
            let message = format!("a schedule named `{name}` was read from another file already");
            let loaded = refusal(path, "duplicate-name", &message, "rename one of the two files");
            self.problems.extend(loaded.problems);
        }
    }

    fn refuse(&mut self, path: &Path, message: &str, help: &str) {
        self.files += 1;
        self.problems.extend(refusal(path, "unreadable-file", message, help).problems);
        self.refused.push(self.shown_name(path));
    }
}
