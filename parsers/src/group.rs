//! Who is in which multicast group: what IGMP and MLD both say.
//!
//! The two differ in the width of their addresses and in little else; a record of their last versions is
//!
//! ```text
//! 0      1                 2           4
//! | kind | auxiliary words | sources n | group 4 or 16 | source 4 or 16 * n | auxiliary data |
//! ```
//!
//! all numbers big-endian. A group's sources are included or excluded: to include none is to leave.
//!
//! Source: RFC 3376, 4; RFC 3810, 5. Left out of the facts: sources, and what routers do with them.

use std::net::IpAddr;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::time::Span;
use crate::vocabulary::{About, Envelope, Fact, Malformed, MembershipChange, MembershipQuery, Sink};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// Who is a member?
    Query(Query),
    /// The sender is a member.
    Report {
        /// Of this group.
        group: IpAddr,
    },
    /// The sender is a member no more.
    Leave {
        /// Of this group.
        group: IpAddr,
    },
    /// The sender tells of several groups.
    Records {
        /// One by one, up to the first that does not fit.
        records: Vec<Record<'a>>,
        /// How many there are by its own word.
        number: u16,
        /// The first fault.
        damage: Option<Malformed>,
    },
}

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The group asked for; unspecified in a general query.
    pub group: IpAddr,
    /// In which time to answer.
    pub max_response: Span,
    /// What the last version added.
    pub tail: Option<QueryTail>,
    /// By which generation: IGMP's number; MLD has 2 and 3 in its versions 1 and 2.
    pub generation: u8,
}

/// What IGMPv3 and MLDv2 added to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryTail {
    /// Bit 3: routers are to keep their timers, bits 2-0: robustness.
    pub flags: u8,
    /// How often the querier asks, in seconds, or as a floating-point number.
    pub interval_code: u8,
    /// The sources asked for.
    pub sources: Vec<IpAddr>,
}

/// What a report says of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// 1 includes, 2 excludes, 3 changes to include, 4 changes to exclude, 5 allows, 6 blocks sources.
    pub kind: u8,
    /// The group.
    pub group: IpAddr,
    /// The sources.
    pub sources: Vec<IpAddr>,
    /// What no standard has filled yet.
    pub auxiliary: &'a [u8],
}

/// Reads an address of the family at hand.
pub type ReadAddress = fn(&[u8]) -> IResult<&[u8], IpAddr>;

impl QueryTail {
    /// Reads what stands behind the group.
    ///
    /// # Errors
    /// An error of nom where the sources do not fit.
    pub fn read(i: &[u8], address: ReadAddress) -> IResult<&[u8], Self> {
        let (i, flags) = be_u8(i)?;
        let (i, interval_code) = be_u8(i)?;
        let (i, number) = be_u16(i)?;
        let (i, sources) = addresses(i, number, address)?;
        Ok((i, Self { flags, interval_code, sources }))
    }

    /// How often the querier asks.
    #[must_use]
    pub fn interval(&self) -> Span {
        Span::seconds(decode(self.interval_code).into())
    }
}

impl<'a> Message<'a> {
    /// Reads `number` records.
    #[must_use]
    pub fn records(number: u16, mut rest: &'a [u8], address: ReadAddress) -> Self {
        let mut records = Vec::new();
        for _ in 0..number {
            let Ok((after, record)) = record(rest, address) else {
                let damage = Some(Malformed::Truncated { field: "group record" });
                return Self::Records { records, number, damage };
            };
            rest = after;
            records.push(record);
        }
        Self::Records { records, number, damage: None }
    }

    /// Says what it means; a sender without an address is known by his MAC.
    ///
    /// # Errors
    /// `Invalid` where a group is none; the damage of the records, unless the capture cut them.
    pub fn tell(&self, envelope: &Envelope, sink: &mut Sink) -> Result<(), Malformed> {
        let about = match envelope.source {
            Some(ip) if ip.is_unspecified() => About::Named { mac: envelope.source_mac, ip: None },
            _ => About::Sender,
        };
        let mut tell = |group: IpAddr, change: MembershipChange| {
            if !group.is_multicast() {
                return Err(Malformed::Invalid { field: "group address" });
            }
            sink.fact(about, Fact::Membership { group, change });
            Ok(())
        };
        match self {
            Self::Query(query) => {
                let group = Some(query.group).filter(|group| !group.is_unspecified());
                if group.is_some_and(|group| !group.is_multicast()) {
                    return Err(Malformed::Invalid { field: "group address" });
                }
                let query = MembershipQuery {
                    group,
                    generation: query.generation,
                    max_response: query.max_response,
                    interval: query.tail.as_ref().map(QueryTail::interval),
                };
                sink.fact(about, Fact::MembershipQuery(query));
                Ok(())
            }
            Self::Report { group } => tell(*group, MembershipChange::Joined),
            Self::Leave { group } => tell(*group, MembershipChange::Left),
            Self::Records { records, damage, .. } => {
                let mut fault = damage
                    .filter(|damage| !(envelope.is_cut && matches!(damage, Malformed::Truncated { .. })));
                for record in records {
                    let told = record.change().map(|change| tell(record.group, change));
                    fault = fault.or(told.and_then(Result::err));
                }
                fault.map_or(Ok(()), Err)
            }
        }
    }
}

impl Record<'_> {
    /// What it means for the group; `None` for a kind that no standard has.
    #[must_use]
    pub fn change(&self) -> Option<MembershipChange> {
        match (self.kind, self.sources.is_empty()) {
            (INCLUDES | CHANGES_TO_INCLUDE, true) => Some(MembershipChange::Left),
            (INCLUDES | CHANGES_TO_INCLUDE | EXCLUDES | CHANGES_TO_EXCLUDE | ALLOWS, _) => {
                Some(MembershipChange::Joined)
            }
            (BLOCKS, _) => Some(MembershipChange::Narrowed),
            _ => None,
        }
    }
}

fn record<'a>(i: &'a [u8], address: ReadAddress) -> IResult<&'a [u8], Record<'a>> {
    let (i, kind) = be_u8(i)?;
    let (i, words) = be_u8(i)?;
    let (i, number) = be_u16(i)?;
    let (i, group) = address(i)?;
    let (i, sources) = addresses(i, number, address)?;
    let (i, auxiliary) = take(usize::from(words).saturating_mul(4))(i)?;
    Ok((i, Record { kind, group, sources, auxiliary }))
}

fn addresses(mut i: &[u8], number: u16, address: ReadAddress) -> IResult<&[u8], Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for _ in 0..number {
        let (rest, source) = address(i)?;
        i = rest;
        addresses.push(source);
    }
    Ok((i, addresses))
}

/// A number up to 127, or one of exponent (3 bits) and mantissa (4 bits) (RFC 3376, 4.1.1).
#[must_use]
pub fn decode(code: u8) -> u32 {
    let code = u32::from(code);
    if code < 0x80 {
        return code;
    }
    let exponent = code >> 4 & 7;
    (code & 0x0f | 0x10) << exponent.saturating_add(3)
}

const INCLUDES: u8 = 1;
const EXCLUDES: u8 = 2;
const CHANGES_TO_INCLUDE: u8 = 3;
const CHANGES_TO_EXCLUDE: u8 = 4;
const ALLOWS: u8 = 5;
const BLOCKS: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(239, 0, 0, 7));
    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn record(kind: u8, sources: &[IpAddr]) -> Record<'static> {
        Record { kind, group: GROUP, sources: sources.to_vec(), auxiliary: b"" }
    }

    #[test]
    fn to_include_nobody_is_to_leave() {
        use MembershipChange::{Joined, Left, Narrowed};
        let of = |kind, sources: &[IpAddr]| record(kind, sources).change();
        assert_eq!([of(1, &[]), of(3, &[])], [Some(Left); 2]);
        assert_eq!([of(1, &[SOURCE]), of(3, &[SOURCE]), of(5, &[SOURCE])], [Some(Joined); 3]);
        assert_eq!([of(2, &[]), of(4, &[]), of(4, &[SOURCE])], [Some(Joined); 3]);
        assert_eq!([of(6, &[SOURCE]), of(7, &[])], [Some(Narrowed), None]);
    }

    #[test]
    fn sender_without_an_address_is_known_by_his_mac() {
        let envelope = Envelope { source: Some("0.0.0.0".parse().unwrap()), ..Envelope::default() };
        let mut sink = Sink::default();
        Message::Report { group: GROUP }.tell(&envelope, &mut sink).unwrap();
        assert_eq!(sink.facts[0].0, About::Named { mac: None, ip: None });
    }

    #[test]
    fn record_of_no_group_does_not_hide_the_next() {
        let wrong = Record { group: SOURCE, ..record(4, &[]) };
        let message = Message::Records { records: vec![wrong, record(4, &[])], number: 2, damage: None };
        let mut sink = Sink::default();
        let result = message.tell(&Envelope::default(), &mut sink);
        assert_eq!((sink.facts.len(), result), (1, Err(Malformed::Invalid { field: "group address" })));
    }

    #[test]
    fn large_numbers_are_floating() {
        assert_eq!([0, 125, 127, 0x80, 0x8a, 0xff].map(decode), [0, 125, 127, 128, 208, 31_744]);
    }
}
