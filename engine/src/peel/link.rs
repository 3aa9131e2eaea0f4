//! From the link layer to the network layer: [`Walk`].
//!
//! ```text
//! Ethernet II   0 destination   6 source   12 type ≥ 0x0600   14 payload
//! 802.3         0 destination   6 source   12 length ≤ 1500   14 LLC: dsap ssap control (1 or 2)
//! SNAP          LLC aa aa 03, OUI (3), type (2)
//! tag           0x8100, 0x88a8 or 0x9100 in place of the type, then priority and id (2), then the next type
//! Cisco's       0x8909 in place of the type: version, length, option (2), group (2), then the next type
//! cooked v1     0 packet type   2 ARPHRD   4 length of address   6 address (8)   14 protocol   16 payload
//! cooked v2     0 protocol   4 interface   8 ARPHRD   10 packet type   11 length   12 address (8)   20 payload
//! BSD loopback  0 address family (the payload's own version tells as much)   4 payload
//! ```
//!
//! all big-endian but the address family. Source: IEEE 802.3 clause 3, IEEE 802.2,
//! IEEE 802.1Q clause 9, RFC 1042; tcpdump.org, "Link-layer header types" and the
//! pages on `LINKTYPE_LINUX_SLL` and `LINKTYPE_LINUX_SLL2`.

use spanwatch_parsers::{LinkType, Mac};

use crate::peel::counts::{Encapsulation, Encapsulations};
use crate::peel::layers::{Direction, Layers, Network};
use crate::peel::wire::{Cursor, offset};

/// Why a frame cannot be read, as the report says it.
pub(super) type Fault = &'static str;

/// A walk through the headers of one frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Walk {
    /// What was found so far.
    pub layers: Layers,
    /// Where the next header begins.
    pub at: usize,
    /// Where the captured bytes end.
    pub end: usize,
    /// Where the bytes on the wire ended.
    pub whole: usize,
    /// What was around the traffic.
    pub seen: Encapsulations,
}

impl Walk {
    /// Reads the headers of a frame of `link` up to the transport; `None` for a link type not ours.
    pub fn link(&mut self, link: LinkType, bytes: &[u8]) -> Option<Result<(), Fault>> {
        Some(match link {
            LinkType::ETHERNET => self.ethernet(bytes),
            LinkType::LINUX_SLL => self.cooked(bytes),
            LinkType::LINUX_SLL2 => self.cooked2(bytes),
            LinkType::NULL | LinkType::LOOP => self.loopback(bytes),
            LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | RAW_BSD | RAW_OPENBSD => self.ip(bytes),
            _ => return None,
        })
    }

    /// Reads an Ethernet frame that begins here.
    pub fn ethernet(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut cursor = self.cursor(bytes);
        let [d, d2, d3, d4, d5, d6, s, s2, s3, s4, s5, s6, kind @ ..] =
            cursor.array::<14>().ok_or("ethernet header")?;
        self.layers.destination_mac = Some(Mac([d, d2, d3, d4, d5, d6]));
        self.layers.source_mac = Some(Mac([s, s2, s3, s4, s5, s6]));
        self.at = cursor.at();
        self.typed(bytes, u16::from_be_bytes(kind))
    }

    /// Reads what an EtherType (or an 802.3 length) announces, tags first.
    fn typed(&mut self, bytes: &[u8], mut kind: u16) -> Result<(), Fault> {
        let mut tags = 0_u8;
        while matches!(kind, TAG_C | TAG_S | TAG_OLD_S) {
            if tags == TAGS_MAX {
                return Err("too many vlan tags");
            }
            tags = tags.saturating_add(1);
            let mut cursor = self.cursor(bytes);
            let tag = cursor.u16().ok_or("vlan tag")?;
            kind = cursor.u16().ok_or("vlan tag")?;
            self.layers.tags.push(tag);
            self.at = cursor.at();
        }
        if kind == TAG_GROUP {
            let mut cursor = self.cursor(bytes);
            cursor.skip(6).ok_or("security group tag")?;
            kind = cursor.u16().ok_or("security group tag")?;
            self.seen.add(Encapsulation::GroupTag);
            self.at = cursor.at();
        }
        match tags {
            0 => {}
            1 => self.seen.add(Encapsulation::Vlan),
            _ => self.seen.add(Encapsulation::Qinq),
        }
        match kind {
            TYPE_IPV4 => self.ipv4(bytes),
            TYPE_IPV6 => self.ipv6(bytes),
            0..=LENGTH_MAX => self.llc(bytes, kind),
            TYPE_MIN.. => {
                if let Some(encapsulation) = closed_type(kind) {
                    self.seen.add(encapsulation);
                }
                self.payload(Network::EtherType(kind));
                Ok(())
            }
            _ => Err("ethernet length"),
        }
    }

    fn llc(&mut self, bytes: &[u8], length: u16) -> Result<(), Fault> {
        if length > 0 {
            self.limit(self.at.saturating_add(length.into()));
        }
        let mut cursor = self.cursor(bytes);
        let [dsap, ssap, control] = cursor.array().ok_or("llc header")?;
        if control & 3 != 3 {
            cursor.u8().ok_or("llc header")?;
        }
        self.at = cursor.at();
        if let (SNAP, SNAP, 3) = (dsap, ssap, control) {
            let oui: [u8; 3] = cursor.array().ok_or("snap header")?;
            let kind = cursor.u16().ok_or("snap header")?;
            self.at = cursor.at();
            if oui == [0; 3] && kind >= TYPE_MIN {
                return self.typed(bytes, kind);
            }
            self.payload(Network::Snap { oui, kind });
            return Ok(());
        }
        self.payload(Network::Llc { dsap, ssap });
        Ok(())
    }

    fn cooked(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut cursor = self.cursor(bytes);
        let packet_type = cursor.u16().ok_or("cooked header")?;
        let hardware = cursor.u16().ok_or("cooked header")?;
        let length = cursor.u16().ok_or("cooked header")?;
        let address = cursor.array().ok_or("cooked header")?;
        let kind = cursor.u16().ok_or("cooked header")?;
        self.at = cursor.at();
        self.cooked_payload(bytes, kind, Cooked { packet_type, hardware, length, address })
    }

    fn cooked2(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut cursor = self.cursor(bytes);
        let kind = cursor.u16().ok_or("cooked header")?;
        cursor.skip(6).ok_or("cooked header")?;
        let hardware = cursor.u16().ok_or("cooked header")?;
        let packet_type = cursor.u8().ok_or("cooked header")?.into();
        let length = cursor.u8().ok_or("cooked header")?.into();
        let address = cursor.array().ok_or("cooked header")?;
        self.at = cursor.at();
        self.cooked_payload(bytes, kind, Cooked { packet_type, hardware, length, address })
    }

    fn cooked_payload(&mut self, bytes: &[u8], kind: u16, cooked: Cooked) -> Result<(), Fault> {
        if cooked.length == 6 {
            let [a, b, c, d, e, f, _, _] = cooked.address;
            self.layers.source_mac = Some(Mac([a, b, c, d, e, f]));
        }
        self.layers.direction = match cooked.packet_type {
            0..=3 => Some(Direction::In),
            4 => Some(Direction::Out),
            _ => None,
        };
        match (cooked.hardware, kind) {
            (ARPHRD_NETLINK, _) => Err("netlink message"),
            (ARPHRD_RADIOTAP | ARPHRD_WIFI, _) => Err("802.11 frame"),
            (_, COOKED_LLC) => self.llc(bytes, 0),
            (_, TYPE_MIN..) => self.typed(bytes, kind),
            _ => Err("cooked protocol"),
        }
    }

    fn loopback(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut cursor = self.cursor(bytes);
        cursor.skip(4).ok_or("loopback header")?;
        self.at = cursor.at();
        self.ip(bytes)
    }

    /// Notes that the payload begins here.
    pub fn payload(&mut self, network: Network) {
        self.layers.network = network;
        self.layers.network_at = offset(self.at);
        self.layers.transport_at = offset(self.at);
        self.layers.end = offset(self.end);
        self.layers.whole_end = offset(self.whole);
    }

    /// Takes over a length that a header states: what lies behind it is padding.
    pub fn limit(&mut self, end: usize) {
        self.whole = end;
        self.end = self.end.min(end);
    }

    pub fn cursor<'a>(&self, bytes: &'a [u8]) -> Cursor<'a> {
        Cursor::new(bytes, self.at, self.end)
    }
}

struct Cooked {
    packet_type: u16,
    hardware: u16,
    length: u16,
    address: [u8; 8],
}

/// EtherTypes that wrap traffic which is not opened.
const fn closed_type(kind: u16) -> Option<Encapsulation> {
    Some(match kind {
        0x8847 | 0x8848 => Encapsulation::Mpls,
        0x8864 => Encapsulation::Pppoe,
        0x88e5 => Encapsulation::Macsec,
        0x88e7 => Encapsulation::Pbb,
        0x8926 => Encapsulation::Vntag,
        0x892f => Encapsulation::Hsr,
        _ => return None,
    })
}

/// Numbers that BSD systems write for raw IP.
const RAW_BSD: LinkType = LinkType(12);
const RAW_OPENBSD: LinkType = LinkType(14);

const TAG_C: u16 = 0x8100;
const TAG_S: u16 = 0x88a8;
const TAG_OLD_S: u16 = 0x9100;
const TAG_GROUP: u16 = 0x8909;
const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;

/// The largest 802.3 length and the smallest EtherType; what lies between is neither.
const LENGTH_MAX: u16 = 1_500;
const TYPE_MIN: u16 = 0x0600;

const SNAP: u8 = 0xaa;

/// The protocol of a cooked frame that stands for 802.2 LLC.
const COOKED_LLC: u16 = 4;
const ARPHRD_WIFI: u16 = 801;
const ARPHRD_RADIOTAP: u16 = 803;
const ARPHRD_NETLINK: u16 = 824;

/// Provider bridges use two; a few more come from tools and tests.
const TAGS_MAX: u8 = 8;
