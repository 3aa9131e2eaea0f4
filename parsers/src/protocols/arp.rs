//! Address Resolution Protocol (ARP), EtherType 0x0806.
//!
//! Who holds this IP address? One message is
//!
//! ```text
//! 0          2          4    5    6           8
//! | hardware | protocol | hl | pl | operation | sender hw (hl) | sender address (pl)
//!                                             | target hw (hl) | target address (pl) | padding
//! ```
//!
//! all numbers big-endian; `hl` and `pl` are the lengths of the two kinds of
//! address, 6 and 4 for IPv4 over Ethernet. Padding up to the shortest
//! Ethernet frame follows and is ignored.
//!
//! Every message of a holder binds its MAC to its IP. A *probe* has 0.0.0.0 as
//! sender and binds nothing; an *announcement* has the sender as its target and
//! asks nothing (RFC 5227, 2.1.1 and 2.3).
//!
//! Source: RFC 826, RFC 5227; hardware types from IANA, "ARP Parameters".
//! Left out: facts from hardware other than Ethernet, and from RARP and InARP operations.

use std::net::{IpAddr, Ipv4Addr};

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::vocabulary::{About, BindingBy, Envelope, Fact, Mac, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const ARP: Parser = Parser {
    name: "arp",
    about: "who holds which IPv4 address, and who asks for it",
    source: "RFC 826, RFC 5227",
    on: &[On::EtherType(0x0806)],
    probe: |_, _| Probe::Yes,
    start: Start::Datagram(observe),
};

/// One message, borrowed from the frame; the addresses have whatever lengths it gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Kind of link: 1 Ethernet, 6 IEEE 802.
    pub hardware: u16,
    /// Kind of address, as an EtherType: 0x0800 IPv4.
    pub protocol: u16,
    /// What it wants.
    pub operation: Operation,
    /// The sender's hardware address.
    pub sender_hardware: &'a [u8],
    /// The sender's protocol address.
    pub sender_address: &'a [u8],
    /// The target's hardware address; of a request without meaning.
    pub target_hardware: &'a [u8],
    /// The target's protocol address.
    pub target_address: &'a [u8],
}

/// What a message wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(pub u16);

impl Operation {
    /// Who holds the target address?
    pub const REQUEST: Self = Self(1);
    /// The sender holds the sender address.
    pub const REPLY: Self = Self(2);
}

/// The four addresses of a message about IPv4 over Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The sender's MAC.
    pub sender_mac: Mac,
    /// The sender's IP address; 0.0.0.0 in a probe.
    pub sender: Ipv4Addr,
    /// The target's MAC; mostly zero in a request.
    pub target_mac: Mac,
    /// The target's IP address.
    pub target: Ipv4Addr,
}

impl<'a> Message<'a> {
    /// Reads one message and leaves the padding behind it.
    ///
    /// # Errors
    /// `Truncated` where the addresses, as long as the message says they are, do not fit into it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match message(bytes) {
            Ok((_padding, message)) => Ok(message),
            Err(_) if bytes.len() < HEADER_BYTES => Err(Malformed::Truncated { field: "header" }),
            Err(_) => Err(Malformed::Truncated { field: "addresses" }),
        }
    }

    /// The addresses, or `None` where this is not about IPv4 over Ethernet.
    ///
    /// # Errors
    /// `Invalid` where the message calls itself that and has address lengths other than 6 and 4.
    pub fn addresses(&self) -> Result<Option<Addresses>, Malformed> {
        if !matches!(self.hardware, HARDWARE_ETHERNET | HARDWARE_IEEE_802) || self.protocol != PROTOCOL_IPV4 {
            return Ok(None);
        }
        let (Some(sender_mac), Some(target_mac)) =
            (Mac::from_slice(self.sender_hardware), Mac::from_slice(self.target_hardware))
        else {
            return Err(Malformed::Invalid { field: "hardware length" });
        };
        let (Ok(sender), Ok(target)) =
            (<[u8; 4]>::try_from(self.sender_address), <[u8; 4]>::try_from(self.target_address))
        else {
            return Err(Malformed::Invalid { field: "protocol length" });
        };
        Ok(Some(Addresses { sender_mac, sender: sender.into(), target_mac, target: target.into() }))
    }
}

fn message(i: &[u8]) -> IResult<&[u8], Message<'_>> {
    let (i, hardware) = be_u16(i)?;
    let (i, protocol) = be_u16(i)?;
    let (i, hardware_length) = be_u8(i)?;
    let (i, protocol_length) = be_u8(i)?;
    let (i, operation) = be_u16(i)?;
    let (i, sender_hardware) = take(hardware_length)(i)?;
    let (i, sender_address) = take(protocol_length)(i)?;
    let (i, target_hardware) = take(hardware_length)(i)?;
    let (i, target_address) = take(protocol_length)(i)?;
    Ok((
        i,
        Message {
            hardware,
            protocol,
            operation: Operation(operation),
            sender_hardware,
            sender_address,
            target_hardware,
            target_address,
        },
    ))
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = match Message::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    let Some(addresses) = message.addresses()? else { return Ok(()) };
    if !matches!(message.operation, Operation::REQUEST | Operation::REPLY) {
        return Ok(());
    }
    let mac = Some(addresses.sender_mac).filter(|mac| mac.is_device());
    let ip = Some(addresses.sender).filter(|ip| is_host(*ip)).map(IpAddr::V4);
    let sender = About::Named { mac, ip };
    if let (Some(mac), Some(ip)) = (mac, ip) {
        sink.fact(sender, Fact::Binding { mac, ip, by: BindingBy::Claim });
    }
    let is_announcement = addresses.target == addresses.sender;
    if is_announcement && mac.is_some() && ip.is_some() {
        sink.fact(sender, Fact::Announced);
    }
    if message.operation == Operation::REQUEST && !is_announcement && mac.is_some() {
        let of = envelope.destination_mac.filter(|mac| mac.is_device());
        sink.fact(sender, Fact::Asked { target: addresses.target.into(), of });
    }
    Ok(())
}

/// Whether a host can hold the address.
fn is_host(ip: Ipv4Addr) -> bool {
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_broadcast())
}

/// Everything before the addresses.
const HEADER_BYTES: usize = 8;
const HARDWARE_ETHERNET: u16 = 1;
const HARDWARE_IEEE_802: u16 = 6;
const PROTOCOL_IPV4: u16 = 0x0800;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 192.0.2.7 asks who holds 192.0.2.1, padded to 46 bytes.
    const REQUEST: &[u8] = b"\0\x01\x08\0\x06\x04\0\x01\
        \x02\0\0\0\0\x07\xc0\0\x02\x07\
        \0\0\0\0\0\0\xc0\0\x02\x01\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    const ASKER: Mac = Mac([2, 0, 0, 0, 0, 7]);

    fn with(at: usize, patch: &[u8]) -> Vec<u8> {
        let mut bytes = REQUEST.to_vec();
        bytes[at..at + patch.len()].copy_from_slice(patch);
        bytes
    }

    fn observed(envelope: &Envelope, bytes: &[u8]) -> (Vec<(About, Fact)>, Result<(), Malformed>) {
        let mut sink = Sink::default();
        let result = observe(envelope, bytes, &mut sink);
        (sink.facts, result)
    }

    fn facts(bytes: &[u8]) -> Vec<(About, Fact)> {
        let (facts, result) = observed(&Envelope::default(), bytes);
        result.unwrap();
        facts
    }

    fn ip(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    fn claim(mac: Mac, ip: IpAddr) -> (About, Fact) {
        let about = About::Named { mac: Some(mac), ip: Some(ip) };
        (about, Fact::Binding { mac, ip, by: BindingBy::Claim })
    }

    #[test]
    fn request_binds_its_sender_and_asks() {
        let about = About::Named { mac: Some(ASKER), ip: Some(ip(7)) };
        assert_eq!(facts(REQUEST), [claim(ASKER, ip(7)), (about, Fact::Asked { target: ip(1), of: None })]);
    }

    #[test]
    fn reply_binds_its_sender_whatever_the_frame_says() {
        let other = Envelope { source_mac: Some(Mac([2, 0, 0, 0, 0, 9])), ..Envelope::default() };
        let (facts, result) = observed(&other, &with(6, b"\0\x02"));
        assert_eq!((facts, result), (vec![claim(ASKER, ip(7))], Ok(())));
    }

    #[test]
    fn probe_asks_and_binds_nothing() {
        let about = About::Named { mac: Some(ASKER), ip: None };
        assert_eq!(facts(&with(14, &[0; 4])), [(about, Fact::Asked { target: ip(1), of: None })]);
    }

    #[test]
    fn announcement_binds_and_asks_nothing() {
        let about = About::Named { mac: Some(ASKER), ip: Some(ip(7)) };
        let said = [claim(ASKER, ip(7)), (about, Fact::Announced)];
        assert_eq!(facts(&with(24, b"\xc0\0\x02\x07")), said);
    }

    #[test]
    fn address_that_nobody_can_hold_is_not_bound() {
        let about = About::Named { mac: Some(ASKER), ip: None };
        assert_eq!(facts(&with(14, b"\xff\xff\xff\xff")), [(about, Fact::Asked { target: ip(1), of: None })]);
        assert_eq!(facts(&with(8, b"\xff\xff\xff\xff\xff\xff")), []);
    }

    #[test]
    fn other_hardware_and_other_operations_give_no_fact() {
        let arcnet = b"\0\x07\x08\0\x01\x04\0\x01\x07\xc0\0\x02\x07\0\xc0\0\x02\x01";
        assert_eq!(Message::parse(arcnet).unwrap().sender_hardware, [7]);
        assert_eq!(facts(arcnet), []);
        assert_eq!(facts(&with(6, b"\0\x08")), []);
    }

    #[test]
    fn address_lengths_that_are_not_ethernet_and_ipv4_are_invalid() {
        let (facts, result) = observed(&Envelope::default(), &with(4, b"\x05"));
        assert_eq!((facts, result), (vec![], Err(Malformed::Invalid { field: "hardware length" })));
        let (_, result) = observed(&Envelope::default(), &with(5, b"\x05"));
        assert_eq!(result, Err(Malformed::Invalid { field: "protocol length" }));
    }

    #[test]
    fn short_message_is_truncated_unless_the_capture_cut_it() {
        assert_eq!(Message::parse(&[]), Err(Malformed::Truncated { field: "header" }));
        let cut = &REQUEST[..27];
        assert_eq!(Message::parse(cut), Err(Malformed::Truncated { field: "addresses" }));
        let envelope = Envelope { is_cut: true, ..Envelope::default() };
        assert_eq!(observed(&envelope, cut), (vec![], Ok(())));
    }

    #[test]
    fn addresses_longer_than_the_frame_are_truncated() {
        assert_eq!(Message::parse(&with(4, b"\xff\xff")), Err(Malformed::Truncated { field: "addresses" }));
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for end in 0..REQUEST.len() {
            let _ = observed(&Envelope::default(), &REQUEST[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = observed(&Envelope::default(), &bytes);
        }
    }
}
