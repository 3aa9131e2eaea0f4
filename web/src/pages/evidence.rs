//! *Evidence*: captures that people bring, and their reports in the same pages.

use std::sync::Arc;

use askama::Template;
use axum::extract::multipart::{Field, Multipart, MultipartRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use spanwatch_appliance::access::Role;
use spanwatch_appliance::access::secret::is_same;
use spanwatch_appliance::uploads::{BYTES_MAX, BYTES_OF_ALL_MAX, COUNT_MAX, KEPT, Stage};
use spanwatch_engine::report::time::rfc3339;
use spanwatch_parsers::Time;
use tokio::time::timeout;

use super::{Head, Served, rendered, sorry};
use crate::Site;
use crate::access::Here;
use crate::access::guard::ANOTHER_SESSION;
use crate::brought::{NO_STORE, PATIENCE, taken, within};
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "evidence.html")]
struct Page {
    head: Head,
    rows: Vec<Row>,
    wrong: Option<String>,
    /// Why nothing can be brought, where nothing can.
    lacking: Option<&'static str>,
    may_bring: bool,
    is_waiting: bool,
    mib_max: u64,
    gib_of_all_max: u64,
    count_max: usize,
    days: i64,
}

/// One capture.
struct Row {
    link: String,
    remove: String,
    name: Shown,
    by: Shown,
    at: String,
    until: String,
    bytes: String,
    is_read: bool,
    failed: Option<Shown>,
}

pub async fn page(State(site): Served, here: Here) -> Response {
    shown(&site, &here, (StatusCode::OK, None))
}

fn shown(site: &Site, here: &Here, (status, wrong): (StatusCode, Option<String>)) -> Response {
    let brought = site.brought();
    let moment = |at: Time| words::moment(&rfc3339(at));
    let all = brought.map(|it| it.all()).unwrap_or_default();
    let page = Page {
        head: Head::new(site, &site.picture(), ("/evidence", "Evidence"), here),
        is_waiting: all.iter().any(|(_, stage)| *stage == Stage::Waiting),
        rows: all
            .into_iter()
            .map(|(about, stage)| Row {
                link: format!("/evidence/{}/", about.id),
                remove: format!("/evidence/{}/remove", about.id),
                name: words::shown(&about.name),
                by: words::shown(&about.by),
                at: moment(Time(about.at)),
                until: moment(Time(about.at) + KEPT),
                bytes: words::bytes(about.bytes),
                is_read: stage == Stage::Read,
                failed: if let Stage::Failed(why) = &stage { Some(words::said(why)) } else { None },
            })
            .collect(),
        wrong,
        lacking: brought.is_none().then_some(NO_STORE),
        may_bring: matches!(here.who.role(), Some(Role::Operator(_) | Role::Admin)),
        mib_max: BYTES_MAX >> 20,
        gib_of_all_max: BYTES_OF_ALL_MAX >> 30,
        count_max: COUNT_MAX,
        days: KEPT.0 / 86_400_000_000_000,
    };
    (status, rendered(&page)).into_response()
}

/// Takes a capture by a form: its mark first, then the file.
pub async fn bring(State(site): Served, here: Here, form: Result<Multipart, MultipartRejection>) -> Response {
    let done = match form {
        Ok(form) => from_form(&site, &here, form).await,
        Err(_) => Err((StatusCode::BAD_REQUEST, "This form cannot be understood.".to_owned())),
    };
    match done {
        Ok(()) => Redirect::to("/evidence").into_response(),
        Err((status, why)) => shown(&site, &here, (status, Some(why))),
    }
}

async fn from_form(site: &Arc<Site>, here: &Here, mut form: Multipart) -> Result<(), (StatusCode, String)> {
    let bad = |why: &str| (StatusCode::BAD_REQUEST, why.to_owned());
    let mut is_own = false;
    while let Ok(Ok(Some(field))) = timeout(PATIENCE, form.next_field()).await {
        match field.name() {
            Some("csrf") => {
                let mark = timeout(PATIENCE, mark(field)).await.ok().flatten();
                is_own = mark.is_some_and(|mark| is_same(&mark, here.who.csrf()));
            }
            Some("capture") if is_own => {
                let name = field.file_name().unwrap_or_default().to_owned();
                return taken((site, here), &name, field).await.map(|_| ());
            }
            Some("capture") => {
                return Err((StatusCode::FORBIDDEN, ANOTHER_SESSION.to_owned()));
            }
            _ => {}
        }
    }
    Err(bad("Choose a file."))
}

/// A field that is no longer than a mark is; more of it is not read.
async fn mark(mut field: Field<'_>) -> Option<String> {
    let mut mark = Vec::new();
    while let Some(bytes) = field.chunk().await.ok()? {
        if mark.len().saturating_add(bytes.len()) > MARK_BYTES_MAX {
            return None;
        }
        mark.extend_from_slice(&bytes);
    }
    String::from_utf8(mark).ok()
}

/// More than a session's mark has.
const MARK_BYTES_MAX: usize = 256;

pub async fn remove(State(site): Served, here: Here, Path(id): Path<String>) -> Response {
    let (Some(brought), Some(access)) = (site.brought(), site.access()) else {
        return sorry(&site, (StatusCode::NOT_FOUND, NO_STORE), &here);
    };
    match brought.remove(access, &access.by(&here), &id) {
        Ok(true) => Redirect::to("/evidence").into_response(),
        Ok(false) => sorry(&site, (StatusCode::NOT_FOUND, "There is no such capture."), &here),
        Err(why) => shown(&site, &here, (StatusCode::SERVICE_UNAVAILABLE, Some(why))),
    }
}

/// A page of a capture.
pub async fn inside(State(site): Served, here: Here) -> Response {
    let path = here.uri.path().strip_prefix("/evidence/").unwrap_or_default();
    let (id, rest) = path.split_once('/').unwrap_or((path, ""));
    let rest = format!("/{rest}");
    if rest.starts_with("/api/") {
        return sorry(&site, (StatusCode::NOT_FOUND, "There is no such page."), &here);
    }
    match within((&site, &here), id, (&rest, &format!("/evidence/{id}"))).await {
        Ok(response) => response,
        Err((status, why)) => sorry(&site, (status, words::said(&why).as_str()), &here),
    }
}
