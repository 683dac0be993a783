//! shell: what each route answers: reads through the verbs and queries that the terminal uses, and lets a view decide what is
//! shown. To add a page: its file here, its view and template, its line in the table of routes.

pub mod actions;
pub mod appointment;
pub mod assets;
pub mod by_link;
pub mod calls;
pub mod denial;
pub mod exporting;
pub mod health;
pub mod held;
pub mod not_called;
pub mod optouts;
pub mod outcomes;
pub mod overview;
pub mod plan;
pub mod schedules;
pub mod signing;

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::guard::SubmittedForm;
use super::views::failure::FailurePage;
use super::views::frame::DoneAction;
use crate::ledger::LedgerError;
use crate::verbs::VerbError;

/// The fields of an address.
fn asked_for(query: Option<String>) -> SubmittedForm {
    SubmittedForm::of(query.unwrap_or_default().as_bytes())
}

/// What an address says of the action that led to it.
fn done(form: &SubmittedForm) -> Option<DoneAction<'_>> {
    let count = form.get("count").and_then(|text| text.parse().ok());
    Some(DoneAction { word: form.get("done")?, count })
}

/// A page, or why it can't be shown.
fn page<T: Template>(read: Result<T, VerbError>, back: &str) -> Response {
    match read {
        Ok(page) => html(StatusCode::OK, &page),
        Err(error) => failure(&error, back),
    }
}

fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Why something can't be shown or done, as a page.
fn failure(error: &VerbError, back: &str) -> Response {
    sentence(status(error), "That did not work", error.to_string(), back)
}

fn sentence(status: StatusCode, title: &str, sentence: String, back: &str) -> Response {
    let page = FailurePage { title: title.to_owned(), sentence, back: back.to_owned() };
    html(status, &page)
}

fn status(error: &VerbError) -> StatusCode {
    match error {
        VerbError::UnknownSchedule { .. } => StatusCode::NOT_FOUND,
        VerbError::Usage(_) => StatusCode::BAD_REQUEST,
        VerbError::Unsafe(_) | VerbError::RefusedSchedule { .. } | VerbError::Ledger(LedgerError::Refused(_)) => {
            StatusCode::CONFLICT
        }
        VerbError::Unreachable(_) | VerbError::Ledger(LedgerError::Busy(_)) => StatusCode::SERVICE_UNAVAILABLE,
        VerbError::Configuration(_)
        | VerbError::Evaluation { .. }
        | VerbError::Ledger(LedgerError::Storage(_) | LedgerError::NewerSchema(_) | LedgerError::ReadOnly)
        | VerbError::Answered { .. }
        | VerbError::Failed(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
