//! *Audit*: who did what, when, from where. For admins.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::life::Entry;
use super::{Head, Served, rendered};
use crate::access::Here;
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    head: Head,
    rows: Vec<Row>,
    older: Option<i64>,
}

struct Row {
    entry: Entry,
    origin: Shown,
    finding: Option<(String, Shown)>,
}

/// Which part of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Part {
    /// Rows before that one.
    before: Option<i64>,
}

pub async fn page(State(site): Served, here: Here, Query(part): Query<Part>) -> Response {
    let picture = site.picture();
    let before = part.before.unwrap_or(i64::MAX);
    let rows =
        site.access().and_then(|access| access.desk.audit(None, before, ROWS).ok()).unwrap_or_default();
    let is_full = rows.len() >= usize::try_from(ROWS).unwrap_or(usize::MAX);
    rendered(&Page {
        head: Head::new(&site, &picture, ("/audit", "Audit"), &here),
        older: rows.last().map(|row| row.row).filter(|_| is_full),
        rows: rows
            .iter()
            .map(|row| Row {
                entry: Entry::of(row),
                origin: words::shown(row.origin.as_deref().unwrap_or("this machine")),
                finding: row.finding.as_deref().map(|id| {
                    let title = picture.finding(id).map_or(id, |it| it.title.as_str());
                    (format!("/findings/{}", crate::lists::encoded(id)), words::said(title))
                }),
            })
            .collect(),
    })
}

/// Of a page.
const ROWS: u32 = 100;
