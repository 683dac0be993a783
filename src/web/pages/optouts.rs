//! shell: the opt-out list.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;

use super::{asked_for, done, page as answer};
use crate::verbs::{VerbResult, optout};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::optouts::{ListedOptOut, OptOutsPage, RefusedForm};

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, &asked_for(query)).await, "/opt-outs")
}

/// The page after a form that was refused: it has what was typed.
pub(super) async fn refused(site: &Site, visitor: &Visitor, refused: RefusedForm) -> Response {
    let page = read(site, visitor, &SubmittedForm::default()).await;
    answer(page.map(|page| OptOutsPage { refused: Some(refused), ..page }), "/opt-outs")
}

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<OptOutsPage> {
    let moments = site.moments();
    let listed = optout::list(&site.app).await?;
    Ok(OptOutsPage {
        frame: site.frame(visitor, MenuPlace::OptOuts, "Opt-outs", &moments).after(done(form)),
        listed: listed.iter().rev().map(|row| ListedOptOut::of(row, &moments)).collect(),
        refused: None,
    })
}
