//! shell: who was not called on a day.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use jiff::civil::Date;

use super::{asked_for, names, page as answer};
use crate::audit::{AuditFilter, AuditRow, words};
use crate::ledger::{FatesAsk, Log};
use crate::verbs::{VerbError, VerbResult, audit};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::links;
use crate::web::views::moments::Moments;
use crate::web::views::not_called::{ListedDay, MOST, NotCalledPage, OF_RUNS};
use crate::web::views::overview::reasons;

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

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<NotCalledPage> {
    let moments = site.moments();
    let day = day(form.get("day"), &moments)?;
    let (since, until) = moments.bounds(day);
    let reason = form.get("reason").map(str::to_owned);
    let mut fates = site.app.ledger()?.fates(FatesAsk { since, until }).await?;
    let chart = reasons("By reason", &fates, |reason| {
        links::link("/not-called", &[("day", Some(&day.to_string())), ("reason", Some(reason))])
    });
    if reason.is_some() {
        fates.retain(|decided| decided.reason == reason);
    }
    let listed = ListedDay::of(&fates);
    let mut rows = rows_of(site, &listed.shown).await?;
    for event in OF_RUNS {
        let event = Some(event.as_str().to_owned());
        let (since, until, newest) = (Some(since), Some(until), true);
        let filter = AuditFilter { since, until, newest, event, reason: reason.clone(), ..AuditFilter::default() };
        rows.extend(audit::page(&site.app, filter).await?);
    }
    rows.sort_by_key(|row| row.seq);
    let names = names::of_rows(&site.app, &rows).await;
    let title = format!("Not called: {}", moments.day(day));
    Ok(NotCalledPage {
        frame: site.frame(visitor, MenuPlace::NotCalled, &title, &moments),
        day: moments.day(day),
        earlier: day.yesterday().unwrap_or(day).to_string(),
        later: day.tomorrow().ok().filter(|later| *later <= moments.today()).map(|later| later.to_string()),
        chart,
        groups: listed.groups(&rows, &names, &moments),
        reason: reason.as_deref().map(words::reason),
        is_cut: listed.is_cut(),
    })
}
