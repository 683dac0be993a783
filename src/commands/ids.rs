//! shell: reminders' ids as people read and type them: shortened to the shortest unique prefix.

use std::collections::BTreeSet;

use super::context::Context;
use crate::audit::AuditRow;
use crate::ledger::ReminderAsk;
use crate::reminder::{ReminderId, RunId};
use crate::verbs::labels::Labels;
use crate::verbs::{Access, ids};

/// Minimum length of a shortened id.
const MIN_LENGTH: usize = 8;

/// The ids among which a shortened id has to be unique.
#[derive(Debug, Default)]
pub struct ShortIds(BTreeSet<String>);

impl ShortIds {
    /// Collects these ids and all of the ledger's that begin alike. If this user can't read the ledger, only these ids.
    pub async fn among_all(context: &Context, ids: impl IntoIterator<Item = ReminderId>) -> Self {
        let mut known: BTreeSet<String> = ids.into_iter().map(|id| id.to_string()).collect();
        let prefixes: BTreeSet<String> = known.iter().map(|id| id.chars().take(MIN_LENGTH).collect()).collect();
        if let Ok(app) = context.open(Access::Reading).await
            && let Some(ledger) = &app.env.ledger
        {
            for prefix in prefixes {
                let ask = ReminderAsk { id_prefix: Some(prefix), ..ReminderAsk::default() };
                let similar = ledger.briefs(ask).await.unwrap_or_default();
                known.extend(similar.into_iter().map(|reminder| reminder.id.to_string()));
            }
        }
        Self(known)
    }

    /// The shortest unique prefix of an id.
    pub fn of(&self, id: ReminderId) -> String {
        let id = id.to_string();
        let before = self.0.range::<String, _>(..&id).next_back();
        let after = self.0.range::<String, _>((std::ops::Bound::Excluded(&id), std::ops::Bound::Unbounded)).next();
        let longest_shared = before.into_iter().chain(after).map(|other| shared_length(&id, other)).max().unwrap_or(0);
        let mut length = (longest_shared + 1).max(MIN_LENGTH).min(id.len());
        if id[..length].ends_with('-') {
            length += 1;
        }
        id[..length].to_owned()
    }
}

/// The labels of rows' appointments (`[appointment] label`); where this user can't read the ledger there are none.
pub async fn labels_of_rows(context: &Context, rows: &[AuditRow]) -> Labels {
    match context.open(Access::Reading).await {
        Ok(app) => Labels::of_rows(&app, rows).await,
        Err(_) => Labels::default(),
    }
}

/// The same of reminders.
pub async fn labels_of_reminders(context: &Context, reminders: impl IntoIterator<Item = ReminderId>) -> Labels {
    match context.open(Access::Reading).await {
        Ok(app) => Labels::of_reminders(&app, reminders).await,
        Err(_) => Labels::default(),
    }
}

/// How many leading bytes two ids share.
fn shared_length(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

/// Finds a run by its id or a unique prefix of it.
///
/// # Errors
/// When no run or several have that prefix, or this user may not open the ledger to look it up.
pub async fn run(context: &Context, text: &str) -> anyhow::Result<RunId> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(ids::run(&context.open(Access::Reading).await?, text).await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shortened_to_its_shortest_unique_prefix() {
        let ids = [
            "01a20d74-fb00-79d2-8af1-139fd9830846",
            "01a20d74-fb00-79d2-8af1-139fd9830999",
            "01a20d74-fb00-7aaa-8af1-139fd9830846",
            "01b20d74-fb00-79d2-8af1-139fd9830846",
        ];
        let short = ShortIds(ids.iter().map(|id| (*id).to_owned()).collect());
        let shown = ids.map(|id| short.of(id.parse().expect("an id")));
        assert_eq!(
            shown,
            [
                "01a20d74-fb00-79d2-8af1-139fd98308",
                "01a20d74-fb00-79d2-8af1-139fd98309",
                "01a20d74-fb00-7a",
                "01b20d74"
            ]
        );
    }
}
