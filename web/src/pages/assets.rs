//! The files that pages are made with: the stylesheet, our script, htmx.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "assets"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
#[include = "vendor/*"]
struct Assets;

/// The stylesheet, for a report that is one file.
pub fn stylesheet() -> String {
    Assets::get("style.css").map(|file| String::from_utf8_lossy(&file.data).into_owned()).unwrap_or_default()
}

pub async fn file(Path(path): Path<String>) -> Response {
    let Some(file) = Assets::get(&path) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let kind = match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, file.data.into_owned()).into_response()
}
