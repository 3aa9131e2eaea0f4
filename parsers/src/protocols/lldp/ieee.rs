//! What IEEE 802.1 and 802.3 add to LLDP, but for power.
//!
//! ```text
//! 00-80-C2  1 port VLAN           | vlan 2 |
//!           2 protocol VLAN       | flags 1 | vlan 2 |
//!           3 VLAN name           | vlan 2 | length 1 | name |
//!           4 protocol            | length 1 | first bytes of its packets |
//!           6 management VLAN     | vlan 2 |
//!           7 link aggregation    | flags 1 | port 4 |
//! 00-12-0F  1 MAC and PHY         | flags 1 | capabilities 2 | operational MAU type 2 |
//!           2 power via MDI       see `power`
//!           3 link aggregation    | flags 1 | port 4 |
//!           4 longest frame       | bytes 2 |
//! ```
//!
//! Source: IEEE 802.1Q-2018, annex D.2; IEEE 802.3-2018, 79.3. Left out, and
//! kept as raw TLVs: data centre bridging, energy efficiency, time-sensitive networking.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

use super::power::Power;
use crate::vocabulary::Malformed;

/// IEEE 802.1.
pub const OUI_8021: [u8; 3] = [0x00, 0x80, 0xc2];
/// IEEE 802.3.
pub const OUI_8023: [u8; 3] = [0x00, 0x12, 0x0f];

/// One thing that IEEE 802.1 or 802.3 has a device say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tlv<'a> {
    /// The VLAN of untagged frames; 0 says there is none.
    PortVlan(u16),
    /// A VLAN for some protocols.
    ProtocolVlan {
        /// Bit 1 supported, bit 2 enabled.
        flags: u8,
        /// The VLAN.
        vlan: u16,
    },
    /// A VLAN's name.
    VlanName {
        /// The VLAN.
        vlan: u16,
        /// Its name.
        name: &'a [u8],
    },
    /// A protocol that the port speaks, by the first bytes of its packets.
    Protocol(&'a [u8]),
    /// The VLAN that manages the device.
    ManagementVlan(u16),
    /// A bond of several ports, by 802.1 or, before, 802.3.
    Aggregation {
        /// Bit 0 able, bit 1 in one, bits 2 and 3 what sort of port.
        flags: u8,
        /// The bond's port.
        port: u32,
    },
    /// The link.
    MacPhy(MacPhy),
    /// Power over Ethernet.
    Power(Power),
    /// The longest frame in bytes.
    MaxFrame(u16),
}

/// The link, as the PHY negotiated it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacPhy {
    /// Bit 0: it can negotiate; bit 1: it does.
    pub negotiation: u8,
    /// What it offers, bits of ifMauAutoNegCapAdvertisedBits (RFC 4836), the first in the upper bit.
    pub offered: u16,
    /// What it runs, number of dot3MauType (RFC 4836): 16 is 100BASE-TX, 30 is 1000BASE-T, both full duplex.
    pub operational: u16,
}

impl MacPhy {
    /// Speed in Mbit/s and whether it is full duplex, of the links that devices have; `None` of any other, and
    /// where the type leaves the duplex open (IANA-MAU-MIB, dot3MauType).
    #[must_use]
    pub const fn link(self) -> Option<(u32, bool)> {
        let mbps = match self.operational {
            10..=13 => 10,
            15..=20 => 100,
            21..=30 => 1_000,
            _ => return None,
        };
        let is_full = matches!(self.operational, 11 | 13 | 16 | 18 | 20 | 22 | 24 | 26 | 28 | 30);
        Some((mbps, is_full))
    }
}

/// Reads a TLV of 802.1; `None` where the subtype is not among ours.
///
/// # Errors
/// `Invalid` where the value is shorter than its subtype asks for.
pub fn dot1(subtype: u8, value: &[u8]) -> Result<Option<Tlv<'_>>, Malformed> {
    let (field, read) = match subtype {
        1 => ("port VLAN", be_u16(value).map(|(i, vlan)| (i, Tlv::PortVlan(vlan)))),
        2 => ("protocol VLAN", protocol_vlan(value)),
        3 => ("VLAN name", vlan_name(value)),
        4 => ("protocol identity", lengthened(value).map(|(i, protocol)| (i, Tlv::Protocol(protocol)))),
        6 => ("management VLAN", be_u16(value).map(|(i, vlan)| (i, Tlv::ManagementVlan(vlan)))),
        7 => ("link aggregation", aggregation(value)),
        _ => return Ok(None),
    };
    finish(field, read)
}

/// Reads a TLV of 802.3; `None` where the subtype is not among ours.
///
/// # Errors
/// `Invalid` where the value is shorter than its subtype asks for.
pub fn dot3(subtype: u8, value: &[u8]) -> Result<Option<Tlv<'_>>, Malformed> {
    let (field, read) = match subtype {
        1 => ("MAC/PHY", mac_phy(value)),
        2 => ("power via MDI", Power::read(value).map(|(i, power)| (i, Tlv::Power(power)))),
        3 => ("link aggregation", aggregation(value)),
        4 => ("maximum frame size", be_u16(value).map(|(i, bytes)| (i, Tlv::MaxFrame(bytes)))),
        _ => return Ok(None),
    };
    finish(field, read)
}

fn finish<'a>(field: &'static str, read: IResult<&'a [u8], Tlv<'a>>) -> Result<Option<Tlv<'a>>, Malformed> {
    read.map(|(_later_editions, tlv)| Some(tlv)).map_err(|_| Malformed::Invalid { field })
}

fn protocol_vlan(i: &[u8]) -> IResult<&[u8], Tlv<'_>> {
    let (i, flags) = be_u8(i)?;
    let (i, vlan) = be_u16(i)?;
    Ok((i, Tlv::ProtocolVlan { flags, vlan }))
}

fn vlan_name(i: &[u8]) -> IResult<&[u8], Tlv<'_>> {
    let (i, vlan) = be_u16(i)?;
    let (i, name) = lengthened(i)?;
    Ok((i, Tlv::VlanName { vlan, name }))
}

fn lengthened(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, length) = be_u8(i)?;
    take(length)(i)
}

fn aggregation(i: &[u8]) -> IResult<&[u8], Tlv<'_>> {
    let (i, flags) = be_u8(i)?;
    let (i, port) = be_u32(i)?;
    Ok((i, Tlv::Aggregation { flags, port }))
}

fn mac_phy(i: &[u8]) -> IResult<&[u8], Tlv<'_>> {
    let (i, negotiation) = be_u8(i)?;
    let (i, offered) = be_u16(i)?;
    let (i, operational) = be_u16(i)?;
    Ok((i, Tlv::MacPhy(MacPhy { negotiation, offered, operational })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vlans_are_read() {
        assert_eq!(dot1(1, &[0, 20]), Ok(Some(Tlv::PortVlan(20))));
        assert_eq!(dot1(2, &[6, 0, 30]), Ok(Some(Tlv::ProtocolVlan { flags: 6, vlan: 30 })));
        assert_eq!(dot1(3, b"\0\x14\x03cam"), Ok(Some(Tlv::VlanName { vlan: 20, name: b"cam" })));
        assert_eq!(dot1(6, &[0, 99]), Ok(Some(Tlv::ManagementVlan(99))));
    }

    #[test]
    fn link_is_read() {
        let link = MacPhy { negotiation: 3, offered: 0x6c03, operational: 16 };
        assert_eq!(dot3(1, &[3, 0x6c, 3, 0, 16]), Ok(Some(Tlv::MacPhy(link))));
        assert_eq!(dot3(4, &[5, 0xf2]), Ok(Some(Tlv::MaxFrame(1522))));
        let bond = Ok(Some(Tlv::Aggregation { flags: 3, port: 7 }));
        assert_eq!((dot3(3, &[3, 0, 0, 0, 7]), dot1(7, &[3, 0, 0, 0, 7])), (bond, bond));
    }

    #[test]
    fn type_of_the_link_tells_speed_and_duplex() {
        let of = |operational| MacPhy { negotiation: 3, offered: 0, operational }.link();
        assert_eq!([of(10), of(15), of(16)], [Some((10, false)), Some((100, false)), Some((100, true))]);
        assert_eq!([of(29), of(30), of(5), of(0)], [Some((1_000, false)), Some((1_000, true)), None, None]);
    }

    #[test]
    fn unknown_subtype_is_not_ours() {
        assert_eq!((dot1(200, &[]), dot3(200, &[])), (Ok(None), Ok(None)));
    }

    #[test]
    fn value_that_is_too_short_is_invalid() {
        assert_eq!(dot1(1, &[0]), Err(Malformed::Invalid { field: "port VLAN" }));
        assert_eq!(dot1(3, b"\0\x14\x09cam"), Err(Malformed::Invalid { field: "VLAN name" }));
        assert_eq!(dot3(4, &[5]), Err(Malformed::Invalid { field: "maximum frame size" }));
        assert_eq!(dot3(2, &[]), Err(Malformed::Invalid { field: "power via MDI" }));
    }
}
