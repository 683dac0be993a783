//! shell: what a person decides at the page: done by the verbs of the terminal, under the person's name.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::future::{Either, select};

use super::failure;
use crate::audit::times;
use crate::evaluation::phone_of;
use crate::ledger::{OptOutSide, Outbox, ReminderAsk, Resolution};
use crate::personal::Personal;
use crate::verbs::cancel::CancelAsk;
use crate::verbs::held::{ApproveAsk, RejectAsk};
use crate::verbs::optout::{NumbersList, OptOutAsk};
use crate::verbs::pause::PauseAsk;
use crate::verbs::uncertain::ResolveAsk;
use crate::verbs::{Answer, Request, VerbError, VerbResult, perform};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::links::{self, link, own_path};

/// What an action came to, to be told on a page.
struct Done {
    back: String,
    word: &'static str,
}

fn needed<'f>(form: &'f SubmittedForm, name: &str) -> VerbResult<&'f str> {
    form.get(name).ok_or_else(|| VerbError::Usage(format!("the form lacks `{name}`")))
}

fn reason(form: &SubmittedForm) -> VerbResult<String> {
    let reason =
        form.get("reason").ok_or_else(|| VerbError::Usage("a reason is needed: the log keeps it".to_owned()))?;
    Ok(reason.to_owned())
}

/// Goes back to a page that tells what was done, or tells why it wasn't.
fn answered(done: VerbResult<Done>, form: &SubmittedForm) -> Response {
    match done {
        Ok(Done { back, word }) => {
            let (path, query) = back.split_once('?').unwrap_or((&back, ""));
            let asked = SubmittedForm::of(query.as_bytes());
            let kept = asked.fields().filter(|(name, _)| *name != "done");
            let fields: Vec<(&str, Option<&str>)> =
                kept.map(|(name, value)| (name, Some(value))).chain([("done", Some(word))]).collect();
            Redirect::to(&link(path, &fields)).into_response()
        }
        Err(error) => failure(&error, own_path(form.get("back"))),
    }
}

/// Performs it to its end, whether or not the browser waits for it: a call that has begun isn't broken off. What takes longer
/// than a person waits has begun well: the log tells the rest.
async fn carry_out(site: &Arc<Site>, visitor: &Visitor, request: Request) -> VerbResult<()> {
    let (app, actor) = (Arc::clone(&site.app), visitor.name.clone());
    let doing = tokio::spawn(async move { perform(&app, &actor, request).await });
    let answer: Answer = match select(doing, site.app.around.clock.sleep(PATIENCE)).await {
        Either::Left((ended, _)) => {
            ended.map_err(|_| VerbError::Failed("it broke off: look into the log".to_owned()))?
        }
        Either::Right(_) => return Ok(()),
    };
    match answer.body.get() {
        "null" => Err(VerbError::Failed(answer.message.unwrap_or_else(|| "it could not be done".to_owned()))),
        _ => Ok(()),
    }
}

/// How long a person waits for an action.
const PATIENCE: Duration = Duration::from_secs(5);

type SentForm = (State<Arc<Site>>, Extension<Visitor>, Extension<SubmittedForm>);

/// Pauses a schedule, or all.
pub async fn pause((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let schedule = form.get("schedule").map(str::to_owned);
        let moments = site.moments();
        let zone = moments.zone(schedule.as_deref());
        let until = form.get("until").map(|text| times::read(text, moments.now(), zone)).transpose();
        let until = until.map_err(VerbError::Usage)?;
        let ask = PauseAsk { schedule, reason: reason(&form)?, until };
        carry_out(&site, &visitor, Request::Pause(ask)).await?;
        Ok(Done { back: own_path(form.get("back")).to_owned(), word: "paused" })
    };
    answered(done.await, &form)
}

/// Lifts a pause.
pub async fn resume((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let schedule = form.get("schedule").map(str::to_owned);
        carry_out(&site, &visitor, Request::Resume { schedule, reason: Some(reason(&form)?) }).await?;
        Ok(Done { back: own_path(form.get("back")).to_owned(), word: "resumed" })
    };
    answered(done.await, &form)
}

/// Approves a held run. Whoever is due is called while the page is already back: the log tells the rest.
pub async fn approve((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let run = needed(&form, "run")?.to_owned();
        let ask = ApproveAsk { run, reason: Some(reason(&form)?), wait_seconds: 0 };
        carry_out(&site, &visitor, Request::Approve(ask)).await?;
        Ok(Done { back: "/held".to_owned(), word: "approved" })
    };
    answered(done.await, &form)
}

/// Ends a held run.
pub async fn reject((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let ask = RejectAsk { run: needed(&form, "run")?.to_owned(), reason: Some(reason(&form)?) };
        carry_out(&site, &visitor, Request::Reject(ask)).await?;
        Ok(Done { back: "/held".to_owned(), word: "rejected" })
    };
    answered(done.await, &form)
}

/// Settles an unknown fate.
pub async fn resolve((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let verdict = match needed(&form, "verdict")? {
            "delivered" => Resolution::Delivered,
            "resend" => Resolution::Resend,
            "drop" => Resolution::Drop,
            _ => return Err(VerbError::Usage("the verdict is delivered, resend or drop".to_owned())),
        };
        let ids = vec![needed(&form, "id")?.to_owned()];
        let ask = ResolveAsk { ids, schedule: None, all_of: None, verdict, reason: reason(&form)? };
        carry_out(&site, &visitor, Request::Resolve(ask)).await?;
        Ok(Done { back: "/held".to_owned(), word: "resolved" })
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
        carry_out(&site, &visitor, Request::Cancel(ask)).await?;
        Ok(Done { back: back_to_appointment(&form), word: "cancelled" })
    };
    answered(done.await, &form)
}

async fn change_list(
    site: &Arc<Site>,
    visitor: &Visitor,
    (phone, to, reason): (Personal, OptOutSide, String),
) -> VerbResult<()> {
    let ask = OptOutAsk { phones: vec![phone], to, list: NumbersList::OptedOut, reason: Some(reason) };
    carry_out(site, visitor, Request::OptOut(ask)).await
}

/// A number as the form has it.
fn phone(site: &Site, form: &SubmittedForm) -> VerbResult<Personal> {
    let folder = site.app.folder();
    let region = folder.schedules.values().find_map(|schedule| schedule.appointment.default_region.clone());
    let phone = phone_of(needed(form, "phone")?, region.as_deref());
    let phone = phone.ok_or_else(|| {
        VerbError::Usage("that is not a valid phone number: write it as +12025550143; nothing was changed".to_owned())
    })?;
    Ok(phone.e164)
}

/// Puts a number on the opt-out list.
pub async fn opt_out((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        change_list(&site, &visitor, (phone(&site, &form)?, OptOutSide::On, reason(&form)?)).await?;
        Ok(Done { back: "/opt-outs".to_owned(), word: "opted-out" })
    };
    answered(done.await, &form)
}

/// Takes a number off the opt-out list.
pub async fn opt_in((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        change_list(&site, &visitor, (phone(&site, &form)?, OptOutSide::Off, reason(&form)?)).await?;
        Ok(Done { back: "/opt-outs".to_owned(), word: "opted-in" })
    };
    answered(done.await, &form)
}

/// Puts the number of a reminder on the opt-out list, without showing it.
pub async fn opt_out_of_appointment((State(site), Extension(visitor), Extension(form)): SentForm) -> Response {
    let done = async {
        let id = needed(&form, "id")?.parse().map_err(|error| VerbError::Usage(format!("{error}")))?;
        let ask = ReminderAsk { id: Some(id), ..ReminderAsk::default() };
        let kept = site.app.ledger()?.reminders(ask).await?.pop().and_then(|row| row.phone);
        let phone = kept.ok_or_else(|| VerbError::Failed("its phone is no longer kept".to_owned()))?;
        change_list(&site, &visitor, (phone, OptOutSide::On, reason(&form)?)).await?;
        Ok(Done { back: back_to_appointment(&form), word: "opted-out" })
    };
    answered(done.await, &form)
}
