//! Real Time Streaming Protocol (RTSP), versions 1.0 and 2.0, over TCP.
//!
//! A connection carries, in both directions and in any order,
//!
//! ```text
//! messages          text, see [`message`]: requests and answers, mostly of the client and of the server
//! frames            | '$' | channel u8 | length u16 | RTP or RTCP |      big-endian, once SETUP agreed on it
//! ```
//!
//! What messages say together is in `dialogue`, what they say of media in
//! `tracks`, how a stream is read again after a loss in `sync`. Of a frame only
//! the RTP header is waited for: the video behind it is never kept.
//!
//! ```text
//! Seeking --message--> Sure --what cannot be read (said as malformed)--> Seeking
//!    \--frame--> Tentative --8 frames or a message--> Sure
//!                    \--what cannot be read--> Seeking
//! ```
//!
//! Source: RFC 2326, RFC 7826. Checked against `tests/differential/rtsp.rs`'s captures.
//! Left out: RTSP inside TLS, and RTSP over UDP. What is inside HTTP is found by `http`.

pub mod credentials;
mod dialogue;
pub mod message;
mod parameters;
mod sync;
mod tracks;
pub mod transport;
pub mod url;

pub use credentials::{Challenge, Credentials};

use crate::protocols::{rtcp, rtp};
use crate::vocabulary::{
    About, Envelope, Fact, Malformed, OF_METHODS, On, Parser, Probe, Progress, Session, Sink, Start, Way,
};
use dialogue::Dialogue;
use message::Message;
use sync::{Found, Known};
use tracks::Role;

/// What the engine knows of this protocol.
pub const RTSP: Parser = Parser {
    name: "rtsp",
    about: "streams asked for, by whom and how they travel; server, path and session descriptions; interleaved media",
    source: "RFC 2326, RFC 7826",
    on: &[On::Tcp(554), On::Tcp(8554), On::Tcp(10554), On::AnyTcp(OF_METHODS)],
    probe,
    start: Start::Session(|_| Box::<Connection>::default()),
};

/// One connection.
#[derive(Debug, Default)]
pub struct Connection {
    sides: [Side; 2],
    dialogue: Dialogue,
    /// Whether anything was ever read.
    is_found: bool,
}

/// What one end sends.
#[derive(Debug, Default)]
struct Side {
    sync: Sync,
    /// Channel and SSRC of its media, the one heard longest ago first.
    sources: Vec<(u8, u32)>,
    /// Bytes passed over while nothing was ever read.
    sought: usize,
}

/// Whether it is known where the next message or frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sync {
    /// No.
    #[default]
    Seeking,
    /// By so many frames alone.
    Tentative(u8),
    /// Yes: what cannot be read is the sender's fault.
    Sure,
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if bytes.is_empty() {
            return Progress::NeedMore;
        }
        match self.side(way).sync {
            Sync::Seeking => self.seek(way, bytes, sink),
            Sync::Tentative(_) | Sync::Sure => self.read(way, bytes, sink),
        }
    }

    fn gap(&mut self, way: Way, _missing: Option<u64>, _sink: &mut Sink) {
        self.side(way).sync = Sync::Seeking;
    }

    fn end(&mut self, sink: &mut Sink) {
        self.dialogue.end(sink);
    }
}

impl Connection {
    fn side(&mut self, way: Way) -> &mut Side {
        way.of(&mut self.sides)
    }

    fn seek(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let side = way.of(&mut self.sides);
        let limit = if self.is_found { usize::MAX } else { SEEK_MAX.saturating_sub(side.sought) };
        let tracks = &self.dialogue.tracks;
        let is_channel = |channel| match tracks.has_channels() {
            true => tracks.role(channel).is_some(),
            false => channel < CHANNEL_PLAUSIBLE,
        };
        let (at, sync) =
            match sync::seek(bytes, limit, Known { sources: &side.sources, is_channel: &is_channel }) {
                Found::Message(at) => (at, Sync::Sure),
                Found::Frame(at) => (at, Sync::Tentative(0)),
                Found::NotBefore(at) if at >= limit => return Progress::Done,
                Found::NotBefore(at) => (at, Sync::Seeking),
            };
        side.sync = sync;
        side.sought = side.sought.saturating_add(at);
        self.is_found |= sync != Sync::Seeking;
        match (at, sync) {
            (0, Sync::Seeking) => Progress::NeedMore,
            (0, _) => self.read(way, bytes, sink),
            _ => Progress::Consumed(at),
        }
    }

    fn read(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        match bytes {
            [b'\r' | b'\n', ..] => {
                let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                Progress::Consumed(blank)
            }
            [b'$', channel, high, low, payload @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                self.read_frame(way, (*channel, length), payload, sink)
            }
            [b'$', ..] => Progress::NeedMore,
            _ => match message::probe_start(bytes) {
                Probe::Yes => self.read_message(way, bytes, sink),
                Probe::Maybe => Progress::NeedMore,
                Probe::No => {
                    self.lose(way, Malformed::Invalid { field: "start line" }, sink);
                    self.seek(way, bytes, sink)
                }
            },
        }
    }

    fn read_message(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        self.side(way).sync = Sync::Sure;
        let Some(head_length) = message::head_length(bytes) else {
            if bytes.len() < message::HEAD_MAX {
                return Progress::NeedMore;
            }
            self.lose(way, Malformed::Truncated { field: "header" }, sink);
            return Progress::Consumed(message::HEAD_MAX);
        };
        let message = match Message::parse(bytes, head_length) {
            Ok(message) => message,
            Err(fault) => {
                self.lose(way, fault, sink);
                return Progress::Consumed(head_length);
            }
        };
        if message.body.len() < message.body_length.min(message::BODY_KEPT) {
            return Progress::NeedMore;
        }
        if let Some(fault) = message.fault {
            sink.fact(About::Sender, Fact::Malformed(fault));
        }
        self.dialogue.hear(way, &message, sink);
        Progress::Consumed(head_length.saturating_add(message.body_length))
    }

    fn read_frame(&mut self, way: Way, frame: (u8, usize), payload: &[u8], sink: &mut Sink) -> Progress {
        let (channel, length) = frame;
        let consumed = Progress::Consumed(length.saturating_add(FRAME_HEADER));
        let role = self.dialogue.tracks.role(channel);
        if payload.len() < length.min(2) {
            return Progress::NeedMore;
        }
        let is_report = length >= 2 && rtcp::is_multiplexed(payload);
        let is_read_whole = is_report && length <= sync::RTCP_MAX && role != Some(Role::EncryptedRtcp);
        let needed = if is_read_whole { length } else { length.min(rtp::Fixed::LEN) };
        let Some(packet) = payload.get(..needed) else { return Progress::NeedMore };
        let read = match (is_report, rtp::Fixed::parse(packet)) {
            (true, _) if !is_read_whole => Ok(()),
            (true, _) if role.is_some() || rtcp::is_well_formed(packet) => rtcp::observe(packet, sink),
            (true, _) => Ok(()),
            (false, Ok(fixed)) if sync::is_media(&fixed, length) => {
                sink.media(fixed.media(Some(channel), length));
                self.side(way).remember(channel, fixed.ssrc);
                Ok(())
            }
            (false, Ok(fixed)) if rtp::is_plausible_type(fixed.payload_type) => {
                Err(Malformed::Truncated { field: "csrc" })
            }
            (false, Ok(_)) => Err(Malformed::Invalid { field: "payload type" }),
            (false, Err(fault)) => Err(fault),
        };
        match (self.side(way).sync, read) {
            (Sync::Tentative(frames), Ok(())) if frames >= FRAMES_TO_BE_SURE => {
                self.side(way).sync = Sync::Sure
            }
            (Sync::Tentative(frames), Ok(())) => {
                self.side(way).sync = Sync::Tentative(frames.saturating_add(1));
            }
            (Sync::Tentative(_), Err(_)) => {
                self.side(way).sync = Sync::Seeking;
                return Progress::Consumed(1);
            }
            // Other things than media may travel in a channel that nobody announced as RTP's.
            (_, Err(fault)) if role.is_some() => sink.fact(About::Sender, Fact::Malformed(fault)),
            _ => {}
        }
        consumed
    }

    fn lose(&mut self, way: Way, fault: Malformed, sink: &mut Sink) {
        let side = self.side(way);
        if side.sync == Sync::Sure {
            sink.fact(About::Sender, Fact::Malformed(fault));
        }
        side.sync = Sync::Seeking;
    }
}

impl Side {
    fn remember(&mut self, channel: u8, ssrc: u32) {
        if self.sources.last() == Some(&(channel, ssrc)) {
            return;
        }
        self.sources.retain(|&source| source != (channel, ssrc));
        if self.sources.len() >= SOURCES_MAX {
            self.sources.remove(0);
        }
        self.sources.push((channel, ssrc));
    }
}

fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let text = bytes.trim_ascii_start();
    let is_on_port = envelope.has_port(PORTS);
    match message::probe_start(text) {
        Probe::Yes => return Probe::Yes,
        Probe::Maybe if is_on_port || message::has_known_start(&message::Dialect::RTSP, text) => {
            return Probe::Maybe;
        }
        _ if !is_on_port => return Probe::No,
        _ => {}
    }
    let known = Known { sources: &[], is_channel: &|channel| channel < CHANNEL_PLAUSIBLE };
    match sync::seek(bytes, PROBE_MAX, known) {
        Found::Message(_) | Found::Frame(_) => Probe::Yes,
        Found::NotBefore(at) if at < PROBE_MAX => Probe::Maybe,
        Found::NotBefore(_) => Probe::No,
    }
}

const PORTS: &[u16] = &[554, 8554, 10554];

const FRAME_HEADER: usize = 4;

/// Without a SETUP only low channels are believed; sixteen streams are more than one connection carries.
const CHANNEL_PLAUSIBLE: u8 = 32;

/// Chance finds of two frames in a row happen; of ten they do not.
const FRAMES_TO_BE_SURE: u8 = 8;

/// Media sources of one end that are remembered for the case of a loss.
const SOURCES_MAX: usize = 16;

/// How much of a stream on an RTSP port is looked at for a start, so as to know one that was joined midway:
/// more than any frame seen.
const PROBE_MAX: usize = 48 * 1024;

/// How much of each direction is passed over before a stream is given up in which nothing was ever read.
const SEEK_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests;
