//! shell: the page of held runs and of reminders of unknown fate, about which a person decides.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use futures_util::future::{Either, join_all, select};

use super::{asked_for, done, page as answer};
use crate::ledger::{RunRow, RunsAsk};
use crate::verbs::{VerbError, VerbResult, held, uncertain};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::held::{HeldPage, HeldPreview, MAX_UNKNOWN, ShownHeldRun, UnknownFate};

/// Maximum runs of which it is shown whom they would call: for each a source is read.
const MAX_PREVIEWS: usize = 5;

/// How long the page waits for the sources.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(5);

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, &asked_for(query)).await, "/held")
}

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<HeldPage> {
    let moments = site.moments();
    let runs = site.app.ledger()?.runs(RunsAsk::Held).await?;
    let previewed = runs.iter().enumerate().map(|(place, run)| async move {
        match place < MAX_PREVIEWS {
            true => preview(site, run).await,
            false => Err(VerbError::Failed("decide the runs above first".to_owned())),
        }
    });
    let previews = join_all(previewed).await;
    let unknown = uncertain::list(&site.app).await?;
    let shown = |(run, preview): (&RunRow, _)| ShownHeldRun::of(run, HeldPreview::of(preview, &moments), &moments);
    Ok(HeldPage {
        frame: site.frame(visitor, MenuPlace::Held, "Held and unknown", &moments).after(done(form)),
        runs: runs.iter().zip(previews).map(shown).collect(),
        further: unknown.len().saturating_sub(MAX_UNKNOWN),
        unknown: unknown.iter().take(MAX_UNKNOWN).map(|row| UnknownFate::of(row, &moments)).collect(),
    })
}

async fn preview(site: &Site, run: &RunRow) -> VerbResult<crate::verbs::plan::ShownPlan> {
    let planning = std::pin::pin!(held::preview(&site.app, run));
    match select(planning, site.app.env.clock.sleep(SOURCE_TIMEOUT)).await {
        Either::Left((planned, _)) => planned,
        Either::Right(_) => {
            Err(VerbError::Failed(format!("its source has not answered within {} s", SOURCE_TIMEOUT.as_secs())))
        }
    }
}
