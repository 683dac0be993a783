//! pure: one appointment's story in words, from the plan to the outcome.

use jiff::Timestamp;

use super::{AuditRow, escape, words};

/// One line of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryLine {
    /// When it happened (UTC).
    pub at: Timestamp,
    /// What happened, safe for a terminal.
    pub words: String,
}

/// The rows of one appointment or reminder in words, in their order.
#[must_use]
pub fn tell(rows: &[AuditRow]) -> Vec<StoryLine> {
    rows.iter().map(|row| StoryLine { at: row.at, words: escape::escape(&sentence(row)) }).collect()
}

fn sentence(row: &AuditRow) -> String {
    let accepted = words::acceptance(row);
    let mut sentence = accepted.unwrap_or(words::event(row.event)).to_owned();
    if let Some(attempt) = row.attempt {
        sentence.push_str(&format!(" (attempt {attempt})"));
    }
    let detail =
        row.detail.as_deref().map(|detail| detail.strip_prefix(accepted.unwrap_or_default()).unwrap_or(detail));
    let detail = detail.map(|detail| detail.trim_start_matches("; ")).filter(|detail| !detail.is_empty());
    let reason = row.reason.as_deref().filter(|_| accepted.is_none()).map(words::reason);
    for part in [reason.as_deref(), detail].into_iter().flatten() {
        sentence.push_str(": ");
        sentence.push_str(part);
    }
    if let Some(status) = row.http_status {
        sentence.push_str(&format!(", HTTP {status}"));
    }
    if let Some(actor) = &row.actor {
        sentence.push_str(&format!(", by {actor}"));
    }
    sentence
}
