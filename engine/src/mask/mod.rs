//! [`Masker`]: overwrites what may be a secret in frames, before anybody writes them anywhere.
//!
//! ```text
//! frame, peeled ─► message.rs   whole in its packet: datagrams, ICMP, no IP ──────────────┐
//!                └► order.rs    TCP: copies, gaps, what came early ─► scan.rs, xml.rs ─────┴─► sums.rs ─► frame
//! ```
//!
//! It does not look for secrets but for what is known to be none: names, addresses, numbers and the words of
//! protocols stay, everything else becomes `*` (in options of DHCP zero), byte for byte, so that all lengths hold. What cannot be placed (the
//! middle of a connection, a segment before its turn, a fragment, an unknown protocol, padding) is overwritten whole.
//! So a parser that is missing costs a view, never a secret.
//!
//! Frames are to be given in the order of the capture, all of them: what one of them shows depends on those before
//! it alone, so that a frame can be written at once. Memory per connection and in all is bounded; who is forgotten is
//! seen again from his next message on.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod lines;
mod message;
mod order;
mod scan;
mod sums;
#[cfg(test)]
mod tests;
mod xml;

use std::net::IpAddr;

use spanwatch_parsers::{LinkType, Span, Time, Way};

use crate::bounded::Expiring;
use crate::peel::{Layers, Network, Peeled};
use crate::tcp::Segment;
use order::Order;
use sums::{ICMP, ICMPV6, Summed, TCP, UDP};

/// Overwrites what may be secret; one for each capture.
#[derive(Debug)]
pub struct Masker {
    connections: Expiring<Ends, Directions>,
    /// Bytes that all connections hold.
    held: usize,
    /// The frame as it was.
    before: Vec<u8>,
}

/// What was done to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Masked {
    /// Bytes that were overwritten.
    pub bytes: usize,
    /// Whether a checksum could not be computed and is zero: bytes are missing.
    pub is_sum_cleared: bool,
}

type End = (IpAddr, u16);

/// Both ends of a connection, the lower first.
type Ends = (End, End);

/// What the lower end says, and what the higher one says.
#[derive(Debug, Default)]
struct Directions([Order; 2]);

impl Masker {
    /// One that has seen nothing; `seed` keeps its table unpredictable and shows in nothing.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { connections: Expiring::new(CONNECTIONS_MAX, IDLE, seed), held: 0, before: Vec::new() }
    }

    /// Overwrites what may be secret in the next frame, which was `peeled` before.
    pub fn mask(&mut self, link: LinkType, at: Time, peeled: &Peeled, frame: &mut [u8]) -> Masked {
        let mut before = std::mem::take(&mut self.before);
        before.clear();
        before.extend_from_slice(frame);
        let layers = &peeled.layers;
        let mut is_sum_held = true;
        if peeled.owned.is_some() || layers.is_absorbed {
            // A part of a tunnel's packet: what is inside is read where it is whole, and shown nowhere.
            if let Some(owned) = &peeled.owned {
                self.contents(link, at, layers, &mut owned.to_vec());
            }
            let outermost = peeled.around().next();
            let from = outermost.map_or(layers.transport_at, |outermost| outermost.transport_at);
            cover(frame.get_mut(from as usize..).unwrap_or_default());
            is_sum_held = false;
        } else {
            self.contents(link, at, layers, frame);
            if *frame != *before {
                is_sum_held = mend(peeled, frame);
            }
        }
        let bytes = differing(frame, &before);
        self.before = before;
        Masked { bytes, is_sum_cleared: !is_sum_held }
    }

    /// Overwrites in the bytes that `layers` speaks of.
    fn contents(&mut self, link: LinkType, at: Time, layers: &Layers, bytes: &mut [u8]) {
        if layers.network == Network::Unknown {
            let seen = if link == LinkType::ETHERNET { ETHERNET_HEADER } else { 0 };
            return cover(bytes.get_mut(seen..).unwrap_or_default());
        }
        let (bytes, padding) = bytes.split_at_mut((layers.end as usize).min(bytes.len()));
        padding.iter_mut().filter(|byte| **byte != 0).for_each(|byte| *byte = b'*');
        let Some(payload) = bytes.get_mut(layers.transport_at as usize..) else { return };
        match layers.network {
            Network::Unknown => {}
            Network::Ip => self.packet(at, layers, payload),
            Network::EtherType(kind) => message::ethertype(kind, payload),
            Network::Llc { dsap, ssap } => message::llc((dsap, ssap), payload),
            Network::Snap { oui, kind } => message::snap(oui, kind, payload),
        }
    }

    fn packet(&mut self, at: Time, layers: &Layers, transport: &mut [u8]) {
        if let Some(part) = layers.fragment {
            // Its ports are seen, where they are in it.
            let seen = if part.offset == 0 && matches!(layers.protocol, TCP | UDP) { UDP_HEADER } else { 0 };
            return cover(transport.get_mut(seen..).unwrap_or_default());
        }
        match layers.protocol {
            TCP => self.segment(at, layers, transport),
            UDP => {
                let [a, b, c, d, high, low, ..] = *transport else { return cover(transport) };
                let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                let length = match usize::from(u16::from_be_bytes([high, low])) {
                    0 => transport.len(),
                    length => length.clamp(UDP_HEADER, transport.len().max(UDP_HEADER)),
                };
                let (datagram, left) = transport.split_at_mut(length.min(transport.len()));
                cover(left);
                message::datagram(ports, datagram.get_mut(UDP_HEADER..).unwrap_or_default());
            }
            ICMP => message::icmp(transport),
            ICMPV6 => message::icmpv6(transport),
            IGMP => {}
            _ => cover(transport),
        }
    }

    fn segment(&mut self, at: Time, layers: &Layers, transport: &mut [u8]) {
        let whole = layers.whole_end.saturating_sub(layers.transport_at) as usize;
        let parsed = Segment::parse(transport, whole, Way::Orig, at);
        let (Some((source, destination)), Some(segment)) = (layers.ips, parsed) else {
            return cover(transport.get_mut(PORTS..).unwrap_or_default());
        };
        let [a, b, c, d, ..] = *transport else { return };
        let (from, to) = ((source, u16::from_be_bytes([a, b])), (destination, u16::from_be_bytes([c, d])));
        let (is_from_low, ends) = if from <= to { (true, (from, to)) } else { (false, (to, from)) };
        let (opens, is_answer) = (segment.opens(), segment.answers_opening());
        let sequence = segment.sequence;
        let cut = u32::try_from(segment.cut).unwrap_or(u32::MAX);
        let header = transport.len().saturating_sub(segment.payload.len());
        let (_, payload) = transport.split_at_mut(header);
        if payload.is_empty() && cut == 0 && !opens && !is_answer {
            return;
        }
        if self.connections.peek(&ends).is_none() {
            let (_, gone) = self.connections.insert(ends, Directions::default(), at);
            self.held = self.held.saturating_sub(gone.map_or(0, |(_, gone)| gone.held()));
        }
        let Some(directions) = self.connections.get(&ends, at) else { return cover(payload) };
        let others = self.held.saturating_sub(directions.held());
        let [low, high] = &mut directions.0;
        let order = if is_from_low { low } else { high };
        if opens || is_answer {
            order.open(sequence);
        }
        let sequence = sequence.wrapping_add(u32::from(opens || is_answer));
        order.mask(sequence, payload, cut);
        self.held = others.saturating_add(directions.held());
        while self.held > HELD_MAX
            && let Some((_, gone)) = self.connections.pop_oldest()
        {
            self.held = self.held.saturating_sub(gone.held());
        }
    }
}

impl Directions {
    fn held(&self) -> usize {
        self.0.iter().map(Order::held).fold(0, usize::saturating_add)
    }
}

/// Mends all checksums over what was overwritten, the innermost first; whether all of them hold.
fn mend(peeled: &Peeled, frame: &mut [u8]) -> bool {
    let layers = &peeled.layers;
    if layers.network != Network::Ip {
        return true;
    }
    let inner = layers.ips.map(|ips| {
        let is_whole = !layers.is_cut() && layers.fragment.is_none();
        (layers.transport_at, layers.end, Summed { protocol: layers.protocol, ips, is_whole })
    });
    let outer = peeled.around().rev().map(|it| {
        (it.transport_at, it.end, Summed { protocol: it.protocol, ips: it.ips, is_whole: it.is_whole })
    });
    let is_first_part = layers.fragment.is_none_or(|part| part.offset == 0);
    let inner = inner.filter(|_| is_first_part);
    inner.into_iter().chain(outer).fold(true, |is_held, (from, to, summed)| {
        let transport = frame.get_mut(from as usize..to as usize);
        transport.is_none_or(|transport| sums::mend(summed, transport)) && is_held
    })
}

/// How many bytes of two slices of one length differ.
fn differing(one: &[u8], other: &[u8]) -> usize {
    // Counts that fit into a byte are added many at a time.
    let few = usize::from(u8::MAX);
    let counts = one.chunks(few).zip(other.chunks(few)).map(|(one, other)| {
        let pairs = one.iter().zip(other);
        usize::from(pairs.fold(0_u8, |count, (a, b)| count.wrapping_add(u8::from(a != b))))
    });
    counts.sum()
}

/// Overwrites all of `bytes`.
fn cover(bytes: &mut [u8]) {
    bytes.fill(b'*');
}

/// Connections whose ways are followed. Each holds 170 KiB at most, all together [`HELD_MAX`].
const CONNECTIONS_MAX: usize = 16_384;
const HELD_MAX: usize = 64 << 20;

/// Who says nothing for so long is seen again from his next message on.
const IDLE: Span = Span::seconds(3_600);

const IGMP: u8 = 2;
const ETHERNET_HEADER: usize = 14;
const UDP_HEADER: usize = 8;
/// Of a TCP header that cannot be read.
const PORTS: usize = 4;
