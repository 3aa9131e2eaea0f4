//! A shard: one sixty-fourth of all address pairs, from frames to observations.
//!
//! ```text
//! frame ─► copies? ─► fragments ─► flow ─► datagram ──────────► parser ─┬─► facts ─► Observation
//!                                    │  └─► TCP in order ─► session ────┤
//!                                    └─ sums ─┐                         └─► media ─► stream
//! tick ───────────────────────────────────────┴──────────────────────────────────────┴─► Activity, Stream
//! ```
//!
//! A [`Shard`] is a pure function of the frames and ticks that it is given: it
//! shares nothing, reads no clock and starts no thread, so its observations are
//! the same at any number of threads. Every table has a cap; what is evicted is
//! counted and said at the next tick ([`Fact::Lost`](spanwatch_parsers::Fact::Lost)).
//!
//! Observations of a frame have a [`Place`] with an index from [`FIRST_OF_FRAME`] on;
//! those of a tick, which comes before its frame, have smaller ones.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod coming;
mod counts;
mod flows;
mod ip;
mod message;
mod segment;
mod tick;
mod tunnels;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{ALL, Sink, Time, Way};

pub use crate::peel::SHARDS;
pub use coming::{Coming, Latest};
pub use counts::Counts as ShardCounts;
pub(crate) use tick::SECONDS;

use counts::Counts;

use crate::dispatch::{Channel, Dispatch};
use crate::duplicate::{Arrival, Copies};
use crate::flow::{Counted, Flow, Key, Kind, device_mac};
use crate::fragment::Fragments;
use crate::hearing::{Faults, Hearing};
use crate::observation::{Cite, Observation, Party, Place};
use crate::peel::{Layers, Network, Peeled};
use crate::planted;
use crate::said::Said;
use crate::scribe::Scribe;
use crate::stream::Streams;
use flows::{Flows, Handle, Sought};
use tunnels::Tunnels;

/// A frame's place and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameIn {
    /// Its time stamp.
    pub at: Time,
    /// Its number over all inputs, from 1.
    pub frame: u64,
    /// Where to find it again.
    pub cite: Cite,
    /// By which interface of its input it came.
    pub interface: u32,
    /// Its bytes on the wire.
    pub wire_length: u32,
}

/// One shard.
#[derive(Debug)]
pub struct Shard {
    index: u8,
    copies: Copies,
    fragments: Fragments,
    flows: Flows,
    tunnels: Tunnels,
    voice: Voice,
    frames: u64,
    seed: u64,
    /// Since it was last said.
    panicked: Panicked,
    reported: tick::Reported,
    ticked: Place,
    /// The last frame's place in its input.
    last: Cite,
}

/// What messages need besides their flow, for as long as the shard lives.
#[derive(Debug)]
struct Voice {
    dispatch: Arc<Dispatch>,
    sink: Sink,
    said: Said,
    streams: Streams,
    faults: Faults,
}

/// How often code of ours panicked.
#[derive(Debug, Default)]
struct Panicked {
    /// Where it walked a frame's headers, before the shard saw it.
    headers: u64,
    /// The shard's own code.
    frames: u64,
    seconds: u64,
}

/// Who sent a packet to whom.
#[derive(Debug, Clone, Copy)]
struct Parties<'a> {
    sender: Party,
    layers: &'a Layers,
    receiver_port: u16,
}

/// The index of a frame's first observation.
pub const FIRST_OF_FRAME: u32 = 1 << 24;

/// The table of recent packets forgets by hash: its seed would show in what is forgotten, so that it is
/// fixed like the shard's own hash. Who knows it can make one set of its packets forget early, which is counted.
const SEED_OF_COPIES: u64 = 0x5350_414e;

impl Shard {
    /// Shard `index` with all parsers; `fingerprints` draw labels, `seed` keeps its tables unpredictable.
    #[must_use]
    pub fn new(index: u8, fingerprints: Option<&'static Fingerprints>, seed: u64) -> Self {
        Self::with_parsers(index, fingerprints, seed, &Arc::new(Dispatch::new(ALL)))
    }

    /// The same with a registry of one's own, which others may share.
    #[must_use]
    pub fn with_parsers(
        index: u8,
        fingerprints: Option<&'static Fingerprints>,
        seed: u64,
        parsers: &Arc<Dispatch>,
    ) -> Self {
        Self {
            index,
            copies: Copies::new(SEED_OF_COPIES),
            fragments: Fragments::new(FRAGMENTED_MAX, FRAGMENTS_HELD_MAX, seed),
            flows: Flows::new(seed),
            tunnels: Tunnels::default(),
            voice: Voice {
                dispatch: Arc::clone(parsers),
                sink: Sink::default(),
                said: Said::new(fingerprints, seed),
                streams: Streams::new(seed),
                faults: Faults::default(),
            },
            frames: 0,
            seed,
            panicked: Panicked::default(),
            reported: tick::Reported::default(),
            ticked: Place::default(),
            last: Cite::default(),
        }
    }

    /// The same, which compares no login with known passwords.
    #[must_use]
    pub const fn leaving_passwords(mut self) -> Self {
        self.voice.said.leave_passwords();
        self
    }

    /// What it counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { frames: self.frames, copies: *self.copies.counts(), ..self.flows.ended }
    }

    /// Takes the next frame of its pairs.
    pub fn frame(&mut self, frame: &FrameIn, peeled: &Peeled, bytes: &[u8], out: &mut Vec<Observation>) {
        let coming = self.coming(0, peeled, bytes, &mut Latest::default());
        self.expected(frame, (peeled, &coming), bytes, out);
    }

    /// Takes the next frame of its pairs, which was expected. A panic costs this frame alone.
    pub fn expected(
        &mut self,
        frame: &FrameIn,
        (peeled, coming): (&Peeled, &Coming),
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) {
        let before = out.len();
        let turn = AssertUnwindSafe(|| self.take(frame, (peeled, coming), bytes, out));
        if catch_unwind(turn).is_err() {
            out.truncate(before);
            self.voice.sink.clear();
            self.panicked.frames = self.panicked.frames.saturating_add(1);
        }
    }

    fn take(
        &mut self,
        frame: &FrameIn,
        (peeled, coming): (&Peeled, &Coming),
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) {
        let layers = &peeled.layers;
        self.last = frame.cite;
        planted::here("frame");
        if layers.is_absorbed || layers.network == Network::Unknown {
            self.panicked.headers = self.panicked.headers.saturating_add(layers.is_lost.into());
            return;
        }
        self.frames = self.frames.saturating_add(1);
        let bytes = peeled.bytes(bytes);
        let arrival = Arrival { at: frame.at, cite: frame.cite, interface: frame.interface };
        if let Some(outer) = &peeled.outer {
            self.tunnels.count(outer, frame.frame, frame.counted());
        }
        if self.copies.is_copy(peeled, coming.identity, &arrival) {
            return;
        }
        match layers.network {
            Network::Ip => self.packet(frame, (layers, coming.flow.as_ref()), bytes, out),
            Network::EtherType(kind) => {
                self.link_message(
                    frame,
                    layers,
                    bytes,
                    (Kind::EtherType(kind), Channel::EtherType(kind)),
                    out,
                );
            }
            Network::Llc { dsap, ssap } => {
                self.link_message(
                    frame,
                    layers,
                    bytes,
                    (Kind::Llc(dsap, ssap), Channel::Llc(dsap, ssap)),
                    out,
                );
            }
            Network::Snap { oui, kind } => {
                self.link_message(
                    frame,
                    layers,
                    bytes,
                    (Kind::Snap(oui, kind), Channel::Snap(oui, kind)),
                    out,
                );
            }
            Network::Unknown => {}
        }
    }

    /// Takes a frame without IP.
    fn link_message(
        &mut self,
        frame: &FrameIn,
        layers: &Layers,
        bytes: &[u8],
        (kind, channel): (Kind, Channel),
        out: &mut Vec<Observation>,
    ) {
        let parties = Parties::of(layers, (0, 0));
        let sought = Sought::of_link(Key::link(layers.source_mac, layers.destination_mac, kind));
        let counted = frame.counted();
        let mut hearing = self.voice.hear(frame.scribe(self.index, out), counted);
        let (handle, gone) = self.flows.begin_or_find(&sought, &parties, frame);
        if let Some(gone) = gone {
            self.flows.part_with(gone, &mut hearing);
        }
        let Some(flow) = self.flows.count(handle, true, &parties, &counted) else { return };
        let payload = bytes.get(layers.transport_at as usize..layers.end as usize).unwrap_or_default();
        let message = message::Message { way: Way::Orig, channel, payload, whole: whole_of(layers) };
        message.read(flow, &mut hearing);
    }
}

impl Flows {
    /// The flow of a packet, made where there was none; what had to go for it is given back.
    fn begin_or_find(
        &mut self,
        sought: &Sought,
        parties: &Parties<'_>,
        frame: &FrameIn,
    ) -> (Handle, Option<Flow>) {
        let Sought { key, from_low, .. } = sought;
        match self.find(sought, &parties.sender) {
            Some(handle) => (handle, None),
            None => {
                let flow = Flow::new(*key, frame.frame, *from_low);
                let (handle, gone) = self.insert(flow, &parties.sender, frame.at);
                if !key.is_tcp() {
                    // What is sent to a group may be media, which goes on.
                    let receiver = parties.receiver();
                    let is_group = receiver.ip.is_some_and(|ip| ip.is_multicast());
                    let is_to_all = receiver.mac.is_none() && !is_group;
                    self.review_young(handle, frame.frame, frame.at, is_to_all);
                }
                (handle, gone)
            }
        }
    }
}

impl Voice {
    fn hear<'a, 'o>(&'a mut self, scribe: Scribe<'o>, frame: Counted) -> Hearing<'a, 'o> {
        Hearing {
            dispatch: &self.dispatch,
            sink: &mut self.sink,
            said: &mut self.said,
            streams: &mut self.streams,
            faults: &mut self.faults,
            scribe,
            frame,
        }
    }
}

impl<'a> Parties<'a> {
    fn of(layers: &'a Layers, ports: (u16, u16)) -> Self {
        let sender = Party {
            mac: device_mac(layers.source_mac),
            ip: layers.ips.map(|(source, _)| source),
            vlan: layers.vlan(),
            hop_limit: layers.hop_limit,
            port: ports.0,
        };
        Self { sender, layers, receiver_port: ports.1 }
    }

    /// Asked while he was not heard himself.
    fn receiver(&self) -> Party {
        Party {
            mac: device_mac(self.layers.destination_mac),
            ip: self.layers.ips.map(|(_, destination)| destination),
            vlan: self.sender.vlan,
            hop_limit: 0,
            port: self.receiver_port,
        }
    }
}

impl FrameIn {
    fn scribe<'o>(&self, shard: u8, out: &'o mut Vec<Observation>) -> Scribe<'o> {
        let place = Place { frame: self.frame, shard, index: FIRST_OF_FRAME };
        Scribe::new(out, place, self.at, self.cite)
    }

    const fn counted(&self) -> Counted {
        Counted { at: self.at, cite: self.cite, bytes: self.wire_length, stamp: None }
    }
}

/// The length of the payload before the capture cut it.
const fn whole_of(layers: &Layers) -> usize {
    layers.whole_end.saturating_sub(layers.transport_at) as usize
}

/// Packets of a shard that wait for fragments, and their bytes.
const FRAGMENTED_MAX: usize = 128;
const FRAGMENTS_HELD_MAX: usize = 1 << 20;
