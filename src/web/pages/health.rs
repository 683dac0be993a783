//! shell: what monitors ask.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::web::site::Site;

/// 200 while the heartbeat and the ledger's writer live.
pub async fn health(State(site): State<Arc<Site>>) -> Response {
    if site.vitals.are_live().await {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the scheduler or the ledger's writer does not respond\n").into_response()
    }
}

/// 200 once the folder was read.
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
