//! pure: fourteen days of a schedule's runs as a strip of marks.

use std::collections::{HashMap, HashSet};

use askama::Template;
use jiff::civil::Date;

use super::moments::Moments;
use crate::ledger::RunRow;
use crate::reminder::{RunKind, RunState};

/// How many days a strip has.
pub const STRIP_DAYS: i32 = 14;

/// One day of the strip.
#[derive(Debug, Clone)]
pub struct DayMark {
    /// The distance from the left.
    pub x: usize,
    /// The day.
    pub day: String,
    /// What its runs came to.
    pub said: String,
    /// A letter, for whoever sees no colours.
    pub letter: &'static str,
    /// A word for its colour.
    pub kind: &'static str,
}

/// The strip of one schedule.
#[derive(Template)]
#[template(path = "strip.html")]
pub struct RunStrip {
    schedule: String,
    link: String,
    days: Vec<DayMark>,
    width: usize,
}

// drawn by a template that escapes what it is given
impl askama::filters::HtmlSafe for RunStrip {}

/// The first day of a strip that ends today.
#[must_use]
pub fn first_day(today: Date) -> Date {
    today.checked_sub(jiff::Span::new().days(STRIP_DAYS - 1)).unwrap_or(today)
}

impl RunStrip {
    /// The strip of a schedule's runs, by the days of their nominal times. Runs of the versions `shadow_texts` called nobody.
    #[must_use]
    pub fn of(schedule: &str, runs: &[RunRow], shadow_texts: &HashSet<String>, moments: &Moments) -> Self {
        let zone = moments.zone(Some(schedule));
        let today = zone.date(moments.now());
        let mut by_day: HashMap<Date, Vec<&RunRow>> = HashMap::new();
        runs.iter().for_each(|run| by_day.entry(zone.date(run.nominal_at)).or_default().push(run));
        let mut days = Vec::new();
        let mut day = first_day(today);
        for place in 0..usize::try_from(STRIP_DAYS).unwrap_or_default() {
            let of_day = by_day.get(&day).map_or(&[][..], Vec::as_slice);
            days.push(mark(place, moments.day(day), of_day, shadow_texts));
            day = day.tomorrow().unwrap_or(day);
        }
        let link = super::links::schedule(schedule);
        Self { schedule: schedule.to_owned(), link, width: days.len() * DAY_WIDTH, days }
    }
}

/// Width of a day with the gap beside it.
const DAY_WIDTH: usize = 22;

fn mark(place: usize, day: String, runs: &[&RunRow], shadow_texts: &HashSet<String>) -> DayMark {
    let worst = runs.iter().max_by_key(|run| severity(run.state)).map(|run| run.state);
    let (letter, kind, state) = match worst {
        None => ("", "none", "no run"),
        Some(RunState::Done) => ("✓", "good", "done"),
        Some(RunState::Running) => ("…", "plain", "at work"),
        Some(RunState::Waiting) => ("w", "unsure", "waits for its source"),
        Some(RunState::Held) => ("h", "unsure", "held"),
        Some(RunState::Skipped) => ("–", "unsure", "left out"),
        Some(RunState::Missed) => ("m", "bad", "missed"),
        Some(RunState::Failed) => ("!", "bad", "failed"),
    };
    let said = match (runs, worst) {
        (_, None) => state.to_owned(),
        ([run], Some(_)) => format!("{state}, {}{}", planned(runs, shadow_texts), by_hand(&[run])),
        (_, Some(_)) => {
            let planned = planned(runs, shadow_texts);
            format!("{} runs{}, the worst: {state}; {planned}", runs.len(), by_hand(runs))
        }
    };
    DayMark { x: place * DAY_WIDTH, day, said, letter, kind }
}

/// What the runs of a day have planned: `2 planned`, in shadow mode `2 would have been called`; with the count of each run where
/// there are several.
fn planned(runs: &[&RunRow], shadow_texts: &HashSet<String>) -> String {
    // a run counts whoever waits since an earlier one as planned again: a sum would count them twice
    let counts = |of: &[&&RunRow]| of.iter().map(|run| run.counts.planned.to_string()).collect::<Vec<_>>().join(", ");
    let (shadow, live): (Vec<_>, Vec<_>) = runs.iter().partition(|run| shadow_texts.contains(&run.text_hash));
    let parts = [(live, "planned"), (shadow, "would have been called")];
    let parts = parts.iter().filter(|(of, _)| !of.is_empty()).map(|(of, words)| format!("{} {words}", counts(of)));
    parts.collect::<Vec<_>>().join("; ")
}

/// How many of them somebody triggered.
fn by_hand(runs: &[&RunRow]) -> String {
    match runs.iter().filter(|run| run.kind == RunKind::Trigger).count() {
        0 => String::new(),
        _ if runs.len() == 1 => ", triggered by hand".to_owned(),
        count => format!(" ({count} triggered by hand)"),
    }
}

/// How severe a run's state is: of several runs of a day the most severe is shown.
const fn severity(state: RunState) -> u8 {
    match state {
        RunState::Done => 0,
        RunState::Running => 1,
        RunState::Skipped => 2,
        RunState::Waiting => 3,
        RunState::Missed => 4,
        RunState::Held => 5,
        RunState::Failed => 6,
    }
}
