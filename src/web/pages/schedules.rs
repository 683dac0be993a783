//! shell: the schedule files.

use std::sync::Arc;

use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::Response;

use super::{asked_for, done, page as answer};
use crate::schedule::masking;
use crate::verbs::status::LoadState;
use crate::verbs::{VerbError, VerbResult, likely_name, next, status};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::schedules::{ListedSchedule, SchedulePage, SchedulesPage, ShownNext, ShownProblem};

/// How many coming runs are shown.
const COMING_RUNS: usize = 10;

/// The list.
pub async fn list(State(site): State<Arc<Site>>, Extension(visitor): Extension<Visitor>) -> Response {
    answer(read_all(&site, &visitor).await, "/schedules")
}

async fn read_all(site: &Site, visitor: &Visitor) -> VerbResult<SchedulesPage> {
    let moments = site.moments();
    let status = status::status(&site.app).await?;
    Ok(SchedulesPage {
        frame: site.frame(visitor, MenuPlace::Schedules, "Schedules", &moments),
        schedules: status.schedules.iter().map(|row| ListedSchedule::of(row, &moments)).collect(),
        fault: site.app.folder().fault.clone(),
    })
}

/// The page of one schedule.
pub async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read_one(&site, &visitor, &name, &asked_for(query)).await, "/schedules")
}

async fn read_one(site: &Site, visitor: &Visitor, name: &str, form: &SubmittedForm) -> VerbResult<SchedulePage> {
    let app = &site.app;
    let moments = site.moments();
    let status = status::status(app).await?;
    let Some(row) = status.schedules.iter().find(|row| row.name == name) else {
        let known: Vec<String> = status.schedules.iter().map(|row| row.name.clone()).collect();
        let likely = likely_name(name, known.iter().map(String::as_str));
        return Err(VerbError::UnknownSchedule { name: crate::audit::escape(name), likely, known });
    };
    let folder = app.folder();
    let schedule = folder.schedules.get(name);
    let is_of_it = |path: &std::path::Path| {
        path.file_stem().is_some_and(|stem| stem == name) || path.file_name().is_some_and(|file| file == name)
    };
    let problems = folder.problems.iter().filter(|problem| is_of_it(&problem.file));
    let coming = schedule.map(|schedule| next::next(app, schedule, COMING_RUNS)).unwrap_or_default();
    Ok(SchedulePage {
        frame: site.frame(visitor, MenuPlace::Schedules, &format!("Schedule {name}"), &moments).after(done(form)),
        listed: ListedSchedule::of(row, &moments),
        is_paused: row.state == LoadState::Paused || row.pause_reason.is_some(),
        problems: problems.map(ShownProblem::of).collect(),
        text: schedule.map(|schedule| masking::shown(&schedule.text)),
        version: row.text_version.clone().unwrap_or_default(),
        next: coming.iter().map(|run| ShownNext::of(run, &moments)).collect(),
    })
}
