//! pure: the dates of a calendar file (RFC 5545): each of its events makes a day or several of them closed.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};

/// The longest event that is taken for holidays.
const MOST_DAYS: usize = 366;

/// One event's lines that matter.
#[derive(Default)]
struct HolidayEvent {
    first: Option<Date>,
    /// The day after its last one.
    until: Option<Date>,
    is_yearly: bool,
    is_cancelled: bool,
}

/// The dates from `from` to `until` (both included) on which the file has an event; one that comes again every year on its
/// date counts in each of them.
///
/// # Errors
/// A sentence, when it is no calendar or has an event that can't be understood.
pub fn dates_of(text: &str, from: Date, until: Date) -> Result<BTreeSet<Date>, String> {
    let lines = unfolded(text);
    if !lines.iter().any(|line| line.eq_ignore_ascii_case("BEGIN:VCALENDAR")) {
        return Err("it is no calendar file: it has no `BEGIN:VCALENDAR`".into());
    }
    let mut found = BTreeSet::new();
    let mut event: Option<HolidayEvent> = None;
    for line in &lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let property = name.split(';').next().unwrap_or_default().to_ascii_uppercase();
        match (property.as_str(), value.trim()) {
            ("BEGIN", "VEVENT") => event = Some(HolidayEvent::default()),
            ("END", "VEVENT") => {
                let Some(ended) = event.take() else { continue };
                found.extend(ended.dates(from, until)?);
            }
            (property, value) => {
                if let Some(event) = &mut event {
                    event.note(property, value)?;
                }
            }
        }
    }
    Ok(found)
}

/// Lines that begin with a blank continue the one before.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            (Some(_), None) | (None, _) => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

impl HolidayEvent {
    fn note(&mut self, property: &str, value: &str) -> Result<(), String> {
        match property {
            "DTSTART" => self.first = Some(date(value)?),
            "DTEND" => self.until = Some(date(value)?),
            "STATUS" => self.is_cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            "RRULE" => {
                let value = value.to_ascii_uppercase();
                let parts: Vec<&str> = value.split(';').collect();
                let is_plain = parts.iter().all(|part| {
                    ["FREQ=YEARLY", "INTERVAL=1"].contains(part)
                        || part.starts_with("BYMONTH=")
                        || part.starts_with("BYMONTHDAY=")
                        || part.starts_with("WKST=")
                });
                if !is_plain || !parts.contains(&"FREQ=YEARLY") {
                    return Err(format!(
                        "it repeats an event by `{value}`: only `FREQ=YEARLY` on the same date is understood; list each date"
                    ));
                }
                self.is_yearly = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn dates(&self, from: Date, until: Date) -> Result<Vec<Date>, String> {
        let first = self.first.ok_or("it has an event without `DTSTART`")?;
        if self.is_cancelled {
            return Ok(Vec::new());
        }
        // the end of an all-day event is the day after it
        let after = self.until.filter(|after| *after > first).or_else(|| first.tomorrow().ok());
        let length = after.map_or(1, |after| {
            usize::try_from(first.until(after).map_or(1, |span: Span| span.get_days())).unwrap_or(1)
        });
        let starts: Vec<Date> = match self.is_yearly {
            false => vec![first],
            true => (from.year() - 1..=until.year())
                .filter(|year| *year >= first.year())
                .filter_map(|year| Date::new(year, first.month(), first.day()).ok())
                .collect(),
        };
        let days = |start: Date| {
            (0..length.min(MOST_DAYS)).filter_map(move |day| start.checked_add(i64::try_from(day).ok()?.days()).ok())
        };
        Ok(starts.into_iter().flat_map(days).filter(|day| (from..=until).contains(day)).collect())
    }
}

/// `20261225`, or the date of `20261225T000000Z`.
fn date(value: &str) -> Result<Date, String> {
    let digits = value.get(..8).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let parsed = digits.and_then(|digits| Date::strptime("%Y%m%d", digits).ok());
    parsed.ok_or_else(|| format!("it has an event at `{value}`, which is no date"))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn calendar(events: &[&str]) -> String {
        let events: Vec<String> =
            events.iter().map(|event| format!("BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n")).collect();
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.concat())
    }

    fn found(events: &[&str]) -> Result<Vec<String>, String> {
        let dates = dates_of(&calendar(events), date(2026, 11, 1), date(2027, 12, 31))?;
        Ok(dates.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_event_closes_its_days() {
        let cases: [(&str, &[&str]); 8] = [
            ("DTSTART;VALUE=DATE:20261225", &["2026-12-25"]),
            ("DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227", &["2026-12-24", "2026-12-25", "2026-12-26"]),
            ("DTSTART:20261225T000000Z\r\nDTEND:20261226T000000Z", &["2026-12-25"]),
            ("DTSTART;VALUE=DATE:20200101\r\nRRULE:FREQ=YEARLY", &["2027-01-01"]),
            ("DTSTART;VALUE=DATE:20261225\r\nSTATUS:CANCELLED", &[]),
            ("DTSTART;VALUE=DATE:20250101", &[]),
            ("SUMMARY:Christ\r\n mas: DTSTART:1\r\nDTSTART;VALUE=D\r\n ATE:20261225", &["2026-12-25"]),
            ("DTSTART;VALUE=DATE:20301231\r\nRRULE:FREQ=YEARLY", &[]),
        ];
        for (event, dates) in cases {
            assert_eq!(found(&[event]), Ok(dates.iter().map(|date| (*date).to_owned()).collect()), "{event}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said_and_not_passed_over() {
        for event in ["SUMMARY:no start", "DTSTART:soon", "DTSTART;VALUE=DATE:20261126\r\nRRULE:FREQ=YEARLY;BYDAY=4TH"]
        {
            assert!(found(&[event]).is_err(), "{event}");
        }
        assert!(dates_of("2026-12-25\n", date(2026, 1, 1), date(2026, 12, 31)).is_err());
    }
}
