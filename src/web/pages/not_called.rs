//! shell: who was not called on a day.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{asked_for, page as answer};
use crate::audit::{AuditFilter, AuditRow, Event, words};
use crate::ledger::{FatesAsk, Log, RunRow, Runs, RunsAsk};
use crate::reminder::RunState;
use crate::verbs::labels::Labels;
use crate::verbs::{VerbError, VerbResult, audit};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::links;
use crate::web::views::moments::Moments;
use crate::web::views::not_called::{ListedDay, MOST, NotCalledPage, OF_RUNS, OpenCalls, nobody};
use crate::web::views::overview::{nobody_left_out, reasons};

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
    for seqs in seqs.chunks(MOST) {
        let filter = AuditFilter { seqs: seqs.to_vec(), ..AuditFilter::default() };
        rows.extend(site.app.ledger()?.audit(filter).await?);
    }
    Ok(rows)
}

/// The rows about runs of a day that called nobody. What is still held, or was approved, has its calls elsewhere.
async fn rows_of_runs(
    site: &Site,
    (since, until): (Timestamp, Timestamp),
    reason: Option<&str>,
) -> VerbResult<Vec<AuditRow>> {
    let mut found = Vec::new();
    for (event, its_reason) in OF_RUNS {
        if reason.is_some() && its_reason.is_some() && reason != its_reason {
            continue;
        }
        let reason = its_reason.or(reason).map(str::to_owned);
        let event = Some(event.as_str().to_owned());
        let (since, until, newest) = (Some(since), Some(until), true);
        let filter = AuditFilter { since, until, newest, event, reason, ..AuditFilter::default() };
        found.extend(audit::page(&site.app, filter).await?);
    }
    let mut rows = Vec::new();
    for row in found {
        if row.event != Event::RunHeld || is_rejected(site, &row).await? {
            rows.push(row);
        }
    }
    Ok(rows)
}

async fn is_rejected(site: &Site, row: &AuditRow) -> VerbResult<bool> {
    let Some(id) = row.run_id else { return Ok(true) };
    let run = site.app.ledger()?.runs(RunsAsk::Id(id)).await?.pop();
    Ok(run.is_none_or(|run| run.state == RunState::Skipped))
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
    let chart = reasons(("By reason", nobody_left_out(!held.is_empty())), &fates, |reason| {
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
