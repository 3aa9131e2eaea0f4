//! IP packets in a shard: fragments, flows, and on to UDP, TCP and ICMP.

use std::net::IpAddr;

use spanwatch_parsers::{About, BindingBy, Fact, Mac, Malformed, Time, Way};

use super::{FrameIn, Parties, Shard, end, message, whole_of};
use crate::dispatch::{App, Channel};
use crate::flow::{Flow, Key};
use crate::fragment::PacketKey;
use crate::hearing::{Hearing, talk};
use crate::icmp;
use crate::peel::wire::Cursor;
use crate::peel::{Extensions, Layers};
use crate::said::AGAIN;
use crate::scribe::Scribe;
use crate::tcp::{Connection, Listening, Reading, Segment, Tcp};

/// The transport of a packet, whole or not.
#[derive(Debug, Clone, Copy)]
struct Transport<'a> {
    protocol: u8,
    bytes: &'a [u8],
    /// Its length on the wire.
    whole: usize,
    /// Whether it can be read: fragments are counted only, until they are whole.
    is_readable: bool,
    ports: (u16, u16),
}

impl Shard {
    /// Takes an IP packet.
    pub(super) fn packet(&mut self, frame: &FrameIn, layers: &Layers, bytes: &[u8], scribe: Scribe<'_>) {
        let bytes = bytes.get(layers.transport_at as usize..layers.end as usize).unwrap_or_default();
        let whole = whole_of(layers);
        let Some(part) = layers.fragment else {
            let ports = ports(layers.protocol, bytes);
            let transport = Transport { protocol: layers.protocol, bytes, whole, is_readable: true, ports };
            self.transport(frame, layers, &transport, scribe);
            return;
        };
        let (Some(ips), Some(identification)) = (layers.ips, layers.identification) else { return };
        let key = PacketKey { ips, protocol: layers.protocol, identification };
        let known = self.fragments.ports(&key);
        let joined = if layers.is_cut() { None } else { self.fragments.add(key, part, bytes, frame.at) };
        let Some(joined) = joined else {
            let ports = self.fragments.ports(&key).or(known).filter(|_| has_ports(layers.protocol));
            let ports = ports.unwrap_or_default();
            let transport = Transport { protocol: layers.protocol, bytes, whole, is_readable: false, ports };
            self.transport(frame, layers, &transport, scribe);
            return;
        };
        let mut cursor = Cursor::new(&joined, 0, joined.len());
        let mut behind = Extensions { protocol: layers.protocol, ..Extensions::default() };
        let is_readable = behind.skip(&mut cursor).is_ok() && behind.fragment.is_none();
        let bytes = cursor.rest();
        let ports = ports(behind.protocol, bytes);
        let transport =
            Transport { protocol: behind.protocol, bytes, whole: bytes.len(), is_readable, ports };
        self.transport(frame, layers, &transport, scribe);
    }

    fn transport(&mut self, frame: &FrameIn, layers: &Layers, transport: &Transport<'_>, scribe: Scribe<'_>) {
        let Some(ips) = layers.ips else { return };
        let parties = Parties::of(layers, transport.ports);
        let (key, from_low) = Key::ip(ips, transport.ports, transport.protocol, layers.source_mac);
        match transport.protocol {
            TCP if transport.is_readable => self.segment(frame, (key, from_low), parties, transport, scribe),
            _ => self.datagram(frame, (key, from_low), parties, transport, scribe),
        }
    }

    fn datagram(
        &mut self,
        frame: &FrameIn,
        (key, from_low): (Key, bool),
        parties: Parties,
        transport: &Transport<'_>,
        scribe: Scribe<'_>,
    ) {
        let counted = frame.counted();
        let mut hearing = self.voice.hear(scribe, counted);
        let (handle, gone) =
            self.flows.begin_or_find(key, from_low, &parties, frame, Some(transport.protocol));
        if let Some(gone) = gone {
            self.flows.bury(&gone);
            self.counts.ended(&gone);
            end(gone, &mut hearing);
        }
        let Some(flow) = self.flows.get(handle, frame.at) else { return };
        let way = flow.head.way(from_low);
        flow.head.count(way, &parties.sender, &parties.receiver, counted);
        bind(flow, way, &mut hearing);
        if transport.is_readable {
            match transport.protocol {
                UDP => udp(flow, way, transport, &mut hearing),
                ICMPV6 => {
                    icmp_error(flow, way, &parties, transport, &mut hearing);
                    let channel = Channel::Icmpv6;
                    message::Message { way, channel, payload: transport.bytes, whole: transport.whole }
                        .read(flow, &mut hearing);
                }
                ICMP => icmp_error(flow, way, &parties, transport, &mut hearing),
                _ => {}
            }
        }
        let head = &mut flow.head;
        if head.protocol.is_none() {
            head.protocol = name(transport.protocol);
        }
        if !std::mem::replace(&mut head.is_listed, true) {
            self.flows.list(handle);
        }
    }

    fn segment(
        &mut self,
        frame: &FrameIn,
        (key, from_low): (Key, bool),
        parties: Parties,
        transport: &Transport<'_>,
        scribe: Scribe<'_>,
    ) {
        let Some(mut segment) = Segment::parse(transport.bytes, transport.whole, Way::Orig, frame.at) else {
            self.datagram(frame, (key, from_low), parties, transport, scribe);
            return;
        };
        let counted = frame.counted();
        let mut hearing = self.voice.hear(scribe, counted);
        let mut found = self.flows.find(&key, from_low, &parties.sender);
        if let Some(handle) = found
            && let Some(flow) = self.flows.get(handle, frame.at)
        {
            segment.way = flow.head.way(from_low);
            let is_new = flow.tcp.as_ref().is_some_and(|tcp| tcp.connection.is_succeeded_by(&segment));
            if is_new && let Some(old) = self.flows.take(handle) {
                self.held = self.held.saturating_sub(old.tcp.as_ref().map_or(0, |tcp| tcp.held()));
                self.flows.bury(&old);
                self.counts.ended(&old);
                end(old, &mut hearing);
                found = None;
            }
        }
        let handle = match found {
            Some(found) => found,
            None => {
                let orig_is_low = if segment.answers_opening() { !from_low } else { from_low };
                let mut flow = Flow::new(frame.frame, orig_is_low, Some(TCP));
                let is_midstream = !segment.opens() && !segment.answers_opening();
                flow.tcp = Some(Box::new(Tcp {
                    connection: Connection::default(),
                    reading: Reading::new(is_midstream),
                    is_waiting: false,
                }));
                let (handle, gone) = self.flows.insert(key, flow, &parties.sender, frame.at);
                if let Some(gone) = gone {
                    self.held = self.held.saturating_sub(gone.tcp.as_ref().map_or(0, |tcp| tcp.held()));
                    self.flows.bury(&gone);
                    self.counts.ended(&gone);
                    end(gone, &mut hearing);
                }
                if segment.opens()
                    && let Some(key) = self.flows.key(handle)
                {
                    self.flows.review_embryonic(key, frame.frame, frame.at);
                }
                handle
            }
        };
        let Some(Flow { head, tcp: Some(tcp), .. }) = self.flows.get(handle, frame.at) else { return };
        let way = head.way(from_low);
        segment.way = way;
        head.count(way, &parties.sender, &parties.receiver, counted);
        let number = head.number;
        let must_list = !std::mem::replace(&mut head.is_listed, true);
        let before = tcp.held();
        let Tcp { connection, reading, .. } = &mut **tcp;
        let mut listening = Listening { reading, head, hearing: &mut hearing };
        let outcome = connection.take(&segment, &mut listening);
        let held = self.held.saturating_sub(before);
        if held.saturating_add(connection.held()) > HELD_MAX && connection.has_holes() {
            let faults = &mut listening.hearing.faults;
            faults.unheld = faults.unheld.saturating_add(connection.held() as u64);
            connection.give_all_up(&mut listening);
        }
        if outcome.closed {
            connection.give_all_up(&mut listening);
            listening.end();
        }
        let frames_talk = crate::scribe::Talk {
            sender: parties.sender,
            receiver: parties.receiver,
            ..talk(head, way, FLOW)
        };
        if let Some(target) = parties.receiver.ip {
            let port = parties.receiver.port;
            let facts = [
                outcome.opening.map(|attempt| Fact::Opening { target, port, attempt }),
                outcome.refused.then_some(Fact::Refused { port: parties.sender.port }),
                outcome.retried.map(|attempt| Fact::Retried { target, attempt }),
            ];
            for fact in facts.into_iter().flatten() {
                hearing.scribe.write(&frames_talk, About::Sender, fact);
            }
        }
        self.held = held.saturating_add(tcp.held());
        let must_wait = tcp.connection.has_holes() && !std::mem::replace(&mut tcp.is_waiting, true);
        if must_wait {
            self.flows.wait(handle, number);
        } else if let Some(Flow { tcp: Some(tcp), .. }) = self.flows.get(handle, Time::MIN) {
            tcp.is_waiting &= tcp.connection.has_holes();
        }
        if outcome.closed
            && let Some(key) = self.flows.key(handle)
        {
            self.flows.review_closed(key, number, frame.at);
        }
        if must_list {
            self.flows.list(handle);
        }
    }
}

/// Says, once a minute, that a sender's address is bound to his MAC: what is sent to a group of the link
/// (RFC 5771, 4; RFC 4291, 2.7), or from a link-local address, no router has forwarded.
fn bind(flow: &mut Flow, way: Way, hearing: &mut Hearing<'_, '_>) {
    let (sender, receiver) = (&flow.head.side(way).party, &flow.head.side(way.other()).party);
    let is_of_the_link = match (sender.ip, receiver.ip) {
        (Some(IpAddr::V4(from)), Some(IpAddr::V4(to))) => {
            matches!(to.octets(), [224, 0, 0, _]) && !from.is_unspecified() && !from.is_multicast()
        }
        (Some(IpAddr::V6(from)), Some(IpAddr::V6(to))) => {
            let is_group = matches!(to.segments(), [0xff02 | 0xff12, ..]);
            from.is_unicast_link_local() || (is_group && !from.is_unspecified() && !from.is_multicast())
        }
        _ => false,
    };
    if !is_of_the_link {
        return;
    }
    let (Some(mac), Some(ip)) = (sender.mac.filter(|mac| !is_shared(*mac)), sender.ip) else { return };
    let now = hearing.frame.at;
    let bound = &mut flow.head.side_mut(way).bound;
    if bound.is_none_or(|before| now - before >= AGAIN || now < before) {
        *bound = Some(now);
        hearing.say(&flow.head, way, Fact::Binding { mac, ip, by: BindingBy::LinkScope });
    }
}

/// MACs that stand for several routers: VRRP (RFC 9568, 7.3), HSRP, GLBP.
const fn is_shared(mac: Mac) -> bool {
    matches!(
        mac.0,
        [0, 0, 0x5e, 0, 1 | 2, _]
            | [0, 0, 0x0c, 7, 0xac, _]
            | [0, 0, 0x0c, 0x9f, 0xf0..=0xff, _]
            | [0, 5, 0x73, 0xa0, 0..=0x0f, _]
            | [0, 7, 0xb4, 0, ..]
    )
}

/// Takes a datagram.
fn udp(flow: &mut Flow, way: Way, transport: &Transport<'_>, hearing: &mut Hearing<'_, '_>) {
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
        let (sender, receiver) = (head.side(way).party, head.side(way.other()).party);
        head.is_expected = hearing.streams.is_expected(&sender, &receiver);
    }
    let (source, destination) = transport.ports;
    message::Message { way, channel: Channel::Udp(source, destination), payload, whole }.read(flow, hearing);
}

/// Says what an ICMP error says of the packet that it quotes.
fn icmp_error(
    flow: &Flow,
    way: Way,
    parties: &Parties,
    transport: &Transport<'_>,
    hearing: &mut Hearing<'_, '_>,
) {
    if let Some(fact) = icmp::unreachable(transport.protocol, transport.bytes) {
        let talk = crate::scribe::Talk {
            sender: parties.sender,
            receiver: parties.receiver,
            ..talk(&flow.head, way, "icmp")
        };
        hearing.scribe.write(&talk, About::Sender, fact);
    }
}

const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP | SCTP | UDP_LITE)
}

fn ports(protocol: u8, transport: &[u8]) -> (u16, u16) {
    let mut cursor = Cursor::new(transport, 0, transport.len());
    match (has_ports(protocol), cursor.u16(), cursor.u16()) {
        (true, Some(source), Some(destination)) => (source, destination),
        _ => (0, 0),
    }
}

/// What a flow speaks, where the protocol number alone tells.
const fn name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        ICMP => "icmp",
        2 => "igmp",
        47 => "gre",
        50 => "esp",
        ICMPV6 => "icmpv6",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        SCTP => "sctp",
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

/// The engine's part in observations about connections.
const FLOW: &str = "flow";

/// Bytes that all connections of a shard may hold.
pub(super) const HELD_MAX: usize = 32 << 20;
