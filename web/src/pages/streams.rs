//! *Streams*: what flows, who records, and where media is lost.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use spanwatch_engine::report::{Finding, Stream, csv};

use super::{Card, Head, Served, download, rendered};
use crate::Picture;
use crate::access::Here;
use crate::lists::{self, Paged, Purpose, encoded, lost_share, paged, purpose};
use crate::picture::is_incident;
use crate::receivers;
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
    shows: Vec<(&'static str, &'static str, String, String)>,
    sorts: Vec<(&'static str, &'static str, String)>,
    receivers: Vec<(&'static str, Vec<Receiver>)>,
}

/// Who gets streams.
struct Receiver {
    who: (String, Shown),
    senders: String,
    streams: String,
    rate: String,
    share: String,
    is_lossy: bool,
    jitter: String,
    link: String,
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
    pub is_lossy: bool,
    /// Where it is lost, and what says so.
    pub place: Option<(String, &'static str)>,
    pub purpose: &'static str,
    pub jitter: String,
    pub gap: String,
    pub packets: String,
    pub began: String,
    pub last: String,
}

impl Row {
    pub fn of(picture: &Picture, stream: &Stream) -> Self {
        let media = stream.codec.clone().unwrap_or_else(|| format!("type {}", stream.payload_type));
        Self {
            from: end(picture, &stream.source),
            to: end(picture, &stream.destination),
            media: words::shown(&media),
            over: words::shown(&match stream.protocol {
                None | Some("rtp") => stream.transport.to_owned(),
                Some(protocol) => format!("{protocol} {}", stream.transport),
            }),
            rate: words::rate(stream.bitrate_bps),
            pictures: stream.frame_rate.as_ref().map(ToString::to_string).unwrap_or_default(),
            lost: match stream.lost {
                0 => "0".to_owned(),
                lost => format!("{}, {}", words::count(lost), percent(lost_share(stream.packets, lost))),
            },
            is_lossy: stream.lost > 0,
            place: place(picture, stream)
                .map(|(finding, place)| (format!("/findings/{}", encoded(&finding.id)), place)),
            purpose: purpose(picture, stream).name().unwrap_or_default(),
            jitter: stream.jitter_ms.rounded(1).to_string(),
            gap: stream.longest_gap_ms.as_ref().map(|it| it.rounded(0).to_string()).unwrap_or_default(),
            packets: words::count(stream.packets),
            began: words::moment(&stream.first_seen.to_string()),
            last: words::moment(&stream.last_seen.to_string()),
        }
    }
}

fn end(picture: &Picture, id: &str) -> (String, Shown) {
    let link = picture.device(id).map(|it| format!("/devices/{}", encoded(&it.id))).unwrap_or_default();
    (link, picture.called(id))
}

/// `0.25 %` of hundredths of a percent.
fn percent(hundredths: u64) -> String {
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// Where a stream's media is lost, as a finding on one of its ends says; the sender's first.
pub fn place<'a>(picture: &'a Picture, stream: &Stream) -> Option<(&'a Finding, &'static str)> {
    if stream.lost == 0 {
        return None;
    }
    let ends = [&stream.source, &stream.destination];
    let findings = || ends.into_iter().flat_map(|id| picture.findings_on(id));
    let mut told = findings().filter_map(|it| {
        let place = match it.kind {
            "stream-loss" => "between the camera and the mirror",
            "stream-loss-shared" => "on a way that several share",
            "stream-loss-downstream" => "behind the mirror, towards who gets it",
            _ => return None,
        };
        Some((it, place))
    });
    let outage = || {
        let (began, last) = (stream.first_seen.to_string(), stream.last_seen.to_string());
        let is_within = |it: &&Finding| {
            is_incident(it)
                && it.severity != "info"
                && it.first_seen <= last
                && it.ended.as_ref().is_none_or(|ended| *ended >= began)
        };
        findings().find(is_within).map(|it| (it, "something was down meanwhile"))
    };
    told.next().or_else(outage)
}

impl Receiver {
    fn of(picture: &Picture, it: &receivers::Receiver) -> Self {
        let own = lists::Streams { device: it.id.clone(), ..Default::default() };
        Self {
            who: end(picture, &it.id),
            senders: words::count(it.senders),
            streams: words::count(it.streams),
            rate: words::rate(it.bitrate_bps),
            share: percent(lost_share(it.packets, it.lost)),
            is_lossy: it.lost > 0,
            jitter: it.jitter_ms.rounded(1).to_string(),
            link: own.link("/streams", ("", "")),
        }
    }
}

/// Who gets the streams of a list, by purpose.
fn by_purpose(
    picture: &Picture,
    list: &lists::Streams,
) -> Vec<(&'static str, Arc<Vec<receivers::Receiver>>)> {
    let of = |(name, purpose): (&'static str, Purpose)| {
        let own = lists::Streams { sort: String::new(), ..list.clone() };
        let key = format!("{name} {}", own.link("streams", ("", "")));
        let make = move |picture: &Picture| receivers::receivers(picture, &own, purpose);
        (name, picture.once_of_report(&key, make))
    };
    let all = [("Who records", Purpose::Records), ("Who watches", Purpose::Watches)].map(of);
    all.into_iter().filter(|(_, receivers)| !receivers.is_empty()).collect()
}

/// What of a list can be shown, how much that is, and where.
fn shows(picture: &Picture, list: &lists::Streams) -> Vec<(&'static str, &'static str, String, String)> {
    let show = |(key, name): (&'static str, &'static str)| {
        let count = lists::Streams { show: key.into(), ..list.clone() }.of(picture).len();
        (key, name, words::count(count as u64), list.link("/streams", ("show", key)))
    };
    [("", "all"), ("lossy", "with loss"), ("recorded", "recorded"), ("watched", "watched")].map(show).to_vec()
}

/// Finds out what its first page shows.
pub fn ahead(picture: &Picture) {
    let all = lists::Streams::default();
    let _ = (by_purpose(picture, &all), shows(picture, &all));
}

pub async fn page(State(site): Served, here: Here, Query(list): Query<lists::Streams>) -> Response {
    let picture = site.picture();
    let meant = list.of(&picture);
    let (rows, paged) = paged(meant, &list.page, |page| list.link("/streams", ("page", page)));
    let losses = picture.findings.iter().filter(|it| it.kind.starts_with("stream-")).take(LOSSES_MAX);
    rendered(&Page {
        head: Head::new(&site, &picture, ("/streams", "Streams"), &here),
        rows: rows.into_iter().map(|stream| Row::of(&picture, stream)).collect(),
        paged,
        csv: list.link("/streams.csv", ("", "")),
        losses: losses.map(|finding| Card::of(&picture, finding)).collect(),
        shows: shows(&picture, &list),
        sorts: [("", "sender"), ("loss", "loss"), ("jitter", "jitter"), ("rate", "rate")]
            .map(|(key, name)| (key, name, list.link("/streams", ("sort", key))))
            .to_vec(),
        receivers: by_purpose(&picture, &list)
            .into_iter()
            .map(|(name, all)| {
                (name, all.iter().take(RECEIVERS_MAX).map(|it| Receiver::of(&picture, it)).collect())
            })
            .collect(),
        list,
    })
}

pub async fn csv(State(site): Served, Query(list): Query<lists::Streams>) -> Response {
    let picture = site.picture();
    let mut out = Vec::new();
    let _ = csv::write_streams(list.of(&picture).into_iter(), &mut out);
    download(out, "text/csv; charset=utf-8", "streams.csv")
}

/// Of each purpose.
const RECEIVERS_MAX: usize = 20;
/// Above the list.
const LOSSES_MAX: usize = 6;
