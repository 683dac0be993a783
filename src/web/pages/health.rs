//! shell: the answers for monitors: `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::web::site::Site;

/// Answers 200 while ticks come and the ledger's writer responds.
pub async fn health(State(site): State<Arc<Site>>) -> Response {
    if site.vitals.are_live().await {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the scheduler or the ledger's writer does not respond\n").into_response()
    }
}

/// Answers 200 once the folder of schedules was read.
pub async fn readiness(State(site): State<Arc<Site>>) -> Response {
    match site.vitals.unready() {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// Everything that is measured, as Prometheus reads it.
pub async fn metrics(State(site): State<Arc<Site>>) -> Response {
    match site.meters.read(&site).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}
