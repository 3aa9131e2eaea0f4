//! Server Message Block (SMB), TCP ports 445 and 139: which version both sides agree on.
//!
//! ```text
//! 0      1          4                                       session (RFC 1002, 4.3.1): kind 0 a message, else about the session
//! | kind | length   | message |
//!
//! 0          4         5        9       10 …   32                  33
//! | ff "SMB" | command | status | flags | …  | word count | dialect u16 … |      SMB 1, little-endian; flags 0x80: an answer
//!
//! 0          4        …   12        16     20    …  64     68
//! | fe "SMB" | 64 u16 | … | command | …  | flags | … | … | dialect u16 |        SMB 2 and 3, little-endian; flags 1: an answer
//! ```
//!
//! A client of SMB 1 names dialects, and the server answers with the number of one of them (0xffff of none), or in SMB 2:
//! 0x02ff then says that both begin anew. Behind the first other answer nothing is read.
//!
//! Source: MS-CIFS, 2.2.3.1 and 2.2.4.52; MS-SMB2, 2.2.1 and 2.2.4. Checked against tshark. Left out: who logs in, and all
//! that is done.

use nom::IResult;
use nom::bytes::complete::{tag, take};
use nom::number::complete::{be_u24, le_u16, le_u32, u8 as byte};

use crate::vocabulary::{
    About, Envelope, Fact, Malformed, On, Parser, Probe, Progress, Session, Sink, Start, Text, Way,
};

/// What the engine knows of this protocol.
pub const SMB: Parser = Parser {
    name: "smb",
    about: "the version that client and server agree on",
    source: "MS-CIFS, MS-SMB2",
    on: &[On::Tcp(445), On::Tcp(139)],
    probe,
    start: Start::Session(|_| Box::<Connection>::default()),
};

/// One connection.
#[derive(Debug, Default)]
pub struct Connection {
    /// What the client named in SMB 1.
    offered: Vec<Text>,
    has_served: bool,
    is_done: bool,
}

/// What a message says of the version.
#[derive(Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Dialects that a client names in SMB 1.
    Offers(Vec<&'a [u8]>),
    /// The number of the one that its server takes.
    Takes(u16),
    /// An answer in SMB 1 to something else.
    Old,
    /// The revision that a server of SMB 2 or 3 takes.
    Revision(u16),
    /// An answer in SMB 2 or 3 to something else.
    New,
    /// A request that says nothing of it.
    Nothing,
}

impl<'a> Said<'a> {
    /// Reads a message behind the session's header.
    ///
    /// # Errors
    /// `Truncated` where it ends before its dialect, `Invalid` where it is of another protocol.
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        match message {
            [0xff, b'S', b'M', b'B', ..] => old(message),
            [0xfe, b'S', b'M', b'B', ..] => new(message),
            // Encrypted and compressed messages of SMB 3.
            [0xfd | 0xfc, b'S', b'M', b'B', ..] => Ok(Self::Nothing),
            _ => Err(Malformed::Invalid { field: "protocol" }),
        }
    }
}

fn old(message: &[u8]) -> Result<Said<'_>, Malformed> {
    let cut = |field| move |_| Malformed::Truncated { field };
    let (i, (command, flags)) = old_header(message).map_err(cut("header"))?;
    match (command, flags & OLD_ANSWER != 0) {
        (NEGOTIATE, true) => {
            let (i, words) = byte::<_, nom::error::Error<&[u8]>>(i).map_err(cut("word count"))?;
            if words == 0 {
                return Ok(Said::Nothing);
            }
            let (_, dialect) = le_u16::<_, nom::error::Error<&[u8]>>(i).map_err(cut("dialect"))?;
            Ok(Said::Takes(dialect))
        }
        (NEGOTIATE, false) => {
            let (_, dialects) = dialects(i).map_err(cut("dialects"))?;
            let each = dialects.split(|byte| *byte == 0).filter_map(|it| it.strip_prefix(&[2]));
            Ok(Said::Offers(each.take(OFFERED_MAX).collect()))
        }
        (_, true) => Ok(Said::Old),
        (_, false) => Ok(Said::Nothing),
    }
}

fn old_header(i: &[u8]) -> IResult<&[u8], (u8, u8)> {
    let (i, _) = tag(&b"\xffSMB"[..])(i)?;
    let (i, command) = byte(i)?;
    let (i, _status) = le_u32(i)?;
    let (i, flags) = byte(i)?;
    let (i, _rest) = take(22_usize)(i)?;
    Ok((i, (command, flags)))
}

/// Dialects of a request: `2 name 0`, each behind the other.
fn dialects(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, words) = byte(i)?;
    let (i, _) = take(usize::from(words).saturating_mul(2))(i)?;
    let (i, length) = le_u16(i)?;
    take(length)(i)
}

fn new(message: &[u8]) -> Result<Said<'_>, Malformed> {
    let cut = |field| move |_| Malformed::Truncated { field };
    let (i, (command, flags)) = new_header(message).map_err(cut("header"))?;
    match (command, flags & 1 == 1) {
        (0, true) => {
            let (i, size) = le_u16::<_, nom::error::Error<&[u8]>>(i).map_err(cut("structure size"))?;
            if size != NEGOTIATED {
                // An error says no revision.
                return Ok(Said::Nothing);
            }
            let (i, _mode) = le_u16::<_, nom::error::Error<&[u8]>>(i).map_err(cut("security mode"))?;
            let (_, dialect) = le_u16::<_, nom::error::Error<&[u8]>>(i).map_err(cut("dialect"))?;
            Ok(Said::Revision(dialect))
        }
        (_, true) => Ok(Said::New),
        (_, false) => Ok(Said::Nothing),
    }
}

fn new_header(i: &[u8]) -> IResult<&[u8], (u16, u32)> {
    let (i, _) = take(12_usize)(i)?;
    let (i, command) = le_u16(i)?;
    let (i, _credits) = le_u16(i)?;
    let (i, flags) = le_u32(i)?;
    let (i, _rest) = take(44_usize)(i)?;
    Ok((i, (command, flags)))
}

impl Connection {
    fn hear(&mut self, message: &[u8], sink: &mut Sink) {
        let said = match Said::parse(message) {
            Ok(said) => said,
            Err(fault) => {
                self.is_done = true;
                return sink.fact(About::Sender, Fact::Malformed(fault));
            }
        };
        let version = match said {
            Said::Nothing => return,
            Said::Offers(offers) => {
                self.offered = offers.into_iter().map(Text::new).collect();
                return;
            }
            Said::Takes(NONE) | Said::New => None,
            Said::Takes(number) => match self.offered.get(usize::from(number)) {
                Some(dialect) => Some(format!("1 ({dialect})")),
                None => Some("1".to_owned()),
            },
            Said::Old => Some("1".to_owned()),
            Said::Revision(ANY) => return self.serve(sink),
            Said::Revision(revision) => Some(revision_name(revision)),
        };
        self.serve(sink);
        self.is_done = true;
        if let Some(version) = version {
            sink.fact(About::Sender, Fact::Version { version: version.as_str().into() });
        }
    }

    fn serve(&mut self, sink: &mut Sink) {
        if !std::mem::replace(&mut self.has_served, true) {
            sink.fact(About::Sender, Fact::Service { protocol: SMB.name });
        }
    }
}

/// 0x0210 as `2.1`, 0x0311 as `3.1.1`.
fn revision_name(revision: u16) -> String {
    let [major, minor] = revision.to_be_bytes();
    match (minor >> 4, minor & 15) {
        (one, 0) => format!("{major}.{one}"),
        (one, two) => format!("{major}.{one}.{two}"),
    }
}

impl Session for Connection {
    fn data(&mut self, _way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if self.is_done {
            return Progress::Done;
        }
        let Some((&kind, behind)) = bytes.split_first() else { return Progress::NeedMore };
        let Ok((message, length)) = be_u24::<_, nom::error::Error<&[u8]>>(behind) else {
            return Progress::NeedMore;
        };
        let length = length as usize;
        let whole = length.saturating_add(4);
        match message.get(..length.min(READ_MAX)) {
            _ if !matches!(kind, 0 | 0x81..=0x85) => {
                self.is_done = true;
                return Progress::Done;
            }
            None => return Progress::NeedMore,
            // A request for a session, its answer, or that it lives.
            Some(_) if kind != 0 || length == 0 => {}
            Some(message) => self.hear(message, sink),
        }
        Progress::Consumed(whole)
    }

    fn gap(&mut self, _way: Way, _missing: Option<u64>, _sink: &mut Sink) {
        self.is_done = true;
    }

    fn held(&self) -> usize {
        self.offered.iter().fold(0, |sum, name| sum.saturating_add(name.as_str().len()))
    }
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    let begins = |magic: &[u8; 3], bytes: &[u8]| bytes.iter().zip(magic).all(|(byte, known)| byte == known);
    match bytes {
        [0x81, 0, 0, 68..=100, ..] => Probe::Yes,
        [0x82, 0, 0, 0, ..] => Probe::Yes,
        [0x81 | 0x82, rest @ ..] if rest.len() < 3 && rest.iter().all(|byte| *byte <= 100) => Probe::Maybe,
        [0, _, _, _, 0xff | 0xfe, rest @ ..] if rest.len() >= 3 && begins(b"SMB", rest) => Probe::Yes,
        [0, _, _, _, 0xff | 0xfe, rest @ ..] if rest.len() < 3 && begins(b"SMB", rest) => Probe::Maybe,
        [] | [0] | [0, _] | [0, _, _] | [0, _, _, _] => Probe::Maybe,
        _ => Probe::No,
    }
}

const NEGOTIATE: u8 = 0x72;
const OLD_ANSWER: u8 = 0x80;
/// MS-SMB2, 2.2.4: `StructureSize` of an answer.
const NEGOTIATED: u16 = 65;
/// No dialect suits.
const NONE: u16 = 0xffff;
/// Some revision of SMB 2: both begin anew.
const ANY: u16 = 0x02ff;
/// Of a message so many bytes are read; a request with a dozen dialects has 200.
const READ_MAX: usize = 1_024;
const OFFERED_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeder::{self, Blocks, Feeder, Heard};

    const CLIENT: Way = Way::Orig;
    const SERVER: Way = Way::Resp;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
    }

    fn old_message(command: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        framed(&[&b"\xffSMB"[..], &[command, 0, 0, 0, 0, flags], &[0; 22], body].concat())
    }

    fn new_answer(revision: u16) -> Vec<u8> {
        let body = [&65_u16.to_le_bytes()[..], &[1, 0], &revision.to_le_bytes(), &[0; 59]].concat();
        framed(&[&b"\xfeSMB\x40\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0"[..], &[0; 44], &body].concat())
    }

    fn offers() -> Vec<u8> {
        let names = b"\x02PC NETWORK PROGRAM 1.0\0\x02NT LM 0.12\0\x02SMB 2.???\0";
        let length = u16::try_from(names.len()).unwrap().to_le_bytes();
        old_message(0x72, 0x18, &[&[0][..], &length, names].concat())
    }

    fn takes(number: u16) -> Vec<u8> {
        old_message(0x72, 0x98, &[&[17][..], &number.to_le_bytes(), &[0; 34]].concat())
    }

    fn versions(heard: &Heard) -> Vec<String> {
        let versions = heard.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::Version { version } => Some(version.to_string()),
            _ => None,
        });
        versions.collect()
    }

    fn heard(blocks: &Blocks) -> Heard {
        feeder::heard(&SMB, blocks)
    }

    #[test]
    fn old_version_is_told_by_its_dialect() {
        let heard = heard(&vec![(CLIENT, offers()), (SERVER, takes(1))]);
        assert_eq!(versions(&heard), ["1 (NT LM 0.12)"]);
        assert_eq!(heard.facts[0], (About::Sender, Fact::Service { protocol: "smb" }));
    }

    #[test]
    fn old_request_that_leads_to_a_new_version_is_no_old_one() {
        let blocks = vec![
            (CLIENT, offers()),
            (SERVER, new_answer(0x02ff)),
            (CLIENT, framed(&[&b"\xfeSMB\x40\0"[..], &[0; 60]].concat())),
            (SERVER, new_answer(0x0311)),
        ];
        assert_eq!(versions(&heard(&blocks)), ["3.1.1"]);
        assert_eq!([0x0202, 0x0210, 0x0300].map(revision_name), ["2.0.2", "2.1", "3.0"]);
    }

    #[test]
    fn connection_joined_late_is_told_by_its_answers() {
        assert_eq!(versions(&heard(&vec![(SERVER, old_message(0x25, 0x98, &[0; 3]))])), ["1"]);
        assert!(versions(&heard(&vec![(CLIENT, old_message(0x25, 0x18, &[0; 3]))])).is_empty());
    }

    #[test]
    fn server_that_takes_none_of_them_is_not_told() {
        assert!(versions(&heard(&vec![(CLIENT, offers()), (SERVER, takes(0xffff))])).is_empty());
    }

    #[test]
    fn broken_messages_are_told() {
        let cases = [
            (framed(b"HTTP"), Malformed::Invalid { field: "protocol" }),
            (framed(b"\xffSMB\x72"), Malformed::Truncated { field: "header" }),
            (old_message(0x72, 0x98, &[17, 1]), Malformed::Truncated { field: "dialect" }),
            (framed(b"\xfeSMB"), Malformed::Truncated { field: "header" }),
        ];
        for (bytes, fault) in cases {
            assert_eq!(heard(&vec![(SERVER, bytes)]).faults(), [fault]);
        }
    }

    #[test]
    fn long_messages_are_passed_over() {
        let mut feeder = Feeder::new(&SMB);
        feeder.feed(CLIENT, &[&[0, 0xff, 0xff, 0xff][..], b"\xfeSMB"].concat());
        for _ in 0..100 {
            feeder.feed(CLIENT, &[0; 700]);
        }
        assert!(feeder.kept_most <= READ_MAX + 704);
    }

    #[test]
    fn probe_knows_both_headers_and_sessions() {
        let answers =
            [&offers()[..], &new_answer(0x0311), b"\x81\0\0\x44 CK", b"\0\0\0", b"\0\0\0\x10GET", b"GET"]
                .map(|bytes| probe(&Envelope::default(), bytes));
        assert_eq!(answers, [Probe::Yes, Probe::Yes, Probe::Yes, Probe::Maybe, Probe::No, Probe::No]);
    }

    #[test]
    fn byte_by_byte_says_the_same_as_whole() {
        let blocks = vec![(CLIENT, offers()), (SERVER, takes(1))];
        assert_eq!(feeder::heard_in_pieces(&SMB, &blocks, || 1), heard(&blocks));
        feeder::read_prefixes(&SMB, &blocks);
    }

    proptest! {
        #[test]
        fn damaged_streams_say_the_same_however_they_are_cut(
            damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12),
            sizes in proptest::collection::vec(1_usize..60, 1..20),
        ) {
            let blocks = vec![(CLIENT, offers()), (SERVER, new_answer(0x02ff)), (SERVER, new_answer(0x0300))];
            prop_assert!(feeder::says_the_same_damaged(&SMB, &blocks, &damage, &sizes));
        }
    }
}
