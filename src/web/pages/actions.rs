//! shell: what a person decides at the page: done by the verbs of the terminal, under the person's name.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::future::{Either, select};

use serde::de::{DeserializeOwned, IgnoredAny};

use super::{failure, optouts};
use crate::audit::times;
use crate::ledger::{NumbersList, OptOutSide, OptOutsChanged, ReminderAsk, Resolution};
use crate::personal::Personal;
use crate::reminder::{RunState, State as ReminderState};
use crate::verbs::cancel::CancelAsk;
use crate::verbs::held::{ApproveAsk, RejectAsk};
use crate::verbs::optout::OptOutAsk;
use crate::verbs::pause::PauseAsk;
use crate::verbs::trigger::TriggerAnswer;
use crate::verbs::uncertain::ResolveAsk;
use crate::verbs::{Answer, Request, VerbError, VerbResult, perform, phones};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::links::{self, link, own_path};
use crate::web::views::optouts::RefusedForm;

/// What an action came to: the page that says so, its word, and a number where there is one.
struct ActionResult {
    back: String,
    word: &'static str,
    count: Option<u64>,
}

impl ActionResult {
    fn at(back: impl Into<String>, word: &'static str) -> Self {
        Self { back: back.into(), word, count: None }
    }

    fn counting(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }
}

fn needed<'f>(form: &'f SubmittedForm, name: &str) -> VerbResult<&'f str> {
    form.get(name).ok_or_else(|| VerbError::Usage(format!("the form lacks `{name}`")))
}

fn reason(form: &SubmittedForm) -> VerbResult<String> {
    let reason =
        form.get("reason").ok_or_else(|| VerbError::Usage("a reason is needed: the log keeps it".to_owned()))?;
    Ok(reason.to_owned())
}

/// Goes back to a page that says what was done, or says why it wasn't.
fn answered(done: VerbResult<ActionResult>, form: &SubmittedForm) -> Response {
    match done {
        Ok(ActionResult { back, word, count }) => {
            let (path, query) = back.split_once('?').unwrap_or((&back, ""));
            let asked = SubmittedForm::of(query.as_bytes());
            let kept = asked.fields().filter(|(name, _)| !["done", "count"].contains(name));
            let count = count.map(|count| count.to_string());
            let said = [("done", Some(word)), ("count", count.as_deref())];
            let fields: Vec<(&str, Option<&str>)> = kept.map(|(name, value)| (name, Some(value))).chain(said).collect();
            Redirect::to(&link(path, &fields)).into_response()
        }
        Err(error) => failure(&error, own_path(form.get("back"))),
    }
}

/// Performs it to its end, whether or not the browser waits for it: a call that has begun isn't broken off. `None` for what takes
/// longer than a person waits: it has begun well, and the log has the rest.
async fn carry_out<T: DeserializeOwned>(
    site: &Arc<Site>,
    visitor: &Visitor,
    request: Request,
) -> VerbResult<Option<T>> {
    let (app, actor) = (Arc::clone(&site.app), visitor.name.clone());
    let doing = tokio::spawn(async move { perform(&app, &actor, request).await });
    let answer: Answer = match select(doing, site.app.env.clock.sleep(ACTION_TIMEOUT)).await {
        Either::Left((ended, _)) => {
            ended.map_err(|_| VerbError::Failed("it broke off: the Calls page shows how far it came".to_owned()))?
        }
        Either::Right(_) => return Ok(None),
    };
    match answer.body.get() {
        "null" => Err(VerbError::Failed(answer.message.unwrap_or_else(|| "it could not be done".to_owned()))),
        body => Ok(Some(serde_json::from_str(body).map_err(|error| VerbError::Failed(error.to_string()))?)),
    }
}

/// How long a person waits for an action.
const ACTION_TIMEOUT: Duration = Duration::from_secs(5);

type SentForm = (State<Arc<Site>>, Extension<Visitor>, Extension<SubmittedForm>);

/// How many planned calls of a schedule, or of all, are still to be made.
async fn waiting(site: &Site, schedule: Option<&str>) -> VerbResult<u64> {
    let ledger = site.app.ledger()?;
    let Some(schedule) = schedule else { return Ok(ledger.tally().await?.pending) };
    let (schedule, states) = (Some(schedule.to_owned()), vec![ReminderState::Pending]);
    let ask = ReminderAsk { schedule, states, ..ReminderAsk::default() };
    Ok(ledger.briefs(ask).await?.len() as u64)
}

/// Pauses a schedule, or all.
pub async fn pause((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let schedule = form.get("schedule").map(str::to_owned);
        let moments = site.moments();
        let zone = moments.zone(schedule.as_deref());
        let until = form.get("until").map(|text| times::read(text, moments.now(), zone)).transpose();
        let until = until.map_err(VerbError::Usage)?;
        let ask = PauseAsk { schedule, reason: reason(&form)?, until };
        let waiting = waiting(&site, ask.schedule.as_deref()).await?;
        carry_out::<IgnoredAny>(&site, &visitor, Request::Pause(ask)).await?;
        let done = ActionResult::at(own_path(form.get("back")), "paused");
        Ok(if waiting > 0 { done.counting(waiting) } else { done })
    };
    answered(done.await, &form)
}

/// Lifts a pause.
pub async fn resume((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let schedule = form.get("schedule").map(str::to_owned);
        let waiting = waiting(&site, schedule.as_deref()).await?;
        carry_out::<IgnoredAny>(&site, &visitor, Request::Resume { schedule, reason: Some(reason(&form)?) }).await?;
        let done = ActionResult::at(own_path(form.get("back")), "resumed");
        Ok(if waiting > 0 { done.counting(waiting) } else { done })
    };
    answered(done.await, &form)
}

/// Approves a held run. Whoever is due is called while the page is already back: the log tells the rest.
pub async fn approve((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let run = needed(&form, "run")?.to_owned();
        let ask = ApproveAsk { run, reason: Some(reason(&form)?), wait_seconds: 0 };
        let answer = carry_out::<TriggerAnswer>(&site, &visitor, Request::Approve(ask)).await?;
        Ok(match answer {
            None => ActionResult::at("/held", "approving"),
            Some(answer) if answer.state == RunState::Held => ActionResult::at("/held", "held-again"),
            Some(answer) => ActionResult::at("/held", "approved").counting(answer.counts.planned),
        })
    };
    answered(done.await, &form)
}

/// Ends a held run.
pub async fn reject((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let ask = RejectAsk { run: needed(&form, "run")?.to_owned(), reason: Some(reason(&form)?) };
        carry_out::<IgnoredAny>(&site, &visitor, Request::Reject(ask)).await?;
        Ok(ActionResult::at("/held", "rejected"))
    };
    answered(done.await, &form)
}

/// Settles an unknown fate.
pub async fn resolve((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let (verdict, word) = match needed(&form, "verdict")? {
            "delivered" => (Resolution::Delivered, "settled-delivered"),
            "resend" => (Resolution::Resend, "settled-resend"),
            "drop" => (Resolution::Drop, "settled-drop"),
            _ => return Err(VerbError::Usage("the verdict is delivered, resend or drop".to_owned())),
        };
        let ids = vec![needed(&form, "id")?.to_owned()];
        let ask = ResolveAsk { ids, schedule: None, all_of: None, verdict, reason: reason(&form)? };
        carry_out::<IgnoredAny>(&site, &visitor, Request::Resolve(ask)).await?;
        Ok(ActionResult::at("/held", word))
    };
    answered(done.await, &form)
}

fn back_to_appointment(form: &SubmittedForm) -> String {
    links::appointment(form.get("schedule"), form.get("appointment").unwrap_or_default())
}

/// Cancels one pending reminder.
pub async fn cancel((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let ask = CancelAsk { id: needed(&form, "id")?.to_owned(), schedule: None, reason: reason(&form)? };
        carry_out::<IgnoredAny>(&site, &visitor, Request::Cancel(ask)).await?;
        Ok(ActionResult::at(back_to_appointment(&form), "cancelled"))
    };
    answered(done.await, &form)
}

/// Changes the list; the page at `back` says what that came to.
async fn change_list(
    site: &Arc<Site>,
    visitor: &Visitor,
    (phone, to, reason): (Personal, OptOutSide, String),
    back: String,
) -> VerbResult<ActionResult> {
    let ask = OptOutAsk { phones: vec![phone], to, list: NumbersList::OptedOut, reason: Some(reason) };
    let changed = carry_out::<OptOutsChanged>(site, visitor, Request::OptOut(ask)).await?.unwrap_or_default();
    Ok(match (to, changed.changed) {
        (OptOutSide::On, 0) => ActionResult::at(back, "opted-out-before"),
        (OptOutSide::On, _) => ActionResult::at(back, "opted-out").counting(changed.cancelled),
        (OptOutSide::Off, 0) => ActionResult::at(back, "not-listed"),
        (OptOutSide::Off, _) => ActionResult::at(back, "opted-in"),
    })
}

/// Changes the list by a form of its page, which is shown again with what was typed where the number can't be read.
async fn change_by_form(site: Arc<Site>, visitor: Visitor, form: SubmittedForm, to: OptOutSide) -> Response {
    let done = async {
        let phone = phones::only(&site.app, needed(&form, "phone")?).await?;
        change_list(&site, &visitor, (phone, to, reason(&form)?), "/opt-outs".to_owned()).await
    };
    match done.await {
        Err(VerbError::Usage(fault)) => {
            let text = |name| form.get(name).unwrap_or_default();
            let fault = format!("{fault}; nothing was changed");
            let refused = RefusedForm { to, phone: text("phone").into(), reason: text("reason").to_owned(), fault };
            optouts::refused(&site, &visitor, refused).await
        }
        done => answered(done, &form),
    }
}

/// Puts a number on the opt-out list.
pub async fn opt_out((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    change_by_form(site, visitor, form, OptOutSide::On).await
}

/// Takes a number off the opt-out list.
pub async fn opt_in((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    change_by_form(site, visitor, form, OptOutSide::Off).await
}

/// Puts the number of a reminder on the opt-out list, without showing it.
pub async fn opt_out_of_appointment((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let id = needed(&form, "id")?.parse().map_err(|error| VerbError::Usage(format!("{error}")))?;
        let ask = ReminderAsk { id: Some(id), ..ReminderAsk::default() };
        let kept = site.app.ledger()?.reminders(ask).await?.pop().and_then(|row| row.phone);
        let phone = kept.ok_or_else(|| VerbError::Failed("its phone is no longer kept".to_owned()))?;
        let what = (phone, OptOutSide::On, reason(&form)?);
        change_list(&site, &visitor, what, back_to_appointment(&form)).await
    };
    answered(done.await, &form)
}
