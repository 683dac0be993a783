//! pure: what a reload of the folder did, and the answer of `tickler reload`.

use serde_json::json;

use crate::schedule::problems::{PlacedProblem, Problem};
use crate::verbs::{Answer, Exit};

/// What a reload of the folder did.
#[derive(Debug, Default)]
pub struct ReloadReport {
    /// New and changed schedules that were loaded, sorted.
    pub taken: Vec<String>,
    /// Schedules whose files were refused before and now hold the loaded version again.
    pub mended: Vec<String>,
    /// Schedules whose file is gone.
    pub removed: Vec<String>,
    /// Files that were refused; their last good version stays loaded.
    pub refused: Vec<String>,
    /// The problems of refused files, and the warnings of others.
    pub problems: Vec<Problem>,
    /// Schedules whose reminders have other keys now, so that persons may be called again.
    pub notes: Vec<String>,
    /// Why the folder could not be read, or which schedules the ledger could not load or remove. The rest was done.
    pub failures: Vec<String>,
}

impl ReloadReport {
    /// The answer of `tickler reload`: exit 1 after a failure, 78 when a file is refused.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let exit = match (self.failures.is_empty(), self.refused.is_empty()) {
            (false, _) => 1,
            (true, false) => 78,
            (true, true) => 0,
        };
        let problems: Vec<PlacedProblem> = self.problems.iter().map(Problem::placed).collect();
        let body = json!({
            "ok": exit == 0,
            "taken": self.taken,
            "mended": self.mended,
            "removed": self.removed,
            "refused": self.refused,
            "problems": problems,
            "notes": self.notes,
        });
        let message = (!self.failures.is_empty()).then(|| self.failures.join("; "));
        Answer { exit, message, ..Answer::of(Exit::Done, &body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_reported_and_none_of_them_ends_as_done() {
        let report = ReloadReport {
            taken: vec!["a".to_owned()],
            refused: vec!["b".to_owned()],
            failures: vec!["the first".to_owned(), "the second".to_owned()],
            ..ReloadReport::default()
        };
        let answer = report.answer();
        assert_eq!((answer.exit, answer.message.as_deref()), (1, Some("the first; the second")));
        assert!(answer.body.get().contains("\"ok\":false"), "{}", answer.body);
        let refused = ReloadReport { failures: Vec::new(), ..report };
        assert_eq!((refused.answer().exit, refused.answer().message), (78, None));
        let done = ReloadReport { refused: Vec::new(), ..refused };
        assert_eq!((done.answer().exit, done.answer().message), (0, None));
    }
}
