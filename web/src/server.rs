//! The server: where it listens, and how connections are taken. What is answered to whom is the guard's (`access/guard.rs`).
//!
//! Bounded: connections in all and from one address ([`callers`]), the time for a handshake, for the head of a request and for taking
//! an answer ([`pace`]), the head's size. HTTP/1.1. Elsewhere than on this machine all goes over TLS.

mod callers;
mod pace;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
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
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::access::guard::{Guard, guarded};
use crate::access::{Door, Peer};
use crate::rules::Rules;
use crate::{Site, api, pages};
use callers::Callers;
pub use callers::{Known, place};
use pace::Paced;

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
            () = accept(listener, (app, tls), &LIMITS) => {}
            () = keep_fresh(fresh) => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_timeout(PATIENCE);
}

/// Looks each second whether people did something at the store, and whether the time of a capture is over.
async fn keep_fresh(site: Arc<Site>) {
    loop {
        let own = Arc::clone(&site);
        let _ = tokio::task::spawn_blocking(move || {
            own.refresh();
            own.tidy();
        })
        .await;
        sleep(FRESH).await;
    }
}

/// How many connections there may be, and how long they may take for what.
#[derive(Debug, Clone, Copy)]
struct Limits {
    connections: usize,
    of_place: usize,
    handshake: Duration,
    /// For the head of a request; who asks for nothing is let go then as well.
    head: Duration,
    /// Without taking anything of an answer.
    taking: Duration,
}

/// Takes connections, as many as there may be.
async fn accept(
    listener: tokio::net::TcpListener,
    (app, tls): (Router, Option<TlsAcceptor>),
    limits: &Limits,
) {
    let callers = Callers::new(limits.connections, limits.of_place);
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // No file is free, say.
            sleep(PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let Some(caller) = callers.came(peer.ip()) else { continue };
        let (app, tls, limits, number) = (app.clone(), tls.clone(), *limits, caller.number());
        let task = tokio::spawn(async move {
            let stream = Paced::new(stream, limits.taking);
            taken(stream, (app, tls), (peer.ip(), caller.known.clone()), &limits).await;
            drop(caller);
        });
        callers.answers(number, task.abort_handle());
    }
}

async fn taken(
    stream: Paced<TcpStream>,
    (app, tls): (Router, Option<TlsAcceptor>),
    peer: (IpAddr, Known),
    limits: &Limits,
) {
    match tls {
        None => answered(stream, app, peer, limits).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(limits.handshake, tls.accept(stream)).await {
                answered(stream, app, peer, limits).await;
            }
        }
    }
}

/// Answers all requests of a connection.
async fn answered(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Router,
    (ip, known): (IpAddr, Known),
    limits: &Limits,
) {
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(ip));
        request.extensions_mut().insert(known.clone());
        app.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_MAX);
    // Who goes away in the middle is no news.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
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
const HEAD_MAX: usize = 65_536;
const LIMITS: Limits = Limits {
    // Some forty people with a few pages each that keep themselves fresh.
    connections: 512,
    // A browser has six, and several people may come by one address.
    of_place: 128,
    handshake: Duration::from_secs(10),
    head: Duration::from_secs(10),
    taking: Duration::from_secs(30),
};

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

    /// Few connections, and little time.
    const SHORT: Limits = Limits {
        connections: 6,
        of_place: 4,
        handshake: Duration::from_millis(300),
        head: Duration::from_millis(300),
        taking: Duration::from_millis(300),
    };

    /// Lets a server with little patience answer on this machine while `asking` goes on.
    fn served<F: Future<Output = ()>>(app: Router, asking: impl FnOnce(SocketAddr) -> F) {
        served_within(&SHORT, app, asking);
    }

    fn served_within<F: Future<Output = ()>>(
        limits: &Limits,
        app: Router,
        asking: impl FnOnce(SocketAddr) -> F,
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let at = listener.local_addr().unwrap();
            tokio::select! {
                () = accept(listener, (app, None), limits) => {}
                () = asking(at) => {}
            }
        });
    }

    /// Connects from an address of this machine.
    async fn from(own: [u8; 4], to: SocketAddr) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((own, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// What comes until the other end has enough.
    async fn rest(stream: &mut TcpStream) -> usize {
        let mut bytes = Vec::new();
        let read = timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes));
        let _ = read.await.expect("it is let go");
        bytes.len()
    }

    #[test]
    fn who_begins_a_head_and_does_not_end_it_is_let_go() {
        served(Router::new(), |at| async move {
            let mut slow = from([127, 0, 0, 1], at).await;
            slow.write_all(b"GET / HTTP/1.1\r\nHost: 127.0").await.unwrap();
            rest(&mut slow).await;
        });
    }

    #[test]
    fn who_takes_nothing_of_an_answer_is_let_go() {
        const LONG: usize = 64 << 20;
        let app = Router::new().route("/", axum::routing::get(|| async { vec![b'x'; LONG] }));
        served(app, |at| async move {
            let mut slow = from([127, 0, 0, 1], at).await;
            slow.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
            sleep(SHORT.taking * 4).await;
            let read = rest(&mut slow).await;
            assert!(read < LONG, "what the kernel holds, and no more");
            let mut quick = from([127, 0, 0, 1], at).await;
            quick.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await.unwrap();
            assert!(rest(&mut quick).await > LONG);
        });
    }

    #[test]
    fn connections_that_nobody_logged_in_by_keep_nobody_out() {
        let app = Router::new().route(
            "/",
            axum::routing::get(|known: axum::Extension<Known>| async move {
                known.0.set();
                "in"
            }),
        );
        const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        // Nobody is let go for being idle here.
        let patient = Limits { head: Duration::from_secs(600), ..SHORT };
        served_within(&patient, app, |at| async move {
            let mut known = from([127, 0, 0, 1], at).await;
            let mut answer = [0; 256];
            known.write_all(ASK).await.unwrap();
            assert!(known.read(&mut answer).await.unwrap() > 0);
            let mut idle = Vec::new();
            for last in 2..12 {
                idle.push(from([127, 0, 0, last], at).await);
            }
            let mut next = from([127, 0, 0, 20], at).await;
            for stream in [&mut known, &mut next] {
                stream.write_all(ASK).await.unwrap();
                assert!(stream.read(&mut answer).await.unwrap() > 0, "it is answered");
            }
        });
    }
}
