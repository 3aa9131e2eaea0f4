//! Ubiquiti's search, UDP port 10001, group 233.89.188.1 and broadcast.
//!
//! ```text
//! 0         1         2        4
//! | version | command | length | (type 1, length 2, value)*       big-endian; a question has length 0
//!
//! 1 MAC    2 MAC and IPv4    3 firmware    0x0a seconds since the start, 4    0x0b host name
//! 0x0c platform    0x14, 0x15 model    0x16 version, in short
//! ```
//!
//! Source: no public text; `Ubiquiti.derived.pcap` of UniversalScanner. Left out: networks, whether it was adopted.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::portrait::Portrait;
use crate::time::Span;
use crate::vocabulary::{About, Envelope, Fact, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const UBIQUITI: Parser = Parser {
    name: "ubiquiti",
    about: "Ubiquiti's search: model, firmware, host name, how long it runs",
    source: "UniversalScanner",
    on: &[On::Udp(10_001)],
    probe,
    start: Start::Datagram(observe),
};

/// What an answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Who it is.
    pub portrait: Portrait<'a>,
    /// How long it runs, in seconds.
    pub uptime_s: Option<u32>,
    /// Where it does not fit.
    pub damage: Option<Malformed>,
}

impl<'a> Answer<'a> {
    /// Reads one answer, up to the first value that does not fit.
    ///
    /// # Errors
    /// `Truncated` where the header does not fit.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (rest, length) = head(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        let mut rest = rest.get(..usize::from(length)).unwrap_or(rest);
        let mut answer = Self::default();
        let [mut firmware, mut model] = [None, None];
        while !rest.is_empty() {
            let Ok((after, (kind, value))) = field(rest) else {
                answer.damage = Some(Malformed::Truncated { field: "value" });
                break;
            };
            match (kind, value) {
                (MAC, value) => answer.portrait.mac = answer.portrait.mac.or(Mac::from_slice(value)),
                (MAC_AND_IP, [mac @ .., a, b, c, d]) if mac.len() == 6 && answer.portrait.ip.is_none() => {
                    answer.portrait.mac = Mac::from_slice(mac);
                    answer.portrait.ip = Some([*a, *b, *c, *d].into());
                }
                (FIRMWARE, value) => firmware = Some(value),
                (VERSION, value) => firmware = firmware.or(Some(value)),
                (UPTIME, value) => answer.uptime_s = value.try_into().ok().map(u32::from_be_bytes),
                (HOSTNAME, value) => answer.portrait.says(Key::Hostname, value),
                (PLATFORM, value) => model = model.or(Some(value)),
                (MODEL | MODEL_TOO, value) => model = Some(value),
                _ => {}
            }
            rest = after;
        }
        for (key, value) in
            [(Key::Vendor, Some(&b"Ubiquiti"[..])), (Key::Model, model), (Key::Firmware, firmware)]
        {
            value.into_iter().for_each(|value| answer.portrait.says(key, value));
        }
        Ok(answer)
    }
}

/// The length is the datagram's, and the values fill it.
fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let is_whole = |rest: &[u8], length: u16| rest.len() == usize::from(length) || envelope.is_cut;
    match (bytes, head(bytes)) {
        ([1 | 2, ..], Ok((rest, length))) if is_whole(rest, length) => match Answer::parse(bytes) {
            Ok(Answer { damage: None, .. }) => Probe::Yes,
            Ok(_) if envelope.is_cut => Probe::Yes,
            _ => Probe::No,
        },
        _ => Probe::No,
    }
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let answer = Answer::parse(bytes)?;
    if answer.portrait.mac.is_some() {
        answer.portrait.tell("ubiquiti", envelope, sink);
        if let Some(uptime_s) = answer.uptime_s.filter(|_| answer.portrait.is_of_sender(envelope)) {
            let uptime = Span::seconds(uptime_s.into());
            sink.fact(About::Sender, Fact::Uptime { uptime, boots: None });
        }
    }
    answer.damage.filter(|_| !envelope.is_cut).map_or(Ok(()), Err)
}

fn head(i: &[u8]) -> IResult<&[u8], u16> {
    let (i, _version) = be_u8(i)?;
    let (i, _command) = be_u8(i)?;
    be_u16(i)
}

fn field(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, kind) = be_u8(i)?;
    let (i, length) = be_u16(i)?;
    let (i, value) = take(length)(i)?;
    Ok((i, (kind, value)))
}

const MAC: u8 = 0x01;
const MAC_AND_IP: u8 = 0x02;
const FIRMWARE: u8 = 0x03;
const UPTIME: u8 = 0x0a;
const HOSTNAME: u8 = 0x0b;
const PLATFORM: u8 = 0x0c;
const MODEL: u8 = 0x14;
const MODEL_TOO: u8 = 0x15;
const VERSION: u8 = 0x16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portrait::tests::told_by;
    use proptest::prelude::*;

    const ANSWER: &[u8] = b"\x02\x06\0\x3c\x02\0\x0a\x02\0\0\0\0\x5a\xc0\0\x02\x07\x0a\0\x04\0\0\x0e\x10\
        \x0b\0\x04gate\x0c\0\x03UVC\x03\0\x05F.1.0\x16\0\x031.0\x15\0\x06UVC G1\x17\0\x01\0";

    #[test]
    fn answer_tells_model_firmware_name_and_uptime() {
        let (facts, result) = told_by(observe, ANSWER);
        let expected = [
            "serves ubiquiti",
            "binds",
            "hostname gate",
            "vendor Ubiquiti",
            "model UVC G1",
            "firmware F.1.0",
            "(Sender, Uptime { uptime: Span(3600000000000), boots: None })",
        ];
        assert_eq!((facts, result), (expected.map(str::to_owned).to_vec(), Ok(())));
    }

    #[test]
    fn question_tells_nothing() {
        assert_eq!(probe(&Envelope::default(), b"\x01\0\0\0"), Probe::Yes);
        assert_eq!(told_by(observe, b"\x01\0\0\0"), (vec![], Ok(())));
    }

    #[test]
    fn only_what_fills_its_length_is_ours() {
        assert_eq!(probe(&Envelope::default(), ANSWER), Probe::Yes);
        assert_eq!(probe(&Envelope::default(), &ANSWER[..ANSWER.len() - 1]), Probe::No);
        assert_eq!(probe(&Envelope::default(), b"\x01\0\0\x02\x01\0"), Probe::No);
        assert_eq!(probe(&Envelope::default(), b""), Probe::No);
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        assert_eq!(probe(&cut, &ANSWER[..ANSWER.len() - 1]), Probe::Yes);
    }

    #[test]
    fn value_longer_than_the_answer_is_truncated() {
        let answer = Answer::parse(&ANSWER[..ANSWER.len() - 1]).unwrap();
        assert_eq!(answer.damage, Some(Malformed::Truncated { field: "value" }));
        assert_eq!(answer.uptime_s, Some(3600));
        assert_eq!(Answer::parse(b"\x01\0"), Err(Malformed::Truncated { field: "header" }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0..ANSWER.len(), byte in any::<u8>(), end in 0..ANSWER.len()) {
            let mut bent = ANSWER.to_vec();
            bent[at] = byte;
            let _ = told_by(observe, &bent[..end]);
            let _ = probe(&Envelope::default(), &bent[..end]);
        }
    }
}
