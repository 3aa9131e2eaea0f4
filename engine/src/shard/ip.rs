//! IP packets in a shard: fragments, flows, and on to UDP and ICMP; TCP is next door.

use std::net::IpAddr;

use spanwatch_parsers::{About, BindingBy, Fact, Malformed, Way};

use super::flows::Sought;
use super::{FrameIn, Parties, Shard, message, whole_of};
use crate::dispatch::{App, Channel};
use crate::flow::{Flow, NEVER, is_shared};
use crate::fragment::PacketKey;
use crate::hearing::{Hearing, talk};
use crate::icmp;
use crate::observation::Observation;
use crate::peel::wire::Cursor;
use crate::peel::{Extensions, Layers};
use crate::said::AGAIN;

/// The transport of a packet, whole or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transport<'a> {
    protocol: u8,
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub whole: usize,
    /// Whether it can be read: fragments are counted only, until they are whole.
    is_readable: bool,
}

impl Shard {
    /// Takes an IP packet, and its flow where it is whole.
    pub(super) fn packet(
        &mut self,
        frame: &FrameIn,
        (layers, flow): (&Layers, Option<&Sought>),
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) {
        let bytes = bytes.get(layers.transport_at as usize..layers.end as usize).unwrap_or_default();
        let whole = whole_of(layers);
        let Some(part) = layers.fragment else {
            let unsought = match (flow, layers.ips) {
                (None, Some(ips)) => {
                    let ports = ports(layers.protocol, bytes);
                    Some(Sought::of(ips, ports, layers.protocol, layers.source_mac))
                }
                _ => None,
            };
            if let Some(sought) = flow.or(unsought.as_ref()) {
                let transport = Transport { protocol: layers.protocol, bytes, whole, is_readable: true };
                self.transport(frame, (layers, sought), &transport, out);
            }
            return;
        };
        let (Some(ips), Some(identification)) = (layers.ips, layers.identification) else { return };
        let key = PacketKey { ips, protocol: layers.protocol, identification };
        let known = self.fragments.ports(&key);
        let joined = if layers.is_cut() { None } else { self.fragments.add(key, part, bytes, frame.at) };
        let Some(joined) = joined else {
            let ports = self.fragments.ports(&key).or(known).filter(|_| has_ports(layers.protocol));
            let ports = ports.unwrap_or_default();
            let transport = Transport { protocol: layers.protocol, bytes, whole, is_readable: false };
            let sought = Sought::of(ips, ports, layers.protocol, layers.source_mac);
            self.transport(frame, (layers, &sought), &transport, out);
            return;
        };
        let mut cursor = Cursor::new(&joined, 0, joined.len());
        let mut behind = Extensions { protocol: layers.protocol, ..Extensions::default() };
        let is_extended = ips.0.is_ipv6();
        let is_readable = !is_extended || behind.skip(&mut cursor).is_ok() && behind.fragment.is_none();
        let bytes = cursor.rest();
        let ports = ports(behind.protocol, bytes);
        let transport = Transport { protocol: behind.protocol, bytes, whole: bytes.len(), is_readable };
        let sought = Sought::of(ips, ports, behind.protocol, layers.source_mac);
        self.transport(frame, (layers, &sought), &transport, out);
    }

    fn transport(
        &mut self,
        frame: &FrameIn,
        (layers, sought): (&Layers, &Sought),
        transport: &Transport<'_>,
        out: &mut Vec<Observation>,
    ) {
        let parties = Parties::of(layers, sought.ports);
        match transport.protocol {
            TCP if transport.is_readable => self.segment(frame, sought, &parties, transport, out),
            _ => self.datagram(frame, sought, &parties, transport, out),
        }
    }

    pub(super) fn datagram(
        &mut self,
        frame: &FrameIn,
        sought: &Sought,
        parties: &Parties<'_>,
        transport: &Transport<'_>,
        out: &mut Vec<Observation>,
    ) {
        let counted = frame.counted();
        let from_low = sought.from_low;
        let mut hearing = self.voice.hear(frame.scribe(self.index, out), counted);
        let (handle, gone) = self.flows.begin_or_find(sought, parties, frame);
        if let Some(gone) = gone {
            self.flows.part_with(gone, &mut hearing);
        }
        let Some(flow) = self.flows.count(handle, from_low, parties, &counted) else { return };
        let way = flow.head.way(from_low);
        bind(flow, way, parties.layers, &mut hearing);
        if transport.is_readable {
            match transport.protocol {
                UDP => udp(flow, way, (transport, sought.ports), &mut hearing),
                TCP => {}
                protocol => {
                    icmp_error(flow, way, parties, transport, &mut hearing);
                    let channel = Channel::Ip(protocol);
                    message::Message { way, channel, payload: transport.bytes, whole: transport.whole }
                        .read(flow, &mut hearing);
                }
            }
        }
        let head = &mut flow.head;
        if head.protocol.is_none() {
            head.protocol = name(transport.protocol);
        }
    }
}

/// Says, once a minute, that a sender's address is bound to his MAC: what is sent to a group of the link
/// (RFC 5771, 4; RFC 4291, 2.7), or from a link-local address, no router has forwarded.
fn bind(flow: &mut Flow, way: Way, layers: &Layers, hearing: &mut Hearing<'_, '_>) {
    let is_of_the_link = match layers.ips {
        Some((IpAddr::V4(from), IpAddr::V4(to))) => {
            matches!(to.octets(), [224, 0, 0, _]) && !from.is_unspecified() && !from.is_multicast()
        }
        Some((IpAddr::V6(from), IpAddr::V6(to))) => {
            let is_group = matches!(to.segments(), [0xff02 | 0xff12, ..]);
            from.is_unicast_link_local() || (is_group && !from.is_unspecified() && !from.is_multicast())
        }
        _ => false,
    };
    if !is_of_the_link {
        return;
    }
    let sender = flow.head.party(way);
    let (Some(mac), Some(ip)) = (sender.mac.filter(|mac| !is_shared(*mac)), sender.ip) else { return };
    let now = hearing.frame.at;
    let bound = &mut flow.head.side_mut(way).bound;
    if *bound == NEVER || now - *bound >= AGAIN || now < *bound {
        *bound = now;
        hearing.say(&flow.head, way, Fact::Binding { mac, ip, by: BindingBy::LinkScope });
    }
}

/// Takes a datagram.
fn udp(
    flow: &mut Flow,
    way: Way,
    (transport, (source, destination)): (&Transport<'_>, (u16, u16)),
    hearing: &mut Hearing<'_, '_>,
) {
    let mut cursor = Cursor::new(transport.bytes, 4, transport.bytes.len());
    let (Some(length), Some(_checksum)) = (cursor.u16(), cursor.u16()) else {
        if transport.bytes.len() >= transport.whole {
            let fault = Malformed::Truncated { field: "header" };
            hearing.said.malformed(&mut hearing.scribe, &talk(&flow.head, way, "udp"), fault);
        }
        return;
    };
    let rest = cursor.rest();
    let on_wire = transport.whole.saturating_sub(UDP_HEADER);
    let whole = match usize::from(length).checked_sub(UDP_HEADER) {
        Some(stated) => stated.min(on_wire),
        // Zero stands for what a network card will cut into datagrams.
        None => on_wire,
    };
    let payload = rest.get(..whole).unwrap_or(rest);
    let head = &mut flow.head;
    let announcements = hearing.streams.announcements();
    if !head.is_expected && head.announcements != announcements && !matches!(flow.app, App::Messages(_)) {
        head.announcements = announcements;
        let (sender, receiver) = (head.party(way), head.party(way.other()));
        head.is_expected = hearing.streams.is_expected(&sender, &receiver);
    }
    message::Message { way, channel: Channel::Udp(source, destination), payload, whole }.read(flow, hearing);
}

/// Says what an ICMP error says of the packet that it quotes.
fn icmp_error(
    flow: &Flow,
    way: Way,
    parties: &Parties<'_>,
    transport: &Transport<'_>,
    hearing: &mut Hearing<'_, '_>,
) {
    if let Some(fact) = icmp::unreachable(transport.protocol, transport.bytes) {
        let talk = crate::scribe::Talk {
            sender: parties.sender,
            receiver: parties.receiver(),
            ..talk(&flow.head, way, "icmp")
        };
        hearing.scribe.write(&talk, About::Sender, fact);
    }
}

const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP | SCTP | UDP_LITE)
}

/// The ports in front of a transport, where it has any.
pub(super) fn ports(protocol: u8, transport: &[u8]) -> (u16, u16) {
    let mut cursor = Cursor::new(transport, 0, transport.len());
    match (has_ports(protocol), cursor.u16(), cursor.u16()) {
        (true, Some(source), Some(destination)) => (source, destination),
        _ => (0, 0),
    }
}

/// What a flow speaks, where the protocol number alone tells.
const fn name(protocol: u8) -> Option<&'static &'static str> {
    Some(match protocol {
        ICMP => &"icmp",
        2 => &"igmp",
        47 => &"gre",
        50 => &"esp",
        ICMPV6 => &"icmpv6",
        89 => &"ospf",
        103 => &"pim",
        112 => &"vrrp",
        SCTP => &"sctp",
        _ => return None,
    })
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

const UDP_HEADER: usize = 8;
