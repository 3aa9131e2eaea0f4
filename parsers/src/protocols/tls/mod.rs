//! Transport Layer Security (TLS) 1.0 to 1.3, and SSL 3.0, over TCP: the handshake, as far as it is in clear.
//!
//! ```text
//! 0      1         3        5
//! | kind | version | length | fragment |      kind 20 change cipher, 21 alert, 22 handshake, 23 data, 24 heartbeat
//!
//! 0      1        4
//! | kind | length | body |                    kind 1 and 2 hellos, 11 certificate; over as many records as it takes
//! ```
//!
//! all numbers big-endian. The hellos are in [`hello`], what is told from them in [`fingerprint`], certificates in
//! [`certificate`]. What each side says of itself is one fact, once nothing more of it can be in clear:
//!
//! ```text
//!         hello                 certificate, or what never comes before one;
//! Silent ───────► Heard ───────► Deaf     encrypted data, an end, a gap; from TLS 1.3 on the server's hello
//!    └──────no hello──────────────┘
//! ```
//!
//! Who is deaf has all his bytes passed over unread; once both are, the flow is nobody's.
//!
//! Source: RFC 8446, 4 and 5; RFC 5246, 6 and 7; RFC 6101. Left out: SSL 2.0 and hellos in its form, DTLS, QUIC, TLS that
//! begins inside another protocol (STARTTLS), and all that is encrypted.

pub mod certificate;
pub mod fingerprint;
pub mod hello;

use crate::vocabulary::{
    About, Envelope, Fact, Key, Malformed, On, Parser, Probe, Progress, Session, Sink, Start, Text, TlsRole,
    TlsSide, Way,
};
use hello::{ClientHello, ServerHello};

/// What the engine knows of this protocol.
pub const TLS: Parser = Parser {
    name: "tls",
    about: "versions and ciphers agreed on, which program speaks (JA3, JA4), names asked for, certificates in clear",
    source: "RFC 8446, RFC 5246, RFC 5280",
    on: &[On::Tcp(443), On::Tcp(8443), On::Tcp(322), On::AnyTcp(&[HANDSHAKE])],
    probe,
    start: Start::Session(|_| Box::<Connection>::default()),
};

/// One connection.
#[derive(Debug, Default)]
pub struct Connection {
    sides: [Side; 2],
}

/// What one end sends.
#[derive(Debug, Default)]
struct Side {
    /// What it says of itself, from its hello on until that is told.
    said: Option<Box<TlsSide>>,
    has_spoken: bool,
    is_deaf: bool,
    /// The front of a message that goes on in the next record.
    pending: Vec<u8>,
}

/// One record's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    kind: u8,
    length: usize,
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let progress = if self.side(way).is_deaf { None } else { self.read(way, bytes, sink) };
        self.tell(way, false, sink);
        match progress {
            _ if self.sides.iter().all(|side| side.is_deaf) => Progress::Done,
            _ if self.side(way).is_deaf => Progress::Consumed(usize::MAX),
            Some(length) => Progress::Consumed(length),
            None => Progress::NeedMore,
        }
    }

    fn gap(&mut self, way: Way, _missing: Option<u64>, sink: &mut Sink) {
        let side = self.side(way);
        // Before its hello a side may be joined in the middle.
        side.is_deaf |= side.has_spoken;
        side.pending = Vec::new();
        self.tell(Way::Orig, false, sink);
    }

    fn end(&mut self, sink: &mut Sink) {
        self.tell(Way::Orig, true, sink);
    }
}

impl Connection {
    fn side(&mut self, way: Way) -> &mut Side {
        way.of(&mut self.sides)
    }

    /// Reads the record at the front of `bytes`; its length, `None` where it is not all there.
    fn read(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Option<usize> {
        let side = self.side(way);
        if !side.has_spoken {
            match bytes {
                // A server may refuse, or warn, before its hello.
                [ALERT] => return None,
                [ALERT, MAJOR, ..] => {}
                _ => match probe_hello(bytes) {
                    Probe::Yes => {}
                    Probe::Maybe => return None,
                    Probe::No => {
                        side.is_deaf = true;
                        return None;
                    }
                },
            }
        }
        let header = match Header::parse(bytes) {
            Ok(header) => header?,
            Err(fault) => {
                self.lose(way, fault, sink);
                return None;
            }
        };
        if header.kind == DATA {
            side.is_deaf = true;
            return None;
        }
        let whole = header.length.saturating_add(HEADER);
        let fragment = bytes.get(HEADER..whole)?;
        match header.kind {
            HANDSHAKE => self.read_fragment(way, fragment, sink),
            // A retry of TLS 1.3 has one before the version is agreed on: it means nothing.
            CHANGE_CIPHER => side.is_deaf |= side.said.as_ref().is_some_and(|said| said.version.is_some()),
            ALERT => side.is_deaf |= !matches!(fragment, [WARNING, kind] if *kind != CLOSE_NOTIFY),
            _ => {}
        }
        Some(whole)
    }

    fn read_fragment(&mut self, way: Way, fragment: &[u8], sink: &mut Sink) {
        let mut pending = std::mem::take(&mut self.side(way).pending);
        if pending.is_empty() {
            let rest = self.read_messages(way, fragment, sink);
            pending.extend_from_slice(rest);
        } else {
            pending.extend_from_slice(fragment);
            let rest = self.read_messages(way, &pending, sink).len();
            pending.drain(..pending.len().saturating_sub(rest));
        }
        if pending.len() > MESSAGE_MAX && !self.side(way).is_deaf {
            self.lose(way, Malformed::Invalid { field: "handshake length" }, sink);
        }
        self.side(way).pending = pending;
    }

    /// Reads whole messages; gives back what is left.
    fn read_messages<'b>(&mut self, way: Way, mut bytes: &'b [u8], sink: &mut Sink) -> &'b [u8] {
        while let [kind, a, b, c, rest @ ..] = bytes {
            if self.side(way).is_deaf {
                return &[];
            }
            let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap_or(usize::MAX);
            let Some((body, behind)) = rest.split_at_checked(length) else {
                // Those of the signers may make it long.
                if *kind == CERTIFICATE && certificate::first(rest).is_some() {
                    self.read_message(way, *kind, rest, sink);
                }
                return bytes;
            };
            self.read_message(way, *kind, body, sink);
            bytes = behind;
        }
        bytes
    }

    fn read_message(&mut self, way: Way, kind: u8, body: &[u8], sink: &mut Sink) {
        let read = match kind {
            CLIENT_HELLO => self.hear_client(way, body),
            SERVER_HELLO => self.hear_server(way, body, sink),
            CERTIFICATE => self.hear_certificate(way, body, sink),
            HELLO_REQUEST | CERTIFICATE_STATUS | SUPPLEMENT => Ok(None),
            // No certificate comes behind it.
            _ => {
                self.side(way).is_deaf = true;
                Ok(None)
            }
        };
        if let Err(fault) | Ok(Some(fault)) = read {
            sink.fact(About::Sender, Fact::Malformed(fault));
        }
    }

    fn hear_client(&mut self, way: Way, body: &[u8]) -> Result<Option<Malformed>, Malformed> {
        let side = self.side(way);
        if std::mem::replace(&mut side.has_spoken, true) {
            // It answers a retry.
            return Ok(None);
        }
        let (hello, fault) = ClientHello::parse(body)?;
        side.said = Some(Box::new(TlsSide {
            role: TlsRole::Client,
            version: None,
            offered: Some(hello.highest_version()),
            cipher: None,
            ja3: fingerprint::ja3(&hello),
            ja4: Some(fingerprint::ja4(&hello)),
            server_name: hello.server_name().and_then(Text::some),
            protocols: joined(hello.extensions.protocols()),
            certificate: None,
        }));
        Ok(fault)
    }

    fn hear_server(
        &mut self,
        way: Way,
        body: &[u8],
        sink: &mut Sink,
    ) -> Result<Option<Malformed>, Malformed> {
        let side = self.side(way);
        side.has_spoken = true;
        let (hello, fault) = ServerHello::parse(body)?;
        if hello.is_retry || side.said.is_some() {
            return Ok(fault);
        }
        let (version, cipher) = (hello.chosen_version(), hello.cipher);
        let is_hidden = version.hides_certificates();
        let client = self.side(way.other());
        client.is_deaf |= is_hidden;
        let mut server_name = None;
        if let Some(said) = &mut client.said {
            (said.version, said.cipher) = (Some(version), Some(cipher));
            server_name = said.server_name.clone();
        }
        let side = self.side(way);
        side.is_deaf |= is_hidden;
        side.said = Some(Box::new(TlsSide {
            role: TlsRole::Server,
            version: Some(version),
            offered: None,
            cipher: Some(cipher),
            ja3: fingerprint::ja3s(&hello),
            ja4: None,
            server_name,
            protocols: joined(hello.extensions.protocols()),
            certificate: None,
        }));
        sink.fact(About::Sender, Fact::Service { protocol: "tls" });
        Ok(fault)
    }

    fn hear_certificate(
        &mut self,
        way: Way,
        body: &[u8],
        sink: &mut Sink,
    ) -> Result<Option<Malformed>, Malformed> {
        let side = self.side(way);
        side.is_deaf = true;
        let (Some(said), Some(der)) = (&mut side.said, certificate::first(body).filter(|it| !it.is_empty()))
        else {
            return Ok(None);
        };
        let certificate = certificate::parse(der)?;
        for (key, name) in [(Key::TlsSubject, &certificate.subject), (Key::TlsIssuer, &certificate.issuer)] {
            sink.attribute(About::Sender, key, name.as_str().as_bytes());
        }
        said.certificate = Some(Box::new(certificate));
        Ok(None)
    }

    /// Says what nothing more can be added to, `way` being the sender's. A client waits for the server's answer, for as
    /// long as one may come.
    fn tell(&mut self, way: Way, is_end: bool, sink: &mut Sink) {
        for each in [Way::Orig, Way::Resp] {
            let is_other_deaf = self.side(each.other()).is_deaf;
            let side = self.side(each);
            let is_answered = side.said.as_ref().is_some_and(|said| said.version.is_some());
            let is_over = if is_answered { side.is_deaf } else { is_other_deaf };
            if let Some(said) = side.said.take_if(|_| is_over || is_end) {
                sink.fact(if each == way { About::Sender } else { About::Receiver }, Fact::Tls(said));
            }
            if side.is_deaf {
                side.pending = Vec::new();
            }
        }
    }

    fn lose(&mut self, way: Way, fault: Malformed, sink: &mut Sink) {
        self.side(way).is_deaf = true;
        sink.fact(About::Sender, Fact::Malformed(fault));
    }
}

impl Header {
    /// Reads a header; `None` where it is not all there.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let [kind, major, _, high, low, ..] = bytes else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        match (*kind, *major) {
            (CHANGE_CIPHER..=HEARTBEAT, MAJOR) if length <= RECORD_MAX => {
                Ok(Some(Self { kind: *kind, length }))
            }
            (CHANGE_CIPHER..=HEARTBEAT, MAJOR) => Err(Malformed::Invalid { field: "record length" }),
            _ => Err(Malformed::Invalid { field: "record" }),
        }
    }
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    probe_hello(bytes)
}

/// Whether a record with a hello comes first.
fn probe_hello(bytes: &[u8]) -> Probe {
    let shape: [fn(&u8) -> bool; 6] = [
        |kind| *kind == HANDSHAKE,
        |major| *major == MAJOR,
        |minor| *minor <= MINOR_MAX,
        |high| usize::from(*high) <= RECORD_MAX >> 8,
        |_| true,
        |message| matches!(*message, CLIENT_HELLO | SERVER_HELLO),
    ];
    match bytes.iter().zip(shape).all(|(byte, fits)| fits(byte)) {
        false => Probe::No,
        true if bytes.len() < shape.len() => Probe::Maybe,
        true => Probe::Yes,
    }
}

fn joined<'a>(names: impl Iterator<Item = &'a [u8]>) -> Option<Text> {
    let names: Vec<_> = names.take(PROTOCOLS_MAX).collect();
    Text::some(&names.join(&b','))
}

const CHANGE_CIPHER: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_STATUS: u8 = 22;
const SUPPLEMENT: u8 = 23;

const WARNING: u8 = 1;
const CLOSE_NOTIFY: u8 = 0;

/// All versions from SSL 3.0 on bear it.
const MAJOR: u8 = 3;

/// In front of a record it is never more than TLS 1.3's.
const MINOR_MAX: u8 = 4;

const HEADER: usize = 5;

/// RFC 5246, 6.2.3.
const RECORD_MAX: usize = (1 << 14) + 2_048;

/// A hello with a post-quantum key has 2 KiB, a certificate a few; a longer message is not waited for.
pub const MESSAGE_MAX: usize = 32 << 10;

/// Protocols of ALPN that are shown.
const PROTOCOLS_MAX: usize = 16;

#[cfg(test)]
mod tests;
