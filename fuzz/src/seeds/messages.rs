//! Messages and flows for the parsers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_engine::peel::{Layers, Network, Peeler};
use spanwatch_parsers::{ALL, Envelope, On, Parser, Probe, Start, Time, Way};

use super::captured::{Captured, spread};
use crate::parsers::{Case, Chunk, STREAM_SHORT};

/// Inputs for every parser that the frames have something for.
#[must_use]
pub fn parsers(frames: &[Captured]) -> Vec<Vec<u8>> {
    let mut peeler = Peeler::new();
    let mut seeds: BTreeMap<u8, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut flows: BTreeMap<(u8, Ends), Flow> = BTreeMap::new();
    for frame in frames {
        let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let peeled = peeler.peel(frame.link, Time::default(), &frame.bytes, length);
        let Some(message) = Message::of(&peeled.layers, peeled.bytes(&frame.bytes)) else { continue };
        for (number, parser) in (0_u8..).zip(ALL) {
            let flow = (number, message.ends());
            if !flows.contains_key(&flow) && !message.is_for(parser) {
                continue;
            }
            match parser.start {
                Start::Datagram(_) => {
                    seeds.entry(number).or_default().insert(message.case(number, &message.payload).write());
                }
                Start::Session(_) => flows.entry(flow).or_insert_with(|| Flow::new(&message)).add(&message),
            }
        }
    }
    for ((number, _), flow) in flows {
        seeds.entry(number).or_default().insert(flow.first.case(number, &flow.chunks).write());
    }
    seeds.into_values().flat_map(|of_parser| spread(of_parser.into_iter().collect(), EACH_MAX)).collect()
}

type End = (Option<IpAddr>, u16);
type Ends = (End, End);

#[derive(Debug, Clone)]
struct Message {
    envelope: Envelope,
    channel: Channel,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    EtherType(u16),
    Llc(u8),
    Snap([u8; 3], u16),
    Ip(u8),
    Udp,
    Tcp,
}

impl Message {
    fn of(layers: &Layers, bytes: &[u8]) -> Option<Self> {
        let transport = bytes.get(layers.transport_at as usize..layers.end as usize)?;
        let (channel, header) = match (layers.network, layers.protocol) {
            (Network::EtherType(kind), _) => (Channel::EtherType(kind), 0),
            (Network::Llc { dsap, ssap }, _) if dsap == ssap => (Channel::Llc(dsap), 0),
            (Network::Snap { oui, kind }, _) => (Channel::Snap(oui, kind), 0),
            (Network::Ip, 17) => (Channel::Udp, 8),
            (Network::Ip, 6) => (Channel::Tcp, usize::from(transport.get(12)? >> 4) * 4),
            (Network::Ip, protocol) => (Channel::Ip(protocol), 0),
            _ => return None,
        };
        let port = |at: usize| match transport.get(at..at + 2) {
            Some(&[high, low]) if header > 0 => u16::from_be_bytes([high, low]),
            _ => 0,
        };
        let envelope = Envelope {
            source_port: port(0),
            destination_port: port(2),
            hop_limit: layers.hop_limit,
            source_mac: layers.source_mac,
            destination_mac: None,
            source: layers.ips.map(|(source, _)| source),
            destination: layers.ips.map(|(_, destination)| destination),
            is_cut: false,
            is_stream: channel == Channel::Tcp,
        };
        let payload = transport.get(header..)?.to_vec();
        (!payload.is_empty()).then_some(Self { envelope, channel, payload })
    }

    fn is_for(&self, parser: &Parser) -> bool {
        let ports = [self.envelope.source_port, self.envelope.destination_port];
        let is_here = parser.on.iter().any(|on| match (*on, self.channel) {
            (On::EtherType(wanted), Channel::EtherType(kind)) => wanted == kind,
            (On::Llc(wanted), Channel::Llc(access_point)) => wanted == access_point,
            (On::Snap(wanted, id), Channel::Snap(oui, kind)) => (wanted, id) == (oui, kind),
            (On::Ip(wanted), Channel::Ip(protocol)) => wanted == protocol,
            (On::AnyUdp, Channel::Udp) => true,
            (On::AnyTcp(begins), Channel::Tcp) => {
                self.payload.first().is_none_or(|first| begins.contains(first))
            }
            (On::Udp(port), Channel::Udp) | (On::Tcp(port), Channel::Tcp) => ports.contains(&port),
            _ => false,
        });
        is_here && (parser.probe)(&self.envelope, &self.payload) != Probe::No
    }

    fn ends(&self) -> Ends {
        let source = (self.envelope.source, self.envelope.source_port);
        let destination = (self.envelope.destination, self.envelope.destination_port);
        (source.min(destination), source.max(destination))
    }

    fn case<'a>(&self, parser: u8, rest: &'a [u8]) -> Case<'a> {
        let is_datagrams = self.channel == Channel::Udp;
        Case { parser, is_datagrams, stream_max: STREAM_SHORT, envelope: self.envelope, rest }
    }
}

struct Flow {
    first: Message,
    chunks: Vec<u8>,
}

impl Flow {
    fn new(first: &Message) -> Self {
        Self { first: first.clone(), chunks: Vec::new() }
    }

    fn add(&mut self, message: &Message) {
        if self.chunks.len() >= FLOW_MAX {
            return;
        }
        let is_orig = message.envelope.source == self.first.envelope.source
            && message.envelope.source_port == self.first.envelope.source_port;
        let most = if message.channel == Channel::Udp { DATAGRAM_MAX } else { usize::MAX };
        let bytes = &message.payload[..message.payload.len().min(most)];
        let way = if is_orig { Way::Orig } else { Way::Resp };
        Chunk { way, gap: None, doublings: 0, bytes }.write(&mut self.chunks);
    }
}

/// Inputs for each parser; a fuzzer likes few and small ones.
const EACH_MAX: usize = 48;
const FLOW_MAX: usize = 4_096;
/// Behind this a datagram of media is only picture.
const DATAGRAM_MAX: usize = 160;
