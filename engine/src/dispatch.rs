//! Which parser reads what: [`Dispatch`], made of the registry.
//!
//! Ports and types order the probes, parsers of any port come after them, the
//! registry's order breaks ties; the probe decides.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use std::fmt;
use std::hash::Hash;

use hashbrown::HashMap;
use spanwatch_parsers::{On, Parser, Session};

use crate::hash::Keyed;
use crate::tcp::Tcp;

/// Parsers by where they look.
type Lists<K> = HashMap<K, Vec<u16>, Keyed>;

/// The registry, sorted by where its parsers look.
#[derive(Debug)]
pub struct Dispatch {
    parsers: &'static [&'static Parser],
    ethertypes: Lists<u16>,
    llc: Lists<u8>,
    snap: Lists<([u8; 3], u16)>,
    ip: Lists<u8>,
    udp: Lists<u16>,
    tcp: Lists<u16>,
    any_udp: Vec<u16>,
    /// By the first byte.
    any_tcp: [Vec<u16>; 256],
    rtp: Option<u16>,
}

/// Where a message was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Payload of a frame with this EtherType.
    EtherType(u16),
    /// Payload of an LLC frame.
    Llc(u8, u8),
    /// Payload of a SNAP frame of this organization's own protocol.
    Snap([u8; 3], u16),
    /// Payload of an IP packet with this protocol number.
    Ip(u8),
    /// A datagram between these ports.
    Udp(u16, u16),
    /// A stream between these ports.
    Tcp(u16, u16),
}

/// What reads a flow's messages.
#[derive(Default)]
pub enum App {
    /// Nobody yet; so many messages were tried in vain.
    #[default]
    Nobody,
    /// Nobody found anything in so many messages: asked again ever more seldom.
    Unknown(u32),
    /// A parser without memory said yes to the last message.
    Messages(u16),
    /// A parser with memory reads all.
    Session(Box<Running>),
    /// They are no messages but segments of TCP, to be put in order first.
    Segments(Box<Tcp>),
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("Nobody"),
            Self::Unknown(tried) => write!(f, "Unknown({tried})"),
            Self::Messages(parser) => write!(f, "Messages({parser})"),
            Self::Session(running) => write!(f, "Session({})", running.parser),
            Self::Segments(tcp) => write!(f, "Segments({tcp:?})"),
        }
    }
}

/// A session at work.
pub struct Running {
    /// Its parser's place in the registry.
    pub parser: u16,
    /// Its memory.
    pub session: Box<dyn Session>,
    /// Whether its parser was unsure: others are still asked.
    pub is_on_trial: bool,
}

impl Dispatch {
    /// Sorts a registry.
    #[must_use]
    pub fn new(parsers: &'static [&'static Parser]) -> Self {
        let mut dispatch = Self {
            parsers,
            ethertypes: Lists::default(),
            llc: Lists::default(),
            snap: Lists::default(),
            ip: Lists::default(),
            udp: Lists::default(),
            tcp: Lists::default(),
            any_udp: Vec::new(),
            any_tcp: std::array::from_fn(|_| Vec::new()),
            rtp: None,
        };
        for (number, parser) in (0_u16..).zip(parsers) {
            if parser.name == RTP {
                dispatch.rtp = Some(number);
            }
            for on in parser.on {
                let list = match *on {
                    On::EtherType(kind) => dispatch.ethertypes.entry(kind).or_default(),
                    On::Llc(access_point) => dispatch.llc.entry(access_point).or_default(),
                    On::Snap(oui, kind) => dispatch.snap.entry((oui, kind)).or_default(),
                    On::Ip(protocol) => dispatch.ip.entry(protocol).or_default(),
                    On::Udp(port) => dispatch.udp.entry(port).or_default(),
                    On::Tcp(port) => dispatch.tcp.entry(port).or_default(),
                    On::AnyUdp => &mut dispatch.any_udp,
                    On::AnyTcp(begins) => {
                        for (first, list) in (0..=u8::MAX).zip(&mut dispatch.any_tcp) {
                            list.extend(begins.contains(&first).then_some(number));
                        }
                        continue;
                    }
                };
                list.push(number);
            }
        }
        dispatch
    }

    /// A parser by its place in the registry.
    #[must_use]
    pub fn parser(&self, number: u16) -> Option<&'static Parser> {
        self.parsers.get(usize::from(number)).copied()
    }

    /// The parser of announced media.
    #[must_use]
    pub const fn rtp(&self) -> Option<u16> {
        self.rtp
    }

    /// Who is to be asked about a message that begins with `first`, in order.
    #[must_use]
    pub fn candidates(&self, channel: Channel, first: Option<u8>) -> Candidates<'_> {
        let any_tcp =
            || first.and_then(|first| self.any_tcp.get(usize::from(first))).map_or(&[][..], |list| list);
        let none: &[u16] = &[];
        let (first, second, any) = match channel {
            Channel::EtherType(kind) => (list(&self.ethertypes, kind), none, none),
            Channel::Llc(dsap, ssap) if dsap == ssap => (list(&self.llc, dsap), none, none),
            Channel::Llc(..) => (none, none, none),
            Channel::Snap(oui, kind) => (list(&self.snap, (oui, kind)), none, none),
            Channel::Ip(protocol) => (list(&self.ip, protocol), none, none),
            Channel::Udp(a, b) => (list(&self.udp, a), list(&self.udp, b), &*self.any_udp),
            Channel::Tcp(a, b) => (list(&self.tcp, a), list(&self.tcp, b), any_tcp()),
        };
        Candidates { first, second, any }
    }
}

fn list<K: Hash + Eq>(lists: &Lists<K>, key: K) -> &[u16] {
    lists.get(&key).map_or(&[], Vec::as_slice)
}

/// Parsers to be asked, each once.
#[derive(Debug, Clone)]
pub struct Candidates<'a> {
    first: &'a [u16],
    second: &'a [u16],
    any: &'a [u16],
}

impl Candidates<'_> {
    /// Whether there is nobody to ask.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first.is_empty() && self.second.is_empty() && self.any.is_empty()
    }
}

impl Iterator for Candidates<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let next = match (self.first.first(), self.second.first()) {
            (Some(a), Some(b)) => *a.min(b),
            (Some(one), None) | (None, Some(one)) => *one,
            (None, None) => {
                let (next, rest) = self.any.split_first()?;
                self.any = rest;
                return Some(*next);
            }
        };
        for list in [&mut self.first, &mut self.second] {
            if let Some((first, rest)) = list.split_first()
                && *first == next
            {
                *list = rest;
            }
        }
        Some(next)
    }
}

/// The name of the parser that reads media, announced or not.
const RTP: &str = "rtp";

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Probe, Start};

    use super::*;

    const fn parser(name: &'static str, on: &'static [On]) -> Parser {
        Parser {
            name,
            about: "",
            source: "",
            on,
            probe: |_, _| Probe::No,
            start: Start::Datagram(|_, _, _| Ok(())),
        }
    }

    static ANY: Parser = parser("any", &[On::AnyUdp]);
    static DNS: Parser = parser("dns", &[On::Udp(53), On::Udp(5353)]);
    static LLDP: Parser = parser("lldp", &[On::EtherType(0x88cc)]);
    static SIP: Parser = parser("sip", &[On::Udp(5060), On::Udp(5353), On::AnyUdp]);
    static STP: Parser = parser("stp", &[On::Llc(0x42), On::Snap([0, 0, 0x0c], 0x010b)]);
    static IGMP: Parser = parser("igmp", &[On::Ip(2)]);
    static HTTP: Parser = parser("http", &[On::Tcp(80), On::AnyTcp(b"GP")]);
    static RTSP: Parser = parser("rtsp", &[On::AnyTcp(b"P")]);
    static ALL: &[&Parser] = &[&ANY, &DNS, &LLDP, &SIP, &STP, &IGMP, &HTTP, &RTSP];

    fn asked(channel: Channel) -> Vec<&'static str> {
        asked_of(channel, None)
    }

    fn asked_of(channel: Channel, first: Option<u8>) -> Vec<&'static str> {
        let dispatch = Dispatch::new(ALL);
        dispatch
            .candidates(channel, first)
            .filter_map(|number| dispatch.parser(number))
            .map(|p| p.name)
            .collect()
    }

    #[test]
    fn ports_come_first_and_the_registry_breaks_ties() {
        assert_eq!(asked(Channel::Udp(5060, 53)), ["dns", "sip", "any", "sip"]);
        assert_eq!(asked(Channel::Udp(5353, 5353)), ["dns", "sip", "any", "sip"]);
        assert_eq!(asked(Channel::Udp(1, 2)), ["any", "sip"]);
    }

    #[test]
    fn streams_of_any_port_go_by_their_first_byte() {
        let of = |port, first| asked_of(Channel::Tcp(port, 40_000), first);
        assert_eq!(of(3_001, Some(b'P')), ["http", "rtsp"]);
        assert_eq!(of(3_001, Some(b'G')), ["http"]);
        assert!(of(3_001, Some(0x16)).is_empty());
        assert_eq!(of(80, Some(0x16)), ["http"], "on its own port it is asked of all");
        assert!(of(3_001, None).is_empty());
    }

    #[test]
    fn frames_without_ip_go_by_their_type() {
        assert_eq!(asked(Channel::EtherType(0x88cc)), ["lldp"]);
        assert_eq!(asked(Channel::Llc(0x42, 0x42)), ["stp"]);
        assert!(asked(Channel::Llc(0x42, 0x43)).is_empty());
    }

    #[test]
    fn snap_frames_go_by_organization_and_protocol() {
        assert_eq!(asked(Channel::Snap([0, 0, 0x0c], 0x010b)), ["stp"]);
        assert!(asked(Channel::Snap([0, 0, 0x0c], 0x2000)).is_empty());
        assert!(asked(Channel::Snap([0, 0, 0], 0x010b)).is_empty());
    }

    #[test]
    fn packets_without_ports_go_by_their_protocol_number() {
        assert_eq!(asked(Channel::Ip(2)), ["igmp"]);
        assert!(asked(Channel::Ip(58)).is_empty());
    }
}
