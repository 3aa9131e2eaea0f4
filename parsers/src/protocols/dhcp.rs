//! Dynamic Host Configuration Protocol (DHCPv4) and its ancestor BOOTP, UDP ports 67 and 68.
//!
//! A device asks for an address and tells much of itself while it does. One message is
//!
//! ```text
//! 0    1       2      3      4     8      10      12       16      20       24       28       44      108    236
//! | op | htype | hlen | hops | xid | secs | flags | ciaddr | yiaddr | siaddr | giaddr | chaddr | sname | file | 63 82 53 63 | option* |
//! ```
//!
//! all numbers big-endian; the options are drawn in [`options`]. Without the
//! four bytes before them it is BOOTP, and what follows `file` has no meaning for us.
//!
//! Source: RFC 2131, RFC 951; server answers through a relay, RFC 1542; the
//! options' own sources stand where they are read. Checked against tshark.
//! Left out: lease queries (RFC 4388) give no facts; authentication (RFC 3118) is not verified.

mod facts;
pub mod options;
pub mod relay;
pub mod value;
pub mod vendor;

use std::net::Ipv4Addr;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

pub use options::{Options, RawOption, SubOption};
pub use relay::RelayInfo;
pub use value::Value;

use crate::vocabulary::{Envelope, Mac, Malformed, On, Parser, Probe, Start};

/// What the engine knows of this protocol.
pub const DHCP: Parser = Parser {
    name: "dhcp",
    about: "addresses asked for and leased, what clients tell of themselves, the switch port by option 82",
    source: "RFC 2131, RFC 2132, RFC 3046",
    on: &[On::Udp(67), On::Udp(68), On::Udp(4011)],
    probe,
    start: Start::Datagram(facts::observe),
};

/// One message, borrowed from the datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// 1 from a client, 2 from a server.
    pub operation: Operation,
    /// Kind of link: 1 Ethernet.
    pub hardware: u8,
    /// How many bytes of `hardware_address` count.
    pub hardware_length: u8,
    /// How many relays forwarded it.
    pub hops: u8,
    /// Ties an answer to its question.
    pub transaction: u32,
    /// Since the client began to ask, in seconds.
    pub elapsed_s: u16,
    /// The upper bit asks for answers by broadcast.
    pub flags: u16,
    /// `ciaddr`, the address that the client already has.
    pub client: Ipv4Addr,
    /// `yiaddr`, the address that the server gives.
    pub yours: Ipv4Addr,
    /// `siaddr`, where to boot from.
    pub next_server: Ipv4Addr,
    /// `giaddr`, the relay that forwarded it.
    pub relay: Ipv4Addr,
    /// `chaddr`, all 16 bytes.
    pub hardware_address: &'a [u8],
    /// `sname`, all 64 bytes; a name, or options where option 52 says so; empty where it does not fit.
    pub server_name: &'a [u8],
    /// `file`, all 128 bytes; a name, or options where option 52 says so; empty where it does not fit.
    pub boot_file: &'a [u8],
    /// What BOOTP has in the place of options, all of it; empty in DHCP.
    pub vendor_area: &'a [u8],
    /// The options in the order sent; none in BOOTP.
    pub options: Options<'a>,
    /// The first fault behind the fixed part.
    pub damage: Option<Malformed>,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(pub u8);

impl Operation {
    /// From a client.
    pub const REQUEST: Self = Self(1);
    /// From a server.
    pub const REPLY: Self = Self(2);
}

/// What a message says (option 53).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u8);

impl MessageType {
    /// Who can give me an address?
    pub const DISCOVER: Self = Self(1);
    /// I can, this one.
    pub const OFFER: Self = Self(2);
    /// I take it, or want to keep it.
    pub const REQUEST: Self = Self(3);
    /// Somebody else has it.
    pub const DECLINE: Self = Self(4);
    /// It is yours.
    pub const ACK: Self = Self(5);
    /// It is not yours.
    pub const NAK: Self = Self(6);
    /// I need it no more.
    pub const RELEASE: Self = Self(7);
    /// I have an address, tell me the rest.
    pub const INFORM: Self = Self(8);

    /// Who sends such a message; `None` for types past RFC 2131.
    #[must_use]
    pub fn operation(self) -> Option<Operation> {
        match self {
            Self::OFFER | Self::ACK | Self::NAK => Some(Operation::REPLY),
            Self::DISCOVER | Self::REQUEST | Self::DECLINE | Self::RELEASE | Self::INFORM => {
                Some(Operation::REQUEST)
            }
            _ => None,
        }
    }
}

impl<'a> Message<'a> {
    /// Reads one message.
    ///
    /// A fault among the options does not hide what stands before it: it is
    /// told in [`Message::damage`].
    ///
    /// # Errors
    /// `Truncated` where the message ends before `sname`; `Invalid` where it
    /// comes neither from a client nor from a server.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (rest, mut message) = fixed(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        if !matches!(message.operation, Operation::REQUEST | Operation::REPLY) {
            return Err(Malformed::Invalid { field: "op" });
        }
        if usize::from(message.hardware_length) > message.hardware_address.len() {
            message.damage = Some(Malformed::Invalid { field: "hlen" });
        }
        let Ok((rest, (server_name, boot_file))) = names(rest) else {
            message.damage = message.damage.or(Some(Malformed::Truncated { field: "file" }));
            return Ok(message);
        };
        (message.server_name, message.boot_file) = (server_name, boot_file);
        match rest.strip_prefix(&COOKIE) {
            Some(rest) => {
                let (options, damage) = Options::read(rest, message.boot_file, message.server_name);
                message.damage = message.damage.or(damage).or_else(|| value::first_fault(&options));
                message.options = options;
            }
            None => message.vendor_area = rest,
        }
        Ok(message)
    }

    /// The client's MAC, where the message is about Ethernet and names one.
    #[must_use]
    pub fn mac(&self) -> Option<Mac> {
        let (HARDWARE_ETHERNET | HARDWARE_IEEE_802, 6) = (self.hardware, self.hardware_length) else {
            return None;
        };
        self.hardware_address.get(..6).and_then(Mac::from_slice).filter(|mac| mac.is_device())
    }

    /// Option 53; `None` in BOOTP.
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        match self.options.first(options::MESSAGE_TYPE)? {
            [kind] => Some(MessageType(*kind)),
            _ => None,
        }
    }

    /// The address in option `code`, where it holds exactly one.
    #[must_use]
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        <[u8; 4]>::try_from(self.options.first(code)?).ok().map(Ipv4Addr::from)
    }
}

fn fixed(i: &[u8]) -> IResult<&[u8], Message<'_>> {
    let (i, operation) = be_u8(i)?;
    let (i, hardware) = be_u8(i)?;
    let (i, hardware_length) = be_u8(i)?;
    let (i, hops) = be_u8(i)?;
    let (i, transaction) = be_u32(i)?;
    let (i, elapsed_s) = be_u16(i)?;
    let (i, flags) = be_u16(i)?;
    let (i, client) = be_u32(i)?;
    let (i, yours) = be_u32(i)?;
    let (i, next_server) = be_u32(i)?;
    let (i, relay) = be_u32(i)?;
    let (i, hardware_address) = take(16usize)(i)?;
    Ok((
        i,
        Message {
            operation: Operation(operation),
            hardware,
            hardware_length,
            hops,
            transaction,
            elapsed_s,
            flags,
            client: client.into(),
            yours: yours.into(),
            next_server: next_server.into(),
            relay: relay.into(),
            hardware_address,
            server_name: &[],
            boot_file: &[],
            vendor_area: &[],
            options: Options::default(),
            damage: None,
        },
    ))
}

fn names(i: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let (i, server_name) = take(64usize)(i)?;
    let (i, boot_file) = take(128usize)(i)?;
    Ok((i, (server_name, boot_file)))
}

/// With the cookie it is certain; without it old BOOTP and anything else look alike.
fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    match (bytes, bytes.get(FIXED_BYTES..).and_then(|rest| rest.first_chunk())) {
        ([1 | 2, ..], Some(cookie)) if *cookie == COOKIE => Probe::Yes,
        ([1 | 2, _, 0..=16, ..], Some(_)) => Probe::Maybe,
        ([1 | 2, _, 0..=16, ..], None) if envelope.is_cut => Probe::Maybe,
        _ => Probe::No,
    }
}

/// Everything before the cookie.
const FIXED_BYTES: usize = 236;
/// RFC 2131, 3.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// IANA, "ARP Parameters".
const HARDWARE_ETHERNET: u8 = 1;
const HARDWARE_IEEE_802: u8 = 6;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::Sink;
    use proptest::prelude::*;

    pub const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

    /// A message of 02:00:00:00:00:07 with these options behind the cookie.
    pub fn message(operation: u8, options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![operation, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef];
        bytes.resize(28, 0);
        bytes.extend(MAC.0);
        bytes.resize(FIXED_BYTES, 0);
        bytes.extend(COOKIE);
        bytes.extend(options);
        bytes
    }

    #[test]
    fn fixed_part_is_read() {
        let mut bytes = message(1, b"\x35\x01\x01\xff");
        bytes[8..28].copy_from_slice(b"\0\x05\x80\0\xc0\0\x02\x01\xc0\0\x02\x02\xc0\0\x02\x03\xc0\0\x02\x04");
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.transaction, message.elapsed_s, message.flags), (0xdead_beef, 5, 0x8000));
        let last = |ip: Ipv4Addr| ip.octets()[3];
        let addresses = [message.client, message.yours, message.next_server, message.relay];
        assert_eq!(addresses.map(last), [1, 2, 3, 4]);
        assert_eq!((message.mac(), message.message_type()), (Some(MAC), Some(MessageType::DISCOVER)));
        assert_eq!(message.damage, None);
    }

    #[test]
    fn bootp_keeps_its_vendor_area_and_has_no_options() {
        let mut bytes = message(1, &[]);
        bytes.truncate(FIXED_BYTES);
        bytes.extend([7; 64]);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.vendor_area, message.options.raw.len()), ([7; 64].as_slice(), 0));
        assert_eq!(probe(&Envelope::default(), &bytes), Probe::Maybe);
    }

    #[test]
    fn cookie_makes_the_probe_certain() {
        assert_eq!(probe(&Envelope::default(), &message(2, &[])), Probe::Yes);
        assert_eq!(probe(&Envelope::default(), &message(3, &[])), Probe::No);
        assert_eq!(probe(&Envelope::default(), b"M-SEARCH * HTTP/1.1"), Probe::No);
    }

    #[test]
    fn fixed_part_that_does_not_fit_is_truncated() {
        let bytes = message(1, &[]);
        let truncated = Err(Malformed::Truncated { field: "header" });
        assert_eq!(Message::parse(&bytes[..43]), truncated);
        assert_eq!(Message::parse(&[]), truncated);
        let cut = Message::parse(&bytes[..FIXED_BYTES - 1]).unwrap();
        assert_eq!((cut.mac(), cut.damage), (Some(MAC), Some(Malformed::Truncated { field: "file" })));
    }

    #[test]
    fn neither_client_nor_server_is_invalid() {
        assert_eq!(Message::parse(&message(3, &[])), Err(Malformed::Invalid { field: "op" }));
    }

    #[test]
    fn hardware_address_longer_than_its_field_is_invalid_and_no_mac() {
        let mut bytes = message(1, b"\x35\x01\x01\xff");
        bytes[2] = 17;
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.mac(), message.damage), (None, Some(Malformed::Invalid { field: "hlen" })));
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = message(1, b"\x35\x01\x01\x0c\x04cam7\x34\x01\x03\xff");
        for end in 0..bytes.len() {
            let _ = facts::observe(&Envelope::default(), &bytes[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = facts::observe(&Envelope::default(), &bytes, &mut Sink::default());
            for operation in [1, 2] {
                let whole = message(operation, &bytes);
                let _ = facts::observe(&Envelope::default(), &whole, &mut Sink::default());
            }
        }

        #[test]
        fn any_value_of_any_option_is_answered_without_panic(
            code in any::<u8>(),
            value in proptest::collection::vec(any::<u8>(), 0..255),
        ) {
            let length = u8::try_from(value.len()).unwrap();
            let options = [b"\x35\x01\x01".as_slice(), &[code, length], &value, &[options::END]].concat();
            let _ = facts::observe(&Envelope::default(), &message(1, &options), &mut Sink::default());
        }
    }
}
