//! shell: reminders' ids as people read and type them: the shortest beginning that no other id shares.

use std::collections::{BTreeSet, HashMap};

use super::context::Context;
use crate::ledger::{Outbox, ReminderAsk};
use crate::reminder::{ReminderId, RunId};
use crate::verbs::{Access, ids};

/// A shorter one is easily mistaken for something else.
const SHORTEST: usize = 8;

/// Ids among which each must stay unique.
#[derive(Debug, Default)]
pub struct ShortIds(BTreeSet<String>);

impl ShortIds {
    /// Of these ids, among all that the ledger knows; where it can't be read here, among themselves.
    pub async fn among_all(context: &Context, ids: impl IntoIterator<Item = ReminderId>) -> Self {
        let mut known: BTreeSet<String> = ids.into_iter().map(|id| id.to_string()).collect();
        let beginnings: BTreeSet<String> = known.iter().map(|id| id.chars().take(SHORTEST).collect()).collect();
        if let Ok(app) = context.open(Access::Reading).await
            && let Some(ledger) = &app.around.ledger
        {
            for beginning in beginnings {
                let ask = ReminderAsk { id_prefix: Some(beginning), ..ReminderAsk::default() };
                let rivals = ledger.briefs(ask).await.unwrap_or_default();
                known.extend(rivals.into_iter().map(|rival| rival.id.to_string()));
            }
        }
        Self(known)
    }

    /// The shortest unique beginning.
    pub fn of(&self, id: ReminderId) -> String {
        let id = id.to_string();
        let before = self.0.range::<String, _>(..&id).next_back();
        let after = self.0.range::<String, _>((std::ops::Bound::Excluded(&id), std::ops::Bound::Unbounded)).next();
        let shared = before.into_iter().chain(after).map(|other| shared(&id, other)).max().unwrap_or(0);
        let mut length = (shared + 1).max(SHORTEST).min(id.len());
        if id[..length].ends_with('-') {
            length += 1;
        }
        id[..length].to_owned()
    }
}

/// How the schedules name the appointments of reminders: no row of the log has it, so it is read as well.
#[derive(Debug, Default)]
pub struct Labels(HashMap<ReminderId, String>);

impl Labels {
    /// Of these reminders, as far as they are still kept and the ledger can be read here.
    pub async fn of(context: &Context, reminders: impl IntoIterator<Item = ReminderId>) -> Self {
        Self(match context.open(Access::Reading).await {
            Ok(app) => ids::labels(&app, reminders).await,
            Err(_) => HashMap::new(),
        })
    }

    /// Of that one.
    pub fn of_reminder(&self, id: ReminderId) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }
}

fn shared(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

/// Finds a run by its id or the unique beginning of it.
///
/// # Errors
/// When there is none, or a prefix can't be looked up because this user may not open the ledger.
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
    fn an_id_is_shown_by_the_beginning_that_no_other_shares() {
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
