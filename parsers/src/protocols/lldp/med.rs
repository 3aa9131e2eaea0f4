//! LLDP for media endpoints (LLDP-MED): phones, and more and more cameras and door stations.
//!
//! ```text
//! 00-12-BB  1 capabilities   | bits 2 | class 1 |
//!           2 policy         | application 1 | unknown 1 bit, tagged 1, 0, VLAN 12, priority 3, DSCP 6 |
//!           3 location       | format 1 | data |        1 coordinates, 2 civic address, 3 number
//!           4 power          | type 2 bits, source 2, priority 4 | 0.1 W 2 |
//!           5 to 11 hardware, firmware, software, serial, maker, model, asset: text
//!
//! civic address     | length 1 | what 1 | country 2 | (kind 1, length 1, text)* |
//! coordinates       | resolution 6 bits, latitude 34 | resolution 6, longitude 34 |
//!                   | sort 4, resolution 6, altitude 30 | datum 8 |
//! ```
//!
//! all numbers big-endian. The length of a civic address counts from `what` on; some
//! switches fill the TLV up to 256 bytes behind it (seen in `sg200.pcap` of lldpd).
//!
//! Source: ANSI/TIA-1057, 10.2; RFC 4776, 3.1; RFC 3825, 2.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u24};

use crate::vocabulary::Malformed;

/// TIA TR-41.
pub const OUI: [u8; 3] = [0x00, 0x12, 0xbb];

/// One thing that LLDP-MED has a device say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tlv<'a> {
    /// What it can tell.
    Capabilities {
        /// Bits 0 to 5: capabilities, policy, location, power as PSE, power as PD, inventory.
        bits: u16,
        /// 1 to 3 endpoint, 4 network.
        class: u8,
    },
    /// How to mark packets of one application.
    Policy(Policy),
    /// Where it is.
    Location(Location<'a>),
    /// Power, in a finer and older form than that of 802.3at.
    Power(Power),
    /// Hardware revision.
    Hardware(&'a [u8]),
    /// Firmware revision, often of the boot loader.
    Firmware(&'a [u8]),
    /// Software revision.
    Software(&'a [u8]),
    /// Serial number.
    Serial(&'a [u8]),
    /// Maker.
    Manufacturer(&'a [u8]),
    /// Model.
    Model(&'a [u8]),
    /// Asset number.
    Asset(&'a [u8]),
}

/// How to mark packets of one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// 1 voice, 6 video conference, 7 streaming video, 8 video signalling.
    pub application: u8,
    /// Whether the policy is required and not known.
    pub is_unknown: bool,
    /// Whether frames bear the VLAN's tag.
    pub is_tagged: bool,
    /// The VLAN; 0 for the port's.
    pub vlan: u16,
    /// Priority, IEEE 802.1p.
    pub priority: u8,
    /// DSCP, RFC 2474.
    pub dscp: u8,
}

/// Where the device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location<'a> {
    /// On the globe.
    Coordinates(Coordinates),
    /// In a town.
    Civic(Civic<'a>),
    /// As an emergency call's number tells.
    Number(&'a [u8]),
    /// In any other form.
    Other {
        /// Which form.
        format: u8,
        /// Its data.
        data: &'a [u8],
    },
}

/// A place on the globe; angles in 2^-25 degrees, altitude in 2^-8 metres or floors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinates {
    /// How many bits of latitude, longitude and altitude count.
    pub resolutions: [u8; 3],
    /// North is positive.
    pub latitude: i64,
    /// East is positive.
    pub longitude: i64,
    /// 1 metres, 2 floors.
    pub altitude_sort: u8,
    /// Above the datum.
    pub altitude: i64,
    /// 1 WGS 84, 2 and 3 NAD 83.
    pub datum: u8,
}

/// A place in a town.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Civic<'a> {
    /// Whose place: 0 the DHCP server's, 1 the network's, 2 the device's.
    pub what: u8,
    /// Two letters, ISO 3166.
    pub country: &'a [u8],
    /// Kind (3 city, 6 street, 25 building, 27 floor, 28 room) and text, in the order sent.
    pub parts: Vec<(u8, &'a [u8])>,
}

/// Power as LLDP-MED tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Power {
    /// `TTSSPPPP`: type, source, priority.
    pub source: u8,
    /// What a PD needs or a PSE has, in 0.1 W.
    pub value_dw: u16,
}

impl Power {
    /// Whether the sender supplies power; `None` where the type is reserved.
    #[must_use]
    pub fn is_pse(&self) -> Option<bool> {
        match self.source >> 6 {
            0 => Some(true),
            1 => Some(false),
            _ => None,
        }
    }
}

/// Reads a TLV of LLDP-MED; `None` where the subtype is unknown.
///
/// # Errors
/// `Invalid` where the value is not as long as its subtype asks for.
pub fn read(subtype: u8, value: &[u8]) -> Result<Option<Tlv<'_>>, Malformed> {
    let (field, read) = match subtype {
        1 => ("LLDP-MED capabilities", capabilities(value)),
        2 => ("LLDP-MED policy", policy(value)),
        3 => ("LLDP-MED location", location(value)),
        4 => ("LLDP-MED power", power(value)),
        5 => return Ok(Some(Tlv::Hardware(value))),
        6 => return Ok(Some(Tlv::Firmware(value))),
        7 => return Ok(Some(Tlv::Software(value))),
        8 => return Ok(Some(Tlv::Serial(value))),
        9 => return Ok(Some(Tlv::Manufacturer(value))),
        10 => return Ok(Some(Tlv::Model(value))),
        11 => return Ok(Some(Tlv::Asset(value))),
        _ => return Ok(None),
    };
    read.map(|(_, tlv)| Some(tlv)).map_err(|_| Malformed::Invalid { field })
}

fn capabilities(i: &[u8]) -> IResult<&[u8], Tlv<'_>> {
    let (i, bits) = be_u16(i)?;
    let (i, class) = be_u8(i)?;
    Ok((i, Tlv::Capabilities { bits, class }))
}

fn policy(i: &[u8]) -> IResult<&[u8], Tlv<'_>> {
    let (i, application) = be_u8(i)?;
    let (i, bits) = be_u24(i)?;
    let [_, _, middle, low] = bits.to_be_bytes();
    let policy = Policy {
        application,
        is_unknown: bits & 0x80_0000 != 0,
        is_tagged: bits & 0x40_0000 != 0,
        vlan: u16::try_from((bits >> 9) & 0x0fff).unwrap_or_default(),
        priority: ((middle & 1) << 2) | (low >> 6),
        dscp: low & 0x3f,
    };
    Ok((i, Tlv::Policy(policy)))
}

fn location(i: &[u8]) -> IResult<&[u8], Tlv<'_>> {
    let (i, format) = be_u8(i)?;
    let (i, location) = match format {
        1 => coordinates(i)?,
        2 => civic(i)?,
        3 => (<&[u8]>::default(), Location::Number(i)),
        _ => (<&[u8]>::default(), Location::Other { format, data: i }),
    };
    Ok((i, Tlv::Location(location)))
}

fn coordinates(i: &[u8]) -> IResult<&[u8], Location<'_>> {
    let (i, latitude) = take(5usize)(i)?;
    let (i, longitude) = take(5usize)(i)?;
    let (i, altitude) = take(5usize)(i)?;
    let (i, datum) = be_u8(i)?;
    let (latitude, longitude, altitude) = (uint40(latitude), uint40(longitude), uint40(altitude));
    let coordinates = Coordinates {
        resolutions: [bits(latitude, 34, 6), bits(longitude, 34, 6), bits(altitude, 30, 6)],
        latitude: signed(latitude, 34),
        longitude: signed(longitude, 34),
        altitude_sort: bits(altitude, 36, 4),
        altitude: signed(altitude, 30),
        datum,
    };
    Ok((i, Location::Coordinates(coordinates)))
}

fn civic(i: &[u8]) -> IResult<&[u8], Location<'_>> {
    let (i, length) = be_u8(i)?;
    let (i, inside) = take(length)(i)?;
    let (inside, what) = be_u8(inside)?;
    let (mut inside, country) = take(2usize)(inside)?;
    let mut parts = Vec::new();
    while !inside.is_empty() {
        let (after, kind) = be_u8(inside)?;
        let (after, length) = be_u8(after)?;
        let (after, text) = take(length)(after)?;
        parts.push((kind, text));
        inside = after;
    }
    Ok((i, Location::Civic(Civic { what, country, parts })))
}

fn power(i: &[u8]) -> IResult<&[u8], Tlv<'_>> {
    let (i, source) = be_u8(i)?;
    let (i, value_dw) = be_u16(i)?;
    Ok((i, Tlv::Power(Power { source, value_dw })))
}

fn uint40(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// `count` bits above the lowest `from`, at most eight.
fn bits(value: u64, from: u32, count: u32) -> u8 {
    let mask = 0xff_u64 >> 8_u32.saturating_sub(count);
    u8::try_from(value.unbounded_shr(from) & mask).unwrap_or_default()
}

/// The lowest `count` bits as a number in two's complement.
fn signed(value: u64, count: u32) -> i64 {
    let unused = 64_u32.saturating_sub(count);
    value.unbounded_shl(unused).cast_signed().unbounded_shr(unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(subtype: u8, value: &[u8]) -> Tlv<'_> {
        read(subtype, value).unwrap().unwrap()
    }

    #[test]
    fn capabilities_and_inventory_are_read() {
        assert_eq!(one(1, &[0, 0x2f, 4]), Tlv::Capabilities { bits: 0x2f, class: 4 });
        assert_eq!(one(10, b"M17"), Tlv::Model(b"M17"));
    }

    #[test]
    fn policy_is_read() {
        let expected =
            Policy { application: 7, is_unknown: false, is_tagged: true, vlan: 2748, priority: 5, dscp: 46 };
        assert_eq!(one(2, &[7, 0x55, 0x79, 0x6e]), Tlv::Policy(expected));
    }

    #[test]
    fn civic_address_ends_by_its_own_length() {
        let value = b"\x02\x0d\x02DE\x03\x03Ulm\x1c\x03217\0\0\0\0";
        let parts = vec![(3, b"Ulm".as_slice()), (28, b"217")];
        assert_eq!(one(3, value), Tlv::Location(Location::Civic(Civic { what: 2, country: b"DE", parts })));
    }

    #[test]
    fn coordinates_are_read_with_their_sign() {
        // 48.40 north, 9.99 west, 477.5 m.
        let value =
            [1, 0x48, 0x60, 0xcc, 0xcc, 0xcc, 0x4b, 0xec, 0x05, 0x1e, 0xb8, 0x14, 0x00, 0x01, 0xdd, 0x80, 1];
        let Tlv::Location(Location::Coordinates(place)) = one(3, &value) else { panic!() };
        assert_eq!(place.resolutions, [18, 18, 16]);
        assert_eq!((place.latitude >> 25, place.longitude >> 25), (48, -10));
        assert_eq!((place.altitude_sort, place.altitude, place.datum), (1, 477 * 256 + 128, 1));
    }

    #[test]
    fn power_tells_its_side() {
        let Tlv::Power(power) = one(4, &[0x42, 0, 65]) else { panic!() };
        assert_eq!((power.is_pse(), power.value_dw), (Some(false), 65));
        assert_eq!(Power { source: 0x02, value_dw: 1 }.is_pse(), Some(true));
        assert_eq!(Power { source: 0x82, value_dw: 1 }.is_pse(), None);
    }

    #[test]
    fn unknown_subtype_is_not_ours() {
        assert_eq!(read(12, &[]), Ok(None));
    }

    #[test]
    fn short_values_are_invalid() {
        let invalid = |field| Err(Malformed::Invalid { field });
        assert_eq!(read(1, &[0, 1]), invalid("LLDP-MED capabilities"));
        assert_eq!(read(2, &[0, 1, 2]), invalid("LLDP-MED policy"));
        assert_eq!(read(3, &[]), invalid("LLDP-MED location"));
        assert_eq!(read(3, b"\x02\x08\x02DE\x03\x05Ulm"), invalid("LLDP-MED location"));
        assert_eq!(read(3, &[1; 10]), invalid("LLDP-MED location"));
        assert_eq!(read(4, &[0]), invalid("LLDP-MED power"));
    }
}
