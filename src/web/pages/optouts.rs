//! shell: the opt-out list.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;

use super::{asked_for, page as answer};
use crate::verbs::{VerbResult, optout};
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::optouts::{ListedOptOut, OptOutsPage};

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, asked_for(query).get("done")).await, "/opt-outs")
}

async fn read(site: &Site, visitor: &Visitor, done: Option<&str>) -> VerbResult<OptOutsPage> {
    let moments = site.moments();
    let listed = optout::list(&site.app).await?;
    Ok(OptOutsPage {
        frame: site.frame(visitor, MenuPlace::OptOuts, "Opt-outs", &moments).after(done),
        listed: listed.iter().rev().map(|row| ListedOptOut::of(row, &moments)).collect(),
    })
}
