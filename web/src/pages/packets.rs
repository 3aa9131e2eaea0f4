//! The packets behind a finding: a table of them, and the file.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use spanwatch_engine::report::Finding;

use super::{Head, Served, download, rendered, sorry};
use crate::access::Here;
use crate::site::Carved;
use crate::words::{self, Shown};
use crate::{Picture, Site};

#[derive(Template)]
#[template(path = "packets.html")]
struct Page {
    head: Head,
    back: String,
    title: Shown,
    rows: Vec<Row>,
    count: String,
    left_out: Option<String>,
    bytes: String,
    masked: String,
    has_inputs: bool,
}

/// One packet.
struct Row {
    time: String,
    input: Shown,
    frame: String,
    length: String,
    told: Shown,
    evidence: Option<Shown>,
    masked: u64,
}

/// A finding, and the packets behind it.
///
/// # Errors
/// With the status, and a sentence: where there is no such finding, or none are at hand.
pub async fn behind<'a>(
    site: &Arc<Site>,
    picture: &'a Arc<Picture>,
    id: &str,
) -> Result<(&'a Finding, Arc<Carved>), (StatusCode, String)> {
    let absent = |why: &str| (StatusCode::NOT_FOUND, why.to_owned());
    let finding = picture.finding(id).ok_or_else(|| absent("There is no such finding."))?;
    if !site.has_packets(finding) {
        return Err(absent(site.lacks_packets()));
    }
    let failed = |why: String| (StatusCode::INTERNAL_SERVER_ERROR, words::said(&why).to_string());
    Ok((finding, site.carve(picture, &finding.id).await.map_err(failed)?))
}

pub async fn page(State(site): Served, here: Here, Path(id): Path<String>) -> Response {
    let picture = site.picture();
    let (finding, carved) = match behind(&site, &picture, &id).await {
        Ok(both) => both,
        Err((status, why)) => return sorry(&site, (status, &why), &here),
    };
    let inputs = &picture.report.capture.inputs;
    let name = |input: u32| {
        usize::try_from(input).ok().and_then(|it| inputs.get(it)).map_or("", |it| it.name.as_str())
    };
    let rows = carved.packets.iter().map(|packet| Row {
        time: packet.time.get(11..26).unwrap_or(&packet.time).to_owned(),
        input: words::shown(name(packet.input)),
        frame: packet.frame.to_string(),
        length: packet.length.to_string(),
        told: words::shown(&packet.told),
        evidence: packet.evidence.as_deref().map(words::said),
        masked: packet.masked,
    });
    let left_out = carved.count.saturating_sub(carved.packets.len() as u64);
    rendered(&Page {
        head: Head::new(&site, &picture, ("/findings", "Packets"), &here),
        back: format!("/findings/{}", crate::lists::encoded(&finding.id)),
        title: words::said(&finding.title),
        rows: rows.collect(),
        count: words::count(carved.count),
        left_out: (left_out > 0).then(|| words::count(left_out)),
        bytes: words::bytes(carved.file.len() as u64),
        masked: words::count(carved.packets.iter().filter(|it| it.masked > 0).count() as u64),
        has_inputs: inputs.len() > 1,
    })
}

pub async fn file(State(site): Served, here: Here, Path(id): Path<String>) -> Response {
    match behind(&site, &site.picture(), &id).await {
        Ok((finding, carved)) => {
            let name = format!("{}-{}.pcapng", finding.kind, finding.id);
            download(carved.file.clone(), "application/x-pcapng", &name)
        }
        Err((status, why)) => sorry(&site, (status, &why), &here),
    }
}
