//! Captures that people brought: taken as they come, analysed one at a time, and each shown as a site of its own below its path.
//!
//! ```text
//! /evidence/ID/findings?q=x ─► the same page of the capture's own site, /findings?q=x ─► its links lead below /evidence/ID
//! ```

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use std::{fmt, io};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use spanwatch_appliance::store::users::By;
use spanwatch_appliance::uploads::{About, Analysed, Refusal, Stage, Upload, Uploads};
use tokio_stream::{Stream, StreamExt as _};
use tower::ServiceExt as _;

use crate::access::{Access, Here, Peer};
use crate::{Site, api, pages};

/// Who can read a capture.
pub trait Analyst: Send + Sync {
    /// Analyses it. It may take minutes.
    ///
    /// # Errors
    /// In a sentence, where it cannot be read.
    fn analysed(&self, capture: &Path) -> Result<Analysed, String>;

    /// A site that shows what its analysis gave.
    ///
    /// # Errors
    /// In a sentence, where the report cannot be read.
    fn site(&self, capture: &Path, analysed: &Analysed) -> Result<Site, String>;
}

/// The captures of a site.
pub struct Brought {
    uploads: Arc<Uploads>,
    analyst: Arc<dyn Analyst>,
    /// To who analyses.
    work: Mutex<Sender<About>>,
    /// Those that were looked at last.
    open: Mutex<VecDeque<(String, Router)>>,
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brought").field("uploads", &self.uploads).finish_non_exhaustive()
    }
}

impl Brought {
    /// Begins to analyse what waits.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn new(uploads: Uploads, analyst: Arc<dyn Analyst>) -> io::Result<Self> {
        let (work, waiting) = mpsc::channel::<About>();
        let uploads = Arc::new(uploads);
        for (about, _) in uploads.all().into_iter().filter(|(_, stage)| *stage == Stage::Waiting) {
            let _ = work.send(about);
        }
        let (own, reader) = (Arc::clone(&uploads), Arc::clone(&analyst));
        let analyse = move || {
            for about in waiting {
                // Another process of this store may be at it.
                let Some(_claim) = own.claim(&about) else { continue };
                let read = std::panic::AssertUnwindSafe(|| match own.tries(&about) {
                    Ok(true) => reader.analysed(&own.file(&about)),
                    Ok(false) => Err("the program ended twice while it was analysed".to_owned()),
                    Err(error) => Err(error.to_string()),
                });
                let gave = std::panic::catch_unwind(read);
                let gave =
                    gave.unwrap_or_else(|_| Err("the analysis failed; this is a fault of ours".to_owned()));
                // Where it cannot be written it was removed meanwhile, or waits for the next start.
                let _ = own.tell(&about, gave);
            }
        };
        thread::Builder::new().name("captures".to_owned()).spawn(analyse)?;
        Ok(Self { uploads, analyst, work: Mutex::new(work), open: Mutex::default() })
    }

    /// All of them, the latest first.
    pub fn all(&self) -> Vec<(About, Stage)> {
        self.uploads.all()
    }

    /// One of them.
    pub fn one(&self, id: &str) -> Option<(About, Stage)> {
        self.uploads.one(id)
    }

    /// Removes one; whether there was one.
    ///
    /// # Errors
    /// In a sentence.
    pub fn remove(&self, access: &Access, by: &By<'_>, id: &str) -> Result<bool, String> {
        let telling =
            |about: &About| access.desk.tell(by, "capture-removed", &about.name).map_err(io::Error::other);
        let removed = self.uploads.remove(id, telling).map_err(|error| error.to_string())?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).retain(|(open, _)| open != id);
        Ok(removed)
    }

    /// Removes those whose time is over.
    pub fn tidy(&self, access: &Access) {
        let by = By { who: "spanwatch", origin: None, at: access.now() };
        for about in self.uploads.over(by.at) {
            let _ = self.remove(access, &by, &about.id);
        }
    }

    /// The pages and the API of one.
    fn site(&self, about: &About) -> Result<Router, String> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, router)) = open.iter().find(|(id, _)| *id == about.id) {
            return Ok(router.clone());
        }
        let analysed = self.uploads.read(about).map_err(|_| "There is no report of it.".to_owned())?;
        let site = self.analyst.site(&self.uploads.file(about), &analysed)?.of_capture(&about.name);
        let routes = pages::of_report().below("/api/v1", api::of_report());
        let router = routes.split().0.fallback(pages::nothing_here).with_state(Arc::new(site));
        open.truncate(OPEN_MAX - 1);
        open.push_front((about.id.clone(), router.clone()));
        Ok(router)
    }
}

/// Takes a capture that somebody brings, and lets it be analysed.
///
/// # Errors
/// With the status, and a sentence.
pub async fn taken<E>(
    (site, here): (&Arc<Site>, &Here),
    name: &str,
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<About, (StatusCode, String)> {
    let (Some(brought), Some(access)) = (site.brought(), site.access()) else {
        return Err((StatusCode::NOT_FOUND, NO_STORE.to_owned()));
    };
    let upload = brought.uploads.begin(name, here.who.name(), access.now()).map_err(refused)?;
    let (chunk, mut received) = tokio::sync::mpsc::channel::<Bytes>(CHUNKS_WAITING_MAX);
    let writing = tokio::task::spawn_blocking(move || {
        let mut upload: Upload = upload;
        while let Some(bytes) = received.blocking_recv() {
            upload.take(&bytes)?;
        }
        Ok::<_, Refusal>(upload)
    });
    let receiving = async move {
        loop {
            match tokio::time::timeout(PATIENCE, chunks.next()).await {
                Ok(None) => return true,
                Ok(Some(Ok(bytes))) => {
                    if chunk.send(bytes).await.is_err() {
                        // It is refused; why, its writer says.
                        return true;
                    }
                }
                Ok(Some(Err(_))) | Err(_) => return false,
            }
        }
    };
    let is_whole = tokio::time::timeout(PATIENCE_OF_ALL, receiving).await.unwrap_or(false);
    let failed = |_| (StatusCode::INTERNAL_SERVER_ERROR, "the capture could not be written".to_owned());
    let upload = writing.await.map_err(failed)?.map_err(refused)?;
    if !is_whole {
        return Err((StatusCode::BAD_REQUEST, "The capture did not come whole.".to_owned()));
    }
    let about = upload.finish().map_err(refused)?;
    let told = access.desk.tell(&access.by(here), "capture-brought", &about.name);
    if let Err(trouble) = told {
        // What is not in the audit is not kept.
        let _ = brought.uploads.remove(&about.id, |_| Ok(()));
        return Err((StatusCode::SERVICE_UNAVAILABLE, trouble.to_string()));
    }
    let _ = brought.work.lock().unwrap_or_else(PoisonError::into_inner).send(about.clone());
    Ok(about)
}

fn refused(refusal: Refusal) -> (StatusCode, String) {
    let status = match refusal {
        Refusal::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::TooMany => StatusCode::CONFLICT,
        Refusal::Empty => StatusCode::BAD_REQUEST,
        Refusal::Disk(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, refusal.to_string())
}

/// Asks the site of a capture for `path`, whose links are to lead below `prefix`.
///
/// # Errors
/// With the status, and a sentence.
pub async fn within(
    (site, here): (&Arc<Site>, &Here),
    id: &str,
    (path, prefix): (&str, &str),
) -> Result<Response, (StatusCode, String)> {
    let absent = || (StatusCode::NOT_FOUND, "There is no such capture.".to_owned());
    let (about, stage) = site.brought().and_then(|it| it.one(id)).ok_or_else(absent)?;
    match stage {
        Stage::Read => {}
        Stage::Waiting => return Err((StatusCode::CONFLICT, "It is still being read.".to_owned())),
        Stage::Failed(why) => return Err((StatusCode::CONFLICT, why)),
    }
    let own = Arc::clone(site);
    let opening = tokio::task::spawn_blocking(move || {
        own.brought().map_or_else(|| Err(NO_STORE.to_owned()), |it| it.site(&about))
    });
    let failed = |why: String| (StatusCode::INTERNAL_SERVER_ERROR, why);
    let router =
        opening.await.unwrap_or_else(|_| Err("the report cannot be read".to_owned())).map_err(failed)?;
    let query = here.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let uri: Uri = format!("{path}{query}").parse().map_err(|_| absent())?;
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    request.extensions_mut().insert(here.who.clone());
    if let Ok(ip) = here.origin.parse() {
        request.extensions_mut().insert(Peer(ip));
    }
    let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page || path.ends_with("/report.html") {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    // The links grow: how long it was is not how long it is.
    parts.headers.remove(header::CONTENT_LENGTH);
    let bytes = to_bytes(body, PAGE_BYTES_MAX).await.map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((parts.status, parts.headers, below(&text, prefix)).into_response())
}

/// A page of ours whose links lead below a prefix. A text from the wire has no quotes of its own in a page, so that it is none.
fn below(page: &str, prefix: &str) -> String {
    const MARKS: [&str; 3] = [" href=\"/", " src=\"/", " action=\"/"];
    let mut moved = String::with_capacity(page.len().saturating_add(page.len() / 8));
    let mut rest = page;
    while let Some((at, mark)) = MARKS.iter().filter_map(|mark| Some((rest.find(mark)?, mark))).min() {
        let Some((before, behind)) = rest.split_at_checked(at.saturating_add(mark.len() - 1)) else { break };
        moved.push_str(before);
        let place = behind.split(['"', '?', '#']).next().unwrap_or_default();
        if OF_A_SITE.iter().any(|own| place == *own || place.starts_with(&format!("{own}/")) && *own != "/") {
            moved.push_str(prefix);
        }
        rest = behind;
    }
    moved.push_str(rest);
    moved
}

/// The places that each site has of its own.
const OF_A_SITE: [&str; 10] = [
    "/",
    "/devices",
    "/devices.csv",
    "/streams",
    "/streams.csv",
    "/network",
    "/findings",
    "/findings.csv",
    "/system",
    "/report.html",
];
pub const NO_STORE: &str =
    "Captures are taken where there is a store: serve --store DIR, or watch --store DIR.";
/// Sites of captures that are held at a time.
const OPEN_MAX: usize = 2;
/// Of an upload, until the next bytes come.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Until it is whole: the longest at 150 kB a second.
const PATIENCE_OF_ALL: Duration = Duration::from_secs(1_800);
const CHUNKS_WAITING_MAX: usize = 8;
/// More than any page has.
const PAGE_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_page_lead_below() {
        let page = "<a href=\"/\">a</a> <a href=\"/findings/x?q=/findings\">b</a> <a href=\"/assets/style.css\">c</a> \
                    <a href=\"#x\">d</a> <form action=\"/devices\"> <form action=\"/logout\"> href=&#34;/findings <a href=\"/findingsx\">";
        let due = "<a href=\"/e/1/\">a</a> <a href=\"/e/1/findings/x?q=/findings\">b</a> <a href=\"/assets/style.css\">c</a> \
                   <a href=\"#x\">d</a> <form action=\"/e/1/devices\"> <form action=\"/logout\"> href=&#34;/findings <a href=\"/findingsx\">";
        assert_eq!(below(page, "/e/1"), due);
    }
}
