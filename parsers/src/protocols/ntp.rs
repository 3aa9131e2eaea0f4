//! Network Time Protocol (NTP), UDP port 123.
//!
//! Who asks whom for the time, and what is told. One packet is
//!
//! ```text
//! 0                          1         2      3           4            8                 12            16
//! | leap 2,version 3,mode 3 | stratum | poll | precision | root delay | root dispersion | reference id |
//! 16               24       32        40         48
//! | reference time | origin | receive | transmit | extensions, MAC      modes 1 to 5
//!
//! 0                   1                                2          4        6             8        10      12
//! | 0,version,mode 6 | response,error,more,operation 5 | sequence | status | association | offset | count | data
//!
//! 0                                 1               2                3         4                    6
//! | response,more,version,mode 7 | auth,sequence 7 | implementation | request | error 4,items 12 | 0 4,size 12 | items
//! ```
//!
//! all numbers big-endian; times are seconds since 1900 and their fraction, 32 bits each. The modes: 1 and 2 two
//! servers among themselves, 3 a client, 4 a server, 5 a server to everybody, 6 and 7 the questions of administrators.
//!
//! Source: RFC 5905, 7.3 and 7.4; mode 6, RFC 9327; mode 7, ntp's own `ntp_request.h`. Left out: extensions and MAC,
//! which stand behind all that is kept; the variables and lists of modes 6 and 7; mode 0, which version 1 had alone.
//! SNTP (RFC 4330) has the same form.

use nom::IResult;
use nom::number::complete::{be_u8, be_u16, be_u32, be_u64};

use crate::vocabulary::{
    About, Envelope, Exchange, Fact, Malformed, On, Parser, Probe, Sink, Start, Text, TimeStep, Timekeeping,
    ip_text,
};

/// What the engine knows of this protocol.
pub const NTP: Parser = Parser {
    name: "ntp",
    about: "who asks whom for the time, what is told, and whether the teller's own clock is set",
    source: "RFC 5905, RFC 9327",
    on: &[On::Udp(123)],
    probe,
    start: Start::Datagram(observe),
};

/// One packet, borrowed from the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Modes 1 to 5.
    Time(Header),
    /// Mode 6.
    Control(Control<'a>),
    /// Mode 7.
    Private(Private),
}

/// What tells the time, or asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 0 to 2 of the next leap second; 3 says that the clock was never set.
    pub leap: u8,
    /// 1 to 4.
    pub version: u8,
    /// 1 to 5.
    pub mode: u8,
    /// How far from a reference clock; 1 has one, 0 says nothing or bears a kiss code, 16 is not set.
    pub stratum: u8,
    /// Time between two requests, as a power of two in seconds.
    pub poll: i8,
    /// Of the clock, as a power of two in seconds.
    pub precision: i8,
    /// Round trip to the reference clock, in 1/65536 s.
    pub root_delay: u32,
    /// How far off the clock may be, in 1/65536 s.
    pub root_dispersion: u32,
    /// Where the sender has its time from, or a kiss code.
    pub reference_id: [u8; 4],
    /// When the sender's clock was last set.
    pub reference: u64,
    /// The `transmit` of what is answered.
    pub origin: u64,
    /// When that came.
    pub receive: u64,
    /// When this was sent, by the sender's clock; clients may send anything (RFC 8633, 3.3).
    pub transmit: u64,
}

/// A question of an administrator, or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control<'a> {
    /// 2 to 4.
    pub version: u8,
    /// Whether it is an answer.
    pub is_response: bool,
    /// Whether that says no.
    pub is_error: bool,
    /// Whether more parts follow.
    pub has_more: bool,
    /// What is asked for.
    pub operation: u8,
    /// The same in the answer.
    pub sequence: u16,
    /// Of the system, a peer or a clock; of an error, its code in the upper byte.
    pub status: u16,
    /// Which peer; 0 is the system.
    pub association: u16,
    /// Where this part begins.
    pub offset: u16,
    /// The data of this part.
    pub data: &'a [u8],
}

/// The same in the form of the older tool (`ntpdc`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Private {
    /// Whether it is an answer.
    pub is_response: bool,
    /// Whether more parts follow.
    pub has_more: bool,
    /// 1 to 4.
    pub version: u8,
    /// Whether it bears a MAC.
    pub is_authenticated: bool,
    /// Number of this part.
    pub sequence: u8,
    /// Whose list of requests.
    pub implementation: u8,
    /// What is asked for; 20 and 42 ask for everybody who was heard (`monlist`).
    pub request: u8,
    /// 0 without an error.
    pub error: u8,
    /// How many items follow, and the size of each in bytes.
    pub items: (u16, u16),
}

impl<'a> Message<'a> {
    /// Reads one packet.
    ///
    /// # Errors
    /// `Invalid` where the version or the mode is none that is read; `Truncated` where the fixed part, or the data of
    /// a control message, does not fit.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let truncated = |field| move |_| Malformed::Truncated { field };
        let (rest, first) = first(bytes).map_err(truncated("flags"))?;
        let (version, mode) = (first >> 3 & 7, first & 7);
        if !(1..=4).contains(&version) {
            return Err(Malformed::Invalid { field: "version" });
        }
        match mode {
            1..=5 => {
                let (_, header) = header(rest, first).map_err(truncated("header"))?;
                Ok(Self::Time(header))
            }
            CONTROL => {
                let (rest, (control, count)) = control(rest, version).map_err(truncated("control header"))?;
                let data = rest.get(..usize::from(count)).ok_or(Malformed::Truncated { field: "data" })?;
                Ok(Self::Control(Control { data, ..control }))
            }
            PRIVATE => {
                let (_, private) = private(rest, first).map_err(truncated("private header"))?;
                Ok(Self::Private(private))
            }
            _ => Err(Malformed::Invalid { field: "mode" }),
        }
    }
}

impl Header {
    /// Whether the sender says that its clock is set.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.leap != UNSET && self.stratum >= 1 && self.stratum < STRATUM_UNSET && self.transmit != 0
    }

    /// Where the sender has its time from: a clock's name, an address, or a kiss code (RFC 5905, 7.3 and 7.4).
    #[must_use]
    pub fn source(&self) -> Option<Text> {
        match self.stratum {
            _ if self.reference_id == [0; 4] => None,
            0 | 1 => Text::some(&self.reference_id),
            _ => Some(Text::from(ip_text(self.reference_id.into()).as_str())),
        }
    }

    const fn step(&self) -> TimeStep {
        match self.mode {
            CLIENT => TimeStep::Asked,
            SERVER => TimeStep::Answered,
            _ => TimeStep::Told,
        }
    }
}

fn first(i: &[u8]) -> IResult<&[u8], u8> {
    be_u8(i)
}

fn header(i: &[u8], first: u8) -> IResult<&[u8], Header> {
    let (i, stratum) = be_u8(i)?;
    let (i, poll) = be_u8(i)?;
    let (i, precision) = be_u8(i)?;
    let (i, root_delay) = be_u32(i)?;
    let (i, root_dispersion) = be_u32(i)?;
    let (i, reference_id) = be_u32(i)?;
    let (i, reference) = be_u64(i)?;
    let (i, origin) = be_u64(i)?;
    let (i, receive) = be_u64(i)?;
    let (i, transmit) = be_u64(i)?;
    let header = Header {
        leap: first >> 6,
        version: first >> 3 & 7,
        mode: first & 7,
        stratum,
        poll: poll.cast_signed(),
        precision: precision.cast_signed(),
        root_delay,
        root_dispersion,
        reference_id: reference_id.to_be_bytes(),
        reference,
        origin,
        receive,
        transmit,
    };
    Ok((i, header))
}

fn control(i: &[u8], version: u8) -> IResult<&[u8], (Control<'_>, u16)> {
    let (i, flags) = be_u8(i)?;
    let (i, sequence) = be_u16(i)?;
    let (i, status) = be_u16(i)?;
    let (i, association) = be_u16(i)?;
    let (i, offset) = be_u16(i)?;
    let (i, count) = be_u16(i)?;
    let control = Control {
        version,
        is_response: flags & 0x80 != 0,
        is_error: flags & 0x40 != 0,
        has_more: flags & 0x20 != 0,
        operation: flags & 0x1f,
        sequence,
        status,
        association,
        offset,
        data: &[],
    };
    Ok((i, (control, count)))
}

fn private(i: &[u8], first: u8) -> IResult<&[u8], Private> {
    let (i, sequence) = be_u8(i)?;
    let (i, implementation) = be_u8(i)?;
    let (i, request) = be_u8(i)?;
    let (i, items) = be_u16(i)?;
    let (i, size) = be_u16(i)?;
    let private = Private {
        is_response: first & 0x80 != 0,
        has_more: first & 0x40 != 0,
        version: first >> 3 & 7,
        is_authenticated: sequence & 0x80 != 0,
        sequence: sequence & 0x7f,
        implementation,
        request,
        error: (items >> 12) as u8,
        items: (items & 0x0fff, size & 0x0fff),
    };
    Ok((i, private))
}

fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let Some(first) = bytes.first() else { return Probe::No };
    let least = match first & 7 {
        1..=5 => HEADER,
        CONTROL => CONTROL_HEADER,
        PRIVATE => PRIVATE_HEADER,
        _ => return Probe::No,
    };
    let is_whole = bytes.len() >= least || envelope.is_cut;
    if (1..=4).contains(&(first >> 3 & 7)) && is_whole { Probe::Yes } else { Probe::No }
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = match Message::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    match message {
        Message::Time(header) => {
            if matches!(header.mode, SERVER | BROADCAST) {
                sink.fact(About::Sender, Fact::Service { protocol: NTP.name });
            }
            let told = Timekeeping {
                step: header.step(),
                stratum: header.stratum,
                is_set: header.is_set(),
                source: header.source(),
                sent: header.transmit,
                answers: header.origin,
            };
            sink.fact(About::Sender, Fact::Timekeeping(Box::new(told)));
        }
        Message::Control(control) => {
            let name = CONTROLS.iter().find(|(operation, _)| *operation == control.operation);
            let error = if control.is_error { control.status >> 8 } else { 0 };
            let status = control.is_response.then_some(error);
            administered(name.map_or("control", |(_, name)| name), status, sink);
        }
        Message::Private(private) => {
            let is_list = matches!(private.request, MONLIST | MONLIST_1);
            let status = private.is_response.then_some(u16::from(private.error));
            administered(if is_list { "monlist" } else { "private" }, status, sink);
        }
    }
    Ok(())
}

/// An administrator's question to the server, or with `status` the answer.
fn administered(method: &str, status: Option<u16>, sink: &mut Sink) {
    let server = if status.is_some() { About::Sender } else { About::Receiver };
    if status.is_some() {
        sink.fact(server, Fact::Service { protocol: NTP.name });
    }
    let exchange = Exchange { method: Text::from(method), target: None, status };
    sink.fact(server, Fact::Exchange(Box::new(exchange)));
}

const CLIENT: u8 = 3;
const SERVER: u8 = 4;
const BROADCAST: u8 = 5;
const CONTROL: u8 = 6;
const PRIVATE: u8 = 7;
/// Bytes of the fixed part of modes 1 to 5, of 6, and of 7.
const HEADER: usize = 48;
const CONTROL_HEADER: usize = 12;
const PRIVATE_HEADER: usize = 8;
/// Leap indicator of a clock that was never set, and the stratum that says so (RFC 5905, figures 9 and 11).
const UNSET: u8 = 3;
const STRATUM_UNSET: u8 = 16;
/// Requests of `ntpdc` for everybody who was heard, in its older and its newer form (`ntp_request.h`).
const MONLIST: u8 = 20;
const MONLIST_1: u8 = 42;
/// RFC 9327, 3.
const CONTROLS: &[(u8, &str)] = &[
    (1, "read status"),
    (2, "read variables"),
    (3, "write variables"),
    (4, "read clock variables"),
    (5, "write clock variables"),
    (6, "set trap"),
    (7, "trap"),
    (8, "configure"),
    (9, "export configuration"),
    (10, "read remote addresses"),
    (11, "read ordered list"),
    (12, "request nonce"),
    (31, "unset trap"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A client of version 4 asks, its clock not set.
    fn request() -> Vec<u8> {
        let mut bytes = b"\xe3\0\x06\xec".to_vec();
        bytes.resize(40, 0);
        bytes.extend(b"\xe8\0\0\0\x80\0\0\0");
        bytes
    }

    /// A server of stratum `stratum` answers it.
    fn answer(first: u8, stratum: u8, reference: &[u8; 4]) -> Vec<u8> {
        let mut bytes = vec![first, stratum, 6, 0xe9, 0, 0, 3, 0x10, 0, 0, 2, 0x80];
        bytes.extend(reference);
        bytes.extend(b"\xe7\xff\xff\xf0\0\0\0\0\xe8\0\0\0\x80\0\0\0\xe8\0\0\0\x81\0\0\0\xe8\0\0\0\x82\0\0\0");
        bytes
    }

    fn facts(bytes: &[u8]) -> Vec<(About, Fact)> {
        let mut sink = Sink::default();
        assert_eq!(probe(&Envelope::default(), bytes), Probe::Yes);
        observe(&Envelope::default(), bytes, &mut sink).unwrap();
        sink.facts
    }

    fn told(bytes: &[u8]) -> Timekeeping {
        match facts(bytes).pop() {
            Some((About::Sender, Fact::Timekeeping(told))) => *told,
            other => panic!("{other:?}"),
        }
    }

    const SERVES: (About, Fact) = (About::Sender, Fact::Service { protocol: "ntp" });

    #[test]
    fn client_asks() {
        let asked = Timekeeping {
            step: TimeStep::Asked,
            stratum: 0,
            is_set: false,
            source: None,
            sent: 0xe800_0000_8000_0000,
            answers: 0,
        };
        assert_eq!(facts(&request()), [(About::Sender, Fact::Timekeeping(Box::new(asked)))]);
    }

    #[test]
    fn server_answers_and_serves() {
        let bytes = answer(0x24, 2, &[192, 0, 2, 123]);
        let answered = Timekeeping {
            step: TimeStep::Answered,
            stratum: 2,
            is_set: true,
            source: Some("192.0.2.123".into()),
            sent: 0xe800_0000_8200_0000,
            answers: 0xe800_0000_8000_0000,
        };
        assert_eq!(facts(&bytes), [SERVES, (About::Sender, Fact::Timekeeping(Box::new(answered)))]);
    }

    #[test]
    fn reference_clock_and_kiss_code_are_words() {
        assert_eq!(told(&answer(0x24, 1, b"GPS\0")).source, Some("GPS".into()));
        let kiss = told(&answer(0xe4, 0, b"RATE"));
        assert_eq!((kiss.source, kiss.is_set), (Some("RATE".into()), false));
    }

    #[test]
    fn clock_that_is_not_set_says_so_by_leap_or_stratum() {
        assert!(!told(&answer(0xe4, 2, &[192, 0, 2, 123])).is_set);
        assert!(!told(&answer(0x24, 16, b"\0\0\0\0")).is_set);
        assert!(told(&answer(0x64, 15, b"\0\0\0\0")).is_set);
    }

    #[test]
    fn peers_and_broadcasts_are_told_unasked() {
        for (first, serves) in [(0x21, false), (0x22, false), (0x25, true)] {
            let bytes = answer(first, 2, &[192, 0, 2, 123]);
            assert_eq!(told(&bytes).step, TimeStep::Told);
            assert_eq!(facts(&bytes).contains(&SERVES), serves);
        }
    }

    #[test]
    fn what_stands_behind_the_header_is_stepped_over() {
        let bytes = [&answer(0x24, 2, &[192, 0, 2, 123])[..], &[7; 20]].concat();
        assert_eq!(facts(&bytes).len(), 2);
    }

    #[test]
    fn administrators_ask_and_are_answered() {
        let asked = |about, method: &str, status| {
            (about, Fact::Exchange(Box::new(Exchange { method: method.into(), target: None, status })))
        };
        let question = b"\x16\x02\0\x01\0\0\0\0\0\0\0\0";
        assert_eq!(facts(question), [asked(About::Receiver, "read variables", None)]);
        let answer = b"\x16\x82\0\x01\x06\x15\0\0\0\0\0\x04a=1,";
        assert_eq!(facts(answer), [SERVES, asked(About::Sender, "read variables", Some(0))]);
        let refusal = b"\x16\xc2\0\x01\x01\0\0\0\0\0\0\0";
        assert_eq!(facts(refusal), [SERVES, asked(About::Sender, "read variables", Some(1))]);
        let list = b"\x17\0\x03\x2a\0\0\0\0";
        assert_eq!(facts(list), [asked(About::Receiver, "monlist", None)]);
        let listed = b"\xd7\0\x03\x2a\0\x06\0\x48";
        assert_eq!(facts(listed), [SERVES, asked(About::Sender, "monlist", Some(0))]);
    }

    #[test]
    fn other_versions_and_modes_are_not_ours() {
        for (first, field) in [(0x03, "version"), (0x2b, "version"), (0x20, "mode")] {
            let bytes = answer(first, 2, &[0; 4]);
            assert_eq!(probe(&Envelope::default(), &bytes), Probe::No);
            assert_eq!(Message::parse(&bytes), Err(Malformed::Invalid { field }));
        }
    }

    #[test]
    fn packet_that_ends_early_is_truncated_unless_the_capture_cut_it() {
        let request = request();
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        for (bytes, field) in [
            (&request[..47], "header"),
            (&b"\x16\x82\0\x01\x06\x15\0\0\0\0\0"[..], "control header"),
            (b"\x16\x82\0\x01\x06\x15\0\0\0\0\0\x04a=1", "data"),
            (b"\x17\0\x03\x2a\0\0\0", "private header"),
            (b"", "flags"),
        ] {
            assert_eq!(Message::parse(bytes), Err(Malformed::Truncated { field }));
            let mut sink = Sink::default();
            assert_eq!(observe(&cut, bytes, &mut sink), Ok(()));
            assert!(sink.facts.is_empty());
        }
        assert_eq!(probe(&Envelope::default(), &request[..47]), Probe::No);
        assert_eq!(probe(&cut, &request[..47]), Probe::Yes);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for bytes in [&answer(0x24, 2, &[192, 0, 2, 123])[..], b"\x16\x82\0\x01\x06\x15\0\0\0\0\0\x04a=1,"] {
            for end in 0..bytes.len() {
                let _ = observe(&Envelope::default(), &bytes[..end], &mut Sink::default());
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = observe(&Envelope::default(), &bytes, &mut Sink::default());
        }
    }
}
