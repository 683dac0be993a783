//! shell: `tickler audit stats`: rows counted, or a day, a week, a month in numbers.

use jiff::ToSpan;

use super::arguments::PeriodWord;
use super::audit::filter;
use super::context::Context;
use super::dispatch;
use super::filters::Filters;
use super::output::{Rows, Shown};
use super::table::{Table, sentence, words};
use crate::audit::AuditFilter;
use crate::audit::stats::{PeriodNumbers, WordCount, numbers};
use crate::verbs::{Exit, VerbError, audit};

/// The length of a chart's longest bar in characters.
const LONGEST_BAR: u64 = 40;

/// Performs `tickler audit stats`.
pub async fn stats(context: &Context, filters: &Filters, period: Option<PeriodWord>) -> anyhow::Result<Exit> {
    match period {
        None => counts(context, filters).await,
        Some(period) => of_period(context, filters, period).await,
    }
}

async fn counts(context: &Context, filters: &Filters) -> anyhow::Result<Exit> {
    let rows = dispatch::rows(context, filter(context, filters).await?).await?;
    let counts = audit::counted(&rows);
    let rows = || {
        let mut rows = Rows::of(&["schedule", "event", "reason", "count"]);
        for count in &counts {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            rows.push(vec![
                text(&count.schedule),
                count.event.to_string(),
                text(&count.reason),
                count.count.to_string(),
            ]);
        }
        rows
    };
    let people = || match counts.is_empty() {
        true => "the log has no such row".to_owned(),
        false => {
            let mut table = Table::of(&[words("schedule"), words("event"), words("reason"), words("count")]);
            rows().cells.into_iter().for_each(|row| table.push(row));
            table.fit(context.screen)
        }
    };
    Shown { answer: &counts, people: &people, rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}

async fn of_period(context: &Context, filters: &Filters, period: PeriodWord) -> anyhow::Result<Exit> {
    let asked = filter(context, filters).await?;
    let now = context.clock.now();
    let zone = context.zone_of(filters.schedule.as_deref());
    let today = zone.date(asked.until.unwrap_or(now));
    let days = match period {
        PeriodWord::Day => 0,
        PeriodWord::Week => 6,
        PeriodWord::Month => 29,
    };
    let first = today.checked_sub(days.days()).map_err(|error| VerbError::Usage(error.to_string()))?;
    let (since, until) = (asked.since.unwrap_or_else(|| zone.day_start(first)), asked.until.unwrap_or(now));
    let rows = dispatch::rows(context, AuditFilter { since: Some(since), until: Some(until), ..asked }).await?;
    let zones = context.zones();
    let numbers = numbers(&rows, (since, until), |schedule| zones.of(schedule));
    let table = || {
        let mut rows = Rows::of(&["kind", "word", "count"]);
        let all = [("event", &numbers.events), ("reason", &numbers.reasons)];
        for (kind, counts) in all {
            counts.iter().for_each(|row| rows.push(vec![kind.into(), row.word.clone(), row.count.to_string()]));
        }
        let hours = numbers.hours.iter().enumerate();
        hours.for_each(|(hour, count)| rows.push(vec!["hour".into(), hour.to_string(), count.to_string()]));
        rows
    };
    let named = || context.zones_named(rows.iter().filter_map(|row| row.schedule.as_deref()));
    let people = || in_words(context, &numbers, &named());
    Shown { answer: &numbers, people: &people, rows: &table }.print(context.format)?;
    Ok(Exit::Done)
}

fn in_words(context: &Context, numbers: &PeriodNumbers, zones_named: &str) -> String {
    let zone = context.zone_of(None);
    let moment = |at| context.moment(at, &zone);
    let mut blocks = vec![format!("{} to {} ({})", moment(numbers.since), moment(numbers.until), zone.name())];
    if numbers.events.is_empty() {
        blocks.push("the log has no row of this time".to_owned());
        return blocks.join("\n\n");
    }
    let PeriodNumbers { failures, uncertain, reveals, exports, .. } = numbers;
    blocks.push(format!(
        "failures: {failures}   unknown fates: {uncertain}   reveals: {reveals}   exports: {exports}   gaps: {}",
        numbers.gaps.len()
    ));
    blocks.push(chart(context, "what happened", &numbers.events));
    if !numbers.reasons.is_empty() {
        blocks.push(chart(context, "not called because", &numbers.reasons));
    }
    let hours = numbers.hours.iter().enumerate().filter(|(_, count)| **count > 0);
    let hours: Vec<WordCount> =
        hours.map(|(hour, count)| WordCount { word: format!("{hour:02}:00"), count: *count }).collect();
    if !hours.is_empty() {
        blocks.push(format!("{}\n{zones_named}", chart(context, "accepted by hour", &hours)));
    }
    if !numbers.gaps.is_empty() {
        let mut table = Table::of(&[words("gap"), words("what"), words("schedule"), sentence("detail")]);
        for gap in &numbers.gaps {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            table.push(vec![moment(gap.at), gap.event.to_string(), text(&gap.schedule), text(&gap.detail)]);
        }
        blocks.push(table.fit(context.screen));
    }
    blocks.join("\n\n")
}

/// A chart: each count with a bar.
fn chart(context: &Context, title: &'static str, counts: &[WordCount]) -> String {
    let most = counts.iter().map(|row| row.count).max().unwrap_or(1).max(1);
    let mut table = Table::of(&[words(title), words("count"), words("").leaves(1)]);
    for row in counts {
        let length = (row.count * LONGEST_BAR / most).max(u64::from(row.count > 0));
        let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
        table.push(vec![row.word.clone(), row.count.to_string(), bar]);
    }
    table.fit(context.screen)
}
