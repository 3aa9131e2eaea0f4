//! The server: where it listens, whom it answers, and what every answer bears.
//!
//! Source: RFC 9110, 7.4 (misdirected requests); W3C, "Content Security Policy Level 3"; OWASP, "HTTP Security Response
//! Headers Cheat Sheet". A page of elsewhere that lets its name point here (DNS rebinding) is refused by its `Host`.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::{Site, api, pages};

/// A server that runs.
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Others than this machine would be answered.
    #[error(
        "{0} can be reached from other machines, and there are no logins yet: only 127.0.0.1 and [::1] are served. \
         From elsewhere use a tunnel: ssh -L 8443:127.0.0.1:8443 THIS-MACHINE"
    )]
    Everybody(SocketAddr),
    /// The address cannot be had.
    #[error("pages cannot be served at {0}: {1}")]
    Listen(SocketAddr, io::Error),
}

impl Web {
    /// Begins to serve a site; port 0 means any that is free.
    ///
    /// # Errors
    /// Where the address is not this machine's own, or cannot be listened on.
    pub fn start(listen: SocketAddr, site: Arc<Site>) -> Result<Self, Refusal> {
        if !listen.ip().is_loopback() {
            return Err(Refusal::Everybody(listen));
        }
        let unheard = |error| Refusal::Listen(listen, error);
        let listener = TcpListener::bind(listen).map_err(unheard)?;
        listener.set_nonblocking(true).map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let runtime =
            Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().map_err(unheard)?;
        let (stop, stopped) = oneshot::channel();
        let serving = move || serve(runtime, listener, site, stopped);
        let thread = thread::Builder::new().name("web".to_owned()).spawn(serving).map_err(unheard)?;
        Ok(Self { address, stop, thread })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it. Who still waits for an answer gets a second.
    pub fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn serve(runtime: Runtime, listener: TcpListener, site: Arc<Site>, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let serving = axum::serve(listener, router(site));
        tokio::select! {
            _ = serving => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_timeout(PATIENCE);
}

/// All that is answered.
pub fn router(site: Arc<Site>) -> Router {
    let routes = Router::new().merge(pages::routes()).nest("/api/v1", api::routes());
    routes.fallback(pages::nothing_here).layer(middleware::from_fn(guarded)).with_state(site)
}

/// Answers only requests that mean this machine, and only with what cannot be turned against who reads it.
async fn guarded(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = if host.is_some_and(is_this_machine) {
        next.run(request).await
    } else {
        let why = "This server answers only as 127.0.0.1, [::1] or localhost.\n";
        (StatusCode::MISDIRECTED_REQUEST, why).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = if is_api { POLICY_OF_DATA } else { POLICY };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a `Host` names this machine, with any port.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Nothing but our own, no inline script and no inline style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Of what is no page.
const POLICY_OF_DATA: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// Of every answer.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        header::HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];
/// Threads that answer; the analysis has the others.
const WORKERS: usize = 2;
/// In the end, for answers on their way.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_meant() {
        for host in
            ["127.0.0.1", "127.0.0.1:8443", "localhost:1", "LOCALHOST", "[::1]:8443", "[::1]", "127.9.9.9:80"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "example.net",
            "example.net:8443",
            "127.0.0.1.example.net",
            "192.0.2.1:8443",
            "localhost.evil",
            ":80",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn who_would_answer_everybody_is_refused_with_a_sentence() {
        let site = Arc::new(crate::test::site());
        let told = Web::start(([0, 0, 0, 0], 0).into(), site).unwrap_err().to_string();
        assert!(
            told.contains("0.0.0.0:0 can be reached from other machines") && told.contains("ssh -L"),
            "{told}"
        );
    }
}
