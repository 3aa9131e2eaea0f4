//! *Incident*, and any other finding: what happened, what it may be, whose turn it is, what to do, what shows it.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use spanwatch_engine::report::Finding;
use spanwatch_engine::report::incident::{self, Audience};

use super::life::Life;
use super::{Card, Head, Served, devices, rendered, sorry};
use crate::access::Here;
use crate::lanes::{self, Lanes};
use crate::picture::is_incident;
use crate::tree::{self, Map};
use crate::words::{self, Shown};
use crate::{Picture, Site};

#[derive(Template)]
#[template(path = "incident.html")]
struct Page {
    head: Head,
    it: View,
    packets: Option<String>,
    asked: Option<Shown>,
    life: Option<Life>,
    /// Through the network, of an incident.
    way: Option<(Map, usize)>,
}

/// A finding, ready to be read.
pub struct View {
    pub card: Card,
    pub is_incident: bool,
    pub turn_class: &'static str,
    pub sure: String,
    pub cause: Option<(Shown, String)>,
    pub detected: String,
    pub count: u64,
    pub remedy: Shown,
    pub verify: Shown,
    pub detail: Shown,
    pub causes: Vec<Cause>,
    pub evidence: Vec<Piece>,
    pub revisions: Vec<(String, Shown, String, Shown)>,
    pub supersedes: Vec<Shown>,
    pub members: Vec<devices::Row>,
    pub more_members: usize,
    pub switch: Option<(String, Shown)>,
    pub lanes: Lanes,
    pub references: Vec<Shown>,
    pub texts: Vec<(&'static str, &'static str, Shown)>,
}

/// What it may be.
pub struct Cause {
    pub name: Shown,
    pub sure: String,
    pub width: u8,
    pub speaks_for: Vec<Piece>,
    pub more_for: usize,
    pub against: Vec<Piece>,
    pub more_against: usize,
    pub would_change: Shown,
}

/// A piece of evidence.
pub struct Piece {
    pub time: String,
    pub text: Shown,
    pub protocol: Option<Shown>,
    pub packet: Option<u64>,
}

impl View {
    /// Of a finding of `picture`.
    pub fn of(picture: &Picture, finding: &Finding) -> Self {
        let pieces = |numbers: &[usize]| -> Vec<Piece> {
            numbers
                .iter()
                .filter_map(|index| finding.evidence.get(*index))
                .take(PIECES_MAX)
                .map(piece)
                .collect()
        };
        let causes = finding.alternatives.iter().map(|it| Cause {
            name: words::shown(words::cause(it.cause)),
            sure: words::percent(&it.confidence),
            width: words::percent(&it.confidence).trim_end_matches("\u{a0}%").parse().unwrap_or(0),
            speaks_for: pieces(&it.speaks_for),
            more_for: it.speaks_for.len().saturating_sub(PIECES_MAX),
            against: pieces(&it.speaks_against),
            more_against: it.speaks_against.len().saturating_sub(PIECES_MAX),
            would_change: words::said(it.would_change),
        });
        let mut evidence: Vec<_> = finding.evidence.iter().collect();
        evidence.sort_by(|a, b| a.time.cmp(&b.time));
        let likely = |cause: &str| {
            let weighed = finding.alternatives.iter().find(|it| it.cause == cause);
            weighed.map(|it| words::percent(&it.confidence)).unwrap_or_default()
        };
        let members = finding.devices.iter().take(MEMBERS_MAX).filter_map(|id| picture.device(id));
        let revisions = finding.revisions.iter().map(|it| {
            let cause = words::shown(words::cause(it.cause));
            (words::moment(&it.time), cause, words::percent(&it.confidence), words::said(&it.because))
        });
        let references =
            finding.references.iter().flat_map(|it| it.mitre.iter().chain(&it.cwe).chain(&it.standard));
        Self {
            card: Card::of(picture, finding),
            is_incident: is_incident(finding),
            turn_class: match finding.owner {
                "it" => "it",
                "physical-security" => "physical",
                _ => "both",
            },
            sure: words::percent(&finding.confidence),
            cause: finding.cause.map(|cause| (words::shown(words::cause(cause)), likely(cause))),
            detected: words::moment(&finding.detected),
            count: finding.count,
            remedy: words::said(&finding.remedy),
            verify: words::said(&finding.verify),
            detail: words::said(&finding.detail),
            causes: causes.collect(),
            evidence: evidence.into_iter().take(EVIDENCE_MAX).map(piece).collect(),
            revisions: revisions.collect(),
            supersedes: finding.supersedes.iter().take(EVIDENCE_MAX).map(|id| words::shown(id)).collect(),
            members: members.map(|device| devices::Row::of(picture, device)).collect(),
            more_members: finding.devices.len().saturating_sub(MEMBERS_MAX),
            switch: finding.switch.as_deref().map(|id| {
                let link = picture.device(id).map(|it| format!("/devices/{}", crate::lists::encoded(&it.id)));
                (link.unwrap_or_default(), picture.switch_called(id))
            }),
            lanes: lanes::lanes(picture, finding),
            references: references.map(|it| words::shown(it)).collect(),
            texts: AUDIENCES.iter().map(|(id, name, _)| (*id, *name, pasted(picture, finding, id))).collect(),
        }
    }
}

fn piece(evidence: &spanwatch_engine::report::Evidence) -> Piece {
    Piece {
        time: words::of_day(&evidence.time),
        text: words::said(&evidence.text),
        protocol: evidence.protocol.map(words::shown),
        packet: evidence.frame,
    }
}

/// The finding as text for a ticket or a mail.
pub fn pasted(picture: &Picture, finding: &Finding, audience: &str) -> Shown {
    let audience = AUDIENCES.iter().find(|(id, ..)| *id == audience).map_or(Audience::Everybody, |it| it.2);
    let mut out = Vec::new();
    // Nothing fails that is written to memory.
    let _ = incident::write(&picture.report, finding, (audience, None), &mut out);
    words::lines(&String::from_utf8_lossy(&out))
}

pub async fn page(State(site): Served, here: Here, Path(id): Path<String>) -> Response {
    shown(&site, &here, &id, None)
}

/// The page of a finding; `refused` is why something was not done to it.
pub fn shown(site: &Site, here: &Here, id: &str, refused: Option<String>) -> Response {
    let picture = site.picture();
    let Some(finding) = picture.finding(id) else {
        return sorry(site, (StatusCode::NOT_FOUND, "There is no such finding."), here);
    };
    let packets = site
        .has_packets(finding)
        .then(|| format!("/findings/{}/packets", crate::lists::encoded(&finding.id)));
    rendered(&Page {
        head: Head::new(site, &picture, ("/findings", &finding.title), here),
        it: View::of(&picture, finding),
        way: is_incident(finding).then(|| tree::way(&picture, finding)).flatten(),
        packets,
        asked: (finding.id != id).then(|| words::shown(id)),
        life: Life::of(site, &picture, finding, here).map(|life| Life { refused, ..life }),
    })
}

/// For whom a text is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct For {
    #[serde(rename = "for")]
    audience: String,
}

pub async fn text(
    State(site): Served,
    here: Here,
    Path(id): Path<String>,
    Query(wanted): Query<For>,
) -> Response {
    let picture = site.picture();
    let Some(finding) = picture.finding(&id) else {
        return sorry(&site, (StatusCode::NOT_FOUND, "There is no such finding."), &here);
    };
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, plain)], pasted(&picture, finding, &wanted.audience).to_string()).into_response()
}

/// Who reads the text of a finding.
pub const AUDIENCES: &[(&str, &str, Audience)] = &[
    ("it", "For IT", Audience::It),
    ("physical-security", "For the camera team", Audience::PhysicalSecurity),
    ("security", "For security", Audience::Security),
];
/// Of one cause; all stand in the list of what shows it.
const PIECES_MAX: usize = 6;
const EVIDENCE_MAX: usize = 100;
const MEMBERS_MAX: usize = 64;
