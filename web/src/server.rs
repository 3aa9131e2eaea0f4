//! The server: where it listens, and how connections are taken. What is answered to whom is the guard's (`access/guard.rs`).
//!
//! Bounded: connections in all and from one address, the time for a handshake and for the head of a request, the head's size. HTTP/1.1.
//! Elsewhere than on this machine all goes over TLS.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use spanwatch_appliance::access::certificate::{self, Shown};
use spanwatch_appliance::store::Trouble;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::access::guard::{Guard, guarded};
use crate::access::{Door, Peer};
use crate::rules::Rules;
use crate::{Site, api, pages};

/// A server that runs.
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    shown: Option<Shown>,
    first: Option<String>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Others than this machine would be answered.
    #[error(
        "{0} can be reached from other machines, and without a store there are no logins: give --store DIR, or serve only \
         127.0.0.1 or [::1], and from elsewhere use a tunnel: ssh -L 8443:127.0.0.1:8443 THIS-MACHINE"
    )]
    Everybody(SocketAddr),
    /// The address cannot be had.
    #[error("pages cannot be served at {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The certificate.
    #[error("pages cannot be served over TLS: {0}")]
    Certificate(String),
    /// The store.
    #[error("nobody can log in: {0}")]
    Store(#[from] Trouble),
}

impl Web {
    /// Begins to serve a site; port 0 means any that is free. Elsewhere than on this machine with `own` certificate, or one that
    /// is made.
    ///
    /// # Errors
    /// Where others than this machine would be answered and nobody can log in, or the address cannot be listened on.
    pub fn start(listen: SocketAddr, site: Arc<Site>, own: Option<Shown>) -> Result<Self, Refusal> {
        let is_local = listen.ip().is_loopback();
        let shown = match (site.access(), own) {
            (None, _) if !is_local => return Err(Refusal::Everybody(listen)),
            (_, Some(own)) => Some(own),
            (Some(access), None) if !is_local => {
                Some(certificate::kept(access.desk.dir(), listen.ip()).map_err(Refusal::Certificate)?)
            }
            _ => None,
        };
        let unheard = |error| Refusal::Listen(listen, error);
        let listener = TcpListener::bind(listen).map_err(unheard)?;
        listener.set_nonblocking(true).map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let door = Door {
            is_local,
            is_secure: shown.is_some(),
            is_own: shown.as_ref().is_some_and(|it| it.is_own),
            port: address.port(),
        };
        let first = site.access().map(|access| access.first_link()).transpose()?.flatten();
        let runtime =
            Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().map_err(unheard)?;
        let (stop, stopped) = oneshot::channel();
        let tls = shown.as_ref().map(|it| TlsAcceptor::from(Arc::clone(&it.config)));
        let serving = move || serve(runtime, listener, (site, door, tls), stopped);
        let thread = thread::Builder::new().name("web".to_owned()).spawn(serving).map_err(unheard)?;
        Ok(Self { address, shown, first, stop, thread })
    }

    /// Where the pages are, as a URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.shown.is_some() { "https" } else { "http" };
        let hostname = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        match hostname().filter(|_| self.address.ip().is_unspecified()) {
            Some(name) => format!("{scheme}://{}:{}", name.trim(), self.address.port()),
            None => format!("{scheme}://{}", self.address),
        }
    }

    /// What whoever starts it is to know, a line each: by which certificate the pages are known, how the first admin comes in, which
    /// is a secret, and last where the pages are.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(shown) = self.shown.as_ref().filter(|it| !it.is_own) {
            let what = "the certificate is our own: browsers warn of it, and show this SHA-256";
            told.push(format!("{what}: {}", shown.fingerprint));
        }
        if let Some(first) = &self.first {
            let what = "nobody can log in yet: who opens this link within an hour becomes admin, once";
            told.push(format!("{what}: {}{first}", self.url()));
        }
        told.push(format!("pages at {}/", self.url()));
        told
    }

    /// Ends it. Who still waits for an answer gets a second.
    pub fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn serve(
    runtime: Runtime,
    listener: TcpListener,
    (site, door, tls): (Arc<Site>, Door, Option<TlsAcceptor>),
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let fresh = Arc::clone(&site);
        let app = router(site, door);
        tokio::select! {
            () = accept(listener, app, tls) => {}
            () = keep_fresh(fresh) => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_timeout(PATIENCE);
}

/// Looks whether people did something at the store, each second.
async fn keep_fresh(site: Arc<Site>) {
    loop {
        let own = Arc::clone(&site);
        let _ = tokio::task::spawn_blocking(move || own.refresh()).await;
        sleep(FRESH).await;
    }
}

/// Takes connections, as many as there may be.
async fn accept(listener: tokio::net::TcpListener, app: Router, tls: Option<TlsAcceptor>) {
    let (room, callers) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Arc::new(Callers::default()));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            // No file is free, say.
            sleep(PAUSE).await;
            continue;
        };
        let Some(caller) = callers.came(peer.ip()) else { continue };
        let (app, tls) = (app.clone(), tls.clone());
        tokio::spawn(async move {
            taken(stream, peer.ip(), app, tls).await;
            drop((place, caller));
        });
    }
}

async fn taken(stream: TcpStream, peer: IpAddr, app: Router, tls: Option<TlsAcceptor>) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => answered(stream, peer, app).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                answered(stream, peer, app).await;
            }
        }
    }
}

/// Answers all requests of a connection.
async fn answered(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: IpAddr, app: Router) {
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        app.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_MAX);
    // Who goes away in the middle is no news.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

/// How many connections each address has.
#[derive(Debug, Default)]
struct Callers(Mutex<BTreeMap<IpAddr, usize>>);

/// One of them.
struct Caller {
    of: Arc<Callers>,
    ip: IpAddr,
}

impl Callers {
    /// `None` where it has enough.
    fn came(self: &Arc<Self>, ip: IpAddr) -> Option<Caller> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(ip).or_default();
        if *count >= CONNECTIONS_OF_ADDRESS_MAX {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Caller { of: Arc::clone(self), ip })
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut counts = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

/// All that is answered, with who may ask for it.
pub fn routes() -> (Router<Arc<Site>>, Rules) {
    let (router, rules) = pages::routes().below("/api/v1", api::routes()).split();
    (router.fallback(pages::nothing_here), rules)
}

/// All that is answered, behind its guard.
pub fn router(site: Arc<Site>, door: Door) -> Router {
    if let Some(access) = site.access() {
        access.open(door);
    }
    let (router, rules) = routes();
    let guard = Arc::new(Guard { site: Arc::clone(&site), rules, door });
    router.layer(middleware::from_fn_with_state(guard, guarded)).with_state(site)
}

/// Threads that answer; the analysis has the others.
const WORKERS: usize = 2;
/// In the end, for answers on their way.
const PATIENCE: Duration = Duration::from_secs(1);
const FRESH: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For the head of a request; who asks for nothing is let go then as well.
const HEAD: Duration = Duration::from_secs(30);
const HEAD_MAX: usize = 65_536;
/// Some forty people with a few pages each that keep themselves fresh.
const CONNECTIONS_MAX: usize = 512;
/// A browser has six, and several people may come by one address.
const CONNECTIONS_OF_ADDRESS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_answer_everybody_is_refused_with_a_sentence() {
        let site = Arc::new(crate::test::site());
        let told = Web::start(([0, 0, 0, 0], 0).into(), site, None).unwrap_err().to_string();
        assert!(
            told.contains("0.0.0.0:0 can be reached from other machines") && told.contains("ssh -L"),
            "{told}"
        );
    }

    #[test]
    fn one_address_has_so_many_connections_at_most() {
        let callers = Arc::new(Callers::default());
        let ip = IpAddr::from([192, 0, 2, 1]);
        let mut held: Vec<_> = (0..CONNECTIONS_OF_ADDRESS_MAX).map(|_| callers.came(ip).unwrap()).collect();
        assert!(callers.came(ip).is_none());
        assert!(callers.came(IpAddr::from([192, 0, 2, 2])).is_some());
        held.pop();
        assert!(callers.came(ip).is_some());
        held.clear();
        assert!(callers.0.lock().unwrap().is_empty());
    }
}
