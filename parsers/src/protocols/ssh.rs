//! Secure Shell (SSH), TCP port 22: the line with which each side says what it is.
//!
//! ```text
//! anything                                        lines of a server before its own; they do not begin with SSH-
//! SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3          version of the protocol, software, and behind a blank a comment
//! ```
//!
//! 255 bytes at most with CR LF, or LF alone, at its end. All that follows is passed over unread.
//!
//! Source: RFC 4253, 4.2. Checked against tshark and Zeek. Left out: how keys are agreed on.

use crate::vocabulary::{
    About, Envelope, Fact, Key, Malformed, On, Parser, Probe, Progress, Session, Sink, Start, Way,
};

/// What the engine knows of this protocol.
pub const SSH: Parser = Parser {
    name: "ssh",
    about: "the software of both sides, and the version of the protocol",
    source: "RFC 4253",
    on: &[On::Tcp(PORT), On::AnyTcp],
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
#[derive(Debug, Default, Clone, Copy)]
struct Side {
    is_deaf: bool,
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
        side.is_deaf = true;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if software(line).is_none() {
            sink.fact(About::Sender, Fact::Malformed(Malformed::Invalid { field: "identification" }));
            return None;
        }
        if is_server {
            sink.fact(About::Sender, Fact::Service { protocol: "ssh" });
        }
        sink.attribute(About::Sender, Key::SshIdentification, line);
        None
    }
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let read =
            if self.side(way).is_deaf || bytes.is_empty() { None } else { self.read(way, bytes, sink) };
        match read {
            _ if self.sides.iter().all(|side| side.is_deaf) => Progress::Done,
            _ if self.side(way).is_deaf => Progress::Consumed(usize::MAX),
            Some(length) => Progress::Consumed(length),
            None => Progress::NeedMore,
        }
    }

    fn gap(&mut self, way: Way, _missing: Option<u64>, _sink: &mut Sink) {
        self.side(way).is_torn = true;
    }
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

    fn dialogue() -> Blocks {
        vec![
            (SERVER, b"Welcome to SSH-land\r\nSSH-2.0-dropbear_2019.78\r\n\0\0\x01\x04binary".to_vec()),
            (CLIENT, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\n\0\0\x05\xd4binary".to_vec()),
            (SERVER, vec![0xff; 400]),
            (CLIENT, vec![0xff; 400]),
        ]
    }

    #[test]
    fn both_sides_say_what_they_are() {
        let heard = heard(&dialogue());
        assert!(heard.is_done);
        let software = ["SSH-2.0-dropbear_2019.78", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"];
        assert_eq!(heard.attributes(Key::SshIdentification), software);
        let service = (About::Sender, Fact::Service { protocol: "ssh" });
        assert_eq!((heard.facts.len(), &heard.facts[0]), (3, &service));
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
