//! Who gets streams, and for what: [`receivers`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use spanwatch_engine::report::{Decimal, Stream};
use utoipa::ToSchema;

use crate::Picture;
use crate::lists::{Purpose, Streams, purpose};

/// Who gets streams for one purpose, with what comes of all of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Receiver {
    /// A device's, else an address.
    pub id: String,
    /// records or watches.
    pub purpose: &'static str,
    /// How many send them.
    pub senders: u64,
    pub streams: u64,
    pub bitrate_bps: u64,
    pub packets: u64,
    pub lost: u64,
    /// The worst of one.
    #[schema(value_type = f64)]
    pub jitter_ms: Decimal,
}

/// Who gets the streams of a list for one purpose, who gets most first.
pub fn receivers(picture: &Picture, list: &Streams, wanted: Purpose) -> Vec<Receiver> {
    let Some(purpose_name) = wanted.name() else { return Vec::new() };
    let streams = list.of(picture);
    let mut by_receiver: BTreeMap<&str, Vec<&Stream>> = BTreeMap::new();
    for stream in streams.into_iter().filter(|it| purpose(picture, it) == wanted) {
        by_receiver.entry(&stream.destination).or_default().push(stream);
    }
    let receiver = |(id, streams): (&str, Vec<&Stream>)| {
        let sum = |of: fn(&Stream) -> u64| streams.iter().map(|it| of(it)).fold(0, u64::saturating_add);
        let senders: BTreeSet<&str> = streams.iter().map(|it| it.source.as_str()).collect();
        let worst = streams.iter().map(|it| it.jitter_ms.thousandths()).max();
        Receiver {
            id: id.to_owned(),
            purpose: purpose_name,
            senders: senders.len() as u64,
            streams: streams.len() as u64,
            bitrate_bps: sum(|it| it.bitrate_bps),
            packets: sum(|it| it.packets),
            lost: sum(|it| it.lost),
            jitter_ms: Decimal::milliseconds(worst.unwrap_or(0)),
        }
    };
    let mut receivers: Vec<Receiver> = by_receiver.into_iter().map(receiver).collect();
    receivers.sort_by_key(|it| std::cmp::Reverse(it.streams));
    receivers
}
