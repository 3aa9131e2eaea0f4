//! Who comes in, and what each may: asked as a browser and as a program ask, against a store in a folder.

mod acts;
mod captures;
mod description;
mod devices;
mod entry;
mod rules;
mod sessions;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use spanwatch_appliance::access::{Role, Team, password};
use spanwatch_appliance::store::desk::Desk;
use spanwatch_appliance::store::users::By;
use spanwatch_appliance::store::{Limits, Store};
use spanwatch_appliance::uploads::Uploads;
use spanwatch_parsers::Time;
use tower::ServiceExt as _;

use super::{Access, Door};
use crate::{Brought, Site, server};

/// A site with a store, and a clock that tests move.
struct House {
    folder: PathBuf,
    app: Router,
    desk: Arc<Desk>,
    site: Arc<Site>,
}

/// An answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

/// A person who is logged in.
struct Person {
    cookie: String,
    csrf: String,
}

thread_local! {
    static LATER: AtomicI64 = const { AtomicI64::new(0) };
}

/// Each test's own time: it begins at the first second.
fn clock() -> Time {
    Time(1_000_000_000 + LATER.with(|it| it.load(Ordering::Relaxed)))
}

fn later(minutes: i64) {
    LATER.with(|it| it.fetch_add(minutes * 60_000_000_000, Ordering::Relaxed));
}

const SECURE: Door = Door { is_local: false, is_secure: true, is_own: true, port: 443 };
const PASSWORD: &str = "four doors of oak";

impl House {
    fn new() -> Self {
        Self::with(crate::test::LOCAL)
    }

    fn with(door: Door) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("spanwatch-access-{}-{number}", std::process::id()));
        let report = crate::test::report();
        let say: spanwatch_appliance::outputs::Say = Arc::new(|_| {});
        let (mut store, _) = Store::open(&folder, Limits::default(), clock(), &say).unwrap();
        store.take(clock(), Vec::new(), &report.findings, &|_| false);
        assert!(store.finish(std::time::Duration::from_secs(60)));
        let access = Access::new(Desk::open(&folder).unwrap(), clock);
        let desk = Arc::clone(&access.desk);
        let brought = Brought::new(Uploads::open(&folder).unwrap(), Arc::new(captures::Reads)).unwrap();
        let site = Arc::new(crate::test::site().with(access).bringing(brought));
        Self { folder, app: server::router(Arc::clone(&site), door), desk, site }
    }

    /// Asks with bytes for a body.
    fn send(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        self.answered("POST", path, headers, Body::from(body))
    }

    /// Somebody who has a password.
    fn user(&self, name: &str, role: Role) {
        let by = By { who: "test", origin: None, at: clock() };
        self.desk.add_user(&by, name, role, Time(i64::MAX)).unwrap();
        self.desk.set_password(&by, name, kept()).unwrap();
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.answered(method, path, headers, Body::from(body.to_owned()))
    }

    fn answered(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:8443");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let app = self.app.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let response = app.oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let kind = parts.headers.get("content-type").map(|it| it.to_str().unwrap().to_owned());
            // A stream of changes does not end.
            let body = if kind.as_deref() == Some("text/event-stream") {
                String::new()
            } else {
                String::from_utf8_lossy(&to_bytes(body, 1 << 24).await.unwrap()).into_owned()
            };
            Answer { status: parts.status, headers: parts.headers, body }
        })
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all = vec![("content-type", FORM)];
        all.extend_from_slice(headers);
        self.ask("POST", path, &all, body)
    }

    fn log_in(&self, name: &str, password: &str) -> Answer {
        self.post("/login", &[], &format!("name={name}&password={}", password.replace(' ', "+")))
    }

    fn person(&self, name: &str) -> Person {
        let answer = self.log_in(name, PASSWORD);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.cookie();
        let page = self.ask("GET", "/account", &[("cookie", &cookie)], "");
        let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        Person { csrf: csrf.to_owned(), cookie }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Answer {
    fn cookie(&self) -> String {
        let line = self.headers.get("set-cookie").expect("a cookie").to_str().unwrap();
        line.split(';').next().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }
}

/// What is kept of the password, hashed once for all.
fn kept() -> &'static str {
    static KEPT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    KEPT.get_or_init(|| password::kept(PASSWORD).unwrap())
}

const FORM: &str = "application/x-www-form-urlencoded";
const ROLES: [(&str, Role); 4] = [
    ("vera", Role::Viewer),
    ("ian", Role::Operator(Team::It)),
    ("carla", Role::Operator(Team::PhysicalSecurity)),
    ("ada", Role::Admin),
];

/// An address with what its places hold in the tests.
fn filled(path: &str) -> String {
    let id = if path.contains("kinds") {
        "device-offline"
    } else if path.contains("devices") {
        "02:00:00:00:00:0a"
    } else if path.contains("tokens") {
        "999"
    } else {
        "abc123"
    };
    path.replace("{id}", id)
        .replace("{name}", "nobody")
        .replace("{*path}", "style.css")
        .replace("{*page}", "findings")
        .replace("{*what}", "report")
}
