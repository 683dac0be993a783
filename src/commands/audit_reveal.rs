//! shell: `tickler audit --reveal`: whole phone numbers beside the rows of the log, which has only their last digits.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::context::Context;
use super::dispatch;
use crate::audit::AuditRow;
use crate::personal::Personal;
use crate::reminder::ReminderId;
use crate::verbs::whole_phones::{AT_ONCE, WholePhone};
use crate::verbs::{Exit, Request};

/// The numbers that are still kept, by reminder.
#[derive(Debug, Default)]
pub struct WholePhones(HashMap<ReminderId, Personal>);

/// A row with the whole number.
#[derive(Debug, Serialize)]
pub struct RevealedRow<'a> {
    #[serde(flatten)]
    row: &'a AuditRow,
    /// E.164; null where the row has no reminder, or its number is no longer kept.
    phone: Option<&'a Personal>,
}

impl WholePhones {
    /// The numbers of these rows' reminders. That they are shown is recorded first.
    ///
    /// # Errors
    /// When they can't be read or recorded.
    pub async fn of(context: &Context, rows: &[AuditRow]) -> anyhow::Result<Self> {
        let ids: BTreeSet<ReminderId> = rows.iter().filter_map(|row| row.reminder_id).collect();
        let ids: Vec<ReminderId> = ids.into_iter().collect();
        let mut whole = HashMap::new();
        for some in ids.chunks(AT_ONCE) {
            let request = Request::WholePhones { reminders: some.to_vec() };
            let (found, _): (Vec<WholePhone>, Exit) = dispatch::reveal(context, request).await?;
            whole.extend(found.into_iter().map(|found| (found.reminder_id, found.phone)));
        }
        Ok(Self(whole))
    }

    /// The number of the row's reminder.
    pub fn of_row(&self, row: &AuditRow) -> Option<&Personal> {
        self.0.get(&row.reminder_id?)
    }

    /// The rows with their numbers.
    pub fn beside<'a>(&'a self, rows: &'a [AuditRow]) -> Vec<RevealedRow<'a>> {
        rows.iter().map(|row| RevealedRow { row, phone: self.of_row(row) }).collect()
    }
}
