//! shell: the files that pages load, out of the binary.

use axum::http::header;
use axum::response::{IntoResponse, Response};

fn asset(kind: &'static str, bytes: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

/// The style sheet.
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("../assets/page.css"))
}

/// The script that renews live pages; everything works without it.
pub async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../assets/page.js"))
}

/// The icon.
pub async fn icon() -> Response {
    asset("image/svg+xml", include_str!("../assets/icon.svg"))
}
