//! Hypertext Transfer Protocol (HTTP), versions 1.0 and 1.1, over TCP, and what devices say in it.
//!
//! A connection carries requests one way and answers the other, each with a body that ends in one of four ways:
//!
//! ```text
//! head | Content-Length bytes                                     see [`head`]
//! head | (size in hexadecimal CR LF | size bytes | CR LF)* 0 CR LF | trailers | CR LF     Transfer-Encoding: chunked
//! head | all that comes                                           answers alone; nothing follows
//! head                                                            GET and the like; answers to HEAD, 204, 304
//! ```
//!
//! What heads say together is in `dialogue`, which bodies are read, and how, in `body`. Of a body at most
//! [`body::KEPT_MAX`] is kept, and nothing of pictures and video; a body that is cut short says what is there of it.
//! After `101` or `CONNECT` the connection speaks something else and is left.
//!
//! ```text
//! Head ──head──► Body ──its end──► Head          Seeking ──a start line──► Head
//!   └──what cannot be read, a loss──► Seeking
//!   └──a head that opens a tunnel for RTSP──► Tunnel
//! ```
//!
//! Source: RFC 9112; RFC 9110. Checked against `tests/differential/http.rs`'s captures.
//! Left out: bodies in parts and compressed ones; what a proxy passes on says nothing of the proxy.

mod body;
mod channels;
mod date;
mod dialogue;
pub mod head;
mod maker;
mod order;
mod page;
mod tunnel;

use crate::vocabulary::{
    About, Envelope, Fact, Malformed, OF_METHODS, On, Parser, Probe, Progress, Session, Sink, Start as How,
    Way,
};
use body::Body;
use dialogue::Dialogue;
use head::{Head, Start};
use tunnel::{TUNNELLED, Tunnel};

/// What the engine knows of this protocol.
pub const HTTP: Parser = Parser {
    name: "http",
    about: "who asks whom for what and logs in; servers, realms and page titles; \
            what ONVIF, UPnP and makers' own answers say of a device; RTSP in tunnels",
    source: "RFC 9110, RFC 9112; ONVIF Core Specification; UPnP Device Architecture 2.0",
    on: &[
        On::Tcp(80),
        On::Tcp(81),
        On::Tcp(8000),
        On::Tcp(8008),
        On::Tcp(8080),
        On::Tcp(8081),
        On::Tcp(8888),
        On::Tcp(8899),
        On::AnyTcp(OF_METHODS),
    ],
    probe,
    start: How::Session(|_| Box::<Connection>::default()),
};

/// One connection.
#[derive(Debug, Default)]
pub struct Connection {
    sides: [Side; 2],
    dialogue: Dialogue,
}

/// What one end sends.
#[derive(Debug, Default)]
enum Side {
    /// A message begins here.
    #[default]
    Head,
    /// Where the next message begins is not known.
    Seeking,
    /// The rest of a message.
    Body(Box<Body>),
    /// RTSP, to the end.
    Tunnel(Box<Tunnel>),
    /// All that comes is none of ours.
    Opaque,
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if bytes.is_empty() {
            return Progress::NeedMore;
        }
        match self.side(way) {
            Side::Head => self.read_head(way, bytes, sink),
            Side::Seeking => self.seek(way, bytes, sink),
            Side::Body(_) => self.read_body(way, bytes, sink),
            Side::Tunnel(tunnel) => match tunnel.data(way, bytes, sink) {
                Progress::Done => {
                    *self.side(way) = Side::Opaque;
                    Progress::Consumed(ALL)
                }
                progress => progress,
            },
            Side::Opaque => Progress::Consumed(ALL),
        }
    }

    fn gap(&mut self, way: Way, missing: Option<u64>, sink: &mut Sink) {
        let about = if way == Way::Orig { About::Sender } else { About::Receiver };
        let side = self.side(way);
        match side {
            Side::Body(body) => {
                let is_known = missing.is_some_and(|missing| body.skip(missing));
                let cut = std::mem::take(&mut body.content);
                if !is_known {
                    *side = Side::Seeking;
                }
                self.dialogue.tell(cut, about, sink);
            }
            Side::Tunnel(tunnel) => {
                if !tunnel.gap(way, missing, sink) {
                    *side = Side::Opaque;
                }
            }
            Side::Opaque => {}
            Side::Head | Side::Seeking => *side = Side::Seeking,
        }
        // Whose answer comes next is not known any more.
        self.dialogue.forget_waiting(sink);
    }

    fn held(&self) -> usize {
        let of_side = |side: &Side| match side {
            Side::Body(body) => body.held(),
            Side::Tunnel(tunnel) => tunnel.held(),
            Side::Head | Side::Seeking | Side::Opaque => 0,
        };
        self.sides.iter().map(of_side).fold(0, usize::saturating_add)
    }

    fn end(&mut self, sink: &mut Sink) {
        for (way, about) in [(Way::Orig, About::Sender), (Way::Resp, About::Receiver)] {
            match std::mem::take(self.side(way)) {
                Side::Body(body) => self.dialogue.tell(body.content, about, sink),
                Side::Tunnel(mut tunnel) => tunnel.end(sink),
                Side::Head | Side::Seeking | Side::Opaque => {}
            }
        }
        self.dialogue.forget_waiting(sink);
    }
}

impl Connection {
    const fn side(&mut self, way: Way) -> &mut Side {
        way.of(&mut self.sides)
    }

    fn seek(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let starts = |at: &usize| {
            let here = bytes.get(*at..).unwrap_or_default();
            head::has_known_start(here) && head::probe_start(here) != Probe::No
        };
        let Some(at) = (0..bytes.len()).find(starts) else { return Progress::Consumed(bytes.len()) };
        if at > 0 {
            return Progress::Consumed(at);
        }
        if head::probe_start(bytes) == Probe::Maybe {
            return Progress::NeedMore;
        }
        *self.side(way) = Side::Head;
        self.read_head(way, bytes, sink)
    }

    fn read_head(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > 0 {
            return Progress::Consumed(blank);
        }
        match head::probe_start(bytes) {
            Probe::Yes => {}
            Probe::Maybe => return Progress::NeedMore,
            Probe::No => {
                lose(self.side(way), Malformed::Invalid { field: "start line" }, sink);
                return Progress::Consumed(1);
            }
        }
        let Some(length) = head::head_length(bytes) else {
            if bytes.len() < head::HEAD_MAX {
                return Progress::NeedMore;
            }
            lose(self.side(way), Malformed::Truncated { field: "header" }, sink);
            return Progress::Consumed(head::HEAD_MAX);
        };
        match Head::parse(bytes.get(..length).unwrap_or_default()) {
            Ok(head) => self.hear(way, &head, sink),
            Err(fault) => lose(self.side(way), fault, sink),
        }
        Progress::Consumed(length)
    }

    fn hear(&mut self, way: Way, head: &Head<'_>, sink: &mut Sink) {
        let (content, has_body) = match head.start {
            Start::Request { .. } => (self.dialogue.hear_request(head, sink), true),
            Start::Answer { status: 100 | 102..=199 } => return,
            Start::Answer { status } => self.dialogue.hear_answer(head, status, sink),
        };
        if self.dialogue.is_left {
            self.sides = [Side::Opaque, Side::Opaque];
            return;
        }
        if let Some(tunnel) = tunnel_behind(head) {
            *self.side(way) = Side::Tunnel(Box::new(tunnel));
            return;
        }
        let body = match has_body {
            true => Body::of(head, content),
            false => Ok(None),
        };
        *self.side(way) = match body {
            Ok(Some(body)) => Side::Body(Box::new(body)),
            Ok(None) => Side::Head,
            Err(fault) => {
                sink.fact(About::Sender, Fact::Malformed(fault));
                Side::Seeking
            }
        };
    }

    fn read_body(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let Side::Body(body) = self.side(way) else { return Progress::NeedMore };
        let progress = match body.read(bytes) {
            Ok(Some(count)) => Progress::Consumed(count),
            Ok(None) => Progress::NeedMore,
            Err(fault) => {
                let content = std::mem::take(&mut body.content);
                lose(self.side(way), fault, sink);
                self.dialogue.tell(content, About::Sender, sink);
                return Progress::Consumed(1);
            }
        };
        if body.is_read() {
            let content = std::mem::take(&mut body.content);
            if body.is_over() {
                *self.side(way) = Side::Head;
            }
            self.dialogue.tell(content, About::Sender, sink);
        }
        progress
    }
}

/// What a head opens that RTSP passes by.
fn tunnel_behind(head: &Head<'_>) -> Option<Tunnel> {
    match head.start {
        _ if head.content_type() != TUNNELLED => None,
        Start::Request { method: "POST", .. } => Some(Tunnel::encoded()),
        Start::Answer { status: 200 } => Some(Tunnel::plain()),
        _ => None,
    }
}

fn lose(side: &mut Side, fault: Malformed, sink: &mut Sink) {
    sink.fact(About::Sender, Fact::Malformed(fault));
    *side = Side::Seeking;
}

fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let is_on_port = || {
        let ports = [envelope.source_port, envelope.destination_port];
        ports.iter().any(|port| HTTP.on.contains(&On::Tcp(*port)))
    };
    let text = bytes.trim_ascii_start();
    match head::probe_start(text) {
        Probe::Maybe if !is_on_port() && !head::has_known_start(text) => Probe::No,
        answer => answer,
    }
}

/// More than any connection carries.
const ALL: usize = 1 << 40;

#[cfg(test)]
mod tests;
