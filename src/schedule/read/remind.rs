//! pure: `[remind]`: who is reminded, and when.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::section::{OptionalPart, Section, items, optional};
use super::{Reading, appointment, templates};
use crate::duration;
use crate::reminder::Lead;
use crate::schedule::keys::{SCHEDULE, Shape};
use crate::schedule::spanned::{Node, Value};
use crate::schedule::{LateBooking, Leads, Merging, OnClosedDay, Remind};
use crate::template::Condition;
use crate::zones::{CallingHours, ClosedDays};

pub fn read(root: &Node, reading: &mut Reading<'_>) -> Option<Remind> {
    let Shape::Table(keys) = SCHEDULE.key("remind")?.shape else { return None };
    let node = root.get("remind");
    let section = Section::of(node, keys);
    let leads = leads(&section, reading);
    leads_beyond_notice(&section, reading);
    statuses_wanted(root, node, reading);
    let only_if = only_if(&section, reading);
    let allowed_countries = countries(&section, reading);
    let calling_hours = calling_hours(&section, reading);
    let closed = closed_days(&section, reading);
    let closed_files = closed.as_ref().map(|(_, files)| files.clone()).unwrap_or_default();
    let max_lateness = section.positive_duration("max_lateness", reading);
    let statuses = optional(section.given("statuses"), |_| section.texts("statuses"));
    Some(Remind {
        leads: leads?,
        statuses: statuses.ok()?,
        only_if: only_if.ok()?,
        allowed_countries: allowed_countries.ok()?,
        do_not_call: section.path("do_not_call", reading),
        calling_hours: calling_hours?,
        closed: closed?.0,
        holiday_files: closed_files,
        on_closed_day: on_closed_day(&section)?,
        min_notice: section.duration("min_notice")?,
        max_lateness: max_lateness?,
        merge: merge(&section)?,
        late_booking: late_booking(&section)?,
        min_change: section.duration("min_change")?,
        max_per_person_per_day: section.whole("max_per_person_per_day")?,
    })
}

fn leads(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Leads> {
    for name in ["days_before", "hours_before"] {
        section.given(name).into_iter().for_each(|node| twice(node, reading));
    }
    if section.given("now").is_some() {
        Some(Leads::Now)
    } else if section.given("days_before").is_some() {
        section.wholes("days_before").map(Leads::Days)
    } else {
        section.wholes("hours_before").map(Leads::Hours)
    }
}

fn twice(node: &Node, reading: &mut Reading<'_>) {
    let mut seen = std::collections::BTreeSet::new();
    for item in items(node) {
        if let Value::Whole(Some(number)) = item.value
            && !seen.insert(number)
        {
            reading.invalid(item, format!("the lead {number} stands here twice"), "remove one of them");
        }
    }
}

/// A lead of `min_notice` or less is never called. A lead in days reaches to the end of its day, and closed days make leads
/// longer: what depends on them and on the runs is found by `check`.
fn leads_beyond_notice(section: &Section<'_>, reading: &mut Reading<'_>) {
    let Some(notice) = section.duration("min_notice") else { return };
    if section.given("closed_days").is_some() || section.given("holidays").is_some() {
        return;
    }
    let shown = duration::write(notice);
    for (name, hours_each) in [("days_before", 24), ("hours_before", 1)] {
        for item in section.given(name).map(items).unwrap_or_default() {
            let Value::Whole(Some(count)) = item.value else { continue };
            let Ok(number) = u32::try_from(count) else { continue };
            let lead = if hours_each == 24 { Lead::days(number) } else { Lead::hours(number) };
            // a day of 25 hours among them
            let hours = if hours_each == 24 { (i64::from(number) + 1) * 24 + 1 } else { i64::from(number) };
            if SignedDuration::from_hours(hours) <= notice {
                reading.invalid(
                    item,
                    format!("the lead `{lead}` isn't longer than `min_notice` ({shown}): nobody would be called"),
                    "lengthen the lead, or set a shorter `min_notice`",
                );
            }
        }
    }
}

fn statuses_wanted(root: &Node, remind: Option<&Node>, reading: &mut Reading<'_>) {
    let Some(status) = root.at(&["appointment"]).and_then(|node| node.entry("status")) else { return };
    if remind.is_some_and(|remind| remind.get("statuses").is_none()) {
        reading
            .problems
            .warning("no-statuses", status.key_span.clone(), "a status column is mapped, but no status is asked for")
            .help("add `statuses = [\"confirmed\", …]` to [remind]: only `cancelled` and `canceled` are skipped now");
    }
}

fn only_if(section: &Section<'_>, reading: &mut Reading<'_>) -> OptionalPart<Condition> {
    optional(section.given("only_if"), |node| templates::condition(node, reading))
}

fn countries(section: &Section<'_>, reading: &mut Reading<'_>) -> OptionalPart<Vec<String>> {
    optional(section.given("allowed_countries"), |node| {
        // all of them are read, so that every wrong one is reported
        let read: Vec<Option<String>> =
            items(node).into_iter().map(|item| appointment::country(item, reading)).collect();
        read.into_iter().collect()
    })
}

fn merge(section: &Section<'_>) -> Option<Merging> {
    match section.given("merge").map(Node::text) {
        None => Some(Merging::Never),
        Some(Some("same_day")) => Some(Merging::SameDay),
        Some(_) => None,
    }
}

fn late_booking(section: &Section<'_>) -> Option<LateBooking> {
    match section.text("late_booking")?.as_str() {
        "skip" => Some(LateBooking::Skip),
        "nearest" => Some(LateBooking::Nearest),
        _ => None,
    }
}

/// The closed days that the schedule lists itself, and the files with further ones.
fn closed_days(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<(ClosedDays, Vec<PathBuf>)> {
    let weekdays = section.given("closed_days").map(items).unwrap_or_default();
    let holidays = section.given("holidays").map(items).unwrap_or_default();
    let (mut dates, mut files, mut is_sound) = (BTreeSet::new(), Vec::new(), true);
    for node in holidays {
        let text = node.text()?.trim();
        if text.to_ascii_lowercase().ends_with(".ics") {
            files.push(reading.path(text));
        } else if let Ok(date) = text.parse::<Date>() {
            dates.insert(date);
        } else {
            let help = "write dates as `\"2026-12-25\"`, or the path of a calendar file that ends with `.ics`";
            reading.invalid(node, format!("`{text}` is neither a date nor a calendar file"), help);
            is_sound = false;
        }
    }
    let words: Vec<&str> = weekdays.iter().map(|node| node.text()).collect::<Option<_>>()?;
    let closed = match ClosedDays::of(words, dates) {
        Ok(closed) => closed,
        Err(word) => {
            let node = weekdays.iter().find(|node| node.text() == Some(&*word))?;
            reading.invalid(
                node,
                format!("`{word}` is no weekday"),
                "write `\"sat\"`, `\"sun\"`, or the whole English name",
            );
            return None;
        }
    };
    if closed.is_every_day() {
        let node = section.given("closed_days")?;
        reading.invalid(node, "every day of the week is closed: nobody would be called", "leave one day open");
        return None;
    }
    is_sound.then_some((closed, files))
}

fn on_closed_day(section: &Section<'_>) -> Option<OnClosedDay> {
    match section.text("on_closed_day")?.as_str() {
        "previous" => Some(OnClosedDay::Previous),
        "count_open_days" => Some(OnClosedDay::CountOpenDays),
        "call_anyway" => Some(OnClosedDay::CallAnyway),
        _ => None,
    }
}

fn calling_hours(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<CallingHours> {
    let node = section.node("calling_hours")?;
    match node.text()?.parse::<CallingHours>() {
        Ok(hours) => Some(hours),
        Err(error) => {
            let help = "write `\"08:00-21:00\"` (opening before closing), or `\"always\"`";
            reading.invalid(&node, error.to_string(), help);
            None
        }
    }
}
