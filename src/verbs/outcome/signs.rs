//! shell: what of the calls of each schedule with `[outcome]` is still to come, and which schedules hear nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{LedgerResult, Questions};
use crate::outcome::signs::{self, AcceptedCall, Silence};
use crate::schedule::{OutcomeSpec, Schedule};
use crate::verbs::App;

/// What came back of one schedule's calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSigns {
    /// Calls whose outcome may still come.
    pub awaited: u64,
    /// Calls in a row of which nothing was heard.
    pub silence: Option<Silence>,
}

impl ScheduleSigns {
    /// The silence for people.
    #[must_use]
    pub fn silence_in_words(&self) -> Option<String> {
        let Silence { calls, since } = self.silence?;
        Some(format!(
            "{calls} calls in a row were accepted and nothing was heard of any, the first at {since}: is the automation a \
             draft, or is its report not set up?"
        ))
    }
}

/// What is heard of the calls of each schedule that has `[outcome]`.
///
/// # Errors
/// When the ledger can't be read.
pub async fn of(app: &App, ledger: &Questions, now: Timestamp) -> LedgerResult<BTreeMap<String, ScheduleSigns>> {
    let folder = app.folder();
    let told: Vec<(&Arc<Schedule>, &OutcomeSpec)> =
        folder.schedules.values().filter_map(|schedule| Some((schedule, schedule.outcome.as_ref()?))).collect();
    let Some(longest) = told.iter().map(|(_, spec)| spec.report_within).max() else { return Ok(BTreeMap::new()) };
    let before = |by: SignedDuration| now.checked_sub(by).unwrap_or(Timestamp::MIN);
    let calls = ledger.accepted_calls(before(longest)).await?;
    let signs = told.into_iter().map(|(schedule, spec)| {
        let own: Vec<&AcceptedCall> = calls.iter().filter(|call| call.schedule == schedule.name).collect();
        let awaited = signs::awaited(&own, before(spec.report_within));
        let silence = signs::silence(&own, spec.silent_after as usize, now);
        (schedule.name.clone(), ScheduleSigns { awaited, silence })
    });
    Ok(signs.collect())
}
