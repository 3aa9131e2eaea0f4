//! One connection on port 37777: requests with their answers.
//!
//! ```text
//! Reading --frame--> Reading        what its header promises is waited for where it is JSON, else stepped over
//!    \--gap--> Seeking --DHIP header--> Reading
//! ```
//!
//! | fact | about | said when |
//! | --- | --- | --- |
//! | Service | who answers | it first answers |
//! | Login | who answers | a `global.login` with a password's hash is answered; the first, without one, asks for the realm |
//! | Attribute | who answers | a question of `magicBox` is answered |

use std::collections::VecDeque;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::le_u32;

use super::{DAHUA, Frame, MAGIC, vendor};
use crate::json;
use crate::vocabulary::{
    About, Envelope, Fact, Key, Login, Outcome, Probe, Progress, Session, Sink, Text, Way,
};

/// The device's port.
pub const PORT: u16 = 37_777;

/// Starts to read a connection.
pub fn start(_: &Envelope) -> Box<dyn Session> {
    Box::<Connection>::default()
}

/// Tells whether a connection begins with a frame.
pub fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    let is_binary = BINARY.iter().any(|command| bytes.starts_with(command));
    match bytes {
        _ if bytes.starts_with(MAGIC) || (is_binary && bytes.len() >= HEADER) => Probe::Yes,
        _ if MAGIC.starts_with(bytes) || is_binary || matches!(bytes, [0xa0 | 0xa3 | 0xb0 | 0xb3 | 0xf6]) => {
            Probe::Maybe
        }
        _ => Probe::No,
    }
}

#[derive(Debug, Default)]
struct Connection {
    /// Whether what originator and responder send has a hole behind which no frame was found yet.
    is_seeking: [bool; 2],
    /// Requests of originator and responder that wait for an answer, oldest first.
    waiting: [VecDeque<(u32, Asked)>; 2],
    has_answered: bool,
}

/// What somebody wants.
#[derive(Debug)]
enum Asked {
    /// To be let in under this name.
    Login(Option<Text>),
    /// To know a property, which stands under this name.
    Property(Key, &'static [u8]),
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if *of(&mut self.is_seeking, way) {
            let Some(at) = bytes.windows(MAGIC.len()).position(|window| window == MAGIC) else {
                let passed = bytes.len().saturating_sub(MAGIC.len().saturating_sub(1));
                return if passed > 0 { Progress::Consumed(passed) } else { Progress::NeedMore };
            };
            *of(&mut self.is_seeking, way) = false;
            if at > 0 {
                return Progress::Consumed(at);
            }
        }
        if bytes.len() < HEADER {
            let is_ours = probe(&Envelope::default(), bytes) != Probe::No;
            return if is_ours { Progress::NeedMore } else { Progress::Done };
        }
        let Some(head) = Head::of(bytes) else { return Progress::Done };
        let whole = usize::try_from(head.length).unwrap_or(usize::MAX).saturating_add(HEADER);
        if head.is_json && whole <= MESSAGE_MAX {
            let Some(body) = bytes.get(HEADER..whole) else { return Progress::NeedMore };
            self.message(way, head.request, body, sink);
        }
        Progress::Consumed(whole)
    }

    fn gap(&mut self, way: Way, _missing: Option<u64>, _sink: &mut Sink) {
        *of(&mut self.is_seeking, way) = true;
    }
}

impl Connection {
    fn message(&mut self, way: Way, request: u32, body: &[u8], sink: &mut Sink) {
        let said =
            |wanted: &[u8]| json::pairs(body).find(|(name, _)| *name == wanted).map(|(_, value)| value);
        if let Some(method) = said(b"method") {
            let Some(asked) = asked(method, &said) else { return };
            let waiting = of(&mut self.waiting, way);
            if waiting.len() >= WAITING_MAX {
                waiting.pop_front();
            }
            waiting.push_back((request, asked));
            return;
        }
        let Some(result) = said(b"result") else { return };
        if !self.has_answered {
            self.has_answered = true;
            sink.fact(About::Sender, Fact::Service { protocol: "dhip" });
        }
        let waiting = of(&mut self.waiting, way.other());
        let Some(place) = waiting.iter().position(|(asked, _)| *asked == request) else { return };
        match waiting.remove(place) {
            Some((_, Asked::Login(account))) => {
                let outcome = if result == b"true" { Outcome::Accepted } else { Outcome::Rejected };
                let login = Login { account, scheme: "digest-md5", outcome };
                sink.fact(About::Sender, Fact::Login(Box::new(login)));
            }
            Some((_, Asked::Property(key, name))) => {
                if let Some(value) = said(name) {
                    let value = json::unescaped(value);
                    let is_vendor = key == Key::Vendor;
                    sink.attribute(About::Sender, key, if is_vendor { vendor(&value) } else { &value });
                }
                if key == Key::DhipClass {
                    sink.attribute(About::Sender, Key::Vendor, DAHUA);
                }
            }
            None => {}
        }
    }
}

fn asked<'a>(method: &[u8], said: &impl Fn(&[u8]) -> Option<&'a [u8]>) -> Option<Asked> {
    if method == b"global.login" {
        let has_proof = said(b"password").is_some_and(|hash| !hash.is_empty());
        return has_proof
            .then(|| Asked::Login(said(b"userName").and_then(|name| Text::some(&json::unescaped(name)))));
    }
    let property = PROPERTIES.iter().find(|(asks, ..)| *asks == method);
    property.map(|(_, key, name)| Asked::Property(*key, name))
}

/// What a header says of the frame behind it.
struct Head {
    request: u32,
    length: u32,
    is_json: bool,
}

impl Head {
    fn of(bytes: &[u8]) -> Option<Self> {
        if let Ok(frame) = Frame::parse(bytes) {
            return Some(Self { request: frame.request, length: frame.length, is_json: true });
        }
        let is_binary = BINARY.iter().any(|command| bytes.starts_with(command));
        let (_, (length, request)) = binary(bytes).ok().filter(|_| is_binary)?;
        Some(Self { request, length, is_json: bytes.first() == Some(&JSON_COMMAND) })
    }
}

fn binary(i: &[u8]) -> IResult<&[u8], (u32, u32)> {
    let (i, _command) = take(4_usize)(i)?;
    let (i, length) = le_u32(i)?;
    let (i, request) = le_u32(i)?;
    Ok((i, (length, request)))
}

fn of<T>(sides: &mut [T; 2], way: Way) -> &mut T {
    let [orig, resp] = sides;
    match way {
        Way::Orig => orig,
        Way::Resp => resp,
    }
}

/// Bytes before the body, of both sorts of frames.
const HEADER: usize = 32;
/// Frames that begin without `DHIP`: logins, their answers, searches, and JSON in a binary frame.
const BINARY: [&[u8]; 8] =
    [b"\xa0\0", b"\xa0\x01", b"\xa0\x05", b"\xb0\0", b"\xb0\x01", b"\xa3\x01", b"\xb3\0", b"\xf6\0"];
const JSON_COMMAND: u8 = 0xf6;
/// Longer ones are tables of settings; what we look for is short.
const MESSAGE_MAX: usize = 64 << 10;
/// Requests without an answer; honest ones wait for each.
const WAITING_MAX: usize = 32;
/// Questions, and the name under which their answer stands.
const PROPERTIES: &[(&[u8], Key, &[u8])] = &[
    (b"magicBox.getDeviceClass", Key::DhipClass, b"type"),
    (b"magicBox.getDeviceType", Key::Model, b"type"),
    (b"magicBox.getSerialNo", Key::Serial, b"sn"),
    (b"magicBox.getSoftwareVersion", Key::Firmware, b"Version"),
    (b"magicBox.getHardwareVersion", Key::Hardware, b"version"),
    (b"magicBox.getMachineName", Key::Name, b"name"),
    (b"magicBox.getVendor", Key::Vendor, b"Vendor"),
];

#[cfg(test)]
mod tests {
    use super::super::DHIP_SESSION;
    use super::super::tests::frame;
    use super::*;
    use crate::feeder::{Blocks, heard, heard_in_pieces, read_prefixes, says_the_same_damaged};
    use proptest::prelude::*;

    const LOGIN: &str =
        r#"{"method":"global.login","params":{"userName":"ann","password":""},"id":1,"session":0}"#;
    const LOGIN_AGAIN: &str = r#"{"method":"global.login","params":{"userName":"ann","password":"B1C4AA7B","authorityType":"Default"},"id":2}"#;
    const REALM: &str = r#"{"error":{"code":268632079},"id":1,"params":{"realm":"Login to 3A0","random":"1"},"result":false}"#;

    fn told(talk: &Blocks) -> Vec<String> {
        let shown = heard(&DHIP_SESSION, talk).facts.into_iter().map(|(about, fact)| match (about, fact) {
            (About::Sender, Fact::Attribute { key, value }) => format!("{} {value}", key.name()),
            (About::Sender, Fact::Service { protocol }) => format!("serves {protocol}"),
            (About::Sender, Fact::Login(login)) => format!("{:?} {:?}", login.account, login.outcome),
            other => format!("{other:?}"),
        });
        shown.collect()
    }

    fn login(result: bool) -> Blocks {
        vec![
            (Way::Orig, frame(1, LOGIN)),
            (Way::Resp, frame(1, REALM)),
            (Way::Orig, frame(2, LOGIN_AGAIN)),
            (Way::Resp, frame(2, &format!(r#"{{"id":2,"params":null,"result":{result}}}"#))),
        ]
    }

    #[test]
    fn login_is_told_by_its_second_step_and_without_its_hash() {
        assert_eq!(told(&login(true)), ["serves dhip", r#"Some("ann") Accepted"#]);
        assert_eq!(told(&login(false)), ["serves dhip", r#"Some("ann") Rejected"#]);
    }

    #[test]
    fn questions_of_a_device_are_answered() {
        let ask = |request, method: &str| (Way::Orig, frame(request, &format!(r#"{{"method":"{method}"}}"#)));
        let talk = vec![
            ask(3, "magicBox.getDeviceType"),
            ask(4, "magicBox.getSoftwareVersion"),
            ask(5, "magicBox.reboot"),
            (
                Way::Resp,
                frame(
                    4,
                    r#"{"params":{"version":{"BuildDate":"2022-06-14","Version":"2.820"}},"result":true}"#,
                ),
            ),
            (Way::Resp, frame(3, r#"{"params":{"type":"IPC-HFW1"},"result":true}"#)),
            (Way::Resp, frame(5, r#"{"result":true}"#)),
            (Way::Resp, frame(9, r#"{"params":{"type":"never asked"},"result":true}"#)),
        ];
        assert_eq!(told(&talk), ["serves dhip", "firmware 2.820", "model IPC-HFW1"]);
    }

    /// A binary frame with this command, request 3.
    fn wrapped(command: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let head = [*command, (body.len() as u32).to_le_bytes(), 3_u32.to_le_bytes()];
        [head.as_flattened(), &[0; 20], body].concat()
    }

    #[test]
    fn binary_frames_are_stepped_over_and_their_json_is_read() {
        let talk = vec![
            (Way::Orig, wrapped(b"\xa0\x01\0\x60", b"zzzz")),
            (Way::Orig, wrapped(b"\xf6\0\0\0", br#"{"method":"magicBox.getSerialNo"}"#)),
            (Way::Resp, wrapped(b"\xb0\0\0\0", &[7; 90_000])),
            (Way::Resp, wrapped(b"\xf6\0\0\0", br#"{"params":{"sn":"3A0"},"result":true}"#)),
        ];
        assert_eq!(told(&talk), ["serves dhip", "serial 3A0"]);
        let same = heard_in_pieces(&DHIP_SESSION, &talk, || 500) == heard(&DHIP_SESSION, &talk);
        assert!(same);
    }

    #[test]
    fn behind_a_gap_the_next_header_is_found() {
        let (mut connection, mut sink) = (Connection::default(), Sink::default());
        connection.gap(Way::Resp, Some(5), &mut sink);
        let answer = [b"rest of a frame".as_slice(), &frame(1, r#"{"result":true}"#)].concat();
        assert_eq!(connection.data(Way::Resp, &answer[..18], &mut sink), Progress::Consumed(11));
        assert_eq!(connection.data(Way::Resp, &answer, &mut sink), Progress::Consumed(15));
        assert_eq!(connection.data(Way::Resp, &answer[15..], &mut sink), Progress::Consumed(47));
        assert_eq!(sink.facts.len(), 1);
    }

    #[test]
    fn other_streams_are_not_ours() {
        let probe = |bytes: &[u8]| probe(&Envelope::default(), bytes);
        assert_eq!(probe(&frame(1, "")), Probe::Yes);
        assert_eq!(probe(b"\x20\0\0"), Probe::Maybe);
        assert_eq!(probe(b"\xa0"), Probe::Maybe);
        assert_eq!(probe(&wrapped(b"\xa0\x05\0\x60", b"")), Probe::Yes);
        assert_eq!(probe(b"GET / HTTP/1.1"), Probe::No);
        let mut connection = Connection::default();
        assert_eq!(connection.data(Way::Orig, b"GET /", &mut Sink::default()), Progress::Done);
        assert_eq!(connection.data(Way::Orig, &[b'x'; 40], &mut Sink::default()), Progress::Done);
    }

    #[test]
    fn requests_that_wait_are_bounded() {
        let (mut connection, mut sink) = (Connection::default(), Sink::default());
        for request in 0..200 {
            connection.data(Way::Orig, &frame(request, r#"{"method":"magicBox.getSerialNo"}"#), &mut sink);
        }
        assert_eq!(connection.waiting[0].len(), WAITING_MAX);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        read_prefixes(&DHIP_SESSION, &login(true));
    }

    proptest! {
        #[test]
        fn cuts_change_nothing_of_what_is_said_whole_or_damaged(
            damage in proptest::collection::vec(any::<(u16, u8)>(), 0..4),
            sizes in proptest::collection::vec(1_usize..90, 1..9),
        ) {
            prop_assert!(says_the_same_damaged(&DHIP_SESSION, &login(true), &damage, &sizes));
        }
    }
}
