//! shell: who was not called on a day.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{asked_for, page as answer};
use crate::audit::{AuditFilter, AuditRow, words};
use crate::ledger::{FatesAsk, RunRow, RunsAsk};
use crate::reminder::{RunId, RunState};
use crate::verbs::labels::Labels;
use crate::verbs::{VerbError, VerbResult};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::links;
use crate::web::views::moments::Moments;
use crate::web::views::not_called::{
    ListedDay, MAX_UNDER_HEADING, NotCalledPage, OpenCalls, by_heading, called_nobody, is_of_uncalled, nobody,
};
use crate::web::views::overview::nobody_left_out;

/// Maximum runs of a day that are listed: a schedule of every minute may fail as often.
const MOST_RUNS: usize = 200;

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, &asked_for(query)).await, "/not-called")
}

fn day(text: Option<&str>, moments: &Moments) -> VerbResult<Date> {
    let today = moments.today();
    match text {
        None | Some("today") => Ok(today),
        Some("yesterday") => Ok(today.yesterday().unwrap_or(today)),
        Some(text) => text
            .parse()
            .map_err(|_| VerbError::Usage("that is not a valid day: write `yesterday` or `2026-11-24`".to_owned())),
    }
}

/// The rows of these numbers.
async fn rows_of(site: &Site, seqs: &[u64]) -> VerbResult<Vec<AuditRow>> {
    let mut rows = Vec::new();
    for seqs in seqs.chunks(MAX_UNDER_HEADING) {
        let filter = AuditFilter { seqs: seqs.to_vec(), ..AuditFilter::default() };
        rows.extend(site.app.ledger()?.audit(filter).await?);
    }
    Ok(rows)
}

/// The log's rows about the runs that were due on a day and called nobody, whenever that was written. What is still held, or was
/// approved, has its calls elsewhere.
async fn rows_of_runs(
    site: &Site,
    (since, until): (Timestamp, Timestamp),
    reason: Option<&str>,
) -> VerbResult<Vec<AuditRow>> {
    let ledger = site.app.ledger()?;
    let last = Timestamp::from_microsecond(until.as_microsecond() - 1).unwrap_or(until);
    let mut runs = Vec::new();
    for schedule in ledger.schedules(None).await? {
        let days = RunsAsk::Days { schedule: schedule.name, first: since, last };
        runs.extend(ledger.runs(days).await?.into_iter().filter(|run| called_nobody(run.state)));
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.started_at));
    runs.truncate(MOST_RUNS);
    let states: HashMap<RunId, RunState> = runs.iter().map(|run| (run.id, run.state)).collect();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let (ids, event) = (states.keys().copied().collect(), Some("run".to_owned()));
    let mut rows = ledger.audit(AuditFilter { runs: ids, event, ..AuditFilter::default() }).await?;
    let state_of = |row: &AuditRow| row.run_id.and_then(|run| states.get(&run).copied());
    let is_asked = |row: &AuditRow| reason.is_none_or(|reason| row.reason.as_deref() == Some(reason));
    rows.retain(|row| state_of(row).is_some_and(|state| is_of_uncalled(row, state)) && is_asked(row));
    Ok(rows)
}

/// The runs of a day that a guard holds.
async fn held_runs(site: &Site, (since, until): (Timestamp, Timestamp)) -> VerbResult<Vec<RunRow>> {
    let mut held = site.app.ledger()?.runs(RunsAsk::Held).await?;
    held.retain(|run| (since..until).contains(&run.nominal_at));
    Ok(held)
}

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<NotCalledPage> {
    let moments = site.moments();
    let day = day(form.get("day"), &moments)?;
    let (since, until) = moments.bounds(day);
    let reason = form.get("reason").map(str::to_owned);
    let mut fates = site.app.ledger()?.fates(FatesAsk { since, until }).await?;
    let held = held_runs(site, (since, until)).await?;
    let open = OpenCalls::of_day(&held, &fates, &moments);
    let nobody = nobody(&open, &fates);
    let chart = by_heading(&fates, nobody_left_out(!held.is_empty()), |reason| {
        links::link("/not-called", &[("day", Some(&day.to_string())), ("reason", Some(reason))])
    });
    if reason.is_some() {
        fates.retain(|decided| decided.reason == reason);
    }
    let listed = ListedDay::of(&fates);
    let mut rows = rows_of(site, &listed.shown).await?;
    rows.extend(rows_of_runs(site, (since, until), reason.as_deref()).await?);
    rows.sort_by_key(|row| row.seq);
    let labels = Labels::of_rows(&site.app, &rows).await;
    let title = format!("Not called: {}", moments.day(day));
    Ok(NotCalledPage {
        frame: site.frame(visitor, MenuPlace::NotCalled, &title, &moments),
        day: moments.day(day),
        iso_day: day.to_string(),
        open,
        nobody,
        earlier: day.yesterday().unwrap_or(day).to_string(),
        later: day.tomorrow().ok().filter(|later| *later <= moments.today()).map(|later| later.to_string()),
        chart,
        groups: listed.groups(&rows, &labels, &moments),
        reason: reason.as_deref().map(words::reason),
        is_cut: listed.is_cut(),
    })
}
