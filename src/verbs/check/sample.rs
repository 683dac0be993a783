//! shell: what the first rows of a local source show: columns that can't be read, statuses that no row has, flags whose
//! words nobody knows.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::connect::{OddStarts, window};
use super::{CheckAsk, CheckReach, Checked, rendering, written_zone};
use crate::appointment::flags::{self, Flag};
use crate::appointment::mapping::{Mapping, TimeProblem};
use crate::appointment::{PhoneProblem, StartColumns, dates, phone};
use crate::row::{Column, Record, RecordSink, Row};
use crate::schedule::SourceSpec;
use crate::sources;
use crate::spelling::did_you_mean;

/// Rows that are checked: enough to distinguish a wrong column from a wrong cell.
pub const MAX_ROWS: usize = 200;

/// The least number of unreadable rows for which the mapping is blamed: a single mistake may spoil fewer.
pub const FEW_ROWS: usize = 3;

pub fn check(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    if matches!(checked.schedule.source, SourceSpec::Http(_) | SourceSpec::Inbound(_)) {
        return; // without `--connect` no network is touched, with it the source is read whole
    }
    let mut first = First { rows: Vec::new() };
    let source = sources::open(checked.schedule, ask.tools.clone());
    // what keeps it from being read was reported with its columns
    if source.read(&window(checked, ask), &mut first).is_err() || first.rows.is_empty() {
        return;
    }
    of_rows(checked, ask, &first.rows);
}

/// Judges the mapping by the first rows.
pub fn of_rows(checked: &mut Checked<'_>, ask: &CheckAsk<'_>, rows: &[Row]) {
    if ask.reach == CheckReach::Local {
        starts(checked, ask, rows); // with `--connect` the whole column is judged
    }
    written_zone::check(checked, ask, rows);
    ids(checked, ask, rows);
    phones(checked, rows);
    statuses(checked, rows);
    for (key, column) in flag_columns(checked) {
        flag(checked, key, &column, rows);
    }
    rendering::check(checked, ask, rows);
}

/// The first rows of a read.
struct First {
    rows: Vec<Row>,
}

impl RecordSink for First {
    fn record(&mut self, _number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.rows.extend(record.to_row());
        if self.rows.len() < MAX_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn starts(checked: &mut Checked<'_>, ask: &CheckAsk<'_>, rows: &[Row]) {
    let columns = &checked.schedule.appointment;
    let mut mapping = Mapping::new(columns, &checked.schedule.zone, ask.zones);
    let text = |row: &Row| match &columns.starts_at {
        StartColumns::One(column) => row.as_record().text(column).map(std::borrow::Cow::into_owned),
        StartColumns::DateAndTime { date, time } => {
            let record = row.as_record();
            record.text(date).zip(record.text(time)).map(|(date, time)| format!("{date} {time}"))
        }
        StartColumns::Receipt => None,
    };
    let written: Vec<(&Row, String)> = rows.iter().filter_map(|row| Some((row, text(row)?))).collect();
    let mut unread: Vec<&str> = Vec::new();
    let mut zones: (usize, String) = (0, String::new());
    for (row, text) in &written {
        match mapping.start(&row.as_record()) {
            // the text can be read, so its zone can't
            Err(TimeProblem::Invalid(why)) if dates::read(text, &columns.date_format).is_some() => {
                zones = (zones.0 + 1, why);
            }
            Err(TimeProblem::Invalid(_)) => unread.push(text),
            Ok(_) | Err(TimeProblem::NoSuchTime(_)) => {}
        }
    }
    let is_format = checked.root.at(&["appointment", "date_format"]).is_some();
    let span = checked.span(&["appointment", if is_format { "date_format" } else { "starts_at" }]);
    let what = (UNREADABLE, "a start that can be read");
    let all: Vec<&str> = written.iter().map(|(_, text)| text.as_str()).collect();
    let odd = OddStarts { format: &columns.date_format, all: &all, odd: &unread, places: String::new() };
    report(checked, span, what, (unread.len(), written.len()), 1, || odd.proposal());
    let span = checked.span(&["appointment", "timezone"]);
    report(checked, span, (UNREADABLE, "a zone that is known"), (zones.0, written.len()), 1, || zones.1);
}

/// Ids: without one nobody is called, and of those that share one only the first is.
fn ids(checked: &mut Checked<'_>, ask: &CheckAsk<'_>, rows: &[Row]) {
    let columns = &checked.schedule.appointment;
    let mut mapping = Mapping::new(columns, &checked.schedule.zone, ask.zones);
    let found: Vec<String> =
        rows.iter().filter_map(|row| mapping.id(&row.as_record()).map(std::borrow::Cow::into_owned)).collect();
    let why = rows.iter().find_map(|row| mapping.id_problem(&row.as_record()));
    let span = checked.span(&["appointment", "id"]);
    report(checked, span.clone(), (UNREADABLE, "an id"), (rows.len() - found.len(), rows.len()), FEW_ROWS, || {
        why.unwrap_or_else(|| "name the column, or the columns, by which appointments are told apart".to_owned())
    });
    let distinct = found.iter().collect::<BTreeSet<_>>().len();
    if found.len() >= FEW_ROWS && distinct * 2 < found.len() {
        let message = format!(
            "the first {} rows have {distinct} different {}: of those that share one only the first is called",
            found.len(),
            if distinct == 1 { "id" } else { "ids" }
        );
        let help = "name the columns by which appointments are told apart, such as `id = [\"patient\", \"starts_at\"]`";
        checked.problems.warning("repeated-id", span, message).help(help);
    }
}

/// The code of a column that most rows can't be read by.
const UNREADABLE: &str = "column-not-readable";

fn phones(checked: &mut Checked<'_>, rows: &[Row]) {
    let columns = &checked.schedule.appointment;
    let mut why = String::new();
    let mut written = 0;
    let mut unread = 0;
    for row in rows {
        let record = row.as_record();
        let texts = columns.phone.iter().map(|column| record.text(column));
        match phone::first_usable(texts, columns.default_region.as_deref()) {
            Ok(_) => written += 1,
            Err(PhoneProblem::Missing) => {}
            Err(PhoneProblem::Invalid(problem)) => {
                written += 1;
                unread += 1;
                why = phone::masked(&problem).into_owned();
            }
        }
    }
    let span = checked.span(&["appointment", "phone"]);
    let what = (UNREADABLE, "a phone that can be called");
    report(checked, span, what, (unread, written), FEW_ROWS, || format!("the last one: {why}"));
}

/// An error where no row can be read (of a minimum number), a warning where most can't.
pub fn report(
    checked: &mut Checked<'_>,
    span: std::ops::Range<usize>,
    (code, what): (&'static str, &str),
    (unread, written): (usize, usize),
    least: usize,
    help: impl FnOnce() -> String,
) {
    if unread == 0 || unread * 2 <= written {
        return;
    }
    let problem = match unread == written && unread >= least {
        true if written == 1 => checked.problems.error(code, span, format!("the first row doesn't have {what}")),
        true => checked.problems.error(code, span, format!("none of the first {written} rows has {what}")),
        false if written == 1 => checked.problems.warning(code, span, format!("the first row doesn't have {what}")),
        false => {
            checked.problems.warning(code, span, format!("{unread} of the first {written} rows don't have {what}"))
        }
    };
    problem.help(help());
}

fn statuses(checked: &mut Checked<'_>, rows: &[Row]) {
    let schedule = checked.schedule;
    let (Some(column), Some(allowed)) = (&schedule.appointment.status, &schedule.remind.statuses) else { return };
    let seen: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| row.as_record().text(column).map(|text| text.trim().to_lowercase()))
        .filter(|text| !text.is_empty())
        .collect();
    let is_seen = |status: &&String| seen.contains(&status.trim().to_lowercase());
    if seen.is_empty() || allowed.iter().any(|status| is_seen(&status)) {
        return;
    }
    let likely = allowed.iter().find_map(|status| did_you_mean(status, seen.iter().map(String::as_str)));
    let few = seen.iter().take(5).map(|status| format!("`{status}`")).collect::<Vec<_>>().join(", ");
    let help = likely.map_or_else(|| format!("they have {few}"), |likely| format!("did you mean `{likely}`?"));
    let span = checked.span(&["remind", "statuses"]);
    let message = format!("none of the first {} rows has one of these statuses: nobody would be called", rows.len());
    checked.problems.warning("unknown-status", span, message).help(help);
}

/// The columns that say yes or no.
fn flag_columns(checked: &Checked<'_>) -> Vec<(&'static str, Column)> {
    let columns = &checked.schedule.appointment;
    let both = [("do_not_call", &columns.do_not_call), ("consent", &columns.consent)];
    both.into_iter().filter_map(|(key, column)| Some((key, column.clone()?))).collect()
}

fn flag(checked: &mut Checked<'_>, key: &str, column: &Column, rows: &[Row]) {
    let unknown: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| row.as_record().text(column).map(|text| text.trim().to_lowercase()))
        .filter(|text| flags::read(Some(text)) == Flag::Unknown)
        .collect();
    if unknown.is_empty() {
        return one_sided(checked, key, column, rows);
    }
    // what holds digits may be somebody's number in a column mapped by mistake
    let words: Vec<String> = unknown
        .iter()
        .filter(|word| word.chars().count() <= 20 && !word.contains(|c: char| c.is_ascii_digit()))
        .take(3)
        .map(|word| format!("`{word}`"))
        .collect();
    let message = format!(
        "`{}` holds {} that {} neither yes nor no",
        column.as_str(),
        if words.is_empty() { "values".to_owned() } else { words.join(", ") },
        if words.len() == 1 { "is" } else { "are" },
    );
    let consequence = match key {
        "do_not_call" => "whoever has such a word is not called (`opted_out`)",
        _ => "whoever has such a word is not called (`no_consent`)",
    };
    let span = checked.span(&["appointment", key]);
    checked.problems.warning("unknown-flag", span, message).help(format!("{consequence}: write yes or no"));
}

/// A flag by which nobody would be called.
fn one_sided(checked: &mut Checked<'_>, key: &str, column: &Column, rows: &[Row]) {
    let flag = |row: &Row| flags::read(row.as_record().text(column).as_deref());
    let (is_of_all, what) = match key {
        "do_not_call" => (rows.iter().all(|row| flag(row) == Flag::Yes), "says for each of the first"),
        _ => (rows.iter().all(|row| flag(row) != Flag::Yes), "says yes for none of the first"),
    };
    if !is_of_all || rows.len() < FEW_ROWS {
        return;
    }
    let (meaning, reason) = match key {
        "do_not_call" => (" that the person is not to be called", "opted_out"),
        _ => ("", "no_consent"),
    };
    let span = checked.span(&["appointment", key]);
    let message =
        format!("`{}` {what} {} rows{meaning}: nobody would be called (`{reason}`)", column.as_str(), rows.len());
    checked.problems.warning("nobody-called", span, message).help("look whether another column is meant");
}
