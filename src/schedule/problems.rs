//! pure: what is wrong with a file, where, and what to do: shown as a code frame, or as JSON.

use std::path::PathBuf;

/// One problem with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// An error refuses the file, a warning doesn't.
    pub severity: Severity,
    /// A stable word: `unknown-key`, `missing-key`, `wrong-type`, `invalid-value`, `syntax`, `not-yet-supported`, …
    pub code: &'static str,
    /// Which file, as it was named.
    pub file: PathBuf,
    /// The file's text, for the code frame; empty when there is none to show (a link, a folder).
    pub text: std::sync::Arc<str>,
    /// Bytes in `text`.
    pub span: std::ops::Range<usize>,
    /// What is wrong.
    pub message: String,
    /// *Did you mean*, or the remedy.
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// Worth a look.
    Warning,
}
