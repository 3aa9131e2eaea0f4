//! The tunnels in which mirrors send their copies: GRE, ERSPAN, VXLAN.
//!
//! ```text
//! GRE        0 C R K S … version:3   2 protocol   [C: checksum, 0 (4)]  [K: key (4)]  [S: sequence (4)]
//! ERSPAN I   GRE 0x88be without S, then the Ethernet frame
//! ERSPAN II  GRE 0x88be with S, then
//!            0 version:4 = 1, VLAN:12   2 CoS:3 En:2 T:1 session:10   4 reserved:12 index:20   8 frame
//! ERSPAN III GRE 0x22eb, with S or without, then
//!            0 version:4 = 2, VLAN:12   2 CoS:3 BSO:2 T:1 session:10   4 time stamp   8 SGT
//!            10 P:1 FT:5 hardware:6 D:1 Gra:2 O:1   12 [O: platform header (8)]   frame
//! VXLAN      UDP to 4789: 0 flags: G . . . I . . .   1 flags   2 group (with G)   4 network (3)   7 zero
//!            8 Ethernet frame
//! VXLAN-GPE  UDP to 4790, or 4789: the same with flags . . . . I P . .   3 next protocol: 1 IPv4, 2 IPv6, 3 Ethernet
//! ```
//!
//! all big-endian. Source: RFC 2784 and 2890; RFC 7348, 5; draft-smith-vxlan-group-policy-05;
//! draft-ietf-nvo3-vxlan-gpe-12; draft-foschiano-erspan-03; the older UDP port 8472 from the Linux kernel. GRE opens for Ethernet (0x6558)
//! and IP; other tunnels are counted by name and stay closed.

use crate::peel::counts::Encapsulation;
use crate::peel::link::Walk;
use crate::peel::wire::Cursor;

/// A tunnel that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tunnel {
    pub by: Encapsulation,
    /// Where the inner packet begins.
    pub at: usize,
    pub inside: Inside,
    /// The mirror session and its running number.
    pub sequence: Option<(u32, u32)>,
    /// The VLAN that the mirror took out.
    pub vlan: Option<u16>,
    /// Whether the mirror says that it cut the copy.
    pub is_cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Ethernet,
    Ip,
}

/// What a packet's transport turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Traffic itself.
    Nothing,
    /// Something around traffic that is not opened.
    Closed(Encapsulation),
    /// A tunnel.
    Open(Tunnel),
}

/// Looks at the transport of an IP packet.
pub(super) fn find(walk: &Walk, bytes: &[u8]) -> Found {
    let cursor = walk.cursor(bytes);
    match walk.layers.protocol {
        GRE => gre(cursor).unwrap_or(Found::Nothing),
        UDP => udp(cursor).unwrap_or(Found::Nothing),
        4 => Found::Closed(Encapsulation::Ipip),
        41 if walk.layers.ips.is_some_and(|(source, _)| source.is_ipv4()) => {
            Found::Closed(Encapsulation::SixInFour)
        }
        41 => Found::Closed(Encapsulation::Ipip),
        50 => Found::Closed(Encapsulation::Esp),
        97 => Found::Closed(Encapsulation::Etherip),
        115 => Found::Closed(Encapsulation::L2tp),
        137 => Found::Closed(Encapsulation::Mpls),
        _ => Found::Nothing,
    }
}

fn gre(mut cursor: Cursor<'_>) -> Option<Found> {
    let flags = cursor.u16()?;
    let protocol = cursor.u16()?;
    match flags & 7 {
        0 => {}
        1 => return Some(Found::Closed(Encapsulation::Pptp)),
        _ => return None,
    }
    if flags & GRE_ROUTING != 0 {
        return Some(Found::Closed(Encapsulation::Gre));
    }
    if flags & GRE_CHECKSUM != 0 {
        cursor.skip(4)?;
    }
    if flags & GRE_KEY != 0 {
        cursor.skip(4)?;
    }
    let sequence = if flags & GRE_SEQUENCE != 0 { Some(cursor.u32()?) } else { None };
    let tunnel = Tunnel {
        by: Encapsulation::Gre,
        at: cursor.at(),
        inside: Inside::Ethernet,
        sequence: sequence.map(|number| (0, number)),
        vlan: None,
        is_cut: false,
    };
    match (protocol, sequence) {
        (GRE_ETHERNET, _) => Some(Found::Open(tunnel)),
        (GRE_IPV4 | GRE_IPV6, _) => Some(Found::Open(Tunnel { inside: Inside::Ip, ..tunnel })),
        (GRE_ERSPAN, None) => Some(Found::Open(Tunnel { by: Encapsulation::Erspan1, ..tunnel })),
        (GRE_ERSPAN | GRE_ERSPAN3, number) => erspan(cursor, number).or(Some(Found::Nothing)),
        (0x8847 | 0x8848, _) => Some(Found::Closed(Encapsulation::Mpls)),
        _ => Some(Found::Closed(Encapsulation::Gre)),
    }
}

fn erspan(mut cursor: Cursor<'_>, number: Option<u32>) -> Option<Found> {
    let first = cursor.u16()?;
    let second = cursor.u16()?;
    let session = u32::from(second & 0x03ff);
    let tunnel = Tunnel {
        by: Encapsulation::Erspan2,
        at: 0,
        inside: Inside::Ethernet,
        sequence: number.map(|number| (session, number)),
        vlan: None,
        is_cut: second & 0x0400 != 0,
    };
    match first >> 12 {
        1 => {
            cursor.skip(4)?;
            let vlan = first & 0x0fff;
            let is_taken_out = second >> 11 & 3 == ERSPAN_TAG_TAKEN;
            let vlan = (is_taken_out && vlan != 0).then_some(vlan);
            Some(Found::Open(Tunnel { at: cursor.at(), vlan, ..tunnel }))
        }
        2 => {
            cursor.skip(6)?;
            let last = cursor.u16()?;
            if last & 1 == 1 {
                cursor.skip(8)?;
            }
            let inside = match last >> 10 & 0x1f {
                0 => Inside::Ethernet,
                2 => Inside::Ip,
                _ => return Some(Found::Closed(Encapsulation::Erspan3)),
            };
            Some(Found::Open(Tunnel { by: Encapsulation::Erspan3, at: cursor.at(), inside, ..tunnel }))
        }
        _ => None,
    }
}

fn udp(mut cursor: Cursor<'_>) -> Option<Found> {
    let [s, s2, d, d2] = cursor.array()?;
    let [source, destination] = [[s, s2], [d, d2]].map(u16::from_be_bytes);
    if !matches!(destination, 1701 | 2152 | 4500 | 4789 | 4790 | 6081 | 8472 | 37008) {
        return None;
    }
    cursor.skip(4)?;
    let vxlan = Tunnel {
        by: Encapsulation::Vxlan,
        at: cursor.at().saturating_add(8),
        inside: Inside::Ethernet,
        sequence: None,
        vlan: None,
        is_cut: false,
    };
    match (destination, cursor.array::<8>()?) {
        (4789 | 8472, [0x08, 0, 0, 0, _, _, _, 0]) => Some(Found::Open(vxlan)),
        (4789, [0x88, flags, _, _, _, _, _, 0]) if flags & 0xb7 == 0 => Some(Found::Open(vxlan)),
        (4789 | 4790, [0x0c, 0, 0, next @ 1..=3, _, _, _, 0]) => {
            let inside = if next == 3 { Inside::Ethernet } else { Inside::Ip };
            Some(Found::Open(Tunnel { by: Encapsulation::VxlanGpe, inside, ..vxlan }))
        }
        (6081, [first, flags, kind, _, _, _, _, 0]) if first >> 6 == 0 && flags & 0x3f == 0 && kind >= 6 => {
            Some(Found::Closed(Encapsulation::Geneve))
        }
        (2152, [first, 0xff, ..]) if first >> 4 == 3 => Some(Found::Closed(Encapsulation::Gtp)),
        (37008, [1, 0..=5, _, _, ..]) => Some(Found::Closed(Encapsulation::Tzsp)),
        (1701, [first, version, ..]) if version & 15 == 2 && source != 0 && first & 0x34 == 0 => {
            Some(Found::Closed(Encapsulation::L2tp))
        }
        (4500, [a, b, c, d, ..]) if [a, b, c, d] != [0; 4] => Some(Found::Closed(Encapsulation::Esp)),
        _ => None,
    }
}

/// Whether this packet may be part of a tunnel, though only its first fragment could tell.
pub(super) fn port_of_tunnel(transport: &[u8]) -> bool {
    matches!(*transport, [_, _, 0x12, 0xb5 | 0xb6, ..] | [_, _, 0x21, 0x18, ..])
}

/// IP protocol numbers.
pub(super) const GRE: u8 = 47;
pub(super) const UDP: u8 = 17;

const GRE_CHECKSUM: u16 = 0x8000;
const GRE_ROUTING: u16 = 0x4000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;

const GRE_ETHERNET: u16 = 0x6558;
const GRE_IPV4: u16 = 0x0800;
const GRE_IPV6: u16 = 0x86dd;
const GRE_ERSPAN: u16 = 0x88be;
const GRE_ERSPAN3: u16 = 0x22eb;

/// The En field: 0 came untagged, 1 ISL, 2 802.1Q, 3 the tag is still in the frame.
const ERSPAN_TAG_TAKEN: u16 = 2;
