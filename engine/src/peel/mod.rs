//! Peeling: from a frame's bytes to its innermost addresses, on the reader's side.
//!
//! A [`Peeler`] walks link header, tags, IP and the tunnels of mirrors (nested
//! to a named depth), and says for each frame where its headers are and which
//! shard analyses it. It copies nothing, except where the packet of a tunnel came
//! in fragments: then the result owns the joined bytes. What it meets on the way
//! is in its [`Counts`].
//!
//! One frame at a time, in the order of the input; a frame's result depends on
//! earlier ones only where fragments of tunnels are joined. It should never panic,
//! whatever the bytes; if it does, that costs the frame alone ([`Layers::is_lost`]).

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

mod counts;
mod ip;
mod layers;
mod link;
mod tunnel;
pub mod wire;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use spanwatch_parsers::{LinkType, Mac, Time};

pub use counts::{Counts, Encapsulation, Encapsulations};
pub use ip::Extensions;
pub use layers::{Around, Direction, Fragment, Layers, Network, Outer, Peeled, Tags};

use crate::fragment::{Fragments, PacketKey};
use crate::hash::fold;
use crate::planted;
use layers::TUNNELS_MAX;
use link::Walk;
use tunnel::{Found, Inside, Tunnel};

/// How many shards there are, whatever the number of threads.
pub const SHARDS: usize = 64;

/// Walks frames; one for each reader.
#[derive(Debug)]
pub struct Peeler {
    counts: Counts,
    fragments: Fragments,
    sequences: BTreeMap<(IpAddr, IpAddr, u32), u32>,
    /// Copies that are missing by them, of how many, since that was last asked.
    missing: (u64, u64),
}

impl Default for Peeler {
    fn default() -> Self {
        Self::new()
    }
}

impl Peeler {
    /// One that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counts: Counts::default(),
            fragments: Fragments::new(TUNNEL_PACKETS_MAX, TUNNEL_BYTES_MAX, 0),
            sequences: BTreeMap::new(),
            missing: (0, 0),
        }
    }

    /// What it met so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What mirrors' numbers say since this was last asked: copies that are missing, of how many.
    pub fn missing(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.missing)
    }

    /// Says that nothing was captured for a while: the numbers go on from wherever they are.
    pub fn unwatched(&mut self) {
        self.sequences.clear();
    }

    /// Walks one frame of `wire_length` bytes, of which `bytes` were captured at `at`.
    pub fn peel(&mut self, link: LinkType, at: Time, bytes: &[u8], wire_length: u32) -> Peeled {
        self.counts.frame(bytes.len(), wire_length);
        let turn = AssertUnwindSafe(|| self.walk((link, at), bytes, wire_length));
        catch_unwind(turn).unwrap_or_else(|_| Peeled {
            layers: Layers { is_lost: true, ..Layers::default() },
            ..Peeled::default()
        })
    }

    fn walk(&mut self, (link, at): (LinkType, Time), bytes: &[u8], wire_length: u32) -> Peeled {
        planted::here("peeler");
        let (mut outer, mut owned) = (None, None);
        let whole = bytes.len().max(wire_length as usize);
        let mut walk = Walk { end: bytes.len(), whole, ..Walk::default() };
        let by_capture = walk.end < walk.whole;
        match walk.link(link, bytes) {
            Some(Ok(())) => {}
            Some(Err(fault)) => self.counts.cannot(fault),
            None => self.counts.cannot_link(link),
        }
        self.open(&mut walk, bytes, &mut outer);
        if walk.layers.fragment.is_some() {
            owned = self.join(&mut walk, bytes, at, &mut outer);
        }
        walk.layers.shard = shard_of(&walk.layers);
        self.count(&walk);
        if by_capture || walk.layers.is_cut() {
            self.counts.cut(at, by_capture);
        }
        Peeled { layers: walk.layers, outer, owned }
    }

    /// Opens tunnels until there is none.
    fn open(&mut self, walk: &mut Walk, bytes: &[u8], outer: &mut Option<Box<Outer>>) {
        for _ in 0..TUNNELS_MAX {
            if walk.layers.network != Network::Ip || walk.layers.fragment.is_some() {
                return;
            }
            match tunnel::find(walk, bytes) {
                Found::Nothing => return,
                Found::Closed(encapsulation) => {
                    walk.seen.add(encapsulation);
                    return;
                }
                Found::Open(tunnel) => {
                    if !self.step_into(tunnel, walk, bytes, outer) {
                        return;
                    }
                }
            }
        }
    }

    /// Steps into a tunnel; whether a packet can be read in it.
    #[inline(never)]
    fn step_into(
        &mut self,
        tunnel: Tunnel,
        walk: &mut Walk,
        bytes: &[u8],
        outer: &mut Option<Box<Outer>>,
    ) -> bool {
        let Some(inner) = enter(walk, bytes, tunnel) else {
            walk.seen.add(tunnel.by);
            self.counts.cannot("inside of a tunnel");
            return false;
        };
        let layers = &walk.layers;
        if let Some(ips) = layers.ips {
            let outer = outer.get_or_insert_with(|| {
                Box::new(Outer {
                    by: tunnel.by,
                    source_mac: layers.source_mac,
                    destination_mac: layers.destination_mac,
                    ips,
                    vlan: layers.tags.inner(),
                    hop_limit: layers.hop_limit,
                    protocol: layers.protocol,
                    around: [None; TUNNELS_MAX],
                })
            });
            if let Some(free) = outer.around.iter_mut().find(|it| it.is_none()) {
                *free = Some(Around {
                    ips,
                    protocol: layers.protocol,
                    transport_at: layers.transport_at,
                    end: layers.end,
                    is_whole: !layers.is_cut(),
                });
            }
        }
        self.follow(walk, tunnel);
        *walk = inner;
        true
    }

    /// Keeps a fragment that belongs to a tunnel; the one that completes its packet brings all of it, which is given back.
    ///
    /// Over UDP only the first fragment shows the port: others that come before it pass as what they seem.
    fn join(
        &mut self,
        walk: &mut Walk,
        bytes: &[u8],
        at: Time,
        outer: &mut Option<Box<Outer>>,
    ) -> Option<Box<[u8]>> {
        let layers = walk.layers;
        let (part, ips, identification) = (layers.fragment?, layers.ips?, layers.identification?);
        let key = PacketKey { ips, protocol: layers.protocol, identification };
        let transport = walk.cursor(bytes).rest();
        let is_ours = match layers.protocol {
            tunnel::GRE => true,
            tunnel::UDP if part.offset == 0 => tunnel::port_of_tunnel(transport),
            tunnel::UDP => self.fragments.knows(&key),
            _ => false,
        };
        if !is_ours || layers.is_cut() {
            return None;
        }
        let whole = self.fragments.add(key, part, transport, at);
        self.counts.tunnel_packets_incomplete =
            self.fragments.lost().saturating_add(self.fragments.incomplete());
        let Some(whole) = whole else {
            walk.layers.is_absorbed = true;
            return None;
        };
        let mut joined = bytes.get(..walk.at).unwrap_or_default().to_vec();
        joined.extend_from_slice(&whole);
        walk.end = joined.len();
        walk.whole = joined.len();
        walk.layers.fragment = None;
        walk.layers.end = wire::offset(joined.len());
        walk.layers.whole_end = walk.layers.end;
        self.open(walk, &joined, outer);
        Some(joined.into_boxed_slice())
    }

    /// Follows a mirror's running number: what it leaves out never reached us.
    fn follow(&mut self, walk: &Walk, tunnel: Tunnel) {
        let (Some((session, number)), Some((source, destination))) = (tunnel.sequence, walk.layers.ips)
        else {
            return;
        };
        if tunnel.by == Encapsulation::Gre {
            return;
        }
        let key = (source, destination, session);
        if self.sequences.len() >= SESSIONS_MAX && !self.sequences.contains_key(&key) {
            return;
        }
        let last = self.sequences.entry(key).or_insert(number);
        let step = number.wrapping_sub(*last);
        let (lost, of) = &mut self.missing;
        if step <= SEQUENCE_JUMP_MAX {
            let skipped = u64::from(step).saturating_sub(1);
            *lost = lost.saturating_add(skipped);
            *of = of.saturating_add(u64::from(step));
            self.counts.lost_by_mirror = self.counts.lost_by_mirror.saturating_add(skipped);
            *last = number;
        } else if step.wrapping_neg() <= SEQUENCE_LATE_MAX {
            *lost = lost.saturating_sub(1);
            self.counts.lost_by_mirror = self.counts.lost_by_mirror.saturating_sub(1);
        } else {
            *last = number;
        }
    }

    fn count(&mut self, walk: &Walk) {
        let (layers, counts) = (&walk.layers, &mut self.counts);
        counts.encapsulations_of(walk.seen);
        for id in [layers.tags.outer(), layers.tags.inner()].into_iter().flatten() {
            counts.vlan(id);
        }
        let sum = match layers.destination_mac {
            Some(Mac::BROADCAST) => &mut counts.broadcast,
            Some(mac) if mac.is_group() => &mut counts.multicast,
            Some(_) => &mut counts.unicast,
            None => match layers.direction {
                Some(Direction::Out) => &mut counts.outgoing,
                _ => &mut counts.incoming,
            },
        };
        *sum = sum.saturating_add(1);
        if layers.network == Network::Ip {
            let length = layers.whole_end.saturating_sub(layers.network_at);
            counts.oversized = counts.oversized.saturating_add(u64::from(length > JUMBO_MAX));
            counts.fragments = counts.fragments.saturating_add(u64::from(layers.fragment.is_some()));
        }
    }
}

/// Steps into a tunnel; `None` where no packet can be read in it.
fn enter(outer: &Walk, bytes: &[u8], tunnel: Tunnel) -> Option<Walk> {
    let mut inner = Walk { at: tunnel.at, seen: outer.seen, ..*outer };
    inner.layers =
        Layers { mirror_vlan: tunnel.vlan, direction: outer.layers.direction, ..Layers::default() };
    inner.seen.add(tunnel.by);
    let read = match tunnel.inside {
        Inside::Ethernet => inner.ethernet(bytes),
        Inside::Ip => inner.ip(bytes),
    };
    if tunnel.is_cut {
        let whole = inner.layers.whole_end.max(inner.layers.end.saturating_add(1));
        inner.layers.whole_end = whole;
    }
    read.ok().map(|()| inner)
}

/// The shard of a frame; both directions of a pair have the same.
fn shard_of(layers: &Layers) -> u8 {
    let (a, b) = match layers.ips {
        Some((source, destination)) => (word_of_ip(source), word_of_ip(destination)),
        None => (layers.source_mac.map_or(0, word_of_mac), layers.destination_mac.map_or(0, word_of_mac)),
    };
    let mixed = fold(a.min(b) ^ MIX, a.max(b) ^ MIX.rotate_left(32));
    u8::try_from(fold(mixed, MIX) >> SHARD_SHIFT).unwrap_or(0)
}

fn word_of_ip(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            fold(bits as u64 ^ MIX, (bits >> 64) as u64 ^ MIX.rotate_left(16))
        }
    }
}

fn word_of_mac(mac: Mac) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

const SHARD_SHIFT: u32 = u64::BITS - SHARDS.ilog2();

/// The fraction of the golden ratio; fixed, for the shard of a pair is part of the order.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Packets of tunnels that wait for fragments, and their bytes in all.
const TUNNEL_PACKETS_MAX: usize = 256;
const TUNNEL_BYTES_MAX: usize = 4 << 20;

/// Mirror sessions whose numbers are followed.
const SESSIONS_MAX: usize = 256;

/// A step further than this is a restart; so far back, a late frame.
const SEQUENCE_JUMP_MAX: u32 = 100_000;
const SEQUENCE_LATE_MAX: u32 = 1_000;

/// Jumbo frames go up to here.
const JUMBO_MAX: u32 = 9_216;

#[cfg(test)]
mod tests;
