//! A capture in the making, with what tshark must read in it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use spanwatch_simulator::frame::{Body, Data, Frame, Packet, Transport};
use spanwatch_simulator::wire::tcp::{self, Segment};
use spanwatch_simulator::wire::{Mac, ip};

/// The bytes of a pcap, and for every frame the fields that it must show.
#[derive(Debug)]
pub struct Capture {
    pub pcap: Vec<u8>,
    pub frames: Vec<Expected>,
    sequences: BTreeMap<(u16, u16), u32>,
}

/// What tshark must say of one frame.
#[derive(Debug, Default)]
pub struct Expected {
    /// What the frame is, for the eye.
    pub label: String,
    /// Fields and their values.
    pub fields: Vec<(&'static str, String)>,
}

impl Capture {
    pub fn new() -> Self {
        let mut pcap = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            pcap.extend_from_slice(&word.to_le_bytes());
        }
        Self { pcap, frames: Vec::new(), sequences: BTreeMap::new() }
    }

    /// A frame behind an Ethernet type.
    pub fn typed(
        &mut self,
        label: &str,
        destination: Mac,
        ethertype: u16,
        payload: Vec<u8>,
    ) -> &mut Expected {
        self.push(label, destination, Body::Typed(ethertype, payload.into()))
    }

    /// A frame behind a length.
    pub fn llc(&mut self, label: &str, destination: Mac, payload: Vec<u8>) -> &mut Expected {
        self.push(label, destination, Body::Llc(payload.into()))
    }

    /// A datagram from camera to recorder.
    pub fn udp(&mut self, label: &str, ports: (u16, u16), payload: Vec<u8>) -> &mut Expected {
        self.datagram(label, (CAMERA, RECORDER), ports, payload)
    }

    /// A datagram between chosen addresses.
    pub fn datagram(
        &mut self,
        label: &str,
        ends: (IpAddr, IpAddr),
        ports: (u16, u16),
        payload: Vec<u8>,
    ) -> &mut Expected {
        self.packet(label, ends, Transport::Udp(ports, Data::Bytes(payload.into())))
    }

    /// A message of another protocol, with router alert where `is_alert`.
    pub fn other(
        &mut self,
        label: &str,
        ends: (IpAddr, IpAddr),
        protocol: u8,
        is_alert: bool,
        message: Vec<u8>,
    ) -> &mut Expected {
        self.packet(label, ends, Transport::Other { protocol, is_alert, message: message.into() })
    }

    /// The three segments that open a connection from recorder to camera.
    pub fn open(&mut self, ports: (u16, u16)) {
        for (index, flags) in [tcp::SYN, tcp::SYN | tcp::ACK, tcp::ACK].into_iter().enumerate() {
            self.segment("handshake", index == 1, ports, (flags, Data::Empty));
        }
    }

    /// A payload on an open connection, by the camera where `is_answer`.
    pub fn tcp(
        &mut self,
        label: &str,
        is_answer: bool,
        ports: (u16, u16),
        payload: Vec<u8>,
    ) -> &mut Expected {
        self.stream(label, is_answer, ports, Data::Bytes(payload.into()))
    }

    /// The same with any payload.
    pub fn stream(&mut self, label: &str, is_answer: bool, ports: (u16, u16), data: Data) -> &mut Expected {
        self.segment(label, is_answer, ports, (tcp::PSH | tcp::ACK, data))
    }

    fn segment(
        &mut self,
        label: &str,
        is_answer: bool,
        ports: (u16, u16),
        (flags, data): (u8, Data),
    ) -> &mut Expected {
        let ends = if is_answer { (CAMERA, RECORDER) } else { (RECORDER, CAMERA) };
        let ports = if is_answer { (ports.1, ports.0) } else { ports };
        let acknowledgement = self.sequences.get(&(ports.1, ports.0)).copied().unwrap_or(1_000);
        let sequence = self.sequences.entry(ports).or_insert(1_000);
        let segment = Segment {
            ports,
            sequence: *sequence,
            acknowledgement,
            flags,
            window: 64_240,
            offer: (flags & tcp::SYN != 0).then_some((1_460, 7)),
            ..Segment::default()
        };
        *sequence += data.len() as u32 + u32::from(flags & tcp::SYN != 0);
        self.packet(label, ends, Transport::Tcp(segment, data))
    }

    fn packet(
        &mut self,
        label: &str,
        (source, destination): (IpAddr, IpAddr),
        transport: Transport,
    ) -> &mut Expected {
        let to = match destination {
            IpAddr::V4(group) if group.is_multicast() => Mac::of_group(group),
            IpAddr::V6(group) if group.is_multicast() => Mac::of_group6(group),
            IpAddr::V4(address) if address.is_broadcast() => Mac::BROADCAST,
            _ => RECORDER_MAC,
        };
        let ttl = match &transport {
            Transport::Other { is_alert: true, .. } => 1,
            Transport::Other { protocol: ip::ICMPV6, .. } => 255,
            Transport::Udp((5_353, _), _) => 255,
            _ if destination.is_multicast() => 1,
            _ => 64,
        };
        self.push(label, to, Body::Ip(Packet { source, destination, ttl, id: 0, transport }))
    }

    fn push(&mut self, label: &str, destination: Mac, body: Body) -> &mut Expected {
        let frame = Frame { destination, source: CAMERA_MAC, body };
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        assert_eq!(bytes.len(), frame.len(), "{label}: a frame knows its length");
        let number = self.frames.len() as u32;
        for word in [1_750_000_000, number, bytes.len() as u32, bytes.len() as u32] {
            self.pcap.extend_from_slice(&word.to_le_bytes());
        }
        self.pcap.extend_from_slice(&bytes);
        self.frames.push(Expected { label: label.to_owned(), ..Expected::default() });
        self.frames.last_mut().expect("one was pushed")
    }
}

impl Expected {
    /// The frame must show `field` with `value`; several values stand between bars.
    pub fn shows(&mut self, field: &'static str, value: impl ToString) -> &mut Self {
        self.fields.push((field, value.to_string()));
        self
    }
}

/// `bytes` as a payload.
pub fn shared(bytes: &[u8]) -> Rc<[u8]> {
    Rc::from(bytes)
}

pub const CAMERA: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
pub const RECORDER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 50));
pub const CAMERA_MAC: Mac = Mac([0x02, 0x00, 0x5e, 0x00, 0x00, 0x07]);
pub const RECORDER_MAC: Mac = Mac([0x02, 0x00, 0x5e, 0x00, 0x00, 0x50]);
