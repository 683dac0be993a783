//! shell: `audit compare`: the calls of the log beside another system's list: who only here, who only there, and why.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::Serialize;

use super::{App, VerbError, VerbResult, audit};
use crate::appointment::{PhoneProblem, phone};
use crate::audit::{AuditFilter, AuditRow, Event, times};
use crate::disk::{self, Links};
use crate::formats::{self, FormatAsk, ReadWindow, Wanted};
use crate::ledger::RunsAsk;
use crate::personal::Personal;
use crate::row::{Column, Record, RecordSink};
use crate::schedule::{CsvDialect, FormatSpec, Schedule};
use crate::zones::Zone;

/// A list of more bytes is none of calls.
const MAX_LIST: u64 = 64 << 20;

/// The part of the log that is compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct ComparedTime {
    /// At or after (UTC); the list's first day unless set.
    pub since: Option<Timestamp>,
    /// Before (UTC); the end of the list's last day unless set.
    pub until: Option<Timestamp>,
}

/// Two lists of calls side by side.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The schedule's name.
    pub schedule: String,
    /// The beginning of the time that was compared, with the schedule's offset.
    pub since: String,
    /// Its end.
    pub until: String,
    /// Calls that both have.
    pub both: usize,
    /// Calls that only this log has.
    pub only_here: Vec<ComparedCall>,
    /// Calls that only the other list has.
    pub only_there: Vec<ComparedCall>,
    /// Why the log has nothing to compare, where it has no run of that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A call that only one of the lists has.
#[derive(Debug, Clone, Serialize)]
pub struct ComparedCall {
    /// The appointment's id, where the list has it.
    pub appointment_id: Option<String>,
    /// The last four digits of the phone, where the list has it.
    pub phone_last4: Option<String>,
    /// When it was made, or would have been, with the schedule's offset.
    pub called_at: String,
    /// Why the other list doesn't have it, as far as the two show.
    pub why: String,
}

/// A call of the other system's list.
struct ListedCall {
    appointment_id: Option<String>,
    phone: Option<Personal>,
    at: Timestamp,
}

/// A call of the log.
struct LoggedCall<'a> {
    row: &'a AuditRow,
    is_matched: bool,
}

/// Compares the calls of a schedule with a list of another system.
///
/// # Errors
/// When the list or the ledger can't be read.
pub async fn compare(app: &App, name: &str, file: &Path, time: ComparedTime) -> VerbResult<Comparison> {
    let schedule = app.schedule(name)?;
    let listed = listed(&schedule, file)?;
    let (since, until) = bounds(&schedule.zone, &listed, time);
    let filter = AuditFilter {
        schedule: Some(name.to_owned()),
        since: Some(since),
        until: Some(until),
        ..AuditFilter::default()
    };
    let rows = audit::list(app, filter.clone()).await?;
    let mut of_phone: BTreeMap<Personal, HashSet<u64>> = BTreeMap::new();
    for phone in listed.iter().filter(|call| call.appointment_id.is_none()).filter_map(|call| call.phone.clone()) {
        if let Entry::Vacant(place) = of_phone.entry(phone) {
            let filter = AuditFilter { phone: Some(place.key().clone()), ..filter.clone() };
            place.insert(audit::list(app, filter).await?.into_iter().map(|row| row.seq).collect());
        }
    }
    let within: Vec<&ListedCall> = listed.iter().filter(|call| since <= call.at && call.at < until).collect();
    let no_run = if rows.iter().any(is_of_run) { None } else { Some(no_run(app, &schedule).await?) };
    let compared = Compared { schedule: &schedule, rows: &rows, of_phone: &of_phone, has_runs: no_run.is_none() };
    Ok(Comparison { note: no_run, ..compared.sides(&within, (since, until)) })
}

/// Whether a row of the log is about a run, also one that decided nothing.
fn is_of_run(row: &AuditRow) -> bool {
    row.run_id.is_some() || matches!(row.event, Event::RunHeld | Event::RunMissed | Event::RunSkipped)
}

/// Says that the log has no run of that time, and what to do.
async fn no_run(app: &App, schedule: &Schedule) -> VerbResult<String> {
    let name = &schedule.name;
    let last = match &app.env.ledger {
        Some(ledger) => ledger.runs(RunsAsk::Latest(vec![name.clone()])).await?.pop(),
        None => None,
    };
    Ok(match last {
        None => format!(
            "the log has no run of `{name}`: let the service make its runs (`mode = \"shadow\"` calls nobody), and compare \
             then. Runs under `--now` or `--trial` are in the trial's ledger: `--trial` compares with that one"
        ),
        Some(last) => format!(
            "the log has no run of `{name}` in this time; its last run was for {}. Compare with a list of days on which it ran",
            schedule.zone.rfc3339(last.nominal_at)
        ),
    })
}

/// The whole days of the schedule's zone in which the list's calls lie, unless `time` says otherwise.
fn bounds(zone: &Zone, listed: &[ListedCall], time: ComparedTime) -> (Timestamp, Timestamp) {
    let first = listed.iter().map(|call| call.at).min().unwrap_or(Timestamp::UNIX_EPOCH);
    let last = listed.iter().map(|call| call.at).max().unwrap_or(first);
    let since = time.since.unwrap_or_else(|| zone.day_start(zone.date(first)));
    let until = time.until.unwrap_or_else(|| zone.day_start(zone.date(last).saturating_add(1.days())));
    (since, until)
}

/// What the two lists are compared with.
struct Compared<'a> {
    schedule: &'a Schedule,
    rows: &'a [AuditRow],
    /// For each phone, the rows of the log about it.
    of_phone: &'a BTreeMap<Personal, HashSet<u64>>,
    /// Whether the log has a run of that time.
    has_runs: bool,
}

impl Compared<'_> {
    fn sides(&self, listed: &[&ListedCall], (since, until): (Timestamp, Timestamp)) -> Comparison {
        let is_call = |row: &&AuditRow| {
            matches!(row.event, Event::ReminderShadowed | Event::DeliveryUncertain)
                || row.event == Event::DeliveryDelivered && row.reason.as_deref() != Some("sandbox")
        };
        let calls = self.rows.iter().filter(is_call);
        let mut logged: Vec<LoggedCall<'_>> = calls.map(|row| LoggedCall { row, is_matched: false }).collect();
        let mut only_there = Vec::new();
        for call in listed {
            let nearest = logged
                .iter_mut()
                .filter(|logged| !logged.is_matched && self.is_about(logged.row, call))
                .min_by_key(|logged| distance(logged.row.at, call.at));
            match nearest {
                Some(logged) => logged.is_matched = true,
                None => only_there.push(self.only_there(call)),
            }
        }
        let both = listed.len() - only_there.len();
        let only_here =
            logged.iter().filter(|logged| !logged.is_matched).map(|logged| self.only_here(logged.row, listed));
        Comparison {
            schedule: self.schedule.name.clone(),
            since: self.schedule.zone.rfc3339(since),
            until: self.schedule.zone.rfc3339(until),
            both,
            only_here: only_here.collect(),
            only_there,
            note: None,
        }
    }

    /// Whether a row of the log is about the appointment or the phone of a listed call.
    fn is_about(&self, row: &AuditRow, call: &ListedCall) -> bool {
        match (&call.appointment_id, &call.phone) {
            (Some(id), _) => row.appointment_id.as_deref() == Some(id),
            (None, Some(phone)) => self.of_phone.get(phone).is_some_and(|rows| rows.contains(&row.seq)),
            (None, None) => false,
        }
    }

    fn only_here(&self, row: &AuditRow, listed: &[&ListedCall]) -> ComparedCall {
        let others = listed.iter().filter(|call| self.is_about(row, call)).count();
        let why = match others {
            0 => "the list has no call of it".to_owned(),
            count => format!("the list has {count} of its calls, and the log one more"),
        };
        ComparedCall {
            appointment_id: row.appointment_id.as_deref().map(str::to_owned),
            phone_last4: row.phone_last4().map(str::to_owned),
            called_at: self.schedule.zone.rfc3339(row.at),
            why,
        }
    }

    fn only_there(&self, call: &ListedCall) -> ComparedCall {
        ComparedCall {
            appointment_id: call.appointment_id.clone(),
            phone_last4: call.phone.as_deref().map(last4),
            called_at: self.schedule.zone.rfc3339(call.at),
            why: self.why_not_here(call),
        }
    }

    /// The last decision of the log about it, otherwise what kept runs from deciding.
    fn why_not_here(&self, call: &ListedCall) -> String {
        let mut about = self.rows.iter().rev().filter(|row| self.is_about(row, call));
        if let Some(decision) = about.find_map(decision) {
            return decision;
        }
        if !self.has_runs {
            return format!("the log has no run of `{}` in this time", self.schedule.name);
        }
        let day = self.schedule.zone.date(call.at);
        let of_day = self.rows.iter().rev().filter(|row| self.schedule.zone.date(row.at) == day);
        let kept = of_day.filter(|row| {
            matches!(row.event, Event::RunHeld | Event::RunMissed | Event::RunSkipped)
                || row.event == Event::RunFinished && row.reason.as_deref() == Some("failed")
        });
        let why = kept.map(|row| format!("{} on that day{}", row.event, detail(row))).next();
        why.unwrap_or_else(|| {
            "no run had it in its window: the source may not have it, or the leads reach other dates".to_owned()
        })
    }
}

/// A row's detail after a colon.
fn detail(row: &AuditRow) -> String {
    row.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default()
}

/// What a row of the log says of an appointment that isn't called, where it decides that.
fn decision(row: &AuditRow) -> Option<String> {
    let reason = row.reason.as_deref().unwrap_or_default();
    let event = row.event;
    if event == Event::ReminderSkipped {
        Some(format!("{reason}{}", detail(row)))
    } else if event == Event::ReminderCancelled {
        Some(format!("cancelled, {reason}{}", detail(row)))
    } else if event == Event::ReminderExpired {
        Some("it expired before it could be sent".to_owned())
    } else if matches!(event, Event::DeliveryFailed | Event::DeliveryDropped | Event::DeliveryRefused) {
        Some(format!("{event}{}", detail(row)))
    } else if matches!(event, Event::ReminderShadowed | Event::DeliveryDelivered | Event::DeliveryUncertain) {
        Some("the log has its call once, and the list has more".to_owned())
    } else if event == Event::ReminderPlanned {
        Some(format!("planned, not sent yet{}", detail(row)))
    } else {
        None
    }
}

fn distance(one: Timestamp, other: Timestamp) -> SignedDuration {
    one.duration_until(other).abs()
}

fn last4(phone: &str) -> String {
    let digits = phone.chars().count();
    phone.chars().skip(digits.saturating_sub(4)).collect()
}

/// Reads the other system's list. A line that can't be read fails the whole: a comparison of a part would mislead.
fn listed(schedule: &Schedule, file: &Path) -> VerbResult<Vec<ListedCall>> {
    let fail = |what: String| VerbError::Failed(format!("{}: {what}", file.display()));
    let bytes = disk::read(file, Links::Followed, MAX_LIST).map_err(|error| fail(format!("can't be read: {error}")))?;
    let csv = FormatSpec::Csv(CsvDialect::default());
    let header = formats::columns(&csv, &bytes.as_slice(), &Wanted::mapped(&["called_at"]));
    let header = header.map_err(|error| fail(error.to_string()))?.unwrap_or_default();
    let has = |name: &str| header.iter().any(|column| column == name);
    if !has("called_at") || !(has("appointment_id") || has("phone")) {
        return Err(fail("it needs a column `called_at`, and `appointment_id` or `phone`".to_owned()));
    }
    let wanted: Vec<&str> = ["called_at", "appointment_id", "phone"].into_iter().filter(|name| has(name)).collect();
    let wanted = Wanted::mapped(&wanted);
    let epoch = Timestamp::UNIX_EPOCH;
    let window = ReadWindow { from: epoch, until: epoch, day: jiff::civil::date(1970, 1, 1), now: epoch };
    let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &[] };
    let mut sink = ListSink { schedule, calls: Vec::new(), fault: None };
    formats::read(&csv, &bytes.as_slice(), &ask, &mut sink).map_err(|error| fail(error.to_string()))?;
    match sink.fault {
        Some(fault) => Err(fail(fault)),
        None if sink.calls.is_empty() => Err(fail("it has no calls".to_owned())),
        None => Ok(sink.calls),
    }
}

struct ListSink<'a> {
    schedule: &'a Schedule,
    calls: Vec<ListedCall>,
    /// What is wrong with the first line that can't be read.
    fault: Option<String>,
}

impl ListSink<'_> {
    fn call(&self, record: &Record<'_>) -> Result<ListedCall, String> {
        if let Record::Broken(why) = record {
            return Err((*why).to_owned());
        }
        let text = |name: &str| record.text(&Column::new(name)).map(|text| text.trim().to_owned());
        let at = text("called_at").ok_or("`called_at` is empty")?;
        let at = times::read(&at, Timestamp::UNIX_EPOCH, &self.schedule.zone)
            .map_err(|_| "`called_at` is not a valid time: write it as `2026-11-24 09:00`".to_owned())?;
        let appointment_id = text("appointment_id").filter(|id| !id.is_empty());
        let phone =
            match text("phone").map(|text| phone::read(&text, self.schedule.appointment.default_region.as_deref())) {
                None | Some(Err(PhoneProblem::Missing)) => None,
                Some(Ok(phone)) => Some(phone.e164),
                Some(Err(PhoneProblem::Invalid(_))) if appointment_id.is_some() => None,
                Some(Err(PhoneProblem::Invalid(why))) => return Err(format!("`phone`: {}", phone::masked(&why))),
            };
        if appointment_id.is_none() && phone.is_none() {
            return Err("it has neither an appointment's id nor a phone".to_owned());
        }
        Ok(ListedCall { appointment_id, phone, at })
    }
}

impl RecordSink for ListSink<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        match self.call(&record) {
            Ok(call) => self.calls.push(call),
            Err(why) => {
                self.fault = Some(format!("line {number}: {why}"));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}
