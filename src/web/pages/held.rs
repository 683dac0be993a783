//! shell: what waits for a person.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;

use super::{asked_for, page as answer};
use crate::ledger::{Runs, RunsAsk};
use crate::verbs::{VerbResult, uncertain};
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::held::{HeldPage, MOST, ShownHeldRun, UnknownFate};

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, asked_for(query).get("done")).await, "/held")
}

async fn read(site: &Site, visitor: &Visitor, done: Option<&str>) -> VerbResult<HeldPage> {
    let moments = site.moments();
    let runs = site.app.ledger()?.runs(RunsAsk::Held).await?;
    let unknown = uncertain::list(&site.app).await?;
    Ok(HeldPage {
        frame: site.frame(visitor, MenuPlace::Held, "Held and unknown", &moments).after(done),
        runs: runs.iter().map(|run| ShownHeldRun::of(run, &moments)).collect(),
        further: unknown.len().saturating_sub(MOST),
        unknown: unknown.iter().take(MOST).map(|row| UnknownFate::of(row, &moments)).collect(),
    })
}
