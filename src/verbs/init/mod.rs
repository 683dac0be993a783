//! shell: `tickler init`: reads a real source, finds what its columns mean, and drafts a schedule with its doubts.

mod headers;
mod mapping;
mod probe;
mod text;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::mapping::{Found, Sample};
use self::probe::Probed;
use self::text::DraftParts;
use super::{VerbError, VerbResult};
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
    /// For opening sources.
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
    if probed.is_calendar {
        calendar_phone(&mut probed, &mut sample);
    }
    let mut found = mapping::find(&sample);
    if probed.is_calendar {
        // most events have none, and a cancelled one is never called about
        (found.status, found.statuses) = (None, Vec::new());
        found.doubts.retain(|doubt| !doubt.contains("`status`"));
    }
    let zone = text::zone_of(found.region, ask.machine_zone);
    let parts = DraftParts {
        source: &probed.source,
        computed: probed.computed.as_deref(),
        zone: &zone,
        has_mode: SCHEDULE.key("mode").is_some_and(|key| key.need != Need::Later),
    };
    let text = text::draft(&parts, &found);
    let Found { mut doubts, .. } = found;
    doubts.push(format!("`timezone` is `{zone}`: times without an offset count there"));
    Ok(Draft { name: name_of(ask.source), text, doubts })
}

/// A calendar has no field for a phone: people write it into the event.
fn calendar_phone(probed: &mut Probed, sample: &mut Sample) {
    let pattern = r"[+(]?[0-9][0-9 ()./-]{6,}[0-9]";
    let Ok(regex) = regex::Regex::new(pattern) else { return };
    let fields = ["description", "summary", "location", "attendee"];
    let places: Vec<Option<usize>> =
        fields.iter().map(|field| sample.columns.iter().position(|name| name == field)).collect();
    let number = |row: &Vec<Option<String>>, place: &Option<usize>| {
        let text = row.get((*place)?)?.as_deref()?;
        regex.find(text).map(|found| found.as_str().to_owned())
    };
    let count = |place: &Option<usize>| sample.rows.iter().filter(|row| number(row, place).is_some()).count();
    let best = (0..fields.len()).max_by_key(|at| (count(&places[*at]), std::cmp::Reverse(*at)));
    let Some(best) = best.filter(|at| count(&places[*at]) > 0) else { return };
    probed.computed =
        Some(format!("phone = \"{{{{ {} | find('{pattern}') }}}}\"  # the first number in the event", fields[best]));
    let numbers: Vec<Option<String>> = sample.rows.iter().map(|row| number(row, &places[best])).collect();
    sample.columns.push("phone".to_owned());
    for (row, number) in sample.rows.iter_mut().zip(numbers) {
        row.push(number);
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

/// Of series in calendars the next two months.
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
