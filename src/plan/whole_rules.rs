//! pure: the rules that need the whole read: payloads are rendered and persons are known.

use super::candidates::RenderedCandidate;
use super::rules::{Block, skip};
use super::terms::Terms;
use crate::reminder::SkipReason;
use crate::schedule::Merging;

/// A candidate with its payload, and what the rest of the read says about its person.
pub(super) struct WholeCase<'a> {
    pub(super) terms: &'a Terms,
    pub(super) call: &'a RenderedCandidate,
    /// The appointment in whose call this one is told.
    pub(super) told_with: Option<&'a str>,
    /// The person's other calls of that day; `None` for a pending reminder that keeps the place it has.
    pub(super) other_calls: Option<usize>,
}

/// A rule that is asked when every row of the read is known.
pub(super) struct WholeRule {
    /// Its name in `explain`.
    pub(super) name: &'static str,
    pub(super) ask: fn(&WholeCase<'_>) -> Result<(), Block>,
    /// What it saw when it passes, for people.
    pub(super) passed: fn(&WholeCase<'_>) -> String,
}

/// All of them in the order in which they are asked, after the rules about rows.
pub(super) const WHOLE_RULES: &[WholeRule] = &[
    WholeRule { name: "payload_error", ask: payload_error, passed: |_| "the payload renders".into() },
    WholeRule { name: "merged", ask: merged, passed: merged_in_words },
    WholeRule {
        name: "person_limit",
        ask: person_limit,
        passed: |case| {
            let limit = case.terms.schedule.remind.max_per_person_per_day;
            match case.other_calls {
                Some(others) => format!("the person has {} that day, {limit} allowed", in_words(others)),
                None => "it has its place among the person's calls of that day".into(),
            }
        },
    },
];

/// Asks them; the first that blocks answers.
pub(super) fn ask(case: &WholeCase<'_>) -> Result<(), Block> {
    WHOLE_RULES.iter().try_for_each(|rule| (rule.ask)(case))
}

fn payload_error(case: &WholeCase<'_>) -> Result<(), Block> {
    match &case.call.rendered {
        Ok(_) => Ok(()),
        Err(error) => skip(SkipReason::PayloadError, error.0.as_str()),
    }
}

fn merged(case: &WholeCase<'_>) -> Result<(), Block> {
    match case.told_with {
        Some(id) => skip(SkipReason::Merged, format!("it is told in the call of the appointment `{id}`")),
        None => Ok(()),
    }
}

fn merged_in_words(case: &WholeCase<'_>) -> String {
    match (case.terms.schedule.remind.merge, case.call.merged.as_slice()) {
        (Merging::Never, _) => "`merge` is not set".into(),
        (Merging::SameDay, []) => "no other appointment shares its call".into(),
        (Merging::SameDay, merged) => {
            let ids: Vec<String> = merged.iter().map(|other| format!("`{}`", other.appointment_id)).collect();
            format!("its call also tells of {}", ids.join(", "))
        }
    }
}

fn person_limit(case: &WholeCase<'_>) -> Result<(), Block> {
    let limit = case.terms.schedule.remind.max_per_person_per_day;
    match case.other_calls {
        Some(others) if others >= usize::try_from(limit).unwrap_or(usize::MAX) => skip(
            SkipReason::PersonLimit,
            format!("the person has {} that day, `max_per_person_per_day` is {limit}", in_words(others)),
        ),
        Some(_) | None => Ok(()),
    }
}

fn in_words(others: usize) -> String {
    match others {
        0 => "no other call".into(),
        1 => "1 other call".into(),
        more => format!("{more} other calls"),
    }
}
