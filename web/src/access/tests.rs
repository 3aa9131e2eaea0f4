//! Who comes in, and what each may: asked as a browser and as a program ask, against a store in a folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use spanwatch_appliance::access::{Role, Team, password};
use spanwatch_appliance::store::desk::Desk;
use spanwatch_appliance::store::users::By;
use spanwatch_appliance::store::{Limits, Store};
use spanwatch_parsers::Time;
use tower::ServiceExt as _;

use super::{Access, Door};
use crate::rules::Need;
use crate::server;

/// A site with a store, and a clock that tests move.
struct House {
    folder: PathBuf,
    app: Router,
    desk: Arc<Desk>,
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
        let site = Arc::new(crate::test::site().with(access));
        Self { folder, app: server::router(site, door), desk }
    }

    /// Somebody who has a password.
    fn user(&self, name: &str, role: Role) {
        let by = By { who: "test", origin: None, at: clock() };
        self.desk.add_user(&by, name, role, Time(i64::MAX)).unwrap();
        self.desk.set_password(&by, name, kept()).unwrap();
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:8443");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
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

/// What each address asks of who wants it, written down a second time: an address that is not here fails the test.
const DUE: &[(&str, Need, &[&str])] = &[
    (
        "GET",
        Need::Look,
        &[
            "/",
            "/devices",
            "/devices.csv",
            "/devices/{id}",
            "/streams",
            "/streams.csv",
            "/network",
            "/findings",
            "/findings.csv",
            "/findings/{id}",
            "/findings/{id}/text",
            "/findings/{id}/packets",
            "/findings/{id}/packets.pcapng",
            "/kinds",
            "/kinds/{id}",
            "/system",
            "/report.html",
            "/live",
            "/api/v1/overview",
            "/api/v1/devices",
            "/api/v1/devices/{id}",
            "/api/v1/streams",
            "/api/v1/switches",
            "/api/v1/sessions",
            "/api/v1/findings",
            "/api/v1/findings/{id}",
            "/api/v1/findings/{id}/history",
            "/api/v1/kinds",
            "/api/v1/kinds/{id}",
            "/api/v1/report",
            "/api/v1/openapi.json",
            "/api/v1/live",
            "/api/v1/me",
        ],
    ),
    ("GET", Need::Nothing, &["/login", "/welcome", "/assets/{*path}"]),
    ("POST", Need::Nothing, &["/login", "/welcome"]),
    ("GET", Need::Own, &["/account"]),
    ("POST", Need::Own, &["/account", "/logout"]),
    (
        "POST",
        Need::Act,
        &["/devices", "/findings/{id}/act", "/api/v1/findings/{id}/acts", "/api/v1/devices/labels"],
    ),
    ("GET", Need::Rule, &["/users", "/audit", "/api/v1/users", "/api/v1/tokens", "/api/v1/audit"]),
    (
        "POST",
        Need::Rule,
        &[
            "/users",
            "/api/v1/users",
            "/api/v1/users/{name}/role",
            "/api/v1/users/{name}/link",
            "/api/v1/tokens",
        ],
    ),
    ("DELETE", Need::Rule, &["/api/v1/users/{name}", "/api/v1/tokens/{id}"]),
];

#[test]
fn every_address_asks_of_each_role_what_it_should() {
    let (_, rules) = server::routes();
    let due: std::collections::BTreeMap<_, _> = DUE
        .iter()
        .flat_map(|(method, need, paths)| {
            paths.iter().map(move |path| (((*method).to_owned(), (*path).to_owned()), *need))
        })
        .collect();
    assert_eq!(rules, due, "an address without a rule in this test");
    let house = House::new();
    for (name, role) in ROLES {
        house.user(name, role);
    }
    let by = By { who: "test", origin: None, at: clock() };
    let persons = ROLES.map(|(name, _)| (name, house.person(name)));
    for (role, need, method, path) in [None]
        .into_iter()
        .chain(ROLES.map(Some))
        .flat_map(|role| due.iter().map(move |(at, need)| (role, *need, &at.0, &at.1)))
    {
        let path = filled(path);
        let may = match (role, need) {
            (_, Need::Nothing) => true,
            (None, _) => false,
            (_, Need::Look | Need::Own) => true,
            (Some((_, role)), Need::Act) => role != Role::Viewer,
            (Some((_, role)), Need::Rule) => role == Role::Admin,
        };
        let is_api = path.starts_with("/api/");
        let kind = if is_api { "application/json" } else { FORM };
        let body = if is_api { "{}" } else { "" };
        let answer = match role {
            None => house.ask(method, &path, &[("content-type", kind)], body),
            Some((name, _)) => {
                let leaving = (path == "/logout").then(|| house.person(name));
                let person = leaving.as_ref().unwrap_or(&persons.iter().find(|it| it.0 == name).unwrap().1);
                let headers =
                    [("cookie", &*person.cookie), ("content-type", kind), ("x-csrf-token", &person.csrf)];
                house.ask(method, &path, &headers, body)
            }
        };
        let told = format!("{role:?} {method} {path}: {} {}", answer.status, answer.body);
        match (may, role) {
            (true, _) => assert!(!matches!(answer.status.as_u16(), 401 | 405), "{told}"),
            (false, Some(_)) => assert_eq!(answer.status, 403, "{told}"),
            (false, None) if is_api => assert_eq!(answer.status, 401, "{told}"),
            (false, None) => {
                assert_eq!(answer.status, 303, "{told}");
                assert!(answer.header("location").starts_with("/login"), "{told}");
            }
        }
        let is_refusal =
            answer.body.contains("Only a") || answer.body.contains("session: load the page anew");
        assert!(!may || !is_refusal, "{told}");
    }
    // Programs, of the API alone.
    for (name, role) in ROLES {
        let (_, secret) = house.desk.add_token(&by, name, role).unwrap();
        let bearer = format!("Bearer {secret}");
        for ((method, path), need) in &due {
            let (path, headers) =
                (filled(path), [("authorization", &*bearer), ("content-type", "application/json")]);
            let answer = house.ask(method, &path, &headers, "{}");
            let told = format!("{role:?} {method} {path}: {} {}", answer.status, answer.body);
            let may = match need {
                Need::Nothing => true,
                Need::Look => true,
                Need::Own => false,
                Need::Act => role != Role::Viewer,
                Need::Rule => role == Role::Admin,
            };
            if !path.starts_with("/api/") {
                assert!(*need == Need::Nothing || answer.status == 303, "{told}");
            } else if may {
                assert!(
                    !matches!(answer.status.as_u16(), 401 | 405) && !answer.body.contains("Only a"),
                    "{told}"
                );
            } else {
                assert_eq!(answer.status, 403, "{told}");
            }
        }
    }
    for wrong in ["Bearer spanwatch_nobodys", "Bearer", "Basic YTpi", "bearer  "] {
        let answer = house.ask("GET", "/api/v1/overview", &[("authorization", wrong)], "");
        assert_eq!(
            (answer.status.as_u16(), answer.header("www-authenticate").contains("invalid_token")),
            (401, true)
        );
    }
}

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
    path.replace("{id}", id).replace("{name}", "nobody").replace("{*path}", "style.css")
}

#[test]
fn what_is_not_known_is_not_told_to_who_is_nobody() {
    let house = House::new();
    for path in ["/no-such", "/findings/no-such", "/login/x"] {
        assert_eq!(house.ask("GET", path, &[], "").status, 303, "{path}");
    }
    assert_eq!(house.ask("GET", "/api/v1/no-such", &[], "").status, 401);
    assert_eq!(house.ask("PUT", "/", &[], "").status, 303);
    let elsewhere = house.ask("GET", "/login", &[("host", "rebound.example")], "");
    assert_eq!(elsewhere.status, 421);
    let fresh = house.ask("GET", "/", &[("hx-request", "true")], "");
    assert_eq!((fresh.status.as_u16(), fresh.header("hx-redirect")), (401, "/login"));
}

#[test]
fn the_first_link_makes_the_admin_once_and_is_over_after_an_hour() {
    let house = House::new();
    let access = Access::new(Desk::open(&house.folder).unwrap(), clock);
    let late = access.first_link().unwrap().unwrap();
    later(60);
    assert_eq!(house.ask("GET", &late, &[], "").status, 404);
    let link = access.first_link().unwrap().unwrap();
    let page = house.ask("GET", &link, &[], "");
    assert!(page.status == 200 && page.body.contains("Set up this Spanwatch"), "{}", page.body);
    let key = link.split('=').nth(1).unwrap();
    let form = |password: &str, again: &str| format!("key={key}&name=ada&password={password}&again={again}");
    for (password, again, due) in [
        ("short", "short", "12 letters"),
        ("four+doors+of+oak", "four+doors+of+elm", "not the same"),
        ("spanwatch-ada", "spanwatch-ada", "others would try"),
    ] {
        let answer = house.post("/welcome", &[], &form(password, again));
        assert!(answer.status == 422 && answer.body.contains(due), "{password}: {}", answer.body);
    }
    let answer = house.post("/welcome", &[], &form("four+doors+of+oak", "four+doors+of+oak"));
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{}", answer.body);
    assert_eq!(house.ask("GET", "/users", &[("cookie", &answer.cookie())], "").status, 200);
    assert_eq!(
        house.post("/welcome", &[], &form("four+doors+of+oak", "four+doors+of+oak")).status,
        404,
        "used"
    );
    assert_eq!(house.ask("GET", &link, &[], "").status, 404);
    assert_eq!(access.first_link().unwrap(), None);
}

#[test]
fn after_ten_wrong_passwords_the_account_waits_and_so_does_one_that_there_is_not() {
    let house = House::new();
    house.user("jo", Role::Viewer);
    let (mut told, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..11 {
        told.push(house.log_in("jo", "wrong wrong wrong").status.as_u16());
    }
    for _ in 0..11 {
        unknown.push(house.log_in("nobody", "wrong wrong wrong").status.as_u16());
    }
    let due: Vec<u16> = [403; 10].into_iter().chain([429]).collect();
    assert_eq!((&told, &unknown), (&due, &due));
    let right = house.log_in("jo", PASSWORD);
    assert!(
        right.status == 429 && right.body.contains("Wait for 1") && !right.headers.contains_key("set-cookie")
    );
    let case = house.log_in("JO", PASSWORD);
    assert_eq!(case.status, 429);
    later(15);
    assert_eq!(house.log_in("jo", PASSWORD).status, 303);
    let audit = house.desk.audit(None, i64::MAX, 100).unwrap();
    assert_eq!(audit.iter().filter(|it| it.what == "login-failed" && it.who == "jo").count(), 10);
    assert!(audit.iter().all(|it| it.who != "nobody"), "a name that may be a password is not kept");
}

#[test]
fn an_address_that_tries_many_names_waits() {
    let house = House::new();
    let tries: Vec<u16> =
        (0..31).map(|number| house.log_in(&format!("u{number}"), "wrong wrong").status.as_u16()).collect();
    assert_eq!((tries[29], tries[30]), (403, 429));
}

#[test]
fn a_session_begins_with_a_secret_of_its_own_and_the_old_one_ends() {
    let house = House::new();
    house.user("jo", Role::Viewer);
    let planted = ("cookie", "spanwatch-8443=planted");
    let answer =
        house.post("/login", &[planted], &format!("name=jo&password={}", PASSWORD.replace(' ', "+")));
    let first = answer.cookie();
    assert_ne!(first, "spanwatch-8443=planted");
    assert_eq!(house.ask("GET", "/", &[planted], "").status, 303, "what somebody planted is worth nothing");
    let person = house.person("jo");
    let again = format!("name=jo&csrf={}&password={}", person.csrf, PASSWORD.replace(' ', "+"));
    let second = house.post("/login", &[("cookie", &person.cookie)], &again).cookie();
    assert_ne!(second, person.cookie);
    assert_eq!(house.ask("GET", "/", &[("cookie", &person.cookie)], "").status, 303, "it was rotated");
    assert_eq!(house.ask("GET", "/", &[("cookie", &second)], "").status, 200);
}

#[test]
fn sessions_end_by_logging_out_by_time_by_another_password_and_by_another_role() {
    let house = House::new();
    house.user("ada", Role::Admin);
    house.user("jo", Role::Viewer);
    let is_in = |person: &Person| house.ask("GET", "/", &[("cookie", &person.cookie)], "").status == 200;
    let jo = house.person("jo");
    let out = house.post("/logout", &[("cookie", &jo.cookie), ("x-csrf-token", &jo.csrf)], "");
    assert!(out.status == 303 && out.header("set-cookie").contains("Max-Age=0") && !is_in(&jo));
    let (jo, other) = (house.person("jo"), house.person("jo"));
    let form = format!(
        "csrf={}&present={}&password=five+doors+of+elm&again=five+doors+of+elm",
        jo.csrf,
        PASSWORD.replace(' ', "+")
    );
    let wrong = house.post("/account", &[("cookie", &jo.cookie)], &form.replace("four", "nine"));
    assert!(wrong.status == 403 && is_in(&jo), "{}", wrong.body);
    let changed = house.post("/account", &[("cookie", &jo.cookie)], &form);
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert!(!is_in(&jo) && !is_in(&other));
    assert_eq!(house.ask("GET", "/", &[("cookie", &changed.cookie())], "").status, 200);
    assert_eq!(house.log_in("jo", PASSWORD).status, 403);
    let by = By { who: "ada", origin: None, at: clock() };
    house.desk.set_role(&by, "jo", Role::Operator(Team::It)).unwrap();
    assert_eq!(house.ask("GET", "/", &[("cookie", &changed.cookie())], "").status, 303);
    let ada = house.person("ada");
    later(29);
    assert_eq!(house.ask("GET", "/", &[("cookie", &ada.cookie), ("hx-request", "true")], "").status, 200);
    later(1);
    assert!(!is_in(&ada), "a page that keeps itself fresh keeps nobody logged in");
}

#[test]
fn cookies_are_for_this_server_alone() {
    let (plain, secure) = (House::new(), House::with(SECURE));
    for house in [&plain, &secure] {
        house.user("jo", Role::Viewer);
    }
    let of = |house: &House| house.log_in("jo", PASSWORD).header("set-cookie").to_owned();
    let (plain, secure) = (of(&plain), of(&secure));
    assert!(
        plain.starts_with("spanwatch-8443=") && plain.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{plain}"
    );
    assert!(
        secure.starts_with("__Host-spanwatch-443=")
            && secure.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{secure}"
    );
}

#[test]
fn one_s_own_certificate_is_asked_for_for_good_and_ours_is_not() {
    let due =
        [(SECURE, "max-age=31536000"), (Door { is_own: false, ..SECURE }, ""), (crate::test::LOCAL, "")];
    for (door, due) in due {
        let answer = House::with(door).ask("GET", "/login", &[], "");
        assert_eq!(answer.header("strict-transport-security"), due);
    }
}

#[test]
fn a_form_that_is_not_ones_own_does_nothing() {
    let house = House::new();
    house.user("ada", Role::Admin);
    house.user("jo", Role::Viewer);
    let (ada, jo) = (house.person("ada"), house.person("jo"));
    let body = |csrf: &str| format!("csrf={csrf}&act=acknowledge");
    let act = |headers: &[(&str, &str)], body: &str| {
        let mut all = vec![("cookie", &*ada.cookie)];
        all.extend_from_slice(headers);
        house.post("/findings/abc123/act", &all, body).status.as_u16()
    };
    for csrf in ["", "x", &jo.csrf] {
        assert_eq!(act(&[], &body(csrf)), 403, "{csrf}");
        assert_eq!(act(&[("x-csrf-token", csrf)], &body(&ada.csrf)), 403, "{csrf}");
    }
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(act(&[(name, value)], &body(&ada.csrf)), 403, "{name}: {value}");
    }
    let login = [("origin", "https://evil.example")];
    assert_eq!(
        house.post("/login", &login, "name=jo&password=x").status,
        403,
        "nobody is logged in by another page"
    );
    let json = [("cookie", &*ada.cookie), ("content-type", "application/json")];
    let api = "/api/v1/findings/abc123/acts";
    assert_eq!(house.ask("POST", api, &json, "{\"act\":\"acknowledge\"}").status, 403);
    assert!(house.desk.standings().unwrap().is_empty(), "nothing was done");
    assert_eq!(
        act(&[("origin", "http://127.0.0.1:8443"), ("sec-fetch-site", "same-origin")], &body(&ada.csrf)),
        303
    );
    assert_eq!(house.desk.standings().unwrap()[0].status, "acknowledged");
    let long = format!("csrf={}&note={}", ada.csrf, "x".repeat(70_000));
    assert_eq!(act(&[], &long), 413);
}

#[test]
fn a_finding_is_handed_over_and_pages_and_api_say_the_same() {
    let house = House::new();
    for (name, role) in ROLES {
        house.user(name, role);
    }
    let (ian, carla) = (house.person("ian"), house.person("carla"));
    let act = |person: &Person, form: &str| {
        let form = format!("csrf={}&{form}", person.csrf);
        house.post("/findings/abc123/act", &[("cookie", &person.cookie)], &form)
    };
    let page = |person: &Person, path: &str| house.ask("GET", path, &[("cookie", &person.cookie)], "").body;
    let lane = |now: &str, team: &str| {
        let lane = now.split(&format!("<h2 id=\"lane-{team}\"")).nth(1).unwrap();
        lane.split("</section>").next().unwrap().contains("/findings/abc123")
    };
    assert!(lane(&page(&ian, "/"), "it"));
    assert!(!page(&carla, "/findings/abc123").contains("Hand over to"), "it is IT's turn");
    assert_eq!(act(&carla, "act=resolve").status, 403);
    let lacking = act(&ian, "act=hand-over&to=physical-security&note=");
    assert!(lacking.status == 409 && lacking.body.contains("Not done: say why"), "{}", lacking.body);
    assert_eq!(act(&ian, "act=hand-over&to=physical-security&note=%3Cb%3Ethe+camera").status, 303);
    let now = page(&ian, "/");
    assert!(!lane(&now, "it") && lane(&now, "physical-security"));
    let incident = page(&carla, "/findings/abc123");
    for due in
        ["<b>Physical security</b>", "IT → Physical security", "&#60;b&#62;the camera", "Hand over to IT"]
    {
        assert!(incident.contains(due), "{due}: {incident}");
    }
    let (_, secret) =
        house.desk.add_token(&By { who: "ada", origin: None, at: clock() }, "siem", Role::Admin).unwrap();
    let bearer = format!("Bearer {secret}");
    let api = |method: &str, path: &str, body: &str| -> Value {
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        serde_json::from_str(&house.ask(method, path, &headers, body).body).unwrap()
    };
    assert_eq!(api("GET", "/api/v1/findings/abc123", "")["owner"], "physical-security");
    let assigned = api("POST", "/api/v1/findings/abc123/acts", r#"{"act":"assign","to":"carla"}"#);
    assert_eq!(assigned["assigned"], "carla");
    assert_eq!(act(&carla, "act=resolve&note=mended").status, 303);
    let told = api("GET", "/api/v1/findings/abc123", "");
    assert_eq!((&told["status"], &told["status_by"]), (&"resolved".into(), &"carla".into()));
    assert!(
        !lane(&page(&ian, "/"), "physical-security") && page(&ian, "/findings").contains("resolved, carla")
    );
    let history = api("GET", "/api/v1/findings/abc123/history", "");
    let done: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap()).collect();
    assert_eq!(done, ["resolved", "assigned", "handed-over"]);
    let problem = api("POST", "/api/v1/findings/abc123/acts", r#"{"act":"dance"}"#);
    assert_eq!((&problem["status"], &problem["type"]), (&400.into(), &"about:blank".into()));
    assert_eq!(act(&ian, "act=note&note=thanks").status, 303, "whoever is operator leaves notes");
}

#[test]
fn passwords_and_secrets_are_in_no_page_no_file_and_no_audit() {
    let house = House::new();
    house.user("ada", Role::Admin);
    let ada = house.person("ada");
    let canary = "canary of nine lives";
    let users = |form: &str| {
        let form = format!("csrf={}&{form}", ada.csrf);
        house.post("/users", &[("cookie", &ada.cookie)], &form)
    };
    let added = users("what=add&name=jo&role=viewer");
    let key = added.body.split("/welcome?key=").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let token = users("what=token&name=siem&role=viewer");
    let token = token.body.split("spanwatch_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let chosen = canary.replace(' ', "+");
    let welcomed = house.post("/welcome", &[], &format!("key={key}&password={chosen}&again={chosen}"));
    assert_eq!(welcomed.status, 303, "{}", welcomed.body);
    let cookie = welcomed.cookie();
    let secret = cookie.split('=').nth(1).unwrap().to_owned();
    let mut told = vec![house.log_in("jo", "canary of ten lives").body, house.log_in(&chosen, &chosen).body];
    let (_, rules) = server::routes();
    for (method, path) in rules.keys().filter(|(method, path)| method == "GET" && !path.ends_with("/live")) {
        told.push(house.ask(method, &filled(path), &[("cookie", &ada.cookie)], "").body);
    }
    // The name that was tried is shown to who tried it.
    told[1] = told[1].replace(canary, "");
    for secret in [canary, &*key, &*token, &*secret, ada.cookie.split('=').nth(1).unwrap()] {
        for page in &told {
            assert!(!page.contains(secret), "{secret}: {page}");
        }
        for file in std::fs::read_dir(&house.folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()), "{secret}");
        }
    }
}

#[test]
fn whoever_is_not_let_in_any_more_hears_no_changes() {
    let house = House::new();
    house.user("jo", Role::Viewer);
    let jo = house.person("jo");
    assert_eq!(house.ask("GET", "/live", &[("cookie", &jo.cookie)], "").status, 200);
    let access = Access::new(Desk::open(&house.folder).unwrap(), clock);
    assert!(!access.still(&super::Who::Nobody) && !access.still(&super::Who::Anybody));
    let cookie = access.enter("jo").unwrap();
    let who = access.person(cookie.split(['=', ';']).nth(1).unwrap(), true).unwrap();
    assert!(access.still(&who));
    house.user("ada", Role::Admin);
    house.desk.remove_user(&By { who: "ada", origin: None, at: clock() }, "jo").unwrap();
    assert!(!access.still(&who));
}

#[test]
fn every_answer_of_the_description_that_needs_a_store_is_as_described() {
    let house = House::new();
    house.user("ada", Role::Admin);
    let (_, secret) =
        house.desk.add_token(&By { who: "ada", origin: None, at: clock() }, "siem", Role::Admin).unwrap();
    let bearer = format!("Bearer {secret}");
    let ask = |method: &str, path: &str, body: &str| {
        house.ask(method, path, &[("authorization", &*bearer), ("content-type", "application/json")], body)
    };
    let description: Value = serde_json::from_str(&ask("GET", "/api/v1/openapi.json", "").body).unwrap();
    let (_, rules) = server::routes();
    let own = rules.keys().filter(|(_, path)| path.starts_with("/api/v1/"));
    for (method, path) in own.filter(|(_, path)| !path.ends_with("/live") && !path.ends_with("openapi.json"))
    {
        let described = &description["paths"][path][method.to_lowercase()];
        assert!(described.is_object(), "{method} {path} is not described");
        for (path, body) in [(filled(path), "{}"), (filled(path), "["), (path.replace("{id}", "zz"), "{}")] {
            let answer = ask(method, &path, body);
            let status = answer.status.as_u16().to_string();
            assert!(
                described["responses"][&status].is_object(),
                "{method} {path} {body}: {status} {}",
                answer.body
            );
            assert!(
                answer.status.is_success() || answer.header("content-type") == "application/problem+json"
            );
        }
    }
    for (method, path, body) in [
        (Method::POST, "/api/v1/users", r#"{"name":"kim","role":"viewer"}"#),
        (Method::POST, "/api/v1/users/kim/link", ""),
        (Method::POST, "/api/v1/users/kim/role", r#"{"role":"operator-it"}"#),
        (Method::DELETE, "/api/v1/users/kim", ""),
        (Method::POST, "/api/v1/tokens", r#"{"name":"b","role":"viewer"}"#),
        (Method::DELETE, "/api/v1/tokens/2", ""),
        (Method::GET, "/api/v1/audit?before=3", ""),
    ] {
        let answer = ask(method.as_str(), path, body);
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
    }
}

#[test]
fn a_site_without_a_store_has_no_doors_to_open() {
    let (_, rules) = server::routes();
    for ((method, path), need) in rules.iter().filter(|((method, _), _)| method == "GET") {
        let is_stream = path.ends_with("/live");
        if matches!(need, Need::Own | Need::Rule) && !is_stream {
            let (status, _) = crate::test::asked(crate::test::site(), &filled(path));
            assert_eq!(status, 404, "{method} {path}");
        }
    }
}

#[test]
fn devices_are_labelled_those_marked_or_all_of_a_list_by_operators_and_by_programs() {
    let house = House::new();
    for (name, role) in ROLES {
        house.user(name, role);
    }
    let carla = house.person("carla");
    let cookie = ("cookie", &*carla.cookie);
    let page = house.ask("GET", "/devices", &[cookie], "").body;
    assert!(
        page.contains("name=\"device\" value=\"02:00:00:00:00:0a\"") && page.contains("Change all 2"),
        "{page}"
    );
    let vera = house.person("vera");
    let page = house.ask("GET", "/devices", &[("cookie", &vera.cookie)], "").body;
    assert!(!page.contains("type=\"checkbox\"") && !page.contains("Change all"), "{page}");
    let label =
        |path: &str, fields: &str| house.post(path, &[cookie], &format!("csrf={}&{fields}", carla.csrf));
    assert_eq!(
        house.post("/devices", &[cookie], "which=all&location=x").status,
        403,
        "no mark of his session"
    );
    let done = label(
        "/devices?q=gate",
        "which=marked&device=02%3A00%3A00%3A00%3A00%3A0a&location=Quay+9&importance=critical&owner=",
    );
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, "/devices?q=gate&changed=1"),
        "{}",
        done.body
    );
    let list = |path: &str| house.ask("GET", path, &[cookie], "").body;
    assert!(list("/devices?importance=critical&changed=1").contains("1 device was changed."));
    // What people say stands over the site's list, which has the other one at Quay 4.
    assert_eq!(
        label("/devices?location=Quay+4", "which=all&location=Quay+9&owner=Harbour+police").status,
        303
    );
    let csv = list("/devices.csv?location=Quay%209");
    let rows: Vec<&str> = csv.lines().map(|row| row.rsplitn(4, ',').collect::<Vec<_>>()[2]).collect();
    assert_eq!((rows.len(), csv.lines().nth(1).unwrap().ends_with(",Quay 9,,critical")), (3, true), "{csv}");
    assert!(
        list("/devices?q=police").contains("1 in all")
            && list("/devices/02:00:00:00:00:0b").contains("Harbour police")
    );
    // A dash takes it away; the list's own is there again.
    assert_eq!(label("/devices", "which=marked&device=02:00:00:00:00:0b&location=-&owner=-").status, 303);
    assert!(list("/devices?location=Quay%204").contains("1 in all"));
    for (fields, due) in [
        ("which=marked&location=x", "no device is meant"),
        ("which=all", "nothing is to be changed"),
        ("which=all&importance=huge", "an importance is one of"),
    ] {
        let refused = label("/devices", fields);
        assert!(refused.status == 409 && refused.body.contains(due), "{fields}: {}", refused.body);
    }
    // A program.
    let by = By { who: "test", origin: None, at: clock() };
    let (_, secret) = house.desk.add_token(&by, "cmdb", Role::Operator(Team::It)).unwrap();
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let api = |path: &str, body: &str| house.ask("POST", path, &headers, body);
    let done = api("/api/v1/devices/labels?kind=camera", r#"{"all":true,"owner":"=cmd()"}"#);
    assert_eq!((done.status.as_u16(), done.body.as_str()), (200, r#"{"changed":2}"#));
    let items: Value =
        serde_json::from_str(&house.ask("GET", "/api/v1/devices?owner=%3Dcmd()", &headers, "").body).unwrap();
    assert_eq!((&items["total"], &items["items"][0]["location"]), (&2.into(), &"Quay 9".into()), "{items}");
    assert!(list("/devices.csv").contains(",'=cmd(),"), "no formula");
    assert_eq!(api("/api/v1/devices/labels", r#"{"devices":["nobody"],"owner":"x"}"#).status, 409);
    let audit = house.desk.audit(None, i64::MAX, 20).unwrap();
    let told: Vec<_> = audit.iter().filter(|it| it.what == "devices-labelled").collect();
    assert_eq!(told.len(), 4);
    let last = (told[0].who.as_str(), told[0].after.as_deref(), told[0].note.as_deref());
    let which = "2 devices: all of /devices?kind=camera";
    assert_eq!(last, ("cmdb", Some("owner: =cmd()"), Some(which)));
    assert!(told[3].note.as_deref().is_some_and(|it| it.contains("02:00:00:00:00:0a")), "{told:?}");
}

#[test]
fn a_device_of_a_store_is_shown_with_its_days_its_changes_and_its_streams() {
    use spanwatch_engine::report::minutes::{StreamKey, StreamSum};
    use spanwatch_engine::report::picture::Picture;
    let house = House::new();
    let mut report = crate::test::report();
    let minute = |minute: i64| Time(1_795_318_620_000_000_000 - minute * 60_000_000_000);
    let say: spanwatch_appliance::outputs::Say = Arc::new(|_| {});
    let (mut store, _) = Store::open(&house.folder, Limits::default(), clock(), &say).unwrap();
    let mut device = report.devices.remove(0);
    device.firmware = Some("10.12".to_owned());
    let key = StreamKey {
        source: device.id.clone(),
        destination: "192.0.2.10".into(),
        transport: "udp",
        payload_type: 96,
    };
    for ago in 1..4 {
        let sum = StreamSum { packets: 990, bytes: 7_500_000, lost: 10, jitter_us: 1_500 };
        store.minute(minute(ago), [(key.clone(), sum)].into());
    }
    store.take(clock(), vec![(1, Picture::Is(device))], &report.findings, &|_| false);
    assert!(store.finish(std::time::Duration::from_secs(60)));
    house.user("vera", Role::Viewer);
    let vera = house.person("vera");
    let page = house.ask("GET", "/devices/02:00:00:00:00:0a", &[("cookie", &vera.cookie)], "").body;
    for due in [
        "24 hours: there for 84.3 % of the time known; nothing is known of 99.6 %",
        "30 days: there for",
        "model: <bdi>P3265</bdi>",
        "firmware: <bdi>10.12</bdi>",
        "How its streams went",
        "Lost, % <span class=\"peak\">up to 1.00</span>",
        "<td>1000<td>1.00<td>1.50",
        "/assets/vendor/uplot-1.6.32.min.js",
    ] {
        assert!(page.contains(due), "{due}: {page}");
    }
    assert!(page.len() < 150_000 && !page.contains("style="));
    let days = house.ask("GET", "/devices/02:00:00:00:00:0a?over=30d", &[("cookie", &vera.cookie)], "").body;
    // A day's sum is of all of it, as far as it is known.
    assert!(
        days.contains("data-piece=\"86400\"") && days.contains("<td>2026-11-22 00:00<td>2<td>1.00"),
        "{days}"
    );
}

#[test]
fn what_was_handed_over_names_the_team_that_it_is_now() {
    let house = House::new();
    house.user("ian", Role::Operator(Team::It));
    let ian = house.person("ian");
    let form = format!("csrf={}&act=hand-over&to=physical-security&note=not+the+switch", ian.csrf);
    assert_eq!(house.post("/findings/abc123/act", &[("cookie", &ian.cookie)], &form).status, 303);
    for path in [
        "/findings/abc123",
        "/",
        "/findings/abc123/text?for=physical-security",
        "/api/v1/findings/abc123",
        "/findings.csv",
    ] {
        let page = house.ask("GET", path, &[("cookie", &ian.cookie)], "").body;
        assert!(!page.contains("It is IT&#39;s turn") && !page.contains("It is IT's turn"), "{path}: {page}");
        let words: Vec<&str> = page.split_whitespace().collect();
        let told = words.join(" ").replace("&#39;", "'").contains("it is physical security's turn");
        assert!(told, "{path}: {page}");
    }
}
