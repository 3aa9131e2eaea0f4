//! Link aggregation (LACP), EtherType 0x8809, subtype 1 of the Slow Protocols.
//!
//! Two switches, or a switch and a server, use several cables as one, and tell each other on each of them, every second or
//! half minute, how it stands. One frame is
//!
//! ```text
//! 0         1         2                  22                   42                      58
//! | subtype | version | 1 20 | actor | 0³ | 2 20 | partner | 0³ | 3 16 | max delay | 0¹² | 0 0 | 0⁵⁰
//!
//! actor, partner:  | system priority 2 | system 6 | key 2 | port priority 2 | port 2 | state 1 |
//! ```
//!
//! all numbers big-endian. The *actor* is who sends; the *partner* is what he knows of the other end. What version 2 adds
//! behind the collector is left, and so is what does not count: reserved bytes, and whether the end is marked.
//!
//! Source: IEEE 802.1AX-2020, 6.4.2; Slow Protocols: IEEE 802.3-2018, 57A. Left out: the marker protocol (subtype 2), and
//! that of OAM (3). Checked against tshark.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::vocabulary::{
    About, Bond, BondSide, BondState, Envelope, Fact, Mac, Malformed, On, Parser, Probe, Sink, Start,
};

/// What the engine knows of this protocol.
pub const LACP: Parser = Parser {
    name: "lacp",
    about: "which cables are used as one, and which of them is out of use",
    source: "IEEE 802.1AX-2020",
    on: &[On::EtherType(0x8809)],
    probe,
    start: Start::Datagram(observe),
};

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacpdu {
    /// 1 or 2.
    pub version: u8,
    /// Who sends.
    pub actor: BondSide,
    /// What he knows of the other end; zero where he knows nothing.
    pub partner: BondSide,
    /// How long the sender's collector holds a frame at most, in 10 µs; `None` where it does not say.
    pub collector_max_delay: Option<u16>,
}

impl Lacpdu {
    /// Reads one frame from its subtype on and leaves what is behind the collector.
    ///
    /// # Errors
    /// `Truncated` where actor or partner do not fit; `Invalid` where the subtype is another, or their type or length.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (rest, (subtype, version)) =
            header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        if subtype != SUBTYPE {
            return Err(Malformed::Invalid { field: "subtype" });
        }
        let (rest, actor) = side(rest, ACTOR, "actor")?;
        let (rest, partner) = side(rest, PARTNER, "partner")?;
        let collector_max_delay = match *rest {
            [COLLECTOR, COLLECTOR_LENGTH, high, low, ..] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        };
        Ok(Self { version, actor, partner, collector_max_delay })
    }
}

fn header(i: &[u8]) -> IResult<&[u8], (u8, u8)> {
    let (i, subtype) = be_u8(i)?;
    let (i, version) = be_u8(i)?;
    Ok((i, (subtype, version)))
}

fn side<'a>(i: &'a [u8], kind: u8, field: &'static str) -> Result<(&'a [u8], BondSide), Malformed> {
    let (i, head) = header(i).map_err(|_| Malformed::Truncated { field })?;
    if head != (kind, SIDE_LENGTH) {
        return Err(Malformed::Invalid { field });
    }
    information(i).map_err(|_| Malformed::Truncated { field })
}

fn information(i: &[u8]) -> IResult<&[u8], BondSide> {
    let (i, system_priority) = be_u16(i)?;
    let (i, system) = take(6_usize)(i)?;
    let (i, key) = be_u16(i)?;
    let (i, port_priority) = be_u16(i)?;
    let (i, port) = be_u16(i)?;
    let (i, state) = be_u8(i)?;
    let (i, _reserved) = take(3_usize)(i)?;
    let (system, state) = (Mac::from_slice(system).unwrap_or_default(), BondState(state));
    Ok((i, BondSide { system_priority, system, key, port_priority, port, state }))
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    match bytes {
        [SUBTYPE, ..] => Probe::Yes,
        _ => Probe::No,
    }
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let lacpdu = match Lacpdu::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    let Lacpdu { actor, partner, .. } = lacpdu;
    sink.fact(About::Sender, Fact::Bond(Box::new(Bond { actor, partner })));
    Ok(())
}

const SUBTYPE: u8 = 1;
const ACTOR: u8 = 1;
const PARTNER: u8 = 2;
const COLLECTOR: u8 = 3;
/// Of actor and of partner, type and length included.
const SIDE_LENGTH: u8 = 20;
const COLLECTOR_LENGTH: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Port 22 of one switch to port 25 of another, both in use.
    const FRAME: &[u8] = b"\x01\x01\
        \x01\x14\x80\0\x02\0\0\0\0\x01\0\x0d\x80\0\0\x16\x3d\0\0\0\
        \x02\x14\x7f\xff\x02\0\0\0\0\x09\0\x07\0\x80\0\x19\x3f\0\0\0\
        \x03\x10\x12\x34\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    const ACTOR_SIDE: BondSide = BondSide {
        system_priority: 0x8000,
        system: Mac([2, 0, 0, 0, 0, 1]),
        key: 13,
        port_priority: 0x8000,
        port: 22,
        state: BondState(0x3d),
    };
    const PARTNER_SIDE: BondSide = BondSide {
        system_priority: 0x7fff,
        system: Mac([2, 0, 0, 0, 0, 9]),
        key: 7,
        port_priority: 0x80,
        port: 25,
        state: BondState(0x3f),
    };

    fn with(at: usize, byte: u8) -> Vec<u8> {
        let mut bytes = FRAME.to_vec();
        bytes[at] = byte;
        bytes
    }

    #[test]
    fn both_ends_are_read_and_told() {
        let read = Lacpdu::parse(FRAME).unwrap();
        assert_eq!((read.version, read.actor, read.partner), (1, ACTOR_SIDE, PARTNER_SIDE));
        assert_eq!(read.collector_max_delay, Some(0x1234));
        let mut sink = Sink::default();
        observe(&Envelope::default(), FRAME, &mut sink).unwrap();
        let bond = Bond { actor: ACTOR_SIDE, partner: PARTNER_SIDE };
        assert_eq!(sink.facts, [(About::Sender, Fact::Bond(Box::new(bond)))]);
    }

    #[test]
    fn state_is_read_bit_by_bit() {
        let of = |bits| BondState(bits);
        assert!(of(0x3d).is_in_use() && of(0x3d).is_active() && !of(0x3d).is_fast() && of(0x3f).is_fast());
        // Defaulted, expired, out of step, not collecting, not distributing.
        assert!([0x7d, 0xbd, 0x35, 0x2d, 0x1d].iter().all(|bits| !of(*bits).is_in_use()));
        assert!(of(0x04).may_aggregate() && !of(0xfb).may_aggregate());
        assert!(of(0x40).is_defaulted() && of(0x80).is_expired() && !of(0x3f).is_expired());
    }

    #[test]
    fn what_is_behind_the_partner_may_be_missing_or_newer() {
        assert_eq!(Lacpdu::parse(&FRAME[..42]).unwrap().collector_max_delay, None);
        assert_eq!(Lacpdu::parse(&with(42, 4)).unwrap().collector_max_delay, None);
        assert_eq!(Lacpdu::parse(&with(1, 2)).unwrap().version, 2);
    }

    #[test]
    fn markers_and_oam_are_not_ours() {
        let is = |bytes| probe(&Envelope::default(), bytes);
        assert_eq!([is(b"\x02\x01"), is(b"\x03\0"), is(b"\x0a"), is(b"")], [Probe::No; 4]);
        assert_eq!(is(FRAME), Probe::Yes);
        assert_eq!(Lacpdu::parse(&with(0, 2)), Err(Malformed::Invalid { field: "subtype" }));
    }

    #[test]
    fn other_types_and_lengths_are_invalid() {
        assert_eq!(Lacpdu::parse(&with(2, 2)), Err(Malformed::Invalid { field: "actor" }));
        assert_eq!(Lacpdu::parse(&with(3, 19)), Err(Malformed::Invalid { field: "actor" }));
        assert_eq!(Lacpdu::parse(&with(22, 1)), Err(Malformed::Invalid { field: "partner" }));
    }

    #[test]
    fn what_ends_early_is_truncated_unless_the_capture_cut_it() {
        for (end, field) in [(1, "header"), (3, "actor"), (21, "actor"), (23, "partner"), (41, "partner")] {
            let bytes = &FRAME[..end];
            assert_eq!(Lacpdu::parse(bytes), Err(Malformed::Truncated { field }), "{end}");
            let cut = Envelope { is_cut: true, ..Envelope::default() };
            let mut sink = Sink::default();
            assert_eq!(observe(&cut, bytes, &mut sink), Ok(()));
            assert!(sink.facts.is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..130)) {
            let _ = observe(&Envelope::default(), &bytes, &mut Sink::default());
            let _ = observe(&Envelope::default(), &[&FRAME[..22], &bytes[..]].concat(), &mut Sink::default());
        }
    }
}
