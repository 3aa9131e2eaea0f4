//! Admission to a network (IEEE 802.1X, EAP over LAN), EtherType 0x888E.
//!
//! A device that wants to use a port of a switch says who it is, and the switch lets it in or not. One frame is
//!
//! ```text
//! 0         1      2        4
//! | version | type | length | body          type 0 EAP, 1 start, 2 logoff, 3 key, 4 alert, 5 key agreement, 6 to 8 announcements
//!
//! 0      1    2        4
//! | code | id | length | type | data        code 1 request, 2 response; 3 success, 4 failure, which end behind the length
//! ```
//!
//! all numbers big-endian. We tell who asks and whether it is let in; the name that it gives (EAP type 1, identity) is read and not
//! told, for it is the account of a login. Frames are padded: what stands behind a length is left.
//!
//! Source: IEEE 802.1X-2020, 11.3; RFC 3748, 4 and 5. Left out: keys (their bodies are not read), what the methods of EAP
//! say to each other, and announcements.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::vocabulary::{About, Admission, Envelope, Fact, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const EAPOL: Parser = Parser {
    name: "eapol",
    about: "who asks a switch to be let into the network, and whether it is",
    source: "IEEE 802.1X-2020, RFC 3748",
    on: &[On::EtherType(0x888e)],
    probe,
    start: Start::Datagram(observe),
};

/// One frame, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// 1 of 2001, 2 of 2004, 3 of 2010 and later.
    pub version: u8,
    /// What it is.
    pub kind: u8,
    /// What it carries.
    pub body: &'a [u8],
}

/// One message of EAP, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eap<'a> {
    /// 1 request, 2 response, 3 success, 4 failure.
    pub code: u8,
    /// A response bears its request's, and so does what ends the talk.
    pub id: u8,
    /// The method of a request and a response, 1 being the identity.
    pub method: Option<u8>,
    /// What the method says.
    pub data: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads one frame and leaves the padding behind it.
    ///
    /// # Errors
    /// `Truncated` where header or body do not fit.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (rest, (version, kind, length)) =
            header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        let (_padding, body) = body(rest, length).map_err(|_| Malformed::Truncated { field: "body" })?;
        Ok(Self { version, kind, body })
    }
}

impl<'a> Eap<'a> {
    /// Reads one message.
    ///
    /// # Errors
    /// `Truncated` where header, type or data do not fit; `Invalid` where the code is none of the four, or the
    /// length is shorter than the header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (rest, (code, id, length)) =
            header(bytes).map_err(|_| Malformed::Truncated { field: "EAP header" })?;
        if !(REQUEST..=FAILURE).contains(&code) {
            return Err(Malformed::Invalid { field: "EAP code" });
        }
        let length = length.checked_sub(HEADER).ok_or(Malformed::Invalid { field: "EAP length" })?;
        let (_, body) = body(rest, length).map_err(|_| Malformed::Truncated { field: "EAP data" })?;
        match body {
            _ if code > RESPONSE => Ok(Self { code, id, method: None, data: &[] }),
            [method, data @ ..] => Ok(Self { code, id, method: Some(*method), data }),
            [] => Err(Malformed::Truncated { field: "EAP type" }),
        }
    }
}

/// Both begin alike.
fn header(i: &[u8]) -> IResult<&[u8], (u8, u8, u16)> {
    let (i, first) = be_u8(i)?;
    let (i, second) = be_u8(i)?;
    let (i, length) = be_u16(i)?;
    Ok((i, (first, second, length)))
}

fn body(i: &[u8], length: u16) -> IResult<&[u8], &[u8]> {
    take(length)(i)
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    match bytes {
        [1..=3, 0..=8, ..] => Probe::Yes,
        _ => Probe::No,
    }
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    match tell(bytes, sink) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        told => told,
    }
}

fn tell(bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let frame = Frame::parse(bytes)?;
    let (about, said) = match frame.kind {
        START => (About::Sender, Admission::Asked),
        LOGOFF => (About::Sender, Admission::Left),
        PACKET => {
            let eap = Eap::parse(frame.body)?;
            match eap.code {
                REQUEST => (About::Receiver, Admission::Challenged { id: eap.id }),
                RESPONSE => (About::Sender, Admission::Answered { id: eap.id }),
                SUCCESS => (About::Receiver, Admission::Accepted { id: eap.id }),
                _ => (About::Receiver, Admission::Refused { id: eap.id }),
            }
        }
        _ => return Ok(()),
    };
    sink.fact(about, Fact::Admission(said));
    Ok(())
}

const PACKET: u8 = 0;
const START: u8 = 1;
const LOGOFF: u8 = 2;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;
/// Bytes of the header of EAP, which its length counts.
const HEADER: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A device says that it is `cam7`; padding behind it.
    const IDENTITY: &[u8] = b"\x02\0\0\x09\x02\x07\0\x09\x01cam7\0\0\0";

    fn facts(bytes: &[u8]) -> Vec<(About, Fact)> {
        let mut sink = Sink::default();
        observe(&Envelope::default(), bytes, &mut sink).unwrap();
        sink.facts
    }

    fn told(bytes: &[u8]) -> (About, Admission) {
        match &facts(bytes)[..] {
            [(about, Fact::Admission(said))] => (*about, *said),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn frame_and_message_are_read_and_the_padding_left() {
        let frame = Frame::parse(IDENTITY).unwrap();
        assert_eq!((frame.version, frame.kind, frame.body.len()), (2, 0, 9));
        let expected = Eap { code: 2, id: 7, method: Some(1), data: b"cam7" };
        assert_eq!(Eap::parse(frame.body), Ok(expected));
    }

    #[test]
    fn device_asks_answers_and_leaves() {
        assert_eq!(told(b"\x01\x01\0\0"), (About::Sender, Admission::Asked));
        assert_eq!(told(IDENTITY), (About::Sender, Admission::Answered { id: 7 }));
        assert_eq!(told(b"\x01\x02\0\0"), (About::Sender, Admission::Left));
    }

    #[test]
    fn switch_asks_lets_in_and_refuses() {
        let request = b"\x02\0\0\x05\x01\x07\0\x05\x01";
        assert_eq!(told(request), (About::Receiver, Admission::Challenged { id: 7 }));
        assert_eq!(told(b"\x02\0\0\x04\x03\x09\0\x04"), (About::Receiver, Admission::Accepted { id: 9 }));
        assert_eq!(told(b"\x02\0\0\x04\x04\x09\0\x04\0\0"), (About::Receiver, Admission::Refused { id: 9 }));
    }

    #[test]
    fn keys_and_announcements_say_nothing() {
        for kind in 3..=8 {
            assert_eq!(facts(&[3, kind, 0, 2, 0xfe, 1]), []);
        }
    }

    #[test]
    fn other_versions_and_types_are_not_ours() {
        let is = |bytes| probe(&Envelope::default(), bytes);
        assert_eq!([is(&[0, 0]), is(&[4, 0]), is(&[1, 9]), is(&[1])], [Probe::No; 4]);
        assert_eq!([is(&[1, 0]), is(&[3, 8])], [Probe::Yes; 2]);
    }

    #[test]
    fn what_ends_early_is_truncated() {
        let truncated = |field| Err(Malformed::Truncated { field });
        assert_eq!(Frame::parse(b"\x02\0\0"), truncated("header"));
        assert_eq!(Frame::parse(b"\x02\0\0\x05\x01"), truncated("body"));
        assert_eq!(Eap::parse(b"\x01\x07\0").map(drop), Err(Malformed::Truncated { field: "EAP header" }));
        assert_eq!(
            Eap::parse(b"\x01\x07\0\x09\x01").map(drop),
            Err(Malformed::Truncated { field: "EAP data" })
        );
        assert_eq!(Eap::parse(b"\x01\x07\0\x04").map(drop), Err(Malformed::Truncated { field: "EAP type" }));
    }

    #[test]
    fn code_and_length_that_cannot_be_are_invalid() {
        assert_eq!(Eap::parse(b"\x05\x07\0\x04"), Err(Malformed::Invalid { field: "EAP code" }));
        assert_eq!(Eap::parse(b"\x01\x07\0\x03"), Err(Malformed::Invalid { field: "EAP length" }));
    }

    #[test]
    fn frame_that_the_capture_cut_is_not_malformed() {
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        let mut sink = Sink::default();
        assert_eq!(observe(&cut, &IDENTITY[..9], &mut sink), Ok(()));
        assert_eq!(
            observe(&cut, b"\x02\0\0\x04\x09\x09\0\x04", &mut sink),
            Err(Malformed::Invalid { field: "EAP code" })
        );
        assert!(sink.facts.is_empty());
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for end in 0..IDENTITY.len() {
            let _ = observe(&Envelope::default(), &IDENTITY[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(kind in 0_u8..9, bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = observe(&Envelope::default(), &bytes, &mut Sink::default());
            let _ = observe(&Envelope::default(), &[&[2, kind, 0, 20], &bytes[..]].concat(), &mut Sink::default());
        }
    }
}
