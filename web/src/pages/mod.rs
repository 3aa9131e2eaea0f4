//! Pages for people: one file each, with its template.

mod account;
mod act;
mod assets;
mod audit;
mod device;
mod devices;
mod evidence;
mod findings;
mod incident;
mod kinds;
mod life;
mod live;
mod login;
mod network;
mod now;
mod packets;
mod streams;
mod system;
mod users;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use spanwatch_appliance::access::Role;
use spanwatch_engine::report::Finding;

use crate::access::Here;
use crate::rules::{Need, Routes};
use crate::words::{self, Shown};
use crate::{Picture, Site};

pub use act::{Wish, done, parsed, status as status_of};
pub use assets::stylesheet;
pub use devices::{GROUPS as DEVICE_GROUPS, Row as DeviceRow, grouped, labelled};
pub use incident::{AUDIENCES, View, pasted};
pub use life::Can;
pub use live::stream as live;
pub use login::to_login;
pub use network::map;
pub use now::found as now;
pub use packets::behind;
pub use streams::place as lost_at;
pub use system::{Stored, book, stored};

/// A site, as every page gets it.
pub type Served = State<Arc<Site>>;

/// All pages.
pub fn routes() -> Routes {
    of_report()
        .get("/live", Need::Look, live::stream)
        .post("/devices", Need::Act, devices::label)
        .post("/findings/{id}/act", Need::Act, act::act)
        .get("/evidence", Need::Look, evidence::page)
        .bring("/evidence", evidence::bring)
        .get("/evidence/{id}/", Need::Look, evidence::inside)
        .get("/evidence/{id}/{*page}", Need::Look, evidence::inside)
        .post("/evidence/{id}/remove", Need::Act, evidence::remove)
        .get("/login", Need::Nothing, login::page)
        .post("/login", Need::Nothing, login::enter)
        .get("/welcome", Need::Nothing, login::welcome)
        .post("/welcome", Need::Nothing, login::welcomed)
        .post("/logout", Need::Own, account::leave)
        .get("/account", Need::Own, account::page)
        .post("/account", Need::Own, account::change)
        .get("/users", Need::Rule, users::page)
        .post("/users", Need::Rule, users::change)
        .get("/audit", Need::Rule, audit::page)
        .get("/assets/{*path}", Need::Nothing, assets::file)
}

/// Those that show a report, be it the site's or of a capture that somebody brought.
pub fn of_report() -> Routes {
    Routes::default()
        .get("/", Need::Look, now::page)
        .get("/devices", Need::Look, devices::page)
        .get("/devices.csv", Need::Look, devices::csv)
        .get("/devices/{id}", Need::Look, device::page)
        .get("/streams", Need::Look, streams::page)
        .get("/streams.csv", Need::Look, streams::csv)
        .get("/network", Need::Look, network::page)
        .get("/findings", Need::Look, findings::page)
        .get("/findings.csv", Need::Look, findings::csv)
        .get("/findings/{id}", Need::Look, incident::page)
        .get("/findings/{id}/text", Need::Look, incident::text)
        .get("/findings/{id}/packets", Need::Look, packets::page)
        .get("/findings/{id}/packets.pcapng", Need::Look, packets::file)
        .get("/kinds", Need::Look, kinds::list)
        .get("/kinds/{id}", Need::Look, kinds::page)
        .get("/system", Need::Look, system::page)
        .get("/report.html", Need::Look, system::page_of_all)
}

/// Finds out what the first page of each place shows of a picture, so that nobody waits for it.
pub fn ahead(picture: &Picture) {
    now::found(picture);
    devices::ahead(picture);
    streams::ahead(picture);
    network::found(picture);
    findings::ahead(picture);
}

/// What stands at the head of every page.
#[derive(Debug)]
pub struct Head {
    /// Of the page.
    pub title: Shown,
    /// Which place of the navigation it belongs to.
    pub place: &'static str,
    /// The site's name.
    pub site: Shown,
    /// What time the picture is of.
    pub until: String,
    /// Whether it changes.
    pub is_live: bool,
    /// Its own address.
    pub here: String,
    /// All places.
    pub places: &'static [(&'static str, &'static str)],
    /// Who looks, and what he may, where there are logins.
    pub user: Option<(Shown, &'static str)>,
    /// What his forms bear.
    pub csrf: String,
    /// Whether pages change under his hands.
    pub has_script: bool,
    /// The capture that is shown, where it is one that somebody brought.
    pub capture: Option<Shown>,
}

impl Head {
    fn new(site: &Site, picture: &Picture, (place, title): (&'static str, &str), here: &Here) -> Self {
        let until = picture.report.capture.last.as_deref().map(words::moment);
        Self {
            title: words::shown(title),
            place,
            site: words::shown(picture.report.site.as_deref().unwrap_or_default()),
            until: until.unwrap_or_default(),
            is_live: site.is_live(),
            here: here.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
            places: match here.who.role() {
                Some(Role::Admin) => PLACES_OF_ADMINS,
                Some(_) => PLACES_OF_USERS,
                None => PLACES,
            },
            user: here.who.role().map(|role| (words::shown(here.who.name()), words::role(role))),
            csrf: here.who.csrf().to_owned(),
            has_script: site.is_live() || site.access().is_some(),
            capture: site.capture().map(words::shown),
        }
    }
}

/// The places of the navigation. Reconciliation goes beside devices, compliance and cases behind findings, outputs into system.
const PLACES: &[(&str, &str)] = &[
    ("/", "Now"),
    ("/devices", "Devices"),
    ("/streams", "Streams"),
    ("/network", "Network"),
    ("/findings", "Findings"),
    ("/system", "System"),
];

const PLACES_OF_USERS: &[(&str, &str)] = &[
    ("/", "Now"),
    ("/devices", "Devices"),
    ("/streams", "Streams"),
    ("/network", "Network"),
    ("/findings", "Findings"),
    ("/evidence", "Evidence"),
    ("/system", "System"),
];

const PLACES_OF_ADMINS: &[(&str, &str)] = &[
    ("/", "Now"),
    ("/devices", "Devices"),
    ("/streams", "Streams"),
    ("/network", "Network"),
    ("/findings", "Findings"),
    ("/evidence", "Evidence"),
    ("/system", "System"),
    ("/users", "Users"),
    ("/audit", "Audit"),
];

/// A finding in a list.
#[derive(Debug)]
pub struct Card {
    pub id: Shown,
    pub link: String,
    pub severity: Shown,
    pub kind: Shown,
    pub help: String,
    pub title: Shown,
    pub summary: Shown,
    pub turn: &'static str,
    pub dispatch: Option<&'static str>,
    pub first_check: Option<Shown>,
    pub began: String,
    pub ended: Option<String>,
    /// What people said of it, and who is at it.
    pub state: Shown,
    pub devices: usize,
    pub device: Option<(String, Shown)>,
}

impl Card {
    /// Of a finding.
    pub fn of(picture: &Picture, finding: &Finding) -> Self {
        let first = finding.devices.first();
        Self {
            id: words::shown(&finding.id),
            link: format!("/findings/{}", crate::lists::encoded(&finding.id)),
            severity: words::shown(finding.severity),
            kind: words::shown(finding.kind),
            help: format!("/kinds/{}", crate::lists::encoded(finding.kind)),
            title: words::said(&finding.title),
            summary: words::said(&finding.summary),
            turn: words::turn(finding.owner),
            dispatch: words::dispatch(finding),
            first_check: finding.first_check.as_deref().map(words::said),
            began: words::moment(&finding.first_seen),
            ended: finding.ended.as_deref().map(words::moment),
            state: state(picture, finding),
            devices: finding.devices.len(),
            device: first.map(|id| (crate::lists::encoded(id), picture.called(id))),
        }
    }
}

/// How a finding stands, in a few words.
fn state(picture: &Picture, finding: &Finding) -> Shown {
    let plain = if finding.ended.is_some() { "over" } else { "open" };
    let Some(standing) = picture.standing(&finding.id) else { return words::shown(plain) };
    let said = match standing.status.as_str() {
        "new" => plain,
        // What is over is resolved by itself.
        "resolved" if finding.ended.is_some() && standing.status_by == "spanwatch" => plain,
        status => words::status(status),
    };
    match &standing.assigned {
        Some(name) => words::shown(&format!("{said}, {name}")),
        None => words::shown(said),
    }
}

/// A page that says that something is not there.
#[derive(Template)]
#[template(path = "sorry.html")]
struct Sorry {
    head: Head,
    why: String,
}

fn rendered(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be drawn\n").into_response(),
    }
}

/// A file to keep, of a name that we made.
fn download(bytes: Vec<u8>, kind: &'static str, name: &str) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let name: String = name.chars().filter(|it| it.is_ascii_alphanumeric() || "-._".contains(*it)).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// A page that says why there is no other.
pub fn sorry(site: &Site, (status, why): (StatusCode, &str), here: &Here) -> Response {
    let title = if status == StatusCode::NOT_FOUND { "Not here" } else { "Not so" };
    let head = Head::new(site, &site.picture(), ("", title), here);
    (status, rendered(&Sorry { head, why: why.to_owned() })).into_response()
}

/// What is answered to an address that there is not.
pub async fn nothing_here(State(site): Served, here: Here) -> Response {
    if here.uri.path().starts_with("/api/") {
        return crate::api::problem::not_found("there is nothing at this address").into_response();
    }
    sorry(&site, (StatusCode::NOT_FOUND, "There is no such page."), &here)
}
