//! Copies that the mirror made: [`Copies`] tells them from what was really sent twice.
//!
//! A mirror of several ports, of a VLAN, or on both sides of a router shows one
//! packet two times and more. What forwarding keeps identifies it: addresses,
//! protocol, identification, length and the first bytes of the transport (without
//! IP: both MACs, type and payload). Everything that forwarding may change is its
//! *face*: tags, hop limit, MACs, interface, direction, tunnel.
//!
//! ```text
//!                         face not seen of this packet          face seen before
//! identification ≠ 0      copy, within HORIZON                  copy, within the mirror's delay
//! none (IPv6), or 0       copy, if moved by a switch (same      copy, within the mirror's delay,
//!                         MACs) or a router (other hop limit)   a shorter one for TCP
//! ```
//!
//! A retransmission shows a face that was seen, later than the delay: it is kept,
//! and from then on each other face may show the packet once more. The delay begins at a default
//! and is *learned*: where at least a third of the packets come again within a certain
//! time, that time is the mirror's ([`Delay`]). It stays far below 200 ms, the
//! least that hosts wait before they send again.
//!
//! What is sent to a group and comes again and again, copy or not, is *returning*: a mirror stops after so many
//! copies, a frame that circles does not ([`Round::returning`]).
//!
//! Of the payload only the first [`HASHED`] bytes and the length count: video is
//! not touched beyond its headers, and the transport's checksum covers the rest.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod delay;
mod recent;

use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use spanwatch_parsers::{Mac, Returning, Span, Time};

use crate::flow::device_mac;
use crate::hash::{Keyed, fold};
use crate::observation::{Cite, Party};
use crate::peel::{Layers, Network, Peeled};
use delay::Delay;
use recent::{Entry, Known, Recent};

/// What was seen in the last moments, of one shard.
#[derive(Debug)]
pub struct Copies {
    recent: Recent,
    delay: Delay,
    keyed: Keyed,
    counts: Counts,
    run: Run,
    round: Round,
}

/// What came again since the last tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Copies.
    pub copies: u64,
    /// The most of one packet.
    pub most: u32,
    /// Frames to a group that came again and again.
    pub returning: Returning,
    /// Who sent the one that came most often.
    pub sender: Party,
    /// Where that was seen last.
    pub cite: Cite,
}

/// Copies dropped, by what tells them from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All.
    pub copies: u64,
    /// The tags differ, and no hop limit.
    pub by_tags: u64,
    /// The hop limit differs: both sides of a router, whatever the tags.
    pub by_hop_limit: u64,
    /// A MAC differs, and nothing above.
    pub by_mac: u64,
    /// They came by another interface, tunnel or direction.
    pub by_interface: u64,
    /// Nothing differs: ingress and egress of one VLAN, or a loop.
    pub by_delay: u64,
    /// Copies that come of how the mirror is set up: neither both sides of a router, nor a frame that circles, nor
    /// what hosts may send twice themselves: bare acknowledgements, and to groups what bears no number of its own
    /// (a router says the same in each of its VLANs).
    pub by_mirror: u64,
    /// The most copies of one packet.
    pub most: u32,
    /// When such a copy was first seen and where, and when the last.
    pub made: Option<((Time, Cite), Time)>,
}

/// Copies that are not a router's, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Run {
    count: u64,
    first: (Time, Cite),
    last: Time,
}

impl Counts {
    /// Adds what another shard counted.
    pub fn merge(&mut self, other: &Self) {
        let both = self.made.into_iter().chain(other.made);
        self.made = both.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        for (sum, count) in [
            (&mut self.copies, other.copies),
            (&mut self.by_tags, other.by_tags),
            (&mut self.by_hop_limit, other.by_hop_limit),
            (&mut self.by_mac, other.by_mac),
            (&mut self.by_interface, other.by_interface),
            (&mut self.by_delay, other.by_delay),
            (&mut self.by_mirror, other.by_mirror),
        ] {
            *sum = sum.saturating_add(count);
        }
        self.most = self.most.max(other.most);
    }
}

/// What tells a packet from others, whatever forwarding changes of it.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    key: u64,
    kind: Kind,
}

impl Identity {
    /// A number that few others have.
    #[must_use]
    pub const fn key(self) -> u64 {
        self.key
    }
}

/// How a frame reached us.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// Where it lies.
    pub cite: Cite,
    /// By which interface.
    pub interface: u32,
}

impl Copies {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            recent: Recent::new(),
            delay: Delay::default(),
            keyed: Keyed::new(seed),
            counts: Counts::default(),
            run: Run::default(),
            round: Round::default(),
        }
    }

    /// What was dropped so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Packets forgotten so soon that a copy may still have come, since it was made, and the cap.
    #[must_use]
    pub const fn forgotten(&self) -> (u64, usize) {
        (self.recent.forgotten(), Recent::CAPACITY)
    }

    /// What came again since it was last asked.
    pub fn take_round(&mut self) -> Round {
        std::mem::take(&mut self.round)
    }

    /// What tells the frame from others; asked some frames ahead, [`Copies::foresee`] can use it.
    #[inline]
    #[must_use]
    pub fn identity(&self, peeled: &Peeled, bytes: &[u8]) -> Identity {
        let (key, kind) = self.identify(&peeled.layers, bytes);
        Identity { key, kind }
    }

    /// Looks where a frame that is soon to come will be looked for, so that the processor has it at hand then.
    pub fn foresee(&self, identity: Identity) {
        self.recent.foresee(identity.key);
    }

    /// Looks where it would be put, once it was looked for.
    pub fn foresee_more(&self, identity: Identity) {
        self.recent.foresee_more(identity.key);
    }

    /// Whether the frame is a copy of one that was there before.
    pub fn is_copy(&mut self, peeled: &Peeled, identity: Identity, arrival: &Arrival) -> bool {
        let layers = &peeled.layers;
        let Identity { key, kind } = identity;
        let face = Face::of(peeled, arrival, self.keyed);
        let Some(mut known) = self.recent.find(key, arrival.at, HORIZON) else {
            self.delay.first(kind);
            self.recent.insert(&Entry::new(key, arrival.at, face), HORIZON);
            return false;
        };
        if apart(known.last(), arrival.at) > HORIZON {
            known.renew(arrival.at, face);
            self.delay.first(kind);
            return false;
        }
        known.returned(arrival.at);
        let is_to_group = layers.destination_mac.is_some_and(Mac::is_group);
        if is_to_group && known.first().hop_limit == face.hop_limit {
            self.round.returned(&known, layers, arrival);
        }
        let is_copy = match known.seen(face.all, arrival.at) {
            None => kind == Kind::Identified || known.first().is_moved_to(&face),
            Some(seen) => {
                self.delay.repeated(kind, seen.ago);
                seen.times < known.sent() || seen.ago <= self.delay.of(kind)
            }
        };
        if !is_copy {
            known.send(face, arrival.at);
            self.delay.first(kind);
            return false;
        }
        known.show(face, arrival.at);
        let (copies, reason) = (known.copies(), known.first().differs_by(&face));
        self.count(reason, copies);
        let is_sure = match reason {
            Reason::HopLimit | Reason::Mac => false,
            Reason::Delay if kind == Kind::Acknowledgement => false,
            Reason::Tags | Reason::Interface | Reason::Delay => !is_to_group || kind == Kind::Identified,
        };
        if is_sure && copies < OFTEN {
            self.made(arrival);
        }
        true
    }

    /// Counts a copy that the mirror made. A few that came long before are no habit of its.
    fn made(&mut self, arrival: &Arrival) {
        let run = &mut self.run;
        if run.count == 0 || (run.count < RUN_MIN && arrival.at - run.last > RUN_BREAK) {
            *run = Run { count: 0, first: (arrival.at, arrival.cite), last: arrival.at };
        }
        run.count = run.count.saturating_add(1);
        run.last = run.last.max(arrival.at);
        self.counts.by_mirror = self.counts.by_mirror.saturating_add(1);
        if run.count >= RUN_MIN {
            self.counts.made = Some((run.first, run.last));
        }
    }

    fn count(&mut self, reason: Reason, copies: u32) {
        let counts = &mut self.counts;
        let sum = match reason {
            Reason::Tags => &mut counts.by_tags,
            Reason::HopLimit => &mut counts.by_hop_limit,
            Reason::Mac => &mut counts.by_mac,
            Reason::Interface => &mut counts.by_interface,
            Reason::Delay => &mut counts.by_delay,
        };
        *sum = sum.saturating_add(1);
        counts.copies = counts.copies.saturating_add(1);
        counts.most = counts.most.max(copies);
        self.round.copies = self.round.copies.saturating_add(1);
        self.round.most = self.round.most.max(copies);
    }

    /// The hash of what forwarding keeps.
    fn identify(&self, layers: &Layers, bytes: &[u8]) -> (u64, Kind) {
        let mut hash = self.keyed.build_hasher();
        let (from, end) = (layers.transport_at as usize, layers.end as usize);
        let payload = bytes.get(from..end).unwrap_or_default();
        let length = payload.len() as u64;
        let kind = match (layers.network, layers.ips) {
            (Network::Ip, Some(ips)) => {
                match ips {
                    (IpAddr::V4(from), IpAddr::V4(to)) => {
                        hash.write_u64(u64::from(from.to_bits()) << 32 | u64::from(to.to_bits()));
                    }
                    (IpAddr::V6(from), IpAddr::V6(to)) => {
                        hash.write_u128(from.to_bits());
                        hash.write_u128(to.to_bits());
                    }
                    _ => {}
                }
                let identification = layers.identification.unwrap_or(0);
                let part = layers.fragment.map_or(0, |part| part.offset.wrapping_add(1));
                let part = u128::from(identification) << 32 | u128::from(part);
                hash.write_u128(part << 64 | u128::from(length << 8 | u64::from(layers.protocol)));
                match (layers.protocol, identification) {
                    (_, 1..) => Kind::Identified,
                    (TCP, _) => Kind::of_tcp(payload),
                    _ => Kind::Plain,
                }
            }
            _ => {
                let [from, to] = [layers.source_mac, layers.destination_mac].map(mac_word);
                hash.write_u128(u128::from(from) << 64 | u128::from(to));
                let kind = match layers.network {
                    Network::EtherType(kind) => kind.into(),
                    Network::Llc { dsap, ssap } => 1 << 16 | u64::from(dsap) << 8 | u64::from(ssap),
                    Network::Snap { oui: [a, b, c], kind } => {
                        let [d, e] = kind.to_be_bytes();
                        u64::from_be_bytes([0, 0, 1, a, b, c, d, e])
                    }
                    _ => 1 << 17,
                };
                hash.write_u64(length << 48 | kind);
                Kind::Plain
            }
        };
        match payload.first_chunk::<HASHED>() {
            // As nearly all: of a length that is known here, so that it is hashed without a loop.
            Some(front) => {
                front.as_chunks().0.iter().for_each(|pair| hash.write_u128(u128::from_le_bytes(*pair)))
            }
            None => hash.write(payload),
        }
        (hash.finish(), kind)
    }
}

impl Round {
    /// Notes that a frame to a group came again.
    fn returned(&mut self, known: &Known<'_>, layers: &Layers, arrival: &Arrival) {
        let (all, again) = (&mut self.returning, u32::from(known.again()));
        all.again = all.again.saturating_add(1);
        all.frames = all.frames.saturating_add(u32::from(again == OFTEN));
        all.lasting = all.lasting.max(known.lasting(arrival.at));
        if again >= all.most {
            (all.most, all.last) = (again, arrival.at);
            self.cite = arrival.cite;
            self.sender = Party {
                mac: device_mac(layers.source_mac),
                ip: layers.ips.map(|(source, _)| source),
                vlan: layers.vlan(),
                ..Party::default()
            };
        }
    }
}

/// A MAC in 48 bits; another number for none.
fn mac_word(mac: Option<Mac>) -> u64 {
    mac.map_or(1 << 48, |mac| {
        let [a, b, c, d, e, f] = mac.0;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    })
}

/// The time between two frames, whichever came first.
fn apart(one: Time, other: Time) -> Span {
    Span((other - one).0.saturating_abs())
}

/// How well a packet is told from its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It has a number of its own.
    Identified,
    /// Only its content tells.
    Plain,
    /// Only its content tells, and hosts send the same again soon.
    Stream,
    /// A bare acknowledgement: hosts send the same again at once.
    Acknowledgement,
}

impl Kind {
    /// By the header of a TCP segment: flags in byte 13, header length in words in byte 12.
    fn of_tcp(segment: &[u8]) -> Self {
        let Some([.., length, flags]) = segment.first_chunk::<14>() else { return Self::Stream };
        let header = usize::from(length >> 4).saturating_mul(4);
        if flags & 0x07 == 0 && segment.len() <= header { Self::Acknowledgement } else { Self::Stream }
    }
}

/// What forwarding may change of a frame.
#[derive(Debug, Clone, Copy, Default)]
struct Face {
    /// All of it.
    all: u32,
    tags: u32,
    macs: u32,
    hop_limit: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Tags,
    HopLimit,
    Mac,
    Interface,
    Delay,
}

impl Face {
    fn of(peeled: &Peeled, arrival: &Arrival, keyed: Keyed) -> Self {
        let layers = &peeled.layers;
        let tags = u32::from(layers.tags.outer().unwrap_or(0)) << 16
            | u32::from(layers.tags.inner().or(layers.mirror_vlan).unwrap_or(0));
        let [source, destination] = [layers.source_mac, layers.destination_mac].map(mac_word);
        let macs = fold(source ^ WAY, destination ^ WAY.rotate_left(32));
        let direction = layers.direction.map_or(0, |direction| 1 + direction as u64);
        let way = u64::from(arrival.cite.input()) << 40
            ^ u64::from(arrival.interface) << 16
            ^ u64::from(layers.hop_limit) << 8
            ^ direction;
        let outer = peeled.outer.as_ref().map_or(0, |outer| keyed.of(&(outer.by, outer.ips, outer.vlan)));
        let all = fold(macs ^ way, WAY ^ u64::from(tags)) ^ outer;
        Self {
            all: (all ^ all >> 32) as u32,
            tags,
            macs: (macs ^ macs >> 32) as u32,
            hop_limit: layers.hop_limit,
        }
    }

    /// Whether a switch or a router could have made `other` of it.
    const fn is_moved_to(&self, other: &Self) -> bool {
        self.macs == other.macs || self.hop_limit != other.hop_limit
    }

    const fn differs_by(&self, other: &Self) -> Reason {
        if self.hop_limit != other.hop_limit {
            Reason::HopLimit
        } else if self.tags != other.tags {
            Reason::Tags
        } else if self.macs != other.macs {
            Reason::Mac
        } else if self.all != other.all {
            Reason::Interface
        } else {
            Reason::Delay
        }
    }
}

/// Bytes from the transport header on that identify a packet: headers and the start of what they carry.
const HASHED: usize = 64;

/// Copies come within this time even by long ways; nobody sends again before 200 ms.
const HORIZON: Span = Span::millis(100);

/// A frame that came again so often is one that returns: a mirror seldom shows one more often.
pub const OFTEN: u32 = 8;

/// So many copies in one shard are a habit ...
const RUN_MIN: u64 = 20;
/// ... unless they are that far apart.
const RUN_BREAK: Span = Span::seconds(10);

const TCP: u8 = 6;

/// A number without a pattern: the fraction of the square root of 5.
const WAY: u64 = 0x3c6e_f372_fe94_f82b;

#[cfg(test)]
mod tests;
