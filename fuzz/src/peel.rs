//! The peeler: positions stay in order and inside the frame, whatever the bytes.
//!
//! The input is frames, as in [`crate::frames`].

use spanwatch_engine::peel::{Network, Peeled, Peeler, SHARDS};

use crate::frames::{self, Frame};

/// Holds frames to the laws.
///
/// # Panics
/// Where a law is broken.
pub fn hold(input: &[u8]) {
    let frames = frames::read_all(input);
    let [mut one, mut other] = [Peeler::new(), Peeler::new()];
    for frame in &frames {
        let peeled = one.peel(frame.link, frame.at, frame.bytes, frame.wire_length);
        hold_positions(frame, &peeled);
        let again = other.peel(frame.link, frame.at, frame.bytes, frame.wire_length);
        assert_eq!(format!("{peeled:?}"), format!("{again:?}"), "the same frames give the same");
    }
    assert_eq!(one.counts().frames, frames.len() as u64, "every frame is counted");
}

fn hold_positions(frame: &Frame<'_>, peeled: &Peeled) {
    let layers = &peeled.layers;
    let length = peeled.bytes(frame.bytes).len();
    let [network, transport, end, whole] =
        [layers.network_at, layers.transport_at, layers.end, layers.whole_end].map(|at| at as usize);
    assert!(
        network <= transport,
        "the network header begins at {network}, the transport header at {transport}"
    );
    assert!(transport <= end, "the transport header begins at {transport}, the payload ends at {end}");
    assert!(end <= length, "the payload ends at {end}, the frame at {length}");
    assert!(end <= whole, "the payload ends at {end}, and would end at {whole}");
    assert!(usize::from(layers.shard) < SHARDS, "shard {} is none", layers.shard);
    assert_eq!(layers.ips.is_some(), layers.network == Network::Ip, "IP and its addresses come together");
}
