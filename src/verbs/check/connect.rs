//! shell: `check --connect`: reads the whole source, checks its starts as a column, and connects to the target's host.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::columns::{against, source_span};
use super::found::FoundColumns;
use super::{CheckAsk, Checked, sample};
use crate::appointment::dates::{self, DateGuess};
use crate::appointment::{DateFormat, StartColumns};
use crate::http::{HttpRequest, Sent};
use crate::row::{Column, Record, RecordSink, Row};
use crate::schedule::{Leads, SourceSpec, TargetSpec, lookup};
use crate::settings::TextOrSecret;
use crate::sources::{self, ReadWindow};
use crate::targets::account::AccountApi;
use crate::verbs::account::unknown_agent;

/// Maximum distinct starts from which a format is guessed.
const MAX_STARTS: usize = 20_000;

pub fn check(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    let source = sources::open(checked.schedule, ask.tools.clone());
    let mapped = checked.schedule.mapped_columns();
    let mut seen = SourceSample {
        starts_at: &checked.schedule.appointment.starts_at,
        starts: BTreeSet::new(),
        columns: Vec::new(),
        mapped: mapped.into_iter().cloned().map(|column| (column, None)).collect(),
        found: FoundColumns::of(checked.schedule, ask.zones),
        first: Vec::new(),
    };
    let read = source.read(&window(checked, ask), &mut seen);
    let SourceSample { starts, columns, mapped, found, first, .. } = seen;
    let texts: Vec<&str> = starts.iter().map(String::as_str).collect();
    let format = &checked.schedule.appointment.date_format;
    let odd: Vec<&str> = texts.iter().copied().filter(|text| dates::read(text, format).is_none()).collect();
    let odd = OddStarts { format, all: &texts, odd: &odd, places: found.odd_places() };
    checked.columns = found.reports(|| odd.proposal());
    let known_before = checked.problems.count();
    // Local sources had their columns checked by their headers already.
    if matches!(checked.schedule.source, SourceSpec::Http(_)) && !columns.is_empty() {
        against(checked, &columns);
    }
    match read {
        // a mapped column that no row has was reported where it is mapped
        Err(error) if error.key == Some("items") && checked.problems.count() > known_before => {}
        Err(error) => {
            let span = source_span(checked, error.key);
            checked
                .problems
                .error("unreadable-source", span, error.message)
                .help("nobody is called while it can't be read");
        }
        Ok(report) => {
            doubts(checked, report.notes.iter().chain(&report.hints));
            nested(checked, &mapped);
            formats(checked, &odd);
            if matches!(checked.schedule.source, SourceSpec::Http(_))
                && !first.is_empty()
                && !checked.problems.has_errors()
            {
                sample::of_rows(checked, ask, &first);
            }
        }
    }
    host(checked, ask);
}

/// What the read itself has doubts about.
fn doubts<'d>(checked: &mut Checked<'_>, doubts: impl Iterator<Item = &'d String>) {
    for doubt in doubts {
        let span = source_span(checked, Some("paging"));
        checked.problems.warning("source-doubt", span, doubt.clone());
    }
}

/// Reports mapped places that hold an object or a list, with what is likely meant.
fn nested(checked: &mut Checked<'_>, mapped: &[(Column, Option<String>)]) {
    for node in lookup::mapped_columns(&checked.root) {
        let of_node = mapped.iter().find(|(column, _)| Some(column.as_str()) == node.text());
        if let Some((_, Some(sentence))) = of_node {
            checked
                .problems
                .error("nested-column", node.span.clone(), sentence.clone())
                .help("a column must hold a text, a number or a truth value");
        }
    }
}

/// The starts from today to the furthest lead, in whole days of the schedule's zone.
pub fn window(checked: &Checked<'_>, ask: &CheckAsk<'_>) -> ReadWindow {
    let schedule = checked.schedule;
    let day = schedule.zone.date(ask.now);
    let furthest = match &schedule.remind.leads {
        Leads::Days(days) => days.iter().copied().max().unwrap_or(0),
        Leads::Hours(hours) => hours.iter().copied().max().unwrap_or(0) / 24 + 1,
        Leads::Now => 0,
    };
    let last = day.saturating_add(jiff::Span::new().days(i64::from(furthest) + 1));
    ReadWindow { from: schedule.zone.day_start(day), until: schedule.zone.day_start(last), day, now: ask.now }
}

/// What a read shows of a source: its starts as texts, its columns, and mapped ones that hold more than a scalar.
struct SourceSample<'a> {
    starts_at: &'a StartColumns,
    starts: BTreeSet<String>,
    columns: Vec<String>,
    mapped: Vec<(Column, Option<String>)>,
    found: FoundColumns<'a>,
    /// The first rows, whole.
    first: Vec<Row>,
}

impl SourceSample<'_> {
    fn add_columns<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        for name in names {
            if !self.columns.iter().any(|column| column == name) {
                self.columns.push(name.to_owned());
            }
        }
    }
}

impl RecordSink for SourceSample<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        if self.first.len() < sample::MAX_ROWS {
            self.first.extend(record.to_row());
        }
        match record {
            Record::Tree(tree) => self.add_columns(tree.keys().map(String::as_str)),
            Record::Json(row) => self.add_columns(row.members().map(|(name, _)| name)),
            Record::Text { header, .. } if self.columns.is_empty() => self.columns = header.names().to_vec(),
            Record::Text { .. } | Record::Broken(_) => {}
        }
        self.found.count(number, &record);
        for (column, sentence) in self.mapped.iter_mut().filter(|(_, sentence)| sentence.is_none()) {
            *sentence = record.nested(column).map(|value| column.nested_sentence(&value));
        }
        let start = match self.starts_at {
            StartColumns::One(column) => record.text(column).map(std::borrow::Cow::into_owned),
            StartColumns::DateAndTime { date, time } => {
                record.text(date).zip(record.text(time)).map(|(date, time)| format!("{date} {time}"))
            }
            StartColumns::Receipt => None,
        };
        if self.starts.len() < MAX_STARTS {
            self.starts.extend(start);
        }
        ControlFlow::Continue(())
    }
}

/// Looks at the whole column: what the format can't read, and which format would.
fn formats(checked: &mut Checked<'_>, starts: &OddStarts<'_>) {
    let format = starts.format;
    if starts.odd.is_empty() {
        return;
    }
    let span = match format {
        DateFormat::Iso => checked.span(&["appointment", "starts_at"]),
        DateFormat::Patterns(_) | DateFormat::Excel | DateFormat::Epoch | DateFormat::EpochMs => {
            checked.span(&["appointment", "date_format"])
        }
    };
    let wanted = match format {
        DateFormat::Iso => "ISO 8601",
        DateFormat::Patterns(_) | DateFormat::Excel | DateFormat::Epoch | DateFormat::EpochMs => "`date_format`",
    };
    let message = format!("{} of {} different starts don't fit {wanted}", starts.odd.len(), starts.all.len());
    checked.problems.error("date-format", span, message).help(starts.proposal());
}

/// The starts of a column, and those of them that the format in force doesn't read.
pub struct OddStarts<'a> {
    pub format: &'a DateFormat,
    pub all: &'a [&'a str],
    pub odd: &'a [&'a str],
    /// Where the first odd ones are, for people; may be unknown.
    pub places: String,
}

impl OddStarts<'_> {
    /// What to write: a format that reads every start, or what to do about the odd ones where there is none.
    pub fn proposal(&self) -> String {
        let of_all = proposal(self.all);
        let guess = guess(self.all);
        let is_read = match guess.format {
            DateGuess::Proposed(_) | DateGuess::Ambiguous(..) => guess.left_out == 0,
            DateGuess::Mixed | DateGuess::Unknown => false,
        };
        if is_read || self.odd.len() == self.all.len() {
            return of_all;
        }
        let places = if self.places.is_empty() { String::new() } else { format!(" ({})", self.places) };
        let list = self.list().map(|list| format!(", or write `date_format = [{list}]`")).unwrap_or_default();
        format!("the format in force reads the others: correct the odd ones in the source{places}{list}")
    }

    /// The formats in force with one for the odd starts, which is tried last.
    fn list(&self) -> Option<String> {
        let DateFormat::Patterns(patterns) = self.format else { return None };
        let Guess { format: DateGuess::Proposed(format), suffix: "", left_out: 0 } = guess(self.odd) else {
            return None;
        };
        let is_pattern = format.contains('%');
        let list = patterns.iter().chain([&format]).map(|pattern| format!("\"{pattern}\"")).collect::<Vec<_>>();
        is_pattern.then(|| list.join(", "))
    }
}

/// What to write, or why nothing can be written yet.
#[must_use]
pub fn proposal(starts: &[&str]) -> String {
    let Guess { format: guess, suffix, left_out } = guess(starts);
    let pattern = |guessed: &str| guessed.strip_suffix(suffix).unwrap_or(guessed).to_owned();
    let no_time = if suffix.is_empty() {
        ""
    } else {
        "; there is no time of day: name its column too, `starts_at = { date = \"…\", time = \"…\" }`"
    };
    let every = match left_out {
        0 => "every start".to_owned(),
        few => format!("every start but {few}, which are no dates,"),
    };
    match guess {
        DateGuess::Proposed(format) if format == "iso8601" && !suffix.is_empty() => {
            "they are dates without a time of day: name its column too, `starts_at = { date = \"…\", time = \"…\" }`"
                .to_owned()
        }
        DateGuess::Proposed(format) if format == "iso8601" => {
            format!("{every} is ISO 8601: remove `date_format`{no_time}")
        }
        DateGuess::Proposed(format) => {
            format!("{every} fits: write `date_format = \"{}\"`{no_time}", pattern(&format))
        }
        DateGuess::Ambiguous(one, other) => format!(
            "two readings fit {every}: `date_format = \"{}\"` or `date_format = \"{}\"`: \
             ask whoever writes the source which is meant{no_time}",
            pattern(&one),
            pattern(&other)
        ),
        DateGuess::Mixed => "the column is mixed: some starts can only be read one way, others only another; \
                             have the source write one form, or list the formats in `date_format`"
            .to_owned(),
        DateGuess::Unknown => match starts.first().and_then(|start| dates::remedy_without_format(start)) {
            Some(remedy) => remedy,
            None => "no common format fits every start: write a strftime pattern, such as `date_format = \"%d/%m/%Y %H:%M\"`"
                .to_owned(),
        },
    }
}

/// What a column's starts have in common.
struct Guess {
    format: DateGuess,
    /// What was put behind every text to get it: dates alone are guessed with a time after them.
    suffix: &'static str,
    /// Starts that are no dates at all.
    left_out: usize,
}

fn guess(starts: &[&str]) -> Guess {
    let has_time = |format: &str| {
        ["iso8601", "excel", "epoch", "epoch_ms"].contains(&format)
            || ["%H", "%I", "%k", "%l", "%T", "%R", "%s"].iter().any(|hour| format.contains(hour))
    };
    let (guessed, left_out) = dates::guess_of_most(starts);
    let is_date_alone = matches!(&guessed, DateGuess::Proposed(format) if !has_time(format));
    match guessed {
        DateGuess::Proposed(_) | DateGuess::Unknown if is_date_alone || guessed == DateGuess::Unknown => {
            let with_time: Vec<String> = starts.iter().map(|text| format!("{} 09:00", text.trim())).collect();
            let (format, left_out) = dates::guess_of_most(&with_time);
            Guess { format, suffix: " %H:%M", left_out }
        }
        format => Guess { format, suffix: "", left_out },
    }
}

/// Asks the target's host for nothing (`HEAD /`): it shows that there is a way, and places no call.
fn host(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    let Some((span, url)) = target_origin(checked, ask) else { return };
    let request = HttpRequest {
        method: reqwest::Method::HEAD,
        url,
        headers: Vec::new(),
        body: bytes::Bytes::new(),
        timeout: Duration::from_secs(10),
        max_bytes: 1_024,
    };
    let problem = match ask.tools.runtime.block_on(ask.tools.http.send(request)) {
        Sent::Answered(_) => return agent(checked, ask),
        Sent::NotSent { detail, .. } | Sent::Unknown { detail, .. } => detail,
    };
    checked
        .problems
        .error("unreachable-host", span, format!("the target's host can't be reached: {problem}"))
        .help("check its name, the network and the firewall; nothing was sent");
}

/// Whether the account has the agent that is to call. Missing credentials are reported elsewhere.
fn agent(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    let TargetSpec::Call { agent, account, .. } = &checked.schedule.target else { return };
    let secrets = &ask.tools.secrets;
    let (Ok(agent), Ok(api)) = (secrets.text(agent), AccountApi::open(account, ask.accounts.get(account), secrets))
    else {
        return;
    };
    let sentence = match ask.tools.runtime.block_on(api.agents(&ask.tools.http)) {
        Ok(agents) => agents.and_then(|agents| unknown_agent(agent.expose_secret(), &agents)),
        Err(error) => Some(error.message),
    };
    if let Some(sentence) = sentence {
        let span = checked.span(&["target", "call"]);
        let help = "`tickler agents` lists the agents of the account";
        checked.problems.error("unknown-agent", span, sentence).help(help);
    }
}

/// The target's scheme, host and port; `None` when its secret isn't set, which is reported elsewhere.
fn target_origin(checked: &Checked<'_>, ask: &CheckAsk<'_>) -> Option<(std::ops::Range<usize>, url::Url)> {
    let (path, url): (&[&str], String) = match &checked.schedule.target {
        TargetSpec::Automation { url, .. } => {
            let url = TextOrSecret::Secret(url.clone());
            (&["target", "automation", "url"], ask.tools.secrets.text(&url).ok()?.expose_secret().to_owned())
        }
        TargetSpec::Webhook(spec) => {
            (&["target", "webhook", "url"], ask.tools.secrets.text(&spec.url).ok()?.expose_secret().to_owned())
        }
        TargetSpec::Call { account, .. } => (&["target", "call"], ask.accounts.get(account)?.base_url.to_string()),
    };
    let mut url = url::Url::parse(&url).ok()?;
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    let _had_userinfo = (url.set_username(""), url.set_password(None));
    Some((checked.span(path), url))
}
