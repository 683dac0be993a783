//! pure: what `check --connect` found in each mapped column: how many rows have it, how many of those can't be read, and three
//! samples that show nobody's number or name.

use std::borrow::Cow;

use serde::Serialize;

use crate::appointment::flags::{self, Flag};
use crate::appointment::ids::{self, IdPart};
use crate::appointment::{DateFormat, StartColumns, dates, phone};
use crate::row::{Column, Record};
use crate::schedule::Schedule;
use crate::zones::Zones;

/// Samples of one column.
const SAMPLES: usize = 3;

/// What one mapped column holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnReport {
    /// The schedule's file.
    pub file: String,
    /// The key that maps it.
    pub key: &'static str,
    /// The column; the date's and the time's for a start of two.
    pub column: String,
    /// Rows that were read.
    pub rows: u64,
    /// How many of these rows have no value.
    pub empty: u64,
    /// How many of these rows have a value that can't be used.
    pub failed: u64,
    /// Different values, masked.
    pub samples: Vec<String>,
    /// The format that fits starts that can't be read, or both readings of them.
    pub format: Option<String>,
}

/// Counts the values of every mapped column.
pub(super) struct FoundColumns<'s> {
    schedule: &'s Schedule,
    zones: &'s Zones,
    columns: Vec<(&'static str, Vec<Column>)>,
    reports: Vec<ColumnReport>,
    /// The first rows whose start can't be read.
    odd_starts: Vec<u64>,
}

/// Rows with an odd start that are named.
const ODD_STARTS: usize = 5;

impl<'s> FoundColumns<'s> {
    pub(super) fn of(schedule: &'s Schedule, zones: &'s Zones) -> Self {
        let mapped = &schedule.appointment;
        let starts = match &mapped.starts_at {
            StartColumns::One(column) => vec![column.clone()],
            StartColumns::DateAndTime { date, time } => vec![date.clone(), time.clone()],
            StartColumns::Receipt => Vec::new(),
        };
        let each =
            |key, columns: &[Column]| columns.iter().map(|column| (key, vec![column.clone()])).collect::<Vec<_>>();
        let mut columns = [each("id", &mapped.id), each("phone", &mapped.phone), vec![("starts_at", starts)]].concat();
        for (key, column) in [
            ("timezone", &mapped.timezone),
            ("recipient_timezone", &mapped.recipient_timezone),
            ("status", &mapped.status),
            ("person", &mapped.person),
            ("language", &mapped.language),
            ("do_not_call", &mapped.do_not_call),
            ("consent", &mapped.consent),
        ] {
            columns.extend(column.iter().map(|column| (key, vec![column.clone()])));
        }
        let file = schedule.path.display().to_string();
        let report = |(key, columns): &(&'static str, Vec<Column>)| ColumnReport {
            file: file.clone(),
            key,
            column: columns.iter().map(Column::as_str).collect::<Vec<_>>().join("` and `"),
            rows: 0,
            empty: 0,
            failed: 0,
            samples: Vec::new(),
            format: None,
        };
        let reports = columns.iter().map(report).collect();
        Self { schedule, zones, columns, reports, odd_starts: Vec::new() }
    }

    pub(super) fn count(&mut self, number: u64, record: &Record<'_>) {
        if let Record::Broken(_) = record {
            return;
        }
        for ((key, columns), report) in self.columns.iter().zip(&mut self.reports) {
            report.rows += 1;
            let texts: Option<Vec<Cow<'_, str>>> = columns.iter().map(|column| record.text(column)).collect();
            let Some(text) = texts.map(|texts| texts.join(" ")).filter(|text| !text.trim().is_empty()) else {
                report.empty += 1;
                continue;
            };
            let is_usable = is_usable(key, &text, self.schedule, self.zones);
            report.failed += u64::from(!is_usable);
            if *key == "starts_at" && !is_usable && self.odd_starts.len() < ODD_STARTS {
                self.odd_starts.push(number);
            }
            let sample = masked(key, &text);
            if report.samples.len() < SAMPLES && !report.samples.contains(&sample) {
                report.samples.push(sample);
            }
        }
    }

    /// Where the first rows are whose start can't be read, for people: `line 3, line 7`.
    pub(super) fn odd_places(&self) -> String {
        let word = if self.schedule.source.has_lines() { "line" } else { "row" };
        self.odd_starts.iter().map(|number| format!("{word} {number}")).collect::<Vec<_>>().join(", ")
    }

    /// The reports; `proposal` says which format fits starts that can't be read.
    pub(super) fn reports(mut self, proposal: impl Fn() -> String) -> Vec<ColumnReport> {
        for report in self.reports.iter_mut().filter(|report| report.key == "starts_at" && report.failed > 0) {
            report.format = Some(proposal());
        }
        self.reports
    }
}

fn is_usable(key: &str, text: &str, schedule: &Schedule, zones: &Zones) -> bool {
    let columns = &schedule.appointment;
    match key {
        "id" => matches!(ids::read(Cow::Borrowed(text)), IdPart::Text(_)),
        "phone" => phone::read(text, columns.default_region.as_deref()).is_ok(),
        "starts_at" => reads(text, &columns.date_format),
        "timezone" | "recipient_timezone" => zones.zone_of_row(text).is_ok(),
        "do_not_call" | "consent" => flags::read(Some(text)) != Flag::Unknown,
        _ => true,
    }
}

fn reads(text: &str, format: &DateFormat) -> bool {
    dates::read(text, format).is_some()
}

/// Times, zones and words of a list are shown; of a phone the last four digits, of an id or a person its form.
fn masked(key: &str, text: &str) -> String {
    let text = text.trim();
    match key {
        "phone" => {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let last = digits.len().saturating_sub(4);
            format!("…{}", &digits[last..])
        }
        "id" | "person" => {
            let form = |c: char| match c {
                _ if c.is_ascii_digit() => '9',
                _ if c.is_alphabetic() => 'x',
                _ => c,
            };
            text.chars().take(24).map(form).collect()
        }
        _ => text.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_shows_nobodys_number_or_name() {
        for (key, text, wanted) in [
            ("phone", "+1 (202) 555-0143", "…0143"),
            ("phone", "none", "…"),
            ("id", "Doe-1942/07", "xxx-9999/99"),
            ("person", "Zoë Müßig", "xxx xxxxx"),
            ("starts_at", " 25.11.2026 10:30 ", "25.11.2026 10:30"),
        ] {
            assert_eq!(masked(key, text), wanted, "{text}");
        }
    }
}
