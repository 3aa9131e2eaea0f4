//! What one frame says, and its bytes, which are made only where somebody wants them.

use std::net::IpAddr;
use std::rc::Rc;

use crate::wire::arp::Arp;
use crate::wire::ip::Header;
use crate::wire::tcp::Segment;
use crate::wire::{Mac, ethernet, ip, udp};

/// An Ethernet frame as its sender sends it: no tag, no check sequence.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Whom it is for.
    pub destination: Mac,
    /// Who sends it on this segment.
    pub source: Mac,
    /// What it carries.
    pub body: Body,
}

/// What a frame carries.
#[derive(Debug, Clone)]
pub enum Body {
    /// ARP.
    Arp(Arp),
    /// A payload with an Ethernet type.
    Typed(u16, Rc<[u8]>),
    /// LLC and its payload, behind a length.
    Llc(Rc<[u8]>),
    /// An IP packet.
    Ip(Packet),
}

/// An IP packet.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// Hop limit as sent; routers take one off.
    pub ttl: u8,
    /// IPv4 identification.
    pub id: u16,
    /// What it carries.
    pub transport: Transport,
}

/// What a packet carries.
#[derive(Debug, Clone)]
pub enum Transport {
    /// A datagram: its ports and its payload.
    Udp((u16, u16), Data),
    /// A segment and its payload.
    Tcp(Segment, Data),
    /// A whole message of another protocol.
    Other {
        /// Its number.
        protocol: u8,
        /// Whether it bears the router alert option.
        is_alert: bool,
        /// The message, checksum included.
        message: Rc<[u8]>,
    },
}

/// A payload.
#[derive(Debug, Clone)]
pub enum Data {
    /// Nothing.
    Empty,
    /// These bytes.
    Bytes(Rc<[u8]>),
    /// A part of these bytes: from, to.
    Part(Rc<[u8]>, usize, usize),
    /// A head, and behind it so many bytes that stand for encoded pictures or for what is encrypted.
    Filled(Rc<[u8]>, usize),
    /// An RTP header with the first bytes of its payload, of which so many count, and the packet's length in all.
    Rtp([u8; 15], u8, usize),
}

impl Data {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::Part(_, from, to) => to - from,
            Self::Filled(head, filler) => head.len() + filler,
            Self::Rtp(_, _, length) => *length,
        }
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => {}
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Part(bytes, from, to) => out.extend_from_slice(&bytes[*from..*to]),
            Self::Filled(head, filler) => {
                out.extend_from_slice(head);
                fill(*filler, head.len(), out);
            }
            Self::Rtp(head, of_head, length) => {
                let head = &head[..usize::from(*of_head)];
                out.extend_from_slice(head);
                // What follows must not look the same in every packet, and must not look like anything.
                let at = usize::from(head[3]) * 7 + usize::from(head[2]);
                fill(length.saturating_sub(head.len()), at, out);
            }
        }
    }
}

impl Frame {
    /// The TCP time stamp that it bears.
    #[must_use]
    pub fn stamp(&self) -> Option<u32> {
        match &self.body {
            Body::Ip(Packet { transport: Transport::Tcp(segment, _), .. }) => {
                segment.stamps.map(|(own, _)| own)
            }
            _ => None,
        }
    }

    /// Whether it is TCP without payload.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        matches!(&self.body, Body::Ip(Packet { transport: Transport::Tcp(_, data), .. }) if data.is_empty())
    }

    /// Length of its bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        let payload = match &self.body {
            Body::Arp(_) => 28,
            Body::Typed(_, payload) | Body::Llc(payload) => payload.len(),
            Body::Ip(packet) => packet.len(),
        };
        (14 + payload).max(ethernet::SHORTEST)
    }

    /// Always false.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match &self.body {
            Body::Arp(arp) => {
                ethernet::header(out, self.destination, self.source, ethernet::ARP);
                arp.write(out);
            }
            Body::Typed(ethertype, payload) => {
                ethernet::header(out, self.destination, self.source, *ethertype);
                out.extend_from_slice(payload);
            }
            Body::Llc(payload) => {
                ethernet::header(out, self.destination, self.source, payload.len() as u16);
                out.extend_from_slice(payload);
            }
            Body::Ip(packet) => {
                let ethertype = if packet.source.is_ipv4() { ethernet::IPV4 } else { ethernet::IPV6 };
                ethernet::header(out, self.destination, self.source, ethertype);
                packet.write(out);
            }
        }
        ethernet::pad(out, start);
    }
}

impl Packet {
    /// Length of its bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        let header = match (self.source, &self.transport) {
            (IpAddr::V4(_), Transport::Other { is_alert: true, .. }) => 24,
            (IpAddr::V4(_), _) => 20,
            (IpAddr::V6(_), Transport::Other { is_alert: true, .. }) => 48,
            (IpAddr::V6(_), _) => 40,
        };
        header
            + match &self.transport {
                Transport::Udp(_, data) => udp::HEADER + data.len(),
                Transport::Tcp(segment, data) => segment.header_length() + data.len(),
                Transport::Other { message, .. } => message.len(),
            }
    }

    /// Always false.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut header = Header {
            source: self.source,
            destination: self.destination,
            ttl: self.ttl,
            id: self.id,
            protocol: ip::UDP,
            is_alert: false,
        };
        match &self.transport {
            Transport::Udp(ports, data) => {
                header.write(udp::HEADER + data.len(), out);
                match data {
                    Data::Bytes(bytes) => udp::write(&header, *ports, bytes, out),
                    other => {
                        let mut payload = Vec::with_capacity(other.len());
                        other.write(&mut payload);
                        udp::write(&header, *ports, &payload, out);
                    }
                }
            }
            Transport::Tcp(segment, data) => {
                header.protocol = ip::TCP;
                header.write(segment.header_length() + data.len(), out);
                match data {
                    Data::Empty => segment.write(&header, &[], out),
                    Data::Bytes(bytes) => segment.write(&header, bytes, out),
                    Data::Part(bytes, from, to) => segment.write(&header, &bytes[*from..*to], out),
                    other => {
                        let mut payload = Vec::with_capacity(other.len());
                        other.write(&mut payload);
                        segment.write(&header, &payload, out);
                    }
                }
            }
            Transport::Other { protocol, is_alert, message } => {
                header.protocol = *protocol;
                header.is_alert = *is_alert;
                header.write(message.len(), out);
                out.extend_from_slice(message);
            }
        }
    }
}

/// Appends bytes that look like noise, beginning at a place of the noise that `at` chooses.
fn fill(mut length: usize, at: usize, out: &mut Vec<u8>) {
    let mut at = at % NOISE.len();
    while length > 0 {
        let part = &NOISE[at..NOISE.len().min(at + length)];
        out.extend_from_slice(part);
        length -= part.len();
        at = 0;
    }
}

/// Noise, by a linear congruence (Numerical Recipes, 2nd edition, 7.1).
static NOISE: [u8; 4_096] = {
    let mut noise = [0; 4_096];
    let (mut state, mut at) = (1_u32, 0);
    while at < noise.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise[at] = (state >> 24) as u8;
        at += 1;
    }
    noise
};
