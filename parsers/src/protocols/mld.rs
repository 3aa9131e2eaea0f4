//! Multicast Listener Discovery (MLD), four message types of ICMPv6.
//!
//! What IGMP is to IPv4. One message is
//!
//! ```text
//! 0      1      2          4              6          8
//! | type | code | checksum | max response | reserved | group 16 |      130 query, 131 report, 132 done
//!                                                               24      25         26
//!                                                               | flags | interval | sources n | source 16 * n |
//! | type | code | checksum | reserved     | records n | record * n |   143 report, version 2
//! ```
//!
//! all numbers big-endian; records are drawn in [`group`](crate::group). A query of 24 bytes is of version 1
//! and says its max response in milliseconds; one of 28 or more is of version 2, and says it as a
//! floating-point number where it is large. No router forwards these messages: one whose hop limit is not 1,
//! or whose source is not of the link, is refused (RFC 3810, 6.2 and 7.4). So are the queries that Linux
//! bridges send to a site's groups from a global address (seen in `pcaps/switch-talk.pcap`).
//!
//! Source: RFC 2710; RFC 3810, 5 and 8.1; RFC 3590 (a report may come from nobody). Left out: the checksum,
//! which is the business of whoever reads ICMPv6, and whether a router alert is there.

use std::net::{IpAddr, Ipv6Addr};

use nom::IResult;
use nom::number::complete::{be_u8, be_u16, be_u128};

use crate::group::{Message, Query, QueryTail};
use crate::time::Span;
use crate::vocabulary::{Envelope, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const MLD: Parser = Parser {
    name: "mld",
    about: "who wants which IPv6 multicast group, and who asks",
    source: "RFC 2710, RFC 3810",
    on: &[On::Ip(58)],
    probe,
    start: Start::Datagram(observe),
};

/// Reads one ICMPv6 message of type 130, 131, 132 or 143.
///
/// # Errors
/// `Truncated` where the fixed part, or the sources of a query, do not fit; `Invalid` where the type is another.
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let (rest, (kind, first, second)) =
        header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
    if kind == REPORT_2 {
        return Ok(Message::records(second, rest, address));
    }
    if !matches!(kind, QUERY | REPORT | DONE) {
        return Err(Malformed::Invalid { field: "type" });
    }
    let (rest, group) = address(rest).map_err(|_| Malformed::Truncated { field: "group address" })?;
    match kind {
        QUERY => query(group, first, rest).map(Message::Query),
        REPORT => Ok(Message::Report { group }),
        _ => Ok(Message::Leave { group }),
    }
}

/// Type and the two numbers behind the checksum.
fn header(i: &[u8]) -> IResult<&[u8], (u8, u16, u16)> {
    let (i, kind) = be_u8(i)?;
    let (i, _code) = be_u8(i)?;
    let (i, _checksum) = be_u16(i)?;
    let (i, first) = be_u16(i)?;
    let (i, second) = be_u16(i)?;
    Ok((i, (kind, first, second)))
}

fn query(group: IpAddr, max_response: u16, rest: &[u8]) -> Result<Query, Malformed> {
    if rest.is_empty() {
        let max_response = Span::millis(max_response.into());
        return Ok(Query { group, max_response, tail: None, generation: 2 });
    }
    let (_additional, tail) =
        QueryTail::read(rest, address).map_err(|_| Malformed::Truncated { field: "sources" })?;
    let max_response = Span::millis(decode(max_response).into());
    Ok(Query { group, max_response, tail: Some(tail), generation: 3 })
}

/// A number up to 32,767, or one of exponent (3 bits) and mantissa (12 bits) (RFC 3810, 5.1.3).
fn decode(code: u16) -> u32 {
    let code = u32::from(code);
    if code < 0x8000 {
        return code;
    }
    let exponent = code >> 12 & 7;
    (code & 0x0fff | 0x1000) << exponent.saturating_add(3)
}

fn address(i: &[u8]) -> IResult<&[u8], IpAddr> {
    let (i, address) = be_u128(i)?;
    Ok((i, IpAddr::V6(Ipv6Addr::from(address))))
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    match bytes.first() {
        Some(&(QUERY | REPORT | DONE | REPORT_2)) => Probe::Yes,
        _ => Probe::No,
    }
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = match parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    if envelope.hop_limit != HOP_LIMIT {
        return Err(Malformed::Invalid { field: "hop limit" });
    }
    let is_from_nobody = envelope.source.is_some_and(|source| source.is_unspecified());
    let is_from_link =
        !matches!(envelope.source, Some(IpAddr::V6(source)) if !source.is_unicast_link_local());
    let is_query = matches!(message, Message::Query(_));
    if is_from_link || is_from_nobody && !is_query {
        return message.tell(envelope, sink);
    }
    Err(Malformed::Invalid { field: "source address" })
}

const QUERY: u8 = 130;
const REPORT: u8 = 131;
const DONE: u8 = 132;
const REPORT_2: u8 = 143;
const HOP_LIMIT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{About, Fact, Mac, MembershipChange, MembershipQuery};
    use proptest::prelude::*;

    const GROUP: [u8; 16] = [0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

    fn envelope(source: &str) -> Envelope {
        let source = Some(source.parse().unwrap());
        Envelope { hop_limit: 1, source, source_mac: Some(MAC), ..Envelope::default() }
    }

    /// A message of the fixed form.
    fn message(kind: u8, max_response: u16, tail: &[u8]) -> Vec<u8> {
        let [high, low] = max_response.to_be_bytes();
        [&[kind, 0, 0x12, 0x34, high, low, 0, 0], &GROUP[..], tail].concat()
    }

    fn facts(bytes: &[u8]) -> Vec<Fact> {
        let mut sink = Sink::default();
        observe(&envelope("fe80::7"), bytes, &mut sink).unwrap();
        assert!(sink.facts.iter().all(|(about, _)| *about == About::Sender));
        sink.facts.into_iter().map(|(_, fact)| fact).collect()
    }

    fn membership(last: u8, change: MembershipChange) -> Fact {
        let mut group = GROUP;
        group[15] = last;
        Fact::Membership { group: IpAddr::V6(group.into()), change }
    }

    #[test]
    fn report_joins_and_done_leaves() {
        assert_eq!(facts(&message(131, 0, b"")), [membership(7, MembershipChange::Joined)]);
        assert_eq!(facts(&message(132, 0, b"")), [membership(7, MembershipChange::Left)]);
    }

    #[test]
    fn query_tells_its_version_and_times() {
        let first = MembershipQuery {
            group: Some(IpAddr::V6(GROUP.into())),
            generation: 2,
            max_response: Span::seconds(10),
            interval: None,
        };
        assert_eq!(facts(&message(130, 10_000, b"")), [Fact::MembershipQuery(first)]);
        let second = MembershipQuery {
            generation: 3,
            max_response: Span::millis(32_768),
            interval: Some(Span::seconds(125)),
            ..first
        };
        assert_eq!(facts(&message(130, 0x8000, b"\x02\x7d\0\0")), [Fact::MembershipQuery(second)]);
    }

    #[test]
    fn report_of_several_groups_tells_of_each() {
        let mut bytes = b"\x8f\0\0\0\0\0\0\x02".to_vec();
        for (kind, last) in [(4, 7), (3, 8)] {
            bytes.extend([kind, 0, 0, 0]);
            bytes.extend(&GROUP[..15]);
            bytes.push(last);
        }
        let expected = [membership(7, MembershipChange::Joined), membership(8, MembershipChange::Left)];
        assert_eq!(facts(&bytes), expected);
    }

    #[test]
    fn report_of_no_group_says_nothing() {
        assert_eq!(facts(b"\x8f\0\0\0\0\0\0\0"), []);
    }

    #[test]
    fn report_may_come_from_nobody_and_a_query_may_not() {
        let mut sink = Sink::default();
        assert_eq!(observe(&envelope("::"), &message(131, 0, b""), &mut sink), Ok(()));
        assert_eq!(sink.facts[0].0, About::Named { mac: Some(MAC), ip: None });
        let invalid = Err(Malformed::Invalid { field: "source address" });
        assert_eq!(observe(&envelope("::"), &message(130, 0, b""), &mut sink), invalid);
        assert_eq!(observe(&envelope("2001:db8::7"), &message(131, 0, b""), &mut sink), invalid);
    }

    #[test]
    fn message_from_behind_a_router_is_refused() {
        let far = Envelope { hop_limit: 64, ..envelope("fe80::7") };
        let invalid = Err(Malformed::Invalid { field: "hop limit" });
        assert_eq!(observe(&far, &message(131, 0, b""), &mut Sink::default()), invalid);
    }

    #[test]
    fn other_types_are_not_ours() {
        assert_eq!(probe(&Envelope::default(), &[135]), Probe::No);
        assert_eq!(parse(&[135, 0, 0, 0, 0, 0, 0, 0]), Err(Malformed::Invalid { field: "type" }));
    }

    #[test]
    fn message_that_ends_early_is_truncated_unless_the_capture_cut_it() {
        let bytes = message(130, 0, b"\x02\x7d\0\x01");
        assert_eq!(parse(&bytes[..7]), Err(Malformed::Truncated { field: "header" }));
        assert_eq!(parse(&bytes[..20]), Err(Malformed::Truncated { field: "group address" }));
        assert_eq!(parse(&bytes), Err(Malformed::Truncated { field: "sources" }));
        let cut = Envelope { is_cut: true, ..envelope("fe80::7") };
        assert_eq!(observe(&cut, &bytes[..20], &mut Sink::default()), Ok(()));
    }

    #[test]
    fn large_numbers_are_floating() {
        assert_eq!([0, 0x7fff, 0x8000, 0xffff].map(decode), [0, 32_767, 32_768, 8_387_584]);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = [b"\x8f\0\0\0\0\0\0\x01\x05\0\0\x01", &GROUP[..], &GROUP].concat();
        for end in 0..bytes.len() {
            let _ = observe(&envelope("fe80::7"), &bytes[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(
            kind in prop_oneof![Just(QUERY), Just(REPORT_2), any::<u8>()],
            bytes in proptest::collection::vec(any::<u8>(), 0..150),
        ) {
            let _ = observe(&envelope("fe80::7"), &[&[kind], &bytes[..]].concat(), &mut Sink::default());
        }
    }
}
