//! pure: bytes become rows. One file per format.

pub mod csv;
pub mod json;

/// A text or tree that isn't what its format demands; nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FormatError {
    /// What is wrong and where, without personal data.
    pub message: String,
    /// Whether reading again may help (a last line that is cut).
    pub may_pass: bool,
}

impl FormatError {
    /// A format that stays wrong however often it is read.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self { message: message.into(), may_pass: false }
    }

    /// Something that looks half written.
    pub(crate) fn cut(message: impl Into<String>) -> Self {
        Self { message: message.into(), may_pass: true }
    }
}
