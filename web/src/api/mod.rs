//! `/api/v1`: all that pages show, as JSON.
//!
//! Items are as the report has them (`spanwatch/report/1`). Errors are RFC 9457's problems; lists go by cursor
//! ([`page`]); `openapi.json` is made of this code.

mod acts;
mod captures;
mod groups;
mod labels;
mod page;
mod past;
mod people;
pub mod problem;
mod streams;
mod system;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use spanwatch_engine::detectors;
use spanwatch_engine::detectors::references::References;
use spanwatch_engine::report::{Report, Session, Switch, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::access::Here;
use crate::help;
use crate::lists::{Devices, Findings, Sessions};
use crate::pages::{self, Served};
use crate::rules::{Need, Routes};
use crate::site::Packet;
use page::{Page, Part, cut};
use problem::Problem;

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
    /// What it is called elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<References>,
}

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(title = "Spanwatch", description = "Devices, streams and findings of one site, as of one moment. Items are as the report `spanwatch/report/1` has them."),
    paths(
        system::overview, system::system, devices, device, groups::groups, labels::label, past::life, past::states, past::changes,
        past::courses, streams::streams, streams::gets, switches, sessions, findings, finding, text, packets, packets_file, kinds, kind,
        report, book, live, description, people::me, acts::possible, acts::act, acts::history, acts::audit,
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
        .get("/findings/{id}/acts", Need::Look, acts::possible)
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
        .get("/overview", Need::Look, system::overview)
        .get("/system", Need::Look, system::system)
        .get("/devices", Need::Look, devices)
        .get("/devices/groups", Need::Look, groups::groups)
        .get("/devices/{id}", Need::Look, device)
        .get("/devices/{id}/life", Need::Look, past::life)
        .get("/devices/{id}/states", Need::Look, past::states)
        .get("/devices/{id}/changes", Need::Look, past::changes)
        .get("/devices/{id}/courses", Need::Look, past::courses)
        .get("/streams", Need::Look, streams::streams)
        .get("/streams/receivers", Need::Look, streams::gets)
        .get("/switches", Need::Look, switches)
        .get("/sessions", Need::Look, sessions)
        .get("/findings", Need::Look, findings)
        .get("/findings/{id}", Need::Look, finding)
        .get("/findings/{id}/text", Need::Look, text)
        .get("/findings/{id}/packets", Need::Look, packets)
        .get("/findings/{id}/packets.pcapng", Need::Look, packets_file)
        .get("/kinds", Need::Look, kinds)
        .get("/kinds/{id}", Need::Look, kind)
        .get("/report", Need::Look, report)
        .get("/report.html", Need::Look, book)
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

/// Devices.
#[utoipa::path(get, path = "/api/v1/devices", params(Devices, Part), responses((status = 200, body = Page<labels::DeviceTold>), problem::Parts))]
async fn devices(State(site): Served, wanted: Wanted<Devices>, part: Parted) -> Answer {
    let picture = site.picture();
    let Query(wanted) = wanted?;
    let page = cut(wanted.of(&picture), part, |it| it.id.clone())?;
    told(&page.map(|it| labels::DeviceTold::of(&picture, it)))
}

/// One device, by its id or a former one.
#[utoipa::path(get, path = "/api/v1/devices/{id}", params(("id" = String, Path,)), responses((status = 200, body = labels::DeviceTold), problem::Finds))]
async fn device(State(site): Served, id: Named) -> Answer {
    let Path(id) = id?;
    let picture = site.picture();
    let device = picture.device(&id).ok_or_else(no_device)?;
    told(&labels::DeviceTold::of(&picture, device))
}

fn no_device() -> Problem {
    problem::not_found("there is no such device")
}

/// A switch, with who hangs on it and how it stands on the map.
#[derive(Debug, Serialize, ToSchema)]
struct SwitchTold<'a> {
    #[serde(flatten)]
    switch: &'a Switch,
    /// okay, degraded, critical or failed; absent where it hangs too deep to be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<&'static str>,
}

/// Switches, with who hangs on them.
#[utoipa::path(get, path = "/api/v1/switches", params(Part), responses((status = 200, body = Page<SwitchTold>), problem::Parts))]
async fn switches(State(site): Served, part: Parted) -> Answer {
    let picture = site.picture();
    let map = pages::map(&picture);
    let page = cut(picture.report.switches.iter().collect(), part, |it| it.id.clone())?;
    told(&page.map(|switch| SwitchTold { switch, health: map.switches.get(&switch.id).map(|it| it.name()) }))
}

/// Conversations.
#[utoipa::path(get, path = "/api/v1/sessions", params(Sessions, Part), responses((status = 200, body = Page<Session>), problem::Parts))]
async fn sessions(State(site): Served, wanted: Wanted<Sessions>, part: Parted) -> Answer {
    let picture = site.picture();
    let Query(wanted) = wanted?;
    let key = |it: &&Session| {
        let target = it.target.as_deref().unwrap_or_default();
        format!("{} {} {} {target} {}", it.client, it.server, it.protocol, it.first_seen)
    };
    told(&cut(wanted.of(&picture), part, key)?)
}

/// Findings.
#[utoipa::path(get, path = "/api/v1/findings", params(Findings, Part), responses((status = 200, body = Page<acts::Told>), problem::Parts))]
async fn findings(State(site): Served, wanted: Wanted<Findings>, part: Parted) -> Answer {
    let picture = site.picture();
    let Query(wanted) = wanted?;
    let page = cut(wanted.of(&picture), part, |it| it.id.clone())?;
    told(&page.map(|it| acts::Told::of(&picture, it)))
}

/// One finding; where it was superseded, the one that took its place.
#[utoipa::path(get, path = "/api/v1/findings/{id}", params(("id" = String, Path,)), responses((status = 200, body = acts::Told), problem::Finds))]
async fn finding(State(site): Served, id: Named) -> Answer {
    let Path(id) = id?;
    let picture = site.picture();
    let finding = picture.finding(&id).ok_or_else(no_finding)?;
    told(&acts::Told::of(&picture, finding))
}

/// For whom a text is.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct For {
    /// it, physical-security or security; for everybody unless given.
    #[serde(rename = "for")]
    #[param(pattern = "^(it|physical-security|security)$")]
    audience: Option<String>,
}

impl For {
    /// Its name; empty for everybody.
    fn named(self) -> Result<String, Problem> {
        let Some(named) = self.audience else { return Ok(String::new()) };
        let is_known = pages::AUDIENCES.iter().any(|(name, ..)| *name == named);
        if is_known { Ok(named) } else { Err(problem::bad("for: it, physical-security or security")) }
    }
}

/// A finding as text, for a ticket or a mail.
#[utoipa::path(get, path = "/api/v1/findings/{id}/text", params(("id" = String, Path,), For),
    responses((status = 200, body = String, content_type = "text/plain"), problem::Finds))]
async fn text(State(site): Served, id: Named, wanted: Wanted<For>) -> Answer {
    let (Path(id), Query(wanted)) = (id?, wanted?);
    let picture = site.picture();
    let finding = picture.finding(&id).ok_or_else(no_finding)?;
    Ok(pages::pasted(&picture, finding, &wanted.named()?).to_string().into_response())
}

fn no_finding() -> Problem {
    problem::not_found("there is no such finding")
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

/// The report as one HTML file that loads nothing: what the version of that audience has.
#[utoipa::path(get, path = "/api/v1/report.html", params(For),
    responses((status = 200, body = String, content_type = "text/html"), problem::Parts))]
async fn book(site: Served, wanted: Wanted<For>) -> Answer {
    let Query(wanted) = wanted?;
    Ok(pages::book(site, &wanted.named()?))
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
        references: References::of(kind.id),
    }
}
