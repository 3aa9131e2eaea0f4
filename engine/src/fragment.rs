//! [`Fragments`]: IP packets that came in parts (RFC 791, 3.2; RFC 8200, 4.5).
//!
//! The same store serves the reader (tunnels of a mirror) and each shard (the
//! innermost packets). It holds a bounded number of packets and bytes, and each
//! for a bounded time; the oldest goes first. Of overlapping fragments the first
//! bytes win. A packet longer than IP can be is dropped.

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

use std::net::IpAddr;

use spanwatch_parsers::{Span, Time};

use crate::bounded::Expiring;
use crate::peel::Fragment;
use crate::pieces::Pieces;

/// Which packet a fragment belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketKey {
    /// Source and destination.
    pub ips: (IpAddr, IpAddr),
    /// Protocol of what was cut.
    pub protocol: u8,
    /// Identification.
    pub identification: u32,
}

/// Packets of which some parts are still missing.
#[derive(Debug)]
pub struct Fragments {
    packets: Expiring<PacketKey, Packet>,
    held: usize,
    held_max: usize,
    lost: u64,
    incomplete: u64,
}

#[derive(Debug, Default)]
struct Packet {
    pieces: Pieces,
    length: Option<u64>,
    ports: Option<(u16, u16)>,
}

impl Fragments {
    /// A store for `packets` packets of `held_max` bytes in all.
    #[must_use]
    pub fn new(packets: usize, held_max: usize, seed: u64) -> Self {
        Self { packets: Expiring::new(packets, TIMEOUT, seed), held: 0, held_max, lost: 0, incomplete: 0 }
    }

    /// Whether a part of this packet is here.
    #[must_use]
    pub fn knows(&self, key: &PacketKey) -> bool {
        self.packets.peek(key).is_some()
    }

    /// The ports of the packet's transport, once its first fragment came.
    #[must_use]
    pub fn ports(&self, key: &PacketKey) -> Option<(u16, u16)> {
        self.packets.peek(key)?.ports
    }

    /// Packets that were given up for want of room since it was made.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Packets of which a part never came, or that were impossible, since it was made.
    #[must_use]
    pub const fn incomplete(&self) -> u64 {
        self.incomplete
    }

    /// The most packets, the cap that [`Fragments::lost`] is measured by.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.packets.capacity()
    }

    /// Adds a fragment; what it completes is given back.
    pub fn add(&mut self, key: PacketKey, part: Fragment, bytes: &[u8], at: Time) -> Option<Vec<u8>> {
        self.expire(at);
        let slot = match self.packets.find(&key) {
            Some(slot) => slot,
            None => {
                let (slot, gone) = self.packets.insert(key, Packet::default(), at);
                if let Some((_, gone)) = gone {
                    self.lost = self.lost.saturating_add(1);
                    self.held = self.held.saturating_sub(gone.pieces.held());
                }
                slot
            }
        };
        let packet = self.packets.at(slot)?;
        let end = u64::from(part.offset).saturating_add(bytes.len() as u64);
        if end > PACKET_MAX {
            let (_, gone) = self.packets.take(slot)?;
            self.give_up(&gone);
            return None;
        }
        if part.offset == 0 {
            packet.ports = ports(bytes);
        }
        if !part.more {
            packet.length.get_or_insert(end);
        }
        let before = packet.pieces.held();
        packet.pieces.add(part.offset.into(), bytes);
        let after = packet.pieces.held();
        let is_whole = packet.is_whole();
        self.held = self.held.saturating_add(after).saturating_sub(before);
        if is_whole {
            let (_, packet) = self.packets.take(slot)?;
            self.held = self.held.saturating_sub(after);
            return Some(packet.join());
        }
        while self.held > self.held_max {
            let (_, gone) = self.packets.pop_oldest()?;
            self.lost = self.lost.saturating_add(1);
            self.held = self.held.saturating_sub(gone.pieces.held());
        }
        None
    }

    /// Gives up what waited too long.
    pub fn expire(&mut self, now: Time) {
        while let Some((_, packet)) = self.packets.expire(now) {
            self.give_up(&packet);
        }
    }

    fn give_up(&mut self, packet: &Packet) {
        self.held = self.held.saturating_sub(packet.pieces.held());
        self.incomplete = self.incomplete.saturating_add(1);
    }
}

impl Packet {
    fn is_whole(&self) -> bool {
        self.length.is_some_and(|length| self.pieces.reaches(length))
    }

    fn join(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some((_, piece)) = self.pieces.pop_first() {
            bytes.extend_from_slice(&piece);
        }
        bytes.truncate(usize::try_from(self.length.unwrap_or(PACKET_MAX)).unwrap_or(usize::MAX));
        bytes
    }
}

/// The first four bytes of TCP, UDP, SCTP.
fn ports(transport: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *transport.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// RFC 8200 gives 60 s, hosts take 15 to 30; what crosses one cable crosses it at once.
const TIMEOUT: Span = Span::seconds(15);

/// An IP packet's length has 16 bits.
const PACKET_MAX: u64 = 65_535;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const KEY: PacketKey = PacketKey {
        ips: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))),
        protocol: 17,
        identification: 7,
    };

    fn part(offset: u32, more: bool) -> Fragment {
        Fragment { offset, more }
    }

    fn store() -> Fragments {
        Fragments::new(4, 10_000, 1)
    }

    #[test]
    fn parts_in_any_order_make_the_packet() {
        let mut store = store();
        assert_eq!(store.add(KEY, part(16, false), b"tail", Time(0)), None);
        assert_eq!(store.add(KEY, part(8, true), b"middle--", Time(1)), None);
        assert_eq!(store.ports(&KEY), None);
        let whole = store.add(KEY, part(0, true), b"\0\x01\0\x02head", Time(2));
        assert_eq!(whole.as_deref(), Some(&b"\0\x01\0\x02headmiddle--tail"[..]));
        assert!(!store.knows(&KEY));
        assert_eq!((store.held, store.lost()), (0, 0));
    }

    #[test]
    fn ports_are_known_from_the_first_part() {
        let mut store = store();
        store.add(KEY, part(0, true), b"\0\x01\0\x02head", Time(0));
        assert_eq!(store.ports(&KEY), Some((1, 2)));
    }

    #[test]
    fn overlap_keeps_the_first_bytes() {
        let mut store = store();
        store.add(KEY, part(0, true), b"aaaaaaaa", Time(0));
        let whole = store.add(KEY, part(4, false), b"bbbbbbbb", Time(0));
        assert_eq!(whole.as_deref(), Some(&b"aaaaaaaabbbb"[..]));
    }

    #[test]
    fn packets_that_wait_too_long_are_lost() {
        let mut store = store();
        store.add(KEY, part(0, true), b"aaaaaaaa", Time(0));
        store.expire(Time(0) + TIMEOUT + Span(1));
        assert_eq!((store.knows(&KEY), store.held, store.incomplete()), (false, 0, 1));
    }

    #[test]
    fn impossible_length_is_dropped() {
        let mut store = store();
        assert_eq!(store.add(KEY, part(65_528, false), &[0; 100], Time(0)), None);
        assert_eq!((store.knows(&KEY), store.held, store.incomplete()), (false, 0, 1));
    }

    #[test]
    fn flood_of_first_parts_stays_in_bounds() {
        let mut store = store();
        for identification in 0..100_000 {
            store.add(PacketKey { identification, ..KEY }, part(0, true), &[0; 1_000], Time(0));
        }
        assert_eq!((store.packets.len(), store.lost()), (4, 99_996));
        for identification in 0..10 {
            store.add(PacketKey { identification, ..KEY }, part(0, true), &[0; 9_000], Time(0));
        }
        assert!(store.held <= 10_000, "{}", store.held);
    }
}
