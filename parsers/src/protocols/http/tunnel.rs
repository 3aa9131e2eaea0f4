//! RTSP inside HTTP: an RTSP connection that passes where only HTTP may.
//!
//! ```text
//! client ── GET  /live, Accept: application/x-rtsp-tunnelled, x-sessioncookie ──►      one connection
//! client ◄─ 200, Content-Type: application/x-rtsp-tunnelled, then RTSP as it is, media included
//! client ── POST /live, Content-Type: application/x-rtsp-tunnelled, then RTSP in base 64 ──►   another connection
//! ```
//!
//! What is inside is read by [`rtsp`]; each connection shows it one side of the dialogue alone, so that
//! requests are told as unanswered, and answers without their requests.
//!
//! Source: Apple, Tunnelling RTSP and RTP through HTTP (QuickTime 4.1.3); ONVIF Streaming Specification, 5.1.1.4.

use crate::base64::Decoder;
use crate::protocols::rtsp;
use crate::vocabulary::{Progress, Session, Sink, Way};

/// One connection's end of a tunnel.
#[derive(Debug)]
pub(super) struct Tunnel {
    inside: rtsp::Connection,
    /// Where it comes in base 64.
    encoded: Option<Encoded>,
}

#[derive(Debug, Default)]
struct Encoded {
    decoder: Decoder,
    /// What was decoded and is waited for more of.
    kept: Vec<u8>,
    /// Decoded bytes that are done with before they came.
    ahead: usize,
}

impl Tunnel {
    /// What a server sends.
    pub(super) fn plain() -> Self {
        Self { inside: rtsp::Connection::default(), encoded: None }
    }

    /// What a client sends.
    pub(super) fn encoded() -> Self {
        Self { inside: rtsp::Connection::default(), encoded: Some(Encoded::default()) }
    }

    /// Reads the front of `bytes`.
    pub(super) fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let Some(encoded) = &mut self.encoded else { return self.inside.data(way, bytes, sink) };
        let mut decoded = Vec::new();
        let is_all = encoded.decoder.decode(bytes, &mut decoded);
        let skipped = encoded.ahead.min(decoded.len());
        encoded.ahead = encoded.ahead.saturating_sub(skipped);
        encoded.kept.extend_from_slice(decoded.get(skipped..).unwrap_or_default());
        while !encoded.kept.is_empty() {
            match self.inside.data(way, &encoded.kept, sink) {
                Progress::Consumed(count) => {
                    let here = count.min(encoded.kept.len());
                    encoded.kept.drain(..here);
                    encoded.ahead = count.saturating_sub(here);
                }
                Progress::NeedMore if encoded.kept.len() <= KEPT_MAX => break,
                Progress::NeedMore | Progress::Done => return Progress::Done,
            }
        }
        if is_all { Progress::Consumed(bytes.len()) } else { Progress::Done }
    }

    /// Bytes that wait for more.
    pub(super) fn held(&self) -> usize {
        self.encoded.as_ref().map_or(0, |encoded| encoded.kept.capacity())
    }

    /// Says that bytes are lost; whether it goes on.
    pub(super) fn gap(&mut self, way: Way, missing: Option<u64>, sink: &mut Sink) -> bool {
        // In the middle of a group of four digits nobody knows where the next one begins.
        if self.encoded.is_some() {
            return false;
        }
        self.inside.gap(way, missing, sink);
        true
    }

    /// Says that the connection is over.
    pub(super) fn end(&mut self, sink: &mut Sink) {
        self.inside.end(sink);
    }
}

/// The media type of both.
pub(super) const TUNNELLED: &[u8] = b"application/x-rtsp-tunnelled";

/// What RTSP waits for at most: a head, and the body that is read.
const KEPT_MAX: usize = rtsp::message::HEAD_MAX + rtsp::message::BODY_KEPT;
