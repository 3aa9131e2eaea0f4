//! Dynamic Host Configuration Protocol for IPv6 (DHCPv6), UDP ports 546 and 547.
//!
//! ```text
//! 0      1             4
//! | type | transaction | option*                   from and to a client
//! | type | hops | link address 16 | peer 16 | option*     12 and 13, between relay and server
//!
//! option = | code 2 | length 2 | value |
//!
//! 1 client id, 2 server id | sort 2 | ... |     15 user class  (length 2, class)*
//! 3 IA_NA | id 4 | T1 4 | T2 4 | option* |      16 vendor class  | enterprise 4 | (length 2, class)* |
//! 4 IA_TA | id 4 | option* |                    17 vendor's own  | enterprise 4 | option* |
//! 5 IAADDR | IPv6 16 | preferred 4 | valid 4 | option* |     13 status  | code 2 | text |
//! 6 codes asked for  (2)*                       18 interface id     37 remote id | enterprise 4 | id |
//! 9 relay message                               39 DNS name | flags 1 | name |     79 | hardware 2 | MAC |
//! ```
//!
//! all numbers big-endian, times in seconds.
//!
//! Source: RFC 8415, 7 to 9 and 21; RFC 4649 (remote id), RFC 4704 (name), RFC 6939 (client's MAC). Checked
//! against tshark.
//! Left out: prefixes, authentication, lease queries. A lease is told as a binding alone: what goes on between
//! client and server is judged for IPv4. A client id may hold the MAC of another of the client's ports, or of
//! none, and binds nothing.

mod facts;

use std::net::Ipv6Addr;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u24, be_u32, be_u128};

use crate::vocabulary::{Mac, Malformed, On, Parser, Probe, Start};

/// What the engine knows of this protocol.
pub const DHCPV6: Parser = Parser {
    name: "dhcpv6",
    about: "leases of IPv6 addresses; names and classes of clients, the ports where they hang",
    source: "RFC 8415, RFC 4649, RFC 4704, RFC 6939",
    on: &[On::Udp(547), On::Udp(546)],
    probe: |_, bytes| match bytes {
        [1..=36, _, _, _, ..] => Probe::Yes,
        _ => Probe::No,
    },
    start: Start::Datagram(facts::observe),
};

/// A message's type; any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageType(pub u8);

impl MessageType {
    /// A server has an address to offer.
    pub const ADVERTISE: Self = Self(2);
    /// A server gives it, or says something else.
    pub const REPLY: Self = Self(7);
    /// A relay passes a client's message on.
    pub const RELAY_FORWARD: Self = Self(12);
    /// A server answers through a relay.
    pub const RELAY_REPLY: Self = Self(13);

    /// Whether a client says it.
    #[must_use]
    pub const fn is_of_client(self) -> bool {
        matches!(self.0, 1 | 3..=6 | 8 | 9 | 11)
    }

    /// Whether it wraps another message.
    #[must_use]
    pub fn is_relayed(self) -> bool {
        matches!(self, Self::RELAY_FORWARD | Self::RELAY_REPLY)
    }
}

/// One message, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: MessageType,
    /// Whose it is.
    pub head: Head,
    /// Its options, up to the first that does not fit.
    pub options: Vec<RawOption<'a>>,
    /// The first fault.
    pub damage: Option<Malformed>,
}

/// What stands before the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Of a client and a server.
    Direct {
        /// Tells answers apart.
        transaction: u32,
    },
    /// Of a relay and a server.
    Relayed {
        /// Relays before this one.
        hops: u8,
        /// The client's network.
        link: Ipv6Addr,
        /// The client, or the relay before.
        peer: Ipv6Addr,
    },
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// Which.
    pub code: u16,
    /// Its value.
    pub value: &'a [u8],
}

/// A leased address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// The address.
    pub ip: Ipv6Addr,
    /// How long to use it for new talks, in seconds.
    pub preferred_s: u32,
    /// How long to hold it, in seconds.
    pub valid_s: u32,
    /// Its own options.
    pub options: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads one message. A fault does not hide the options before it: it is told in [`Message::damage`].
    ///
    /// # Errors
    /// `Truncated` where not even the head fits.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let truncated = |_| Malformed::Truncated { field: "header" };
        let (rest, (kind, head)) = head(bytes).map_err(truncated)?;
        let (options, damage) = options(rest);
        Ok(Self { kind, head, options, damage })
    }

    /// The first option of this code.
    #[must_use]
    pub fn option(&self, code: u16) -> Option<&'a [u8]> {
        self.options.iter().find(|option| option.code == code).map(|option| option.value)
    }

    /// The message that a relay wraps.
    #[must_use]
    pub fn relayed(&self) -> Option<&'a [u8]> {
        self.option(RELAY_MESSAGE).filter(|_| self.kind.is_relayed())
    }

    /// The client's MAC, as a relay saw it (RFC 6939).
    #[must_use]
    pub fn link_layer(&self) -> Option<Mac> {
        match self.option(LINK_LAYER)? {
            [0, ETHERNET, mac @ ..] => Mac::from_slice(mac),
            _ => None,
        }
    }

    /// Its addresses, temporary ones included.
    pub fn addresses(&self) -> impl Iterator<Item = Address<'a>> {
        let inner = self.options.iter().filter_map(|option| associated(option.code, option.value));
        let all = inner.flat_map(|bytes| options(bytes).0);
        all.filter(|option| option.code == ADDRESS).filter_map(|option| Address::read(option.value))
    }
}

impl<'a> Address<'a> {
    /// Reads the value of an option 5.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Option<Self> {
        address(value).ok().map(|(options, (ip, preferred_s, valid_s))| Self {
            ip,
            preferred_s,
            valid_s,
            options,
        })
    }

    /// Whether the server says that it could not give it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let (options, _) = options(self.options);
        options.iter().any(|option| option.code == STATUS && !option.value.starts_with(&[0, 0]))
    }
}

/// Reads options until they end, or until one does not fit.
#[must_use]
pub fn options(mut rest: &[u8]) -> (Vec<RawOption<'_>>, Option<Malformed>) {
    let mut options = Vec::new();
    while !rest.is_empty() {
        match option(rest) {
            Ok((after, option)) => {
                options.push(option);
                rest = after;
            }
            Err(_) => return (options, Some(Malformed::Truncated { field: "option" })),
        }
    }
    (options, None)
}

/// The options of an identity association; `None` for other options.
#[must_use]
pub fn associated(code: u16, value: &[u8]) -> Option<&[u8]> {
    match code {
        IA_NA => value.get(12..),
        IA_TA => value.get(4..),
        _ => None,
    }
}

/// Values that each bear their length, 2 bytes of it.
#[must_use]
pub fn pieces(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Ok((after, piece)) = piece(rest) {
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// An enterprise's number, and what it says.
#[must_use]
pub fn enterprise(value: &[u8]) -> Option<(u32, &[u8])> {
    value.split_first_chunk().map(|(number, rest)| (u32::from_be_bytes(*number), rest))
}

fn head(i: &[u8]) -> IResult<&[u8], (MessageType, Head)> {
    let (i, kind) = be_u8(i)?;
    let kind = MessageType(kind);
    if kind.is_relayed() {
        let (i, hops) = be_u8(i)?;
        let (i, link) = be_u128(i)?;
        let (i, peer) = be_u128(i)?;
        Ok((i, (kind, Head::Relayed { hops, link: link.into(), peer: peer.into() })))
    } else {
        let (i, transaction) = be_u24(i)?;
        Ok((i, (kind, Head::Direct { transaction })))
    }
}

fn option(i: &[u8]) -> IResult<&[u8], RawOption<'_>> {
    let (i, code) = be_u16(i)?;
    let (i, value) = piece(i)?;
    Ok((i, RawOption { code, value }))
}

fn piece(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, length) = be_u16(i)?;
    take(length)(i)
}

fn address(i: &[u8]) -> IResult<&[u8], (Ipv6Addr, u32, u32)> {
    let (i, ip) = be_u128(i)?;
    let (i, preferred_s) = be_u32(i)?;
    let (i, valid_s) = be_u32(i)?;
    Ok((i, (ip.into(), preferred_s, valid_s)))
}

/// Options that are read.
pub const IA_NA: u16 = 3;
/// Temporary addresses.
pub const IA_TA: u16 = 4;
/// One address.
pub const ADDRESS: u16 = 5;
/// What a relay passes on.
pub const RELAY_MESSAGE: u16 = 9;
/// What came of it.
pub const STATUS: u16 = 13;
/// What sort of user.
pub const USER_CLASS: u16 = 15;
/// What sort of device.
pub const VENDOR_CLASS: u16 = 16;
/// The relay's port.
pub const INTERFACE_ID: u16 = 18;
/// The relay.
pub const REMOTE_ID: u16 = 37;
/// The client's DNS name.
pub const FQDN: u16 = 39;
/// The client's MAC.
pub const LINK_LAYER: u16 = 79;
/// Hardware type of RFC 826.
const ETHERNET: u8 = 1;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::{Envelope, Sink};
    use proptest::prelude::*;

    /// An option.
    pub fn of(code: u16, value: &[u8]) -> Vec<u8> {
        [&code.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
    }

    /// A message of this type with transaction 7.
    pub fn message(kind: u8, options: &[Vec<u8>]) -> Vec<u8> {
        [vec![kind, 0, 0, 7], options.concat()].concat()
    }

    /// 2001:db8::7, preferred for an hour and valid for two.
    pub fn leased() -> Vec<u8> {
        let mut value = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\x0e\x10\0\0\x1c\x20".to_vec();
        value = [b"\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec(), of(ADDRESS, &value)].concat();
        of(IA_NA, &value)
    }

    /// What a relay sends: a message from fe80::7 on 2001:db8::/64, and its own options.
    pub fn relayed(inner: &[u8], options: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![12, 0];
        bytes.extend(b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07");
        [bytes, of(RELAY_MESSAGE, inner), options.concat()].concat()
    }

    #[test]
    fn head_and_options_are_read() {
        let bytes = message(1, &[of(8, b"\0\0"), of(6, b"\0\x17")]);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.kind, message.head), (MessageType(1), Head::Direct { transaction: 7 }));
        assert_eq!(message.option(6), Some(&b"\0\x17"[..]));
        assert_eq!((message.options.len(), message.damage), (2, None));
    }

    #[test]
    fn addresses_stand_inside_their_associations() {
        let bytes = message(7, &[leased()]);
        let addresses: Vec<_> = Message::parse(&bytes).unwrap().addresses().collect();
        let [Address { ip, preferred_s: 3600, valid_s: 7200, options: [] }] = addresses[..] else {
            panic!("{addresses:?}")
        };
        assert_eq!(ip.to_string(), "2001:db8::7");
    }

    #[test]
    fn relay_wraps_a_message_and_adds_the_clients_mac() {
        let inner = message(1, &[]);
        let bytes = relayed(&inner, &[of(LINK_LAYER, b"\0\x01\x02\0\0\0\0\x07")]);
        let message = Message::parse(&bytes).unwrap();
        let Head::Relayed { hops: 0, link, peer } = message.head else { panic!("{:?}", message.head) };
        assert_eq!((link.to_string(), peer.to_string()), ("2001:db8::".into(), "fe80::7".into()));
        assert_eq!(message.relayed(), Some(&inner[..]));
        assert_eq!(message.link_layer(), Some(Mac([2, 0, 0, 0, 0, 7])));
    }

    #[test]
    fn option_that_does_not_fit_ends_the_message() {
        let mut bytes = message(1, &[of(8, b"\0\0"), of(6, b"\0\x17")]);
        bytes.pop();
        let read = Message::parse(&bytes).unwrap();
        assert_eq!((read.options.len(), read.damage), (1, Some(Malformed::Truncated { field: "option" })));
        assert_eq!(Message::parse(&[1, 0, 0]), Err(Malformed::Truncated { field: "header" }));
        assert_eq!(Message::parse(&[12, 0, 0, 0]), Err(Malformed::Truncated { field: "header" }));
    }

    fn full() -> Vec<u8> {
        let classes = of(VENDOR_CLASS, b"\0\0\x01\x37\0\x08MSFT 5.0");
        let inner = message(1, &[leased(), classes, of(FQDN, b"\0\x04cam7"), of(USER_CLASS, b"\0\x01x")]);
        relayed(&inner, &[of(INTERFACE_ID, b"Gi1/7"), of(LINK_LAYER, b"\0\x01\x02\0\0\0\0\x07")])
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = full();
        for end in 0..bytes.len() {
            let _ = facts::observe(&Envelope::default(), &bytes[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(
            at in 0_usize..200,
            byte in any::<u8>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut bent = full();
            let at = at % bent.len();
            bent[at] = byte;
            let _ = facts::observe(&Envelope::default(), &bent, &mut Sink::default());
            let _ = facts::observe(&Envelope::default(), &bytes, &mut Sink::default());
        }
    }
}
