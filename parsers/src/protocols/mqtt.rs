//! MQTT, TCP port 1883: who connects to a broker, and whether he is let in.
//!
//! ```text
//! 0      1         ..   2                    n
//! | 0x10 | length 1–4 | name u16, "MQTT" | level | flags | keep alive u16 | properties (5) | client | will | user | password
//! | 0x20 | length     | acknowledge flags | code |          the broker's answer
//! ```
//!
//! level 3 is 3.1 (its name is `MQIsdp`), 4 is 3.1.1, 5 is 5.0; numbers are big-endian, texts have their length in front; the
//! length of the message and of the properties has seven bits a byte, the lowest first. flags: 0x80 a user, 0x40 a password, 0x04 a will.
//! All that comes after the answer is passed over unread.
//!
//! Source: OASIS MQTT 3.1.1, 3.1 and 3.2; OASIS MQTT 5.0, 3.1 and 3.2. Checked against tshark. Left out: topics and what is
//! published, authentication in several steps (5.0, 4.12).

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::Proof;
use crate::vocabulary::{
    About, Envelope, Fact, Key, Login, Malformed, On, Outcome, Parser, Probe, Progress, Session, Sink, Start,
    Text, Way,
};

/// What the engine knows of this protocol.
pub const MQTT: Parser = Parser {
    name: "mqtt",
    about: "who connects to a broker, by which version and account, and whether he is let in",
    source: "OASIS MQTT 3.1.1, OASIS MQTT 5.0",
    on: &[On::Tcp(1883), On::AnyTcp(&[CONNECT << 4])],
    probe,
    start: Start::Session(|_| Box::<Connection>::default()),
};

/// One connection.
#[derive(Debug, Default)]
pub struct Connection {
    asked: Option<Asked>,
    is_done: bool,
}

/// Who wants to be let in.
#[derive(Debug)]
struct Asked {
    way: Way,
    level: u8,
    account: Option<Vec<u8>>,
    proof: Option<Proof>,
}

/// What a client says first, borrowed from its message.
#[derive(Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// 3 of MQTT 3.1, 4 of 3.1.1, 5 of 5.0.
    pub level: u8,
    /// What the client calls itself.
    pub client: &'a [u8],
    /// User name.
    pub user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
}

impl<'a> Connect<'a> {
    /// Reads the message behind its length.
    ///
    /// # Errors
    /// `Truncated` where a text or the properties promise more bytes than are left, `Invalid` where the name of the protocol is
    /// another one.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let cut = |field| move |_| Malformed::Truncated { field };
        let (i, name) = text(body).map_err(cut("protocol name"))?;
        if !NAMES.contains(&name) {
            return Err(Malformed::Invalid { field: "protocol name" });
        }
        let (i, (level, flags)) = level(i).map_err(cut("flags"))?;
        let i = if level >= 5 { properties(i).map_err(cut("properties"))?.0 } else { i };
        let (mut i, client) = text(i).map_err(cut("client"))?;
        if flags & WILL != 0 {
            let behind = if level >= 5 { properties(i).map_err(cut("will"))?.0 } else { i };
            let (behind, _topic) = text(behind).map_err(cut("will"))?;
            i = text(behind).map_err(cut("will"))?.0;
        }
        let mut next = |flag, field| -> Result<Option<&'a [u8]>, Malformed> {
            if flags & flag == 0 {
                return Ok(None);
            }
            let (behind, value) = text(i).map_err(cut(field))?;
            i = behind;
            Ok(Some(value))
        };
        let (user, password) = (next(USER, "user name")?, next(PASSWORD, "password")?);
        Ok(Self { level, client, user, password })
    }
}

impl Connection {
    fn hear(&mut self, way: Way, kind: u8, body: &[u8], sink: &mut Sink) {
        match (kind >> 4, &self.asked) {
            (CONNECT, None) => match Connect::parse(body) {
                Ok(connect) => {
                    sink.attribute(About::Sender, Key::MqttClient, connect.client);
                    let proof = connect
                        .user
                        .zip(connect.password)
                        .map(|(user, password)| Proof::plain(user, password));
                    let account = connect.user.map(<[u8]>::to_vec);
                    self.asked = Some(Asked { way, level: connect.level, account, proof });
                }
                Err(fault) => {
                    self.is_done = true;
                    sink.fact(About::Sender, Fact::Malformed(fault));
                }
            },
            (CONNACK, Some(asked)) if asked.way != way => {
                self.is_done = true;
                let Some(code) = body.get(1) else {
                    let fault = Malformed::Truncated { field: "return code" };
                    return sink.fact(About::Sender, Fact::Malformed(fault));
                };
                if let Some(asked) = self.asked.take() {
                    asked.answered(*code, sink);
                }
            }
            // Steps of an authentication (5.0) come between the two.
            (AUTH, Some(_)) => {}
            _ => self.is_done = true,
        }
    }
}

impl Asked {
    fn answered(self, code: u8, sink: &mut Sink) {
        sink.fact(About::Sender, Fact::Service { protocol: MQTT.name });
        let version = match self.level {
            3 => "3.1",
            4 => "3.1.1",
            5 => "5.0",
            _ => "unknown",
        };
        sink.fact(About::Sender, Fact::Version { version: version.into() });
        let outcome = match code {
            0 => Outcome::Accepted,
            // Bad user name or password, not authorized: 3.1.1, 3.2.2.3 and 5.0, 3.2.2.2.
            4 | 5 | 0x86 | 0x87 => Outcome::Rejected,
            _ => Outcome::Unknown,
        };
        match (self.account, outcome) {
            (Some(account), outcome) => {
                let login = Login { account: Text::some(&account), scheme: "plain", outcome };
                sink.fact(About::Sender, Fact::Login(Box::new(login)));
                let proof = self.proof.filter(|_| outcome == Outcome::Accepted);
                proof.into_iter().for_each(|proof| sink.proof(About::Sender, proof));
            }
            (None, Outcome::Accepted) => {
                let given = Some(Text::from("MQTT connection"));
                sink.fact(About::Sender, Fact::Anonymous { given });
            }
            (None, Outcome::Rejected) => sink.fact(About::Sender, Fact::Anonymous { given: None }),
            (None, Outcome::Unknown) => {}
        }
    }
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if self.is_done {
            return Progress::Done;
        }
        let Some((&kind, behind)) = bytes.split_first() else { return Progress::NeedMore };
        // From one side only what is waited for is read; all else is passed over.
        let is_waited_for = match &self.asked {
            None => kind == CONNECT << 4,
            Some(asked) if asked.way == way => return Progress::Consumed(usize::MAX),
            Some(_) => matches!(kind >> 4, CONNACK | AUTH),
        };
        let length = match length(behind) {
            _ if !is_waited_for => None,
            Length::More => return Progress::NeedMore,
            Length::Is(length, _) if length > MESSAGE_MAX => None,
            Length::Is(length, size) => Some((length, size)),
            Length::Broken => None,
        };
        let Some((length, size)) = length else {
            self.is_done = true;
            return Progress::Done;
        };
        let Some(body) = behind.get(size..).and_then(|rest| rest.get(..length)) else {
            return Progress::NeedMore;
        };
        self.hear(way, kind, body, sink);
        Progress::Consumed(size.saturating_add(length).saturating_add(1))
    }

    fn gap(&mut self, _way: Way, _missing: Option<u64>, _sink: &mut Sink) {
        self.is_done = true;
        self.asked = None;
    }

    fn held(&self) -> usize {
        self.asked.as_ref().map_or(0, |asked| {
            let account = asked.account.as_ref().map_or(0, Vec::len);
            account.saturating_add(asked.proof.as_ref().map_or(0, Proof::held))
        })
    }

    fn end(&mut self, sink: &mut Sink) {
        if let Some((asked, account)) =
            self.asked.take().and_then(|mut asked| asked.account.take().map(|account| (asked, account)))
        {
            let about = if asked.way == Way::Orig { About::Receiver } else { About::Sender };
            let login = Login { account: Text::some(&account), scheme: "plain", outcome: Outcome::Unknown };
            sink.fact(about, Fact::Login(Box::new(login)));
        }
    }
}

/// How long a message is, and how many bytes say so.
enum Length {
    Is(usize, usize),
    More,
    Broken,
}

/// Seven bits a byte, the lowest first, four at most (3.1.1, 2.2.3).
fn length(bytes: &[u8]) -> Length {
    let mut value = 0_usize;
    for (at, &byte) in bytes.iter().take(LENGTH_MAX).enumerate() {
        let bits = usize::from(byte & 0x7f);
        value |= bits.checked_shl(u32::try_from(at).unwrap_or(0).saturating_mul(7)).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Length::Is(value, at.saturating_add(1));
        }
    }
    if bytes.len() < LENGTH_MAX { Length::More } else { Length::Broken }
}

fn text(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, length) = be_u16(i)?;
    take(length)(i)
}

fn level(i: &[u8]) -> IResult<&[u8], (u8, u8)> {
    let (i, level) = be_u8(i)?;
    let (i, flags) = be_u8(i)?;
    let (i, _keep_alive) = be_u16(i)?;
    Ok((i, (level, flags)))
}

fn properties(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let Length::Is(length, size) = length(i) else {
        return Err(nom::Err::Error(nom::error::Error::new(i, nom::error::ErrorKind::Eof)));
    };
    let (i, _) = take(size)(i)?;
    take(length)(i)
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    let Some((&first, behind)) = bytes.split_first() else { return Probe::Maybe };
    let size = match length(behind) {
        _ if first != CONNECT << 4 => return Probe::No,
        Length::More => return Probe::Maybe,
        Length::Broken => return Probe::No,
        Length::Is(_, size) => size,
    };
    let body = behind.get(size..).unwrap_or_default();
    let front = |name: &[u8]| {
        let length = u8::try_from(name.len()).unwrap_or(0);
        let known = [&[0, length][..], name].concat();
        let is_so_far = body.iter().zip(&known).all(|(byte, known)| byte == known);
        is_so_far.then_some(body.len() >= known.len())
    };
    match NAMES.iter().find_map(|name| front(name)) {
        Some(true) => Probe::Yes,
        Some(false) => Probe::Maybe,
        None => Probe::No,
    }
}

const NAMES: [&[u8]; 2] = [b"MQTT", b"MQIsdp"];
const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const AUTH: u8 = 15;
const USER: u8 = 0x80;
const PASSWORD: u8 = 0x40;
const WILL: u8 = 0x04;
const LENGTH_MAX: usize = 4;
/// A will may be a picture; texts have 64 KiB at most, and clients' some hundred bytes.
const MESSAGE_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeder::{self, Blocks, Feeder};

    const CLIENT: Way = Way::Orig;
    const SERVER: Way = Way::Resp;

    /// As `gate`, with `hunter2`, by 3.1.1, and an answer with this code.
    fn dialogue(code: u8) -> Blocks {
        let connect =
            [&b"\x10\x23\0\x04MQTT\x04\xc2\0\x3c"[..], b"\0\x08camera-7", b"\0\x04gate", b"\0\x07hunter2"];
        vec![
            (CLIENT, connect.concat()),
            (SERVER, vec![0x20, 2, 0, code]),
            (CLIENT, b"\x30\x05\0\x01axy".to_vec()),
            (SERVER, b"\x30\x05\0\x01axy".to_vec()),
        ]
    }

    /// By 5.0, without an account, with properties and a will.
    fn anonymous(code: u8) -> Blocks {
        let connect =
            [&b"\x10\x1a\0\x04MQTT\x05\x06\0\x3c\x02\x21\x05"[..], b"\0\x01a", b"\0\0\x01t\0\x03bye"]
                .concat();
        let connect = [&[0x10, u8::try_from(connect.len() - 2).unwrap()][..], &connect[2..]].concat();
        vec![(CLIENT, connect), (SERVER, vec![0x20, 3, 0, code, 0])]
    }

    #[test]
    fn a_login_is_told_by_its_answer_and_without_its_secret() {
        for (code, outcome) in [(0, Outcome::Accepted), (5, Outcome::Rejected), (3, Outcome::Unknown)] {
            let heard = feeder::heard(&MQTT, &dialogue(code));
            assert!(matches!(heard.logins()[..], [(_, _, it)] if it == outcome), "{heard:?}");
            assert_eq!(heard.attributes(Key::MqttClient), ["camera-7"]);
            let told = format!("{:?}", heard.facts);
            assert!(told.contains("3.1.1") && told.contains("gate") && !told.contains("hunter2"), "{told}");
            assert!(heard.is_done);
        }
    }

    #[test]
    fn an_accepted_password_is_proved() {
        let mut feeder = Feeder::new(&MQTT);
        for (way, bytes) in dialogue(0) {
            feeder.feed(way, &bytes);
        }
        let [(About::Sender, proof)] = &feeder.sink.proofs[..] else { panic!("one proof") };
        assert!(proof.is_of(b"hunter2") && proof.user() == b"gate");
    }

    #[test]
    fn who_is_let_in_without_an_account_is_told_and_who_is_not_too() {
        for (code, given) in [(0, Some("MQTT connection".into())), (0x87, None)] {
            let heard = feeder::heard(&MQTT, &anonymous(code));
            let told = heard.of(|fact| matches!(fact, Fact::Anonymous { .. }));
            assert_eq!(told, [(About::Sender, Fact::Anonymous { given })]);
        }
    }

    #[test]
    fn broken_messages_are_told() {
        let cases: [(&[u8], Malformed); 3] = [
            (b"\x10\x06\0\x04MQTX", Malformed::Invalid { field: "protocol name" }),
            (b"\x10\x07\0\x04MQTT\x04", Malformed::Truncated { field: "flags" }),
            (b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\x09", Malformed::Truncated { field: "client" }),
        ];
        for (bytes, fault) in cases {
            assert_eq!(feeder::heard(&MQTT, &vec![(CLIENT, bytes.to_vec())]).faults(), [fault]);
        }
    }

    #[test]
    fn a_message_without_end_is_not_waited_for() {
        let mut feeder = Feeder::new(&MQTT);
        feeder.feed(CLIENT, b"\x10\xff\xff\xff\x7f\0\x04MQTT");
        for _ in 0..100 {
            feeder.feed(CLIENT, &[b'x'; 700]);
        }
        assert!(feeder.kept_most <= MESSAGE_MAX);
    }

    #[test]
    fn probe_knows_the_name() {
        let answers =
            [&b"\x10\x20\0\x04MQTT"[..], b"\x10\x20\0\x04MQ", b"\x10", b"\x10\x20\0\x05", b"\x16\x03"]
                .map(|bytes| probe(&Envelope::default(), bytes));
        assert_eq!(answers, [Probe::Yes, Probe::Maybe, Probe::Maybe, Probe::No, Probe::No]);
    }

    #[test]
    fn byte_by_byte_says_the_same_as_whole() {
        for blocks in [dialogue(0), anonymous(0)] {
            assert_eq!(feeder::heard_in_pieces(&MQTT, &blocks, || 1), feeder::heard(&MQTT, &blocks));
            feeder::read_prefixes(&MQTT, &blocks);
        }
    }

    proptest! {
        #[test]
        fn damaged_streams_say_the_same_however_they_are_cut(
            damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12),
            sizes in proptest::collection::vec(1_usize..60, 1..20),
        ) {
            prop_assert!(feeder::says_the_same_damaged(&MQTT, &dialogue(0), &damage, &sizes));
        }
    }
}
