//! Port mappings by NAT-PMP and PCP, UDP port 5351: a device asks its router to let those in who come from outside.
//!
//! ```text
//! NAT-PMP  0         1            2        4       8          10         12
//! answer   | 0       | 128 + op   | result | epoch | internal | external | lifetime 4 |      op: 1 UDP, 2 TCP
//!
//! PCP      0         1            2        3        4          8       12          24      36
//! answer   | 2       | 128 + op   | zero   | result | lifetime | epoch | zero 12   | nonce | protocol 1 | zero 3 |
//!            internal 2 | external 2 | external address 16 |                                  op: 1 MAP
//! ```
//!
//! all numbers big-endian. Only what a router granted is told; a lifetime of 0 takes it back.
//!
//! Source: RFC 6886, 3.3; RFC 6887, 7.2 and 11.1. Left out: questions, PCP's PEER and its options.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::vocabulary::{About, Envelope, Fact, Malformed, On, Parser, PortMapped, Probe, Sink, Start};

/// What the engine knows of these protocols.
pub const PORT_MAPPING: Parser = Parser {
    name: "port-mapping",
    about: "ways from outside that a router opens for a device (NAT-PMP, PCP)",
    source: "RFC 6886, RFC 6887",
    on: &[On::Udp(PORT)],
    probe: |_, bytes| match bytes {
        [0, operation, ..] if operation & !ANSWER <= NAT_TCP => Probe::Yes,
        [2, operation, ..] if operation & !ANSWER <= PCP_LAST => Probe::Yes,
        _ => Probe::No,
    },
    start: Start::Datagram(observe),
};

/// What a router granted; `None` where the message is anything else.
///
/// # Errors
/// `Truncated` where an answer is shorter than its kind.
pub fn granted(bytes: &[u8]) -> Result<Option<PortMapped>, Malformed> {
    let short = |_| Malformed::Truncated { field: "answer" };
    let mapped = match bytes {
        [0, operation, ..] if matches!(operation ^ ANSWER, NAT_UDP | NAT_TCP) => {
            nat_pmp(bytes).map_err(short)?.1
        }
        [2, operation, ..] if operation ^ ANSWER == PCP_MAP => pcp(bytes).map_err(short)?.1,
        _ => None,
    };
    Ok(mapped)
}

fn nat_pmp(i: &[u8]) -> IResult<&[u8], Option<PortMapped>> {
    let (i, _version) = be_u8(i)?;
    let (i, operation) = be_u8(i)?;
    let (i, result) = be_u16(i)?;
    let (i, _epoch) = be_u32(i)?;
    let (i, internal) = be_u16(i)?;
    let (i, external) = be_u16(i)?;
    let (i, lifetime_s) = be_u32(i)?;
    let transport = if operation ^ ANSWER == NAT_UDP { "UDP" } else { "TCP" };
    let mapped = PortMapped { by: "NAT-PMP", transport, external, internal, client: None };
    Ok((i, (result == 0 && lifetime_s > 0).then_some(mapped)))
}

fn pcp(i: &[u8]) -> IResult<&[u8], Option<PortMapped>> {
    let (i, _version_and_operation) = be_u16(i)?;
    let (i, _zero) = be_u8(i)?;
    let (i, result) = be_u8(i)?;
    let (i, lifetime_s) = be_u32(i)?;
    let (i, _epoch_and_zero) = take(16_usize)(i)?;
    let (i, _nonce) = take(12_usize)(i)?;
    let (i, protocol) = be_u8(i)?;
    let (i, _zero) = take(3_usize)(i)?;
    let (i, internal) = be_u16(i)?;
    let (i, external) = be_u16(i)?;
    let (i, _address) = take(16_usize)(i)?;
    let transport = match protocol {
        6 => "TCP",
        17 => "UDP",
        _ => "IP",
    };
    let mapped = PortMapped { by: "PCP", transport, external, internal, client: None };
    Ok((i, (result == 0 && lifetime_s > 0).then_some(mapped)))
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    match granted(bytes) {
        Ok(Some(mapped)) if envelope.source_port == PORT => {
            sink.fact(About::Receiver, Fact::PortMapped(Box::new(mapped)));
            Ok(())
        }
        Err(_) if envelope.is_cut => Ok(()),
        Err(fault) => Err(fault),
        Ok(_) => Ok(()),
    }
}

const PORT: u16 = 5351;
/// The bit that marks an answer.
const ANSWER: u8 = 128;
const NAT_UDP: u8 = 1;
const NAT_TCP: u8 = 2;
const PCP_MAP: u8 = 1;
/// ANNOUNCE, MAP, PEER (RFC 6887, 19.2).
const PCP_LAST: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// TCP port 8000 outside leads to 80 inside, for 2 hours.
    const NAT: &[u8] = b"\0\x82\0\0\0\0\0\x01\0\x50\x1f\x40\0\0\x1c\x20";
    const PCP: &[u8] = b"\x02\x81\0\0\0\0\x1c\x20\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\
        nonce-nonce-\x11\0\0\0\x00\x50\x1f\x40\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01";

    fn told(bytes: &[u8]) -> (Vec<(About, Fact)>, Result<(), Malformed>) {
        let envelope = Envelope { source_port: PORT, destination_port: 40_000, ..Envelope::default() };
        let mut sink = Sink::default();
        let result = observe(&envelope, bytes, &mut sink);
        (sink.facts, result)
    }

    fn mapped(by: &'static str, transport: &'static str) -> (About, Fact) {
        let mapped = PortMapped { by, transport, external: 8_000, internal: 80, client: None };
        (About::Receiver, Fact::PortMapped(Box::new(mapped)))
    }

    #[test]
    fn what_a_router_granted_is_told_of_who_asked() {
        assert_eq!(told(NAT), (vec![mapped("NAT-PMP", "TCP")], Ok(())));
        assert_eq!(told(PCP), (vec![mapped("PCP", "UDP")], Ok(())));
    }

    #[test]
    fn refusals_ends_and_questions_tell_nothing() {
        let changed = |bytes: &[u8], at: usize, to: u8| {
            let mut bytes = bytes.to_vec();
            bytes[at] = to;
            bytes
        };
        let mut over = NAT.to_vec();
        over[12..].fill(0);
        for bytes in [over, changed(NAT, 3, 2), changed(NAT, 1, 2), changed(PCP, 3, 1), changed(PCP, 1, 1)] {
            assert_eq!(told(&bytes), (vec![], Ok(())));
        }
    }

    #[test]
    fn answer_that_is_cut_short_is_truncated() {
        for bytes in [NAT, PCP] {
            let (facts, result) = told(&bytes[..bytes.len() - 1]);
            assert_eq!((facts, result), (vec![], Err(Malformed::Truncated { field: "answer" })));
        }
    }

    proptest! {
        #[test]
        fn anything_is_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = told(&bytes);
        }
    }
}
