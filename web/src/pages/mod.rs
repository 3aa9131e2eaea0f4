//! Pages for people: one file each, with its template.

mod assets;
mod device;
mod devices;
mod evidence;
mod findings;
mod incident;
mod kinds;
mod live;
mod network;
mod now;
mod streams;
mod system;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use spanwatch_engine::report::Finding;

use crate::words::{self, Shown};
use crate::{Picture, Site};

pub use assets::stylesheet;
pub use devices::Row as DeviceRow;
pub use incident::View;

/// A site, as every page gets it.
pub type Served = State<Arc<Site>>;

/// All pages.
pub fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(now::page))
        .route("/devices", get(devices::page))
        .route("/devices.csv", get(devices::csv))
        .route("/devices/{id}", get(device::page))
        .route("/streams", get(streams::page))
        .route("/streams.csv", get(streams::csv))
        .route("/network", get(network::page))
        .route("/findings", get(findings::page))
        .route("/findings.csv", get(findings::csv))
        .route("/findings/{id}", get(incident::page))
        .route("/findings/{id}/text", get(incident::text))
        .route("/findings/{id}/packets", get(evidence::page))
        .route("/findings/{id}/packets.pcapng", get(evidence::file))
        .route("/kinds", get(kinds::list))
        .route("/kinds/{id}", get(kinds::page))
        .route("/system", get(system::page))
        .route("/report.html", get(system::book))
        .route("/live", get(live::stream))
        .route("/assets/{*path}", get(assets::file))
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
}

impl Head {
    fn new(site: &Site, picture: &Picture, (place, title): (&'static str, &str), here: &Uri) -> Self {
        let until = picture.report.capture.last.as_deref().map(words::moment);
        Self {
            title: words::shown(title),
            place,
            site: words::shown(picture.report.site.as_deref().unwrap_or_default()),
            until: until.unwrap_or_default(),
            is_live: site.is_live(),
            here: here.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
            places: PLACES,
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
    pub devices: usize,
    pub device: Option<(String, Shown)>,
}

impl Card {
    fn of(picture: &Picture, finding: &Finding) -> Self {
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
            devices: finding.devices.len(),
            device: first.map(|id| (crate::lists::encoded(id), picture.called(id))),
        }
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

fn sorry(site: &Site, (status, why): (StatusCode, &str), here: &Uri) -> Response {
    let head = Head::new(site, &site.picture(), ("", "Not here"), here);
    (status, rendered(&Sorry { head, why: why.to_owned() })).into_response()
}

/// What is answered to an address that there is not.
pub async fn nothing_here(State(site): Served, OriginalUri(here): OriginalUri) -> Response {
    if here.path().starts_with("/api/") {
        return crate::api::problem::not_found("there is nothing at this address").into_response();
    }
    sorry(&site, (StatusCode::NOT_FOUND, "There is no such page."), &here)
}
