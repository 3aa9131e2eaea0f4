//! Simple Network Management Protocol (SNMP), UDP ports 161 and 162.
//!
//! What managers ask of devices, and what these tell unasked. One message in BER ([`ber`](crate::ber)) is
//!
//! ```text
//! SEQUENCE { version 0 or 1, community, PDU }                                       SNMPv1, SNMPv2c
//! SEQUENCE { version 3, SEQUENCE { id, max size, flags, model }, security, PDU? }   SNMPv3
//!   security   OCTET STRING with SEQUENCE { engine id, boots, time, user, authentication, privacy }
//!   PDU?       SEQUENCE { context engine id, context name, PDU }, or an OCTET STRING if encrypted
//! PDU          0xa0 get, 1 get next, 2 response, 3 set, 5 get bulk, 6 inform, 7 trap, 8 report
//!                   { request id, error status, error index, SEQUENCE { binding* } }
//!              0xa4 trap of SNMPv1
//!                   { enterprise, agent address, generic, specific, time stamp, SEQUENCE { binding* } }
//! binding      SEQUENCE { object identifier, value }
//! ```
//!
//! Of the community nothing is kept but whether it is one that makers document, of SNMPv3's user nothing.
//! What a message tells is in its parts, what a notification does in [`notice`].
//!
//! Source: RFC 1157, 4; RFC 3416, 3; RFC 3412, 6; RFC 3414, 2.4. Left out: what is encrypted, SNMPv2 before
//! communities, SNMP over anything but UDP, and every check of who speaks: it can be forged.

mod facts;
pub mod notice;

use std::net::Ipv4Addr;

use crate::ber::{self, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Oid, SEQUENCE};
use crate::vocabulary::{Envelope, Malformed, On, Parser, Probe, Start};

/// What the engine knows of this protocol.
pub const SNMP: Parser = Parser {
    name: "snmp",
    about: "what switches confess (links, power, restarts), who they are, and how long they have run",
    source: "RFC 1157, RFC 3416, RFC 3414",
    on: &[On::Udp(161), On::Udp(162)],
    probe,
    start: Start::Datagram(facts::observe),
};

/// One message, borrowed from the datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// 0 SNMPv1, 1 SNMPv2c, 3 SNMPv3.
    pub version: u8,
    /// Who may ask, and how he proves it.
    pub security: Security<'a>,
    /// What it says; `None` where it is encrypted or not there.
    pub pdu: Option<Pdu<'a>>,
    /// The first fault.
    pub damage: Option<Malformed>,
}

/// Who may ask, and how he proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security<'a> {
    /// By a word in clear.
    Community {
        /// Whether it is one that makers document.
        is_default: bool,
    },
    /// By SNMPv3.
    Engine(Engine<'a>),
}

/// Which engine is addressed, and its clock (RFC 3414, 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Engine<'a> {
    /// Bit 0: the message is authenticated, bit 1: encrypted, bit 2: to be answered.
    pub flags: u8,
    /// Which engine; nothing where it is asked for.
    pub id: &'a [u8],
    /// How often it has started.
    pub boots: u32,
    /// For how long it has run since, in seconds.
    pub time_s: u32,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu<'a> {
    /// What sort.
    pub kind: PduKind,
    /// Which question this is, or answers; 0 in a trap of SNMPv1.
    pub request: i64,
    /// What went wrong, 0 nothing; of a get bulk how many objects are asked for once.
    pub error_status: i64,
    /// With which object; of a get bulk how often the others are asked for.
    pub error_index: i64,
    /// What a trap of SNMPv1 has in place of these.
    pub trap: Option<Trap<'a>>,
    /// Objects and their values, up to the first that is not whole.
    pub bindings: Vec<Binding<'a>>,
}

/// What sort of PDU it is, by its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PduKind(pub u8);

impl PduKind {
    /// An answer.
    pub const RESPONSE: Self = Self(0xa2);
    /// A notification of SNMPv1.
    pub const TRAP_1: Self = Self(0xa4);
    /// A notification that is to be acknowledged.
    pub const INFORM: Self = Self(0xa6);
    /// A notification.
    pub const TRAP: Self = Self(0xa7);
    /// An engine tells another why it does not answer.
    pub const REPORT: Self = Self(0xa8);
}

/// The head of a trap of SNMPv1 (RFC 1157, 4.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap<'a> {
    /// What kind of device sends, or whose trap it is.
    pub enterprise: Oid<'a>,
    /// Who sends.
    pub agent: Ipv4Addr,
    /// 0 cold start, 1 warm start, 2 link down, 3 link up, 4 authentication failure, 5 EGP neighbour lost, 6 specific.
    pub generic: i64,
    /// Which of the enterprise's traps.
    pub specific: i64,
    /// For how long the sender has run, in hundredths of a second.
    pub uptime_cs: u32,
}

/// An object and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The object.
    pub name: Oid<'a>,
    /// Its value, told by its tag: 0x40 address, 0x41 counter, 0x42 gauge, 0x43 hundredths of a second,
    /// 0x44 opaque, 0x46 large counter, 0x80 to 0x82 none.
    pub value: Element<'a>,
}

impl<'a> Message<'a> {
    /// Reads one message and leaves what stands behind it.
    ///
    /// A fault behind the version does not hide what stands before it: it is told in [`Message::damage`].
    ///
    /// # Errors
    /// Where even the version cannot be read, or is another.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (_, message) = ber::opened(bytes, SEQUENCE, "message")?;
        let (rest, version) = ber::integer(message.value, "version")?;
        let (version, security) = match version {
            VERSION_1 => (0, Security::Community { is_default: false }),
            VERSION_2C => (1, Security::Community { is_default: false }),
            VERSION_3 => (3, Security::Engine(Engine::default())),
            _ => return Err(Malformed::Invalid { field: "version" }),
        };
        let mut read = Self { version, security, pdu: None, damage: None };
        let done = if version == 3 { read.engine(rest) } else { read.community(rest) };
        let missing = (!message.is_whole).then_some(Malformed::Truncated { field: "message" });
        read.damage = read.damage.or(done.err()).or(missing);
        Ok(read)
    }

    fn community(&mut self, i: &'a [u8]) -> Result<(), Malformed> {
        let (i, community) = ber::octets(i, "community")?;
        self.security = Security::Community { is_default: DOCUMENTED.contains(&community) };
        self.pdu(i)
    }

    fn engine(&mut self, i: &'a [u8]) -> Result<(), Malformed> {
        let (i, header) = ber::whole(i, SEQUENCE, "header")?;
        let (rest, _id) = ber::integer(header.value, "message id")?;
        let (rest, _max_size) = ber::integer(rest, "max size")?;
        let (_model, flags) = ber::octets(rest, "flags")?;
        let flags = flags.first().copied().ok_or(Malformed::Invalid { field: "flags" })?;
        let (i, security) = ber::octets(i, "security parameters")?;
        self.security = Security::Engine(Engine { flags, ..Engine::default() });
        let (_, security) = ber::opened(security, SEQUENCE, "security parameters")?;
        self.security = Security::Engine(engine(flags, security.value)?);
        if !security.is_whole {
            return Err(Malformed::Truncated { field: "security parameters" });
        }
        let (_, data) = ber::element(i, "data")?;
        match data.tag {
            OCTET_STRING => Ok(()),
            SEQUENCE => {
                let (rest, _engine) = ber::octets(data.value, "context engine id")?;
                let (rest, _name) = ber::octets(rest, "context name")?;
                self.pdu(rest)
            }
            _ => Err(Malformed::Invalid { field: "data" }),
        }
    }

    fn pdu(&mut self, i: &'a [u8]) -> Result<(), Malformed> {
        let (_, element) = ber::element(i, "PDU")?;
        let kind = PduKind(element.tag);
        let bindings = Vec::new();
        let empty = Pdu { kind, request: 0, error_status: 0, error_index: 0, trap: None, bindings };
        let (rest, pdu) = match element.tag {
            0xa4 => {
                let (rest, trap) = trap(element.value)?;
                (rest, Pdu { trap: Some(trap), ..empty })
            }
            0xa0..=0xa8 => {
                let (rest, request) = ber::integer(element.value, "request id")?;
                let (rest, error_status) = ber::integer(rest, "error status")?;
                let (rest, error_index) = ber::integer(rest, "error index")?;
                (rest, Pdu { request, error_status, error_index, ..empty })
            }
            _ => return Err(Malformed::Invalid { field: "PDU" }),
        };
        let pdu = self.pdu.insert(pdu);
        let (_, list) = ber::opened(rest, SEQUENCE, "variable bindings")?;
        let mut rest = list.value;
        while !rest.is_empty() {
            let (after, binding) = binding(rest)?;
            rest = after;
            pdu.bindings.push(binding);
        }
        if list.is_whole { Ok(()) } else { Err(Malformed::Truncated { field: "variable bindings" }) }
    }
}

fn engine(flags: u8, security: &[u8]) -> Result<Engine<'_>, Malformed> {
    let (rest, id) = ber::octets(security, "engine id")?;
    let (rest, boots) = count(rest, INTEGER, "engine boots")?;
    let (_user, time_s) = count(rest, INTEGER, "engine time")?;
    Ok(Engine { flags, id, boots, time_s })
}

/// A number that is never negative; some leave out the zero that would say so (`snmpv3_get_next.pcap` of zeek).
fn count<'a>(i: &'a [u8], tag: u8, field: &'static str) -> Result<(&'a [u8], u32), Malformed> {
    let (i, element) = ber::whole(i, tag, field)?;
    let count = element.unsigned().and_then(|count| u32::try_from(count).ok());
    Ok((i, count.ok_or(Malformed::Invalid { field })?))
}

fn trap(i: &[u8]) -> Result<(&[u8], Trap<'_>), Malformed> {
    let (i, enterprise) = ber::whole(i, OBJECT_IDENTIFIER, "enterprise")?;
    let (i, agent) = ber::whole(i, IP_ADDRESS, "agent address")?;
    let agent =
        <[u8; 4]>::try_from(agent.value).map_err(|_| Malformed::Invalid { field: "agent address" })?;
    let (i, generic) = ber::integer(i, "generic trap")?;
    let (i, specific) = ber::integer(i, "specific trap")?;
    let (i, uptime_cs) = count(i, TIME_TICKS, "time stamp")?;
    let enterprise = Oid(enterprise.value);
    Ok((i, Trap { enterprise, agent: agent.into(), generic, specific, uptime_cs }))
}

fn binding(i: &[u8]) -> Result<(&[u8], Binding<'_>), Malformed> {
    let (i, binding) = ber::opened(i, SEQUENCE, "variable binding")?;
    let (rest, name) = ber::whole(binding.value, OBJECT_IDENTIFIER, "object name")?;
    let (_, value) = ber::element(rest, "value")?;
    if !value.is_whole {
        return Err(Malformed::Truncated { field: "value" });
    }
    Ok((i, Binding { name: Oid(name.value), value }))
}

/// A message begins with its length and a version that we read.
fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    let version =
        ber::opened(bytes, SEQUENCE, "message").and_then(|(_, it)| ber::integer(it.value, "version"));
    match version {
        Ok((_, VERSION_1 | VERSION_2C | VERSION_3)) => Probe::Yes,
        _ => Probe::No,
    }
}

const VERSION_1: i64 = 0;
const VERSION_2C: i64 = 1;
const VERSION_3: i64 = 3;
/// Types of RFC 2578, 7.1.
pub(crate) const IP_ADDRESS: u8 = 0x40;
pub(crate) const TIME_TICKS: u8 = 0x43;

/// Communities that manuals name: most makers' for reading and for writing, Axis' for writing, and two that
/// Cisco's systems have of themselves.
const DOCUMENTED: [&[u8]; 5] = [b"public", b"private", b"write", b"ILMI", b"cable-docsis"];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::Sink;
    use proptest::prelude::*;

    /// An element, with a long length where it needs one.
    pub fn of(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let value = parts.concat();
        let length = u8::try_from(value.len()).unwrap();
        let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [head, value].concat()
    }

    /// A message of SNMPv2c with this PDU and these bindings.
    pub fn message(kind: u8, bindings: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
        let bindings: Vec<u8> =
            bindings.iter().flat_map(|(name, value)| of(0x30, &[&of(6, &[name]), value])).collect();
        let pdu = of(kind, &[b"\x02\x01\x07\x02\x01\0\x02\x01\0", &of(0x30, &[&bindings])]);
        of(0x30, &[b"\x02\x01\x01\x04\x06public", &pdu])
    }

    const SYS_NAME: &[u8] = b"\x2b\x06\x01\x02\x01\x01\x05\0";

    #[test]
    fn response_and_its_bindings_are_read() {
        let bytes = message(0xa2, &[(SYS_NAME, b"\x04\x03sw1".to_vec())]);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.version, message.damage), (1, None));
        assert_eq!(message.security, Security::Community { is_default: true });
        let pdu = message.pdu.unwrap();
        assert_eq!((pdu.kind, pdu.request, pdu.trap), (PduKind::RESPONSE, 7, None));
        assert_eq!(pdu.bindings[0].name, Oid(SYS_NAME));
        assert_eq!(pdu.bindings[0].value, Element { tag: 4, value: b"sw1", is_whole: true });
    }

    #[test]
    fn other_communities_are_not_default_and_none_is_kept() {
        let bytes = b"\x30\x1a\x02\x01\0\x04\x08Xq7!rz_9\xa0\x0b\x02\x01\x07\x02\x01\0\x02\x01\0\x30\0";
        let message = Message::parse(bytes).unwrap();
        assert_eq!(message.security, Security::Community { is_default: false });
        assert!(!format!("{message:?}").contains("Xq7"));
    }

    #[test]
    fn trap_of_version_1_is_read() {
        let head = b"\x06\x09\x2b\x06\x01\x04\x01\x81\xf4\x69\0\x40\x04\xc0\0\x02\x05\x02\x01\x06\x02\x01\x09\x43\x02\x01\0";
        let pdu = of(0xa4, &[head, b"\x30\0"]);
        let bytes = of(0x30, &[b"\x02\x01\0\x04\x01x", &pdu]);
        let trap = Message::parse(&bytes).unwrap().pdu.unwrap().trap.unwrap();
        assert_eq!(trap.enterprise.to_string(), "1.3.6.1.4.1.31337.0");
        assert_eq!((trap.agent, trap.generic, trap.specific), ([192, 0, 2, 5].into(), 6, 9));
        assert_eq!(trap.uptime_cs, 256);
    }

    /// SNMPv3 with flags, engine 80-00-01, 5 boots, 90 s, user `ann`.
    pub fn version_3(flags: u8, data: &[u8]) -> Vec<u8> {
        let header = of(0x30, &[b"\x02\x01\x01\x02\x02\x05\xdc\x04\x01", &[flags], b"\x02\x01\x03"]);
        let usm = of(0x30, &[b"\x04\x03\x80\0\x01\x02\x01\x05\x02\x01\x5a\x04\x03ann\x04\0\x04\0"]);
        of(0x30, &[b"\x02\x01\x03", &header, &of(4, &[&usm]), data])
    }

    #[test]
    fn engine_of_version_3_is_read_and_its_user_is_not() {
        let pdu = b"\xa8\x0b\x02\x01\x07\x02\x01\0\x02\x01\0\x30\0";
        let bytes = version_3(0, &of(0x30, &[b"\x04\x03\x80\0\x01\x04\0", pdu]));
        let message = Message::parse(&bytes).unwrap();
        let engine = Engine { flags: 0, id: b"\x80\0\x01", boots: 5, time_s: 90 };
        assert_eq!((message.security, message.damage), (Security::Engine(engine), None));
        assert_eq!(message.pdu.unwrap().kind, PduKind::REPORT);
    }

    #[test]
    fn what_is_encrypted_stays_so() {
        let bytes = version_3(3, b"\x04\x03\x01\x02\x03");
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.pdu, message.damage), (None, None));
    }

    #[test]
    fn response_without_bindings_is_one() {
        let bytes = message(0xa2, &[]);
        assert_eq!(Message::parse(&bytes).unwrap().pdu.unwrap().bindings, []);
    }

    #[test]
    fn message_that_ends_early_keeps_its_whole_bindings() {
        let bytes =
            message(0xa2, &[(SYS_NAME, b"\x04\x03sw1".to_vec()), (SYS_NAME, b"\x04\x03sw2".to_vec())]);
        let message = Message::parse(&bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(message.damage, Some(Malformed::Truncated { field: "value" }));
        assert_eq!(message.pdu.unwrap().bindings.len(), 1);
        let message = Message::parse(&bytes[..9]).unwrap();
        assert_eq!(message.damage, Some(Malformed::Truncated { field: "community" }));
    }

    #[test]
    fn message_that_is_none_is_invalid() {
        let invalid = |field| Err(Malformed::Invalid { field });
        assert_eq!(Message::parse(b"\x31\x03\x02\x01\0"), invalid("message"));
        assert_eq!(Message::parse(b"\x30\x03\x02\x01\x02"), invalid("version"));
        assert_eq!(Message::parse(b"\x30\x03\x04\x01\0"), invalid("version"));
        assert_eq!(Message::parse(b""), Err(Malformed::Truncated { field: "message" }));
        let damage = |bytes: &[u8]| Message::parse(bytes).unwrap().damage;
        assert_eq!(damage(b"\x30\x08\x02\x01\0\x04\x01x\xa9\0"), Some(Malformed::Invalid { field: "PDU" }));
    }

    #[test]
    fn only_what_begins_like_a_message_is_ours() {
        let envelope = Envelope::default();
        assert_eq!(probe(&envelope, &message(0xa0, &[])), Probe::Yes);
        assert_eq!(probe(&envelope, b"\x30\x82\x01\x30\x02\x01\x03"), Probe::Yes);
        assert_eq!(probe(&envelope, b"\x30\x03\x02\x01\x02"), Probe::No);
        assert_eq!(probe(&envelope, b"GET / HTTP/1.1"), Probe::No);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = message(0xa7, &[(SYS_NAME, b"\x04\x03sw1".to_vec())]);
        for end in 0..bytes.len() {
            let _ = facts::observe(&Envelope::default(), &bytes[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(
            at in 0_usize..60,
            byte in any::<u8>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut bent = message(0xa7, &[(SYS_NAME, b"\x04\x03sw1".to_vec())]);
            let at = at % bent.len();
            bent[at] = byte;
            let _ = facts::observe(&Envelope::default(), &bent, &mut Sink::default());
            let _ = facts::observe(&Envelope::default(), &bytes, &mut Sink::default());
        }
    }
}
