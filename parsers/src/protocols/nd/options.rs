//! Options of neighbour discovery.
//!
//! ```text
//! 0      1        2
//! | kind | length | value, 8 * length - 2 bytes |
//! ```
//!
//! | kind | value | source |
//! | --- | --- | --- |
//! | 1, 2 | source's, target's link-layer address | RFC 4861, 4.6.1 |
//! | 3 | prefix length 1, flags 1, valid 4, preferred 4, reserved 4, prefix 16 | 4.6.2 |
//! | 4 | reserved 6, the redirected packet | 4.6.3 |
//! | 5 | reserved 2, MTU 4 | 4.6.4 |
//! | 14 | nonce | RFC 3971, 5.3.2 |
//! | 24 | prefix length 1, preference 1, lifetime 4, prefix 0 to 16 | RFC 4191, 2.3 |
//! | 25 | reserved 2, lifetime 4, address 16 * n | RFC 8106, 5.1 |
//! | 31 | reserved 2, lifetime 4, domain names | RFC 8106, 5.2 |
//!
//! Any other kind is kept as it is.

use std::net::Ipv6Addr;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32, be_u128};

use crate::vocabulary::Malformed;

/// One option, borrowed from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NdOption<'a> {
    /// The sender's link-layer address; for Ethernet a MAC.
    SourceLinkLayer(&'a [u8]),
    /// The target's link-layer address; for Ethernet a MAC.
    TargetLinkLayer(&'a [u8]),
    /// A prefix that is on this link.
    Prefix(Prefix),
    /// The packet that was redirected, or its beginning.
    Redirected(&'a [u8]),
    /// The link's MTU in bytes.
    Mtu(u32),
    /// A number that ties an answer to its question.
    Nonce(&'a [u8]),
    /// A route that the router offers.
    Route(Route),
    /// DNS resolvers.
    RecursiveDns {
        /// How long they may be used, in seconds.
        lifetime_s: u32,
        /// Their addresses, at most 127.
        servers: Vec<Ipv6Addr>,
    },
    /// Domains to search names in.
    SearchList {
        /// How long they may be used, in seconds.
        lifetime_s: u32,
        /// Names as in DNS, without compression, padded with zeros.
        names: &'a [u8],
    },
    /// Any other option, or one of the above whose value is damaged.
    Other {
        /// Its number.
        kind: u8,
        /// Its value.
        value: &'a [u8],
    },
}

/// A prefix on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// How many leading bits count.
    pub length: u8,
    /// `LARrrrrr`: on-link, autonomous configuration, router address.
    pub flags: u8,
    /// How long it is on the link, in seconds.
    pub valid_s: u32,
    /// How long addresses made of it are preferred, in seconds.
    pub preferred_s: u32,
    /// The prefix itself.
    pub prefix: Ipv6Addr,
}

/// A route by way of the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// How many leading bits count.
    pub length: u8,
    /// `rrrPPrrr`: preference.
    pub flags: u8,
    /// How long it may be used, in seconds.
    pub lifetime_s: u32,
    /// The prefix, its absent end filled with zeros.
    pub prefix: Ipv6Addr,
}

/// Reads options up to the end, or to the first that cannot be stepped over, and tells the first fault.
#[must_use]
pub fn read(mut rest: &[u8]) -> (Vec<NdOption<'_>>, Option<Malformed>) {
    let mut options = Vec::new();
    let mut damage = None;
    while !rest.is_empty() {
        match frame(rest) {
            Ok((after, (kind, value))) => {
                rest = after;
                let option = option(kind, value).unwrap_or_else(|| {
                    damage = damage.or(Some(Malformed::Invalid { field: "option" }));
                    NdOption::Other { kind, value }
                });
                options.push(option);
            }
            // RFC 4861, 4.6: a length of zero would be stepped over for ever.
            Err(_) if rest.get(1) == Some(&0) => {
                return (options, damage.or(Some(Malformed::Invalid { field: "option length" })));
            }
            Err(_) => return (options, damage.or(Some(Malformed::Truncated { field: "option" }))),
        }
    }
    (options, damage)
}

fn frame(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, kind) = be_u8(i)?;
    let (i, length) = be_u8(i)?;
    let length = usize::from(length).saturating_mul(8);
    let Some(length) = length.checked_sub(2) else {
        return Err(nom::Err::Error(nom::error::Error::new(i, nom::error::ErrorKind::Verify)));
    };
    let (i, value) = take(length)(i)?;
    Ok((i, (kind, value)))
}

/// Reads a value; `None` where its length is not what its kind asks for.
fn option(kind: u8, value: &[u8]) -> Option<NdOption<'_>> {
    Some(match kind {
        SOURCE_LINK_LAYER => NdOption::SourceLinkLayer(value),
        TARGET_LINK_LAYER => NdOption::TargetLinkLayer(value),
        PREFIX => NdOption::Prefix(whole(prefix(value))?),
        REDIRECTED => NdOption::Redirected(value.get(6..)?),
        MTU => NdOption::Mtu(whole(mtu(value))?),
        NONCE => NdOption::Nonce(value),
        ROUTE => NdOption::Route(route(value)?),
        RECURSIVE_DNS => {
            let (addresses, lifetime_s) = lifetime(value).ok()?;
            let (addresses, rest) = addresses.as_chunks::<16>();
            if addresses.is_empty() || !rest.is_empty() {
                return None;
            }
            let servers = addresses.iter().copied().map(Ipv6Addr::from).collect();
            NdOption::RecursiveDns { lifetime_s, servers }
        }
        SEARCH_LIST => {
            let (names, lifetime_s) = lifetime(value).ok()?;
            NdOption::SearchList { lifetime_s, names }
        }
        _ => NdOption::Other { kind, value },
    })
}

/// What was read, if nothing is left over.
fn whole<T>(read: IResult<&[u8], T>) -> Option<T> {
    read.ok().filter(|(rest, _)| rest.is_empty()).map(|(_, value)| value)
}

fn prefix(i: &[u8]) -> IResult<&[u8], Prefix> {
    let (i, length) = be_u8(i)?;
    let (i, flags) = be_u8(i)?;
    let (i, valid_s) = be_u32(i)?;
    let (i, preferred_s) = be_u32(i)?;
    let (i, _reserved) = be_u32(i)?;
    let (i, prefix) = be_u128(i)?;
    Ok((i, Prefix { length, flags, valid_s, preferred_s, prefix: prefix.into() }))
}

fn mtu(i: &[u8]) -> IResult<&[u8], u32> {
    let (i, _reserved) = be_u16(i)?;
    be_u32(i)
}

fn lifetime(i: &[u8]) -> IResult<&[u8], u32> {
    let (i, _reserved) = be_u16(i)?;
    be_u32(i)
}

fn route(value: &[u8]) -> Option<Route> {
    let (prefix, [length, flags, lifetime @ ..]) =
        value.split_first_chunk::<6>().map(|(head, rest)| (rest, *head))?;
    let mut whole = [0; 16];
    whole.get_mut(..prefix.len())?.copy_from_slice(prefix);
    Some(Route { length, flags, lifetime_s: u32::from_be_bytes(lifetime), prefix: whole.into() })
}

const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const PREFIX: u8 = 3;
const REDIRECTED: u8 = 4;
const MTU: u8 = 5;
const NONCE: u8 = 14;
const ROUTE: u8 = 24;
const RECURSIVE_DNS: u8 = 25;
const SEARCH_LIST: u8 = 31;

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: &[u8]) -> NdOption<'_> {
        let (mut options, damage) = read(bytes);
        assert_eq!((options.len(), damage), (1, None));
        options.remove(0)
    }

    #[test]
    fn prefix_is_read() {
        let bytes =
            b"\x03\x04\x40\xc0\0\0\x0e\x10\0\0\x07\x08\0\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0";
        let prefix = "2001:db8::".parse().unwrap();
        let expected = Prefix { length: 64, flags: 0xc0, valid_s: 3600, preferred_s: 1800, prefix };
        assert_eq!(one(bytes), NdOption::Prefix(expected));
    }

    #[test]
    fn resolvers_are_read() {
        let bytes = [b"\x19\x05\0\0\0\0\0\x3c".as_slice(), &[0x20; 16], &[0x21; 16]].concat();
        let servers = vec![[0x20; 16].into(), [0x21; 16].into()];
        assert_eq!(one(&bytes), NdOption::RecursiveDns { lifetime_s: 60, servers });
    }

    #[test]
    fn short_route_is_filled_with_zeros() {
        let bytes = b"\x18\x02\x30\x08\0\0\0\x3c\x20\x01\x0d\xb8\0\x07\0\0";
        let prefix = "2001:db8:7::".parse().unwrap();
        assert_eq!(one(bytes), NdOption::Route(Route { length: 48, flags: 8, lifetime_s: 60, prefix }));
    }

    #[test]
    fn unknown_kind_is_kept() {
        assert_eq!(one(b"\xfe\x01abcdef"), NdOption::Other { kind: 0xfe, value: b"abcdef" });
    }

    #[test]
    fn no_option_is_no_fault() {
        assert_eq!(read(&[]), (vec![], None));
    }

    #[test]
    fn value_of_the_wrong_length_is_invalid_and_the_next_is_still_read() {
        let (options, damage) = read(b"\x03\x01\0\0\0\0\0\0\x05\x01\0\0\0\0\x05\xdc");
        assert_eq!(options, [NdOption::Other { kind: 3, value: &[0; 6] }, NdOption::Mtu(1500)]);
        assert_eq!(damage, Some(Malformed::Invalid { field: "option" }));
    }

    #[test]
    fn option_longer_than_the_message_is_truncated() {
        assert_eq!(read(b"\x01\x02\0\0\0\0\0\0"), (vec![], Some(Malformed::Truncated { field: "option" })));
        assert_eq!(read(b"\x01"), (vec![], Some(Malformed::Truncated { field: "option" })));
    }
}
