//! pure: the rules, in their order, each a function; the first that blocks names the reason. `plan` asks them of every row
//! that matters, `explain` of one row aloud: the same table.

mod filter;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::Known;
use super::window::Saturating as _;
use crate::appointment::flags::{self, Flag};
use crate::appointment::mapping::{TimeProblem, trimmed};
use crate::appointment::{Phone, PhoneProblem, Start};
use crate::reminder::{Lead, SkipReason, State};
use crate::row::{Column, Row};
use crate::schedule::{Leads, Schedule};
use crate::zones::Zone;

/// Everything the rules may ask about one row.
pub(super) struct Case<'a> {
    pub(super) schedule: &'a Schedule,
    /// The moment of evaluation (UTC).
    pub(super) now: Timestamp,
    /// The schedule's own do-not-call list, E.164.
    pub(super) do_not_call: &'a HashSet<String>,
    /// The house's opt-out list, E.164.
    pub(super) opted_out: &'a HashSet<String>,
    /// Why the record can't be read.
    pub(super) broken: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) start: Result<Start, TimeProblem>,
    /// Where the person is, or why nobody knows.
    pub(super) recipient_zone: Result<&'a Zone, &'a str>,
    /// The lead whose window the start lies in, or whose key is pending.
    pub(super) lead: Option<LeadDue>,
    /// When it would go out (UTC): not before it is due nor before now, and inside the recipient's calling hours.
    pub(super) opening: Option<Timestamp>,
    /// What the ledger holds under the key.
    pub(super) known: Option<&'a Known>,
    pub(super) is_duplicate: bool,
    pub(super) row: Option<&'a Row>,
    pub(super) phone: OnceCell<Result<Phone, PhoneProblem>>,
    pub(super) read_phone: &'a dyn Fn() -> Result<Phone, PhoneProblem>,
    /// After the whole read: why the payload can't be rendered.
    pub(super) payload_problem: Option<&'a str>,
    /// After the whole read: the person's other calls of that day, and whether they use the limit up.
    pub(super) person_calls: Option<usize>,
}

/// A lead and when it is due (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeadDue {
    pub(super) lead: Lead,
    pub(super) due_at: Timestamp,
}

/// Why a rule says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) why: Why,
    /// A sentence: the input, the rule, the remedy.
    pub(super) detail: String,
}

/// What becomes of a blocked row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Skipped, with its reason.
    Skip(SkipReason),
    /// Counted as outside the window.
    OutsideWindow,
    /// Counted as reminded already.
    AlreadyReminded,
}

/// When a rule can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// As soon as the row is read.
    Row,
    /// When every row of the read is known.
    WholeRead,
}

/// One rule.
pub(super) struct Rule {
    /// Its name in `explain`.
    pub(super) name: &'static str,
    pub(super) stage: Stage,
    pub(super) ask: fn(&Case<'_>) -> Result<(), Block>,
    /// What it saw when it passes, for people.
    pub(super) tell: fn(&Case<'_>) -> String,
}

const fn rule(
    name: &'static str,
    stage: Stage,
    ask: fn(&Case<'_>) -> Result<(), Block>,
    tell: fn(&Case<'_>) -> String,
) -> Rule {
    Rule { name, stage, ask, tell }
}

/// All rules in the order in which they are asked.
pub(super) const RULES: &[Rule] = &[
    rule("row", Stage::Row, row, |case| format!("the row is readable, its id is `{}`", case.id.unwrap_or_default())),
    rule("time", Stage::Row, time, |case| format!("it starts {}", at_start(case))),
    rule("window", Stage::Row, window, |case| format!("in the window of lead {}", lead_name(case))),
    rule("already_reminded", Stage::Row, already_reminded, tell_known),
    rule("duplicate_row", Stage::Row, duplicate_row, |_| "no earlier row has this id and start".into()),
    rule("status", Stage::Row, status, tell_status),
    rule("filtered", Stage::Row, filter::ask, filter::tell),
    rule("phone", Stage::Row, phone, tell_phone),
    rule("opted_out", Stage::Row, opted_out, |_| "on no do-not-call list".into()),
    rule("no_consent", Stage::Row, no_consent, |case| match &case.schedule.appointment.consent {
        Some(column) => format!("`{}` says yes", column.as_str()),
        None => "no `consent` column is set".into(),
    }),
    rule("already_started", Stage::Row, already_started, |case| {
        format!("at {} the appointment lies ahead", wall(case, case.now))
    }),
    rule("too_late", Stage::Row, too_late, |case| match expiry(case) {
        Some(expiry) => format!("it may be sent until {}", wall(case, expiry)),
        None => String::new(),
    }),
    rule("late_booking", Stage::Row, |_| Ok(()), |_| "not set".into()),
    rule("outside_calling_hours", Stage::Row, outside_calling_hours, |case| match case.opening {
        Some(at) => {
            format!("calling hours are {}, it goes out at {}", case.schedule.remind.calling_hours, wall(case, at))
        }
        None => String::new(),
    }),
    rule("payload_error", Stage::WholeRead, payload_error, |_| "the payload renders".into()),
    rule("merged", Stage::WholeRead, |_| Ok(()), |_| "not set".into()),
    rule("person_limit", Stage::WholeRead, person_limit, |case| {
        let limit = case.schedule.remind.max_per_person_per_day;
        match case.person_calls {
            Some(others) => format!("the person has {} that day, {limit} allowed", other_calls(others)),
            None => "it has its place among the person's calls of that day".into(),
        }
    }),
];

/// Asks the rules of one stage; the first that blocks answers.
pub(super) fn ask(case: &Case<'_>, stage: Stage) -> Result<(), Block> {
    RULES.iter().filter(|rule| rule.stage == stage).try_for_each(|rule| (rule.ask)(case))
}

fn skip(reason: SkipReason, detail: impl Into<String>) -> Result<(), Block> {
    Err(Block { why: Why::Skip(reason), detail: detail.into() })
}

fn row(case: &Case<'_>) -> Result<(), Block> {
    if let Some(why) = case.broken {
        return skip(SkipReason::BadRow, format!("the row can't be read: {why}"));
    }
    if case.id.is_none() {
        let columns: Vec<_> = case.schedule.appointment.id.iter().map(Column::as_str).collect();
        return skip(
            SkipReason::MissingId,
            format!("`{}` is empty: an appointment needs an id that stays", columns.join("`, `")),
        );
    }
    Ok(())
}

fn time(case: &Case<'_>) -> Result<(), Block> {
    match (&case.start, case.recipient_zone) {
        (Err(TimeProblem::Invalid(detail)), _) => skip(SkipReason::InvalidTime, detail),
        (Err(TimeProblem::NoSuchTime(detail)), _) => skip(SkipReason::NoSuchTime, detail),
        (Ok(_), Err(detail)) => skip(SkipReason::InvalidTime, detail),
        (Ok(_), Ok(_)) => Ok(()),
    }
}

fn window(case: &Case<'_>) -> Result<(), Block> {
    if case.lead.is_some() {
        return Ok(());
    }
    let detail = format!("it starts {}, in no lead's window of this run; {}", at_start(case), caught_by(case));
    Err(Block { why: Why::OutsideWindow, detail })
}

/// Which runs would hold the start.
fn caught_by(case: &Case<'_>) -> String {
    let Ok(start) = &case.start else { return String::new() };
    match &case.schedule.remind.leads {
        Leads::Days(days) => {
            let date = case.schedule.zone.date(start.at);
            let dates = days.iter().map(|days| date.saturating_sub(i64::from(*days).days()).to_string());
            format!("a run on {} calls it", dates.collect::<Vec<_>>().join(" or "))
        }
        Leads::Hours(hours) => {
            let due = |hours: &u32| start.at.saturating_sub_duration(SignedDuration::from_hours(i64::from(*hours)));
            let times: Vec<String> = hours.iter().map(|hours| wall(case, due(hours))).collect();
            format!("the first run at or after {} calls it", times.join(" or "))
        }
    }
}

fn already_reminded(case: &Case<'_>) -> Result<(), Block> {
    let Some(known) = case.known else { return Ok(()) };
    let is_over = match known.state {
        State::Pending => false,
        State::Cancelled => !known.may_return,
        State::Sending | State::Delivered | State::Failed | State::Uncertain | State::Expired | State::Dropped => true,
    };
    if is_over { Err(Block { why: Why::AlreadyReminded, detail: tell_known(case) }) } else { Ok(()) }
}

fn tell_known(case: &Case<'_>) -> String {
    match case.known {
        None => format!("no reminder {} of this appointment and start yet", lead_name(case)),
        Some(known) => format!(
            "its reminder {} is {}, due {}, last touched {}",
            lead_name(case),
            known.state,
            wall(case, known.due_at),
            wall(case, known.updated_at),
        ),
    }
}

fn duplicate_row(case: &Case<'_>) -> Result<(), Block> {
    if case.is_duplicate {
        return skip(SkipReason::DuplicateRow, "an earlier row has the same id and start: the first one counts");
    }
    Ok(())
}

/// Words for a cancelled appointment, whatever `statuses` lists.
const CANCELLED: [&str; 2] = ["cancelled", "canceled"];

fn column_text<'c>(case: &Case<'c>, column: Option<&Column>) -> Option<Cow<'c, str>> {
    case.row?.as_record().text(column?).and_then(trimmed)
}

/// Whether two words are the same but for case; most are ASCII and need no copy for that.
fn is_same_word(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || !(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase()
}

fn status(case: &Case<'_>) -> Result<(), Block> {
    let Some(column) = &case.schedule.appointment.status else { return Ok(()) };
    let status = column_text(case, Some(column)).unwrap_or_default();
    if CANCELLED.iter().any(|word| is_same_word(word, &status)) {
        return skip(SkipReason::Cancelled, format!("status is `{status}`"));
    }
    let Some(allowed) = &case.schedule.remind.statuses else { return Ok(()) };
    if allowed.iter().any(|word| is_same_word(word.trim(), &status)) {
        return Ok(());
    }
    let shown = if status.is_empty() { "empty".to_owned() } else { format!("`{status}`") };
    skip(SkipReason::UnknownStatus, format!("status is {shown}, allowed: {}", allowed.join(", ")))
}

fn tell_status(case: &Case<'_>) -> String {
    match &case.schedule.appointment.status {
        None => "no `status` column is set".into(),
        Some(column) => format!("status is `{}`", column_text(case, Some(column)).unwrap_or_default()),
    }
}

/// The phone, read once.
pub(super) fn phone_of<'c>(case: &'c Case<'_>) -> Result<&'c Phone, &'c PhoneProblem> {
    case.phone.get_or_init(case.read_phone).as_ref()
}

fn phone(case: &Case<'_>) -> Result<(), Block> {
    let columns: Vec<_> = case.schedule.appointment.phone.iter().map(Column::as_str).collect();
    let named = columns.join("`, `");
    let phone = match phone_of(case) {
        Ok(phone) => phone,
        Err(PhoneProblem::Missing) => return skip(SkipReason::NoPhone, format!("`{named}` is empty")),
        Err(PhoneProblem::Invalid(why)) => return skip(SkipReason::InvalidPhone, format!("`{named}`: {why}")),
    };
    let Some(allowed) = &case.schedule.remind.allowed_countries else { return Ok(()) };
    let region = phone.region().unwrap_or_else(|| "unknown".to_owned());
    if allowed.iter().any(|country| country.eq_ignore_ascii_case(&region)) {
        return Ok(());
    }
    skip(SkipReason::InvalidPhone, format!("its country is {region}, `allowed_countries`: {}", allowed.join(", ")))
}

fn tell_phone(case: &Case<'_>) -> String {
    match phone_of(case) {
        Ok(phone) if phone.is_unassigned => "a possible number in an unassigned range".into(),
        Ok(phone) => format!("a valid number of {}", phone.region().as_deref().unwrap_or("no single country")),
        Err(_) => String::new(),
    }
}

fn opted_out(case: &Case<'_>) -> Result<(), Block> {
    if let Some(column) = &case.schedule.appointment.do_not_call {
        let value = column_text(case, Some(column));
        let detail = |rest: &str| {
            format!("`{}` is `{}`{rest}", column.as_str(), value.as_deref().map(str::trim).unwrap_or_default())
        };
        match flags::read(value.as_deref()) {
            Flag::Yes => return skip(SkipReason::OptedOut, detail("")),
            Flag::Unknown => return skip(SkipReason::OptedOut, detail(", which is neither yes nor no")),
            Flag::No | Flag::Empty => {}
        }
    }
    let Ok(phone) = phone_of(case) else { return Ok(()) };
    if case.do_not_call.contains(&phone.e164) {
        return skip(SkipReason::OptedOut, "the number is in the schedule's `do_not_call` file");
    }
    if case.opted_out.contains(&phone.e164) {
        return skip(SkipReason::OptedOut, "the number is on the house's opt-out list (`tickler optout list`)");
    }
    Ok(())
}

fn no_consent(case: &Case<'_>) -> Result<(), Block> {
    let Some(column) = &case.schedule.appointment.consent else { return Ok(()) };
    let value = column_text(case, Some(column));
    if flags::read(value.as_deref()) == Flag::Yes {
        return Ok(());
    }
    let shown = value.map_or_else(|| "empty".to_owned(), |value| format!("`{value}`"));
    skip(SkipReason::NoConsent, format!("`{}` is {shown}, not yes", column.as_str()))
}

fn already_started(case: &Case<'_>) -> Result<(), Block> {
    match &case.start {
        Ok(start) if start.at <= case.now => {
            skip(SkipReason::AlreadyStarted, format!("it started {}, now is {}", at_start(case), wall(case, case.now)))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The last second in which it may be sent (UTC): the earlier of due + `max_lateness` and start − `min_notice`.
pub(super) fn expiry(case: &Case<'_>) -> Option<Timestamp> {
    let (Ok(start), Some(lead)) = (&case.start, case.lead) else { return None };
    let by_lateness = lead.due_at.saturating_add_duration(case.schedule.remind.max_lateness);
    Some(by_lateness.min(start.at.saturating_sub_duration(case.schedule.remind.min_notice)))
}

/// The first moment at which it may be sent no more (UTC). The last second counts whole: a clock that is read twice
/// within it says the same. Never after the start.
pub(super) fn over_at(case: &Case<'_>) -> Option<Timestamp> {
    let start = case.start.as_ref().ok()?.at;
    Some(expiry(case)?.saturating_add_duration(SignedDuration::from_secs(1)).min(start))
}

fn too_late(case: &Case<'_>) -> Result<(), Block> {
    let Some(expiry) = expiry(case).filter(|expiry| case.now > *expiry) else { return Ok(()) };
    let remind = &case.schedule.remind;
    let detail = format!(
        "it could be sent until {} (`max_lateness` {}, `min_notice` {}), now is {}",
        wall(case, expiry),
        crate::reminder::write_duration(remind.max_lateness),
        crate::reminder::write_duration(remind.min_notice),
        wall(case, case.now),
    );
    skip(SkipReason::TooLate, detail)
}

fn outside_calling_hours(case: &Case<'_>) -> Result<(), Block> {
    let (Some(opening), Some(expiry)) = (case.opening, expiry(case)) else { return Ok(()) };
    if opening <= expiry {
        return Ok(());
    }
    let detail = format!(
        "calling hours are {}: the next opening, {}, comes after the latest time, {}",
        case.schedule.remind.calling_hours,
        wall(case, opening),
        wall(case, expiry),
    );
    skip(SkipReason::OutsideCallingHours, detail)
}

fn payload_error(case: &Case<'_>) -> Result<(), Block> {
    match case.payload_problem {
        Some(problem) => skip(SkipReason::PayloadError, problem),
        None => Ok(()),
    }
}

fn person_limit(case: &Case<'_>) -> Result<(), Block> {
    let limit = case.schedule.remind.max_per_person_per_day;
    match case.person_calls {
        Some(others) if others >= usize::try_from(limit).unwrap_or(usize::MAX) => skip(
            SkipReason::PersonLimit,
            format!("the person has {} that day, `max_per_person_per_day` is {limit}", other_calls(others)),
        ),
        Some(_) | None => Ok(()),
    }
}

fn other_calls(count: usize) -> String {
    match count {
        0 => "no other call".into(),
        1 => "1 other call".into(),
        more => format!("{more} other calls"),
    }
}

fn lead_name(case: &Case<'_>) -> String {
    case.lead.map_or_else(String::new, |lead| lead.lead.to_string())
}

fn at_start(case: &Case<'_>) -> String {
    case.start.as_ref().map_or_else(|_| String::new(), |start| wall(case, start.at))
}

/// An instant for people: on the recipient's wall clock, else on the schedule's.
pub(super) fn wall(case: &Case<'_>, at: Timestamp) -> String {
    let zone = case.recipient_zone.unwrap_or(&case.schedule.zone);
    zone.wall(at).strftime("%Y-%m-%d %H:%M").to_string()
}
