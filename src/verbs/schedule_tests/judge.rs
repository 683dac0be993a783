//! pure: plans the rows of a test, and compares the plan with what the test expects.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::convert::Infallible;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::file::{ExpectedCall, PlacedValue, ScheduleTest};
use crate::appointment::mapping::Mapping;
use crate::appointment::phone;
use crate::personal::Personal;
use crate::plan::{
    Knowledge, LastCalledStarts, Occasion, OptOuts, Plan, PlanRequest, PlannedReminder, SkippedRow, WatchedLead, plan,
};
use crate::reminder::{ReminderId, SkipReason, uuid_v7};
use crate::row::{Header, Line, Record, RecordSink, scalar_text};
use crate::schedule::{Schedule, SourceSpec, spanned};
use crate::sources;
use crate::zones::Zones;

/// What a test is judged with besides its own text.
#[derive(Debug, Clone)]
pub struct JudgeInputs {
    /// The schedule with the holidays of its calendar files.
    pub schedule: Arc<Schedule>,
    /// Zones that rows may name.
    pub zones: Zones,
    /// The schedule's own do-not-call list, E.164.
    pub do_not_call: HashSet<Personal>,
}

/// Something that a plan has otherwise than its test expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Where the test expects otherwise.
    pub span: Range<usize>,
    /// What was planned instead.
    pub message: String,
}

/// Guards that a test asks only when it expects one of them: its few rows are no usual table.
const GUARDS: [&str; 4] = ["max_age", "max_invalid", "max_change", "max_calls"];

/// Plans rows as the schedule would at that moment, the ledger knowing nobody.
#[must_use]
pub fn plan_of(test: &ScheduleTest, bench: &JudgeInputs) -> Plan {
    let waived = if test.held.is_some() { Vec::new() } else { GUARDS.map(str::to_owned).to_vec() };
    let listed: HashSet<Personal> = test.opted_out.iter().cloned().collect();
    let opted_out = if listed.is_empty() {
        OptOuts::default()
    } else {
        OptOuts::new(move |phone| listed.iter().any(|listed| listed.as_str() == phone))
    };
    let request = PlanRequest {
        schedule: Arc::clone(&bench.schedule),
        occasion: Occasion { waived, ..Occasion::at(test.now) },
        knowledge: Arc::new(Knowledge {
            opted_out,
            previous_evaluation: test.previous_run,
            seen_until: test.previous_run,
            watched_leads: watched_since(&bench.schedule, test.previous_run),
            ..Knowledge::default()
        }),
        zones: bench.zones.clone(),
        do_not_call: bench.do_not_call.clone(),
        explained: None,
    };
    let read = |sink: &mut dyn RecordSink| -> Result<(), Infallible> {
        let mut computing = sources::computing(&bench.schedule, sink);
        feed(&test.rows, &bench.schedule.source, &mut computing);
        Ok(())
    };
    match plan(request, read, |_| Ok(LastCalledStarts::new()), &mut ids(test.now)) {
        Ok((plan, ())) => plan,
        Err(never) => match never {},
    }
}

/// The run before the test read the source and found none of its rows.
fn watched_since(schedule: &Schedule, previous_run: Option<Timestamp>) -> Vec<WatchedLead> {
    previous_run.map_or_else(Vec::new, |at| WatchedLead::all_since(schedule, at))
}

/// What tells a row's appointment from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowKey {
    /// The appointment's id, where the row has one.
    pub id: Option<String>,
    /// Its start (UTC), where it can be read.
    pub starts_at: Option<Timestamp>,
}

impl RowKey {
    /// The key of one record.
    pub fn of(mapping: &mut Mapping, record: &Record<'_>) -> Self {
        let starts_at = mapping.start(record).ok().map(|start| start.at);
        Self { id: mapping.id(record).map(std::borrow::Cow::into_owned), starts_at }
    }
}

/// The keys of a test's rows, in their order.
#[must_use]
pub fn keys_of(test: &ScheduleTest, bench: &JudgeInputs) -> Vec<RowKey> {
    struct Keys(Mapping, Vec<RowKey>);
    impl RecordSink for Keys {
        fn record(&mut self, _number: u64, record: Record<'_>) -> ControlFlow<()> {
            self.1.push(RowKey::of(&mut self.0, &record));
            ControlFlow::Continue(())
        }
    }
    let schedule = &bench.schedule;
    let mut keys = Keys(Mapping::new(&schedule.appointment, &schedule.zone, &bench.zones), Vec::new());
    feed(&test.rows, &schedule.source, &mut sources::computing(schedule, &mut keys));
    keys.1
}

/// Ids that are the same whenever a test is run.
fn ids(now: Timestamp) -> impl FnMut() -> ReminderId {
    let mut count = 0_u16;
    move || {
        count = count.wrapping_add(1);
        let [high, low] = count.to_be_bytes();
        ReminderId(uuid_v7(now, [0, 0, 0, 0, 0, 0, 0, 0, high, low]))
    }
}

/// Gives rows to a sink in the way the source would: a text table has texts alone.
fn feed(rows: &[Map<String, Value>], source: &SourceSpec, sink: &mut dyn RecordSink) {
    let mut names: Vec<String> = Vec::new();
    for name in rows.iter().flat_map(Map::keys) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let header = Arc::new(Header::new(names.clone()));
    for (place, row) in rows.iter().enumerate() {
        let number = place as u64 + 1;
        let _goes_on = if source.has_lines() {
            let cell = |name: &String| row.get(name).and_then(scalar_text).unwrap_or_default();
            let line: Line = names.iter().map(cell).collect();
            sink.record(number, Record::Text { header: &header, fields: line.fields() })
        } else {
            // TOML has no null: a column that another row has is null where it is left out
            let value = |name: &String| (name.clone(), row.get(name).cloned().unwrap_or(Value::Null));
            sink.record(number, Record::Tree(&names.iter().map(value).collect()))
        };
    }
}

/// Everything in which the plan of a test's rows differs from what the test expects.
#[must_use]
pub fn judge(test: &ScheduleTest, bench: &JudgeInputs) -> Vec<Deviation> {
    let plan = plan_of(test, bench);
    let mut found: Vec<Deviation> = missing_keys(test, &bench.schedule).collect();
    calls(test, &plan, bench, &mut found);
    skips(test, &plan, &mut found);
    if let Some(PlacedValue { span, value }) = &test.outside
        && *value != plan.counts.outside_window
    {
        let message = format!("{} rows are outside the window", plan.counts.outside_window);
        found.push(Deviation { span: span.clone(), message });
    }
    if let Some(PlacedValue { span, value }) = &test.held {
        let holding: Vec<&str> = plan.held.iter().flat_map(crate::plan::Held::guards).collect();
        if !holding.contains(&value.as_str()) {
            let message = match &plan.held {
                Some(held) => format!("the run is held by {}: {}", holding.join(" and "), held.detail),
                None => "no guard holds the run".to_owned(),
            };
            found.push(Deviation { span: span.clone(), message });
        }
    }
    found
}

/// Keys that the test wants and the schedule doesn't have.
fn missing_keys<'t>(test: &'t ScheduleTest, schedule: &Schedule) -> impl Iterator<Item = Deviation> + use<'t> {
    let has = keys_in(schedule, test.must_have.iter().map(|key| key.value.as_str()));
    test.must_have.iter().filter(move |key| !has.contains(&key.value)).map(|PlacedValue { span, value }| {
        let message = format!("the schedule has no `{value}` any more");
        Deviation { span: span.clone(), message }
    })
}

/// Those of the given keys (such as `remind.do_not_call`) that the schedule's file has.
pub fn keys_in<'k>(schedule: &Schedule, keys: impl Iterator<Item = &'k str>) -> BTreeSet<String> {
    let (root, _) = spanned::read(&schedule.text);
    let has = |key: &&str| key.split('.').try_fold(&root, |node, part| node.get(part)).is_some();
    keys.filter(has).map(str::to_owned).collect()
}

fn calls(test: &ScheduleTest, plan: &Plan, bench: &JudgeInputs, found: &mut Vec<Deviation>) {
    let Some(expected) = &test.calls else { return };
    let mut left: Vec<&PlannedReminder> = plan.reminders.iter().collect();
    for PlacedValue { span, value } in &expected.value {
        let is_it = |call: &&PlannedReminder| {
            call.appointment_id == value.id && value.lead.is_none_or(|lead| lead == call.lead)
        };
        let Some(place) = left.iter().position(is_it) else {
            let message = format!("`{}` is not called{}", value.id, fate(plan, &value.id));
            found.push(Deviation { span: span.clone(), message });
            continue;
        };
        let call = left.remove(place);
        let differing = differences(value, call, bench);
        found.extend(differing.into_iter().map(|message| Deviation { span: span.clone(), message }));
    }
    for call in left {
        let message = format!("`{}` is called, too ({})", call.appointment_id, call.lead);
        found.push(Deviation { span: expected.span.clone(), message });
    }
}

fn differences(expected: &ExpectedCall, call: &PlannedReminder, bench: &JudgeInputs) -> Vec<String> {
    let mut found = Vec::new();
    let id = &expected.id;
    if expected.at.is_some_and(|at| at != call.send_at) {
        found.push(format!("`{id}` is called at {}", bench.schedule.zone.rfc3339(call.send_at)));
    }
    if let Some(wanted) = &expected.payload {
        let (wanted, sent) = (without_nulls(wanted), without_nulls(&call.payload.to_value().unwrap_or_default()));
        match (wanted, sent) {
            (Value::Object(wanted), Value::Object(sent)) => found.extend(fields(id, &wanted, &sent)),
            (wanted, sent) if wanted != sent => found.push(format!("`{id}`: the payload is {sent}")),
            _ => {}
        }
    }
    found
}

/// Each field of a payload that differs.
fn fields(id: &str, wanted: &Map<String, Value>, sent: &Map<String, Value>) -> Vec<String> {
    let names: BTreeMap<&String, ()> = wanted.keys().chain(sent.keys()).map(|name| (name, ())).collect();
    let differing = names.into_keys().filter(|name| wanted.get(*name) != sent.get(*name));
    let sentence = |name: &String| match sent.get(name) {
        Some(value) => format!("`{id}`: the payload has `{name}` = {value}"),
        None => format!("`{id}`: the payload has no `{name}`"),
    };
    differing.map(sentence).collect()
}

/// The value without fields that are null: TOML has no null, so a test may leave them out.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn skips(test: &ScheduleTest, plan: &Plan, found: &mut Vec<Deviation>) {
    let Some(expected) = &test.skips else { return };
    let mut left: Vec<&SkippedRow> = plan.skipped.iter().collect();
    for PlacedValue { span, value } in &expected.value {
        let is_it = |row: &&SkippedRow| row.reason == value.reason && is_row(row, &value.which);
        match left.iter().position(is_it) {
            Some(place) => drop(left.remove(place)),
            None => {
                let is_called = plan.reminders.iter().any(|call| call.appointment_id == value.which);
                let fate = if is_called { ": it is called".to_owned() } else { fate(plan, &value.which) };
                let message = format!("`{}` is not skipped as {}{fate}", value.which, value.reason);
                found.push(Deviation { span: span.clone(), message });
            }
        }
    }
    for row in left {
        let which = row.appointment_id.clone().unwrap_or_else(|| format!("row {}", row.row));
        let is_about_phone = row.reason == SkipReason::InvalidPhone;
        let detail = if is_about_phone { phone::masked(&row.detail) } else { row.detail.as_str().into() };
        let message = format!("`{which}` is skipped, too: {} ({detail})", row.reason);
        found.push(Deviation { span: expected.span.clone(), message });
    }
}

fn is_row(row: &SkippedRow, which: &str) -> bool {
    row.appointment_id.as_deref() == Some(which) || which.strip_prefix("row ") == Some(&row.row.to_string())
}

/// Why an appointment is not called, for people.
fn fate(plan: &Plan, which: &str) -> String {
    let skipped = plan.skipped.iter().find(|row| is_row(row, which));
    skipped.map_or_else(
        || ": no row of it is in the window".to_owned(),
        |row| format!(": {} ({})", row.reason, row.detail),
    )
}
