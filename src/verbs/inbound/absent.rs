//! pure: a request without a column that its schedule maps: which one, and which names it has.

use serde_json::{Map, Value};

use crate::appointment::phone;
use crate::ledger::PostTaken;
use crate::reminder::SkipReason;
use crate::row::Column;
use crate::schedule::Schedule;

/// Names of a request that are shown at most.
const MAX_NAMES: usize = 20;

/// Characters of a name that are shown at most.
const MAX_NAME_LENGTH: usize = 40;

/// What a request lacks, in a sentence for its sender.
pub(super) struct Absent {
    no_id: Option<String>,
    no_number: Option<String>,
}

impl Absent {
    pub(super) fn of(schedule: &Schedule, row: &Map<String, Value>) -> Self {
        let columns = &schedule.appointment;
        Self { no_id: sentence(schedule, &columns.id, row), no_number: sentence(schedule, &columns.phone, row) }
    }

    /// A refusal says that the column isn't there at all, where it would say that it is empty.
    pub(super) fn named(self, taken: PostTaken) -> PostTaken {
        match taken {
            PostTaken::Refused { reason: reason @ SkipReason::NoPhone, detail } => {
                PostTaken::Refused { reason, detail: self.no_number.unwrap_or(detail) }
            }
            PostTaken::Refused { reason: reason @ SkipReason::MissingId, detail } => {
                PostTaken::Refused { reason, detail: self.no_id.unwrap_or(detail) }
            }
            other => other,
        }
    }
}

/// `None` where one of the columns is there, or is computed or set by the program.
fn sentence(schedule: &Schedule, columns: &[Column], row: &Map<String, Value>) -> Option<String> {
    let may_be_there = |column: &Column| {
        let name = column.as_str();
        let outer = name.split('.').next().unwrap_or(name);
        let is_computed = schedule.columns.iter().any(|computed| computed.name == name || computed.name == outer);
        is_computed || name.starts_with(['@', '$']) || row.contains_key(name) || row.contains_key(outer)
    };
    if columns.iter().any(may_be_there) {
        return None;
    }
    let mapped: Vec<&str> = columns.iter().map(Column::as_str).collect();
    let own: Vec<&String> = row.keys().filter(|name| !name.starts_with('@')).collect();
    let shown: Vec<String> = own.iter().take(MAX_NAMES).map(|name| format!("`{}`", shown(name))).collect();
    let more = own.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("the request has no `{}`; it has {}{more}", mapped.join("` and no `"), shown.join(", ")))
}

/// A name; a form without names has values in their place, and a number among them is masked.
fn shown(name: &str) -> String {
    let start: String = name.chars().take(MAX_NAME_LENGTH).collect();
    phone::masked(&start).into_owned()
}
