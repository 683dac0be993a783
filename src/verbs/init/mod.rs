//! shell: `tickler init`: reads a real source, finds what its columns mean, and drafts a schedule with its doubts.

mod headers;
mod lists;
mod mapping;
mod phones;
mod probe;
mod starts;
mod text;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::mapping::{Found, Sample, StartFound};
use self::phones::PhonesInText;
use self::probe::Probed;
use self::text::DraftParts;
use super::{VerbError, VerbResult};
use crate::appointment::dates::{BEGIN_OF_RANGE, UNKNOWN_ZONE};
use crate::formats::ReadWindow;
use crate::row::{Column, Record, RecordSink};
use crate::schedule::keys::{Need, SCHEDULE};
use crate::schedule::read;
use crate::sources::{self, SourceTools};
use crate::zones::Zones;

/// Rows that are looked at: the whole of what most people have.
const MAX_ROWS: usize = 20_000;

/// What is drafted from. It blocks: call it on a thread that may.
#[derive(Debug)]
pub struct InitAsk<'a> {
    /// A file, or an address.
    pub source: &'a str,
    /// The folder in which the schedule will lie: relative paths count from it.
    pub folder: &'a Path,
    /// The zone where nothing says more.
    pub machine_zone: &'a str,
    /// The current instant.
    pub now: Timestamp,
    /// The zone rules in use.
    pub zones: &'a Zones,
    /// What opening a source needs.
    pub tools: &'a SourceTools,
}

/// A drafted schedule.
#[derive(Debug)]
pub struct Draft {
    /// A name made of the source's.
    pub name: String,
    /// The file's text.
    pub text: String,
    /// What a person has to look at.
    pub doubts: Vec<String>,
}

/// Drafts a schedule.
///
/// # Errors
/// When the source can't be read at all.
pub fn draft(ask: &InitAsk<'_>) -> VerbResult<Draft> {
    let mut probed = probe::probe(ask)?;
    let mut sample = sample(ask, &probed)?;
    if sample.rows.is_empty() {
        return Err(VerbError::Failed(format!(
            "{} has no rows: a schedule is drafted from real ones; {}",
            ask.source,
            if sample.columns.is_empty() { "no columns were found" } else { "only a header was found" }
        )));
    }
    let mut found = mapping::find(&sample);
    if probed.is_calendar || found.phone.is_empty() {
        found = with_phone_of_texts(&mut probed, &mut sample).unwrap_or(found);
    }
    found = with_dial_codes(&mut probed, &mut sample, &found).unwrap_or(found);
    if !found.has_format && !probed.is_calendar {
        found = with_begin_of_ranges(&mut probed, &mut sample).unwrap_or(found);
    }
    if probed.is_calendar {
        of_calendar(&mut found, &sample);
    }
    let country = found.region.or(found.country);
    let zone = probed.zone.clone().unwrap_or_else(|| phones::zone_of(country, ask.machine_zone));
    let parts = DraftParts {
        source: &probed.source,
        computed: &probed.computed,
        zone: &zone,
        has_mode: SCHEDULE.key("mode").is_some_and(|key| key.need != Need::Later),
    };
    let text = text::draft(&parts, &found);
    let Found { mut doubts, .. } = found;
    doubts.push(format!("`timezone` is `{zone}`: times without an offset count there"));
    Ok(Draft { name: name_of(ask.source), text, doubts })
}

/// Where no column is a phone, people write it into a text: calendars have no other place for it.
fn with_phone_of_texts(probed: &mut Probed, sample: &mut Sample) -> Option<Found> {
    let PhonesInText { column, pattern, numbers } = phones::in_texts(sample)?;
    let is_missing = numbers.iter().filter(|number| number.is_none()).count();
    let line =
        format!("phone = \"{{{{ {} | find('{pattern}') }}}}\"  # the first number in the text", text::reached(&column));
    let mut found = with_computed(probed, sample, ("phone", line), numbers);
    if is_missing > 0 {
        found.doubts.push(format!("{is_missing} of {} rows have no phone in `{column}`", sample.rows.len()));
    }
    Some(found)
}

/// Where the country's code has a column of its own, number and code make the phone.
fn with_dial_codes(probed: &mut Probed, sample: &mut Sample, found: &Found) -> Option<Found> {
    let phone = found.phone.first()?.clone();
    let (code, numbers) = phones::with_dial_codes(sample, &phone)?;
    let (code, number) = (text::reached(&code), text::reached(&phone));
    let line =
        format!("whole_phone = \"{{{{ '+' ~ ({code} | replace('+', '')) ~ ' ' ~ {number} if {code} else none }}}}\"");
    // the national numbers alone are no phones any more
    sample.columns.iter_mut().filter(|name| **name == phone).for_each(String::clear);
    Some(with_computed(probed, sample, ("whole_phone", line), numbers))
}

/// Where a column holds a begin and an end, the begin is taken.
fn with_begin_of_ranges(probed: &mut Probed, sample: &mut Sample) -> Option<Found> {
    let column = starts::ranges(sample)?;
    let regex = regex::Regex::new(BEGIN_OF_RANGE).ok()?;
    let place = sample.columns.iter().position(|name| *name == column)?;
    let begin = |row: &Vec<Option<String>>| Some(regex.find(row.get(place)?.as_deref()?)?.as_str().to_owned());
    let begins: Vec<Option<String>> = sample.rows.iter().map(begin).collect();
    let line =
        format!("start_time = \"{{{{ {} | find('{BEGIN_OF_RANGE}') }}}}\"  # before the end", text::reached(&column));
    Some(with_computed(probed, sample, ("start_time", line), begins))
}

/// What is found once a column is computed from the others.
fn with_computed(
    probed: &mut Probed,
    sample: &mut Sample,
    (name, line): (&str, String),
    values: Vec<Option<String>>,
) -> Found {
    probed.computed.push(line);
    sample.columns.push(name.to_owned());
    for (row, value) in sample.rows.iter_mut().zip(values) {
        row.push(value);
    }
    mapping::find(sample)
}

/// What is known of every calendar: its times have their zones, an occurrence differs from another by its start, a cancelled event is never
/// called about, and most events have no status.
fn of_calendar(found: &mut Found, sample: &Sample) {
    (found.status, found.statuses, found.formats) = (None, Vec::new(), Vec::new());
    (found.id, found.start) = (Some("uid".to_owned()), Some(StartFound::One("starts_at".to_owned())));
    found.doubts.retain(|doubt| !["`status`", "`uid`", "starts"].iter().any(|of_table| doubt.contains(of_table)));
    let starts = sample.values("starts_at");
    let unknown = starts.iter().filter(|start| start.contains(UNKNOWN_ZONE)).count();
    let whole_days = starts.iter().filter(|start| start.len() == "2026-11-25".len()).count();
    if unknown > 0 {
        found.doubts.push(format!("{unknown} of {} events are in a time zone that is not known", starts.len()));
    }
    if whole_days > 0 {
        found
            .doubts
            .push(format!("{whole_days} of {} events are whole days, about which nobody is called", starts.len()));
    }
}

/// The rows of the source, through the same code that a run reads them with.
fn sample(ask: &InitAsk<'_>, probed: &Probed) -> VerbResult<Sample> {
    let columns = &probed.columns;
    let first = columns.first().ok_or_else(|| VerbError::Failed(format!("{}: no columns were found", ask.source)))?;
    let first = super::toml_text::quoted(first);
    let text = format!(
        "cron = \"0 9 * * *\"\ntimezone = \"UTC\"\n{}\n[appointment]\nid = {first}\nphone = {first}\nstarts_at = {first}\n\
         [remind]\ndays_before = 1\n[target.automation]\nurl = {{ env = \"NONE\" }}\n[payload]\n",
        probed.source
    );
    let (schedule, problems) = read::schedule(&ask.folder.join("draft.toml"), &text, ask.zones);
    let schedule = schedule.ok_or_else(|| {
        let message = problems.first().map_or("it can't be declared", |problem| problem.message.as_str());
        VerbError::Failed(format!("{}: {message}", ask.source))
    })?;
    let mut rows = SampleSink {
        columns: columns.iter().map(|name| Column::new(name.as_str())).collect(),
        sample: Sample { columns: columns.clone(), rows: Vec::new() },
    };
    let failed = |error: sources::SourceError| VerbError::Failed(error.message);
    sources::open(&schedule, ask.tools.clone()).read(&window(ask), &mut rows).map_err(failed)?;
    Ok(rows.sample)
}

/// The starts that are looked at: the next two months of the series of calendars, and all rows of other sources.
fn window(ask: &InitAsk<'_>) -> ReadWindow {
    let later = ask.now.saturating_add(jiff::SignedDuration::from_hours(60 * 24)).unwrap_or(ask.now);
    let day = jiff::tz::Offset::UTC.to_datetime(ask.now).date();
    ReadWindow { from: ask.now, until: later, day, now: ask.now }
}

struct SampleSink {
    columns: Vec<Column>,
    sample: Sample,
}

impl RecordSink for SampleSink {
    fn record(&mut self, _number: u64, record: Record<'_>) -> ControlFlow<()> {
        if !matches!(record, Record::Broken(_)) {
            let text = |column: &Column| record.text(column).map(std::borrow::Cow::into_owned);
            let row: Vec<Option<String>> = self.columns.iter().map(text).collect();
            if row.iter().any(Option::is_some) {
                self.sample.rows.push(row);
            }
        }
        if self.sample.rows.len() < MAX_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Letters, digits and dashes of the source's own name.
fn name_of(source: &str) -> String {
    let stem = match url::Url::parse(source) {
        Ok(url) if url.has_host() => url.host_str().unwrap_or("source").replace('.', "-"),
        _ => Path::new(source).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let letters = stem.to_lowercase();
    let parts = letters.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("-");
    if name.is_empty() { "appointments".to_owned() } else { name }
}

/// A path as the schedule writes it: relative to its folder where both lie below one parent that isn't the root.
fn written_path(folder: &Path, file: &Path) -> PathBuf {
    let whole = |path: &Path| std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_default();
    let (folder, file) = (whole(folder), whole(file));
    let shared = folder.components().zip(file.components()).take_while(|(one, other)| one == other).count();
    if shared < 2 {
        return file;
    }
    let up = folder.components().skip(shared).map(|_| Path::new("..").to_owned());
    up.chain(file.components().skip(shared).map(|part| Path::new(part.as_os_str()).to_owned())).collect()
}
