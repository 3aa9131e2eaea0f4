//! What the values of DHCP options mean.
//!
//! | value | options | source |
//! | --- | --- | --- |
//! | one address, 4 bytes | 1 mask, 50 requested, 54 server | RFC 2132, 3.3, 9.1, 9.7 |
//! | addresses, 4 * n | 3 routers, 6 DNS, 42 NTP, 150 TFTP | 3.5, 3.8, 8.3; RFC 5859 |
//! | text | 12 host, 15 domain, 56 message, 60 class, 66 and 67 TFTP, 114 portal, 252 proxy | 3.14, 3.17, 9; RFC 8910 |
//! | seconds, 4 bytes | 51 lease, 58 T1, 59 T2 | 9.2, 9.11, 9.12 |
//! | 1 byte | 52 overload, 53 message type | 9.3, 9.6 |
//! | 2 bytes | 57 longest message | 9.10 |
//! | codes | 55 parameter list | 9.8 |
//! | type 1, identifier | 61 client id | 9.14; RFC 4361 |
//! | (length 1, class)* | 77 user class | RFC 3004 |
//! | flags 1, two result codes, name | 81 DNS name | RFC 4702 |
//! | sub-options | 82 relay agent, 43 vendor | RFC 3046; RFC 2132, 8.4 |
//! | names | 119 search list | RFC 3397 |
//! | (bits 1, prefix 0 to 4, router 4)* | 121 routes | RFC 3442 |
//! | (enterprise 4, length 1, data)* | 124 class, 125 information | RFC 3925 |
//!
//! Any other option is kept as it is.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u32};

use super::options::{self, Options, SubOption};
use super::relay::RelayInfo;
use super::vendor;
use crate::name;
use crate::vocabulary::{Mac, Malformed};

/// One option's whole value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'v> {
    /// One IPv4 address.
    Address(Ipv4Addr),
    /// IPv4 addresses, at least one.
    Addresses(Vec<Ipv4Addr>),
    /// Text, in no particular encoding.
    Text(&'v [u8]),
    /// A span, in seconds.
    Seconds(u32),
    /// One byte.
    Byte(u8),
    /// Two bytes.
    Number(u16),
    /// Option codes.
    Codes(&'v [u8]),
    /// Names the client.
    ClientId(ClientId<'v>),
    /// The client's kinds; a value that is not laid out as specified is one class.
    UserClasses(Vec<&'v [u8]>),
    /// The client's DNS name.
    Fqdn(Fqdn),
    /// What the relay or the switch added.
    Relay(RelayInfo<'v>),
    /// Domain names, at most 64.
    Names(Vec<Vec<u8>>),
    /// Routes.
    Routes(Vec<Route>),
    /// Whatever maker and server agreed on: mostly, and then here, options inside the option.
    Vendor(Vec<SubOption<'v>>),
    /// Data by enterprise number.
    Identified(Vec<Identified<'v>>),
    /// Any other value.
    Opaque(&'v [u8]),
}

/// Names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientId<'v> {
    /// Hardware type, 0 for text, or 255 for an interface number and a DUID.
    pub kind: u8,
    /// The identifier.
    pub value: &'v [u8],
}

impl<'v> ClientId<'v> {
    /// The MAC, where the identifier is one.
    #[must_use]
    pub fn mac(&self) -> Option<Mac> {
        if self.kind == CLIENT_ID_ETHERNET { Mac::from_slice(self.value) } else { None }
    }

    /// The interface number and the DUID, where the identifier is that.
    #[must_use]
    pub fn duid(&self) -> Option<(u32, &'v [u8])> {
        if self.kind != CLIENT_ID_DUID {
            return None;
        }
        self.value.split_first_chunk().map(|(interface, duid)| (u32::from_be_bytes(*interface), duid))
    }
}

/// The client's DNS name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fqdn {
    /// `0000NEOS`: server must not update, wire encoding, overridden, server should update.
    pub flags: u8,
    /// Result codes, of no use since RFC 4702.
    pub results: [u8; 2],
    /// The name with dots, whichever way it was encoded.
    pub name: Vec<u8>,
}

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// How many leading bits of the destination count.
    pub length: u8,
    /// The destination.
    pub destination: Ipv4Addr,
    /// The next hop.
    pub router: Ipv4Addr,
}

/// Data of one enterprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identified<'v> {
    /// The number by which IANA knows it.
    pub enterprise: u32,
    /// In option 124 its classes, in option 125 its sub-options; see the methods.
    pub data: &'v [u8],
}

impl<'v> Identified<'v> {
    /// The data as classes, each with its length before it; else all of it as one class.
    #[must_use]
    pub fn classes(&self) -> Vec<&'v [u8]> {
        lengthened(self.data).unwrap_or_else(|| vec![self.data])
    }

    /// The data as sub-options; `None` where it is not laid out so.
    #[must_use]
    pub fn sub_options(&self) -> Option<Vec<SubOption<'v>>> {
        match options::sub_options(self.data) {
            (read, None) => Some(read),
            _ => None,
        }
    }
}

impl<'v> Value<'v> {
    /// Reads the whole value of option `code`; `None` where it breaks the option's specification.
    #[must_use]
    pub fn read(code: u8, value: &'v [u8]) -> Option<Self> {
        Some(match code {
            1 | options::REQUESTED_ADDRESS | options::SERVER => Self::Address(exactly(value)?.into()),
            3 | 6 | 42 | 150 => Self::Addresses(addresses(value)?),
            options::HOST_NAME | options::VENDOR_CLASS | 15 | 56 | 66 | 67 | 114 | 252 => Self::Text(value),
            options::LEASE_TIME | 58 | 59 => Self::Seconds(u32::from_be_bytes(exactly(value)?)),
            options::OVERLOAD | options::MESSAGE_TYPE => Self::Byte(u8::from_be_bytes(exactly(value)?)),
            57 => Self::Number(u16::from_be_bytes(exactly(value)?)),
            options::PARAMETER_LIST => Self::Codes(value),
            options::CLIENT_ID => {
                let (&kind, value) = value.split_first()?;
                Self::ClientId(ClientId { kind, value })
            }
            options::USER_CLASS => Self::UserClasses(lengthened(value).unwrap_or_else(|| vec![value])),
            options::FQDN => Self::Fqdn(fqdn(value)?),
            options::RELAY => Self::Relay(RelayInfo::parse(value)),
            119 => Self::Names(name::list(value)?),
            121 => Self::Routes(routes(value)?),
            options::VENDOR => vendor::sub_options(value).map_or(Self::Opaque(value), Self::Vendor),
            options::VENDOR_IDENTIFYING_CLASS | options::VENDOR_IDENTIFYING_INFO => {
                Self::Identified(identified(value)?)
            }
            _ => Self::Opaque(value),
        })
    }
}

/// The bytes that make up the value of option `code`: parts are put together unless its length is fixed.
#[must_use]
pub fn bytes<'a>(options: &Options<'a>, code: u8) -> Option<Cow<'a, [u8]>> {
    match code {
        1 | 57 | 58 | 59 => options.first(code).map(Cow::Borrowed),
        options::REQUESTED_ADDRESS..=options::SERVER => options.first(code).map(Cow::Borrowed),
        _ => options.whole(code),
    }
}

/// The first option whose value breaks its specification.
#[must_use]
pub fn first_fault(options: &Options<'_>) -> Option<Malformed> {
    let mut seen = [false; 256];
    for code in options.raw.iter().map(|option| option.code).filter(|code| *code != options::END) {
        let Some(seen) = seen.get_mut(usize::from(code)).filter(|seen| !**seen) else { continue };
        *seen = true;
        let value = bytes(options, code).unwrap_or_default();
        match Value::read(code, &value) {
            None => return Some(Malformed::Invalid { field: "option value" }),
            Some(Value::Relay(RelayInfo { damage: Some(damage), .. })) => return Some(damage),
            Some(_) => {}
        }
    }
    None
}

fn exactly<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.try_into().ok()
}

/// Addresses that fill the value, at least one.
pub(super) fn addresses(value: &[u8]) -> Option<Vec<Ipv4Addr>> {
    match value.as_chunks::<4>() {
        ([], _) => None,
        (addresses, []) => Some(addresses.iter().copied().map(Ipv4Addr::from).collect()),
        _ => None,
    }
}

/// Pieces that have their length before them and fill the value, at least one and none empty.
fn lengthened(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut pieces = Vec::new();
    while let Some((&length, after)) = rest.split_first() {
        let (piece, after) = after.split_at_checked(usize::from(length))?;
        if piece.is_empty() {
            return None;
        }
        pieces.push(piece);
        rest = after;
    }
    Some(pieces).filter(|pieces| !pieces.is_empty())
}

fn fqdn(value: &[u8]) -> Option<Fqdn> {
    let (&[flags, first, second], encoded) = value.split_first_chunk()?;
    let name = if flags & FQDN_WIRE != 0 { name::open(encoded)? } else { encoded.to_vec() };
    Some(Fqdn { flags, results: [first, second], name })
}

fn routes(mut rest: &[u8]) -> Option<Vec<Route>> {
    let mut routes = Vec::new();
    while let Some((&length, after)) = rest.split_first() {
        if length > 32 {
            return None;
        }
        let (prefix, after) = after.split_at_checked(usize::from(length.div_ceil(8)))?;
        let (router, after) = after.split_first_chunk::<4>()?;
        let mut destination = [0; 4];
        destination.get_mut(..prefix.len())?.copy_from_slice(prefix);
        routes.push(Route { length, destination: destination.into(), router: (*router).into() });
        rest = after;
    }
    Some(routes)
}

fn identified(mut rest: &[u8]) -> Option<Vec<Identified<'_>>> {
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (after, one) = one_identified(rest).ok()?;
        all.push(one);
        rest = after;
    }
    Some(all)
}

fn one_identified(i: &[u8]) -> IResult<&[u8], Identified<'_>> {
    let (i, enterprise) = be_u32(i)?;
    let (i, length) = be_u8(i)?;
    let (i, data) = take(length)(i)?;
    Ok((i, Identified { enterprise, data }))
}

const CLIENT_ID_ETHERNET: u8 = 1;
const CLIENT_ID_DUID: u8 = 255;
/// The E flag of option 81: the name is as in DNS.
const FQDN_WIRE: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: u8, value: &[u8]) -> Value<'_> {
        Value::read(code, value).unwrap()
    }

    #[test]
    fn numbers_and_addresses_are_read() {
        assert_eq!(read(54, &[192, 0, 2, 1]), Value::Address([192, 0, 2, 1].into()));
        assert_eq!(read(3, &[192, 0, 2, 1]), Value::Addresses(vec![[192, 0, 2, 1].into()]));
        assert_eq!(read(51, &[0, 1, 0, 0]), Value::Seconds(65_536));
        assert_eq!(read(57, &[5, 0xdc]), Value::Number(1500));
        assert_eq!(read(200, b"ab"), Value::Opaque(b"ab"));
    }

    #[test]
    fn client_id_is_a_mac_or_a_duid() {
        let Value::ClientId(id) = read(61, &[1, 2, 0, 0, 0, 0, 7]) else { panic!() };
        assert_eq!((id.mac(), id.duid()), (Some(Mac([2, 0, 0, 0, 0, 7])), None));
        let Value::ClientId(id) = read(61, &[255, 0, 0, 0, 9, 0, 3]) else { panic!() };
        assert_eq!((id.mac(), id.duid()), (None, Some((9, [0, 3].as_slice()))));
    }

    #[test]
    fn user_class_is_a_list_or_plain_text() {
        assert_eq!(read(77, b"\x03abc\x01d"), Value::UserClasses(vec![b"abc", b"d"]));
        assert_eq!(read(77, b"iPXE"), Value::UserClasses(vec![b"iPXE"]));
    }

    #[test]
    fn dns_name_is_read_in_both_encodings() {
        let name = |value| match read(81, value) {
            Value::Fqdn(fqdn) => fqdn.name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(b"\x01\0\0cam.example"), b"cam.example");
        assert_eq!(name(b"\x05\xff\xff\x03cam\x07example\0"), b"cam.example");
    }

    #[test]
    fn routes_are_read() {
        let value = [24, 198, 51, 100, 192, 0, 2, 1, 0, 192, 0, 2, 2];
        let router = |last| Ipv4Addr::new(192, 0, 2, last);
        let expected = vec![
            Route { length: 24, destination: [198, 51, 100, 0].into(), router: router(1) },
            Route { length: 0, destination: [0; 4].into(), router: router(2) },
        ];
        assert_eq!(read(121, &value), Value::Routes(expected));
    }

    #[test]
    fn data_by_enterprise_is_read() {
        let Value::Identified(all) = read(124, b"\0\0\x01\x70\x05\x04Axis\0\0\0\x09\x02ab") else { panic!() };
        assert_eq!((all[0].enterprise, all[0].classes()), (368, vec![b"Axis".as_slice()]));
        assert_eq!((all[1].enterprise, all[1].classes()), (9, vec![b"ab".as_slice()]));
    }

    #[test]
    fn values_of_the_wrong_length_break_the_specification() {
        let wrong: [(u8, &[u8]); 11] = [
            (1, &[255, 255, 255]),
            (3, &[]),
            (6, &[1, 2, 3, 4, 5]),
            (51, &[0, 1]),
            (53, &[]),
            (57, &[1]),
            (61, &[]),
            (81, &[0, 0]),
            (119, b"\x05cam"),
            (121, &[33, 0, 0, 0, 0, 0]),
            (125, &[0, 0, 0, 9, 4, 1]),
        ];
        for (code, value) in wrong {
            assert_eq!(Value::read(code, value), None, "option {code}");
        }
    }

    #[test]
    fn first_fault_is_found_behind_sound_options() {
        let (options, damage) = Options::read(b"\x35\x01\x01\x36\x03\xc0\0\x02\xff", &[], &[]);
        assert_eq!(damage, None);
        assert_eq!(first_fault(&options), Some(Malformed::Invalid { field: "option value" }));
    }

    #[test]
    fn fixed_value_sent_twice_is_the_first() {
        let (options, _) = Options::read(b"\x35\x01\x01\x35\x01\x02\xff", &[], &[]);
        assert_eq!(first_fault(&options), None);
        assert_eq!(bytes(&options, 53).as_deref(), Some([1].as_slice()));
    }
}
