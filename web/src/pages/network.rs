//! *Network*: the map of switches, ports and devices, and what befell it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Card, Head, Served, rendered};
use crate::access::Here;
use crate::faults::{self, Faults, is_fault};
use crate::tree::{self, Map};

#[derive(Template)]
#[template(path = "network.html")]
struct Page {
    head: Head,
    map: Arc<Map>,
    over_time: Arc<Option<Faults>>,
    faults: Vec<Card>,
    more: usize,
}

pub async fn page(State(site): Served, here: Here) -> Response {
    let picture = site.picture();
    let mut faults: Vec<_> = picture.findings.iter().filter(|it| is_fault(it)).collect();
    faults.sort_by(|a, b| b.first_seen.cmp(&a.first_seen));
    rendered(&Page {
        head: Head::new(&site, &picture, ("/network", "Network"), &here),
        map: picture.memo.of("map", || tree::map(&picture)),
        over_time: picture.memo.of("faults", || faults::faults(&picture)),
        more: faults.len().saturating_sub(FAULTS_MAX),
        faults: faults.into_iter().take(FAULTS_MAX).map(|finding| Card::of(&picture, finding)).collect(),
    })
}

/// Under the map.
const FAULTS_MAX: usize = 50;
