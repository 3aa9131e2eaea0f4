//! NetBIOS Name Service (NBNS), UDP port 137: the names of Windows and of what shares files with it.
//!
//! A message is one of DNS (see [`dns`]) with other types of record. A name is one label of 32 letters, two for
//! each of 16 bytes:
//!
//! ```text
//! | 'A' + high half | 'A' + low half |*        fifteen bytes of the name, padded with spaces, and what it is for
//!
//! 0x20 NB      (flags 2, IPv4 4)*                                    a name's addresses; flags: 1 bit group ...
//! 0x21 NBSTAT  | number 1 | (name 15, use 1, flags 2)* | MAC 6 | ..  all names of who answers
//! ```
//!
//! Uses: 0 workstation, 0x20 files and printers; of groups 0 and 0x1e the domain or workgroup.
//!
//! Source: RFC 1002, 4.1 and 4.2. Checked against tshark.
//! Left out: datagram and session service, scopes. A name is the sender's own where he registers it for his own
//! address, or answers for it with that, or tells it in his status.

use std::net::Ipv4Addr;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use super::dns::{self, Message, Record};
use crate::name::Name;
use crate::vocabulary::{About, Envelope, Fact, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const NETBIOS: Parser = Parser {
    name: "nbns",
    about: "the NetBIOS names of computers and file servers",
    source: "RFC 1002",
    on: &[On::Udp(PORT)],
    probe: |envelope, bytes| {
        if dns::can_be_message(envelope, bytes, OPCODE_MAX) { Probe::Yes } else { Probe::No }
    },
    start: Start::Datagram(observe),
};

/// A name and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetbiosName {
    /// Fifteen bytes, padded with spaces.
    pub padded: [u8; 15],
    /// What it is for.
    pub service: u8,
}

impl NetbiosName {
    /// Reads the first label of a name; `None` where it is no NetBIOS name.
    #[must_use]
    pub fn decoded(name: &Name<'_>) -> Option<Self> {
        let label: &[u8; 32] = name.labels().next()?.try_into().ok()?;
        let half = |letter: u8| letter.checked_sub(b'A').filter(|half| *half < 16);
        let mut bytes = [0; 16];
        for (byte, [high, low]) in bytes.iter_mut().zip(label.as_chunks::<2>().0) {
            *byte = half(*high)? << 4 | half(*low)?;
        }
        let [padded @ .., service] = bytes;
        Some(Self { padded, service })
    }

    /// The name without its padding.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.padded.trim_ascii_end()
    }
}

/// What an NB record says: (flags, address)*.
#[must_use]
pub fn addresses(record: &Record<'_>) -> Vec<(u16, Ipv4Addr)> {
    let entries = record.bytes.as_chunks::<6>().0.iter().filter(|_| record.kind == NB);
    entries.map(|[high, low, ip @ ..]| (u16::from_be_bytes([*high, *low]), Ipv4Addr::from(*ip))).collect()
}

/// What a status says of who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// His names with their flags.
    pub names: Vec<(NetbiosName, u16)>,
    /// His MAC; all zero where he tells none.
    pub mac: Mac,
}

impl Status {
    /// Reads an NBSTAT record; `None` where the record is another, or does not fit.
    #[must_use]
    pub fn read(record: &Record<'_>) -> Option<Self> {
        status(record.bytes).ok().filter(|_| record.kind == NBSTAT).map(|(_, status)| status)
    }
}

fn status(i: &[u8]) -> IResult<&[u8], Status> {
    let (mut i, number) = be_u8(i)?;
    let mut names = Vec::new();
    for _ in 0..number {
        let (rest, name) = take(15_usize)(i)?;
        let (rest, service) = be_u8(rest)?;
        let (rest, flags) = be_u16(rest)?;
        i = rest;
        names.extend(name.try_into().ok().map(|padded| (NetbiosName { padded, service }, flags)));
    }
    let (i, mac) = take(6_usize)(i)?;
    Ok((i, Status { names, mac: Mac::from_slice(mac).unwrap_or_default() }))
}

/// Turns one message into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = match Message::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    let (is_response, opcode) = (message.flags.is_response(), message.flags.opcode());
    if is_response && envelope.source_port == PORT {
        sink.fact(About::Sender, Fact::Service { protocol: "nbns" });
    }
    let claims = match (is_response, opcode) {
        (false, REGISTRATION | REFRESH | REFRESH_TOO) => true,
        (true, QUERY) => message.flags.code() == 0,
        _ => false,
    };
    for record in message.records.iter().take(RECORDS_MAX).filter(|_| claims) {
        let is_own =
            |(flags, ip): &(u16, Ipv4Addr)| flags & GROUP == 0 && envelope.source == Some((*ip).into());
        if addresses(record).iter().any(is_own) {
            NetbiosName::decoded(&record.name).iter().for_each(|name| hostname(name, sink));
        }
        let names = Status::read(record).filter(|_| is_response).map(|status| status.names);
        for (name, flags) in names.iter().flatten() {
            if flags & (GROUP | CONFLICT) == 0 {
                hostname(name, sink);
            }
        }
    }
    match message.damage {
        Some(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

fn hostname(name: &NetbiosName, sink: &mut Sink) {
    if matches!(name.service, WORKSTATION | FILES) {
        sink.attribute(About::Sender, Key::Hostname, name.text());
    }
}

const PORT: u16 = 137;
/// Types of record.
const NB: u16 = 0x20;
const NBSTAT: u16 = 0x21;
const QUERY: u16 = 0;
const REGISTRATION: u16 = 5;
/// RFC 1002, 4.2.4 gives one number and 4.2.1.1 another.
const REFRESH: u16 = 8;
const REFRESH_TOO: u16 = 9;
const OPCODE_MAX: u16 = 15;
/// Flags of a name: it is a group's; it is in conflict.
const GROUP: u16 = 0x8000;
const CONFLICT: u16 = 0x0800;
/// What names are for.
const WORKSTATION: u8 = 0;
const FILES: u8 = 0x20;
/// Records looked at; a message has one.
const RECORDS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::dns::tests::{message, record};
    use super::*;
    use proptest::prelude::*;

    const SENDER: [u8; 4] = [192, 0, 2, 5];

    fn encoded(name: &str, service: u8) -> String {
        let letter = |half: u8| char::from(b'A' + half);
        let bytes = format!("{name:<15}").into_bytes().into_iter().chain([service]);
        bytes.flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect()
    }

    fn told(bytes: &[u8]) -> (Vec<String>, Result<(), Malformed>) {
        let envelope = Envelope { source: Some(SENDER.into()), source_port: PORT, ..Envelope::default() };
        let mut sink = Sink::default();
        let result = observe(&envelope, bytes, &mut sink);
        let shown = sink.facts.iter().map(|(about, fact)| match (about, fact) {
            (About::Sender, Fact::Attribute { key, value }) => format!("{} {value}", key.name()),
            (About::Sender, Fact::Service { protocol }) => format!("serves {protocol}"),
            other => format!("{other:?}"),
        });
        (shown.collect(), result)
    }

    fn nb(name: &str, service: u8, flags: u16, ip: [u8; 4]) -> Vec<u8> {
        record(&encoded(name, service), NB, &[&flags.to_be_bytes()[..], &ip].concat())
    }

    /// A status with a workstation, a group and a name in conflict.
    fn status() -> Vec<u8> {
        let names = b"\x03GATE           \0\x04\0SITE           \0\x84\0OLD            \x20\x0c\0";
        record(&encoded("*", 0), NBSTAT, &[&names[..], b"\x02\0\0\0\0\x5a", &[0; 40]].concat())
    }

    #[test]
    fn names_are_decoded() {
        let bytes = [&[32_u8], encoded("GATE", 0x20).as_bytes(), &[0]].concat();
        let name = NetbiosName::decoded(&Name::read(&bytes, 0).unwrap().0).unwrap();
        assert_eq!((name.text(), name.service), (&b"GATE"[..], 0x20));
        for other in [&b"\x04GATE\0"[..], &[&[32], &[b'z'; 32][..], &[0]].concat()] {
            assert_eq!(NetbiosName::decoded(&Name::read(other, 0).unwrap().0), None);
        }
    }

    #[test]
    fn who_registers_his_own_address_tells_his_name() {
        let own = nb("GATE", 0, 0, SENDER);
        assert_eq!(told(&message(0x2910, [0, 0, 0, 1], &own)), (vec!["hostname GATE".into()], Ok(())));
        assert_eq!(told(&message(0x4010, [0, 0, 0, 1], &own)).0, ["hostname GATE"]);
        assert_eq!(told(&message(0x3010, [0, 0, 0, 1], &own)).0, [""; 0], "a release");
    }

    #[test]
    fn groups_others_and_other_uses_are_no_host_name() {
        let records =
            [nb("SITE", 0, GROUP, SENDER), nb("GATE", 0, 0, [192, 0, 2, 9]), nb("GATE", 3, 0, SENDER)];
        assert_eq!(told(&message(0x2910, [0, 0, 0, 3], &records.concat())), (vec![], Ok(())));
    }

    #[test]
    fn answer_names_only_whose_address_it_is() {
        let answer = |ip| message(0x8500, [0, 1, 0, 0], &nb("GATE", 0x20, 0, ip));
        assert_eq!(told(&answer(SENDER)).0, ["serves nbns", "hostname GATE"]);
        assert_eq!(told(&answer([192, 0, 2, 9])).0, ["serves nbns"]);
        let refused = message(0x8503, [0, 1, 0, 0], &nb("GATE", 0x20, 0, SENDER));
        assert_eq!(told(&refused).0, ["serves nbns"]);
    }

    #[test]
    fn status_tells_the_names_of_who_answers() {
        assert_eq!(told(&message(0x8400, [0, 1, 0, 0], &status())).0, ["serves nbns", "hostname GATE"]);
        let bytes = message(0x8400, [0, 1, 0, 0], &status());
        let read = Status::read(&Message::parse(&bytes).unwrap().records[0]).unwrap();
        assert_eq!((read.names.len(), read.mac), (3, Mac([2, 0, 0, 0, 0, 0x5a])));
    }

    #[test]
    fn record_that_does_not_fit_is_truncated() {
        let bytes = message(0x8400, [0, 1, 0, 0], &status());
        let (facts, result) = told(&bytes[..bytes.len() - 1]);
        assert_eq!((facts.len(), result), (1, Err(Malformed::Truncated { field: "record data" })));
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = message(0x8400, [0, 2, 0, 0], &[status(), nb("GATE", 0, 0, SENDER)].concat());
        for end in 0..bytes.len() {
            let _ = told(&bytes[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0_usize..300, byte in any::<u8>()) {
            let mut bent = message(0x8400, [0, 2, 0, 0], &[status(), nb("GATE", 0, 0, SENDER)].concat());
            let at = at % bent.len();
            bent[at] = byte;
            let _ = told(&bent);
        }
    }
}
