//! Flows: conversations between two addresses, both directions together.
//!
//! A flow is known by its [`Key`]; a [`Flow`] holds what each side sent since the
//! last tick and what reads it. Its number is the number of its first frame.
//!
//! **VLANs are not part of the key**: a mirror may tag one direction only, and a
//! router's copy of a packet carries another tag. Only where two hosts of one
//! address cannot be one, they are kept apart: same direction, *other MAC, other
//! tag (both tagged), same hop limit* (a router would have changed it). The later one's flow
//! then has its VLAN in the key ([`Key::in_segment`]). A sender without an address
//! (0.0.0.0, ::) is known by his MAC.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod key;

use spanwatch_parsers::{Activity, Envelope, Mac, Span, Time, Way};

pub use key::{Key, Kind};

use crate::ahead::fetch;
use crate::bounded::Entry;
use crate::dispatch::App;
use crate::observation::{Cite, Party};
use crate::tcp::Tcp;

/// One conversation.
#[derive(Debug)]
pub struct Flow {
    /// Who and when.
    pub head: Head,
    /// What reads it.
    pub app: App,
}

/// What is known of a flow besides its content.
#[derive(Debug)]
pub struct Head {
    /// Its two ends.
    pub key: Key,
    /// The number of its first frame.
    pub number: u64,
    /// Whether its originator is the lower of the key's two ends.
    pub orig_is_low: bool,
    /// Originator and responder.
    pub sides: [Side; 2],
    /// What it speaks, where that is known; by a thin pointer, as there are many flows.
    pub protocol: Option<&'static &'static str>,
    /// Its place in the list of flows to be summed at the next tick; [`NOT_LISTED`] where it has none.
    pub listed: u32,
    /// Whether a flow of the same addresses had to be kept apart from it.
    pub has_rivals: bool,
    /// Whether a SETUP announced media for it.
    pub is_expected: bool,
    /// How many announcements there were when that was last looked up.
    pub announcements: u32,
    /// Where the stream of its last media packet stood; another may stand there.
    pub stream: u32,
}

/// One end of a flow, by the best frame of this round; its address and port are in the flow's key.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    mac: Option<Mac>,
    /// The innermost VLAN tag.
    pub vlan: Option<u16>,
    hop_limit: u8,
    /// His last frame ever; [`NEVER`] if he never spoke.
    pub last: Time,
    /// His last frame's place in its input.
    pub cite: Cite,
    /// When his address was last said to be bound to his MAC, or [`NEVER`].
    pub bound: Time,
}

impl Default for Side {
    fn default() -> Self {
        Self { mac: None, vlan: None, hop_limit: 0, last: NEVER, cite: Cite::default(), bound: NEVER }
    }
}

/// Frames since the last tick.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    /// How many.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// The first one's time.
    pub first: Time,
    /// The first one's place in its input.
    pub first_cite: Cite,
    /// The last one's time.
    pub last: Time,
    /// The longest time between two, the one before the first included.
    pub longest_gap: Span,
    /// The first one's TCP time stamp.
    pub stamp: Option<u32>,
}

impl Flow {
    /// A flow that begins with a frame from `sender`.
    #[must_use]
    pub fn new(key: Key, number: u64, orig_is_low: bool) -> Self {
        let head = Head {
            key,
            number,
            orig_is_low,
            sides: [Side::default(); 2],
            protocol: None,
            listed: NOT_LISTED,
            has_rivals: false,
            is_expected: false,
            announcements: 0,
            stream: u32::MAX,
        };
        Self { head, app: App::default() }
    }

    /// Fetches what is looked at of it with each of its packets.
    pub fn foresee(&self) {
        fetch(&self.head.key);
        fetch(&self.head.listed);
        match &self.app {
            App::Segments(tcp) => tcp.foresee(),
            App::Session(running) => fetch(&**running),
            _ => {}
        }
    }

    /// What puts its segments in order, for TCP.
    #[must_use]
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.app {
            App::Segments(tcp) => Some(tcp),
            _ => None,
        }
    }
}

impl Entry for Flow {
    type Key = Key;
    type Value = Self;

    fn key(&self) -> &Key {
        &self.head.key
    }

    fn value(&self) -> &Self {
        self
    }

    fn value_mut(&mut self) -> &mut Self {
        self
    }
}

impl Head {
    /// Who sends from the lower end, or from the higher.
    #[must_use]
    pub const fn way(&self, from_low: bool) -> Way {
        if from_low == self.orig_is_low { Way::Orig } else { Way::Resp }
    }

    /// One side.
    #[must_use]
    pub const fn side(&self, way: Way) -> &Side {
        let [orig, resp] = &self.sides;
        match way {
            Way::Orig => orig,
            Way::Resp => resp,
        }
    }

    /// One side.
    pub const fn side_mut(&mut self, way: Way) -> &mut Side {
        let [orig, resp] = &mut self.sides;
        match way {
            Way::Orig => orig,
            Way::Resp => resp,
        }
    }

    /// Who one side is.
    #[must_use]
    pub fn party(&self, way: Way) -> Party {
        let Side { mac, vlan, hop_limit, .. } = *self.side(way);
        let (ip, port) = self.key.end((way == Way::Orig) == self.orig_is_low);
        Party { mac, ip, vlan, hop_limit, port }
    }

    /// When either side last spoke.
    #[must_use]
    pub fn last(&self) -> Time {
        let [orig, resp] = &self.sides;
        orig.last.max(resp.last)
    }

    /// Whether `sender` cannot be who spoke this way before: another host with the same address.
    #[must_use]
    pub fn contradicts(&self, way: Way, sender: &Party) -> bool {
        let known = self.side(way);
        known.last != NEVER
            && differ(known.mac, sender.mac)
            && differ(known.vlan, sender.vlan)
            && known.hop_limit == sender.hop_limit
    }

    /// Counts one frame in `sum`, which holds what was sent the same way since the last tick.
    pub fn count(
        &mut self,
        way: Way,
        (sender, receiver): (&Party, impl FnOnce() -> Party),
        frame: &Counted,
        sum: &mut Sum,
    ) {
        let other = self.side_mut(way.other());
        if other.last == NEVER {
            other.show(&receiver());
        }
        self.side_mut(way).count(sender, frame, sum);
    }

    /// What a parser is told of a message sent this way.
    #[must_use]
    pub fn envelope(&self, way: Way, is_cut: bool) -> Envelope {
        let (sender, receiver) = (self.party(way), self.party(way.other()));
        Envelope {
            source_port: sender.port,
            destination_port: receiver.port,
            hop_limit: sender.hop_limit,
            source_mac: sender.mac,
            destination_mac: receiver.mac,
            source: sender.ip,
            destination: receiver.ip,
            is_cut,
            is_stream: self.key.is_tcp(),
        }
    }
}

/// What a frame adds to a [`Sum`].
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// Its time.
    pub at: Time,
    /// Its place.
    pub cite: Cite,
    /// Its bytes on the wire.
    pub bytes: u32,
    /// Its TCP time stamp (TSval, RFC 7323, 3).
    pub stamp: Option<u32>,
}

impl Side {
    fn show(&mut self, party: &Party) {
        (self.mac, self.vlan, self.hop_limit) = (party.mac, party.vlan, party.hop_limit);
    }

    fn count(&mut self, sender: &Party, frame: &Counted, sum: &mut Sum) {
        // Of the copies on both sides of a router the one with the higher hop limit is the sender's own.
        if sum.packets == 0 || sender.mac == self.mac || sender.hop_limit >= self.hop_limit {
            self.show(sender);
        }
        sum.add(Some(self.last).filter(|last| *last != NEVER), frame);
        if self.last <= frame.at {
            (self.last, self.cite) = (frame.at, frame.cite);
        }
    }
}

impl Sum {
    /// Adds a frame; `before` is the time of the one before, ever.
    pub fn add(&mut self, before: Option<Time>, frame: &Counted) {
        if self.packets == 0 || frame.at < self.first {
            (self.first, self.first_cite, self.stamp) = (frame.at, frame.cite, frame.stamp);
        }
        if let Some(before) = before {
            self.longest_gap = self.longest_gap.max(frame.at - before);
        }
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(frame.bytes.into());
        self.last = if self.packets == 1 { frame.at } else { self.last.max(frame.at) };
    }

    /// The sum as a fact of `flow`.
    #[must_use]
    pub const fn activity(&self, flow: u64, protocol: Option<&'static str>) -> Activity {
        Activity {
            flow,
            protocol,
            first: self.first,
            first_frame: (self.first_cite.input(), self.first_cite.frame()),
            last: self.last,
            packets: self.packets,
            bytes: self.bytes,
            longest_gap: self.longest_gap,
            stamp: self.stamp,
        }
    }
}

/// A time before all.
pub const NEVER: Time = Time::MIN;

/// The place of a flow that stands in no list.
pub const NOT_LISTED: u32 = u32::MAX;

/// Whether both are known and not the same.
fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// The MAC, where one device can own it.
#[must_use]
pub fn device_mac(mac: Option<Mac>) -> Option<Mac> {
    mac.filter(|mac| mac.is_device())
}

/// Whether a MAC stands for several routers: VRRP (RFC 9568, 7.3), HSRP, GLBP.
#[must_use]
pub const fn is_shared(mac: Mac) -> bool {
    matches!(
        mac.0,
        [0, 0, 0x5e, 0, 1 | 2, _]
            | [0, 0, 0x0c, 7, 0xac, _]
            | [0, 0, 0x0c, 0x9f, 0xf0..=0xff, _]
            | [0, 5, 0x73, 0xa0, 0..=0x0f, _]
            | [0, 7, 0xb4, 0, ..]
    )
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    fn party(mac: u8, vlan: Option<u16>, hop_limit: u8) -> Party {
        Party { mac: Some(Mac([2, 0, 0, 0, 0, mac])), ip: Some(IP), vlan, hop_limit, port: 0 }
    }

    fn frame(ms: i64) -> Counted {
        Counted { at: Time(ms * 1_000_000), cite: Cite::default(), bytes: 100, stamp: None }
    }

    fn heard(first: &Party) -> Head {
        let (key, orig_is_low) = Key::ip((IP, IP), (0, 0), 17, None);
        let mut flow = Flow::new(key, 1, orig_is_low);
        flow.head.count(Way::Orig, (first, || party(9, None, 0)), &frame(0), &mut Sum::default());
        flow.head
    }

    #[test]
    fn other_host_with_the_same_address_is_told_by_mac_vlan_and_hop_limit() {
        let head = heard(&party(1, Some(10), 64));
        assert!(head.contradicts(Way::Orig, &party(2, Some(20), 64)));
        assert!(!head.contradicts(Way::Orig, &party(2, Some(20), 63)), "a router's copy");
        assert!(!head.contradicts(Way::Orig, &party(1, None, 64)), "a tag on one side only");
        assert!(!head.contradicts(Way::Orig, &party(2, Some(10), 64)), "another card in the same VLAN");
        assert!(!head.contradicts(Way::Resp, &party(2, Some(20), 64)), "never heard before");
    }

    #[test]
    fn higher_hop_limit_is_the_senders_own() {
        let mut head = heard(&party(1, Some(10), 64));
        let mut sum = Sum { packets: 1, ..Sum::default() };
        head.count(Way::Orig, (&party(2, Some(20), 63), Party::default), &frame(1), &mut sum);
        assert_eq!(head.party(Way::Orig), party(1, Some(10), 64));
        let mut head = heard(&party(2, Some(20), 63));
        head.count(Way::Orig, (&party(1, Some(10), 64), Party::default), &frame(1), &mut sum);
        assert_eq!(head.party(Way::Orig), party(1, Some(10), 64));
    }

    /// A site of 50,000 devices has 230,000.
    #[test]
    fn flows_are_small() {
        assert_eq!((size_of::<Side>(), size_of::<Flow>()), (40, 168));
    }

    #[test]
    fn longest_gap_reaches_back_over_the_tick() {
        let mut head = heard(&party(1, None, 64));
        let mut sum = Sum::default();
        for ms in [700, 600] {
            head.count(Way::Orig, (&party(1, None, 64), Party::default), &frame(ms), &mut sum);
        }
        assert_eq!((sum.packets, sum.bytes, sum.longest_gap), (2, 200, Span::millis(700)));
        assert_eq!((sum.first, sum.last), (Time(600_000_000), Time(700_000_000)));
    }
}
