//! *Kinds*: what can be found, each in its detector's own words.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use spanwatch_engine::detectors;
use spanwatch_engine::detectors::references::References;

use super::{Card, Head, Served, rendered, sorry};
use crate::access::Here;
use crate::help::{self, Piece, Section};

#[derive(Template)]
#[template(path = "kinds.html")]
struct List {
    head: Head,
    kinds: Vec<(&'static str, &'static str, &'static str, String)>,
}

#[derive(Template)]
#[template(path = "kind.html")]
struct Page {
    head: Head,
    id: &'static str,
    category: &'static str,
    severity: &'static str,
    sections: Vec<Section>,
    references: Vec<&'static str>,
    cards: Vec<Card>,
}

pub async fn list(State(site): Served, here: Here) -> Response {
    let kinds = detectors::ALL.iter().map(|it| (it.id, it.category, it.severity.name(), help::sentence(it)));
    let head = Head::new(&site, &site.picture(), ("/findings", "What can be found"), &here);
    rendered(&List { head, kinds: kinds.collect() })
}

pub async fn page(State(site): Served, here: Here, Path(id): Path<String>) -> Response {
    let picture = site.picture();
    let Some(kind) = help::kind(&id) else {
        return sorry(&site, (StatusCode::NOT_FOUND, "There is no such kind of finding."), &here);
    };
    let references = References::of(kind.id);
    let own = picture.findings.iter().filter(|it| it.kind == kind.id).take(CARDS_MAX);
    rendered(&Page {
        head: Head::new(&site, &picture, ("/findings", kind.id), &here),
        id: kind.id,
        category: kind.category,
        severity: kind.severity.name(),
        sections: help::sections(kind),
        references: references.into_iter().flat_map(|it| [it.mitre, it.cwe, it.standard].concat()).collect(),
        cards: own.map(|finding| Card::of(&picture, finding)).collect(),
    })
}

/// Examples from this site.
const CARDS_MAX: usize = 10;
