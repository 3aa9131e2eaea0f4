//! Session Initiation Protocol (SIP) 2.0, over UDP and TCP: who calls, who registers where, and with which software.
//!
//! Intercoms, loudspeakers and phones speak it with an exchange, or with each other. A message is written as one of RTSP
//! is ([`message`](crate::protocols::rtsp::message)); header names have short forms (`f` for `From`).
//!
//! ```text
//! UDP   a message a datagram, its body up to the end where no length is said; blank ones keep a path open
//! TCP   messages one behind the other, blank lines between them
//!
//! Sure --what cannot be read (said as malformed), a gap--> Seeking --a line that begins a message--> Sure
//! ```
//!
//! What messages say together is in `dialogue`.
//!
//! Source: RFC 3261, 7, 8 and 18.3. Checked against tshark, Zeek and suricata-verify. Left out: who calls whom (From, To),
//! and the media that SDP agrees on: calls end as people please, and their ends must not look like failures.

mod dialogue;

use crate::protocols::rtsp::message::{self, BODY_KEPT, Dialect, HEAD_MAX, Message};
use crate::vocabulary::{
    About, Envelope, Fact, Malformed, OF_METHODS, On, Parser, Probe, Progress, Session, Sink, Start, Way,
};
use dialogue::Dialogue;

pub use dialogue::{Uri, nonce};

/// What the engine knows of this protocol.
pub const SIP: Parser = Parser {
    name: "sip",
    about: "what intercoms, phones and exchanges ask of each other; their software; logins",
    source: "RFC 3261",
    on: &[On::Udp(PORT), On::Tcp(PORT), On::AnyUdp, On::AnyTcp(OF_METHODS)],
    probe,
    start: Start::Session(|envelope| Box::new(Connection::new(envelope))),
};

/// One flow.
#[derive(Debug)]
pub struct Connection {
    is_stream: bool,
    sides: [Side; 2],
    dialogue: Dialogue,
}

/// What one end sends over TCP.
#[derive(Debug, Default)]
struct Side {
    /// Whether it is unknown where the next message begins.
    is_seeking: bool,
    /// Bytes passed over since the last message.
    sought: usize,
    is_deaf: bool,
}

impl Connection {
    fn new(envelope: &Envelope) -> Self {
        Self { is_stream: envelope.is_stream, sides: Default::default(), dialogue: Dialogue::new(envelope) }
    }

    fn side(&mut self, way: Way) -> &mut Side {
        way.of(&mut self.sides)
    }

    fn read_datagram(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) {
        let text = bytes.trim_ascii_start();
        if message::probe_start_as(&Dialect::SIP, text) != Probe::Yes {
            // What keeps a path open, and other protocols on the same port (STUN).
            return;
        }
        let head_length = message::head_length(text);
        if head_length.is_none() {
            sink.fact(About::Sender, Fact::Malformed(Malformed::Truncated { field: "header" }));
        }
        let head_length = head_length.unwrap_or(text.len().min(HEAD_MAX));
        match Message::parse_as(&Dialect::SIP, text, head_length) {
            Ok(mut message) => {
                if message.either(b"content-length", b"l").is_none() {
                    let body = text.get(head_length..).unwrap_or_default();
                    message.body = body.get(..BODY_KEPT).unwrap_or(body);
                }
                self.hear(way, &message, sink);
            }
            Err(fault) => sink.fact(About::Sender, Fact::Malformed(fault)),
        }
    }

    fn read_stream(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blank > 0 {
            return Progress::Consumed(blank);
        }
        match message::probe_start_as(&Dialect::SIP, bytes) {
            Probe::Yes => self.read_message(way, bytes, sink),
            Probe::Maybe => Progress::NeedMore,
            Probe::No => {
                let side = self.side(way);
                if !std::mem::replace(&mut side.is_seeking, true) {
                    let fault = Malformed::Invalid { field: "start line" };
                    sink.fact(About::Sender, Fact::Malformed(fault));
                }
                self.pass_line(way, bytes)
            }
        }
    }

    fn read_message(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let Some(head_length) = message::head_length(bytes) else {
            if bytes.len() < HEAD_MAX {
                return Progress::NeedMore;
            }
            self.side(way).is_seeking = true;
            sink.fact(About::Sender, Fact::Malformed(Malformed::Truncated { field: "header" }));
            return Progress::Consumed(HEAD_MAX);
        };
        let message = match Message::parse_as(&Dialect::SIP, bytes, head_length) {
            Ok(message) => message,
            Err(fault) => {
                self.side(way).is_seeking = true;
                sink.fact(About::Sender, Fact::Malformed(fault));
                return Progress::Consumed(head_length);
            }
        };
        if message.body.len() < message.body_length.min(BODY_KEPT) {
            return Progress::NeedMore;
        }
        let side = self.side(way);
        (side.is_seeking, side.sought) = (false, 0);
        self.hear(way, &message, sink);
        Progress::Consumed(head_length.saturating_add(message.body_length))
    }

    /// Passes over a line that begins no message.
    fn pass_line(&mut self, way: Way, bytes: &[u8]) -> Progress {
        let line = bytes.iter().position(|byte| *byte == b'\n').map(|end| end.saturating_add(1));
        let side = self.side(way);
        let left = SEEK_MAX.saturating_sub(side.sought);
        match line.filter(|length| *length <= left) {
            Some(length) => {
                side.sought = side.sought.saturating_add(length);
                Progress::Consumed(length)
            }
            None if bytes.len() <= left => Progress::NeedMore,
            None => {
                side.is_deaf = true;
                if self.sides.iter().all(|side| side.is_deaf) {
                    Progress::Done
                } else {
                    Progress::Consumed(usize::MAX)
                }
            }
        }
    }

    fn hear(&mut self, way: Way, message: &Message<'_>, sink: &mut Sink) {
        if let Some(fault) = message.fault {
            sink.fact(About::Sender, Fact::Malformed(fault));
        }
        self.dialogue.hear(way, message, sink);
    }
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if !self.is_stream {
            self.read_datagram(way, bytes, sink);
            return Progress::Consumed(bytes.len().max(1));
        }
        match self.side(way).is_deaf {
            true => Progress::Consumed(usize::MAX),
            false => self.read_stream(way, bytes, sink),
        }
    }

    fn gap(&mut self, way: Way, _missing: Option<u64>, _sink: &mut Sink) {
        self.side(way).is_seeking = true;
    }

    fn end(&mut self, sink: &mut Sink) {
        self.dialogue.end(sink);
    }
}

fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let text = bytes.trim_ascii_start();
    let is_at_home = envelope.has_port(&[PORT]);
    match message::probe_start_as(&Dialect::SIP, text) {
        Probe::Maybe if !envelope.is_stream => Probe::No,
        Probe::Maybe if !is_at_home && !message::has_known_start(&Dialect::SIP, text) => Probe::No,
        answer => answer,
    }
}

/// The protocol's own port.
pub const PORT: u16 = 5_060;

/// Bytes of a stream that are passed over before it is given up.
const SEEK_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
