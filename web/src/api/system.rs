//! The site in short, and what runs: what was read and how good it was, who is told, what the store holds.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use spanwatch_engine::report::mirror_check::Remark;
use spanwatch_engine::report::time::Stamp;
use spanwatch_engine::report::{Capture, DataList, Summary};
use utoipa::ToSchema;

use super::problem;
use super::{Answer, Served, told};
use crate::pages::{self, Stored, stored};
use crate::picture::Receiver;

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
    /// How the site is, in a sentence.
    verdict: &'static str,
    /// How well it is seen.
    sight: Sight<'a>,
    /// The site's switches and devices as a whole: okay, degraded, critical or failed.
    health: &'static str,
    /// Devices by state, findings by severity.
    summary: &'a Summary,
    /// What became otherwise since yesterday; absent where nothing was read yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Changes>,
    /// What was read, and how good it was.
    capture: &'a Capture,
    /// What the mirror check says; only of a whole capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<&'a [Remark]>,
}

/// How well the site is seen.
#[derive(Debug, Serialize, ToSchema)]
struct Sight<'a> {
    is_good: bool,
    verdict: &'static str,
    /// Why.
    told: &'a str,
}

/// What became otherwise.
#[derive(Debug, Serialize, ToSchema)]
struct Changes {
    /// A day before the latest packet, or when it began.
    #[schema(value_type = String, format = DateTime)]
    since: Stamp,
    items: Vec<ChangeOf>,
}

/// So many of something.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeOf {
    count: u64,
    /// As `incidents began`.
    told: &'static str,
}

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
struct SystemOf<'a> {
    /// Of Spanwatch.
    version: &'static str,
    /// Of the report.
    schema: &'static str,
    /// SHA-256 of what it was analysed by.
    configuration: &'a str,
    /// The lists that it goes by.
    data: &'a BTreeMap<String, DataList>,
    /// Who is told what becomes of findings, of a watch.
    receivers: &'a [Receiver],
    /// What the store holds, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<Stored>,
}

/// The site in short.
#[utoipa::path(get, path = "/api/v1/overview", responses((status = 200, body = Overview), problem::Looks))]
pub async fn overview(State(site): Served) -> Answer {
    let picture = site.picture();
    let now = pages::now(&picture);
    let changes = now.changes.as_ref().map(|it| Changes {
        since: it.at,
        items: it.lines.iter().map(|it| ChangeOf { count: it.count, told: it.told }).collect(),
    });
    told(&Overview {
        version: picture.report.version,
        site: picture.report.site.as_deref(),
        live: site.is_live(),
        picture: picture.number,
        until: picture.report.capture.last.as_deref(),
        verdict: now.verdict,
        sight: Sight {
            is_good: now.mirror.is_good,
            verdict: now.mirror.verdict,
            told: now.mirror.told.as_str(),
        },
        health: pages::map(&picture).health.name(),
        summary: &picture.report.summary,
        changes,
        capture: &picture.report.capture,
        mirror: picture.remarks.as_ref().map(|it| it.as_slice()),
    })
}

/// What runs, who is told, what the store holds. What was read and dropped is in the overview.
#[utoipa::path(get, path = "/api/v1/system", responses((status = 200, body = SystemOf), problem::Looks))]
pub async fn system(State(site): Served) -> Answer {
    let picture = site.picture();
    told(&SystemOf {
        version: picture.report.version,
        schema: picture.report.schema,
        configuration: &picture.report.configuration,
        data: &picture.report.data,
        receivers: &picture.receivers,
        store: stored(&site),
    })
}
