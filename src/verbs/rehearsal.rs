//! shell: which runs were rehearsals: made in shadow mode, by the text of the schedule that they ran with.

use std::collections::{BTreeSet, HashSet};

use super::{App, VerbResult};
use crate::ledger::RunRow;
use crate::schedule::spanned::{self, Node};
use crate::schedule::{Schedule, ScheduleMode};

/// The hashes of those texts of a schedule, among the ones with which these runs were made, that are in shadow mode.
///
/// # Errors
/// When the ledger can't be read.
pub async fn shadow_texts(app: &App, schedule: &Schedule, runs: &[RunRow]) -> VerbResult<HashSet<String>> {
    let hashes: BTreeSet<&str> = runs.iter().map(|run| run.text_hash.as_str()).collect();
    let mut found = HashSet::new();
    for hash in hashes {
        let is_shadow = match hash == schedule.text_hash {
            true => schedule.mode == ScheduleMode::Shadow,
            false => app.ledger()?.schedule_text(hash.to_owned()).await?.is_some_and(|text| is_in_shadow_mode(&text)),
        };
        found.extend(is_shadow.then(|| hash.to_owned()));
    }
    Ok(found)
}

fn is_in_shadow_mode(text: &str) -> bool {
    let (root, _faults) = spanned::read(text);
    root.get("mode").and_then(Node::text) == Some("shadow")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_in_shadow_mode_by_its_own_key_alone() {
        for (text, is_shadow) in [
            ("mode = \"shadow\"\ncron = \"0 9 * * *\"\n", true),
            ("mode = \"live\"\n", false),
            ("cron = \"0 9 * * *\"\n# mode = \"shadow\"\n", false),
            ("[payload]\nmode = \"shadow\"\n", false),
            ("mode = ", false),
        ] {
            assert_eq!(is_in_shadow_mode(text), is_shadow, "{text}");
        }
    }
}
