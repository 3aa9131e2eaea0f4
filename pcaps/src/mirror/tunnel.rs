//! The tunnels through which a mirror reaches a watcher elsewhere.
//!
//! ```text
//! 0          14     34
//! | Ethernet | IPv4 | GRE 4, type 88be                             | copy    ERSPAN I
//! | Ethernet | IPv4 | GRE 8, type 88be | ERSPAN II 8               | copy
//! | Ethernet | IPv4 | GRE 8, type 22eb | ERSPAN III 12, platform 8 | copy
//! | Ethernet | IPv4 | GRE 12, type 6558                            | copy    Ethernet in GRE
//! | Ethernet | IPv4 | UDP 8            | VXLAN 8                   | copy
//!
//! GRE         | flags 16: C - K S ... version | type 16 | key 32, if K | sequence 32, if S |
//! ERSPAN II   | version 4 = 1 | VLAN 12 | COS 3 | En 2  | T 1 | session 10 | reserved 12 | port 20 |
//! ERSPAN III  | version 4 = 2 | VLAN 12 | COS 3 | BSO 2 | T 1 | session 10 | time 32 |
//!             | SGT 16 | P 1 | FT 5 | hardware 6 | D 1 | Gra 2 | O 1 |
//! platform 3  | 3 6 | reserved 12 | port 14 | upper 32 bits of the time 32 |
//! VXLAN       | flags 8 = 08 | reserved 24 | VNI 24 | reserved 8 |
//! ```
//!
//! all numbers big-endian. ERSPAN II and III take the outermost tag off the copy and say its VLAN in
//! their header; of an untagged copy they say the port's VLAN, type II with En 0. Only type III says
//! the direction. The time counts 100 µs (Gra 0) of Unix time.
//!
//! Left out: priorities, errored frames (BSO), copies cut by the switch (T), fragments of the outer packet.
//!
//! Source: RFC 2784 and RFC 2890 (GRE), draft-foschiano-erspan-03, RFC 7348, 5 (VXLAN).

use std::net::{IpAddr, Ipv4Addr};

use super::form::{Copy, Label, Way};
use crate::wire::ip::Header;
use crate::wire::{Mac, ethernet, ip, udp};

/// How the copies travel to the watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnel {
    /// ERSPAN type I: a bare GRE header.
    Erspan1,
    /// ERSPAN type II.
    Erspan2,
    /// ERSPAN type III, with the platform's header 3 for the port.
    Erspan3,
    /// Ethernet in GRE, with key and sequence number.
    Gre,
    /// VXLAN.
    Vxlan {
        /// The network's number, 24 bits.
        vni: u32,
    },
}

impl Tunnel {
    /// Appends all that stands before the copy, and takes from `labels` what the tunnel says itself.
    pub(super) fn write(
        self,
        sequence: u32,
        copy: &Copy<'_>,
        labels: &mut [Option<Label>; 2],
        out: &mut Vec<u8>,
    ) {
        let own = match self {
            Self::Erspan2 | Self::Erspan3 => labels.iter_mut().find_map(Option::take),
            Self::Erspan1 | Self::Gre | Self::Vxlan { .. } => None,
        };
        let inner = copy.frame.len() + 4 * labels.iter().flatten().count();
        let vlan = own.map_or(copy.vlan, |label| label.vlan);

        ethernet::header(out, WATCHER.0, SWITCH.0, ethernet::IPV4);
        let header = Header {
            source: IpAddr::V4(SWITCH.1),
            destination: IpAddr::V4(WATCHER.1),
            ttl: 64,
            // Never 0, which would forbid fragments.
            id: (sequence % 0xffff) as u16 + 1,
            protocol: if matches!(self, Self::Vxlan { .. }) { ip::UDP } else { ip::GRE },
            is_alert: false,
        };
        header.write(self.header_length() + inner, out);
        match self {
            Self::Erspan1 => gre(0, ERSPAN, &[], out),
            Self::Erspan2 => {
                gre(GRE_SEQUENCE, ERSPAN, &[sequence], out);
                let en = if own.is_some() { 2 } else { 0 };
                words(&[1 << 28 | session(vlan) | en << 11, u32::from(copy.port)], out);
            }
            Self::Erspan3 => {
                gre(GRE_SEQUENCE, ERSPAN_III, &[sequence], out);
                let time = copy.at.div_euclid(100_000) as u64;
                let direction = match copy.way {
                    Way::Ingress => 0,
                    Way::Egress => 1 << 3,
                };
                // P: an Ethernet frame. FT 0: Ethernet. O: the platform's header follows.
                words(&[2 << 28 | session(vlan), time as u32, 1 << 15 | direction | 1], out);
                words(&[3 << 26 | u32::from(copy.port) & 0x3fff, (time >> 32) as u32], out);
            }
            Self::Gre => gre(GRE_KEY | GRE_SEQUENCE, ETHERNET, &[u32::from(SESSION), sequence], out),
            Self::Vxlan { vni } => {
                let ports = [0xc000 | spread(copy.frame) & 0x3fff, VXLAN];
                let length = (udp::HEADER + 8 + inner) as u16;
                for half in [ports[0], ports[1], length, 0] {
                    out.extend_from_slice(&half.to_be_bytes());
                }
                words(&[0x08 << 24, vni << 8], out);
            }
        }
    }

    /// Length of what stands between the IP header and the copy.
    const fn header_length(self) -> usize {
        match self {
            Self::Erspan1 => 4,
            Self::Erspan2 => 8 + 8,
            Self::Erspan3 => 8 + 12 + 8,
            Self::Gre => 12,
            Self::Vxlan { .. } => udp::HEADER + 8,
        }
    }
}

fn gre(flags: u16, kind: u16, fields: &[u32], out: &mut Vec<u8>) {
    out.extend_from_slice(&flags.to_be_bytes());
    out.extend_from_slice(&kind.to_be_bytes());
    words(fields, out);
}

fn words(words: &[u32], out: &mut Vec<u8>) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// VLAN and session as they stand in the first word of both ERSPAN headers.
const fn session(vlan: u16) -> u32 {
    (vlan as u32 & 0xfff) << 16 | SESSION as u32
}

/// The same number for every frame of a flow (FNV-1a over addresses and ports), that the paths between
/// the ends of the tunnel be shared by flow (RFC 7348, 5, "Source Port").
fn spread(frame: &[u8]) -> u16 {
    let mut parts = [frame.get(..14), None, None];
    let ports = |protocol: Option<&u8>, at: usize| {
        protocol
            .filter(|&&protocol| protocol == ip::TCP || protocol == ip::UDP)
            .and_then(|_| frame.get(at..at + 4))
    };
    if frame.get(12..15) == Some(&[0x08, 0x00, 0x45]) {
        parts = [parts[0], frame.get(26..34), ports(frame.get(23), 34)];
    } else if frame.get(12..14) == Some(&[0x86, 0xdd]) {
        parts = [parts[0], frame.get(22..54), ports(frame.get(20), 54)];
    }
    let hash = parts
        .into_iter()
        .flatten()
        .flatten()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash >> 16 ^ hash) as u16
}

/// The mirroring switch.
const SWITCH: (Mac, Ipv4Addr) = (Mac([0x02, 0x53, 0x57, 0, 0, 0x01]), Ipv4Addr::new(198, 51, 100, 1));
/// The interface that watches.
const WATCHER: (Mac, Ipv4Addr) = (Mac([0x02, 0x53, 0x57, 0, 0, 0x02]), Ipv4Addr::new(198, 51, 100, 2));
/// The mirror session on that switch.
const SESSION: u16 = 17;

const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
/// Transparent Ethernet bridging (RFC 1701, "Protocol Type").
const ETHERNET: u16 = 0x6558;
const VXLAN: u16 = 4_789;
