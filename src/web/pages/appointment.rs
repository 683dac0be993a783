//! shell: one appointment's story, masked, and whole for whoever asks for that by name.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;

use super::{asked_for, done, failure, page as answer};
use crate::ledger::RunsAsk;
use crate::plan::explain::Verdict;
use crate::verbs::audit::{ShowAsk, Story, show};
use crate::verbs::{Request, Reveal, VerbError, VerbResult, explain, perform};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::appointment::{AppointmentPage, ShownJudgement, last_run};
use crate::web::views::frame::MenuPlace;
use crate::web::views::links;

fn ask(form: &SubmittedForm, reveal: Reveal) -> VerbResult<ShowAsk> {
    let id = form.get("id").ok_or_else(|| VerbError::Usage("no appointment is named".to_owned()))?;
    Ok(ShowAsk { id: id.to_owned(), schedule: form.get("schedule").map(str::to_owned), reveal })
}

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    let form = asked_for(query);
    answer(masked(&site, &visitor, &form).await, "/calls")
}

async fn masked(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<AppointmentPage> {
    let ask = ask(form, Reveal::LastFour)?;
    let story = match show(&site.app, &ask).await {
        Err(unknown) => return not_yet_in_the_log(site, visitor, &ask).await.ok_or(unknown),
        Ok(story) => story,
    };
    let shown = shown(site, visitor, &ask, &story);
    let judged = judged(site, &shown, &story, form.get("judge") == Some("now")).await;
    let shown = shown.judged_by(judged);
    Ok(AppointmentPage { frame: shown.frame.after(done(form)), ..shown })
}

/// An appointment of the source that no run has judged yet: a plan leads to it.
async fn not_yet_in_the_log(site: &Site, visitor: &Visitor, ask: &ShowAsk) -> Option<AppointmentPage> {
    let schedule = ask.schedule.as_deref()?;
    let found = explain::explain(&site.app, schedule, &ask.id).await.ok()?;
    let judged = match found.verdict {
        Verdict::Absent => return None,
        Verdict::Call | Verdict::Skip | Verdict::Reminded => ShownJudgement::now(&found, &site.moments()),
    };
    let story = Story { reminders: Vec::new(), rows: Vec::new(), label: None };
    let page = AppointmentPage { schedule: schedule.to_owned(), ..shown(site, visitor, ask, &story) };
    Some(page.judged_by(Some(judged)))
}

/// What the rules said of it: those of the run that judged it last, or as they are now, which reads the source.
async fn judged(site: &Site, shown: &AppointmentPage, story: &Story, is_now: bool) -> Option<ShownJudgement> {
    let (app, schedule, id) = (&site.app, shown.schedule.as_str(), shown.id.as_str());
    if is_now && !schedule.is_empty() {
        return Some(match explain::explain(app, schedule, id).await {
            Ok(found) => ShownJudgement::now(&found, &site.moments()),
            Err(error) => ShownJudgement::impossible(&error.to_string()),
        });
    }
    let run = last_run(&story.rows)?;
    // a run whose row is no longer kept explains nothing, which is no reason not to show the story
    let found = explain::explain_run(app, schedule, id, run).await.ok()?;
    let row = app.ledger().ok()?.runs(RunsAsk::Id(run)).await.ok()?.pop()?;
    let moments = site.moments();
    Some(ShownJudgement::of_run(&found, &moments.of(Some(schedule), row.nominal_at), &moments))
}

fn shown(site: &Site, visitor: &Visitor, ask: &ShowAsk, story: &Story) -> AppointmentPage {
    let moments = site.moments();
    let title = format!("Appointment {}", ask.id);
    AppointmentPage::of(site.frame(visitor, MenuPlace::Elsewhere, &title, &moments), &ask.id, story, &moments)
}

/// The same with whole numbers; the log has who saw them before they are shown.
pub async fn reveal(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(form): Extension<SubmittedForm>,
) -> Response {
    let ask = match ask(&form, Reveal::Whole) {
        Ok(ask) => ask,
        Err(error) => return failure(&error, "/calls"),
    };
    let back = links::appointment(ask.schedule.as_deref(), &ask.id);
    let answered = perform(&site.app, &visitor.name, Request::Show(ask.clone())).await;
    let story: VerbResult<Story> = serde_json::from_str(answered.body.get())
        .map_err(|_| VerbError::Failed(answered.message.unwrap_or_else(|| "the story can't be read".to_owned())));
    let page = story.map(|story| AppointmentPage { is_revealed: true, ..shown(&site, &visitor, &ask, &story) });
    answer(page, &back)
}
