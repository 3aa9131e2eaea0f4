//! Vivotek's search (Installation Wizard, Shepherd), UDP port 10000.
//!
//! ```text
//! | session 1 | 4a 5d 8f 1c |                              a tool asks
//! | session 1 | 4a 5d 8f 1c | (type 1, length 1, value)*   a device answers
//!
//! 1 long name    2 MAC    3 IPv4    4 one byte, without a length    8 language    9 model
//! ```
//!
//! Source: no public text; `Vivotek.derived.pcap` of UniversalScanner. Left out: everything else that is told.

use nom::IResult;
use nom::bytes::complete::{tag, take};
use nom::number::complete::be_u8;

use crate::portrait::Portrait;
use crate::vocabulary::{Envelope, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const VIVOTEK: Parser = Parser {
    name: "vivotek",
    about: "Vivotek's search: name and model",
    source: "UniversalScanner",
    on: &[On::Udp(10_000)],
    probe: |_, bytes| if head(bytes).is_ok() { Probe::Yes } else { Probe::No },
    start: Start::Datagram(observe),
};

/// What an answer says, up to the first value that does not fit; `None` where it is none.
#[must_use]
pub fn portrait(bytes: &[u8]) -> Option<(Portrait<'_>, Option<Malformed>)> {
    let (mut rest, ()) = head(bytes).ok()?;
    let mut portrait = Portrait::default();
    portrait.says(Key::Vendor, b"Vivotek".as_slice());
    while !rest.is_empty() {
        let Ok((after, (kind, value))) = field(rest) else {
            return Some((portrait, Some(Malformed::Truncated { field: "value" })));
        };
        match kind {
            LONG_NAME => portrait.says(Key::Name, value),
            MAC => portrait.mac = Mac::from_slice(value),
            IP => portrait.ip = <[u8; 4]>::try_from(value).ok().map(Into::into),
            MODEL => portrait.says(Key::Model, value),
            _ => {}
        }
        rest = after;
    }
    portrait.mac.is_some().then_some((portrait, None))
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let Some((portrait, damage)) = portrait(bytes) else { return Ok(()) };
    portrait.tell("vivotek", envelope, sink);
    damage.filter(|_| !envelope.is_cut).map_or(Ok(()), Err)
}

fn head(i: &[u8]) -> IResult<&[u8], ()> {
    let (i, _session) = be_u8(i)?;
    let (i, _magic) = tag(MAGIC)(i)?;
    Ok((i, ()))
}

fn field(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, kind) = be_u8(i)?;
    let (i, length) = if kind == BARE { (i, 1) } else { be_u8(i)? };
    let (i, value) = take(length)(i)?;
    Ok((i, (kind, value)))
}

const MAGIC: &[u8] = b"\x4a\x5d\x8f\x1c";
const LONG_NAME: u8 = 1;
const MAC: u8 = 2;
const IP: u8 = 3;
/// It has one byte and no length.
const BARE: u8 = 4;
const MODEL: u8 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portrait::tests::told_by;
    use proptest::prelude::*;

    const ANSWER: &[u8] = b"\x02\x4a\x5d\x8f\x1c\x01\x04Gate\x02\x06\x02\0\0\0\0\x5a\x03\x04\xc0\0\x02\x07\
        \x04\x1b\x06\x02\x50\0\x08\x02en\x09\x05FD1-H";

    #[test]
    fn answer_tells_name_and_model() {
        let (facts, result) = told_by(observe, ANSWER);
        assert_eq!(facts, ["serves vivotek", "binds", "vendor Vivotek", "name Gate", "model FD1-H"]);
        assert_eq!(result, Ok(()));
    }

    #[test]
    fn question_tells_nothing() {
        let question = b"\xa1\x4a\x5d\x8f\x1c";
        assert_eq!((VIVOTEK.probe)(&Envelope::default(), question), Probe::Yes);
        assert_eq!(told_by(observe, question), (vec![], Ok(())));
    }

    #[test]
    fn value_longer_than_the_answer_is_truncated() {
        let (facts, result) = told_by(observe, &ANSWER[..ANSWER.len() - 1]);
        assert_eq!(facts.last().map(String::as_str), Some("name Gate"));
        assert_eq!(result, Err(Malformed::Truncated { field: "value" }));
    }

    #[test]
    fn other_datagrams_are_not_ours() {
        for bytes in [&b"MO_I\x01\0"[..], b"", b"\xa1\x02\x4a\x5d\x8f\x1c"] {
            assert_eq!((VIVOTEK.probe)(&Envelope::default(), bytes), Probe::No);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0..ANSWER.len(), byte in any::<u8>(), end in 0..ANSWER.len()) {
            let mut bent = ANSWER.to_vec();
            bent[at] = byte;
            let _ = told_by(observe, &bent[..end]);
        }
    }
}
