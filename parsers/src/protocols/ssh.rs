//! Secure Shell (SSH), TCP port 22: the line with which each side says what it is, and how it agrees on keys.
//!
//! ```text
//! anything                                        lines of a server before its own; they do not begin with SSH-
//! SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3          version of the protocol, software, and behind a blank a comment
//! ```
//!
//! 255 bytes at most with CR LF, or LF alone, at its end. Behind it, of version 2:
//!
//! ```text
//! 0        4         5      6        22
//! | length | padding | 0x14 | cookie | list* | … |    list = | length u32 | names, joined by commas |
//! ```
//!
//! numbers big-endian, `length` without itself. Ten lists: ways to agree on keys, kinds of the server's key, ciphers, sums and
//! compression of both directions, languages. Messages that say nothing may come before. All that follows is passed over unread.
//!
//! Source: RFC 4253, 4.2, 5, 6 and 7.1; RFC 4250, 4.6.1. Checked against tshark and Zeek. Left out: keys and logins, which are
//! encrypted or prove nothing without more.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::be_u32;

use crate::vocabulary::{
    About, Envelope, Fact, Key, KeyExchange, Malformed, On, Parser, Probe, Progress, Session, Sink, Start,
    Text, Way,
};

/// What the engine knows of this protocol.
pub const SSH: Parser = Parser {
    name: "ssh",
    about: "the software of both sides, the version of the protocol, and how they agree on keys",
    source: "RFC 4253",
    on: &[On::Tcp(PORT), On::AnyTcp(b"S")],
    probe,
    start: Start::Session(|envelope| Box::new(Connection::new(envelope))),
};

/// One connection.
#[derive(Debug)]
pub struct Connection {
    server: Way,
    sides: [Side; 2],
}

/// What one end sends.
#[derive(Debug, Default, Clone)]
struct Side {
    is_deaf: bool,
    /// The version of the protocol, once its own line was read: messages follow.
    version: Option<Text>,
    /// Messages that said nothing.
    idle: u8,
    /// Bytes before its own line, [`BEFORE_MAX`] at most.
    before: usize,
    /// Bytes before those that come next were lost, and its line perhaps with them.
    is_torn: bool,
}

impl Connection {
    /// A connection whose originator sent from this envelope: who has the port of the protocol is the server, else who
    /// was called.
    fn new(envelope: &Envelope) -> Self {
        let is_called_back = envelope.source_port == PORT && envelope.destination_port != PORT;
        Self { server: if is_called_back { Way::Orig } else { Way::Resp }, sides: Default::default() }
    }

    fn side(&mut self, way: Way) -> &mut Side {
        way.of(&mut self.sides)
    }

    /// Reads a line; how many bytes are done with, `None` where more are needed, or none are wanted any more.
    fn read(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Option<usize> {
        let is_server = way == self.server;
        let side = self.side(way);
        let line_end = bytes.iter().position(|byte| *byte == b'\n');
        if !bytes.iter().zip(START).all(|(byte, known)| byte == known) {
            let length = line_end.map_or(bytes.len(), |end| end.saturating_add(1));
            side.is_deaf = side.is_torn || side.before.saturating_add(length) > BEFORE_MAX;
            if side.is_deaf || line_end.is_none() {
                return None;
            }
            side.before = side.before.saturating_add(length);
            return Some(length);
        }
        let Some(line) = line_end.filter(|end| *end < LINE_MAX).and_then(|end| bytes.get(..end)) else {
            if bytes.len() >= LINE_MAX {
                side.is_deaf = true;
                sink.fact(About::Sender, Fact::Malformed(Malformed::Truncated { field: "identification" }));
            }
            return None;
        };
        let taken = line.len().saturating_add(1);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(version) = version(line) else {
            side.is_deaf = true;
            sink.fact(About::Sender, Fact::Malformed(Malformed::Invalid { field: "identification" }));
            return None;
        };
        side.is_deaf = version.starts_with(b"1.") && version != b"1.99";
        side.version = Some(Text::new(version));
        if is_server {
            sink.fact(About::Sender, Fact::Service { protocol: "ssh" });
        }
        sink.attribute(About::Sender, Key::SshIdentification, line);
        if side.is_deaf {
            let empty = Lists::default();
            sink.fact(About::Sender, empty.told(is_server, Text::new(version)));
            return None;
        }
        Some(taken)
    }

    /// Reads a message; how many bytes are done with, `None` where more are needed, or none are wanted any more.
    fn read_message(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Option<usize> {
        let is_server = way == self.server;
        let side = self.side(way);
        let (behind, length) = be_u32::<_, nom::error::Error<&[u8]>>(bytes).ok()?;
        let length = length as usize;
        if !(MESSAGE_MIN..=MESSAGE_MAX).contains(&length) {
            side.is_deaf = true;
            sink.fact(About::Sender, Fact::Malformed(Malformed::Invalid { field: "packet length" }));
            return None;
        }
        let message = behind.get(..length)?;
        match message.get(1) {
            Some(&(IGNORE..=DEBUG)) if side.idle < IDLE_MAX => {
                side.idle = side.idle.saturating_add(1);
                return Some(length.saturating_add(4));
            }
            Some(&KEXINIT) => match (Lists::parse(message), &side.version) {
                (Ok(lists), Some(version)) => {
                    sink.fact(About::Sender, lists.told(is_server, version.clone()));
                }
                (Err(fault), _) => sink.fact(About::Sender, Fact::Malformed(fault)),
                (Ok(_), None) => {}
            },
            _ => {}
        }
        side.is_deaf = true;
        None
    }
}

/// The lists of names in a message that are told, borrowed from it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lists<'a> {
    /// Ways to agree on keys.
    pub keys: &'a [u8],
    /// Kinds of the server's key.
    pub host_keys: &'a [u8],
    /// Ciphers of what the server sends.
    pub ciphers: &'a [u8],
    /// Sums of what the server sends.
    pub sums: &'a [u8],
}

impl<'a> Lists<'a> {
    /// Reads a message from its padding's length on.
    ///
    /// # Errors
    /// `Truncated` where a list promises more bytes than are left.
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let cut = |field| move |_: nom::Err<nom::error::Error<&[u8]>>| Malformed::Truncated { field };
        let (i, _cookie) = take(18_usize)(message).map_err(cut("cookie"))?;
        let (i, keys) = list(i).map_err(cut("kex algorithms"))?;
        let (i, host_keys) = list(i).map_err(cut("server host key algorithms"))?;
        let (i, _client) = list(i).map_err(cut("encryption algorithms"))?;
        let (i, ciphers) = list(i).map_err(cut("encryption algorithms"))?;
        let (i, _client) = list(i).map_err(cut("mac algorithms"))?;
        let (_, sums) = list(i).map_err(cut("mac algorithms"))?;
        Ok(Self { keys, host_keys, ciphers, sums })
    }

    fn told(&self, is_server: bool, version: Text) -> Fact {
        let [keys, host_keys, ciphers, sums] =
            [self.keys, self.host_keys, self.ciphers, self.sums].map(names);
        Fact::KeyExchange(Box::new(KeyExchange { is_server, version, keys, host_keys, ciphers, sums }))
    }
}

fn list(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, length) = be_u32(i)?;
    take(length)(i)
}

fn names(list: &[u8]) -> Box<[Text]> {
    let names = list.split(|byte| *byte == b',').map(|name| name.get(..NAME_MAX).unwrap_or(name));
    names.filter_map(Text::some).take(KeyExchange::NAMES_MAX).collect()
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let side = self.side(way);
        let read = match side.version {
            _ if side.is_deaf || bytes.is_empty() => None,
            Some(_) => self.read_message(way, bytes, sink),
            None => self.read(way, bytes, sink),
        };
        match read {
            _ if self.sides.iter().all(|side| side.is_deaf) => Progress::Done,
            _ if self.side(way).is_deaf => Progress::Consumed(usize::MAX),
            Some(length) => Progress::Consumed(length),
            None => Progress::NeedMore,
        }
    }

    fn gap(&mut self, way: Way, _missing: Option<u64>, _sink: &mut Sink) {
        let side = self.side(way);
        side.is_torn = true;
        side.is_deaf |= side.version.is_some();
    }
}

/// The version of the protocol; `None` where the line has another form.
fn version(line: &[u8]) -> Option<&[u8]> {
    let software = software(line)?;
    line.get(START.len()..line.len().checked_sub(software.len())?.checked_sub(1)?)
}

/// What stands behind the version of the protocol; `None` where the line has another form.
#[must_use]
pub fn software(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(START)?;
    let dash = rest.iter().position(|byte| *byte == b'-')?;
    let (version, software) = rest.split_at(dash);
    let is_version = !version.is_empty() && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let software = software.get(1..)?;
    (is_version && software.first().is_some_and(u8::is_ascii_graphic)).then_some(software)
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    match bytes.iter().zip(START).all(|(byte, known)| byte == known) {
        false => Probe::No,
        true if bytes.len() < START.len() => Probe::Maybe,
        true => Probe::Yes,
    }
}

const PORT: u16 = 22;
const START: &[u8] = b"SSH-";

/// RFC 4253, 4.2, CR LF included.
const LINE_MAX: usize = 255;

/// RFC 4253, 12: messages that say nothing, or why it ends, and the one with the lists.
const IGNORE: u8 = 2;
const DEBUG: u8 = 4;
const KEXINIT: u8 = 20;
const IDLE_MAX: u8 = 4;
/// RFC 4253, 6 and 6.1: 35,000 bytes a whole packet; the smallest has 16.
const MESSAGE_MIN: usize = 12;
const MESSAGE_MAX: usize = 35_000;
/// RFC 4250, 4.6.1.
const NAME_MAX: usize = 64;

/// A server's greeting before its own line is a few lines long.
const BEFORE_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeder::{self, Blocks, Feeder, Heard};

    const CLIENT: Way = Way::Orig;
    const SERVER: Way = Way::Resp;

    fn heard(blocks: &Blocks) -> Heard {
        feeder::heard(&SSH, blocks)
    }

    /// A message with these ways to agree on keys, and one name in each other list.
    fn lists(keys: &str) -> Vec<u8> {
        let list =
            |names: &str| [&u32::try_from(names.len()).unwrap().to_be_bytes()[..], names.as_bytes()].concat();
        let others = ["ssh-rsa", "a", "aes128-cbc", "b", "hmac-md5", "none", "none", "", ""].map(list);
        let message = [&[4, KEXINIT][..], &[7; 16], &list(keys), &others.concat(), &[0; 9]].concat();
        [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat()
    }

    fn dialogue() -> Blocks {
        let debug = b"\0\0\0\x0c\x04\x04debugging.";
        vec![
            (SERVER, b"Welcome to SSH-land\r\nSSH-2.0-dropbear_2019.78\r\n".to_vec()),
            (
                CLIENT,
                [&b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\n"[..], &lists("curve25519-sha256")].concat(),
            ),
            (SERVER, [&debug[..], &lists("diffie-hellman-group1-sha1,x")].concat()),
            (SERVER, vec![0xff; 400]),
            (CLIENT, vec![0xff; 400]),
        ]
    }

    fn exchanges(heard: &Heard) -> Vec<KeyExchange> {
        let exchanges = heard.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::KeyExchange(it) => Some((**it).clone()),
            _ => None,
        });
        exchanges.collect()
    }

    #[test]
    fn both_sides_say_how_they_agree_on_keys() {
        let told = exchanges(&heard(&dialogue()));
        let [client, server] = &told[..] else { panic!("two: {told:?}") };
        assert!(!client.is_server && server.is_server);
        assert_eq!(&*server.keys, ["diffie-hellman-group1-sha1".into(), "x".into()]);
        let others = [&server.host_keys, &server.ciphers, &server.sums].map(|it| it[0].to_string());
        assert_eq!(others, ["ssh-rsa", "aes128-cbc", "hmac-md5"]);
        assert_eq!(server.version.as_str(), "2.0");
    }

    #[test]
    fn version_one_has_no_lists() {
        let told = exchanges(&heard(&vec![(SERVER, b"SSH-1.5-1.2.27\n\0\0\x01\x0bxxxx".to_vec())]));
        assert_eq!((told[0].version.as_str(), told[0].keys.len(), told.len()), ("1.5", 0, 1));
    }

    #[test]
    fn broken_messages_are_told() {
        let line = b"SSH-2.0-x\r\n";
        let cases = [
            (vec![0, 1, 0, 0], Malformed::Invalid { field: "packet length" }),
            (b"\0\0\0\x0c\x04\x14aaaaaaaaaa".to_vec(), Malformed::Truncated { field: "cookie" }),
            (
                [&b"\0\0\0\x16\x04\x14"[..], &[7; 16], b"\0\0\0\x09"].concat(),
                Malformed::Truncated { field: "kex algorithms" },
            ),
        ];
        for (message, fault) in cases {
            assert_eq!(heard(&vec![(SERVER, [&line[..], &message].concat())]).faults(), [fault]);
        }
    }

    #[test]
    fn both_sides_say_what_they_are() {
        let heard = heard(&dialogue());
        assert!(heard.is_done);
        let software = ["SSH-2.0-dropbear_2019.78", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"];
        assert_eq!(heard.attributes(Key::SshIdentification), software);
        let service = (About::Sender, Fact::Service { protocol: "ssh" });
        assert_eq!((heard.facts.len(), &heard.facts[0]), (5, &service));
    }

    #[test]
    fn server_is_who_has_the_port_where_the_call_was_missed() {
        let envelope = Envelope { source_port: 22, destination_port: 40_000, ..Envelope::default() };
        let mut connection = Connection::new(&envelope);
        let mut sink = Sink::default();
        connection.data(Way::Orig, b"SSH-2.0-x\r\n", &mut sink);
        assert_eq!(sink.facts[0], (About::Sender, Fact::Service { protocol: "ssh" }));
    }

    #[test]
    fn broken_lines_are_told() {
        let long = [b"SSH-2.0-".to_vec(), vec![b'x'; 300]].concat();
        let cases: [(&[u8], Malformed); 4] = [
            (b"SSH-2.0\r\n", Malformed::Invalid { field: "identification" }),
            (b"SSH-two-x\r\n", Malformed::Invalid { field: "identification" }),
            (b"SSH-2.0-\r\n", Malformed::Invalid { field: "identification" }),
            (&long, Malformed::Truncated { field: "identification" }),
        ];
        for (line, fault) in cases {
            assert_eq!(heard(&vec![(SERVER, line.to_vec())]).faults(), [fault]);
        }
    }

    #[test]
    fn greeting_without_end_is_not_waited_for() {
        let mut feeder = Feeder::new(&SSH);
        for _ in 0..100 {
            feeder.feed(SERVER, &[b'x'; 700]);
        }
        assert!(feeder.kept_most <= BEFORE_MAX + 700);
    }

    #[test]
    fn line_behind_a_loss_is_read_only_at_its_start() {
        for (bytes, lines) in [(&b"SSH-2.0-x\r\n"[..], 1), (b"noise\r\nSSH-2.0-x\r\n", 0)] {
            let mut feeder = Feeder::new(&SSH);
            feeder.gap(SERVER);
            feeder.feed(SERVER, bytes);
            assert_eq!(feeder.end().attributes(Key::SshIdentification).len(), lines);
        }
    }

    #[test]
    fn probe_knows_the_line_alone() {
        let answers = [&b"SSH-2.0"[..], b"SS", b"", b"SSL"].map(|bytes| probe(&Envelope::default(), bytes));
        assert_eq!(answers, [Probe::Yes, Probe::Maybe, Probe::Maybe, Probe::No]);
    }

    #[test]
    fn byte_by_byte_says_the_same_as_whole() {
        assert_eq!(feeder::heard_in_pieces(&SSH, &dialogue(), || 1), heard(&dialogue()));
        feeder::read_prefixes(&SSH, &dialogue());
    }

    proptest! {
        #[test]
        fn damaged_streams_say_the_same_however_they_are_cut(
            damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12),
            sizes in proptest::collection::vec(1_usize..60, 1..20),
        ) {
            prop_assert!(feeder::says_the_same_damaged(&SSH, &dialogue(), &damage, &sizes));
        }
    }
}
