//! pure: the rules about whether the person may be called: no opt-out, and consent where it is asked for.

use super::{Block, Case, read_phone, skip, skip_unless};
use crate::appointment::flags::{self, Flag};
use crate::reminder::SkipReason;

/// What would let a person through whose row forbids the call.
const COLUMN: &str = "Only the source can change it: a `no` in that column";
/// The same for a number in the schedule's own file.
const FILE: &str = "Take its line out of that file";
/// The same for a number on the list of all schedules.
const LIST: &str = "`tickler optout remove` takes it off that list";

pub(super) fn opted_out(case: &Case<'_>) -> Result<(), Block> {
    if let Some(column) = &case.schedule().appointment.do_not_call {
        if let Some(sentence) = case.nested(column) {
            return skip(SkipReason::OptedOut, sentence);
        }
        let value = case.column_text(Some(column));
        let detail = |rest: &str| {
            format!("`{}` is `{}`{rest}", column.as_str(), value.as_deref().map(str::trim).unwrap_or_default())
        };
        match flags::read(value.as_deref()) {
            Flag::Yes => return skip_unless(SkipReason::OptedOut, detail(""), COLUMN),
            Flag::Unknown => return skip_unless(SkipReason::OptedOut, detail(", which is neither yes nor no"), COLUMN),
            Flag::No | Flag::Empty => {}
        }
    }
    let Ok(phone) = read_phone(case) else { return Ok(()) };
    if case.terms.do_not_call.contains(&phone.e164) {
        return skip_unless(SkipReason::OptedOut, "the number is in the schedule's `do_not_call` file", FILE);
    }
    if case.terms.knowledge.opted_out.holds(&phone.e164) {
        return skip_unless(SkipReason::OptedOut, "the number is on the opt-out list of all schedules", LIST);
    }
    Ok(())
}

pub(super) fn no_consent(case: &Case<'_>) -> Result<(), Block> {
    let Some(column) = &case.schedule().appointment.consent else { return Ok(()) };
    if let Some(sentence) = case.nested(column) {
        return skip(SkipReason::NoConsent, sentence);
    }
    let value = case.column_text(Some(column));
    if flags::read(value.as_deref()) == Flag::Yes {
        return Ok(());
    }
    let shown = value.map_or_else(|| "empty".to_owned(), |value| format!("`{value}`"));
    skip(SkipReason::NoConsent, format!("`{}` is {shown}, not yes", column.as_str()))
}
