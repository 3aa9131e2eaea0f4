//! A small site for tests: two cameras behind a switch, one of them gone for a while.

use std::sync::Arc;

use spanwatch_engine::report::Report;
use spanwatch_engine::report::read;

use crate::access::Door;
use crate::{Picture, Site};

/// Where this machine's own requests come in.
pub const LOCAL: Door = Door { is_local: true, is_secure: false, is_own: false, port: 8_443 };

/// Its report, as JSON has it.
pub const REPORT: &str = include_str!("test.json");

pub fn report() -> Report {
    read::report(REPORT.as_bytes()).unwrap()
}

pub fn picture() -> Picture {
    Picture::new(report(), None)
}

pub fn site() -> Site {
    Site::still(picture(), None)
}

/// Asks a site for a page, as a browser does.
pub fn asked(site: Site, path: &str) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use tower::ServiceExt as _;
        let request =
            axum::http::Request::get(path).header("host", "127.0.0.1").body(axum::body::Body::empty());
        let response = crate::server::router(Arc::new(site), LOCAL).oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    })
}
