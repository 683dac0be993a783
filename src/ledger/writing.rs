//! pure: whether a ledger can be written, as its latest commits show.

/// What the latest commits came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writing {
    /// Commits that changed something since the ledger was opened.
    pub commits: u64,
    /// Why the latest commit failed; `None` from the first one on that succeeds.
    pub failure: Option<String>,
}

impl Writing {
    /// A commit succeeded.
    pub fn succeeded(&mut self) {
        self.commits += 1;
        self.failure = None;
    }

    /// A commit failed.
    pub fn failed(&mut self, why: String) {
        self.failure = Some(why);
    }
}
