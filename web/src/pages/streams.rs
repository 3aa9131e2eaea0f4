//! *Streams*: what flows, who records, and where media is lost.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use spanwatch_engine::report::{Stream, csv};

use super::{Card, Head, Served, download, rendered};
use crate::Picture;
use crate::access::Here;
use crate::lists::{self, Paged, encoded, paged};
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "streams.html")]
struct Page {
    head: Head,
    list: lists::Streams,
    rows: Vec<Row>,
    paged: Paged,
    csv: String,
    losses: Vec<Card>,
    lossy: (String, String),
    all: String,
}

/// One stream.
pub struct Row {
    pub from: (String, Shown),
    pub to: (String, Shown),
    pub media: Shown,
    pub over: Shown,
    pub rate: String,
    pub pictures: String,
    pub lost: String,
    pub share: String,
    pub is_lossy: bool,
    pub jitter: String,
    pub gap: String,
    pub packets: String,
    pub began: String,
    pub last: String,
}

impl Row {
    pub fn of(picture: &Picture, stream: &Stream) -> Self {
        let end = |id: &str| {
            let link =
                picture.device(id).map(|it| format!("/devices/{}", encoded(&it.id))).unwrap_or_default();
            (link, picture.called(id))
        };
        let whole = stream.packets.saturating_add(stream.lost).max(1);
        let share = stream.lost.saturating_mul(10_000) / whole;
        let media = stream.codec.clone().unwrap_or_else(|| format!("type {}", stream.payload_type));
        Self {
            from: end(&stream.source),
            to: end(&stream.destination),
            media: words::shown(&media),
            over: words::shown(&format!("{} {}", stream.protocol, stream.transport)),
            rate: words::rate(stream.bitrate_bps),
            pictures: stream.frame_rate.as_ref().map(ToString::to_string).unwrap_or_default(),
            lost: words::count(stream.lost),
            share: format!("{}.{:02} %", share / 100, share % 100),
            is_lossy: stream.lost > 0,
            jitter: stream.jitter_ms.rounded(1).to_string(),
            gap: stream.longest_gap_ms.rounded(0).to_string(),
            packets: words::count(stream.packets),
            began: words::moment(&stream.first_seen.to_string()),
            last: words::moment(&stream.last_seen.to_string()),
        }
    }
}

pub async fn page(State(site): Served, here: Here, Query(list): Query<lists::Streams>) -> Response {
    let picture = site.picture();
    let (rows, paged) = paged(list.of(&picture), &list.page, |page| list.link("/streams", ("page", page)));
    let losses = picture.findings.iter().filter(|it| it.kind.starts_with("stream-")).take(LOSSES_MAX);
    let lossy = picture.report.streams.iter().filter(|it| it.lost > 0).count();
    rendered(&Page {
        head: Head::new(&site, &picture, ("/streams", "Streams"), &here),
        rows: rows.into_iter().map(|stream| Row::of(&picture, stream)).collect(),
        paged,
        csv: list.link("/streams.csv", ("", "")),
        losses: losses.map(|finding| Card::of(&picture, finding)).collect(),
        lossy: (words::count(lossy as u64), list.link("/streams", ("show", "lossy"))),
        all: list.link("/streams", ("show", "")),
        list,
    })
}

pub async fn csv(State(site): Served, Query(list): Query<lists::Streams>) -> Response {
    let picture = site.picture();
    let mut out = Vec::new();
    let _ = csv::write_streams(list.of(&picture).into_iter(), &mut out);
    download(out, "text/csv; charset=utf-8", "streams.csv")
}

/// Above the list.
const LOSSES_MAX: usize = 6;
