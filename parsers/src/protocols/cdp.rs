//! Cisco Discovery Protocol (CDP), SNAP 00-00-0C 0x2000.
//!
//! Once a minute a device tells its neighbour on the cable who it is. One frame is
//!
//! ```text
//! 0         1      2          4
//! | version | time | checksum | TLV*                 TLV = | type 2 | length 2, of all of it | value |
//!
//! 1 device id, 3 port id, 5 software version, 6 platform, 0x14 system name: text
//! 2 addresses, 0x16 management addresses
//!                | number 4 | address* |             | form 1 | length 1 | protocol | length 2 | address |
//! 4 capabilities | bits 4 |
//! 0x0a native VLAN, 0x10 power consumption | 2 |     0x11 MTU | 4 |     0x0b duplex | 1 |
//! 0x0e voice VLAN: of the switch, 0x0f: asked for    | sort 1 | VLAN 2 |
//! 0x17 location  | sort 1 | text |
//! 0x19 power requested, 0x1a power available         | request 2 | management 2 | milliwatts 4 |* |
//! ```
//!
//! all numbers big-endian, the time to live in seconds, power in milliwatts. IPv4 has form 1 and protocol
//! 0xcc, IPv6 form 2 and the SNAP header of its EtherType.
//!
//! Source: Cisco, "Cisco Discovery Protocol" (frame formats in the Catalyst token ring guide); the later TLVs
//! have no public text and are read as tshark reads them. Left out: the checksum, which for odd lengths is not
//! that of RFC 1071; prefixes, VTP, clusters and EnergyWise; the serial number that some systems write into the
//! device id in brackets, and others the name.

mod facts;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::vocabulary::{Malformed, On, Parser, Probe, Start};

/// What the engine knows of this protocol.
pub const CDP: Parser = Parser {
    name: "cdp",
    about: "who hangs on which Cisco port: names, addresses, platform, duplex, power",
    source: r#"Cisco, "Cisco Discovery Protocol""#,
    on: &[On::Snap([0, 0, 0x0c], 0x2000)],
    probe: |_, bytes| if matches!(bytes, [1 | 2, ..]) { Probe::Yes } else { Probe::No },
    start: Start::Datagram(facts::observe),
};

/// One frame, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// 1 or 2.
    pub version: u8,
    /// How long to believe it, in seconds; 0 says goodbye.
    pub ttl_s: u8,
    /// What it says, in the order sent, up to the first that does not fit.
    pub tlvs: Vec<Tlv<'a>>,
    /// The first fault.
    pub damage: Option<Malformed>,
}

/// One thing that a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tlv<'a> {
    /// Who sends.
    DeviceId(&'a [u8]),
    /// Addresses of the port that sends.
    Addresses(Vec<Address<'a>>),
    /// From which port.
    PortId(&'a [u8]),
    /// What it does: 1 router, 2 transparent and 4 source-route bridge, 8 switch, 16 host, 32 IGMP snooping,
    /// 64 repeater, 128 telephone, 1024 two-port relay.
    Capabilities(u32),
    /// Its software, in words.
    Version(&'a [u8]),
    /// Its model, in words.
    Platform(&'a [u8]),
    /// Which VLAN its untagged frames belong to.
    NativeVlan(u16),
    /// Whether its port speaks and listens at once.
    FullDuplex(bool),
    /// Which VLAN telephones are to use.
    VoiceVlan(u16),
    /// Which VLAN the telephone would like.
    VoiceVlanQuery(u16),
    /// How much power it takes, in milliwatts.
    PowerConsumption(u16),
    /// The longest packet, in bytes.
    Mtu(u32),
    /// The system's name.
    SystemName(&'a [u8]),
    /// Addresses to manage it by.
    Management(Vec<Address<'a>>),
    /// Where it is.
    Location(&'a [u8]),
    /// Power that it asks for.
    PowerRequested(Power),
    /// Power that it has to give.
    PowerAvailable(Power),
    /// Of another type, or damaged.
    Other {
        /// Which type.
        kind: u16,
        /// Its value.
        value: &'a [u8],
    },
}

/// One address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// How the protocol is named: 1 NLPID, 2 by 802.2.
    pub form: u8,
    /// The protocol.
    pub protocol: &'a [u8],
    /// The address.
    pub address: &'a [u8],
}

/// Power that is asked for or offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Power {
    /// Which request this is, or answers.
    pub request: u16,
    /// Which state of the power management it belongs to.
    pub management: u16,
    /// Levels in milliwatts, the wanted one first; [`Power::LEVELS_MAX`] at most.
    pub levels_mw: Vec<u32>,
}

impl Power {
    /// More levels than any device asks for.
    pub const LEVELS_MAX: usize = 16;
}

impl Address<'_> {
    /// The IP address, where it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match (self.form, self.protocol) {
            (1, [0xcc]) => <[u8; 4]>::try_from(self.address).ok().map(|ip| Ipv4Addr::from(ip).into()),
            (2, SNAP_OF_IPV6) => <[u8; 16]>::try_from(self.address).ok().map(|ip| Ipv6Addr::from(ip).into()),
            _ => None,
        }
    }
}

impl<'a> Frame<'a> {
    /// Reads one frame.
    ///
    /// A fault does not hide what stands before it, nor one inside a TLV what
    /// stands behind: it is told in [`Frame::damage`].
    ///
    /// # Errors
    /// `Truncated` where not even the header fits.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (mut rest, (version, ttl_s)) =
            header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        let mut frame = Self { version, ttl_s, tlvs: Vec::new(), damage: None };
        // Zeros are padding that a capture without the frame's length leaves.
        while rest.iter().any(|byte| *byte != 0) {
            let (after, (kind, value)) = match raw(rest) {
                Ok(read) => read,
                Err(damage) => {
                    frame.damage = frame.damage.or(Some(damage));
                    return Ok(frame);
                }
            };
            rest = after;
            let read = tlv(kind, value);
            frame.damage = frame.damage.or(read.as_ref().err().copied());
            frame.tlvs.push(read.unwrap_or(Tlv::Other { kind, value }));
        }
        Ok(frame)
    }
}

fn header(i: &[u8]) -> IResult<&[u8], (u8, u8)> {
    let (i, version) = be_u8(i)?;
    let (i, ttl_s) = be_u8(i)?;
    let (i, _checksum) = be_u16(i)?;
    Ok((i, (version, ttl_s)))
}

type Raw<'a> = (u16, &'a [u8]);

fn raw(i: &[u8]) -> Result<(&[u8], Raw<'_>), Malformed> {
    let truncated = |_: nom::Err<nom::error::Error<&[u8]>>| Malformed::Truncated { field: "TLV" };
    let (i, kind) = be_u16(i).map_err(truncated)?;
    let (i, length) = be_u16(i).map_err(truncated)?;
    let length = length.checked_sub(HEAD).ok_or(Malformed::Invalid { field: "TLV length" })?;
    let (i, value) = take(length)(i).map_err(truncated)?;
    Ok((i, (kind, value)))
}

fn tlv(kind: u16, value: &[u8]) -> Result<Tlv<'_>, Malformed> {
    let invalid = |field| Malformed::Invalid { field };
    match kind {
        DEVICE_ID => Ok(Tlv::DeviceId(value)),
        ADDRESSES => addresses(value).map(Tlv::Addresses).ok_or(invalid("addresses")),
        PORT_ID => Ok(Tlv::PortId(value)),
        CAPABILITIES => long(value).map(Tlv::Capabilities).ok_or(invalid("capabilities")),
        VERSION => Ok(Tlv::Version(value)),
        PLATFORM => Ok(Tlv::Platform(value)),
        NATIVE_VLAN => short(value).map(Tlv::NativeVlan).ok_or(invalid("native VLAN")),
        DUPLEX => match value {
            [duplex, ..] => Ok(Tlv::FullDuplex(*duplex != 0)),
            [] => Err(invalid("duplex")),
        },
        VOICE_VLAN | VOICE_VLAN_QUERY => match (value, kind) {
            ([_, vlan @ ..], VOICE_VLAN) if vlan.len() >= 2 => {
                short(vlan).map(Tlv::VoiceVlan).ok_or(invalid("voice VLAN"))
            }
            ([_, vlan @ ..], _) if vlan.len() >= 2 => {
                short(vlan).map(Tlv::VoiceVlanQuery).ok_or(invalid("voice VLAN"))
            }
            // One byte says that there is none.
            ([_, ..], _) => Ok(Tlv::Other { kind, value }),
            ([], _) => Err(invalid("voice VLAN")),
        },
        POWER_CONSUMPTION => short(value).map(Tlv::PowerConsumption).ok_or(invalid("power consumption")),
        MTU => long(value).map(Tlv::Mtu).ok_or(invalid("MTU")),
        SYSTEM_NAME => Ok(Tlv::SystemName(value)),
        MANAGEMENT => addresses(value).map(Tlv::Management).ok_or(invalid("management addresses")),
        LOCATION => match value {
            [_, text @ ..] => Ok(Tlv::Location(text)),
            [] => Err(invalid("location")),
        },
        POWER_REQUESTED => match power(value) {
            Ok((_, power)) => Ok(Tlv::PowerRequested(power)),
            Err(_) => Err(invalid("power requested")),
        },
        POWER_AVAILABLE => match power(value) {
            Ok((_, power)) => Ok(Tlv::PowerAvailable(power)),
            Err(_) => Err(invalid("power available")),
        },
        _ => Ok(Tlv::Other { kind, value }),
    }
}

fn short(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn long(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// `None` where the number promises more than there are.
fn addresses(value: &[u8]) -> Option<Vec<Address<'_>>> {
    let (number, mut rest) = value.split_first_chunk()?;
    let mut addresses = Vec::new();
    for _ in 0..u32::from_be_bytes(*number) {
        let (after, address) = address(rest).ok()?;
        rest = after;
        addresses.push(address);
    }
    Some(addresses)
}

fn address(i: &[u8]) -> IResult<&[u8], Address<'_>> {
    let (i, form) = be_u8(i)?;
    let (i, length) = be_u8(i)?;
    let (i, protocol) = take(length)(i)?;
    let (i, length) = be_u16(i)?;
    let (i, address) = take(length)(i)?;
    Ok((i, Address { form, protocol, address }))
}

fn power(i: &[u8]) -> IResult<&[u8], Power> {
    let (i, request) = be_u16(i)?;
    let (mut i, management) = be_u16(i)?;
    let mut levels_mw = Vec::new();
    while levels_mw.len() < Power::LEVELS_MAX && i.len() >= 4 {
        let (rest, level) = be_u32(i)?;
        i = rest;
        levels_mw.push(level);
    }
    Ok((i, Power { request, management, levels_mw }))
}

/// Bytes of type and length, which the length counts too.
const HEAD: u16 = 4;
const DEVICE_ID: u16 = 0x01;
const ADDRESSES: u16 = 0x02;
const PORT_ID: u16 = 0x03;
const CAPABILITIES: u16 = 0x04;
const VERSION: u16 = 0x05;
const PLATFORM: u16 = 0x06;
const NATIVE_VLAN: u16 = 0x0a;
const DUPLEX: u16 = 0x0b;
const VOICE_VLAN: u16 = 0x0e;
const VOICE_VLAN_QUERY: u16 = 0x0f;
const POWER_CONSUMPTION: u16 = 0x10;
const MTU: u16 = 0x11;
const SYSTEM_NAME: u16 = 0x14;
const MANAGEMENT: u16 = 0x16;
const LOCATION: u16 = 0x17;
const POWER_REQUESTED: u16 = 0x19;
const POWER_AVAILABLE: u16 = 0x1a;
/// LLC and SNAP headers before EtherType 0x86dd.
const SNAP_OF_IPV6: &[u8] = b"\xaa\xaa\x03\0\0\0\x86\xdd";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::{Envelope, Sink};
    use proptest::prelude::*;

    /// Version 2, 180 s, device `sw1`, port `Gi1/7`.
    pub const HEAD: &[u8] = b"\x02\xb4\x12\x34\0\x01\0\x07sw1\0\x03\0\x09Gi1/7";

    /// A frame with these TLVs behind the ids.
    pub fn frame(tlvs: &[u8]) -> Vec<u8> {
        [HEAD, tlvs].concat()
    }

    /// The one TLV behind the ids.
    fn third(tlvs: &[u8]) -> (Tlv<'_>, Option<Malformed>) {
        let bytes = Box::leak(frame(tlvs).into_boxed_slice());
        let mut frame = Frame::parse(bytes).unwrap();
        (frame.tlvs.remove(2), frame.damage)
    }

    #[test]
    fn header_and_ids_are_read() {
        let frame = Frame::parse(HEAD).unwrap();
        assert_eq!((frame.version, frame.ttl_s, frame.damage), (2, 180, None));
        assert_eq!(frame.tlvs, [Tlv::DeviceId(b"sw1"), Tlv::PortId(b"Gi1/7")]);
    }

    #[test]
    fn texts_and_numbers_are_read() {
        for (bytes, tlv) in [
            (&b"\0\x04\0\x08\0\0\0\x28"[..], Tlv::Capabilities(0x28)),
            (b"\0\x05\0\x07IOS", Tlv::Version(b"IOS")),
            (b"\0\x06\0\x09cisco", Tlv::Platform(b"cisco")),
            (b"\0\x0a\0\x06\0\x14", Tlv::NativeVlan(20)),
            (b"\0\x0b\0\x05\x01", Tlv::FullDuplex(true)),
            (b"\0\x0e\0\x07\x01\0\x1e", Tlv::VoiceVlan(30)),
            (b"\0\x0f\0\x07\x20\0\x1e", Tlv::VoiceVlanQuery(30)),
            (b"\0\x0f\0\x05\0", Tlv::Other { kind: 15, value: b"\0" }),
            (b"\0\x10\0\x06\x18\x9c", Tlv::PowerConsumption(6300)),
            (b"\0\x11\0\x08\0\0\x05\xdc", Tlv::Mtu(1500)),
            (b"\0\x14\0\x06s1", Tlv::SystemName(b"s1")),
            (b"\0\x17\0\x08\0hal", Tlv::Location(b"hal")),
            (b"\0\x12\0\x05\0", Tlv::Other { kind: 18, value: b"\0" }),
        ] {
            assert_eq!(third(bytes), (tlv, None));
        }
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        let (tlv, damage) = third(
            b"\0\x02\0\x2d\0\0\0\x02\x01\x01\xcc\0\x04\xc0\0\x02\x05\
            \x02\x08\xaa\xaa\x03\0\0\0\x86\xdd\0\x10\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x05",
        );
        let Tlv::Addresses(addresses) = tlv else { panic!("{tlv:?}") };
        let ips: Vec<_> = addresses.iter().filter_map(Address::ip).map(|ip| ip.to_string()).collect();
        assert_eq!((ips, damage), (vec!["192.0.2.5".to_owned(), "fe80::5".to_owned()], None));
    }

    #[test]
    fn power_is_a_list_of_levels() {
        let power = |levels_mw| Power { request: 7, management: 1, levels_mw };
        let bytes = b"\0\x19\0\x10\0\x07\0\x01\0\0\x3c\x28\0\0\x18\x9c";
        assert_eq!(third(bytes), (Tlv::PowerRequested(power(vec![15_400, 6_300])), None));
        assert_eq!(third(b"\0\x1a\0\x08\0\x07\0\x01"), (Tlv::PowerAvailable(power(vec![])), None));
    }

    #[test]
    fn frame_without_tlvs_says_nothing_and_padding_is_left() {
        assert_eq!(Frame::parse(b"\x01\xb4\0\0").unwrap().tlvs, []);
        assert_eq!(Frame::parse(&frame(&[0; 9])).unwrap().damage, None);
    }

    #[test]
    fn damage_inside_a_tlv_does_not_hide_the_next() {
        let bytes = frame(b"\0\x0a\0\x05\x01\0\x14\0\x06s1");
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame.tlvs[2..], [Tlv::Other { kind: 10, value: b"\x01" }, Tlv::SystemName(b"s1")]);
        assert_eq!(frame.damage, Some(Malformed::Invalid { field: "native VLAN" }));
    }

    #[test]
    fn more_addresses_than_there_are_is_invalid() {
        let (_, damage) = third(b"\0\x16\0\x11\xff\xff\xff\xff\x01\x01\xcc\0\x04\xc0\0\x02\x05");
        assert_eq!(damage, Some(Malformed::Invalid { field: "management addresses" }));
    }

    #[test]
    fn tlv_that_does_not_fit_ends_the_frame() {
        let damage = |tlvs: &[u8]| Frame::parse(&frame(tlvs)).unwrap().damage;
        assert_eq!(damage(b"\0\x14\0\x09s1"), Some(Malformed::Truncated { field: "TLV" }));
        assert_eq!(damage(b"\0\x14\0"), Some(Malformed::Truncated { field: "TLV" }));
        assert_eq!(damage(b"\0\x14\0\x03s1"), Some(Malformed::Invalid { field: "TLV length" }));
        assert_eq!(Frame::parse(b"\x02\xb4\0"), Err(Malformed::Truncated { field: "header" }));
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = frame(
            b"\0\x02\0\x11\0\0\0\x01\x01\x01\xcc\0\x04\xc0\0\x02\x05\0\x19\0\x0c\0\x07\0\x01\0\0\x3c\x28",
        );
        for end in 0..bytes.len() {
            let _ = facts::observe(&Envelope::default(), &bytes[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_value_of_any_tlv_is_answered_without_panic(
            kind in 0_u8..0x1f,
            value in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let length = u8::try_from(value.len()).unwrap() + 4;
            let tlv = [&[0, kind, 0, length], &value[..]].concat();
            let _ = facts::observe(&Envelope::default(), &frame(&tlv), &mut Sink::default());
            let _ = facts::observe(&Envelope::default(), &value, &mut Sink::default());
        }
    }
}
