//! Domain Name System (DNS), UDP port 53, and its two kin on the link: multicast DNS (mDNS), UDP port 5353,
//! and Link-Local Multicast Name Resolution (LLMNR), UDP port 5355.
//!
//! A device tells its name and what it offers when it starts and when it is asked. One message is
//!
//! ```text
//! 0    2       4           6         8             10           12
//! | id | flags | questions | answers | authorities | additional | question* | record*
//!
//! question = | name | type 2 | class 2 |
//! record   = | name | type 2 | class 2 | seconds to live 4 | length 2 | data |
//! flags    = | response 1 | opcode 4 | authoritative 1 | truncated 1 | recursion desired 1 | available 1 |
//!            | 0 1 | authentic 1 | unchecked 1 | code 4 |
//!
//! 1 A, 28 AAAA: the address      2 NS, 5 CNAME, 12 PTR: a name      16 TXT: (length 1, text)*
//! 33 SRV: | priority 2 | weight 2 | port 2 | name |
//! ```
//!
//! all numbers big-endian; names are drawn in [`name`](crate::name). Over TCP each message comes behind its length.
//!
//! Source: RFC 1035, 4.1; RFC 3596 (AAAA), RFC 2782 (SRV), RFC 2136 (update), RFC 6762 (mDNS), RFC 6763
//! (services), RFC 4795 (LLMNR). Checked against tshark.
//! Left out: other types of record are kept as bytes.
//! What a server answers about third parties gives no fact: it may be old, or about nobody on the site.

mod facts;
mod stream;

use std::net::{Ipv4Addr, Ipv6Addr};

use nom::IResult;
use nom::number::complete::{be_u16, be_u32};

use crate::name::Name;
use crate::vocabulary::{Envelope, Malformed, On, Parser, Probe, Start};

/// What the engine knows of DNS.
pub const DNS: Parser = Parser {
    name: "dns",
    about: "who answers names, and who registers its own by dynamic update",
    source: "RFC 1035, RFC 3596, RFC 2136",
    on: &[On::Udp(53)],
    probe,
    start: Start::Datagram(facts::of_dns),
};

/// What the engine knows of DNS over TCP.
pub const DNS_STREAM: Parser = Parser {
    name: "dns",
    about: "the same over TCP, as large answers come",
    source: "RFC 1035, RFC 7766",
    on: &[On::Tcp(53)],
    probe: stream::probe,
    start: Start::Session(stream::start),
};

/// What the engine knows of multicast DNS.
pub const MDNS: Parser = Parser {
    name: "mdns",
    about: "a device's own names and services, with the texts that describe them",
    source: "RFC 6762, RFC 6763, RFC 2782",
    on: &[On::Udp(5353)],
    probe,
    start: Start::Datagram(facts::of_mdns),
};

/// What the engine knows of LLMNR.
pub const LLMNR: Parser = Parser {
    name: "llmnr",
    about: "a device's own names, told on the link when asked",
    source: "RFC 4795",
    on: &[On::Udp(5355)],
    probe,
    start: Start::Datagram(facts::of_llmnr),
};

/// One message, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Tells answers of one asker apart; 0 in mDNS.
    pub id: u16,
    /// What sort of message this is.
    pub flags: Flags,
    /// How many questions, answers, authorities and additional records it promises.
    pub counts: [u16; 4],
    /// Its questions, as far as they could be read.
    pub questions: Vec<Question<'a>>,
    /// Its records, in order, as far as they could be read.
    pub records: Vec<Record<'a>>,
    /// The first fault.
    pub damage: Option<Malformed>,
}

/// The third and fourth byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// Whether it answers.
    #[must_use]
    pub const fn is_response(self) -> bool {
        self.0 & 0x8000 != 0
    }

    /// What it wants: 0 an answer, 5 an update.
    #[must_use]
    pub const fn opcode(self) -> u16 {
        self.0 >> 11 & 15
    }

    /// What came of it: 0 an answer, 3 no such name.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0 & 15
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'a> {
    /// The name.
    pub name: Name<'a>,
    /// Which type of record.
    pub kind: u16,
    /// Its class; in mDNS the highest bit asks for an answer to the asker alone.
    pub class: u16,
}

/// In which part of a message a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Answers; in an mDNS question, what is known already.
    Answer,
    /// Who is responsible; in an mDNS question, what its sender is about to claim; in an update, what to change.
    Authority,
    /// What may be asked next.
    Additional,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it stands.
    pub section: Section,
    /// Whose it is.
    pub name: Name<'a>,
    /// Its type.
    pub kind: u16,
    /// Its class; in mDNS the highest bit says that it stands in for all that were known before.
    pub class: u16,
    /// How long to keep it, in seconds; 0 in mDNS takes it back.
    pub ttl_s: u32,
    /// Its data as they are.
    pub bytes: &'a [u8],
    /// What they mean.
    pub data: Data<'a>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data<'a> {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name: NS, CNAME or PTR.
    Name(Name<'a>),
    /// Texts, most often `key=value`.
    Txt(Vec<&'a [u8]>),
    /// Where a service is.
    Srv {
        /// The lowest is to be tried first.
        priority: u16,
        /// How often to take it among equals.
        weight: u16,
        /// Its port.
        port: u16,
        /// The host that offers it.
        target: Name<'a>,
    },
    /// Of another type, or damaged.
    Other,
}

impl<'a> Message<'a> {
    /// Reads one message.
    ///
    /// A fault does not hide what stands before it, nor one inside a record what stands behind:
    /// it is told in [`Message::damage`].
    ///
    /// # Errors
    /// `Truncated` where not even the header fits.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (_, (id, flags, counts)) = header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        let (questions, records) = (Vec::new(), Vec::new());
        let mut message = Self { id, flags: Flags(flags), counts, questions, records, damage: None };
        if let Err(damage) = message.fill(bytes) {
            message.damage = message.damage.or(Some(damage));
        }
        Ok(message)
    }

    /// The number of questions and records is bounded by the message: each takes five bytes at least.
    fn fill(&mut self, bytes: &'a [u8]) -> Result<(), Malformed> {
        let [questions, answers, authorities, additional] = self.counts;
        let mut at = HEADER;
        for _ in 0..questions {
            let (question, after) = question(bytes, at)?;
            self.questions.push(question);
            at = after;
        }
        let sections = [
            (Section::Answer, answers),
            (Section::Authority, authorities),
            (Section::Additional, additional),
        ];
        for (section, count) in sections {
            for _ in 0..count {
                let (mut record, data_at) = record(bytes, at, section)?;
                at = data_at.saturating_add(record.bytes.len());
                match data(bytes, data_at, &record) {
                    Ok(data) => record.data = data,
                    Err(damage) => self.damage = self.damage.or(Some(damage)),
                }
                self.records.push(record);
            }
        }
        Ok(())
    }
}

type Header = (u16, u16, [u16; 4]);

fn header(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, id) = be_u16(i)?;
    let (i, flags) = be_u16(i)?;
    let (i, questions) = be_u16(i)?;
    let (i, answers) = be_u16(i)?;
    let (i, authorities) = be_u16(i)?;
    let (i, additional) = be_u16(i)?;
    Ok((i, (id, flags, [questions, answers, authorities, additional])))
}

fn question(bytes: &[u8], at: usize) -> Result<(Question<'_>, usize), Malformed> {
    let (name, after) = Name::read(bytes, at)?;
    let read = || {
        let (i, kind) = be_u16::<_, nom::error::Error<&[u8]>>(bytes.get(after..)?).ok()?;
        let (_, class) = be_u16::<_, nom::error::Error<&[u8]>>(i).ok()?;
        Some(Question { name, kind, class })
    };
    let question = read().ok_or(Malformed::Truncated { field: "question" })?;
    Ok((question, after.saturating_add(QUESTION)))
}

/// A record whose data are not yet read, and where they begin.
fn record(bytes: &[u8], at: usize, section: Section) -> Result<(Record<'_>, usize), Malformed> {
    let (name, after) = Name::read(bytes, at)?;
    let head = |i| -> IResult<&[u8], (u16, u16, u32, u16)> {
        let (i, kind) = be_u16(i)?;
        let (i, class) = be_u16(i)?;
        let (i, ttl_s) = be_u32(i)?;
        let (i, length) = be_u16(i)?;
        Ok((i, (kind, class, ttl_s, length)))
    };
    let truncated = Malformed::Truncated { field: "record" };
    let rest = bytes.get(after..).ok_or(truncated)?;
    let (rest, (kind, class, ttl_s, length)) = head(rest).map_err(|_| truncated)?;
    let bytes = rest.get(..usize::from(length)).ok_or(Malformed::Truncated { field: "record data" })?;
    let record = Record { section, name, kind, class, ttl_s, bytes, data: Data::Other };
    Ok((record, after.saturating_add(RECORD)))
}

fn data<'a>(whole: &'a [u8], at: usize, record: &Record<'a>) -> Result<Data<'a>, Malformed> {
    let bytes = record.bytes;
    // An update deletes with records without data (RFC 2136, 2.5).
    if bytes.is_empty() {
        return Ok(Data::Other);
    }
    let ends = at.saturating_add(bytes.len());
    let name_at = |at: usize| match Name::read(whole, at)? {
        (name, after) if after == ends => Ok(name),
        _ => Err(Malformed::Invalid { field: "record data" }),
    };
    let invalid = |field| Malformed::Invalid { field };
    Ok(match record.kind {
        A => Data::A(<[u8; 4]>::try_from(bytes).map_err(|_| invalid("address"))?.into()),
        AAAA => Data::Aaaa(<[u8; 16]>::try_from(bytes).map_err(|_| invalid("address"))?.into()),
        NS | CNAME | PTR => Data::Name(name_at(at)?),
        TXT => Data::Txt(texts(bytes)?),
        SRV => {
            let numbers = |i| -> IResult<&[u8], (u16, u16, u16)> {
                let (i, priority) = be_u16(i)?;
                let (i, weight) = be_u16(i)?;
                let (i, port) = be_u16(i)?;
                Ok((i, (priority, weight, port)))
            };
            let (_, (priority, weight, port)) = numbers(bytes).map_err(|_| invalid("service"))?;
            Data::Srv { priority, weight, port, target: name_at(at.saturating_add(SRV_NUMBERS))? }
        }
        _ => Data::Other,
    })
}

fn texts(mut rest: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut texts = Vec::new();
    while let Some((&length, after)) = rest.split_first() {
        let (text, after) =
            after.split_at_checked(length.into()).ok_or(Malformed::Invalid { field: "text" })?;
        texts.push(text);
        rest = after;
    }
    Ok(texts)
}

fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    if can_be_message(envelope, bytes, OPCODE_MAX) { Probe::Yes } else { Probe::No }
}

/// Whether a message promises no more than it can hold, what it begins with is a name, and it wants nothing
/// above the opcode.
pub(super) fn can_be_message(envelope: &Envelope, bytes: &[u8], opcode_max: u16) -> bool {
    let Ok((_, (_, flags, counts))) = header(bytes) else { return false };
    let [questions, records @ ..] = counts.map(usize::from);
    let least = questions
        .saturating_mul(QUESTION.saturating_add(1))
        .saturating_add(records.iter().sum::<usize>().saturating_mul(RECORD.saturating_add(1)))
        .saturating_add(HEADER);
    let is_room = envelope.is_cut || least <= bytes.len();
    let is_empty = least == HEADER && !Flags(flags).is_response();
    let is_known = flags & FLAG_ZERO == 0 && Flags(flags).opcode() <= opcode_max;
    let begins = match Name::read(bytes, HEADER) {
        Ok(_) => true,
        Err(Malformed::Truncated { .. }) => envelope.is_cut || least == HEADER,
        Err(Malformed::Invalid { .. }) => false,
    };
    is_room && is_known && !is_empty && begins
}

/// Bytes of a header, of a question and of a record behind their names, and of a service's numbers.
const HEADER: usize = 12;
const QUESTION: usize = 4;
const RECORD: usize = 10;
const SRV_NUMBERS: usize = 6;
/// RFC 1035, 4.1.1: must be zero.
const FLAG_ZERO: u16 = 0x0040;
/// The last opcode in use is DSO (RFC 8490).
const OPCODE_MAX: u16 = 6;
/// Types of record.
const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const PTR: u16 = 12;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::Sink;
    use proptest::prelude::*;

    /// A header with these flags and counts, and what follows it.
    pub fn message(flags: u16, counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
        let mut bytes = [0_u16.to_be_bytes(), flags.to_be_bytes()].concat();
        bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        bytes.extend(rest);
        bytes
    }

    /// A record of class IN that lives two minutes, its name not compressed.
    pub fn record(name: &str, kind: u16, data: &[u8]) -> Vec<u8> {
        let head = [kind.to_be_bytes(), [0, 1], [0, 0], [0, 120], (data.len() as u16).to_be_bytes()];
        [&encoded(name), head.as_flattened(), data].concat()
    }

    /// A name whose labels are parted by dots, on the wire.
    pub fn encoded(name: &str) -> Vec<u8> {
        let labels = name.split('.').map(|label| [&[label.len() as u8], label.as_bytes()].concat());
        labels.chain([vec![0]]).flatten().collect()
    }

    #[test]
    fn question_and_answer_are_read() {
        let bytes = message(
            0x8180,
            [1, 1, 0, 0],
            b"\x03cam\x02ex\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x05",
        );
        let message = Message::parse(&bytes).unwrap();
        assert!(message.flags.is_response() && message.damage.is_none());
        assert_eq!((message.flags.opcode(), message.flags.code()), (0, 0));
        assert_eq!(message.questions[0].name.joined(), b"cam.ex");
        let record = &message.records[0];
        assert_eq!((record.name.joined(), record.ttl_s), (b"cam.ex".to_vec(), 60));
        assert_eq!((record.section, record.data.clone()), (Section::Answer, Data::A([192, 0, 2, 5].into())));
    }

    #[test]
    fn data_of_every_type_that_we_read_is_read() {
        let (name, _) = Name::read(b"\x01h\x02ex\0", 0).unwrap();
        for (kind, bytes, data) in [
            (AAAA, &[0xfe; 16][..], Data::Aaaa([0xfe; 16].into())),
            (PTR, b"\x01h\x02ex\0", Data::Name(name)),
            (TXT, b"\x03a=b\0\x01c", Data::Txt(vec![b"a=b", b"", b"c"])),
            (
                SRV,
                b"\0\x01\0\x02\x02\x2a\x01h\x02ex\0",
                Data::Srv { priority: 1, weight: 2, port: 554, target: name },
            ),
            (47, b"zz", Data::Other),
            (A, b"", Data::Other),
        ] {
            let bytes = message(0x8400, [0, 1, 0, 0], &record("x", kind, bytes));
            let message = Message::parse(&bytes).unwrap();
            assert_eq!((&message.records[0].data, message.damage), (&data, None));
        }
    }

    #[test]
    fn damage_inside_a_record_does_not_hide_the_next() {
        let records = [record("x", A, b"abc"), record("y", A, b"abcd")].concat();
        let bytes = message(0x8400, [0, 2, 0, 0], &records);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.damage, Some(Malformed::Invalid { field: "address" }));
        assert_eq!(message.records[0].data, Data::Other);
        assert_eq!(message.records[1].data, Data::A([97, 98, 99, 100].into()));
    }

    #[test]
    fn name_longer_than_its_record_is_invalid() {
        let bytes = message(0x8400, [0, 2, 0, 0], &[record("x", PTR, b"\x03c"), b"am\0".to_vec()].concat());
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.damage, Some(Malformed::Invalid { field: "record data" }));
    }

    #[test]
    fn record_that_does_not_fit_ends_the_message() {
        let bytes = message(0x8400, [0, 2, 0, 0], &record("x", A, b"abcd"));
        let damage = |bytes: &[u8]| Message::parse(bytes).unwrap().damage;
        assert_eq!(damage(&bytes), Some(Malformed::Truncated { field: "name" }));
        assert_eq!(damage(&bytes[..bytes.len() - 1]), Some(Malformed::Truncated { field: "record data" }));
        assert_eq!(damage(&bytes[..20]), Some(Malformed::Truncated { field: "record" }));
        assert_eq!(
            damage(&message(0, [1, 0, 0, 0], b"\x01x\0\0\x01")),
            Some(Malformed::Truncated { field: "question" })
        );
        assert_eq!(Message::parse(&bytes[..11]), Err(Malformed::Truncated { field: "header" }));
    }

    #[test]
    fn only_what_can_be_a_message_is_one() {
        let probe = |flags, counts, rest: &[u8]| probe(&Envelope::default(), &message(flags, counts, rest));
        assert_eq!(probe(0, [1, 0, 0, 0], b"\x01x\0\0\x01\0\x01"), Probe::Yes);
        assert_eq!(probe(0x8005, [0; 4], b""), Probe::Yes);
        assert_eq!(probe(0, [0; 4], b""), Probe::No);
        assert_eq!(probe(0, [2, 0, 0, 0], b"\x01x\0\0\x01\0\x01"), Probe::No);
        assert_eq!(probe(0, [1, 0, 0, 0], b"\xffx\0\0\x01\0\x01"), Probe::No);
        assert_eq!(probe(0x7800, [1, 0, 0, 0], b"\x01x\0\0\x01\0\x01"), Probe::No);
        assert_eq!(probe(0x0040, [1, 0, 0, 0], b"\x01x\0\0\x01\0\x01"), Probe::No);
    }

    #[test]
    fn message_that_the_capture_cut_may_promise_more() {
        let envelope = Envelope { is_cut: true, ..Envelope::default() };
        assert_eq!(probe(&envelope, &message(0, [9, 0, 0, 0], b"\x01x")), Probe::Yes);
    }

    /// A message with every type of record, and pointers.
    fn full() -> Vec<u8> {
        let records = [
            record("_http._tcp.local", PTR, b"\x04cam7\xc0\x0c"),
            record("cam7._http._tcp.local", SRV, b"\0\0\0\0\0\x50\x04cam7\xc0\x17"),
            record("cam7._http._tcp.local", TXT, b"\x05a=b c"),
            record("cam7.local", A, &[192, 0, 2, 5]),
            record("cam7.local", AAAA, &[0xfe; 16]),
        ];
        message(0x8400, [0, 5, 0, 0], &records.concat())
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = full();
        for end in 0..bytes.len() {
            for read in [facts::of_dns, facts::of_mdns, facts::of_llmnr] {
                let _ = read(&Envelope::default(), &bytes[..end], &mut Sink::default());
            }
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
            for bytes in [bent, bytes] {
                let _ = probe(&Envelope::default(), &bytes);
                for read in [facts::of_dns, facts::of_mdns, facts::of_llmnr] {
                    let _ = read(&Envelope::default(), &bytes, &mut Sink::default());
                }
            }
        }
    }
}
