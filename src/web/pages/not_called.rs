//! shell: who was not called on a day.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use jiff::civil::Date;

use super::{asked_for, names, page as answer};
use crate::audit::{AuditFilter, AuditRow, words};
use crate::ledger::{Log, LogCountAsk};
use crate::verbs::{VerbError, VerbResult, audit};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::links;
use crate::web::views::moments::Moments;
use crate::web::views::not_called::{EVENTS, MOST, NotCalledPage, groups};
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

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<NotCalledPage> {
    let moments = site.moments();
    let day = day(form.get("day"), &moments)?;
    let (since, until) = moments.bounds(day);
    let counts = site.app.ledger()?.counts(LogCountAsk { since, until, schedule: None }).await?;
    let reason = form.get("reason").map(str::to_owned);
    let of_day = AuditFilter {
        since: Some(since),
        until: Some(until),
        reason: reason.clone(),
        newest: true,
        limit: Some(MOST + 1),
        ..AuditFilter::default()
    };
    let mut rows: Vec<AuditRow> = Vec::new();
    let mut is_cut = false;
    for event in EVENTS {
        // no question about what the count shows not to be there
        if counts.iter().all(|row| row.event != event) {
            continue;
        }
        let filter = AuditFilter { event: Some(event.as_str().to_owned()), ..of_day.clone() };
        let found = audit::page(&site.app, filter).await?;
        is_cut |= found.len() as u64 > MOST;
        rows.extend(found);
    }
    rows.sort_by_key(|row| row.seq);
    let names = names::of_rows(&site.app, &rows).await;
    let word = day.to_string();
    let title = format!("Not called: {}", moments.day(day));
    Ok(NotCalledPage {
        frame: site.frame(visitor, MenuPlace::NotCalled, &title, &moments),
        day: moments.day(day),
        earlier: day.yesterday().unwrap_or(day).to_string(),
        later: day.tomorrow().ok().filter(|later| *later <= moments.today()).map(|later| later.to_string()),
        chart: reasons("By reason", &counts, |reason| {
            links::link("/not-called", &[("day", Some(&word)), ("reason", Some(reason))])
        }),
        groups: groups(&rows, &names, &moments),
        reason: reason.as_deref().map(words::reason),
        is_cut,
    })
}
