//! Streams, with what they are for and where they lose, and who gets them.

use axum::extract::{Query, State};
use serde::Serialize;
use spanwatch_engine::report::Stream;
use utoipa::ToSchema;

use super::page::{Page, Part, cut};
use super::problem;
use super::{Answer, Parted, Served, Wanted, told};
use crate::Picture;
use crate::lists::{Purpose, Streams, purpose};
use crate::pages::lost_at;
use crate::receivers::{Receiver, receivers};

/// A stream, with what who gets it does with it, and where it loses.
#[derive(Debug, Serialize, ToSchema)]
struct StreamTold<'a> {
    #[serde(flatten)]
    stream: &'a Stream,
    /// records or watches, by who gets it; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'static str>,
    /// Where it loses, as a finding says.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_at: Option<LostAt<'a>>,
}

/// Where a stream loses.
#[derive(Debug, Serialize, ToSchema)]
struct LostAt<'a> {
    /// In words.
    place: &'static str,
    /// The id of the finding that says so.
    finding: &'a str,
}

impl<'a> StreamTold<'a> {
    fn of(picture: &'a Picture, stream: &'a Stream) -> Self {
        let lost_at = lost_at(picture, stream);
        Self {
            stream,
            purpose: purpose(picture, stream).name(),
            lost_at: lost_at.map(|(finding, place)| LostAt { place, finding: &finding.id }),
        }
    }
}

/// Streams.
#[utoipa::path(get, path = "/api/v1/streams", params(Streams, Part), responses((status = 200, body = Page<StreamTold>), problem::Parts))]
pub async fn streams(State(site): Served, wanted: Wanted<Streams>, part: Parted) -> Answer {
    let picture = site.picture();
    let Query(wanted) = wanted?;
    let key = |it: &&Stream| {
        let ssrc = it.ssrc.map(|ssrc| ssrc.to_string()).unwrap_or_default();
        format!("{} {} {} {ssrc} {}", it.source, it.destination, it.payload_type, it.first_seen)
    };
    told(&cut(wanted.of(&picture), part, key)?.map(|it| StreamTold::of(&picture, it)))
}

/// Who records the streams of a list, and who watches them.
#[utoipa::path(get, path = "/api/v1/streams/receivers", params(Streams, Part), responses((status = 200, body = Page<Receiver>), problem::Parts))]
pub async fn gets(State(site): Served, wanted: Wanted<Streams>, part: Parted) -> Answer {
    let picture = site.picture();
    let Query(wanted) = wanted?;
    let of = |purpose| receivers(&picture, &wanted, purpose);
    let all = [Purpose::Records, Purpose::Watches].into_iter().flat_map(of).collect();
    told(&cut(all, part, |it: &Receiver| it.id.clone())?)
}
