//! pure: the rules' names in the order in which they are asked, what a block is, and what would let a row through.

use super::row_rules::ROW_RULES;
use super::whole_rules::WHOLE_RULES;
use crate::reminder::SkipReason;
use crate::row::unseen;

/// Why a rule says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) why: BlockedAs,
    /// A sentence: the input and the rule.
    pub(super) detail: String,
    /// What would let the row through, where it is not [`remedy`].
    pub(super) remedy: Option<&'static str>,
}

/// What becomes of a blocked row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockedAs {
    /// Skipped, with its reason.
    Skip(SkipReason),
    /// Counted as outside the window.
    OutsideWindow,
    /// Counted as reminded already.
    AlreadyReminded,
}

/// Blocks with a sentence. It may quote the row: invisible characters in it are written out.
pub(super) fn skip(reason: SkipReason, detail: impl AsRef<str>) -> Result<(), Block> {
    Err(Block { why: BlockedAs::Skip(reason), detail: unseen::shown(detail.as_ref()).into_owned(), remedy: None })
}

/// Like [`skip`], with the only change that would let the row through.
pub(super) fn skip_unless(reason: SkipReason, detail: impl AsRef<str>, remedy: &'static str) -> Result<(), Block> {
    skip(reason, detail).map_err(|block| Block { remedy: Some(remedy), ..block })
}

/// Every rule's name, in the order in which rules are asked.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROW_RULES.iter().map(|rule| rule.name).chain(WHOLE_RULES.iter().map(|rule| rule.name))
}

/// The rule that gives a reason.
#[must_use]
pub const fn rule_of(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::BadRow | SkipReason::MissingId => "row",
        SkipReason::InvalidTime | SkipReason::NoSuchTime => "time",
        SkipReason::Cancelled | SkipReason::UnknownStatus => "status",
        SkipReason::NoPhone | SkipReason::InvalidPhone => "phone",
        SkipReason::DuplicateRow
        | SkipReason::Filtered
        | SkipReason::WrongNumber
        | SkipReason::OptedOut
        | SkipReason::NoConsent
        | SkipReason::Confirmed
        | SkipReason::Declined
        | SkipReason::Reschedule
        | SkipReason::AlreadyStarted
        | SkipReason::TooLate
        | SkipReason::LateBooking
        | SkipReason::OutsideCallingHours
        | SkipReason::Merged
        | SkipReason::PersonLimit
        | SkipReason::PayloadError => reason.as_str(),
    }
}

/// What would let a row through, where the rule's own detail doesn't say it.
pub(super) const fn remedy(why: BlockedAs) -> &'static str {
    match why {
        // their details say it
        BlockedAs::OutsideWindow | BlockedAs::AlreadyReminded => "",
        BlockedAs::Skip(reason) => match reason {
            // their rules name what binds
            SkipReason::TooLate | SkipReason::OutsideCallingHours => "",
            SkipReason::BadRow => "Repair the row in the source",
            SkipReason::MissingId => "Fill the id in the source, or map another column",
            SkipReason::InvalidTime => "Write the start in the mapped format, or set `date_format`",
            SkipReason::NoSuchTime => "Correct the start in the source",
            SkipReason::DuplicateRow => "Nothing is lost: the first row with this id and start is called",
            SkipReason::Cancelled => "Another status in the source lets it through",
            SkipReason::UnknownStatus => "Add the status to `statuses`, or change it in the source",
            SkipReason::Filtered => "Change the row, or `only_if`",
            SkipReason::NoPhone => "Fill the phone in the source, or map another column",
            SkipReason::InvalidPhone => "Correct the number in the source",
            SkipReason::WrongNumber => {
                "Correct the number in the source, fill another phone column, or `tickler optout remove --wrong` the number"
            }
            SkipReason::Confirmed | SkipReason::Declined | SkipReason::Reschedule => {
                "A moved appointment is called again; `skip_later_leads` says after which outcomes nobody is"
            }
            SkipReason::OptedOut => "Only the source can change it",
            SkipReason::NoConsent => "A consent of `yes` lets it through",
            SkipReason::AlreadyStarted => "Nothing: nobody is called after the start",
            SkipReason::LateBooking => "`late_booking = \"nearest\"` calls at once for the latest lead that had passed",
            SkipReason::Merged => "Nothing is lost: that call tells of this appointment, too",
            SkipReason::PersonLimit => "A higher `max_per_person_per_day`, or another day",
            SkipReason::PayloadError => "Correct `[payload]`, or the source's columns",
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_belongs_to_a_rule_that_is_asked() {
        let names: Vec<_> = names().collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "each name once");
        for reason in SkipReason::ALL {
            assert!(names.contains(&rule_of(*reason)), "{reason}");
        }
    }
}
