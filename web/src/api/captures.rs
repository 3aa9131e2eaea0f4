//! Captures that people and programs bring, and what is asked of each.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use spanwatch_appliance::uploads::{About, KEPT, Stage};
use spanwatch_engine::report::time::rfc3339;
use spanwatch_parsers::Time;
use utoipa::ToSchema;

use super::page::Called;
use super::problem::{self, Problem};
use super::{All, Answer, Here, Named, Served, told};
use crate::Site;
use crate::brought::{Brought, NO_STORE, taken, within};

/// A capture that somebody brought.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaptureOf {
    id: String,
    /// Its file's name.
    name: String,
    bytes: u64,
    /// waiting, read or failed.
    stage: &'static str,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    by: String,
    #[schema(format = DateTime)]
    time: String,
    /// When it is removed.
    #[schema(format = DateTime)]
    until: String,
}

impl CaptureOf {
    fn of((about, stage): (About, Stage)) -> Self {
        let at = Time(about.at);
        let (stage, error) = match stage {
            Stage::Waiting => ("waiting", None),
            Stage::Read => ("read", None),
            Stage::Failed(why) => ("failed", Some(why)),
        };
        Self {
            id: about.id,
            name: about.name,
            bytes: about.bytes,
            stage,
            error,
            by: about.by,
            time: rfc3339(at),
            until: rfc3339(at + KEPT),
        }
    }
}

fn brought(site: &Site) -> Result<&Brought, Problem> {
    site.brought().ok_or_else(|| problem::not_found(NO_STORE))
}

fn absent() -> Problem {
    problem::not_found("there is no such capture")
}

/// Captures, the latest first.
#[utoipa::path(get, path = "/api/v1/captures", responses((status = 200, body = All<CaptureOf>), problem::Finds))]
pub async fn captures(State(site): Served) -> Answer {
    told(&All { items: brought(&site)?.all().into_iter().map(CaptureOf::of).collect() })
}

/// Brings a capture: pcap or pcapng, also as gz or zst, 256 MiB at most. For operators and admins. It is read soon: ask for it
/// until its `stage` is `read` or `failed`.
#[utoipa::path(post, path = "/api/v1/captures", params(Called),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = CaptureOf), problem::Changes))]
pub async fn bring(
    State(site): Served,
    here: Here,
    called: Result<Query<Called>, QueryRejection>,
    body: Body,
) -> Answer {
    let Query(called) = called?;
    let about = taken((&site, &here), &called.name, body.into_data_stream()).await;
    let about = about.map_err(|(status, why)| problem::of(status, &why))?;
    told(&CaptureOf::of((about, Stage::Waiting)))
}

/// One capture.
#[utoipa::path(get, path = "/api/v1/captures/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = CaptureOf), problem::Finds))]
pub async fn capture(State(site): Served, id: Named) -> Answer {
    let Path(id) = id?;
    told(&CaptureOf::of(brought(&site)?.one(&id).ok_or_else(absent)?))
}

/// Removes a capture with its report. For operators and admins.
#[utoipa::path(delete, path = "/api/v1/captures/{id}", params(("id" = String, Path,)),
    responses((status = 204), problem::Changes))]
pub async fn remove(State(site): Served, here: Here, id: Named) -> Answer {
    let Path(id) = id?;
    let access = site.access().ok_or_else(absent)?;
    match brought(&site)?.remove(access, &access.by(&here), &id) {
        Ok(true) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(false) => Err(absent()),
        Err(why) => Err(problem::of(StatusCode::SERVICE_UNAVAILABLE, &why)),
    }
}

/// What is asked of a capture once it is read: all that is asked of a site below `/api/v1`, as `report`, `devices`, `findings/{id}`.
#[utoipa::path(get, path = "/api/v1/captures/{id}/{what}", params(("id" = String, Path,), ("what" = String, Path,)),
    responses((status = 200, content_type = "application/json"), problem::PartsOfOne))]
pub async fn inside(State(site): Served, here: Here) -> Response {
    let path = here.uri.path().strip_prefix("/api/v1/captures/").unwrap_or_default();
    let (id, rest) = path.split_once('/').unwrap_or((path, ""));
    match within((&site, &here), id, (&format!("/api/v1/{rest}"), "")).await {
        Ok(response) => response,
        Err((status, why)) => problem::of(status, &why).into_response(),
    }
}
