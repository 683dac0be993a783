//! pure: the rules that one row answers by itself, in their order, each a function; the first that blocks names the reason.

mod earlier;
mod filter;
mod learnt;
mod permission;

pub use filter::ConditionScope;

use jiff::{SignedDuration, Timestamp};

use super::case::{Case, LeadDue, SECOND};
use super::leads;
use super::rules::{Block, BlockedAs, skip, skip_unless};
use super::window::Saturating as _;
use crate::appointment::mapping::TimeProblem;
use crate::appointment::phone::digits;
use crate::appointment::{Phone, PhoneProblem};
use crate::duration;
use crate::reminder::{CallKind, SkipReason};
use crate::row::{Column, unseen};
use crate::schedule::{LateBooking, Leads, Schedule};

/// A rule that is asked as soon as a row is read.
pub(super) struct RowRule {
    /// Its name in `explain`.
    pub(super) name: &'static str,
    pub(super) ask: fn(&Case<'_>) -> Result<(), Block>,
    /// What it saw when it passes, for people.
    pub(super) passed: fn(&Case<'_>) -> String,
}

const fn rule(name: &'static str, ask: fn(&Case<'_>) -> Result<(), Block>, passed: fn(&Case<'_>) -> String) -> RowRule {
    RowRule { name, ask, passed }
}

/// All of them in the order in which they are asked.
pub(super) const ROW_RULES: &[RowRule] = &[
    rule("row", row, |case| {
        format!("the row is readable, its id is `{}`", case.sighting.id.as_deref().unwrap_or_default())
    }),
    rule("time", time, |case| format!("it starts {}", case.start_in_words())),
    rule("window", window, |case| format!("in the window of lead {}", lead_name(case))),
    rule("already_reminded", earlier::already_reminded, earlier::known_in_words),
    rule("duplicate_row", duplicate_row, |_| "no earlier row has this id and start".into()),
    rule("status", status, status_in_words),
    rule("filtered", filter::ask, filter::passed),
    rule("phone", phone, phone_in_words),
    rule("wrong_number", learnt::wrong_number, learnt::right_number_in_words),
    rule("opted_out", permission::opted_out, |_| "on no do-not-call list".into()),
    rule("no_consent", permission::no_consent, |case| match &case.schedule().appointment.consent {
        Some(column) => format!("`{}` says yes", column.as_str()),
        None => "no `consent` column is set".into(),
    }),
    rule("confirmed", learnt::confirmed, |_| "not confirmed in another lead's call".into()),
    rule("declined", learnt::declined, |_| "not declined in another lead's call".into()),
    rule("reschedule", learnt::reschedule, |_| "no other time was asked for in another lead's call".into()),
    rule("already_started", already_started, |case| {
        format!("at {} the appointment has not begun", case.wall(case.now()))
    }),
    rule("too_late", too_late, |case| match case.lead {
        Some(lead) => format!("it may be sent until {}", case.wall(lead.last_second)),
        None => String::new(),
    }),
    rule("late_booking", late_booking, late_booking_in_words),
    rule("outside_calling_hours", outside_calling_hours, |case| match case.lead {
        Some(lead) => {
            let hours = case.schedule().remind.calendar();
            format!("calling hours are {hours}, it is sent at {}", case.wall(lead.send_at))
        }
        None => String::new(),
    }),
];

/// Asks them; the first that blocks answers.
pub(super) fn ask(case: &Case<'_>) -> Result<(), Block> {
    ROW_RULES.iter().try_for_each(|rule| (rule.ask)(case))
}

fn row(case: &Case<'_>) -> Result<(), Block> {
    if let Err(why) = &case.sighting.row {
        let always = counts_always(case);
        return skip(SkipReason::BadRow, format!("{}: the row can't be read: {why}{always}", case.place()));
    }
    if case.sighting.id.is_none() {
        let columns: Vec<_> = case.schedule().appointment.id.iter().map(Column::as_str).collect();
        return skip(
            SkipReason::MissingId,
            format!(
                "{}: `{}` is empty: an appointment needs an id that stays{}",
                case.place(),
                columns.join("`, `"),
                counts_always(case)
            ),
        );
    }
    Ok(())
}

/// Says of a row of an unknown or another date that it is not this run's alone.
fn counts_always(case: &Case<'_>) -> &'static str {
    match &case.sighting.start {
        Ok(_) if case.lead.is_some() => "",
        Ok(_) => " (it starts on another date; every run leaves it out until it is repaired)",
        Err(_) => " (its date isn't known; every run leaves it out until it is repaired)",
    }
}

fn time(case: &Case<'_>) -> Result<(), Block> {
    match (&case.sighting.start, &case.sighting.recipient_zone) {
        (Err(TimeProblem::Invalid(detail)), _) => skip(SkipReason::InvalidTime, detail),
        (Err(TimeProblem::NoSuchTime(detail)), _) => skip(SkipReason::NoSuchTime, detail),
        (Ok(_), Err(detail)) => skip(SkipReason::InvalidTime, detail),
        (Ok(_), Ok(_)) => match &case.sighting.call_times {
            Err(TimeProblem::Invalid(detail)) => skip(SkipReason::InvalidTime, detail),
            Err(TimeProblem::NoSuchTime(detail)) => skip(SkipReason::NoSuchTime, detail),
            Ok(_) => Ok(()),
        },
    }
}

fn window(case: &Case<'_>) -> Result<(), Block> {
    if case.lead.is_some() {
        return Ok(());
    }
    let closed = leads::closed_run_in_words(case.schedule(), case.terms.occasion.nominal_at);
    let closed = closed.map(|sentence| format!("; {sentence}")).unwrap_or_default();
    let (start, caught_by) = (case.start_in_words(), caught_by(case));
    let detail = format!("it starts {start}, in no lead's window of this run; {caught_by}{closed}");
    Err(Block { why: BlockedAs::OutsideWindow, detail, remedy: None })
}

/// A sentence that names the run that has the start in the window of a lead: only runs that the cron makes are named.
fn caught_by(case: &Case<'_>) -> String {
    let Ok(start) = &case.sighting.start else { return String::new() };
    let schedule = case.schedule();
    let runs: Vec<String> = match &schedule.remind.leads {
        Leads::Days(days) => {
            let date = schedule.zone.date(start.at);
            let dates = days.iter().filter_map(|days| leads::date_of_run(schedule, date, *days));
            let runs = dates.filter_map(|date| schedule.recurrence.first_on(&schedule.zone, date));
            runs.map(|run| run.civil.strftime("%Y-%m-%d %H:%M").to_string()).collect()
        }
        Leads::Hours(hours) => hours.iter().filter_map(|hours| run_in_time(case, start.at, *hours)).collect(),
        Leads::Now => return "a request is called when it is received".to_owned(),
    };
    match runs.as_slice() {
        [] => format!("no run is {} this appointment (`cron` is `{}`)", leads_in_words(schedule), schedule.cron),
        runs => format!("the run of {} is the one for it", runs.join(" or ")),
    }
}

/// The first run at or after the due time of a lead, when it comes before the start − `min_notice`.
fn run_in_time(case: &Case<'_>, start: Timestamp, hours: u32) -> Option<String> {
    let schedule = case.schedule();
    let due = leads::due_by_hours(schedule, start, hours);
    let before = due.saturating_sub_duration(SignedDuration::from_nanos(1));
    let run = *schedule.recurrence.next(&schedule.zone, before, 1).first()?;
    let latest = start.saturating_sub_duration(schedule.remind.min_notice);
    (run.at <= latest).then(|| schedule.zone.wall(run.at).strftime("%Y-%m-%d %H:%M").to_string())
}

/// `one day before`, `7 days or one day before`, `on the day of`.
fn leads_in_words(schedule: &Schedule) -> String {
    let (leads, unit) = match &schedule.remind.leads {
        Leads::Days(days) => (days, "day"),
        Leads::Hours(hours) => (hours, "hour"),
        Leads::Now => return "for a request".to_owned(),
    };
    let words: Vec<String> = leads
        .iter()
        .map(|count| match (count, unit) {
            (0, "day") => "on the day of".to_owned(),
            (1, unit) => format!("one {unit} before"),
            (count, unit) => format!("{count} {unit}s before"),
        })
        .collect();
    words.join(" or ")
}

fn duplicate_row(case: &Case<'_>) -> Result<(), Block> {
    if case.is_duplicate {
        return skip(SkipReason::DuplicateRow, "an earlier row has the same id and start: the first one counts");
    }
    Ok(())
}

/// Words for a cancelled appointment, whatever `statuses` lists.
const CANCELLED: [&str; 2] = ["cancelled", "canceled"];

/// Whether a status says that its appointment is cancelled.
#[must_use]
pub fn is_cancelled(status: &str) -> bool {
    CANCELLED.iter().any(|word| is_same_word(word, status))
}

/// Whether two words are the same but for case; most are ASCII and need no copy for that.
fn is_same_word(one: &str, other: &str) -> bool {
    let plain = |word: &str| unseen::plain_blanks(word).to_lowercase();
    one.eq_ignore_ascii_case(other) || !(one.is_ascii() && other.is_ascii()) && plain(one) == plain(other)
}

fn status(case: &Case<'_>) -> Result<(), Block> {
    let Some(column) = &case.schedule().appointment.status else { return Ok(()) };
    if let Some(sentence) = case.nested(column) {
        return skip(SkipReason::UnknownStatus, sentence);
    }
    let status = case.column_text(Some(column)).unwrap_or_default();
    if is_cancelled(&status) {
        return skip(SkipReason::Cancelled, format!("status is `{status}`"));
    }
    let Some(allowed) = &case.schedule().remind.statuses else { return Ok(()) };
    if allowed.iter().any(|word| is_same_word(unseen::trim(word), &status)) {
        return Ok(());
    }
    let shown = if status.is_empty() { "empty".to_owned() } else { format!("`{status}`") };
    let detail = format!("status is {shown}, allowed: {}", allowed.join(", "));
    if sounds_cancelled(&status) {
        return skip_unless(
            SkipReason::UnknownStatus,
            detail,
            "It sounds like a cancelled appointment, and nobody is called for it: keep it out of `statuses`",
        );
    }
    skip(SkipReason::UnknownStatus, detail)
}

/// Parts of words for an appointment that doesn't take place. They decide about the proposed remedy alone.
const CANCELLED_STEMS: [&str; 10] =
    ["cancel", "annul", "storn", "abgesagt", "absage", "deleted", "no show", "no-show", "noshow", "declined"];

fn sounds_cancelled(status: &str) -> bool {
    let status = unseen::plain_blanks(status).to_lowercase();
    CANCELLED_STEMS.iter().any(|stem| status.contains(stem))
}

fn status_in_words(case: &Case<'_>) -> String {
    match &case.schedule().appointment.status {
        None => "no `status` column is set".into(),
        Some(column) => format!("status is `{}`", case.column_text(Some(column)).unwrap_or_default()),
    }
}

fn read_phone<'c>(case: &Case<'c>) -> Result<&'c Phone, &'c PhoneProblem> {
    case.sighting.phone(case.terms)
}

fn phone(case: &Case<'_>) -> Result<(), Block> {
    let phone = match read_phone(case) {
        Ok(phone) => phone,
        Err(PhoneProblem::Missing) => return skip(SkipReason::NoPhone, format!("{} is empty", phone_columns(case))),
        Err(PhoneProblem::Invalid(why)) => {
            return skip(SkipReason::InvalidPhone, format!("{}: {why}{}", phone_columns(case), written_phone(case)));
        }
    };
    let Some(allowed) = &case.schedule().remind.allowed_countries else { return Ok(()) };
    let region = phone.region().unwrap_or_else(|| "unknown".to_owned());
    if allowed.iter().any(|country| country.eq_ignore_ascii_case(&region)) {
        return Ok(());
    }
    skip(SkipReason::InvalidPhone, format!("its country is {region}, `allowed_countries`: {}", allowed.join(", ")))
}

/// ` (the source has ***0143, 9 digits)`, so that somebody finds the row in it.
fn written_phone(case: &Case<'_>) -> String {
    let mut columns = case.schedule().appointment.phone.iter();
    let Some(text) = columns.find_map(|column| case.column_text(Some(column))) else { return String::new() };
    let digits: String = digits(&text).collect();
    match digits.len() {
        0 => " (the source has no digit there)".to_owned(),
        1..=MAX_ANONYMOUS_DIGITS => format!(" (the source has {digits})"),
        count => format!(" (the source has ***{}, {count} digits)", &digits[count - VISIBLE_DIGITS..]),
    }
}

/// The maximum number of digits that identify nobody.
const MAX_ANONYMOUS_DIGITS: usize = 6;

/// The digits of a longer number that are shown.
const VISIBLE_DIGITS: usize = 4;

/// `` `mobile`, `landline` ``.
fn phone_columns(case: &Case<'_>) -> String {
    let columns: Vec<_> = case.schedule().appointment.phone.iter().map(Column::as_str).collect();
    format!("`{}`", columns.join("`, `"))
}

fn phone_in_words(case: &Case<'_>) -> String {
    match read_phone(case) {
        Ok(phone) if phone.is_unassigned => "a possible number in an unassigned range".into(),
        Ok(phone) => format!("a valid number of {}", phone.region().as_deref().unwrap_or("no single country")),
        Err(_) => String::new(),
    }
}

fn already_started(case: &Case<'_>) -> Result<(), Block> {
    match &case.sighting.start {
        // a request begins with its receipt
        Ok(_) if is_request(case) => Ok(()),
        Ok(start) if start.at <= case.now() => skip(
            SkipReason::AlreadyStarted,
            format!("it started {}, now is {}", case.start_in_words(), case.wall(case.now())),
        ),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn is_request(case: &Case<'_>) -> bool {
    case.lead.is_some_and(|lead| lead.lead.kind() == CallKind::Request)
}

fn too_late(case: &Case<'_>) -> Result<(), Block> {
    let Some(lead) = case.lead.filter(|lead| case.now() > lead.last_second) else { return Ok(()) };
    let remind = &case.schedule().remind;
    let remedy = match limit_of_sending(case, lead) {
        SendingLimit::Notice => "An earlier run, or a smaller `min_notice`, would have called it",
        SendingLimit::Lateness if is_in_notice(case, case.now()) => "An earlier run would have called it",
        SendingLimit::Lateness | SendingLimit::Expiry => {
            "An earlier run, or a longer `max_lateness`, would have called it"
        }
    };
    let detail = format!(
        "it could be sent until {} (`max_lateness` {}, `min_notice` {}), now is {}",
        case.wall(lead.last_second),
        duration::write(remind.max_lateness),
        duration::write(remind.min_notice),
        case.wall(case.now()),
    );
    skip_unless(SkipReason::TooLate, detail, remedy)
}

/// The last moment that is `min_notice` before the start.
fn last_with_notice(case: &Case<'_>) -> Option<Timestamp> {
    let start = case.sighting.start.as_ref().ok()?;
    Some(start.at.saturating_sub_duration(case.schedule().remind.min_notice))
}

/// Whether a moment is too short before the start, whatever `max_lateness`.
fn is_in_notice(case: &Case<'_>, moment: Timestamp) -> bool {
    last_with_notice(case).is_some_and(|last| moment > last)
}

fn late_booking(case: &Case<'_>) -> Result<(), Block> {
    let Some(missed_by) = case.missed_by else { return Ok(()) };
    if case.known.is_some() || case.schedule().remind.late_booking == LateBooking::Nearest {
        return Ok(());
    }
    let due = case.lead.map_or_else(String::new, |lead| case.wall(lead.due_at));
    let detail = format!(
        "the lead {} was due {due}, and the run of {}, which read the source after that, did not find the appointment \
         with this start: it was booked, or moved to it, when the lead had passed",
        lead_name(case),
        case.wall(missed_by),
    );
    skip(SkipReason::LateBooking, detail)
}

fn late_booking_in_words(case: &Case<'_>) -> String {
    match (case.missed_by.is_some(), case.known) {
        (false, _) => "booked before the lead was due, as far as earlier runs show".into(),
        (true, Some(_)) => "planned already".into(),
        (true, None) => "booked after the lead had passed: one call at once (`late_booking = \"nearest\"`)".into(),
    }
}

fn outside_calling_hours(case: &Case<'_>) -> Result<(), Block> {
    let Some(lead) = case.lead.filter(|lead| lead.send_at > lead.last_second) else { return Ok(()) };
    let (limit, remedy) = match limit_of_sending(case, lead) {
        SendingLimit::Notice => (
            format!("`min_notice` ({}) before the start", duration::write(case.schedule().remind.min_notice)),
            match case.sighting.start.as_ref().is_ok_and(|start| lead.send_at < start.at) {
                true => "A smaller `min_notice`, wider `calling_hours`, or a run that is due inside them",
                false => "Wider `calling_hours`, or a run that is due inside them: they open after the start",
            },
        ),
        SendingLimit::Lateness => (
            format!(
                "`max_lateness` ({}) after the call was first allowed",
                duration::write(case.schedule().remind.max_lateness)
            ),
            match is_in_notice(case, lead.send_at) {
                true => "An earlier run, or wider `calling_hours`",
                false => "An earlier run, a longer `max_lateness`, or wider `calling_hours`",
            },
        ),
        SendingLimit::Expiry => {
            ("when the request expires".to_owned(), "A request that expires later, or wider `calling_hours`")
        }
    };
    let detail = format!(
        "calling hours are {}: the next opening, {}, comes after the latest time, {}, which is {limit}",
        case.schedule().remind.calendar(),
        case.wall(lead.send_at),
        case.wall(lead.last_second),
    );
    skip_unless(SkipReason::OutsideCallingHours, detail, remedy)
}

/// The limit that makes the last second of a call the last.
enum SendingLimit {
    /// `min_notice`.
    Notice,
    /// `max_lateness`.
    Lateness,
    /// The time that a request names.
    Expiry,
}

fn limit_of_sending(case: &Case<'_>, lead: LeadDue) -> SendingLimit {
    match lead.lead.kind() {
        CallKind::Reminder if last_with_notice(case) == Some(lead.last_second) => SendingLimit::Notice,
        CallKind::Reminder => SendingLimit::Lateness,
        CallKind::Request => match case.sighting.call_times.as_ref().ok().and_then(|times| times.expires) {
            Some(expires) if lead.last_second < expires && expires.duration_since(lead.last_second) <= SECOND => {
                SendingLimit::Expiry
            }
            Some(_) | None => SendingLimit::Lateness,
        },
    }
}

fn lead_name(case: &Case<'_>) -> String {
    case.lead.map_or_else(String::new, |lead| lead.lead.to_string())
}
