//! Internet Group Management Protocol (IGMP), IP protocol 2.
//!
//! Who wants to receive which multicast group. One message is
//!
//! ```text
//! 0      1              2          4
//! | type | max response | checksum | group 4 |      0x11 query, 0x12 and 0x16 report, 0x17 leave
//!                                            8       9          10
//!                                            | flags | interval | sources n | source 4 * n |     query, version 3
//! | 0x22 | reserved     | checksum | reserved 2 | records n | record * n |                       report, version 3
//! ```
//!
//! all numbers big-endian; records are drawn in [`group`](crate::group). A query of 8 bytes is of version 1
//! where its max response, in tenths of a second, is zero; else of version 2; one of 12 bytes or more is of
//! version 3, and says its times as floating-point numbers.
//!
//! Source: RFC 1112, appendix I; RFC 2236; RFC 3376, 4 and 7.1. Left out: the checksum; the TTL, which is to be
//! 1 and which no receiver has to test; other types (DVMRP, PIM version 1, router discovery, mtrace).

use std::net::{IpAddr, Ipv4Addr};

use nom::IResult;
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::group::{Message, Query, QueryTail, decode};
use crate::time::Span;
use crate::vocabulary::{Envelope, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const IGMP: Parser = Parser {
    name: "igmp",
    about: "who wants which IPv4 multicast group, and who asks",
    source: "RFC 1112, RFC 2236, RFC 3376",
    on: &[On::Ip(2)],
    probe,
    start: Start::Datagram(observe),
};

/// Reads one message.
///
/// # Errors
/// `Truncated` where the fixed part, or the sources of a query, do not fit; `Invalid` where the type is another.
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let (rest, (kind, max_response, middle)) =
        header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
    let group = IpAddr::V4(Ipv4Addr::from(middle));
    match kind {
        QUERY => query(group, max_response, rest).map(Message::Query),
        REPORT_1 | REPORT_2 => Ok(Message::Report { group }),
        LEAVE => Ok(Message::Leave { group }),
        REPORT_3 => {
            let [_, _, high, low] = middle.to_be_bytes();
            Ok(Message::records(u16::from_be_bytes([high, low]), rest, address))
        }
        _ => Err(Malformed::Invalid { field: "type" }),
    }
}

fn header(i: &[u8]) -> IResult<&[u8], (u8, u8, u32)> {
    let (i, kind) = be_u8(i)?;
    let (i, max_response) = be_u8(i)?;
    let (i, _checksum) = be_u16(i)?;
    let (i, middle) = be_u32(i)?;
    Ok((i, (kind, max_response, middle)))
}

fn query(group: IpAddr, max_response: u8, rest: &[u8]) -> Result<Query, Malformed> {
    let tenths = |tenths: u32| Span::millis(i64::from(tenths).saturating_mul(100));
    if rest.is_empty() {
        let (generation, max_response) = match max_response {
            0 => (1, tenths(MAX_RESPONSE_OF_1)),
            _ => (2, tenths(max_response.into())),
        };
        return Ok(Query { group, max_response, tail: None, generation });
    }
    let (_additional, tail) =
        QueryTail::read(rest, address).map_err(|_| Malformed::Truncated { field: "sources" })?;
    Ok(Query { group, max_response: tenths(decode(max_response)), tail: Some(tail), generation: 3 })
}

fn address(i: &[u8]) -> IResult<&[u8], IpAddr> {
    let (i, address) = be_u32(i)?;
    Ok((i, IpAddr::V4(Ipv4Addr::from(address))))
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    match bytes.first() {
        Some(&(QUERY | REPORT_1 | REPORT_2 | LEAVE | REPORT_3)) => Probe::Yes,
        _ => Probe::No,
    }
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    match parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        read => read?.tell(envelope, sink),
    }
}

const QUERY: u8 = 0x11;
const REPORT_1: u8 = 0x12;
const REPORT_2: u8 = 0x16;
const LEAVE: u8 = 0x17;
const REPORT_3: u8 = 0x22;
/// What version 1 waits for, in tenths of a second (RFC 2236, 4).
const MAX_RESPONSE_OF_1: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{About, Fact, MembershipChange, MembershipQuery};
    use proptest::prelude::*;

    const GROUP: &[u8] = b"\xef\0\0\x07";

    fn facts(bytes: &[u8]) -> Vec<Fact> {
        let mut sink = Sink::default();
        observe(&Envelope::default(), bytes, &mut sink).unwrap();
        assert!(sink.facts.iter().all(|(about, _)| *about == About::Sender));
        sink.facts.into_iter().map(|(_, fact)| fact).collect()
    }

    fn membership(last: u8, change: MembershipChange) -> Fact {
        Fact::Membership { group: Ipv4Addr::new(239, 0, 0, last).into(), change }
    }

    #[test]
    fn report_joins_and_leave_leaves() {
        for (kind, change) in [
            (0x12, MembershipChange::Joined),
            (0x16, MembershipChange::Joined),
            (0x17, MembershipChange::Left),
        ] {
            assert_eq!(facts(&[&[kind, 0, 0x12, 0x34], GROUP].concat()), [membership(7, change)]);
        }
    }

    #[test]
    fn query_tells_its_version_and_times() {
        let query = |bytes: &[u8]| match facts(bytes)[..] {
            [Fact::MembershipQuery(query)] => query,
            ref other => panic!("{other:?}"),
        };
        let general =
            MembershipQuery { group: None, generation: 1, max_response: Span::seconds(10), interval: None };
        assert_eq!(query(b"\x11\0\0\0\0\0\0\0"), general);
        let second = MembershipQuery { generation: 2, max_response: Span::seconds(1), ..general };
        assert_eq!(query(b"\x11\x0a\0\0\0\0\0\0"), second);
        let third = MembershipQuery {
            group: Some(Ipv4Addr::new(239, 0, 0, 7).into()),
            generation: 3,
            max_response: Span::millis(12_800),
            interval: Some(Span::seconds(125)),
        };
        assert_eq!(query(b"\x11\x80\0\0\xef\0\0\x07\x02\x7d\0\x01\xc0\0\x02\x07"), third);
    }

    #[test]
    fn report_of_several_groups_tells_of_each() {
        let bytes = b"\x22\0\0\0\0\0\0\x03\
            \x04\0\0\0\xef\0\0\x07\
            \x03\x01\0\0\xef\0\0\x08aux \
            \x06\0\0\x01\xef\0\0\x09\xc0\0\x02\x07";
        let expected = [
            membership(7, MembershipChange::Joined),
            membership(8, MembershipChange::Left),
            membership(9, MembershipChange::Narrowed),
        ];
        assert_eq!(facts(bytes), expected);
    }

    #[test]
    fn report_of_no_group_says_nothing() {
        assert_eq!(facts(b"\x22\0\0\0\0\0\0\0"), []);
    }

    #[test]
    fn other_types_are_not_ours() {
        assert_eq!(probe(&Envelope::default(), b"\x13\x01"), Probe::No);
        assert_eq!(probe(&Envelope::default(), b"\x16"), Probe::Yes);
        assert_eq!(parse(b"\x13\x01\0\0\0\0\0\0"), Err(Malformed::Invalid { field: "type" }));
    }

    #[test]
    fn message_that_ends_early_is_truncated() {
        assert_eq!(parse(b"\x16\0\0\0\xef\0\0"), Err(Malformed::Truncated { field: "header" }));
        let query = b"\x11\x80\0\0\xef\0\0\x07\x02\x7d\0\x02\xc0\0\x02\x07";
        assert_eq!(parse(query), Err(Malformed::Truncated { field: "sources" }));
    }

    #[test]
    fn group_that_is_none_is_invalid() {
        let invalid = Err(Malformed::Invalid { field: "group address" });
        for bytes in [b"\x16\0\0\0\xc0\0\x02\x07", b"\x11\x0a\0\0\xc0\0\x02\x07"] {
            assert_eq!(observe(&Envelope::default(), bytes, &mut Sink::default()), invalid);
        }
    }

    #[test]
    fn missing_record_is_truncated_unless_the_capture_cut_it() {
        let bytes = b"\x22\0\0\0\0\0\0\x02\x04\0\0\0\xef\0\0\x07";
        let mut sink = Sink::default();
        let truncated = Err(Malformed::Truncated { field: "group record" });
        assert_eq!(observe(&Envelope::default(), bytes, &mut sink), truncated);
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        assert_eq!(observe(&cut, bytes, &mut sink), Ok(()));
        assert_eq!(observe(&cut, &bytes[..5], &mut sink), Ok(()));
        assert_eq!(sink.facts.len(), 2);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = b"\x22\0\0\0\0\0\0\x02\x04\x01\0\x01\xef\0\0\x07\xc0\0\x02\x07aux \x03\0\0\0\xef\0\0\x08";
        for end in 0..bytes.len() {
            let _ = observe(&Envelope::default(), &bytes[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(
            kind in prop_oneof![Just(QUERY), Just(REPORT_3), any::<u8>()],
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let _ = observe(&Envelope::default(), &[&[kind], &bytes[..]].concat(), &mut Sink::default());
        }
    }
}
