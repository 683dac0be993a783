//! pure: the rules that need the whole read: payloads are rendered and persons are known.

use jiff::Timestamp;

use super::candidates::CandidateCall;
use super::people::OtherCall;
use super::rules::{Block, skip};
use super::terms::Terms;
use crate::reminder::SkipReason;
use crate::schedule::Merging;

/// A candidate with its payload, and what the rest of the read says about its person.
pub(super) struct WholeCase<'a> {
    pub(super) terms: &'a Terms,
    pub(super) call: &'a CandidateCall,
    /// The appointment in whose call this one is told.
    pub(super) told_with: Option<&'a str>,
    /// The person's other calls of that day; `None` for a pending reminder that keeps the place it has.
    pub(super) other_calls: Option<usize>,
    /// One of them.
    pub(super) other_call: Option<OtherCall<'a>>,
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
                Some(others) => format!("the person has {} that day, {limit} allowed", in_words(case, others)),
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
    match case.call.payload_error() {
        None => Ok(()),
        Some(error) => skip(SkipReason::PayloadError, error),
    }
}

fn merged(case: &WholeCase<'_>) -> Result<(), Block> {
    match case.told_with {
        Some(id) => skip(SkipReason::Merged, format!("it is told in the call of the appointment `{id}`")),
        None => Ok(()),
    }
}

fn merged_in_words(case: &WholeCase<'_>) -> String {
    let merged = case.call.rendered.as_ref().map_or(&[][..], |rendered| &rendered.merged);
    match (case.terms.schedule.remind.merge, merged) {
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
            format!("the person has {} that day, `max_per_person_per_day` is {limit}", in_words(case, others)),
        ),
        Some(_) | None => Ok(()),
    }
}

/// `1 other call (of `evening`, due 2026-11-24 09:00)`.
fn in_words(case: &WholeCase<'_>, others: usize) -> String {
    let Some(other) = case.other_call.filter(|_| others > 0) else { return "no other call".into() };
    let other = other_in_words(case, &other);
    match others {
        1 => format!("1 other call ({other})"),
        more => format!("{more} other calls (one of them {other})"),
    }
}

fn other_in_words(case: &WholeCase<'_>, other: &OtherCall<'_>) -> String {
    let zone = &case.call.candidate.zone;
    let wall = |at: Timestamp| zone.wall(at).strftime("%Y-%m-%d %H:%M").to_string();
    let of = match (other.schedule, other.starts_at) {
        (Some(schedule), _) => format!("of the schedule `{schedule}`"),
        (None, Some(start)) => format!("of this schedule about an appointment at {}", wall(start)),
        (None, None) => "of this schedule".to_owned(),
    };
    let shadow = if other.is_shadow { ", which a run in shadow mode would have made" } else { "" };
    format!("{of}, due {}{shadow}", wall(other.due_at))
}
