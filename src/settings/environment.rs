//! shell: the only reader of the process environment and of `.env`, which it overrides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::dotenv;
use crate::disk::{self, Links};

/// The variables this process was started with, and the folder it works in. Its `Debug` form shows no value.
#[derive(Clone, Default)]
pub struct ProcessEnvironment {
    variables: BTreeMap<String, String>,
    folder: PathBuf,
}

impl std::fmt::Debug for ProcessEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessEnvironment").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl ProcessEnvironment {
    /// The environment of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "settings is the one reader of the environment")]
    pub fn of_process() -> Self {
        // `vars` would panic on a variable that isn't UTF-8.
        let variables = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        Self { variables, folder: PathBuf::new() }
    }

    /// An environment written out, and the folder relative paths count from.
    #[must_use]
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>, folder: &Path) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, folder: folder.to_owned() }
    }

    /// A variable; an empty one counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Every variable, `.env` included once it was read.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The folder relative paths count from; empty for the working directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds the variables of a `.env` file; those of the process win. A file that isn't there adds nothing.
    ///
    /// # Errors
    /// A sentence with file and line, never with a value.
    pub fn with_file(mut self, path: &Path) -> Result<Self, String> {
        let text = match disk::read_text(path, Links::Followed, super::MAX_FILE_SIZE) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(self),
            Err(error) => return Err(format!("{}: can't be read: {error}", path.display())),
        };
        let pairs = dotenv::parse(&text)
            .map_err(|problem| format!("{}: line {}: {}", path.display(), problem.line, problem.message))?;
        for (name, value) in pairs {
            if self.get(&name).is_none() {
                self.variables.insert(name, value);
            }
        }
        Ok(self)
    }

    /// Whether colours are unwanted (<https://no-color.org>).
    #[must_use]
    pub fn wants_no_color(&self) -> bool {
        self.get("NO_COLOR").is_some()
    }

    /// The program that shows a long text page by page (`$PAGER`), `less` unless another is named; `None` where none is
    /// wanted.
    #[must_use]
    pub fn pager(&self) -> Option<&str> {
        Some(self.get("PAGER").unwrap_or("less")).filter(|program| !program.trim().is_empty() && *program != "cat")
    }

    /// The number of columns of the screen (`$COLUMNS`).
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        self.get("COLUMNS")?.parse().ok()
    }

    /// Whether stderr is connected to the journal.
    #[must_use]
    pub fn is_under_journal(&self) -> bool {
        self.get("JOURNAL_STREAM").is_some()
    }

    /// Where systemd puts credentials.
    #[must_use]
    pub fn credentials_directory(&self) -> Option<PathBuf> {
        self.get("CREDENTIALS_DIRECTORY").map(PathBuf::from)
    }

    /// The runtime folder systemd made (the first, when there are several).
    #[must_use]
    pub fn runtime_directory(&self) -> Option<PathBuf> {
        self.get("RUNTIME_DIRECTORY")?.split(':').find(|path| !path.is_empty()).map(PathBuf::from)
    }
}
