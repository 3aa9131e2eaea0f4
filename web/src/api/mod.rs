//! `/api/v1`: all that pages show, as JSON.
//!
//! Items are as the report has them (`spanwatch/report/1`). Errors are RFC 9457's problems; lists go by cursor
//! ([`page`]); `openapi.json` is made of this code.

mod acts;
mod captures;
mod labels;
mod page;
mod people;
pub mod problem;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use spanwatch_engine::detectors;
use spanwatch_engine::report::mirror_check::Remark;
use spanwatch_engine::report::{Capture, Report, Session, Stream, Summary, Switch, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::access::Here;
use crate::help;
use crate::lists::{Devices, Findings, Streams};
use crate::pages::{self, Served};
use crate::rules::{Need, Routes};
use crate::site::Packet;
use page::{Page, Part, cut};
use problem::Problem;

/// What is at the head of the site.
#[derive(Debug, Serialize, ToSchema)]
struct Overview<'a> {
    /// Of Spanwatch.
    version: &'static str,
    /// The site's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a str>,
    /// Whether a watch goes on.
    live: bool,
    /// Which picture of the site this is; it grows.
    picture: u64,
    /// The latest packet's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a str>,
    /// Devices by state, findings by severity.
    summary: &'a Summary,
    /// What was read, and how good it was.
    capture: &'a Capture,
    /// What the mirror check says; only of a whole capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<&'a [Remark]>,
}

/// All of them: they are few.
#[derive(Debug, Serialize, ToSchema)]
struct All<T> {
    items: Vec<T>,
}

/// What can be found.
#[derive(Debug, Serialize, ToSchema)]
struct KindOf {
    /// As `device-offline`.
    id: &'static str,
    /// As `availability`.
    category: &'static str,
    /// Unless the site's list says otherwise.
    severity: &'static str,
    /// In a sentence.
    says: String,
    /// The whole page, as Markdown.
    help: String,
}

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(title = "Spanwatch", description = "Devices, streams and findings of one site, as of one moment. Items are as the report `spanwatch/report/1` has them."),
    paths(
        overview, devices, device, labels::label, streams, switches, sessions, findings, finding, packets, packets_file, kinds, kind, report,
        live, description, people::me, acts::act, acts::history, acts::audit,
        captures::captures, captures::bring, captures::capture, captures::remove, captures::inside,
        people::users, people::add, people::role, people::link, people::remove,
        people::tokens, people::add_token, people::revoke
    ),
    modifiers(&Tokens),
    security((), ("token" = [])),
    components(schemas(Problem)),
    servers((url = "/"))
)]
struct Description;

/// How a program shows who it is.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

/// All addresses below `/api/v1`.
pub fn routes() -> Routes {
    of_report()
        .post("/devices/labels", Need::Act, labels::label)
        .get("/openapi.json", Need::Look, description)
        .get("/live", Need::Look, live)
        .get("/me", Need::Look, people::me)
        .post("/findings/{id}/acts", Need::Act, acts::act)
        .get("/findings/{id}/history", Need::Look, acts::history)
        .get("/captures", Need::Look, captures::captures)
        .bring("/captures", captures::bring)
        .get("/captures/{id}", Need::Look, captures::capture)
        .delete("/captures/{id}", Need::Act, captures::remove)
        .get("/captures/{id}/{*what}", Need::Look, captures::inside)
        .get("/audit", Need::Rule, acts::audit)
        .get("/users", Need::Rule, people::users)
        .post("/users", Need::Rule, people::add)
        .post("/users/{name}/role", Need::Rule, people::role)
        .post("/users/{name}/link", Need::Rule, people::link)
        .delete("/users/{name}", Need::Rule, people::remove)
        .get("/tokens", Need::Rule, people::tokens)
        .post("/tokens", Need::Rule, people::add_token)
        .delete("/tokens/{id}", Need::Rule, people::revoke)
        .map(|router| router.method_not_allowed_fallback(|| async { problem::not_allowed() }))
}

/// Those that tell of a report, be it the site's or of a capture that somebody brought.
pub fn of_report() -> Routes {
    Routes::default()
        .get("/overview", Need::Look, overview)
        .get("/devices", Need::Look, devices)
        .get("/devices/{id}", Need::Look, device)
        .get("/streams", Need::Look, streams)
        .get("/switches", Need::Look, switches)
        .get("/sessions", Need::Look, sessions)
        .get("/findings", Need::Look, findings)
        .get("/findings/{id}", Need::Look, finding)
        .get("/findings/{id}/packets", Need::Look, packets)
        .get("/findings/{id}/packets.pcapng", Need::Look, packets_file)
        .get("/kinds", Need::Look, kinds)
        .get("/kinds/{id}", Need::Look, kind)
        .get("/report", Need::Look, report)
}

/// An answer, or what is wrong with the question.
type Answer = Result<Response, Problem>;
type Named = Result<Path<String>, PathRejection>;
type Parted = Result<Query<Part>, QueryRejection>;
type Wanted<T> = Result<Query<T>, QueryRejection>;

fn told(value: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(value).map_err(|_| problem::failed("this cannot be written as JSON"))?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], bytes).into_response())
}

/// The site in short.
#[utoipa::path(get, path = "/api/v1/overview", responses((status = 200, body = Overview), problem::Looks))]
async fn overview(State(site): Served) -> Answer {
    let picture = site.picture();
    told(&Overview {
        version: picture.report.version,
        site: picture.report.site.as_deref(),
        live: site.is_live(),
        picture: picture.number,
        until: picture.report.capture.last.as_deref(),
        summary: &picture.report.summary,
        capture: &picture.report.capture,
        mirror: picture.remarks.as_ref().map(|it| it.as_slice()),
    })
}

/// Devices.
#[utoipa::path(get, path = "/api/v1/devices", params(Devices, Part), responses((status = 200, body = Page<labels::DeviceTold>), problem::Parts))]
async fn devices(State(site): Served, wanted: Wanted<Devices>, part: Parted) -> Answer {
    let picture = site.picture();
    let Query(wanted) = wanted?;
    let page = cut(wanted.of(&picture), part, |it| it.id.clone())?;
    let items = page.items.into_iter().map(|it| labels::DeviceTold::of(&picture, it)).collect();
    told(&Page { items, total: page.total, next: page.next })
}

/// One device, by its id or a former one.
#[utoipa::path(get, path = "/api/v1/devices/{id}", params(("id" = String, Path,)), responses((status = 200, body = labels::DeviceTold), problem::Finds))]
async fn device(State(site): Served, id: Named) -> Answer {
    let Path(id) = id?;
    let picture = site.picture();
    let device = picture.device(&id).ok_or_else(|| problem::not_found("there is no such device"))?;
    told(&labels::DeviceTold::of(&picture, device))
}

/// Streams.
#[utoipa::path(get, path = "/api/v1/streams", params(Streams, Part), responses((status = 200, body = Page<Stream>), problem::Parts))]
async fn streams(State(site): Served, wanted: Wanted<Streams>, part: Parted) -> Answer {
    let picture = site.picture();
    let Query(wanted) = wanted?;
    let key = |it: &&Stream| {
        let ssrc = it.ssrc.map(|ssrc| ssrc.to_string()).unwrap_or_default();
        format!("{} {} {} {ssrc} {}", it.source, it.destination, it.payload_type, it.first_seen)
    };
    told(&cut(wanted.of(&picture), part, key)?)
}

/// Switches, with who hangs on them.
#[utoipa::path(get, path = "/api/v1/switches", params(Part), responses((status = 200, body = Page<Switch>), problem::Parts))]
async fn switches(State(site): Served, part: Parted) -> Answer {
    let picture = site.picture();
    told(&cut(picture.report.switches.iter().collect(), part, |it| it.id.clone())?)
}

/// Conversations.
#[utoipa::path(get, path = "/api/v1/sessions", params(Part), responses((status = 200, body = Page<Session>), problem::Parts))]
async fn sessions(State(site): Served, part: Parted) -> Answer {
    let picture = site.picture();
    let key = |it: &&Session| {
        let target = it.target.as_deref().unwrap_or_default();
        format!("{} {} {} {target} {}", it.client, it.server, it.protocol, it.first_seen)
    };
    told(&cut(picture.report.sessions.iter().collect(), part, key)?)
}

/// Findings.
#[utoipa::path(get, path = "/api/v1/findings", params(Findings, Part), responses((status = 200, body = Page<acts::Told>), problem::Parts))]
async fn findings(State(site): Served, wanted: Wanted<Findings>, part: Parted) -> Answer {
    let picture = site.picture();
    let Query(wanted) = wanted?;
    let page = cut(wanted.of(&picture), part, |it| it.id.clone())?;
    let items = page.items.into_iter().map(|it| acts::Told::of(&picture, it)).collect();
    told(&Page { items, total: page.total, next: page.next })
}

/// One finding; where it was superseded, the one that took its place.
#[utoipa::path(get, path = "/api/v1/findings/{id}", params(("id" = String, Path,)), responses((status = 200, body = acts::Told), problem::Finds))]
async fn finding(State(site): Served, id: Named) -> Answer {
    let Path(id) = id?;
    let picture = site.picture();
    let finding = picture.finding(&id).ok_or_else(|| problem::not_found("there is no such finding"))?;
    told(&acts::Told::of(&picture, finding))
}

/// The packets behind a finding.
#[derive(Debug, Serialize, ToSchema)]
struct PacketsOf<'a> {
    /// In the order of the capture; no more than a page can hold.
    items: &'a [Packet],
    /// How many the file has.
    count: u64,
}

/// The packets behind a finding, as its page lists them. What may be a secret is overwritten.
#[utoipa::path(get, path = "/api/v1/findings/{id}/packets", params(("id" = String, Path,)),
    responses((status = 200, body = PacketsOf), problem::Finds))]
async fn packets(State(site): Served, id: Named) -> Answer {
    let Path(id) = id?;
    let (_, carved) = pages::behind(&site, &site.picture(), &id).await.map_err(no_packets)?;
    told(&PacketsOf { items: &carved.packets, count: carved.count })
}

/// The same as a file: pcapng, with a comment on each.
#[utoipa::path(get, path = "/api/v1/findings/{id}/packets.pcapng", params(("id" = String, Path,)),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-pcapng"), problem::Finds))]
async fn packets_file(State(site): Served, id: Named) -> Answer {
    let Path(id) = id?;
    let (_, carved) = pages::behind(&site, &site.picture(), &id).await.map_err(no_packets)?;
    let kind = HeaderValue::from_static("application/x-pcapng");
    Ok(([(header::CONTENT_TYPE, kind)], carved.file.clone()).into_response())
}

fn no_packets((status, why): (StatusCode, String)) -> Problem {
    problem::of(status, &why)
}

/// What can be found.
#[utoipa::path(get, path = "/api/v1/kinds", params(Part), responses((status = 200, body = Page<KindOf>), problem::Parts))]
async fn kinds(part: Parted) -> Answer {
    told(&cut(detectors::ALL.iter().map(|it| kind_of(it)).collect(), part, |it| it.id.to_owned())?)
}

/// One kind of finding, with its help page.
#[utoipa::path(get, path = "/api/v1/kinds/{id}", params(("id" = String, Path,)), responses((status = 200, body = KindOf), problem::Finds))]
async fn kind(id: Named) -> Answer {
    let Path(id) = id?;
    let kind = help::kind(&id).ok_or_else(|| problem::not_found("there is no such kind"))?;
    told(&kind_of(kind))
}

/// The whole report, as `spanwatch replay --format json` writes it: what people made of findings is in `findings`.
#[utoipa::path(get, path = "/api/v1/report", responses((status = 200, body = Report), problem::Looks))]
async fn report(State(site): Served) -> Answer {
    let picture = site.picture();
    let mut out = Vec::new();
    json::write(&picture.report, &mut out).map_err(|_| problem::failed("the report cannot be written"))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], out).into_response())
}

/// The numbers of pictures as they come: server-sent events named `picture`, each with one number. It does not end by itself.
#[utoipa::path(get, path = "/api/v1/live",
    responses((status = 200, body = String, content_type = "text/event-stream"), problem::Looks))]
async fn live(site: Served, here: Here) -> Response {
    pages::live(site, here).await.into_response()
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, body = Object), problem::Looks))]
async fn description() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}

fn kind_of(kind: &spanwatch_engine::finding::Kind) -> KindOf {
    KindOf {
        id: kind.id,
        category: kind.category,
        severity: kind.severity.name(),
        says: help::sentence(kind),
        help: kind.help(),
    }
}
