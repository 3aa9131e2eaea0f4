//! *Network*: the map of switches, ports and devices, and what befell it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Card, Head, Served, rendered};
use crate::Picture;
use crate::access::Here;
use crate::faults::{self, Faults, is_fault};
use crate::tree::{self, Map};

#[derive(Template)]
#[template(path = "network.html")]
struct Page {
    head: Head,
    map: Arc<Map>,
    over_time: Arc<Option<Faults>>,
    faults: Arc<Latest>,
}

/// Faults, the latest first.
pub struct Latest {
    cards: Vec<Card>,
    more: usize,
}

pub async fn page(State(site): Served, here: Here) -> Response {
    let picture = site.picture();
    let (map, over_time, faults) = found(&picture);
    let head = Head::new(&site, &picture, ("/network", "Network"), &here);
    rendered(&Page { head, map, over_time, faults })
}

/// What it shows of a picture.
pub fn found(picture: &Picture) -> (Arc<Map>, Arc<Option<Faults>>, Arc<Latest>) {
    (
        map(picture),
        picture.once("faults over time", faults::faults),
        picture.once("faults, the latest", latest),
    )
}

/// The map of a picture.
pub fn map(picture: &Picture) -> Arc<Map> {
    picture.once("map", tree::map)
}

fn latest(picture: &Picture) -> Latest {
    let mut faults: Vec<_> = picture.findings.iter().filter(|it| is_fault(it)).collect();
    faults.sort_by(|a, b| b.first_seen.cmp(&a.first_seen));
    let shown = faults.iter().take(FAULTS_MAX);
    Latest {
        more: faults.len().saturating_sub(FAULTS_MAX),
        cards: shown.map(|finding| Card::of(picture, finding)).collect(),
    }
}

/// Under the map.
const FAULTS_MAX: usize = 50;
