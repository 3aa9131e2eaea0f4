//! Link Layer Discovery Protocol (LLDP), EtherType 0x88cc.
//!
//! Every half minute a device tells its neighbour on the cable who it is. One frame is
//!
//! ```text
//! chassis id | port id | time to live | TLV* | end       TLV = | type 7 bits, length 9 bits | value |
//!
//! 1 chassis id    | subtype 1 | id |
//! 2 port id       | subtype 1 | id |
//! 3 time to live  | seconds 2 |
//! 4 port description, 5 system name, 6 system description: text
//! 7 capabilities  | of the system 2 | enabled 2 |
//! 8 management    | length 1 | family 1 | address | numbering 1 | interface 4 | length 1 | object id |
//! 127 others      | OUI 3 | subtype 1 | value |
//! ```
//!
//! all numbers big-endian. The end may be missing; padding follows it. Those of
//! type 127 that we know are in [`ieee`] (00-80-C2 and 00-12-0F), [`power`] and
//! [`med`] (00-12-BB); others are kept as they are.
//!
//! Source: IEEE 802.1AB-2016, 8 and 9.2.7. Checked against tshark and lldpd.

mod facts;
pub mod ieee;
pub mod med;
pub mod power;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::identifier::Identifier;
use crate::vocabulary::{Mac, Malformed, On, Parser, Probe, Start};

/// What the engine knows of this protocol.
pub const LLDP: Parser = Parser {
    name: "lldp",
    about: "who hangs on which switch port: names, addresses, inventory, power",
    source: "IEEE 802.1AB-2016",
    on: &[On::EtherType(0x88cc)],
    probe: |_, _| Probe::Yes,
    start: Start::Datagram(facts::observe),
};

/// One frame, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it says, in the order sent, up to the first that does not fit.
    pub tlvs: Vec<Tlv<'a>>,
    /// The first fault.
    pub damage: Option<Malformed>,
}

/// One thing that a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tlv<'a> {
    /// Nothing more.
    End,
    /// Who sends.
    Chassis(Id<'a>),
    /// From which port.
    Port(Id<'a>),
    /// How long to believe it, in seconds; 0 says goodbye.
    TimeToLive(u16),
    /// The port, in words.
    PortDescription(&'a [u8]),
    /// The system's name.
    SystemName(&'a [u8]),
    /// The system, in words.
    SystemDescription(&'a [u8]),
    /// What it can do and what it does (bits of 802.1AB table 8-4).
    Capabilities {
        /// What it can do.
        system: u16,
        /// What it does.
        enabled: u16,
    },
    /// An address to manage it by.
    Management(Management<'a>),
    /// Said by IEEE 802.1 or 802.3.
    Ieee(ieee::Tlv<'a>),
    /// Said by TIA TR-41.4, LLDP-MED.
    Med(med::Tlv<'a>),
    /// Said by somebody else, or damaged.
    Organization {
        /// By whom.
        oui: [u8; 3],
        /// Which of his.
        subtype: u8,
        /// Its value.
        value: &'a [u8],
    },
    /// Of an unknown type, or damaged.
    Other {
        /// Which type.
        kind: u8,
        /// Its value.
        value: &'a [u8],
    },
}

/// A chassis id or a port id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<'a> {
    /// What sort of id, by 802.1AB table 8-2 for a chassis and 8-3 for a port.
    pub subtype: u8,
    /// The id.
    pub id: Identifier<'a>,
}

/// An address to manage the device by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Management<'a> {
    /// IANA address family: 1 IPv4, 2 IPv6, 6 MAC.
    pub family: u8,
    /// The address, of whatever family.
    pub address: &'a [u8],
    /// How the interface is numbered: 2 ifIndex, 3 port number.
    pub numbering: u8,
    /// The interface.
    pub interface: u32,
    /// The object that answers (an ASN.1 object identifier without tag and length).
    pub object: &'a [u8],
}

impl Management<'_> {
    /// The IP address, where it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        ip(self.family, self.address)
    }
}

impl<'a> Frame<'a> {
    /// Reads one frame and leaves the padding behind its end.
    ///
    /// A fault does not hide what stands before it, nor one inside a TLV what
    /// stands behind: it is told in [`Frame::damage`].
    ///
    /// # Errors
    /// `Truncated` where not even the first TLV fits; `Invalid` where that is no chassis id.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (first, _) =
            raw(bytes).map_err(|_| Malformed::Truncated { field: "chassis id" }).map(|(_, tlv)| tlv)?;
        if first != CHASSIS {
            return Err(Malformed::Invalid { field: "chassis id" });
        }
        let mut frame = Self { tlvs: Vec::new(), damage: None };
        let mut rest = bytes;
        while !rest.is_empty() {
            let Ok((after, (kind, value))) = raw(rest) else {
                frame.damage = frame.damage.or(Some(Malformed::Truncated { field: "TLV" }));
                return Ok(frame);
            };
            rest = after;
            let misplaced = frame.misplaced(kind);
            frame.damage = frame.damage.or(misplaced);
            if misplaced.is_some() && frame.tlvs.len() < MANDATORY.len() {
                return Ok(frame);
            }
            let read = tlv(kind, value);
            frame.damage = frame.damage.or(read.as_ref().err().copied());
            frame.tlvs.push(read.unwrap_or_else(|_| damaged(kind, value)));
            if kind == END {
                break;
            }
        }
        if frame.tlvs.len() < MANDATORY.len() {
            frame.damage = frame.damage.or(Some(Malformed::Truncated { field: "mandatory TLVs" }));
        }
        Ok(frame)
    }

    /// Who sends.
    #[must_use]
    pub fn chassis(&self) -> Option<Id<'a>> {
        self.tlvs.iter().find_map(|tlv| if let Tlv::Chassis(id) = tlv { Some(*id) } else { None })
    }

    /// From which port.
    #[must_use]
    pub fn port(&self) -> Option<Id<'a>> {
        self.tlvs.iter().find_map(|tlv| if let Tlv::Port(id) = tlv { Some(*id) } else { None })
    }

    /// How long to believe it, in seconds.
    #[must_use]
    pub fn ttl_s(&self) -> Option<u16> {
        self.tlvs.iter().find_map(|tlv| if let Tlv::TimeToLive(ttl_s) = tlv { Some(*ttl_s) } else { None })
    }

    /// The fault of a next TLV of this kind: the first three are fixed, and come once (802.1AB, 9.2.7.7.1).
    fn misplaced(&self, kind: u8) -> Option<Malformed> {
        let is_right = match MANDATORY.get(self.tlvs.len()) {
            Some(wanted) => kind == *wanted,
            None => !MANDATORY.contains(&kind),
        };
        (!is_right).then_some(Malformed::Invalid { field: "mandatory TLVs" })
    }
}

fn raw(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, head) = be_u16(i)?;
    let [kind, _] = (head >> 1).to_be_bytes();
    let (i, value) = take(head & LENGTH_MASK)(i)?;
    Ok((i, (kind, value)))
}

fn tlv(kind: u8, value: &[u8]) -> Result<Tlv<'_>, Malformed> {
    let invalid = |field| Malformed::Invalid { field };
    match kind {
        END => Ok(Tlv::End),
        CHASSIS => id(value, CHASSIS_MAC, CHASSIS_ADDRESS).map(Tlv::Chassis).ok_or(invalid("chassis id")),
        PORT => id(value, PORT_MAC, PORT_ADDRESS).map(Tlv::Port).ok_or(invalid("port id")),
        // What is past two bytes is to be ignored (802.1AB, 9.2.7.7.1).
        TIME_TO_LIVE => match value {
            [high, low, ..] => Ok(Tlv::TimeToLive(u16::from_be_bytes([*high, *low]))),
            _ => Err(invalid("time to live")),
        },
        PORT_DESCRIPTION => Ok(Tlv::PortDescription(value)),
        SYSTEM_NAME => Ok(Tlv::SystemName(value)),
        SYSTEM_DESCRIPTION => Ok(Tlv::SystemDescription(value)),
        CAPABILITIES => match *value {
            [a, b, c, d] => Ok(Tlv::Capabilities {
                system: u16::from_be_bytes([a, b]),
                enabled: u16::from_be_bytes([c, d]),
            }),
            _ => Err(invalid("capabilities")),
        },
        MANAGEMENT => match management(value) {
            Ok((_, management)) => Ok(Tlv::Management(management)),
            Err(_) => Err(invalid("management address")),
        },
        ORGANIZATION => organization(value),
        _ => Ok(Tlv::Other { kind, value }),
    }
}

fn organization(value: &[u8]) -> Result<Tlv<'_>, Malformed> {
    let Some((&[a, b, c, subtype], value)) = value.split_first_chunk() else {
        return Err(Malformed::Invalid { field: "organization" });
    };
    let oui = [a, b, c];
    let other = Tlv::Organization { oui, subtype, value };
    match oui {
        ieee::OUI_8021 => ieee::dot1(subtype, value).map(|tlv| tlv.map_or(other, Tlv::Ieee)),
        ieee::OUI_8023 => ieee::dot3(subtype, value).map(|tlv| tlv.map_or(other, Tlv::Ieee)),
        med::OUI => med::read(subtype, value).map(|tlv| tlv.map_or(other, Tlv::Med)),
        _ => Ok(other),
    }
}

/// A damaged TLV is kept as it is.
fn damaged(kind: u8, value: &[u8]) -> Tlv<'_> {
    match value.split_first_chunk() {
        Some((&[a, b, c, subtype], value)) if kind == ORGANIZATION => {
            Tlv::Organization { oui: [a, b, c], subtype, value }
        }
        _ => Tlv::Other { kind, value },
    }
}

fn id(value: &[u8], mac: u8, address: u8) -> Option<Id<'_>> {
    let (&subtype, value) = value.split_first().filter(|(_, value)| !value.is_empty())?;
    let id = if subtype == mac {
        Identifier::Mac(Mac::from_slice(value)?)
    } else if subtype == address {
        let (&family, address) = value.split_first()?;
        ip(family, address).map_or(Identifier::Opaque(value), Identifier::Address)
    } else {
        Identifier::text_or_opaque(value)
    };
    Some(Id { subtype, id })
}

fn management(i: &[u8]) -> IResult<&[u8], Management<'_>> {
    let (i, length) = be_u8(i)?;
    let (i, address) = take(length)(i)?;
    let (address, family) = be_u8(address)?;
    let (i, numbering) = be_u8(i)?;
    let (i, interface) = be_u32(i)?;
    let (i, length) = be_u8(i)?;
    let (i, object) = take(length)(i)?;
    Ok((i, Management { family, address, numbering, interface, object }))
}

fn ip(family: u8, address: &[u8]) -> Option<IpAddr> {
    match family {
        FAMILY_IPV4 => <[u8; 4]>::try_from(address).ok().map(|ip| Ipv4Addr::from(ip).into()),
        FAMILY_IPV6 => <[u8; 16]>::try_from(address).ok().map(|ip| Ipv6Addr::from(ip).into()),
        _ => None,
    }
}

const LENGTH_MASK: u16 = 0x01ff;
const END: u8 = 0;
const CHASSIS: u8 = 1;
const PORT: u8 = 2;
const TIME_TO_LIVE: u8 = 3;
const PORT_DESCRIPTION: u8 = 4;
const SYSTEM_NAME: u8 = 5;
const SYSTEM_DESCRIPTION: u8 = 6;
const CAPABILITIES: u8 = 7;
const MANAGEMENT: u8 = 8;
const ORGANIZATION: u8 = 127;
const MANDATORY: [u8; 3] = [CHASSIS, PORT, TIME_TO_LIVE];
const CHASSIS_MAC: u8 = 4;
const CHASSIS_ADDRESS: u8 = 5;
const PORT_MAC: u8 = 3;
const PORT_ADDRESS: u8 = 4;
/// IANA, "Address Family Numbers".
const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::{Envelope, Sink};
    use proptest::prelude::*;

    pub const MAC: Mac = Mac([2, 0, 0, 0, 0, 0x5a]);
    /// Chassis 02:00:00:00:00:5a, port `g1`, 120 s.
    pub const HEAD: &[u8] = b"\x02\x07\x04\x02\0\0\0\0\x5a\x04\x03\x05g1\x06\x02\0\x78";

    /// A frame with these TLVs behind the mandatory ones.
    pub fn frame(tlvs: &[u8]) -> Vec<u8> {
        [HEAD, tlvs].concat()
    }

    /// The one TLV behind the mandatory ones.
    fn fourth(tlvs: &[u8]) -> (Tlv<'_>, Option<Malformed>) {
        let bytes = Box::leak(frame(tlvs).into_boxed_slice());
        let mut frame = Frame::parse(bytes).unwrap();
        (frame.tlvs.remove(3), frame.damage)
    }

    #[test]
    fn mandatory_part_is_read_and_padding_left() {
        let bytes = frame(b"\0\0\0\0\0\0\0\0");
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame.chassis(), Some(Id { subtype: 4, id: Identifier::Mac(MAC) }));
        assert_eq!(frame.port(), Some(Id { subtype: 5, id: Identifier::Text(b"g1") }));
        assert_eq!((frame.ttl_s(), frame.tlvs.len(), frame.damage), (Some(120), 4, None));
    }

    #[test]
    fn frame_without_an_end_is_whole() {
        assert_eq!(Frame::parse(HEAD).unwrap().damage, None);
    }

    #[test]
    fn texts_and_capabilities_are_read() {
        assert_eq!(fourth(b"\x08\x04up 1"), (Tlv::PortDescription(b"up 1"), None));
        assert_eq!(fourth(b"\x0a\x02s1"), (Tlv::SystemName(b"s1"), None));
        assert_eq!(fourth(b"\x0c\x02OS"), (Tlv::SystemDescription(b"OS"), None));
        let capabilities = Tlv::Capabilities { system: 0x14, enabled: 4 };
        assert_eq!(fourth(b"\x0e\x04\0\x14\0\x04"), (capabilities, None));
    }

    #[test]
    fn management_address_is_read() {
        let (tlv, damage) = fourth(b"\x10\x0e\x05\x01\xc0\0\x02\x05\x02\0\0\0\x07\x02\x2b\x06");
        let Tlv::Management(management) = tlv else { panic!("{tlv:?}") };
        assert_eq!(management.ip(), Some(Ipv4Addr::new(192, 0, 2, 5).into()));
        assert_eq!((management.numbering, management.interface), (2, 7));
        assert_eq!((management.object, damage), (b"\x2b\x06".as_slice(), None));
    }

    #[test]
    fn network_address_is_an_id() {
        let bytes = b"\x02\x06\x05\x01\xc0\0\x02\x05\x04\x03\x07p1\x06\x02\0\x78";
        let id = Frame::parse(bytes).unwrap().chassis().unwrap().id;
        assert_eq!(id, Identifier::Address(Ipv4Addr::new(192, 0, 2, 5).into()));
    }

    #[test]
    fn what_others_say_is_kept() {
        let expected = Tlv::Organization { oui: [2, 0, 1], subtype: 9, value: b"ab" };
        assert_eq!(fourth(b"\xfe\x06\x02\0\x01\x09ab"), (expected, None));
        assert_eq!(fourth(b"\x20\x01x"), (Tlv::Other { kind: 16, value: b"x" }, None));
    }

    #[test]
    fn damage_inside_a_tlv_does_not_hide_the_next() {
        let bytes = frame(b"\x0e\x02\0\x14\x0a\x02s1\0\0");
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame.tlvs[3..5], [Tlv::Other { kind: 7, value: b"\0\x14" }, Tlv::SystemName(b"s1")]);
        assert_eq!(frame.damage, Some(Malformed::Invalid { field: "capabilities" }));
    }

    #[test]
    fn tlv_longer_than_the_frame_is_truncated_and_the_earlier_stay() {
        let bytes = frame(b"\x0a\x09s1");
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!((frame.tlvs.len(), frame.damage), (3, Some(Malformed::Truncated { field: "TLV" })));
    }

    #[test]
    fn mandatory_part_that_is_wrong_is_invalid() {
        assert_eq!(Frame::parse(&[]), Err(Malformed::Truncated { field: "chassis id" }));
        assert_eq!(Frame::parse(b"\x04\x03\x05g1"), Err(Malformed::Invalid { field: "chassis id" }));
        let twice = Some(Malformed::Invalid { field: "mandatory TLVs" });
        assert_eq!(Frame::parse(&frame(b"\x06\x02\0\x01")).unwrap().damage, twice);
        let early = Frame::parse(b"\x02\x03\x07s1\x0a\x02s1\x04\x03\x05g1\x06\x02\0\x78").unwrap();
        assert_eq!((early.tlvs.len(), early.damage), (1, twice));
        let short = Some(Malformed::Truncated { field: "mandatory TLVs" });
        assert_eq!(Frame::parse(&HEAD[..9]).unwrap().damage, short);
    }

    #[test]
    fn chassis_that_calls_itself_a_mac_and_is_none_is_invalid() {
        let bytes = b"\x02\x03\x04ab\x04\x03\x05g1\x06\x02\0\x78";
        let frame = Frame::parse(bytes).unwrap();
        assert_eq!((frame.chassis(), frame.damage), (None, Some(Malformed::Invalid { field: "chassis id" })));
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = frame(b"\x0e\x04\0\x14\0\x04\xfe\x09\0\x12\x0f\x01\x03\x6c\x03\0\x10\0\0");
        for end in 0..bytes.len() {
            let _ = facts::observe(&Envelope::default(), &bytes[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = facts::observe(&Envelope::default(), &bytes, &mut Sink::default());
            let _ = facts::observe(&Envelope::default(), &frame(&bytes), &mut Sink::default());
        }

        #[test]
        fn any_value_of_any_known_tlv_is_answered_without_panic(
            oui in prop_oneof![Just(ieee::OUI_8021), Just(ieee::OUI_8023), Just(med::OUI)],
            subtype in 0u8..12,
            value in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let length = u8::try_from(value.len()).unwrap() + 4;
            let tlv = [&[0xfe, length], oui.as_slice(), &[subtype], &value].concat();
            let _ = facts::observe(&Envelope::default(), &frame(&tlv), &mut Sink::default());
        }
    }
}
