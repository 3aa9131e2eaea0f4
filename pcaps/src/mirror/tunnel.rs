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

#[cfg(test)]
mod tests {
    use super::super::{Form, Tags};
    use super::*;

    /// A datagram from port 80 to port 81, less its end.
    const FRAME: [u8; 38] = *b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\
        \x45\0\0\x1c\0\x01\0\0\x40\x11\0\0\xc0\0\x02\x01\xc0\0\x02\x02\0\x50\0\x51";

    /// What stands behind the outer IP header.
    fn behind_ip(form: &mut Form, way: Way) -> Vec<u8> {
        let mut out = Vec::new();
        let at = 1_790_000_000_123_456_789;
        form.write(&Copy { at, way, vlan: 0x123, port: 5, frame: &FRAME }, &mut out);
        assert_eq!(usize::from(u16::from_be_bytes([out[16], out[17]])), out.len() - 14);
        out.split_off(34)
    }

    fn form(tags: Tags, tunnel: Tunnel) -> Form {
        Form { tags, tunnel: Some(tunnel), snap: None, sequence: 9 }
    }

    #[test]
    fn erspan_i_is_gre_alone() {
        let out = behind_ip(&mut form(Tags::None, Tunnel::Erspan1), Way::Ingress);
        assert_eq!(out, [&[0, 0, 0x88, 0xbe], &FRAME[..]].concat());
    }

    #[test]
    fn erspan_ii_says_the_vlan_and_whether_it_was_tagged() {
        let mut header = *b"\x10\0\x88\xbe\0\0\0\x09\x11\x23\x10\x11\0\0\0\x05";
        let tagged = behind_ip(&mut form(Tags::Both, Tunnel::Erspan2), Way::Ingress);
        assert_eq!(tagged, [&header, &FRAME[..]].concat());
        header[10] = 0;
        let untagged = behind_ip(&mut form(Tags::None, Tunnel::Erspan2), Way::Ingress);
        assert_eq!(untagged, [&header, &FRAME[..]].concat());
    }

    #[test]
    fn erspan_ii_takes_the_outer_of_two_tags() {
        let out = behind_ip(&mut form(Tags::Double { outer: 0xabc }, Tunnel::Erspan2), Way::Egress);
        assert_eq!(out[8..12], [0x1a, 0xbc, 0x10, 0x11]);
        assert_eq!(out[28..32], [0x81, 0, 1, 0x23]);
    }

    #[test]
    fn erspan_iii_says_direction_and_time() {
        // 17,900,000,001,234 times 100 us are 0x1047_ab24_3cd2.
        let mut header = *b"\x10\0\x22\xeb\0\0\0\x09\x21\x23\0\x11\xab\x24\x3c\xd2\0\0\x80\x09\
            \x0c\0\0\x05\0\0\x10\x47";
        let egress = behind_ip(&mut form(Tags::Both, Tunnel::Erspan3), Way::Egress);
        assert_eq!(egress, [&header, &FRAME[..]].concat());
        header[19] = 0x01;
        let ingress = behind_ip(&mut form(Tags::Both, Tunnel::Erspan3), Way::Ingress);
        assert_eq!(ingress, [&header, &FRAME[..]].concat());
    }

    #[test]
    fn gre_bears_key_and_sequence_number() {
        let mut form = form(Tags::None, Tunnel::Gre);
        assert_eq!(behind_ip(&mut form, Way::Ingress)[..12], *b"\x30\0\x65\x58\0\0\0\x11\0\0\0\x09");
        form.sequence += 3;
        assert_eq!(behind_ip(&mut form, Way::Ingress)[8..12], [0, 0, 0, 13]);
    }

    #[test]
    fn vxlan_has_no_checksum_and_spreads_flows() {
        let out = behind_ip(&mut form(Tags::None, Tunnel::Vxlan { vni: 0x01_0203 }), Way::Ingress);
        assert_eq!(out[2..16], *b"\x12\xb5\0\x36\0\0\x08\0\0\0\x01\x02\x03\0");
        assert!(out[0] >= 0xc0);

        let mut other = FRAME;
        other[19] = 2;
        assert_eq!(spread(&other), spread(&FRAME), "another packet of the flow");
        other[37] = 0x52;
        assert_ne!(spread(&other), spread(&FRAME), "another port");
    }

    #[test]
    fn identification_is_never_zero() {
        for (sequence, id) in [(0, 1), (0xfffe, 0xffff), (0xffff, 1)] {
            let copy = Copy { at: 0, way: Way::Ingress, vlan: 0, port: 0, frame: &FRAME };
            let mut out = Vec::new();
            Form { sequence, ..form(Tags::None, Tunnel::Erspan1) }.write(&copy, &mut out);
            assert_eq!(out[18..20], u16::to_be_bytes(id));
        }
    }
}
